"""Sums of quantile residuals over the rows, in each draw: what residual tests are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.discrepancies import Discrepancies
from bayesmix.questions.distributions import at_rows, linear_predictors
from bayesmix.questions.residuals import as_normal, between

__all__ = ["CELLS", "OUTSIDE", "ResidualSums", "polynomials", "residual_sums", "some_draws"]

# Cells of the unit interval in which probabilities are counted, and the degree of the polynomials
# that the counts are held against.
CELLS, DEGREE = 50, 6
# Share of responses outside of the central interval of their distribution.
OUTSIDE = 0.01
# Rows by draws that are computed, and the limits of the number of draws.
NUMBERS, FEWEST, MOST = 4e7, 200, 4000
# Numbers in one block.
_BLOCK = 1 << 20


@dataclasses.dataclass(eq=False)
class ResidualSums:
    """Sums over n rows in S draws; `add` adds rows.

    Attributes
    ----------
    cells : ndarray, shape (S, CELLS)
        Number of probabilities in each cell of the unit interval.
    squares, outside : ndarray, shape (S,)
        Sum of the squared residuals, number of probabilities near 0 or 1.
    zeros, zeros_variance : ndarray, shape (S,)
        Expected number of zeros, and its variance.
    trends, spreads : mapping of str to ndarray, shape (k, S)
        Residuals, and squared ones less one, times columns.
    """

    n: int
    columns: Mapping[str, FloatArray]
    of_spread: Mapping[str, FloatArray]
    cells: FloatArray
    squares: FloatArray
    outside: FloatArray
    zeros: FloatArray
    zeros_variance: FloatArray
    trends: dict[str, FloatArray]
    spreads: dict[str, FloatArray]

    @classmethod
    def empty(
        cls,
        n: int,
        S: int,
        columns: Mapping[str, FloatArray],
        of_spread: Mapping[str, FloatArray],
    ) -> ResidualSums:
        """Begin with no rows."""
        return cls(
            n=n,
            columns=columns,
            of_spread=of_spread,
            cells=np.zeros((S, CELLS)),
            squares=np.zeros(S),
            outside=np.zeros(S),
            zeros=np.zeros(S),
            zeros_variance=np.zeros(S),
            trends={name: np.zeros((one.shape[1], S)) for name, one in columns.items()},
            spreads={name: np.zeros((one.shape[1], S)) for name, one in of_spread.items()},
        )

    def add(self, rows: slice, uniform: FloatArray, zero: FloatArray | None) -> None:
        """Add the probabilities (S, b) of some rows, and those of a zero."""
        S = len(uniform)
        cell = np.minimum((uniform * CELLS).astype(np.int64), CELLS - 1)
        cell += np.arange(S)[:, None] * CELLS
        self.cells += np.bincount(cell.ravel(), minlength=S * CELLS).reshape(S, CELLS)
        self.outside += (np.abs(uniform - 0.5) > 0.5 * (1 - OUTSIDE)).sum(axis=1)
        residual = as_normal(uniform)
        square = residual**2
        self.squares += square.sum(axis=1)
        for name, columns in self.columns.items():
            self.trends[name] += columns[rows].T @ residual.T
        for name, columns in self.of_spread.items():
            self.spreads[name] += columns[rows].T @ (square.T - 1)
        if zero is not None:
            self.zeros += zero.sum(axis=1)
            self.zeros_variance += (zero * (1 - zero)).sum(axis=1)

    def of_cells(self) -> Discrepancies:
        """Hold the numbers in the cells against polynomials: Neyman's smooth test."""
        middle = (np.arange(CELLS) + 0.5) / CELLS - 0.5
        columns = np.linalg.qr(middle[:, None] ** np.arange(DEGREE + 1))[0][:, 1:]
        values = np.sqrt(CELLS) * columns.T @ self.cells.T
        return Discrepancies(values, self.n * np.eye(DEGREE))

    def of_squares(self) -> Discrepancies:
        """Take sums of squares, less what is expected."""
        return Discrepancies(self.squares[None] - self.n, np.array([[2.0 * self.n]]))

    def of_outside(self) -> Discrepancies:
        """Take numbers of rows outside of their intervals, less what is expected."""
        variance = self.n * OUTSIDE * (1 - OUTSIDE)
        return Discrepancies(self.outside[None] - self.n * OUTSIDE, np.array([[variance]]))

    def of_zeros(self, observed: float) -> Discrepancies:
        """Take the zeros that were observed, less what is expected in each draw."""
        variance = np.array([[float(self.zeros_variance.mean())]])
        return Discrepancies((observed - self.zeros)[None], variance)

    def of_trend(self, name: str) -> Discrepancies:
        """Take residuals along a column."""
        columns = self.columns[name]
        return Discrepancies(self.trends[name], columns.T @ columns)

    def of_spreads(self, name: str) -> Discrepancies:
        """Take squared residuals along a column."""
        columns = self.of_spread[name]
        return Discrepancies(self.spreads[name], 2 * (columns.T @ columns))


def some_draws(n_draws: int, n: int) -> slice:
    """Choose as many evenly spaced draws as n rows allow."""
    most = int(np.clip(NUMBERS // n, FEWEST, MOST))
    return slice(None, None, max(1, -(-n_draws // most)))


def residual_sums(
    fit: Fitted,
    draws: Draws,
    columns: Mapping[str, FloatArray],
    of_spread: Mapping[str, FloatArray],
    rng: np.random.Generator,
    *,
    zeros: bool,
) -> ResidualSums:
    """Add up the rows, block by block.

    The uniform numbers of discrete responses are others in each draw, so that the sums hardly
    depend on them.
    """
    categories = fit.design.categories
    width = 1 if categories is None else len(categories.values)
    n, S = fit.design.n_rows, len(draws)
    sums = ResidualSums.empty(n, S, columns, of_spread)
    step = max(1, _BLOCK // S // width)
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        design = fit.design.take(np.arange(rows.start, rows.stop))
        own = at_rows(fit.family, design, draws, linear_predictors(design, draws, {}))
        uniform = between(*own.cdf, rng)
        zero = np.broadcast_to(own.cdf_at(np.zeros(design.n_rows)), uniform.shape)
        sums.add(rows, uniform, zero if zeros else None)
    return sums


def polynomials(values: npt.ArrayLike, degree: int) -> FloatArray | None:
    """Make orthonormal columns (n, k) of the ranks of some values; None where they do not differ.

    There are as many degrees as distinct values allow, and rows whose value is missing are zero.
    """
    numbers = np.asarray(values, dtype=np.float64)
    there = np.isfinite(numbers)
    distinct, place = np.unique(numbers[there], return_inverse=True)
    if len(distinct) < 2:
        return None
    counts = np.bincount(place)
    rank = (np.cumsum(counts) - 0.5 * counts) / len(place) - 0.5
    powers = rank[place][:, None] ** np.arange(min(degree, len(distinct) - 1) + 1)
    columns = np.zeros((len(numbers), powers.shape[1] - 1))
    columns[there] = np.linalg.qr(powers)[0][:, 1:]
    return columns
