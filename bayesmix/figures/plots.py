"""Figures from tables: matplotlib Axes in, Axes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import generator, whole_number
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.correlation import CorrelationComparison
from bayesmix.criteria.correlations import Correlation, correlations
from bayesmix.criteria.verdicts import SMALL_DIFFERENCE
from bayesmix.figures.densities import bounds_of, component_label, prior_densities, view_of
from bayesmix.figures.panels import (
    BLUE,
    CHAINS,
    GREY,
    ORANGE,
    SKY,
    choose,
    clean,
    density,
    is_fit,
    legend_above,
    make_axes,
    returned,
)
from bayesmix.posterior.diagnostics import diagnostics
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import parameter_draws
from bayesmix.predictions.predict import predict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_compare", "plot_correlation", "plot_ppc", "plot_trace", "plot_varcorr"]


# Parameters that plot_trace shows unasked, and draws of a chain that a line has.
MOST_TRACES, MOST_POINTS = 12, 1000
# Values of a discrete response up to which each has its own bar.
MOST_BARS = 40


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


def plot_correlation(
    result: CorrelationComparison | Fitted, *, ax: Axes | npt.NDArray[Any] | None = None
) -> Axes | npt.NDArray[Any]:
    """Draw the prior and the posterior density of each correlation of group effects.

    Parameters
    ----------
    result : CorrelationComparison or Fitted
        From `MixedFit.compare_correlation`, or a fit with correlated effects.
    ax : Axes or array of Axes, optional
        Where to draw, one for each correlation; a new figure by default.

    Returns
    -------
    Axes or ndarray of Axes
        One Axes for one correlation, else an array with one for each.

    Raises
    ------
    BayesmixError
        There is no correlation to draw, or `ax` has another number of Axes.

    Examples
    --------
    >>> import bayesmix as bm
    >>> bm.plot_correlation(fit)  # doctest: +SKIP
    """
    draws = _draws_of(result)
    axes = make_axes(ax, len(draws), width=4.2, height=3.4)
    many = len({one.factor for one in draws}) > 1
    for one, axis in zip(draws, axes, strict=True):
        r = np.linspace(-1, 1, 401)
        posterior = _density(one.draws, r)
        axis.fill_between(r, posterior, color=BLUE, alpha=0.25, lw=0)
        axis.plot(r, posterior, color=BLUE, lw=2, label="posterior")
        axis.plot(
            r,
            one.prior_density(np.clip(r, -0.9995, 0.9995)),
            color=ORANGE,
            lw=2,
            ls=(0, (5, 2)),
            label="prior",
        )
        axis.axvline(0, color=GREY, lw=1, zorder=0)
        axis.set_xlim(-1, 1)
        axis.set_xticks([-1, -0.5, 0, 0.5, 1])
        axis.set_ylim(0, 1.08 * max(posterior.max(), 0.6))
        where = f" by {one.factor}" if many or len(draws) == 1 else ""
        axis.set_xlabel(f"Correlation of {one.effect_1}\nand {one.effect_2}{where}")
        axis.set_ylabel("Density")
        axis.set_title(f"P(r > 0) = {(one.draws > 0).mean():.2f}", fontsize="medium", loc="right")
        clean(axis)
    axes[0].legend(frameon=False, fontsize="small", loc="best")
    return returned(axes, ax)


def plot_varcorr(
    fit: Fitted, *, ax: Axes | npt.NDArray[Any] | None = None
) -> Axes | npt.NDArray[Any]:
    """Draw prior and posterior of the sds and correlations.

    Parameters
    ----------
    fit : Fitted
    ax : Axes or array of Axes, optional
        Where to draw, one for each parameter; a new figure by default.

    Returns
    -------
    Axes or ndarray of Axes
        One for each sd, each correlation and each auxiliary parameter of the family, in the order
        of `bayesmix.tables.tables.parameter_draws`.

    Raises
    ------
    BayesmixError
        There is neither sd nor correlation, or `ax` has another number of Axes.

    Notes
    -----
    Above each panel stand the posterior mean and the 95 % interval, which is the bar below the
    density; they are the numbers of ``fit.varcorr()`` and ``fit.cor_re(long=True)``.

    Examples
    --------
    >>> fit.plot_varcorr()  # doctest: +SKIP
    """
    is_fit("plot_varcorr", fit)
    draws = {
        label: values.ravel()
        for label, values in parameter_draws(fit.design, fit.family, fit.posterior).items()
        if not label.startswith("beta:")
    }
    if not draws:
        raise BayesmixError(
            f"'{fit.design.formula.text}' has neither group effects nor a residual sd to draw."
        )
    priors = prior_densities(fit)
    axes = make_axes(ax, len(draws), width=4.0, height=3.1, columns=2 if len(draws) == 4 else 3)
    for (label, values), axis in zip(draws.items(), axes, strict=True):
        x, posterior = density(values, *bounds_of(fit, label))
        view = view_of(fit, label, values)
        grid = np.linspace(*view, 402)[1:-1]
        prior = priors[label](grid)
        axis.fill_between(x, posterior, color=BLUE, alpha=0.25, lw=0)
        axis.plot(x, posterior, color=BLUE, lw=2, label="posterior")
        axis.plot(grid, prior, color=ORANGE, lw=2, ls=(0, (5, 2)), label="prior")
        top = float(posterior.max(initial=0.0))
        top = max(top, min(float(np.nanmax(prior)), 2 * top)) or 1.0
        lower, upper = np.quantile(values, [0.025, 0.975])
        axis.plot([lower, upper], [-0.05 * top] * 2, color=BLUE, lw=3, solid_capstyle="butt")
        axis.plot(values.mean(), -0.05 * top, "o", color=BLUE, mec="white", ms=6)
        axis.set_xlim(*view)
        axis.set_ylim(-0.1 * top, 1.08 * top)
        mean, low, high = (
            f"{value:.2f}" if label.startswith("cor:") else f"{value:.3g}"
            for value in (values.mean(), lower, upper)
        )
        axis.set_title(f"{mean} [{low}, {high}]", fontsize="medium", loc="right")
        axis.set_xlabel(component_label(fit, label))
        axis.set_ylabel("Density")
        clean(axis)
    axes[0].legend(frameon=False, fontsize="small", loc="best")
    return returned(axes, ax)


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
        in the data as dots and over the replications as the bar from 2.5 to 97.5 %.

    Raises
    ------
    BayesmixError
        An argument is not one of the allowed, or the draws of a factor were not kept.

    Examples
    --------
    >>> fit.plot_ppc(random_seed=1)  # doctest: +SKIP
    """
    from matplotlib.ticker import MaxNLocator

    is_fit("plot_ppc", fit)
    posterior = fit.posterior
    S = posterior.sizes["chain"] * posterior.sizes["draw"]
    draws = whole_number("draws", draws, at_least=2, at_most=S)
    y = fit.design.y
    for term in fit.design.groups:
        name = term.names.u
        if name not in posterior or "draw" not in posterior[name].dims:
            raise BayesmixError(
                f"The draws of the {term.n_levels} levels of '{term.factor}' were too many to be "
                "kept, and replicated data need them. Fit with fewer draws."
            )
    replicated = _replicated(fit, draws, generator(random_seed))
    (axes,) = make_axes(ax, 1, width=6.4, height=4.2)
    highest = max(float(y.max()), float(replicated.max()))
    if fit.spec.family.discrete and highest < MOST_BARS:
        values = np.arange(int(highest) + 1)
        counts = np.array(
            [np.bincount(row.astype(int), minlength=len(values)) for row in replicated]
        )
        lower, middle, upper = np.quantile(counts, [0.025, 0.5, 0.975], axis=0)
        axes.vlines(
            values, lower, upper, color=SKY, lw=7, label=f"{draws} replications, 95 %", zorder=1
        )
        axes.plot(values, middle, "_", color=BLUE, ms=12, mew=2, label="median", zorder=2)
        observed = np.bincount(y.astype(int), minlength=len(values))
        axes.plot(values, observed, "o", color="black", ms=5, label="data", zorder=3, clip_on=False)
        axes.set_ylabel("Number of rows")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        lower = 0.0 if fit.spec.family.discrete else -np.inf
        for number, row in enumerate(replicated):
            axes.plot(
                *density(row, lower),
                color=SKY,
                lw=0.8,
                alpha=0.6,
                label="_" if number else f"{draws} replications",
            )
        axes.plot(*density(y, lower), color="black", lw=2, label="data")
        axes.set_ylabel("Density")
        axes.set_ylim(bottom=0)
    axes.set_xlabel(fit.design.response)
    clean(axes)
    legend_above(axes)
    return axes


