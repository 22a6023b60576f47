"""Effects at single thresholds whose columns are constant, or made of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesmix.checks.dependence import dependent_columns, gram_matrix
from bayesmix.formula.specific import WORD
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = ["specific_columns"]

_FEW = 5


def specific_columns(design: Design, own: Design) -> tuple[str, ...]:
    """Say which columns of the predictors at single thresholds the data cannot tell apart.

    Parameters
    ----------
    design : Design
        That of the formula, whose effects are the same at all thresholds.
    own : Design
        One of those at a threshold, which all have the same columns.
    """
    if not own.n_terms:
        return ()
    names = (*design.terms, *own.terms)
    found = dependent_columns(gram_matrix([design.X, own.X], has_constant=True))
    messages = []
    for j, others in found.items():
        if j < design.n_terms:
            continue  # told of the formula
        if np.ptp(own.X[:, j - design.n_terms]) == 0:
            messages.append(
                f"Column '{names[j]}' of {WORD}() is the same in every row, so that it cannot be "
                "told from the thresholds and only its prior speaks. Leave it out."
            )
            continue
        made = listed((f"'{names[k]}'" for k in others), _FEW)
        messages.append(
            f"Column '{names[j]}' of {WORD}() is a linear combination of {made}, so that the data "
            "cannot tell their effects apart and only the priors do. Leave one of them out."
        )
    return tuple(messages)
