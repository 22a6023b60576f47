"""Expected responses over a column, with intervals, and the data behind."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import names_of, true_or_false
from bayesmix.base.errors import BayesmixError
from bayesmix.figures.panels import GREY, clean, is_fit, quantity_label, returned
from bayesmix.figures.series import Series, draw_series, label_panels, make_panels, positions
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.grid import checked_grid, datagrid
from bayesmix.questions.predictions import predictions
from bayesmix.questions.variables import Variable, columns_of_fit, mean_of, variable_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_predictions"]

_POINTS = 60
# Of the response among the columns of the rows.
_RESPONSE = "\N{BULLET}response"
_MOST_DOTS = 3_000


def plot_predictions(
    fit: Fitted,
    variable: str,
    *,
    by: str | Collection[str] | None = None,
    grid: Mapping[str, Any] | None = None,
    scale: str = "response",
    groups: str | Collection[str] | None = None,
    parameter: str | None = None,
    ci_level: float = 0.95,
    data: bool = True,
    ax: Axes | npt.NDArray[Any] | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw the expected response over a column, with its interval, and the data behind.

    Parameters
    ----------
    fit : Fitted
    variable : str
        The column of the horizontal axis: a line over the range of numbers, a dot for each
        category.
    by : str or list of two, optional
        Columns whose values have a line each: in colours, where there are up to six of them, in
        panels up to 36, in thin lines beyond; those of a second column in panels. Of a column of
        numbers three: its mean, and one sd below and above it.
    grid : mapping, optional
        Where other columns are held, ``{"age": 40}``; by default where `datagrid` holds them.
    scale, parameter, ci_level
        As in `predictions`.
    groups : {"conditional", "population", "average"} or list of str, optional
        As in `predictions`; by default ``"conditional"`` where `by` or `variable` is a grouping
        factor, and ``"population"`` otherwise.
    data : bool
        Draw the rows of the fit behind, 3,000 of them where there are more; only with the expected
        response itself.
    ax : Axes or array of Axes, optional
        Where to draw, one for each panel.

    Returns
    -------
    Axes or ndarray of Axes

    Raises
    ------
    BayesmixError
        As `predictions`, or there would be more than 36 panels.

    Notes
    -----
    The categories of a response have a colour each, and `by` panels.

    Examples
    --------
    >>> fit.plot_predictions("Days", by="Subject")  # doctest: +SKIP
    """
    is_fit("plot_predictions", fit)
    held = {} if grid is None else checked_grid(grid)
    true_or_false("data", data)
    across = variable_of(fit, variable, "variable")
    names = () if by is None else names_of("by", by)
    if len(names) > 2 or variable in names:
        raise BayesmixError(
            f"by={list(names)} is not usable: give one or two columns besides {variable!r}."
        )
    split = [variable_of(fit, name, "by") for name in names]
    if groups is None:
        factors = {
            name for one in fit.design.encoder.every_grouping for name in one.factor.variables
        }
        groups = "conditional" if factors & {variable, *names} else "population"
    values = {one.name: _cuts(one) for one in split if one.name not in held}
    values[variable] = _places(across)
    rows = datagrid(fit, {**held, **values})
    values |= {one.name: list(rows[one.name].unique()) for one in split if one.name in held}
    table = predictions(
        fit,
        newdata=rows,
        scale=scale,
        groups=groups,
        parameter=parameter,
        ci_level=ci_level,
    )
    assert isinstance(table, pd.DataFrame)
    series = Series.of(table, split, values)
    axes = make_panels(ax, len(series.panels))
    behind = None
    if data and scale == "response" and parameter is None and "category" not in table:
        behind = _rows_behind(fit)
    for axis, panel in zip(axes, series.panels, strict=True):
        if behind is not None:
            _draw_rows(axis, series, panel, behind, across)
        draw_series(axis, series, panel, table, across)
        clean(axis)
    what = quantity_label(fit, scale, parameter, is_category="category" in table)
    label_panels(axes, series, across, what)
    return returned(axes, ax)


def _places(variable: Variable) -> list[Any]:
    """Return the values of a column along the axis."""
    if variable.kind != "number":
        return list(variable.values)
    column = variable.column.dropna().to_numpy(dtype=np.float64)
    return list(np.linspace(column.min(), column.max(), _POINTS).tolist())


def _cuts(variable: Variable) -> list[Any]:
    """Return the values of a column that have a line each."""
    if variable.kind != "number":
        return list(variable.values)
    mean, sd = mean_of(variable.column), float(variable.column.std())
    if not 0 < sd < math.inf:
        return [mean]
    # To three digits of the sd, so that they differ and rounding errors do not show.
    digits = 2 - math.floor(math.log10(sd))
    return [round(value, digits) + 0.0 for value in (mean - sd, mean, mean + sd)]


def _rows_behind(fit: Fitted) -> pd.DataFrame:
    """Return the rows of the fit with the response, a share where there are trials."""
    rows = columns_of_fit(fit)
    y = fit.design.y if fit.design.trials is None else fit.design.y / fit.design.trials
    rows = rows.assign(**{_RESPONSE: y})
    if len(rows) > _MOST_DOTS:
        rows = rows.iloc[np.linspace(0, len(rows) - 1, _MOST_DOTS).astype(int)]
    return rows


def _draw_rows(
    axis: Axes, series: Series, panel: Any, rows: pd.DataFrame, across: Variable
) -> None:
    """Draw rows as dots, in the colours of their lines where they belong to one."""
    if series.panel in rows and panel is not None and series.panel not in series.cuts:
        rows = rows[rows[series.panel] == panel]
    parts = [(rows, GREY)]
    own_colours = len(series.colours) > 1 and not series.is_bundle
    if own_colours and series.colour in rows and series.colour not in series.cuts:
        parts = [
            (rows[rows[series.colour] == value], colour) for value, colour in series.colours.items()
        ]
    rng = np.random.default_rng(0)
    for own, colour in parts:
        x = positions(own[across.name], across)
        if across.kind != "number":
            x = x + rng.uniform(-0.12, 0.12, len(x))
        size = 5.0 if len(rows) < 500 else 3.5
        axis.plot(x, own[_RESPONSE], ".", color=colour, alpha=0.5, ms=size, zorder=0, mew=0)
