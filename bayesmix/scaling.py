"""Powers of two that bring the columns of a Gaussian design to a size that can be squared.

Sums of products of columns, and products of such sums, leave double precision where a column is
of a size such as 1e-100. The exact method therefore computes in units of its own. They are powers
of two, so that no digit changes, and one for columns of ordinary size, so that nothing does.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from bayesmix.design import Design
from bayesmix.theta import Theta

__all__ = ["Units"]

type FloatArray = npt.NDArray[np.float64]

# Units are powers of 2 ** STEP: sizes between 2 ** -32 and 2 ** 32 have the unit one.
STEP = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Units:
    """What one is, in the numbers of the user.

    Attributes
    ----------
    response : float
        Of the response and the offset.
    root_weight : float
        Root of that of the weights, so that sigma has the unit ``response * root_weight``.
    X : ndarray, shape (p,)
        Of the columns of X; population effects have the unit ``response / X``.
    Z : tuple of ndarray, shape (q,)
        Of the columns of each grouping factor; its effects have the unit ``response / Z``.
    """

    response: float
    root_weight: float
    X: FloatArray
    Z: tuple[FloatArray, ...]

    @classmethod
    def of(cls, design: Design, center: FloatArray) -> Units:
        """Choose the units of a design whose population columns will be centred.

        Parameters
        ----------
        design : Design
        center : ndarray, shape (p,)

        Returns
        -------
        Units
        """
        sizes = [_size(design.y)]
        if design.offset is not None:
            sizes.append(_size(design.offset))
        weight = 1.0 if design.weights is None else float(design.weights.max())
        return cls(
            _unit(max(sizes)),
            _unit(math.sqrt(weight)),
            np.array([_unit(_size(x - c)) for x, c in zip(design.X.T, center, strict=True)]),
            tuple(np.array([_unit(_size(z)) for z in term.Z.T]) for term in design.groups),
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
        return dataclasses.replace(
            design,
            y=design.y / self.response,
            X=design.X / self.X,
            groups=tuple(
                dataclasses.replace(term, Z=term.Z / unit)
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


def _size(column: FloatArray) -> float:
    return float(np.abs(column).max(initial=0.0))


def _unit(size: float) -> float:
    """Round a size to a power of 2 ** STEP; one for zero."""
    exponent = math.frexp(size)[1] if size > 0 else 0
    return math.ldexp(1.0, STEP * round(exponent / STEP))
