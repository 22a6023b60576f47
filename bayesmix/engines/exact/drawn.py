"""What the exact method drew: parameters by name, as written."""

from __future__ import annotations

import dataclasses

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.marginal import Effects
from bayesmix.engines.exact.chains import Sampled
from bayesmix.engines.exact.target import Target
from bayesmix.model.centring import group_draws
from bayesmix.model.spec import ModelSpec

__all__ = ["ExactDraws", "values_by_name"]


@dataclasses.dataclass(frozen=True, eq=False)
class ExactDraws:
    """Draws of every parameter, by name, and how theta was sampled.

    Attributes
    ----------
    values : dict of ndarray, shape (chains, draws, ...)
        ``beta``, ``sigma`` and, per factor, ``sd_``, ``cor_``, ``free_``, ``zeta_`` and ``u_``;
        ``centred_sd_`` where the block is centred (`bayesmix.model.centring`).
        ``zeta_`` and ``u_`` are left out of a factor whose draws would not fit into memory.
    theta : Sampled
    """

    values: dict[str, FloatArray]
    theta: Sampled


def values_by_name(
    spec: ModelSpec, target: Target, x: FloatArray, drawn: Effects, *, with_first: bool
) -> dict[str, FloatArray]:
    """Name all draws of theta (B, size) and effects, of the columns as written.

    Those of the factor that is eliminated first are among them where they were drawn.
    """
    first = target.marginal.model.first
    left_out = None if with_first or first is None else first.factor
    space, scales = target.space, target.space.theta(x).scale
    sds, frees, sigma = space.split(x)
    values = {"beta": target.marginal.beta_as_written(drawn.beta)}
    if space.sigma_prior is not None:
        values = {"sigma": sigma, **values}
    for t, joint in enumerate(spec.design.joint_effects):
        zeta = None if t == left_out else drawn.zeta[t]
        values |= group_draws(spec, joint, sds[t], frees[t], scales[t], zeta)
    return values
