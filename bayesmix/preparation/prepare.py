"""Everything but the sampling: formula, data and priors to a specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import with_predictors
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.make import make_checked
from bayesmix.preparation.request import Request
from bayesmix.preparation.separated import warn_of_separation
from bayesmix.preparation.zeros import warn_of_zeros
from bayesmix.priors.defaults import resolve_priors

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

__all__ = ["specification"]


def specification(request: Request, data: IntoFrame) -> ModelSpec:
    """Read the formula, encode the data, set the priors; warn of what was probably not meant."""
    own, predictors = request.own_family(), request.predictors
    if own.known_errors and not own.has_residual_sd and "sigma" in predictors:
        raise BayesmixError(
            "With known standard errors there is no sigma that could have a formula. Add a "
            "residual beside them, residual=True, whose sd is sigma."
        )
    design, resolved, findings = make_checked(
        request.formula,
        data,
        family=with_predictors(own, predictors),
        weights=request.weights,
        se=request.se,
        missing=request.missing,
        namespace=request.namespace,
        predictors=predictors,
    )
    prior_set = resolve_priors(design, resolved, request.priors)
    if not findings.has_response:
        design = warn_of_separation(design, resolved, prior_set)
    return ModelSpec(warn_of_zeros(design, prior_set, findings), resolved, prior_set)
