"""Fits of ordered categories: estimates beside R's, tables, predictions, figures, files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from wine import wine

LABELS = ["awful", "poor", "fair", "good", "great"]
FORMULA = "rating ~ temp + contact + (1 | judge)"


def labelled() -> pd.DataFrame:
    data = wine()
    codes = data["rating"].to_numpy() - 1
    rating = pd.Categorical.from_codes(codes, LABELS, ordered=True)
    return data.assign(rating=rating, x=np.random.default_rng(3).normal(size=72))


def fitted(data: pd.DataFrame, family: str, formula: str = FORMULA) -> bm.MixedFit:
    return bm.fit(formula, data, family=family, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def numbers():
    return fitted(wine(), "cumulative")


@pytest.fixture(scope="module")
def categories():
    return fitted(labelled(), "cumulative")


# R 4.2.2, ordinal 2022.11-16: clmm(rating ~ temp + contact + (1 | judge), data = wine, link = ...,
# nAGQ = 10); standard errors of the first.
_CLMM = {
    "cumulative": (-1.6234875, 1.5127960, 4.2270535, 6.0861523, 3.0618910, 1.8334334, 1.134783),
    "cumulative(probit)": (
        *(-0.9263254407, 0.8893514232, 2.467333457, 3.536355954),
        *(1.799872197, 1.048114176, 0.6630330),
    ),
}
_SE = (0.6833863, 0.6044374, 0.8089782, 0.9719398, 0.5950763, 0.5121712)


@pytest.mark.parametrize("family", _CLMM)
def test_estimates_are_near_those_of_clmm(family):
    fit = fitted(wine(), family)
    *effects, sd = _CLMM[family]
    table = fit.fixef()
    assert table["term"].tolist() == [
        *(f"Intercept[{k}]" for k in range(1, 5)),
        "temp[warm]",
        "contact[yes]",
    ]
    scale = np.array(_SE) / (1.7 if "probit" in family else 1.0)
    assert (np.abs(table["value"] - effects) < 0.3 * scale).all()
    assert_allclose(table["se"], scale, rtol=0.25)
    interval = fit.varcorr(ci_level=0.8)
    assert interval["sd_10"][0] < sd < interval["sd_90"][0]
    assert fit.idata.attrs["ess"] > 400
    assert not fit.notes


def test_the_same_data_as_numbers_and_as_categories(numbers, categories):
    pd.testing.assert_frame_equal(numbers.fixef(), categories.fixef())
    assert_allclose(numbers.epred()["value"], categories.epred()["value"])
    assert "5 categories, 1 < 2 < 3 < 4 < 5; 72 rows" in repr(numbers)
    text = repr(categories).replace("\n  ", " ")
    assert "5 categories, awful < poor < fair < good < great; 72 rows" in text


def test_probabilities_have_a_row_for_each_category(numbers, categories):
    for fit, values in ((numbers, [1, 2, 3, 4, 5]), (categories, LABELS)):
        table = fit.epred()
        assert list(table) == ["category", "value", "se", "lower_2.5", "upper_97.5"]
        assert list(table["category"]) == values * 72
        assert_allclose(table["value"].groupby(level=0).sum(), 1.0)
        draws = fit.epred(draws=True)
        assert draws.dims == ("chain", "draw", "obs", "category")
        assert draws["category"].values.tolist() == values
        assert_allclose(draws.sum("category"), 1.0)
    assert categories.epred()["category"].cat.ordered


def test_probabilities_are_those_of_the_model(numbers):
    new = pd.DataFrame({"temp": ["warm"], "contact": ["no"]})
    posterior = numbers.posterior
    thresholds = posterior["cutpoint"].values.reshape(-1, 4)
    warm = posterior["beta"].sel(term="temp[warm]").values.ravel()
    below = 1 / (1 + np.exp(-(thresholds - warm[:, None])))
    ends = np.zeros((len(warm), 1)), np.ones((len(warm), 1))
    expected = np.diff(np.hstack([ends[0], below, ends[1]]), axis=1).mean(axis=0)
    found = numbers.epred(new, groups="population")["value"]
    assert_allclose(found, expected, rtol=1e-9)
    assert_allclose(numbers.linpred(new, groups="population")["value"], [warm.mean()])


def test_new_responses(numbers, categories):
    for fit in (numbers, categories):
        drawn = fit.predict(draws=True)
        assert set(np.unique(drawn)) == {1, 2, 3, 4, 5}
        shares = fit.predict()
        assert list(shares["category"][:5]) == list(fit.epred()["category"][:5])
        counted = (drawn.values.reshape(-1, 72)[..., None] == np.arange(1, 6)).mean(axis=0)
        assert_allclose(shares["value"], counted.ravel())
        p = fit.epred()["value"]
        assert (np.abs(shares["value"] - p) < 5 * np.sqrt(p * (1 - p) / 4000) + 1e-3).all()


def test_numbers_that_do_not_begin_at_one():
    fit = fitted(wine().assign(rating=lambda d: d["rating"] - 3), "acat")
    assert list(fit.epred()["category"][:5]) == [-2, -1, 0, 1, 2]
    assert set(np.unique(fit.predict(draws=True))) == {-2, -1, 0, 1, 2}
    axes = fit.plot_ppc(random_seed=1)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["-2", "-1", "0", "1", "2"]
    data = bm.simulate_from(fit, random_seed=1).data["rating"]
    assert data.between(-2, 2).all()


def test_replications_are_bars_of_the_categories(categories):
    axes = categories.plot_ppc(random_seed=1)
    assert [text.get_text() for text in axes.get_xticklabels()] == LABELS
    observed = next(line for line in axes.lines if line.get_label() == "data")
    assert_allclose(observed.get_ydata(), [5, 22, 26, 12, 7])
    medians = next(line for line in axes.lines if line.get_label() == "median")
    assert np.abs(medians.get_ydata() - observed.get_ydata()).max() < 6


def test_trends_are_of_the_latent_scale_with_its_thresholds():
    fit = fitted(labelled(), "sratio", "rating ~ temp + x + (1 + x | judge)")
    axes = fit.plot_trends()
    assert axes[0].get_ylabel() == "latent rating (logit)"
    dotted = [one for one in axes[0].collections if len(one.get_segments())]
    heights = {float(segment[0, 1]) for one in dotted for segment in one.get_segments()}
    own = set(fit.fixef()["value"][:4])
    assert heights
    assert heights <= own


@pytest.mark.parametrize("name", ["plot_ranef", "plot_shrinkage", "plot_varcorr", "plot_trace"])
def test_other_figures(categories, name):
    assert np.size(getattr(categories, name)()) >= 1


def test_thresholds_are_no_variance_components(categories):
    assert np.size(categories.plot_varcorr()) == 1
    assert len(categories.varcorr()) == 1
    assert "Family Parameters" not in repr(categories)
    assert "cutpoint:4" in categories.diagnostics()["parameter"].tolist()
    assert categories.summary(cor_fe=True).sections[-1][1].shape == (6, 6)


def test_pooling_is_of_the_level_of_a_judge(numbers):
    """With thresholds at their means a judge's own level is one of maximum likelihood."""
    own, both = numbers.no_pooling(), numbers.shrinkage()
    assert own["effect"].unique().tolist() == ["Intercept"]
    assert np.isfinite(own["value"]).all()
    assert both["shrinkage"].between(0, 1).all()
    assert (both["population"] == 0).all()


