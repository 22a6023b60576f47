"""Figures of single groups: what partial pooling did, effects in order, a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.words import count
from bayesmix.design.groupterm import named_term
from bayesmix.figures.legends import legends_above, wrap_labels
from bayesmix.figures.panels import (
    BLUE,
    GREY,
    TICKED,
    choose,
    clean,
    has_groups,
    is_fit,
    make_axes,
    parameter_of,
    returned,
)
from bayesmix.figures.rows import name_rows, size_of_rows
from bayesmix.posterior.fitted import Fitted
from bayesmix.tables.groups import ranef

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_ranef"]


def plot_ranef(
    fit: Fitted,
    re: str | None = None,
    *,
    effects: Sequence[str] | str | None = None,
    ci_level: float = 0.95,
    ax: Axes | npt.NDArray[Any] | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw the group effects with their intervals, in order; the numbers are ``fit.ranef()``.

    Parameters
    ----------
    fit : Fitted
    re : str, optional
        One grouping factor; all of them by default.
    effects : str or sequence of str, optional
        Effects to draw; all of them by default.
    ci_level : float
        Probability inside the intervals.
    ax : Axes or array of Axes, optional
        Where to draw, one for each effect.

    Returns
    -------
    Axes or ndarray of Axes
        One Axes for one effect, else an array with one for each, in the order of the table; those
        of the predictors of further parameters last.

    Raises
    ------
    BayesmixError
        There are no groups, or an argument is not one of the allowed.

    Notes
    -----
    Levels are named where there is room for legible type. Intervals without 0 are blue.

    Examples
    --------
    >>> fit.plot_ranef()  # doctest: +SKIP
    """
    is_fit("plot_ranef", fit)
    has_groups("plot_ranef", fit, of_any_parameter=True)
    if re is not None:
        named_term("re", re, fit.design.every_group)
    terms = [term for term in fit.design.every_group if re in (None, term.factor)]
    known = list(dict.fromkeys(effect for term in terms for effect in term.effects))
    chosen = choose("effects", effects, known)
    panels = [(term, effect) for term in terms for effect in term.effects if effect in chosen]
    table = ranef(fit, re=re, ci_level=ci_level)
    lower, upper = table.columns[-2:]
    most = max(term.n_levels for term, _ in panels)
    names = [str(name) for name in table["group"].unique()]
    width, height = size_of_rows(
        names, most, width=4.4, height=3.0, panels_high=-(-len(panels) // 3)
    )
    axes = make_axes(ax, len(panels), width=width, height=height)
    for (term, effect), axis in zip(panels, axes, strict=True):
        is_own = (table["group_var"] == term.factor) & (table["effect"] == effect)
        if "parameter" in table:
            is_own &= table["parameter"] == (term.predictor or fit.family.predictors[0])
        own = table[is_own]
        own = own.sort_values("value", kind="stable")
        places = np.arange(len(own), dtype=np.float64)
        clear = ((own[lower] > 0) | (own[upper] < 0)).to_numpy()
        axis.axvline(0, color=GREY, lw=1, zorder=0)
        room = axis.get_window_extent().height / axis.figure.dpi * 72 / len(own)
        line, size = float(np.clip(0.6 * room, 0.3, 2.0)), float(np.clip(0.6 * room, 1.2, 5.0))
        for part, color, label in ((clear, BLUE, "without 0"), (~clear, GREY, "with 0")):
            if part.any():
                axis.hlines(places[part], own[lower][part], own[upper][part], color=color, lw=line)
                dots = color if len(own) <= TICKED else "black"
                axis.plot(own["value"][part], places[part], "o", color=dots, ms=size, mew=0)
                axis.plot([], [], "o-", color=color, mfc=dots, lw=1.5, ms=4, mew=0, label=label)
        axis.set_ylim(-0.8, len(own) - 0.2)
        of = f" of {owner}" if (owner := parameter_of(fit, term)) else ""
        axis.set_xlabel(f"{effect}{of} by {term.factor}\n(difference from the population)")
        levels = count(len(own), "level", commas=True)
        of_all = f"{levels} of {term.factor}, in order"
        name_rows(axis, places, own["group"].tolist(), term.factor, of_all)
        clean(axis)
    wrap_labels(axes)
    legends_above(axes, [f"{100 * ci_level:g} % interval"] * len(axes))
    return returned(axes, ax)
