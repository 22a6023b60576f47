"""Residuals of a fit: against normal quantiles, fitted values, columns and groups."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import one_of
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import short
from bayesmix.base.words import count
from bayesmix.figures.legends import legends_above
from bayesmix.figures.panels import BLUE, GREY, ORANGE, clean, is_fit, make_axes
from bayesmix.frames.spelling import label_of
from bayesmix.frames.values import holds_numbers
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.normal_band import normal_band, places_shown
from bayesmix.questions.residual_columns import by_column
from bayesmix.questions.residuals import PREDICTIVE, residuals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_residuals"]

_MOST_DOTS = 3_000
# Groups that are named along the axis, and those whose names stand upright.
_MOST_NAMED, _MOST_LEVEL, _MOST_CHARACTERS = 40, 8, 40
# Rows of one cell along an axis of numbers, and the number of cells.
_LEAST_IN_CELL, _MOST_CELLS = 30, 20
_QUARTILES = (0.25, 0.5, 0.75)


def plot_residuals(
    fit: Fitted,
    by: str | npt.ArrayLike | None = None,
    *,
    predictive: str = "loo",
    random_seed: int | np.random.Generator | None = None,
    ax: Axes | npt.NDArray[Any] | None = None,
) -> Axes | npt.NDArray[Any]:
    """Draw the quantile residuals, which are standard normal numbers where the model is right.

    Parameters
    ----------
    fit : Fitted
    by : str or array_like, optional
        A column of the rows, or one value for each row of the fit, of the formula or not: numbers,
        or categories and groups.
    predictive, random_seed
        As in `residuals`.
    ax : Axes or array of two Axes, optional
        Where to draw: two without `by`.

    Returns
    -------
    Axes or ndarray of two Axes
        Without `by` two. The first: sorted residuals over normal quantiles, all of which lie in the
        band with probability 0.95. The second: residuals over the ranks of the fitted values, with
        the quartiles of up to 20 cells and where each of them lies with probability 0.95 if the
        model is right; those outside are marked. With `by` the same over a column of numbers; of
        categories and groups the mean residual of each, in ascending order where there are more
        than 40, over its range where the model is right. Beyond 3,000 rows some are drawn as
        dots, and all are counted.

    Raises
    ------
    BayesmixError
        As `residuals`, or `by` is no column and not one value for each row.

    Warns
    -----
    ComparisonWarning
        As `residuals`.

    Notes
    -----
    Of held-out residuals the mean of a group of the formula is about zero by itself where the group
    has many rows.

    Examples
    --------
    >>> fit.plot_residuals()  # doctest: +SKIP
    >>> fit.plot_residuals(by="Subject")  # doctest: +SKIP
    """
    is_fit("plot_residuals", fit)
    one_of("predictive", predictive, PREDICTIVE)
    given = None if by is None else by_column(fit, by)
    table = residuals(fit, predictive=predictive, random_seed=random_seed)
    axes = make_axes(ax, 2 if given is None else 1, width=5.4, height=4.2)
    values = table["residual"].to_numpy()
    if given is None:
        fitted = table["fitted"]
        _draw_quantiles(axes[0], values)
        ranks = fitted.rank(method="average", pct=True).to_numpy()
        _draw_numbers(axes[1], np.asarray(ranks, dtype=np.float64), values)
        axes[1].set_xlabel(f"Fitted {fit.design.response} (rank)")
    else:
        name, column = given
        if holds_numbers(column):
            _draw_numbers(axes[0], column.to_numpy(dtype=np.float64, na_value=np.nan), values)
        else:
            _draw_groups(axes[0], column, values)
        axes[0].set_xlabel(f"{name}{axes[0].get_xlabel()}")
    for axis in axes:
        clean(axis)
    axes[-1].set_ylabel("Quantile residual")
    legends_above(axes, [""] * len(axes))
    return np.array(axes) if given is None else axes[0]


def _draw_quantiles(axis: Axes, values: FloatArray) -> None:
    """Draw sorted residuals over normal quantiles, with the band of all of them together."""
    from scipy.special import ndtri

    n = len(values)
    places = places_shown(n)
    expected = ndtri((places + 0.5) / n)
    lower, upper = normal_band(n)
    drawn = np.sort(values)[places]
    outside = (drawn < lower) | (drawn > upper)
    axis.fill_between(expected, lower, upper, color=GREY, alpha=0.25, lw=0, label="95 %, all")
    ends = expected[[0, -1]]
    axis.plot(ends, ends, color=GREY, lw=1)
    axis.plot(expected, drawn, ".", color=BLUE, ms=5, label=count(n, "row", commas=True))
    if outside.any():
        axis.plot(expected[outside], drawn[outside], ".", color=ORANGE, ms=6, label="outside")
    axis.set_xlabel("Normal quantile")
    axis.set_ylabel("Quantile residual, sorted")


def _draw_numbers(axis: Axes, x: FloatArray, values: FloatArray) -> None:
    """Draw residuals over numbers, and their quartiles in cells of as many rows each."""
    there = np.isfinite(x)
    x, values = x[there], values[there]
    _draw_dots(axis, x, values)
    order = np.argsort(x, kind="stable")
    cells = _cells(x[order])
    middle = np.array([np.mean(x[order][cell]) for cell in cells])
    sizes = np.array([len(x[order][cell]) for cell in cells])
    found = np.array([np.quantile(values[order][cell], _QUARTILES) for cell in cells])
    for number, share in enumerate(_QUARTILES):
        lower, upper = _range_of(share, sizes)
        is_first = number == 0
        axis.fill_between(
            middle, lower, upper, color=GREY, alpha=0.3, lw=0, label="95 %" if is_first else "_"
        )
        label = "quartiles" if is_first else "_"
        axis.plot(middle, found[:, number], "-", color=BLUE, lw=1.6, label=label)
        outside = (found[:, number] < lower) | (found[:, number] > upper)
        axis.plot(middle[outside], found[outside, number], "o", color=ORANGE, ms=5, zorder=4)


def _range_of(share: float, sizes: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Compute where a quantile of so many standard normal numbers lies, with probability 0.95."""
    from scipy.special import betaincinv, ndtri

    # Of the numbers at (size - 1) share + 1 among the sorted ones, as `numpy.quantile` has it.
    place = (sizes - 1) * share + 1
    lower, upper = (betaincinv(place, sizes + 1 - place, tail) for tail in (0.025, 0.975))
    return np.asarray(ndtri(lower)), np.asarray(ndtri(upper))


