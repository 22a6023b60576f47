"""Reaction times: a normal and an exponential part added, with a long right tail.

``mu`` is the mean of the response, as in brms
(https://paulbuerkner.com/brms/articles/brms_families.html): that of the normal part is
``mu - tau``. ``sigma`` is the sd of the normal part and ``tau``, brms's ``beta``, the mean of the
exponential one, so that the sd of the response is ``sqrt(sigma^2 + tau^2)`` [1]_.

Default priors: ``sigma`` and ``tau`` exponential with the sd of the response as mean, so that
either part may be next to nothing.

References
----------
.. [1] Palmer, E. M., Horowitz, T. S., Torralba, A. & Wolfe, J. M. (2011). What are the shapes of
   response time distributions in visual search? J. Exp. Psychol. Hum. Percept. Perform. 37, 58-71.
   https://doi.org/10.1037/a0020747
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import erfcx, ndtr

from bayesmix.families.family import Family
from bayesmix.families.normal import LOG_SQRT_2PI, log_ndtr_and_slope, mills_ratio
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import REAL_NUMBERS
from bayesmix.families.scores import Scores, add_by_value, short_blocks, spread, taken
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import POSITIVE, REAL
from bayesmix.families.values import Rows, Values, slope_by_value, value_of_mu

__all__ = ["EXGAUSSIAN"]


class _Parts(NamedTuple):
    """Log density of each row, and what its derivatives are made of.

    `ratio` is sigma / tau, `excess` the distance from the mean of the normal part in sds, less
    `ratio`, and `mills` the derivative of log(Phi(excess)).
    """

    log_density: Any
    ratio: Any
    excess: Any
    mills: Any


def _parts(y: Any, mu: Any, sigma: Any, tau: Any) -> _Parts:
    ratio = sigma / tau
    z = (y - mu + tau) / sigma
    excess = z - ratio
    tail = mills_ratio(np.abs(excess))
    density = np.exp(-0.5 * excess**2 - LOG_SQRT_2PI)
    is_below = excess < 0
    # The probability below the excess; far below over the density there, which keeps its digits.
    share = np.where(is_below, tail, 1 - tail * density)
    exponent = np.where(is_below, -0.5 * z**2 - LOG_SQRT_2PI, ratio * (0.5 * ratio - z))
    mills = np.where(is_below, 1.0, density) / share
    return _Parts(np.log(share) + exponent - np.log(tau), ratio, excess, mills)


def _density(y: Any, p: Values, rows: Rows) -> Any:
    return _parts(y, *(p[name].value for name in ("mu", "sigma", "tau"))).log_density


def _variance(p: Values, rows: Rows) -> Any:
    return np.square(p["sigma"].value) + np.square(p["tau"].value)


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    mu, tau = p["mu"].value, p["tau"].value
    return rng.normal(mu - tau, p["sigma"].value) + tau * rng.standard_exponential(np.shape(mu))


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    """Take off the normal part what the exponential one carries beyond y."""
    mu, sigma, tau = (p[name].value for name in ("mu", "sigma", "tau"))
    ratio, z = sigma / tau, (y - mu + tau) / sigma
    excess = z - ratio
    # As in `_parts`; in the lower tail the normal part has the same factor as what is taken off.
    density, carried = np.exp(-0.5 * z**2), 0.5 * erfcx(np.maximum(-excess, 0.0) * np.sqrt(0.5))
    lower = density * (0.5 * erfcx(np.maximum(-z, 0.0) * np.sqrt(0.5)) - carried)
    beyond = np.exp(ratio * (0.5 * ratio - z)) * ndtr(excess)
    upper = ndtr(z) - np.where(excess < 0, density * carried, beyond)
    return np.where(z < 0, lower, upper)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    mu, sigma, tau = (p[name].value for name in ("mu", "sigma", "tau"))
    return "ExGaussian", {"mu": mu - tau, "sigma": sigma, "nu": tau}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    mu, sigma, tau = (p[name].value for name in ("mu", "sigma", "tau"))
    _, ratio, _, mills = _parts(y, mu, sigma, tau)
    score = (ratio - mills) / sigma
    # That of a row far out on the right is next to 0; this is what is expected of it.
    information = _expected_information(ratio) / np.square(sigma)
    return {"mu": Slope(score, np.broadcast_to(information, score.shape))}


def _sigma_slope(y: Any, p: Values, rows: Rows) -> Slope:
    mu, sigma, tau = (p[name].value for name in ("mu", "sigma", "tau"))
    _, ratio, excess, mills = _parts(y, mu, sigma, tau)
    score = (ratio**2 - mills * (excess + 2 * ratio)) / sigma
    return slope_by_value(p["sigma"], score, score**2)


def _tau_slope(y: Any, p: Values, rows: Rows) -> Slope:
    mu, sigma, tau = (p[name].value for name in ("mu", "sigma", "tau"))
    _, ratio, excess, mills = _parts(y, mu, sigma, tau)
    score = (ratio * (mills + excess) - 1) / tau - (ratio - mills) / sigma
    return slope_by_value(p["tau"], score, score**2)


def _expected_information(ratio: Any) -> Any:
    """Integrate the squared score over the rows: ratio E(mills(x)) - ratio^2, x ~ N(-ratio, 1)."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    x = points - np.asarray(ratio)[..., np.newaxis]
    _, mills = log_ndtr_and_slope(x)
    return ratio * ((mills + x) @ (weights / weights.sum()))


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    eta = p["mu"].eta
    total = np.zeros(eta.shape[1])
    auxiliary = {name: np.zeros_like(p[name].eta) for name in ("sigma", "tau")}
    for block in short_blocks(*eta.shape):
        own = taken(p, block)
        mu, sigma, tau = (own[name].value for name in ("mu", "sigma", "tau"))
        log_density, ratio, excess, mills = _parts(spread(y[block], mu.shape[1]), mu, sigma, tau)
        total += log_density.sum(axis=0)
        by_mu = (ratio - mills) / sigma
        by_sigma = (ratio**2 - mills * (excess + 2 * ratio)) / sigma
        by_tau = (ratio * (mills + excess) - 1) / tau - by_mu
        for name, by_value in (("sigma", by_sigma), ("tau", by_tau)):
            add_by_value(auxiliary[name], block, own[name], by_value)
        eta[block] = by_mu
    return Scores(total, eta, auxiliary)


EXGAUSSIAN = Family(
    name="exgaussian",
    parameters=(
        Parameter("mu", REAL),
        *(
            Parameter(
                name,
                POSITIVE,
                links=("log",),
                prior=lambda sizes: ("Exponential", {"scale": sizes.residual}),
                has_unit=True,
            )
            for name in ("sigma", "tau")
        ),
    ),
    response=REAL_NUMBERS,
    density=_density,
    mean=value_of_mu,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"sigma": _sigma_slope, "tau": _tau_slope},
    closed_scores=_scores,
    scores_predictors=True,
)
