"""Families of counts: tails, extreme parameters, priors, and what a response may be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import get_family
from bayesmix.families.rising import log_rising, rising, rising_curvature
from bayesmix.families.values import Rows
from bayesmix.posterior.parameters import parameter_draws


class TestRising:
    COUNTS = np.array([1.0, 2.0, 7.0, 40.0, 1e3])

    @pytest.mark.parametrize("base", [1e-8, 0.3, 1.0, 7.9, 8.1, 35.0])
    def test_is_that_of_gamma_functions(self, base):
        y = self.COUNTS
        log, slope = rising(y, np.log(base))
        ways = special.gammaln(base + y) - special.gammaln(base)
        assert_allclose(log + y * np.log(base), ways, rtol=1e-12, atol=1e-12)
        expected = base * (special.digamma(base + y) - special.digamma(base))
        assert_allclose(slope, expected, rtol=1e-12)
        curvature = special.polygamma(1, base) - special.polygamma(1, base + y)
        assert_allclose(rising_curvature(y, np.log(base)), base**2 * curvature, rtol=1e-12)

    @pytest.mark.parametrize("base", [1e4, 1e8, 1e15, 1e100])
    def test_is_a_sum_where_gamma_functions_have_no_digits(self, base):
        """The logarithm of (1 + 0 / k) (1 + 1 / k) ... (1 + (y - 1) / k)."""
        y, steps = 40.0, np.arange(40.0)
        log, slope = rising(np.array([y]), np.array([np.log(base)]))
        assert_allclose(log, np.log1p(steps / base).sum(), rtol=1e-9, atol=1e-12)
        assert_allclose(slope, (1 / (1 + steps / base)).sum(), rtol=1e-13)
        curvature = rising_curvature(np.array([y]), np.array([np.log(base)]))
        assert_allclose(curvature, (1 / (1 + steps / base) ** 2).sum(), rtol=1e-12)

    def test_of_nothing_is_one(self):
        assert_allclose(log_rising(np.zeros(3), np.array([-400.0, 0.0, 40.0])), 0.0)

    def test_of_almost_no_base_is_that_of_its_limit(self):
        log, slope = rising(np.array([5.0]), np.array([-800.0]))
        assert_allclose(log, special.gammaln(5.0) + 4 * 800.0, rtol=1e-14)
        assert_allclose(slope, 1.0, rtol=1e-14)
        assert_allclose(rising_curvature(np.array([5.0]), np.array([-800.0])), 1.0, rtol=1e-14)


class TestNegativeBinomial:
    FAMILY = get_family("negbinomial")

    @pytest.mark.parametrize("shape", [1e-3, 0.3, 5.0, 1e3])
    def test_density_is_that_of_scipy(self, shape):
        y, eta = np.array([0.0, 1.0, 3.0, 50.0, 1e4]), np.array([-20.0, -2.0, 0.0, 3.0, 9.0])
        expected = stats.nbinom(shape, shape / (shape + np.exp(eta))).logpmf(y)
        assert_allclose(
            self.FAMILY.log_density(y, eta, {"shape": shape}), expected, rtol=1e-9, atol=1e-12
        )

    def test_a_large_shape_is_the_poisson_distribution(self):
        y, eta = np.array([0.0, 1.0, 40.0]), np.array([-1.0, 2.0, 3.5])
        expected = get_family("poisson").log_density(y, eta)
        for shape in (1e13, 1e30, 1e100):
            found = self.FAMILY.log_density(y, eta, {"shape": shape})
            assert_allclose(found, expected, rtol=1e-9)
        scores = self.FAMILY.scores(y, eta[:, None].copy(), {"shape": np.array([1e13])}, Rows())
        assert_allclose(scores.score[:, 0], y - np.exp(eta), rtol=1e-9)
        # By the logarithm of the shape: ((y - mu)^2 - y) / (2 shape) of each row.
        mean = np.exp(eta)
        expected = -((y - mean) ** 2 - y).sum() / 2 / 1e4**2
        at = self.FAMILY.scores(y, eta[:, None].copy(), {"shape": np.array([1e4])}, Rows())
        assert_allclose(at.auxiliary["shape"], expected, rtol=0.02)

    @pytest.mark.parametrize("shape", [1e-3, 1.0, 1e9])
    def test_everything_is_finite_far_out(self, shape):
        y, eta = np.array([0.0, 3.0]), np.array([[-1e4, -700.0, 0.0, 700.0, 1e4]] * 2)
        auxiliary = {"shape": np.full(5, shape)}
        scores = self.FAMILY.scores(y, eta.copy(), auxiliary, Rows())
        assert np.isfinite(scores.total).all()
        assert np.isfinite(scores.score).all()
        assert np.isfinite(scores.auxiliary["shape"]).all()
        slopes = self.FAMILY.slopes(y, self.FAMILY.values(eta.T, {"shape": shape}), Rows(), "mu")
        assert np.isfinite(slopes["mu"].score).all()
        assert (slopes["mu"].information >= 0).all()
        assert np.isfinite(self.FAMILY.log_density(y, eta.T, {"shape": shape})).all()

    def test_draws_of_any_mean_and_shape(self):
        eta = np.array([[-800.0, 0.0, 50.0, 1000.0]] * 3)
        shape = np.array([[1e-12], [1.0], [1e12]])
        drawn = self.FAMILY.draw(np.random.default_rng(1), eta, {"shape": shape})
        assert not np.isnan(drawn).any()
        assert (drawn >= 0).all()

    def test_default_prior_is_that_of_brms(self):
        data = pd.DataFrame({"y": [0, 3, 2, 7]})
        spec = bm.prepare("y ~ 1", data, family="negbinomial")
        prior = spec.priors.auxiliary["shape"]
        assert prior == bm.Prior("InverseGamma", alpha=0.4, beta=0.3)


def with_zeros(name: str, **auxiliary: float):
    """A family, its parameters, and SciPy's distribution of the counts of a linear predictor."""

    def counts(eta):
        shape, mean = auxiliary.get("shape"), np.exp(eta)
        return stats.poisson(mean) if shape is None else stats.nbinom(shape, shape / (shape + mean))

    return pytest.param(get_family(name), auxiliary, counts, id=f"{name}-{auxiliary}")


