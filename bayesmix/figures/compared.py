"""Comparisons and slopes: with intervals, over a column or for each of its values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import names_of
from bayesmix.base.errors import BayesmixError
from bayesmix.figures.legends import legends_above, wrap_labels
from bayesmix.figures.panels import (
    BLUE,
    CHAINS,
    GREY,
    SKY,
    clean,
    is_fit,
    make_axes,
    quantity_label,
    returned,
)
from bayesmix.figures.rows import has_room, name_rows, size_of_rows
from bayesmix.frames.spelling import label_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.comparisons import comparisons, slopes
from bayesmix.questions.grid import checked_grid, datagrid
from bayesmix.questions.measures import measure_of
from bayesmix.questions.results import label_name
from bayesmix.questions.variables import Variable, variable_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_comparisons", "plot_slopes"]

_POINTS = 60
_NAMES = {"oddsratio": "odds ratio", "lnratio": "log ratio", "lnor": "log odds ratio"}
# Panels that can be read, and values of a column that are in its own order.
_MOST_PANELS, _MOST_IN_ORDER = 24, 24


def plot_comparisons(
    fit: Fitted,
    variables: str | Collection[str] | Mapping[str, Any] | None = None,
    *,
    by: str | None = None,
    comparison: str = "difference",
    grid: Mapping[str, Any] | None = None,
    scale: str = "response",
    groups: str | Collection[str] | None = None,
    parameter: str | None = None,
    ci_level: float = 0.95,
    ax: Axes | npt.NDArray[Any] | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw comparisons with their intervals, a panel for each.

    Parameters
    ----------
    fit : Fitted
    variables, comparison
        As in `comparisons`.
    by : str, optional
        A column: of numbers, the comparison is a line over it, of a row whose other columns are
        held where `datagrid` holds them; of categories or groups, each has the average over its
        rows. By default the average over all rows.
    grid : mapping, optional
        Where other columns are held for a line over `by`.
    scale, parameter, ci_level
        As in `comparisons`.
    groups : {"conditional", "population", "average"} or list of str, optional
        By default ``"conditional"``; for a line over `by` ``"population"``.
    ax : Axes or array of Axes, optional
        Where to draw, one for each panel.

    Returns
    -------
    Axes or ndarray of Axes

    Raises
    ------
    BayesmixError
        As `comparisons`, or there would be more than 24 panels.

    Examples
    --------
    >>> fit.plot_comparisons("treatment", by="age")  # doctest: +SKIP
    """
    is_fit("plot_comparisons", fit)

    def answer(**options: Any) -> pd.DataFrame:
        return comparisons(fit, variables, comparison=comparison, **options)  # type: ignore[return-value]

    measure_of(fit, comparison, scale, parameter)
    zero = 0.0 if comparison in ("difference", "lift", "lnratio", "lnor") else 1.0
    name = _NAMES.get(comparison, comparison)
    return _drawn(fit, answer, name, by, grid, scale, groups, parameter, ci_level, ax, zero)


