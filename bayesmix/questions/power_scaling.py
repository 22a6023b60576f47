"""Power-scaling by importance weights: how far a posterior moves, and how sure the weights are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from bayesmix.base.arrays import FloatArray

__all__ = ["NEAR", "Weights", "sensitivities", "weighted"]

# Powers between which the gradient of the distance is taken, as priorsense and ArviZ do.
NEAR = (0.99, 1.01)


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """Weights that make draws those of a posterior in which a part has a power.

    Attributes
    ----------
    weights : ndarray, shape (S,)
        Pareto-smoothed; they sum to one.
    k : float
        Pareto k; 0 where all are the same.
    """

    weights: FloatArray
    k: float

    def mean(self, draws: FloatArray) -> FloatArray:
        """Weigh draws (..., S)."""
        mean: FloatArray = draws @ self.weights
        return mean


def weighted(log: FloatArray, power: float) -> Weights:
    """Weigh draws by a density to ``power - 1``.

    Parameters
    ----------
    log : ndarray, shape (chain, draw)
        Log density of the part that is scaled.
    power : float
    """
    from arviz_stats.base import array_stats

    size = log.size
    if np.ptp(log) == 0 or power == 1:
        return Weights(np.full(size, 1 / size), 0.0)
    r_eff = float(array_stats.ess(log, method="tail", prob=0.05, relative=True))
    r_eff = r_eff if np.isfinite(r_eff) else 1.0
    smoothed, k = array_stats.psislw(((1 - power) * log).ravel(), r_eff=r_eff)
    own = np.exp(smoothed - smoothed.max())
    return Weights(own / own.sum(), float(k) if np.isfinite(k) else np.inf)


def sensitivities(draws: Mapping[str, FloatArray], log: FloatArray) -> tuple[FloatArray, float]:
    """Compute the gradient of the cumulative Jensen-Shannon distance by the power of a part.

    Parameters
    ----------
    draws : mapping of str to ndarray, shape (chain, draw)
    log : ndarray, shape (chain, draw)
        Log density of the part that is scaled.

    Returns
    -------
    gradients : ndarray, one for each parameter
        By the logarithm to base 2 of the power. 0 of what does not vary.
    k : float
        The larger Pareto k.
    """
    from arviz_stats.base import array_stats

    lower, upper = (weighted(log, power) for power in NEAR)
    k = max(lower.k, upper.k)
    if np.ptp(log) == 0:
        return np.zeros(len(draws)), k
    found = np.zeros(len(draws))
    for place, own in enumerate(draws.values()):
        if np.ptp(own) > 0:
            found[place] = array_stats.power_scale_sense(
                own,
                lower.weights.reshape(log.shape),
                upper.weights.reshape(log.shape),
                lower_alpha=NEAR[0],
                upper_alpha=NEAR[1],
            )
    return found, k
