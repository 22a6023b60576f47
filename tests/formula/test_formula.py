"""Formulas are split and checked without any data; formulae reads every part that comes out."""

import pickle

import numpy as np
import pandas as pd
import pytest
from formulae import design_matrices

from bayesmix.base.errors import BayesmixError, FormulaError
from bayesmix.formula.formula import Bar, Formula, name_position, names_in, parse_formula

# text -> canonical form (response ~ common + bars, explicit intercepts, products written out)
CASES = {
    # sums and intercepts
    "y~x": "y ~ 1 + x",
    "y ~ 1": "y ~ 1",
    "y ~ 0 + x": "y ~ 0 + x",
    "y ~ -1 + x": "y ~ 0 + x",
    "y ~ x - 1": "y ~ 0 + x",
    "y ~ x + -1": "y ~ 0 + x",
    "y ~ x - 0": "y ~ 1 + x",
    "y ~ 0 + x - -1": "y ~ 1 + x",
    "y ~ 0 + x + 1": "y ~ 1 + x",
    "y ~ (0 + x) + z": "y ~ 0 + x + z",
    "y ~ x + x": "y ~ 1 + x",
    # products
    "y ~ a*b": "y ~ 1 + a + b + a:b",
    "y ~ a*b*c": "y ~ 1 + a + b + a:b + c + a:c + b:c + a:b:c",
    "y ~ a*b - a:b": "y ~ 1 + a + b",
    "y ~ a*b - b:a": "y ~ 1 + a + b",
    "y ~ a*b - (a + b)": "y ~ 1 + a:b",
    "y ~ a/b": "y ~ 1 + a + a:b",
    "y ~ a/b/c": "y ~ 1 + a + a:b + a:b:c",
    "y ~ (a + b)/c": "y ~ 1 + a + b + a:b:c",
    "y ~ a/(b + c)": "y ~ 1 + a + a:b + a:c",
    "y ~ (a + b):c": "y ~ 1 + a:c + b:c",
    "y ~ (a + b)**2": "y ~ 1 + a + b + a:b",
    "y ~ (a + b + c)**2": "y ~ 1 + a + b + c + a:b + a:c + b:c",
    "y ~ (a + b + c)**3": "y ~ 1 + a + b + c + a:b + a:c + b:c + a:b:c",
    "y ~ a*b:c": "y ~ 1 + a + b:c + a:b:c",
    # functions
    "np.log(y) ~ np.log(x)": "np.log(y) ~ 1 + np.log(x)",
    "y ~ scale(x)*poly( z ,2)": "y ~ 1 + scale(x) + poly(z, 2) + scale(x):poly(z, 2)",
    "y ~ bs(x,df = 4) + offset( t )": "y ~ 1 + bs(x, df=4) + offset(t)",
    "y ~ I((x+1)*2) + {x+1} + C(year)": "y ~ 1 + I((x + 1) * 2) + {x + 1} + C(year)",
    "y ~ I(x > 1e-3) + f(g(x), (a+b)/2)": "y ~ 1 + I(x > 0.001) + f(g(x), (a + b) / 2)",
    "y ~ I(-(x**2)) + I(x**-1)": "y ~ 1 + I(-(x**2)) + I(x**-1)",
    "y ~ np.log(f(x, df=2)):np.log(z)": "y ~ 1 + np.log(f(x, df=2)):np.log(z)",
    "y ~ f(x, 'a|b ~ c') + (1|g)": "y ~ 1 + f(x, 'a|b ~ c') + (1 | g)",
    # minus and the intercept in parentheses, as R's terms() has them
    "y ~ x + (z - x)": "y ~ 1 + x + z",
    "y ~ x + (x*z - x)": "y ~ 1 + x + z + x:z",
    "y ~ x + z - (x - z)": "y ~ 1 + z",
    "y ~ x + (z - 1)": "y ~ 0 + x + z",
    "y ~ x + (0 + z)": "y ~ 0 + x + z",
    "y ~ x - (1 + z)": "y ~ 0 + x",
    "y ~ x - (0 + z)": "y ~ 1 + x",
    "y ~ 1 + x - (z - 1)": "y ~ 1 + x",
    "y ~ x + (x + z - x|g)": "y ~ 1 + x + (1 + z | g)",
    "y ~ (1 + x + (z - x)|g)": "y ~ 1 + (1 + x + z | g)",
    # the parts of a term stand before it
    "y ~ a:b + a": "y ~ 1 + a + a:b",
    "y ~ x:z:f + c + z:x": "y ~ 1 + x:z + x:z:f + c",
    # R's operators and words
    "y ~ (a + b)^2": "y ~ 1 + a + b + a:b",
    "y ~ a + b %in% a": "y ~ 1 + a + b:a",
    "y ~ I(-x^2) + I(x^-1)": "y ~ 1 + I(-(x**2)) + I(x**-1)",
    "y ~ I(a^b^c) + I(2^-x^2)": "y ~ 1 + I(a**(b**c)) + I(2**-(x**2))",
    "y ~ factor(f) + as.factor(f)": "y ~ 1 + C(f)",
    "y ~ factor(f, levels=c('b', 'a'))": "y ~ 1 + C(f, levels=c('b', 'a'))",
    "y ~ ordered(f) + factor(h, ordered=TRUE)": "y ~ 1 + C(f, Poly) + C(h, Poly)",
    "y ~ relevel(f, ref='b')": "y ~ 1 + C(f, Treatment('b'))",
    "y ~ relevel(factor(f), 'b')": "y ~ 1 + C(f, Treatment('b'))",
    "y ~ C(f, contr.sum) + C(h, 'contr.helmert')": "y ~ 1 + C(f, Sum) + C(h, Helmert)",
    "y ~ C(f, sdif) + C(h, contr.poly(3))": "y ~ 1 + C(f, Diff) + C(h, Poly)",
    "y ~ C(f, MASS::contr.sdif)": "y ~ 1 + C(f, Diff)",
    "y ~ C(f, contr.treatment)": "y ~ 1 + C(f, Treatment)",
    "y ~ C(f, contr.treatment(3, base = 2))": "y ~ 1 + C(f, contr.treatment(base=2))",
    "y ~ C(f, base = 2)": "y ~ 1 + C(f, contr.treatment(base=2))",
    "y ~ C(f, contr.SAS)": "y ~ 1 + C(f, contr.SAS())",
    "y ~ C(f, Sum) + C(f, Treatment('b'))": "y ~ 1 + C(f, Sum) + C(f, Treatment('b'))",
    "y ~ poly(x, 2, raw=TRUE) + poly(z, 2L, raw=T)": (
        "y ~ 1 + poly(x, 2, raw=True) + poly(z, 2, raw=True)"
    ),
    "y ~ scale(x, scale=FALSE) + scale(z, TRUE)": "y ~ 1 + center(x) + scale(z)",
    "y ~ I(x - mean(x)) + I(x/sd(x))": "y ~ 1 + I(x - np.mean(x)) + I(x / np.std(x, ddof=1))",
    "y ~ splines::bs(x, 4) + stats::poly(x, 2)": "y ~ 1 + bs(x, 4) + poly(x, 2)",
    "y ~ dummy(f, 'a') + droplevels(f)": "y ~ 1 + I(f == 'a') + f",
    "y ~ Q('my x')": "y ~ 1 + `my x`",
    "y ~ Sepal.Length + .x": "y ~ 1 + Sepal.Length + `.x`",
    "y ~ us(x|g) + diag(0 + f|h)": "y ~ 1 + (1 + x | g) + diag(0 + f | h)",
    "y ~ zerocorr(1 + x|g/h)": "y ~ 1 + diag(1 + x | g) + diag(1 + x | g:h)",
    "y ~ (1|interaction(a, b)) + (1|factor(g):h)": "y ~ 1 + (1 | a:b) + (1 | g:h)",
    "y ~ (x|gr(g))": "y ~ 1 + (1 + x | g)",
    # responses
    "p(a, n) ~ x": "p(a, n) ~ 1 + x",
    "(y) ~ x": "y ~ 1 + x",
    "{y/2} ~ x": "{y / 2} ~ 1 + x",
    "y[yes] ~ x": "y[yes] ~ 1 + x",
    "y['yes'] ~ x": "y['yes'] ~ 1 + x",
    "`_y`['yes'] ~ x": "`_y`['yes'] ~ 1 + x",
    "cbind(a, b) ~ x": "p(a, a + b) ~ 1 + x",
    "cbind(a, n - a) ~ x": "p(a, n) ~ 1 + x",
    "cbind(n - a, a) ~ x": "p(n - a, n) ~ 1 + x",
    "cbind(yes=a, no=b - 1) ~ x": "p(a, a + (b - 1)) ~ 1 + x",
    "y | trials(n) ~ x": "p(y, n) ~ 1 + x",
    "a + b ~ x": "I(a + b) ~ 1 + x",
    "a/b ~ x": "I(a / b) ~ 1 + x",
    "y^2 ~ x": "I(y**2) ~ 1 + x",
    "y > 3 ~ x": "I(y > 3) ~ 1 + x",
    "-y ~ x": "I(-y) ~ 1 + x",
    # bars
    "y ~ (1|g)": "y ~ 1 + (1 | g)",
    "y ~ 0 + (1|g)": "y ~ 0 + (1 | g)",
    "y ~ x + (x|g)": "y ~ 1 + x + (1 + x | g)",
    "y ~ x + (1+x|g)": "y ~ 1 + x + (1 + x | g)",
    "y ~ (x || g)": "y ~ 1 + (1 + x || g)",
    "y ~ (0 + x||g)": "y ~ 1 + (0 + x || g)",
    "y ~ (x - 1|g)": "y ~ 1 + (0 + x | g)",
    "y ~ (-1 + x|g)": "y ~ 1 + (0 + x | g)",
    "y ~ (0 + x|g)": "y ~ 1 + (0 + x | g)",
    "y ~ (1|g) + (0 + x|g)": "y ~ 1 + (1 | g) + (0 + x | g)",
    "y ~ (1|g) + (1|g)": "y ~ 1 + (1 | g) + (1 | g)",
    "y ~ (a*b|g)": "y ~ 1 + (1 + a + b + a:b | g)",
    "y ~ (np.log(x):z + poly(x, 2)|g)": "y ~ 1 + (1 + np.log(x):z + poly(x, 2) | g)",
    # bars anywhere in the sum
    "y ~ (1|g) + x": "y ~ 1 + x + (1 | g)",
    "y ~ x + (1|g) - 1": "y ~ 0 + x + (1 | g)",
    "y ~ 0 + x + (1|g)": "y ~ 0 + x + (1 | g)",
    "y ~ ((1|g))": "y ~ 1 + (1 | g)",
    "y ~ (x + (1|g)) + z": "y ~ 1 + x + z + (1 | g)",
    # grouping factors
    "y ~ (1|a) + (1|b)": "y ~ 1 + (1 | a) + (1 | b)",
    "y ~ (1|a:b)": "y ~ 1 + (1 | a:b)",
    "y ~ (1|a/b)": "y ~ 1 + (1 | a) + (1 | a:b)",
    "y ~ (x||a/b/c)": "y ~ 1 + (1 + x || a) + (1 + x || a:b) + (1 + x || a:b:c)",
    "y ~ (1|a/(b:c))": "y ~ 1 + (1 | a) + (1 | a:b:c)",
    "y ~ (1|a/(b/c))": "y ~ 1 + (1 | a) + (1 | a:b) + (1 | a:b:c)",
    "y ~ (1|a:b/c)": "y ~ 1 + (1 | a:b) + (1 | a:b:c)",
    "y ~ (1|(a/b):c)": "y ~ 1 + (1 | a:c) + (1 | a:b:c)",
    # names and white space
    "`my y` ~ `a|b` + (_u|`my g`:_g)": "`my y` ~ 1 + `a|b` + (1 + `_u` | `my g`:`_g`)",
    "y ~\n  x +\n\t(1 |\n g)\n": "y ~ 1 + x + (1 | g)",
    "Größe ~ my.x + (1|Straße)": "Größe ~ 1 + my.x + (1 | Straße)",
}


