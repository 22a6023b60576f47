"""Figures of residuals: what is drawn is what the table says, and nothing overlaps."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.questions.normal_band import normal_band, places_shown
from pictures import labels, texts_overlap

mpl.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    n = 6000
    data = pd.DataFrame({"x": rng.normal(size=n), "g": np.repeat(np.arange(1000), 6)})
    data["y"] = data["x"] + rng.normal(size=1000)[data["g"]] + rng.standard_t(3, n)
    return data


@pytest.fixture(scope="module")
def fit(data) -> bm.MixedFit:
    return bm.fit("y ~ x + (1 | g)", data.head(1200), draws=250, random_seed=1, progressbar=False)


def dots(axis, colour=None):
    found = [one for one in axis.lines if one.get_marker() not in ("None", "")]
    found = [one for one in found if colour is None or one.get_color() == colour]
    return np.concatenate([one.get_xydata() for one in found])


class TestBand:
    @pytest.mark.parametrize("n", [8, 300, 3000])
    def test_all_are_within_in_95_of_100_samples(self, n):
        rng = np.random.default_rng(n)
        lower, upper = normal_band(n)
        places = places_shown(n)
        inside = 0
        for _ in range(1000):
            drawn = np.sort(rng.normal(size=n))[places]
            inside += bool(((lower <= drawn) & (drawn <= upper)).all())
        assert inside == pytest.approx(950, abs=4 * np.sqrt(1000 * 0.05 * 0.95) + 10)

    def test_ends_are_all_shown(self):
        places = places_shown(100_000)
        assert len(places) <= 400
        assert_allclose(places[:60], np.arange(60))
        assert_allclose(places[-60:], np.arange(99_940, 100_000))


class TestBoth:
    def test_quantiles_are_the_sorted_residuals(self, fit):
        first, second = fit.plot_residuals()
        residual = np.sort(fit.residuals()["residual"])
        places = places_shown(1200)
        drawn = next(one for one in first.lines if one.get_label() == "1,200 rows").get_xydata()
        assert_allclose(drawn[:, 1], residual[places])
        assert_allclose(drawn[:, 0], stats.norm.ppf((places + 0.5) / 1200))
        assert "outside" in labels(first), "long tails"
        assert second.get_xlabel() == "Fitted y (rank)"
        assert texts_overlap(first.figure) == []

    def test_quartiles_are_those_of_cells(self, fit):
        _, axis = fit.plot_residuals()
        table = fit.residuals()
        by_rank = table["residual"].to_numpy()[np.argsort(table["fitted"].to_numpy())]
        lines = [one.get_ydata() for one in axis.lines if len(one.get_xdata()) == 20]
        expected = np.quantile(by_rank.reshape(20, 60), [0.25, 0.5, 0.75], axis=1)
        assert_allclose(lines[:3], expected)

    def test_axes_that_are_given(self, fit):
        _, given = plt.subplots(1, 2)
        found = fit.plot_residuals(ax=given)
        assert [one is other for one, other in zip(found, given, strict=True)] == [True, True]
        with pytest.raises(bm.BayesmixError, match="an array of 2 matplotlib Axes"):
            fit.plot_residuals(ax=given[0])

    def test_no_empty_figure_is_left(self, fit):
        for wrong in ({"by": "nothing"}, {"predictive": "x"}, {"random_seed": "x"}):
            with pytest.raises(bm.BayesmixError):
                fit.plot_residuals(**wrong)
        assert not plt.get_fignums()

    def test_something_else_than_a_fit(self):
        with pytest.raises(bm.BayesmixError, match="plot_residuals takes a fit of"):
            bm.MixedFit.plot_residuals("fit")


class TestBy:
    def test_numbers(self, fit):
        axis = fit.plot_residuals(by="x")
        assert axis.get_xlabel() == "x"
        assert_allclose(dots(axis)[:1200, 1], fit.residuals()["residual"])

    @pytest.mark.parametrize("n_groups", [3, 30, 1000])
    def test_means_of_groups(self, fit, n_groups):
        group = np.arange(1200) % n_groups
        label = np.array([f"school {j}" for j in range(n_groups)])[group]
        axis = fit.plot_residuals(by=pd.Series(label, name="school"))
        expected = fit.residuals()["residual"].groupby(label).mean().to_numpy()
        drawn = dots(axis)
        drawn = drawn[np.argsort(drawn[:, 0])]
        assert_allclose(drawn[:, 1], np.sort(expected) if n_groups > 40 else expected)
        half = 1.959964 / np.sqrt(1200 / n_groups)
        if n_groups == 30:
            outside = int((np.abs(expected) > half).sum())
            assert (f"outside: {outside} of 30" in labels(axis)) == (outside > 0)
        assert axis.get_xlabel().startswith("school")
        assert texts_overlap(axis.figure) == []

    def test_a_trend_that_is_missing_is_marked(self, fit, data):
        along = fit.residuals()["residual"] + np.random.default_rng(1).normal(size=1200)
        axis = fit.plot_residuals(by=along.to_numpy())
        assert axis.get_xlabel() == "by"
        assert len(dots(axis, "#D55E00")) > 20
        rest = fit.plot_residuals(by=np.random.default_rng(1).normal(size=1200))
        assert sum(one.get_color() == "#D55E00" for one in rest.lines) == 3
        assert len(dots(rest, "#D55E00")) < 15


def test_many_rows_are_some_dots_and_all_are_counted(data):
    whole = bm.fit("y ~ x + (1 | g)", data, draws=200, random_seed=1, progressbar=False)
    _, axis = whole.plot_residuals()
    assert "3,000 of 6,000 rows" in labels(axis)
    cloud = next(one for one in axis.lines if one.get_marker() == ".")
    assert len(cloud.get_xdata()) == 3000
