"""Priors to a power against their own densities to that power."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmix.priors.effects import NORMAL_EFFECTS, StudentT
from bayesmix.priors.powers import powered
from bayesmix.priors.prior import LKJ, Prior

CLOSED = [
    Prior("Normal", mu=1, sigma=2),
    Prior("Normal", mu=1, tau=0.3),
    Prior("StudentT", nu=3, mu=-1, sigma=2),
    Prior("StudentT", nu=3, mu=-1, lam=2),
    Prior("Cauchy", alpha=0.5, beta=2),
    Prior("Laplace", mu=1, b=0.7),
    Prior("Uniform", lower=0, upper=4),
    Prior("TruncatedNormal", mu=1, sigma=2, lower=0.2),
    Prior("TruncatedNormal", mu=1, sigma=2, lower=0.1, upper=3),
    Prior("HalfNormal", sigma=3),
    Prior("HalfCauchy", beta=2),
    Prior("HalfStudentT", nu=3, sigma=2),
    Prior("Exponential", scale=3),
    Prior("Exponential", lam=3),
    Prior("Gamma", alpha=2, beta=0.5),
    Prior("Gamma", mu=2, sigma=0.5),
    Prior("InverseGamma", alpha=3, beta=2),
    Prior("LogNormal", mu=0.3, sigma=0.6),
    Prior("Weibull", alpha=1, beta=2),
    Prior("Pareto", alpha=2, m=0.2),
    Prior("ChiSquared", nu=3),
    Prior("Beta", alpha=2, beta=3),
    Prior("Beta", mu=0.4, sigma=0.2),
    Prior("Flat"),
    Prior("HalfFlat"),
]


@pytest.mark.parametrize("power", [0.6, 0.8, 1.25, 2.0])
@pytest.mark.parametrize("prior", CLOSED, ids=repr)
def test_the_density_is_that_to_the_power(prior, power):
    x = np.linspace(0.25, 0.95, 9)
    other = powered(prior, power)
    assert isinstance(other, Prior)
    difference = other.log_density(x) - power * prior.log_density(x)
    np.testing.assert_allclose(difference - difference[0], 0, atol=1e-9)
    assert np.isfinite(prior.log_density([-0.5, 3.5, 5.0])).tolist() == (
        np.isfinite(other.log_density([-0.5, 3.5, 5.0])).tolist()
    )


@pytest.mark.parametrize(
    ("prior", "power"),
    [
        (Prior("Logistic", mu=0, s=1), 2),
        (Prior("Gumbel", mu=0, beta=1), 2),
        (Prior("Weibull", alpha=2, beta=2), 2),
        (Prior("SkewNormal", mu=0, sigma=1, alpha=2), 2),
        (Prior("Normal", sigma=Prior("HalfNormal", sigma=1)), 2),
        # Without a finite integral.
        (Prior("Cauchy", alpha=0, beta=1), 0.5),
        (Prior("Gamma", alpha=0.4, beta=1), 2),
        (Prior("InverseGamma", alpha=0.2, beta=1), 0.5),
        (Prior("Pareto", alpha=0.2, m=1), 0.5),
        (Prior("Beta", alpha=0.4, beta=2), 2),
        (LKJ(0.4), 2),
    ],
    ids=repr,
)
def test_what_is_no_such_distribution(prior, power):
    assert powered(prior, power) is None


def test_correlations_and_laws_of_effects():
    assert powered(LKJ(3), 2) == LKJ(5)
    assert powered(LKJ(1), 2) == LKJ(1)
    assert powered(NORMAL_EFFECTS, 2) is NORMAL_EFFECTS
    assert powered(StudentT(4), 2) == StudentT(4)
    assert powered(StudentT(), 2) == StudentT(Prior("Gamma", alpha=3, beta=0.2))
    assert powered(StudentT(Prior("Logistic", mu=9, s=1)), 2) is None
