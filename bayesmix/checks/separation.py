"""Successes and failures that a column or a factor tells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayesmix.base.arrays import BoolArray
    from bayesmix.design.design import Design
    from bayesmix.families.family import Family

__all__ = ["separated_outcomes"]


def separated_outcomes(design: Design, family: Family) -> list[str]:
    """Find columns that separate the outcomes completely, and factors of levels with one outcome.

    Reference: Albert & Anderson (1984), https://doi.org/10.1093/biomet/71.1.1.
    """
    if not family.binary:
        return []
    trials = np.ones(design.n_rows) if design.trials is None else design.trials
    succeeded, failed = design.y > 0, design.y < trials
    if not succeeded.any() or not failed.any():
        return []
    return [*_of_columns(design, succeeded, failed), *_of_factors(design, succeeded, failed)]


def _of_columns(design: Design, succeeded: BoolArray, failed: BoolArray) -> list[str]:
    messages = []
    for j in range(int(design.has_intercept), design.n_terms):
        values = design.X[:, j]
        high, low = values[succeeded], values[failed]
        is_above, is_below = high.min() > low.max(), high.max() < low.min()
        if not is_above and not is_below:
            continue
        bounds = (
            f"at least {high.min():g} where there are successes and at most {low.max():g}"
            if is_above
            else f"at most {high.max():g} where there are successes and at least {low.min():g}"
        )
        messages.append(
            f"Column '{design.terms[j]}' separates successes from failures: it is {bounds} where "
            "there are failures, so that only its prior says how large its effect is. Give it one "
            "that you believe in, or leave the column out."
        )
    return messages


def _of_factors(design: Design, succeeded: BoolArray, failed: BoolArray) -> list[str]:
    messages = []
    for term in design.groups:
        some = np.bincount(term.codes, succeeded, minlength=term.n_levels) > 0
        others = np.bincount(term.codes, failed, minlength=term.n_levels) > 0
        if term.n_levels == design.n_rows or (some & others).any():
            continue
        messages.append(
            f"No level of '{term.factor}' has both successes and failures ({term.n_levels} "
            f"levels), so that only the prior says how large the sd of its effects is. Give "
            f"'sd:{term.factor}' one that you believe in, or leave '{term.factor}' out."
        )
    return messages
