"""Warnings about designs, and the formulas that they offer, each tried."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.checks.dependence import dependent_columns, gram_matrix
from cases import CASES

GROUPS, ROWS = 12, 8


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = GROUPS * ROWS
    data = pd.DataFrame(rng.normal(size=(n, 5)), columns=["y", "x", "z", "w", "my x"])
    data["g"], data["row"] = np.repeat(np.arange(GROUPS), ROWS), np.arange(n)
    data["t"] = np.tile(np.arange(ROWS), GROUPS)
    data["count"], data["won"] = rng.poisson(3, n), rng.integers(0, 2, n)
    data["six"] = 6
    # The groups of g under other names, and divided into two arms of six pairs each.
    data["site"] = data.g.map("s{:02d}".format)
    data["place"] = pd.Categorical(data.g.map("p{:02d}".format), ordered=True)
    data["pair"], data["arm"] = data.g % 6, (data.g < 6).map({True: "A", False: "B"})
    # Few levels of each kind.
    data["year"] = np.resize([2001, 2002, 2003, 2002, 2001], n)
    data["batch"], data["my year"], data["late"] = data.year * 1.0, data.year, data.year > 2002
    data["cat"], data["text"] = pd.Categorical(data.year), data.year.map("in {}".format)
    data["day"] = pd.to_datetime(data.year.astype(str))
    data["two"], data["s"] = np.arange(n) % 2, np.resize(list("pqqp"), n)
    data["four"] = data.g // 3
    data["half"] = (data.four < 2).map({True: "u", False: "v"})
    data["inner"] = data.four.map("inner {}".format)  # its labels tell the half, too
    data["corner"] = np.where(data.half == "u", data.four % 2, 0)  # three cells of four
    data["part"] = np.where(data.half == "u", data.t % 2, data.t % 3)  # five cells of six
    # Columns made of others.
    data["twice"], data["both"] = 2 * data.x + 1, data.x - data.z
    data["one"], data["none"], data["same"] = 1.0, 0, "a"
    data["again"] = 1 - 3 * data.y
    # Covariates whose zero is far from the data.
    data["far"], data["my far"] = data.z + 300, data.w + 2000
    return data


FRAME = frame()
FAMILIES = {"count": "poisson", "won": "bernoulli", "p(won, six)": "binomial"}

FEW = r"estimated from fewer than 5 lean"
FREE = r"free for each level of '.*' already"
SAME = r"make the same \d+ groups"
EVERY = r"Every row has its own level"
MANY = r"effects \(.*\), (but|so that)"
MEAN = r"no population effect"
COLUMN = (
    r"^(?!Of the effects).*((is|are) constant|zero in every row|multiple of|linear combination of)"
)
BAR = r"^Of the effects that vary by"
TWICE = r"in the formula twice"
WIDE = r"have \d+ columns for \d+ rows"
ITSELF = r"is the response '.*' again"
KINDS = (FEW, FREE, SAME, EVERY, MANY, MEAN, COLUMN, BAR, TWICE, WIDE, ITSELF)
ZERO = r"far from zero"

# Formula: its warnings, each with the formulas that it offers.
OFFERS = {
    # Few levels, by what the column is.
    "y ~ x + (1 | text)": [(FEW, "y ~ 1 + x + text")],
    "y ~ x + (1 | cat)": [(FEW, "y ~ 1 + x + cat")],
    "y ~ x + (1 | year)": [(FEW, "y ~ 1 + x + C(year)")],
    "y ~ x + (1 | batch)": [(FEW, "y ~ 1 + x + C(batch)")],
    "y ~ x + (1 | late)": [(FEW, "y ~ 1 + x + C(late)")],
    "y ~ 0 + x + (1 | late)": [(FEW, "y ~ 0 + x + C(late)")],
    "y ~ 0 + (1 | year)": [(FEW, "y ~ 0 + C(year)")],
    "y ~ x + (1 | `my year`)": [(FEW, "y ~ 1 + x + C(`my year`)")],
    "np.exp(y) ~ `my x` + (1 | `my year`)": [(FEW, "np.exp(y) ~ 1 + `my x` + C(`my year`)")],
    "y ~ x + (1 | day)": [(FEW,)],
    "count ~ x + (1 | year)": [(FEW, "count ~ 1 + x + C(year)")],
    # Products, nested factors, and cells that do not occur.
    "y ~ x + (1 | two:late)": [(FEW, "y ~ 1 + x + C(two):C(late)")],
    "y ~ x + (1 | s:two)": [(FEW, "y ~ 1 + x + s:C(two)")],
    "y ~ x + (1 | year:same)": [(FEW, "y ~ 1 + x + C(year)")],
    "y ~ x + (1 | half/two)": [(FEW, "y ~ 1 + x + half + half:C(two)")],
    "y ~ x + (1 | half/inner)": [(FEW, "y ~ 1 + x + inner")],
    "y ~ x + (1 | half/corner)": [(FEW, "y ~ 1 + x + half + C(corner)")],
    "y ~ x + (1 | half/g)": [(FEW, "y ~ 1 + x + half + (1 | half:g)")],
    "y ~ x + (1 | year) + (1 | two)": [(FEW, "y ~ 1 + x + C(year) + C(two)")],
    # What is there already is not added again, and what the levels take in goes.
    "y ~ x + text + (1 | text)": [(FREE, "y ~ 1 + x + text")],
    "y ~ x + C(year) + (1 | year)": [(FREE, "y ~ 1 + x + C(year)")],
    "y ~ x + year + (1 | year)": [(FEW, "y ~ 1 + x + C(year)")],
    "y ~ x + half + (1 | four)": [(FEW, "y ~ 1 + x + C(four)")],
    "y ~ x*s + (1 | s:two)": [(FEW, "y ~ 1 + x + s + x:s + s:C(two)")],
    # Slopes become interactions.
    "y ~ x + (x | year)": [
        (FEW, "y ~ 1 + x + C(year) + C(year):x", "y ~ 1 + x + C(year)"),
    ],
    "y ~ x + z + (1 + x | year) + (0 + z | year)": [
        (FEW, "y ~ 1 + x + z + C(year) + C(year):x + C(year):z", "y ~ 1 + x + z + C(year)"),
    ],
    "y ~ x + (0 + x | year)": [(FEW, "y ~ 1 + x + C(year):x")],
    "y ~ x + s + (0 + s | year)": [(FEW, "y ~ 1 + x + s + C(year):s")],
    "y ~ x + (x | year) + (1 | g)": [
        (FEW, "y ~ 1 + x + C(year) + C(year):x + (1 | g)", "y ~ 1 + x + C(year) + (1 | g)"),
    ],
    "y ~ half + (half | four)": [(FEW, "y ~ 1 + C(four)")],
    # Population effects of the groups themselves.
    "y ~ site + (1 | site)": [(FREE, "y ~ 1 + site")],
    "y ~ 0 + site + (1 | site)": [(FREE, "y ~ 0 + site")],
    "y ~ C(g) + (1 | place)": [(FREE, "y ~ 1 + C(g)")],
    "y ~ C(pair)*arm + (1 | site) + (1 | t)": [
        (FREE, "y ~ 1 + C(pair) + arm + C(pair):arm + (1 | t)")
    ],
    "y ~ site + x + (x | site)": [(FREE, "y ~ 1 + site + x + (0 + x | site)")],
    "y ~ site + x + (x || place)": [(FREE, "y ~ 1 + site + x + (0 + x | place)")],
    "y ~ site*x + (x | g)": [(FREE, "y ~ 1 + site + x + site:x")],
    "y ~ site:x + (0 + x | site)": [(FREE, "y ~ 1 + site:x")],
    "y ~ poly(t, 7) + (1 | t)": [(FREE, "y ~ 1 + poly(t, 7)")],
    "count ~ site + (1 | site)": [(FREE, "count ~ 1 + site")],
    "y ~ site + (1 | arm) + (1 | t)": [(FREE, "y ~ 1 + site + (1 | t)")],
    "y ~ site + s + (s | site)": [(FREE,)],  # (0 + s | site) has the intercepts in it
    # The same groups under two names.
    "y ~ s + (1 | g) + (s | site)": [(SAME, "y ~ 1 + s + (1 + s | site)")],
    "y ~ x + (1 | g) + (1 | site)": [(SAME, "y ~ 1 + x + (1 | g)")],
    "y ~ x + (1 | site/place)": [(SAME, "y ~ 1 + x + (1 | site)")],
    "y ~ x + (1 | g) + (x || place)": [(SAME, "y ~ 1 + x + (1 | g) + (0 + x | place)")],
    # As many effects as rows.
    "y ~ x + (1 | row)": [(EVERY, "y ~ 1 + x")],
    "y ~ x + (1 | g) + (1 | g:t)": [(EVERY, "y ~ 1 + x + (1 | g)")],
    "y ~ x + (1 | g/t)": [(EVERY, "y ~ 1 + x + (1 | g)")],
    "y ~ 0 + (1 | row)": [(EVERY,)],
    "won ~ x + (1 | row)": [(EVERY, "won ~ 1 + x")],
    "y ~ x + (0 + x | row)": [(EVERY, "y ~ 1 + x")],
    "y ~ poly(t, 3)*x + (poly(t, 3)*x | g)": [
        (MANY, "y ~ 1 + poly(t, 3) + x + poly(t, 3):x + (1 | g)")
    ],
    "y ~ C(t) + (0 + C(t) | g)": [(MANY, "y ~ 1 + C(t) + (1 | g)")],
    "y ~ C(t) + (1 | g) + (0 + poly(t, 7) || g)": [
        (MANY, "y ~ 1 + C(t) + (1 | g)"),
    ],
    "y ~ C(t)*x + (C(t)*x | g) + (1 | pair)": [
        (MANY, "y ~ 1 + C(t) + x + C(t):x + (1 | g) + (1 | pair)")
    ],
    "count ~ x + (x | row)": [(MANY, "count ~ 1 + x + (1 | row)")],
    # Effects that vary round zero.
    "y ~ x + (z | g)": [(MEAN, "y ~ 1 + x + z + (1 + z | g)")],
    "y ~ (x + z + w || g)": [(MEAN, "y ~ 1 + x + z + w + (1 + x + z + w || g)")],
    "y ~ (x | g) + (z | t)": [(MEAN, "y ~ 1 + x + z + (1 + x | g) + (1 + z | t)")],
    "y ~ x + (`my x` | g)": [(MEAN, "y ~ 1 + x + `my x` + (1 + `my x` | g)")],
    "y ~ x + (x + I(x**2) | g)": [(MEAN, "y ~ 1 + x + I(x**2) + (1 + x + I(x**2) | g)")],
    "y ~ x + (poly(x, 2) | g)": [(MEAN, "y ~ 1 + poly(x, 2) + (1 + poly(x, 2) | g)")],
    "y ~ 1 + (0 + s | g)": [(MEAN, "y ~ 1 + s + (0 + s | g)")],
    # Columns of the population effects.
    "y ~ x + one + (1 | g)": [(COLUMN, "y ~ 1 + x + (1 | g)")],
    "y ~ 0 + x + none + (1 | g)": [(COLUMN, "y ~ 0 + x + (1 | g)")],
    "y ~ x + twice + (1 | g)": [(COLUMN, "y ~ 1 + x + (1 | g)")],
    "y ~ x + twice + (twice | g)": [(COLUMN, "y ~ 1 + twice + (1 + twice | g)")],
    "y ~ both + x + z + (x + z | g)": [(COLUMN, "y ~ 1 + x + z + (1 + x + z | g)")],
    "y ~ half + C(four) + (1 | g)": [(COLUMN, "y ~ 1 + C(four) + (1 | g)")],
    "y ~ one + x + twice + (1 | g)": [(COLUMN, "y ~ 1 + x + (1 | g)")],
    "y ~ half*C(corner) + (1 | g)": [(COLUMN, "y ~ 1 + half + C(corner) + (1 | g)")],
    "y ~ half*C(part) + (1 | g)": [(COLUMN,)],
    "y ~ x + again + (1 | g)": [(ITSELF, "y ~ 1 + x + (1 | g)")],
    "y ~ x + (1 | g) + (1 | g)": [(TWICE,)],
    "y ~ x + diag(z + s | g)": [(MEAN, "y ~ 1 + x + z + s + diag(1 + z + s | g)")],
    "y ~ site + x + diag(x | site)": [(FREE, "y ~ 1 + site + x + diag(0 + x | site)")],
    "y ~ C(t)*x + diag(C(t)*x | g)": [(MANY, "y ~ 1 + C(t) + x + C(t):x + (1 | g)")],
    # Several at once: each has the changes of those before it.
    "y ~ x + twice + (z | year) + (1 | row)": [
        (COLUMN, "y ~ 1 + x + (1 + z | year) + (1 | row)"),
        (EVERY, "y ~ 1 + x + (1 + z | year)"),
        (MEAN, "y ~ 1 + x + z + (1 + z | year)"),
        (FEW, "y ~ 1 + x + z + C(year) + C(year):z", "y ~ 1 + x + z + C(year)"),
    ],
    "y ~ text + (x | text)": [
        (FREE, "y ~ 1 + text + (0 + x | text)"),
        (MEAN, "y ~ 1 + text + x + (0 + x | text)"),
        (FEW, "y ~ 1 + text + x + text:x"),
    ],
    "y ~ x + (1 | g) + (1 | g) + (1 | site) + (z | t)": [
        (TWICE,),
        (SAME, "y ~ 1 + x + (1 | g) + (1 + z | t)"),
        (MEAN, "y ~ 1 + x + z + (1 | g) + (1 + z | t)"),
    ],
}

QUIET = (
    "y ~ 1",
    "y ~ x + (x | g)",
    "y ~ 0 + (1 | g)",
    "y ~ 0 + x + (1 | g)",
    "y ~ g + (1 | g)",  # a line through the levels, and deviations from it
    "y ~ arm + (1 | site)",
    "y ~ arm*x + (x | site)",
    "y ~ t + (1 | pair/arm)",
    "y ~ C(t) + (1 | g)",
    "y ~ poly(t, 3) + (poly(t, 3) | g)",
    "y ~ x + (1 | g) + (0 + x | site)",  # the same groups, other effects
    "y ~ x + (1 | g) + (1 | pair)",
    "y ~ s + (0 + s | g)",
    "y ~ x + (1 | g) + (1 | g:s)",
    "count ~ x + (1 | row)",  # rows vary more than Poisson
    "count ~ x + (1 | g) + (1 | g:t)",
    "p(won, six) ~ x + (1 | row)",
    "p(won, six) ~ x + (1 | g) + (1 | row)",
)


def noted(formula: str) -> tuple[bm.ModelSpec, list[str]]:
    """Prepare a formula and collect its warnings."""
    family = FAMILIES.get(formula.partition(" ~ ")[0], "gaussian")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spec = bm.prepare(formula, FRAME, family=family)
    assert all(warning.category is bm.DesignWarning for warning in caught)
    texts = [str(warning.message) for warning in caught]
    assert texts == list(spec.design.notes)
    return spec, [text for text in texts if not re.search(ZERO, text)]  # has tests of its own


def offered(text: str) -> list[str]:
    return re.findall(r"'([^']* ~ [^']*)'", text)


def kind(text: str) -> str:
    (found,) = [pattern for pattern in KINDS if re.search(pattern, text)]
    return found


def space(*matrices: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(np.hstack(matrices)))


@pytest.mark.parametrize("formula", OFFERS)
def test_what_warnings_offer(formula):
    _, texts = noted(formula)
    assert [(kind(text), *offered(text)) for text in texts] == OFFERS[formula]


@pytest.mark.parametrize("formula", QUIET)
def test_nothing_to_say(formula):
    assert noted(formula)[1] == []


@pytest.mark.parametrize("formula", OFFERS)
def test_what_is_offered_mends_what_is_warned_of(formula):
    spec, texts = noted(formula)
    kinds = [kind(text) for text in texts]
    for i, text in enumerate(texts):
        for rewrite in offered(text):
            again, left = noted(rewrite)
            assert str(again.design.formula) == rewrite
            # Neither this warning nor those before it, and none that was not there.
            assert {kind(one) for one in left} <= set(kinds[i + 1 :]), left
            check_meaning(kinds[i], spec.design, again.design)


def check_meaning(kind: str, before, after) -> None:
    groups = {term.factor: term for term in after.groups}
    assert after.y.tolist() == before.y.tolist()
    if kind == COLUMN:
        assert space(after.X) == space(before.X) == space(before.X, after.X) == after.n_terms
    if kind in (FREE, SAME, EVERY, MANY):
        assert set(groups) <= {term.factor for term in before.groups}
        sizes = [sum(term.n_effects for term in one.groups) for one in (before, after)]
        assert sizes[1] < sizes[0]
    if kind == MEAN:
        assert all(
            space(after.X) == space(after.X, term.Z[:, [k]])
            for term in after.groups
            for k, label in enumerate(term.effects)
            if label != "Intercept"
        )
    if kind == FEW:
        for term in before.groups:
            # The intercept of each level, and where slopes are said to be left, those too.
            for k, label in enumerate(term.effects):
                level = np.eye(term.n_levels)[term.codes] * term.Z[:, [k]]
                is_free = space(after.X) == space(after.X, level)
                assert term.n_levels >= 5 or term.factor not in groups
                if term.n_levels < 5 and (label == "Intercept" or "Intercept" not in term.effects):
                    assert is_free
        assert space(after.X) == after.n_terms


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_published_models_give_no_warning(case, load):
    assert bm.prepare(case.formula, load(case.dataset), family=case.family).design.notes == ()


PUBLISHED = {
    "y ~ service + (1 | s) + (1 | d) + (1 | dept:service)": "insteval",
    "y ~ service*C(dept) + (1 | s) + (1 | d)": "insteval",
    "y ~ 1 + (1 | s) + (1 | d) + (1 | dept)": "insteval",
    "p(incidence, size) ~ period + (1 | herd) + (1 | obs)": "cbpp",
    "strength ~ 1 + (1 | sample) + (1 | batch)": "pastes",
    "strength ~ 1 + (1 | batch) + (1 | cask:batch)": "pastes",
    "Reaction ~ Days + (Days || Subject)": "sleepstudy",
    "Reaction ~ poly(Days, 2) + (poly(Days, 2) | Subject)": "sleepstudy",
}


@pytest.mark.parametrize("formula", PUBLISHED)
def test_published_formulas_give_no_warning(formula, load):
    data = load(PUBLISHED[formula])
    if PUBLISHED[formula] == "insteval":
        names = ("s", "d", "dept", "service")
        data = data.assign(**{name: data[name].astype(str) for name in names})
    family = "binomial" if "size" in formula else "gaussian"
    assert bm.prepare(formula, data, family=family).design.notes == ()


# What is wrong, what the error says to write, and that put in its place.
ADVICE = [
    ("y ~ (1 + x | g + t)", "(1 + x | g) + (1 + x | t)", "y ~ {}"),
    ("y ~ x + (1 || g*s)", "(1 || g) + (1 || s) + (1 || g:s)", "y ~ x + {}"),
    ("y ~ x | g", "(x | g)", "y ~ {}"),
    ("y ~ z + x || `my year`", "(z + x || `my year`)", "y ~ {}"),
    ("y ~ x == 3", "I(x == 3)", "y ~ {}"),
    ("y ~ x**2", "I(x**2)", "y ~ {}"),
    ("y ~ `my x`**2", "I(`my x`**2)", "y ~ {}"),
    ("y ~ x*(1 | g)", "x + (1 | g)", "y ~ {}"),
    ("y ~ x + (1 | g) + (x | g)", "(1 + x | g)", "y ~ x + {}"),
    ("y ~ x + (1 | g) + (x | g)", "(1 + x || g)", "y ~ x + {}"),
    ("y ~ (0 + x | `my year`) + (x*`my x` | `my year`)",
     "(1 + x + `my x` + x:`my x` | `my year`)", "y ~ {}"),
    ("y ~ (C(t):s | g:pair) + (C(t):s || pair:g)", "(1 + C(t):s | g:pair)", "y ~ {}"),
    ("y ~ x + s['p']", "I(s == 'p')", "y ~ x + {}"),
    ("y ~ (offset(x) | g)", "+ offset(x)", "y ~ (1 | g) {}"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
@pytest.mark.parametrize(("formula", "advice", "rewritten"), ADVICE)
def test_what_errors_say_to_write_is_read(formula, advice, rewritten):
    with pytest.raises(bm.BayesmixError, match=re.escape(advice)):
        bm.prepare(formula, FRAME)
    bm.prepare(rewritten.format(advice), FRAME)


TERMS = (
    *("x", "z", "`my x`", "site", "pair", "arm", "C(g)", "C(pair)", "text", "cat", "C(year)"),
    *("year", "late", "two", "s", "half", "C(four)", "C(corner)", "twice", "both", "one", "none"),
    *("poly(t, 2)", "I(x**2)", "C(t)", "I(x > 0)", "{x + z}", "`my year`"),
)
FACTORS = (
    *("g", "row", "site", "pair", "arm", "year", "batch", "`my year`", "late", "cat", "s"),
    *("four", "half", "inner", "corner", "t", "part"),
)


def sums(rng: np.random.Generator, sizes: list[int]) -> str:
    products = (
        rng.choice([":", "*"]).join(rng.choice(TERMS, rng.choice([1, 1, 2]), False))
        for _ in range(rng.choice(sizes))
    )
    return " + ".join([str(rng.choice(["0", "1"])), *products])


def random_formula(rng: np.random.Generator) -> str:
    bars = []
    for _ in range(rng.integers(1, 3)):
        factor = rng.choice([":", "/"]).join(rng.choice(FACTORS, rng.choice([1, 1, 2]), False))
        effects = sums(rng, [0, 0, 1, 2])
        bars.append(f"({'1' if effects == '0' else effects} {rng.choice(['|', '||'])} {factor})")
    return f"y ~ {' + '.join([sums(rng, [0, 1, 2]), *bars])}"


# Formula: the formula that the last warning offers, which answers all of them.
LAST = {
    "y ~ x + far + one + (far || g)": "y ~ 1 + x + center(far) + (1 + center(far) || g)",
    "y ~ far + (far || g) + (1 | row)": "y ~ 1 + center(far) + (1 + center(far) || g)",
    "y ~ far + (far || year)": "y ~ 1 + center(far) + C(year) + C(year):center(far)",
    "y ~ w + I(w*2) + far + (far || g)": "y ~ 1 + w + center(far) + (1 + center(far) || g)",
    "y ~ C(year)*far + (far || year)": "y ~ 1 + C(year) + center(far) + C(year):center(far)",
    "y ~ far + (0 + s + far | g)": "y ~ 1 + center(far) + s + (0 + s + center(far) | g)",
    "y ~ far + (s:far | g)": ("y ~ 1 + center(far) + s + s:center(far) + (1 + s:center(far) | g)"),
    "y ~ far + far:s + (far:s | g)": (
        "y ~ 1 + center(far) + s + center(far):s + (1 + center(far):s | g)"
    ),
    "y ~ far + s + (s/far | g)": (
        "y ~ 1 + center(far) + s + s:center(far) + (1 + s + s:center(far) | g)"
    ),
    # No column is made a second time.
    "y ~ scale(far) + (far || g)": "y ~ 1 + scale(far) + (1 + center(far) || g)",
    "y ~ I(far - 300) + (far || g)": "y ~ 1 + I(far - 300) + (1 + center(far) || g)",
    "y ~ I(far - mean(far)) + (far || g)": (
        "y ~ 1 + I(far - np.mean(far)) + (1 + center(far) || g)"
    ),
    "y ~ z + (far || g)": "y ~ 1 + z + (1 + center(far) || g)",  # far is z + 300
    "y ~ s:far + s + (far | g)": "y ~ 1 + s + s:center(far) + (1 + center(far) | g)",
    # What is added is named.
    "y ~ 0 + far + (far || g)": "y ~ 1 + center(far) + (1 + center(far) || g)",
    # Names in backquotes, and functions.
    "y ~ `my far`*s": "y ~ 1 + center(`my far`) + s + center(`my far`):s",
    "y ~ far + poly(far, 2, raw=True)": "y ~ 1 + poly(center(far), 2, raw=True)",
    "y ~ s + exp(far/100):s": "y ~ 1 + s + center(exp(far / 100)):s",
    "y ~ s*I((far + 1)*2)": ("y ~ 1 + s + I((center(far) + 1) * 2) + s:I((center(far) + 1) * 2)"),
}


@pytest.mark.slow
@pytest.mark.parametrize("formula", LAST)
def test_the_formula_of_a_far_zero_answers_all_warnings(formula):
    _, found = all_notes(formula)
    assert found[-1] == (ZERO, [LAST[formula]])
    assert all_notes(LAST[formula])[1] == []


def test_what_a_centred_formula_needs_is_named():
    for formula, named in {
        "y ~ 0 + far + (far || g)": "the intercept",
        "y ~ far + far:s + (far:s | g)": "'s'",
    }.items():
        with pytest.warns(bm.DesignWarning, match=f"needs {named} among the population effects"):
            bm.prepare(formula, FRAME)


def test_several_zeros_move_several_priors():
    words = "are far from zero, and their zeros move the default prior of 'far:my far'"
    with pytest.warns(bm.DesignWarning, match=words):
        bm.prepare("y ~ far*`my far`", FRAME)


def test_columns_that_only_a_far_zero_makes_alike_are_centred_not_left_out():
    data = FRAME.assign(a=FRAME.x + 1.6e9)
    with pytest.warns(bm.DesignWarning) as caught:
        bm.prepare("y ~ a*s + (1 | g)", data)
    (warning,) = caught
    assert "Centre: y ~ 1 + center(a) + s + center(a):s + (1 | g)." in str(warning.message)
    bm.prepare("y ~ center(a)*s + (1 | g)", data)
    with pytest.warns(bm.DesignWarning) as caught:
        bm.prepare("y ~ a*s + w + I(2*w) + (1 | g)", data)
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2
    assert "'I(2 * w)' is a multiple of 'w'" in said[0]
    assert offered(said[0]) == ["y ~ 1 + a + s + a:s + w + (1 | g)"]


def test_the_example_of_fewer_effects_is_in_the_formula():
    data = FRAME.iloc[:5].assign(g=[0, 0, 1, 1, 2])
    with pytest.warns(bm.DesignWarning) as caught:
        bm.prepare("y ~ x + z + w + t + (x | g)", data)
    said = [str(w.message) for w in caught if "for example (1 | g)" in str(w.message)]
    assert [offered(text) for text in said] == [["y ~ 1 + x + z + w + t + (1 | g)"]]


FAR_TERMS = (
    *("far", "far", "`my far`", "z", "x", "w", "arm", "C(pair)", "text", "one", "twice"),
    *("I(far * x)", "I(far**2)", "np.square(far)", "poly(far, 2, raw=True)", "scale(far)"),
    *("I(far - 300)", "I(far - mean(far))", "np.log(far)", "exp(far / 100)", "poly(far, 2)"),
    *("I((far + 1) * 2)", "I(x * (`my far` - 1))", "I(far > 300)", "center(far)"),
)
FAR_FACTORS = ("g", "g", "t", "year", "row", "site", "arm")


def random_far_formula(rng: np.random.Generator) -> str:
    def side(sizes: list[int]) -> str:
        products = (
            rng.choice([":", "*"]).join(rng.choice(FAR_TERMS, rng.choice([1, 1, 2]), False))
            for _ in range(rng.choice(sizes))
        )
        return " + ".join([str(rng.choice(["0", "1", "1"])), *products])

    bars = [
        f"({side([1, 1, 2])} {rng.choice(['|', '||'])} {rng.choice(FAR_FACTORS)})"
        for _ in range(rng.integers(0, 3))
    ]
    return f"y ~ {' + '.join([side([0, 1, 2, 3]), *bars])}"


NEXT = "In the formula that is offered"  # not of the model itself


def all_notes(formula: str) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Collect the kinds of the warnings, and each kind with the formulas that it offers."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bm.prepare(formula, FRAME)
    found = []
    texts = [str(warning.message) for warning in caught]
    for text in texts:
        if re.search(ZERO, text):
            found.append((ZERO, re.findall(r": (y ~ .*?)\.(?: In one |$)", text)))
        else:
            found.append((kind(text), offered(text)))
    here = [one for text, one in zip(texts, found, strict=True) if not text.startswith(NEXT)]
    return [one for one, _ in here], found


@pytest.mark.parametrize(("seed", "count"), [(3, 12), pytest.param(4, 150, marks=pytest.mark.slow)])
def test_whatever_is_offered_for_a_far_zero_mends_all_that_is_warned_of(seed, count):
    rng = np.random.default_rng(seed)
    answered = unanswered = 0
    for formula in (random_far_formula(rng) for _ in range(count)):
        try:
            _, found = all_notes(formula)
        except bm.BayesmixError:  # an effect twice
            continue
        # A centred column may be another one of its bar, I(x - mean(x)), which is told next.
        stay = {one for one, rewrites in found if not rewrites} | {FEW, BAR}
        order = [one for one, _ in found]
        for i, (one, rewrites) in enumerate(found):
            answered += one == ZERO and bool(rewrites)
            unanswered += one == ZERO and not rewrites
            # The last formula answers all; one before may bring a zero in that the last takes out.
            is_last = not any(later for _, later in found[i + 1 :])
            for rewrite in rewrites:
                left, _ = all_notes(rewrite)
                allowed = {*order[i + 1 :]} | (stay - {one}) | (set() if is_last else {ZERO})
                assert set(left) <= allowed, (formula, rewrite)
    assert answered > max(unanswered, count / 10), (answered, unanswered)


@pytest.mark.parametrize(("seed", "count"), [(1, 25), pytest.param(2, 600, marks=pytest.mark.slow)])
def test_whatever_is_offered_is_read_and_mends_what_is_warned_of(seed, count):
    rng = np.random.default_rng(seed)
    tried = 0
    for formula in (random_formula(rng) for _ in range(count)):
        try:
            _, texts = noted(formula)
        except bm.BayesmixError:  # an effect twice, or more columns than can be
            continue
        kinds = [kind(text) for text in texts]
        # Where nothing is offered, nothing is mended, and few levels may have no formula.
        stay = {kind(text) for text in texts if not offered(text)} | {FEW}
        for i, text in enumerate(texts):
            for rewrite in offered(text):
                again, left = noted(rewrite)
                assert str(again.design.formula) == rewrite, formula
                assert {kind(one) for one in left} <= {*kinds[i + 1 :]} | stay, formula
                tried += 1
    assert tried > count


def test_binomial_rows_of_one_trial_are_binary():
    data = FRAME.assign(trial=1)
    with pytest.warns(bm.DesignWarning, match="rows of 0 and 1 vary no more"):
        bm.prepare("p(won, trial) ~ x + (1 | row)", data, family="binomial")


def test_long_formulas_are_not_repeated():
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(size=(400, 130)).round(3)).add_prefix("column_")
    data["y"], data["g"] = rng.normal(size=400), np.arange(400) % 3
    with pytest.warns(bm.DesignWarning, match="3 levels") as caught:
        bm.prepare(f"y ~ {' + '.join(data.columns[:130])} + (1 | g)", data)
    assert all(len(str(warning.message)) < 300 for warning in caught)


def test_dependent_columns_are_found_in_any_place():
    rng = np.random.default_rng(3)
    X = (rng.normal(size=(100_000, 6)) + 30) * 10.0 ** np.arange(-9, 9, 3)
    X[:, 2] = 3 * X[:, 0] - X[:, 1] / 7
    X[:, 5] = X[:, 4]
    for has_constant in (True, False):
        gram = gram_matrix([X[:, :4], X[:, 4:]], has_constant=has_constant)
        assert dependent_columns(gram) == {2: [0, 1], 5: [4]}
        gram = gram_matrix([X[:, [0, 1, 3]], X[:, [2, 4]]], has_constant=has_constant)
        assert dependent_columns(gram, 3) == {3: [0, 1]}
    nothing = gram_matrix([np.zeros((3, 0))], has_constant=False)
    assert dependent_columns(nothing) == {}


def test_without_an_intercept_columns_may_make_a_constant_once():
    x = np.arange(40.0) % 7
    year = 2000.0 + np.arange(40) % 3
    dummies = np.eye(3)[np.arange(40) % 3]
    for columns, expected in [
        ([x, 2 * x + 1], {}),
        ([x, 2 * x + 1, 3 * x - 1], {2: [0]}),
        ([x, 2 * x + 1, np.ones(40)], {2: []}),
        ([np.ones(40), x, 2 * x + 1], {2: [1]}),
        ([np.ones(40), 2 * np.ones(40)], {1: []}),
        ([*dummies.T, year], {3: [0, 1]}),
        ([year, *dummies.T], {3: [0, 1]}),
        ([year, x, year - 3 * x], {2: [0, 1]}),
    ]:
        gram = gram_matrix([np.column_stack(columns)], has_constant=False)
        assert dependent_columns(gram) == expected


def test_dependent_columns_of_many():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(400, 300))
    sources = {}
    for j in rng.choice(np.arange(10, 300), 60, replace=False):
        sources[int(j)] = sorted(rng.choice(j, 3, replace=False).tolist())
    for j in sorted(sources):
        X[:, j] = X[:, sources[j]] @ [1.0, -2.0, 0.5] + 4
    found = dependent_columns(gram_matrix([X], has_constant=True))
    assert sorted(found) == sorted(sources)
    for j, others in found.items():
        columns = np.column_stack([np.ones(400), X[:, others]])
        fitted = columns @ np.linalg.lstsq(columns, X[:, j], rcond=None)[0]
        np.testing.assert_allclose(fitted, X[:, j], atol=1e-9)
    assert np.linalg.matrix_rank(np.column_stack([np.ones(400), X])) == 301 - len(found)


def alike(**columns) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    data = pd.DataFrame(rng.normal(size=(240, 4)), columns=["y", "x", "w", "v"])
    data["g"], data["f"] = np.arange(240) % 20, np.resize(list("abcd"), 240)
    return data.assign(**columns)


@pytest.mark.parametrize(
    ("formula", "columns", "fact", "remedy"),
    [
        ("y ~ x + (x + z | g)", {"z": lambda d: d.x}, "'z' is a multiple of 'x'", "(1 + x | g)"),
        ("y ~ x + (x + z | g)", {"z": lambda d: 2 * d.x}, "'z' is a multiple", "(1 + x | g)"),
        ("y ~ x + (x + z | g)", {"z": lambda d: -d.x}, "'z' is a multiple", "(1 + x | g)"),
        ("y ~ z + (x + z | g)", {"z": lambda d: -d.x}, "'z' is a multiple", "(1 + z | g)"),
        (
            "y ~ x + (x + z | g)",
            {"z": lambda d: d.x + 1},
            "'z' is a linear combination of 'x' and the intercept",
            "(1 + x | g)",
        ),
        (
            "y ~ x + w + (x + w + z | g)",
            {"z": lambda d: d.x + d.w},
            "'z' is a linear combination of 'x', 'w'",
            "(1 + x + w | g)",
        ),
        ("y ~ x + (x + z || g)", {"z": lambda d: 2 * d.x}, "'z' is a multiple", "(1 + x || g)"),
        ("y ~ x + (x | g) + (0 + z | g)", {"z": lambda d: d.x}, "'z' is a mul", "(1 + x | g)"),
        ("y ~ x + (x + z | g)", {"z": 1.0}, "'z' is constant", "(1 + x | g)"),
        ("y ~ x + (x + z | g)", {"z": 0.0}, "'z' is zero in every row", "(1 + x | g)"),
        (
            "y ~ f + (f + z | g)",
            {"z": lambda d: d.f.str.upper()},
            "'z[B]' is a multiple of 'f[b]'",
            "(1 + f | g)",
        ),
    ],
)
def test_columns_of_a_bar_that_are_made_of_others(formula, columns, fact, remedy):
    data = alike(**columns)
    with pytest.warns(bm.DesignWarning, match=r"cannot tell (it|them) from the other") as caught:
        bm.prepare(formula, data)
    message = str(caught[-1].message)
    assert f"by 'g', {fact}" in message
    better = re.search(r"out of the bar: '(.*)'\.", message)[1]
    assert better.endswith(remedy)
    with warnings.catch_warnings():
        warnings.simplefilter("error", bm.DesignWarning)
        bm.prepare(better, data)


@pytest.mark.parametrize(
    ("formula", "columns"),
    [
        ("y ~ x + (x + z || g)", {"z": lambda d: d.x + 1}),
        ("y ~ f + (1 | g) + (0 + f | g)", {}),
        ("y ~ x * f + (x * f | g)", {}),
        ("y ~ x + (0 + z + x | g)", {"z": 1.0}),
        ("y ~ x + (x | g)", {"x": lambda d: d.v + 1e7}),
    ],
)
def test_columns_that_are_told_apart_are_not_said_to_be_alike(formula, columns):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bm.prepare(formula, alike(**columns))
    assert not any("from the other effects" in str(one.message) for one in caught)
