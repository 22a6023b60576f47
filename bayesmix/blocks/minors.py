"""Levels of one or two effects: their factorisations as polynomials that the data fix.

With ``M = L' G L + s I``, ``V = L L'`` and s the residual variance, for two effects

    |M| = |V| |G| + s tr(V G) + s^2,    |M| L M^-1 L' = |V| adj(G) + s V:

a few numbers of each theta times a few numbers of each level. What the elimination takes from the
rest is a matrix of the data times 1 / |M|, by the numbers of theta; no factorisation is left.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray

__all__ = ["MOST_EFFECTS", "Minors", "joined"]


MOST_EFFECTS = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Minors:
    """What the data give to the determinant of M and to ``K = L M^-1 L'``.

    Attributes
    ----------
    determinant : ndarray, shape (C, d)
        For each class, to be multiplied by d numbers of theta and added up.
    inverse : ndarray, shape (C, k, f)
        For each class and each element of the lower triangle of ``|M| K``, the same with f others.
    """

    determinant: FloatArray
    inverse: FloatArray

    @classmethod
    def of(cls, gram: FloatArray) -> Minors:
        """Prepare G of each class, shape (C, q, q), q at most `MOST_EFFECTS`."""
        C, q, _ = gram.shape
        one = np.ones(C)
        if q == 1:
            return cls(np.stack([gram[:, 0, 0], one], axis=1), one[:, None, None])
        a, b, c = gram[:, 0, 0], gram[:, 1, 0], gram[:, 1, 1]
        inverse = np.zeros((C, 3, 4))
        inverse[:, :, 0] = np.stack([c, -b, a], axis=1)
        inverse[:, [0, 1, 2], [1, 2, 3]] = 1.0
        return cls(np.stack([_determinant(a, b, c), a, b, c, one], axis=1), inverse)

    @staticmethod
    def numbers(scale: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return those of theta, (d, B) of the determinant and (f, B) of the inverse."""
        if scale.shape[-1] == 1:
            V = scale[:, 0, 0] ** 2
            return np.stack([V, variance]), V[None]
        first, other, second = scale[:, 0, 0], scale[:, 1, 0], scale[:, 1, 1]
        whole = (first * second) ** 2
        a, b = variance * first**2, variance * first * other
        c = variance * (other**2 + second**2)
        return np.stack([whole, a, 2 * b, c, variance**2]), np.stack([whole, a, b, c])

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
        out: FloatArray = np.einsum("ckf,fb->ckb", self.inverse[levels], numbers)
        out *= reciprocal[:, None]
        return out

    def draw(
        self,
        classes: IntArray,
        theta: tuple[FloatArray, FloatArray],
        residual: FloatArray,
        noise: FloatArray,
    ) -> FloatArray:
        """Draw zeta with mean ``M^-1 L' residual`` and covariance ``sigma^2 M^-1``, (q, levels, B).

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


def _determinant(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Compute ``a c - b^2``, with more digits where the machine has them; never below zero."""
    long_a, long_b, long_c = (x.astype(np.longdouble) for x in (a, b, c))
    return np.maximum(long_a * long_c - long_b * long_b, 0.0).astype(np.float64)