@pytest.mark.parametrize("text", CASES)
def test_canonical_form(text):
    formula = parse_formula(text)
    assert str(formula) == CASES[text]
    again = parse_formula(str(formula))
    assert (again.response, again.common, again.bars) == (
        formula.response,
        formula.common,
        formula.bars,
    )
    assert parse_formula(formula.text) == formula
    assert pickle.loads(pickle.dumps(formula)) == formula


def test_fields():
    formula = parse_formula("gpa ~  occasion +\n (1 + occasion || `my g`/b) + (0 + x | c)")
    assert formula.text == "gpa ~ occasion + (1 + occasion || `my g`/b) + (0 + x | c)"
    assert formula.response == "gpa"
    assert formula.common == "1 + occasion"
    assert formula.bars == (
        Bar("1 + occasion", ("my g",), correlated=False),
        Bar("1 + occasion", ("my g", "b"), correlated=False),
        Bar("0 + x", ("c",), correlated=True),
    )
    assert formula.variables == ("gpa", "occasion", "x", "my g", "b", "c")
    assert formula.without_bars == Formula("gpa ~ 1 + occasion", "gpa", "1 + occasion")
    with pytest.raises(AttributeError):
        formula.text = "y ~ x"


# text, where the caret stands (the text before it), parts of the message
BAD = [
    # sides
    ("", None, ["empty", "y ~ x"]),
    (" \n", None, ["empty"]),
    ("y", "", ["No '~'"]),
    ("x + (1|g)", "", ["No '~'"]),
    ("~ x", "", ["response", "y ~ x"]),
    ("~", "", ["response"]),
    ("y ~", "y ", ["Nothing follows '~'"]),
    ("y ~ x ~ z", "y ~ x ", ["second '~'"]),
    ("y ~ (x ~ z)", "y ~ (x ", ["second '~'"]),
    ("y = x", "y ", ["'='", "Write ~"]),
    # brackets and quotes
    ("y ~ (x", "y ~ ", ["never closed", "Add ')'"]),
    ("y ~ x + (1 | g", "y ~ x + ", ["never closed"]),
    ("y ~ np.log(x + (1|g)", "y ~ np.log", ["never closed"]),
    ("y ~ x)", "y ~ x", ["closes nothing"]),
    ("y ~ f(x]", "y ~ f(x", ["cannot close '('"]),
    ("y ~ ()", "y ~ (", ["Nothing between"]),
    ("y ~ " + "(" * 60 + "x" + ")" * 60, "y ~ " + "(" * 50, ["Too many"]),
    ("y ~ 'x", "y ~ ", ["never closed"]),
    ("y ~ `x", "y ~ ", ["never closed"]),
    ("y ~ ``", "y ~ ", ["empty"]),
    ("y ~ f('a\"b')", "y ~ f(", ["quote inside"]),
    # bars
    ("y ~ x | g", "y ~ x ", ["without parentheses", "(x | g)"]),
    ("y ~ 1 + x || g + z", "y ~ 1 + x ", ["without parentheses", "(1 + x || g)"]),
    ("y ~ (1 | )", "y ~ (1 | ", ["No grouping factor", "(1 | g)"]),
    ("y ~ (1 | -g)", "y ~ (1 | ", ["No grouping factor"]),
    ("y ~ ( | g)", "y ~ ( ", ["No effects", "(1 | g)"]),
    ("y ~ (0 | g)", "y ~ ", ["No effects are left in (0 | g)"]),
    ("y ~ (1 - 1 | g)", "y ~ ", ["No effects are left"]),
    ("y ~ (1 | id | other | g)", "y ~ (1 | id | other ", ["More than two bars", "(1 | p | g)"]),
    ("y ~ (1 || id | g)", "y ~ (1 ", ["|| asks for no correlations", "(1 | id | g) or (1 || g)"]),
    ("y ~ (1 | id || g)", "y ~ (1 | id ", ["|| asks for no correlations"]),
    ("y ~ (1 | a + b | g)", "y ~ (1 | ", ["a + b between two bars is no name", "(1 | p | g)"]),
    ("y ~ (1 | 1.5 | g)", "y ~ (1 | ", ["is no name"]),
    ("y ~ (1 | `a b` | g)", "y ~ (1 | ", ["is no name"]),
    ("y ~ diag(x | id | g)", "y ~ ", ["diag()", "(x | id | g), or diag(x | g)"]),
    ("y ~ (1 | gr(g, id = 'p'))", "y ~ (1 | ", ["between two bars: (1 | p | g)"]),
    ("y ~ (1 | | g)", "y ~ (1 | ", ["Two bars"]),
    ("y ~ ((1|g) + x | h)", "y ~ (", ["inside another", "(1 | g) + (1 | h)"]),
    ("y ~ x*(1 | g)", "y ~ x*", ["inside a product", "x + (1 | g)"]),
    ("y ~ (1|g):x", "y ~ ", ["inside a product"]),
    ("y ~ x - (1 | g)", "y ~ x - ", ["subtracted", "Leave (1 | g) out"]),
    ("y ~ -(1 | g)", "y ~ -", ["subtracted"]),
    ("y ~ (1|g)(1|h)", "y ~ (1|g)", ["No operator", "+"]),
    ("y ~ x (1|g)", "y ~ x (1", ["x + (1 | g)"]),
    ("y ~ f(x|g)", "y ~ f(x", ["inside f(...)"]),
    ("y ~ {x|g}", "y ~ {x", ["A bar inside"]),
    ("y ~ (offset(t) | g)", "y ~ (", ["offset"]),
    # grouping factors
    ("y ~ (1 + x | a + b)", "y ~ (1 + x | a ", ["'+'", "(1 + x | a) + (1 + x | b)"]),
    ("y ~ (1 || a*b)", "y ~ (1 || a", ["(1 || a) + (1 || b) + (1 || a:b)"]),
    ("y ~ (1 | a - b)", "y ~ (1 | a ", ["'-'"]),
    ("y ~ (1 | (g|h))", "y ~ (1 | (g", ["'|'"]),
    ("y ~ (1 + x | gr(g, by = a))", "y ~ (1 + x | ", ["gr()", "(1 + x | g)"]),
    ("y ~ (1 | cut(x, 3))", "y ~ (1 | ", ["cut(x, 3)", "in the data first"]),
    ("y ~ (1 | 'g')", "y ~ (1 | ", ["'g'", "not the name of a column"]),
    ("y ~ (1 | 1)", "y ~ (1 | ", ["not the name of a column"]),
    ("y ~ (1 | g/g)", "y ~ (1 | ", ["'g' twice"]),
    ("y ~ (1 | g, h)", "y ~ (1 | g", ["','"]),
    # the response
    ("a:b ~ x", "", ["a:b"]),
    ("cbind(a, b, c) ~ x", "", ["cbind(successes, failures)"]),
    ("y | weights(w) ~ x", "y | ", ["weights='w'", "fit()"]),
    ("y | trials(n) + weights(w) ~ x", "y | trials(n) + ", ["weights='w'", "fit()"]),
    ("y | se(s) ~ x", "y | ", ["se() on the left", "se='s'"]),
    ("y | n ~ x", "y ", ["p(y, n)", "y | trials(n)"]),
    ("1 + 2 ~ x", "", ["Name a column"]),
    ("y < 1 < 2 ~ x", "y < 1 ", ["parentheses"]),
    ("1 ~ x", "", ["Name a column"]),
    # other languages' operators
    ("y ~ x^2", "y ~ x", ["I(x**2)"]),
    ("y ~ .", "y ~ ", ["'.'", "y ~ a + b"]),
    ("y ~ . - x", "y ~ ", ["'.'"]),
    ("y ~ data$x", "y ~ data", ["'$'"]),
    ("y ~ z::w", "y ~ z:", ["Nothing stands"]),
    ("y ~ x & z", "y ~ x ", ["'&'", "a:b"]),
    ("y ~ x \u2212 z", "y ~ x ", ["minus"]),
    ("y ~ x @ z", "y ~ x ", ["'@'", "backquotes"]),
    # what formulae would drop without a word, or fail on
    ("y ~ x z", "y ~ x ", ["No operator between x and z"]),
    ("y ~ x == 3", "y ~ x ", ["I(x == 3)"]),
    ("y ~ x**2", "y ~ x", ["I(x**2)"]),
    ("y ~ (x)**2", "y ~ (x)", ["I("]),
    ("y ~ (a + b)**0", "y ~ (a + b)**", ["whole number"]),
    ("y ~ I(a < b < c)", "y ~ I(a < b ", ["parentheses"]),
    ("y ~ f(x, k=a == b)", "y ~ f(x, k=a ", ["parentheses"]),
    ("y ~ I(a:b)", "y ~ I(a", ["':'"]),
    ("y ~ f(x//2)", "y ~ f(x", ["'//'"]),
    ("y ~ bs(x, knots=[1, 2])", "y ~ bs(x, knots=", ["knots=knots"]),
    ("y ~ x[a]", "y ~ ", ["I(x == 'a')"]),
    ("y ~ x[1]", "y ~ x", ["x['yes']"]),
    ("y ~ 'x'", "y ~ ", ["not a column"]),
    ("y ~ True", "y ~ ", ["not a column"]),
    ("y ~ 2*x", "y ~ ", ["The number 2", "I(2 * x)"]),
    ("y ~ x + 2", "y ~ x + ", ["The number 2"]),
    ("y ~ (1 + x):z", "y ~ (", ["The number 1"]),
    ("y ~ x:-z", "y ~ x:", ["sign"]),
    ("y ~ -x", "y ~ -", ["removes"]),
    ("y ~ _f(x)", "y ~ ", ["begin with a letter"]),
    ("y ~ I(" + " + ".join(["x"] * 3000) + ")", None, ["too long", "in the data first"]),
    # operators without a side
    ("y ~ x +", "y ~ x ", ["Nothing follows '+'"]),
    ("y ~ x + * z", "y ~ x + ", ["Nothing stands between '+' and '*'"]),
    ("y ~ x, z", "y ~ x", ["','"]),
    ("y ~ f(x,)", "y ~ f(x,", ["Nothing stands"]),
    ("y ~ f(1=x)", "y ~ f(1", ["name of an argument"]),
]


