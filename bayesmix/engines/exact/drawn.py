"""What the exact method drew: parameters by name, as written, and effects too many to be kept."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.marginal import Effects
from bayesmix.engines.exact.chains import Sampled
from bayesmix.engines.exact.target import Target
from bayesmix.engines.statistics import statistics_of
from bayesmix.model.centring import effects_as_written, group_draws
from bayesmix.model.spec import ModelSpec

__all__ = ["ExactDraws", "summaries_of_first", "values_by_name"]


@dataclasses.dataclass(frozen=True, eq=False)
class ExactDraws:
    """Draws of every parameter, by name, and how theta was sampled.

    Attributes
    ----------
    values : dict of ndarray, shape (chains, draws, ...)
        ``beta``, ``sigma`` and, per factor, ``sd_``, ``cor_``, ``free_``, ``zeta_`` and ``u_``;
        ``centred_sd_`` where the block is centred (`bayesmix.model.centring`).
    theta : Sampled
    summaries : dict of ndarray, shape (len(STATISTICS), J, q)
        ``u_`` and ``coef_`` of a factor whose draws would not fit into memory, and so are left
        out of `values`.
    """

    values: dict[str, FloatArray]
    theta: Sampled
    summaries: dict[str, FloatArray]


def values_by_name(
    spec: ModelSpec, target: Target, x: FloatArray, drawn: Effects, left_out: frozenset[str]
) -> dict[str, FloatArray]:
    """Name all draws of theta (B, size) and effects, of the columns as written.

    Group effects are not among them where their name is in `left_out`.
    """
    space, scales = target.space, target.space.theta(x).scale
    sds, frees, sigma = space.split(x)
    values = {"beta": target.marginal.beta_as_written(drawn.beta)}
    if space.sigma_prior is not None:
        values = {"sigma": sigma, **values}
    for t, joint in enumerate(spec.design.joint_effects):
        zeta = None if joint.names.u in left_out else drawn.zeta[t]
        values |= group_draws(spec, joint, sds[t], frees[t], scales[t], zeta)
    return values


def summaries_of_first(
    spec: ModelSpec, target: Target, x: FloatArray, drawn: Effects, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Summarise u, and u with its population effect, of the factor that is eliminated first."""
    marginal = target.marginal
    model, units = marginal.model, marginal.units
    assert model.first is not None
    term = spec.design.groups[model.first.factor]
    unit = units.response / units.Z[model.first.factor]
    beta = marginal.beta_as_written(drawn.beta)
    twins = [
        beta[:, spec.design.terms.index(effect)] if effect in spec.design.terms else 0.0
        for effect in term.effects
    ]
    centre = spec.centre(term)

    def summarise(levels: slice, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        u *= unit[:, None, None]
        u = np.moveaxis(effects_as_written(centre, np.moveaxis(u, 0, -1)), -1, 0)
        coef = np.stack([own + twin for own, twin in zip(u, twins, strict=True)])
        return statistics_of(u), statistics_of(coef)

    parts = list(model.draw_first(target.theta(x), drawn, rng, summarise, target.run))
    u, coef = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    return {term.names.u: u, term.names.coef: coef}
