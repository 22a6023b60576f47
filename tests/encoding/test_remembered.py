"""Functions of all rows: what new rows get is what NumPy gives from the rows of the fit."""

from __future__ import annotations

import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError, DesignWarning
from bayesmix.design.design import Design
from bayesmix.families.registry import get_family
from bayesmix.preparation.make import make_design

N = 60


def data(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "y": rng.normal(5, 1, n),
            "x": rng.normal(3, 1, n),
            "z": rng.integers(1, 6, n),
            "order": np.arange(n),
            "flag": rng.random(n) < 0.5,
            "f": rng.choice(list("abc"), n),
            "g": np.repeat(np.arange(n // 6), 6),
            "wins": rng.integers(0, 4, n),
        }
    )


def design(formula: str, frame: pd.DataFrame, family: str = "gaussian", **names: object) -> Design:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)
        return make_design(formula, frame, family=get_family(family), namespace=names)


ROWS = ([3], [59, 3, 4], [0, 1], list(range(20, 40)))
FIT = data()
X = FIT["x"].to_numpy()
PROBABILITIES = np.array([0.2, 0.5, 0.8])

# What a term is for any values of x, given those of the fit.
REDUCTIONS = {
    "I(x - np.mean(x))": lambda x: x - X.mean(),
    "I((x - np.mean(x)) / np.std(x))": lambda x: (x - X.mean()) / X.std(),
    "I(x / np.max(x))": lambda x: x / X.max(),
    "I(x - np.min(x))": lambda x: x - X.min(),
    "I(x > np.median(x))": lambda x: x > np.median(X),
    "I(x / np.sum(x))": lambda x: x / X.sum(),
    "I(x / np.var(x, ddof=1))": lambda x: x / X.var(ddof=1),
    "I(x - np.quantile(x, 0.25))": lambda x: x - np.quantile(X, 0.25),
    "I(x - np.percentile(x, q=90))": lambda x: x - np.percentile(X, 90),
    "I(x / np.ptp(x))": lambda x: x / np.ptp(X),
    "I(x - np.average(x))": lambda x: x - X.mean(),
    "I(x - np.nanmean(x))": lambda x: x - X.mean(),
    "I(x / np.linalg.norm(x))": lambda x: x / np.linalg.norm(X),
    "I(x - np.add.reduce(x))": lambda x: x - X.sum(),
    "I(x - np.mean(np.log(x + 9)))": lambda x: x - np.log(X + 9).mean(),
    "I(x - np.max(np.cumsum(x)))": lambda x: x - X.cumsum().max(),
    "I(x - np.mean(x / np.max(x)))": lambda x: x - (X / X.max()).mean(),
    "np.log(x / np.mean(x) + 9)": lambda x: np.log(x / X.mean() + 9),
    "np.maximum(x, np.mean(x))": lambda x: np.maximum(x, X.mean()),
    "np.where(x > np.mean(x), 1, 0)": lambda x: np.where(x > X.mean(), 1, 0),
    "np.clip(x, np.min(x), np.median(x))": lambda x: np.clip(x, X.min(), np.median(X)),
    "np.clip(x, a_min=1, a_max=np.median(x))": lambda x: np.clip(x, 1, np.median(X)),
    "np.exp(x - stats.trim_mean(x, 0.1))": lambda x: np.exp(x - stats.trim_mean(X, 0.1)),
    "scale(x - np.median(x))": lambda x: (x - X.mean()) / X.std(),
    "center(x / np.mean(x))": lambda x: (x - X.mean()) / X.mean(),
    "I(x - x.mean())": lambda x: x - X.mean(),
    "I(x / x.std())": lambda x: x / X.std(ddof=1),
    "I(x - x.quantile(0.25))": lambda x: x - np.quantile(X, 0.25),
    "x.clip(1, x.max())": lambda x: np.clip(x, 1, X.max()),
    "I(x - middle(x))": lambda x: x - (X.min() + X.max()) / 2,
    "nearest(x, np.quantile(x, probabilities))": lambda x: np.abs(
        x[:, None] - np.quantile(X, PROBABILITIES)
    ).argmin(axis=1),
}
NAMES = {
    "stats": stats,
    "probabilities": PROBABILITIES,
    "middle": lambda x: (x.min() + x.max()) / 2,
    "nearest": lambda x, knots: np.abs(np.asarray(x)[:, None] - knots).argmin(axis=1),
}


