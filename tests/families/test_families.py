"""Families: densities and draws against PyMC and against closed forms, checks of the response."""

import itertools
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats
from scipy.special import logit

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.engines.nuts.tensors import tensor_functions
from bayesmix.families.family import ENTRIES, Family
from bayesmix.families.links import LINKS
from bayesmix.families.parameters import Parameter
from bayesmix.families.registry import FAMILIES, get_family, is_known
from bayesmix.families.supports import UNIT
from toyfamilies import TOYS


@dataclass(frozen=True)
class Case:
    """One family with one link: everything that the tests below need to know of it."""

    family: str
    link: str
    y: tuple[float, ...]
    auxiliary: dict
    trials: tuple[float, ...] | None
    has_residual_sd: bool = False
    weights: tuple[float, ...] | None = None

    @property
    def made(self) -> Family:
        return get_family(self.family, self.link)

    @property
    def rows(self) -> dict:
        return {
            "weights": None if self.weights is None else np.array(self.weights),
            "trials": None if self.trials is None else np.array(self.trials),
        }


_BINARY, _COUNTS, _TRIALS = (0.0, 1.0, 0.0, 1.0), (0.0, 3.0, 2.0, 7.0), (4.0, 3.0, 9.0, 9.0)
_SHARES = (0.01, 0.7, 0.4, 0.98)
_ORDERED, _THRESHOLDS = (0.0, 3.0, 1.0, 2.0), {"cutpoint": np.array([-1.0, 0.2, 1.5])}
_REAL, _POSITIVE = (-1.0, 0.5, 2.0, 40.0), (0.01, 0.5, 2.0, 40.0)
CASES = [
    Case("gaussian", "identity", _REAL, {"sigma": 1.7}, None, True),
    Case("gaussian", "identity", _REAL, {"sigma": 1.7}, None, True, (1.0, 2.0, 0.5, 4.0)),
    Case("bernoulli", "logit", _BINARY, {}, None),
    Case("bernoulli", "probit", _BINARY, {}, None),
    Case("bernoulli", "cloglog", _BINARY, {}, None),
    Case("bernoulli", "cauchit", _BINARY, {}, None),
    Case("binomial", "logit", _COUNTS, {}, _TRIALS),
    Case("binomial", "probit", _COUNTS, {}, _TRIALS),
    Case("binomial", "cloglog", _COUNTS, {}, _TRIALS),
    Case("binomial", "cauchit", _COUNTS, {}, _TRIALS),
    Case("poisson", "log", _COUNTS, {}, None),
    Case("negbinomial", "log", _COUNTS, {"shape": 1.7}, None),
    Case("zero_inflated_poisson", "log", _COUNTS, {"zi": 0.3}, None),
    Case("zero_inflated_negbinomial", "log", _COUNTS, {"shape": 1.7, "zi": 0.3}, None),
    *(
        Case("beta_binomial", link, _COUNTS, {"phi": 3.5}, _TRIALS)
        for link in ("logit", "probit", "cloglog", "cauchit")
    ),
    Case("hurdle_poisson", "log", _COUNTS, {"hu": 0.3}, None),
    Case("hurdle_negbinomial", "log", _COUNTS, {"shape": 1.7, "hu": 0.3}, None),
    Case("student", "identity", _REAL, {"sigma": 1.3, "nu": 4.5}, None),
    Case("lognormal", "identity", _POSITIVE, {"sigma": 0.6}, None),
    Case("hurdle_lognormal", "identity", (0.0, 0.5, 2.0, 40.0), {"sigma": 0.6, "hu": 0.3}, None),
    Case("gamma", "log", _POSITIVE, {"shape": 2.7}, None),
    Case("weibull", "log", _POSITIVE, {"shape": 1.7}, None),
    Case("exgaussian", "identity", (-1.0, 0.5, 2.0, 9.0), {"sigma": 0.6, "tau": 1.2}, None),
    Case(
        "skew_normal", "identity", (-1.0, 0.5, 2.0, 7.0), {"sigma": 1.3, "alpha": 3.0}, None, True
    ),
    # With so many that few shares round to 1.
    Case("beta", "logit", _SHARES, {"phi": 3.5}, None),
    Case("beta", "probit", _SHARES, {"phi": 60.0}, None),
    Case("beta", "cloglog", (0.2, 0.7, 0.6, 0.9997), {"phi": 4000.0}, None),
    Case("beta", "cauchit", _SHARES, {"phi": 3.5}, None),
    *(
        Case(family, link, _ORDERED, _THRESHOLDS, None)
        for family in ("cumulative", "sratio", "cratio", "acat")
        for link in ("logit", "probit", "cloglog", "cauchit")
    ),
    # Without categories, those of two.
    Case("categorical", "logit", _BINARY, {}, None),
]
ETA = np.array([-1.3, 0.2, 0.0, 2.1])

