"""Densities and draws of priors that only PyMC knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmix.base.interrupts import import_whole
from bayesmix.priors.prior import Prior

__all__ = ["compile_density_and_slope", "compile_log_density", "draw_prior"]


def compile_log_density(prior: Prior) -> Callable[[np.ndarray], np.ndarray]:
    """Compile the log density of a prior that only PyMC knows, for arrays of any shape.

    Parameters
    ----------
    prior : Prior

    Returns
    -------
    callable
        From values to log densities of the same shape.
    """
    value, log = _log_density(prior)
    compiled = _compiled(value, log)
    return lambda x: compiled(x)[0]


def compile_density_and_slope(
    prior: Prior,
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Compile the log density of a prior that only PyMC knows, and its derivative.

    Parameters
    ----------
    prior : Prior

    Returns
    -------
    callable
        From values to log densities and derivatives of the same shape.
    """
    value, log = _log_density(prior)
    import pytensor

    compiled = _compiled(value, log, pytensor.grad(log.sum(), value))

    def law(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        density, slope = compiled(x)
        return density, slope

    return law


def _log_density(prior: Prior) -> tuple[Any, Any]:
    """Return a vector of values, and the log density of each."""
    import_whole("pymc")
    import pymc as pm
    import pytensor.tensor as pt

    value = pt.vector("value", dtype="float64")
    return value, pm.logp(getattr(pm, prior.distribution).dist(**prior.parameters), value)


def _compiled(value: Any, *results: Any) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Compile results of a vector, for arrays of any shape."""
    import pytensor

    function = pytensor.function([value], list(results))
    return lambda x: [np.asarray(one).reshape(np.shape(x)) for one in function(np.ravel(x))]


def draw_prior(prior: Prior, rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw from a prior that only PyMC knows, shape (n,)."""
    import_whole("pymc")
    import pymc as pm

    distribution = getattr(pm, prior.distribution).dist(**prior.parameters, shape=n)
    return np.asarray(pm.draw(distribution, random_seed=rng))
