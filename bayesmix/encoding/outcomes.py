"""Values of a response that are text or categories: coded, compared, or refused with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from formulae.categorical import CategoricalBox

from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError, short
from bayesmix.formula.formula import quote
from bayesmix.frames.columns import listed
from bayesmix.frames.spelling import label_of
from bayesmix.frames.textnumbers import conversion

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["coded", "equals", "is_categorical", "is_text", "labels_of", "not_numbers"]


def is_categorical(values: Any) -> bool:
    """Tell whether values have pandas' dtype of categories."""
    return isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)


def is_text(values: Any) -> bool:
    """Tell text and categories from numbers."""
    if isinstance(values, CategoricalBox) or is_categorical(values):
        return True
    return np.asarray(values).dtype.kind not in "biufc"


def coded(values: Any) -> tuple[IntArray, list[Any]]:
    """Make codes of text or categories: these in their own order, text sorted."""
    levels = None
    if isinstance(values, CategoricalBox):
        values, levels = values.data, values.levels
    if is_categorical(values):
        categorical = pd.Categorical(values).remove_unused_categories()
    else:
        codes, uniques = pd.factorize(np.asarray(values).reshape(-1), sort=True)
        if (codes < 0).any():
            raise BayesmixError(
                "The response is calculated and has missing values. Calculate it as a column of "
                "the data, so that these rows can be left out."
            )
        categorical = pd.Categorical.from_codes(codes, categories=pd.Index(uniques))
    if levels is not None:
        known = [level for level in levels if level in categorical.categories]
        categorical = categorical.reorder_categories(known)
    return categorical.codes.astype(np.int64), categorical.categories.tolist()


def labels_of(values: pd.Series[Any]) -> list[str]:
    """List the values that occur as labels, sorted."""
    return [label_of(value) for value in pd.factorize(values, sort=True)[1]]


def equals(values: pd.Series[Any], level: str) -> npt.NDArray[np.bool_]:
    """Compare values with a level as labels, so that ``2.0`` is ``"2"``."""
    codes, uniques = pd.factorize(values)
    return np.array([label_of(value) == level for value in uniques], dtype=np.bool_)[codes]


def not_numbers(
    name: str, columns: Sequence[str], values: Any, what: str = "", family: Family | None = None
) -> BayesmixError:
    """Make the error for text or categories where numbers or two levels are needed."""
    _, categories = coded(values)
    labels = [label_of(category) for category in categories]
    if what:
        return BayesmixError(
            f"The {what} of '{name}' are text or categories ({listed(sorted(labels), 4)}), not "
            "numbers. Make numbers of text with pd.to_numeric."
        )
    column = columns[0] if len(columns) == 1 else "y"
    one = _against_others(column, labels)
    numbers = conversion(column, labels) if len(columns) == 1 else None
    meant = f"data['{short(column)}'] = {numbers}"
    holds = f"Response '{name}' holds text or categories ({listed(labels, 6)})"
    if len(labels) == 1:
        return BayesmixError(
            f"{holds}: all rows that are used have the same value, so there is nothing to explain. "
            "Check the column and the rows that are kept."
        )
    if family is not None and family.binary:
        message = (
            f"{holds}, {len(labels)} of them where family '{family.name}' needs 2. For the "
            f"probability of one against the others {one}"
        )
        message += f"; if numbers are meant: {meant}" * bool(numbers)
    elif numbers:
        message = f"{holds}, not numbers. If numbers are meant: {meant}. For the probability of "
        message += f"one of the labels with family='bernoulli' {one}"
    elif len(labels) == 2:
        message = f"{holds}, not numbers. For the probability of '{short(labels[1])}' pass "
        message += "family='bernoulli'"
    else:
        message = f"{holds}, not numbers. For the probability of one of them {one}"
        message += " with family='bernoulli'"
    return BayesmixError(f"{message}.")


def _against_others(column: str, labels: Sequence[str]) -> str:
    """Say how to write one level of a column, in characters that a formula can have."""
    label = next((label for label in reversed(labels) if not {"'", '"'} & set(label)), None)
    if label is None:
        return "make a column of True and False"
    quoted, shown = quote(column), short(label)
    return f"write {column}['{shown}']" if quoted == column else f"write I({quoted} == '{shown}')"