# Families of other tests, and of the design document, for which these tests must be right as well.
_HALVES = (0.5, 2.5, -1.0, 40.0)
OTHERS = [
    Case("laplace", "identity", _HALVES, {"scale": 1.5}, None),
    Case("bounded_student", "identity", _HALVES, {"sigma": 1.3, "nu": 4.5}, None),
    Case("inflated", "log", _COUNTS, {"psi": 0.3}, None),
    Case("dispersed", "log", _COUNTS, {"shape": 1.7}, None),
    Case("geometric", "logit", _COUNTS, {}, None),
    Case("graded", "logit", _ORDERED, _THRESHOLDS, None),
]


def of_the_document() -> Family:
    """The family that the design document shows as the example of a file."""
    document = Path(__file__).parents[2] / "docs" / "design.md"
    text = document.read_text(encoding="utf-8")
    code = text.partition("`families/laplace.py`:\n\n```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    return names["LAPLACE"]


@pytest.fixture(autouse=True)
def registered(request, monkeypatch):
    """Those other families by name, for the tests of every case."""
    if "case" in request.fixturenames:
        for family in (of_the_document(), *TOYS):
            monkeypatch.setitem(ENTRIES, family.name, family)


cases = pytest.mark.parametrize(
    "case", [*CASES, *OTHERS], ids=lambda case: f"{case.family}-{case.link}"
)


def test_every_family_and_link_has_a_case():
    wanted = {(made.name, link) for made in FAMILIES.values() for link in made.links}
    assert {(case.family, case.link) for case in CASES} == wanted
    assert {link for _, link in wanted} == set(LINKS)


@cases
def test_facts(case):
    made = case.made
    assert made.has_residual_sd == case.has_residual_sd
    assert made.trials == (case.trials is not None)
    assert made.auxiliary == tuple(case.auxiliary)
    assert made.discrete == all(number.is_integer() for number in case.y)
    assert made.on_response_scale == (case.link == made.response_link == "identity")


@cases
def test_log_density_is_that_of_pymc(case):
    pm = pytest.importorskip("pymc")
    made, y = case.made, np.array(case.y)
    name, arguments = made.pymc(made.values(ETA, case.auxiliary), made.rows(**case.rows))
    assert name == made.distribution
    value = y.astype(int) if made.discrete else y
    # PyMC takes Python's numbers for single precision.
    doubles = {name: np.asarray(value, dtype=np.float64) for name, value in arguments.items()}
    variable = getattr(pm, name).dist(**doubles)
    expected = pm.logp(variable, value).eval(mode="FAST_COMPILE")
    actual = made.log_density(y, ETA, case.auxiliary, **case.rows)
    assert actual.shape == (4,)
    # Single precision is in PyMC's log of the normal distribution function, too.
    rtol = 1e-8 if made.name in ("exgaussian", "skew_normal") else 1e-9
    assert_allclose(actual, expected, rtol=rtol)


@cases
def test_values_serve_tensors_as_they_serve_arrays(case):
    pt = pytest.importorskip("pytensor.tensor")
    made = case.made
    values = made.values(
        pt.as_tensor(ETA),
        {name: pt.as_tensor(value) for name, value in case.auxiliary.items()},
        tensor_functions(),
    )
    rows = {name: None if each is None else pt.as_tensor(each) for name, each in case.rows.items()}
    _, tensors = made.pymc(values, made.rows(**rows))
    _, arrays = made.pymc(made.values(ETA, case.auxiliary), made.rows(**case.rows))
    assert tensors.keys() == arrays.keys()
    for name, tensor in tensors.items():  # or a constant
        assert_allclose(pt.as_tensor(tensor).eval(mode="FAST_COMPILE"), arrays[name])


def density_at(case: Case, row: int):
    """The density of one row, of any response."""

    def density(y: float) -> float:
        every = case.made.log_density(np.full(4, y), ETA, case.auxiliary, **case.rows)
        return float(np.exp(every[row]))

    return density


def shares_of_values(draws, density):
    """How often each value was drawn, and how probable it is."""
    values, counts = np.unique(draws, return_counts=True)
    return counts / len(draws), np.array([density(value) for value in values])


def shares_of_intervals(draws, density):
    """How often half of the draws fall between quantiles of the others, and how probable it is.

    Zeros of a continuous response are of a probability of their own.
    """
    zeros = draws == 0
    if zeros.any():
        share, p = shares_of_intervals(draws[~zeros][: (~zeros).sum() // 2 * 2], density)
        some = 1 - zeros.mean()
        return np.append(share * some, zeros.mean()), np.append(p, density(0.0))
    first, second = np.split(draws, 2)
    edges = np.quantile(first, np.linspace(0.01, 0.99, 25))
    p = [integrate.quad(density, *ends, limit=200)[0] for ends in itertools.pairwise(edges)]
    return np.histogram(second, edges)[0] / len(second), np.array(p)


@cases
def test_draws_follow_the_density(case):
    made = case.made
    draws = made.draw(
        np.random.default_rng(1), np.tile(ETA, (20_000, 1)), case.auxiliary, **case.rows
    )
    assert draws.shape == (20_000, 4)
    assert draws.dtype == np.float64
    shares_of = shares_of_values if made.discrete else shares_of_intervals
    for row in range(4):
        share, p = shares_of(draws[:, row], density_at(case, row))
        # Five binomial standard errors, and a floor of a few counts for rare values.
        assert np.all(np.abs(share - p) < 5 * np.sqrt(p / 10_000) + 3e-4)


@cases
def test_draws_have_the_mean(case):
    made = case.made
    draws = made.draw(
        np.random.default_rng(2), np.tile(ETA, (20_000, 1)), case.auxiliary, **case.rows
    )
    mean = made.expectation(ETA, auxiliary=case.auxiliary, **case.rows)
    if mean.ndim > 1:  # probabilities of categories
        draws = draws[..., np.newaxis] == np.arange(mean.shape[1])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    # A category may be so rare that it is never drawn.
    floor = 3e-4 if mean.ndim > 1 else 0.0
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 5 * error + floor)


@cases
def test_draws_of_parameters_broadcast(case):
    made, y = case.made, np.array(case.y)
    eta = np.stack([ETA, ETA + 1, ETA - 1])
    factor = np.array([1.0, 1.02, 1.1])
    auxiliary = {
        name: np.multiply.outer(factor, np.asarray(value)).reshape(3, 1, *np.shape(value))
        for name, value in case.auxiliary.items()
    }
    together = made.log_density(y, eta, auxiliary, **case.rows)
    alone = [
        made.log_density(y, row, {name: draws[i] for name, draws in auxiliary.items()}, **case.rows)
        for i, row in enumerate(eta)
    ]
    assert_allclose(together, np.stack(alone), rtol=1e-14)
    assert made.draw(np.random.default_rng(0), eta, auxiliary, **case.rows).shape == (3, 4)


@cases
def test_closed_slopes_are_those_of_differences(case):
    made, first = case.made, case.made.parameters[0].name
    if made.closed_slopes is None:
        return
    y, rows = np.array(case.y), made.rows(**case.rows)
    p = made.values(ETA, case.auxiliary)
    closed = made.slopes(y, p, rows, first)[first]
    ours = replace(made, closed_slopes=None).slopes(y, p, rows, first)[first]
    assert_allclose(closed.score, ours.score, rtol=1e-7, atol=1e-8)
    assert (closed.information >= 0).all()
    if not np.allclose(closed.information, ours.information, rtol=1e-5, atol=1e-6):
        # Where the observed one need not be positive, what is the same on average.
        tiled = np.tile(ETA, (100_000, 1))
        draws = made.draw(np.random.default_rng(5), tiled, case.auxiliary, **case.rows)
        score, information = made.slopes(draws, made.values(tiled, case.auxiliary), rows)[first]
        excess = score**2 - information
        error = excess.std(axis=0) / np.sqrt(len(excess))
        assert np.all(np.abs(excess.mean(axis=0)) < 5 * error)


@cases
def test_same_seed_same_draws(case):
    def draw():
        return case.made.draw(np.random.default_rng(3), ETA, case.auxiliary, **case.rows)

    assert_allclose(draw(), draw(), rtol=0, atol=0)


@cases
def test_pickles_by_name(case):
    made = case.made
    assert is_known(made)
    copy = pickle.loads(pickle.dumps(made))
    assert copy == made
    assert copy.link == case.link
    assert len(pickle.dumps(made)) < 120


@cases
def test_the_response_of_the_case_is_accepted(case):
    case.made.check_response("y", np.array(case.y), case.rows["trials"])


@pytest.mark.parametrize(
    ("name", "link", "tail"),
    [
        ("bernoulli", "logit", lambda eta: -eta),
        ("bernoulli", "probit", lambda eta: -(eta**2) / 2 - np.log(eta) - np.log(2 * np.pi) / 2),
        ("binomial", "logit", lambda eta: -eta),
    ],
)
def test_tails_stay_finite(name, link, tail):
    made = get_family(name, link)
    trials = np.array([1.0, 1.0]) if made.trials else None
    far = made.log_density([0.0, 1.0], [800.0, -800.0], trials=trials)
    assert_allclose(far, tail(800.0), rtol=1e-5)
    near = made.log_density([1.0, 0.0], [800.0, -800.0], trials=trials)
    assert_allclose(near, 0.0, atol=1e-300)


def test_poisson_far_out_neither_overflows_nor_fails():
    made = get_family("poisson")
    assert made.log_density(3.0, 1000.0) == -np.inf
    assert_allclose(made.log_density(0.0, -1000.0), 0.0)
    drawn = made.draw(np.random.default_rng(0), [1.0, 50.0, 1000.0])
    assert drawn[1] == pytest.approx(np.exp(50.0))
    assert drawn[2] == np.inf


def test_weights_divide_the_variance():
    made = get_family("gaussian")
    values, rows = made.values(0.0, {"sigma": 3.0}), made.rows(np.array([1.0, 4.0, 9.0]))
    assert_allclose(made.pymc(values, rows)[1]["sigma"], [3.0, 1.5, 1.0])


def test_expectation_counts_the_trials():
    assert_allclose(get_family("binomial").expectation([0.0, 0.0], [4, 10]), [2.0, 5.0])
    assert_allclose(get_family("bernoulli").expectation([0.0]), [0.5])
    assert_allclose(get_family("gaussian").expectation([1.5]), [1.5])


def test_families_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        get_family("gaussian").link = "log"
    with pytest.raises(TypeError):
        FAMILIES["gaussian"] = get_family("poisson")


@pytest.mark.parametrize(
    "asked",
    ["bernoulli(probit)", " bernoulli ( probit ) ", ("bernoulli", "probit")],
)
def test_ways_to_ask_for_a_link(asked):
    assert get_family(asked) == get_family("bernoulli", link="probit")
    assert get_family(asked).link == "probit"


def test_a_family_passes_through_and_may_change_its_link():
    probit = get_family("binomial", "probit")
    assert get_family(probit) is probit
    assert get_family(probit, "logit") == get_family("binomial")
    assert get_family("bernoulli(probit)", "probit") == get_family("bernoulli", "probit")
    assert repr(probit) == "binomial(probit)"
    assert get_family(repr(probit)) == probit


@pytest.mark.parametrize(
    ("asked", "link", "message"),
    [
        (
            "gausian",
            None,
            r"Unknown family 'gausian'. Families: gaussian, .* Did you mean 'gaussia",
        ),
        ("Poisson", None, "Did you mean 'poisson'"),
        ("normal", None, "Did you mean 'gaussian'"),
        ("", None, "Unknown family ''"),
        (
            "bernoulli",
            "probt",
            r"Unknown link 'probt' .* Links: logit, probit, cloglog, cauchit. Did you mean 'probit",
        ),
        ("gaussian(log)", None, "Unknown link 'log' for family 'gaussian'. Links: identity"),
        ("bernoulli(logit)", "probit", "has the link 'logit', but link='probit'"),
        (3, None, "family must be a name .* got 3"),
        (("bernoulli",), None, "family must be a name"),
        (None, None, "family must be a name"),
    ],
)
def test_unknown_families_and_links(asked, link, message):
    with pytest.raises(BayesmixError, match=message):
        get_family(asked, link)


@pytest.mark.parametrize(
    ("name", "y", "trials", "message"),
    [
        ("gaussian", [2.0, 2.0, 2.0], None, r"Response 'y' is constant \(every row is 2\)"),
        ("gaussian", [2.0], None, "constant"),
        ("gaussian", [], None, "has no rows"),
        ("gaussian", [1.0, np.inf, 2.0], None, r"must be finite; not so in 1 row \(position 1\)"),
        ("gaussian", [1.0, np.nan, np.nan], None, r"not so in 2 rows \(positions 1, 2\)"),
        ("gaussian", ["a", "b"], None, r"not numeric \(it holds a, b\).*column\['level'\]"),
        ("gaussian", np.array(["1", "2"], dtype=object), None, "not numeric"),
        ("gaussian", np.array(["2020-01-01"], dtype="M8[D]"), None, "not numeric"),
        ("gaussian", [1.0, 2.0], [3.0, 3.0], "'gaussian' takes none.*family='binomial'"),
        ("bernoulli", [0.0, 1.0, 2.0, 3.5], None, r"holds 2, 3\.5 too.*'binomial'.*y\['level'\]"),
        ("bernoulli", np.arange(10.0), None, r"holds 2, 3, 4, 5, 6, \.\.\. too"),
        ("bernoulli", [1.0, 1.0], None, "is 1 in every row"),
        ("bernoulli", [0.0, 0.0], None, "is 0 in every row"),
        ("bernoulli", [0.0, 1.0], [1.0, 1.0], "takes none"),
        ("binomial", [1.0, 2.0], None, r"Write p\(successes, trials\)"),
        ("binomial", [1.0, 5.0], [4.0, 4.0], r"more successes than trials; .* \(position 1\)"),
        ("binomial", [1.0, -1.0], [4.0, 4.0], "successes of response 'y' must not be negative"),
        ("binomial", [1.0, 0.5], [4.0, 4.0], "whole numbers.*for example 0.5"),
        ("binomial", [1.0, 1.0], [4.0, 4.5], "trials of response 'y' must be whole.*4.5"),
        ("binomial", [1.0, 0.0], [4.0, 0.0], "at least 1"),
        ("binomial", [1.0, 1.0], [4.0, np.nan], "trials of response 'y' must be finite"),
        ("binomial", [1.0, 1.0], [4.0], "2 rows but 1 number of trials"),
        ("binomial", [0.0, 0.0], [4.0, 4.0], "no successes in any row"),
        ("binomial", [4.0, 4.0], [4.0, 4.0], "no failures in any row"),
        ("poisson", [1.0, -2.0], None, "must not be negative"),
        ("poisson", [1.0, 2.5], None, "must be whole numbers.*for example 2.5"),
        ("poisson", [0.0, 0.0], None, "is 0 in every row"),
    ],
)
def test_bad_responses(name, y, trials, message):
    with pytest.raises(BayesmixError, match=message):
        get_family(name).check_response("y", y, trials)


@pytest.mark.parametrize("y", [[True, False], np.array([0, 1]), np.array([0, 1.0], dtype=object)])
def test_booleans_and_integers_are_numbers(y):
    get_family("bernoulli").check_response("y", y)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("poisson", [1.0], r"Family 'poisson' takes no weights.*'gaussian'"),
        ("gaussian", [1.0, 0.0], r"weights must be positive; not so in 1 row \(position 1\)"),
        ("gaussian", [1.0, -1.0], "weights must be positive"),
        ("gaussian", [1.0, np.nan], "weights must be finite"),
    ],
)
def test_bad_weights(name, weights, message):
    with pytest.raises(BayesmixError, match=message):
        get_family(name).check_weights(weights)


