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


@pytest.mark.parametrize("name", ["negbinomial"])
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
    [("nbinom2", "negbinomial"), ("NegativeBinomial", "negbinomial"), ("nb", "negbinomial")],
)
def test_names_of_other_libraries(asked, meant):
    with pytest.raises(BayesmixError, match=f"Unknown family '{asked}'.*Did you mean '{meant}'"):
        get_family(asked)
