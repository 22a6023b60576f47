"""What is known of a parameter before there are draws of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bayesmix.families.supports import Support

__all__ = ["Parameter", "Sizes"]


@dataclass(frozen=True)
class Sizes:
    """What default priors and lengths of parameters go by.

    Attributes
    ----------
    scale : float
        Sd of the response where the link is the identity (of `Family.response_link` of it), 1
        otherwise.
    residual : float
        The same, of a row of weight one.
    categories : int
        Of a response that is a whole number, one more than the largest: the number of categories
        that are counted from 0. 0 otherwise.
    """

    scale: float
    residual: float
    categories: int


@dataclass(frozen=True)
class Parameter:
    """A parameter of the distribution of the response.

    Attributes
    ----------
    name : str
        As in paths of priors and in tables.
    support : Support
        Where it may lie.
    links : tuple of str
        Those that it may have to a linear predictor, the default first. Without a linear predictor
        it is on its own scale.
    prior : callable, optional
        `Sizes` -> PyMC's name of the default prior, and its parameters by PyMC's names. The first
        parameter of a family has none: it has a linear predictor.
    length : callable, optional
        `Sizes` -> number of elements, which stand on the last axis; None for one number.
    has_unit : bool
        Whether it has the unit of the response where the link of the family is the identity.
    is_threshold : bool
        Whether its elements are places on the scale of the linear predictor, which take the place
        of the intercept: population effects then have none, and the prior of the thresholds is
        that of the model with the columns of these at their means.
    fixed : float, optional
        What it is without a linear predictor, where it is then none of the parameters of a model.
    zeros : {"", "some", "all"}
        Of which zeros of the response it is the probability: of none, of those beside zeros that
        have another reason, or of all.
    step : float
        Size of differences on the scale of its linear predictor, for the default priors of that.
    """

    name: str
    support: Support
    links: tuple[str, ...] = ("identity",)
    prior: Callable[[Sizes], tuple[str, dict[str, float]]] | None = None
    length: Callable[[Sizes], int] | None = None
    has_unit: bool = False
    is_threshold: bool = False
    fixed: float | None = None
    zeros: str = ""
    step: float = 1.0

    @property
    def is_predictable(self) -> bool:
        """Whether it may have a linear predictor: one number, with a link that holds it inside."""
        return self.length is None and (self.links != ("identity",) or not self.support.has_bounds)
