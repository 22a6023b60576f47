"""The working Gaussian model that stands for the likelihood, and its factors eliminated in turn.

The log likelihood of row i is near ``-w_i (eta_i - o_i - z_i)^2 / 2`` up to a constant. Given
those weights and responses the effects of each factor, given those of the factors after it and the
population effects, have right sides

    r_t = b_t - B_t beta - sum_s>t D_ts u_s

and Gram matrices G_t, where everything is what the factors before t leave, at one value of their
sds and correlations. Whatever these numbers are, the map that is made of them is a bijection:
poor ones cost steps, never exactness.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import linalg, sparse

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.layout import Factor, Layout

__all__ = ["Eliminated", "Working", "eliminate", "level_products"]

# Effects of the factors after the first up to which what is left of them is held dense.
DENSE = 1500
# sds below this share of what a level says are too small to matter, and would not be inverted.
NEGLIGIBLE = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Working:
    """What stands for the likelihood.

    Attributes
    ----------
    weights, responses : ndarray, shape (n,)
        w and z of each row.
    values : ndarray, shape (d,)
        Values of the parameters at which factors are eliminated.
    """

    weights: FloatArray
    responses: FloatArray
    values: FloatArray


@dataclasses.dataclass(frozen=True, eq=False)
class Eliminated:
    """What a factor's effects are computed from.

    Attributes
    ----------
    gram : list of lists of ndarrays, shape (1, J)
    constant : ndarray, shape (m_t, 1)
        b.
    population : ndarray, shape (m_t, p)
        B.
    later : mapping of int to csr_array
        D by the place of a later factor.
    correction : ndarray, shape (m_t, m_t), or None
        Q, which turns standard normal numbers so that levels that are crossed with the factors
        before are whitened together.
    """

    gram: list[list[FloatArray]]
    constant: FloatArray
    population: FloatArray
    later: Mapping[int, sparse.csr_array]
    correction: FloatArray | None = None
    log_correction: float = 0.0


def eliminate(layout: Layout, working: Working) -> tuple[tuple[Eliminated, ...], FloatArray]:
    """Eliminate the factors in turn.

    Returns
    -------
    tuple of Eliminated
        One per factor.
    ndarray, shape (p, p)
        Precision of the population effects given the sds and correlations, without their prior.
    """
    w, X = working.weights, layout.X
    precision = (X * w[:, None]).T @ X
    if not layout.factors:
        return (), precision
    right = np.column_stack([X, working.responses])
    first, *later = layout.factors
    Z1 = layout.Z[:, first.rows]
    weighted = (Z1.T.multiply(w)).tocsr()
    gram = level_products(first, w)
    scale = _usable_scale(first, working.values, gram)
    own = _to_levels(scale, gram)
    right1 = weighted @ right
    inverse = _block_diagonal(own)
    precision -= right1[:, :-1].T @ (inverse @ right1[:, :-1])
    Z2 = layout.Z[:, first.size :]
    across = (weighted @ Z2).tocsr()
    found = [
        Eliminated(
            _elements(gram),
            right1[:, -1:].copy(),
            np.ascontiguousarray(right1[:, :-1]),
            {s: _columns(across, factor, first.size) for s, factor in enumerate(later, 1)},
        )
    ]
    if not later:
        return tuple(found), precision
    carried = (inverse @ across).tocsr()
    right2 = Z2.T @ (w[:, None] * right) - carried.T @ right1
    if Z2.shape[1] > DENSE:
        found += _loosely(layout, working, across, carried, right2)
        return tuple(found), precision
    left = ((Z2.T.multiply(w)) @ Z2 - across.T @ carried).toarray()
    for t, factor in enumerate(later, 1):
        eliminated, update = _densely(layout, working, t, factor, left, right2, first.size)
        found.append(eliminated)
        after = slice(factor.rows.stop - first.size, None)
        rows = slice(factor.rows.start - first.size, factor.rows.stop - first.size)
        precision -= right2[rows, :-1].T @ (update @ right2[rows, :-1])
        across_later = left[after, rows]
        right2[after] -= across_later @ (update @ right2[rows])
        left[after, after] -= across_later @ (update @ left[rows, after])
    return tuple(found), precision


def _densely(
    layout: Layout,
    working: Working,
    t: int,
    factor: Factor,
    left: FloatArray,
    right: FloatArray,
    offset: int,
) -> tuple[Eliminated, Any]:
    """Eliminate a factor after the first, and return what its effects are given by."""
    J, q = factor.n_levels, factor.n_effects
    rows = slice(factor.rows.start - offset, factor.rows.stop - offset)
    own = left[rows, rows]
    blocks = _semidefinite(own.reshape(J, q, J, q)[np.arange(J), :, np.arange(J), :])
    scale = _usable_scale(factor, working.values, blocks.transpose(1, 2, 0))
    right_own, later = right[rows], left[rows, rows.stop :]
    is_crossed = np.abs(own).sum() > 1.001 * np.abs(blocks).sum()
    correction, log_correction = None, 0.0
    update: Any
    if is_crossed:
        whole = np.kron(np.eye(J), scale)
        full = whole.T @ own @ whole + np.eye(J * q)
        factor_full = linalg.cholesky(full, lower=True, check_finite=False)
        parts = scale.T @ blocks @ scale + np.eye(q)
        factor_parts = np.linalg.cholesky(parts)
        turned = linalg.solve_triangular(
            factor_full, np.eye(J * q), lower=True, trans="T", check_finite=False
        )
        correction = (factor_parts.transpose(0, 2, 1) @ turned.reshape(J, q, J * q)).reshape(
            J * q, J * q
        )
        diagonal = np.arange(q)
        log_correction = float(
            np.log(factor_parts[:, diagonal, diagonal]).sum() - np.log(np.diag(factor_full)).sum()
        )

        def whiten(matrix: FloatArray) -> FloatArray:
            """Turn right sides so that level blocks give what the full matrix gives."""
            inner = (scale.T @ matrix.reshape(J, q, -1)).reshape(J * q, -1)
            inner = linalg.cho_solve((factor_full, True), inner, check_finite=False)
            return np.linalg.solve(scale.T, parts @ inner.reshape(J, q, -1)).reshape(J * q, -1)

        right_own = whiten(right_own)
        later = whiten(later) if later.shape[1] else later
        update = whole @ linalg.cho_solve((factor_full, True), whole.T, check_finite=False)
    else:
        update = _block_diagonal(_to_levels(scale, blocks.transpose(1, 2, 0)))
    start = factor.rows.stop
    return Eliminated(
        _elements(blocks.transpose(1, 2, 0)),
        right_own[:, -1:].copy(),
        np.ascontiguousarray(right_own[:, :-1]),
        {
            s: sparse.csr_array(later[:, other.rows.start - start : other.rows.stop - start])
            for s, other in enumerate(layout.factors)
            if s > t
        },
        correction,
        log_correction,
    ), update


def _loosely(
    layout: Layout,
    working: Working,
    across: sparse.csr_array,
    carried: sparse.csr_array,
    right: FloatArray,
) -> list[Eliminated]:
    """Eliminate the first factor only, level by level, where what is left would be too large."""
    offset = layout.factors[0].size
    found = []
    for t, factor in enumerate(layout.factors[1:], 1):
        rows = slice(factor.rows.start - offset, factor.rows.stop - offset)
        q = factor.n_effects
        blocks = level_products(factor, working.weights)
        mine, theirs = across[:, rows].tocsc(), carried[:, rows].tocsc()
        for a in range(q):
            for c in range(q):
                blocks[a, c] -= mine[:, a::q].multiply(theirs[:, c::q]).sum(axis=0)
        blocks = _semidefinite(blocks.transpose(2, 0, 1)).transpose(1, 2, 0)
        Z = layout.Z[:, factor.rows]
        weighted = Z.T.multiply(working.weights).tocsr()
        found.append(
            Eliminated(
                _elements(blocks),
                right[rows, -1:].copy(),
                np.ascontiguousarray(right[rows, :-1]),
                {
                    s: (weighted @ layout.Z[:, other.rows]).tocsr()
                    for s, other in enumerate(layout.factors)
                    if s > t
                },
            )
        )
    return found


def level_products(factor: Factor, w: FloatArray) -> FloatArray:
    """Return ``Z_j' W Z_j`` of all levels, shape (q, q, J)."""
    q = factor.n_effects
    gram = np.empty((q, q, factor.n_levels))
    for a in range(q):
        for b in range(a + 1):
            products = np.bincount(
                factor.codes, w * factor.Z[a] * factor.Z[b], minlength=factor.n_levels
            )
            gram[a, b] = gram[b, a] = products
    return gram


