"""Columns of which only sums over rows are known: their means, sds, sizes, and which are cells."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.design.spreads import cell_columns, spread

__all__ = ["ColumnSums", "RowColumns"]


class RowColumns:
    """The same of columns whose rows are there, found when it is asked for."""

    def __init__(self, columns: FloatArray) -> None:
        self.columns = columns

    @functools.cached_property
    def mean(self) -> FloatArray:
        """Means, shape (k,)."""
        means: FloatArray = self.columns.mean(axis=0)
        return means

    @functools.cached_property
    def spread(self) -> FloatArray:
        """Sds, shape (k,), as `bayesmix.design.magnitudes.spread` has them."""
        return np.array([spread(column) for column in self.columns.T])

    @functools.cached_property
    def size(self) -> FloatArray:
        """Largest absolute values, shape (k,)."""
        return np.abs(self.columns).max(axis=0, initial=0.0)

    def cells(self, chosen: npt.ArrayLike) -> list[int]:
        """Find the first run of neighbouring 0/1 columns that sum to one in every row.

        The places are those among the chosen columns.
        """
        return cell_columns(self.columns[:, np.asarray(chosen, dtype=np.int64)])


@dataclasses.dataclass(frozen=True, eq=False)
class ColumnSums:
    """Sums over rows of columns and of their products; two of them add up to that of all rows.

    Attributes
    ----------
    n_rows : int
    about : ndarray, shape (k,)
        Points near the means, taken off first, so that no digits are lost.
    total : ndarray, shape (k,)
        Sums of ``x - about``.
    products : ndarray, shape (k, k)
        Sums of the products of two of them.
    low, high : ndarray, shape (k,)
        Smallest and largest values.
    is_binary : ndarray of bool, shape (k,)
        Whether all values are 0 or 1.
    """

    n_rows: int
    about: FloatArray
    total: FloatArray
    products: FloatArray
    low: FloatArray
    high: FloatArray
    is_binary: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, by_column: FloatArray, about: FloatArray) -> ColumnSums:
        """Sum over rows, shape (k, n): sums along rows of memory are quick."""
        low, high = by_column.min(axis=1), by_column.max(axis=1)
        within = (low >= 0) & (high <= 1)
        is_binary = [
            bool(one and ((own == 0) | (own == 1)).all())
            for one, own in zip(within, by_column, strict=True)
        ]
        moved = by_column - about[:, None]
        return cls(
            by_column.shape[1],
            about,
            moved.sum(axis=1),
            moved @ moved.T,
            low,
            high,
            np.array(is_binary, dtype=np.bool_),
        )

    def __add__(self, other: ColumnSums) -> ColumnSums:
        return ColumnSums(
            self.n_rows + other.n_rows,
            self.about,
            self.total + other.total,
            self.products + other.products,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            self.is_binary & other.is_binary,
        )

    def take(self, chosen: slice) -> ColumnSums:
        """Take neighbouring columns."""
        return ColumnSums(
            self.n_rows,
            self.about[chosen],
            self.total[chosen],
            self.products[chosen, chosen],
            self.low[chosen],
            self.high[chosen],
            self.is_binary[chosen],
        )

    @property
    def mean(self) -> FloatArray:
        """Means, shape (k,); of a constant column its value."""
        means = self.about + self.total / self.n_rows
        return np.where(self.low == self.high, self.low, means)

    @property
    def covariance(self) -> FloatArray:
        """Sample covariances, shape (k, k)."""
        if self.n_rows < 2:
            return np.zeros_like(self.products)
        centred = self.products - np.outer(self.total, self.total) / self.n_rows
        return centred / (self.n_rows - 1)

    @property
    def sd(self) -> FloatArray:
        """Sample sds, shape (k,); zero for a constant column."""
        sds = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        return np.where(self.low == self.high, 0.0, sds)

    @property
    def size(self) -> FloatArray:
        """Largest absolute values, shape (k,)."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def spread(self) -> FloatArray:
        """Sds, shape (k,), as `bayesmix.design.magnitudes.spread` has them."""
        size, sd = self.size, self.sd
        return np.where(sd > 1e-14 * size, sd, np.where(size > 0, size, 1.0))

    def cells(self, chosen: npt.ArrayLike) -> list[int]:
        """Find the first run of neighbouring 0/1 columns that sum to one in every row.

        The places are those among the chosen columns. The sum s of 0/1 columns is one in every row
        where the sum over rows of (s - 1)^2 is zero.
        """
        places = np.asarray(chosen, dtype=np.int64)
        total = self.total + self.n_rows * self.about
        products = (
            self.products
            + np.outer(self.about, self.total)
            + np.outer(self.total, self.about)
            + self.n_rows * np.outer(self.about, self.about)
        )
        for start in range(len(places)):
            for stop in range(start + 1, len(places) + 1):
                run = places[start:stop]
                if not self.is_binary[run[-1]]:
                    break
                off = products[np.ix_(run, run)].sum() - 2 * total[run].sum() + self.n_rows
                if abs(off) < 0.5:
                    return list(range(start, stop))
        return []
