"""Quantile residuals: against SciPy, weights by hand, brute-force simulation, and uniformity."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import logsumexp

import bayesmix as bm
from bayesmix.questions import heldout_rows
from bayesmix.questions.heldout_rows import conditional_rows, held_out_rows
from summarised import with_effects_summarised

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
QUIET = {"random_seed": 1, "progressbar": False}


def draws_of(array):
    return array.transpose("chain", "draw", "obs").to_numpy().reshape(-1, array.sizes["obs"])


def flat(fit, name):
    return fit.posterior[name].transpose("chain", "draw", ...).to_numpy().reshape(-1, 1)


@pytest.fixture(scope="module")
def rows_alone() -> bm.MixedFit:
    """Counts with an effect of each row."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"x": rng.normal(size=120), "row": np.arange(120)})
    data["y"] = rng.poisson(np.exp(1 + 0.5 * data["x"] + 0.8 * rng.normal(size=120)))
    return bm.fit("y ~ x + (1 | row)", data, family="poisson", **QUIET)


class TestConditional:
    def test_gaussian_is_scipys(self, fits, questioned):
        fit = fits["gaussian"]
        mu, sigma = draws_of(fit.linpred(draws=True)), flat(fit, "sigma")
        table = fit.residuals(predictive="conditional")
        assert list(table) == ["uniform", "residual", "fitted"]
        expected = stats.norm.cdf(questioned["y"], mu, sigma).mean(axis=0)
        assert_allclose(table["uniform"], expected, rtol=1e-9)
        assert_allclose(table["residual"], stats.norm.ppf(expected), rtol=1e-6)
        assert_allclose(table["fitted"], mu.mean(axis=0))

    @pytest.mark.parametrize("family", ["poisson", "binomial", "bernoulli"])
    def test_discrete_ones_are_between_scipys(self, fits, questioned, family):
        fit = fits[family]
        mean = draws_of(fit.epred(draws=True))
        n = questioned["n"].to_numpy() if family == "binomial" else np.ones(len(questioned))
        column = {"poisson": "count", "binomial": "s", "bernoulli": "yes"}[family]
        law = stats.poisson(mean) if family == "poisson" else stats.binom(n, mean / n)
        y = questioned[column].to_numpy()
        found = conditional_rows(fit)
        assert_allclose(found.lower, law.cdf(y - 1).mean(axis=0), atol=1e-12)
        assert_allclose(found.upper, law.cdf(y).mean(axis=0), atol=1e-12)
        uniform = fit.residuals(predictive="conditional")["uniform"]
        assert ((found.lower <= uniform) & (uniform <= found.upper)).all()
        share = (uniform - found.lower) / (found.upper - found.lower)
        assert stats.kstest(share, "uniform").pvalue > 1e-3

    def test_categories_are_cumulated_in_their_order(self, fits, questioned):
        for family, column in (("cumulative", "rating"), ("categorical", "kind")):
            fit = fits[family]
            p = fit.epred().pivot_table("value", "category", observed=True, aggfunc=list)["value"]
            p = np.array(p.tolist())
            code = pd.Categorical(questioned[column]).codes
            found = conditional_rows(fit)
            assert_allclose(found.upper, p.cumsum(axis=0)[code, np.arange(len(code))], atol=1e-9)
            assert_allclose(found.upper - found.lower, p[code, np.arange(len(code))], atol=1e-9)
            assert_allclose(found.mean, np.arange(1, len(p) + 1) @ p)

    def test_a_zero_before_a_density_has_a_probability(self, questioned):
        data = questioned.assign(y=questioned["positive"] * (questioned["z"] > -0.5))
        fit = bm.fit("y ~ x", data, family="hurdle_lognormal", **QUIET)
        found, is_zero = conditional_rows(fit), data["y"] == 0
        hu = flat(fit, "hu").mean()
        assert_allclose(found.upper[is_zero], hu)
        assert_allclose(found.lower[is_zero], 0)
        assert_allclose(found.lower[~is_zero], found.upper[~is_zero])
        assert (found.lower[~is_zero] >= hu).all()

    def test_weights_and_a_predictor_of_sigma(self, questioned):
        fit = bm.fit("y ~ x + (1 | g)", questioned, weights="w", sigma="~ z", **QUIET)
        mu, sigma = (draws_of(fit.linpred(draws=True, parameter=p)) for p in (None, "sigma"))
        sd = np.exp(sigma) / np.sqrt(questioned["w"].to_numpy())
        expected = stats.norm.cdf(questioned["y"], mu, sd).mean(axis=0)
        assert_allclose(conditional_rows(fit).upper, expected, rtol=1e-9)
        assert fit.residuals()["residual"].std() == pytest.approx(1, abs=0.1)

    def test_known_errors(self, questioned):
        data = questioned.assign(se=0.4 + 0.1 * questioned["w"])
        fit = bm.fit("y ~ x + (1 | g)", data, se="se", residual=True, **QUIET)
        sd = np.hypot(data["se"].to_numpy(), flat(fit, "sigma"))
        mu = draws_of(fit.linpred(draws=True))
        assert_allclose(conditional_rows(fit).upper, stats.norm.cdf(data["y"], mu, sd).mean(axis=0))
        found = held_out_rows(fit)
        assert_allclose(found.mean, conditional_rows(fit).mean, atol=0.4)


