"""R-hat and effective sample sizes as ArviZ computes them, which takes as long to import as a fit.

References: Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), Bayesian Analysis 16, 667-718,
https://doi.org/10.1214/20-BA1221; Geyer (1992), Statistical Science 7, 473-483,
https://doi.org/10.1214/ss/1177011137.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesmix.base.arrays import FloatArray

__all__ = ["bulk_ess", "r_hat", "tail_ess"]


def r_hat(draws: FloatArray) -> FloatArray:
    """Compute the rank-normalised split R-hat of draws (k, chains, draws); NaN of one chain."""
    if draws.shape[1] < 2 or draws.shape[2] < 4:
        return np.full(len(draws), np.nan)
    return np.array([_r_hat(_split(own)) for own in draws])


def bulk_ess(draws: FloatArray) -> FloatArray:
    """Compute the effective sample size for the centre, of draws (k, chains, draws)."""
    if draws.shape[2] < 4:
        return np.full(len(draws), np.nan)
    return np.array([_ess(_normal_scores(_split(own))) for own in draws])


def tail_ess(draws: FloatArray, tails: Sequence[float] = (0.05, 0.95)) -> FloatArray:
    """Compute the smaller effective sample size for two quantiles, of draws (k, chains, draws)."""
    if draws.shape[2] < 4:
        return np.full(len(draws), np.nan)
    limits = np.quantile(draws, tails, axis=(1, 2))
    return np.array(
        [
            min(_ess(_split((own <= limit).astype(np.float64))) for limit in of_tails)
            for own, of_tails in zip(draws, limits.T, strict=True)
        ]
    )


def _split(draws: FloatArray) -> FloatArray:
    """Make two chains of each; the middle draw of an odd number is left out."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_scores(draws: FloatArray) -> FloatArray:
    ranks = pd.Series(draws.ravel()).rank().to_numpy()
    scores: FloatArray = ndtri((ranks - 0.375) / (len(ranks) + 0.25)).reshape(draws.shape)
    return scores


def _r_hat(draws: FloatArray) -> float:
    folded = np.abs(draws - np.median(draws))
    return max(_of_scores(_normal_scores(draws)), _of_scores(_normal_scores(folded)))


def _of_scores(scores: FloatArray) -> float:
    n = scores.shape[1]
    within = scores.var(axis=1, ddof=1).mean()
    between = n * scores.mean(axis=1).var(ddof=1)
    return float(np.sqrt((between / within + n - 1) / n))


def _ess(chains: FloatArray) -> float:
    """Size of draws (chains, draws) by Geyer's initial monotone sequence of autocorrelations."""
    size, n = chains.size, chains.shape[1]
    if np.ptp(chains) < np.finfo(np.float64).resolution:
        return float(size)
    covariance = _autocovariance(chains)
    within = covariance[0] * n / (n - 1)
    correlation = 1 - (within - covariance) / (covariance[0] + _variance_of_means(chains))
    correlation[0] = 1.0
    pairs = correlation[0 : n - 1 : 2] + correlation[1:n:2]
    pairs = pairs[: 1 + max(0, (n - 3) // 2)]
    # The last pair that is looked at: the first that is not positive, if there is one.
    last = int(np.argmin(pairs > 0)) if not (pairs > 0).all() else len(pairs) - 1
    rest = correlation[2 * last]
    if rest <= 0 and pairs[last] < 0:
        rest = 0.0
    time = -1 + 2 * np.minimum.accumulate(pairs[:last]).sum() + rest
    return float(size / max(time, 1 / math.log10(size)))


def _variance_of_means(chains: FloatArray) -> float:
    return float(chains.mean(axis=1).var(ddof=1)) if len(chains) > 1 else 0.0


def _autocovariance(chains: FloatArray) -> FloatArray:
    """Mean over chains of the autocovariance at each lag, by Fourier transform."""
    n = chains.shape[1]
    length = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(chains - chains.mean(axis=1, keepdims=True), length, axis=1)
    power = (spectrum * spectrum.conj()).real.mean(axis=0)
    return np.asarray(np.fft.irfft(power, length)[:n] / n)
