"""Formulas that meet data: names, many terms, coding of categories, arithmetic."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError, DesignWarning, FormulaError
from bayesmix.families.registry import get_family
from bayesmix.formula.formula import parse_formula
from bayesmix.formula.margins import margins_first
from bayesmix.preparation.make import make_design

ODD = ["body mass", "pre-score", "1st", "rate%", "a/b", "x[mm]", "dose (mg)", "y:z", "a+b", "a, b"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(8)
    n = 96
    frame = pd.DataFrame(rng.uniform(1, 2, (n, len(ODD))), columns=ODD)
    for name in ("y", "x", "z"):
        frame[name] = rng.uniform(1, 2, n)
    for i in range(4):
        frame[f"f{i}"] = np.array(["p", "q"])[np.arange(n) // 2**i % 2]
    frame["g"] = frame["my group"] = rng.choice(list("ABCDEF"), n)
    frame["_l"] = frame["my l"] = rng.choice(["no", "yes"], n)
    frame["year"] = rng.integers(1990, 2020, n)
    frame["_u"] = frame[".v"] = frame["Sepal.Length"] = frame["sum.score"] = frame.x
    return frame


def design(formula, data, family="gaussian", **names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)
        return make_design(formula, data, family=get_family(family), namespace=names)


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("formula", ["y ~ {} + (1 | g)", "y ~ x*{}", "y ~ log({}) + x", "{} ~ x"])
def test_a_name_without_its_backquotes_is_shown_with_them(name, formula, data):
    wanted = formula.format(f"`{name}`")
    if formula == "{} ~ x" and name == "x[mm]":
        pytest.skip("a level of x")
    with pytest.raises(FormulaError) as caught:
        design(formula.format(name), data)
    assert wanted in caught.value.message
    assert caught.value.text[caught.value.position :].startswith(name)
    assert design(wanted, data).n_rows == len(data)


def test_backquotes_are_asked_for_in_grouping_factors_and_only_where_they_are_missing(data):
    with pytest.raises(FormulaError, match=r"y ~ `body mass` \+ \(`a/b` \| `my group`\)"):
        design("y ~ `body mass` + (a/b | my group)", data)
    with pytest.raises(FormulaError, match=r"Unknown column 'bodymass'.*Did you mean `body mass`"):
        design("y ~ bodymass", data)
    with pytest.raises(FormulaError, match="The number 2"):  # what is wrong has other reasons
        design("y ~ _u + .v + 2", data)
    both = data.assign(a=data.x, b=data.z)  # a/b is a formula, too
    assert design("y ~ a/b", both).terms == ("Intercept", "a", "a:b")


def test_names_with_dots_and_underscores_need_none(data):
    terms = design("y ~ Sepal.Length + sum.score + _u + .v", data).terms
    assert terms == ("Intercept", "Sepal.Length", "sum.score", "_u", ".v")


@pytest.mark.parametrize("response", ["_l['yes']", "`_l`['yes']", "`my l`['yes']", '`my l`["yes"]'])
def test_a_level_of_any_column_can_be_the_response(response, data):
    y = design(f"{response} ~ x", data, "bernoulli").y
    np.testing.assert_array_equal(y, data["_l"] == "yes")


def test_a_function_of_the_user_comes_before_the_word_of_r(data):
    def double(values):
        return 2.0 * np.asarray(values)

    names = {"log": double, "factor": double, "mean": double, "exp": math.exp, "sqrt": 3}
    X = design("y ~ 0 + log(x) + factor(z) + mean(year) + exp(x) + sqrt(z)", data, **names).X
    own = [2 * data.x, 2 * data.z, 2 * data.year, np.exp(data.x), np.sqrt(data.z)]
    np.testing.assert_allclose(X, np.column_stack(own))
    with pytest.raises(BayesmixError, match="Unknown function 'clip'"):
        design("y ~ clip(x)", data)


def test_a_dot_is_all_columns_that_are_not_elsewhere(data):
    some = data[["y", "x", "z", "g", "body mass"]]
    read = design("log(y) ~ . - x + (. | g)", some)
    assert read.terms == ("Intercept", "z", "body mass")
    assert read.groups[0].effects == ("Intercept", "x", "z", "body mass")
    assert parse_formula(read.formula.text) == read.formula
    with pytest.raises(FormulaError, match="not known here"):
        parse_formula("y ~ .")
    with pytest.raises(FormulaError, match="no other"):
        design("y ~ . + (1 | g)", some[["y", "g"]])


# --- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bar", "blocks"),
    [
        ("(f0:f1 - 1 | g)", ((0, 1, 2, 3),)),
        ("(0 + f0:f1 || g)", ((0, 1, 2, 3),)),
        ("diag(0 + f0:f1 | g)", ((0,), (1,), (2,), (3,))),
        ("zerocorr(1 + x + f0 | g)", ((0,), (1,), (2,))),
        ("us(1 + x + f0 | g)", ((0, 1, 2),)),
    ],
)
def test_covariance_structures(bar, blocks, data):
    assert design(f"y ~ x + {bar}", data).groups[0].blocks == blocks


# --- coding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", ["1", "0", "f0", "0 + f1", "f0 + f2", "f0:f1", "0 + f3 + f0:f2"])
@pytest.mark.parametrize("numbers", ["", "x:", "x:z:"])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_a_product_of_categories_is_all_of_its_combinations(lead, numbers, k, data):
    """As R has it: no column is lost, and none is there twice."""
    product = ":".join(f"f{i}" for i in range(k))
    X = design(f"y ~ {lead} + {numbers}{product}", data).X
    cells = data[[f"f{i}" for i in range(k)]].agg("".join, axis=1)
    product_of_numbers = math.prod(
        [data[name].to_numpy() for name in numbers.split(":")[:-1]], start=np.ones(len(data))
    )
    full = pd.get_dummies(cells).to_numpy() * product_of_numbers[:, None]
    beside = design(f"y ~ {lead}", data).X
    everything = np.hstack([full, beside])
    rank = np.linalg.matrix_rank(everything)
    assert X.shape[1] == np.linalg.matrix_rank(X) == rank
    assert np.linalg.matrix_rank(np.hstack([X, everything])) == rank


def test_new_rows_are_coded_as_those_of_the_fit(data):
    first = design("y ~ f0:f1:f2 + x:f2:f3 + (f0:f1:f2 || g)", data)
    again = first.at(data.tail(11))
    np.testing.assert_array_equal(again.X, first.X[-11:])
    np.testing.assert_array_equal(again.groups[0].Z, first.groups[0].Z[-11:])


def test_parts_stand_before_wholes():
    terms = [("a", "b", "c"), ("d",), ("c", "a"), ("b",), ("c", "b", "a", "e"), ("e", "f")]
    assert margins_first(terms) == [
        ("a", "c"),
        ("b",),
        ("a", "b", "c"),
        ("d",),
        ("a", "b", "c", "e"),
        ("e", "f"),
    ]


# --- arithmetic ---------------------------------------------------------------------------------


def test_calls_with_the_same_function_stand_beside_and_in_one_another(data):
    X = design("y ~ 0 + I(x**2) + I(log(z)**2) + log(I(x + z)):log(z) + I((x + z)*x)", data).X
    x, z = data.x, data.z
    expected = [x**2, np.log(z) ** 2, np.log(x + z) * np.log(z), (x + z) * x]
    np.testing.assert_allclose(X, np.column_stack(expected))
    X = design("y ~ 0 + I((x + z)*x) + I(x + z*x)", data).X
    np.testing.assert_allclose(X, np.column_stack([(x + z) * x, x + z * x]))


def test_arithmetic_is_that_of_numbers(data):
    formula = (
        "y ~ 0 + I(year**7) + I((x > 1.5) + (z > 1.5)) + I(-(x > 1.5)) + I((x > 1.5) - (z > 1.5))"
    )
    year, x, z = data.year.astype(float), data.x > 1.5, data.z > 1.5
    expected = [year**7, x * 1.0 + z, -1.0 * x, x * 1.0 - z]
    np.testing.assert_allclose(design(formula, data).X, np.column_stack(expected))


# --- many terms ---------------------------------------------------------------------------------


def test_two_thousand_terms():
    rng = np.random.default_rng(3)
    names = [f"x{i}" for i in range(2000)]
    wide = pd.DataFrame(rng.normal(size=(40, 2000)), columns=names).assign(y=rng.normal(size=40))
    made = design(f"y ~ {' + '.join(names)}", wide)
    assert made.terms == ("Intercept", *names)
    np.testing.assert_array_equal(made.X[:, 1:], wide[names])


@pytest.mark.parametrize(
    ("right", "size"),
    [
        ("({})**24", "16,777,215"),
        ("({})^7", "536,154"),
        ("({})*({})*({})*({})", None),
        ("{product}", None),
    ],
)
def test_products_of_too_many_terms_are_refused_before_they_are_made(right, size):
    names = [f"a{i}" for i in range(24)]
    text = right.replace("{product}", "*".join(names)).replace("{}", " + ".join(names))
    with pytest.raises(
        FormulaError, match=rf"stands for up to {size or '[0-9,]+'} terms"
    ) as caught:
        parse_formula(f"y ~ {text}")
    assert len(str(caught.value)) < 500


def test_messages_repeat_no_long_labels(data):
    long = "c" * 3000
    wide = data.assign(**{long: data.x, "k": "v" * 3000 + data.g})
    for term in (f"{long}z", "C(k, Treatment('u'))", f"x + (x | g) + (x + {long} | g)", "scale(k)"):
        with pytest.raises(BayesmixError) as caught:
            bm.prepare(f"y ~ {term}", wide)
        assert len(str(caught.value)) < 1200


# --- a fit on disk ------------------------------------------------------------------------------


def test_r_functions_need_not_be_passed_to_load(data, tmp_path):
    formula = (
        "y ~ log(x, 2) + as.numeric(z) + C(f0, contr.treatment(base=2)) + bs(x, knots=c(1.4, 1.7))"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)  # few draws
        fit = bm.fit(formula, data, draws=50, chains=2, tune=50, progressbar=False, random_seed=1)
    fit.save(tmp_path / "fit")
    loaded = bm.load(tmp_path / "fit")
    assert loaded.spec.design.formula == fit.spec.design.formula
    np.testing.assert_array_equal(loaded.design.at(data).X, fit.design.X)
