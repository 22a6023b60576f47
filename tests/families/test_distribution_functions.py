"""Distribution functions: of every family against its density and its draws, some against SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, special, stats

from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.registry import FAMILIES, get_family
from toyfamilies import CASES, GEOMETRIC

AUXILIARY = {name: value for case in CASES for name, value in case.auxiliary.items()}
EVERY = [
    *(get_family(family, link) for family in FAMILIES.values() for link in family.links),
    *(with_known_errors(get_family("gaussian"), residual) for residual in (False, True)),
]
ETA = np.array([-1.3, 0.2, 0.0, 1.1])
TRIALS, WEIGHTS = np.array([1.0, 3.0, 9.0, 20.0]), np.array([1.0, 2.0, 0.5, 4.0])

every = pytest.mark.parametrize("family", EVERY, ids=repr)
continuous = pytest.mark.parametrize("family", [f for f in EVERY if not f.discrete], ids=repr)
discrete = pytest.mark.parametrize("family", [f for f in EVERY if f.discrete], ids=repr)


def known(family: Family) -> dict:
    """Numbers of everything but the response and the linear predictor."""
    return {
        "auxiliary": {name: AUXILIARY[name] for name in family.auxiliary},
        "weights": WEIGHTS if family.weights else None,
        "trials": TRIALS if family.trials else None,
    }


@every
def test_probabilities_of_draws_are_uniform(family):
    """Kolmogorov and Smirnov; a discrete response is spread between its two probabilities."""
    rng = np.random.default_rng(1)
    eta = np.tile(ETA, (4000, 1))
    drawn = family.draw(rng, eta, **known(family))
    upper = family.cdf(drawn, eta, **known(family))
    lower = family.cdf(drawn, eta, **known(family), strict=True)
    assert (lower <= upper).all()
    assert (lower < upper).all() or not family.discrete
    u = rng.uniform(lower, upper)
    for row in range(4):
        assert stats.kstest(u[:, row], "uniform").pvalue > 1e-3


@discrete
def test_steps_are_the_probabilities_of_the_density(family):
    one_of_two = (family.binary and not family.trials) or family.response.is_nominal
    categories = 2 if one_of_two else 21
    if "cutpoint" in family.auxiliary:
        categories = len(AUXILIARY["cutpoint"]) + 1
    counts = np.arange(float(categories))[:, np.newaxis] + np.zeros(4)
    if family.trials:
        counts = np.minimum(counts, TRIALS)
    eta = np.broadcast_to(ETA, counts.shape)
    step = family.cdf(counts, ETA, **known(family))
    step -= family.cdf(counts, ETA, **known(family), strict=True)
    assert_allclose(step, np.exp(family.log_density(counts, eta, **known(family))), atol=1e-14)


@continuous
def test_differences_are_integrals_of_the_density(family):
    rng = np.random.default_rng(2)
    drawn = family.draw(rng, np.tile(ETA, (400, 1)), **known(family))
    low, high = np.quantile(drawn[(drawn != 0).all(axis=1)], [0.1, 0.8], axis=0)
    found = family.cdf(high, ETA, **known(family)) - family.cdf(low, ETA, **known(family))
    for row in range(4):

        def density(y: float, row: int = row) -> float:
            return float(np.exp(family.log_density(np.full(4, y), ETA, **known(family))[row]))

        expected, _ = integrate.quad(density, low[row], high[row], epsabs=1e-12, limit=200)
        assert found[row] == pytest.approx(expected, abs=1e-9)


@every
def test_ends(family):
    lower, upper = family.response.lower, family.response.upper
    for y, expected in ((-np.inf, 0.0), (np.inf, 1.0), (np.nan, np.nan)):
        for strict in (False, True):
            assert_allclose(family.cdf(y, ETA, **known(family), strict=strict), expected)
    if np.isfinite(lower):
        assert (family.cdf(lower - 0.5, ETA, **known(family)) == 0).all()
        assert (family.cdf(lower, ETA, **known(family), strict=True) == 0).all()
    if np.isfinite(upper):
        assert (family.cdf(upper, ETA, **known(family)) == 1).all()
    if family.trials:
        assert (family.cdf(TRIALS, ETA, **known(family)) == 1).all()
        assert (family.cdf(TRIALS + 3, ETA, **known(family)) == 1).all()
        assert (family.cdf(TRIALS + 0.5, ETA, **known(family), strict=True) == 1).all()


@every
def test_it_rises_and_stays_between_0_and_1_however_far(family):
    y = np.array([-1e300, -1e10, -40.0, -1.0, 0.0, 0.3, 1.0, 2.0, 3.0, 19.0, 1e3, 1e10, 1e300])
    # A distribution that sums to its probabilities does not go on for 1e300 counts.
    y = y[:, np.newaxis] + np.zeros(4)
    for shift in (-700.0, -30.0, 0.0, 30.0, 700.0):
        found = family.cdf(y, ETA + shift, **known(family))
        assert np.isfinite(found).all()
        assert (np.diff(found, axis=0) >= -1e-15).all()
        assert ((found >= 0) & (found <= 1)).all()


@discrete
def test_numbers_between_counts_are_those_of_the_count_below(family):
    own = known(family)
    assert_allclose(family.cdf(0.5, ETA, **own), family.cdf(0.0, ETA, **own), rtol=0)
    assert_allclose(family.cdf(0.5, ETA, **own, strict=True), family.cdf(0.0, ETA, **own), rtol=0)


@every
def test_draws_of_parameters_broadcast(family):
    own = known(family)
    y = family.draw(np.random.default_rng(3), ETA, **own)
    eta, factor = np.stack([ETA, ETA + 0.5, ETA - 0.5]), np.array([1.0, 1.02, 1.1])
    auxiliary = {
        name: np.multiply.outer(factor, np.asarray(value)).reshape(3, 1, *np.shape(value))
        for name, value in own["auxiliary"].items()
    }
    together = family.cdf(y, eta, **own | {"auxiliary": auxiliary})
    alone = [
        family.cdf(y, row, **own | {"auxiliary": {k: v[i] for k, v in auxiliary.items()}})
        for i, row in enumerate(eta)
    ]
    assert_allclose(together, np.stack(alone), rtol=1e-14)


def test_a_family_without_one_says_so():
    with pytest.raises(BayesmixError, match="'geometric' has no distribution function"):
        GEOMETRIC.cdf(0.0, ETA)


# --- against SciPy, over parameters that are extreme ------------------------------------------

SHARES = np.array([1e-12, 1e-3, 0.3, 0.8, 1 - 1e-9])
Y = np.linspace(-30, 30, 61)


@pytest.mark.parametrize("nu", [0.3, 1.0, 4.0, 1e3, 1e6])
def test_student(nu):
    found = get_family("student").cdf(Y, 0.3, {"sigma": 0.7, "nu": nu})
    assert_allclose(found, stats.t(nu, 0.3, 0.7).cdf(Y), rtol=1e-11)


def test_student_with_many_degrees_of_freedom_is_normal():
    found = get_family("student").cdf(Y[20:40], 0.3, {"sigma": 0.7, "nu": 1e14})
    assert_allclose(found, stats.norm(0.3, 0.7).cdf(Y[20:40]), rtol=1e-8)


@pytest.mark.parametrize("sigma", [1e-3, 1.0, 40.0])
def test_gaussian_and_lognormal(sigma):
    found = get_family("gaussian").cdf(Y, 0.3, {"sigma": sigma})
    assert_allclose(found, stats.norm(0.3, sigma).cdf(Y), rtol=1e-13)
    found = get_family("lognormal").cdf(np.exp(Y), 0.3, {"sigma": sigma})
    assert_allclose(found, stats.norm(0.3, sigma).cdf(Y), rtol=1e-10)
    found = get_family("hurdle_lognormal").cdf(np.exp(Y), 0.3, {"sigma": sigma, "hu": 1e-9})
    assert_allclose(found, 1e-9 + (1 - 1e-9) * stats.norm(0.3, sigma).cdf(Y), rtol=1e-10)


@pytest.mark.parametrize("shape", [0.02, 0.7, 30.0, 1e8])
def test_gamma(shape):
    law = stats.gamma(shape, scale=2 / shape)
    y = law.ppf(SHARES)
    found = get_family("gamma").cdf(y, np.log(2.0), {"shape": shape})
    assert_allclose(found, law.cdf(y), rtol=1e-7 if shape > 1e6 else 1e-11)


@pytest.mark.parametrize("shape", [0.05, 0.7, 30.0, 1e4])
def test_weibull(shape):
    y = stats.weibull_min(shape, scale=2 / special.gamma(1 + 1 / shape)).ppf(SHARES)
    found = get_family("weibull").cdf(y, np.log(2.0), {"shape": shape})
    assert_allclose(found, SHARES, rtol=1e-10)


@pytest.mark.parametrize("phi", [0.01, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("eta", [-9.0, 0.4, 6.0])
def test_beta(phi, eta):
    y = np.array([1e-12, 0.3, 0.7, 1 - 1e-9])
    law = stats.beta(special.expit(eta) * phi, special.expit(-eta) * phi)
    assert_allclose(get_family("beta").cdf(y, eta, {"phi": phi}), law.cdf(y), rtol=1e-11)


@pytest.mark.parametrize("mean", [1e-9, 0.4, 40.0, 1e6])
def test_poisson(mean):
    y = np.unique(stats.poisson(mean).ppf(SHARES))
    expected = stats.poisson(mean).cdf(y)
    assert_allclose(get_family("poisson").cdf(y, np.log(mean)), expected, rtol=1e-8)
    found = get_family("zero_inflated_poisson").cdf(y, np.log(mean), {"zi": 0.2})
    assert_allclose(found, 0.2 + 0.8 * expected, rtol=1e-8)


@pytest.mark.parametrize("shape", [1e-3, 0.5, 1e3])
@pytest.mark.parametrize("mean", [1e-5, 0.4, 40.0])
def test_negbinomial(shape, mean):
    y = np.arange(80.0)
    found = get_family("negbinomial").cdf(y, np.log(mean), {"shape": shape})
    law = stats.nbinom(shape, shape / (shape + mean))
    assert_allclose(found, law.cdf(y), rtol=1e-11)


@pytest.mark.parametrize("mean", [0.4, 7.0, 40.0])
def test_negbinomial_of_a_large_shape_is_poisson(mean):
    y = np.arange(80.0)
    found = get_family("negbinomial").cdf(y, np.log(mean), {"shape": 1e15})
    assert_allclose(found, stats.poisson(mean).cdf(y), rtol=1e-11)


@pytest.mark.parametrize("mean", [1e-12, 1e-3, 0.4, 7.0, 300.0])
def test_counts_above_a_hurdle(mean):
    """Sums of probabilities, which do not cancel."""
    y = np.arange(1.0, 400.0)
    law = stats.poisson(mean)
    given_some = np.cumsum(np.exp(law.logpmf(y) - np.log(-np.expm1(-mean))))
    found = get_family("hurdle_poisson").cdf(y, np.log(mean), {"hu": 1e-300})
    assert_allclose(found, np.minimum(given_some, 1), rtol=1e-9)
    assert get_family("hurdle_poisson").cdf(0.0, np.log(mean), {"hu": 0.2}) == pytest.approx(0.2)
    found = get_family("hurdle_negbinomial").cdf(y, np.log(mean), {"hu": 1e-300, "shape": 0.5})
    density = get_family("negbinomial").log_density(y, np.log(mean), {"shape": 0.5})
    some = -np.expm1(-0.5 * np.log1p(2 * mean))
    assert_allclose(found, np.cumsum(np.exp(density)) / some, rtol=1e-7)


@pytest.mark.parametrize("link", get_family("binomial").links)
@pytest.mark.parametrize("eta", [-6.0, 0.3, 2.0])
def test_successes(link, eta):
    trials = np.array([1.0, 5.0, 40.0, 1000.0])
    family, mixed = get_family("binomial", link), get_family("beta_binomial", link)
    p = float(family.inverse_link(eta))
    if p == 1:
        return
    for y in (0.0, 1.0, 7.0, 39.0, 600.0):
        found = family.cdf(y, np.full(4, eta), trials=trials)
        assert_allclose(found, stats.binom(trials, p).cdf(y), rtol=1e-10)
        for phi in (0.01, 3.0, 1e3):
            found = mixed.cdf(y, np.full(4, eta), {"phi": phi}, trials=trials)
            law = stats.betabinom(trials, p * phi, (1 - p) * phi)
            assert_allclose(found, law.cdf(y), rtol=1e-8, atol=1e-300)


def integrals(family: Family, y: np.ndarray, eta: float, auxiliary: dict) -> np.ndarray:
    """Integrate the density from below, relative to what it is at y."""
    edges = np.concatenate([[0.0], np.logspace(-9, 4, 60)])
    found = []
    for end in y:
        top = family.log_density(end, eta, auxiliary)

        def density(distance: float, end: float = end, top: float = top) -> float:
            return float(np.exp(family.log_density(end - distance, eta, auxiliary) - top))

        parts = [
            integrate.quad(density, *ends, epsabs=0, epsrel=1e-10, limit=200)[0]
            for ends in itertools.pairwise(edges)
            if max(map(density, (*ends, 0.5 * sum(ends)))) > 1e-30
        ]
        found.append(sum(parts) * np.exp(top))
    return np.array(found)


@pytest.mark.parametrize("ratio", [1e-3, 0.3, 1.0, 5.0, 1e4])
def test_exgaussian(ratio):
    family, auxiliary = get_family("exgaussian"), {"sigma": 1.0, "tau": 1 / ratio}
    y = np.array([-9.0, -2.0, 0.0, 0.5, 5.0])
    found = family.cdf(y, 1 / ratio, auxiliary)
    assert_allclose(found, integrals(family, y, 1 / ratio, auxiliary), rtol=1e-9)
    if ratio <= 5:
        law = stats.exponnorm(1 / ratio)
        assert_allclose(found[2:], law.cdf(y[2:]), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("alpha", [-50.0, -0.2, 0.0, 0.2, 3.0, 1e4])
def test_skew_normal(alpha):
    family, auxiliary = get_family("skew_normal"), {"sigma": 1.0, "alpha": alpha}
    shift = alpha / np.sqrt(1 + alpha**2) * np.sqrt(2 / np.pi)
    z = np.array([-6.0, -2.0, -0.7, -0.01, -1e-4, 0.0, 0.1, 3.0])
    y = (z - shift) / np.sqrt(1 - shift**2)
    found, lower = family.cdf(y, 0.0, auxiliary), z <= 0
    expected = integrals(family, y[lower], 0.0, auxiliary)
    some = expected > 1e-280
    assert_allclose(found[lower][some], expected[some], rtol=1e-9)
    middle = z > -1
    assert_allclose(found[middle], stats.skewnorm(alpha).cdf(z[middle]), atol=1e-8)
