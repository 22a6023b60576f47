"""Residual tests: p-values are uniform where the model is right, wrong models are told."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.questions.discrepancies import Discrepancies
from bayesmix.questions.residual_columns import numbers_of
from bayesmix.questions.residual_sums import polynomials

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
QUIET = {"random_seed": 1, "progressbar": False}
TESTS = ["uniformity", "dispersion", "zeros", "outliers", "trend", "spread"]


def counts(seed: int = 5, n: int = 300) -> pd.DataFrame:
    """Counts of the Poisson distribution, and what it is not: their columns."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(size=n), "g": np.repeat(np.arange(n // 10), 10)})
    eta = 1 + 0.4 * data["x"] + 0.5 * rng.normal(size=n // 10)[data["g"]]
    data["right"] = rng.poisson(np.exp(eta))
    data["wide"] = rng.poisson(np.exp(eta) * rng.gamma(2, 0.5, n))
    data["zeros"] = data["right"] * (rng.random(n) > 0.25)
    data["curved"] = rng.poisson(np.exp(eta + 0.2 * data["x"] ** 2))
    data["z"] = rng.normal(size=n)
    data["f"] = np.array(list("abc"))[rng.integers(0, 3, n)]
    data["missing"] = rng.poisson(np.exp(eta + 0.5 * data["z"] + 0.6 * (data["f"] == "b")))
    return data


@pytest.fixture(scope="module")
def poisson() -> dict[str, bm.MixedFit]:
    data = counts()
    return {
        y: bm.fit(f"{y} ~ x + (1 | g)", data, family="poisson", **QUIET)
        for y in ("right", "wide", "zeros", "curved", "missing")
    }


def p_of(tests: bm.ResidualTests, test: str, by: str = "", column: str = "p_adjusted") -> float:
    table = tests.table
    return float(table.loc[(table["test"] == test) & (table["by"] == by), column].iloc[0])


class TestVariances:
    """Normal means in closed form: posterior draws without sampling, group effects for each two."""

    def found(self, seed: int, tau: float = 1.0, S: int = 1000) -> dict[str, Discrepancies]:
        rng = np.random.default_rng(seed)
        theta, n = tau * rng.normal(size=60), 120
        g = np.repeat(np.arange(60), 2)
        y = theta[g] + rng.normal(size=n)
        precision = 2 + 1 / tau**2
        mean = np.bincount(g, y) / precision
        drawn = mean + rng.normal(size=(S, 60)) / np.sqrt(precision)
        residual = y - drawn[:, g]
        columns = polynomials(np.arange(n), 3)
        return {
            "squares": Discrepancies((residual**2).sum(axis=1)[None] - n, np.array([[2.0 * n]])),
            "trend": Discrepancies(columns.T @ residual.T, columns.T @ columns),
        }

    def test_p_values_are_uniform(self):
        p = {"squares": [], "trend": []}
        for seed in range(400):
            found = self.found(seed)
            p["squares"].append(found["squares"].one(120.0).p_value)
            p["trend"].append(found["trend"].squares().p_value)
        for values in p.values():
            assert stats.kstest(values, "uniform").pvalue > 1e-3
            assert 0.02 < np.mean(np.array(values) < 0.05) < 0.09

    def test_what_is_left_is_the_variance_of_the_posterior_mean(self):
        found = [self.found(seed, S=400)["squares"] for seed in range(400)]
        variance = np.var([one.mean[0] for one in found])
        left = np.mean([one.left()[0, 0] for one in found])
        assert left == pytest.approx(variance, rel=0.25)
        assert variance < 0.8 * 240, "the variance that ignores what the model adapts to"

    def test_effects_that_fit_anything_leave_nothing(self):
        rng = np.random.default_rng(1)
        whole = Discrepancies(rng.normal(size=(1, 500)) * np.sqrt(200), np.array([[200.0]]))
        tested = whole.one(100.0, 100.0)
        assert tested.se == pytest.approx(np.sqrt(200) / 100)
        assert tested.p_value > 0.9

    def test_a_sum_far_out_is_told_even_so(self):
        rng = np.random.default_rng(1)
        wide = Discrepancies(100 + 40 * rng.normal(size=(1, 500)), np.array([[200.0]]))
        assert wide.one(100.0).p_value < 1e-6
        values = 20 + 3 * rng.normal(size=(2, 500))
        assert Discrepancies(values, np.eye(2)).squares().p_value < 1e-6


class TestWords:
    @pytest.mark.slow
    def test_of_the_right_model(self, poisson):
        tests = poisson["right"].residual_tests()
        assert list(tests.table["test"]) == TESTS
        assert list(tests.table) == [
            *("test", "by", "observed", "expected", "se", "p_value", "p_adjusted")
        ]
        assert tests.sentence.startswith("No sign that the model is wrong: 6 tests")
        assert tests.advice == ()
        assert "Residual tests:" in repr(tests)
        assert tests._repr_html_().startswith('<div class="bayesmix-summary">')

    @pytest.mark.slow
    def test_overdispersion(self, poisson):
        tests = poisson["wide"].residual_tests()
        assert p_of(tests, "dispersion") < 1e-6
        assert "responses vary more than the model says" in tests.sentence
        assert any("Overdispersion: try family='negbinomial'" in one for one in tests.advice)
        right = bm.fit("wide ~ x + (1 | g)", counts(), family="negbinomial", **QUIET)
        assert right.residual_tests().table["p_adjusted"].min() > 0.05

    def test_zeros(self, poisson):
        tests = poisson["zeros"].residual_tests()
        assert p_of(tests, "zeros") < 1e-6
        observed = (poisson["zeros"].design.y == 0).mean()
        assert p_of(tests, "zeros", column="observed") == pytest.approx(observed)
        expected = np.exp(-poisson["zeros"].epred(draws=True)).mean()
        assert p_of(tests, "zeros", column="expected") == pytest.approx(float(expected))
        assert any("zero_inflated_poisson" in one for one in tests.advice)

    def test_a_curve(self, poisson):
        tests = poisson["curved"].residual_tests()
        assert p_of(tests, "trend", "x") < 1e-6
        assert "residuals have a trend along x" in tests.sentence
        assert any("poly(x, 2)" in one for one in tests.advice)

    def test_spread_of_gaussian_responses(self):
        rng = np.random.default_rng(2)
        data = pd.DataFrame({"x": rng.normal(size=300), "w": rng.normal(size=300)})
        data["y"] = data["x"] + data["w"] + np.exp(0.5 * data["x"]) * rng.normal(size=300)
        tests = bm.fit("y ~ x", data, **QUIET).residual_tests()
        assert p_of(tests, "spread", "x") < 1e-6
        assert any("sigma='~ x'" in one for one in tests.advice)
        tests = bm.fit("y ~ x + w", data, **QUIET).residual_tests()
        assert list(tests.table.loc[tests.table["test"] == "trend", "by"]) == ["fitted", "x", "w"]

    def test_long_tails(self):
        rng = np.random.default_rng(3)
        data = pd.DataFrame({"x": rng.normal(size=400)})
        data["y"] = data["x"] + rng.standard_t(2, 400)
        tests = bm.fit("y ~ x", data, **QUIET).residual_tests()
        assert p_of(tests, "uniformity") < 1e-4
        assert p_of(tests, "outliers") < 0.05
        assert any("student" in one for one in tests.advice)


class TestBy:
    def test_a_column_that_the_formula_lacks(self, poisson):
        fit, data = poisson["missing"], counts()
        for values, name in ((data["z"], "z"), (data["f"], "f"), (data["z"].to_numpy(), "by")):
            assert p_of(fit.residual_tests(by=values), "trend", name) < 1e-4
        assert p_of(poisson["right"].residual_tests(by=data["z"]), "trend", "z") > 0.05

    def test_missing_values_are_rows_without(self, poisson):
        z = counts()["z"].where(np.arange(300) % 3 > 0)
        assert p_of(poisson["missing"].residual_tests(by=z), "trend", "z") < 1e-3
        f = counts()["f"].where(np.arange(300) % 3 > 0)
        tests = poisson["missing"].residual_tests(by=f)
        assert p_of(tests, "trend", "f", "expected") == 3

    def test_a_factor_of_the_formula(self, poisson):
        """Its effects have adapted, so that there is no trend where they are."""
        assert p_of(poisson["right"].residual_tests(by="g"), "trend", "g") > 0.05

    def test_columns_of_numbers_of_the_formula(self, fits):
        assert list(numbers_of(fits["bernoulli"])) == ["x", "z"]
        assert list(numbers_of(fits["hurdle_poisson"])) == ["x", "z"]


class TestFamilies:
    def test_every_kind_of_response(self, fits):
        """Models that are right, or nearly: nothing is told."""
        for family in ("gaussian", "bernoulli", "binomial", "cumulative", "hurdle_poisson"):
            tests = fits[family].residual_tests()
            has_zeros = family in ("binomial", "hurdle_poisson")
            assert ("zeros" in set(tests.table["test"])) == has_zeros
            assert tests.table["p_value"].between(0, 1).all()
            assert tests.table["p_adjusted"].min() > 0.01

    def test_unordered_categories_have_no_fitted_values(self, fits):
        table = fits["categorical"].residual_tests().table
        assert list(table["test"]) == ["uniformity", "dispersion", "outliers", "trend"]
        assert list(table["by"])[-1] == "x"

    def test_effects_of_single_rows_fit_anything(self):
        data = counts()[["wide", "x"]].assign(row=np.arange(300))
        fit = bm.fit("wide ~ x + (1 | row)", data, family="poisson", **QUIET)
        assert fit.residual_tests().table["p_adjusted"].min() > 0.05

    def test_seeds_hardly_matter(self, poisson):
        first, again, other = (
            poisson["right"].residual_tests(random_seed=s).table for s in (None, 1, 2)
        )
        pd.testing.assert_frame_equal(first, again)
        assert not first.equals(other)
        assert_allclose(first["p_value"], other["p_value"], atol=0.15)

    def test_models_without_a_predictor(self):
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"y": rng.normal(size=50)})
        tests = bm.fit("y ~ 1", data, **QUIET).residual_tests()
        assert list(tests.table["test"]) == ["uniformity", "dispersion", "outliers"]


