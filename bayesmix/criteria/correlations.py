"""Draws and priors of the correlations of a fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import FloatArray, draws_first
from bayesmix.design.joint_effects import JointEffects
from bayesmix.engines.exact.implied import ImpliedPrior, implied_priors
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted

__all__ = ["Correlation", "correlations"]


LEVEL = 0.95


@dataclasses.dataclass(frozen=True, eq=False)
class Correlation:
    """One correlation of two group effects: its draws and its prior.

    Attributes
    ----------
    factor, effect_1, effect_2 : str
    draws : ndarray, shape (S,)
    concentration : float
        The prior is ``(1 + r) / 2 ~ Beta(concentration, concentration)``; NaN where it has no such
        form.
    implied : ImpliedPrior or None
        The prior where it is known by draws: that of a correlation with the intercept of a block
        whose other columns are centred.
    predictor : str
        The parameter whose predictor has the effects; empty for that of the formula.
    """

    factor: str
    effect_1: str
    effect_2: str
    draws: FloatArray
    concentration: float
    implied: ImpliedPrior | None = None
    predictor: str = ""

    def prior_density(self, r: npt.ArrayLike) -> FloatArray:
        """Compute the prior density of the correlation."""
        if self.implied is not None:
            return self.implied.density(r)
        from scipy.stats import beta

        half = (1 + np.asarray(r, dtype=np.float64)) / 2
        return np.asarray(beta.pdf(half, self.concentration, self.concentration) / 2)

    def prior_quantile(self, p: npt.ArrayLike) -> FloatArray:
        """Compute a quantile of the prior."""
        if self.implied is not None:
            return self.implied.quantile(p)
        from scipy.stats import beta

        p = np.asarray(p, dtype=np.float64)
        return np.asarray(2 * beta.ppf(p, self.concentration, self.concentration) - 1)

    def __repr__(self) -> str:
        """Return the names, not the draws."""
        return f"Correlation({self.factor}: {self.effect_1}, {self.effect_2})"


def correlations(fit: Fitted) -> tuple[Correlation, ...]:
    """Collect draws and prior of every correlation that a fit estimates.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    tuple of Correlation
    """
    found = []
    posterior = fit.idata["posterior"].dataset
    spec = fit.spec
    for joint in correlated_effects(spec):
        array = draws_first(posterior[joint.names.cor], *joint.dims)
        own = spec.joint_correlations(joint)
        moved = {  # intercepts of centred blocks
            place.start for term, place in joint.members if spec.part(term).is_centred(term)
        }
        implied = {}
        if moved or any(b.structure.concentration is None for b in own.blocks):
            implied = implied_priors(spec, joint)[1]
        for block in own.blocks:
            closed = block.structure.concentration
            found += [
                Correlation(
                    joint.factor,
                    joint.effects[i],
                    joint.effects[j],
                    array[:, i, j],
                    np.nan if closed is None else closed(len(block), own.eta),
                    implied.get((joint.effects[i], joint.effects[j]))
                    if closed is None or moved & {i, j}
                    else None,
                    joint.predictor,
                )
                for i, j in block.pairs
            ]
    return tuple(found)


def correlated_effects(spec: ModelSpec) -> list[JointEffects]:
    return [joint for joint in spec.design.joint_effects if joint.correlations]


def correlation_table(draws: Iterable[Correlation]) -> pd.DataFrame:
    tail = (1 - LEVEL) / 2
    rows: list[dict[str, Any]] = []
    for one in draws:
        lower, upper = np.quantile(one.draws, [tail, 1 - tail])
        prior = one.prior_quantile([tail, 1 - tail])
        rows.append(
            {
                "group_var": one.factor,
                "effect_1": one.effect_1,
                "effect_2": one.effect_2,
                "value": float(one.draws.mean()),
                "lower_2.5": float(lower),
                "upper_97.5": float(upper),
                "prior_2.5": float(prior[0]),
                "prior_97.5": float(prior[1]),
                "p_positive": float((one.draws > 0).mean()),
            }
        )
    return pd.DataFrame(rows)
