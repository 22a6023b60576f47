"""formulae's transformations at their limits: beyond knots, beyond the data, beyond the memory."""

from __future__ import annotations

import importlib.metadata
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError, DesignWarning
from bayesmix.design.design import Design
from bayesmix.encoding import sizes
from bayesmix.encoding.responses import read_response
from bayesmix.encoding.sides import read_side
from bayesmix.families.registry import get_family
from bayesmix.formula.formula import parse_formula
from bayesmix.preparation.make import make_design

FORMULAE = tuple(map(int, importlib.metadata.version("formulae").split(".")[:2]))
NEWER = pytest.mark.skipif(FORMULAE < (0, 7), reason="formulae has bs alone")


def data(n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.uniform(1, 5, n),
            "z": rng.integers(0, 6, n),
            "f": rng.choice(list("abc"), n),
            "h": rng.choice(["u", "v"], n),
            "flag": rng.random(n) < 0.5,
            "g": np.repeat(np.arange(n // 8), 8),
        }
    )


def design(formula: str, frame: pd.DataFrame, **names: object) -> Design:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)
        return make_design(formula, frame, family=get_family("gaussian"), namespace=names)


# --- outside the knots --------------------------------------------------------------------------

SPLINES = [
    "bs(x, df=4)",
    "bs(np.log(x), df=5, degree=2)",
    "bs(x, knots=knots)",
    "I(bs(x, df=4)):f",
    pytest.param("cr(x, df=4)", marks=NEWER),
    pytest.param("tp(x, df=4)", marks=NEWER),
    pytest.param("tp(x, df=4, max_knots=20)", marks=NEWER),
]
KNOTS = np.array([2.0, 3.0])


@pytest.mark.parametrize("term", SPLINES)
def test_rows_outside_the_knots_are_told_of_once_with_the_ranges(term):
    frame = data()
    result = design(f"y ~ {term} + ({term} | g)", frame, knots=KNOTS)
    new = frame.head(5).assign(x=[0.5, 2.0, 7.0, 3.0, 0.75])
    call = term.removeprefix("I(").removesuffix("):f")
    for one in (result, pickle.loads(pickle.dumps(result))):
        with pytest.warns(DesignWarning, match=r"extrapolated beyond their knots.*3 of 5") as told:
            again = one.at(new)
        assert len(told) == len(again.notes) == 1
        assert f"{call} for" in again.notes[0]
    if call.endswith("(x, df=4)"):
        low, high = frame["x"].min(), frame["x"].max()
        assert f"(x from 0.5 to 7, knots from {low:g} to {high:g})" in again.notes[0]


@pytest.mark.parametrize("term", SPLINES)
def test_rows_within_the_knots_and_the_rows_of_the_fit_are_silent(term):
    frame = data()
    result = design(f"y ~ {term} + ({term} | g)", frame, knots=KNOTS)
    for rows in (frame, frame.iloc[[int(frame["x"].argmax())]], frame.nsmallest(2, "x")):
        assert result.at(rows).notes == ()


@pytest.mark.parametrize(
    "term",
    [
        "poly(x, 3)",
        "bs(x, df=4, lower_bound=0, upper_bound=9)",
        pytest.param("cc(x, period=5, df=4)", marks=NEWER),
        "x",
    ],
)
def test_no_word_where_nothing_ends(term):
    frame = data()
    assert design(f"y ~ {term}", frame).at(frame.head(1).assign(x=8.5)).notes == ()


