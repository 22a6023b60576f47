"""Predictors of parameters that are fixed without one: what only priors tell from other parameters.

Thresholds and effects may all be multiplied by a number and ``disc`` divided by it. So it has no
intercept of its own: it is 1 where its columns are zero.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from bayesmix.checks.shifts import far_zero
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.families.family import Family

__all__ = ["unidentified_scale"]


def unidentified_scale(design: Design, family: Family) -> tuple[str, ...]:
    """Say of an intercept that only priors identify, and of columns that are zero far away."""
    name = design.predictor
    parameter = family.parameter(name)
    if parameter.fixed is None:
        return ()
    number = f"{parameter.fixed:g}"
    if design.has_intercept:
        common = f"0{design.formula.common[1:]}" if design.n_terms > 1 else "0 + x"
        without = dataclasses.replace(design.formula, common=common)
        right = str(without).partition(" ~ ")[2]
        return (
            f"The intercept of {name} cannot be told from the other parameters of family "
            f"'{family.name}', which may all be multiplied by a number where {name} is divided by "
            f"it: only the priors do. Leave it out, {name}='~ {right}', so that {name} is {number} "
            "where the columns are zero, and in the first of categories.",
        )
    zeros = [
        zero
        for label, column in zip(design.terms, design.X.T, strict=True)
        if (zero := far_zero(label, column)) is not None
    ]
    if not zeros:
        return ()
    are, them = ("is", "it") if len(zeros) == 1 else ("are", "them")
    centred = listed([f"center({zero.name})" for zero in zeros])
    return (
        f"{listed(map(str, zeros))} {are} far from zero, where {name} is {number}, so that the "
        f"priors of all other parameters are for a scale far from the data. Centre {them} in the "
        f"predictor of {name}: {centred}.",
    )
