"""Levels of further parameters: one that only priors identify, or that nothing estimates.

Thresholds and effects may all be multiplied by a number and ``disc`` divided by it. So it has no
intercept of its own: it is 1 where its columns are zero. Other parameters without an intercept are
a number there, too, which seldom is meant.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.checks.shifts import far_zero
from bayesmix.families.links import ARRAYS, LINKS
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.families.family import Family

__all__ = ["unidentified_scale"]

# Of the length of a column of ones: what columns that make it leave by rounding.
_ROUNDING = 1e-6


def unidentified_scale(design: Design, family: Family) -> tuple[str, ...]:
    """Say of an intercept that only priors identify, and of columns that are zero far away."""
    name = design.predictor
    parameter = family.parameter(name)
    if parameter.fixed is None:
        return _without_level(design, family)
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


def _without_level(design: Design, family: Family) -> tuple[str, ...]:
    """Say where a predictor has no intercept that the parameter is then one number somewhere."""
    name, X = design.predictor, design.X
    if name in family.categories or design.has_intercept or _makes_ones(X):
        return ()
    link = dict(family.predicted)[name]
    number = float(LINKS[link].inverse(np.zeros(()), ARRAYS))
    where = "where its columns are zero" if design.n_terms else "but for what else it has"
    unit = " in the unit of the response" if family.parameter(name).has_unit else ""
    right = str(design.formula).partition(" ~ ")[2]
    with_one = f"1{right[1:]}" if right.startswith("0") else f"1 + {right}"
    return (
        f"The predictor of {name} has no intercept, so that {name} is {number:g}{unit} {where}: "
        f"nothing estimates its level. Write {name}='~ {with_one}' unless that is meant.",
    )


def _makes_ones(X: FloatArray) -> bool:
    """Tell whether columns add up to one in every row, as those of all categories do."""
    if not X.shape[1]:
        return False
    size = np.sqrt(np.maximum((X**2).sum(axis=0), np.finfo(float).tiny))
    scaled = X / size
    gram = scaled.T @ scaled
    beta = np.linalg.lstsq(gram, scaled.sum(axis=0), rcond=None)[0]
    left = 1 - scaled @ beta
    return bool(np.abs(left).max(initial=0.0) < _ROUNDING)