@pytest.mark.parametrize("term", REDUCTIONS)
def test_new_rows_get_the_numbers_of_the_rows_of_the_fit(term):
    result = design(f"y ~ {term} + (0 + {term} | g)", FIT, **NAMES)
    np.testing.assert_allclose(result.X[:, 1], REDUCTIONS[term](X), rtol=1e-12)
    other = FIT.assign(x=X * 1.5 - 1).head(4)
    expected = REDUCTIONS[term](other["x"].to_numpy())
    for rows in ([0], [3, 1], [0, 1, 2, 3]):
        again = result.at(other.iloc[rows])
        np.testing.assert_allclose(again.X[:, 1], expected[rows], rtol=1e-12)
        np.testing.assert_allclose(again.groups[0].Z[:, 0], expected[rows], rtol=1e-12)


def test_pickling_keeps_what_was_remembered():
    result = pickle.loads(pickle.dumps(design("y ~ I(x - np.mean(x)) + x.abs()", FIT)))
    np.testing.assert_allclose(result.at(FIT.tail(1)).X[0, 1], X[-1] - X.mean())


def test_offsets_responses_trials_and_knots_remember_as_well():
    result = design("np.log(y / np.mean(y)) ~ offset(np.log(x / np.max(x) + 9))", FIT)
    again = result.at(FIT.iloc[[7]])
    np.testing.assert_allclose(again.y, np.log(FIT["y"][7] / FIT["y"].mean()))
    np.testing.assert_allclose(again.offset, np.log(X[7] / X.max() + 9))
    trials = design("p(wins, np.max(z)) ~ x", FIT.assign(wins=1), "binomial")
    assert trials.at(FIT.assign(wins=1)[FIT["z"] < 3]).trials.tolist() == [5] * (FIT["z"] < 3).sum()
    spline = design("y ~ bs(x, knots=np.quantile(x, q))", FIT, q=PROBABILITIES)
    same = design("y ~ bs(x, knots=knots)", FIT, knots=np.quantile(X, PROBABILITIES))
    np.testing.assert_allclose(spline.at(FIT.head(2)).X, same.X[:2], atol=1e-12)


def test_predictions_of_a_row_do_not_depend_on_the_rows_beside_it():
    fit = bm.fit(
        "y ~ I((x - np.mean(x)) / np.std(x)) + I(x > np.median(x)) + (1 | g)",
        FIT,
        random_seed=1,
        progressbar=False,
    )
    together = fit.epred(FIT)["value"].to_numpy()
    alone = [fit.epred(FIT.iloc[[row]])["value"].iloc[0] for row in (0, 17, 59)]
    np.testing.assert_allclose(alone, together[[0, 17, 59]], rtol=1e-10)


def test_a_column_comes_before_a_variable_of_its_name():
    result = design("y ~ I(x - x.mean())", FIT, x=np.array([100.0, 200.0]))
    np.testing.assert_allclose(result.X[:, 1], X - X.mean())
    module = design("y ~ np + I(x - np.mean(x))", FIT.assign(np=FIT["z"]))
    np.testing.assert_allclose(module.X[:, 2], X - X.mean())


# --- refused ------------------------------------------------------------------------------------


def first(x):
    return np.asarray(x) - np.asarray(x)[0]


def top(x):
    return x / x.max()


def winsorised(x):
    return np.clip(x, np.quantile(x, 0.05), np.quantile(x, 0.95))


def in_two_columns(x):
    return np.column_stack([x, np.asarray(x) - np.mean(x)])


def of_many(x):
    if len(x) < 5:
        raise ValueError("too few")
    return x - x.mean()


def all_or_none(x):
    if len(x) != N:
        raise ValueError("other rows")
    return x * 2


OWN = {one.__name__: one for one in (first, top, winsorised, in_two_columns, of_many, all_or_none)}


ALONE = [
    *(f"{name}({column})" for name in OWN for column in ("x", "z", "order")),
    *(
        f"np.{name}({column})"
        for name in ("cumsum", "sort", "gradient", "flip", "argsort")
        for column in ("x", "order")
    ),
    "np.diff(x, prepend=0)",
    "np.roll(x, 1)",
    "np.maximum.accumulate(order)",
    "stats.rankdata(x)",
    "stats.zscore(x)",
    "pd.qcut(x, 4)",
    "pd.cut(x, 3)",
]
INSIDE = {
    "I(1 + np.exp(top(x)))": "top(x)",
    "np.exp(x, dtype=top(x))": "top(x)",
    "scale(np.cumsum(x))": "np.cumsum(x)",
    "f:top(x)": "top(x)",
    "offset(np.cumsum(x))": "np.cumsum(x)",
    "(top(x) | g)": "top(x)",
}


