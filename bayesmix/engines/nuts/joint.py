"""`ModelSpec` to the joint PyMC model: LKJ-Cholesky correlations, non-centred group effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.interrupts import import_whole
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.names import population_names
from bayesmix.engines.nuts.group_effects import GroupEffects
from bayesmix.engines.nuts.hyperpriors import (
    hyperparameters,
    population_variable,
    population_vector,
)
from bayesmix.engines.nuts.tensors import tensor_functions
from bayesmix.engines.nuts.variables import variable
from bayesmix.families.supports import Support
from bayesmix.model.schema import Schema, element_dim
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import centred_name, level_at_means, weights_of
from bayesmix.priors.prior import Prior

if TYPE_CHECKING:
    import pymc as pm

__all__ = ["build_model"]


def build_model(spec: ModelSpec) -> pm.Model:
    """Build the joint model of all parameters as a PyMC model.

    Parameters
    ----------
    spec : ModelSpec
        Design, family and priors.

    Returns
    -------
    pymc.Model
        Named dims ``obs``, ``term`` and, for each grouping factor, ``<factor>`` and
        ``<factor>_effect``. Free variables: ``Intercept_centred`` (the intercept of the model with
        centred columns) and ``slope``, or ``beta`` for a model without intercept;
        ``sd_<factor>``; ``lkj_<factor>``, each (1 + w) / 2 for a free number w of the correlations;
        ``zeta_<factor>``, standard normal; the family's auxiliaries, thresholds as
        ``cutpoint_centred``, those of the model with centred columns. Deterministic: ``beta``,
        ``cor_<factor>``, ``u_<factor>``. Where the priors of a factor are those of its centred
        block (`ModelSpec.is_centred`), ``centred_sd_<factor>`` is free and ``sd_<factor>``, of the
        effects as written, is deterministic. Of effects that are correlated across predictors,
        ``(1 | p | g)``, there is one ``lkj_<factor>`` and one ``cor_<factor>``, with the dims
        ``<factor>_joint_effect`` and ``<factor>_joint_effect_bis``. What belongs to the predictor
        of a further parameter has its name before it, ``sigma_beta``. Where the priors of one
        factor differ in distribution, ``sd_<factor>`` is put together from one free variable per
        effect. Where the effects of a factor are Student-t, ``zeta_<factor>`` are t numbers with
        their sds, the k-th of a level with k - 1 degrees of freedom more than ``df_<factor>``,
        which is free unless it is a number. Parameters of priors that have a prior are
        ``hyper_<path>``; what they are the location or scale of is deterministic then, and
        ``<name>_raw``, its standard form, free.

    References
    ----------
    Lewandowski, Kurowicka & Joe (2009), https://doi.org/10.1016/j.jmva.2009.04.008;
    Papaspiliopoulos, Roberts & Skoeld (2007), https://doi.org/10.1214/088342307000000014

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> model = bm.prepare("Reaction ~ Days + (Days | Subject)", data).build()
    >>> sorted(variable.name for variable in model.free_RVs)[:3]
    ['Intercept_centred', 'centred_sd_Subject', 'lkj_Subject']
    """
    import_whole("pymc")
    import pymc as pm

    design, family = spec.design, spec.family
    schema = Schema.of(spec)
    with pm.Model(coords=schema.coords) as model:
        hyper, effects = hyperparameters(spec), GroupEffects(spec)
        eta, beta = _linear_predictor(spec, hyper, effects)
        auxiliary, betas = {name: _auxiliary(spec, name) for name in family.auxiliary}, {"": beta}
        for name in design.predictors:
            own = _linear_predictor(spec.predictor(name), hyper, effects)
            auxiliary[name], betas[name] = own
        if family.thresholds is not None:
            name = family.thresholds.name
            auxiliary[name] = _thresholds_as_written(spec, name, auxiliary[name], betas)
        constants = {
            name: None if values is None else pm.Data(name, values, dims="obs")
            for name, values in (("weights", design.weights), ("trials", design.trials))
        }
        distribution, arguments = family.pymc(
            family.values(eta, auxiliary, tensor_functions()), family.rows(**constants)
        )
        getattr(pm, distribution)(
            schema.observed, **arguments, observed=_observed(spec), dims="obs"
        )
    return model


def _linear_predictor(
    spec: ModelSpec, hyper: Mapping[str, Any], effects: GroupEffects
) -> tuple[Any, Any]:
    """Make the linear predictor of a parameter, and its population effects; None without."""
    import pymc as pm
    import pytensor.tensor as pt

    design, names = spec.design, population_names(spec.design.predictor)
    eta, beta = pt.zeros(design.n_rows), None
    if design.n_terms:
        X = pm.Data(names.X, design.X, dims=("obs", names.dim))
        beta = _population_effects(spec, hyper)
        eta = eta + pt.dot(X, beta)
    if design.offset is not None:
        eta = eta + pm.Data(names.offset, design.offset, dims="obs")
    for term in design.groups:
        eta = eta + _group_contribution(spec, term, effects)
    return eta, beta


def _population_effects(spec: ModelSpec, hyper: Mapping[str, Any]) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    design, names = spec.design, population_names(spec.design.predictor)
    leaves = spec.priors.population
    if not design.has_intercept:
        return population_vector(names.beta, design.terms, leaves, names.dim, hyper)
    if leaves[0].kind != "Intercept":
        raise AssertionError("a design with an intercept has a prior for it")
    centred = population_variable(names.centred_intercept, leaves[0], hyper)
    if design.n_terms == 1:
        beta = pt.stack([centred])
    else:
        slope = population_vector(names.slope, design.terms[1:], leaves[1:], names.slope_dim, hyper)
        intercept = centred - pt.dot(design.X[:, 1:].mean(axis=0), slope)
        beta = pt.concatenate([pt.stack([intercept]), slope])
    return pm.Deterministic(names.beta, beta, dims=names.dim)


def _group_contribution(spec: ModelSpec, term: GroupTerm, effects: GroupEffects) -> Any:
    import pymc as pm

    Z = pm.Data(term.names.Z, term.Z, dims=("obs", term.effect_dim))
    codes = pm.Data(term.names.codes, term.codes, dims="obs")
    u, centre = effects.of(term), spec.centre(term)
    return ((Z - centre if centre.any() else Z) * u[codes]).sum(axis=1)


def _auxiliary(spec: ModelSpec, name: str) -> Any:
    prior, length = spec.priors.auxiliary[name], spec.priors.lengths[name]
    if length is None:
        return variable(name, prior)
    if spec.family.parameter(name).is_threshold:
        return _centred_thresholds(spec, name)
    return _elements(name, prior, length, element_dim(name), spec.family.parameter(name).support)


def _elements(name: str, prior: Prior, length: int, dim: str, support: Support) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    if not support.is_ordered:
        return variable(name, prior, dims=dim)
    transform, start = pm.distributions.transforms.ordered, np.arange(length) - (length - 1) / 2
    free = variable(name, prior, dims=dim, transform=transform, initval=start)
    # Draws from the prior do not pass through the transform, and rise only when they are sorted.
    return pt.sort(free)


def _centred_thresholds(spec: ModelSpec, name: str) -> Any:
    """Make the thresholds that have a prior, and of them all, with the columns at their means."""
    import pytensor.tensor as pt

    parameter = spec.family.parameter(name)
    free, weights = centred_name(name), weights_of(spec, parameter)
    prior, (dim,) = spec.priors.auxiliary[name], Schema.of(spec).dims(free)
    own = _elements(free, prior, weights.shape[1], dim, parameter.support)
    return own if len(weights) == weights.shape[1] else pt.dot(weights, own)


def _thresholds_as_written(spec: ModelSpec, name: str, every: Any, betas: Mapping[str, Any]) -> Any:
    """Report the thresholds of the columns as written."""
    import pymc as pm
    import pytensor.tensor as pt

    levels = {
        part.design.predictor: 0.0 if beta is None else pt.dot(part.population_centre, beta)
        for part, beta in zip(spec.parts, betas.values(), strict=True)
    }
    moved = pt.stack(level_at_means(spec.family, levels))
    return pm.Deterministic(name, every + moved, dims=element_dim(name))


def _observed(spec: ModelSpec) -> np.ndarray:
    y = spec.design.y
    return y.astype(np.int64) if spec.family.discrete else y