def test_good_weights():
    get_family("gaussian").check_weights([0.5, 2])
    get_family("poisson").check_weights(None)


def test_what_the_density_needs_is_asked_for_by_name():
    with pytest.raises(BayesmixError, match="needs the auxiliary parameter 'sigma'"):
        get_family("gaussian").log_density([1.0], [1.0])
    with pytest.raises(BayesmixError, match="needs the number of trials"):
        get_family("binomial").draw(np.random.default_rng(0), [1.0])
    with pytest.raises(BayesmixError, match="takes no weights"):
        get_family("poisson").rows(weights=np.ones(3))


GEOMETRIC = next(family for family in TOYS if family.name == "geometric")
FAILURES = pd.DataFrame({"y": [0, 3, 2, 7, 1, 5], "x": [0.5, 2.5, -1.0, 4.0, 1.0, 0.0]})


@pytest.mark.parametrize(
    ("links", "of_mean", "location"),
    [
        (("logit",), lambda mean: 1 / (1 + mean), logit(1 / 4)),
        (("probit",), lambda mean: 1 / (1 + mean), stats.norm.ppf(1 / 4)),
        (("log",), lambda mean: 1 / mean, -np.log(3)),
        (("identity",), lambda mean: -mean, -3),
    ],
)
@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_where_the_intercept_is_when_the_first_parameter_is_not_the_mean(
    links, of_mean, location, offset
):
    made = replace(
        GEOMETRIC, parameters=(Parameter("p", UNIT, links=links),), of_mean=of_mean, link=""
    )
    data = FAILURES.assign(known=offset)
    spec = bm.prepare("y ~ x + offset(known)", data, family=made)
    assert spec.priors.intercept.parameters["mu"] == pytest.approx(location - offset)