class TestHeldOut:
    def test_weights_are_the_inverse_of_the_density(self, fits, questioned):
        fit, y = fits["poisson"], questioned["count"].to_numpy()
        law = stats.poisson(draws_of(fit.epred(draws=True)))
        log = law.logpmf(y)
        weights = np.exp(-log - logsumexp(-log, axis=0))
        found = held_out_rows(fit)
        # Smoothing changes the largest weights only.
        even = weights.max(axis=0) * len(weights) < 2
        assert even.sum() > 50
        assert_allclose(found.upper[even], (weights * law.cdf(y)).sum(axis=0)[even], rtol=1e-9)
        assert_allclose(found.mean[even], (weights * law.mean()).sum(axis=0)[even], rtol=1e-9)
        good = found.k < 0.5
        assert_allclose(found.upper[good], (weights * law.cdf(y)).sum(axis=0)[good], atol=0.05)

    def test_integrated_and_weighted_draws_agree(self, monkeypatch):
        data = bm.load_dataset("sleepstudy")
        fit = bm.fit("Reaction ~ Days + (Days | Subject)", data, **QUIET)
        integrated = held_out_rows(fit)
        monkeypatch.setattr(heldout_rows, "closed_obstacle", lambda spec: "asked for")
        weighted = held_out_rows(fit)
        good = weighted.k < 0.6
        assert good.sum() > 150
        assert_allclose(weighted.upper[good], integrated.upper[good], atol=0.02)
        assert_allclose(weighted.mean[good], integrated.mean[good], atol=1.5)

    def test_a_row_left_out_in_a_refit(self, fits, questioned):
        formula = fits["bernoulli"].design.formula.text
        found = held_out_rows(bm.fit(formula, questioned, family="bernoulli", **QUIET))
        row = int(np.argmax(np.where(found.k < 0.5, found.k, -1)))
        rest = questioned.drop(index=row)
        other = bm.fit(formula, rest, family="bernoulli", **QUIET)
        p = draws_of(other.epred(questioned.iloc[[row]], draws=True))
        assert found.mean[row] == pytest.approx(p.mean(), abs=4 * p.std() / np.sqrt(400))

    def test_blocks_do_not_change_the_numbers(self, fits, monkeypatch):
        for family in ("poisson", "cumulative", "gaussian"):
            whole = held_out_rows(fits[family])
            with monkeypatch.context() as patched:
                patched.setattr(heldout_rows, "BLOCK", 4 * 120 * 17)
                parts = held_out_rows(fits[family])
            for name in ("lower", "upper", "mean", "k"):
                assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-9, atol=1e-12)

    def test_effects_that_were_not_kept(self):
        fit = bm.fit("Reaction ~ Days + (1 | Subject)", bm.load_dataset("sleepstudy"), **QUIET)
        summarised = with_effects_summarised(fit)
        assert_allclose(summarised.residuals()["uniform"], fit.residuals()["uniform"], atol=0.02)


class TestEffectsOfSingleRows:
    def test_conditional_residuals_are_too_small_and_held_out_ones_are_not(self, rows_alone):
        conditional = rows_alone.residuals(predictive="conditional")
        held_out = rows_alone.residuals()
        assert conditional["residual"].std() < 0.75
        assert held_out["residual"].std() == pytest.approx(1, abs=0.2)
        assert stats.kstest(held_out["uniform"], "uniform").pvalue > 0.01
        assert (held_out["pareto_k"] < 0.7).all()

    def test_they_are_integrated_out(self, rows_alone):
        """Against 2,000 new effects for each draw, and weights by hand."""
        fit, found = rows_alone, held_out_rows(rows_alone)
        rng = np.random.default_rng(1)
        eta = draws_of(fit.linpred(groups="population", draws=True))
        sd = flat(fit, "sd_row")
        for row in (0, 17, 60, int(np.argmax(fit.design.y))):
            y = fit.design.y[row]
            mean = np.exp(eta[::8, row, None] + sd[::8] * rng.standard_normal((500, 2000)))
            density = stats.poisson.pmf(y, mean).mean(axis=1)
            weights = 1 / density / (1 / density).sum()
            upper = weights @ stats.poisson.cdf(y, mean).mean(axis=1)
            assert found.upper[row] == pytest.approx(upper, abs=0.015)

    def test_of_two_parameters(self):
        rng = np.random.default_rng(4)
        data = pd.DataFrame({"g": np.r_[np.repeat(np.arange(10), 6), np.arange(10, 20)]})
        u, v = rng.normal(size=(2, 20))
        data["y"] = u[data["g"]] + np.exp(0.5 * v[data["g"]]) * rng.normal(size=70)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.ConvergenceWarning)
            fit = bm.fit("y ~ 1 + (1 | g)", data, sigma="~ 1 + (1 | g)", **QUIET)
        found, row = held_out_rows(fit), 64
        eta, log_sigma = (
            draws_of(fit.linpred(groups="population", draws=True, parameter=p))[::8, row, None]
            for p in (None, "sigma")
        )
        mu = eta + flat(fit, "sd_g")[::8] * rng.standard_normal((500, 4000))
        sigma = np.exp(log_sigma + flat(fit, "sigma_sd_g")[::8] * rng.standard_normal((500, 4000)))
        density = stats.norm.pdf(data["y"][row], mu, sigma).mean(axis=1)
        weights = 1 / density / (1 / density).sum()
        upper = weights @ stats.norm.cdf(data["y"][row], mu, sigma).mean(axis=1)
        assert found.upper[row] == pytest.approx(upper, abs=0.02)