@pytest.mark.parametrize(("text", "before", "parts"), BAD, ids=[row[0][:30] for row in BAD])
def test_errors_show_place_and_remedy(text, before, parts):
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    error = caught.value
    assert error.position == (None if before is None else len(before))
    for part in parts:
        assert part in error.message
    if before is not None:
        shown, caret = str(error).splitlines()[1:]
        place = caret.index("^")
        assert len(shown) < 140
        assert shown[4:] in (text, f"{text[: len(shown) - 7]}...")
        assert shown[place:].removesuffix("...") in text
        assert shown[4:place] == before


@pytest.mark.parametrize("value", [None, 3, b"y ~ x", ["y ~ x"]])
def test_not_a_string(value):
    with pytest.raises(BayesmixError, match=type(value).__name__):
        parse_formula(value)


def test_caret_on_one_line():
    with pytest.raises(FormulaError) as caught:
        parse_formula("y ~ x +\n      (1 | )\n")
    assert str(caught.value).splitlines()[1:] == ["    y ~ x + (1 | )", " " * 17 + "^"]


@pytest.mark.parametrize(
    ("text", "variables", "functions"),
    [
        ("gpa ~ ocasion + (1 | student)", ("gpa", "ocasion", "student"), ()),
        ("1 + np.log(x) + scale(z):x", ("x", "z"), ("np.log", "scale")),
        ("bs(x, df=4, knots=k)", ("x", "k"), ("bs",)),
        ("f(x, 'a b', 1e-3, True, g == \"c\")", ("x", "g"), ("f",)),
        ("f (x == y)", ("x", "y"), ("f",)),
        ("`my x` + _u + my.x", ("my x", "_u", "my.x"), ()),
        ("y[yes]", ("y",), ()),
        ("1", (), ()),
    ],
)
def test_names_in(text, variables, functions):
    assert names_in(text) == (variables, functions)


