"""How far models are behind the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.verdicts import SMALL_DIFFERENCE
from bayesmix.figures.legends import legend_above
from bayesmix.figures.panels import (
    BLUE,
    GREY,
    clean,
    make_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_compare"]


def plot_compare(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far each model is behind the best, in units of elpd.

    Points are differences from the best model, thick bars one and thin bars two standard errors
    of the difference. In the grey band differences are under 4 units, which is small.

    Parameters
    ----------
    table : DataFrame
        From `bayesmix.compare`.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    BayesmixError
        The table is not one of `bayesmix.compare`, or `ax` is no Axes.

    Examples
    --------
    >>> import bayesmix as bm
    >>> table = bm.compare({"slopes": slopes, "intercepts": intercepts})  # doctest: +SKIP
    >>> bm.plot_compare(table)  # doctest: +SKIP
    """
    delta = _delta(table)
    names = [str(name) for name in table.index]
    difference = -table[delta].to_numpy(dtype=np.float64) / 2
    se = table["se_Delta"].to_numpy(dtype=np.float64) / 2
    places = np.arange(len(names))
    (axes,) = make_axes(ax, 1, width=6.4, height=1.5 + 0.4 * len(names))
    axes.axvspan(-SMALL_DIFFERENCE, 0, color=GREY, alpha=0.15, lw=0, label="small: under 4")
    axes.axvline(0, color=GREY, lw=1)
    rest = se > 0
    axes.hlines(
        places[rest],
        (difference - 2 * se)[rest],
        (difference + 2 * se)[rest],
        color=BLUE,
        lw=1.2,
        label="two standard errors",
    )
    axes.hlines(
        places[rest],
        (difference - se)[rest],
        (difference + se)[rest],
        color=BLUE,
        lw=3.5,
        label="one standard error",
    )
    axes.plot(difference, places, "o", color=BLUE, markeredgecolor="white", ms=7, zorder=3)
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_ylabel("Model")
    criterion = str(table.attrs.get("ic", "")).upper() or delta.removeprefix("Delta_")
    axes.set_xlabel(f"Difference of elpd from the best ({criterion})")
    clean(axes)
    legend_above(axes)
    return axes


def _delta(table: object) -> str:
    """Return the name of the column of differences."""
    if isinstance(table, pd.DataFrame) and "se_Delta" in table:
        for name in table.columns:
            if name == "Delta_log_evidence":
                raise BayesmixError(
                    "plot_compare draws differences in prediction, and this table has evidences, "
                    "with which it has no bars to draw: their errors are of Monte Carlo alone. "
                    "Read its Bayes_factor and probability, or compare with ic='loo'."
                )
            if str(name).startswith("Delta_"):
                return str(name)
    raise BayesmixError(
        "plot_compare takes the table of bm.compare(...), with its columns Delta_... and se_Delta."
    )
