"""Rows and groups left out where factors are crossed: entries of one dense inverse."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.marginal import MarginalModel
from bayesmix.blocks.small import cholesky, factorise
from bayesmix.blocks.theta import Theta
from bayesmix.design.design import Design
from bayesmix.engines.exact.densities import LOG_2_PI, Budget, OfRows, log_normal, whitened

__all__ = ["Crossed", "crossed_of"]


# How many times the residual sd group effects may be before rounding shows in sums of terms of
# both signs.
FAR = 30.0


@dataclasses.dataclass(frozen=True, eq=False)
class Crossed:
    """The factor that is eliminated first, and the columns of all other effects: "the rest".

    ``Cov(rest)`` is one dense matrix for each theta. A level of the first factor meets some of its
    columns; with H their cross-products, ``K = L M^-1 L'`` and ``T = H Cov(rest)``,

        Cov(u) = sigma^2 K + K T H' K,    Cov(u, rest) = -K T

    and a row needs them at its own columns only, all of which its level meets.
    """

    model: MarginalModel
    codes: IntArray  # (n,) level of the first factor
    Z: FloatArray  # (n, q)
    rest: sparse.csr_array  # (n, w) what the row multiplies the rest with
    n_terms: int  # p, the last columns of the rest
    y: FloatArray
    weights: FloatArray | None
    largest: tuple[float, ...]  # entry of Z of each factor, times the root of the largest weight
    border: FloatArray  # (J, q) cross-products with the response
    level: IntArray  # (P,) the level and the column of each meeting, sorted
    column: IntArray  # (P,)
    values: FloatArray  # (P, q) its H
    by_level: sparse.csr_array  # (J, P) sums over the meetings of a level
    couplings: FloatArray | None  # (J, q, w) H in full, where levels meet most columns
    to_meetings: tuple[sparse.csr_array, ...]  # (P, w * w) Cov(rest) -> T otherwise, per effect
    budget: Budget

    @property
    def width(self) -> int:
        """Count the columns of the rest."""
        return int(self.rest.shape[1])

    @property
    def size(self) -> int:
        """Numbers that one theta needs at once."""
        return 4 * self.width**2 + 2 * self.values.size

    @property
    def batch(self) -> int:
        """Thetas of one batch."""
        return self.budget.thetas(self.size)

    def prepare(self, theta: Theta) -> dict[str, Any]:
        """Compute the moments of all effects, as far as rows need them; thetas last."""
        model = self.model
        first = model.first
        assert first is not None
        B, (J, q) = len(theta), self.border.shape
        mean, covariance = model.covariance_of_dense(theta)
        _, white, _ = factorise(
            first.gram[..., None], theta.scale[first.factor], theta.sigma**2, first.pattern
        )
        white = {entry: value[first.class_of] for entry, value in white.items()}
        flat = np.ascontiguousarray(covariance.reshape(B, -1).T)
        rest_mean = np.ascontiguousarray(mean.T)
        # The mean of u is K (H_y - H mean).
        right = np.repeat(self.border[..., None], B, axis=2)
        met = rest_mean[self.column]
        for a in range(q):
            right[:, a] -= self.by_level @ (self.values[:, a, None] * met)
        half = whitened(white, right[:, :, None], B)[:, :, 0]
        u = np.zeros((J, q, B))
        for (a, b), w in white.items():
            u[:, b] += w * half[:, a]
        if self.couplings is None:
            T = [matrix @ flat for matrix in self.to_meetings]
        else:
            products = (self.couplings[:, a] @ covariance for a in range(q))
            T = [product.reshape(B, -1).T for product in products]
        inner = np.empty((J, q, q, B))
        for a in range(q):
            for b in range(a + 1):
                inner[:, a, b] = self.by_level @ (self.values[:, a, None] * T[b])
                inner[:, b, a] = inner[:, a, b]
        return {
            "covariance": covariance,
            "flat": flat,
            "mean": rest_mean,
            "white": white,
            "u": u,
            "T": T,
            "inner": inner,
        }

    def of_rows(self, rows: slice, of: OfRows = log_normal) -> Callable[[Theta, Any], FloatArray]:
        """Prepare the log densities (B, rows) of some rows, or what else is computed of them."""
        codes, rest = self.codes[rows], self.rest[rows]
        n, width = rest.shape
        # Places of the row's columns among the meetings of its level.
        columns = rest.indices.reshape(n, -1).astype(np.int64)
        place = np.searchsorted(
            self.level * width + self.column, (codes[:, None] * width + columns).ravel()
        )
        own = sparse.csr_array((rest.data, place, rest.indptr), shape=(n, len(self.level)))
        # Products of the row's columns, those of two population effects left out.
        values = rest.data.reshape(n, -1)
        first, second = np.triu_indices(values.shape[1])
        use = first < values.shape[1] - self.n_terms
        first, second = first[use], second[use]
        squares = sparse.csr_array(
            (
                (values[:, first] * values[:, second] * np.where(first == second, 1, 2)).ravel(),
                (columns[:, first] * width + columns[:, second]).ravel(),
                np.arange(n + 1) * len(first),
            ),
            shape=(n, width**2),
        )

        def densities(theta: Theta, state: dict[str, Any]) -> FloatArray:
            B = len(theta)
            far = self._spread(theta) > FAR
            out = np.empty((B, n))
            for chunk in self.budget.chunks(n, -(-B // 16)):
                some = slice(rows.start + chunk.start, rows.start + chunk.stop)
                residual = self._residual(some, state)
                leverage = self._leverage(some, own[chunk], squares[chunk], state)
                weights = None if self.weights is None else self.weights[some]
                out[:, chunk] = of(residual, leverage, weights, theta.sigma).T
            if far.any():
                some_theta, some_state = theta[np.flatnonzero(far)], _taken(state, far)
                out[far] = self._far_rows(rows, some_theta, some_state, of)
            return out

        return densities

    def _residual(self, rows: slice | IntArray, state: dict[str, Any]) -> FloatArray:
        """Residuals (rows, B) at the posterior mean of the effects."""
        residual: FloatArray = self.y[rows, None] - self.rest[rows] @ state["mean"]
        codes, Z = self.codes[rows], self.Z[rows]
        for a in range(Z.shape[1]):
            residual -= Z[:, a, None] * state["u"][codes, a]
        return residual

    def _leverage(
        self,
        rows: slice,
        own: sparse.csr_array,
        squares: sparse.csr_array,
        state: dict[str, Any],
    ) -> FloatArray:
        """Leverages (rows, B) from the covariances of the effects that meet in a row."""
        codes, Z = self.codes[rows], self.Z[rows]
        q, m = Z.shape[1], self.width - self.n_terms
        leverage: FloatArray = squares @ state["flat"]
        if self.n_terms:
            X = self.rest[rows].data.reshape(len(codes), -1)[:, -self.n_terms :]
            products = X @ state["covariance"][:, m:, m:]
            leverage += np.einsum("bip,ip->ib", products, X)
        solved: list[Any] = [0.0] * q  # K z
        for a in range(q):
            half: Any = 0.0
            for b in range(q):
                if (a, b) in state["white"]:
                    half = half + state["white"][a, b][codes] * Z[:, b, None]
            leverage += half * half
            for b in range(q):
                if (a, b) in state["white"]:
                    solved[b] = solved[b] + state["white"][a, b][codes] * half
        for a in range(q):
            leverage -= 2 * solved[a] * (own @ state["T"][a])
            for b in range(q):
                leverage += solved[a] * solved[b] * state["inner"][codes, a, b]
        return leverage

    def _spread(self, theta: Theta) -> FloatArray:
        """Size of the largest group effect, in residual sds of the row with the largest weight."""
        sizes = [
            np.abs(scale).max(axis=(1, 2)) * most
            for scale, most in zip(theta.scale, self.largest, strict=True)
        ]
        return np.max(sizes, axis=0) / theta.sigma

    def _far_rows(self, rows: slice, theta: Theta, state: dict[str, Any], of: OfRows) -> FloatArray:
        """Compute them (B, rows) from sums of squares, which is slower but keeps the digits."""
        order = np.argsort(self.codes[rows], kind="stable") + rows.start
        levels, starts = np.unique(self.codes[order], return_index=True)
        out = np.empty((len(theta), len(order)))
        for level, own in zip(levels, np.split(order, starts[1:]), strict=True):
            columns = self.column[slice(*np.searchsorted(self.level, [level, level + 1]))]
            half, h, covariance = self._reduced(own, np.array([level]), columns, state)
            leverage = (half**2).sum(axis=2) + ((h @ covariance) * h).sum(axis=2)
            weights = None if self.weights is None else self.weights[own]
            residual = self._residual(own, state)
            out[:, own - rows.start] = of(residual, leverage.T, weights, theta.sigma).T
        return out

    def _reduced(
        self, rows: IntArray, levels: IntArray, columns: IntArray, state: dict[str, Any]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Eliminate the first factor from some rows of some levels, which meet some columns.

        A row keeps its own part ``W z`` (B, rows, q), shared with rows of the same level, and
        ``h = x - H' K z`` (B, rows, columns) of the rest, whose covariance comes last.
        """
        q = self.Z.shape[1]
        place = np.searchsorted(levels, self.codes[rows])
        coupling = np.zeros((len(levels), q, len(columns)))
        for k, level in enumerate(levels):
            met = slice(*np.searchsorted(self.level, [level, level + 1]))
            coupling[k][:, np.searchsorted(columns, self.column[met])] = self.values[met].T
        covariance = state["covariance"][:, columns[:, None], columns]
        white = np.zeros((len(covariance), len(levels), q, q))
        for (a, b), value in state["white"].items():
            white[:, :, a, b] = value[levels].T
        half = np.einsum("skab,kb->ska", white[:, place], self.Z[rows])
        solved = np.einsum("skab,ska->skb", white[:, place], half)
        h = self.rest[rows][:, columns].toarray()
        return half, h - np.einsum("ska,kac->skc", solved, coupling[place]), covariance

    # ------------------------------------------------------------------ whole groups left out

    def of_groups(self, codes: IntArray) -> tuple[IntArray, Callable[[Theta, Any], FloatArray]]:
        """Find the groups of few rows, and how to get their densities (B, J)."""
        order = np.argsort(codes, kind="stable")
        groups, starts = np.unique(codes[order], return_index=True)
        chosen, blocks = [], []
        for group, rows in zip(groups, np.split(order, starts[1:]), strict=True):
            if group < 0:
                continue
            levels = np.unique(self.codes[rows])
            bounds = zip(*np.searchsorted(self.level, [levels, levels + 1]), strict=True)
            columns = np.unique(np.concatenate([self.column[slice(*met)] for met in bounds]))
            n, width = float(len(rows)), len(columns)
            if n * width**2 + n**2 * width + n**3 / 3 < self.model.cost:
                chosen.append(group)
                blocks.append((rows, levels, columns))
        return np.array(chosen, dtype=np.int64), functools.partial(self._blocks, blocks)

    def _blocks(
        self,
        blocks: list[tuple[IntArray, IntArray, IntArray]],
        theta: Theta,
        state: dict[str, Any],
    ) -> FloatArray:
        """Log densities (B, blocks) of whole blocks, from the covariance of their predictors."""
        out = np.empty((len(theta), len(blocks)))
        for i, (rows, levels, columns) in enumerate(blocks):
            n = len(rows)
            half, h, covariance = self._reduced(rows, levels, columns, state)
            same = self.codes[rows][:, None] == self.codes[rows]
            together = half @ np.swapaxes(half, 1, 2) * same
            together += h @ covariance @ np.swapaxes(h, 1, 2)
            weights = np.ones(n) if self.weights is None else self.weights[rows]
            root = np.sqrt(weights)
            Q = np.eye(n) - together * root[:, None] * root
            residual = self._residual(rows, state)
            C = cholesky(Q)
            scaled = np.linalg.solve(C, (residual * root[:, None]).T[..., None])[..., 0]
            log_determinant = 2 * np.log(np.einsum("bii->bi", C)).sum(axis=1)
            out[:, i] = -0.5 * (
                n * (LOG_2_PI + 2 * np.log(theta.sigma))
                - np.log(weights).sum()
                - log_determinant
                + (scaled**2).sum(axis=1) / theta.sigma**2
            )
        return out