@pytest.mark.parametrize("family", ["cumulative(probit)", "acat(threshold=equidistant)"])
def test_files(tmp_path, family):
    fit = fitted(labelled(), family)
    fit.save(tmp_path / "wine.fit")
    back = bm.load(tmp_path / "wine.fit")
    assert back.family == fit.family
    assert back.design.categories.labels == LABELS
    for name in ("fixef", "epred", "predict"):
        pd.testing.assert_frame_equal(getattr(back, name)(), getattr(fit, name)())
    pd.testing.assert_frame_equal(back.priors, fit.priors)


def test_equidistant_thresholds():
    fit = fitted(wine(), "cumulative(threshold=equidistant)")
    drawn = fit.posterior["cutpoint"].values
    assert_allclose(np.diff(drawn, n=2, axis=-1), 0.0, atol=1e-10)
    assert fit.posterior["cutpoint_centred"].dims == ("chain", "draw", "cutpoint_end")
    fits = {"even": fit, "free": fitted(wine(), "cumulative")}
    # Two effects and an sd beside two thresholds, and beside four.
    assert bm.compare(fits)["K"].to_dict() == {"even": 5, "free": 7}
    assert "equidistant thresholds" in repr(fit).replace("\n  ", " ")
    # clm(rating ~ temp + contact, data = wine, threshold = "equidistant"): spacing 2.123.
    assert np.diff(drawn, axis=-1).mean() == pytest.approx(2.4, abs=0.35)


