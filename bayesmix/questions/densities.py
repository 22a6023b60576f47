"""The density of draws at zero, by a log-spline, with its Monte-Carlo error.

Inside a window that holds nearly all draws the log density is a cubic spline whose knots stand at
quantiles; few knots, chosen by the log likelihood less a penalty between those of AIC and BIC.
Without knots it is a cubic polynomial, so that a normal density is met exactly. The fit is by
maximum likelihood.

Stone, Hansen, Kooperberg & Truong (1997), Annals of Statistics 25, 1371-1425,
https://doi.org/10.1214/aos/1031594728
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.interpolate import BSpline

from bayesmix.base.arrays import FloatArray

__all__ = ["FEWEST_BEYOND", "DensityAtZero", "density_at_zero"]

# Share of the draws that is left out on each side of the window.
_TAIL = 0.005
# Effective draws on the far side of zero that an estimate needs.
FEWEST_BEYOND = 10
# Interquartile ranges that the window reaches to either side of median and zero.
_REACH = 4.0
_MOST_KNOTS = 6
_DEGREE = 3
_GRID = 801
_ITERATIONS = 50
# What a step of Newton's may still promise of the mean log density.
_CONVERGED = 1e-12


@dataclasses.dataclass(frozen=True)
class DensityAtZero:
    """An estimate of a density at zero.

    Attributes
    ----------
    value : float
    relative_se : float
        Monte-Carlo standard error over `value`; NaN where zero is in a tail.
    beyond : float
        Effective draws on the side of zero that has fewer.
    """

    value: float
    relative_se: float
    beyond: float

    @property
    def is_tail(self) -> bool:
        """Whether there are too few draws about zero, so that a normal curve stands for them."""
        return self.beyond < FEWEST_BEYOND


def density_at_zero(draws: FloatArray, effective: float) -> DensityAtZero:
    """Estimate the density at zero of a quantity that varies.

    Parameters
    ----------
    draws : ndarray, shape (S,)
    effective : float
        As how many independent draws they count.
    """
    size = len(draws)
    share = float(min((draws < 0).mean(), (draws > 0).mean()))
    beyond = share * effective
    if beyond < FEWEST_BEYOND:
        return DensityAtZero(_normal_density(draws), math.nan, beyond)
    low, high = _window(draws, share)
    inside = draws[(draws >= low) & (draws <= high)]
    if not high > low or not np.isfinite(high - low):
        return DensityAtZero(math.nan, math.nan, beyond)
    within = effective * len(inside) / size
    x = np.clip((inside - low) / (high - low), 0.0, 1.0)
    at = float(-low / (high - low))
    fits = (_fitted(x, at, knots, within) for knots in range(_MOST_KNOTS + 1))
    usable = [fit for fit in fits if fit is not None]
    if not usable:
        return DensityAtZero(math.nan, math.nan, beyond)
    _, log_density, variance = min(usable, key=lambda one: one[0])
    value = len(inside) / size * math.exp(log_density) / (high - low)
    return DensityAtZero(float(value), math.sqrt(variance), beyond)


def _window(draws: FloatArray, share: float) -> tuple[float, float]:
    """Choose limits round zero and nearly all draws, long tails cut off."""
    tail = min(_TAIL, share / 2)
    low, first, median, third, high = np.quantile(draws, [tail, 0.25, 0.5, 0.75, 1 - tail])
    reach = _REACH * (third - first)
    near = max(low, min(median, 0.0) - reach), min(high, max(median, 0.0) + reach)
    return float(near[0]), float(near[1])


def _normal_density(draws: FloatArray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(draws.mean()), float(draws.std(ddof=1))
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
        return math.nan
    return math.exp(-0.5 * (mean / sd) ** 2) / (sd * math.sqrt(2 * math.pi))


def _fitted(
    x: FloatArray, at: float, knots: int, effective: float
) -> tuple[float, float, float] | None:
    """Fit a log density on [0, 1]; return a criterion, the value at a point and its variance.

    None where the likelihood has no maximum that is found.
    """
    inner = np.quantile(x, np.arange(1, knots + 1) / (knots + 1))
    every = np.concatenate([np.zeros(_DEGREE + 1), inner, np.ones(_DEGREE + 1)])
    grid = np.linspace(0.0, 1.0, _GRID)
    weights = np.full(_GRID, 1 / (_GRID - 1))
    weights[[0, -1]] /= 2
    # The columns sum to one, and the density is normalised: one is left out.
    basis = _columns(every, grid)
    mean = _columns(every, x).mean(axis=0)
    theta = np.zeros(basis.shape[1])
    value, density = _log_likelihood(theta, mean, basis, weights)
    information, gain = np.eye(len(theta)), math.inf
    for _ in range(_ITERATIONS):
        mass = weights * density
        average = mass @ basis
        information = (basis * mass[:, None]).T @ basis - np.outer(average, average)
        slope = mean - average
        step = np.linalg.lstsq(information, slope, rcond=1e-12)[0]
        gain = float(slope @ step)
        if not gain >= _CONVERGED:
            break
        length = 1.0
        while length > 1e-6:
            new, own = _log_likelihood(theta + length * step, mean, basis, weights)
            if new >= value + 1e-4 * length * gain:
                break
            length /= 2
        theta, value, density = theta + length * step, new, own
    if not abs(gain) < math.sqrt(_CONVERGED):
        return None
    point = _columns(every, np.array([at]))[0]
    normaliser = float(mean @ theta) - value
    direction = point - (weights * density) @ basis
    solved = np.linalg.lstsq(information, direction, rcond=1e-12)[0]
    variance = max(float(direction @ solved), 0.0) / effective
    penalty = 1 + math.log(effective) / 2
    return len(theta) * penalty - 2 * effective * value, float(point @ theta) - normaliser, variance


def _columns(knots: FloatArray, x: FloatArray) -> FloatArray:
    matrix: FloatArray = BSpline.design_matrix(x, knots, _DEGREE).toarray()
    return matrix[:, :-1]


def _log_likelihood(
    theta: FloatArray, mean: FloatArray, basis: FloatArray, weights: FloatArray
) -> tuple[float, FloatArray]:
    """Return the mean log density of the draws, and the density on the grid."""
    log = basis @ theta
    top = log.max()
    total = float(weights @ np.exp(log - top))
    normaliser = top + math.log(total)
    return float(mean @ theta) - normaliser, np.exp(log - normaliser)
