"""Coefficients of the effects of single levels in linear combinations: those that are not zero."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray, ranges

__all__ = ["LevelCoefficients"]

# Numbers of the effects of levels that are asked for at a time.
AT_ONCE = 1 << 17


@dataclasses.dataclass(frozen=True, eq=False)
class LevelCoefficients:
    """``z'u`` of levels of one factor, which add up to combinations of their effects.

    Attributes
    ----------
    total : ndarray of int64, shape (m,)
        To which combination each belongs, in order.
    level : ndarray of int64, shape (m,)
        Different ones within a combination.
    z : ndarray, shape (m, q)
    """

    total: IntArray
    level: IntArray
    z: FloatArray

    @classmethod
    def of(cls, total: IntArray, level: IntArray, z: FloatArray) -> LevelCoefficients:
        """Add up what a combination has of the same level, and leave out what is zero."""
        order = np.lexsort((level, total))
        total, level, z = total[order], level[order], z[order]
        is_first = np.append(True, (np.diff(total) != 0) | (np.diff(level) != 0))[: len(total)]
        start = np.flatnonzero(is_first)
        if len(start) < len(z):
            total, level, z = total[start], level[start], np.add.reduceat(z, start, axis=0)
        kept = z.any(axis=1)
        return cls(total[kept], level[kept], z[kept])

    @classmethod
    def of_rows(cls, codes: IntArray, Z: FloatArray) -> LevelCoefficients:
        """Take rows of Z, a combination each; none of a row whose code is negative."""
        rows = np.flatnonzero(codes >= 0)
        return cls.of(rows, codes[rows], Z[rows])

    def __len__(self) -> int:
        return len(self.total)

    def __getitem__(self, combinations: IntArray) -> LevelCoefficients:
        """Take those of some combinations, which are counted anew."""
        low, high = (np.searchsorted(self.total, combinations, side) for side in ("left", "right"))
        own, total = ranges(low, high), np.repeat(np.arange(len(combinations)), high - low)
        return LevelCoefficients(total, self.level[own], self.z[own])

    def averaged(self, codes: IntArray, weights: FloatArray) -> LevelCoefficients:
        """Add up combinations with the same code, with weights; those with none are left out."""
        code = codes[self.total]
        own = np.flatnonzero(code >= 0)
        z = self.z[own] * weights[self.total[own], None]
        return self.of(code[own], self.level[own], z)

    def dot(
        self,
        n: int,
        n_draws: int,
        effects: Callable[[IntArray], FloatArray],
        run: Callable[..., Any] = map,
    ) -> FloatArray:
        """Compute n combinations (n, S) of the effects (L, S, q) that levels (L,) have.

        Levels are asked for in order, some at a time; `run` is ``map``, or an executor's.
        """
        levels, place = np.unique(self.level, return_inverse=True)
        order = np.argsort(place, kind="stable")
        q = self.z.shape[1]
        step = max(1, AT_ONCE // max(1, n_draws * q))
        starts = range(0, len(levels), step)
        ends = np.searchsorted(place[order], [*starts, len(levels)])

        def added(start: int, low: int, high: int) -> tuple[IntArray, FloatArray]:
            own, some = order[low:high], levels[start : start + step]
            rows, row = np.unique(self.total[own], return_inverse=True)
            where, shape = (row, place[own] - start), (len(rows), len(some))
            u, out = effects(some), np.zeros((len(rows), n_draws))
            for a in range(q):
                out += sparse.csr_array((self.z[own, a], where), shape=shape) @ u[..., a]
            return rows, out

        total = np.zeros((n, n_draws))
        for rows, values in run(added, starts, ends[:-1], ends[1:]):
            total[rows] += values
        return total

    @classmethod
    def together(cls, parts: Sequence[LevelCoefficients]) -> LevelCoefficients:
        """Add combinations up, one with one."""
        return cls.of(
            np.concatenate([own.total for own in parts]),
            np.concatenate([own.level for own in parts]),
            np.concatenate([own.z for own in parts]),
        )

    def times(self, factor: float) -> LevelCoefficients:
        """Multiply all of them."""
        return dataclasses.replace(self, z=self.z * factor)

    def signature(self, n: int) -> FloatArray:
        """Put levels and coefficients of n combinations beside each other, padded with zeros."""
        number = np.arange(len(self)) - np.searchsorted(self.total, self.total)
        most = int(number.max(initial=-1)) + 1
        out = np.zeros((n, most, 1 + self.z.shape[1]))
        out[self.total, number, 0] = self.level + 1
        out[self.total, number, 1:] = self.z
        return out.reshape(n, most * out.shape[2])
