"""What whitened chains drew: parameters by name, as written, in the numbers of the user."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.design.joint_effects import JointEffects
from bayesmix.design.names import population_names
from bayesmix.engines.rescaling import with_unit
from bayesmix.engines.scaling import Units
from bayesmix.engines.statistics import statistics_of
from bayesmix.engines.whitened.layout import Factor, Layout
from bayesmix.engines.whitened.sampler import WhitenedDraws
from bayesmix.model.centring import effects_as_written, group_draws
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import level_at_means

__all__ = ["as_written", "named_draws", "summaries_of"]


def named_draws(spec: ModelSpec, units: Units, drawn: WhitenedDraws) -> dict[str, FloatArray]:
    """Name all draws, shape (chains, draws, ...).

    Parameters
    ----------
    spec : ModelSpec
        As the user gave it.
    units : Units
        Those of the draws.
    drawn : WhitenedDraws
    """
    kept, layout = drawn.kept, drawn.layout
    chains, draws = kept.log_density.shape
    flat = kept.values.reshape(chains * draws, -1)
    values = as_written(layout, flat)
    values["beta"] *= units.beta
    for name in with_unit(spec.family):
        values[name] = values[name] * units.residual
    for t, factor in enumerate(layout.factors):
        unit = _unit(spec, units, factor)
        zeta = None if t == 0 and drawn.sparse > 1 else kept.zeta[t]
        values |= group_draws(
            spec,
            _as_written(spec, factor),
            flat[:, factor.sds] * unit,
            flat[:, factor.free],
            _scale(factor, flat) * unit[:, None],
            None if zeta is None else zeta.reshape(chains * draws, *zeta.shape[2:]),
        )
    return {name: own.reshape(chains, draws, *own.shape[1:]) for name, own in values.items()}


def summaries_of(
    spec: ModelSpec, units: Units, drawn: WhitenedDraws, values: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Summarise the effects of the largest factor, and with their population effects (coef).

    Parameters
    ----------
    values : mapping of str to ndarray, shape (chains, draws, ...)
        From `named_draws`.

    Returns
    -------
    dict of ndarray, shape (len(STATISTICS), J, q)
        Empty where all effects were kept.
    """
    if drawn.sparse == 1:
        return {}
    factor = drawn.layout.factors[0]
    unit, zeta, places = _unit(spec, units, factor), drawn.kept.zeta[0], _kept_places(drawn)
    joint = _as_written(spec, factor)
    flat = drawn.kept.values[:, places].reshape(zeta.shape[0] * zeta.shape[1], -1)
    scale = _scale(factor, flat) * unit[:, None]
    zeta = zeta.reshape(len(flat), *zeta.shape[2:])
    found: dict[str, list[FloatArray]] = {}
    step = max(1, 4_000_000 // (len(flat) * factor.n_effects))
    for start in range(0, factor.n_levels, step):
        levels = zeta[:, start : start + step] @ np.swapaxes(scale, 1, 2)
        for term, place in joint.members:
            part = spec.part(term)
            terms = part.design.terms
            beta = values[population_names(term.predictor).beta]
            some = beta[:, places].reshape(len(flat), -1)
            u = np.moveaxis(effects_as_written(part.centre(term), levels[..., place]), 0, -1)
            u = np.ascontiguousarray(np.moveaxis(u, 1, 0))
            coef = [
                one + some[:, terms.index(effect)] if effect in terms else one
                for one, effect in zip(u, term.effects, strict=True)
            ]
            found.setdefault(term.names.u, []).append(statistics_of(u))
            found.setdefault(term.names.coef, []).append(statistics_of(np.stack(coef)))
    return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}


def _kept_places(drawn: WhitenedDraws) -> np.ndarray:
    """Tell of which draws of a chain the effects of the largest factor were kept."""
    draws, rooms = drawn.kept.log_density.shape[1], drawn.kept.zeta[0].shape[1]
    each, sparse = drawn.kept.each, drawn.sparse
    of_part = np.arange(0, each, sparse)
    parts = drawn.kept.acceptance.shape[1]
    every = (each * np.arange(parts)[:, None] + of_part).ravel()
    return np.minimum(every[:rooms], draws - 1)


def as_written(layout: Layout, flat: FloatArray) -> dict[str, FloatArray]:
    """Return population effects and auxiliary parameters, of the columns as written.

    Parameters
    ----------
    layout : Layout
    flat : ndarray, shape (B, d)
        Values of all parameters.

    Returns
    -------
    dict of ndarray
        ``beta`` (B, p) of each predictor, and the auxiliary parameters (B,) or (B, K).
    """
    coordinates, thresholds = layout.coordinates, layout.coordinates.thresholds
    every, start, levels = flat[:, coordinates.population], 0, dict[str, FloatArray]()
    found = {name: own.T for name, own in layout.auxiliary(flat.T).items()}
    for design, means in zip(layout.spec.design.parts, layout.means, strict=True):
        beta = every[:, start : start + len(means)].copy()
        start += len(means)
        if design.means is not None:
            levels[design.predictor] = beta @ means[:, None]
        elif means.any():
            beta[:, 0] -= beta @ means
        found[population_names(design.predictor).beta] = beta
    if thresholds is not None:
        last = coordinates.auxiliary[thresholds.name].stop
        rows = slice(coordinates.population.stop - 1, last)
        moved = np.concatenate(level_at_means(layout.spec.family, levels), axis=-1)
        found[thresholds.name] = flat[:, rows] @ thresholds.every.T + moved
    return found


def _unit(spec: ModelSpec, units: Units, factor: Factor) -> FloatArray:
    """Return the units of the effects of a factor; those of further predictors are one."""
    factors = [term.factor for term in spec.design.groups]
    found = [
        np.ones(term.n_effects)
        if term.predictor
        else units.response / units.Z[factors.index(term.factor)]
        for term in factor.joint.terms
    ]
    return np.concatenate(found)


def _as_written(spec: ModelSpec, factor: Factor) -> JointEffects:
    """Return a factor in the numbers of the user."""
    own = (factor.joint.factor, factor.joint.predictor)
    return next(one for one in spec.design.joint_effects if (one.factor, one.predictor) == own)


def _scale(factor: Factor, flat: FloatArray) -> FloatArray:
    return factor.scale(flat.T)[0]