def plot_slopes(
    fit: Fitted,
    variables: str | Collection[str] | None = None,
    *,
    by: str | None = None,
    grid: Mapping[str, Any] | None = None,
    scale: str = "response",
    groups: str | Collection[str] | None = None,
    parameter: str | None = None,
    ci_level: float = 0.95,
    ax: Axes | npt.NDArray[Any] | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw derivatives of the expected response with their intervals, a panel for each column.

    Parameters
    ----------
    fit : Fitted
    variables
        As in `slopes`.
    by, grid, scale, groups, parameter, ci_level, ax
        As in `plot_comparisons`.

    Returns
    -------
    Axes or ndarray of Axes

    Raises
    ------
    BayesmixError
        As `plot_comparisons`.

    Examples
    --------
    >>> fit.plot_slopes("dose", by="dose")  # doctest: +SKIP
    """
    is_fit("plot_slopes", fit)

    def answer(**options: Any) -> pd.DataFrame:
        return slopes(fit, variables, **options)  # type: ignore[return-value]

    return _drawn(fit, answer, "slope", by, grid, scale, groups, parameter, ci_level, ax, 0.0)


def _drawn(
    fit: Fitted,
    answer: Callable[..., pd.DataFrame],
    name: str,
    by: str | None,
    grid: Mapping[str, Any] | None,
    scale: str,
    groups: str | Collection[str] | None,
    parameter: str | None,
    ci_level: float,
    ax: Axes | npt.NDArray[Any] | None,
    zero: float,
) -> Axes | npt.NDArray[Any]:
    """Draw an answer: averages as dots with intervals, or a line over a column of numbers."""
    held = {} if grid is None else checked_grid(grid)
    across = None if by is None else _column(fit, by)
    options: dict[str, Any] = {"scale": scale, "parameter": parameter, "ci_level": ci_level}
    if across is not None and across.kind == "number":
        column = across.column.dropna().to_numpy(dtype=np.float64)
        places = np.linspace(column.min(), column.max(), _POINTS).tolist()
        rows = datagrid(fit, {**held, across.name: places})
        table = answer(newdata=rows, groups="population" if groups is None else groups, **options)
    else:
        if grid is not None:
            raise BayesmixError(
                "grid= holds columns for a line over by=, a column of numbers. Averages are over "
                "the rows of the fit: fit.comparisons(grid=...) has the numbers of a grid."
            )
        averaged = True if across is None else across.name
        table = answer(by=averaged, groups="conditional" if groups is None else groups, **options)
    split = ["variable", "contrast"] if across is not None else []
    if "category" in table and across is not None and across.kind != "number":
        split.append("category")
    panels = list(dict.fromkeys(table[split].itertuples(index=False, name=None))) or [()]
    if len(panels) > _MOST_PANELS:
        raise BayesmixError(
            f"There would be {len(panels)} panels, and {_MOST_PANELS} can be read. Ask about fewer "
            "variables or contrasts."
        )
    axes = _panels(ax, table, panels, across)
    quantity = quantity_label(fit, scale, parameter, is_category="category" in table)
    what = f"{name} of {quantity}"
    for axis, panel in zip(axes, panels, strict=True):
        own = table[(table[split] == list(panel)).all(axis=1)] if split else table
        if split:
            title = f"{panel[0]}: {', '.join(label_of(part) for part in panel[1:])}"
            axis.set_title(title, fontsize="medium", loc="left")
        if across is not None and across.kind == "number":
            _lines(axis, own, across, zero)
            axis.set_ylabel(what if axis is axes[0] else "")
        else:
            _intervals(axis, own, across, zero)
            axis.set_xlabel(what)
        clean(axis)
    is_line = across is not None and across.kind == "number"
    if is_line and "category" in table:
        titles = [axis.get_title(loc="left") for axis in axes]
        for axis in axes:
            axis.set_title("", loc="left")
        wrap_labels(axes)
        legends_above(axes, titles)
    else:
        wrap_labels(axes, titles="medium")
    return returned(axes, ax)


def _panels(
    ax: Axes | npt.NDArray[Any] | None,
    table: pd.DataFrame,
    panels: Sequence[tuple[Any, ...]],
    across: Variable | None,
) -> list[Axes]:
    """Make axes: of rows of intervals with the room that these and their names need."""
    width, height = 3.8 + 1.4 * (len(panels) == 1), 3.4
    if across is None or across.kind != "number":
        names = _row_labels(table, across)
        width, height = size_of_rows(
            names,
            len(table) // len(panels),
            width=width,
            height=height,
            panels_high=-(-len(panels) // 3),
        )
    return make_axes(ax, len(panels), width=width, height=height)


def _column(fit: Fitted, by: str) -> Variable:
    names = names_of("by", by)
    if len(names) != 1:
        raise BayesmixError(f"by={list(names)} is not usable: give one column.")
    return variable_of(fit, names[0], "by")


def _lines(axis: Axes, table: pd.DataFrame, across: Variable, zero: float) -> None:
    axis.axhline(zero, color=GREY, lw=0.8, ls=":")
    for (category, own), colour in zip(_by_category(table), _shades(table), strict=True):
        lower, upper = _limits(own)
        axis.fill_between(own[label_name(across.name)], lower, upper, color=colour, alpha=0.2, lw=0)
        axis.plot(own[label_name(across.name)], own["value"], color=colour, lw=1.8, label=category)
    axis.set_xlabel(across.name)


def _intervals(axis: Axes, table: pd.DataFrame, across: Variable | None, zero: float) -> None:
    """Draw dots with intervals, the first at the top, by name where names are legible."""
    labels = _row_labels(table, across)
    n = len(labels)
    what, of_all = "", f"{n:,} rows of the table, in order"
    if across is not None:
        what, of_all = across.name, f"{n:,} of {across.name}, in order"
    order = np.arange(n)
    if not has_room(axis, n) or (across is not None and n > _MOST_IN_ORDER):
        order = np.argsort(-table["value"].to_numpy(), kind="stable")
    place = np.empty(len(table))
    place[order] = np.arange(len(table))[::-1]
    lower, upper = _limits(table)
    axis.axvline(zero, color=GREY, lw=0.8, ls=":")
    few = len(table) < 60
    axis.hlines(place, lower, upper, color=BLUE if few else SKY, lw=1.6 if few else 0.6)
    axis.plot(table["value"], place, "o", color=BLUE, ms=5 if few else 1.5)
    name_rows(axis, place, labels, what, of_all)
    axis.set_ylim(-0.6, len(table) - 0.4)


def _row_labels(table: pd.DataFrame, across: Variable | None) -> list[str]:
    if across is not None:
        labels = [label_of(value) for value in table[label_name(across.name)]]
    else:
        labels = [
            f"{one}: {other}"
            for one, other in zip(table["variable"], table["contrast"], strict=True)
        ]
    if "category" not in table or across is not None:
        return labels
    return [f"{one}, {label_of(k)}" for one, k in zip(labels, table["category"], strict=True)]


def _by_category(table: pd.DataFrame) -> list[tuple[str | None, pd.DataFrame]]:
    if "category" not in table:
        return [(None, table)]
    return [(label_of(k), table[table["category"] == k]) for k in table["category"].unique()]


def _shades(table: pd.DataFrame) -> list[str]:
    n = len(_by_category(table))
    if n <= len(CHAINS):
        return list(CHAINS[:n])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(shade) for shade in colormaps["viridis"](np.linspace(0.0, 0.92, n))]


def _limits(table: pd.DataFrame) -> tuple[pd.Series[float], pd.Series[float]]:
    lower, upper = (name for name in table if str(name).startswith(("lower_", "upper_")))
    return table[lower], table[upper]
