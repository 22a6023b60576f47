"""The laws that default priors have, as SciPy has them, whose own take long to import."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import poch

from bayesmix.base.arrays import FloatArray

__all__ = ["STANDARD", "Standard"]


@dataclass(frozen=True)
class Standard:
    """A law by its density and draws at location 0 and scale 1, given its shapes.

    Draws take the same numbers from a generator as those of `scipy.stats` do.
    """

    log_density_at: Callable[..., FloatArray]
    drawn: Callable[..., Any]

    def log_density(
        self, x: FloatArray, loc: float = 0.0, scale: float = 1.0, **shapes: float
    ) -> FloatArray:
        """Compute the log density."""
        with np.errstate(over="ignore"):
            log = self.log_density_at((x - loc) / scale, **shapes) - math.log(scale)
        return np.asarray(log, dtype=np.float64)

    def draw(
        self,
        rng: np.random.Generator,
        size: int | tuple[int, ...] | None,
        loc: float = 0.0,
        scale: float = 1.0,
        **shapes: float,
    ) -> FloatArray:
        """Draw from the law."""
        return np.asarray(self.drawn(rng, size, **shapes) * scale + loc, dtype=np.float64)


def _normal(z: FloatArray) -> FloatArray:
    return -(z**2) / 2 - math.log(math.sqrt(2 * math.pi))


def _t(z: FloatArray, df: float) -> FloatArray:
    constant = math.log(poch(df / 2, 0.5)) - (math.log(df) + math.log(math.pi)) / 2
    return np.asarray(constant - (df + 1) / 2 * np.log1p(z * z / df))


def _exponential(z: FloatArray) -> FloatArray:
    return np.where(z < 0, -np.inf, -z)


# By SciPy's names.
STANDARD: Mapping[str, Standard] = MappingProxyType(
    {
        "norm": Standard(_normal, lambda rng, size: rng.standard_normal(size)),
        "t": Standard(_t, lambda rng, size, df: rng.standard_t(df, size)),
        "expon": Standard(_exponential, lambda rng, size: rng.standard_exponential(size)),
    }
)
