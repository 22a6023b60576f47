"""Parameters at rows and draws: what the functions of a family take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesmix.families.links import ARRAYS, LINKS, Functions, Link
from bayesmix.families.slopes import Slope

__all__ = ["Rows", "Value", "Values", "slope_by_value", "value_of_mu"]

type Values = Mapping[str, Value]


@dataclass(frozen=True, eq=False)
class Value:
    """A parameter at rows and draws, computed from its linear predictor when it is asked for.

    Attributes
    ----------
    eta : ndarray or tensor
        Linear predictor; draws, rows and, of a parameter with a length, its elements last.
    link : Link
    functions : Functions
        Those that `eta` needs.
    """

    eta: Any
    link: Link
    functions: Functions = ARRAYS

    @property
    def value(self) -> Any:
        """The parameter itself."""
        return self.link.inverse(self.eta, self.functions)

    @property
    def log(self) -> Any:
        """Its logarithm, finite where the parameter rounds to 0."""
        return self.link.log_inverse(self.eta, self.functions)

    @property
    def complement(self) -> Value:
        """One less the parameter; with all digits where the link says what it is the inverse of."""
        if self.link.complement is None:
            return replace(self, eta=1 - self.value, link=LINKS["identity"])
        link, eta = self.link.complement
        return replace(self, eta=eta(self.eta, self.functions), link=LINKS[link])

    def log_where(self, holds: Any) -> Any:
        """Its logarithm where something holds, and that of the complement elsewhere."""
        if self.link.complement is None or self.link.complement[0] != self.link.name:
            return self.functions.where(holds, self.log, self.complement.log)
        mirrored = self.link.complement[1](self.eta, self.functions)
        return replace(self, eta=self.functions.where(holds, self.eta, mirrored)).log


def slope_by_value(value: Value, score: Any, information: Any) -> Slope:
    """Turn derivatives by a parameter into those by its linear predictor."""
    if value.link.derivative is None:
        raise AssertionError(f"the link {value.link.name} is none of further parameters")
    step = value.link.derivative(np.asarray(value.value, dtype=np.float64))
    return Slope(np.asarray(score * step), np.asarray(information * step**2))


@dataclass(frozen=True, eq=False)
class Rows:
    """What is known of rows beside their parameters.

    Attributes
    ----------
    weights : ndarray or tensor, or None
        Precision weights: ``1 / se^2`` where standard errors are known.
    trials : ndarray or tensor, or None
        Numbers of trials.
    """

    weights: Any = None
    trials: Any = None


def value_of_mu(p: Values, rows: Rows) -> Any:
    """Return the parameter that is the mean of most families."""
    return p["mu"].value