@pytest.mark.parametrize(("term", "culprit"), [*zip(ALONE, ALONE, strict=True), *INSIDE.items()])
def test_what_depends_on_the_rows_beside_a_row_is_refused_by_name(term, culprit):
    with pytest.raises(BayesmixError, match=r"so that new rows would not be coded") as caught:
        design(f"y ~ x + {term}", FIT, stats=stats, **OWN)
    message = str(caught.value)
    assert message.startswith(f"'{culprit}' ")
    assert "center(x) or scale(x)" in message
    assert f"data['new'] = {culprit.partition('(')[0]}(data['" in message


def test_the_response_is_refused_as_well():
    with pytest.raises(BayesmixError, match=r"'np\.cumsum\(y\)' gives a row another value"):
        design("np.cumsum(y) ~ x", FIT)


@pytest.mark.parametrize("method", ["rank", "cumsum", "shift", "to_csv"])
def test_methods_of_columns_that_cannot_be_used_name_those_that_can(method):
    with pytest.raises(BayesmixError, match=rf"'x\.{method}\(\)': .*: abs, clip, count, .*before"):
        design(f"y ~ x.{method}()", FIT)


@pytest.mark.parametrize(
    "term", ["np.random.permutation(x)", "np.random.normal(x)", "I(x + np.random.normal())"]
)
def test_chance_is_refused(term):
    with pytest.raises(BayesmixError, match="another value each time it is called"):
        design(f"y ~ {term}", FIT)


@pytest.mark.parametrize("term", ["np.mean(x)", "x.mean()", "I(np.max(x) - np.min(x))", "I(1)"])
def test_one_value_for_all_rows_is_no_effect(term):
    with pytest.raises(BayesmixError, match="is one value for all rows, which is no effect"):
        design(f"y ~ {term}", FIT)


def test_what_the_error_advises_can_be_done():
    with pytest.raises(BayesmixError) as caught:
        design("y ~ stats.zscore(x)", FIT, stats=stats)
    assert "scale(x)" in str(caught.value)
    assert "data['new'] = stats.zscore(data['x'])." in str(caught.value)
    made = FIT.assign(new=stats.zscore(FIT["x"]))
    np.testing.assert_allclose(design("y ~ new", made).X, design("y ~ scale(x)", FIT).X)


# --- not refused --------------------------------------------------------------------------------


def changing(x):
    x -= 1.0
    return x


def failing_on_few(x):
    if len(x) < 5:
        raise ValueError("too few")
    return np.log(x + 9)


ELEMENTWISE = {
    "np.exp(x)": np.exp,
    "np.log1p(x) * 1": None,
    "np.hypot(x, z)": None,
    "np.round(x, 1)": lambda x: np.round(x, 1),
    "np.interp(x, grid, grid)": lambda x: np.interp(x, [0.2, 0.5, 0.8], [0.2, 0.5, 0.8]),
    "np.sinc(x)": np.sinc,
    "np.nan_to_num(x)": lambda x: x,
    "softplus(x)": lambda x: np.log1p(np.exp(x)) - x,
    "table(z, squares)": None,
    "two(x)": None,
    "squeezed(x)": np.sin,
    "C(pd.cut(x, empty))": None,
    "upper(f)": None,
    "vectorised(x)": lambda x: x**2 + 1,
    "single(x)": lambda x: np.exp(x.astype(np.float32)),
    "product(x, z)": None,
    "changing(x)": lambda x: x - 1,
    "failing_on_few(x)": lambda x: np.log(x + 9),
    "pd.cut(x, limits)": None,
    "x.abs()": np.abs,
    "poly(np.sinc(x), 2)": None,
    "bs(np.sinc(x), df=4)": None,
    "scale(softplus(x)):f": None,
    "softplus(scale(x))": None,
    "I(three(x) * x)": lambda x: 3 * x,
    "np.full_like(x, 2)": lambda x: np.full_like(x, 2),
}
FUNCTIONS = {
    "softplus": lambda x: np.log1p(np.exp(x)) - x,
    "table": lambda z, values: values[np.asarray(z)],
    "squares": np.arange(N, dtype=float) ** 2,
    "squeezed": lambda x: np.squeeze(np.column_stack([np.sin(x)])),
    "empty": np.array([-np.inf, -50, 2, 3, 100, np.inf]),
    "two": lambda x: np.column_stack([np.sin(x), np.cos(x)]),
    "upper": lambda f: pd.Series(f).astype(str).str.upper(),
    "vectorised": np.vectorize(lambda value: value**2 + 1),
    "single": lambda x: np.exp(np.asarray(x, dtype=np.float32)),
    "product": lambda x, z, power=2: np.column_stack([x, z]) @ np.array([1.0, power]),
    "three": lambda x: 3,
    "changing": changing,
    "failing_on_few": failing_on_few,
    "limits": np.array([-np.inf, 2, 3, np.inf]),
    "grid": np.array([0.2, 0.5, 0.8]),
}


