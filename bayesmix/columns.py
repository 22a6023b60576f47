"""Columns to codes: categories in their order, levels of grouping factors that occur.

Everything here is learnt once, from the rows that are fitted, and applied to new rows later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.errors import BayesmixError, suggest

__all__ = [
    "Factor",
    "apply_categories",
    "distinct_levels",
    "encode_column",
    "learn_factor",
    "listed",
]

type IntArray = npt.NDArray[np.int64]
type Columns = Mapping[str, pd.Series[Any]]


# --- columns ------------------------------------------------------------------------------------


def encode_column(name: str, values: pd.Series[Any]) -> npt.NDArray[Any] | pd.Categorical:
    """Turn a column without missing values into numbers or an ordered Categorical.

    formulae sorts the categories of anything that is not ordered; so categories are put in order
    here: a Categorical's own order without the categories that do not occur, text sorted.

    Parameters
    ----------
    name : str
        For the messages.
    values : Series
        The column.

    Returns
    -------
    ndarray of bool, int64 or float64, or Categorical

    Raises
    ------
    BayesmixError
        The column is neither numbers nor text.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = values.cat.remove_unused_categories().cat
        categories, codes = used.categories, used.codes.to_numpy()
        if len(set(map(str, categories))) < len(categories):
            raise BayesmixError(
                f"Two categories of column '{name}' have the same label: "
                f"{', '.join(map(repr, categories))}. Rename one."
            )
        return pd.Categorical.from_codes(codes, categories=categories, ordered=True)
    numbers = _numbers(values)
    if numbers is not None:
        return numbers
    _check_text(name, values)
    codes, uniques = pd.factorize(values, sort=True)
    return pd.Categorical.from_codes(codes, categories=pd.Index(uniques), ordered=True)


def apply_categories(
    name: str, values: pd.Series[Any], categories: pd.Index[Any] | None
) -> npt.NDArray[Any] | pd.Categorical:
    """Turn a column of new data into what the same column was in the fit.

    Parameters
    ----------
    name : str
        For the messages.
    values : Series
        The column of the new data, without missing values.
    categories : Index or None
        The categories of the fit; None for a column of numbers.

    Returns
    -------
    ndarray or Categorical

    Raises
    ------
    BayesmixError
        A category that the fit did not have, or text where the fit had numbers.
    """
    if categories is None:
        numbers = None if isinstance(values.dtype, pd.CategoricalDtype) else _numbers(values)
        if numbers is None:
            raise BayesmixError(
                f"Column '{name}' was numeric in the fit and is {_kind(values)} in the new data. "
                "Convert it to numbers."
            )
        return numbers
    codes, uniques = _factorize(name, values)
    positions = {category: position for position, category in enumerate(categories)}
    unknown = [value for value in uniques if value not in positions]
    if unknown:
        raise BayesmixError(
            f"Unknown category {', '.join(map(repr, unknown[:5]))} in column '{name}' of the new "
            f"data. Categories of the fit: {listed(map(str, categories))}. "
            f"{suggest(str(unknown[0]), map(str, categories))}".rstrip()
        )
    lookup = np.array([positions[value] for value in uniques], dtype=np.int64)
    return pd.Categorical.from_codes(lookup[codes], categories=categories, ordered=True)


def _numbers(values: pd.Series[Any]) -> npt.NDArray[Any] | None:
    """Return numbers as bool, int64 or float64 and None for anything else."""
    if values.dtype == object:
        values = values.infer_objects()
        if pd.api.types.infer_dtype(values) in ("decimal", "integer"):  # of any size
            return values.to_numpy(dtype=np.float64)
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.to_numpy(dtype=np.bool_)
    if pd.api.types.is_integer_dtype(values.dtype) and values.dtype != np.uint64:
        return values.to_numpy(dtype=np.int64)
    is_complex = pd.api.types.is_complex_dtype(values.dtype)
    if pd.api.types.is_numeric_dtype(values.dtype) and not is_complex:
        return values.to_numpy(dtype=np.float64)
    return None


