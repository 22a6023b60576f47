"""Priors of sds and correlations as written, where those that were set are of centred columns.

They have no closed form, so that they are drawn.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.design.joint_effects import JointEffects
from bayesmix.engines.exact.space import draw_from
from bayesmix.model.centring import joint_scale_as_written, sd_and_cor
from bayesmix.model.spec import ModelSpec

__all__ = ["ImpliedPrior", "implied_priors"]


DRAWS = 20_000
# Draws of a kernel density: its cost goes with them, its shape hardly.
KERNELS = 5_000
NEAREST_ONE = 1 - 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class ImpliedPrior:
    """A prior known by its draws, on the positive numbers or between -1 and 1.

    Attributes
    ----------
    draws : ndarray, shape (n,)
    is_correlation : bool
    """

    draws: FloatArray
    is_correlation: bool

    def density(self, x: npt.ArrayLike) -> FloatArray:
        """Estimate the density by kernels: reflected at zero, or on the scale of atanh."""
        from scipy.stats import gaussian_kde

        x = np.asarray(x, dtype=np.float64)
        draws = self.draws[:: len(self.draws) // KERNELS]
        if not self.is_correlation:
            values = 2 * gaussian_kde(np.concatenate([draws, -draws]))(np.ravel(x))
            return np.where(x < 0, 0.0, values.reshape(x.shape))
        kernels = gaussian_kde(np.arctanh(np.clip(draws, -NEAREST_ONE, NEAREST_ONE)))
        with np.errstate(divide="ignore", invalid="ignore"):
            values = kernels(np.arctanh(np.ravel(x))).reshape(x.shape) / (1 - x**2)
        return np.where(np.abs(x) < 1, values, 0.0)

    def quantile(self, p: npt.ArrayLike) -> FloatArray:
        """Estimate quantiles."""
        return np.asarray(np.quantile(self.draws, np.asarray(p, dtype=np.float64)))


def implied_priors(
    spec: ModelSpec, joint: JointEffects
) -> tuple[dict[str, ImpliedPrior], dict[tuple[str, str], ImpliedPrior]]:
    """Draw the priors of the effects as written of a factor with a block that is centred.

    Parameters
    ----------
    spec : ModelSpec
        Of all predictors.
    joint : JointEffects

    Returns
    -------
    sds : dict of str to ImpliedPrior
        By effect.
    correlations : dict of (str, str) to ImpliedPrior
        By pair of effects of one block, in their order.
    """
    rng = np.random.default_rng(0)
    priors = [p for term in joint.terms for p in spec.part(term).priors.sd[joint.factor]]
    correlations = spec.joint_correlations(joint)
    sds = np.stack([draw_from(prior, rng, DRAWS) for prior in priors], axis=-1)
    root = correlations.factor(correlations.draw(rng, DRAWS))
    sd, cor = sd_and_cor(joint_scale_as_written(spec, joint, sds[..., None] * root))
    return (
        {effect: ImpliedPrior(sd[:, k], False) for k, effect in enumerate(joint.effects)},
        {
            (joint.effects[i], joint.effects[j]): ImpliedPrior(cor[:, i, j], True)
            for i, j in correlations.pairs
        },
    )
