"""What is ranked: parameters, effects, and log densities, which know the data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from bayesmix.design.names import path_start, population_names
from bayesmix.model.centring import sd_variable
from bayesmix.model.gaussian import response_obstacle
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import centred_name
from bayesmix.posterior.parameters import parameter_draws

__all__ = ["ranked_quantities"]

type FloatArray = npt.NDArray[np.float64]


def ranked_quantities(spec: ModelSpec, draws: xr.Dataset, y: FloatArray) -> dict[str, FloatArray]:
    """Compute all that is ranked, each of shape (draws,), from one chain of draws.

    Parameters and some group effects; and quantities that depend on the data too: the log
    likelihood given the group effects; for Gaussian models, with these integrated out (given beta
    and theta); and the log density of data and all parameters. `y` has one row for each draw, or
    one for all.
    """
    draws = draws.isel(chain=0).transpose("draw", ...)
    design, family = spec.design, spec.family
    by_chain = parameter_draws(design, family, draws.expand_dims("chain"))
    values = {name: one[0] for name, one in by_chain.items()}
    etas = []
    for part in design.parts:
        names, start = population_names(part.predictor), path_start(part.predictor)
        eta = draws[names.beta].values @ part.X.T
        for term in part.groups:
            u = draws[term.names.u].transpose("draw", term.dim, term.effect_dim).values
            for level in (0, term.n_levels - 1):
                for i, effect in enumerate(term.effects):
                    label = f"{start}u:{term.factor}:{term.levels[level]}:{effect}"
                    values[label] = u[:, level, i]
            eta = eta + term.dot(u)
        etas.append(eta)
    eta, *others = etas
    auxiliary = {name: draws[name].values[:, None] for name in family.auxiliary}
    auxiliary |= dict(zip(design.predictors, others, strict=True))
    rows = family.log_density(y, eta, auxiliary, design.weights, design.trials)
    values["log likelihood"] = rows.sum(axis=1)
    if response_obstacle(spec) is None:
        values["log likelihood, no u"] = _without_effects(spec, draws, y)
    values["log joint"] = values["log likelihood"] + _log_prior(spec, draws)
    return values


def _log_prior(spec: ModelSpec, draws: xr.Dataset) -> FloatArray:
    """Log density of the free variables of the joint model."""
    total = np.zeros(draws.sizes["draw"])
    for name, prior in spec.priors.auxiliary.items():
        is_threshold = spec.family.parameter(name).is_threshold
        own = draws[centred_name(name) if is_threshold else name].values
        total = total + prior.log_density(own).reshape(len(own), -1).sum(axis=1)
    for part in spec.parts:
        total = total + _log_prior_of_predictor(part, draws)
    for joint in spec.design.joint_effects:
        pairs = spec.joint_correlations(joint)
        if len(pairs):
            share = draws[joint.names.lkj].values
            total = total + stats.beta.logpdf(share, *pairs.shapes.T).sum(axis=1)
    return total


def _log_prior_of_predictor(spec: ModelSpec, draws: xr.Dataset) -> FloatArray:
    priors, names = spec.priors, population_names(spec.design.predictor)
    total = np.zeros(draws.sizes["draw"])
    slopes = names.beta
    if priors.intercept is not None:
        slopes = names.slope
        total = total + priors.intercept.log_density(draws[names.centred_intercept].values)
    for k, prior in enumerate(priors.beta):
        total = total + prior.log_density(draws[slopes].values[:, k])
    for term in spec.design.groups:
        with_prior = draws[sd_variable(spec, term)].values
        for i, prior in enumerate(priors.sd[term.factor]):
            total = total + prior.log_density(with_prior[:, i])
        zeta = draws[term.names.zeta].values
        total = total + stats.norm.logpdf(zeta).sum(axis=(1, 2))
    return np.asarray(total)


def _without_effects(spec: ModelSpec, draws: xr.Dataset, y: FloatArray) -> FloatArray:
    """Log likelihood of a Gaussian model with the group effects integrated out."""
    design = spec.design
    weights = np.ones(design.n_rows) if design.weights is None else design.weights
    noise = draws["sigma"].values[:, None] ** 2 / weights
    covariance = noise[:, :, None] * np.eye(design.n_rows)
    for term in design.groups:
        sd = draws[f"sd_{term.factor}"].values
        own = sd[:, :, None] * sd[:, None, :] * np.eye(term.n_effects)
        if len(spec.correlations(term)):
            cor = draws[f"cor_{term.factor}"]
            cor = cor.transpose("draw", term.effect_dim, term.effect_dim_bis)
            own = sd[:, :, None] * sd[:, None, :] * cor.values
        together = term.codes[:, None] == term.codes
        covariance = covariance + together * (term.Z @ own @ term.Z.T)
    centred = y - draws["beta"].values @ design.X.T
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, centred[..., None])[..., 0]
    log_determinant = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(stats.norm.logpdf(white).sum(axis=1) - log_determinant)
