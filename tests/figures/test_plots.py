from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from pictures import texts_overlap

pytestmark = pytest.mark.usefixtures("without_a_screen")


@pytest.fixture
def table():
    return pd.DataFrame(
        {"Delta_LOOIC": [0.0, 6.0, 20.0], "se_Delta": [0.0, 2.0, 8.0]},
        index=pd.Index(["best", "second", "third"], name="Model"),
    )


class TestPlotCompare:
    def test_draws_differences_of_elpd_best_on_top(self, table):
        axes = bm.plot_compare(table)
        points = axes.lines[-1]
        np.testing.assert_allclose(points.get_xdata(), [0, -3, -10])
        assert [label.get_text() for label in axes.get_yticklabels()] == list(table.index)
        bottom, top = axes.get_ylim()
        assert bottom > top
        assert "LOOIC" in axes.get_xlabel()
        assert axes.get_ylabel() == "Model"
        thin, thick = (lines.get_segments() for lines in axes.collections)
        np.testing.assert_allclose(thin[0][:, 0], [-5, -1])
        np.testing.assert_allclose(thick[1][:, 0], [-14, -6])
        assert not texts_overlap(axes.figure)

    def test_takes_the_table_of_compare(self, fitted):
        cases = ("sleepstudy-slopes", "sleepstudy-intercept")
        axes = bm.plot_compare(bm.compare({case: fitted(case) for case in cases}))
        assert "(LOO)" in axes.get_xlabel()
        assert not texts_overlap(axes.figure)

    def test_draws_where_it_is_told(self, table):
        from matplotlib import pyplot as plt

        _, axes = plt.subplots()
        assert bm.plot_compare(table, ax=axes) is axes

    def test_refuses_something_else(self, table):
        with pytest.raises(BayesmixError, match=r"the table of bm\.compare"):
            bm.plot_compare(table[["se_Delta"]])
        with pytest.raises(BayesmixError, match="ax is not usable: give one matplotlib Axes"):
            bm.plot_compare(table, ax="left")


class TestPlotCorrelation:
    def test_draws_prior_and_posterior(self, fitted):
        axes = bm.plot_correlation(fitted("sleepstudy-slopes"))
        posterior, prior, zero = axes.lines
        assert (posterior.get_label(), prior.get_label()) == ("posterior", "prior")
        # The LKJ prior is that of Days at its mean; at zero, correlations are rather negative.
        x, y = prior.get_data()
        assert np.trapezoid(y, x) == pytest.approx(1, abs=0.05)
        assert np.trapezoid(y[x < 0], x[x < 0]) > 0.7
        r, density = posterior.get_data()
        assert np.trapezoid(density, r) == pytest.approx(1, abs=0.01)
        np.testing.assert_array_equal(zero.get_xdata(), [0, 0])
        assert axes.get_xlabel() == "Correlation of Intercept\nand Days by Subject"
        assert axes.get_ylabel() == "Density"
        assert "P(r > 0) = 0." in axes.get_title(loc="right")
        assert not texts_overlap(axes.figure)

    def test_one_axes_for_each_correlation(self, fitted):
        axes = bm.plot_correlation(fitted("pupils-slopes"))
        assert len(axes) == 3
        assert axes[2].get_xlabel() == "Correlation of ses[mid]\nand ses[high]"
        assert not texts_overlap(axes[0].figure)

    def test_takes_the_result_of_the_comparison(self, fitted):
        result = fitted("sleepstudy-slopes").compare_correlation(eta=[1], logo=False)
        axes = bm.plot_correlation(result)
        assert len(axes.lines) == 3

    def test_draws_where_it_is_told(self, fitted):
        from matplotlib import pyplot as plt

        _, grid = plt.subplots(1, 3)
        axes = bm.plot_correlation(fitted("pupils-slopes"), ax=grid)
        assert list(axes) == list(grid)
        _, one = plt.subplots()
        assert bm.plot_correlation(fitted("sleepstudy-slopes"), ax=one) is one
        with pytest.raises(BayesmixError, match="an array of 3 matplotlib Axes"):
            bm.plot_correlation(fitted("pupils-slopes"), ax=one)

    def test_refuses_what_has_no_correlation(self, fitted):
        with pytest.raises(BayesmixError, match="no correlated group effects to draw"):
            bm.plot_correlation(fitted("sleepstudy-uncorrelated"))
        with pytest.raises(BayesmixError, match="takes a fit or"):
            bm.plot_correlation("fit")
