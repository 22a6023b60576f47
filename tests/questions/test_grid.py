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
