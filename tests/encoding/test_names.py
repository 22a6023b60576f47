"""Names of the user beside those of formulas: nothing of theirs is passed over without a word."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from formulae.transforms import TRANSFORMS

import bayesmix as bm
from bayesmix.design.design import Design
from bayesmix.families.registry import get_family
from bayesmix.preparation.make import make_design

N = 60


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=N) for name in ("y", "x", "z")}
    return pd.DataFrame(columns | {"f": np.tile(list("abc"), N // 3)})


def prepared(formula: str, **names: Any) -> Design:
    return make_design(formula, frame(), family=get_family("gaussian"), namespace=names)


def in_percent(values: Any, *_: Any) -> Any:
    return values / 100


def new_name(message: str) -> str:
    """The name that the message gives to what is the user's."""
    found = re.search(r"another name: (\w+) = ", message)
    assert found, message
    return found[1]


@pytest.mark.parametrize(
    "name", ["center", "scale", "standardize", "poly", "bs", "C", "I", "S", "offset", "binary"]
)
def test_a_function_called_like_one_of_formulas_is_named_with_the_way_out(name):
    with pytest.raises(bm.FormulaError, match=f"'{name}' is a function of yours") as caught:
        prepared(f"y ~ z + {name}(x)", **{name: in_percent})
    assert caught.value.position == 8
    better = new_name(str(caught.value))
    assert f"{better}(...)" in str(caught.value)
    design = prepared(f"y ~ z + {better}(x)", **{better: in_percent, name: in_percent})
    np.testing.assert_allclose(design.X[:, 2], frame().x / 100)


def test_a_function_of_the_module_that_calls():
    def scale(values):
        return values / 100

    with pytest.raises(bm.FormulaError, match=r"'scale' is a function of yours.*del scale"):
        bm.prepare("y ~ scale(x)", frame())
    assert scale(100) == 1


def test_a_function_in_the_response_or_inside_another():
    for formula in ("center(y) ~ x", "y ~ np.abs(center(x))", "y ~ x + (center(x) | f)"):
        with pytest.raises(bm.FormulaError, match="'center' is a function of yours"):
            prepared(formula, center=in_percent)


@pytest.mark.parametrize("name", ["tp", "cc", "cr", "B", "T", "p", "scale"])
def test_a_variable_called_like_a_function_of_formulas(name):
    name = name if name in TRANSFORMS else "p"  # formulae 0.6 has no tp, cc and cr
    with pytest.raises(bm.FormulaError, match=f"'{name}' is a variable of yours") as caught:
        prepared(f"y ~ I(x - {name})", **{name: 2.0})
    better = new_name(str(caught.value))
    design = prepared(f"y ~ I(x - {better})", **{better: 2.0})
    np.testing.assert_allclose(design.X[:, 1], frame().x - 2)


def test_a_function_of_formulas_as_a_value_is_an_unknown_column():
    with pytest.raises(bm.FormulaError, match=r"Unknown column 'center'. Columns: y, x"):
        prepared("y ~ I(x - center)")


class Code:
    """A class that happens to be called as a function of formulas is."""


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("y ~ scale(x)", {"scale": TRANSFORMS["scale"]}),
        ("y ~ scale(x)", {"scale": 3, "x": in_percent, "y": in_percent}),
        ("y ~ C(f)", {"C": Code}),
        ("y ~ C(f, Sum)", {"Sum": 5, "C": 2.0}),
        ("y ~ C(f, Treatment('b'))", {"Treatment": Code}),
        ("y ~ I(x - np.mean(x))", {"np": np, "mean": in_percent}),
        ("y ~ log(abs(x)) + factor(f)", {"np": np, "pd": pd}),
    ],
)
def test_what_does_not_clash(formula, names):
    assert np.array_equal(prepared(formula, **names).X, prepared(formula).X)


def test_a_column_comes_first():
    data = frame().assign(tp=1.5)
    formula = "y ~ I(x - tp)"
    design = make_design(formula, data, family=get_family("gaussian"), namespace={"tp": 2.0})
    np.testing.assert_allclose(design.X[:, 1], data.x - 1.5)
