"""Values over a column as lines or dots: in colours, in panels, or as one bundle of lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.figures.legends import legend_above, legend_of_figure, wrap_labels
from bayesmix.figures.panels import BLUE, CHAINS, make_axes
from bayesmix.frames.spelling import label_of
from bayesmix.questions.results import label_name
from bayesmix.questions.variables import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Series", "draw_series", "label_panels", "make_panels", "positions"]

# Levels that have a colour of their own, and levels that have a panel of their own.
MOST_COLOURS, MOST_PANELS = len(CHAINS), 36
# Names of places along the axis that stand beside each other without touching.
_MOST_NAMED, _MOST_TICKS = 8, 30
CATEGORY = "category"


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """How rows of a table are divided into lines.

    Attributes
    ----------
    colour, panel : str
        Columns whose values have colours, and panels; empty for none.
    colours : mapping
        Colour of each value; of a single line under None.
    panels : tuple
        Values with a panel each, or None for a single one.
    cuts : tuple of str
        Columns of numbers that were cut to some values.
    is_bundle : bool
        Whether lines are thin, since there are too many for colours and panels.
    """

    colour: str
    panel: str
    colours: Mapping[Any, str]
    panels: tuple[Any, ...]
    cuts: tuple[str, ...]
    is_bundle: bool = False

    @classmethod
    def of(
        cls, table: pd.DataFrame, split: Sequence[Variable], values: Mapping[str, Sequence[Any]]
    ) -> Series:
        """Lay out a table that is split by no column, by one or by two.

        Raises
        ------
        BayesmixError
            There would be too many panels, or too many colours.
        """
        names = [one.name for one in split]
        cuts = tuple(one.name for one in split if one.kind == "number")
        if "category" in table:
            if len(names) > 1:
                raise BayesmixError(
                    "by: the categories of the response have a colour each, so that by names one "
                    f"column more: by={names[0]!r}."
                )
            names = ["category", *names]
        sizes = {name: _size(table, values, name) for name in names}
        colour, panel = ([*names, "", ""])[:2]
        is_bundle = False
        if len(names) == 1 and sizes[colour] > MOST_COLOURS and colour != "category":
            is_bundle = sizes[colour] > MOST_PANELS
            if not is_bundle:
                colour, panel = "", colour
        elif colour and colour != "category" and sizes[colour] > MOST_COLOURS:
            raise BayesmixError(
                f"by: '{colour}' has {sizes[colour]} values, and {MOST_COLOURS} have a colour. "
                f"Write by={colour!r} alone, or leave it out."
            )
        panels = _distinct(table, values, panel) if panel else [None]
        if len(panels) > MOST_PANELS:
            raise BayesmixError(
                f"by: '{panel}' has {len(panels)} values, and {MOST_PANELS} panels can be read. "
                "Leave it out, or fit.predictions() has the numbers."
            )
        found = _distinct(table, values, colour) if colour else [None]
        return cls(colour, panel, _colours(found, is_bundle), tuple(panels), cuts, is_bundle)


def _size(table: pd.DataFrame, values: Mapping[str, Sequence[Any]], name: str) -> int:
    return len(_distinct(table, values, name))


def _distinct(table: pd.DataFrame, values: Mapping[str, Sequence[Any]], name: str) -> list[Any]:
    return list(values[name]) if name in values else list(table[name].unique())


def _colours(values: Sequence[Any], is_bundle: bool) -> dict[Any, str]:
    if is_bundle or len(values) == 1:
        return dict.fromkeys(values, BLUE)
    if len(values) <= MOST_COLOURS:
        return dict(zip(values, CHAINS, strict=False))
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shades = colormaps["viridis"](np.linspace(0.0, 0.92, len(values)))
    return {value: to_hex(shade) for value, shade in zip(values, shades, strict=True)}


def make_panels(ax: Axes | npt.NDArray[Any] | None, n: int) -> list[Axes]:
    """Make axes, or check those given: one large, a few, or many small ones."""
    width, height, columns = (5.4, 3.8, 1) if n == 1 else (3.4, 2.9, 3) if n < 7 else (2.0, 1.8, 6)
    return make_axes(ax, n, width=width, height=height, columns=columns, sharex=True, sharey=True)


def positions(values: pd.Series[Any], across: Variable) -> FloatArray:
    """Return the places of values along the axis."""
    if across.kind == "number":
        return values.to_numpy(dtype=np.float64)
    places = {label_of(value): float(k) for k, value in enumerate(across.values)}
    return np.array([places[label_of(value)] for value in values])


def label_of_series(name: str) -> str:
    """Name the column of an answer that divides it: the category, or a column of the rows."""
    return name if name == CATEGORY else label_name(name)


def draw_series(
    axis: Axes, series: Series, panel: Any, table: pd.DataFrame, across: Variable
) -> None:
    """Draw the lines of one panel with their intervals, or dots with intervals of categories."""
    if panel is not None:
        table = table[table[label_of_series(series.panel)] == panel]
    lower, upper = (name for name in table if str(name).startswith(("lower_", "upper_")))
    n = len(series.colours)
    for k, (value, colour) in enumerate(series.colours.items()):
        own = table if value is None else table[table[label_of_series(series.colour)] == value]
        x = positions(own[label_name(across.name)], across)
        label = None if value is None else label_of(value)
        if series.is_bundle:
            axis.plot(x, own["value"], color=colour, lw=0.6, alpha=min(1.0, 30 / n), label=label)
        elif across.kind != "number":
            x = x + (k - (n - 1) / 2) * min(0.12, 0.6 / n)
            axis.vlines(x, own[lower], own[upper], color=colour, lw=1.6, alpha=0.9)
            axis.plot(x, own["value"], "o", color=colour, ms=5, label=label)
        else:
            axis.fill_between(x, own[lower], own[upper], color=colour, alpha=0.18, lw=0)
            axis.plot(x, own["value"], color=colour, lw=1.8, label=label)


def label_panels(axes: Sequence[Axes], series: Series, across: Variable, what: str) -> None:
    """Name axes, panels and colours."""
    figure = axes[0].figure
    for axis in axes[-6:]:  # the last row of panels need not be full
        axis.tick_params(labelbottom=True)
    for axis, panel in zip(axes, series.panels, strict=True):
        if panel is not None:
            small = len(axes) > 6
            title = label_of(panel) if small else f"{series.panel} = {label_of(panel)}"
            axis.set_title(title, fontsize="small" if small else "medium", loc="left")
        if across.kind != "number":
            labels = [label_of(value) for value in across.values]
            many = len(labels) > _MOST_NAMED or sum(map(len, labels)) > 40
            if len(labels) > _MOST_TICKS:
                axis.set_xticks([])
                axis.set_xlim(-0.5, len(labels) - 0.5)
                continue
            axis.set_xticks(
                range(len(labels)),
                labels,
                rotation=90 if many or len(axes) > 6 else 0,
                fontsize="small" if many else None,
            )
            axis.set_xlim(-0.5, len(labels) - 0.5)
    title = across.name
    if across.kind != "number" and len(across.values) > _MOST_TICKS:
        title = f"{len(across.values):,} of {across.name}, in their order"
    if series.panel and len(axes) > 6:
        title = f"{across.name}   (panels: {series.panel})"
    if len(axes) == 1:
        axes[0].set_xlabel(title)
        axes[0].set_ylabel(what)
    else:
        figure.supxlabel(title, fontsize="medium")
        figure.supylabel(what, fontsize="medium")
    wrap_labels(axes, titles="small" if len(axes) > 6 else "medium")
    if series.is_bundle:
        axes[0].set_title(
            f"{len(series.colours):,} lines: {series.colour}", loc="left", fontsize="medium"
        )
    elif len(series.colours) > 1:
        _legend(axes, series)


def _legend(axes: Sequence[Axes], series: Series) -> None:
    """Put the names of the colours above the first panel, or above the figure."""
    if len(axes) == 1:
        legend_above(axes[0], series.colour, columns=6)
    else:
        legend_of_figure(axes, series.colour, columns=6)
