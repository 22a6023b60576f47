"""A response of several categories: which there are, in which order, and their codes.

The order is that of a Categorical or of whole numbers, and of text, where it has no meaning, that
of the alphabet. It is learnt once, from the rows that are fitted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import CategoricalBox

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError, short
from bayesmix.base.words import count
from bayesmix.encoding.outcomes import coded, is_categorical, is_text
from bayesmix.families.responses import nearest_whole
from bayesmix.frames.columns import listed
from bayesmix.frames.spelling import label_of
from bayesmix.frames.textnumbers import conversion

__all__ = ["Categories", "learn_categories"]

_MOST_NAMED = 6
_MOST_UNORDERED = 50


@dataclasses.dataclass(frozen=True, eq=False)
class Categories:
    """The categories of a response, in their order.

    Attributes
    ----------
    values : Index, length K
        As the user has them: whole numbers, or the categories of a Categorical.
    are_numbers : bool
    are_ordered : bool
    """

    values: pd.Index[Any]
    are_numbers: bool
    are_ordered: bool = True

    @property
    def labels(self) -> list[str]:
        """The categories as text."""
        return [label_of(value) for value in self.values]

    @property
    def names(self) -> list[str] | list[int]:
        """The categories as numbers, or as text."""
        return self.values.tolist() if self.are_numbers else self.labels

    @property
    def numbers(self) -> IntArray:
        """A number for each category: its own, or 1, 2, ..."""
        if self.are_numbers:
            return self.values.to_numpy(dtype=np.int64)
        return np.arange(1, len(self.values) + 1)

    def codes(self, name: str, values: Any) -> FloatArray:
        """Return the codes of categories or numbers, from 0.

        Raises
        ------
        BayesmixError
            One is none of the categories.
        """
        values = _unboxed(values)
        if self.are_numbers:
            numbers = nearest_whole(np.asarray(values, dtype=np.float64))
            bad = ~np.isin(numbers, self.values.to_numpy(dtype=np.float64))
            if bad.any():
                found = [f"{number:g}" for number in np.unique(numbers[bad])]
                raise self._unknown(name, found)
            return np.searchsorted(self.numbers, numbers).astype(np.float64)
        own, categories = coded(values)
        labels = [label_of(category) for category in categories]
        known = {label: code for code, label in enumerate(self.labels)}
        if unknown := [repr(label) for label in labels if label not in known]:
            raise self._unknown(name, unknown)
        return np.array([known[label] for label in labels], dtype=np.float64)[own]

    def column(self, codes: FloatArray) -> Any:
        """Return a column that has the categories of these codes."""
        places = codes.astype(np.int64)
        if self.are_numbers:
            return self.numbers[places]
        return pd.Categorical.from_codes(places, self.values, ordered=self.are_ordered)

    def _unknown(self, name: str, found: list[str]) -> BayesmixError:
        return BayesmixError(
            f"Response '{name}' was one of {listed(self.labels, 8)} in the fit, and is "
            f"{listed(found, 4)} in the new data. Correct it or leave it out."
        )


def learn_categories(
    name: str,
    family: str,
    values: Any,
    columns: Mapping[str, pd.Series[Any]],
    *,
    is_ordered: bool = True,
    has_levels: bool = False,
) -> tuple[Categories, tuple[str, ...]]:
    """Learn the categories of a response, and say which of a Categorical do not occur.

    Parameters
    ----------
    name, family : str
        For the messages.
    values : Series, CategoricalBox or ndarray
        The response of the rows that are fitted, as formulae evaluates it.
    columns : mapping of str to Series
        The columns that it is made of, as they came.
    is_ordered : bool
        Whether the order has a meaning.
    has_levels : bool
        Whether the formula says the order, ``ordered(y, levels=c("low", "high"))``.

    Raises
    ------
    BayesmixError
        The response has no order, lacks a number between others, is not whole, has very many
        categories, or does not vary.
    """
    notes: tuple[str, ...] = ()
    values = _unboxed(values)
    if is_text(values):
        column = next(iter(columns.values())) if len(columns) == 1 else None
        if (
            is_ordered
            and not has_levels
            and not getattr(getattr(column, "dtype", None), "ordered", False)
        ):
            raise _no_order(name, family, values, columns)
        _, used = coded(values)
        if column is not None and is_categorical(column):
            occurring = {label_of(value) for value in used}
            notes = _unused(name, [label_of(one) for one in column.cat.categories], occurring)
        categories = Categories(pd.Index(used), are_numbers=False, are_ordered=is_ordered)
    else:
        numbers = _whole_numbers(name, family, values, is_ordered=is_ordered)
        categories = Categories(pd.Index(np.unique(numbers)), True, are_ordered=is_ordered)
        if is_ordered:
            _check_consecutive(name, family, categories.values.to_numpy())
    if len(categories.values) == 1:
        raise BayesmixError(
            f"Response '{name}' is {categories.labels[0]!r} in every row that is used, so there is "
            "nothing to explain. Check the column and the rows that are kept."
        )
    if not is_ordered and len(categories.values) > _MOST_UNORDERED:
        raise BayesmixError(
            f"Response '{name}' has {len(categories.values)} categories ("
            f"{listed(categories.labels, 4)}), and family '{family}' has a linear predictor for "
            f"each but the first, of at most {_MOST_UNORDERED} categories. Put rare ones together; "
            "for counts use family='poisson', for measurements family='gaussian'."
        )
    return categories, notes


def _unboxed(values: Any) -> Any:
    """Take numbers out of ``C(y)``, ``factor(y)`` or ``ordered(y)``, which have an order."""
    if isinstance(values, CategoricalBox) and values.levels is None and not is_text(values.data):
        return values.data
    return values


def _no_order(
    name: str, family: str, values: Any, columns: Mapping[str, pd.Series[Any]]
) -> BayesmixError:
    found = coded(values)[1]
    labels = [label_of(category) for category in found]
    column = next(iter(columns)) if len(columns) == 1 else "y"
    numbers = conversion(column, labels)
    # Categories of numbers stand without quotes, since text would match none of them.
    typed = [
        repr(label) if isinstance(category, str) else label
        for category, label in zip(found[:_MOST_NAMED], labels, strict=False)
    ]
    order = f"[{', '.join(typed)}{', ...' * (len(labels) > _MOST_NAMED)}]"
    text = f"data['{short(column)}']"
    kind = "a Categorical without an order" if is_categorical(values) else "text"
    kind = kind if columns and is_categorical(next(iter(columns.values()))) else "text"
    message = (
        f"Response '{name}' is {kind} ({listed(labels, _MOST_NAMED)}), and family '{family}' needs "
        f"the order of its categories, the lowest first: {text} = pd.Categorical({text}, "
        f"categories={order}, ordered=True), with the categories in their order"
    )
    return BayesmixError(
        f"{message}. If numbers are meant: {text} = {numbers}." if numbers else f"{message}."
    )


def _unused(name: str, categories: list[str], occurring: set[str]) -> tuple[str, ...]:
    unused = [label for label in categories if label not in occurring]
    if not unused:
        return ()
    which = listed(map(repr, unused), _MOST_NAMED)
    lone = len(unused) == 1
    return (
        f"{count(len(unused), 'category').replace('categorys', 'categories')} of response "
        f"'{name}', {which}, {'does' if lone else 'do'} not occur in the rows that are used and "
        f"{'is' if lone else 'are'} left out: {'it has' if lone else 'they have'} no probability "
        "in predictions.",
    )


def _whole_numbers(name: str, family: str, values: Any, *, is_ordered: bool) -> IntArray:
    numbers = nearest_whole(np.asarray(values, dtype=np.float64).reshape(-1))
    bad = ~np.isfinite(numbers) | (numbers != np.floor(numbers))
    if bad.any():
        raise BayesmixError(
            f"Response '{name}' of family '{family}' must be "
            f"{'an ordered Categorical' if is_ordered else 'text, a Categorical'} or whole "
            f"numbers, one for each category; it holds {numbers[bad][0]:.12g}. Numbers that were "
            "measured are of family='gaussian'; to make categories of them use pd.cut(..., "
            f"ordered={is_ordered})."
        )
    if np.abs(numbers).max() > 2**53:
        raise BayesmixError(
            f"Response '{name}' holds {np.abs(numbers).max():.12g}, which is no number of a "
            "category. Check the column."
        )
    return numbers.astype(np.int64)


def _check_consecutive(name: str, family: str, found: IntArray) -> None:
    steps = np.diff(found)
    if (steps == 1).all():
        return
    absent = [str(found[k] + 1) for k in np.flatnonzero(steps > 1)]
    numbers = listed([str(one) for one in found], 8)
    raise BayesmixError(
        f"Response '{name}' holds the numbers {numbers}, without {listed(absent, 4)} between them, "
        f"and whole numbers of family '{family}' are consecutive: 1, 2, 3, ... If these numbers "
        f"are the categories and no others, say so: data['{short(name)}'] = "
        f"pd.Categorical(data['{short(name)}'], ordered=True). For counts use family='poisson'."
    )
