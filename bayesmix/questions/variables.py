"""The columns that a model predicts from: which there are, of which kind, where they are held."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.formula.formula import names_in, terms_of
from bayesmix.frames.values import holds_numbers, listed
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = [
    "Variable",
    "columns_of_fit",
    "held",
    "held_values",
    "mean_of",
    "variable_of",
    "variables_of",
]

# Functions of formulas whose argument is a column of categories.
_OF_CATEGORIES = ("C", "T", "S")
_SHOWN = 8
# Means are rounding errors below this share of the spread.
_NEGLIGIBLE = 1e-8


@dataclasses.dataclass(frozen=True, eq=False)
class Variable:
    """A column that a model predicts from.

    Attributes
    ----------
    name : str
    kind : {"number", "binary", "category"}
        A binary one has two values, which are numbers or booleans.
    values : tuple
        Distinct values of one that is no number, in their order.
    column : Series
        As the rows of the fit have it.
    is_whole : bool
        Whether these are all rows, and not only some that stand for levels and categories.
    """

    name: str
    kind: str
    values: tuple[Any, ...]
    column: pd.Series[Any]
    is_whole: bool = True


def columns_of_fit(fit: Fitted) -> pd.DataFrame:
    """Return the columns that the predictions of a fit need, of the rows that were fitted.

    Raises
    ------
    BayesmixError
        The fit has no columns of its data.
    """
    design = fit.design
    if design.source is None:
        raise BayesmixError(
            f"The fit of '{design.formula.text}' has no columns of its data, as it was made of "
            "sums or of a design without them. Ask predictions, comparisons or slopes of newdata=, "
            "a data frame with the rows, or fit rows that are in memory."
        )
    names = [*variables_of(design), *design.encoder.response.trial_columns]
    names += [name for name in (design.encoder.weights,) if name is not None]
    return design.source[[name for name in dict.fromkeys(names) if name in design.source]]


def variables_of(design: Design) -> tuple[str, ...]:
    """List the columns of the effects, and then those of the grouping factors."""
    groupings = design.encoder.every_grouping
    factors = (name for grouping in groupings for name in grouping.factor.variables)
    return tuple(dict.fromkeys([*design.encoder.effect_columns(groupings), *factors]))


def variable_of(fit: Fitted, name: object, argument: str, *, whole: bool = True) -> Variable:
    """Find a column by name, of all rows of the fit unless some will do.

    Raises
    ------
    BayesmixError
        The model has no such column, or the fit has no rows.
    """
    known = variables_of(fit.design)
    if not isinstance(name, str) or name not in known:
        raise BayesmixError(
            f"{argument}: {shown(name)} is no column that '{fit.design.formula.text}' predicts "
            f"from. Columns: {listed(known, _SHOWN) or 'none'}. "
            f"{suggest(name if isinstance(name, str) else shown(name), known)}".rstrip()
        )
    totals = fit.design.totals
    if totals is not None and totals.rows is not None and not whole:
        some = _described(fit.design, name, totals.rows[name])
        return dataclasses.replace(some, is_whole=False)
    return _described(fit.design, name, columns_of_fit(fit)[name])


def _described(design: Design, name: str, column: pd.Series[Any]) -> Variable:
    known = design.encoder.categories.get(name)
    # Booleans are 0 and 1 in a formula.
    is_numeric = holds_numbers(column) or pd.api.types.is_bool_dtype(column.dtype)
    if known is not None or name in _categories_of(design) or not is_numeric:
        values = list(known) if known is not None else sorted(column.dropna().unique())
        if isinstance(column.dtype, pd.CategoricalDtype):
            occurring = set(column.dropna().unique())
            values = [value for value in column.cat.categories if value in occurring]
        return Variable(name, "category", tuple(values), column)
    distinct = np.unique(column.dropna().to_numpy())
    if len(distinct) == 2:
        return Variable(name, "binary", tuple(distinct.tolist()), column)
    return Variable(name, "number", (), column)


def _categories_of(design: Design) -> set[str]:
    """Find the columns of numbers that the formula takes as categories."""
    found: set[str] = set()
    for part in design.parts:
        texts = (part.formula.common, *(bar.effects for bar in part.formula.bars))
        for factor in (one for text in texts for term in terms_of(text) for one in term):
            if factor.partition("(")[0] in _OF_CATEGORIES:
                found |= set(names_in(factor)[0])
    groupings = design.encoder.every_grouping
    effects = design.encoder.effect_columns(groupings)
    factors = {name for grouping in groupings for name in grouping.factor.variables}
    return found | (factors - set(effects))


def held(column: pd.Series[Any], *, is_category: bool | None = None) -> Any:
    """Return where a column is held in a grid: at its mean, or the most frequent of its values.

    Booleans, and numbers of two values only, are held at the more frequent one.
    """
    present = column.dropna()
    if is_category is None:
        is_category = not holds_numbers(column) or present.nunique() == 2
    if not is_category and not pd.api.types.is_bool_dtype(column.dtype):
        return mean_of(present)
    counts = present.value_counts(sort=False)
    return counts.index[int(np.argmax(counts.to_numpy()))]


def mean_of(numbers: pd.Series[Any]) -> float:
    """Return a mean, 0 where it is that but for rounding, as that of a centred column is."""
    mean, spread = float(numbers.mean()), float(numbers.std(ddof=0))
    return 0.0 if abs(mean) < _NEGLIGIBLE * spread else mean


def held_values(fit: Fitted, names: Iterable[str]) -> Mapping[str, Any]:
    """Return where some columns of a fit are held."""
    columns = columns_of_fit(fit)
    found: dict[str, Any] = {}
    for name in names:
        if name in variables_of(fit.design):
            kind = _described(fit.design, name, columns[name]).kind
            found[name] = held(columns[name], is_category=kind != "number")
        else:
            found[name] = 1  # trials, weights
    return found
