"""Variances of responses: against moments of the density, and some against SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayesmix.families.family import Family
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.registry import FAMILIES, get_family
from toyfamilies import CASES

AUXILIARY = {name: value for case in CASES for name, value in case.auxiliary.items()}
EVERY = [
    *(get_family(family, link) for family in FAMILIES.values() for link in family.links),
    *(with_known_errors(get_family("gaussian"), residual) for residual in (False, True)),
]
ETA = np.array([-1.3, 0.2, 0.0, 1.1])
TRIALS, WEIGHTS = np.array([1.0, 3.0, 9.0, 20.0]), np.array([1.0, 2.0, 0.5, 4.0])
WITH_VARIANCE = [family for family in EVERY if not family.response.has_categories]


def variance(family: Family, eta: object, rows: dict | None = None, **auxiliary: object):
    assert family.variance is not None
    found = family.variance(family.values(np.asarray(eta), auxiliary), family.rows(**(rows or {})))
    return np.asarray(found)


def test_categories_have_none():
    assert all(family.variance is None for family in EVERY if family.response.has_categories)


@pytest.mark.parametrize("family", WITH_VARIANCE, ids=repr)
def test_second_moments_of_the_density(family):
    auxiliary = {name: AUXILIARY[name] for name in family.auxiliary}
    rows = {
        "weights": WEIGHTS if family.weights else None,
        "trials": TRIALS if family.trials else None,
    }
    found = np.broadcast_to(variance(family, ETA, rows, **auxiliary), ETA.shape)
    mean = family.expectation(ETA, TRIALS if family.trials else None, auxiliary)

    def density(y: float | np.ndarray) -> np.ndarray:
        return np.exp(family.log_density(y, ETA, auxiliary, **rows))

    if family.discrete:
        counts = np.arange(400.0)[:, np.newaxis] + np.zeros(4)
        top = TRIALS if family.trials else 1.0 if family.binary else np.inf
        inside = counts <= top
        weight = np.where(inside, density(np.minimum(counts, top)), 0)
        assert_allclose((weight * (counts - mean) ** 2).sum(axis=0), found, rtol=1e-10)
        return
    for row in range(4):
        # Densities that begin with a probability of zero.
        lower, upper = family.response.lower, family.response.upper
        atom = density(np.zeros(4))[row] * mean[row] ** 2 if "hu" in auxiliary else 0.0

        def integrand(y: float, row: int = row) -> float:
            return float((y - mean[row]) ** 2 * density(np.full(4, y))[row])

        edges = [-np.inf, -20, -5, 0, 5, 20, 100, 1e3, np.inf]
        edges = sorted({*np.clip(edges, lower, upper).tolist()})
        parts = [
            integrate.quad(integrand, low, high, limit=400, epsabs=1e-12)[0]
            for low, high in itertools.pairwise(edges)
        ]
        assert sum(parts) + atom == pytest.approx(found[row], rel=1e-6)


@pytest.mark.parametrize("mean", [1e-9, 1e-4, 0.4, 40.0, 1e6])
def test_counts_are_scipys(mean):
    eta = np.log(mean)
    assert_allclose(variance(get_family("poisson"), eta), mean)
    for shape in (1e-3, 0.5, 1e3):
        law = stats.nbinom(shape, shape / (shape + mean))
        assert_allclose(variance(get_family("negbinomial"), eta, shape=shape), law.var(), rtol=1e-4)
    # Of counts above a hurdle, by the moments of those that are not zero.
    some = -np.expm1(-mean)
    given_some = mean / some
    within = given_some * (1 + mean - given_some)
    expected = 0.7 * (within + 0.3 * given_some**2)
    found = variance(get_family("hurdle_poisson"), eta, hu=0.3)
    assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [0.05, 0.7, 30.0, 1e4])
def test_waiting_times_are_scipys(shape):
    law = stats.gamma(shape, scale=2 / shape)
    assert_allclose(variance(get_family("gamma"), np.log(2.0), shape=shape), law.var())
    law = stats.weibull_min(shape)
    expected = 4 * law.var() / law.mean() ** 2
    found = variance(get_family("weibull"), np.log(2.0), shape=shape)
    assert_allclose(found, expected, rtol=1e-6)


def test_heavy_tails_have_none():
    student = get_family("student")
    found = variance(student, np.zeros(4), sigma=2.0, nu=np.array([0.5, 2.0, 2.5, 1e9]))
    assert_allclose(found, [np.inf, np.inf, 20.0, 4.0])


@pytest.mark.parametrize("n", [1.0, 7.0, 1e6])
def test_trials_are_scipys(n):
    law = stats.betabinom(n, 0.3 * 4, 0.7 * 4)
    eta, rows = np.log(0.3 / 0.7), {"trials": np.array(n)}
    assert_allclose(variance(get_family("beta_binomial"), eta, rows, phi=4.0), law.var())
    assert_allclose(variance(get_family("binomial"), eta, rows), stats.binom(n, 0.3).var())
