"""The normal distribution: a mean, and the sd of a residual."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from bayesmix.families.family import Family
from bayesmix.families.own_variances import OF_RESIDUAL
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import REAL_NUMBERS
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import POSITIVE, REAL
from bayesmix.families.values import Rows, Values, slope_by_value, value_of_mu

__all__ = ["GAUSSIAN"]


def _residual_sd(p: Values, rows: Rows) -> Any:
    sigma = p["sigma"].value
    return sigma if rows.weights is None else sigma / rows.weights**0.5


def _density(y: Any, p: Values, rows: Rows) -> Any:
    sd = np.asarray(_residual_sd(p, rows), dtype=np.float64)
    return -0.5 * np.log(2 * np.pi) - np.log(sd) - 0.5 * ((y - p["mu"].value) / sd) ** 2


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    return rng.normal(p["mu"].value, _residual_sd(p, rows))


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    return ndtr((y - p["mu"].value) / _residual_sd(p, rows))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Normal", {"mu": p["mu"].value, "sigma": _residual_sd(p, rows)}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    precision = 1 / np.asarray(_residual_sd(p, rows), dtype=np.float64) ** 2
    score = (y - p["mu"].value) * precision
    return {"mu": Slope(score, np.broadcast_to(precision, score.shape))}


def _sigma_slope(y: Any, p: Values, rows: Rows) -> Slope:
    sigma = np.asarray(p["sigma"].value, dtype=np.float64)
    square = ((y - p["mu"].value) / _residual_sd(p, rows)) ** 2
    return slope_by_value(p["sigma"], (square - 1) / sigma, 2 / sigma**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    sigma, eta = p["sigma"].value, p["mu"].eta
    score = np.subtract(y[:, np.newaxis], eta, out=eta)
    score /= sigma
    if rows.weights is not None:
        score *= np.sqrt(rows.weights)[:, np.newaxis]
    squares = np.einsum("nm,nm->m", score, score)
    total = -len(y) * np.log(sigma) - 0.5 * squares
    score /= sigma
    if rows.weights is not None:
        score *= np.sqrt(rows.weights)[:, np.newaxis]
    return Scores(total, score, {"sigma": (squares - len(y)) / sigma})


GAUSSIAN = Family(
    name="gaussian",
    parameters=(
        Parameter("mu", REAL),
        Parameter(
            "sigma",
            POSITIVE,
            links=("log",),
            prior=lambda sizes: ("Exponential", {"scale": sizes.residual}),
            has_unit=True,
        ),
    ),
    response=REAL_NUMBERS,
    density=_density,
    mean=value_of_mu,
    variance=OF_RESIDUAL.of,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"sigma": _sigma_slope},
    closed_scores=_scores,
    residual="sigma",
    weights=True,
    own_variance=OF_RESIDUAL,
)
