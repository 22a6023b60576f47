"""Rows to ask about: all combinations of some values, the other columns held."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from bayesmix.base.arguments import few, shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.frames.frames import open_frame
from bayesmix.frames.values import listed
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.variables import columns_of_fit, held, held_values

__all__ = ["checked_grid", "combined", "datagrid"]

_MOST_ROWS = 1_000_000


def datagrid(
    fit_or_data: Any, columns: Mapping[str, Any] | None = None, /, **named: Any
) -> pd.DataFrame:
    """Make a data frame of all combinations of some values, the other columns held.

    Parameters
    ----------
    fit_or_data : MixedFit or DataFrame
        A fit, whose columns are those that its predictions need, or a data frame of any library
        that narwhals reads.
    columns : mapping, optional
        Values by column, for names that cannot be typed: ``{"body mass": [60, 70]}``.
    **named
        Values by column, ``Days=[0, 9]``: one value or a list, or a function that makes them of
        the column, ``Days=np.unique``.

    Returns
    -------
    pandas.DataFrame
        A row for each combination, the first named column varying slowest. Columns that are not
        named are held: numbers at their mean, categories, labels of groups and numbers of two
        values at the most frequent one; numbers of trials are 1. The rows of the fit are those
        that were fitted.

    Raises
    ------
    BayesmixError
        A name is that of no column, a list is empty, or there are more than a million rows.

    See Also
    --------
    bayesmix.MixedFit.predictions : ``grid={"Days": [0, 9]}`` makes the same rows.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> bm.datagrid(data[["Days", "Subject"]], Days=[0, 9])
       Days Subject
    0     0     308
    1     9     308
    """
    if columns is not None and not isinstance(columns, Mapping):
        raise BayesmixError(
            f"datagrid: {shown(columns)} is no mapping of columns to values. Write Days=[0, 9], or "
            "{'body mass': [60, 70]} for names that cannot be typed."
        )
    twice = sorted({*(columns or {})} & {*named})
    if twice:
        raise BayesmixError(f"datagrid: {twice[0]!r} has values twice. Give it once.")
    asked = {**(columns or {}), **named}
    if isinstance(fit_or_data, Fitted):
        frame = columns_of_fit(fit_or_data)
        rest = held_values(fit_or_data, [str(name) for name in frame if name not in asked])
    else:
        opened = open_frame(fit_or_data, "data")
        frame = opened.read(opened.columns).table
        rest = {str(name): held(frame[name]) for name in frame if name not in asked}
    values = {name: _values(frame, name, value) for name, value in asked.items()}
    made = _product(values, rest)
    if isinstance(fit_or_data, Fitted):
        for grouping in fit_or_data.design.encoder.every_grouping:
            _hold_inside(made, frame, grouping.factor.variables, asked)
    return made


def _hold_inside(
    made: pd.DataFrame, frame: pd.DataFrame, variables: Sequence[str], asked: Collection[str]
) -> None:
    """Hold a label of a combination of factors where it occurs beside those that were asked for."""
    outer = [name for name in variables if name in asked]
    inner = [name for name in variables if name not in asked]
    if not outer or not inner:
        return
    texts = frame[outer].astype(str)
    for labels, rows in made[outer].astype(str).groupby(outer, sort=False):
        inside = frame[(texts == list(labels)).all(axis=1)]
        if len(inside):
            for name in inner:
                made[name] = made[name].astype(object)
                made.loc[rows.index, name] = held(inside[name], is_category=True)


def checked_grid(grid: object) -> Mapping[str, Any]:
    """Return values by column; raise for what is no mapping."""
    if not isinstance(grid, Mapping):
        raise BayesmixError(
            f"grid={shown(grid)} is no mapping of columns to values. Write grid={{'x': [0, 1]}}."
        )
    return grid


def combined(frame: pd.DataFrame, grid: Mapping[str, Any]) -> pd.DataFrame:
    """Repeat all rows for each combination of the values of a grid."""
    values = {name: _values(frame, name, value) for name, value in grid.items()}
    n = math.prod(map(len, values.values()))
    _check_size(n * len(frame))
    repeated = pd.concat([frame] * n, ignore_index=True)
    combinations = _product(values, {})
    for name in values:
        repeated[name] = combinations[name].repeat(len(frame)).to_numpy()
    return repeated


def _values(frame: pd.DataFrame, name: str, value: Any) -> list[Any]:
    if name not in frame:
        raise BayesmixError(
            f"grid: {shown(name)} is no column. Columns: {listed(map(str, frame), 8)}. "
            f"{suggest(str(name), map(str, frame))}".rstrip()
        )
    if callable(value):
        try:
            value = value(frame[name])
        except Exception as error:  # whatever the user's function raises
            raise BayesmixError(
                f"grid: the function for {name!r} failed on that column ({type(error).__name__}: "
                f"{error}). Give the values: {name}=[...]."
            ) from error
    values = few(f"grid {name}", value)
    if not values:
        raise BayesmixError(f"grid: {name!r} has no values. Give one or more: {name}=[0, 1].")
    if any(pd.isna(one) is True for one in values):
        raise BayesmixError(f"grid: {name!r} has a missing value. Leave it out.")
    return values


def _product(values: Mapping[str, list[Any]], rest: Mapping[str, Any]) -> pd.DataFrame:
    _check_size(math.prod(map(len, values.values())))
    rows = list(itertools.product(*values.values()))
    columns = {name: [row[k] for row in rows] for k, name in enumerate(values)}
    made = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))
    for name, value in rest.items():
        # A value may be a list itself, of which pandas would take an element for each row.
        made[name] = [value] * len(made) if pd.api.types.is_list_like(value) else value
    return made


def _check_size(n: int) -> None:
    if n > _MOST_ROWS:
        raise BayesmixError(
            f"grid: its combinations are {n:,} rows, of at most {_MOST_ROWS:,}. Give fewer values."
        )
