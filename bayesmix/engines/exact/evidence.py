"""The evidence of a Gaussian model: the density of theta, effects integrated out, summed up."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.theta import Theta
from bayesmix.engines.exact.mixture import Mixture, fit_mixture
from bayesmix.engines.exact.target import Target
from bayesmix.engines.log_integral import LogIntegral, from_weights
from bayesmix.model.spec import ModelSpec

__all__ = ["evidence_of_gaussian"]

# Points from a proposal, and floating-point operations of their densities beyond which there are
# fewer, but no fewer than so many.
POINTS, DEAR, FEWEST = 4000, 3e11, 500
# The error that is aimed at, proposals that are learnt for it at most, and the error of the last
# beyond which it has missed the density.
AIM, PROPOSALS, LARGEST_ERROR = 0.02, 4, 0.2


def evidence_of_gaussian(spec: ModelSpec, theta: Theta, rng: np.random.Generator) -> LogIntegral:
    """Sum by importance sampling, from a mixture of t distributions fitted to draws of theta.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle (`bayesmix.model.gaussian`).
    theta : Theta
        Draws from its posterior.
    rng : Generator

    Returns
    -------
    LogIntegral
        Of the response, with all constants of likelihood and priors.

    References
    ----------
    Hesterberg (1995), Technometrics 37, 185-194, https://doi.org/10.1080/00401706.1995.10484303
    """
    with threadpool_limits(limits=1, user_api="blas"):
        target = Target.of(spec, map)
        if not target.space.size:
            exact = float(target(np.empty((1, 0)))[0])
            return LogIntegral(exact, 0.0, 0.0, "in closed form")
        x = target.space.vector(theta)
        x = x[:: -(-len(x) // POINTS)]
        weight = np.full(len(x), 1 / len(x))
        n = int(np.clip(DEAR // target.marginal.model.cost, FEWEST, POINTS))
        for _ in range(PROPOSALS):
            proposal = fit_mixture(x, weight, rng)
            x, log_weights = _weighted(target, proposal, n, rng)
            found = from_weights(log_weights, f"importance sampling with {n} points")
            if found.se <= AIM or not np.isfinite(found.value):
                break
            # One lucky point must not become the proposal.
            weight = np.exp(log_weights - found.value)
            weight = np.minimum(weight, np.sqrt(n))
            weight /= weight.sum()
    return _judged(found)


def _weighted(
    target: Target, proposal: Mixture, n: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return points from a proposal (n, d) and their log weights."""
    x = proposal.draw(rng, n)
    return x, target(x) - proposal.log_density(x)


def _judged(found: LogIntegral) -> LogIntegral:
    if found.doubt or found.se <= LARGEST_ERROR:
        return found
    doubt = "the proposal that was learnt from the draws misses a part of the posterior"
    return LogIntegral(found.value, found.se, found.spread, found.how, doubt)
