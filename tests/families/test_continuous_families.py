"""Continuous responses beside the normal ones: tails, priors, what is refused, a known truth."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import get_family
from bayesmix.families.stirling import (
    log_gamma_above_one,
    log_power_over_gamma,
    log_power_over_gamma_slope,
    trigamma_above_one,
)
from bayesmix.families.values import Rows
from bayesmix.posterior.parameters import parameter_draws
from posteriors import fit_of
from toyfamilies import CASES, a_fit

# Truths of the fits, by family: parameters beside the mean.
TRUTHS = {
    "student": {"sigma": 1.3, "nu": 4.5},
    "lognormal": {"sigma": 0.6},
    "hurdle_lognormal": {"sigma": 0.6, "hu": 0.3},
    "gamma": {"shape": 3.0},
    "weibull": {"shape": 1.7},
    "beta": {"phi": 8.0},
    "exgaussian": {"sigma": 0.6, "tau": 1.2},
    "skew_normal": {"sigma": 1.3, "alpha": 3.0},
}
# Default priors of data whose response has an sd, or one of its logarithm, of 2.
PRIORS = {
    "student": {"sigma": "Exponential(scale=2)", "nu": "Gamma(alpha=2, beta=0.1)"},
    "lognormal": {"sigma": "Exponential(scale=2)"},
    "hurdle_lognormal": {"sigma": "Exponential(scale=2)", "hu": "Beta(alpha=1, beta=1)"},
    "gamma": {"shape": "HalfStudentT(nu=3, sigma=10)"},
    "weibull": {"shape": "HalfStudentT(nu=3, sigma=10)"},
    "beta": {"phi": "HalfStudentT(nu=3, sigma=20)"},
    "exgaussian": dict.fromkeys(("sigma", "tau"), "Exponential(scale=2)"),
    "skew_normal": {"sigma": "Exponential(scale=2)", "alpha": "Normal(mu=0, sigma=4)"},
}
# From real numbers to responses.
INSIDE = dict.fromkeys(("lognormal", "hurdle_lognormal", "gamma", "weibull"), np.exp) | {
    "beta": special.expit
}
families = pytest.mark.parametrize("family", TRUTHS)


def by_differences(family, y, eta, auxiliary, name):
    """Derivative of the log density of each row by an auxiliary parameter."""
    step = 1e-4 * auxiliary[name]
    moved = [
        family.log_density(y, eta, auxiliary | {name: auxiliary[name] + k * step})
        for k in (-2, -1, 1, 2)
    ]
    return (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * step)


@pytest.mark.slow
@families
def test_a_fit_finds_the_truth(family):
    """Tables, predictions and criteria of it, too."""
    simulation = bm.simulate(
        60,
        20,
        beta={"Intercept": 0.3, "x": 0.5},
        sd={"Intercept": 0.5, "x": 0.3},
        cor=0.3,
        family=family,
        random_seed=1,
        **TRUTHS[family],
    )
    fit = bm.fit(
        simulation.formula,
        simulation.data,
        family=family,
        method="whitened",
        random_seed=1,
        draws=500,
        progressbar=False,
    )
    draws = parameter_draws(fit.design, fit.family, fit.posterior)
    for label, truth in simulation.parameters.items():
        if label in draws:
            assert abs(draws[label].mean() - truth) < 3 * draws[label].std()
    assert fit.diagnostics()["ess_bulk"].min() > 400
    own, partial = fit.no_pooling(), fit.coef()
    assert own["value"].notna().all()
    assert np.corrcoef(own["value"], partial["value"])[0, 1] > 0.8
    mean = fit.epred(draws=True)
    drawn = fit.predict(draws=True, random_seed=1)
    error = drawn.values.std() / np.sqrt(drawn.size / 10)
    assert abs(float(drawn.mean()) - float(mean.mean())) < 5 * error


@families
@pytest.mark.filterwarnings("ignore:No value of .y. is zero")
def test_default_priors(family):
    y = 1 + 2 * np.sqrt(11 / 12) * np.tile([-1.0, 1.0], 6)
    inside = INSIDE.get(family, lambda y: y)(y)
    data = pd.DataFrame({"y": inside})
    table = bm.prepare("y ~ 1", data, family=family).prior_table().set_index("parameter")["prior"]
    assert {name: table[name] for name in PRIORS[family]} == PRIORS[family]


@pytest.mark.parametrize(
    ("family", "y", "message"),
    [
        ("student", [2.0, 2.0], "is constant"),
        ("lognormal", [2.0, 2.0], "is constant"),
        ("lognormal", [1.0, -2.5], r"above 0 for family 'lognormal'.*example -2.5.*'student'"),
        ("lognormal", [1.5, 0.0], r"\(position 1\), for example 0. For zeros.*I\(y > 0\) with"),
        ("lognormal", [1.5, 0.0], "use family='hurdle_lognormal'"),
        ("hurdle_lognormal", [0.0, 1.5, -2.0], r"0 or above for family .*example -2.*'student'"),
        ("hurdle_lognormal", [0.0, 0.0], "is 0 in every row"),
        (
            "hurdle_lognormal",
            [0.0, 2.5, 2.5],
            r"2.5 in every row above 0.*I\(y > 0\) with family='bernoulli'",
        ),
        ("hurdle_lognormal", [0.0, 2.5, np.nan], "must be finite"),
        ("lognormal", [3.0, 0.0], "For counts use family='poisson'"),
        ("lognormal", [3.0, np.inf], "must be finite"),
        ("gamma", [1.0, -2.5], r"above 0 for family 'gamma'.*example -2.5.*'student'"),
        ("gamma", [1.0, 0.0, 0.0], r"not so in 2 rows \(positions 1, 2\), for example 0"),
        ("weibull", [1.5, 0.0], r"above 0 for family 'weibull'"),
        ("beta", [0.5, 0.5], "is constant"),
        ("beta", [0.5, 1.0], r"between 0 and 1 for family 'beta', both excluded.*\(position 1\)"),
        ("beta", [0.5, 0.0], r"'binomial' with weights=.*I\(\(y \* \(n - 1\) \+ 0.5\) / n\)"),
        ("beta", [0.0, 1.0], "0 or 1 use family='bernoulli'"),
        ("beta", [50.0, 12.0], r"Divide percentages by 100, I\(y / 100\)"),
        ("beta", [-0.2, 0.3], "use family='gaussian' or family='student'"),
    ],
)
def test_bad_responses(family, y, message):
    with pytest.raises(BayesmixError, match=message):
        get_family(family).check_response("y", y)


class TestStudent:
    FAMILY = get_family("student")

    @pytest.mark.parametrize("nu", [0.3, 4.0, 1e3, 1e7])
    @pytest.mark.parametrize("y", [0.0, 1.5, -30.0, 1e6, 1e40])
    def test_tails(self, nu, y):
        found = self.FAMILY.log_density(y, 0.0, {"sigma": 0.7, "nu": nu})
        assert_allclose(found, stats.t(nu, 0, 0.7).logpdf(y), rtol=1e-9)

    def test_is_normal_with_many_degrees_of_freedom_and_finite_far_out(self):
        y = np.array([-5.0, 0.2, 3.0])
        found = self.FAMILY.log_density(y, 0.1, {"sigma": 0.7, "nu": 1e14})
        assert_allclose(found, stats.norm(0.1, 0.7).logpdf(y), rtol=1e-9)
        auxiliary = {"sigma": np.array([1.0]), "nu": np.array([2.0])}
        far = np.array([1e200, -1e300])
        total = self.FAMILY.log_density(far, 0.0, {"sigma": 1.0, "nu": 2.0})
        assert_allclose(total, np.log(2) - 3 * np.log(np.abs(far)), rtol=1e-3)
        scores = self.FAMILY.scores(far, np.zeros((2, 1)), auxiliary, Rows())
        assert all(np.isfinite(x).all() for x in (scores.score, *scores.auxiliary.values()))

    def test_an_outlier_has_little_say(self):
        """The score of a row falls again far out, and its weight stays positive."""
        p = self.FAMILY.values(np.zeros(3), {"sigma": 1.0, "nu": 4.0})
        slope = self.FAMILY.slopes(np.array([1.0, 10.0, 1000.0]), p, Rows(), "mu")["mu"]
        assert (np.diff(slope.score) < 0).all()
        assert (slope.information == 5 / 7).all()


class TestLognormal:
    def test_is_a_normal_model_of_the_logarithm(self):
        """But for the Jacobian: densities, default priors, regressions of each group."""
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"x": rng.normal(size=60), "g": np.repeat(list("abcdef"), 10)})
        data["y"] = np.exp(3 + 0.5 * data["x"] + rng.normal(size=60))
        own = bm.prepare("y ~ x + (1 + x | g)", data, family="lognormal")
        normal = bm.prepare("np.log(y) ~ x + (1 + x | g)", data)
        pd.testing.assert_frame_equal(own.prior_table(), normal.prior_table())
        eta, y = rng.normal(3, 1, 60), data["y"].to_numpy()
        found = own.family.log_density(y, eta, {"sigma": 0.7})
        expected = normal.family.log_density(np.log(y), eta, {"sigma": 0.7}) - np.log(y)
        assert_allclose(found, expected, rtol=1e-12)

    def test_any_size_of_the_response_is_sampled(self):
        """Its logarithm has a scale whatever the unit."""
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"y": np.exp(rng.normal(400, 1, 80)), "g": np.arange(80) % 8})
        fit = bm.fit("y ~ 1 + (1 | g)", data, family="lognormal", random_seed=1, progressbar=False)
        assert fit.fixef()["value"].item() == pytest.approx(np.log(data["y"]).mean(), abs=0.1)


class TestHurdleLognormal:
    DATA = pd.DataFrame(
        {
            "y": [0, 0, 3.0, 5.0, 0.4, 0, 2.0, 8.0, 0, 1.1, 0.7, 4.0],
            "x": np.arange(12) % 5 - 2.0,
            "g": np.repeat(list("abc"), 4),
        }
    )

    def test_zeros_say_nothing_of_the_rest(self):
        """Priors are those of the logarithms above zero; the density is a product of two."""
        rows = self.DATA["y"] > 0
        own = bm.prepare("y ~ 1", self.DATA, family="hurdle_lognormal").prior_table()
        some = bm.prepare("y ~ 1", self.DATA[rows], family="lognormal").prior_table()
        pd.testing.assert_frame_equal(own[own["parameter"] != "hu"], some)
        y, rng = self.DATA["y"].to_numpy(), np.random.default_rng(1)
        eta, auxiliary = rng.normal(0.5, 1, 12), {"sigma": 0.7, "hu": 0.2}
        density = get_family("hurdle_lognormal").log_density(y, eta, auxiliary)
        positive = get_family("lognormal").log_density(y[rows], eta[rows], {"sigma": 0.7})
        assert_allclose(density[rows], np.log(0.8) + positive, rtol=1e-14)
        assert_allclose(density[~rows], np.log(0.2), rtol=1e-14)

    @pytest.mark.parametrize("hu", [1e-300, 1e-12, 1 - 1e-12])
    def test_tails(self, hu):
        y = np.array([0.0, 1e-300, 1e300])
        found = get_family("hurdle_lognormal").log_density(y, 2.0, {"sigma": 0.7, "hu": hu})
        positive = stats.norm(2.0, 0.7).logpdf(np.log(y[1:])) - np.log(y[1:])
        assert_allclose(found, [np.log(hu), *(np.log1p(-hu) + positive)], rtol=1e-12)

    def test_parts_are_those_of_two_fits(self):
        """Of a lognormal model of the rows above zero, and the conjugate posterior of a share."""
        rng = np.random.default_rng(3)
        n = 400
        data = pd.DataFrame({"x": rng.normal(size=n), "g": np.arange(n) % 20})
        mu = 1 + 0.5 * data["x"] + 0.6 * rng.normal(size=20)[data["g"]]
        data["y"] = np.where(rng.random(n) < 0.3, 0.0, np.exp(rng.normal(mu, 0.8)))
        options = {"random_seed": 1, "progressbar": False, "cores": 1}
        positive = data[data["y"] > 0]
        priors = {"beta": bm.Prior("Normal", mu=0, sigma=5)}
        both = bm.fit("y ~ x + (1 | g)", data, family="hurdle_lognormal", priors=priors, **options)
        some = bm.fit("np.log(y) ~ x + (1 | g)", positive, priors=priors, **options)
        off = both.fixef()["value"] - some.fixef()["value"]
        assert (np.abs(off) < 0.12 * some.fixef()["se"]).all()
        assert both.varcorr()["sd"][0] == pytest.approx(some.varcorr()["sd"][0], rel=0.03)
        zeros = n - len(positive)
        hu = both.posterior["hu"]
        assert float(hu.mean()) == pytest.approx((zeros + 1) / (n + 2), abs=0.002)
        assert float(hu.std()) == pytest.approx(stats.beta(zeros + 1, n - zeros + 1).std(), rel=0.1)

    def test_mean(self):
        found = get_family("hurdle_lognormal").expectation(
            np.array([0.5]), auxiliary={"sigma": 0.8, "hu": 0.25}
        )
        assert_allclose(found, 0.75 * np.exp(0.5 + 0.32))


def power_less_exponential(r):
    """Compute exp(r) - 1 - r of small numbers."""
    return sum(r**k / math.factorial(k) for k in range(2, 12))


class TestGamma:
    FAMILY = get_family("gamma")

    @pytest.mark.parametrize("shape", [1e-3, 0.4, 1.0, 19.9, 20.1, 400.0])
    @pytest.mark.parametrize("y", [1e-12, 0.3, 2.0, 60.0])
    def test_tails(self, shape, y):
        found = self.FAMILY.log_density(y, 0.5, {"shape": shape})
        expected = stats.gamma(shape, scale=np.exp(0.5) / shape).logpdf(y)
        assert_allclose(found, expected, rtol=1e-11, atol=1e-11)

    @pytest.mark.parametrize("shape", [1e8, 1e14])
    def test_rows_that_hardly_vary(self, shape):
        """Near the normal distribution of the logarithm, where SciPy has lost the digits."""
        r = np.array([-2.0, 0.5, 3.0]) / np.sqrt(shape)
        found = self.FAMILY.log_density(np.exp(r), 0.0, {"shape": shape})
        expected = 0.5 * np.log(shape / (2 * np.pi)) - shape * power_less_exponential(r) - r
        assert_allclose(found, expected, rtol=1e-7)

    def test_far_out(self):
        assert self.FAMILY.log_density(1.0, -800.0, {"shape": 2.0}) == -np.inf
        assert self.FAMILY.log_density(1.0, 800.0, {"shape": 2.0}) == pytest.approx(
            -1600 + np.log(4)
        )
        eta = np.array([[-800.0, 800.0]])
        scores = self.FAMILY.scores(np.ones(1), eta, {"shape": np.full(2, 2.0)}, Rows())
        assert np.isfinite(scores.score).all()
        assert np.isfinite(scores.total).all()

    def test_stirling_meets_its_series(self):
        x = np.array([20 * (1 - 1e-12), 20.0])
        for function in (log_power_over_gamma, log_power_over_gamma_slope):
            assert_allclose(*function(x), rtol=1e-11)
        assert_allclose(log_power_over_gamma(1e15), 0.5 * np.log(1e15 / (2 * np.pi)), rtol=1e-15)
        assert_allclose(log_power_over_gamma_slope(1e15), 5e-16, rtol=1e-13)


class TestWeibull:
    FAMILY = get_family("weibull")

    @pytest.mark.parametrize("shape", [0.05, 0.4, 1.0, 30.0, 1e4])
    @pytest.mark.parametrize("y", [1e-12, 0.3, 1.6, 2.0])
    def test_tails(self, shape, y):
        found = self.FAMILY.log_density(y, 0.5, {"shape": shape})
        scale = np.exp(0.5 - special.gammaln(1 + 1 / shape))
        with np.errstate(over="ignore"):
            expected = stats.weibull_min(shape, scale=scale).logpdf(y)
        assert_allclose(found, expected, rtol=1e-9)

    def test_far_out(self):
        assert self.FAMILY.log_density(1.0, -800.0, {"shape": 2.0}) == -np.inf
        eta = np.array([[-800.0, 800.0]])
        scores = self.FAMILY.scores(np.ones(1), eta, {"shape": np.full(2, 2.0)}, Rows())
        assert np.isfinite(scores.score).all()
        assert np.isfinite(scores.total).all()

    def test_is_exponential_at_shape_one(self):
        found = self.FAMILY.log_density([0.1, 3.0], 0.7, {"shape": 1.0})
        assert_allclose(found, stats.expon(scale=np.exp(0.7)).logpdf([0.1, 3.0]), rtol=1e-12)


class TestBeta:
    FAMILY = get_family("beta")

    @pytest.mark.parametrize("phi", [0.01, 1.0, 30.0, 1e4])
    @pytest.mark.parametrize("y", [1e-12, 0.3, 1 - 1e-9])
    @pytest.mark.parametrize("link", FAMILY.links)
    def test_tails(self, phi, y, link):
        family, eta = get_family("beta", link), np.array([-3.0, -0.2, 0.4, 1.2])
        mu = family.inverse_link(eta)
        found = family.log_density(y, eta, {"phi": phi})
        assert_allclose(found, stats.beta(mu * phi, (1 - mu) * phi).logpdf(y), rtol=1e-9)

    def test_fast_gamma_functions_are_those_of_scipy(self):
        x = np.concatenate([[0.0], np.logspace(-20, 30, 501)])
        log_gamma, slope = log_gamma_above_one(x)
        assert_allclose(log_gamma, special.gammaln(1 + x), rtol=1e-12, atol=1e-13)
        assert_allclose(slope, special.digamma(1 + x), rtol=1e-12, atol=1e-13)
        assert_allclose(trigamma_above_one(x), special.polygamma(1, 1 + x), rtol=1e-12)

    @pytest.mark.parametrize("phi", [1e6, 1e9])
    def test_rows_that_hardly_vary(self, phi):
        """Near the normal distribution, where SciPy has lost the digits."""
        d = np.array([-2.0, 0.5, 3.0]) * 0.5 / np.sqrt(phi)
        found = self.FAMILY.log_density(0.5 + d, 0.0, {"phi": phi})
        # Of log(1 + 2d) + log(1 - 2d), log(1 - 4d^2).
        expected = 0.5 * np.log(2 * phi / np.pi) + (phi / 2 - 1) * np.log1p(-4 * d**2)
        expected -= 0.25 / phi
        assert_allclose(found, expected, rtol=1e-7)

    @pytest.mark.parametrize("link", ["logit", "cloglog", "cauchit"])
    def test_means_that_round_to_0_or_1(self, link):
        """Density and scores go on; near 0 the density is that of the smaller shape."""
        family, y = get_family("beta", link), np.array([0.3])
        eta = np.array([[-760.0, -50.0, 6.0, 9.0, 800.0]])
        auxiliary = {"phi": np.full(5, 2.5)}
        scores = family.scores(y, eta.copy(), auxiliary, Rows())
        assert np.isfinite(scores.total).all()
        assert np.isfinite(scores.score).all()
        slopes = family.slopes(y, family.values(eta.T, {"phi": 2.5}), Rows(), "mu")["mu"]
        assert_allclose(slopes.score[:, 0], scores.score[0], rtol=1e-12)
        density = family.log_density(y, eta.T, {"phi": 2.5})[:, 0]
        near = slice(0, 3)
        assert_allclose(np.diff(density)[near], np.diff(scores.total)[near], rtol=1e-12)
        if link == "logit":
            assert density[0] - density[1] == pytest.approx(-710)
            assert scores.score[0, 0] == pytest.approx(1)

    def test_draws_stay_inside(self):
        draws = self.FAMILY.draw(
            np.random.default_rng(0), np.linspace(-800, 800, 999), {"phi": 0.1}
        )
        assert ((draws > 0) & (draws < 1)).all()


class TestExgaussian:
    FAMILY = get_family("exgaussian")

    @pytest.mark.parametrize("tau", [0.05, 1.0, 20.0])
    @pytest.mark.parametrize("y", [-9.0, 0.0, 3.0, 80.0])
    def test_tails(self, tau, y):
        found = self.FAMILY.log_density(y, 1.0, {"sigma": 0.7, "tau": tau})
        expected = stats.exponnorm(tau / 0.7, 1.0 - tau, 0.7).logpdf(y)
        assert_allclose(found, expected, rtol=1e-9)

    def test_is_normal_without_its_tail(self):
        y = np.array([-3.0, 0.4, 4.0])
        found = self.FAMILY.log_density(y, 0.4, {"sigma": 0.7, "tau": 1e-9})
        assert_allclose(found, stats.norm(0.4, 0.7).logpdf(y), rtol=1e-8)

    def test_is_exponential_without_its_middle(self):
        y = np.array([0.5, 4.0, 300.0])
        found = self.FAMILY.log_density(y, 2.0, {"sigma": 1e-9, "tau": 2.0})
        assert_allclose(found, stats.expon(0, 2.0).logpdf(y), rtol=1e-12)


class TestSkewNormal:
    FAMILY = get_family("skew_normal")

    @pytest.mark.parametrize("alpha", [-30.0, -1.0, 0.0, 2.0, 1e3])
    @pytest.mark.parametrize("y", [-4.0, 0.9, 1.5, 12.0])
    def test_tails(self, alpha, y):
        shift = np.sqrt(2 / np.pi) * alpha / np.sqrt(1 + alpha**2)
        scale = 0.7 / np.sqrt(1 - shift**2)
        z = (y - 1.0) / scale + shift
        expected = stats.norm.logpdf(z) + special.log_ndtr(alpha * z) + np.log(2 / scale)
        found = self.FAMILY.log_density(y, 1.0, {"sigma": 0.7, "alpha": alpha})
        assert_allclose(found, expected, rtol=1e-10)

    def test_mean_and_sd_are_those_of_the_response(self):
        draws = self.FAMILY.draw(np.random.default_rng(1), np.ones(200_000), TRUTHS["skew_normal"])
        assert draws.mean() == pytest.approx(1, abs=0.015)
        assert draws.std() == pytest.approx(1.3, rel=0.01)

    def test_is_normal_without_a_slant(self):
        found = self.FAMILY.log_density([-3.0, 4.0], 0.4, {"sigma": 0.7, "alpha": 0.0})
        assert_allclose(found, stats.norm(0.4, 0.7).logpdf([-3.0, 4.0]), rtol=1e-12)


# Of glmmTMB 1.1.5, on sleepstudy with share = Reaction / 500:
# glmmTMB(Reaction ~ Days + (Days | Subject), sleepstudy, family = Gamma("log")), ... beta_family(),
# t_family(), and of log(Reaction) by maximum likelihood. Population effects with their standard
# errors, sds, and the parameter of the family; that of gamma is 1 / sigma(model)^2.
GLMMTMB = {
    "gamma": ((5.53252, 0.02628), (0.03385, 0.00463), (0.10086, 0.01751), 0.08085279**-2),
    "beta": ((-0.00732, 0.05216), (0.09513, 0.01501), (0.17382, 0.05784), 75.23564),
    "student": ((251.09718, 7.14942), (10.73383, 1.57906), (28.47688, 6.33877), 14.494478),
    "lognormal": ((5.53006, 0.02625), (0.03367, 0.00462), (0.10062, 0.01745), 0.08116221),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", GLMMTMB)
def test_estimates_are_near_those_of_glmmtmb(family):
    data = bm.load_dataset("sleepstudy")
    data["share"] = data["Reaction"] / 500
    response = "share" if family == "beta" else "Reaction"
    fit = bm.fit(
        f"{response} ~ Days + (Days | Subject)",
        data,
        family=family,
        method="whitened",
        random_seed=1,
        progressbar=False,
    )
    *population, sds, parameter = GLMMTMB[family]
    for value, (expected, se) in zip(fit.fixef()["value"], population, strict=True):
        assert abs(value - expected) < 0.3 * se
    draws = parameter_draws(fit.design, fit.family, fit.posterior)
    labels = ["sd:Subject:Intercept", "sd:Subject:Days", next(iter(PRIORS[family]))]
    for label, expected in zip(labels, [*sds, parameter], strict=True):
        low, high = np.quantile(draws[label], [0.1, 0.9])
        assert low < expected < high


@pytest.mark.parametrize("family", ["student", "gamma", "beta"])
def test_replications_are_drawn_where_the_data_are(family, without_a_screen):
    """However far draws of a long tail are out, and not beyond what a response may be."""
    case = next(case for case in CASES if case.family == family)
    fit = a_fit(case)
    draws = fit.posterior[list(case.auxiliary)[-1]]
    far = fit_of(fit.spec, fit.posterior.assign({draws.name: 0.3 + 0 * draws}))
    axes = far.plot_ppc(random_seed=1)
    y, kind = fit.design.y, fit.family.response
    *replications, data = axes.lines
    assert len(replications) == 50
    assert kind.lower <= data.get_xdata().min()
    room = np.ptp(y)
    for line in replications:
        x = line.get_xdata()
        assert max(kind.lower, y.min() - 2 * room) <= x.min()
        assert x.max() <= min(kind.upper, y.max() + 2 * room)