def _cells(x: FloatArray) -> list[slice]:
    """Cut sorted numbers into cells of about as many each, equal numbers staying together."""
    n = len(x)
    wanted = int(np.clip(n // _LEAST_IN_CELL, 1, _MOST_CELLS))
    edges = np.linspace(0, n, wanted + 1).round().astype(np.int64)[1:-1]
    edges = np.unique(np.searchsorted(x, x[edges]))
    stops = [0, *(int(edge) for edge in edges if edge > 0), n]
    return [slice(a, b) for a, b in itertools.pairwise(stops)]


def _draw_dots(axis: Axes, x: FloatArray, values: FloatArray) -> None:
    some = np.arange(len(x))
    label = count(len(x), "row", commas=True)
    if len(x) > _MOST_DOTS:
        some = np.sort(np.random.default_rng(0).choice(len(x), _MOST_DOTS, replace=False))
        label = f"{_MOST_DOTS:,} of {label}"
    size = 5.0 if len(x) < 500 else 3.0
    axis.plot(x[some], values[some], ".", color=GREY, ms=size, mew=0, alpha=0.5, label=label)
    axis.axhline(0.0, color=GREY, lw=0.8, zorder=0)


def _draw_groups(axis: Axes, column: pd.Series[Any], values: FloatArray) -> None:
    """Draw the mean residual of each group over its range where the model is right."""
    by_group = pd.Series(values).groupby(column.to_numpy(), observed=True, sort=True)
    means, sizes = by_group.mean(), by_group.size()
    if len(means) > _MOST_NAMED:
        order = np.argsort(means.to_numpy(), kind="stable")
        means, sizes = means.iloc[order], sizes.iloc[order]
    place, mean = np.arange(len(means)), means.to_numpy()
    half = 1.959964 / np.sqrt(sizes.to_numpy())
    wide = 6 if len(means) <= _MOST_LEVEL else 4
    if len(means) <= _MOST_NAMED:
        axis.vlines(place, -half, half, color=GREY, alpha=0.4, lw=wide, label="95 %, for each")
    else:
        steps: Any = {"step": "mid", "color": GREY, "alpha": 0.3, "lw": 0}
        axis.fill_between(place, -half, half, label="95 %, for each", **steps)
    outside = np.abs(mean) > half
    size = 6 if len(means) <= _MOST_NAMED else 3
    axis.plot(place[~outside], mean[~outside], "o", color=BLUE, ms=size, label="mean of a group")
    if outside.any():
        label = f"outside: {int(outside.sum())} of {len(means):,}"
        axis.plot(place[outside], mean[outside], "o", color=ORANGE, ms=size, label=label)
    axis.axhline(0.0, color=GREY, lw=0.8, zorder=0)
    if len(means) <= _MOST_NAMED:
        axis.set_xlim(-0.7, len(means) - 0.3)
        names = [short(label_of(value)) for value in means.index]
        upright = len(names) > _MOST_LEVEL or sum(map(len, names)) > _MOST_CHARACTERS
        axis.set_xticks(place, names, rotation=90 if upright else 0)
        if upright:
            axis.tick_params("x", labelsize="small" if len(names) <= 20 else "x-small")
    else:
        axis.set_xlabel(f": {len(means):,} groups, in ascending order")
