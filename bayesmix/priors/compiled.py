"""Densities and draws of priors that only PyMC knows."""

from __future__ import annotations

from collections.abc import Callable

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
    import_whole("pymc")
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    value = pt.vector("value", dtype="float64")
    distribution = getattr(pm, prior.distribution).dist(**prior.parameters)
    compiled = pytensor.function([value], pm.logp(distribution, value))
    return lambda x: np.asarray(compiled(np.ravel(x))).reshape(np.shape(x))


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
    import_whole("pymc")
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    value = pt.vector("value", dtype="float64")
    log = pm.logp(getattr(pm, prior.distribution).dist(**prior.parameters), value)
    compiled = pytensor.function([value], [log, pytensor.grad(log.sum(), value)])

    def law(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log, slope = compiled(np.ravel(x))
        return np.asarray(log).reshape(np.shape(x)), np.asarray(slope).reshape(np.shape(x))

    return law


def draw_prior(prior: Prior, rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw from a prior that only PyMC knows, shape (n,)."""
    import_whole("pymc")
    import pymc as pm

    distribution = getattr(pm, prior.distribution).dist(**prior.parameters, shape=n)
    return np.asarray(pm.draw(distribution, random_seed=rng))
