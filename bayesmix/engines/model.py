"""`ModelSpec` to the joint PyMC model: LKJ-Cholesky correlations, non-centred group effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.interrupts import import_whole
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.model.centring import sd_variable
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.prior import Prior, vectorise

if TYPE_CHECKING:
    import pymc as pm

__all__ = ["build_model", "coordinates", "free_variables", "observed_name", "variable_dims"]

_TAKEN = ("X", "y", "beta", "Intercept_centred", "slope", "offset", "weights", "trials", "sigma")


def observed_name(design: Design) -> str:
    """Return the response's name in the model, changed only where that name is not possible.

    A parameter or a dim may have it, and a data tree reads a slash as a path.
    """
    taken = {*_TAKEN, *(term.dim for term in design.groups), "obs", "term"}
    name = design.response.replace("/", "\N{DIVISION SLASH}")
    return f"{name}_observed" if name in taken else name


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
        ``sd_<factor>``; ``lkj_<factor>``, each (1 + canonical partial correlation) / 2;
        ``zeta_<factor>``, standard normal; the family's auxiliaries. Deterministic: ``beta``,
        ``cor_<factor>``, ``u_<factor>``. Where the priors of a factor are those of its centred
        block (`ModelSpec.is_centred`), ``centred_sd_<factor>`` is free and ``sd_<factor>``, of the
        effects as written, is deterministic. Where the priors of one factor differ in distribution,
        ``sd_<factor>`` is put together from one free variable per effect.

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
    import pytensor.tensor as pt

    design, family = spec.design, spec.family
    with pm.Model(coords=coordinates(spec)) as model:
        eta = pt.zeros(design.n_rows)
        if design.n_terms:
            X = pm.Data("X", design.X, dims=("obs", "term"))
            eta = eta + pt.dot(X, _population_effects(spec))
        if design.offset is not None:
            eta = eta + pm.Data("offset", design.offset, dims="obs")
        for term in design.groups:
            eta = eta + _group_contribution(spec, term)
        auxiliary = {
            name: _variable(name, spec.priors.auxiliary[name]) for name in family.auxiliary
        }
        constants = {
            name: None if values is None else pm.Data(name, values, dims="obs")
            for name, values in (("weights", design.weights), ("trials", design.trials))
        }
        parameters = family.parameters(_inverse_link(family.link, eta), auxiliary, **constants)
        getattr(pm, family.distribution)(
            observed_name(design), **parameters, observed=_observed(spec), dims="obs"
        )
    return model


def free_variables(spec: ModelSpec, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute the model's free variables from draws of the reported parameters.

    Whatever drew the posterior, PyMC's own functions need the free variables of `build_model`.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping
        ``beta`` (..., p), the auxiliaries (...), and for each factor ``sd_<factor>`` or
        ``centred_sd_<factor>`` (..., q),
        ``zeta_<factor>`` (..., J, q) and, where there are correlations, ``partial_<factor>``
        (..., k), the canonical partial correlations.

    Returns
    -------
    dict of ndarray
        By the names of `build_model`.
    """
    free: dict[str, np.ndarray] = {name: draws[name] for name in spec.family.auxiliary}
    design = spec.design
    beta = draws["beta"]
    if design.has_intercept:
        free["Intercept_centred"] = beta[..., 0] + beta[..., 1:] @ design.X[:, 1:].mean(axis=0)
        free |= _split("slope", design.terms[1:], spec.priors.beta, beta[..., 1:])
    elif design.n_terms:
        free |= _split("beta", design.terms, spec.priors.beta, beta)
    for term in design.groups:
        sd = sd_variable(spec, term)
        free |= _split(sd, term.effects, spec.priors.sd[term.factor], draws[sd])
        if f"zeta_{term.factor}" in draws:
            free[f"zeta_{term.factor}"] = draws[f"zeta_{term.factor}"]
        if len(spec.partial_correlations(term)):
            free[f"lkj_{term.factor}"] = (1 + draws[f"partial_{term.factor}"]) / 2
    return free


