"""The logarithm of an integral, estimated by log weights whose mean exponential it is."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import special

from bayesmix.base.arrays import FloatArray

__all__ = ["LogIntegral", "from_weights"]


@dataclasses.dataclass(frozen=True)
class LogIntegral:
    """An estimate with what tells whether it can be trusted.

    Attributes
    ----------
    value : float
    se : float
        Monte-Carlo standard error.
    spread : float
        Standard deviation of the weights over their mean: how few of them decide.
    how : str
        What was done, in words.
    doubt : str
        Why it cannot be trusted; empty where it can.
    """

    value: float
    se: float
    spread: float
    how: str
    doubt: str = ""

    def plus(self, constant: float) -> LogIntegral:
        """Return the same of an integral times a constant, whose logarithm is given."""
        return dataclasses.replace(self, value=self.value + constant)


def from_weights(log_weights: FloatArray, how: str) -> LogIntegral:
    """Estimate from independent log weights (n,); minus infinity is a weight of zero."""
    n = len(log_weights)
    value = float(special.logsumexp(log_weights)) - np.log(n)
    if not np.isfinite(value):
        return LogIntegral(value, np.inf, np.inf, how, "all weights are zero")
    relative = np.exp(log_weights - value)
    spread = float(relative.std(ddof=1))
    return LogIntegral(float(value), spread / float(np.sqrt(n)), spread, how)
