"""Columns that are linear combinations of others, found in one pass over the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from bayesmix.base.arrays import FloatArray

__all__ = ["Gram", "dependent_columns", "gram_matrix"]


_CHUNK = 65_536
_BLOCK = 64
# Share of a column's variance that the columns before it must leave unexplained.
_TOLERANCE = 1e-11
_LEAST_WEIGHT = 1e-6
_LEAST_CONSTANT = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class Gram:
    """Cross-products of columns that are centred and scaled to length one.

    Centring keeps the digits of columns far from zero, whether there is an intercept or not.

    Attributes
    ----------
    products : ndarray of float64, shape (p, p)
        Zero for a constant column.
    means : ndarray of float64, shape (p,)
        In the same units; of a constant column as it is.
    has_constant : bool
        Whether an intercept is among what explains columns.
    """

    products: FloatArray
    means: FloatArray
    has_constant: bool
    _units: FloatArray
    _centres: FloatArray
    _scales: FloatArray

    def take(self, columns: npt.NDArray[np.bool_]) -> Gram:
        """Take a subset of the columns."""
        return Gram(
            self.products[np.ix_(columns, columns)],
            self.means[columns],
            self.has_constant,
            self._units[columns],
            self._centres[columns],
            self._scales[columns],
        )

    def extended(self, known: FloatArray, new: Sequence[FloatArray]) -> Gram:
        """Add columns without multiplying those that are known with each other again.

        Parameters
        ----------
        known : ndarray, shape (n, p)
            The columns that this was made of.
        new : sequence of ndarray, shape (n, q_k)
        """
        other = gram_matrix(new, has_constant=self.has_constant)
        p, q = len(self.products), len(other.products)
        cross = np.zeros((p, q))
        for start in range(0, len(known), _CHUNK):
            rows = slice(start, start + _CHUNK)
            columns = np.column_stack([part[rows] for part in new])
            cross += self._centred(known[rows]).T @ other._centred(columns)
        cross *= self._scales[:, None] * other._scales
        return Gram(
            np.block([[self.products, cross], [cross.T, other.products]]),
            np.concatenate([self.means, other.means]),
            self.has_constant,
            np.concatenate([self._units, other._units]),
            np.concatenate([self._centres, other._centres]),
            np.concatenate([self._scales, other._scales]),
        )

    def _centred(self, rows: FloatArray) -> FloatArray:
        centred: FloatArray = rows / self._units - self._centres
        return centred


def gram_matrix(parts: Sequence[FloatArray], *, has_constant: bool) -> Gram:
    """Compute cross-products of columns in one pass.

    Parameters
    ----------
    parts : sequence of ndarray, shape (n, p_k)
        Read in chunks of rows, and never put next to each other whole.
    has_constant : bool
        Whether an intercept is among what explains columns.

    Returns
    -------
    Gram
    """
    n = len(parts[0])
    # Powers of two: no bit is lost, and the squares of huge and of tiny numbers stay in range.
    largest = np.concatenate([_largest(part) for part in parts])
    units = np.ldexp(1.0, np.frexp(largest)[1] - 1)
    # Means of some rows come close to those of all, so that little is left to correct.
    some = np.column_stack([part[:: n // _CHUNK + 1] for part in parts])
    centres = (some / units).mean(axis=0)
    gram, sums = np.zeros((len(units), len(units))), np.zeros(len(units))
    for start in range(0, n, _CHUNK):
        rows = np.column_stack([part[start : start + _CHUNK] for part in parts])
        rows /= units
        rows -= centres
        sums += rows.sum(axis=0)
        gram += rows.T @ rows
    gram -= np.outer(sums, sums) / n
    centres = centres + sums / n
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    constant = length <= n * np.finfo(np.float64).eps
    scales = np.divide(1.0, length, out=np.zeros(len(units)), where=~constant)
    means = centres * np.where(constant, 1.0, scales)
    return Gram(gram * scales * scales[:, None], means, has_constant, units, centres, scales)


def _largest(part: FloatArray) -> FloatArray:
    return np.maximum(part.max(axis=0, initial=0.0), -part.min(axis=0, initial=0.0))


def dependent_columns(gram: Gram, basis: int | None = None) -> dict[int, list[int]]:
    """Find columns that are linear combinations of columns before them.

    Parameters
    ----------
    gram : Gram
        From `gram_matrix`.
    basis : int, optional
        Only the first `basis` columns can be those that others are made of; by default all.

    Returns
    -------
    dict of int to list of int
        By column, those that it is made of.

    Examples
    --------
    >>> x, z = np.array([1.0, 2.0, 4.0, 7.0]), np.array([1.0, 0.0, 1.0, 0.0])
    >>> gram = gram_matrix([np.column_stack([x, z, x + 2 * z])], has_constant=False)
    >>> dependent_columns(gram)
    {2: [0, 1]}
    """
    products, means, has_constant = gram.products, gram.means, gram.has_constant
    basis = len(products) if basis is None else basis
    found: dict[int, list[int]] = {}
    independent: list[int] = []
    cholesky = np.zeros((basis, basis))
    for start in range(0, len(products), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(products)))
        known = len(independent)
        outer = _solve(cholesky[:known, :known], products[np.ix_(independent, block)])
        rest = products[np.ix_(block, block)] - outer.T @ outer
        inner = np.zeros((len(block), len(block)))
        for i, j in enumerate(block.tolist()):
            size = len(independent)
            row = np.concatenate([outer[:, i], inner[i, : size - known]])
            if rest[i, i] >= _TOLERANCE:
                if j < basis:
                    length = np.sqrt(rest[i, i])
                    cholesky[size, :size], cholesky[size, size] = row, length
                    independent.append(j)
                    after = rest[i, i + 1 :] / length
                    rest[i + 1 :, i + 1 :] -= np.outer(after, after)
                    inner[i + 1 :, size - known] = after
                continue
            weights = _solve(cholesky[:size, :size].T, row, lower=False)
            if has_constant or _needs_no_constant(means[j], weights * means[independent]):
                found[j] = [independent[k] for k in np.flatnonzero(np.abs(weights) > _LEAST_WEIGHT)]
            elif j < basis:
                has_constant = True  # this column and those before it make one
    return found


def _solve(factor: FloatArray, values: FloatArray, *, lower: bool = True) -> FloatArray:
    if not len(factor):
        return values
    solved: FloatArray = solve_triangular(factor, values, lower=lower, check_finite=False)
    return solved


def _needs_no_constant(mean: float, parts: FloatArray) -> bool:
    """Tell whether a combination of centred columns is one of the columns themselves, too."""
    size = abs(mean) + np.abs(parts).sum()
    return bool(abs(mean - parts.sum()) <= _LEAST_CONSTANT * size)