@pytest.mark.parametrize("of_mean", [None, lambda mean: 1 + mean, lambda mean: 1 / (mean - 3)])
def test_a_default_of_the_intercept_that_is_not_finite_is_told(of_mean):
    made = replace(GEOMETRIC, of_mean=of_mean)
    message = r"Family 'geometric' has no .*mean response, 3, where 'p' cannot be. Give .*of_mean="
    with pytest.raises(BayesmixError, match=message):
        bm.prepare("y ~ x", FAILURES, family=made)


def test_the_family_of_the_design_document(monkeypatch):
    laplace, sleepstudy = of_the_document(), bm.load_dataset("sleepstudy")
    monkeypatch.setitem(ENTRIES, "laplace", laplace)
    y, eta = np.array([-1.0, 0.4, 3.0]), np.array([0.2, 0.4, 0.6])
    expected = stats.laplace(eta, 1.5).logpdf(y)
    assert_allclose(laplace.log_density(y, eta, {"scale": 1.5}), expected, rtol=1e-12)
    spec = bm.prepare("Reaction ~ Days + (Days | Subject)", sleepstudy, family="laplace")
    scale = spec.priors.auxiliary["scale"].parameters["scale"]
    assert scale == pytest.approx(sleepstudy["Reaction"].std())
    assert "scale" in {variable.name for variable in spec.build().free_RVs}