class TestTable:
    def test_all_families_on_the_index_of_the_rows(self, fits):
        for fit in fits.values():
            table = fit.residuals()
            assert list(table) == ["uniform", "residual", "fitted", "pareto_k"]
            assert table.index.equals(fit.design.index)
            assert np.isfinite(table).all().all()
            assert table["uniform"].between(0, 1).all()

    def test_seeds(self, fits):
        fit = fits["poisson"]
        first, again, other = (fit.residuals(random_seed=s)["uniform"] for s in (None, None, 2))
        assert first.equals(again)
        assert not first.equals(other)

    def test_rows_that_were_left_out_are_not_there(self, questioned):
        data = questioned.assign(x=questioned["x"].where(questioned.index % 7 != 0))
        data.index = [f"r{i}" for i in range(len(data))]
        with pytest.warns(bm.DesignWarning, match="missing"):
            fit = bm.fit("y ~ x + (1 | g)", data, **QUIET)
        assert list(fit.residuals().index) == list(data.index[data["x"].notna()])

    def test_response_residuals(self, fits, questioned):
        table = fits["gaussian"].residuals(kind="response", predictive="conditional")
        assert list(table) == ["residual", "fitted"]
        assert_allclose(table["residual"] + table["fitted"], questioned["y"])
        left_out = fits["gaussian"].residuals(kind="response")
        assert left_out["residual"].var() > table["residual"].var()

    def test_after_saving(self, fits, tmp_path):
        fit = fits["cumulative"]
        fit.save(tmp_path / "a.fit")
        other = bm.load(tmp_path / "a.fit")
        pd.testing.assert_frame_equal(fit.residuals(), other.residuals())
        pd.testing.assert_frame_equal(fit.residual_tests().table, other.residual_tests().table)

    def test_a_row_far_from_all_others_is_told(self):
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"x": rng.normal(size=40)})
        data["y"] = data["x"] + rng.normal(size=40)
        data.loc[7, "y"] = 60.0
        fit = bm.fit("y ~ x", data, **QUIET)
        with pytest.warns(bm.ComparisonWarning, match="1 of 40 rows has a Pareto k above 0.70"):
            table = fit.residuals()
        assert table["residual"].idxmax() == 7
        assert np.isfinite(table["residual"]).all()


@pytest.mark.slow
def test_of_the_right_model_they_are_uniform_in_300_data_sets():
    held_out, conditional = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        data = pd.DataFrame({"g": np.repeat(np.arange(10), 2), "x": rng.normal(size=20)})
        data["y"] = 1 + data["x"] + rng.normal(size=10)[data["g"]] + 0.7 * rng.normal(size=20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = bm.fit(
                "y ~ x + (1 | g)",
                data,
                draws=100,
                chains=2,
                cores=1,
                random_seed=seed,
                progressbar=False,
            )
        held_out.append(fit.residuals()["uniform"])
        conditional.append(fit.residuals(predictive="conditional")["uniform"])
    # Rows of one data set are not independent, so that counts are compared between data sets.
    edges = np.linspace(0, 1, 11)
    counts = np.array([np.histogram(one, edges)[0] for one in held_out])
    z = (counts.mean(axis=0) - 2) / (counts.std(axis=0, ddof=1) / np.sqrt(300))
    assert np.abs(z).max() < 3.5
    inner = np.mean([((one > 0.1) & (one < 0.9)).mean() for one in conditional])
    assert inner > 0.85, "conditional residuals of groups of two are too small"


def test_draws_are_thinned_where_rows_are_many(fits, monkeypatch):
    fit = fits["poisson"]
    whole = held_out_rows(fit)
    monkeypatch.setattr(heldout_rows, "NUMBERS", 1)
    monkeypatch.setattr(heldout_rows, "ENOUGH", 60)
    thinned = held_out_rows(fit)
    assert not np.array_equal(thinned.upper, whole.upper)
    assert_allclose(thinned.upper, whole.upper, atol=0.2)
    assert dataclasses.is_dataclass(thinned)
