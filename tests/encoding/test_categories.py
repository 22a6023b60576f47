"""Responses of ordered categories: what is read, and what is refused with its remedy."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError, DesignWarning

N = 60
LABELS = np.array(["never", "rarely", "often", "always"])


def frame(**changed) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {"y": rng.integers(1, 5, N), "x": rng.normal(size=N), "g": np.repeat(np.arange(6), 10)}
    )
    return data.assign(**changed)


CODES = frame()["y"].to_numpy() - 1


def categorical(categories=LABELS, *, ordered: bool = True) -> pd.Categorical:
    return pd.Categorical.from_codes(CODES, categories, ordered=ordered)


def categories_of(data, formula: str = "y ~ x + (1 | g)", family: str = "cumulative"):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        design = bm.prepare(formula, data, family=family).design
    return design.categories, design.y


@pytest.mark.parametrize(
    ("y", "labels", "first"),
    [
        (CODES + 1, ["1", "2", "3", "4"], 1),
        (CODES, ["0", "1", "2", "3"], 0),
        (CODES - 2, ["-2", "-1", "0", "1"], -2),
        (CODES + 1.0, ["1", "2", "3", "4"], 1),
        (pd.array(CODES + 3, dtype="Int64"), ["3", "4", "5", "6"], 3),
        (categorical(), list(LABELS), 1),
        (categorical([1, 2, 4, 10]), ["1", "2", "4", "10"], 1),
    ],
    ids=["from 1", "from 0", "below 0", "floats", "nullable", "labels", "numbers as categories"],
)
def test_codes_are_counted_from_zero(y, labels, first):
    categories, codes = categories_of(frame(y=y))
    assert categories.labels == labels
    assert categories.numbers[0] == first
    np.testing.assert_array_equal(codes, CODES)
    back = categories.column(codes)
    assert list(back) == list(y)


def test_a_calculated_response():
    categories, codes = categories_of(frame(), "I(y * 2 - y) ~ x")
    assert categories.labels == ["1", "2", "3", "4"]
    np.testing.assert_array_equal(codes, CODES)


def test_the_order_of_c_with_levels():
    order = ["rarely", "never", "often", "always"]
    design = bm.prepare("C(y, levels=order) ~ x", frame(y=LABELS[CODES]), family="acat").design
    assert design.categories.labels == order


def test_categories_that_do_not_occur_are_named_and_left_out():
    wide = categorical(["none", *LABELS, "ever"], ordered=True)
    data = frame(y=pd.Categorical.from_codes(CODES + 1, wide.categories, ordered=True))
    with pytest.warns(DesignWarning, match="2 categories of response 'y', 'none', 'ever', do not"):
        design = bm.prepare("y ~ x", data, family="cumulative").design
    assert design.categories.labels == list(LABELS)
    one = frame(y=pd.Categorical.from_codes(CODES, [*LABELS, "ever"], ordered=True))
    with pytest.warns(DesignWarning, match="1 category of response 'y', 'ever', does not"):
        bm.prepare("y ~ x", one, family="cumulative")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": LABELS[CODES]}, r"is text \(always, .*pd.Categorical\(data\['y'\], categories=\["),
        ({"y": categorical(ordered=False)}, "a Categorical without an order .*ordered=True"),
        ({"y": (CODES + 1).astype(str)}, "is text .*If numbers are meant: .*pd.to_numeric"),
        ({"y": CODES + 0.5}, "ordered Categorical or whole numbers.* holds .*pd.cut"),
        ({"y": np.where(CODES == 2, np.inf, CODES)}, "it holds inf"),
        ({"y": np.where(CODES == 2, 9, CODES)}, "0, 1, 3, 9, without 2, 4 between .*consecutive"),
        ({"y": np.full(N, 3)}, "is '3' in every row"),
        ({"y": pd.Categorical(["a"] * N, categories=["a", "b"], ordered=True)}, "'a' in every row"),
        ({"y": (CODES + 1) * 10**17}, "no number of a category"),
        ({"y": np.full(N, np.nan)}, "has no values"),
        ({"y": pd.date_range("2020", periods=N)}, "neither numbers nor text"),
        ({"y": CODES + 1j}, "complex"),
        ({"y": [[1]] * N}, "neither numbers nor text"),
    ],
)
@pytest.mark.parametrize("family", ["cumulative", "acat"])
def test_bad_responses(changed, message, family):
    with pytest.raises(BayesmixError, match=message):
        bm.prepare("y ~ x + (1 | g)", frame(**changed), family=family)


@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        ("y['3'] ~ x", {}, "one category against the others.*family='bernoulli'"),
        ("p(y, 10) ~ x", {}, "number of trials, but family 'cumulative' takes none"),
        ("cbind(y, x) ~ x", {}, "successes and failures"),
        ("np.log(y) ~ x", {}, "must be an ordered Categorical or whole numbers"),
        ("y ~ x + y", {}, "on the right"),
        ("y ~ x", {"weights": "w"}, "takes no weights"),
        (
            "y ~ x",
            {"priors": {"Intercept": bm.Prior("Normal", sigma=1)}},
            "The thresholds, 'cutpoint', take the place of the intercept",
        ),
        ("y ~ x", {"priors": {"cutpoint": bm.LKJ(2)}}, "'cutpoint' must be a Prior"),
        ("y ~ x", {"priors": {"cutpoint:1": bm.Prior("Normal", sigma=1)}}, "mean 'cutpoint'"),
    ],
)
def test_bad_formulas_and_options(formula, options, message):
    with pytest.raises(BayesmixError, match=message):
        bm.prepare(formula, frame(w=1.0), family="cumulative", **options)


@pytest.mark.parametrize("right", ["0 + f + x", "f + x - 1", "-1 + f + x + (1 | g)"])
def test_an_intercept_cannot_be_left_out(right):
    data = frame(f=np.tile(["a", "b", "c"], 20))
    with pytest.warns(DesignWarning, match=r"'0 \+ f \+ x' is read as '1 \+ f \+ x'"):
        design = bm.prepare(f"y ~ {right}", data, family="sratio").design
    assert design.terms == ("f[b]", "f[c]", "x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = bm.prepare("y ~ f + x", data, family="sratio").design
    np.testing.assert_array_equal(same.X, design.X)
    np.testing.assert_array_equal(same.means, design.X.mean(axis=0))


def test_a_constant_column_cannot_be_told_from_the_thresholds():
    with pytest.warns(DesignWarning, match="constant .* cannot be told"):
        bm.prepare("y ~ x + c", frame(c=2.0), family="cumulative")


class TestNewData:
    def test_codes(self):
        design = bm.prepare("y ~ x", frame(y=categorical()), family="cumulative").design
        new = pd.DataFrame({"x": [0.0, 1.0], "y": ["often", "never"]})
        np.testing.assert_array_equal(design.at(new).y, [2, 0])
        assert np.isnan(design.at(new[["x"]]).y).all()
        np.testing.assert_array_equal(design.at(new[["x"]]).X, [[0.0], [1.0]])

    def test_numbers(self):
        design = bm.prepare("y ~ x", frame(y=CODES - 1), family="cumulative").design
        new = pd.DataFrame({"x": [0.0, 1.0], "y": [2, -1]})
        np.testing.assert_array_equal(design.at(new).y, [3, 0])

    @pytest.mark.parametrize(("fitted", "new"), [(CODES, 7), (categorical(), "sometimes")])
    def test_a_category_that_the_fit_did_not_have(self, fitted, new):
        design = bm.prepare("y ~ x", frame(y=fitted), family="cumulative").design
        with pytest.raises(BayesmixError, match=r"(in|of) the fit"):
            design.at(pd.DataFrame({"x": [0.0], "y": [new]}))


@pytest.mark.parametrize("word", ["ordered", "factor", "C"])
def test_a_word_of_the_formula_gives_text_no_order_and_leaves_numbers_theirs(word):
    texts = frame(y=np.array(LABELS)[CODES])
    with pytest.raises(BayesmixError, match="needs the order of its categories"):
        bm.prepare(f"{word}(y) ~ x", texts, family="cumulative")
    numbers = frame(y=CODES + 3)
    design = bm.prepare(f"{word}(y) ~ x", numbers, family="cumulative").design
    plain = bm.prepare("y ~ x", numbers, family="cumulative").design
    assert design.categories.labels == plain.categories.labels
    np.testing.assert_array_equal(design.y, plain.y)
    np.testing.assert_array_equal(design.at(numbers.head(9)).y, plain.y[:9])


def test_the_formula_may_say_the_order():
    texts = frame(y=np.array(LABELS)[CODES])
    levels = ", ".join(map(repr, LABELS))
    design = bm.prepare(f"ordered(y, levels=c({levels})) ~ x", texts, family="cumulative").design
    assert design.categories.labels == list(LABELS)
    np.testing.assert_array_equal(design.y, CODES)
