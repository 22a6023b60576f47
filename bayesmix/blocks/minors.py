"""Levels of a few effects: their factorisations as polynomials that the data fix.

With ``M = L' G L + s I``, ``V = L L'`` and s the residual variance (Cauchy & Binet)

    |M| = sum_k s^(q - k) sum_(I, J) |V_IJ| |G_IJ|,

over the rows I and columns J of all minors of order k = 0, ..., q, and ``|M| L M^-1 L'`` is the
gradient of that by G: a few numbers of each theta times a few numbers of each level. What the
elimination takes from the rest is a matrix of the data times 1 / |M|, by the numbers of theta; no
factorisation is left. For two effects

    |M| = |V| |G| + s tr(V G) + s^2,    |M| L M^-1 L' = |V| adj(G) + s V.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.small import lower_pairs

__all__ = ["MOST_EFFECTS", "MOST_NUMBERS", "PRODUCT", "Minors", "joined"]


MOST_EFFECTS = 4
# Numbers of all classes beyond which factorisations, which need none, are preferred: 256 MiB.
MOST_NUMBERS = 1 << 25
# What a product of one element of K and 1 / |M| takes, in terms of entries of a map.
PRODUCT = 18

type Places = tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Minors:
    """What the data give to the determinant of M and to ``K = L M^-1 L'``.

    Attributes
    ----------
    determinant : ndarray, shape (C, f + 1)
        For each class its minors, to be multiplied by numbers of theta and added up; the last is 1.
    inverse : ndarray, shape (C, k, f)
        For each class and each element of the lower triangle of ``|M| K``, the same with f others.
    """

    determinant: FloatArray
    inverse: FloatArray

    @classmethod
    def of(cls, gram: FloatArray) -> Minors:
        """Prepare G of each class, shape (C, q, q), q at most `MOST_EFFECTS`."""
        C, q, _ = gram.shape
        # With more digits where the machine has them: all else is sums of few products.
        G = np.moveaxis(gram, 0, -1).astype(np.longdouble)
        minors = [_minor(G, rows, columns) for rows, columns in _terms(q)]
        kept = [
            np.maximum(value, 0.0) if rows == columns else value
            for value, (rows, columns) in zip(minors, _terms(q), strict=True)
        ]
        inverse: FloatArray = np.zeros((C, q * (q + 1) // 2, len(minors)))
        for e, (a, b) in enumerate(lower_pairs(q)):
            for f, (one, other) in enumerate(_terms(q)):
                for rows, columns in {(one, other), (other, one)}:
                    if a in rows and b in columns:
                        inverse[:, e, f] += _cofactor(G, rows, columns, a, b).astype(np.float64)
        return cls(np.stack([*kept, np.ones(C)], axis=1).astype(np.float64), inverse)

    @staticmethod
    def n_numbers(q: int) -> int:
        """Count the numbers of a class."""
        return q * (q + 1) // 2 * len(_terms(q))

    @staticmethod
    def numbers(scale: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return those of theta, (f + 1, B) of the determinant and (f, B) of the inverse."""
        q = scale.shape[-1]
        if q == 1:
            V = scale[:, 0, 0] ** 2
            return np.stack([V, variance]), V[None]
        if q == 2:
            first, other, second = scale[:, 0, 0], scale[:, 1, 0], scale[:, 1, 1]
            whole = (first * second) ** 2
            a, b = variance * first**2, variance * first * other
            c = variance * (other**2 + second**2)
            return np.stack([whole, a, 2 * b, c, variance**2]), np.stack([whole, a, b, c])
        # Minors of L L' are sums of products of those of L: fewer digits are lost.
        L = np.moveaxis(scale, 0, -1)
        of_factor = {places: _minor(L, *places) for places in _nonzero(q)}
        values = np.stack(
            [
                variance ** (q - len(rows))
                * sum(
                    of_factor[rows, within] * of_factor[columns, within]
                    for within in _subsets(q, len(rows))
                    if (rows, within) in of_factor and (columns, within) in of_factor
                )
                for rows, columns in _terms(q)
            ]
        )
        times = np.array([1.0 if rows == columns else 2.0 for rows, columns in _terms(q)])
        return np.concatenate([values * times[:, None], variance[None] ** q]), values

    def by_element(self, n_rows: int) -> bool:
        """Whether a map of so many rows takes less time by the elements of K than by 1 / |M|."""
        _, k, f = self.inverse.shape
        return bool(f * n_rows > k * (f + PRODUCT + n_rows))

    def of_map(self, coefficients: FloatArray) -> FloatArray:
        """Turn a map of the elements of K, (r, C * k), into one of 1 / |M|, (f * r, C)."""
        C, k, f = self.inverse.shape
        parts = coefficients.reshape(-1, C, k)
        out = np.empty((f, len(parts), C))
        for i in range(f):
            np.einsum("rck,ck->rc", parts, self.inverse[:, :, i], out=out[i])
        return out.reshape(-1, C)

    def elements(self, levels: slice, reciprocal: FloatArray, numbers: FloatArray) -> FloatArray:
        """Elements of K of some classes, shape (classes, k, B)."""
        many = len(numbers) > 4
        out: FloatArray = np.einsum("ckf,fb->ckb", self.inverse[levels], numbers, optimize=many)
        out *= reciprocal[:, None]
        return out

    def draw(
        self,
        classes: IntArray,
        theta: tuple[FloatArray, FloatArray],
        residual: FloatArray,
        noise: FloatArray,
    ) -> FloatArray:
        """Draw zeta of one or two effects, with the moments of `small.draw_given`, (q, levels, B).

        Parameters
        ----------
        classes : ndarray of int64, shape (levels,)
        theta : tuple of ndarray, shape (B, q, q) and (B,)
            L and sigma.
        residual, noise : ndarray, shape (levels, q, B)
            What is left of ``Z'Wy``, and standard normal numbers.
        """
        scale, sigma = theta
        variance = sigma**2
        data = self.determinant[classes]
        determinant = data @ self.numbers(scale, variance)[0]
        if scale.shape[-1] == 1:
            root = 1 / np.sqrt(determinant)
            zeta: FloatArray = (scale[:, 0, 0] * root * residual[:, 0] + sigma * noise[:, 0]) * root
            return zeta[None]
        # M = [[m, n], [n, .]], whose factor is [[1 / first, 0], [n first, 1 / second]].
        a, b, c = scale[:, 0, 0], scale[:, 1, 0], scale[:, 1, 1]
        m = data[:, 1:] @ np.stack([a**2, 2 * a * b, b**2, variance])
        first = 1 / np.sqrt(m)
        second = np.sqrt(m / determinant)
        below = data[:, 2:4] @ np.stack([a * c, b * c])
        below *= first
        one = (a * residual[:, 0] + b * residual[:, 1]) * first
        two = (c * residual[:, 1] - below * one) * second
        two += sigma * noise[:, 1]
        two *= second
        one += sigma * noise[:, 0]
        one -= below * two
        one *= first
        return np.stack([one, two])