def _check_text(name: str, values: pd.Series[Any]) -> None:
    kind = _kind(values)
    if kind in ("string", "empty"):
        return
    if kind.startswith("mixed"):
        if not any(isinstance(value, str) for value in values):
            raise _no_value(name, values)
        examples = listed(dict.fromkeys(map(repr, values)), 4)
        raise BayesmixError(
            f"Column '{name}' mixes text and other values ({examples}). "
            f"Make it one of them: data['{name}'].astype(str), or pd.to_numeric(data['{name}'])."
        )
    is_time = kind.startswith(("date", "time", "period"))
    remedy = (
        ", for example to the days since the first: (data.date - data.date.min()).dt.days"
        if is_time
        else ""
    )
    raise BayesmixError(
        f"Column '{name}' holds {kind} values, neither numbers nor text. Convert it first{remedy}."
    )


def _no_value(name: str, values: pd.Series[Any]) -> BayesmixError:
    types = listed(dict.fromkeys(type(value).__name__ for value in values), 4)
    return BayesmixError(
        f"Column '{name}' holds values that are neither numbers nor text ({types}). Put one number "
        "or one text into each row, for example with data.explode or in columns of their own."
    )


def _factorize(name: str, values: pd.Series[Any]) -> tuple[IntArray, Any]:
    try:
        codes, uniques = pd.factorize(values)
        return codes.astype(np.int64, copy=False), uniques
    except TypeError:  # values without a hash, such as lists
        raise _no_value(name, values) from None


