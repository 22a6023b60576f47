"""Levels with one effect or two, written out: most factors have no more."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened import levels
from bayesmix.engines.whitened.levels import Matrix, Pulled, Solved, Vector, dot

__all__ = ["pull", "solve"]


def solve(scale: Matrix, gram: Matrix, right: Vector, zeta: Vector) -> Solved:
    """Compute the effects of all levels; see `bayesmix.engines.whitened.levels.solve`."""
    if len(right) == 1:
        return _solve_single(scale, gram, right, zeta)
    if len(right) == 2 and scale[1][0] is not None:
        return _solve_pair(scale, gram, right, zeta)
    return levels.solve(scale, gram, right, zeta)


def pull(scale: Matrix, gram: Matrix, solved: Solved, by_u: Vector) -> Pulled:
    """Return derivatives; see `bayesmix.engines.whitened.levels.pull`."""
    if len(by_u) == 1:
        return _pull_single(scale, gram, solved, by_u)
    if len(by_u) == 2 and scale[1][0] is not None:
        return _pull_pair(scale, solved, by_u)
    return levels.pull(scale, solved, by_u)


def _solve_single(scale: Matrix, gram: Matrix, right: Vector, zeta: Vector) -> Solved:
    """One effect a level, in closed form."""
    sd, r, z = scale[0][0], right[0], zeta[0]
    inverse = 1 / (1 + (sd * sd) * gram[0][0])
    root = np.sqrt(inverse)
    v = (sd * r) * inverse + z * root
    log_density = 0.5 * (np.log(inverse).sum(axis=1) - dot(v, v))
    return Solved([sd * v], [v], log_density, right, zeta, [[inverse, root]], [])


def _pull_single(scale: Matrix, gram: Matrix, solved: Solved, by_u: Vector) -> Pulled:
    sd, v, r, z = scale[0][0], solved.v[0], solved.right[0], solved.zeta[0]
    inverse, root = solved.root[0]
    by_v = sd * by_u[0] - v
    sensitivity = sd * gram[0][0] * inverse
    by_scale = by_u[0] * v - sensitivity
    # (1 - sd^2 G) / (1 + sd^2 G)^2 = (2 inverse - 1) inverse
    by_scale += by_v * (r * ((2 * inverse - 1) * inverse) - z * (sensitivity * root))
    return Pulled([root * by_v], [sd * (inverse * by_v)], [[by_scale.sum(axis=1)]])


def _solve_pair(scale: Matrix, gram: Matrix, right: Vector, zeta: Vector) -> Solved:
    """Two effects a level that are correlated."""
    l11, l21, l22 = _spread(scale, zeta[0])
    g11, g12, g22 = gram[0][0], gram[0][1], gram[1][1]
    r1, r2 = right
    h11 = l11 * g11 + l21 * g12
    h12 = l22 * g12
    h21 = l11 * g12 + l21 * g22
    h22 = l22 * g22
    a11 = np.sqrt(l11 * h11 + l21 * h21 + 1.0)
    a21 = l22 * h21 / a11
    a22 = np.sqrt(l22 * h22 + 1.0 - a21 * a21)
    x1 = (l11 * r1 + l21 * r2) / a11
    x2 = (l22 * r2 - a21 * x1) / a22
    v2 = (x2 + zeta[1]) / a22
    v1 = (x1 + zeta[0] - a21 * v2) / a11
    log_density = -np.log(a11 * a22).sum(axis=1) - 0.5 * (dot(v1, v1) + dot(v2, v2))
    u = [l11 * v1, l21 * v1 + l22 * v2]
    return Solved(
        u, [v1, v2], log_density, right, zeta, [[a11], [a21, a22]], [[h11, h12], [h21, h22]]
    )


def _pull_pair(scale: Matrix, solved: Solved, by_u: Vector) -> Pulled:
    l11, l21, l22 = _spread(scale, by_u[0])
    (a11,), (a21, a22) = solved.root
    (h11, h12), (h21, h22) = solved.half
    (v1, v2), (z1, z2), (r1, r2), (u1, u2) = solved.v, solved.zeta, solved.right, by_u
    i11, i22 = 1 / a11, 1 / a22
    i21 = -a21 * i11 * i22
    by_z1 = (l11 * u1 + l21 * u2 - v1) * i11
    by_z2 = (l22 * u2 - v2 - a21 * by_z1) * i22
    left2 = by_z2 * i22
    left1 = (by_z1 - a21 * left2) * i11
    w2 = z2 * i22
    mode2 = v2 - w2
    mode1 = v1 - (z1 - a21 * w2) * i11
    # The derivative by M through its Cholesky factor, log|M| / 2 and v together.
    p22 = -0.5 * z2 * by_z2
    below = i21 * p22 - z2 * by_z1 * i11
    m11 = i11 * i11 * (-0.5 * (z1 * by_z1 + 1.0)) + i21 * (below - 0.5 * i21) - left1 * mode1
    m12 = 0.5 * (i22 * (i21 * (p22 - 1.0) + below) - left1 * mode2 - left2 * mode1)
    m22 = i22 * i22 * (p22 - 0.5) - left2 * mode2
    by_scale = [
        [2 * (dot(h11, m11) + dot(h12, m12)) + dot(r1, left1) + dot(u1, v1)],
        [
            2 * (dot(h21, m11) + dot(h22, m12)) + dot(r2, left1) + dot(u2, v1),
            2 * (dot(h21, m12) + dot(h22, m22)) + dot(r2, left2) + dot(u2, v2),
        ],
    ]
    return Pulled([by_z1, by_z2], [l11 * left1, l21 * left1 + l22 * left2], by_scale)


def _spread(scale: Matrix, like: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Write L out for all levels: NumPy's loops over two whole arrays are twice as fast."""
    n = like.shape[1]
    return scale[0][0].repeat(n, 1), scale[1][0].repeat(n, 1), scale[1][1].repeat(n, 1)