def test_a_loaded_fit_warns_as_well(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 50 draws are too few for anything but this
        fit = bm.fit("y ~ bs(x, df=4)", data(), draws=50, random_seed=1, progressbar=False)
    fit.save(tmp_path / "a.fit")
    for one in (fit, bm.load(tmp_path / "a.fit")):
        with pytest.warns(DesignWarning, match=r"bs\(x, df=4\) for 1 of 2 rows \(x from 2 to 9"):
            one.epred(pd.DataFrame({"x": [2.0, 9.0]}))


# --- what the data can carry --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("bs(x, degree=21, df=60)", "degree must be at most 19; got 21"),
        ("bs(x, df=60, degree=20)", "degree must be at most 19; got 20"),
        (
            "bs(x, df=10000)",
            "has df=10000, but 'x' has 80 .* smaller number than 80",
        ),
        ("bs(x, df=81)", "has df=81, but 'x' has 80 distinct values"),
        ("bs(z, df=7)", "has df=7, but 'z' has 6 distinct values"),
        ("bs(x, knots=many)", "has 100 knots, but 'x' has 80"),
        ("bs(x, df=2.5)", "df must be a whole number of 1 or more; got 2.5"),
        ("bs(x, df=-4)", "df must be a whole number of 1 or more; got -4"),
        ("bs(x, df=4, degree='a')", "degree must be a whole number of 0 or more; got 'a'"),
        ("bs(x)", r"needs its number of columns. Write bs\(x, df=4\)"),
        ("bs(x, df=2)", r"Cannot evaluate 'bs\(x, df=2\)'.*Check its arguments"),
        ("poly(x, 1000)", "has degree=1000, but 'x' has 80 distinct values"),
        ("poly(z, 6)", "has degree=6, but 'z' has 6 distinct values"),
        ("poly(x, degree=True)", "degree must be a whole number"),
        ("I(poly(x, 1000)):f", r"'poly\(x, 1000\)' has degree=1000"),
        ("(bs(x, df=1000) | g)", "has df=1000"),
        ("scale(f)", r"'scale\(f\)' needs numbers, and 'f' holds text or categories \(., ., .\)"),
        ("center(f)", "needs numbers"),
        ("poly(f, 2)", "needs numbers"),
        ("bs(f, df=4)", "needs numbers"),
        ("scale(C(z))", "needs numbers"),
        ("np.log(f)", r"Not numeric: f\. Functions of numbers need numbers"),
        pytest.param("cr(x, df=100)", "has df=100, but 'x' has 80", marks=NEWER),
        pytest.param("tp(x, df=100)", "has df=100, but 'x' has 80", marks=NEWER),
    ],
)
def test_arguments_that_the_data_cannot_carry_are_refused_before_anything_is_made(term, message):
    tracemalloc.start()
    with pytest.raises(BayesmixError, match=message):
        design(f"y ~ x + {term}", data(), many=np.linspace(1.5, 4.5, 100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("term", ["bs(x, df=19, degree=15)", "bs(z, df=5)", "poly(z, 5)"])
def test_what_they_can_carry_works(term):
    assert np.isfinite(design(f"y ~ {term}", data()).X).all()


@NEWER
def test_a_thin_plate_spline_that_does_not_fit_into_the_memory_says_its_size(monkeypatch):
    monkeypatch.setattr("bayesmix.encoding.limits.memory_limit", lambda: 10_000)
    with pytest.raises(BayesmixError, match=r"takes 100.0 KiB for 80 rows, of 9.8 KiB .*max_knots"):
        design("y ~ tp(x, df=4)", data())


# --- sizes --------------------------------------------------------------------------------------


def many(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = [f"id {i}" for i in range(n)]
    return pd.DataFrame({"y": rng.normal(size=n), "id": labels, "z": rng.permutation(n)})


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("id", r"'id' makes 30,000 columns for 30,000 rows.*6.7 GiB.*\(1 \| id\).*to_numeric"),
        ("C(z)", r"'C\(z\)' makes 30,000 columns.*6.7 GiB"),
        ("0 + id", r"'id' makes 30,000 columns"),
        ("half * other", r"'half:other' makes 200 x 150 = 30,000 columns.*\(1 \| half:other\)"),
        ("half:other:z", r"'half:other:z' makes 200 x 150 = 30,000 .*\(1 \| half:other\)"),
        ("(0 + id | half)", "'id' makes 30,000 columns"),
    ],
)
def test_matrices_that_are_too_large_are_refused_with_their_size_before_they_are_made(
    term, message
):
    frame = many(30_000)
    frame = frame.assign(half=(frame["z"] % 200).astype(str), other=(frame["z"] % 150).astype(str))
    tracemalloc.start()
    with pytest.raises(BayesmixError, match=message):
        design(f"y ~ {term}", frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def test_the_memory_is_a_limit_as_well(monkeypatch):
    monkeypatch.setattr(sizes, "memory_limit", lambda: 10**5)
    with pytest.raises(BayesmixError, match=r"takes 78.1 KiB of 97.7 KiB there are"):
        design("y ~ id", many(100))
    assert design("y ~ z", many(100)).n_terms == 2


def test_the_limit_is_the_memory_of_the_machine_or_of_the_container(monkeypatch, tmp_path):
    whole = sizes.memory_limit()
    assert 2**28 < whole < 2**50
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text("1048576\n")
    monkeypatch.setattr(sizes, "_CGROUP", (str(tmp_path / "max"), str(tmp_path / "none")))
    assert sizes.memory_limit() >= whole
    monkeypatch.setattr(sizes, "_CGROUP", (str(tmp_path / "max"), str(tmp_path / "limit")))
    assert sizes.memory_limit() == 2**20


def test_many_plain_terms_make_their_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 90)), columns=[f"x{i}" for i in range(90)])
    result = design(f"y ~ 0 + {' + '.join(frame.columns)}", frame.assign(y=frame["x0"] ** 2))
    np.testing.assert_array_equal(result.X, frame)


