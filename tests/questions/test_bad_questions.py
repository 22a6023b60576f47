"""Arguments of predictions, comparisons, slopes, grids and their figures that cannot be used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")

# Verb, arguments by place, arguments by name, what the message says.
BAD = {
    "by: no column": ("predictions", ["nothing"], {}, "by: 'nothing' is no column of the rows"),
    "by: a typing error": ("predictions", ["ff"], {}, "by: 'ff' is no column"),
    "by: a number": ("predictions", [3], {}, "by=3 is not usable"),
    "by: nothing": ("predictions", [[]], {}, "names no column"),
    "by: the response": ("predictions", ["yes"], {}, "is no column of the rows"),
    "by: numbers": ("predictions", [[1, 2]], {}, "give a list of names"),
    "scale": ("predictions", [], {"scale": "log"}, "Unknown scale='log'"),
    "scale: a number": ("predictions", [], {"scale": 1}, "Unknown scale=1"),
    "groups": ("predictions", [], {"groups": "averages"}, "Did you mean 'average'"),
    "groups: no factor": ("predictions", [], {"groups": ["k"]}, "'k' is no grouping factor"),
    "groups: a number": ("predictions", [], {"groups": [3]}, "give a list of names"),
    "new_levels": ("predictions", [], {"new_levels": "draw"}, "Unknown new_levels"),
    "new_levels of averages": (
        "predictions",
        [],
        {"new_levels": "draw", "groups": "average"},
        "Unknown new_levels",
    ),
    "ci_level": ("predictions", [], {"ci_level": 95}, "Did you mean 0.95"),
    "ci_level: text": ("predictions", [], {"ci_level": "x"}, "ci_level='x'"),
    "draws": ("predictions", [], {"draws": "yes"}, "give True or False"),
    "random_seed": ("predictions", [], {"random_seed": "x"}, "seed"),
    "parameter": ("predictions", [], {"parameter": "sigma"}, "Unknown parameter='sigma'"),
    "weights without averages": ("predictions", [], {"weights": "z"}, "weights= are of averages"),
    "weights: no column": ("predictions", [True], {"weights": "v"}, "is no column of the rows"),
    "weights: negative": ("predictions", [True], {"weights": "z"}, "0 or more"),
    "weights: text": ("predictions", [True], {"weights": "f"}, "0 or more"),
    "weights: missing": (
        "predictions",
        [True],
        {"weights": "w", "newdata": "a weight missing"},
        "none of them missing, of which one is above 0; 1 row has none such",
    ),
    "weights: times": (
        "predictions",
        [True],
        {"weights": "w", "newdata": "times"},
        "the column holds times",
    ),
    "by: no values": (
        "predictions",
        ["w"],
        {"newdata": "no values"},
        "by: no row has a value of 'w'",
    ),
    "weights: numbers": ("predictions", [True], {"weights": [1, 2]}, "is no column"),
    "grid: a list": ("predictions", [], {"grid": ["x"]}, "is no mapping"),
    "grid: no column": ("predictions", [], {"grid": {"xx": 1}}, "'xx' is no column"),
    "grid: nothing": ("predictions", [], {"grid": {"x": []}}, "has no values"),
    "grid: missing": ("predictions", [], {"grid": {"x": [0, np.nan]}}, "has a missing value"),
    "grid: an unknown category": ("predictions", [], {"grid": {"f": ["q"]}}, "'q'"),
    "grid: text for a number": ("predictions", [], {"grid": {"x": ["many"]}}, "x"),
    "grid: a function that fails": (
        "predictions",
        [],
        {"grid": {"x": lambda x: x.nothing()}},
        "the function for 'x' failed",
    ),
    "grid: too many": (
        "predictions",
        [],
        {"grid": {"x": range(2000), "z": range(2000)}},
        "of at most 1,000,000",
    ),
    "newdata: a path": ("predictions", [], {"newdata": "rows.csv"}, "newdata"),
    "newdata: an unknown level": (
        "predictions",
        [],
        {"newdata": "new level"},
        "levels that the fit did not have",
    ),
    "newdata: no column": ("predictions", [], {"newdata": "no x"}, "column 'x'"),
    "newdata: no column to change": (
        "comparisons",
        ["x"],
        {"newdata": "no x"},
        "which is to be changed from where it is",
    ),
    "variables: no column": ("comparisons", ["nothing"], {}, "is no column that"),
    "variables: the response": ("comparisons", ["yes"], {}, "is no column that"),
    "variables: a term": ("comparisons", ["x:f"], {}, "is no column that"),
    "variables: a number": (
        "comparisons",
        [3],
        {},
        "variables=3 is not usable: give a list of names",
    ),
    "variables: nothing": ("comparisons", [[]], {}, "names no column"),
    "step 0": ("comparisons", [{"x": 0}], {}, "0 is no step"),
    "an infinite step": ("comparisons", [{"x": np.inf}], {}, "is no step"),
    "a step of text": ("comparisons", [{"x": "range"}], {}, "is no contrast of numbers"),
    "a step that is True": ("comparisons", [{"x": True}], {}, "is no step"),
    "three values": ("comparisons", [{"x": [0, 1, 2]}], {}, "is no step"),
    "twice the same": ("comparisons", [{"x": [1, 1]}], {}, "no two different numbers"),
    "a pair of texts": ("comparisons", [{"x": ["a", "b"]}], {}, "no two different numbers"),
    "no contrast": ("comparisons", [{"f": "first"}], {}, "is no contrast of its 3 categories"),
    "a step of categories": ("comparisons", [{"f": 1}], {}, "no two different ones"),
    "an unknown category": ("comparisons", [{"f": ["a", "q"]}], {}, "no two different ones"),
    "the same category": ("comparisons", [{"f": ["a", "a"]}], {}, "no two different ones"),
    "sd of categories": ("comparisons", [{"f": "sd"}], {}, "Write one of reference"),
    "comparison": ("comparisons", ["x"], {"comparison": "diff"}, "Unknown comparison"),
    "odds of the link": (
        "comparisons",
        ["x"],
        {"comparison": "oddsratio", "scale": "link"},
        "is of probabilities",
    ),
    "slopes of a mapping": ("slopes", [{"x": 1}], {}, "slopes takes names of columns"),
    "comparisons: a list in a list": ("comparisons", [[["x"]]], {}, "give a list of names"),
    "slopes: masked": ("slopes", [np.ma.masked_array([1, 2], [0, 1])], {}, "give a list of names"),
    "slopes: no column": ("slopes", ["nothing"], {}, "is no column that"),
    "figure: no column": ("plot_predictions", ["nothing"], {}, "is no column that"),
    "figure: the same": ("plot_predictions", ["x"], {"by": "x"}, "besides 'x'"),
    "figure: three": ("plot_predictions", ["x"], {"by": ["f", "z", "g"]}, "one or two columns"),
    "figure: many colours": (
        "plot_predictions",
        ["x"],
        {"by": ["g", "f"]},
        "20 values, and 6 have a colour",
    ),
    "figure: data": ("plot_predictions", ["x"], {"data": "no"}, "give True or False"),
    "figure: ax": ("plot_predictions", ["x"], {"ax": 3}, "ax is not usable"),
    "figure: by two": ("plot_comparisons", ["x"], {"by": ["f", "g"]}, "give one column"),
    "figure: grid of averages": (
        "plot_comparisons",
        ["x"],
        {"grid": {"z": 0}},
        "grid= holds columns for a line",
    ),
    "figure: many panels": (
        "plot_comparisons",
        [{"g": "pairwise"}],
        {"by": "f"},
        "190 panels",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_asked_is_told(fits, questioned, name):
    verb, places, named, message = BAD[name]
    n = len(questioned)
    rows = {
        "new level": questioned.assign(g="new"),
        "no x": questioned.drop(columns="x"),
        "a weight missing": questioned.assign(w=[np.nan, *[1.0] * (n - 1)]),
        "times": questioned.assign(w=pd.date_range("2026-01-01", periods=n)),
        "no values": questioned.assign(w=np.nan),
    }
    newdata = named.get("newdata")
    if isinstance(newdata, str) and newdata in rows:
        named = named | {"newdata": rows[newdata]}
    with pytest.raises(BayesmixError, match=message):
        getattr(fits["bernoulli"], verb)(*places, **named)


def test_averages_without_weight_are_told(fits, questioned):
    newdata = questioned.assign(w=(questioned["f"] != questioned["f"].iloc[0]).astype(float))
    with pytest.warns(bm.DesignWarning, match="1 of . averages has rows with weights of 0 alone"):
        table = fits["bernoulli"].predictions("f", newdata=newdata, weights="w")
    assert table["value"].isna().tolist() == (table["f"] == questioned["f"].iloc[0]).tolist()


def test_odds_of_what_is_no_probability(fits):
    with pytest.raises(BayesmixError, match="of family 'poisson' is none"):
        fits["poisson"].comparisons("x", comparison="lnor")


def test_a_model_without_columns(questioned):
    fit = bm.fit("y ~ 1 + (1 | g)", questioned, draws=20, progressbar=False)
    with pytest.raises(BayesmixError, match="no columns besides those of groups"):
        fit.comparisons()
    assert len(fit.predictions("g")) == 20
    assert len(fit.comparisons({"g": "reference"}, by=True)) == 19


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([3], "data"),
        (["x"], "data"),
        ([pd.DataFrame()], "data"),
        ([pd.DataFrame({"x": [1.0]}), ["x"]], "is no mapping"),
        ([pd.DataFrame({"x": [1.0]}), {"y": 1}], "'y' is no column"),
        ([pd.DataFrame({"x": [1.0]}), {"x": []}], "has no values"),
    ],
)
def test_grids(arguments, message):
    with pytest.raises(BayesmixError, match=message):
        bm.datagrid(*arguments)
