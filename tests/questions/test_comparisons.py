"""Predictions, comparisons and slopes against sums over draws that are made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.posterior.draws import Draws
from question_cases import FORMULAS

every = pytest.mark.parametrize("family", FORMULAS)
COLUMNS = ["value", "se", "lower_2.5", "upper_97.5"]


def epred(fit: bm.MixedFit, data: pd.DataFrame, **options) -> np.ndarray:
    """Expected responses of one trial, (S, n) or (S, n, K)."""
    if "n" in data and fit.family.trials:
        data = data.assign(n=1)
    drawn = fit.epred(data, draws=True, **options).transpose("chain", "draw", "obs", ...)
    return drawn.values.reshape(-1, *drawn.shape[2:])


def drawn(answer) -> np.ndarray:
    values = answer.transpose("chain", "draw", "obs", ...).values
    return values.reshape(-1, *values.shape[2:])


def summaries(draws: np.ndarray) -> np.ndarray:
    """Mean, sd and interval of draws (S, k)."""
    return np.array(
        [draws.mean(0), draws.std(0, ddof=1), *np.quantile(draws, [0.025, 0.975], axis=0)]
    )


class TestPredictions:
    @every
    def test_rows_are_those_of_epred(self, fits, questioned, family):
        fit = fits[family]
        expected = epred(fit, questioned)
        assert_allclose(drawn(fit.predictions(draws=True)), expected, rtol=1e-12)
        table = fit.predictions()
        k = expected[0].size
        assert_allclose(table[COLUMNS].to_numpy().T, summaries(expected.reshape(-1, k)), rtol=1e-9)
        assert len(table) == k

    @every
    def test_averages_are_means_of_draws(self, fits, questioned, family):
        fit = fits[family]
        expected = epred(fit, questioned)
        own = drawn(fit.predictions("g", draws=True))
        for j, level in enumerate(sorted(questioned["g"].unique())):
            rows = (questioned["g"] == level).to_numpy()
            assert_allclose(own[:, j], expected[:, rows].mean(axis=1), rtol=1e-12)
        assert_allclose(
            drawn(fit.predictions(by=True, draws=True))[:, 0], expected.mean(axis=1), rtol=1e-12
        )

    def test_a_grid_holds_the_other_columns(self, fits, questioned):
        fit = fits["bernoulli"]
        table = fit.predictions(grid={"x": [0, 1], "f": ["b", "a"]})
        assert table["x"].tolist() == [0, 0, 1, 1]
        assert table["f"].tolist() == ["b", "a", "b", "a"]
        assert_allclose(table["z"], questioned["z"].mean())
        assert_allclose(table["value"], epred(fit, table).mean(axis=0))

    def test_a_grid_leaves_out_labels_that_are_not_used(self, fits):
        fit = fits["poisson"]
        grid = {"x": [0.0, 1.0]}
        assert "g" not in fit.predictions(grid=grid, groups="population")
        assert "g" not in fit.predictions(grid=grid, groups="average")
        some = fit.predictions(grid=grid, groups=["h"])
        assert "h" in some
        assert "g" not in some
        assert "g" in fit.predictions(grid=grid)

    def test_all_rows_at_each_value(self, fits, questioned):
        fit = fits["bernoulli"]
        table = fit.predictions("f", newdata=questioned, grid={"f": ["a", "b", "c"]})
        for level, value in zip(table["f"], table["value"], strict=True):
            expected = epred(fit, questioned.assign(f=level)).mean()
            assert value == pytest.approx(expected, rel=1e-12)

    def test_weights_of_rows(self, fits, questioned):
        fit = fits["gaussian"]
        w = questioned["w"].to_numpy()
        own = drawn(fit.predictions(by=True, newdata=questioned, weights="w", draws=True))[:, 0]
        assert_allclose(own, epred(fit, questioned) @ w / w.sum(), rtol=1e-12)

    def test_the_link_scale_and_other_parameters(self, fits, questioned):
        fit = fits["hurdle_poisson"]
        assert_allclose(fit.predictions(scale="link")["value"], fit.linpred()["value"])
        own = fit.predictions("g", parameter="hu")
        assert_allclose(
            own["value"],
            fit.epred(parameter="hu")["value"].groupby(questioned["g"]).mean(),
            rtol=1e-12,
        )

    def test_categories_have_rows_of_their_own(self, fits):
        table = fits["cumulative"].predictions(by="f")
        assert table["category"].tolist() == list("pqrs") * 3
        assert_allclose(table.groupby("f")["value"].sum(), 1.0)

    def test_rows_with_missing_values_are_left_out_of_averages(self, fits, questioned):
        fit, holes = fits["gaussian"], questioned.copy()
        holes.loc[holes.index[:5], "x"] = np.nan
        with pytest.warns(bm.DesignWarning, match="5 rows of newdata have missing"):
            table = fit.predictions(by=True, newdata=holes)
        assert table["value"][0] == pytest.approx(epred(fit, questioned[5:]).mean(), rel=1e-12)
        with pytest.warns(bm.DesignWarning, match="5 rows of newdata have missing"):
            assert fit.predictions(newdata=holes)["value"].isna().sum() == 5

    def test_new_levels_are_drawn_as_predict_draws_them(self, fits, questioned):
        new = questioned.head(4).assign(g="new")
        fit = fits["bernoulli"]
        own = drawn(fit.predictions(newdata=new, new_levels="sample", draws=True))
        assert_allclose(own, epred(fit, new, new_levels="sample"), rtol=1e-12)
        with pytest.raises(BayesmixError, match="levels that the fit did not have"):
            fit.predictions(newdata=new)


class TestAverageGroups:
    def by_hand(self, fit: bm.MixedFit, data: pd.DataFrame, draw: int, n: int = 100_000):
        """Mean of the expected response over `n` new groups given one draw, and its error."""
        rng = np.random.default_rng(3)
        draws = Draws.of(fit.spec, fit.posterior)[draw : draw + 1]
        design = fit.design.at(data.assign(n=1), groups=True)
        etas = []
        for part, own in zip(design.parts, draws.parts, strict=True):
            eta = part.X @ own.beta[0] + (0 if part.offset is None else part.offset)
            eta = np.repeat(eta[None], n, axis=0)
            for term in part.groups:
                scale = own.scale[term.factor][0]
                eta += rng.standard_normal((n, term.n_effects)) @ scale.T @ term.Z.T
            etas.append(eta)
        auxiliary = {name: own[0] for name, own in draws.auxiliary.items()}
        auxiliary |= dict(zip(design.predictors, etas[1:], strict=True))
        trials = np.ones(len(data)) if fit.family.trials else None
        mean = fit.family.expectation(etas[0], trials, auxiliary)
        return mean.mean(axis=0), mean.std(axis=0) / np.sqrt(n)

    @every
    def test_new_groups_are_integrated_out(self, fits, questioned, family):
        fit, rows = fits[family], questioned.iloc[[0, 77, 200]]
        own = drawn(fit.predictions(newdata=rows, groups="average", draws=True))
        for draw in (0, 71):
            mean, error = self.by_hand(fit, rows, draw)
            assert (np.abs(own[draw] - mean) < 4.5 * error + 1e-6).all()

    def test_labels_need_not_be_there(self, fits, questioned):
        fit = fits["poisson"]
        with_labels = fit.predictions(newdata=questioned, groups="average")
        without = fit.predictions(newdata=questioned.drop(columns=["g", "h"]), groups="average")
        assert_allclose(without["value"], with_labels["value"], rtol=1e-12)
        assert_allclose(fit.predictions(groups="average")["value"], without["value"], rtol=1e-12)

    def test_of_a_linear_model_they_are_the_population(self, fits):
        fit = fits["gaussian"]
        average, zero = (fit.predictions(groups=groups) for groups in ("average", "population"))
        assert_allclose(average[COLUMNS], zero[COLUMNS], rtol=1e-12)

    def test_of_a_log_link_in_closed_form(self, fits, questioned):
        fit = fits["poisson"]
        rows = questioned.head(3)
        own = drawn(fit.predictions(newdata=rows, groups="average", draws=True))
        draws = Draws.of(fit.spec, fit.posterior)
        variance = sum(scale[:, 0, 0] ** 2 for scale in draws.scale.values())
        zero = epred(fit, rows, groups="population")
        assert_allclose(own, zero * np.exp(variance / 2)[:, None], rtol=1e-8)


class TestComparisons:
    @every
    def test_differences_are_those_of_epred(self, fits, questioned, family):
        fit = fits[family]
        own = drawn(fit.comparisons({"x": 0.5}, draws=True))
        expected = epred(fit, questioned.assign(x=questioned["x"] + 0.5)) - epred(fit, questioned)
        assert_allclose(own, expected, rtol=1e-9, atol=1e-12)
        averaged = drawn(fit.comparisons({"x": 0.5}, by=True, draws=True))[:, 0]
        assert_allclose(averaged, expected.mean(axis=1), rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize(
        ("how", "pairs"),
        [
            ("reference", ["ba", "ca"]),
            ("sequential", ["ba", "cb"]),
            ("pairwise", ["ba", "ca", "cb"]),
            (["a", "c"], ["ca"]),
        ],
    )
    def test_categories(self, fits, questioned, how, pairs):
        fit = fits["bernoulli"]
        table = fit.comparisons({"f": how}, by=True)
        assert table["contrast"].tolist() == [" - ".join(pair) for pair in pairs]
        for (high, low), value in zip(pairs, table["value"], strict=True):
            both = [epred(fit, questioned.assign(f=level)).mean(axis=1) for level in (high, low)]
            assert value == pytest.approx((both[0] - both[1]).mean(), rel=1e-9)

    @pytest.mark.parametrize(
        ("comparison", "function"),
        [
            ("difference", lambda low, high: high - low),
            ("ratio", lambda low, high: high / low),
            ("lift", lambda low, high: high / low - 1),
            ("lnratio", lambda low, high: np.log(high / low)),
            ("oddsratio", lambda low, high: high / (1 - high) / (low / (1 - low))),
            ("lnor", lambda low, high: np.log(high / (1 - high) / (low / (1 - low)))),
        ],
    )
    def test_measures_are_of_averages(self, fits, questioned, comparison, function):
        fit = fits["bernoulli"]
        own = drawn(fit.comparisons("f", by="g", comparison=comparison, draws=True))
        low, high = (epred(fit, questioned.assign(f=level)) for level in "ab")
        for j, level in enumerate(sorted(questioned["g"].unique())):
            rows = (questioned["g"] == level).to_numpy()
            expected = function(low[:, rows].mean(axis=1), high[:, rows].mean(axis=1))
            assert_allclose(own[:, j], expected, rtol=1e-8)

    def test_numbers(self, fits, questioned):
        fit, x = fits["gaussian"], questioned["x"]
        sd, quarters = x.std(), np.quantile(x, [0.25, 0.75])
        expected = {
            "sd": (x - sd / 2, x + sd / 2),
            "2sd": (x - sd, x + sd),
            "iqr": tuple(quarters),
            "minmax": (x.min(), x.max()),
            "[0, 2]": (0.0, 2.0),
        }
        for how, (low, high) in expected.items():
            own = fit.comparisons({"x": [0, 2] if how == "[0, 2]" else how}, by=True)
            by_hand = epred(fit, questioned.assign(x=high)) - epred(fit, questioned.assign(x=low))
            assert own["value"][0] == pytest.approx(by_hand.mean(), rel=1e-9)

    def test_labels(self, fits):
        fit = fits["bernoulli"]

        def label(how, **options):
            return fit.comparisons(how, by=True, **options)["contrast"].tolist()

        assert label({"x": 2}) == ["+2"]
        assert label({"x": -2}, comparison="ratio") == ["(x - 2) / x"]
        assert label({"x": "sd"}, comparison="ratio") == ["(x + sd/2) / (x - sd/2)"]
        assert label({"x": "iqr"}) == ["Q3 - Q1"]
        assert label({"x": [0, 1.5]}) == ["1.5 - 0"]
        assert label("f", comparison="oddsratio") == ["odds(b) / odds(a)", "odds(c) / odds(a)"]
        assert fits["lognormal"].comparisons("b", by=True)["contrast"].tolist() == ["1 - 0"]

    def test_all_columns_by_default(self, fits):
        table = fits["bernoulli"].comparisons(by=True)
        assert table["variable"].tolist() == ["x", "f", "f", "z"]

    def test_levels_of_a_group(self, fits, questioned):
        fit = fits["bernoulli"]
        table = fit.comparisons({"g": ["g00", "g07"]}, by=True)
        low, high = (epred(fit, questioned.assign(g=level)).mean() for level in ("g00", "g07"))
        assert table["value"][0] == pytest.approx(high - low, rel=1e-9)

    def test_rows_keep_their_index_and_columns(self, fits, questioned):
        new = questioned.head(3).set_axis(["r", "s", "t"])
        table = fits["bernoulli"].comparisons(["x", "f"], newdata=new)
        assert table.index.tolist() == list("rst") * 3
        assert table.columns[:2].tolist() == ["variable", "contrast"]
        assert table["variable"].tolist() == ["x"] * 3 + ["f"] * 6


class TestSlopes:
    @every
    def test_they_are_derivatives_of_epred(self, fits, questioned, family):
        fit = fits[family]
        own = drawn(fit.slopes("x", draws=True))
        step = 1e-5
        high, low = (epred(fit, questioned.assign(x=questioned["x"] + s)) for s in (step, -step))
        assert_allclose(own, (high - low) / (2 * step), rtol=1e-5, atol=1e-6)

    def test_of_a_logit_in_closed_form(self, fits, questioned):
        """dp/dx = p (1 - p) times the slope of the linear predictor."""
        fit = fits["binomial"]
        p = epred(fit, questioned)
        beta = Draws.of(fit.spec, fit.posterior).beta[:, fit.design.terms.index("x")]
        assert_allclose(drawn(fit.slopes("x", draws=True)), p * (1 - p) * beta[:, None], rtol=1e-5)

    def test_of_a_linear_model_they_are_coefficients(self, fits):
        fit = fits["gaussian"]
        rows = fit.slopes("x", newdata=bm.datagrid(fit, f=["a", "b"]), groups="population")
        table = fit.fixef().set_index("term")
        assert rows["value"].iloc[0] == pytest.approx(table.loc["x", "value"], rel=1e-8)
        both = table.loc["x", "value"] + table.loc["x:f[b]", "value"]
        assert rows["value"].iloc[1] == pytest.approx(both, rel=1e-8)
        average = fit.slopes("x", newdata=bm.datagrid(fit, f="a"), groups="average")
        assert_allclose(average["value"], table.loc["x", "value"], rtol=1e-8)

    def test_of_a_polynomial(self, fits, questioned):
        fit = fits["bernoulli"]
        own = fit.slopes("z", by=True, scale="link")["value"][0]
        step = 1e-4
        high, low = (
            fit.linpred(questioned.assign(z=questioned["z"] + s))["value"] for s in (step, -step)
        )
        assert own == pytest.approx((high - low).mean() / (2 * step), rel=1e-6)

    def test_categories_are_compared_with_the_first(self, fits):
        fit = fits["poisson"]
        both = fit.slopes("f", by=True), fit.comparisons("f", by=True)
        pd.testing.assert_frame_equal(*both)
