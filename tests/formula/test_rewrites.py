"""Formulas with changes: their text is read as what was meant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.formula.formula import parse_formula
from bayesmix.formula.rewrites import (
    Sum,
    add_terms,
    quoted,
    read_sum,
    remove_terms,
    replace_bars,
    replace_variables,
)


def same(formula, text):
    """Whether the formula is `text`, and is read again as it is."""
    again = parse_formula(str(formula))
    assert formula.text == str(formula) == text
    assert (again.response, again.common, again.bars) == (
        formula.response,
        formula.common,
        formula.bars,
    )
    return True


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("1", ()),
        ("0 + x", (("x",),)),
        ("1 + a + b + a:b", (("a",), ("b",), ("a", "b"))),
        ("1 + I(x + 1) + a:`b + c:d`", (("I(x + 1)",), ("a", "`b + c:d`"))),
        ("1 + {x + z}:f(x, k='a:b + c')", (("{x + z}", "f(x, k='a:b + c')"),)),
    ],
)
def test_a_sum_is_taken_apart_and_put_together(text, terms):
    assert read_sum(text) == Sum(text.startswith("1"), terms)
    assert str(read_sum(text)) == text


@pytest.mark.parametrize("name", ["x", "größe", "my.x", "my x", "_x", "2x", "x-1", "True", "a:b"])
def test_quoted_names_are_read_as_the_column(name):
    formula = add_terms(parse_formula("y ~ 1"), [(quoted(name),)])
    assert parse_formula(str(formula)).variables == ("y", name)


def test_terms_are_added_once_and_removed_in_any_order_of_their_factors():
    formula = parse_formula("log_y ~ a*b + `my x` + (a | g)")
    added = add_terms(formula, [("b", "a"), ("`my x`",), ("C(year)", "a"), ("a", "C(year)")])
    assert same(added, "log_y ~ 1 + a + b + a:b + `my x` + C(year):a + (1 + a | g)")
    removed = remove_terms(added, [("b", "a"), ("my x",), ()])
    assert same(removed, "log_y ~ 0 + a + b + C(year):a + (1 + a | g)")


def test_bars_are_replaced_and_left_out():
    formula = parse_formula("y ~ x + (x || g) + (x*z || h) + (1 | a/b)")
    g, h, a, ab = formula.bars
    changed = replace_bars(
        formula, {g: Sum(False, (("x",),)), h: read_sum(h.effects).minus([("x", "z")]), ab: None}
    )
    assert same(changed, "y ~ 1 + x + (0 + x | g) + (1 + x + z || h) + (1 | a)")
    assert same(replace_bars(formula, dict.fromkeys(formula.bars)), "y ~ 1 + x")
    assert replace_bars(formula, {g: Sum(True, ()), a: Sum(True, ())}).bars[0].correlated


CENTRED = {
    "y ~ x": "y ~ 1 + center(x)",
    "y ~ x + (x || g) + (1 | x)": "y ~ 1 + center(x) + (1 + center(x) || g) + (1 | x)",
    "y ~ z + (0 + x:z | g)": "y ~ 1 + z + (0 + center(x):z | g)",
    "y ~ x*z + (x || g)": "y ~ 1 + center(x) + z + center(x):z + (1 + center(x) || g)",
    # Without z or the intercept, x:z and x would be other population effects.
    "y ~ x + x:z + (x || g)": "y ~ 1 + x + x:z + (1 + center(x) || g)",
    "y ~ 0 + x + (x || g)": "y ~ 0 + x + (1 + center(x) || g)",
    # Powers and products move with the column; what has a zero of its own stays.
    "y ~ x + I(x**2) + (I(x**2) || g)": (
        "y ~ 1 + center(x) + I(center(x)**2) + (1 + I(center(x)**2) || g)"
    ),
    "y ~ I(x**2) + (x || g)": "y ~ 1 + I(x**2) + (1 + center(x) || g)",
    "y ~ x + z + I(2 * x * z / 10)": "y ~ 1 + center(x) + z + I(2 * center(x) * z / 10)",
    "y ~ x + z + {x * z}": "y ~ 1 + center(x) + z + {center(x) * z}",
    "y ~ x + I(x - 10) + I(x > 3) + I(1 / x) + I(x**0.5) + I(-x)": (
        "y ~ 1 + center(x) + I(x - 10) + I(x > 3) + I(1 / x) + I(x**0.5) + I(-x)"
    ),
    "y ~ np.sqrt(x) + scale(x) + poly(x, 2) + offset(x) + x": (
        "y ~ 1 + np.sqrt(x) + scale(x) + poly(x, 2) + offset(x) + center(x)"
    ),
    "y ~ x + center(x)": "y ~ 1 + center(x)",
    "y ~ np.log(x) + (np.log(x) || g)": (
        "y ~ 1 + center(np.log(x)) + (1 + center(np.log(x)) || g)"
    ),
    "y ~ `my x` + I(`my x`**2)": "y ~ 1 + center(`my x`) + I(center(`my x`)**2)",
    # formulae cannot read the second power centred beside a third.
    "y ~ x + I(x**2) + z + I(z**2)": "y ~ 1 + center(x) + I(center(x)**2) + z + I(z**2)",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
@pytest.mark.parametrize("text", CENTRED)
def test_replaced_columns_move_their_zero_and_nothing_else(text):
    centres = {"x": "center(x)", "my x": "center(`my x`)"}
    if "np.log" in text:
        centres = {"np.log(x)": "center(np.log(x))"}
    formula = parse_formula(text)
    changed = replace_variables(formula, centres)
    assert same(changed, CENTRED[text])
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.uniform(3, 5, (40, 3)), columns=["y", "x", "z"])
    data["my x"], data["g"] = data.x, np.repeat(range(8), 5)
    before, after = (population_columns(one, data) for one in (formula, changed))
    ranks = {np.linalg.matrix_rank(X) for X in (before, after, np.hstack([before, after]))}
    assert len(ranks) == 1, "the population effects are others"


def population_columns(formula, data):
    return bm.prepare(str(formula.without_bars), data).design.X
