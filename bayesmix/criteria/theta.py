"""Draws of what is left when the effects are integrated out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from bayesmix.base.arguments import true_or_false
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.engines.left_out import closed_obstacle, left_out, left_out_obstacle
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import parameter_draws

__all__ = ["DEAR", "ThetaDraws", "integrates", "relative_ess"]

# Floating-point operations of all densities of theta together, beyond which every few draws serve;
# and how many draws do at least.
DEAR, ENOUGH_DRAWS = 3e11, 500
# Parameters whose effective sample sizes are averaged.
MOST_PARAMETERS = 20_000


@dataclasses.dataclass(frozen=True, eq=False)
class ThetaDraws:
    """Draws for the integrated criteria.

    Attributes
    ----------
    theta : Theta, or Draws
        Of theta where all effects are integrated out, else of all that is not.
    r_eff : float
        Effective over actual number of draws.
    note : str
        Whether all draws are used.
    """

    theta: Any
    r_eff: float
    note: str

    @classmethod
    def of(cls, fit: Fitted, codes: IntArray | None = None, dear: float = DEAR) -> ThetaDraws:
        """Take them from a fit; every few where their densities are dearer than `dear`.

        Densities of rows, or of the groups of rows in `codes`.
        """
        posterior = fit.idata["posterior"].dataset
        leaving = left_out(fit.spec)
        theta = leaving.theta(posterior)
        draws = parameter_draws(fit.spec.design, fit.spec.family, posterior)
        closed = closed_obstacle(fit.spec) is None
        r_eff = relative_ess(
            values for name, values in draws.items() if not closed or name[:5] != "beta:"
        )
        S = len(theta)
        most = min(S, leaving.most_draws(codes))
        keep = int(np.clip(dear // leaving.cost, min(ENOUGH_DRAWS, S), most))
        if keep == S:
            return cls(theta, r_eff, "")
        note = (
            f"{keep} of {S} draws were used, evenly spaced, because densities of so many rows, or "
            "of this model, are expensive."
        )
        return cls(theta[np.arange(keep) * S // keep], min(1.0, r_eff * S / keep), note)


def relative_ess(draws: Iterable[FloatArray]) -> float:
    """Average the effective sample sizes of the means, over the number of draws, as ArviZ does."""
    from arviz_stats.base import array_stats

    every = list(draws)
    if not every:  # theta has no dimensions: the errors of all rows are known, and no groups
        return 1.0
    stacked = np.concatenate([np.asarray(x).reshape(*x.shape[:2], -1) for x in every], axis=2)
    chains, n_draws, parameters = stacked.shape
    if chains == 1:
        return 1.0
    stacked = stacked[:, :, :: -(-parameters // MOST_PARAMETERS)]
    sizes = array_stats.ess(np.moveaxis(stacked, 2, 0), method="mean")
    return float(np.mean(sizes) / (chains * n_draws))


def integrates(spec: ModelSpec, integrated: bool | None) -> bool:
    """Choose whether the effects are integrated out, and raise where they cannot be."""
    if integrated is not None:
        true_or_false("integrated", integrated)
    obstacle = left_out_obstacle(spec)
    if integrated and obstacle is not None:
        raise BayesmixError(
            f"integrated=True integrates group effects out, but {obstacle}. Leave it out; "
            "reloo=True mends rows with a high Pareto k."
        )
    return obstacle is None if integrated is None else integrated
