"""The predictors of a family that has one for each category: whose formula each of them has."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.formula.formula import Formula
from bayesmix.frames.values import listed

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["formulas_by_category"]


def formulas_by_category(
    family: Family, formula: Formula, given: Mapping[str, Formula], columns: Collection[str]
) -> dict[str, Formula]:
    """Return the formula of each predictor: its own where it was given, otherwise that of all.

    Parameters
    ----------
    family : Family
        With the categories of the response.
    formula : Formula
        Of all predictors without their own.
    given : mapping of str to Formula
        By parameter.
    columns : collection of str
        Names that none of the formulas may have as their response.

    Returns
    -------
    dict of str to Formula
        The first has the empty name and the response of the model.

    Raises
    ------
    BayesmixError
        A name is that of no parameter.
    """
    first, *others = family.predictors
    for name in given:
        if name not in family.predictors:
            names = dict(zip(family.categories[1:], family.predictors, strict=True))
            own = listed(f"{name} of {category!r}" for category, name in names.items())
            raise BayesmixError(
                f"{name}= is none of the arguments, and family {family.name!r} has no parameter "
                f"{name!r} here. Its parameters, of each category against the first, "
                f"{family.categories[0]!r}: {own}. {suggest(name, family.predictors)}".rstrip()
            )
    found = {"": _with_left(given[first], formula.response) if first in given else formula}
    for name in others:
        label = name
        while label in columns:
            label += "_"
        found[name] = given[name] if name in given else _with_left(formula, label)
    return found


def _with_left(formula: Formula, response: str) -> Formula:
    left, _, right = formula.text.partition("~")
    if "`" in left:  # where a tilde may be part of a name
        right = str(dataclasses.replace(formula, response="y")).partition("~")[2]
    text = f"{response} ~ {right.strip()}"
    return dataclasses.replace(formula, text=text, response=response)