def test_name_position():
    text = "y ~ xx + f(x) + `x y` + (1 | g)"
    assert name_position(text, "x") == text.index("(x") + 1
    assert name_position(text, "f") == text.index("f(")
    assert name_position(text, "x y") == text.index("`")
    assert name_position(text, "nowhere") is None


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    n = 30
    names = ["y", "x", "z", "_u", "my col"]
    frame = pd.DataFrame({name: rng.uniform(1, 2, n) for name in names})
    frame["g"] = np.tile(list("abc"), n // 3)
    frame["h"] = np.repeat(["p", "q"], n // 2)
    frame["a"], frame["n"] = 1, 5
    return frame


# the right side of a formula -> the columns that formulae makes of what parse_formula emits
COLUMNS = {
    "1": ["Intercept"],
    "x": ["Intercept", "x"],
    "x - 1": ["x"],
    "-1 + x": ["x"],
    "g": ["Intercept", "g[b]", "g[c]"],
    "0 + g": ["g[a]", "g[b]", "g[c]"],
    "_u + `my col`": ["Intercept", "_u", "my col"],
    "x*z": ["Intercept", "x", "z", "x:z"],
    "x*g - x:g": ["Intercept", "x", "g[b]", "g[c]"],
    "h/x": ["Intercept", "h[q]", "h[p]:x", "h[q]:x"],
    "(x + z)**2": ["Intercept", "x", "z", "x:z"],
    "np.log(`my col`)": ["Intercept", "np.log(my col)"],
    "scale(x) + poly(z, 2)": ["Intercept", "scale(x)", "poly(z, 2)[0]", "poly(z, 2)[1]"],
    "0 + bs(x, df=4)": [f"bs(x, df=4)[{i}]" for i in range(4)],
    "I(x**2) + {x + 1}": ["Intercept", "I(x ** 2)", "I(x + 1)"],
    "I(x * 1e-3)": ["Intercept", "I(x * 0.001)"],
    "I(g == 'a')": ["Intercept", "I(g == 'a')"],
    "C(a) + offset(z)": None,
}


@pytest.mark.parametrize("text", COLUMNS)
def test_formulae_reads_the_parts(text, data):
    formula = parse_formula(f"y ~ {text} + ({'x' if 'offset' in text else text} || h)")
    matrices = design_matrices(f"{formula.response} ~ {formula.common}", data)
    np.testing.assert_array_equal(np.squeeze(matrices.response.design_matrix), data["y"])
    if COLUMNS[text] is not None:
        assert list(matrices.common.as_dataframe().columns) == COLUMNS[text]
        effects = design_matrices(formula.bars[0].effects, data).common.as_dataframe()
        assert list(effects.columns) == COLUMNS[text]


@pytest.mark.parametrize("response", ["np.log(y)", "`_u`", "_u", "{y / 2}", "p(a, n)", "g['b']"])
def test_formulae_reads_the_response(response, data):
    matrices = design_matrices(f"{parse_formula(f'{response} ~ 1').response} ~ 1", data)
    assert len(matrices.response.design_matrix) == len(data)


def test_values_are_those_of_python(data):
    formula = parse_formula("y ~ 0 + I(-(x**2)) + I((x + 1)*2) + I(x - -1.5e1)")
    columns = design_matrices(formula.common, data).common.design_matrix
    x = data["x"].to_numpy()
    np.testing.assert_allclose(columns, np.column_stack([-(x**2), (x + 1) * 2, x + 15]))
