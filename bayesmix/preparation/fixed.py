"""Formulas of parameters that are fixed without one: effects beside a number that is known."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from bayesmix.formula.formula import Formula

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["is_beside_fixed", "with_intercept"]


def is_beside_fixed(predictor: str, formula: Formula, family: Family) -> bool:
    """Tell whether the number of a parameter stays where its predictor has no intercept."""
    names = {parameter.name for parameter in family.parameters if parameter.fixed is not None}
    return predictor in names and formula.common.startswith("0")


def with_intercept(formula: Formula) -> Formula:
    """Read ``0 + f`` as ``1 + f``: the first category is where the number stays."""
    return dataclasses.replace(formula, common=f"1{formula.common[1:]}")