# --- new rows -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms",
    [
        "f*h*x",
        "0 + f:h",
        "C(z)*flag",
        "S(f):x + T(f, ref='b')",
        "poly(x, 3)*f",
        "scale(x):center(z)",
        "bs(x, df=4) + I(bs(x, df=5)):h",
        "binary(h, 'v')*x",
        "C(flag):f",
        "offset(x) + f",
    ],
)
def test_few_rows_and_few_categories_get_the_columns_of_the_fit(terms):
    frame = data()
    result = design(f"y ~ {terms} + ({terms.replace('offset(x) + ', '')} | g)", frame)
    rows = [[5], [7, 7], np.flatnonzero(frame["f"] == "b")[:3], np.flatnonzero(frame["flag"])[:2]]
    for some in rows:
        again = result.at(frame.iloc[some])
        np.testing.assert_allclose(again.X, result.X[some], atol=1e-12)
        np.testing.assert_allclose(again.groups[0].Z, result.groups[0].Z[some], atol=1e-12)
    none = result.encoder.common.matrix(frame.astype({"f": "category", "h": "category"}).head(0))
    assert none.shape == (0, result.n_terms)


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("I((z - 1950)^2)", "I((z - 1950) ** 2)"),
        ("I((z + 1)^-1)", "I((z + 1) ** -1)"),
        ("I((-z)**2)", "I((-z) ** 2)"),
        ("I(-z**2)", "I(-z ** 2)"),
        ("I((z**2)**3)", "I((z ** 2) ** 3)"),
        ("I(z**2**3)", "I(z ** 2 ** 3)"),
        ("I(z - (z - 1))", "I(z - (z - 1))"),
        ("I(z - z - 1)", "I(z - z - 1)"),
        ("I(z / (z * 2))", "I(z / (z * 2))"),
        ("I((z / z) * 2)", "I(z / z * 2)"),
        ("I((z > 0) * (z < 2))", "I((z > 0) * (z < 2))"),
        ("I(-(z + 1))", "I(-(z + 1))"),
        ("np.log((z + 9) * 2)", "np.log((z + 9) * 2)"),
    ],
)
def test_labels_keep_the_parentheses_that_they_need(written, label):
    formula = parse_formula(f"{written} ~ 0 + abs({written})")
    component = read_side(formula.common).components[0]
    assert component.name == f"abs({label})"
    assert read_response(formula.response).components[0].name == label
    again = parse_formula(f"y ~ 0 + abs({label})")
    assert read_side(again.common).components[0] == component


def test_expressions_that_differ_by_parentheses_are_two_effects():
    made = design("y ~ I((x + 1)**2) + I(x + 1**2)", data())
    assert made.terms == ("Intercept", "I((x + 1) ** 2)", "I(x + 1 ** 2)")
