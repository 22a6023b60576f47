"""Densities of all rows given population effects and theta, group effects integrated out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray, draws_first
from bayesmix.design.names import population_names
from bayesmix.engines.exact.left_out import theta_of
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.model.row_effects import with_row_effects, with_sd_of_rows
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.prior import Prior

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["densities_given_population"]


def densities_given_population(spec: ModelSpec, posterior: xr.Dataset) -> FloatArray:
    """Compute ``log p(y | beta, theta)`` of each draw.

    Parameters
    ----------
    spec : ModelSpec
        One whose response is Gaussian (`bayesmix.model.gaussian.response_obstacle`), whatever the
        priors of its population effects; or such a one with known errors and a residual.
    posterior : Dataset
        Draws by whichever method.

    Returns
    -------
    ndarray, shape (S,)
        Chain after chain.
    """
    spec = with_row_effects(spec)
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    names = population_names("")
    beta = np.zeros((n_draws, 0))
    if spec.design.n_terms:
        beta = draws_first(posterior[names.beta], names.dim)
        centred = np.array(beta)
        if spec.design.has_intercept:
            centred[:, 0] += beta[:, 1:] @ spec.population_centre[1:]
        spec = _about(spec, centred.mean(axis=0))
    marginal = marginal_of(spec)
    beta = beta / marginal.units.beta
    if spec.design.has_intercept:
        beta[:, 0] += beta[:, 1:] @ marginal.center[1:]
    theta = theta_of(spec, with_sd_of_rows(spec, posterior))
    theta = marginal.units.theta(theta)
    log = marginal.model.log_density_given(theta, beta - marginal.mean)
    density: FloatArray = log - spec.design.n_rows * np.log(marginal.units.response)
    return density


def _about(spec: ModelSpec, mean: FloatArray) -> ModelSpec:
    """Put the population effects about a mean, so that sums of squares lose no digits.

    Given these effects, the density does not depend on their prior.
    """
    means = iter(mean)
    leaves = tuple(
        dataclasses.replace(leaf, prior=Prior("Normal", mu=next(means), sigma=1))
        if leaf.kind in ("Intercept", "beta") and not leaf.predictor and not leaf.is_hyper
        else leaf
        for leaf in spec.priors.leaves
    )
    return dataclasses.replace(spec, priors=dataclasses.replace(spec.priors, leaves=leaves))