def _taken(state: dict[str, Any], use: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Take what sums of squares need of some thetas."""
    return {
        "covariance": state["covariance"][use],
        "mean": state["mean"][:, use],
        "u": state["u"][:, :, use],
        "white": {entry: value[:, use] for entry, value in state["white"].items()},
    }


def crossed_of(
    design: Design, model: MarginalModel, X: FloatArray, y: FloatArray, budget: Budget
) -> Crossed:
    """Lay out crossed factors: the one that is eliminated first, and the rest."""
    first, rest = model.first, model.rest
    assert first is not None
    assert rest is not None
    p = X.shape[1]
    start, m = {}, 0
    for t in rest.factors:
        start[t] = m
        m += design.groups[t].n_levels * design.groups[t].n_effects
    width = m + p
    J, q, _ = first.border.shape
    # What each row multiplies the rest with.
    columns, values = [], []
    for t in rest.factors:
        term = design.groups[t]
        columns.append(start[t] + term.codes[:, None] * term.n_effects + np.arange(term.n_effects))
        values.append(term.Z)
    columns.append(np.broadcast_to(np.arange(m, width), X.shape))
    values.append(X)
    indices = np.concatenate(columns, axis=1)
    n, each = indices.shape
    matrix = sparse.csr_array(
        (np.concatenate(values, axis=1).ravel(), indices.ravel(), np.arange(n + 1) * each),
        shape=(n, width),
    )
    # Which columns each level of the first factor meets.
    if first.columns is not None:
        couplings = np.ascontiguousarray(first.columns[:, :, :width])
        levels, met = np.repeat(np.arange(J), width), np.tile(np.arange(width), J)
        vectors = np.swapaxes(couplings, 1, 2).reshape(-1, q)
        to_meetings: tuple[sparse.csr_array, ...] = ()
    else:
        couplings = None
        levels, met, vectors = _meetings(design, first, start, m, p)
        to_meetings = _to_meetings(levels, met, vectors, width)
    ends = np.searchsorted(levels, np.arange(J + 1))
    by_level = sparse.csr_array(
        (np.ones(len(levels)), np.arange(len(levels)), ends), shape=(J, len(levels))
    )
    heaviest = 1.0 if design.weights is None else np.sqrt(design.weights.max())
    term = design.groups[first.factor]
    return Crossed(
        model,
        term.codes,
        term.Z,
        matrix,
        p,
        y,
        design.weights,
        tuple(float(np.abs(own.Z).max() * heaviest) for own in design.groups),
        first.border[:, :, p],
        levels,
        met,
        vectors,
        by_level,
        couplings,
        to_meetings,
        budget,
    )


def _meetings(
    design: Design, first: Any, start: dict[int, int], m: int, p: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Level and column of each meeting, sorted, and their cross-products with the level."""
    J, q, _ = first.border.shape
    level, column = [np.repeat(np.arange(J), p)], [np.tile(np.arange(m, m + p), J)]
    vector = [np.swapaxes(first.border[:, :, :p], 1, 2).reshape(-1, q)]
    for t, blocks in first.couplings:
        own = design.groups[t].n_effects
        level.append(np.repeat(blocks.row, own))
        column.append((start[t] + blocks.column[:, None] * own + np.arange(own)).ravel())
        vector.append(np.swapaxes(blocks.values, 1, 2).reshape(-1, q))
    levels, columns = np.concatenate(level), np.concatenate(column)
    order = np.lexsort((columns, levels))
    return levels[order], columns[order], np.concatenate(vector)[order]


def _to_meetings(
    levels: IntArray, columns: IntArray, vectors: FloatArray, width: int
) -> tuple[sparse.csr_array, ...]:
    """Matrices that take ``Cov(rest)`` to its products with the H of each level."""
    counts = np.bincount(levels)
    times = counts[levels]
    starts = np.concatenate([[0], np.cumsum(times)])
    # Each meeting of a level with each of the same level.
    first = (np.cumsum(counts) - counts)[levels]
    other = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, times)
    places = np.repeat(columns, times) * width + columns[other]
    shape = (len(levels), width**2)
    return tuple(
        sparse.csr_array((values[other], places, starts), shape=shape) for values in vectors.T
    )