def _kind(values: pd.Series[Any]) -> str:
    return str(pd.api.types.infer_dtype(values, skipna=True))


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Write the first names with commas between them."""
    known = list(names)
    more = f", ... ({len(known) - limit} more)" if len(known) > limit else ""
    return ", ".join(known[:limit]) + more


# --- grouping factors ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """A grouping factor: the levels that occur, and how to find them in any rows.

    Attributes
    ----------
    variables : tuple of str
        The columns whose combinations are the levels.
    levels : ndarray of str, shape (J,)
        Labels, ``"10:low"`` for a combination. Integers in the order of numbers, a Categorical in
        its own, text sorted; combinations in the order of the first column, then the second.
    """

    variables: tuple[str, ...]
    levels: npt.NDArray[np.str_]
    _positions: tuple[Mapping[str, int], ...]
    _keys: tuple[IntArray, ...]

    @property
    def name(self) -> str:
        """The columns with colons between them."""
        return ":".join(self.variables)

    def codes(self, columns: Columns) -> IntArray:
        """Find the level of each row; -1 for a level that the fit did not have.

        Values are compared as labels, so that ``10``, ``10.0`` and ``"10"`` are the same level. A
        missing value is none of the levels.
        """
        codes = None
        for i, (variable, positions) in enumerate(
            zip(self.variables, self._positions, strict=True)
        ):
            rows, uniques = _factorize(variable, columns[variable])
            # The last one is for the code -1 of a missing value.
            lookup = np.array([*(positions.get(_label(u), -1) for u in uniques), -1])
            found = lookup[rows]
            if codes is None:
                codes = found
            else:
                key = np.where((codes < 0) | (found < 0), -1, codes * len(positions) + found)
                codes = pd.Index(self._keys[i - 1]).get_indexer(pd.Index(key)).astype(np.int64)
        assert codes is not None
        return codes

    def columns(self, codes: IntArray) -> dict[str, npt.NDArray[np.str_]]:
        """Return the columns that have these codes, as labels: the inverse of `codes`."""
        values: dict[str, npt.NDArray[np.str_]] = {}
        for i in reversed(range(len(self.variables))):
            labels = np.array(list(self._positions[i]), dtype=np.str_)
            if i:
                codes, inner = np.divmod(self._keys[i - 1][codes], len(labels))
                values[self.variables[i]] = labels[inner]
            else:
                values[self.variables[i]] = labels[codes]
        return values


def distinct_levels(
    variables: tuple[str, ...], columns: Columns
) -> tuple[IntArray, list[tuple[str, ...]]]:
    """List the levels that rows have, whether the fit had them or not.

    Values are compared as labels, as in `Factor.codes`.

    Parameters
    ----------
    variables : tuple of str
        The columns whose combinations are the levels.
    columns : mapping of str to Series
        Columns without missing values.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Level of each row, in the order of appearance.
    labels : list of tuple of str
        One label per variable.
    """
    codes = np.zeros(len(columns[variables[0]]), dtype=np.int64)
    labels: list[tuple[str, ...]] = [()]
    for variable in variables:
        rows, uniques = _factorize(variable, columns[variable])
        same, names = pd.factorize(np.array([_label(value) for value in uniques], dtype=object))
        key = codes * len(names) + same[rows]
        codes, key = pd.factorize(key)
        outer, inner = np.divmod(key, len(names))
        labels = [(*labels[a], str(names[b])) for a, b in zip(outer, inner, strict=True)]
    return codes.astype(np.int64, copy=False), labels


def learn_factor(variables: tuple[str, ...], columns: Columns) -> tuple[Factor, IntArray]:
    """List the levels of a grouping factor that occur, and number them.

    Parameters
    ----------
    variables : tuple of str
        The columns whose combinations are the levels.
    columns : mapping of str to Series
        Columns of the rows that are fitted, without missing values.

    Returns
    -------
    factor : Factor
    codes : ndarray of int64, shape (n,)

    Raises
    ------
    BayesmixError
        A column that looks continuous, or a factor with a single level.
    """
    codes, labels = _number_levels(variables[0], columns[variables[0]])
    positions, keys = [_positions(variables[0], labels)], []
    for variable in variables[1:]:
        inner, inner_labels = _number_levels(variable, columns[variable])
        positions.append(_positions(variable, inner_labels))
        # Only the combinations that occur are kept at each step, so that keys cannot overflow.
        codes, key = pd.factorize(codes * len(inner_labels) + inner, sort=True)
        outer_code, inner_code = np.divmod(key, len(inner_labels))
        labels = [
            f"{labels[a]}:{inner_labels[b]}"
            for a, b in zip(outer_code.tolist(), inner_code.tolist(), strict=True)
        ]
        keys.append(key.astype(np.int64))
    name = ":".join(variables)
    if len(labels) < 2:
        raise BayesmixError(
            f"Grouping factor '{name}' has one level ('{labels[0]}'), so nothing can vary between "
            f"its levels. Remove the bar with '{name}', or check the rows that are kept."
        )
    _positions(name, labels)
    factor = Factor(variables, np.array(labels, dtype=np.str_), tuple(positions), tuple(keys))
    return factor, codes.astype(np.int64, copy=False)


def _number_levels(name: str, values: pd.Series[Any]) -> tuple[IntArray, list[str]]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = values.cat.remove_unused_categories().cat
        return used.codes.to_numpy().astype(np.int64), [_label(c) for c in used.categories]
    if pd.api.types.is_float_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64)
        fractions = numbers != np.floor(numbers)
        if fractions.any():
            raise BayesmixError(
                f"Grouping factor '{name}' holds numbers such as {numbers[fractions][0]:g}, so it "
                f"looks continuous. Use a column of labels, group it with pd.cut, or, if every "
                f"value is a group, data['{name}'].astype(str)."
            )
    elif _kind(values).startswith("mixed"):
        _check_text(name, values)
    codes, uniques = pd.factorize(values, sort=True)
    return codes.astype(np.int64, copy=False), [_label(value) for value in uniques]


def _positions(name: str, labels: list[str]) -> dict[str, int]:
    positions = {label: i for i, label in enumerate(labels)}
    if len(positions) < len(labels):
        twice = next(label for i, label in enumerate(labels) if positions[label] != i)
        raise BayesmixError(
            f"Two levels of grouping factor '{name}' have the same label '{twice}'. Rename one."
        )
    return positions


def _label(value: Any) -> str:
    """Write a level as text, whole numbers without a decimal point."""
    is_whole = isinstance(value, float | np.floating) and value.is_integer()
    return str(int(value)) if is_whole else str(value)
