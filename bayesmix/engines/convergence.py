"""Where R-hat and effective sample sizes are judged: the limits, and what to do, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.words import count
from bayesmix.posterior.diagnostics import smallest_sizes
from bayesmix.posterior.drawn import Drawn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ESS_PER_CHAIN", "R_HAT_LIMIT", "convergence_messages"]


R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
# R-hat and effective sample sizes of fewer draws are not defined.
FEWEST_DRAWS = 4


def convergence_messages(
    drawn: Drawn, table: pd.DataFrame, go_on: str = "refit with more tune and draws"
) -> tuple[str, ...]:
    """Say what is wrong with the draws and what to do, one text per problem.

    The limits are those of Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), Bayesian
    Analysis 16, 667-718, https://doi.org/10.1214/20-BA1221: R-hat below 1.01 and an effective
    sample size above 100 per chain.

    Parameters
    ----------
    drawn : Drawn
    table : DataFrame
        R-hat and effective sample sizes, as of `parameter_diagnostics`.
    go_on : str
        What helps where chains disagree.

    Returns
    -------
    tuple of str
        Empty when the draws can be trusted.
    """
    posterior = drawn.posterior
    chains = posterior.sizes["chain"]
    messages = []
    if posterior.sizes["draw"] < FEWEST_DRAWS:
        messages.append(
            f"{count(posterior.sizes['draw'], 'draw')} per chain cannot tell whether the chains "
            "agree, and makes no interval: refit with more draws"
        )
    if drawn.diverged:
        messages.append(
            f"{drawn.diverged} of {count(chains * posterior.sizes['draw'], 'draw')} diverged: "
            "refit with nuts={'target_accept': 0.95} or higher, or with narrower priors"
        )
    is_high = table["r_hat"].to_numpy() > R_HAT_LIMIT
    if is_high.any():
        high = table[is_high]
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
