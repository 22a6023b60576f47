"""Log densities of priors with their derivatives, in closed form and without SciPy's laws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from scipy.special import betaln, gammaln, log_expit, log_ndtr

from bayesmix.base.arrays import FloatArray
from bayesmix.priors.forms import FORMS, IMPROPER, form_of
from bayesmix.priors.prior import Prior

__all__ = ["densities_and_slopes"]

type Number = float | FloatArray
type DensityAndSlope = Callable[[FloatArray], tuple[FloatArray, FloatArray]]

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


def densities_and_slopes(priors: Sequence[Prior]) -> list[tuple[slice, DensityAndSlope]]:
    """Return functions of values inside the support: log density, and its derivative.

    Parameters
    ----------
    priors : sequence of Prior
        Any; those that only PyMC knows are compiled.

    Returns
    -------
    list of (slice, callable)
        Priors that follow one another and differ in their numbers alone share a function of an
        array of shape (k, M), a row for each; it returns two arrays of that shape.
    """
    found = []
    start = 0
    for kind, run in itertools.groupby(priors, _kind):
        together = list(run)
        found.append((slice(start, start + len(together)), _law_of(kind[0], together)))
        start += len(together)
    return found


def _kind(prior: Prior) -> tuple[str, ...]:
    own = (prior.distribution, *prior.parameters)
    return own if prior.has_log_density else (*own, repr(prior))


def _law_of(distribution: str, priors: Sequence[Prior]) -> DensityAndSlope:
    if distribution in IMPROPER:
        return lambda x: (np.zeros_like(x), np.zeros_like(x))
    if distribution not in FORMS:
        from bayesmix.priors.compiled import compile_density_and_slope

        return compile_density_and_slope(priors[0])
    form = form_of(distribution, priors[0].parameters)
    assert form is not None
    converted = [form.convert(**prior.parameters) for prior in priors]
    law = _LAWS[form.scipy](
        **{name: np.array([[one[name]] for one in converted]) for name in converted[0]}
    )
    if not form.folded:
        return law

    def folded(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        log, slope = law(x)
        return log + math.log(2), slope

    return folded


def _normal(loc: Number = 0.0, scale: Number = 1.0) -> DensityAndSlope:
    constant = -_LOG_SQRT_2PI - np.log(scale)

    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        z = (x - loc) / scale
        return constant - 0.5 * z * z, -z / scale

    return law


def _student(df: Number, loc: Number = 0.0, scale: Number = 1.0) -> DensityAndSlope:
    constant = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(df * math.pi) - np.log(scale)

    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        z = (x - loc) / scale
        square = z * z / df
        log = constant - (df + 1) / 2 * np.log1p(square)
        return log, -(df + 1) / df * z / (1 + square) / scale

    return law


def _laplace(loc: Number = 0.0, scale: Number = 1.0) -> DensityAndSlope:
    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return -np.abs(x - loc) / scale - np.log(2 * scale), -np.sign(x - loc) / scale

    return law


def _logistic(loc: Number = 0.0, scale: Number = 1.0) -> DensityAndSlope:
    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        z = (x - loc) / scale
        log = log_expit(z) + log_expit(-z) - np.log(scale)
        return log, -np.tanh(z / 2) / scale

    return law


def _gumbel(loc: Number = 0.0, scale: Number = 1.0) -> DensityAndSlope:
    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        z = (x - loc) / scale
        power = np.exp(-z)
        return -z - power - np.log(scale), (power - 1) / scale

    return law


def _uniform(loc: Number = 0.0, scale: Number = 1.0) -> DensityAndSlope:
    return lambda x: (np.zeros_like(x) - np.log(scale), np.zeros_like(x))


def _truncated(a: Number, b: Number, loc: Number = 0.0, scale: Number = 1.0) -> DensityAndSlope:
    # The mass between the bounds, on the side where no digits are lost.
    turned = np.greater(a, np.negative(b))
    log_high = log_ndtr(np.where(turned, np.negative(a), b))
    log_low = log_ndtr(np.where(turned, np.negative(b), a))
    mass = log_high + np.log1p(-np.exp(log_low - log_high))
    normal = _normal(loc, scale)

    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        log, slope = normal(x)
        return log - mass, slope

    return law


def _exponential(scale: Number = 1.0) -> DensityAndSlope:
    return lambda x: (-x / scale - np.log(scale), np.zeros_like(x) - 1 / scale)


def _gamma(a: Number, scale: Number = 1.0) -> DensityAndSlope:
    constant = -gammaln(a) - a * np.log(scale)

    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return constant + (a - 1) * np.log(x) - x / scale, (a - 1) / x - 1 / scale

    return law


def _inverse_gamma(a: Number, scale: Number = 1.0) -> DensityAndSlope:
    constant = a * np.log(scale) - gammaln(a)

    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        log = constant - (a + 1) * np.log(x) - scale / x
        return log, (scale / x - (a + 1)) / x

    return law


def _log_normal(s: Number, scale: Number = 1.0) -> DensityAndSlope:
    constant = -_LOG_SQRT_2PI - np.log(s)

    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_x = np.log(x)
        z = (log_x - np.log(scale)) / s
        return constant - 0.5 * z * z - log_x, -(z / s + 1) / x

    return law


def _weibull(c: Number, scale: Number = 1.0) -> DensityAndSlope:
    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_z = np.log(x / scale)
        power = np.exp(c * log_z)
        return np.log(c / scale) + (c - 1) * log_z - power, (c - 1 - c * power) / x

    return law


def _pareto(b: Number, scale: Number = 1.0) -> DensityAndSlope:
    constant = np.log(b) + b * np.log(scale)
    return lambda x: (constant - (b + 1) * np.log(x), -(b + 1) / x)


def _beta(a: Number, b: Number) -> DensityAndSlope:
    constant = -betaln(a, b)

    def law(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        log = constant + (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)
        return log, (a - 1) / x - (b - 1) / (1 - x)

    return law


# By SciPy's names, whose arguments `Form.convert` gives.
_LAWS: Mapping[str, Callable[..., DensityAndSlope]] = MappingProxyType(
    {
        "norm": _normal,
        "t": _student,
        "cauchy": lambda loc=0.0, scale=1.0: _student(1.0, loc, scale),
        "laplace": _laplace,
        "logistic": _logistic,
        "gumbel_r": _gumbel,
        "uniform": _uniform,
        "truncnorm": _truncated,
        "expon": _exponential,
        "gamma": _gamma,
        "chi2": lambda df: _gamma(df / 2, 2.0),
        "invgamma": _inverse_gamma,
        "lognorm": _log_normal,
        "weibull_min": _weibull,
        "pareto": _pareto,
        "beta": _beta,
    }
)
