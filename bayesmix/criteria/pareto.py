"""Pareto smoothing of the weights that leave rows out, many rows at a time.

The same as ArviZ's `loo`, row by row, to rounding. ArviZ fits one row after the other, a
millisecond each.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import logsumexp

from bayesmix.base.arrays import FloatArray

__all__ = ["Smoothed", "leave_out"]

# Weight of the prior of k, and its mean; and what scales the grid of the slope.
PRIOR_WEIGHT, PRIOR_K, PRIOR_SCALE = 10, 0.5, 3
# Numbers of an array of rows, grid and tail: what fits into a cache.
CACHED = 131_072


@dataclasses.dataclass(frozen=True, eq=False)
class Smoothed:
    """elpd, effective number of parameters and Pareto k, by row.

    k is NaN where the tail is nothing that a Pareto law could be fitted to.
    """

    elpd: FloatArray
    p: FloatArray
    k: FloatArray


def leave_out(log: FloatArray, r_eff: float) -> Smoothed:
    """Weight draws by one over their densities, given the logs (rows, S) of these.

    Weights of the draws that are not in the tail cancel against their densities, so that only the
    tail is put in order. Vehtari, Simpson, Gelman, Yao & Gabry (2024),
    https://doi.org/10.48550/arXiv.1507.02646.
    """
    S = log.shape[1]
    size = int(3 * (S / r_eff) ** 0.5 if S * r_eff > 225 else S / 5)
    lowest = log.min(axis=1, keepdims=True)
    # Tails are the lowest densities; they go from the least weight to the largest.
    ordered = np.partition(log, size, axis=1)
    tail = -np.sort(ordered[:, : size + 1] - lowest, axis=1)[:, ::-1]
    log_cutoff, log_tail = tail[:, 0], tail[:, 1:]
    smooth, k = smoothed_tail(log_tail, log_cutoff)
    rest = ordered[:, size:] - lowest
    density = np.logaddexp(logsumexp(smooth - log_tail, axis=1), np.log(S - size))
    weight = np.log(np.exp(-rest).sum(axis=1) + np.exp(smooth).sum(axis=1))
    elpd = density - weight + lowest[:, 0]
    highest = log.max(axis=1, keepdims=True)
    mean = np.log(np.exp(log - highest).mean(axis=1)) + highest[:, 0]
    return Smoothed(elpd, mean - elpd, k)


def smoothed_tail(log_tail: FloatArray, log_cutoff: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Put quantiles of a generalised Pareto law in place of the largest weights.

    Logs of weights (rows, M), rising to 0, and of the largest weight (rows,) below them. Returns
    logs of weights (rows, M) and k (rows,), which is 0 where all weights of the tail are the same.
    """
    cutoff = np.exp(log_cutoff)[:, None]
    excess = np.exp(log_tail) - cutoff
    n_rows, size = excess.shape
    k, scale = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    flat = np.ptp(log_tail, axis=1) < np.finfo(float).tiny
    k[flat] = 0.0
    grid = 30 + int(size**0.5)
    step = max(1, CACHED // (grid * size))
    # A first quartile at the minimum is far from any such law.
    fitting = np.flatnonzero(~flat & (excess[:, quartile(size)] > excess[:, 0]))
    for start in range(0, len(fitting), step):
        rows = fitting[start : start + step]
        k[rows], scale[rows] = fitted_pareto(excess[rows], grid)
    probability = np.arange(0.5, size) / size
    good = np.isfinite(k) & (scale > 0)
    shape, width = k[good, None], scale[good, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.expm1(-shape * np.log1p(-probability)) / shape
    unit = np.where(shape == 0, -np.log1p(-probability), unit)
    smooth = log_tail.copy()
    with np.errstate(divide="ignore"):
        smooth[good] = np.minimum(np.log(cutoff[good] + width * unit), 0.0)
    return smooth, k


def quartile(size: int) -> int:
    """Find the place of the first quartile in a sorted sample."""
    return int(size / 4 + 0.5) - 1


def fitted_pareto(excess: FloatArray, grid: int) -> tuple[FloatArray, FloatArray]:
    """Fit generalised Pareto laws to rising samples (rows, M): k and scale, (rows,).

    Zhang & Stephens (2009), https://doi.org/10.1198/tech.2009.08017, with a weak prior of k.
    """
    size = excess.shape[1]
    steps = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    slopes = steps / (PRIOR_SCALE * excess[:, [quartile(size)]]) + 1 / excess[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.multiply(-slopes[:, :, None], excess[:, None, :])
        terms += 1
        means = np.log(terms, out=terms).mean(axis=2)
        length = size * (np.log(-slopes / means) - means - 1)
        posterior = np.exp(length - length.max(axis=1, keepdims=True))
        posterior /= posterior.sum(axis=1, keepdims=True)
        posterior[~(posterior >= 10 * np.finfo(float).eps)] = 0.0
        posterior /= posterior.sum(axis=1, keepdims=True)
        slope = (slopes * posterior).sum(axis=1)
        k = np.log1p(-slope[:, None] * excess).mean(axis=1)
        scale = -k / slope
    k = (size * k + PRIOR_WEIGHT * PRIOR_K) / (size + PRIOR_WEIGHT)
    return np.where(np.isnan(k), np.inf, k), scale
