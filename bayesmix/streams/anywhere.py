"""A specification of rows wherever they are: in memory, in files, or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from bayesmix.base.memory import keep_freed_memory
from bayesmix.base.progress import late_progress
from bayesmix.families.family import Family
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.prepare import specification
from bayesmix.priors.effects import AnyPrior
from bayesmix.streams.rows import open_rows
from bayesmix.streams.specification import streamed_specification

__all__ = ["any_specification"]


def any_specification(
    formula: str,
    data: Any,
    family: str | Family,
    priors: Mapping[str, AnyPrior | str] | None,
    weights: str | npt.ArrayLike | None,
    se: str | npt.ArrayLike | None,
    residual: bool,
    missing: str,
    namespace: Mapping[str, Any],
    predictors: Mapping[str, str],
    *,
    progressbar: bool,
) -> ModelSpec:
    """Make a specification; of rows that are not in memory, from sums over them."""
    rows = open_rows(data)
    if rows is None:
        return specification(
            formula, data, family, priors, weights, se, residual, missing, namespace, predictors
        )
    keep_freed_memory()
    with late_progress(progressbar, f"Reading {rows.what}") as report:
        return streamed_specification(
            formula,
            rows,
            family,
            priors,
            weights,
            se,
            residual,
            missing,
            namespace,
            predictors,
            report,
        )
