"""The factor that is eliminated first, level by level."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.blockmap import BlockMap
from bayesmix.blocks.crossblocks import CrossBlocks
from bayesmix.blocks.dense import Dense
from bayesmix.blocks.layout import DENSE_GAIN
from bayesmix.blocks.minors import PRODUCT, Minors, joined
from bayesmix.blocks.multifrontal import Multifrontal
from bayesmix.blocks.nested import Nested
from bayesmix.blocks.small import CACHE_SIZE, draw_given, factorise, inverse_of, lower_pairs, stack
from bayesmix.blocks.theta import Theta

__all__ = ["First", "by_effect", "draw_levels", "eliminate_first", "substitute_first"]


@dataclasses.dataclass(frozen=True, eq=False)
class First:
    """The factor that is eliminated first, while everything is still free of theta.

    Levels with the same ``Z'WZ`` share their factorisation, so that the cost is that of the
    distinct ones. What the elimination takes from the rest is linear in the k elements of
    ``K = L M^-1 L'``. Where there are `minors` each element of K is f numbers of theta times what
    the data give, over ``|M|``, and the maps may be of ``1 / |M|``: (f * r, C) for (r, C * k).
    """

    factor: int
    gram: FloatArray  # (C, q, q) distinct Z'WZ
    class_of: IntArray  # (J,)
    counts: FloatArray  # (C,)
    pattern: tuple[tuple[int, int], ...]  # entries of L that are not zero
    minors: Minors | None
    by_element: bool  # whether the map of the corner is of K
    corner: FloatArray  # (r, C * k) takes from the corner, lower triangle
    rest: sparse.csr_array | BlockMap | None  # (E, C * k) takes from the rest
    columns: FloatArray | None  # (J, q, m + p + 1) all couplings, where too dense for `rest`
    border: FloatArray  # (J, q, p + 1)
    couplings: tuple[tuple[int, CrossBlocks], ...]  # factor, blocks with rows = levels of this

    @property
    def cost(self) -> float:
        """Floating-point operations for one theta: a third of a nanosecond each."""
        C, q, _ = self.gram.shape
        if self.minors is not None:
            cost = 4.0 * C + self.corner.size / 5
            if self.by_element:
                _, k, f = self.minors.inverse.shape
                cost += C * k * (f + PRODUCT) / 5
        else:
            cost = float(self.corner.size + C * (5 * q**3 + 20 * q))
        if isinstance(self.rest, BlockMap):
            cost += self.rest.size / 3
        elif self.rest is not None:
            cost += 2.0 * int(self.rest.nnz)
        if self.columns is not None:
            cost += self.columns.size * self.columns.shape[2] / DENSE_GAIN
        return float(cost)


def eliminate_first(
    first: First,
    scale: FloatArray,
    variance: FloatArray,
    rest: Nested | Dense | Multifrontal | None,
) -> tuple[FloatArray, FloatArray | None, FloatArray]:
    """Eliminate the first factor, level by level.

    Returns what that takes from the corner (r, B), what it leaves of the entries of the rest, and
    the log determinants (B,).
    """
    if first.minors is not None:
        return _eliminate_by_minors(first, first.minors, scale, variance, rest)
    C, q, _ = first.gram.shape
    lower = lower_pairs(q)
    k, B = len(lower), len(variance)
    taken = np.zeros((len(first.corner), B))
    log_determinant = np.zeros(B)
    inverses: list[FloatArray] = []
    whites: list[FloatArray] = []
    step = max(1, CACHE_SIZE // B)
    for start in range(0, C, step):
        levels = slice(start, start + step)
        _, white, log = factorise(first.gram[levels, ..., None], scale, variance, first.pattern)
        blocks = np.empty((len(log), k, B))
        for i, (a, b) in enumerate(lower):
            blocks[:, i] = inverse_of(white, q, a, b)
        K = blocks.reshape(-1, B)
        log_determinant += first.counts[levels] @ log
        columns = slice(start * k, start * k + len(K))
        taken += first.corner[:, columns] @ K
        if first.rest is not None:
            inverses.append(K)
        if first.columns is not None:
            whites.append(stack(white, q, len(log), B))
    entries = None
    if rest is not None and first.rest is not None:
        assert not isinstance(first.rest, BlockMap)
        entries = rest.base[:, None] - first.rest @ np.concatenate(inverses)
    elif isinstance(rest, Dense) and first.columns is not None:
        W = np.concatenate(whites, axis=1)[:, first.class_of]
        H = (W @ first.columns).reshape(B, -1, rest.n_columns)
        entries = rest.spread(rest.base[:, None]) - np.swapaxes(H, 1, 2) @ H
    return taken, entries, log_determinant


def _eliminate_by_minors(
    first: First,
    minors: Minors,
    scale: FloatArray,
    variance: FloatArray,
    rest: Nested | Dense | Multifrontal | None,
) -> tuple[FloatArray, FloatArray | None, FloatArray]:
    of_determinant, of_inverse = minors.numbers(scale, variance)
    C, B = len(first.gram), len(variance)
    taken = np.zeros((len(first.corner), B))
    log_determinant = np.zeros(B)
    step = max(1, (1 if first.by_element else 2) * CACHE_SIZE // B)
    kept = np.empty((C if first.rest is not None else min(C, step), B))
    for start in range(0, C, step):
        levels = slice(start, min(start + step, C))
        size = levels.stop - start
        reciprocal = kept[levels] if first.rest is not None else kept[:size]
        np.matmul(minors.determinant[levels], of_determinant, out=reciprocal)
        log_determinant += first.counts[levels] @ np.log(reciprocal)
        np.reciprocal(reciprocal, out=reciprocal)
        if first.by_element:
            K = minors.elements(levels, reciprocal, of_inverse)
            k = K.shape[1]
            taken += first.corner[:, k * start : k * levels.stop] @ K.reshape(-1, B)
        else:
            taken += first.corner[:, levels] @ reciprocal
    entries = None
    if rest is not None and first.rest is not None:
        if isinstance(first.rest, BlockMap):
            entries = rest.base[:, None] - first.rest.apply(kept, of_inverse)
        else:
            K = minors.elements(slice(None), kept, of_inverse).reshape(-1, B)
            entries = rest.base[:, None] - first.rest @ K
    if not first.by_element:
        taken = joined(taken, of_inverse)
    return taken, entries, log_determinant


def substitute_first(
    first: First,
    beta: FloatArray,
    theta: Theta,
    zeta: dict[int, FloatArray],
    u: dict[int, FloatArray],
    rng: np.random.Generator,
) -> None:
    """Draw the effects of the first factor given all others."""
    J, q, _ = first.border.shape
    out = np.empty((len(theta), J, q))
    others = {factor: by_effect(u[factor]) for factor, _ in first.couplings}
    step = max(1, CACHE_SIZE // len(theta))
    for start in range(0, J, step):
        levels = slice(start, min(start + step, J))
        drawn = draw_levels(first, levels, beta, theta, others, rng)
        out[:, levels] = np.moveaxis(drawn, (0, 2), (2, 0))
    zeta[first.factor] = out


def by_effect(u: FloatArray) -> FloatArray:
    """Effects (B, J, q) as (q, J, B)."""
    return np.ascontiguousarray(np.moveaxis(u, (0, 2), (2, 0)))


def draw_levels(
    first: First,
    levels: slice,
    beta: FloatArray,
    theta: Theta,
    others: dict[int, FloatArray],
    rng: np.random.Generator,
) -> FloatArray:
    """Draw zeta of some levels given all other effects, shape (q, levels, B).

    `others` are u of the other factors, each of shape (q, J, B).
    """
    border = first.border[levels]
    unexplained = np.concatenate([-beta.T, np.ones((1, len(theta)))])
    residual = (border.reshape(-1, len(unexplained)) @ unexplained).reshape(
        *border.shape[:2], len(theta)
    )
    for factor, blocks in first.couplings:
        couple(residual, blocks, others[factor], levels)
    noise = rng.standard_normal(residual.shape)
    classes, scale = first.class_of[levels], theta.scale[first.factor]
    if first.minors is not None and scale.shape[-1] <= 2:
        return first.minors.draw(classes, (scale, theta.sigma), residual, noise)
    return draw_given(first.gram[classes], scale, theta.sigma, residual, noise)


def couple(residual: FloatArray, blocks: CrossBlocks, u: FloatArray, levels: slice) -> None:
    """Take ``Z_s' W Z_t u_t`` off the residual (levels, q_s, B) of some levels of factor s."""
    start, stop = np.searchsorted(blocks.row, [levels.start, levels.stop])
    row, column = blocks.row[start:stop] - levels.start, blocks.column[start:stop]
    nested = np.array_equal(row, np.arange(len(residual)))
    shape = (len(residual), u.shape[1])
    for b, effect in enumerate(u):
        own = effect[column] if nested else effect
        for a in range(residual.shape[1]):
            values = blocks.values[start:stop, a, b]
            if nested:
                residual[:, a] -= values[:, None] * own
            else:
                residual[:, a] -= sparse.csr_array((values, (row, column)), shape=shape) @ own