ZEROS = [
    with_zeros("zero_inflated_poisson", zi=1e-6),
    with_zeros("zero_inflated_poisson", zi=0.99),
    with_zeros("zero_inflated_negbinomial", shape=0.05, zi=0.3),
    with_zeros("zero_inflated_negbinomial", shape=1e3, zi=0.3),
    with_zeros("hurdle_poisson", hu=1e-6),
    with_zeros("hurdle_poisson", hu=0.99),
    with_zeros("hurdle_negbinomial", shape=0.05, hu=0.3),
    with_zeros("hurdle_negbinomial", shape=1e3, hu=0.3),
]


@pytest.mark.parametrize(("family", "auxiliary", "counts"), ZEROS)
class TestZeros:
    def test_density_is_that_of_scipy(self, family, auxiliary, counts):
        y, eta = np.array([0.0, 1.0, 3.0, 50.0, 400.0]), np.array([-9.0, -2.0, 0.0, 3.0, 6.0])
        of_counts = counts(eta).logpmf(y)
        if "zi" in auxiliary:
            zi = auxiliary["zi"]
            expected = np.logaddexp(np.log1p(-zi) + of_counts, np.log(zi * (y == 0) + 1e-300))
        else:
            above = np.log1p(-auxiliary["hu"]) + of_counts - counts(eta).logsf(0)
            expected = np.where(y == 0, np.log(auxiliary["hu"]), above)
        assert_allclose(family.log_density(y, eta, auxiliary), expected, rtol=1e-8)

    def test_everything_is_finite_far_out(self, family, auxiliary, counts):
        y, eta = np.array([0.0, 1.0, 3.0]), np.array([[-1e4, -700.0, 0.0, 700.0, 1e4]] * 3)
        each = {name: np.full(5, value) for name, value in auxiliary.items()}
        scores = family.scores(y, eta.copy(), each, Rows())
        assert np.isfinite(scores.total).all()
        assert np.isfinite(scores.score).all()
        assert all(np.isfinite(slope).all() for slope in scores.auxiliary.values())
        slopes = family.slopes(y, family.values(eta.T, auxiliary), Rows(), "mu")["mu"]
        assert np.isfinite(slopes.score).all()
        assert np.isfinite(slopes.information).all()
        assert (slopes.information >= -1e-12).all()
        drawn = family.draw(np.random.default_rng(1), eta, auxiliary)
        assert not np.isnan(drawn).any()
        assert (drawn >= 0).all()

    def test_rows_of_one_kind_alone(self, family, auxiliary, counts):
        each = {name: np.full(2, value) for name, value in auxiliary.items()}
        eta = np.array([[0.3, -0.2], [0.1, 1.0]])
        for y in (np.zeros(2), np.array([2.0, 1.0])):
            scores = family.scores(y, eta.copy(), each, Rows())
            slopes = family.slopes(y, family.values(eta.T, auxiliary), Rows(), "mu")["mu"]
            assert_allclose(scores.score, slopes.score.T, rtol=1e-10, atol=1e-12)