@pytest.mark.parametrize("term", ELEMENTWISE)
def test_functions_of_single_rows_work(term):
    term = term.removesuffix(" * 1")
    before = FIT.copy()
    result = design(f"y ~ {term}", FIT, **FUNCTIONS)
    pd.testing.assert_frame_equal(FIT, before)
    for rows in (r for r in ROWS if "few" not in term or len(r) > 4):
        np.testing.assert_allclose(result.at(FIT.iloc[rows]).X, result.X[rows], rtol=1e-6)
    if (expected := ELEMENTWISE.get(term)) is not None:
        np.testing.assert_allclose(result.X[:, 1], expected(X), rtol=1e-6)


def test_few_rows_are_tried_whatever_the_number_of_rows():
    seen = []

    def counting(x):
        seen.append(len(x))
        return np.sqrt(np.abs(x))

    design("y ~ counting(x)", data(300_000), counting=counting)
    assert seen.count(300_000) == 1
    assert sum(size for size in seen if size < 300_000) < 5_000


def test_a_function_that_differs_in_few_rows_only_is_found_among_many():
    with pytest.raises(BayesmixError, match="another value when other rows"):
        design("y ~ winsorised(x)", data(60_000), winsorised=winsorised)


def test_other_terms_do_not_see_what_a_function_has_done_to_its_argument():
    result = design("y ~ changing(x) + x", FIT, changing=changing)
    np.testing.assert_array_equal(result.X[:, 2], X)
    np.testing.assert_array_equal(result.at(FIT.head(2)).X[:, 2], X[:2])


# --- numbers ------------------------------------------------------------------------------------


def test_powers_and_products_of_whole_numbers_do_not_wrap_round():
    years = FIT.assign(year=2000 + FIT["z"])
    result = design("y ~ I(year**7) + I(year * year * year * year * year * year) + I(z**2)", years)
    year = years["year"].to_numpy(dtype=np.float64)
    np.testing.assert_allclose(result.X[:, 1], year**7)
    np.testing.assert_allclose(result.X[:, 2], year**6)
    np.testing.assert_array_equal(result.X[:, 3], FIT["z"] ** 2)
    np.testing.assert_allclose(design("y ~ I(z**-1)", FIT).X[:, 1], 1 / FIT["z"])


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("I(x + 9**99999)", "is infinite or not a number in all 60 rows"),
        ("imaginary(x)", "gives complex numbers; numbers or text are needed"),
        ("objects(x)", "gives neither numbers nor text, one for each row"),
        ("np.diff(x)", r"values of shape \(59, 1\) where 60 rows"),
        ("np.log()", r"Cannot evaluate 'np\.log\(\)'.* make a column before the fit"),
        ("pd.cut(x, inner)", "gives no category for .* of 60 rows. Let its limits cover"),
    ],
)
def test_values_that_are_no_effect_are_refused(term, message):
    names = {
        "imaginary": lambda x: np.sqrt(np.asarray(x) - 3 + 0j),
        "objects": lambda x: np.array([Decimal(str(value)) for value in x]),
        "inner": np.array([2.0, 3.0, 4.0]),
    }
    with pytest.raises(BayesmixError, match=message):
        design(f"y ~ {term}", FIT, **names)


@pytest.mark.parametrize(
    "term",
    ["I(x + numbers)", "np.add(x, numbers)", "offset(numbers)", "np.arange(count)", "looked(x)"],
)
def test_arrays_that_are_no_columns_are_refused(term):
    """Other rows would have none of their values, and take those of the fit by position."""
    count = len(FIT)
    numbers = np.random.default_rng(1).standard_normal(count)
    names = {"numbers": numbers, "count": count, "looked": lambda x: numbers}
    with pytest.raises(bm.BayesmixError, match="not made of columns of the data"):
        design(f"y ~ x + {term}", FIT, **names)
    with_column = design("y ~ x + numbers", FIT.assign(numbers=numbers))
    assert with_column.terms == ("Intercept", "x", "numbers")