def _usable_scale(factor: Factor, values: FloatArray, gram: FloatArray) -> FloatArray:
    """Return L (q, q) with sds that can be inverted."""
    _, root = factor.scale(values[:, None])
    q = factor.n_effects
    typical = np.maximum(gram[np.arange(q), np.arange(q)].mean(axis=1), 1e-300)
    sd = np.maximum(values[factor.sds], NEGLIGIBLE / np.sqrt(typical))
    return sd[:, None] * root[0]


def _to_levels(scale: FloatArray, gram: FloatArray) -> FloatArray:
    """Return ``L (L'GL + I)^-1 L'`` of all levels, shape (J, q, q)."""
    inner = scale.T @ gram.transpose(2, 0, 1) @ scale + np.eye(len(scale))
    return scale @ np.linalg.solve(inner, np.broadcast_to(scale.T, inner.shape))


def _block_diagonal(blocks: FloatArray) -> sparse.csr_array:
    J, q, _ = blocks.shape
    size = J * q
    return sparse.bsr_array((blocks, np.arange(J), np.arange(J + 1)), shape=(size, size)).tocsr()


def _semidefinite(blocks: FloatArray) -> FloatArray:
    """Take away what rounding makes negative."""
    values, vectors = np.linalg.eigh(0.5 * (blocks + blocks.transpose(0, 2, 1)))
    return (vectors * np.maximum(values, 0)[:, None]) @ vectors.transpose(0, 2, 1)


def _elements(gram: FloatArray) -> list[list[FloatArray]]:
    return [[np.ascontiguousarray(element)[None] for element in row] for row in gram]


def _columns(matrix: sparse.csr_array, factor: Factor, offset: int) -> sparse.csr_array:
    return matrix[:, factor.rows.start - offset : factor.rows.stop - offset].tocsr()