def test_a_hurdle_of_a_small_mean_is_one():
    """Where a count above zero is 1, almost surely."""
    for name, auxiliary in (("hurdle_poisson", {}), ("hurdle_negbinomial", {"shape": 0.7})):
        family, own = get_family(name), {"hu": 0.4, **auxiliary}
        eta = np.array([-30.0, -400.0, -2000.0])
        assert_allclose(family.log_density(np.ones(3), eta, own), np.log(0.6), rtol=1e-10)
        assert_allclose(family.expectation(eta, auxiliary=own), 0.6, rtol=1e-10)
        assert set(family.draw(np.random.default_rng(1), np.tile(eta, 50), own)) == {0.0, 1.0}


class TestBetaBinomial:
    FAMILY = get_family("beta_binomial")

    @pytest.mark.parametrize("phi", [1e-3, 0.5, 30.0, 1e4])
    def test_density_is_that_of_scipy(self, phi):
        y, n = np.array([0.0, 1.0, 3.0, 50.0, 0.0]), np.array([1.0, 4.0, 3.0, 900.0, 60.0])
        eta = np.array([-6.0, -1.0, 0.0, -3.0, 2.0])
        p = special.expit(eta)
        expected = stats.betabinom(n, p * phi, (1 - p) * phi).logpmf(y)
        found = self.FAMILY.log_density(y, eta, {"phi": phi}, trials=n)
        assert_allclose(found, expected, rtol=1e-8, atol=1e-9)

    @pytest.mark.parametrize("link", FAMILY.links)
    def test_a_large_precision_is_the_binomial_distribution(self, link):
        y, n, eta = np.array([0.0, 1.0, 30.0]), np.array([5.0, 4.0, 90.0]), np.array([-3.0, 0.5, 0])
        own, binomial = get_family("beta_binomial", link), get_family("binomial", link)
        rows = Rows(trials=n)
        expected = binomial.log_density(y, eta, trials=n)
        for phi in (1e13, 1e30, 1e100):
            found = own.log_density(y, eta, {"phi": phi}, trials=n)
            assert_allclose(found, expected, rtol=1e-9)
            scores = own.scores(y, eta[:, None].copy(), {"phi": np.array([phi])}, rows)
            exact = binomial.scores(y, eta[:, None].copy(), {}, rows).score
            assert_allclose(scores.score, exact, rtol=1e-9)

    @pytest.mark.parametrize("link", FAMILY.links)
    @pytest.mark.parametrize("phi", [1e-3, 2.0, 1e9])
    def test_everything_is_finite_far_out(self, link, phi):
        own, n = get_family("beta_binomial", link), np.array([7.0, 7.0, 500.0])
        y, eta = np.array([0.0, 7.0, 300.0]), np.array([[-1e4, -700.0, 0.0, 700.0, 1e4]] * 3)
        scores = own.scores(y, eta.copy(), {"phi": np.full(5, phi)}, Rows(trials=n))
        assert np.isfinite(scores.total).all()
        assert np.isfinite(scores.score).all()
        assert np.isfinite(scores.auxiliary["phi"]).all()
        drawn = own.draw(np.random.default_rng(1), eta.T, {"phi": phi}, trials=n)
        assert ((drawn >= 0) & (drawn <= n)).all()

    @pytest.mark.parametrize(
        ("y", "trials", "message"),
        [
            ([0, 1], [1, 1], "one trial in every row.*family='bernoulli'"),
            ([0, 1], None, r"needs the number of trials.*p\(successes, trials\).*'bernoulli'"),
            ([0, 5], [4, 4], "more successes than trials"),
            ([0, 0], [4, 4], "no successes in any row"),
        ],
    )
    def test_bad_responses(self, y, trials, message):
        with pytest.raises(BayesmixError, match=message):
            self.FAMILY.check_response("y", y, trials)

    def test_default_prior_leaves_the_binomial_distribution_possible(self):
        data = pd.DataFrame({"y": [0, 3, 2, 4], "n": [5, 4, 6, 9]})
        spec = bm.prepare("p(y, n) ~ 1", data, family="beta_binomial")
        assert spec.priors.auxiliary["phi"] == bm.Prior("HalfStudentT", nu=3, sigma=20)