def joined(parts: FloatArray, numbers: FloatArray) -> FloatArray:
    """Add up what a map has given, (f * r, B), by the numbers of theta (f, B): shape (r, B)."""
    f, B = numbers.shape
    total: FloatArray = np.einsum("frb,fb->rb", parts.reshape(f, -1, B), numbers)
    return total


@functools.cache
def _subsets(q: int, k: int) -> tuple[Places, ...]:
    return tuple(itertools.combinations(range(q), k))


@functools.cache
def _terms(q: int) -> tuple[tuple[Places, Places], ...]:
    """Rows and columns of the minors of a symmetric matrix, the largest first, each once."""
    return tuple(
        (subsets[i], subsets[j])
        for subsets in (_subsets(q, k) for k in range(q, 0, -1))
        for i, j in lower_pairs(len(subsets))
    )


@functools.cache
def _nonzero(q: int) -> tuple[tuple[Places, Places], ...]:
    """Rows and columns of the minors of a lower triangular matrix that are not zero."""
    return tuple(
        (rows, columns)
        for k in range(1, q + 1)
        for rows, columns in itertools.product(_subsets(q, k), repeat=2)
        if all(i >= j for i, j in zip(rows, columns, strict=True))
    )


def _minor[T: np.floating[Any]](A: npt.NDArray[T], rows: Places, columns: Places) -> npt.NDArray[T]:
    """Compute the determinant of some rows and columns of matrices (q, q, n), by the first row."""
    if not rows:
        return np.ones(A.shape[-1], dtype=A.dtype)
    first, *others = rows
    total: npt.NDArray[T] = A[first, columns[0]] * _minor(A, tuple(others), columns[1:])
    for j in range(1, len(columns)):
        rest = columns[:j] + columns[j + 1 :]
        total = total + (-1) ** j * A[first, columns[j]] * _minor(A, tuple(others), rest)
    return total


def _cofactor[T: np.floating[Any]](
    A: npt.NDArray[T], rows: Places, columns: Places, a: int, b: int
) -> npt.NDArray[T]:
    """Differentiate a minor by the element of row a and column b."""
    i, j = rows.index(a), columns.index(b)
    rest = _minor(A, rows[:i] + rows[i + 1 :], columns[:j] + columns[j + 1 :])
    return rest if (i + j) % 2 == 0 else np.negative(rest)
