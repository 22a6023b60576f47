"""A line for each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.figures.panels import (
    BLUE,
    GREY,
    ORANGE,
    choose,
    clean,
    has_groups,
    is_fit,
    make_axes,
    scale_of,
)
from bayesmix.posterior.fitted import Fitted
from bayesmix.tables.groups import coef, selected
from bayesmix.tables.parameters import formula_effects
from bayesmix.tables.pooling import no_pooling
from bayesmix.tables.population import fixef

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesmix.design.groupterm import GroupTerm

__all__ = ["plot_trends"]


def plot_trends(
    fit: Fitted,
    effect: str | None = None,
    *,
    re: str | None = None,
    ax: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any]:
    """Draw lines of the population, of each group's own regression, and of the mixed model.

    The numbers are those of ``fit.fixef()``, ``fit.no_pooling()`` and ``fit.coef()``; above each
    panel stands how many slopes are negative.

    Parameters
    ----------
    fit : Fitted
    effect : str, optional
        A numeric effect that varies by group; by default the first one.
    re : str, optional
        The grouping factor; by default the first that has such an effect.
    ax : array of Axes, optional
        Three Axes to draw into.

    Returns
    -------
    ndarray of Axes, shape (3,)
        Population, own regressions, mixed model.

    Raises
    ------
    BayesmixError
        No numeric effect varies by group, groups have no own regressions (`no_pooling`), or
        an argument is not one of the allowed.

    Notes
    -----
    Lines go over the range of the effect in the data, on the scale of the linear predictor; with
    an identity link the data are dots in the first panel. Of ordered categories this is the latent
    scale, and their thresholds, at the posterior mean, are dotted lines; for the probability of
    each category see `epred`. All other effects and the offset are
    held at their mean over the rows. The view holds the data and the mixed model, and cuts own
    regressions that leave it.

    Examples
    --------
    >>> fit.plot_trends("occasion")  # doctest: +SKIP
    """
    is_fit("plot_trends", fit)
    has_groups("plot_trends", fit)
    term, effect = _numeric_effect(fit, effect, re)
    own = no_pooling(fit, re=term.factor)
    mixed = formula_effects(fit, coef(fit, re=term.factor))
    shape = (term.n_effects, term.n_levels)
    x = term.Z[:, term.effects.index(effect)]
    population = formula_effects(fit, fixef(fit)).set_index("term")["value"]
    twins = np.array([[population.get(name, 0.0)] for name in term.effects])
    base = 0.0 if fit.design.offset is None else float(fit.design.offset.mean())
    for name, column in zip(fit.design.terms, fit.design.X.T, strict=True):
        base += 0.0 if name in term.effects else float(population[name] * column.mean())
    panels = {
        "Population": _lines(term, effect, twins, base, x),
        "Own regressions": _lines(term, effect, own["value"].to_numpy().reshape(shape), base, x),
        "Mixed model": _lines(term, effect, mixed["value"].to_numpy().reshape(shape), base, x),
    }
    axes = make_axes(ax, 3, width=3.6, height=4.2, sharex=True, sharey=True)
    ends = np.array([x.min(), x.max()])
    shown = [*panels["Population"].ravel(), *panels["Mixed model"].ravel()]
    if fit.spec.family.on_response_scale:
        _dots(axes[0], x, fit.design.y)
        shown += [fit.design.y.min(), fit.design.y.max()]
    low, high = float(np.min(shown)), float(np.max(shown))
    for (name, lines), axis in zip(panels.items(), axes, strict=True):
        lines = lines[np.isfinite(lines).all(axis=1)]
        falls = lines[:, 1] < lines[:, 0]
        if name == "Population":
            slope = (lines[0, 1] - lines[0, 0]) / np.ptp(ends)
            count, color = f"slope {slope:.3g}", "black"
        else:
            count, color = f"{falls.sum():,} of {len(lines):,} slopes negative", ORANGE
            _bundle(axis, ends, lines[~falls], BLUE)
            _bundle(axis, ends, lines[falls], ORANGE)
        axis.plot(ends, panels["Population"][0], color="black", lw=2.2, label="population")
        axis.set_title(name, loc="left", fontsize="medium", pad=20)
        axis.text(0, 1.025, count, color=color, transform=axis.transAxes, va="bottom")
        axis.set_xlabel(effect)
        axis.set_xlim(*(ends + 0.03 * np.ptp(ends) * np.array([-1, 1])))
        axis.set_ylim(low - 0.04 * (high - low), high + 0.04 * (high - low))
        if len(places := np.unique(x)) <= 10 and (places == np.round(places)).all():
            axis.set_xticks(places)
        _draw_thresholds(fit, axis)
        clean(axis)
    axes[0].set_ylabel(scale_of(fit))
    axes[0].legend(fontsize="small", loc="best", framealpha=0.9, edgecolor="none")
    return np.array(axes)


def _draw_thresholds(fit: Fitted, axis: Axes) -> None:
    """Draw the thresholds between categories across the view."""
    if fit.family.thresholds is None:
        return
    population = formula_effects(fit, fixef(fit)).set_index("term")["value"]
    own = population.drop(list(fit.design.terms)) - _specific_at_means(fit)
    low, high = axis.get_ylim()
    inside = own[(low < own) & (own < high)]
    axis.hlines(inside, *axis.get_xlim(), color=GREY, lw=0.8, ls=":", zorder=0)


def _specific_at_means(fit: Fitted) -> FloatArray:
    """Return the mean over the rows of what moves each threshold alone, or of none."""
    every = fixef(fit)
    return np.array(
        [
            fit.design.predictors[name].X.mean(axis=0)
            @ every.loc[every["parameter"] == name, "value"].to_numpy()
            for name in fit.family.specific
        ]
        or [0.0]
    )


def _numeric_effect(fit: Fitted, effect: str | None, re: str | None) -> tuple[GroupTerm, str]:
    """Find the factor and the numeric effect to draw lines over."""
    terms = selected(fit.design, re)
    found = [
        (term, name)
        for term in terms
        for k, name in enumerate(term.effects)
        if name != "Intercept" and "[" not in name and np.ptp(term.Z[:, k]) > 0
    ]
    names = list(dict.fromkeys(name for _, name in found))
    if not found:
        where = " or ".join(term.factor for term in terms)
        raise BayesmixError(
            f"No numeric effect varies by {where} in '{fit.design.formula.text}', so that there "
            "are no lines to compare. Take plot_ranef or plot_shrinkage."
        )
    (chosen,) = choose("effect", names[0] if effect is None else effect, names)
    return next((term, name) for term, name in found if name == chosen)


def _lines(
    term: GroupTerm, effect: str, values: FloatArray, base: float, x: FloatArray
) -> FloatArray:
    """Both ends of the line of each group (J, 2), other effects at their mean."""
    k = term.effects.index(effect)
    means = term.Z.mean(axis=0)
    means[k] = 0.0
    level = base + means @ np.where(means[:, np.newaxis] == 0, 0.0, values)
    return np.stack([level + values[k] * x.min(), level + values[k] * x.max()], axis=1)


def _bundle(axis: Axes, ends: FloatArray, lines: FloatArray, color: str) -> None:
    from matplotlib.collections import LineCollection

    segments = [np.column_stack([ends, line]) for line in lines]
    alpha = float(np.clip(6 / np.sqrt(len(segments) or 1), 0.15, 0.8))
    if color == ORANGE:
        alpha = max(alpha, 0.5)
    width = float(np.clip(12 / np.sqrt(len(segments) or 1), 0.6, 1.6))
    axis.add_collection(LineCollection(segments, colors=color, alpha=alpha, linewidths=width))


def _dots(axis: Axes, x: FloatArray, y: FloatArray) -> None:
    size = float(np.clip(60 / np.sqrt(len(x)), 2.0, 4.0))
    alpha = float(np.clip(12 / np.sqrt(len(x)), 0.08, 0.5))
    axis.plot(x, y, "o", color=GREY, ms=size, mew=0, alpha=alpha, rasterized=len(x) > 5000)
    axis.plot([], [], "o", color=GREY, ms=4, mew=0, alpha=0.7, label="data")
