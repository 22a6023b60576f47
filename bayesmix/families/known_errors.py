"""Estimates with standard errors that are known: the normal distribution of a meta-analysis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family
from bayesmix.families.gaussian import GAUSSIAN
from bayesmix.families.own_variances import OwnVariance
from bayesmix.families.parameters import Sizes
from bayesmix.families.responses import Labels, ResponseKind
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.values import Rows, Values, slope_by_value

__all__ = ["with_known_errors"]


def _variance(p: Values, rows: Rows) -> Any:
    """Square of the known standard error, and that of sigma where there is one."""
    if rows.weights is None:
        raise BayesmixError(
            "The residual sd of a row is its known standard error, and the rows have none. Give "
            "the column of the standard errors, se, for these rows too."
        )
    known = 1 / rows.weights
    return known + p["sigma"].value ** 2 if "sigma" in p else known


def _density(y: Any, p: Values, rows: Rows) -> Any:
    variance = _variance(p, rows)
    return -0.5 * (np.log(2 * np.pi * variance) + (y - p["mu"].value) ** 2 / variance)


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    return rng.normal(p["mu"].value, np.sqrt(_variance(p, rows)))


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    return ndtr((y - p["mu"].value) / np.sqrt(_variance(p, rows)))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Normal", {"mu": p["mu"].value, "sigma": _variance(p, rows) ** 0.5}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    residual, variance = y - p["mu"].value, np.asarray(_variance(p, rows))
    return {"mu": Slope(residual / variance, np.broadcast_to(1 / variance, residual.shape))}


def _sigma_slope(y: Any, p: Values, rows: Rows) -> Slope:
    residual, variance = y - p["mu"].value, np.asarray(_variance(p, rows))
    share = p["sigma"].value / variance
    score = share * (residual**2 / variance - 1)
    return slope_by_value(p["sigma"], score, 2 * share**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    eta = p["mu"].eta
    weights = rows.weights[:, np.newaxis]
    residual = np.subtract(y[:, np.newaxis], eta, out=eta)
    if "sigma" not in p:
        score = residual * weights
        return Scores(-0.5 * np.einsum("nm,nm->m", residual, score), score, {})
    sigma = p["sigma"].value
    precision = weights / (1 + weights * sigma**2)
    score = residual * precision
    total = 0.5 * (np.log(precision).sum(axis=0) - np.einsum("nm,nm->m", residual, score))
    by_sigma = sigma * (np.einsum("nm,nm->m", score, score) - precision.sum(axis=0))
    return Scores(total, score, {"sigma": by_sigma})


def _check(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    """Take any numbers: estimates may be equal, or one alone, since their errors are known."""


def _default_sigma(sizes: Sizes) -> tuple[str, dict[str, float]]:
    return "Exponential", {"scale": sizes.scale}


_ESTIMATES = ResponseKind(check=_check)
_MU, _SIGMA = GAUSSIAN.parameters
_KNOWN = replace(
    GAUSSIAN,
    parameters=(_MU,),
    response=_ESTIMATES,
    density=_density,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={},
    closed_scores=_scores,
    residual=None,
    own_variance=OwnVariance("se^2", _variance),
    known_errors=True,
)
_WITH_RESIDUAL = replace(
    _KNOWN,
    parameters=(_MU, replace(_SIGMA, prior=_default_sigma)),
    further_slopes={"sigma": _sigma_slope},
    residual="sigma",
    own_variance=OwnVariance("se^2 + sigma^2", _variance),
)


def with_known_errors(family: Family, residual: bool = False) -> Family:
    """Return the Gaussian family whose rows have known standard errors, 1 / sqrt(weight).

    Parameters
    ----------
    family : Family
    residual : bool
        Whether there is a residual beside them: ``sd_i = sqrt(se_i^2 + sigma^2)``.

    Raises
    ------
    BayesmixError
        The family is another one: it has no residual whose sd could be known.
    """
    if (family.name, family.link) != ("gaussian", "identity"):
        raise BayesmixError(
            f"se is the known residual sd of each row, which the gaussian family with the identity "
            f"link has; family {family!r} has none that could be known. Leave se out, or model "
            "estimates that are about normal, such as log odds ratios, with family='gaussian'."
        )
    return _WITH_RESIDUAL if residual else _KNOWN
