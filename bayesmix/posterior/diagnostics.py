"""R-hat and effective sample sizes, as figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.posterior.convergence import bulk_ess, r_hat, tail_ess
from bayesmix.posterior.drawn import Posterior, drawn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import parameter_draws
from bayesmix.posterior.summaries import text_column

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.families.family import Family

__all__ = ["figures_of", "parameter_diagnostics", "smallest_sizes", "worst_figures"]


def diagnostics(fit: Fitted) -> pd.DataFrame:
    """Judge the draws of each parameter: R-hat and effective sample sizes.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    pandas.DataFrame
        ``parameter, r_hat, ess_bulk, ess_tail``, one row for each parameter, the effects of single
        levels left out: the rank-normalised split R-hat, and the effective sample sizes for the
        centre and for the 5 % and 95 % quantiles. NaN where there is nothing to judge: a parameter
        that does not vary, draws that are not finite, fewer than four draws, and for R-hat a
        single chain.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021). Rank-normalization, folding, and
    localization: an improved R-hat. Bayesian Analysis 16, 667-718.
    https://doi.org/10.1214/20-BA1221
    """
    return parameter_diagnostics(fit.design, fit.family, drawn_of(fit).posterior)


def parameter_diagnostics(design: Design, family: Family, posterior: Posterior) -> pd.DataFrame:
    """Judge the draws before there is a fit; see `diagnostics`."""
    draws = parameter_draws(design, family, posterior)
    shape = (len(draws), posterior.sizes["chain"], posterior.sizes["draw"])
    figures = figures_of(np.array(list(draws.values())).reshape(shape))
    return pd.DataFrame({"parameter": text_column(list(draws)), **figures})


def figures_of(stacked: FloatArray) -> dict[str, FloatArray]:
    """Judge draws (parameter, chain, draw): ``r_hat, ess_bulk, ess_tail``, a number each.

    NaN where there is nothing to judge; see `diagnostics`.
    """
    figures: dict[str, FloatArray] = {
        name: np.full(len(stacked), np.nan) for name in ("r_hat", "ess_bulk", "ess_tail")
    }
    varies = np.isfinite(stacked).all(axis=(1, 2)) & (np.ptp(stacked, axis=(1, 2)) > 0)
    if varies.any():
        kept = stacked[varies]
        with np.errstate(divide="ignore", invalid="ignore"):
            figures["r_hat"][varies] = r_hat(kept)
            figures["ess_bulk"][varies] = bulk_ess(kept)
            figures["ess_tail"][varies] = tail_ess(kept)
    return figures


def smallest_sizes(table: pd.DataFrame) -> FloatArray:
    """Take the smaller effective sample size of each parameter, bulk or tail."""
    sizes: FloatArray = np.fmin(table["ess_bulk"].to_numpy(), table["ess_tail"].to_numpy())
    return sizes


def worst_figures(table: pd.DataFrame) -> dict[str, float]:
    """Return the largest ``r_hat`` and the smallest ``ess`` of all parameters."""
    r_hat = np.fmax.reduce(table["r_hat"].to_numpy(), initial=np.nan)
    return {
        "r_hat": float(r_hat),
        "ess": float(np.fmin.reduce(smallest_sizes(table), initial=np.nan)),
    }