# Maximum likelihood of glmmTMB 1.1.5: glmmTMB(y ~ x, d, family = nbinom2, ziformula = ~1) and so
# on, with truncated_nbinom2 and truncated_poisson for hurdles and cbind(y, n - y) for betabinomial:
# fixef(m)$cond, then sigma(m) and plogis(fixef(m)$zi), and logLik(m).
Y = np.array([0, 0, 3, 1, 0, 7, 2, 0, 12, 4, 1, 0, 5, 3, 0, 9, 2, 6, 0, 1.0])
N = np.array([4, 6, 9, 3, 5, 12, 8, 7, 15, 9, 6, 4, 10, 8, 5, 14, 7, 11, 6, 5.0])
X = np.tile([-1, -0.5, 0, 0.5, 1], 4)
GLMMTMB = {
    "negbinomial": (1.0175699407, -0.2257495357, {"shape": 0.6985025940}, -43.3394116872),
    "zero_inflated_poisson": (1.4321865085, -0.1577382080, {"zi": 0.3386520011}, -47.5039985170),
    "zero_inflated_negbinomial": (
        *(1.2590802547, -0.2088140872),
        {"shape": 1.4212678416, "zi": 0.2144915004},
        -43.1010903442,
    ),
    "hurdle_poisson": (1.4336100089, -0.1530073961, {"hu": 0.3500000076}, -47.5196293834),
    "hurdle_negbinomial": (
        *(1.2650669297, -0.1835626531),
        {"shape": 1.4393967121, "hu": 0.3500002559},
        -43.1453897444,
    ),
    "beta_binomial": (-0.8784579375, -0.1693682150, {"phi": 3.7007413769}, -36.9487892008),
}


@pytest.mark.parametrize("name", GLMMTMB)
def test_the_maximum_is_that_of_glmmtmb(name):
    intercept, slope, auxiliary, log_likelihood = GLMMTMB[name]
    family = get_family(name)
    trials, eta = N if family.trials else None, intercept + slope * X
    found = family.log_density(Y, eta, auxiliary, trials=trials).sum()
    assert_allclose(found, log_likelihood, rtol=1e-9)
    each = {parameter: np.array([value]) for parameter, value in auxiliary.items()}
    scores = family.scores(Y, eta[:, None].copy(), each, family.rows(trials=trials))
    gradient = [scores.score.sum(), X @ scores.score[:, 0], *scores.auxiliary.values()]
    assert_allclose(np.hstack(gradient), 0.0, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", GLMMTMB)
def test_fits_find_the_truth_without_nuts(name):
    """By the default method; a ConvergenceWarning would be an error."""
    truth = {"shape": 2.0, "zi": 0.3, "hu": 0.3, "phi": 6.0}
    family = get_family(name)
    simulation = bm.simulate(
        40,
        12,
        beta={"Intercept": 0.4, "x": 0.5},
        sd={"Intercept": 0.5},
        family=family,
        trials=10 if family.trials else None,
        random_seed=7,
        **{parameter: truth[parameter] for parameter in family.auxiliary},
    )
    fit = bm.fit(
        simulation.formula,
        simulation.data,
        family=family,
        draws=500,
        random_seed=1,
        progressbar=False,
    )
    assert "Whitened" in str(fit.summary())
    draws = parameter_draws(fit.design, fit.family, fit.posterior)
    for label, value in simulation.parameters.items():
        assert abs(draws[label].mean() - value) < 3 * draws[label].std()


COUNTS = ["negbinomial", *(name for name in GLMMTMB if "poisson" in name or "_neg" in name)]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, -2.0], "must not be negative.*for example -2"),
        ([1.0, 2.5], "must be whole numbers.*for example 2.5.* 'gamma'"),
        ([0.0, 0.0], "is 0 in every row"),
        (["a", "b"], "is not numeric"),
    ],
)
def test_bad_counts(name, y, message):
    with pytest.raises(BayesmixError, match=message):
        get_family(name).check_response("y", y)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("nbinom2", "negbinomial"),
        ("NegativeBinomial", "negbinomial"),
        ("ZeroInflatedPoisson", "zero_inflated_poisson"),
        ("zinb", "zero_inflated_negbinomial"),
        ("truncated_poisson", "hurdle_poisson"),
        ("truncated_nbinom2", "hurdle_negbinomial"),
        ("betabinomial", "beta_binomial"),
    ],
)
def test_names_of_other_libraries(asked, meant):
    with pytest.raises(BayesmixError, match=f"Unknown family '{asked}'.*Did you mean '{meant}'"):
        get_family(asked)