def variable_dims(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """Return the dims of every variable of the posterior schema, chain and draw left out."""
    design = spec.design
    dims: dict[str, tuple[str, ...]] = {"beta": ("term",), "slope": ("slope_term",)}
    for term in design.groups:
        dims[f"sd_{term.factor}"] = (term.effect_dim,)
        dims[f"centred_sd_{term.factor}"] = (term.effect_dim,)
        dims[f"cor_{term.factor}"] = (term.effect_dim, term.effect_dim_bis)
        dims[f"lkj_{term.factor}"] = (_pair_dim(term),)
        dims[f"zeta_{term.factor}"] = (term.dim, term.effect_dim)
        dims[f"u_{term.factor}"] = (term.dim, term.effect_dim)
    return dims


def coordinates(spec: ModelSpec) -> dict[str, Any]:
    """Return the coords of the posterior schema, by dim."""
    design = spec.design
    coords: dict[str, Any] = {"obs": design.rows}
    if design.n_terms:
        coords["term"] = design.terms
    if design.has_intercept and design.n_terms > 1:
        coords["slope_term"] = design.terms[1:]
    for term in design.groups:
        coords[term.dim] = term.levels
        coords[term.effect_dim] = term.effects
        pairs = spec.partial_correlations(term)
        if len(pairs):
            coords[term.effect_dim_bis] = term.effects
            coords[_pair_dim(term)] = pairs.labels
    return {dim: np.asarray(labels) for dim, labels in coords.items()}


def _pair_dim(term: GroupTerm) -> str:
    return f"{term.dim}_pair"


def _population_effects(spec: ModelSpec) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    design, priors = spec.design, spec.priors
    if not design.has_intercept:
        return _vector("beta", design.terms, priors.beta, "term")
    if priors.intercept is None:
        raise AssertionError("a design with an intercept has a prior for it")
    centred = _variable("Intercept_centred", priors.intercept)
    if design.n_terms == 1:
        beta = pt.stack([centred])
    else:
        slope = _vector("slope", design.terms[1:], priors.beta, "slope_term")
        intercept = centred - pt.dot(design.X[:, 1:].mean(axis=0), slope)
        beta = pt.concatenate([pt.stack([intercept]), slope])
    return pm.Deterministic("beta", beta, dims="term")


def _group_contribution(spec: ModelSpec, term: GroupTerm) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    factor = term.factor
    Z = pm.Data(f"Z_{factor}", term.Z, dims=("obs", term.effect_dim))
    codes = pm.Data(f"codes_{factor}", term.codes, dims="obs")
    sd = _vector(sd_variable(spec, term), term.effects, spec.priors.sd[factor], term.effect_dim)
    zeta = pm.Normal(f"zeta_{factor}", 0.0, 1.0, dims=(term.dim, term.effect_dim))
    root = _root_of_correlations(spec, term)
    u = (zeta if root is None else pt.dot(zeta, root.T)) * sd
    centre = spec.centre(term)
    _report_effects(spec, term, u, sd, root)
    return ((Z - centre if centre.any() else Z) * u[codes]).sum(axis=1)


def _report_effects(spec: ModelSpec, term: GroupTerm, u: Any, sd: Any, root: Any) -> None:
    """Report effects, sds and correlations as written (`bayesmix.model.centring`)."""
    import pymc as pm
    import pytensor.tensor as pt

    factor, centre = term.factor, spec.centre(term)
    square = (term.effect_dim, term.effect_dim_bis)
    if not spec.is_centred(term):
        pm.Deterministic(f"u_{factor}", u, dims=(term.dim, term.effect_dim))
        if root is not None:
            pm.Deterministic(f"cor_{factor}", pt.dot(root, root.T), dims=square)
        return
    back = np.eye(term.n_effects)
    back[0] -= centre
    pm.Deterministic(f"u_{factor}", pt.dot(u, back.T), dims=(term.dim, term.effect_dim))
    scale = pt.dot(back, root * sd[:, None])
    written = pt.sqrt((scale**2).sum(axis=1))
    pm.Deterministic(f"sd_{factor}", written, dims=term.effect_dim)
    cor = pt.clip(pt.dot(scale, scale.T) / pt.outer(written, written), -1.0, 1.0)
    pm.Deterministic(f"cor_{factor}", cor, dims=square)


def _root_of_correlations(spec: ModelSpec, term: GroupTerm) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    pairs = spec.partial_correlations(term)
    if not len(pairs):
        return None
    lkj = pm.Beta(
        f"lkj_{term.factor}", pairs.concentration, pairs.concentration, dims=_pair_dim(term)
    )
    q = term.n_effects
    w = pt.set_subtensor(pt.zeros((q, q))[pairs.row, pairs.column], 2 * lkj - 1)
    log_remainder = 0.5 * pt.log1p(-(w**2))
    before = pt.cumsum(log_remainder, axis=1) - log_remainder
    return (w + np.eye(q)) * pt.exp(before)


def _variable(name: str, prior: Prior, **kwargs: Any) -> Any:
    import pymc as pm

    return getattr(pm, prior.distribution)(name, **prior.parameters, **kwargs)


def _vector(name: str, labels: Sequence[str], priors: Sequence[Prior], dim: str) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    together = vectorise(priors)
    if together is not None:
        distribution, parameters = together
        return getattr(pm, distribution)(name, **parameters, dims=dim)
    parts = [
        _variable(_part(name, label), prior) for label, prior in zip(labels, priors, strict=True)
    ]
    return pm.Deterministic(name, pt.stack(parts), dims=dim)


def _split(
    name: str, labels: Sequence[str], priors: Sequence[Prior], values: np.ndarray
) -> dict[str, np.ndarray]:
    if vectorise(priors) is not None:
        return {name: values}
    return {_part(name, label): values[..., i] for i, label in enumerate(labels)}


def _part(name: str, label: str) -> str:
    return f"{name}_{label}".replace("/", "\N{DIVISION SLASH}")


def _inverse_link(link: str, eta: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.dist_math import normal_lcdf

    match link:
        case "identity":
            return eta
        case "log":
            return pt.exp(eta)
        case "logit":
            return pm.math.invlogit(eta)
        case "probit":
            # invprobit is exactly 0 or 1 from |eta| = 9 on, where its logarithm is infinite.
            return pm.math.invlogit(normal_lcdf(0.0, 1.0, eta) - normal_lcdf(0.0, 1.0, -eta))
    raise NotImplementedError(f"the joint model has no inverse of the link {link!r}")


def _observed(spec: ModelSpec) -> np.ndarray:
    y = spec.design.y
    return y.astype(np.int64) if spec.family.discrete else y
