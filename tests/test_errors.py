"""Bad input to every public call: a `BayesmixError` that names the thing and the remedy.

Each row is what is called, and what the message must say: the thing that came, what is allowed,
the remedy. Warnings are errors here, so that no case may warn on its way either. A call with a
wrong signature (an unknown keyword, a missing argument) is Python's own TypeError and not here.
"""

from __future__ import annotations

import decimal
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesmix as bm
from bayesmix.model.options import SampleOptions
from posteriors import make_case

N = 48
LONGEST = 420
MODEL = "y ~ x + (1 | g)"
DAYS = pd.date_range("2020-01-01", periods=N)
NORMAL, HALF = bm.Prior("Normal"), bm.Prior("HalfNormal")


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": rng.normal(size=N),
            "z": np.arange(N) % 7 + 1.0,
            "g": np.repeat(list("abcdefgh"), N // 8),
            "h": np.tile(list("uvwxyz"), N // 6),
            "ses": np.tile(["low", "mid", "high"], N // 3),
            "count": rng.poisson(3, N),
            "won": np.tile([0, 1, 1], N // 3),
            "wins": np.tile([1, 3, 2], N // 3),
            "games": np.tile([4, 4, 5], N // 3),
        }
    )


def checked(
    call: Callable[[pd.DataFrame], Any], data: Any, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Call, and see that nothing was printed and the data are as they were."""
    before = data.copy(deep=True) if isinstance(data, pd.DataFrame) else None
    try:
        return call(data)
    finally:
        assert capsys.readouterr().out == ""
        if before is not None:
            pd.testing.assert_frame_equal(data, before)


def expect_error(call: Callable[[], Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(bm.BayesmixError) as caught:
        call()
    message = str(caught.value)
    for part in parts:
        assert re.search(part, message), message
    assert len(message) < LONGEST, message


# --- formula, data and the other arguments of prepare ---------------------------------------------


class Bad(NamedTuple):
    """One model that cannot be prepared: how the frame is changed, the options, the message."""

    id: str
    formula: Any
    parts: tuple[str, ...]
    change: Callable[[pd.DataFrame], Any]
    options: dict[str, Any]


def bad(id: str, formula: Any, *parts: str, change: Any = None, **options: Any) -> Bad:
    """Write a row; `change` is a function of the frame, or a dict of columns."""
    if isinstance(change, dict):
        return Bad(id, formula, parts, functools.partial(pd.DataFrame.assign, **change), options)
    return Bad(id, formula, parts, change or (lambda data: data), options)


def column(name: str, make: Any) -> dict[str, Any]:
    return {name: make}


def cell(name: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Put one value into a column of objects."""

    def change(data: pd.DataFrame) -> pd.DataFrame:
        data[name] = data[name].astype(object)
        data.loc[3, name] = value
        return data

    return change


def doubled(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda data: pd.concat([data, data[[name]]], axis=1)


def two_levels_of_columns(data: pd.DataFrame) -> pd.DataFrame:
    data.columns = pd.MultiIndex.from_product([["a"], data.columns])
    return data


class FrameOfAnotherLibrary:
    """Stands for a polars frame."""

    def to_pandas(self) -> pd.DataFrame:
        raise NotImplementedError


class Odd:
    """Neither number nor text."""


BINOMIAL, BERNOULLI, POISSON = (
    {"family": "binomial"},
    {"family": "bernoulli"},
    {"family": "poisson"},
)

FORMULAS = [
    bad("None", None, "string such as 'y ~ x", "got NoneType"),
    bad("number", 3, "got int"),
    bad("swapped with the data", frame(), "got DataFrame", "formula first and the data second"),
    bad("list", ["y", "x"], "got list"),
    bad("bytes", b"y ~ x", "got bytes"),
    bad("empty", "  ", "formula is empty", "such as 'y ~ x"),
    bad("no tilde", "y + x", "No '~'", "response ~ effects"),
    bad("no response", "~ x", "Nothing before '~'", "Name the response"),
    bad("no effects", "y ~ ", "Nothing follows '~'"),
    bad("two tildes", "y ~ x ~ z", "A second '~'"),
    bad("assigned", "z = y ~ x", "'=' stands only in the arguments of a function"),
    bad("unclosed bar", "y ~ x + (1 | g", r"'\(' is never closed. Add '\)'", r"\n {12}\^$"),
    bad("bar without parentheses", "y ~ x + 1 | g", "without parentheses", r"\(x \+ 1 \| g\)"),
    bad("empty grouping factor", "y ~ x + (1 | )", "No grouping factor after the bar", r"\(1 \| g"),
    bad("no effect before the bar", "y ~ x + ( | g)", r"No effects before '\|'", r"\(1 \| g\)"),
    bad("nothing left in the bar", "y ~ x + (0 | g)", r"No effects are left in \(0 \| g\)"),
    bad("us and ||", "y ~ us(x || g)", "asks for correlations", r"\(x \| g\) or \(x \|\| g\)"),
    bad("bar behind a comma", "y ~ diag(abs(x), 1 | g)", "behind a comma", r"diag\(1 \+ x \| g\)"),
    bad("three bars", "y ~ x + (1 ||| g)", "Two bars in one term"),
    bad("two identifiers", "y ~ x + (1 | p | q | g)", "More than two bars", r"\(1 \| p \| g\)"),
    bad("identifier of two factors", "y ~ x + (1 | p | g) + (1 | p | h)", "different grouping"),
    bad("sum of factors", "y ~ x + (1 | g + h)", r"\(1 \| g\) \+ \(1 \| h\)"),
    bad("factor twice", "y ~ x + (1 | g:g)", "'g' twice", "once"),
    bad("number as factor", "y ~ x + (1 | 1)", "grouping factor 1 is not the name of a column"),
    bad("function as factor", "y ~ x + (1 | round(g))", r"round\(g\)", r"write \(1 \| g\)"),
    bad("groups pasted together", "y ~ x + (1 | paste(g, h))", r"\(1 \| g:h\)"),
    bad(
        "covariance structure", "y ~ x + ar1(0 + x | g)", "no covariance structure ar1", r"diag\(0"
    ),
    bad("compound symmetry", "y ~ cs(0 + h | g)", r"\(1 \| g\) \+ \(1 \| g:h\)"),
    bad("slope by a number", "y ~ x + (2 | g)", "number 2 cannot be here"),
    bad("R's power", "y ~ x^2 + (1 | g)", r"I\(x\*\*2\)"),
    bad("R's dot inside", "y ~ np.log(.)", "'.' stands for all other columns"),
    bad("R's dollar", "y ~ data$x", "not data\\$x"),
    bad("R's in inside", "y ~ I(g %in% h)", r"x == 'a'"),
    bad("R's modulo", "y ~ x %% 2", "'%%'", "in the data first"),
    bad("R's cbind of three", "cbind(wins, games, x) ~ x", r"p\(successes, trials\)", **BINOMIAL),
    bad("R's labels", "y ~ factor(g, labels=h)", "labels=", "pd.Categorical"),
    bad("R's reference", "y ~ relevel(g, 2)", "ref=", r"Treatment\('b'\)"),
    bad("contrast that is none", "y ~ C(g, 'a')", r"C\(g, Treatment\('a'\)\)"),
    bad("reference without Treatment", "y ~ C(g, 'c')", r"C\(g, Treatment\('c'\)\)"),
    bad(
        "logarithm of an offset",
        "y ~ x + offset(log(z)) + (1 | g)",
        r"'offset\(log\(z\)\)' is infinite .* in 7 of 48",
        "values above 0",
        change=column("z", np.arange(N) % 7 + 0.0),
    ),
    bad(
        "two columns in poly", "y ~ poly(x, z, 2)", "degree must be .*got a column", r"poly\(z, 2\)"
    ),
    bad("a number for raw", "y ~ poly(x, 2, 3)", "raw must be True or False; got 3"),
    bad("text times a number", "y ~ I('a'*10**10)", "'a' cannot be multiplied", "make|Make"),
    bad("list times a number", "y ~ I(x*c(1, 2))", r"\[1, 2\] cannot be multiplied"),
    bad("Python's and", "y ~ I(x>0 and z>0)", "'and' is not read", r"I\(\(x > 0\) \* \(z > 0\)\)"),
    bad("Python's or", "y ~ I(x>0 or z>0)", "'or' is not", r"I\(\(\(x > 0\) \+ \(z > 0\)\) > 0\)"),
    bad("Python's not", "y ~ I(not x)", "'not' is not read", r"I\(\(x > 0\) == 0\)"),
    bad(
        "several responses",
        "cbind(y, z) ~ x + (1 | g)",
        r"cbind\(y, z\) is successes and failures",
        r"y ~ x \+ \(1 \| g\), and z ~ x \+ \(1 \| g\) in another model",
    ),
    bad(
        "successes and failures",
        "cbind(wins, games - wins) ~ x",
        r"of family='binomial'",
        "y1 ~ x, and y2 ~ x",
    ),
    bad(
        "polynomial of text",
        "y ~ poly(x, 2)",
        "needs numbers",
        r"str.replace\('%', ''\)",
        change=column("x", [f"{k}.5%" for k in range(N)]),
    ),
    bad("R's combinations", "y ~ interaction(g, h)", r"a\*b"),
    bad("R's splines", "y ~ ns(x, 3)", r"bs\(x, df=4\)"),
    bad("brms's weights", "y | weights(z) ~ x", r"weights='z'", r"fit\(\)"),
    bad("brms's monotonic effect", "y ~ mo(x)", r"C\(x, Diff\)"),
    bad("function of nothing", "y ~ np.log()", r"Cannot evaluate 'np.log\(\)'"),
    bad(
        "too many products",
        f"y ~ ({' + '.join(f'a{i}' for i in range(24))})**24",
        "16,777,215 terms",
    ),
    bad("no column", "I(1) ~ 1", "Name a column|no column"),
    bad("number as response", "1 ~ x", "Name a column"),
    bad("level by number", "won[1] ~ x", r"as text: won\['", **BERNOULLI),
    bad("backquotes forgotten", "y ~ my x", "No operator between my and x"),
    bad("quotes for backquotes", "y ~ 'x'", "'x' is not a column", "backquotes"),
    bad("unclosed quote", "y ~ `x", "never closed"),
    bad("text of Python", "y ~ x; import os", "Unexpected character ';'"),
    bad("control character", "y ~ x\0", r"Unexpected character '\\x00'"),
    bad("lambda", "y ~ (lambda v: v)(x)", "No operator between lambda and v"),
    bad("dunder function", "y ~ __import__('os')", "cannot be called"),
    bad("built-in function", "y ~ print(x)", "Unknown function 'print'", "defined where the model"),
    bad("thousand brackets", f"y ~ {'(' * 1000}x{')' * 1000}", "Too many brackets", r"\.\.\."),
    bad("unknown column", "y ~ height + (1 | g)", "Unknown column 'height'", "Columns: y, x, z, g"),
    bad("misspelt column", "y ~ cuont + (1 | g)", "Did you mean 'count'", r"\n {8}\^$"),
    bad("another case", "y ~ X + (1 | g)", "Unknown column 'X'", "Did you mean 'x'"),
    bad("unknown response", "yy ~ x", "Unknown column 'yy'", "Did you mean 'y'"),
    bad("unknown factor", "y ~ x + (1 | school)", "Unknown column 'school'", "Columns: y, x"),
    bad("unknown nested factor", "y ~ x + (1 | g/class)", "Unknown column 'class'"),
    bad("unknown slope", "y ~ x + (days | g)", "Unknown column 'days'"),
    bad("column with its frame", "y ~ data.x", "Unknown column 'data.x'"),
    bad("unknown function", "y ~ twice(x)", "Unknown function 'twice'"),
    bad("NumPy's function", "y ~ clip(x)", r"Write np.clip\(...\)"),
    bad("misspelt function", "y ~ np.lgo(x)", "Did you mean 'np.log'"),
    bad("brms's smooth", "y ~ s(x)", "Unknown function 's'", r"bs\(x, df=4\)"),
    bad(
        "columns in a contrast", "y ~ C(f, contr.sum(x + z))", "a number of levels", r"C\(f, Sum\)"
    ),
    bad("unknown argument", "y ~ scale(x, foo=3)", "scale.. is not read with foo=", r"center\(x\)"),
    bad("missing argument", "y ~ bs(x)", r"'bs\(x\)' needs", r"Write bs\(x, df=4\)"),
    bad("function of text", "y ~ np.log(g)", r"Cannot evaluate 'np.log\(g\)'", "Not numeric: g"),
    bad("function without a value per row", "y ~ np.diff(x)", "shape", "one value per row"),
    bad("function that gives one number", "y ~ np.mean(x)", r"np.mean\(x\)"),
    bad("offset of text", "count ~ offset(g)", r"'offset\(g\)'", "Not numeric: g", **POISSON),
    bad("response on both sides", "y ~ x + y", "response y is on the right", "Leave it out"),
    bad("response as a slope", "y ~ x + (y | g)", "response y is on the right", r"\n {13}\^$"),
    bad("response as the factor", "count ~ x + (1 | count)", "response count is on the right"),
    bad("effect in two bars", "y ~ x + (1 | g) + (x | g)", "intercept varies by 'g' in two bars"),
]

COLUMNS = [
    bad("one level", MODEL, "'g' has one level", "Remove the bar", change=column("g", "a")),
    bad("one category", "y ~ ses", "'ses' has one category", "Leave", change=column("ses", "low")),
    bad("all missing", MODEL, "'x' has no values: all 48", "Leave", change=column("x", np.nan)),
    bad("all None", MODEL, "'g' has no values: all 48", change=column("g", None)),
    bad("all NaT", MODEL, "'x' has no values", change=column("x", pd.NaT)),
    bad("all Decimal NaN", MODEL, "'y' has no", change=column("y", [decimal.Decimal("nan")] * N)),
    bad(
        "no complete row",
        MODEL,
        "48 of 48 rows",
        r"'y' \(\d+\), 'x' \(\d+\)",
        "no row is complete",
        change=lambda data: data.assign(x=data.x.where(data.x < 0), y=data.y.where(data.x > 0)),
    ),
    bad("infinite", MODEL, "'x' is infinite .* all 48 rows", change=column("x", np.inf)),
    bad(
        "infinite response",
        MODEL,
        r"Response 'y' is infinite .* in \d+ of 48 rows \(first at index 1\)",
        "Drop these rows",
        change=lambda data: data.assign(y=data.y.where(data.y > 0, -np.inf)),
    ),
    bad("log of negative", "y ~ np.log(x)", r"'np.log\(x\)' is infinite or not a number"),
    bad("response log of negative", "np.log(y) ~ x", r"Response 'np.log\(y\)' is infinite"),
    bad("scale of a constant", "y ~ scale(x)", r"'scale\(x\)'", "all 48", change=column("x", 1.0)),
    bad("constant response", MODEL, "'y' is constant", "every row is 1", change=column("y", 1.0)),
    bad("one row", "y ~ x", "'y' is constant", change=lambda data: data[:1]),
    bad("empty frame", MODEL, "data has no rows", "read or filtered", change=lambda data: data[:0]),
    bad("nothing at all", MODEL, "data has no rows", change=lambda data: pd.DataFrame()),
    bad("list of dicts", MODEL, "got list", "pd.DataFrame", change=lambda d: d.to_dict("records")),
    bad("dict of lists", MODEL, "got dict", r"pd.DataFrame\(", change=lambda d: d.to_dict("list")),
    bad("array", MODEL, "got ndarray", change=lambda data: data.to_numpy()),
    bad("path", MODEL, "must be a data frame .*; got str", change=lambda data: "data.csv"),
    bad("no data", MODEL, "got NoneType", change=lambda data: None),
    bad("series", MODEL, "got Series", change=lambda data: data.y),
    bad("groupby", MODEL, "got DataFrameGroupBy", change=lambda data: data.groupby("g")),
    bad("polars", MODEL, r"Pass data.to_pandas\(\)", change=lambda data: FrameOfAnotherLibrary()),
    bad("MultiIndex", MODEL, "2 levels", "data.columns.map", change=two_levels_of_columns),
    bad("duplicate column", MODEL, "2 columns named 'x'", "all but one", change=doubled("x")),
    bad("duplicate factor", MODEL, "2 columns named 'g'", change=doubled("g")),
    bad("duplicate response", MODEL, "2 columns named 'y'", change=doubled("y")),
    bad("column in the index", MODEL, r"reset_index\(\)", change=lambda data: data.set_index("g")),
    bad("number as name", "y ~ `0`", r"map\(str\)", change=lambda d: d.rename(columns={"x": 0})),
    bad("dates", MODEL, "'x' holds datetime64", "days since the first", change=column("x", DAYS)),
    bad("dates with zone", MODEL, "datetime64", change=column("x", DAYS.tz_localize("UTC"))),
    bad("date as response", MODEL, "'y' holds datetime64", change=column("y", DAYS)),
    bad("durations", MODEL, "timedelta64", change=column("x", DAYS - DAYS[0])),
    bad("periods", MODEL, "period", change=column("x", DAYS.to_period("D"))),
    bad("complex", MODEL, "'x' holds complex values", change=lambda d: d.assign(x=d.x + 1j)),
    bad("complex response", MODEL, "'y' holds complex", change=lambda d: d.assign(y=d.y + 1j)),
    bad("bytes", MODEL, "'y' holds bytes values", change=column("y", [b"1"] * N)),
    bad("lists", MODEL, r"'x' holds values .*\(list\)", change=column("x", [[1, 2]] * N)),
    bad("arrays", MODEL, r"\(ndarray\)", change=column("x", [np.arange(2)] * N)),
    bad("dicts as levels", MODEL, r"'g' holds values .*\(dict\)", change=column("g", [{}] * N)),
    bad("objects", MODEL, r"\(Odd\)", "one number or one text", change=column("x", [Odd()] * N)),
    bad("text in numbers", MODEL, "'x' mixes .*'n/a'", "to_numeric", change=cell("x", "n/a")),
    bad("text in the response", MODEL, "Column 'y' mixes", change=cell("y", "?")),
    bad("number in text", MODEL, r"'g' mixes .*3", r"astype\(str\)", change=cell("g", 3)),
    bad("text response", "g ~ x", r"'g' holds text .*\(a, b, c", r"g\['h'\]", "bernoulli"),
    bad("numbers as text", MODEL, "Response 'y' holds text", "pd.to_numeric",
        change=lambda data: data.assign(y=data.y.round(1).astype(str))),
    bad("categorical response", "ses ~ x", r"'ses' holds text", r"ses\['", **BERNOULLI),
    bad("unknown level", "ses['hi'] ~ x", "no value 'hi'", "Did you mean 'high'", **BERNOULLI),
    bad("1 and 2", "won ~ x", "0 or 1", "holds 2", **BERNOULLI,
        change=lambda data: data.assign(won=data.won + 1)),
    bad("always 1", "won ~ x", "'won' is 1 in every row", **BERNOULLI, change=column("won", 1)),
    bad("negative counts", "y ~ x", "must not be negative", r"index 1, 4", **POISSON),
    bad("fractions as counts", "z ~ x", "whole numbers", "example 1.5", **POISSON,
        change=lambda data: data.assign(z=data.z + 0.5)),
    bad("no counts", "count ~ x", "is 0 in every row", **POISSON, change=column("count", 0)),
    bad("trials smaller", "p(games, wins) ~ x", "more successes than trials", "order", **BINOMIAL),
    bad("no trials", "wins ~ x", r"Write p\(successes, trials\)", **BINOMIAL),
    bad("one argument", "p(wins) ~ x", "must have two arguments", **BINOMIAL),
    bad("trials of zero", "p(won, z) ~ x", "at least 1", **BINOMIAL,
        change=lambda data: data.assign(won=0, z=data.z - 1)),
    bad("half trials", "p(wins, z) ~ x", "whole numbers", **BINOMIAL, change=column("z", 4.5)),
    bad("text as trials", "p(wins, g) ~ x", r"trials of 'p\(wins, g\)' are text", **BINOMIAL),
    bad("trials with gaussian", "p(wins, games) ~ x", "family='binomial'"),
    bad("continuous factor", "y ~ z + (1 | x)", "'x' .* looks continuous", r"pd.cut"),
    bad("labels that run together", "y ~ x + (1 | g:h)", "'g:h' have the same label 'a:b:c'",
        change={"g": np.tile(["a", "a:b"], N // 2), "h": np.tile(["b:c", "c", "q", "r"], N // 4)}),
    bad("effect called Intercept", "y ~ Intercept", "'Intercept'", "Rename",
        change=lambda data: data.assign(Intercept=data.x)),
    bad("Intercept alone", "y ~ 0 + Intercept", "No effect can be called 'Intercept'", "Rename",
        change=lambda data: data.assign(Intercept=data.x)),
    bad("factor called Residual", "y ~ x + (1 | Residual)", "'Residual'.* sigma", "Rename",
        change=lambda data: data.assign(Residual=data.g)),
    bad("response too large", MODEL, "The sd of the response 'y'", "divide by 1e199",
        change=lambda data: data.assign(y=1e200 * data.y)),
    bad("reference that is no level", "y ~ C(ses, Treatment('poor'))", "'poor' is", "Write one"),
]  # fmt: skip

OPTIONS = [
    bad("misspelt", MODEL, "Unknown family 'guassian'", "Families: gaussian", "mean 'gaussian'",
        family="guassian"),
    bad("other library's word", MODEL, "Did you mean 'gaussian'", family="normal"),
    bad("R's call", MODEL, r"Unknown family 'binomial\(\)'", family="binomial()"),
    bad("not there", MODEL, "Unknown family 'Gamma'", "Families: gaussian, ", family="Gamma"),
    bad("no family", MODEL, "family must be a name", "got None", family=None),
    bad("family number", MODEL, "got 1", family=1),
    bad("family class", MODEL, "family must be a name", family=bm.Family),
    bad("unknown link", MODEL, "link 'loglog' .*'bernoulli'", "Links: logit, probit, cloglog",
        "Did you mean 'cloglog'", family="bernoulli(loglog)"),
    bad("link of another family", MODEL, "Links: identity", family=("gaussian", "log")),
    bad("negative weights", MODEL, "weights must be positive", "Leave out rows",
        weights=-np.ones(N)),
    bad("weight of zero", MODEL, r"positive; .* 7 rows \(positions 0, 7", weights="z",
        change=lambda data: data.assign(z=data.z - 1)),
    bad("infinite weights", MODEL, "weights must be finite", weights=np.full(N, np.inf)),
    bad("no weights but NaN", MODEL, "weights has no values", weights=np.full(N, np.nan)),
    bad("weights too short", MODEL, r"shape \(2,\)", r"\(48,\)", weights=[1, 2]),
    bad("one weight", MODEL, r"shape \(\)", "one per row", weights=2.0),
    bad("weights of lists", MODEL, "one per row", weights=[[1], [1, 2]]),
    bad("weights as a frame", MODEL, r"shape \(48, 1\)", weights=np.ones((N, 1))),
    bad("weights of text", MODEL, "weights must be numbers", weights="g"),
    bad("complex weights", MODEL, "weights must be numbers; .*complex", weights=np.ones(N) * 1j),
    bad("dates as weights", MODEL, "weights must be numbers", weights=DAYS),
    bad("unknown weights", MODEL, "weights='w' is not a column", "Columns: y, x", weights="w"),
    bad("weights of another index", MODEL, "another index", "to_numpy",
        weights=pd.Series(1.0, index=range(1, N + 1))),
    bad("weights for counts", "count ~ x", "'poisson' takes no weights", weights="z", **POISSON),
    bad("unknown missing", MODEL, "Unknown missing='ignore'", "drop, raise", missing="ignore"),
    bad("missing None", MODEL, "Unknown missing=None", missing=None),
    bad("missing array", MODEL, "Unknown missing=", missing=np.array(["drop", "raise"])),
    bad("missing raises", MODEL, r"in 'x' \(\d+\)", "missing='drop'", missing="raise",
        change=lambda data: data.assign(x=data.x.where(data.x < 1))),
    bad("priors as text", MODEL, "priors must be a mapping", "got str", priors="Normal(0, 1)"),
    bad("priors as a list", MODEL, "must be a mapping", "got list", priors=[NORMAL]),
    bad("priors as a number", MODEL, "got float", priors=2.5),
    bad("one prior", MODEL, "must be a mapping", "got Prior", priors=NORMAL),
    bad("number as prior", MODEL, "'beta:x' must be a Prior", "got 2.5", priors={"x": 2.5}),
    bad("text as prior", MODEL, r"such as Prior\('Normal'", priors={"x": "Normal(0, 1)"}),
    bad("tuple as prior", MODEL, r"got \('Normal', 0, 1\)", priors={"x": ("Normal", 0, 1)}),
    bad("class as prior", MODEL, "must be a Prior", priors={"x": bm.Prior}),
    bad("None as prior", MODEL, "must be a Prior", "got None", priors={"x": None}),
    bad("unknown path", MODEL, "Unknown prior path 'age'", "Paths of this model: Intercept, beta",
        priors={"age": NORMAL}),
    bad("misspelt path", MODEL, "'sd:gg'", "Did you mean 'sd:g'", priors={"sd:gg": HALF}),
    bad("brms's class", MODEL, "Unknown prior path 'b'", priors={"b": NORMAL}),
    bad("Bambi's path", MODEL, r"Unknown prior path '1\|g'", priors={"1|g": HALF}),
    bad("number as path", MODEL, "A path is text", priors={1: NORMAL}),
    bad("tuple as path", MODEL, "A path is text", priors={("sd", "g"): HALF}),
    bad("path given twice", MODEL, "'beta:x' is given twice",
        priors={"x": NORMAL, "beta:x": NORMAL}),
    bad("Normal for an sd", MODEL, "support on the positive numbers", "Use HalfNormal",
        priors={"sd": NORMAL}),
    bad("Uniform below zero", MODEL, "'sigma' must have its support", "Use a distribution such as",
        priors={"sigma": bm.Prior("Uniform", lower=-1, upper=1)}),
    bad("improper for an sd", MODEL, "must be proper", priors={"sigma": bm.Prior("HalfFlat")}),
    bad("discrete", MODEL, "must be continuous", priors={"x": bm.Prior("Poisson", mu=2)}),
    bad("LKJ for an sd", MODEL, "LKJ is for the paths of correlations", priors={"sd": bm.LKJ(2)}),
    bad("no correlation", MODEL, "The model has no correlations", priors={"cor": bm.LKJ(2)}),
    bad("no correlation by g", MODEL, "has no correlations", priors={"cor:g": bm.LKJ(2)}),
    bad("Prior for a correlation", "y ~ x + (x | g)", r"must be an LKJ, such as LKJ\(2\)",
        priors={"cor": NORMAL}),
    bad("no sigma", "count ~ x", "The family has no sigma", priors={"sigma": HALF}, **POISSON),
    bad("no bars", "y ~ x", "The formula has no bars", priors={"sd": HALF}),
    bad("no intercept", "y ~ 0 + x", "no intercept", priors={"Intercept": NORMAL}),
    bad("parameters out of range", MODEL, r"Wald\(mu=-1\)", "Check its parameters",
        priors={"sd": bm.Prior("Wald", mu=-1)}),
]  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{table}-{row.id}")
        for table, rows in (("formula", FORMULAS), ("column", COLUMNS), ("option", OPTIONS))
        for row in rows
    ],
)
def test_models_that_cannot_be_prepared(row, capsys):
    data = row.change(frame())
    call = functools.partial(bm.prepare, row.formula, **row.options)
    expect_error(lambda: checked(call, data, capsys), row.parts)


# --- sampling -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"method": "mcmc"}, ("Unknown method='mcmc'", "Allowed: auto, ")),
        ({"method": None}, ("Unknown method=None",)),
        ({"method": np.array(["nuts", "auto"])}, ("Unknown method=",)),
        ({"draws": 0}, ("draws=0 is not usable", "whole number >= 1")),
        ({"draws": "1000"}, ("draws='1000'",)),
        ({"draws": 1000.0}, ("draws=1000.0", "whole number")),
        ({"draws": np.nan}, ("draws=nan",)),
        ({"tune": -1}, ("tune=-1", ">= 0")),
        ({"chains": 2.5}, ("chains=2.5",)),
        ({"chains": True}, ("chains=True",)),
        ({"cores": 0}, ("cores=0",)),
        ({"cores": "all"}, ("cores='all'",)),
        ({"random_seed": -1}, ("random_seed=-1", "zero or more")),
        ({"random_seed": "a"}, ("random_seed='a'", "numpy.random.Generator, or None")),
        ({"random_seed": [1, 2]}, (r"random_seed=\[1, 2\]",)),
        ({"random_seed": np.random.RandomState(1)}, ("random_seed=RandomState",)),
        ({"progressbar": "no"}, ("progressbar='no'", "True or False")),
        ({"nuts_sampler": "stan"}, ("Unknown nuts_sampler='stan'", "nutpie, pymc")),
        ({"nuts_sampler": ["nutpie"]}, (r"nuts_sampler=\['nutpie'\]", "mean 'nutpie'")),
        ({"nuts": 0.95}, ("nuts is a float", "'target_accept': 0.95")),
        ({"nuts": {1: 2}}, ("nuts has the option 1", "text")),
        ({"nuts": {"target_accept": 95}}, ("target_accept=95", "below 1")),
        ({"nuts": {"target_accept": "high"}}, ("target_accept='high'",)),
        ({"nuts": {"max_treedepth": 0}}, ("max_treedepth=0",)),
        (
            {"nuts": {"target_acept": 0.9}, "nuts_sampler": "pymc", "method": "nuts"},
            ("nuts=.*refused by pymc", "mean 'target_accept'"),
        ),
        ({"family": "poison"}, ("Did you mean 'poisson'",)),
        ({"missing": "keep"}, ("Unknown missing='keep'",)),
        ({"weights": "w"}, ("weights='w' is not a column",)),
        ({"priors": {"sd": NORMAL}}, ("support on the positive numbers",)),
    ],
    # Without addresses of objects, which differ between processes.
    ids=lambda value: re.sub("0x[0-9A-F]+", "", str(value)),
)
def test_fits_that_cannot_be_sampled(options, parts, capsys):
    call = functools.partial(bm.fit, MODEL, **options)
    expect_error(lambda: checked(call, frame(), capsys), parts)


@pytest.mark.parametrize("sampler", ["numpyro", "blackjax", "nutpie"])
def test_a_sampler_that_is_not_installed(sampler, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    expect_error(
        lambda: bm.fit(MODEL, frame(), nuts_sampler=sampler),
        (f"nuts_sampler='{sampler}'", "not installed", f"pip install {sampler}"),
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"draws": 0}, ("draws=0",)),
        ({"draws": "many"}, ("draws='many'",)),
        ({"random_seed": -1}, ("random_seed=-1",)),
        ({"random_seed": 1.5}, ("random_seed=1.5",)),
    ],
)
def test_draws_from_the_prior(arguments, parts, capsys):
    spec = bm.prepare(MODEL, frame())
    expect_error(lambda: spec.sample_prior(**arguments), parts)
    assert capsys.readouterr().out == ""


def test_an_improper_prior_cannot_be_drawn_from():
    spec = bm.prepare(MODEL, frame(), priors={"x": bm.Prior("Flat")})
    expect_error(spec.sample_prior, ("beta:x is improper", "proper one, such as"))


# --- tables of a fit ------------------------------------------------------------------------------


@functools.cache
def fitted() -> bm.MixedFit:
    """Two factors, one with a correlated slope, and a posterior set by hand."""
    spec = bm.prepare("y ~ x + (x | g) + (1 | h)", frame())
    design = spec.design
    labels = [f"beta:{term}" for term in design.terms]
    labels += ["cor:g:Intercept:x", "sigma"]
    for term in design.groups:
        labels += [f"sd:{term.factor}:{effect}" for effect in term.effects]
        labels += [
            f"u:{term.factor}:{effect}:{level}" for effect in term.effects for level in term.levels
        ]
    posterior = make_case(design, {label: (0.5, 0.25) for label in labels}, spec.family).posterior
    idata = xr.DataTree.from_dict({"posterior": posterior})
    idata.attrs.update(messages="[]", method="nuts", seconds=1.0)
    return bm.MixedFit(spec, idata, SampleOptions())


CI = "above 0 and below 1, such as 0.95"
TABLES = [
    *[
        (name, {"ci_level": level}, (re.escape(f"ci_level={level!r} "), CI))
        for name in ("fixef", "varcorr", "cor_re", "ranef", "coef")
        for level in (0, 1, -0.1, "a", None, True, np.nan, [0.9])
    ],
    ("fixef", {"ci_level": 95}, ("ci_level=95", r"Did you mean 0.95\?")),
    ("fixef", {"ci_level": 2}, ("ci_level=2 ", r"such as 0.95\.$")),
    ("ranef", {"re": "gg"}, ("re='gg'", "Grouping factors: g, h", "Did you mean 'g'")),
    ("ranef", {"re": ""}, ("re=''",)),
    ("ranef", {"re": 0.9}, ("re=0.9", "Grouping factors: g, h")),
    ("coef", {"re": ["g", "h"]}, (r"re=\['g', 'h'\]",)),
    ("coef", {"re": np.array(["g", "h"])}, ("re=array",)),
    ("find_typical", {"re": "class"}, ("re='class'",)),
    ("find_typical", {"probs": 2}, ("probs=2", "from 0 to 1")),
    ("find_typical", {"probs": [0.5, -1]}, (r"probs=\[0.5, -1\]",)),
    ("find_typical", {"probs": []}, (r"probs=\[\]", "one or more")),
    ("find_typical", {"probs": "median"}, ("probs='median'",)),
    ("find_typical", {"probs": [np.nan]}, (r"probs=\[nan\]",)),
    ("find_typical", {"probs": [[0.1], [0.1, 0.2]]}, (r"probs=\[\[0.1\]",)),
    ("varcorr", {"ci_scale": "variance"}, ("ci_scale='variance'", "sd, var")),
    ("varcorr", {"ci_scale": np.array(["sd", "var"])}, ("ci_scale=array",)),
    ("varcorr", {"estimator": "median"}, ("estimator='median'", "mean, posterior")),
    ("varcorr", {"estimator": None}, ("estimator=None",)),
    ("fixef", {"exponentiate": "yes"}, ("exponentiate='yes'", "True or False")),
    ("cor_re", {"long": 1}, ("long=1", "True or False")),
    ("ranef", {"add_group_N": "n"}, ("add_group_N='n'",)),
    ("summary", {"ci": 0.9}, ("ci=0.9", "True or False")),
    ("summary", {"cor_re": "g"}, ("cor_re='g'",)),
    ("summary", {"cor_fe": None}, ("cor_fe=None",)),
    ("summary", {"digits": -1}, ("digits=-1", "from 0 to 15")),
    ("summary", {"digits": 2.5}, ("digits=2.5",)),
    ("summary", {"digits": "2"}, ("digits='2'",)),
]


@pytest.mark.parametrize(("table", "arguments", "parts"), TABLES, ids=str)
def test_tables_of_a_fit(table, arguments, parts, capsys):
    expect_error(lambda: getattr(fitted(), table)(**arguments), parts)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("table", ["fixef", "varcorr", "cor_re", "ranef", "coef", "find_typical"])
def test_the_same_tables_without_bad_arguments(table):
    assert len(getattr(fitted(), table)())


def test_the_summary_without_bad_arguments():
    assert "Fixed Effects" in repr(fitted().summary())


# --- new data and subsets -------------------------------------------------------------------------


NEW_DATA = [
    (None, ("newdata must be a data frame", "NoneType")),
    ({"x": [1.0]}, ("got dict", r"pd.DataFrame\(newdata\)")),
    (lambda data: data[:0], ("newdata has no rows",)),
    (lambda data: data.drop(columns="x"), ("Unknown column 'x'", "Columns: y, z")),
    (lambda data: data.drop(columns="g"), ("Unknown column 'g'",)),
    (lambda data: data.set_index("g"), (r"reset_index\(\)",)),
    (lambda data: data.assign(x=np.nan), (r"missing values in 'x' \(48\)", "dropna")),
    (lambda data: data.assign(g=None), (r"missing values in 'g' \(48\)",)),
    (lambda data: data.assign(x="a"), ("'x' was numeric in the fit", "Convert it")),
    (lambda data: data.assign(x=DAYS), ("'x' was numeric in the fit and is datetime64",)),
    (lambda data: data.assign(x=np.inf), ("'x' is infinite",)),
    (lambda data: data.assign(ses="medium"), ("category 'medium'", "high, low, mid")),
    (lambda data: data.assign(ses=3), ("Unknown category 3 in column 'ses'",)),
    (lambda data: data.assign(ses=[["mid"]] * N), (r"'ses' holds values .*\(list\)",)),
    (lambda data: data.assign(g=[["a"]] * N), (r"'g' holds values .*\(list\)",)),
    (lambda data: data.assign(wins="many"), ("'wins' was numeric in the fit",)),
    (lambda data: data.assign(games=-3), ("trials of .*whole numbers", "newdata has -3")),
    (lambda data: data.assign(games=4.5), ("trials of .*whole numbers",)),
    (doubled("x"), ("2 columns named 'x'",)),
    (two_levels_of_columns, ("newdata has columns of 2 levels",)),
]


@pytest.mark.parametrize(("change", "parts"), NEW_DATA)
def test_new_data(change, parts, capsys):
    data = frame()
    design = bm.prepare("p(wins, games) ~ x + ses + (1 | g)", data, family="binomial").design
    new = change(data) if callable(change) else change
    expect_error(lambda: checked(design.at, new, capsys), parts)


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ("heavy", ("weights must be numbers",)),
        (-1.0, ("weights must be positive", "newdata has -1")),
    ],
)
def test_weights_of_new_data(weights, parts):
    design = bm.prepare(MODEL, frame(), weights="z").design
    expect_error(lambda: design.at(frame().assign(z=weights)), parts)


@pytest.mark.parametrize(
    "rows",
    [None, 3, "a", ["a"], [1.5], [N], [-N - 1], [np.nan], [[1, 2]], [[1], [1, 2]], slice(3)],
    ids=str,
)
def test_rows_to_take(rows):
    design = bm.prepare(MODEL, frame()).design
    expect_error(lambda: design.take(rows), ("rows=", "positions from 0 to 47", "one bool per row"))


def test_too_few_bools_to_take():
    design = bm.prepare(MODEL, frame()).design
    expect_error(lambda: design.take([True, False]), ("2 bools for 48 rows",))


# --- priors, families, data sets, simulations -----------------------------------------------------


def simulate(**changes: Any) -> bm.Simulation:
    return bm.simulate(**{"beta": {"Intercept": 1, "x": 1}, "sd": {"Intercept": 1}} | changes)


SLOPES = {"Intercept": 1, "x": 1}
OBJECTS = {
    "Prior of a number": (lambda: bm.Prior(3), ("name such as 'Normal'", "got 3")),
    "Prior of None": (lambda: bm.Prior(None), ("name such as 'Normal'; got None",)),
    "Prior of a list": (lambda: bm.Prior(["Normal"]), ("must be a name",)),
    "Prior misspelt": (lambda: bm.Prior("Norml"), ("'Norml'", "Did you mean 'Normal'")),
    "Prior in small letters": (lambda: bm.Prior("normal"), ("Did you mean 'Normal'",)),
    "Prior without names": (
        lambda: bm.Prior("Normal", 0, 1),
        ("Normal need their names; got 0, 1", r"Prior\('Normal', mu=0, sigma=1\)"),
    ),
    "Prior with an unknown parameter": (
        lambda: bm.Prior("Normal", mean=0),
        ("no parameter 'mean'", "takes mu, sigma, tau"),
    ),
    "Prior without its parameters": (
        lambda: bm.Prior("Cauchy"),
        (r"from no parameters. Write Cauchy\(alpha, beta\)",),
    ),
    "Prior with some parameters": (
        lambda: bm.Prior("StudentT", mu=0),
        (r"Write StudentT\(nu, mu=0, sigma=1\)",),
    ),
    "Prior with too many": (
        lambda: bm.Prior("Exponential", lam=1, scale=1),
        ("from lam, scale", r"Exponential\(lam\)"),
    ),
    "Prior with sigma 0": (lambda: bm.Prior("Normal", sigma=0), ("sigma must be positive, got 0",)),
    "Prior with text": (lambda: bm.Prior("Normal", mu="a"), ("mu must be one number, got 'a'",)),
    "Prior with True": (lambda: bm.Prior("Normal", mu=True), ("got True",)),
    "Prior with NaN": (lambda: bm.Prior("Normal", mu=np.nan), ("mu must be finite, got nan",)),
    "Prior with an array": (
        lambda: bm.Prior("Normal", mu=[1, 2]),
        (r"one number, got \[1, 2\]", "prior by path"),
    ),
    "Prior beyond floats": (
        lambda: bm.Prior("Normal", sigma=10**400),
        ("sigma must be finite",),
    ),
    "Prior upside down": (
        lambda: bm.Prior("Uniform", lower=2, upper=1),
        ("lower must be less than upper, got 2 and 1",),
    ),
    "Prior of a vector": (lambda: bm.Prior("MvNormal", mu=0), ("MvNormal .* array", "one number")),
    "Prior of a simplex": (lambda: bm.Prior("Dirichlet", a=1), ("Dirichlet .* of an array",)),
    "Prior of a mixture": (
        lambda: bm.Prior("Mixture"),
        ("Mixture cannot be made", "takes w, comp"),
    ),
    "LKJ(0)": (lambda: bm.LKJ(0), ("eta must be positive, got 0",)),
    "LKJ(-1)": (lambda: bm.LKJ(-1), ("eta must be positive, got -1",)),
    "LKJ('a')": (lambda: bm.LKJ("a"), (r"eta must be one number, got 'a'\.$",)),
    "LKJ(nan)": (lambda: bm.LKJ(np.nan), ("eta must be finite",)),
    "LKJ([1])": (lambda: bm.LKJ([1]), (r"one number, got \[1\]",)),
    "LKJ(None)": (lambda: bm.LKJ(None), ("got None",)),
    "family misspelt": (lambda: bm.get_family("poison"), ("Did you mean 'poisson'",)),
    "family of None": (lambda: bm.get_family(None), ("family must be a name",)),
    "family with a wrong link": (
        lambda: bm.get_family("bernoulli", link="log"),
        ("Unknown link 'log' for family 'bernoulli'", "Links: logit, probit, cloglog, cauchit"),
    ),
    "family with two links": (
        lambda: bm.get_family("bernoulli(probit)", link="logit"),
        ("link 'probit'", "Give one"),
    ),
    "family with a list as link": (
        lambda: bm.get_family("bernoulli", link=["logit"]),
        ("Unknown link",),
    ),
    "data set misspelt": (
        lambda: bm.load_dataset("Sleepstudy"),
        ("Unknown data set 'Sleepstudy'", "Data sets: sleepstudy", "Did you mean"),
    ),
    "data set of None": (lambda: bm.load_dataset(None), ("Unknown data set None",)),
    "data set of a list": (lambda: bm.load_dataset(["sleepstudy"]), (r"\['sleepstudy'\]",)),
    "beta None": (lambda: simulate(beta=None), ("beta must map names to numbers", "got None")),
    "beta text": (lambda: simulate(beta={"x": "a"}), ("beta has 'a' for 'x'", "finite number")),
    "sd negative": (lambda: simulate(sd={"Intercept": -1}), ("'Intercept' by 'group' is -1",)),
    "sd a number": (lambda: simulate(sd=1.0), ("sd must map each group effect", "got 1.0")),
    "sd without effects": (lambda: simulate(sd={"group": {}}), ("'group' has no effect",)),
    "sd of an unknown factor": (
        lambda: simulate(sd={"grp": {"Intercept": 1}}),
        ("unknown grouping factor 'grp'", "Factors: group", "Did you mean"),
    ),
    "no groups": (lambda: simulate(n_groups=0), ("positive whole numbers; got 0",)),
    "half a group": (lambda: simulate(n_groups=2.5), ("whole numbers; got 2.5",)),
    "groups None": (lambda: simulate(n_groups=None), ("got None",)),
    "rows of two groups": (lambda: simulate(n_per_group=[1, 2]), (r"shape \(2,\)", "of 50")),
    "ragged rows": (lambda: simulate(n_per_group=[[1], [1, 2]]), ("n_per_group must be",)),
    "cor above 1": (lambda: simulate(sd=SLOPES, cor=1.5), ("not positive definite", "Give one")),
    "cor infinite": (lambda: simulate(sd=SLOPES, cor=np.inf), ("no correlation matrix",)),
    "cor text": (lambda: simulate(sd=SLOPES, cor="a"), ("must be numbers; got 'a'",)),
    "cor of another size": (lambda: simulate(sd=SLOPES, cor=np.eye(3)), (r"shape \(3, 3\)",)),
    "sigma 0": (lambda: simulate(sigma=0), ("sigma is 0", "positive")),
    "sigma text": (lambda: simulate(sigma="a"), ("sigma is 'a'",)),
    "sigma of counts": (lambda: simulate(sigma=1, family="poisson"), ("no residual sd",)),
    "dropout 1": (lambda: simulate(dropout=1), ("dropout is 1", "0 <= dropout < 1")),
    "dropout None": (lambda: simulate(dropout=None), ("dropout is None",)),
    "seed negative": (lambda: simulate(random_seed=-1), ("random_seed=-1", "or None")),
    "seed text": (lambda: simulate(random_seed="a"), ("random_seed='a'",)),
    "trials 0": (lambda: simulate(family="binomial", trials=0), ("trials must be",)),
    "name with a space": (lambda: simulate(beta={"my x": 1}), ("'my x' cannot be a column",)),
    "name None": (lambda: simulate(beta={"None": 1}), ("'None' cannot be a column",)),
    "name of the response": (lambda: simulate(beta={"y": 1}), ("'y' is taken", "another name")),
    "counts beyond integers": (
        lambda: simulate(family="poisson", beta={"Intercept": 1000}),
        ("counts are as large as", "log link"),
    ),
}


@pytest.mark.parametrize(("call", "parts"), OBJECTS.values(), ids=list(OBJECTS))
def test_priors_families_data_sets_and_simulations(call, parts, capsys):
    expect_error(call, parts)
    assert capsys.readouterr().out == ""


# --- unusual but fine -----------------------------------------------------------------------------


class Fine(NamedTuple):
    """One model that looks odd and is none: what comes out, and the warning it deserves."""

    id: str
    formula: str
    expected: Callable[[Any], Any]
    change: Callable[[pd.DataFrame], pd.DataFrame]
    options: dict[str, Any]
    warning: str


def fine(
    id: str, formula: str, expected: Any, change: Any = None, warning: str = "", **options: Any
) -> Fine:
    return Fine(id, formula, expected, change or (lambda data: data), options, warning)


def terms(*labels: str) -> Callable[[Any], Any]:
    return lambda design: design.terms == ("Intercept", *labels)


def levels(*labels: str) -> Callable[[Any], Any]:
    return lambda design: tuple(design.groups[0].levels) == labels


def rows(n_rows: int) -> Callable[[Any], Any]:
    return lambda design: design.n_rows == n_rows


def same_as(name: str) -> Callable[[Any], Any]:
    """The first slope is this column of the frame."""
    return lambda design: np.array_equal(design.X[:, 1], frame()[name])


def missing_above_one(name: str, dtype: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda data: data.assign(**{name: data[name].astype(dtype).mask(data.x > 1)})


KEPT = int((frame().x <= 1).sum())
DROPPED = f"{N - KEPT} of 48 rows have missing values"
LETTERS = tuple("abcdefgh")

FINE = [
    fine("gaussian on 0 and 1", "won ~ x + (1 | g)", terms("x")),
    fine("gaussian on True and False", "won ~ x", lambda d: set(d.y) == {0.0, 1.0},
         lambda data: data.assign(won=data.won == 1)),
    fine("bernoulli of a level", "ses['low'] ~ x", lambda d: d.y.sum() == N / 3, **BERNOULLI),
    fine("bernoulli of a condition", "I(x > 0) ~ z", lambda d: set(d.y) == {0.0, 1.0}, **BERNOULLI),
    fine("nullable integers", "count ~ x", rows(KEPT), missing_above_one("count", "Int64"),
         DROPPED, **POISSON),
    fine("nullable floats", MODEL, rows(KEPT), missing_above_one("x", "Float64"), DROPPED),
    fine("nullable bools", "won ~ x", rows(KEPT), missing_above_one("won", "boolean"), DROPPED,
         **BERNOULLI),
    fine("nullable levels", MODEL, levels(*LETTERS), missing_above_one("g", "string"), DROPPED),
    fine("all nullable dtypes", MODEL, levels(*LETTERS), lambda data: data.convert_dtypes()),
    fine("whole numbers with NaN as levels", MODEL, levels(*map(str, range(8))),
         lambda data: data.assign(g=np.repeat(np.arange(8.0), 6)).mask(data.x > 1), DROPPED),
    fine("counts as floats", "count ~ x", terms("x"), lambda data: data.astype({"count": float}),
         **POISSON),
    fine("decimals", MODEL, terms("x"),
         lambda data: data.assign(x=[decimal.Decimal(repr(float(v))) for v in data.x])),
    fine("numbers as objects", MODEL, same_as("x"), lambda data: data.astype({"x": object})),
    fine("integers beyond 64 bits", MODEL, terms("x"),
         lambda data: data.assign(x=[10**30 + k * 10**25 for k in range(N)])),
    fine("integers that floats cannot tell apart", MODEL, terms("x"),
         lambda data: data.assign(x=10**18 + np.arange(N)), "'x' is constant"),
    fine("huge covariate", MODEL, terms("x"), lambda data: data.assign(x=1e100 * data.x)),
    fine("tiny covariate", MODEL, terms("x"), lambda data: data.assign(x=1e-100 * data.x)),
    fine("huge integers as levels", MODEL, lambda d: d.groups[0].n_levels == 8,
         lambda data: data.assign(g=np.repeat([2**53 + k for k in range(8)], 6))),
    fine("sparse columns", MODEL, same_as("x"),
         lambda data: data.assign(x=pd.arrays.SparseArray(data.x))),
    fine("unused categories", "y ~ ses + (1 | g)", terms("ses[mid]", "ses[high]"),
         lambda data: data.assign(ses=pd.Categorical(data.ses, ["low", "none", "mid", "high"]),
                                  g=pd.Categorical(data.g, [*"zyx", *LETTERS]))),
    fine("order of a categorical", MODEL, levels(*LETTERS[::-1]),
         lambda data: data.assign(g=pd.Categorical(data.g, LETTERS[::-1]))),
    fine("empty text as a level", MODEL, levels("", *LETTERS[1:]),
         lambda data: data.assign(g=data.g.replace("a", ""))),
    fine("space in a level", MODEL, levels(" a", *LETTERS[1:]),
         lambda data: data.assign(g=data.g.replace("a", " a"))),
    fine("dates as levels", MODEL, lambda d: d.groups[0].n_levels == 8,
         lambda data: data.assign(g=DAYS[:8].repeat(6))),
    fine("bools as levels", MODEL, levels("False", "True"),
         lambda data: data.assign(g=data.x > 0), "has 2 levels"),
    fine("intervals as levels", MODEL, lambda d: d.groups[0].n_levels == 6,
         lambda data: data.assign(g=pd.cut(data.x, 6))),
    fine("index with duplicates", MODEL, rows(N), lambda data: data.set_axis([0] * N)),
    fine("index with duplicates and missing values", MODEL, rows(KEPT),
         lambda data: missing_above_one("x", "Float64")(data).set_axis([0] * N), DROPPED),
    fine("index called like a column", MODEL, levels(*LETTERS),
         lambda data: data.set_index("g", drop=False)),
    fine("duplicate columns that are not used", "y ~ z + (1 | g)", terms("z"), doubled("x")),
    fine("columns that are no text and not used", "y ~ z", terms("z"),
         lambda data: data.rename(columns={"x": 0, "h": None})),
    fine("column named like a module", "y ~ np + np.exp(x)", terms("np", "np.exp(x)"),
         lambda data: data.assign(np=data.z)),
    fine("column named like a function", "y ~ scale + scale(x) + (scale | g)",
         terms("scale", "scale(x)"), lambda data: data.assign(scale=data.z)),
    fine("column named p", "p(wins, games) ~ p", terms("p"), lambda data: data.assign(p=data.z),
         **BINOMIAL),
    fine("names with spaces", "y ~ `my x` + (`my x` | `my g`)",
         lambda d: d.groups[0].factor == "my g" and d.X.shape == (N, 2),
         lambda data: data.rename(columns={"x": "my x", "g": "my g"})),
    fine("names with dots", "y ~ my.x + (my.x | my.g)", terms("my.x"),
         lambda data: data.rename(columns={"x": "my.x", "g": "my.g"})),
    fine("names of other alphabets", "größe ~ 变量 + (变量 | schüler)", terms("变量"),
         lambda data: data.rename(columns={"y": "größe", "x": "变量", "g": "schüler"})),
    fine("factor named Intercept", "y ~ x + (1 | Intercept)", levels(*LETTERS),
         lambda data: data.rename(columns={"g": "Intercept"})),
    fine("response named Intercept", "Intercept ~ x", terms("x"),
         lambda data: data.rename(columns={"y": "Intercept"})),
    fine("factor named like a parameter", "y ~ x + (x | sigma)", levels(*LETTERS),
         lambda data: data.rename(columns={"g": "sigma"})),
    fine("factor in the population part too", "y ~ g + (1 | g)", lambda d: d.n_terms == 8,
         warning="'g'.* free for each level of 'g' already.*'y ~ 1 [+] g'"),
    fine("formula on two lines", "y ~ x +\n    (1 | g)", terms("x")),
    fine("term a hundred times", "y ~ " + " + ".join(["x"] * 100), terms("x")),
    fine("function of the response", "y ~ x + I(z > y)", lambda d: d.n_terms == 3,
         warning=r"'I\(z > y\)' .* made of the response 'y'.*Leave it out"),
    fine("weights as an index", MODEL, lambda d: d.weights.sum() == N, weights=pd.Index([1.0] * N)),
    fine("weights of bools", MODEL, lambda d: set(d.weights) == {1.0}, weights=np.full(N, True)),
    fine("missing weights", MODEL, rows(N - 7),
         lambda data: data.assign(z=(data.z - 1).where(data.z > 1)),
         r"in weights \(7\)", weights="z"),
    fine("negative weight of a dropped row", MODEL, rows(KEPT),
         lambda data: data.assign(x=data.x.where(data.x <= 1), w=np.where(data.x > 1, -1.0, 1.0)),
         DROPPED, weights="w"),
    fine("constant column", MODEL, terms("x"), lambda data: data.assign(x=2.0),
         r"'x' is constant \(2 in every row\).*Leave it out"),
    fine("bar given twice", "y ~ x + (1 | g) + (1 | g)", lambda d: len(d.groups) == 1,
         warning=r"\(1 \| g\) is in the formula twice.*remove the other"),
    fine("term taken away that is not there", "y ~ x + z - count", terms("x", "z"),
         warning=r"'- count' .* not there.*Write I\(z - count\) .*, or leave it out\.$"),
    fine("two of them", "y ~ x - z + (x - count | g)", terms("x"),
         warning=r"'- z', '- count' .* take away .*Write I\(x - z\), I\(x - count\) "),
    fine("arithmetic without I()", "y ~ x - np.mean(x)", terms("x"),
         warning=r"'- np.mean\(x\)' .*Write I\(x - np.mean\(x\)\) .*, or leave it out\.$"),
    fine("arithmetic in a bar", "y ~ x + (x - x.mean() | g)", terms("x"),
         warning=r"'- x.mean\(\)' .*Write I\(x - x.mean\(\)\) "),
    fine("arithmetic in a product", "y ~ (x - log(z)):count", terms("x:count"),
         warning=r"Write I\(x - log\(z\)\) "),
    fine("what arithmetic without I() means", "y ~ I(x - np.mean(x)) + (I(x - x.mean()) | g)",
         lambda d: abs(d.X[:, 1].sum()) < 1e-9 and d.groups[0].n_effects == 2),
    fine("categories taken away", "y ~ x - factor(z)", terms("x"), warning=r"terms\. Leave it"),
    fine("text taken away from a number", "y ~ x - ses", terms("x"), warning=r"terms\. Leave it"),
    fine("a product taken away", "y ~ x + z - x:z", terms("x", "z"), warning=r"'- x:z' .*\. Leave"),
    fine("terms that are there, taken away", "y ~ 0 + x*z - x:z + scale(x) - scale(x)",
         lambda d: d.terms == ("x", "z")),
    fine("differences that were meant", "y ~ x + I(z - count)", terms("x", "I(z - count)")),
    fine("both of two conditions", "y ~ I((x > 0) * (z > 3))",
         lambda d: set(d.X[:, 1]) == {0, 1}),
    fine("one of two conditions", "y ~ I(((x > 0) + (z > 3)) > 0)",
         lambda d: np.array_equal(d.X[:, 1], (frame().x > 0) | (frame().z > 3))),
    fine("not a condition", "y ~ I((x > 0) == 0)",
         lambda d: np.array_equal(d.X[:, 1], frame().x <= 0)),
    fine("two polynomials", "y ~ poly(x, 2) + poly(z, 2, TRUE)", lambda d: d.n_terms == 5),
    fine("R's argument of bs", "y ~ 0 + bs(x, df=4, intercept=TRUE)", lambda d: d.n_terms == 4),
    fine("few levels", MODEL, levels("a", "b"), lambda data: data[:12], "has 2 levels"),
    fine("a level for every row", MODEL, lambda d: d.groups[0].n_levels == N,
         lambda data: data.assign(g=[f"row {k}" for k in range(N)]),
         "own level of 'g'.*Remove the intercept"),
    fine("more effects than rows of a level", "y ~ x + z + (x + z | g)",
         lambda d: d.groups[0].n_effects == 3, lambda data: data[data.index % 6 < 2],
         "'g' has 3 effects .*, but all 8 levels have fewer rows"),
    fine("slope without its population effect", "y ~ x + (z | g)", terms("x"),
         warning="'z' varies by 'g' but has no population effect.*Add it"),
    fine("as many columns as rows", "y ~ x", lambda d: d.n_terms == N,
         lambda data: data.assign(x=data.x.astype(str)),
         r"48 columns for 48 rows.*pd.to_numeric\(data\['x'\]\)"),
    fine("many redundant columns", "y ~ x * h * ses", lambda d: d.n_terms == 36,
         warning="of the 36 columns .* constant or made of others"),
    fine("link by name", "won ~ x", terms("x"), family="bernoulli(probit)"),
    fine("improper prior of a slope", MODEL, terms("x"),
         priors={"sd": HALF, "x": bm.Prior(distribution="Flat")}),
]  # fmt: skip


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in FINE])
def test_unusual_but_fine(row, capsys):
    data = row.change(frame())
    call = functools.partial(bm.prepare, row.formula, **row.options)
    if row.warning:
        with pytest.warns(bm.DesignWarning) as caught:
            spec = checked(call, data, capsys)
        assert re.search(row.warning, str(caught[0].message)), caught[0].message
        assert [str(warning.message) for warning in caught] == list(spec.design.notes)
    else:
        spec = checked(call, data, capsys)
    assert row.expected(spec.design)
    assert spec.design.n_rows == len(spec.design.y) == len(spec.design.X)
    assert np.isfinite(spec.design.X).all()


@pytest.mark.parametrize("words", ["give a whole number", "give True or False", ". Allowed: "])
def test_single_arguments_are_checked_in_one_place(words):
    package = Path(bm.__file__).parent
    modules = [path.stem for path in package.rglob("*.py") if words in path.read_text("utf-8")]
    assert modules == ["arguments"]


def test_the_tables_are_large_enough():
    rows = (FORMULAS, COLUMNS, OPTIONS, TABLES, NEW_DATA, OBJECTS)
    assert sum(map(len, rows)) > 250
