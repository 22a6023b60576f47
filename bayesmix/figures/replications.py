"""Data replicated from the posterior over the data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arguments import generator, whole_number
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import short
from bayesmix.base.words import count
from bayesmix.figures.legends import legend_above
from bayesmix.figures.panels import (
    BLUE,
    SKY,
    clean,
    density,
    is_fit,
    make_axes,
)
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.kept import check_kept, given_others
from bayesmix.predictions.predict import predict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesmix.encoding.categories import Categories
    from bayesmix.families.responses import ResponseKind

__all__ = ["plot_ppc"]


# Values of a discrete response up to which each has its own bar; of a tail that is this many times
# as long as all else the share of rows that are together in the last bar, and the least it may be.
MOST_BARS = 40
_LONG, _LAST_SHARE, _LEAST_LAST = 2, 0.01, 10
# Ranges of the data beyond the smallest and the largest within which replications are drawn.
_BEYOND = 0.5
# Of the names of categories beside each other.
_MOST_CHARACTERS = 60


def plot_ppc(
    fit: Fitted,
    *,
    draws: int = 50,
    random_seed: int | np.random.Generator | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw data replicated from the posterior over the data: a posterior predictive check.

    Parameters
    ----------
    fit : Fitted
    draws : int
        Number of replications, each from one draw of the posterior, groups as in the data.
    random_seed : int, Generator or None
        The same seed gives the same replications.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Densities; of a discrete response with up to 40 values, the number of rows with each value,
        in the data as dots and over the replications as the bar from 2.5 to 97.5 %. Of a long tail
        the last percent is one bar, as the label of the axis says. So, too, of ordered categories,
        each of them in their order.

    Raises
    ------
    BayesmixError
        An argument is not one of the allowed, or the draws of a factor were not kept.

    Examples
    --------
    >>> fit.plot_ppc(random_seed=1)  # doctest: +SKIP
    """
    is_fit("plot_ppc", fit)
    posterior = fit.posterior
    S = posterior.sizes["chain"] * posterior.sizes["draw"]
    draws = whole_number("draws", draws, at_least=2, at_most=S)
    y = fit.design.y
    if given_others(fit.spec, posterior) is None:
        remedy = "Refit with fewer draws and chains."
        check_kept(posterior, fit.design.every_group, "Replicated data", remedy)
    replicated = _replicated(fit, draws, generator(random_seed))
    (axes,) = make_axes(ax, 1, width=6.4, height=4.2)
    categories = fit.design.categories
    if categories is not None:
        replicated = np.searchsorted(categories.numbers, replicated).astype(np.float64)
    axes.set_xlabel(fit.design.response)
    highest = max(float(y.max()), float(replicated.max()))
    last = highest if categories is not None else _last_bar(y, replicated)
    if fit.spec.family.discrete and last < MOST_BARS:
        bars = np.arange(int(last) + 1)
        _draw_counts(axes, np.minimum(y, last), np.minimum(replicated, last), bars)
        if last < highest:
            axes.set_xlabel(f"{fit.design.response} (bar at {last:g}: {last:g} and above)")
    else:
        _draw_densities(axes, y, replicated, fit.family.response)
    if categories is not None and highest < MOST_BARS:
        _name_categories(axes, categories)
    axes.set_ylim(bottom=0)
    clean(axes)
    legend_above(axes)
    return axes


def _last_bar(y: FloatArray, replicated: FloatArray) -> float:
    """Find the count above which neither the data nor the replications have many rows."""
    highest = max(float(y.max()), float(replicated.max()))
    few = max(np.quantile(one, 1 - _LAST_SHARE) for one in (y, replicated))
    last = max(float(np.ceil(few)), float(_LEAST_LAST))
    return last if highest >= min(_LONG * last, MOST_BARS) else highest


def _draw_counts(axes: Axes, y: FloatArray, replicated: FloatArray, values: IntArray) -> None:
    from matplotlib.ticker import MaxNLocator

    counts = np.array([np.bincount(row.astype(int), minlength=len(values)) for row in replicated])
    lower, middle, upper = np.quantile(counts, [0.025, 0.5, 0.975], axis=0)
    label = f"{count(len(replicated), 'replication')}, 95 %"
    axes.vlines(values, lower, upper, color=SKY, lw=7, label=label, zorder=1)
    axes.plot(values, middle, "_", color=BLUE, ms=12, mew=2, label="median", zorder=2)
    observed = np.bincount(y.astype(int), minlength=len(values))
    axes.plot(values, observed, "o", color="black", ms=5, label="data", zorder=3, clip_on=False)
    axes.set_ylabel("Number of rows")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _name_categories(axes: Axes, categories: Categories) -> None:
    """Write the categories below their bars, upright where they would not fit."""
    labels = categories.labels
    is_wide = sum(map(len, labels)) > _MOST_CHARACTERS
    axes.set_xticks(np.arange(len(labels)), [short(label) for label in labels])
    axes.set_xlim(-0.6, len(labels) - 0.4)
    if is_wide:
        axes.tick_params("x", rotation=45)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("right")


def _draw_densities(axes: Axes, y: FloatArray, replicated: FloatArray, kind: ResponseKind) -> None:
    # Draws of a long tail would leave the data a line at the edge.
    beyond = _BEYOND * float(np.ptp(y))
    low, high = max(kind.lower, y.min() - beyond), min(kind.upper, y.max() + beyond)
    for number, row in enumerate(replicated):
        shown = row[(low <= row) & (row <= high)]
        x, height = density(shown, kind.lower, kind.upper)
        label = "_" if number else count(len(replicated), "replication")
        share = len(shown) / len(row)
        axes.plot(x, share * height, color=SKY, lw=0.8, alpha=0.6, label=label)
    axes.plot(*density(y, kind.lower, kind.upper), color="black", lw=2, label="data")
    axes.set_ylabel("Density")


def _replicated(fit: Fitted, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw the response of all rows (draws, n), each time from one draw of the posterior."""
    import xarray as xr

    posterior = fit.posterior
    n_draws = posterior.sizes["draw"]
    places = np.divmod(
        rng.choice(posterior.sizes["chain"] * n_draws, draws, replace=False), n_draws
    )
    chain, draw = (xr.DataArray(place, dims="chosen") for place in places)
    chosen = posterior.isel(chain=chain, draw=draw).drop_vars(["chain", "draw"], errors="ignore")
    chosen = chosen.rename(chosen="draw").expand_dims("chain")
    part = dataclasses.replace(fit, idata=xr.DataTree.from_dict({"posterior": chosen}))
    replicated = predict(part, draws=True, random_seed=rng)
    assert isinstance(replicated, xr.DataArray)
    return np.asarray(replicated.transpose("chain", "draw", "obs").to_numpy()[0], dtype=np.float64)
