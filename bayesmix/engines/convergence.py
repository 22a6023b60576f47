"""Where R-hat and effective sample sizes are judged: the limits, and what to do, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.words import count
from bayesmix.posterior.diagnostics import divergences, smallest_sizes

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["ESS_PER_CHAIN", "R_HAT_LIMIT", "convergence_messages"]


R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
# R-hat and effective sample sizes of fewer draws are not defined.
FEWEST_DRAWS = 4


def convergence_messages(
    idata: xr.DataTree, table: pd.DataFrame, go_on: str = "refit with more tune and draws"
) -> tuple[str, ...]:
    """Say what is wrong with the draws and what to do, one text per problem.

    The limits are those of Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), Bayesian
    Analysis 16, 667-718, https://doi.org/10.1214/20-BA1221: R-hat below 1.01 and an effective
    sample size above 100 per chain.

    Parameters
    ----------
    idata : DataTree
    table : DataFrame
        R-hat and effective sample sizes, as of `parameter_diagnostics`.
    go_on : str
        What helps where chains disagree.

    Returns
    -------
    tuple of str
        Empty when the draws can be trusted.
    """
    posterior = idata["posterior"].dataset
    chains = posterior.sizes["chain"]
    messages = []
    if posterior.sizes["draw"] < FEWEST_DRAWS:
        messages.append(
            f"{count(posterior.sizes['draw'], 'draw')} per chain cannot tell whether the chains "
            "agree, and makes no interval: refit with more draws"
        )
    diverged = divergences(idata)
    if diverged:
        messages.append(
            f"{diverged} of {count(chains * posterior.sizes['draw'], 'draw')} diverged: refit with "
            "nuts={'target_accept': 0.95} or higher, or with narrower priors"
        )
    high = table[table["r_hat"] > R_HAT_LIMIT]
    if len(high):
        worst = high.iloc[int(high["r_hat"].to_numpy().argmax())]
        messages.append(
            f"R-hat is above {R_HAT_LIMIT} for {len(high)} of {count(len(table), 'parameter')} "
            f"(worst: {worst['parameter']}, {worst['r_hat']:.3f}), so that the chains disagree: "
            f"{go_on}"
        )
    enough = ESS_PER_CHAIN * chains
    sizes = smallest_sizes(table)
    if (sizes < enough).any():
        lowest = int(np.nanargmin(sizes))
        messages.append(
            f"the effective sample size is below {enough} for {int((sizes < enough).sum())} of "
            f"{count(len(table), 'parameter')} (lowest: {table['parameter'].iloc[lowest]}, "
            f"{sizes[lowest]:.0f}): refit with more draws"
        )
    return tuple(messages)
