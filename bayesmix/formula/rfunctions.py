"""Functions that R has under names of its own, for formulas: elementwise, of columns.

They come after the user's own functions and formulae's. What is not elementwise is not here:
predictions would compute it anew from other rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import Treatment
from scipy import special

from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count

__all__ = ["FUNCTIONS"]


def _log(x: Any, base: float | None = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _round(x: Any, digits: int = 0) -> Any:
    return np.round(x, digits)


def _ifelse(test: Any, yes: Any, no: Any) -> Any:
    return np.where(test, yes, no)


def _vector(*values: Any) -> list[Any]:
    return list(values)


class _Numbers:
    """R's ``as.numeric`` and its kin, under the name ``as``."""

    def numeric(self, x: Any) -> Any:
        """Return numbers; R's codes of categories are refused, text cannot be told from them."""
        if isinstance(getattr(x, "dtype", None), pd.CategoricalDtype):
            raise BayesmixError(
                f"as.numeric() of text or categories ('{getattr(x, 'name', 'x')}'). Make the "
                "numbers in the data first: pd.to_numeric(data.x) of text, data.x.cat.codes + 1 "
                "for the order of categories."
            )
        return np.asarray(x, dtype=np.float64)

    double = numeric

    def integer(self, x: Any) -> Any:
        """Return numbers without their fraction."""
        return np.trunc(self.numeric(x))

    def __reduce__(self) -> str:
        """Pickle by name: there is one."""
        return "_AS"


class _TreatmentAt(Treatment):  # type: ignore[misc]
    """Treatment contrasts against the category at a place, counted from 1 as in R."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.base = base

    def code_without_intercept(self, levels: Any) -> Any:
        """Return the contrasts, without a column for the reference."""
        position = self.base - 1 if self.base > 0 else len(levels) + self.base
        if self.base != int(self.base) or not 0 <= position < len(levels):
            raise BayesmixError(
                f"contr.treatment(base={self.base}): not one of "
                f"{count(len(levels), 'category', 'categories')}. Name the "
                "reference: C(f, Treatment('name'))."
            )
        return Treatment(levels[position]).code_without_intercept(levels)


class _Contrasts:
    """Contrasts of R that depend on the number of categories, under the name ``contr``."""

    def treatment(self, base: int = 1) -> _TreatmentAt:
        """Return treatment contrasts against the category number `base`."""
        return _TreatmentAt(base)

    def SAS(self) -> _TreatmentAt:
        """Return treatment contrasts against the last category."""
        return _TreatmentAt(-1)

    def __reduce__(self) -> str:
        """Pickle by name: there is one."""
        return "_CONTR"


_AS = _Numbers()
_CONTR = _Contrasts()

FUNCTIONS: Mapping[str, Any] = {
    "abs": np.abs,
    "acos": np.arccos,
    "as": _AS,
    "asin": np.arcsin,
    "atan": np.arctan,
    "c": _vector,
    "ceiling": np.ceil,
    "contr": _CONTR,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "ifelse": _ifelse,
    "inv_logit": special.expit,
    "log": _log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "logit": special.logit,
    "plogis": special.expit,
    "pmax": np.maximum,
    "pmin": np.minimum,
    "pnorm": special.ndtr,
    "qlogis": special.logit,
    "qnorm": special.ndtri,
    "round": _round,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
