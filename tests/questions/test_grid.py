"""Rows of a grid: combinations, and where other columns are held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm

DATA = pd.DataFrame(
    {
        "x": [1.0, 2.0, 6.0],
        "k": [1, 2, 6],
        "flag": [True, False, True],
        "half": [0, 1, 1],
        "f": ["b", "a", "b"],
        "c": pd.Categorical(["v", "u", "u"], categories=["w", "v", "u"]),
    }
)


def test_all_combinations_the_first_varying_slowest():
    grid = bm.datagrid(DATA, f=["a", "b"], x=[0, 1])
    assert grid[["f", "x"]].to_numpy().tolist() == [["a", 0], ["a", 1], ["b", 0], ["b", 1]]
    assert list(grid) == ["f", "x", "k", "flag", "half", "c"]


def test_where_columns_are_held():
    grid = bm.datagrid(DATA, {})
    assert len(grid) == 1
    row = grid.iloc[0]
    assert row[["x", "k"]].tolist() == [3.0, 3.0]
    assert row[["half", "f", "c"]].tolist() == [1, "b", "u"]
    assert bool(row["flag"])


def test_functions_and_names_that_cannot_be_typed():
    data = DATA.rename(columns={"x": "body mass"})
    grid = bm.datagrid(data, {"body mass": np.unique}, f="a")
    assert grid["body mass"].tolist() == [1.0, 2.0, 6.0]
    assert bm.datagrid(data, k=[7])["k"].tolist() == [7]


@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
def test_numbers_that_the_formula_takes_as_categories_are_held_at_one():
    data = pd.DataFrame({"y": np.arange(12.0), "year": [1, 2, 2, 5] * 3, "x": np.arange(12) % 5})
    fit = bm.fit("y ~ C(year) + x", data, draws=20, progressbar=False)
    assert bm.datagrid(fit, x=0)["year"].tolist() == [2]
    assert fit.comparisons("year", by=True)["contrast"].tolist() == ["2 - 1", "5 - 1"]


def test_a_frame_of_another_library():
    pl = pytest.importorskip("polars")
    grid = bm.datagrid(pl.DataFrame({"x": [1.0, 3.0], "f": ["a", "a"]}), x=[0])
    assert grid.to_dict("records") == [{"x": 0, "f": "a"}]


def test_trials_are_one(fits):
    assert bm.datagrid(fits["binomial"], x=0)["n"].tolist() == [1]


def test_nothing_of_the_users_is_changed(fits, questioned):
    before = questioned.copy()
    fits["bernoulli"].comparisons("f", newdata=questioned, by="g")
    fits["bernoulli"].predictions(newdata=questioned, grid={"x": [0, 1]}, groups="average")
    pd.testing.assert_frame_equal(questioned, before)


@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
class TestNames:
    """Columns of the rows that are called like those of an answer."""

    def fit(self):
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"value": np.tile(np.arange(5.0), 24), "variable": np.arange(120) % 6})
        data["y"] = data["value"] + rng.normal(size=120)
        return bm.fit("y ~ value + (1 | variable)", data, draws=30, progressbar=False)

    def test_they_get_a_line_below(self):
        table = self.fit().predictions(grid={"value": [0, 9]}, groups="population")
        assert table["value_"].tolist() == [0, 9]
        assert table["value"].iloc[1] > 5
        by = self.fit().comparisons("value", by="variable")
        assert by["variable"].tolist() == ["value"] * 6
        assert sorted(by["variable_"].astype(int)) == list(range(6))

    def test_figures_draw_them(self):
        fit = self.fit()
        axes = fit.plot_predictions("value", data=False)
        assert axes.lines[0].get_xdata().max() == 4.0
        axes = fit.plot_slopes("value", by="variable")
        labels = [text.get_text() for text in axes.get_yticklabels()]
        assert labels == [str(k) for k in range(6)]


def test_labels_of_nested_groups_are_held_inside_those_asked_for(questioned):
    data = questioned.assign(h=questioned["g"] + "." + questioned["h"].astype(str))
    with pytest.warns(bm.ConvergenceWarning):
        fit = bm.fit("y ~ x + (1 | g/h)", data, draws=30, random_seed=1, progressbar=False)
    table = fit.predictions(grid={"g": ["g03", "g11"]})
    assert [label[:3] for label in table["h"]] == ["g03", "g11"]
    assert len(fit.plot_predictions("x", by="g", data=False)) == 20


def test_rows_without_a_label_are_told(fits, questioned):
    holes = questioned.assign(w=np.where(np.arange(300) < 7, np.nan, 1.0))
    with pytest.warns(bm.DesignWarning, match="7 of 300 rows have no value of 'w'"):
        table = fits["gaussian"].predictions("w", newdata=holes)
    assert table["w"].tolist() == [1.0]


def test_a_column_of_lists_is_held_at_one_of_them():
    data = pd.DataFrame({"x": [1.0, 2.0, 3.0], "g": [[1], {}, 2]}, dtype=object)
    assert bm.datagrid(data, {"x": [1.0, 2.0]})["g"].tolist() == [[1], [1]]