@pytest.mark.slow
def test_a_fold_without_a_category_keeps_it():
    """The rows of the highest category are those of one group, which a fold leaves out."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"y": rng.integers(1, 4, 90), "g": np.repeat(np.arange(9), 10)})
    data.loc[data["g"] == 4, "y"] = 4
    fit = fitted(data, "cumulative", "y ~ 1 + (1 | g)")
    result = fit.kfold(k=9, group_by="g", random_seed=1)
    own = result.elpd_i.values[data["g"] == 4]
    assert np.isfinite(own).all()
    assert (own < np.log(0.2)).all()


@pytest.mark.slow
def test_leaving_out_single_rows_is_what_loo_says(numbers):
    loo, kfold = numbers.loo(), numbers.kfold(k=8, random_seed=1)
    assert loo.elpd == pytest.approx(-85.5, abs=0.7)
    assert kfold.elpd == pytest.approx(loo.elpd, abs=4.0)
    with pytest.warns(bm.ComparisonWarning, match="p_waic"):
        assert numbers.waic().elpd == pytest.approx(loo.elpd, abs=0.7)


class TestSimulation:
    def test_from_parameters(self):
        simulation = bm.simulate(
            n_groups=60,
            n_per_group=25,
            beta={"x": 0.8},
            sd={"Intercept": 0.7},
            family="acat",
            cutpoint=[-0.5, 0.6, 0.2],
            random_seed=1,
        )
        assert simulation.formula == "y ~ 1 + x + (1 | group)"
        assert set(simulation.data["y"]) == {1, 2, 3, 4}
        fit = fitted(simulation.data, "acat", simulation.formula)
        table = fit.fixef()
        truth = [-0.5, 0.6, 0.2, 0.8]
        assert (np.abs(table["value"] - truth) < 3 * table["se"]).all()
        assert fit.varcorr()["sd"][0] == pytest.approx(0.7, abs=0.25)

    def test_like_a_fit(self, categories):
        simulation = bm.simulate_from(categories, random_seed=2)
        assert simulation.data["rating"].cat.categories.tolist() == LABELS
        assert simulation.data["rating"].cat.ordered
        assert simulation.parameters["cutpoint:1"] == pytest.approx(categories.fixef()["value"][0])

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"beta": {"Intercept": 1.0}}, "'Intercept' out of beta and give cutpoint="),
            ({"cutpoint": [1.0, 0.0]}, "each larger than the one before"),
            ({"cutpoint": None}, "needs its parameter cutpoint"),
            ({"cutpoint": []}, "cutpoint is"),
        ],
    )
    def test_errors(self, changed, message):
        given = {"beta": {"x": 1.0}, "sd": {"Intercept": 1.0}, "cutpoint": [0.0, 1.0]} | changed
        with pytest.raises(BayesmixError, match=message):
            bm.simulate(n_groups=5, n_per_group=4, family="cumulative", **given)


def test_the_joint_model_draws_categories(numbers):
    pm = pytest.importorskip("pymc")
    some = numbers.posterior.isel(draw=slice(0, 100))
    with numbers.model:
        drawn = pm.sample_posterior_predictive(some, random_seed=1, progressbar=False)
    values = drawn["posterior_predictive"]["rating"].values
    assert set(np.unique(values)) <= {0, 1, 2, 3, 4}
    expected = numbers.epred()["value"].to_numpy().reshape(72, 5).sum(axis=0)
    counts = np.array([(values == k).sum(axis=-1).mean() for k in range(5)])
    assert_allclose(counts, expected, atol=2.5)
