"""Variance components and correlations: prior and posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.correlation import CorrelationComparison
from bayesmix.criteria.correlations import Correlation, correlations
from bayesmix.figures.densities import bounds_of, component_label, prior_densities, view_of
from bayesmix.figures.panels import (
    BLUE,
    GREY,
    ORANGE,
    clean,
    density,
    is_fit,
    make_axes,
    returned,
)
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import parameter_draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_correlation", "plot_varcorr"]


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
        One for each sd, each correlation, the degrees of freedom of effects that are Student-t,
        and each auxiliary parameter of the family, in the order of
        `bayesmix.tables.tables.parameter_draws`.

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
    thresholds = fit.family.thresholds
    elsewhere = {"beta", "Intercept", thresholds.name if thresholds else ""}
    hyper = fit.spec.priors.hyperparameters
    draws = {
        label: values.ravel()
        for label, values in parameter_draws(fit.design, fit.family, fit.posterior).items()
        if label.removeprefix(f"{label.partition(':')[0]}:").partition(":")[0] != "beta"
        and label.partition(":")[0] not in elsewhere
        and label not in hyper
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
