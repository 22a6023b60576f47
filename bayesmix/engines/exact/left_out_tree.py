"""Rows and groups left out where factors are nested: a tree with the population at its root."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossproducts import within_levels
from bayesmix.blocks.marginal import MarginalModel
from bayesmix.blocks.small import cholesky, factorise
from bayesmix.blocks.theta import Theta
from bayesmix.design.design import Design
from bayesmix.engines.exact.densities import (
    LOG_2_PI,
    Budget,
    OfRows,
    Pattern,
    log_normal,
    message_of,
    whitened,
)

__all__ = ["Tree", "tree_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class _Stage:
    """The levels of one factor that have rows: the nodes of the tree at one distance of the root.

    Nodes are sorted by those above them.
    """

    factor: int
    n_effects: int
    pattern: Pattern
    node: IntArray  # (n,) of each row
    parent: IntArray  # (J,) in the next stage


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """Nested factors from the inside out, and the population effects as the root above them.

    The columns of stage i are its own effects, those of the stages above, X and the response.
    """

    stages: tuple[_Stage, ...]
    columns: FloatArray  # (n, k) of the innermost stage
    weights: FloatArray | None
    own: FloatArray  # (J, q, k) cross-products within each innermost level
    base: FloatArray  # (J', r, r) cross-products within each node of the next stage
    precision: FloatArray
    budget: Budget

    @property
    def n_terms(self) -> int:
        """Count the population effects."""
        return len(self.precision)

    @property
    def size(self) -> int:
        """Numbers that one theta needs at once."""
        sizes, width = [], self.columns.shape[1]
        for stage in self.stages:
            sizes.append(len(stage.parent) * width**2)
            width -= stage.n_effects
        return int(sum(sizes[1:]) + width**2)

    @property
    def batch(self) -> int:
        """Thetas of one batch."""
        return self.budget.thetas(self.size)

    def prepare(self, theta: Theta) -> list[FloatArray]:
        """Pass messages up: what each node of the next stages, and the root, has from below.

        Symmetric matrices of their columns, one array (J, k, k, B) per stage but the innermost,
        the root last.
        """
        B, variance = len(theta), theta.sigma**2
        potential = np.repeat(self.base[..., None], B, axis=-1)
        found = [potential]
        for i, stage in enumerate(self.stages):
            q = stage.n_effects
            lower = self.own[..., None] if i == 0 else found[i - 1][:, :q]
            if i > 0:
                starts = np.searchsorted(stage.parent, np.arange(stage.parent[-1] + 1))
                potential = np.add.reduceat(found[i - 1][:, q:, q:], starts, axis=0)
                found.append(potential)
            for nodes in self.budget.chunks(len(lower), B * q * potential.shape[1]):
                white = factorise(
                    lower[nodes, :, :q], theta.scale[stage.factor], variance, stage.pattern
                )[1]
                half = whitened(white, lower[nodes, :, q:], B)
                parent = stage.parent[nodes]
                if parent[0] == parent[-1]:
                    potential[parent[0]] -= np.einsum("jacb,jadb->cdb", half, half)
                else:
                    products = np.einsum("jacb,jadb->jcdb", half, half)
                    above, starts = np.unique(parent, return_index=True)
                    potential[above] -= np.add.reduceat(products, starts, axis=0)
        return found

    def of_rows(self, rows: slice, of: OfRows = log_normal) -> Callable[[Theta, Any], FloatArray]:
        """Prepare the log densities (B, rows) of some rows, or what else is computed of them."""
        # Rows of the same level next to each other share its factorisation.
        order = np.arange(rows.start, rows.stop)
        if self.stages:
            order = order[np.argsort(self.stages[0].node[rows], kind="stable")]
        weights = self.weights

        def densities(theta: Theta, found: list[FloatArray]) -> FloatArray:
            root = self._root(theta, found[-1])
            out = np.empty((len(theta), len(order)))
            for chunk in self.budget.chunks(len(order), len(theta)):
                some = order[chunk]
                residual, leverage = self._sweep(some, theta, found, root)
                own = None if weights is None else weights[some]
                values = of(residual, leverage, own, theta.sigma)
                out[:, some - rows.start] = values.T
            return out

        return densities

    def _root(self, theta: Theta, potential: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Inverse Cholesky factor (B, p, p) of the population effects, and the half-solved y."""
        p = self.n_terms
        M = np.moveaxis(potential[0, :p, :p], -1, 0)
        M = M + theta.sigma[:, None, None] ** 2 * np.diag(self.precision)
        inverse = np.linalg.inv(cholesky(M)) if p else M
        return inverse, inverse @ potential[0, :p, p].T[..., None]

    def _sweep(
        self,
        rows: IntArray,
        theta: Theta,
        found: list[FloatArray],
        root: tuple[FloatArray, FloatArray],
    ) -> tuple[FloatArray, FloatArray]:
        """Residuals and leverages (rows, B), the effects eliminated from each row in turn."""
        B, p, variance = len(theta), self.n_terms, theta.sigma**2
        row: FloatArray = self.columns[rows, :, None]
        leverage = np.zeros((len(rows), B))
        for i, stage in enumerate(self.stages):
            q = stage.n_effects
            nodes, place = np.unique(stage.node[rows], return_inverse=True)
            lower = self.own[nodes, ..., None] if i == 0 else found[i - 1][nodes, :q]
            white = factorise(lower[:, :, :q], theta.scale[stage.factor], variance, stage.pattern)[
                1
            ]
            if len(nodes) > 1:
                white = {entry: values[place] for entry, values in white.items()}
            else:
                place = np.zeros(1, dtype=np.int64)
            solved: list[Any] = [0.0] * q
            for a in range(q):
                half: Any = 0.0
                for b in range(q):
                    if (a, b) in white:
                        half = half + white[a, b] * row[:, b]
                leverage += half * half
                for b in range(q):
                    if (a, b) in white:
                        solved[b] = solved[b] + white[a, b] * half
            row = np.repeat(row[:, q:], B, axis=2) if row.shape[2] < B else row[:, q:].copy()
            for b in range(q):
                row -= lower[place, b, q:] * solved[b][:, None]
        inverse, half_y = root
        if not p:
            return np.broadcast_to(row[:, 0], leverage.shape), leverage
        effects = np.ascontiguousarray(np.moveaxis(row[:, :p], 2, 0))
        half = effects @ np.swapaxes(inverse, 1, 2)
        leverage += np.einsum("bip,bip->ib", half, half)
        return row[:, p] - (half @ half_y)[..., 0].T, leverage

    # ------------------------------------------------------------------ whole levels left out

    def of_groups(self, codes: IntArray) -> tuple[IntArray, Callable[[Theta, Any], FloatArray]]:
        """Find the groups that are the nodes of a stage, and how to get their densities (B, J)."""
        for i, stage in enumerate(self.stages):
            group_of_node = np.empty(len(stage.parent), dtype=np.int64)
            group_of_node[stage.node] = codes
            distinct = len(np.unique(codes)) == len(group_of_node)
            if distinct and (codes >= 0).all() and (group_of_node[stage.node] == codes).all():
                inner = self.stages[0]
                weighted = (
                    self.columns if self.weights is None else self.columns * self.weights[:, None]
                )
                full = within_levels(inner.node, len(inner.parent), self.columns, weighted)
                return group_of_node, functools.partial(self._without_nodes, i, full[..., None])
        return np.empty(0, dtype=np.int64), self._without_none

    def _without_none(self, theta: Theta, found: list[FloatArray]) -> FloatArray:
        return np.empty((len(theta), 0))

    def _without_nodes(
        self, i: int, innermost: FloatArray, theta: Theta, prepared: list[FloatArray]
    ) -> FloatArray:
        """Log density (B, J) of the rows below each node of stage i, given all others.

        What a node told the one above it is taken off, and so on up to the root.
        """
        B, variance = len(theta), theta.sigma**2
        log_variance = np.log(variance)
        found = [innermost, *prepared]
        above = [
            (found[v], theta.scale[stage.factor], stage.pattern)
            for v, stage in enumerate(self.stages)
        ]
        counts = np.bincount(self.stages[i].node)
        log_weights = np.zeros(len(counts))
        if self.weights is not None:
            log_weights = np.bincount(self.stages[i].node, np.log(self.weights))
        # Log determinants of everything below each node of stage i.
        below: Any = 0.0
        for v in range(i):
            stage, width = self.stages[v], found[v].shape[1]
            own = np.concatenate(
                [
                    message_of(found[v][nodes], *above[v][1:], variance)[1]
                    for nodes in self.budget.chunks(len(found[v]), B * width**2 // 4)
                ]
            )
            below = below + own - stage.n_effects * log_variance
            starts = np.searchsorted(stage.parent, np.arange(stage.parent[-1] + 1))
            below = np.add.reduceat(below, starts, axis=0)
        squares_before, log_root_before = self._squares(found[-1], theta)
        out = np.empty((B, len(counts)))
        for nodes in self.budget.chunks(len(counts), B * found[i].shape[1] ** 2 // 4):
            message, log = message_of(found[i][nodes], *above[i][1:], variance)
            change = self.stages[i].n_effects * log_variance - log
            if i > 0:
                change = change - below[nodes]
            difference = -message
            place = self.stages[i].parent[nodes]
            for v in range(i + 1, len(above)):
                potential, scale, pattern = above[v]
                shared, which = np.unique(place, return_inverse=True)
                before, log_before = message_of(potential[shared], scale, pattern, variance)
                after, log_after = message_of(
                    potential[place] + difference, scale, pattern, variance
                )
                difference = after - before[which]
                change = change + log_after - log_before[which]
                place = self.stages[v].parent[place]
            squares, log_root = self._squares(found[-1] + difference, theta)
            change = change + log_root - log_root_before
            log_density = counts[nodes, None] * (LOG_2_PI + log_variance)
            log_density = log_density - log_weights[nodes, None] - change
            log_density = log_density - (squares - squares_before) / variance
            out[:, nodes] = -0.5 * log_density.T
        return out

    def _squares(self, potential: FloatArray, theta: Theta) -> tuple[FloatArray, FloatArray]:
        """Weighted squares of y that nothing explains, and log determinants at the root, (J, B)."""
        p, variance = self.n_terms, theta.sigma**2
        # With the variance added the response's column is positive, even if all rows are out.
        prior = variance[:, None] * np.append(self.precision, 1.0)
        M = np.moveaxis(potential, -1, 1) + prior[..., None] * np.eye(p + 1)
        C = cholesky(M.reshape(-1, p + 1, p + 1))
        pivots = np.einsum("kii->ki", C).reshape(len(potential), len(theta), p + 1) ** 2
        return pivots[..., p] - variance, np.log(pivots[..., :p]).sum(axis=-1)


def tree_of(
    design: Design, model: MarginalModel, X: FloatArray, y: FloatArray, budget: Budget
) -> Tree | None:
    """Lay out nested factors, or none at all, as a tree; None if two of them cross."""
    present = [np.unique(term.codes, return_inverse=True)[1] for term in design.groups]
    order = sorted(range(len(present)), key=lambda t: int(present[t].max(initial=-1)))
    node = np.zeros(design.n_rows, dtype=np.int64)
    stages: list[_Stage] = []
    for t in order:
        n_levels = int(present[t].max(initial=-1)) + 1
        keys, inside = np.unique(node * n_levels + present[t], return_inverse=True)
        if len(keys) > n_levels:
            return None
        term = design.groups[t]
        stages.insert(0, _Stage(t, term.n_effects, model.patterns[t], inside, keys // n_levels))
        node = inside
    columns = np.column_stack([*(design.groups[s.factor].Z for s in stages), X, y])
    weighted = columns if design.weights is None else columns * design.weights[:, None]
    if not stages:
        own, base = np.empty((0, 0, columns.shape[1])), (columns.T @ weighted)[None]
    else:
        q, J = stages[0].n_effects, len(stages[0].parent)
        own = within_levels(stages[0].node, J, columns[:, :q], weighted)
        above = stages[0].parent[stages[0].node]
        n_above = int(stages[0].parent[-1]) + 1
        if n_above == 1:
            base = (columns[:, q:].T @ weighted[:, q:])[None]
        else:
            base = within_levels(above, n_above, columns[:, q:], weighted[:, q:])
    return Tree(tuple(stages), columns, design.weights, own, base, model.precision, budget)
