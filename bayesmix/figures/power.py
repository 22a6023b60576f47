"""Power by the size of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import as_number, shown
from bayesmix.base.errors import BayesmixError, short
from bayesmix.figures.legends import legend_above
from bayesmix.figures.panels import CHAINS, GREY, clean, make_axes, returned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_power"]

_NEEDED = ("statement", "power", "lower", "upper")
_LABELS = {"n_groups": "number of groups", "n_per_group": "rows of each group"}


def plot_power(
    table: pd.DataFrame, *, target: float | None = 0.8, ax: Axes | None = None
) -> Axes | npt.NDArray[Any]:
    """Draw curves of power with their Monte-Carlo intervals.

    Parameters
    ----------
    table : DataFrame
        From `bayesmix.power`.
    target : float, optional
        A line at the power that is asked for.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    BayesmixError
        The table is another one, or no size is varied in it.

    Examples
    --------
    >>> bm.plot_power(bm.power(study, statement="time > 0", n_groups=[10, 20]))  # doctest: +SKIP
    """
    if not isinstance(table, pd.DataFrame) or not {*_NEEDED} <= {*table}:
        raise BayesmixError("plot_power takes the table of bm.power or fit.power.")
    line = None if target is None else as_number(target)
    if target is not None and (line is None or not 0 <= line <= 1):
        raise BayesmixError(f"target={shown(target)} is no power: give a number from 0 to 1.")
    varied = [name for name in _LABELS if name in table]
    if not varied:
        raise BayesmixError("plot_power draws power by a size. Give bm.power n_groups=[10, 20].")
    across = max(varied, key=lambda name: table[name].nunique())
    others = [name for name in (*varied, "statement") if name != across]
    others = [name for name in others if table[name].nunique() > 1]
    (axes,) = make_axes(ax, 1, width=5.4, height=3.8)
    groups = table.groupby(others, sort=False) if others else [((), table)]
    for k, (key, own) in enumerate(groups):
        own = own.sort_values(across)
        colour = CHAINS[k % len(CHAINS)]
        named = zip(others, key, strict=True)
        label = ", ".join(
            short(str(value), 40) if name == "statement" else f"{value} {_LABELS[name]}"
            for name, value in named
        )
        axes.vlines(own[across], own["lower"], own["upper"], color=colour, lw=1.4)
        axes.plot(own[across], own["power"], "o-", color=colour, ms=5, lw=1.6, label=label or None)
    if line is not None:
        axes.axhline(line, color=GREY, lw=0.8, ls=":")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(_LABELS[across])
    axes.set_ylabel("power")
    axes.set_xticks(sorted(table[across].unique()))
    clean(axes)
    if others:
        legend_above(axes)
    return returned([axes], ax)
