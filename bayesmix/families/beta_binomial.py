"""Successes out of a number of trials that vary more than the binomial's: a mean, a precision.

The probability of a success varies as a Beta distribution of mean ``mu`` and precision ``phi``,
Beta(mu phi, (1 - mu) phi), so that the variance of n trials is that of the binomial times
``(n + phi) / (1 + phi)``. brms's default prior of ``phi``, Gamma(0.01, 0.01), has most of its mass
near 0, where rows are all successes or all failures; here it is HalfStudentT(3, 20), flat where
rows vary visibly, with a tail that leaves the binomial distribution possible.

References
----------
Bürkner, Parameterization of response distributions in brms,
https://paulbuerkner.com/brms/articles/brms_families.html;
Crowder (1978), Beta-binomial Anova for proportions, https://doi.org/10.2307/2346223
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.beta import BETA
from bayesmix.families.binomial import BINOMIAL
from bayesmix.families.family import Family
from bayesmix.families.responses import TRIALS, Labels
from bayesmix.families.rising import log_rising, rising, rising_curvature, rising_rows
from bayesmix.families.scores import Scores
from bayesmix.families.sides import SIDES
from bayesmix.families.slopes import Slope
from bayesmix.families.values import Rows, Value, Values, slope_by_value

__all__ = ["BETA_BINOMIAL"]

_LEAST = np.finfo(float).tiny


def _check(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    TRIALS.check(family, name, y, trials, labels)
    if trials is not None and (trials == 1).all():
        raise BayesmixError(
            f"Response {name!r} has one trial in every row, which cannot vary more than its mean "
            "says: family 'beta_binomial' is the same as 'bernoulli' there. Use "
            "family='bernoulli', or sum the trials of rows that are alike."
        )


def _parts(y: Any, p: Values, rows: Rows) -> tuple[tuple[Any, Value], tuple[Any, Value]]:
    """Successes and failures, with their probabilities."""
    return (y, p["mu"]), (rows.trials - y, p["mu"].complement)


def _density(y: Any, p: Values, rows: Rows) -> Any:
    log_phi = p["phi"].log
    more = -log_rising(np.asarray(rows.trials, dtype=np.float64), log_phi)
    for counts, probability in _parts(y, p, rows):
        more = more + log_rising(counts, probability.log + log_phi)
    return BINOMIAL.density(y, p, rows) + more


def _variance(p: Values, rows: Rows) -> Any:
    assert BINOMIAL.variance is not None
    phi = p["phi"].value
    # Trials of a row are alike: as those of an urn with phi balls.
    return BINOMIAL.variance(p, rows) * ((phi + rows.trials) / (phi + 1))


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    phi, mu = p["phi"].value, p["mu"]
    shape = np.broadcast_shapes(np.shape(mu.eta), np.shape(phi))
    first, second = (
        rng.standard_gamma(np.broadcast_to(np.maximum(one.value * phi, _LEAST), shape))
        for one in (mu, mu.complement)
    )
    # Gamma variables of a small shape round to 0; one of them alone then decides.
    certain = rng.random(shape) < mu.value
    both = first + second
    share = np.where(both > 0, first / np.where(both > 0, both, 1.0), certain)
    # And the precision of a large one is that of the mean.
    share = np.where(np.isfinite(share), share, mu.value)
    return rng.binomial(np.asarray(rows.trials).astype(np.int64), share)


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    """Sum the probabilities from no success on, each made of that of one success less."""
    log_phi, trials = p["phi"].log, np.asarray(rows.trials, dtype=np.float64)
    log_first, log_second = p["mu"].log + log_phi, p["mu"].complement.log + log_phi
    log_each = _density(np.zeros(np.shape(trials)), p, rows)
    total = log_each
    for successes in range(int(np.max(np.minimum(y, trials - 1), initial=0.0))):
        failures = np.maximum(trials - successes - 1, 0.0)
        log_each = log_each + np.log((failures + 1) / (successes + 1))
        log_each += np.logaddexp(log_first, np.log(successes))
        log_each -= np.logaddexp(log_second, np.log(failures))
        total = np.where(successes < y, np.logaddexp(total, log_each), total)
    return np.where(y < trials, np.exp(total), 1.0)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    mu, phi = p["mu"], p["phi"].value
    shapes = {"alpha": mu.value * phi, "beta": mu.complement.value * phi}
    return "BetaBinomial", {"n": rows.trials, **shapes}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    """Differentiate; what the link bends is left out of the information, which it is on average."""
    log_phi = p["phi"].log
    score = information = np.zeros(())
    for counts, side in zip((y, rows.trials - y), SIDES[p["mu"].link.name], strict=True):
        log, slope = side(p["mu"].eta)
        some = np.asarray(counts, dtype=np.float64) > 0
        at_least_one = np.maximum(counts, 1.0)
        score = score + np.where(some, slope * rising(at_least_one, log + log_phi)[1], 0.0)
        bend = slope**2 * rising_curvature(at_least_one, log + log_phi)
        information = information + np.where(some, bend, 0.0)
    return {"mu": Slope(score, information)}


def _phi_slope(y: Any, p: Values, rows: Rows) -> Slope:
    log_phi = p["phi"].log
    trials = np.asarray(rows.trials, dtype=np.float64)
    score = -rising(trials, np.asarray(log_phi, dtype=np.float64))[1]
    for counts, probability in _parts(y, p, rows):
        some = np.asarray(counts, dtype=np.float64) > 0
        effective = rising(np.maximum(counts, 1.0), probability.log + log_phi)[1]
        score = score + np.where(some, effective, 0.0)
    score = score / p["phi"].value
    return slope_by_value(p["phi"], score, score**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    """Sum and differentiate: as a binomial's of fewer successes and failures, which count less."""
    eta, phi = p["mu"].eta, p["phi"].value
    log_phi = np.log(phi)
    trials, times = np.unique(rows.trials, return_counts=True)
    log_ways, effective = rising(trials[:, np.newaxis].astype(np.float64), log_phi)
    total, by_phi = -(times @ log_ways), -(times @ effective)
    score = np.zeros_like(eta)
    for counts, side in zip((y, rows.trials - y), SIDES[p["mu"].link.name], strict=True):
        some = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        log, slope = side(eta[some])
        total += counts[some] @ log
        log += log_phi
        log_ways, effective = rising_rows(counts[some], log)
        total += log_ways.sum(axis=0)
        by_phi += effective.sum(axis=0)
        score[some] += np.multiply(slope, effective, out=slope)
    return Scores(total, score, {"phi": by_phi / phi})


BETA_BINOMIAL = Family(
    name="beta_binomial",
    parameters=BETA.parameters,
    response=replace(TRIALS, check=_check),
    density=_density,
    mean=BINOMIAL.mean,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"phi": _phi_slope},
    closed_scores=_scores,
)
