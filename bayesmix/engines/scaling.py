"""Powers of two that bring the columns of a design to a size that can be computed with.

Sums of products of columns, and products of such sums, leave double precision where a column is
of a size such as 1e-100, and samplers that start within 1 of the prior's centre do not arrive
where parameters are of a size such as 1e10. Both work in units of the data. Those are powers of
two, so that no digit changes, and one for columns of ordinary size, so that nothing does.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.theta import Theta
from bayesmix.design.design import Design
from bayesmix.design.magnitudes import response_sd, root_mean_weight

__all__ = ["ORDINARY_TO_EXACT", "ORDINARY_TO_NUTS", "Units"]


# Sizes whose base-2 logarithm is within these have the unit one.
ORDINARY_TO_EXACT, ORDINARY_TO_NUTS = 32, 16


@dataclasses.dataclass(frozen=True, eq=False)
class Units:
    """What one is, in the numbers of the user.

    Attributes
    ----------
    response : float
        Of the response and the offset.
    root_weight : float
        Root of that of the weights.
    residual : float
        Of sigma: ``response * root_weight``, but ``response`` beside known standard errors.
    X : ndarray, shape (p,)
        Of the columns of X; population effects have the unit ``response / X``.
    Z : tuple of ndarray, shape (q,)
        Of the columns of each grouping factor; its effects have the unit ``response / Z``.
    """

    response: float
    root_weight: float
    residual: float
    X: FloatArray
    Z: tuple[FloatArray, ...]

    @classmethod
    def of(
        cls, design: Design, ordinary: int, *, response: bool = True, known_errors: bool = False
    ) -> Units:
        """Choose the units of a design.

        Parameters
        ----------
        design : Design
        ordinary : int
            Base-2 logarithm of the largest size that has the unit one.
        response : bool
            Whether the response is on the scale of the linear predictor, and has a unit.
        known_errors : bool
            Whether the weights are of standard errors, which have the unit of the response.

        Returns
        -------
        Units
        """

        def unit(size: float) -> float:
            exponent = math.frexp(size)[1]
            return 1.0 if abs(exponent) <= ordinary else math.ldexp(1.0, exponent)

        of_response = unit(response_sd(design)) if response else 1.0
        root_weight = unit(root_mean_weight(design)) if response else 1.0
        if known_errors:
            root_weight = 1 / of_response
        return cls(
            of_response,
            root_weight,
            of_response if known_errors else of_response * root_weight,
            np.array([unit(float(own)) for own in design.columns.spread]),
            tuple(
                np.array([unit(float(own)) for own in term.columns.spread])
                for term in design.groups
            ),
        )

    @property
    def are_one(self) -> bool:
        """Whether all units are one, so that there is nothing to convert."""
        every = (self.response, self.root_weight, *self.X, *np.concatenate([*self.Z, []]))
        return all(unit == 1 for unit in every)

    def design(self, design: Design) -> Design:
        """Return a design with its numbers in these units."""
        if self.are_one:
            return design
        if design.totals is not None:
            return dataclasses.replace(
                design,
                groups=tuple(
                    dataclasses.replace(
                        term, means=None if term.means is None else term.means / unit
                    )
                    for term, unit in zip(design.groups, self.Z, strict=True)
                ),
            )
        return dataclasses.replace(
            design,
            y=design.y / self.response,
            X=design.X / self.X,
            means=None if design.means is None else design.means / self.X,
            groups=tuple(
                dataclasses.replace(
                    term,
                    Z=term.Z / unit,
                    means=None if term.means is None else term.means / unit,
                )
                for term, unit in zip(design.groups, self.Z, strict=True)
            ),
            offset=None if design.offset is None else design.offset / self.response,
            weights=None
            if design.weights is None
            else design.weights / self.root_weight / self.root_weight,
        )

    def theta(self, theta: Theta) -> Theta:
        """Return theta in these units."""
        return Theta(
            tuple(
                scale * (unit / self.response)[:, None]
                for scale, unit in zip(theta.scale, self.Z, strict=True)
            ),
            theta.sigma / self.response / self.root_weight,
        )

    @property
    def beta(self) -> FloatArray:
        """Units of the population effects, shape (p,)."""
        return self.response / self.X
