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
from scipy.special import erfcx, log_ndtr, ndtr

from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import REAL_NUMBERS
from bayesmix.families.scores import Scores, short_blocks, spread
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
    # exp(x^2 / 2) Phi(-x), up to a factor, keeps its digits for any x > 0.
    scaled = erfcx(np.abs(excess) * np.sqrt(0.5))
    density = np.exp(-0.5 * excess**2)
    other = 1 - 0.5 * scaled * density
    is_below = excess < 0
    log_below = np.log(0.5 * scaled) - 0.5 * z**2
    log_above = np.log(other) + ratio * (0.5 * ratio - z)
    mills = np.sqrt(2 / np.pi) * np.where(is_below, 1 / scaled, 0.5 * density / other)
    return _Parts(np.where(is_below, log_below, log_above) - np.log(tau), ratio, excess, mills)


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
    mills = np.exp(-0.5 * x**2 - log_ndtr(x)) / np.sqrt(2 * np.pi)
    return ratio * ((mills + x) @ (weights / weights.sum()))


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    sigma, tau, eta = p["sigma"].value, p["tau"].value, p["mu"].eta
    n, ratio = len(y), sigma / tau
    total, by_sigma, by_tau = np.zeros(eta.shape[1]), n * ratio**2, np.full(eta.shape[1], -1.0 * n)
    for block in short_blocks(*eta.shape):
        at = eta[block]
        column = spread(y[block], at.shape[1])
        log_density, _, excess, mills = _parts(column, at, sigma, tau)
        total += log_density.sum(axis=0)
        both = mills.sum(axis=0)
        by_sigma -= np.einsum("nm,nm->m", mills, excess) + 2 * ratio * both
        by_tau += ratio * (both + excess.sum(axis=0))
        np.divide(ratio - mills, sigma, out=at)
    by_tau = by_tau / tau - eta.sum(axis=0)
    return Scores(total, eta, {"sigma": by_sigma / sigma, "tau": by_tau})


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
)
