"""Everything but the sampling: formula, data and priors to a specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from bayesmix.base.arguments import true_or_false
from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.registry import get_family, with_predictors
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.make import make_checked
from bayesmix.preparation.separated import warn_of_separation
from bayesmix.preparation.zeros import warn_of_zeros
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.effects import AnyPrior

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

__all__ = ["specification", "with_errors"]


def specification(
    formula: str,
    data: IntoFrame,
    family: str | Family,
    priors: Mapping[str, AnyPrior | str] | None,
    weights: str | npt.ArrayLike | None,
    se: str | npt.ArrayLike | None,
    residual: bool,
    missing: str,
    namespace: Mapping[str, Any],
    predictors: Mapping[str, str],
) -> ModelSpec:
    """Read the formula, encode the data, set the priors; warn of what was probably not meant."""
    own = with_errors(get_family(family), se is not None, residual)
    if own.known_errors and not own.has_residual_sd and "sigma" in predictors:
        raise BayesmixError(
            "With known standard errors there is no sigma that could have a formula. Add a "
            "residual beside them, residual=True, whose sd is sigma."
        )
    resolved = with_predictors(own, predictors)
    design, resolved, findings = make_checked(
        formula,
        data,
        family=resolved,
        weights=weights,
        se=se,
        missing=missing,
        namespace=namespace,
        predictors=predictors,
    )
    prior_set = resolve_priors(design, resolved, priors)
    if not findings.has_response:
        design = warn_of_separation(design, resolved, prior_set)
    return ModelSpec(warn_of_zeros(design, prior_set, findings), resolved, prior_set)


def with_errors(family: Family, known: bool, residual: bool) -> Family:
    """Take the family of rows with known standard errors, where there are some."""
    true_or_false("residual", residual)
    if known:
        return with_known_errors(family, bool(residual))
    if residual:
        raise BayesmixError(
            "residual=True adds a residual to known standard errors, and there are none. Give "
            "them, se='<column>', or leave residual out: other models have a residual of their own."
        )
    return family
