"""The chains of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.figures.densities import bounds_of
from bayesmix.figures.panels import (
    CHAINS,
    choose,
    clean,
    density,
    is_fit,
    make_axes,
)
from bayesmix.posterior.diagnostics import diagnostics
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import parameter_draws

__all__ = ["plot_trace"]


# Parameters that plot_trace shows unasked, and draws of a chain that a line has.
MOST_TRACES, MOST_POINTS = 12, 1000


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
