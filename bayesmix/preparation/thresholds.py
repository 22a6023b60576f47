"""Formulas of families with thresholds, which are there whatever the formula says."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from bayesmix.formula.formula import Formula

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["with_thresholds"]


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
