"""What is asked for when a model is prepared: everything but the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from bayesmix.base.arguments import true_or_false
from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.registry import get_family
from bayesmix.priors.effects import AnyPrior

__all__ = ["Request"]


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """A model as it was written; the fields are the arguments of `bayesmix.prepare`.

    Attributes
    ----------
    namespace : mapping
        Names that the formula may use, from where the verb was called.
    predictors : mapping of str to str
        Formulas of further parameters.
    """

    formula: str
    family: str | Family = "gaussian"
    priors: Mapping[str, AnyPrior | str] | None = None
    weights: str | npt.ArrayLike | None = None
    se: str | npt.ArrayLike | None = None
    residual: bool = False
    missing: str = "drop"
    namespace: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    predictors: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def own_family(self) -> Family:
        """Return the family, that of rows with known standard errors where there are some."""
        family = get_family(self.family)
        true_or_false("residual", self.residual)
        if self.se is not None:
            return with_known_errors(family, bool(self.residual))
        if self.residual:
            raise BayesmixError(
                "residual=True adds a residual to known standard errors, and there are none. Give "
                "them, se='<column>', or leave residual out: other models have a residual of "
                "their own."
            )
        return family
