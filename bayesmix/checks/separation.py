"""Outcomes that a column or a factor tells apart, and parameters of outcomes that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesmix.checks.outcomes import Outcome, outcomes_of
from bayesmix.design.names import path_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayesmix.base.arrays import FloatArray
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm
    from bayesmix.families.family import Family

__all__ = ["no_zeros", "separated_outcomes"]


def separated_outcomes(design: Design, family: Family) -> list[str]:
    """Find columns that separate the outcomes completely, and factors of levels with one outcome.

    Parameters
    ----------
    design : Design
        Of one predictor.
    family : Family

    References
    ----------
    Albert, A. & Anderson, J. A. (1984). On the existence of maximum likelihood estimates in
    logistic regression models. Biometrika 71, 1-10. https://doi.org/10.1093/biomet/71.1.1
    """
    outcomes = outcomes_of(design, family)
    if not outcomes or not all(one.happened.any() and one.failed.any() for one in outcomes):
        return []
    return [*_of_columns(design, outcomes), *_of_factors(design, outcomes)]


def _of_columns(design: Design, outcomes: Sequence[Outcome]) -> list[str]:
    messages = []
    for j in range(int(design.has_intercept), design.n_terms):
        sides = [_side(design.X[:, j], one) for one in outcomes]
        separated = [one for one, side in zip(outcomes, sides, strict=True) if side]
        is_binary = len(np.unique(design.X[:, j])) == 2
        # Of two values, one separated threshold is enough: the others are of one value each.
        if not separated or (not is_binary and (len(set(sides)) > 1 or 0 in sides)):
            continue
        what = _categories(outcomes) if len(separated) > 1 or len(outcomes) == 1 else ""
        if not what:
            one = separated[0]
            what = f"{one.name} from {one.opposite}: {_bounds(design.X[:, j], one)}"
        messages.append(
            f"Column '{design.terms[j]}' separates {what}, so that only its prior says how large "
            f"its effect{_of_parameter(design)} is. Give it one that you believe in, or leave the "
            "column out."
        )
    return messages


def _side(values: FloatArray, one: Outcome) -> int:
    """Tell where a column is larger: 1 where it happened, -1 where not, 0 where they overlap."""
    high, low = values[one.happened], values[one.failed]
    return int(high.min() > low.max()) - int(high.max() < low.min())


def _bounds(values: FloatArray, one: Outcome) -> str:
    high, low = values[one.happened], values[one.failed]
    of_high, of_low = (
        (f"at least {high.min():g}", f"at most {low.max():g}")
        if high.min() > low.max()
        else (f"at most {high.max():g}", f"at least {low.min():g}")
    )
    return f"it is {of_high} where there are {one.name} and {of_low} where there are {one.opposite}"


def _of_factors(design: Design, outcomes: Sequence[Outcome]) -> list[str]:
    messages = []
    for term in design.groups:
        if term.n_levels == design.n_rows or any(_have_both(term, one) for one in outcomes):
            continue
        both = "more than one category"
        if not _categories(outcomes):
            both = f"both {outcomes[0].name} and {outcomes[0].opposite}"
        path = f"{path_start(design.predictor)}sd:{term.factor}"
        messages.append(
            f"No level of '{term.factor}' has {both} ({term.n_levels} "
            f"levels), so that only the prior says how large the sd of its effects"
            f"{_of_parameter(design)} is. Give "
            f"'{path}' one that you believe in, or leave '{term.factor}' out."
        )
    return messages


def _have_both(term: GroupTerm, one: Outcome) -> bool:
    """Tell whether any level has both outcomes."""
    some, others = (
        np.bincount(term.codes, rows, minlength=term.n_levels) > 0
        for rows in (one.happened, one.failed)
    )
    return bool((some & others).any())


def _categories(outcomes: Sequence[Outcome]) -> str:
    """Name what several outcomes are of."""
    return "all categories" if len(outcomes) > 1 else ""


def _of_parameter(design: Design) -> str:
    return f" on {design.predictor}" if design.predictor else ""


def no_zeros(design: Design, family: Family) -> list[str]:
    """Say of the probability of a zero that no value is zero, and which family has none."""
    parameter = next((one for one in family.parameters if one.zeros), None)
    if parameter is None or (design.y == 0).any():
        return []
    _, _, counts = family.name.rpartition("_")
    cut = parameter.zeros == "all" and family.discrete
    return [
        f"No value of '{design.response}' is zero, so that all that is known of {parameter.name}, "
        f"the probability of a zero, is that it is small. Take family '{counts}'"
        + (", unless counts are meant that were cut off at zero." if cut else ".")
    ]
