"""Mixtures of t distributions, and how one is fitted to draws."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from scipy import special

from bayesmix.base.arrays import FloatArray

__all__ = ["Mixture"]


DEGREES_OF_FREEDOM = 5.0
DEFENSIVE_SHARE = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Mixture of multivariate t distributions.

    Attributes
    ----------
    shares : ndarray, shape (k,)
    means : ndarray, shape (k, d)
    factors : ndarray, shape (k, d, d)
        Cholesky factors of the scale matrices.
    """

    shares: FloatArray
    means: FloatArray
    factors: FloatArray

    @functools.cached_property
    def _inverses(self) -> FloatArray:
        return np.linalg.inv(self.factors)

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw n points, shape (n, d)."""
        component = rng.choice(len(self.shares), size=n, p=self.shares)
        normal = rng.standard_normal((n, self.means.shape[1]))
        spread = np.sqrt(rng.chisquare(DEGREES_OF_FREEDOM, n) / DEGREES_OF_FREEDOM)
        steps = np.einsum("nij,nj->ni", self.factors[component], normal / spread[:, None])
        return np.asarray(self.means[component] + steps)

    def log_density(self, x: FloatArray) -> FloatArray:
        """Log density of points (n, d)."""
        nu, d = DEGREES_OF_FREEDOM, self.means.shape[1]
        constant = (
            special.gammaln((nu + d) / 2) - special.gammaln(nu / 2) - d / 2 * np.log(nu * np.pi)
        )
        parts = [
            np.log(share)
            + constant
            - np.log(np.diag(factor)).sum()
            - (nu + d) / 2 * np.log1p(_distance(x, mean, inverse) / nu)
            for share, mean, factor, inverse in zip(
                self.shares, self.means, self.factors, self._inverses, strict=True
            )
        ]
        return _log_sum(np.stack(parts))


def at_mode(mode: FloatArray, curvature: FloatArray) -> Mixture:
    """Make a t with the curvature at the mode, flat directions cut to sd 3, and a wider one."""
    if not np.isfinite(curvature).all():
        curvature = np.eye(len(mode))
    values, vectors = np.linalg.eigh(curvature)
    covariance = (vectors / np.maximum(values, 0.1)) @ vectors.T
    factor = np.linalg.cholesky(covariance)
    return Mixture(np.array([0.8, 0.2]), np.stack([mode, mode]), np.stack([factor, 1.7 * factor]))


def fit_mixture(x: FloatArray, weight: FloatArray, rng: np.random.Generator) -> Mixture:
    """Fit a mixture to weighted points by EM, and add a wide component as a safeguard."""
    d = x.shape[1]
    mean = weight @ x
    covariance = _covariance(x, mean, weight)
    covariance += 1e-3 * np.diag(np.diag(covariance)) + 1e-12 * np.eye(d)
    effective = 1 / (weight**2).sum()
    k = int(np.clip(effective // (30 * d), 1, 6))
    if k == 1:
        shares, means, covariances = np.ones(1), mean[None], covariance[None]
    else:
        shares = np.full(k, 1 / k)
        means = x[rng.choice(len(x), size=k, p=weight)]
        covariances = np.repeat(covariance[None] / 2, k, axis=0)
        for _ in range(25):
            factors = np.linalg.cholesky(covariances)
            logs = np.stack(
                [
                    np.log(share) - np.log(np.diag(factor)).sum() - _distance(x, m, inverse) / 2
                    for share, m, factor, inverse in zip(
                        shares, means, factors, np.linalg.inv(factors), strict=True
                    )
                ]
            )
            part = np.exp(logs - _log_sum(logs)) * weight
            shares = part.sum(axis=1) + 1e-12
            means = part @ x / shares[:, None]
            # A component of few points leans on the covariance of all.
            lean = 0.01 + 0.3 * d / (shares * effective + d)
            covariances = np.stack(
                [
                    _covariance(x, m, p / share) + a * covariance
                    for m, p, share, a in zip(means, part, shares, lean, strict=True)
                ]
            )
            shares /= shares.sum()
    return Mixture(
        np.append(shares * (1 - DEFENSIVE_SHARE), DEFENSIVE_SHARE),
        np.concatenate([means, mean[None]]),
        np.linalg.cholesky(np.concatenate([covariances, 3 * covariance[None]])),
    )


def _covariance(x: FloatArray, mean: FloatArray, weight: FloatArray) -> FloatArray:
    centred = x - mean
    return np.asarray(centred.T @ (centred * weight[:, None]))


def _distance(x: FloatArray, mean: FloatArray, inverse: FloatArray) -> FloatArray:
    """Squared Mahalanobis distance of each point, by the inverse of the Cholesky factor."""
    z = (x - mean) @ inverse.T
    return np.asarray(np.einsum("ij,ij->i", z, z))


def _log_sum(logs: FloatArray) -> FloatArray:
    """Add exponentials along the first axis; SciPy's takes ten times as long for a few rows."""
    top = np.maximum(logs.max(axis=0), np.finfo(float).min)
    return np.asarray(top + np.log(np.exp(logs - top).sum(axis=0)))
