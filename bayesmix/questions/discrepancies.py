"""Sums over rows whose law is known where the model is right, and what the draws say of them.

A discrepancy T is a function of the responses and the parameters, such as the sum of squared
residuals. Given the parameters its mean and its variance are known. Its posterior mean has the same
mean, and by the law of total variance the variance

    Var(T) - E(Var(T | y))

What the model adapts to is taken off, so that tests have the level that they claim however many
group effects there are. Where that is nearly all of it, as of the variance of a response whose
family has a parameter for it, Var(T) is taken instead: p-values are then too large. The same holds
of data so unlike the model that T varies more in their draws than it should.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.special import chdtrc, gammainc, gammaincc

from bayesmix.base.arrays import FloatArray

__all__ = ["Discrepancies", "Outcome"]

# Share of a variance below which what is left of it is not told from none, at the least, and how
# many of its standard errors, as the draws give it.
LEAST_LEFT, ERRORS = 0.02, 4.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One test: what was observed, what is expected where the model is right, and its p-value.

    Attributes
    ----------
    observed, expected, se : float
        The statistic, its mean and its standard error where the model is right.
    p_value : float
    """

    observed: float
    expected: float
    se: float
    p_value: float


@dataclasses.dataclass(frozen=True, eq=False)
class Discrepancies:
    """Some discrepancies, each of mean zero, in the draws.

    Attributes
    ----------
    values : ndarray, shape (k, S)
    variance : ndarray, shape (k, k)
        Given the parameters, where the model is right.
    """

    values: FloatArray
    variance: FloatArray

    @property
    def n_draws(self) -> int:
        """Number of draws S."""
        return int(self.values.shape[1])

    @property
    def mean(self) -> FloatArray:
        """Posterior means (k,)."""
        return np.asarray(self.values.mean(axis=1))

    def left(self) -> FloatArray:
        """Compute the covariances (k, k) of the posterior means."""
        covariance = np.atleast_2d(np.cov(self.values))
        return np.asarray(self.variance - covariance * (1 - 1 / self.n_draws))

    def is_told(self, left: Any, whole: float, error: Any) -> Any:
        """Tell for variances that are left whether they differ from none."""
        return left > np.maximum(LEAST_LEFT * whole, ERRORS * error * np.sqrt(2 / self.n_draws))

    def one(self, center: float, scale: float = 1.0, *, above_only: bool = False) -> Outcome:
        """Test a single one: a sum whose mean is `center`, reported divided by `scale`.

        Its law is that of the gamma distribution with its mean and variance. With `above_only`
        large sums are told, and what the draws say of the variance is left aside.
        """
        left, whole = float(self.left()[0, 0]), float(self.variance[0, 0])
        if above_only or not self.is_told(left, whole, max(whole - left, 0.0)):
            left = whole
        observed = center + float(self.mean[0])
        shape, at = center**2 / left, max(observed, 0.0) * center / left
        p = float(gammaincc(shape, at))
        if not above_only:
            p = min(1.0, 2 * min(p, float(gammainc(shape, at))))
        return Outcome(observed / scale, center / scale, float(np.sqrt(left)) / scale, p)

    def squares(self) -> Outcome:
        """Test all together by the sum of their squares, each in units of its own variance."""
        root = np.linalg.cholesky(self.variance)
        mean = np.linalg.solve(root, self.mean)
        left = np.linalg.solve(root, np.linalg.solve(root, self.left()).T)
        share, axes = np.linalg.eigh((left + left.T) / 2)
        told = self.is_told(share, 1.0, np.maximum(1 - share, 0.0))
        if not told.any():
            share, told = np.ones_like(share), np.ones_like(told)
        k = int(told.sum())
        statistic = float((((axes.T @ mean) ** 2)[told] / share[told]).sum())
        return Outcome(statistic, float(k), float(np.sqrt(2 * k)), float(chdtrc(k, statistic)))