def plot_trace(
    fit: Fitted,
    parameters: Sequence[str] | str | None = None,
    *,
    ax: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any]:
    """Draw the chains of parameters: their densities, and the draws in order.

    Parameters
    ----------
    fit : Fitted
    parameters : str or sequence of str, optional
        Labels as in ``fit.diagnostics()``. By default all of them, or of more than 12 those with
        the largest R-hat.
    ax : array of Axes, optional
        Two for each parameter.

    Returns
    -------
    ndarray of Axes, shape (parameters, 2)
        Densities on the left, draws on the right, one colour for each chain.

    Raises
    ------
    BayesmixError
        A parameter is not known, or `ax` has another number of Axes.

    Examples
    --------
    >>> fit.plot_trace(["beta:Days", "sigma"])  # doctest: +SKIP
    """
    is_fit("plot_trace", fit)
    draws = parameter_draws(fit.design, fit.family, fit.posterior)
    table = diagnostics(fit).set_index("parameter")
    if parameters is None and len(draws) > MOST_TRACES:
        worst = set(table["r_hat"].nlargest(MOST_TRACES).index)
        chosen = [label for label in draws if label in worst]
    else:
        chosen = choose("parameters", parameters, list(draws))
    axes = make_axes(ax, 2 * len(chosen), width=4.0, height=1.55, columns=2)
    for label, left, right in zip(chosen, axes[::2], axes[1::2], strict=True):
        for number, chain in enumerate(draws[label]):
            color = CHAINS[number % len(CHAINS)]
            left.plot(*density(chain, *bounds_of(fit, label)), color=color, lw=1.3)
            step = -(-len(chain) // MOST_POINTS)
            right.plot(np.arange(0, len(chain), step), chain[::step], color=color, lw=0.4)
        left.set_title(label, loc="left", fontsize="small")
        row = table.loc[label]
        right.set_title(
            f"R-hat {row['r_hat']:.3f}, bulk ESS {row['ess_bulk']:,.0f}",
            loc="right",
            fontsize="small",
        )
        left.set_yticks([])
        left.set_ylim(bottom=0)
        left.spines["left"].set_visible(False)
        right.set_xlim(0, draws[label].shape[1])
        for axis in (left, right):
            axis.tick_params(labelsize="small")
            clean(axis)
    axes[-1].set_xlabel("Draw")
    axes[-2].set_xlabel("Value")
    return np.array(axes).reshape(-1, 2)


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


def _delta(table: object) -> str:
    """Return the name of the column of differences."""
    if isinstance(table, pd.DataFrame) and "se_Delta" in table:
        for name in table.columns:
            if str(name).startswith("Delta_"):
                return str(name)
    raise BayesmixError(
        "plot_compare takes the table of bm.compare(...), with its columns Delta_... and se_Delta."
    )


def _draws_of(result: object) -> tuple[Correlation, ...]:
    if isinstance(result, CorrelationComparison):
        return result.draws
    if not isinstance(result, Fitted):
        raise BayesmixError(
            f"plot_correlation takes a fit or fit.compare_correlation(); got "
            f"{type(result).__name__}."
        )
    draws = correlations(result)
    if not draws:
        raise BayesmixError(
            f"'{result.design.formula.text}' has no correlated group effects to draw."
        )
    return draws


def _density(draws: npt.NDArray[np.float64], r: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Estimate the density of a correlation, mirrored at -1 and 1 so that nothing leaks out."""
    from scipy.stats import gaussian_kde

    kernel = gaussian_kde(draws)
    return np.asarray(kernel(r) + kernel(2 - r) + kernel(-2 - r))
