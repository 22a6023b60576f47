"""Categories without an order: a linear predictor for each but the first, from formula to file."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_softmax

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import get_family
from bayesmix.families.values import Rows
from bayesmix.model.spec import ModelSpec
from bayesmix.predictions.heldout import log_predictive

mpl.use("Agg")
FAMILY = get_family("categorical").completed(("a", "b", "c", "d"))
N, CHAINS = 50, 3


def point(seed: int = 1, spread: float = 2.0):
    rng = np.random.default_rng(seed)
    etas = rng.normal(0, spread, (3, N, CHAINS))
    y = rng.integers(0, 4, N).astype(float)
    return y, etas[0], dict(zip(("muc", "mud"), etas[1:], strict=True))


class TestDensities:
    @pytest.mark.parametrize("spread", [1.0, 30.0, 900.0])
    def test_they_are_the_logarithms_of_a_softmax(self, spread):
        y, eta, others = point(spread=spread)
        given = {name: own[:, 0] for name, own in others.items()}
        heights = np.column_stack([np.zeros(N), eta[:, 0], *given.values()])
        expected = log_softmax(heights, axis=1)[np.arange(N), y.astype(int)]
        assert np.isfinite(expected).all()
        assert_allclose(FAMILY.log_density(y, eta[:, 0], given), expected, rtol=1e-12, atol=1e-14)
        assert_allclose(FAMILY.expectation(eta[:, 0], auxiliary=given).sum(axis=-1), 1.0)

    def test_scores_are_those_of_differences(self):
        y, eta, others = point()
        closed = FAMILY.scores(y, eta.copy(), others, Rows())
        general = replace(FAMILY, closed_scores=None, closed_slopes=None)
        ours = general.scores(y, eta.copy(), others, Rows())
        assert_allclose(closed.total, ours.total, rtol=1e-12)
        assert_allclose(closed.score, ours.score, rtol=1e-7, atol=1e-9)
        assert closed.score.flags.c_contiguous
        assert list(closed.auxiliary) == ["muc", "mud"]
        for name, own in closed.auxiliary.items():
            assert_allclose(own, ours.auxiliary[name], rtol=1e-7, atol=1e-9)

    def test_slopes_are_scores_and_p_times_one_less_p(self):
        y, eta, others = point()
        p = FAMILY.chains_first(eta, others)
        closed = FAMILY.slopes(y, p, Rows())
        ours = replace(FAMILY, closed_slopes=None).slopes(y, p, Rows())
        assert list(closed) == ["mub", "muc", "mud"]
        for name, own in closed.items():
            assert_allclose(own.score, ours[name].score, rtol=1e-7, atol=1e-9)
            assert_allclose(own.information, ours[name].information, rtol=1e-5, atol=1e-7)

    def test_of_two_categories_it_is_bernoulli(self):
        rng = np.random.default_rng(3)
        y, eta = rng.integers(0, 2, N).astype(float), rng.normal(0, 5, (N, CHAINS))
        two, bernoulli = get_family("categorical").completed(("n", "y")), get_family("bernoulli")
        assert_allclose(two.log_density(y, eta[:, 0]), bernoulli.log_density(y, eta[:, 0]))
        one, other = (own.scores(y, eta.copy(), None, Rows()) for own in (two, bernoulli))
        assert_allclose(one.total, other.total, rtol=1e-12)
        assert_allclose(one.score, other.score, rtol=1e-9, atol=1e-14)

    def test_draws_have_the_probabilities(self):
        eta, given = np.full(60_000, 0.7), {"muc": np.full(60_000, -1.0), "mud": np.zeros(60_000)}
        drawn = FAMILY.draw(np.random.default_rng(4), eta, given)
        shares = np.bincount(drawn.astype(int)) / len(drawn)
        expected = FAMILY.expectation(eta[:1], auxiliary={"muc": [-1.0], "mud": [0.0]})[0]
        assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / len(drawn)))


class TestNames:
    @pytest.mark.parametrize(
        ("categories", "names"),
        [
            (("a", "b", "c"), ("mub", "muc")),
            (("1", "2", "10"), ("mu2", "mu10")),
            (("no", "by car", "by_car", "bycar"), ("mubycar", "mubycar1", "mubycar2")),
            (("x", "!", "?"), ("mu2", "mu3")),
            (("x", "Süd", "-1.5"), ("muSüd", "mu15")),
        ],
    )
    def test_they_are_letters_and_digits_of_the_category(self, categories, names):
        family = get_family("categorical").completed(categories)
        assert family.predictors == names
        assert family.auxiliary == ()

    def test_a_complete_family_pickles_and_can_be_used_again(self):
        again = pickle.loads(pickle.dumps(FAMILY))
        assert again == FAMILY
        assert again.categories == ("a", "b", "c", "d")
        assert bm.prepare("y ~ x", frame(), family=FAMILY).family.categories == ("a", "b", "c")

    @pytest.mark.parametrize("name", ["multinomial", "mlogit", "softmax"])
    def test_names_of_other_libraries_are_understood(self, name):
        with pytest.raises(BayesmixError, match="Did you mean 'categorical'"):
            get_family(name)


def frame(n: int = 600, levels: int = 30) -> pd.DataFrame:
    """Log odds over a: of b 0.5 + x, of c -0.3 - 0.7 x, effects of groups of sd 0.8 and 0.5."""
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(levels), n // levels), rng.normal(size=n)
    u = rng.normal(size=(levels, 2)) * [0.8, 0.5]
    heights = np.column_stack(
        [np.zeros(n), 0.5 + x + u[g, 0], -0.3 - 0.7 * x + u[g, 1]]
    ) + rng.gumbel(size=(n, 3))
    y = np.array(list("abc"))[heights.argmax(axis=1)]
    return pd.DataFrame({"y": y, "x": x, "g": g, "z": rng.normal(size=n)})


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return frame()


@pytest.fixture(scope="module")
def fit(data) -> bm.MixedFit:
    return bm.fit("y ~ x + (1 | g)", data, family="categorical", random_seed=1, progressbar=False)


class TestSpecification:
    def test_every_category_has_the_formula(self, data):
        spec = bm.prepare("y ~ x + (1 | g)", data, family="categorical")
        assert spec.family.predictors == ("mub", "muc")
        assert [part.formula.text for part in spec.design.parts] == [
            "y ~ x + (1 | g)",
            "muc ~ x + (1 | g)",
        ]
        assert spec.prior_table()["parameter"].tolist() == [
            *("Intercept", "beta:x", "sd:g:Intercept"),
            *("muc:Intercept", "muc:beta:x", "muc:sd:g:Intercept"),
        ]

    def test_a_category_may_have_its_own(self, data):
        spec = bm.prepare("y ~ x", data, family="categorical", mub="~ z", muc="~ 1 + (1 | g)")
        main, muc = spec.design.parts
        assert main.terms == ("Intercept", "z")
        assert main.formula.text == "y ~ z"
        assert (muc.terms, muc.groups[0].factor) == (("Intercept",), "g")
        spec = bm.prepare("y ~ x", data, family="categorical", mub="~ z")
        assert [part.terms for part in spec.design.parts] == [
            ("Intercept", "z"),
            ("Intercept", "x"),
        ]

    def test_intercepts_are_at_the_log_ratio_to_the_first(self, data):
        priors = bm.prepare("y ~ x + offset(z)", data, family="categorical").priors
        counts = data["y"].value_counts()
        for name, category in (("", "b"), ("muc", "c")):
            prior = priors.of(name).intercept.parameters
            expected = np.log(counts[category] / counts["a"]) - data["z"].mean()
            assert prior["mu"] == pytest.approx(expected)
            assert prior["sigma"] == 2.5

    def test_paths_of_the_first_may_have_its_name(self, data):
        prior = bm.Prior("Normal", mu=0, sigma=1)
        given = {"mub:beta:x": prior, "muc:Intercept": prior}
        priors = bm.prepare("y ~ x", data, family="categorical", priors=given).priors
        assert priors.beta == (prior,)
        assert priors.of("muc").intercept == prior
        given = {"mub:beta:x": prior, "beta:x": prior}
        with pytest.raises(BayesmixError, match="'beta:x' is given twice"):
            bm.prepare("y ~ x", data, family="categorical", priors=given)

    def test_the_first_of_a_categorical_is_the_reference(self, data):
        data = data.assign(y=pd.Categorical(data["y"], ["c", "a", "b", "absent"]))
        with pytest.warns(bm.DesignWarning, match="'absent', does not occur"):
            spec = bm.prepare("y ~ x", data, family="categorical")
        assert spec.family.categories == ("c", "a", "b")
        assert_allclose(spec.design.y, data["y"].cat.codes)

    def test_whole_numbers_are_categories(self, data):
        data = data.assign(y=data["y"].map({"a": 7, "b": -1, "c": 30}))
        spec = bm.prepare("y ~ x", data, family="categorical")
        assert spec.family.predictors == ("mu7", "mu30")
        assert spec.family.categories == ("-1", "7", "30")
        assert_allclose(spec.design.y, np.searchsorted([-1, 7, 30], data["y"]))

    def test_categories_of_rows_that_are_dropped_have_no_predictor(self, data):
        data = data.assign(x=data["x"].where(data["y"] != "c"))
        with pytest.warns(bm.DesignWarning, match="rows"):
            spec = bm.prepare("y ~ x", data, family="categorical")
        assert spec.family.predictors == ("mub",)

    def test_columns_that_others_make_are_told_once(self, data):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bm.prepare("y ~ x + I(2 * x)", data, family="categorical")
        assert len(caught) == 1

    def test_an_effect_of_each_row_is_told(self, data):
        with pytest.warns(bm.DesignWarning, match="rows of one category each vary no more"):
            bm.prepare("y ~ x + (1 | z)", data.assign(z=range(len(data))), family="categorical")


BAD = {
    "fractions": ("frac ~ x", {}, "text, a Categorical or whole numbers"),
    "one category": ("one ~ x", {}, "in every row that is used"),
    "very many": ("id ~ x", {}, "has 600 categories"),
    "dates": ("date ~ x", {}, "datetime64"),
    "huge numbers": ("big ~ x", {}, "no number of a category"),
    "one level": ("y['a'] ~ x", {}, "one category against the others"),
    "trials": ("p(n, n) ~ x", {}, "takes none"),
    "cbind": ("cbind(n, x) ~ x", {}, "one response at a time"),
    "weights": ("y ~ x", {"weights": "n"}, "takes no weights"),
    "standard errors": ("y ~ x", {"se": "n"}, "se is the known residual sd"),
    "a calculation": ("np.log(n + 1) ~ x", {}, "whole numbers"),
    "the response": ("y ~ y", {}, "on the right"),
    "the response of a category": ("y ~ x", {"muc": "~ y"}, "has the response y"),
    "no tilde": ("y ~ x", {"muc": "x"}, "has no '~'"),
    "no category": ("y ~ x", {"mud": "~ x"}, "mub of 'b', muc of 'c'"),
    "the reference": ("y ~ x", {"mua": "~ x"}, "against the first, 'a'"),
    "another parameter": ("y ~ x", {"sigma": "~ x"}, "called mu<category>"),
    "a typing error": ("y ~ x", {"weigths": "n"}, "none of the arguments"),
    "another link": ("y ~ x", {"family": "categorical(probit)"}, "Links: logit"),
    "a threshold": ("y ~ x", {"family": "categorical(threshold=flexible)"}, "no thresholds"),
    "a prior of no category": (
        "y ~ x",
        {"priors": {"mud:beta:x": bm.Prior("Normal", mu=0, sigma=1)}},
        "Unknown prior path",
    ),
    "a factor called like effects": ("y ~ x + (1 | muc_term)", {}, "Rename the column"),
    "the exact method": ("y ~ x", {"method": "exact"}, "not Gaussian"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told(data, name):
    formula, arguments, message = BAD[name]
    rows = np.arange(len(data))
    data = data.assign(
        frac=rows % 3 + 0.5,
        one="a",
        id=[f"i{row}" for row in rows],
        date=pd.date_range("2020", periods=len(data)),
        big=rows % 3 * 1e20,
        n=rows % 3 + 1,
        muc_term=data["g"],
    )
    with pytest.raises(BayesmixError, match=message):
        bm.fit(formula, data, **{"family": "categorical", "progressbar": False, **arguments})


class TestFit:
    def test_it_finds_the_truth(self, fit):
        table = fit.fixef().set_index(["parameter", "term"])
        truth = {"mub": (0.5, 1.0), "muc": (-0.3, -0.7)}
        for parameter, values in truth.items():
            own = table.loc[parameter]
            assert (np.abs(own["value"] - np.array(values)) < 3 * own["se"]).all()
        sds = fit.varcorr()
        assert sds["parameter"].tolist() == ["mub", "muc"]
        assert ((sds["sd_2.5"] < [0.8, 0.5]) & (sds["sd_97.5"] > [0.8, 0.5])).all()
        assert fit.diagnostics()["ess_bulk"].min() > 400

    def test_of_two_categories_draws_are_those_of_bernoulli(self, data):
        data = data[data["y"] != "c"]
        given = {"random_seed": 2, "progressbar": False, "draws": 100}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.ConvergenceWarning)
            one = bm.fit("y ~ x + (1 | g)", data, family="categorical", **given)
            two = bm.fit("y ~ x + (1 | g)", data, family="bernoulli", **given)
        assert_allclose(one.fixef()["value"], two.fixef()["value"], rtol=1e-6)
        assert one.priors.equals(two.priors)

    @pytest.mark.slow
    def test_expectations_are_a_softmax_of_linear_predictors(self, fit, data):
        etas = [fit.linpred(parameter=name, draws=True).values for name in ("mub", "muc")]
        heights = np.stack([np.zeros_like(etas[0]), *etas], axis=-1)
        expected = np.exp(log_softmax(heights, axis=-1))
        assert_allclose(fit.epred(draws=True).values, expected, rtol=1e-9)
        table = fit.epred(data.head(2))
        assert table["category"].tolist() == list("abcabc")
        assert not table["category"].cat.ordered
        odds = fit.epred(data.head(2), parameter="mub", draws=True).values
        assert_allclose(odds, 1 / (1 + np.exp(-etas[0][..., :2])), rtol=1e-9)

    def test_new_responses_have_the_probabilities(self, fit, data):
        shares = fit.predict(data.head(3), random_seed=1)["value"].to_numpy()
        expected = fit.epred(data.head(3))["value"].to_numpy()
        assert_allclose(shares, expected, atol=4.5 * np.sqrt(0.25 / 4000))
        assert set(np.unique(fit.predict(data.head(3), draws=True))) == {1, 2, 3}

    def test_numbers_of_the_response_come_back(self, data):
        data = data.assign(y=data["y"].map({"a": 7, "b": -1, "c": 30}))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.ConvergenceWarning)
            fit = bm.fit(
                "y ~ x", data, family="categorical", draws=50, random_seed=1, progressbar=False
            )
        assert set(np.unique(fit.predict(data.head(9), draws=True))) == {-1, 7, 30}
        assert fit.epred(data.head(1))["category"].tolist() == [-1, 7, 30]
        assert [tick.get_text() for tick in fit.plot_ppc().get_xticklabels()] == ["-1", "7", "30"]

    def test_a_file_brings_it_back(self, fit, data, tmp_path):
        fit.save(tmp_path / "kinds.fit")
        again = bm.load(tmp_path / "kinds.fit")
        assert again.family == fit.family
        pd.testing.assert_frame_equal(again.fixef(), fit.fixef())
        pd.testing.assert_frame_equal(again.priors, fit.priors)
        pd.testing.assert_frame_equal(again.epred(data.head(4)), fit.epred(data.head(4)))

    def test_simulated_data_have_the_truth_of_all_categories(self, fit):
        simulation = bm.simulate_from(fit, random_seed=3)
        assert set(simulation.parameters) == set(fit.diagnostics()["parameter"])
        again = bm.prepare(
            simulation.formula, simulation.data, family="categorical", **simulation.formulas
        )
        assert again.family == fit.family
        heights = [0 * simulation.eta, simulation.eta, simulation.predictors["muc"].eta]
        expected = np.exp(log_softmax(np.column_stack(heights), axis=1)).sum(axis=0)
        counts = simulation.data["y"].value_counts().sort_index()
        assert_allclose(counts, expected, atol=4.5 * np.sqrt(0.25 * len(simulation.data)))

    @pytest.mark.slow
    def test_a_category_may_be_missing_in_the_rows_that_train(self, fit):
        training = fit.design.take(fit.design.y != 2)
        held_out = fit.design.take(np.flatnonzero(fit.design.y == 2)[:5])
        spec = ModelSpec(training, fit.family, fit.spec.priors)
        density = log_predictive(spec, held_out, fit.posterior, 1)
        assert np.isfinite(density).all()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            elpd = fit.kfold(k=2)
        assert np.isfinite(elpd.elpd)

    def test_a_group_has_no_regression_of_its_own(self, fit):
        for verb in (fit.no_pooling, fit.shrinkage, fit.plot_shrinkage):
            with pytest.raises(BayesmixError, match="a linear predictor for each category"):
                verb()

    def test_simulate_takes_one_predictor(self):
        with pytest.raises(BayesmixError, match="use simulate_from"):
            bm.simulate(
                n_groups=3, n_per_group=3, beta={}, sd={"Intercept": 1}, family="categorical"
            )

    def test_the_summary_names_the_reference(self, fit):
        assert "3 categories, a, b, c, against a" in repr(fit).replace("\n", " ")

    def test_criteria_know_all_predictors(self, fit):
        assert fit.loo().elpd == pytest.approx(fit.waic().elpd, abs=1.0)


# MASS::housing: satisfaction (low, medium, high), the fastest, by influence (low, medium, high),
# type (tower, apartment, atrium, terrace) and contact (low, high).
HOUSING = (
    *(21, 21, 28, 34, 22, 36, 10, 11, 36, 61, 23, 17, 43, 35, 40, 26, 18, 54, 13, 9, 10, 8, 8, 12),
    *(6, 7, 9, 18, 6, 7, 15, 13, 13, 7, 5, 11, 14, 19, 37, 17, 23, 40, 3, 5, 23, 78, 46, 43),
    *(48, 45, 86, 15, 25, 62, 20, 23, 20, 10, 22, 24, 7, 10, 21, 57, 23, 13, 31, 21, 13, 5, 6, 13),
)
# multinom(Sat ~ Infl + Type + Cont, weights = Freq, data = housing): (Intercept), InflMedium,
# InflHigh, TypeApartment, TypeAtrium, TypeTerrace, ContHigh.
ESTIMATES = {
    "muMedium": (
        -0.41922874,
        0.44639589,
        0.66493533,
        -0.43568870,
        0.13137029,
        -0.66657045,
        0.36085189,
    ),
    "muHigh": (
        -0.13874275,
        0.73486322,
        1.61263107,
        -0.73563173,
        -0.40797809,
        -1.41232768,
        0.48182701,
    ),
}
ERRORS = {
    "muMedium": (
        0.17293453,
        0.14155731,
        0.18633753,
        0.17253287,
        0.22310671,
        0.20625333,
        0.13239755,
    ),
    "muHigh": (0.15922957, 0.13693798, 0.16713171, 0.15527143, 0.21149662, 0.20014944, 0.12413707),
}


def test_estimates_are_near_those_of_nnet():
    levels = {
        "cont": ["Low", "High"],
        "type": ["Tower", "Apartment", "Atrium", "Terrace"],
        "infl": ["Low", "Medium", "High"],
        "sat": ["Low", "Medium", "High"],
    }
    cells = pd.MultiIndex.from_product(levels.values(), names=levels).to_frame(index=False)
    for name, labels in levels.items():
        cells[name] = pd.Categorical(cells[name], labels)
    data = cells.loc[cells.index.repeat(HOUSING)].reset_index(drop=True)
    fit = bm.fit(
        "sat ~ infl + type + cont", data, family="categorical", random_seed=1, progressbar=False
    )
    table = fit.fixef()
    for name, estimates in ESTIMATES.items():
        own = table[table["parameter"] == name]
        assert (np.abs(own["value"] - np.array(estimates)) < 0.3 * np.array(ERRORS[name])).all()
        assert_allclose(own["se"], ERRORS[name], rtol=0.1)
