"""Everything but the sampling: formula, data and priors to a specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from bayesmix.families.family import Family
from bayesmix.families.registry import get_family, with_predictors
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.make import make_checked
from bayesmix.preparation.zeros import warn_of_zeros
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.prior import LKJ, Prior

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

__all__ = ["specification"]


def specification(
    formula: str,
    data: IntoFrame,
    family: str | Family,
    priors: Mapping[str, Prior | LKJ] | None,
    weights: str | npt.ArrayLike | None,
    missing: str,
    namespace: Mapping[str, Any],
    predictors: Mapping[str, str],
) -> ModelSpec:
    """Read the formula, encode the data, set the priors; warn of what was probably not meant."""
    resolved = with_predictors(get_family(family), predictors)
    design, findings = make_checked(
        formula,
        data,
        family=resolved,
        weights=weights,
        missing=missing,
        namespace=namespace,
        predictors=predictors,
    )
    prior_set = resolve_priors(design, resolved, priors)
    return ModelSpec(warn_of_zeros(design, prior_set, findings), resolved, prior_set)
