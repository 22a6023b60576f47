"""Responses that lean to one side: the skew normal distribution.

``mu`` is the mean and ``sigma`` the sd of the response, as in brms
(https://paulbuerkner.com/brms/articles/brms_families.html); ``alpha`` is the slant, 0 for the
normal distribution and positive for a longer right tail [1]_. With
``g = sqrt(2 / pi) alpha / sqrt(1 + alpha^2)``, the scale is ``omega = sigma / sqrt(1 - g^2)`` and
the location ``mu - omega g``. The skewness is below 1 whatever ``alpha``.

Default priors: ``sigma`` as that of the normal distribution; ``alpha`` Normal(0, 4), brms's, beyond
which the distribution hardly changes.

References
----------
.. [1] Azzalini, A. (1985). A class of distributions which includes the normal ones. Scand. J. Stat.
   12, 171-178. https://www.jstor.org/stable/4615982
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erfcx, ndtr, owens_t

from bayesmix.families.family import Family
from bayesmix.families.gaussian import GAUSSIAN
from bayesmix.families.normal import log_ndtr_and_slope
from bayesmix.families.own_variances import OF_RESIDUAL
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import REAL_NUMBERS
from bayesmix.families.scores import Scores, short_blocks, spread
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import REAL
from bayesmix.families.values import Rows, Values, value_of_mu

__all__ = ["SKEW_NORMAL"]

_LOG_2_LESS_SQRT_2PI = 0.5 * np.log(2 / np.pi)
# In sds of the smaller tail.
_FAR = 2.0


def _shift_and_scale(sigma: Any, alpha: Any) -> tuple[Any, Any]:
    """Return how far the mean is above the location, in scales, and the scale."""
    shift = alpha / (1 + alpha**2) ** 0.5 * (2 / np.pi) ** 0.5
    return shift, sigma / (1 - shift**2) ** 0.5


def _standard(y: Any, p: Values) -> tuple[Any, Any]:
    """Return distances from the location in scales, and the scale."""
    shift, scale = _shift_and_scale(p["sigma"].value, p["alpha"].value)
    return (y - p["mu"].value) / scale + shift, scale


def _density(y: Any, p: Values, rows: Rows) -> Any:
    z, scale = _standard(y, p)
    log_share, _ = log_ndtr_and_slope(p["alpha"].value * z)
    return _LOG_2_LESS_SQRT_2PI - np.log(scale) - 0.5 * z**2 + log_share


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    mu, alpha = p["mu"].value, p["alpha"].value
    shift, scale = _shift_and_scale(p["sigma"].value, alpha)
    half, whole = np.abs(rng.standard_normal(np.shape(mu))), rng.standard_normal(np.shape(mu))
    return mu + scale * ((alpha * half + whole) / np.sqrt(1 + np.square(alpha)) - shift)


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    z, _ = _standard(y, p)
    z, alpha = np.broadcast_arrays(z, np.asarray(p["alpha"].value, dtype=np.float64))
    value = np.array(ndtr(z) - 2 * owens_t(z, alpha))
    # Where the slant turns away, both are alike and their difference is lost.
    lost = (alpha > 0) & (-z * np.hypot(1, alpha) > _FAR)
    value[lost] = _lower_tail(-z[lost], alpha[lost])
    return value


def _lower_tail(distance: Any, alpha: Any) -> Any:
    """Integrate the density beyond a distance below the location, by Gauss and Laguerre."""
    points, weights = np.polynomial.laguerre.laggauss(40)
    square = 1 + np.square(alpha)
    x = np.sqrt(np.square(distance) + 2 * points[:, np.newaxis] / square)
    integral = weights @ (erfcx(alpha * x * np.sqrt(0.5)) / x) / square
    return np.exp(-0.5 * square * np.square(distance)) * integral / np.sqrt(2 * np.pi)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    alpha = p["alpha"].value
    shift, scale = _shift_and_scale(p["sigma"].value, alpha)
    return "SkewNormal", {"mu": p["mu"].value - scale * shift, "sigma": scale, "alpha": alpha}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    alpha = p["alpha"].value
    z, scale = _standard(y, p)
    _, mills = log_ndtr_and_slope(alpha * z)
    bend = np.maximum(mills * (mills + alpha * z), 0.0)
    return {"mu": Slope((z - alpha * mills) / scale, (1 + alpha**2 * bend) / scale**2)}


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    sigma, alpha, eta = p["sigma"].value, p["alpha"].value, p["mu"].eta
    n = len(y)
    shift, scale = _shift_and_scale(sigma, alpha)
    total = -n * np.log(scale)
    by_distance, by_shift, by_slant = (np.zeros(eta.shape[1]) for _ in range(3))
    for block in short_blocks(*eta.shape):
        at = eta[block]
        column = spread(y[block], at.shape[1])
        distance = np.subtract(column, at, out=column)
        distance /= scale
        z = distance + shift
        log_share, mills = log_ndtr_and_slope(alpha * z)
        total += log_share.sum(axis=0) - 0.5 * np.einsum("nm,nm->m", z, z)
        by_slant += np.einsum("nm,nm->m", mills, z)
        mills *= alpha
        pull = np.subtract(z, mills, out=z)
        by_distance += np.einsum("nm,nm->m", pull, distance)
        by_shift += pull.sum(axis=0)
        np.divide(pull, scale, out=at)
    # How the shift, and the logarithm of the scale, change with the slant.
    shift_slope = (2 / np.pi) ** 0.5 * (1 + alpha**2) ** -1.5
    scale_slope = shift * shift_slope / (1 - shift**2)
    by_alpha = by_slant + (by_distance - n) * scale_slope - by_shift * shift_slope
    return Scores(total, eta, {"sigma": (by_distance - n) / sigma, "alpha": by_alpha})


SKEW_NORMAL = Family(
    name="skew_normal",
    parameters=(
        *GAUSSIAN.parameters,
        Parameter("alpha", REAL, prior=lambda sizes: ("Normal", {"mu": 0.0, "sigma": 4.0})),
    ),
    response=REAL_NUMBERS,
    density=_density,
    mean=value_of_mu,
    variance=OF_RESIDUAL.of,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    closed_scores=_scores,
    residual="sigma",
    own_variance=OF_RESIDUAL,
)
