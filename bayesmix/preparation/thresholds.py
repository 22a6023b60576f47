"""Formulas of families with thresholds, which are there whatever the formula says."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from bayesmix.base.errors import BayesmixError
from bayesmix.families.thresholds import EQUIDISTANT, specific_names
from bayesmix.formula.formula import Formula
from bayesmix.formula.specific import WORD

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["check_specific", "specific_formulas", "with_thresholds"]


def with_thresholds(formula: Formula, family: Family) -> tuple[Formula, tuple[str, ...]]:
    """Read ``0 + x`` as ``1 + x`` where thresholds take the place of the intercept.

    Categories are then coded against the first of them, as R's ``ordinal::clm`` codes them.

    Returns
    -------
    Formula
    tuple of str
        What to say of it: one note, or none.
    """
    if family.thresholds is None or not formula.common.startswith("0"):
        return formula, ()
    common = f"1{formula.common[1:]}"
    note = (
        f"Family '{family.name}' has thresholds in the place of an intercept, which cannot be left "
        f"out: '{formula.common}' is read as '{common}'. Write the formula without 0."
    )
    return dataclasses.replace(formula, common=common), (note,)


def check_specific(family: Family, formulas: Mapping[str, Formula]) -> None:
    """Refuse effects that differ between thresholds where there are none that may move.

    Parameters
    ----------
    family : Family
    formulas : mapping of str to Formula
        By parameter; of the formula itself the name is empty.
    """
    for name, formula in formulas.items():
        if not formula.specific:
            continue
        terms = formula.specific.removeprefix("1 + ")
        if name:
            raise BayesmixError(
                f"{WORD}({terms}) in the predictor of {name}. Effects at single thresholds belong "
                f"into the formula of the response; here write {name}='~ {terms}'."
            )
        if not family.takes_specific:
            why = "has no thresholds"
            if family.thresholds is not None:
                why = "has thresholds in order, which such effects could turn round"
            raise BayesmixError(
                f"{WORD}({terms}) has an effect at each threshold, and family {family.name!r} "
                f"{why}. Take sratio, cratio or acat for ordered categories, or write {terms}."
            )
        if family.threshold == EQUIDISTANT:
            raise BayesmixError(
                f"{WORD}({terms}) moves single thresholds, which are at equal distances with "
                f"threshold=equidistant. Take family='{family.name}({family.link})', or write "
                f"{terms}."
            )


def specific_formulas(
    formula: Formula, length: int, columns: Collection[str]
) -> dict[str, Formula]:
    """Return the formulas of the predictors at each of so many thresholds.

    Parameters
    ----------
    formula : Formula
    length : int
    columns : collection of str
        Names that none of them may have as its response.
    """
    found = {}
    for name in specific_names(length):
        label = name
        while label in columns:
            label += "_"
        text = f"{label} ~ {formula.specific}"
        found[name] = Formula(text, label, formula.specific)
    return found