@pytest.mark.slow
def test_of_the_right_model_few_are_told():
    """Twelve data sets: the script of the benchmarks has three hundred."""
    told = 0
    for seed in range(12):
        data = counts(100 + seed, n=100)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = bm.fit(
                "right ~ x + (1 | g)",
                data,
                family="poisson",
                draws=100,
                chains=4,
                cores=1,
                random_seed=seed,
                progressbar=False,
            )
        told += fit.residual_tests().table["p_adjusted"].min() < 0.05
    assert told <= 3  # more with probability 0.002


BAD = {
    "kind": ("residuals", {"kind": "deviance"}, "Unknown kind='deviance'. Allowed: quantile"),
    "kind: a typing error": ("residuals", {"kind": "quantil"}, "Did you mean 'quantile'"),
    "kind: a number": ("residuals", {"kind": 1}, "Unknown kind=1"),
    "kind: deviance": (
        "residuals",
        {"kind": "deviance"},
        "Allowed: quantile, pearson, response",
    ),
    "predictive": ("residuals", {"predictive": "kfold"}, "Allowed: loo, conditional"),
    "predictive: none": ("residuals", {"predictive": None}, "Unknown predictive=None"),
    "seed": ("residuals", {"random_seed": "x"}, "random_seed='x' is not usable"),
    "seed: negative": ("residuals", {"random_seed": -1}, "zero or more"),
    "seed of tests": ("residual_tests", {"random_seed": 1.5}, "random_seed=1.5"),
    "by: no column": ("residual_tests", {"by": "nothing"}, "is no column that the fit has"),
    "by: a typing error": ("residual_tests", {"by": "gg"}, "Did you mean 'g'"),
    "by: the response": ("residual_tests", {"by": "right"}, "is the response.*in any model"),
    "by: too few": ("residual_tests", {"by": [1, 2]}, "by=2 values is not usable.*300 rows"),
    "by: a number": ("residual_tests", {"by": 3}, "by=3 is not usable"),
    "by: a mapping": ("residual_tests", {"by": {"x": 1}}, "is not usable"),
    "by: two columns": ("residual_tests", {"by": np.zeros((300, 2))}, "is not usable"),
    "by: a frame": ("residual_tests", {"by": counts()[["x", "z"]]}, "is not usable"),
    "by: missing": ("residual_tests", {"by": np.full(300, np.nan)}, "not all are missing"),
    "by: infinite": ("plot_residuals", {"by": np.full(300, np.inf)}, "has infinite values"),
    "by: one is infinite": (
        "residual_tests",
        {"by": np.r_[-np.inf, np.arange(299.0)]},
        "has infinite values",
    ),
    "by: huge": ("plot_residuals", {"by": np.r_[1e308, np.arange(299.0)]}, "of up to 1e.308"),
    "by: complex": ("residual_tests", {"by": np.zeros(300, complex)}, "is not usable"),
    "by: lists": ("residual_tests", {"by": [[1]] * 300}, "is not usable"),
    "by: objects": ("residual_tests", {"by": [object()] * 300}, "residuals are held against"),
    "by: many categories": (
        "residual_tests",
        {"by": [f"c{i}" for i in range(300)]},
        "has 300 values, and tests are of up to 30",
    ),
    "plot: by": ("plot_residuals", {"by": "nothing"}, "is no column that the fit has"),
    "plot: by, too few": ("plot_residuals", {"by": [1.0]}, "300 rows"),
    "plot: predictive": ("plot_residuals", {"predictive": "x"}, "Allowed: loo, conditional"),
    "plot: ax": ("plot_residuals", {"ax": "left"}, "an array of 2 matplotlib Axes"),
    "plot: ax with by": ("plot_residuals", {"by": "x", "ax": [1, 2]}, "one matplotlib Axes"),
    "plot: seed": ("plot_residuals", {"random_seed": "x"}, "random_seed='x' is not usable"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_told(poisson, case):
    verb, arguments, message = BAD[case]
    with pytest.raises(bm.BayesmixError, match=message):
        getattr(poisson["right"], verb)(**arguments)


def test_differences_of_categories_and_few_draws_are_told(fits):
    with pytest.raises(bm.BayesmixError, match=r"family 'cumulative' has categories"):
        fits["cumulative"].residuals(kind="response")
    data = counts(n=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = bm.fit("z ~ x", data, draws=10, chains=2, **QUIET)
    with pytest.raises(bm.BayesmixError, match="The fit has 20 draws, and leaving rows out needs"):
        fit.residuals()
    assert len(fit.residuals(predictive="conditional")) == 100
    with pytest.raises(bm.BayesmixError, match="residual tests need at least 100"):
        fit.residual_tests()


def test_polynomials_are_orthonormal_and_of_ranks():
    x = np.array([0.0, 1.0, 10.0, 100.0, np.nan, 1.0, 0.5])
    columns = polynomials(x, 3)
    assert_allclose(columns.T @ columns, np.eye(3), atol=1e-12)
    assert_allclose(columns.sum(axis=0), 0, atol=1e-12)
    assert_allclose(columns[4], 0)
    assert_allclose(np.abs(columns), np.abs(polynomials(x**3, 3)), atol=1e-9)
    assert polynomials([1.0, 2.0, 1.0], 3).shape == (3, 1)
    assert polynomials([1.0, 1.0], 3) is None
