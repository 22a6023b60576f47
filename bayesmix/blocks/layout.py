"""Where the effects of all other factors stand among the columns of one dense matrix."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossblocks import CrossBlocks
from bayesmix.blocks.crossproducts import CrossProducts, blocks_between
from bayesmix.blocks.nested import Nested
from bayesmix.blocks.small import lower_pairs

__all__ = ["DENSE_GAIN", "Columns"]


# Operations of a product of dense matrices in the time of one of a sparse matrix.
DENSE_GAIN = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Columns:
    """Places of the effects that are not eliminated first, the corner's columns last."""

    factors: tuple[int, ...]
    start: dict[int, int]
    n_effects: dict[int, int]
    m: int
    n_columns: int

    @classmethod
    def of(cls, products: CrossProducts, factors: tuple[int, ...]) -> Columns:
        """Lay out the effects of some factors, and the population effects behind them."""
        start, m = {}, 0
        for t in factors:
            start[t] = m
            m += products.diagonal[t].shape[0] * products.diagonal[t].shape[1]
        n_effects = {t: products.diagonal[t].shape[1] for t in factors}
        return cls(factors, start, n_effects, m, m + len(products.corner))

    def of_levels(self, t: int, levels: IntArray) -> IntArray:
        """Columns of the effects of some levels, shape (len(levels), q)."""
        q = self.n_effects[t]
        return self.start[t] + levels[:, None] * q + np.arange(q)

    def key(self, row: IntArray, column: IntArray) -> IntArray:
        """Tell entries of a symmetric matrix by one number, either of its places alike."""
        return np.maximum(row, column) * self.n_columns + np.minimum(row, column)

    def entries(self, products: CrossProducts) -> tuple[IntArray, FloatArray]:
        """Keys and values of the entries that the data give, lower triangle, no corner."""
        keys, values = [], []
        corner = np.arange(self.m, self.n_columns)
        for t in self.factors:
            places = self.of_levels(t, np.arange(len(products.diagonal[t])))
            q = self.n_effects[t]
            for a, b in lower_pairs(q):
                keys.append(self.key(places[:, a], places[:, b]))
                values.append(products.diagonal[t][:, a, b])
            keys.append(self.key(places[:, :, None], corner).ravel())
            values.append(products.border[t].ravel())
        for i, t in enumerate(self.factors):
            for v in self.factors[i + 1 :]:
                blocks = blocks_between(products, t, v)
                keys.append(
                    self.key(
                        self.of_levels(t, blocks.row)[:, :, None],
                        self.of_levels(v, blocks.column)[:, None, :],
                    ).ravel()
                )
                values.append(blocks.values.ravel())
        return np.concatenate(keys), np.concatenate(values)

    def all_of(
        self,
        products: CrossProducts,
        s: int,
        couplings: tuple[tuple[int, CrossBlocks], ...],
        n_classes: int,
        dense_gain: float,
    ) -> FloatArray | None:
        """Couplings and border of s as one dense array, where that is the faster way."""
        J, q, width = products.border[s].shape
        met = sum(
            np.bincount(blocks.row, minlength=J) * self.n_effects[t] for t, blocks in couplings
        )
        counts = met + width
        pairs = min(float((counts * (counts + 1) // 2).sum()), n_classes * self.n_columns**2 / 2)
        if J * q * self.n_columns**2 > dense_gain * pairs * q * (q + 1):
            return None
        full = np.zeros((J, q, self.n_columns))
        full[:, :, self.m :] = products.border[s]
        for t, blocks in couplings:
            places = self.of_levels(t, blocks.column)
            full[blocks.row[:, None, None], np.arange(q)[:, None], places[:, None]] = blocks.values
        return full

    def contributions(
        self,
        products: CrossProducts,
        s: int,
        couplings: tuple[tuple[int, CrossBlocks], ...],
        class_of: IntArray,
        n_classes: int,
    ) -> tuple[IntArray, tuple[IntArray, IntArray, FloatArray]]:
        """Compute what eliminating s takes from each entry, as a matrix on the elements of K."""
        J, q, width = products.border[s].shape
        level, column, vector = [], [], []
        for t, blocks in couplings:
            places = self.of_levels(t, blocks.column)
            level.append(np.repeat(blocks.row, places.shape[1]))
            column.append(places.ravel())
            vector.append(np.swapaxes(blocks.values, 1, 2).reshape(-1, q))
        level.append(np.repeat(np.arange(J), width))
        column.append(np.tile(np.arange(self.m, self.n_columns), J))
        vector.append(np.swapaxes(products.border[s], 1, 2).reshape(-1, q))
        levels, columns = np.concatenate(level), np.concatenate(column)
        vectors = np.concatenate(vector)
        order = np.lexsort((columns, levels))
        levels, columns, vectors = levels[order], columns[order], vectors[order]
        counts = np.bincount(levels, minlength=J)
        ends = np.cumsum(counts)
        # Each column of a level pairs with itself and those before it in the same level.
        position = np.arange(len(levels)) - (ends - counts)[levels]
        second = np.repeat(np.arange(len(levels)), position + 1)
        offset = np.arange(len(second)) - np.repeat(
            np.cumsum(position + 1) - position - 1, position + 1
        )
        first = (ends - counts)[levels[second]] + offset
        use = columns[first] < self.m
        first, second = first[use], second[use]
        keys = self.key(columns[second], columns[first])
        lower = lower_pairs(q)
        rows, cols, values = [], [], []
        for k, (a, b) in enumerate(lower):
            value = vectors[first, a] * vectors[second, b]
            if a != b:
                value = value + vectors[first, b] * vectors[second, a]
            rows.append(keys)
            cols.append(class_of[levels[second]] * len(lower) + k)
            values.append(value)
        return keys, (np.concatenate(rows), np.concatenate(cols), np.concatenate(values))

    def nested(
        self,
        products: CrossProducts,
        places: IntArray,
        base: FloatArray,
        patterns: tuple[tuple[tuple[int, int], ...], ...],
    ) -> Nested:
        """Lay out factors of which each is nested in the next."""

        def find(row: IntArray, column: IntArray) -> IntArray:
            return np.searchsorted(places, self.key(row, column))

        corner = np.arange(self.m, self.n_columns)
        gram, border, coupling, parent = [], [], {}, {}
        for i, t in enumerate(self.factors):
            own = self.of_levels(t, np.arange(len(products.diagonal[t])))
            gram.append(find(own[:, :, None], own[:, None, :]))
            border.append(find(own[:, :, None], corner))
            for v in range(i + 1, len(self.factors)):
                blocks = blocks_between(products, t, self.factors[v])
                parent[i, v] = blocks.column
                above = self.of_levels(self.factors[v], blocks.column)
                coupling[i, v] = find(own[:, :, None], above[:, None, :])
        return Nested(
            self.factors,
            tuple(patterns[t] for t in self.factors),
            base,
            tuple(gram),
            tuple(border),
            coupling,
            parent,
        )
