"""Distribution functions of the responses of rows in each draw, groups as in the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.design.design import Design
from bayesmix.families.family import Family
from bayesmix.posterior.draws import Draws, linear_predictor

__all__ = ["AtRows", "at_rows", "linear_predictors"]


@dataclasses.dataclass(frozen=True, eq=False)
class AtRows:
    """Some rows with all their parameters, which come before the rows: (S, b), or (S, points, b).

    Attributes
    ----------
    family : Family
    design : Design
        b rows.
    eta : ndarray, shape (S, ..., b)
    auxiliary : mapping of str to ndarray
    """

    family: Family
    design: Design
    eta: FloatArray
    auxiliary: Mapping[str, Any]

    @property
    def log_density(self) -> FloatArray:
        """Of the response."""
        design = self.design
        return self.family.log_density(
            design.y, self.eta, self.auxiliary, design.weights, design.trials
        )

    @property
    def cdf(self) -> tuple[FloatArray, FloatArray]:
        """Probabilities of less than the response, and of at most the response."""
        upper = self.cdf_at(self.design.y)
        if self.family.discrete:
            return self.cdf_at(self.design.y, strict=True), upper
        # Densities may begin with a probability of their own, as that of a zero.
        return np.where(self.design.y <= self.family.response.lower, 0.0, upper), upper

    def cdf_at(self, y: npt.ArrayLike, *, strict: bool = False) -> FloatArray:
        """Probability of at most y, or of less."""
        design = self.design
        return self.family.cdf(
            y, self.eta, self.auxiliary, design.weights, design.trials, strict=strict
        )

    @property
    def mean(self) -> FloatArray:
        """Expected response; of categories the expected number of the category."""
        design, family = self.design, self.family
        with np.errstate(over="ignore", invalid="ignore"):
            values = family.values(self.eta, self.auxiliary)
            mean = np.asarray(family.mean(values, family.rows(design.weights, design.trials)))
        if design.categories is None:
            return np.broadcast_to(mean, self.eta.shape)
        return mean @ design.categories.numbers.astype(np.float64)

    @property
    def variance(self) -> FloatArray:
        """Variance of the response; NaN where the family has none."""
        design, family = self.design, self.family
        if family.variance is None:
            return np.full(self.eta.shape, np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            values = family.values(self.eta, self.auxiliary)
            variance = family.variance(values, family.rows(design.weights, design.trials))
        return np.broadcast_to(variance, self.eta.shape)


def linear_predictors(
    design: Design, draws: Draws, without: Mapping[str, npt.NDArray[np.bool_]]
) -> list[FloatArray]:
    """Compute (S, b) for each parameter that has one, the first of the family first."""
    owned = zip(design.parts, draws.parts, strict=True)
    return [linear_predictor(part, own, without) for part, own in owned]


def at_rows(family: Family, design: Design, draws: Draws, etas: Sequence[FloatArray]) -> AtRows:
    """Put rows beside their linear predictors and the other parameters."""
    eta, *others = etas
    auxiliary = draws.auxiliary_beside(eta.ndim - 1)
    auxiliary |= dict(zip(design.predictors, others, strict=True))
    return AtRows(family, design, eta, auxiliary)
