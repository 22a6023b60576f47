"""Priors: single distributions against PyMC, defaults from the data, paths and their errors."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.design.columnsums import RowColumns
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import joined
from bayesmix.design.spreads import cell_columns
from bayesmix.families.registry import get_family
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.forms import FORMS, form_of
from bayesmix.priors.prior import LKJ, Prior, vectorise
from bayesmix.priors.priorset import PriorSet, without_correlations
from bayesmix.priors.support import bounds_of, mass_of

GAUSSIAN, BERNOULLI, POISSON = (get_family(name) for name in ("gaussian", "bernoulli", "poisson"))
HALF = Prior("HalfNormal", sigma=1)
WIDE = Prior("HalfNormal", sigma=9)
NARROW = Prior("Normal", mu=1, sigma=0.5)


# Single priors


@dataclass(frozen=True)
class Law:
    """One parametrisation of a common distribution, and where its support begins and ends."""

    prior: Prior
    lower: float
    upper: float = np.inf


LAWS = [
    Law(Prior("Normal", mu=1.5, sigma=2), -np.inf),
    Law(Prior("Normal", mu=1.5, tau=4), -np.inf),
    Law(Prior("StudentT", nu=3, mu=1, sigma=2.5), -np.inf),
    Law(Prior("StudentT", nu=3, mu=1, lam=0.3), -np.inf),
    Law(Prior("Cauchy", alpha=-1, beta=2), -np.inf),
    Law(Prior("Laplace", mu=1, b=2), -np.inf),
    Law(Prior("Logistic", mu=1, s=2), -np.inf),
    Law(Prior("Gumbel", mu=1, beta=2), -np.inf),
    Law(Prior("Uniform", lower=0.5, upper=3), 0.5, 3),
    Law(Prior("TruncatedNormal", mu=1, sigma=2, lower=0), 0),
    Law(Prior("TruncatedNormal", mu=1, sigma=2, upper=3), -np.inf, 3),
    Law(Prior("TruncatedNormal", mu=1, sigma=2, lower=-1, upper=3), -1, 3),
    Law(Prior("TruncatedNormal", mu=1, sigma=2), -np.inf),
    Law(Prior("HalfNormal", sigma=2), 0),
    Law(Prior("HalfNormal", tau=4), 0),
    Law(Prior("HalfCauchy", beta=2), 0),
    Law(Prior("HalfStudentT", nu=3, sigma=2), 0),
    Law(Prior("HalfStudentT", nu=3, lam=0.3), 0),
    Law(Prior("Exponential", scale=4), 0),
    Law(Prior("Exponential", lam=4), 0),
    Law(Prior("Gamma", alpha=2, beta=3), 0),
    Law(Prior("Gamma", mu=2, sigma=3), 0),
    Law(Prior("InverseGamma", alpha=3, beta=2), 0),
    Law(Prior("InverseGamma", mu=3, sigma=2), 0),
    Law(Prior("LogNormal", mu=0.5, sigma=0.7), 0),
    Law(Prior("LogNormal", mu=0.5, tau=3), 0),
    Law(Prior("Weibull", alpha=2, beta=3), 0),
    Law(Prior("Pareto", alpha=2, m=1.5), 1.5),
    Law(Prior("ChiSquared", nu=3), 0),
    Law(Prior("Beta", alpha=2, beta=3), 0, 1),
    Law(Prior("Beta", mu=0.3, sigma=0.2), 0, 1),
]
laws = pytest.mark.parametrize("law", LAWS, ids=lambda law: repr(law.prior))
# PyMC writes logarithms and halves of small integers in these, which PyTensor folds so.
SINGLE_PRECISION_CONSTANTS = {"TruncatedNormal", "HalfCauchy", "HalfStudentT", "ChiSquared"}
GRID = np.array([-7.3, -0.4, 0.2, 0.7, 1.9, 2.6, 14.0])


def test_every_parametrisation_has_a_row():
    n_forms = sum(len(forms) for forms in FORMS.values())
    names = [(law.prior.distribution, law.prior.parameters) for law in LAWS]
    assert len({id(form_of(*pair)) for pair in names}) == n_forms


@laws
def test_log_density_is_that_of_pymc(law):
    pm = pytest.importorskip("pymc")
    variable = getattr(pm, law.prior.distribution).dist(**law.prior.parameters, shape=GRID.shape)
    expected = pm.logp(variable, GRID).eval(mode="FAST_COMPILE")
    rtol = 1e-6 if law.prior.distribution in SINGLE_PRECISION_CONSTANTS else 1e-9
    assert_allclose(law.prior.log_density(GRID), expected, rtol=rtol, atol=1e-12)


@laws
def test_draws_follow_the_density(law):
    draws = law.prior.draw(np.random.default_rng(5), (40, 100))
    assert draws.shape == (40, 100)
    draws = draws.ravel()
    assert draws.min() >= law.lower
    assert draws.max() <= law.upper
    # The density integrates to the share of the draws on the interval between two quantiles.
    low, high = np.quantile(draws, [0.2, 0.8])
    x = np.linspace(low, high, 4001)
    mass = np.trapezoid(np.exp(law.prior.log_density(x)), x)
    assert mass == pytest.approx(0.6, abs=0.04)


@laws
def test_draws_are_those_of_scipy(law):
    """Whether or not its laws are loaded: the numbers of a seed do not depend on it."""
    form = form_of(law.prior.distribution, law.prior.parameters)
    theirs = getattr(stats, form.scipy)(**form.convert(**law.prior.parameters))
    for size in (None, 3, (2, 3)):
        expected = theirs.rvs(size=size, random_state=np.random.default_rng(7))
        drawn = law.prior.draw(np.random.default_rng(7), size)
        assert_allclose(drawn, np.abs(expected) if form.folded else expected, rtol=0, atol=0)


@laws
def test_support(law):
    mass = mass_of(law.prior)
    assert not mass.discrete
    assert (mass.lower, mass.upper) == pytest.approx((law.lower, law.upper))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, forms in FORMS.items()
        if any(None not in form.arguments.values() for form in forms)
    ],
)
def test_defaults_are_those_of_pymc(name):
    pm = pytest.importorskip("pymc")
    variable = getattr(pm, name).dist(shape=GRID.shape)
    expected = pm.logp(variable, GRID).eval(mode="FAST_COMPILE")
    assert_allclose(Prior(name).log_density(GRID), expected, rtol=1e-6)


@laws
def test_priors_are_values(law):
    prior = law.prior
    again = Prior(prior.distribution, **dict(reversed(prior.parameters.items())))
    assert again == prior
    assert hash(again) == hash(prior)
    assert pickle.loads(pickle.dumps(prior)) == prior
    assert eval(repr(prior), {prior.distribution: partial(Prior, prior.distribution)}) == prior


def test_text_is_short_but_values_keep_their_precision():
    prior = Prior("Normal", mu=-0.0, sigma=np.float64(123.456789012))
    assert repr(prior) == "Normal(mu=0, sigma=123.457)"
    assert prior.parameters["sigma"] == 123.456789012
    assert {type(value) for value in Prior("Normal", mu=1).parameters.values()} == {np.float64}
    assert repr(Prior("HalfNormal")) == "HalfNormal(sigma=1)"
    assert repr(Prior("Flat")) == "Flat()"
    assert repr(LKJ(2)) == "LKJ(eta=2)"


def test_priors_cannot_be_changed():
    prior = Prior("Normal")
    with pytest.raises(FrozenInstanceError):
        prior.distribution = "Laplace"
    prior.parameters["mu"] = 7.0
    assert prior.parameters["mu"] == 0.0
    with pytest.raises(FrozenInstanceError):
        LKJ(1).eta = 2


def test_numbers_of_every_kind_are_accepted():
    wanted = Prior("Normal", mu=2, sigma=1)
    for two in (2.0, np.int64(2), np.float32(2), np.array(2.0)):
        assert Prior("Normal", mu=two, sigma=1) == wanted


@pytest.mark.parametrize(
    ("distribution", "parameters", "message"),
    [
        ("Normal", {"sd": 1}, "Normal has no parameter 'sd'. It takes mu, sigma, tau"),
        ("Normal", {"sgima": 1}, "Did you mean 'sigma'"),
        (
            "Normal",
            {"sigma": 1, "tau": 1},
            r"cannot be made from sigma, tau. Write Normal\(mu=0, s",
        ),
        ("StudentT", {"mu": 1}, r"cannot be made from mu. Write StudentT\(nu, mu=0, sigma=1\) or"),
        ("Gamma", {}, r"from no parameters. Write Gamma\(alpha, beta\) or Gamma\(mu, sigma\)"),
        ("Gamma", {"alpha": 1, "sigma": 1}, "cannot be made from alpha, sigma"),
        ("Normal", {"sigma": 0}, "Normal: sigma must be positive, got 0"),
        ("HalfCauchy", {"beta": -1}, "HalfCauchy: beta must be positive, got -1"),
        ("Normal", {"mu": np.nan}, "Normal: mu must be finite, got nan"),
        ("Normal", {"mu": np.inf}, "mu must be finite"),
        ("Normal", {"mu": "0"}, "mu must be one number, got '0'"),
        ("Normal", {"mu": True}, "mu must be one number, got True"),
        ("Normal", {"mu": [0, 1]}, r"mu must be one number, got \[0, 1\]"),
        ("Normal", {"mu": np.zeros(2)}, "mu must be one number.*by path"),
        ("Normal", {"mu": None}, "mu must be one number"),
        ("Uniform", {"lower": 2, "upper": 1}, "lower must be less than upper, got 2 and 1"),
        ("Uniform", {"upper": 0}, "lower must be less than upper, got 0 and 0"),
        ("TruncatedNormal", {"lower": 2, "upper": 2}, "lower must be less than upper"),
        ("Beta", {"mu": 0.5, "sigma": 0.6}, r"mu must lie in \(0, 1\) and sigma below"),
        ("Beta", {"mu": 1.5, "sigma": 0.1}, r"Beta: .* mu must lie in \(0, 1\)"),
        ("LogNormal", {"mu": 1000}, "no such distribution with mu=1000, sigma=1, or its numbers"),
        ("Exponential", {"lam": 1e-320}, "beyond double precision"),
        ("Flat", {"mu": 0}, "Flat has no parameter 'mu'. It takes no parameters"),
        (3, {}, "distribution must be a name such as 'Normal'; got 3"),
        # From here on PyMC says what it knows.
        ("normal", {}, "Unknown distribution 'normal'.*Did you mean 'Normal'"),
        ("HalfNorm", {"sigma": 1}, "Unknown distribution 'HalfNorm'.*Did you mean 'HalfNormal'"),
        ("sample", {}, "Unknown distribution 'sample'"),
        ("SkewNormal", {"alhpa": 1}, "SkewNormal has no parameter 'alhpa'.*Did you mean 'alpha'"),
        ("Kumaraswamy", {"a": 1}, "Kumaraswamy cannot be made: .*'b'"),
        ("MvStudentT", {"nu": 3}, "MvStudentT is the distribution of an array"),
        ("Dirichlet", {"a": 1}, "Dirichlet"),
        ("Continuous", {}, "Continuous cannot be made"),
    ],
)
def test_bad_priors(distribution, parameters, message):
    with pytest.raises(BayesmixError, match=message):
        Prior(distribution, **parameters)


@pytest.mark.parametrize("eta", [0, -1, np.nan, np.inf, "1", None, True, [1, 2]])
def test_bad_lkj(eta):
    with pytest.raises(BayesmixError, match="LKJ: eta must be"):
        LKJ(eta)


def test_lkj_is_a_value():
    assert LKJ(2) == LKJ(2.0) == pickle.loads(pickle.dumps(LKJ(np.int64(2))))
    assert LKJ() == LKJ(1)
    assert isinstance(LKJ(2).eta, float)


def test_improper_priors_have_a_density_but_no_draws():
    for name, at_minus_one in (("Flat", 0.0), ("HalfFlat", -np.inf)):
        prior = Prior(name)
        assert not prior.is_proper
        assert_allclose(prior.log_density([-1.0, 2.0]), [at_minus_one, 0.0])
        with pytest.raises(BayesmixError, match=f"{name}.* is improper.*wide proper prior"):
            prior.draw(np.random.default_rng(0), 3)
    assert Prior("Normal").is_proper


def test_a_distribution_that_only_pymc_knows():
    prior = Prior("SkewNormal", sigma=2, alpha=1)
    assert repr(prior) == "SkewNormal(alpha=1, sigma=2)"
    assert prior == Prior("SkewNormal", alpha=1, sigma=2)
    assert not prior.has_log_density
    assert prior.is_proper
    for call in (lambda: prior.log_density(0.0), lambda: prior.draw(np.random.default_rng(0), 1)):
        with pytest.raises(NotImplementedError, match="SkewNormal"):
            call()
    assert pickle.loads(pickle.dumps(prior)) == prior
    assert vectorise([prior, prior])[1]["sigma"].tolist() == [2.0, 2.0]


def test_same_seed_same_draws():
    first, second = (Prior("Gumbel", mu=0, beta=1).draw(np.random.default_rng(2), 5) for _ in "ab")
    assert_allclose(first, second, rtol=0, atol=0)
    assert Prior("Normal").draw(np.random.default_rng(0)).shape == ()


def test_vectorise():
    name, parameters = vectorise([Prior("Normal", mu=i, sigma=i + 1) for i in range(3)])
    assert name == "Normal"
    assert_allclose(parameters["mu"], [0, 1, 2])
    assert_allclose(parameters["sigma"], [1, 2, 3])
    assert vectorise([Prior("Flat"), Prior("Flat")]) == ("Flat", {})
    assert vectorise([Prior("Normal"), Prior("Normal", tau=1)]) is None
    assert vectorise([Prior("Normal"), Prior("Cauchy", alpha=0, beta=1)]) is None
    assert vectorise([]) is None


# Stand-ins for the design: what priors read.


def group_of(factor, effects, Z, blocks):
    """Make a grouping factor whose levels nobody reads."""
    codes = np.zeros(len(Z), dtype=np.int64)
    return GroupTerm(factor, (factor,), np.array(["a"]), codes, effects, Z, blocks)


@dataclass(frozen=True)
class FakeDesign:
    y: np.ndarray
    X: np.ndarray
    terms: tuple[str, ...]
    groups: tuple[GroupTerm, ...] = ()
    offset: np.ndarray | None = None
    weights: np.ndarray | None = None
    trials: np.ndarray | None = None
    response: str = "y"
    predictor: str = ""
    predictors: Mapping[str, object] = MappingProxyType({})
    totals: None = None

    @property
    def columns(self):
        return RowColumns(self.X)

    @property
    def has_intercept(self):
        return "Intercept" in self.terms

    @property
    def joint_effects(self):
        return joined(self.groups)


N = 12
ONES = np.ones(N)
X1 = np.array([0.0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 7])
X2 = np.array([2.0, 1, 4, 3, 9, 5, 1, 1, 2, 3, 4, 8]) * 100
SES = np.tile(np.eye(3), (4, 1))
SES[0] = [0.0, 1.0, 0.0]
Y = 250 + 20 * np.sin(np.arange(N))
S_Y = Y.std(ddof=1)
CELLS = ("ses[low]", "ses[mid]", "ses[high]")


def columns(*parts):
    return np.column_stack(parts)


def student(correlated=True):
    blocks = ((0, 1),) if correlated else ((0,), (1,))
    return group_of("student", ("Intercept", "occasion"), columns(ONES, X1), blocks)


DESIGN = FakeDesign(
    Y,
    columns(ONES, X1, X2),
    ("Intercept", "occasion", "income"),
    (student(), group_of("school:ses", ("Intercept",), columns(ONES), ((0,),))),
)
SPLIT = FakeDesign(DESIGN.y, DESIGN.X, DESIGN.terms, (student(correlated=False), DESIGN.groups[1]))
AT_MEANS = ", occasion and income at their means"
PATHS = [
    "Intercept",
    "beta:occasion",
    "beta:income",
    "sd:student:Intercept",
    "sd:student:occasion",
    "sd:school:ses:Intercept",
    "cor:student",
    "sigma",
]


def table(priors):
    return dict(zip(*(priors.table()[column] for column in ("parameter", "prior")), strict=True))


# Defaults


def test_defaults_of_a_gaussian_model():
    priors = resolve_priors(DESIGN, GAUSSIAN)
    assert priors.intercept == Prior("Normal", mu=Y.mean(), sigma=2.5 * S_Y)
    assert priors.beta == (
        Prior("Normal", mu=0, sigma=2.5 * S_Y / X1.std(ddof=1)),
        Prior("Normal", mu=0, sigma=2.5 * S_Y / X2.std(ddof=1)),
    )
    assert priors.sd == {
        "student": (
            Prior("Exponential", scale=S_Y),
            Prior("Exponential", scale=S_Y / X1.std(ddof=1)),
        ),
        "school:ses": (Prior("Exponential", scale=S_Y),),
    }
    assert priors.cor == {"student": LKJ(1)}
    assert priors.auxiliary == {"sigma": Prior("Exponential", scale=S_Y)}
    assert priors.edits == {}


@pytest.mark.parametrize(
    ("family", "y", "location"), [(BERNOULLI, Y > 260, -np.log(2)), (POISSON, Y, np.log(Y.mean()))]
)
def test_defaults_of_other_families_are_on_the_link_scale(family, y, location):
    assert (Y > 260).mean() == 1 / 3
    priors = resolve_priors(replace(DESIGN, y=y), family)
    assert priors.intercept.parameters["mu"] == pytest.approx(location)
    assert priors.intercept.parameters["sigma"] == 2.5
    assert priors.beta[0] == Prior("Normal", mu=0, sigma=2.5 / X1.std(ddof=1))
    assert priors.sd["student"][0] == Prior("Exponential", scale=1)
    assert priors.sd["student"][1] == Prior("Exponential", scale=1 / X1.std(ddof=1))
    assert priors.auxiliary == {}
    assert "sigma" not in table(priors)


def test_the_mean_of_the_offset_is_taken_from_the_intercept():
    design = FakeDesign(DESIGN.y, DESIGN.X, DESIGN.terms, offset=X1)
    assert resolve_priors(design, GAUSSIAN).intercept.parameters["mu"] == pytest.approx(
        Y.mean() - X1.mean()
    )
    rate = resolve_priors(design, POISSON).intercept
    assert rate.parameters["mu"] == pytest.approx(np.log(Y.sum() / np.exp(X1).sum()))
    nought = FakeDesign(np.tile([-1.0, 1.0], N // 2), DESIGN.X, DESIGN.terms, offset=0 * X1)
    assert "mu=0," in table(resolve_priors(nought, GAUSSIAN))["Intercept"]


def test_table_lists_one_row_per_parameter_in_order():
    shown = resolve_priors(DESIGN, GAUSSIAN, {"cor": LKJ(2), "sigma": WIDE}).table()
    assert isinstance(shown, pd.DataFrame)
    assert shown.columns.tolist() == ["parameter", "prior"]
    assert shown["parameter"].tolist() == PATHS
    assert shown["prior"].tolist()[-2:] == ["LKJ(eta=2)", "HalfNormal(sigma=9)"]
    intercept = f"Normal(mu={Y.mean():g}, sigma={2.5 * S_Y:g})"
    assert shown["prior"][0] == f"{intercept}{AT_MEANS}"


@pytest.mark.parametrize(
    ("column", "spread"),
    [(4 * ONES, 4.0), (-4 * ONES, 4.0), (0.1 * ONES, 0.1), (0 * ONES, 1.0)],
)
def test_a_constant_column_counts_with_its_size(column, spread):
    group = group_of("g", ("Intercept", "c"), columns(ONES, column), ((0, 1),))
    design = FakeDesign(Y, columns(ONES, column), ("Intercept", "c"), (group,))
    priors = resolve_priors(design, GAUSSIAN)
    assert priors.beta[0].parameters["sigma"] == pytest.approx(2.5 * S_Y / spread)
    assert priors.sd["g"][1].parameters["scale"] == pytest.approx(S_Y / spread)


def test_without_an_intercept_slopes_follow_the_rule_and_nothing_is_centred():
    priors = resolve_priors(FakeDesign(Y, columns(X1, X2), ("a", "b")), GAUSSIAN)
    assert priors.intercept is None
    assert priors.beta == (
        Prior("Normal", mu=0, sigma=2.5 * S_Y / X1.std(ddof=1)),
        Prior("Normal", mu=0, sigma=2.5 * S_Y / X2.std(ddof=1)),
    )


def test_cell_means_are_intercepts():
    priors = resolve_priors(FakeDesign(Y, SES, CELLS), GAUSSIAN)
    assert priors.beta == (Prior("Normal", mu=Y.mean(), sigma=2.5 * S_Y),) * 3


def test_cell_means_beside_a_slope_get_the_prior_of_an_uncentred_intercept():
    design = FakeDesign(Y, columns(X1, SES, X2), ("occasion", *CELLS, "income"))
    priors = resolve_priors(design, GAUSSIAN)
    assert priors.beta[0] == Prior("Normal", mu=0, sigma=2.5 * S_Y / X1.std(ddof=1))
    assert len(set(priors.beta[1:4])) == 1
    assert priors.beta[1].parameters["mu"] == Y.mean()
    # The same model with an intercept: its implied prior, by simulation.
    rng = np.random.default_rng(0)
    with_intercept = resolve_priors(DESIGN, GAUSSIAN)
    centred = with_intercept.intercept.draw(rng, 200_000)
    implied = centred - sum(
        prior.draw(rng, 200_000) * x.mean()
        for prior, x in zip(with_intercept.beta, (X1, X2), strict=True)
    )
    assert priors.beta[1].parameters["sigma"] == pytest.approx(implied.std(), rel=0.02)


@pytest.mark.parametrize(
    ("X", "found"),
    [
        (SES, [0, 1, 2]),
        (columns(X1, SES), [1, 2, 3]),
        (columns(SES[:, 0], SES), [1, 2, 3]),
        (columns(SES, SES[:, 1:]), [0, 1, 2]),
        (columns(ONES), [0]),
        (SES[:, :2], []),
        (2 * SES, []),
        (columns(X1, X2), []),
        (np.zeros((N, 0)), []),
    ],
)
def test_cell_columns(X, found):
    assert cell_columns(X) == found


def test_indicators_in_a_model_with_an_intercept_are_slopes():
    design = FakeDesign(Y, columns(ONES, SES[:, 1:]), ("Intercept", *CELLS[1:]))
    assert resolve_priors(design, GAUSSIAN).beta[0].parameters["sigma"] == pytest.approx(
        2.5 * S_Y / SES[:, 1].std(ddof=1)
    )


def test_intercepts_of_each_cell_in_a_bar():
    cells = group_of("g", ("Intercept", *CELLS, "x"), columns(ONES, SES, X1), ((0,), (1, 2, 3, 4)))
    priors = resolve_priors(FakeDesign(Y, columns(ONES), ("Intercept",), (cells,)), GAUSSIAN)
    scales = [prior.parameters["scale"] for prior in priors.sd["g"]]
    assert scales == pytest.approx([S_Y] * 4 + [S_Y / X1.std(ddof=1)])
    slopes = group_of("g", ("Intercept", *CELLS[1:]), columns(ONES, SES[:, 1:]), ((0, 1, 2),))
    priors = resolve_priors(FakeDesign(Y, columns(ONES), ("Intercept",), (slopes,)), GAUSSIAN)
    assert priors.sd["g"][1].parameters["scale"] == pytest.approx(S_Y / SES[:, 1].std(ddof=1))


@pytest.mark.parametrize("family", ["gamma", "weibull"])
@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_responses_whose_squares_are_no_numbers_are_refused(family, factor):
    data = pd.DataFrame({"x": np.arange(N) % 5.0, "y": factor * (1.0 + np.arange(N) % 7)})
    with pytest.raises(BayesmixError, match=r"The response 'y' is of the size .* Rescale it: div"):
        bm.prepare("y ~ x", data, family=family)
    bm.prepare("y ~ x", data.assign(y=data.y / factor), family=family)


@pytest.mark.parametrize("y", [np.full(N, 3.0), np.array([2.0]), 1e200 * Y])
def test_a_response_without_a_scale(y):
    design = FakeDesign(y, np.ones((y.size, 1)), ("Intercept",))
    with pytest.raises(BayesmixError, match="The sd of the response"):
        resolve_priors(design, GAUSSIAN)


def test_a_model_without_bars_or_columns():
    priors = resolve_priors(FakeDesign(Y, columns(ONES), ("Intercept",)), GAUSSIAN)
    assert priors.beta == ()
    assert priors.sd == {}
    assert priors.cor == {}
    assert list(table(priors)) == ["Intercept", "sigma"]


def test_only_blocks_of_two_have_correlations():
    assert resolve_priors(SPLIT, GAUSSIAN).cor == {}
    assert list(table(resolve_priors(SPLIT, GAUSSIAN))) == [p for p in PATHS if p != "cor:student"]


# Edits


@pytest.mark.parametrize(
    ("edits", "changed"),
    [
        ({"beta": NARROW}, {"beta:occasion": NARROW, "beta:income": NARROW}),
        ({"occasion": NARROW}, {"beta:occasion": NARROW}),
        ({"beta:occasion": NARROW}, {"beta:occasion": NARROW}),
        ({"Intercept": NARROW}, {"Intercept": NARROW}),
        ({"sigma": HALF}, {"sigma": HALF}),
        (
            {"sd": HALF},
            {
                "sd:student:Intercept": HALF,
                "sd:student:occasion": HALF,
                "sd:school:ses:Intercept": HALF,
            },
        ),
        ({"sd:student": HALF}, {"sd:student:Intercept": HALF, "sd:student:occasion": HALF}),
        ({"sd:school:ses": HALF}, {"sd:school:ses:Intercept": HALF}),
        ({"sd:school:ses:Intercept": HALF}, {"sd:school:ses:Intercept": HALF}),
        ({"sd:student:occasion": HALF}, {"sd:student:occasion": HALF}),
        (
            {"sd:student:occasion": WIDE, "sd": HALF},
            {
                "sd:student:Intercept": HALF,
                "sd:student:occasion": WIDE,
                "sd:school:ses:Intercept": HALF,
            },
        ),
        (
            {"sd:student": WIDE, "sd:student:Intercept": HALF},
            {"sd:student:Intercept": HALF, "sd:student:occasion": WIDE},
        ),
        ({"income": NARROW, "beta": HALF}, {"beta:occasion": HALF, "beta:income": NARROW}),
        ({"cor": LKJ(3)}, {"cor:student": LKJ(3)}),
        ({"cor": LKJ(3), "cor:student": LKJ(5)}, {"cor:student": LKJ(5)}),
    ],
)
def test_edits_cascade_whatever_their_order(edits, changed):
    expected = table(resolve_priors(DESIGN, GAUSSIAN)) | {
        path: f"{prior!r}{AT_MEANS if path == 'Intercept' else ''}"
        for path, prior in changed.items()
    }
    forwards = resolve_priors(DESIGN, GAUSSIAN, edits)
    backwards = resolve_priors(DESIGN, GAUSSIAN, dict(reversed(edits.items())))
    assert table(forwards) == table(backwards) == expected
    assert forwards == backwards


def test_edits_keep_column_order_and_the_users_mapping():
    edits = {"income": NARROW}
    priors = resolve_priors(DESIGN, GAUSSIAN, edits)
    assert priors.beta[1] == NARROW
    assert priors.beta[0] == resolve_priors(DESIGN, GAUSSIAN).beta[0]
    assert edits == {"income": NARROW}
    assert priors.edits == {"beta:income": NARROW}
    priors.edits.clear()
    priors.sd.clear()
    assert priors.edits == {"beta:income": NARROW}
    assert priors.sd


def test_labels_of_categories_and_interactions_are_paths():
    terms = ("Intercept", "ses[mid]", "occasion:ses[mid]")
    design = FakeDesign(Y, columns(ONES, SES[:, 1], X1 * SES[:, 1]), terms)
    priors = resolve_priors(design, GAUSSIAN, {"ses[mid]": NARROW, "occasion:ses[mid]": HALF})
    assert priors.beta == (NARROW, HALF)


def test_a_reserved_word_is_a_path_and_not_a_column():
    terms = ("Intercept", "sd", "sigma", "cor")
    design = FakeDesign(Y, columns(ONES, X1, X2, X1**2), terms, (student(),))
    priors = resolve_priors(design, GAUSSIAN, {"sd": HALF, "sigma": HALF, "beta:sd": NARROW})
    assert priors.sd["student"] == (HALF, HALF)
    assert priors.auxiliary == {"sigma": HALF}
    assert priors.beta[0] == NARROW
    assert priors.beta[1] == resolve_priors(design, GAUSSIAN).beta[1]
    bare = FakeDesign(Y, columns(ONES, X1), ("Intercept", "sd"))
    with pytest.raises(BayesmixError, match="no bars"):
        resolve_priors(bare, GAUSSIAN, {"sd": HALF})


def test_a_path_with_two_meanings_is_refused():
    groups = (
        group_of("a", ("Intercept", "b"), columns(ONES, X1), ((0, 1),)),
        group_of("a:b", ("Intercept",), columns(ONES), ((0,),)),
    )
    design = FakeDesign(Y, columns(ONES), ("Intercept",), groups)
    with pytest.raises(BayesmixError, match="'sd:a:b' has two meanings"):
        resolve_priors(design, GAUSSIAN, {"sd:a:b": HALF})
    priors = resolve_priors(design, GAUSSIAN, {"sd:a": HALF, "sd:a:b:Intercept": WIDE})
    assert priors.sd == {"a": (HALF, HALF), "a:b": (WIDE,)}


def test_replace_adds_edits_and_keeps_the_more_specific():
    first = resolve_priors(DESIGN, GAUSSIAN, {"sd:student:occasion": WIDE, "income": NARROW})
    second = first.replace({"sd": HALF, "beta:income": HALF})
    assert second == resolve_priors(
        DESIGN, GAUSSIAN, {"sd": HALF, "sd:student:occasion": WIDE, "income": HALF}
    )
    assert second.sd["student"] == (HALF, WIDE)
    assert first.sd["school:ses"] == (Prior("Exponential", scale=S_Y),)
    assert second.edits["sd"] == HALF
    with pytest.raises(BayesmixError, match="Unknown prior path 'sd:studnet'"):
        first.replace({"sd:studnet": HALF})


def test_sets_are_values():
    first, second = (resolve_priors(DESIGN, GAUSSIAN, {"cor": LKJ(2)}) for _ in "ab")
    assert first == second == pickle.loads(pickle.dumps(first)) == copy.deepcopy(first)
    assert hash(first) == hash(second)
    assert pickle.loads(pickle.dumps(first)).edits == first.edits
    assert first != resolve_priors(DESIGN, GAUSSIAN)
    assert first == resolve_priors(DESIGN, GAUSSIAN, {"cor:student": LKJ(2)})
    assert isinstance(first, PriorSet)
    with pytest.raises(FrozenInstanceError):
        first.leaves = ()


def test_edits_of_correlations_can_be_dropped_for_split_blocks():
    edits = resolve_priors(DESIGN, GAUSSIAN, {"cor": LKJ(2), "sd:student": HALF}).edits
    assert without_correlations(edits) == {"sd:student": HALF}
    split = resolve_priors(SPLIT, GAUSSIAN, without_correlations(edits))
    assert split.sd["student"] == (HALF, HALF)
    assert edits["cor"] == LKJ(2)


BARE = FakeDesign(Y, columns(ONES), ("Intercept",))
NO_INTERCEPT = FakeDesign(Y, columns(X1), ("occasion",))


@pytest.mark.parametrize(
    ("design", "family", "priors", "message"),
    [
        (DESIGN, GAUSSIAN, {"sd:studnet": HALF}, r"path 'sd:studnet'. Paths of this model: Interc"),
        (DESIGN, GAUSSIAN, {"sd:studnet": HALF}, "Did you mean 'sd:student'"),
        (DESIGN, GAUSSIAN, {"ocasion": NARROW}, "Did you mean 'beta:occasion'"),
        (DESIGN, GAUSSIAN, {"student": HALF}, "Did you mean 'sd:student'"),
        (DESIGN, GAUSSIAN, {"sd:school": HALF}, "Unknown prior path 'sd:school'"),
        (DESIGN, GAUSSIAN, {"sd:ses": HALF}, "Unknown prior path 'sd:ses'"),
        (DESIGN, GAUSSIAN, {"beta:Intercept": NARROW}, "path of its own, 'Intercept'"),
        (DESIGN, GAUSSIAN, {"cor:school:ses": LKJ(2)}, "two or more effects in one bar"),
        (DESIGN, BERNOULLI, {"sigma": HALF}, "Unknown prior path 'sigma'"),
        (DESIGN, GAUSSIAN, {3: HALF}, "Unknown prior path 3. A path is text"),
        (DESIGN, GAUSSIAN, {("sd", "student"): HALF}, "A path is text"),
        (DESIGN, GAUSSIAN, {"": HALF}, "Unknown prior path ''"),
        (SPLIT, GAUSSIAN, {"cor": LKJ(2)}, "no correlations"),
        (BARE, GAUSSIAN, {"sd": HALF}, "no bars"),
        (BARE, GAUSSIAN, {"sd:student": HALF}, "no bars"),
        (BARE, GAUSSIAN, {"cor": LKJ(2)}, "no correlations"),
        (BARE, GAUSSIAN, {"beta": NARROW}, "no population effects besides the intercept"),
        (NO_INTERCEPT, GAUSSIAN, {"Intercept": NARROW}, "The formula has no intercept"),
        (DESIGN, GAUSSIAN, [("sd", HALF)], "priors must be a mapping .* got list"),
        (DESIGN, GAUSSIAN, HALF, "priors must be a mapping .* got Prior"),
        (DESIGN, GAUSSIAN, {"occasion": HALF, "beta:occasion": HALF}, "given twice"),
        (DESIGN, GAUSSIAN, {"sigma": 1.0}, r"'sigma' must be a Prior, such as .*; got 1\.0"),
        (DESIGN, GAUSSIAN, {"sd": "HalfNormal"}, "'sd' must be a Prior, such as .*HalfNormal"),
        (DESIGN, GAUSSIAN, {"beta": None}, "'beta' must be a Prior, such as Prior.'Normal'"),
        (DESIGN, GAUSSIAN, {"sd": LKJ(1)}, "got LKJ.* LKJ is for the paths of correlations"),
        (DESIGN, GAUSSIAN, {"cor": HALF}, r"'cor' must be an LKJ, such as LKJ\(2\); got HalfN"),
        (DESIGN, GAUSSIAN, {"cor:student": 2}, "'cor:student' must be an LKJ"),
        (
            DESIGN,
            GAUSSIAN,
            {"sd:student": NARROW},
            "'sd:student' must have its support on the posi",
        ),
        (DESIGN, GAUSSIAN, {"sigma": NARROW}, "Use HalfNormal, or another distribution"),
        (DESIGN, GAUSSIAN, {"sigma": Prior("StudentT", nu=3)}, "Use HalfStudentT, or"),
        (DESIGN, GAUSSIAN, {"sd": Prior("Uniform", lower=-1)}, "support on the positive numbers"),
        (DESIGN, GAUSSIAN, {"sd": Prior("Uniform", lower=-2, upper=-1)}, "positive numbers"),
        (DESIGN, GAUSSIAN, {"sd": Prior("TruncatedNormal", upper=3)}, "Set lower=0"),
        (DESIGN, GAUSSIAN, {"sd": Prior("Flat")}, "support on the positive numbers"),
        (DESIGN, GAUSSIAN, {"sd": Prior("HalfFlat")}, "'sd' must be proper"),
        (DESIGN, GAUSSIAN, {"sigma": Prior("HalfFlat")}, "'sigma' must be proper"),
        (DESIGN, GAUSSIAN, {"sd": Prior("Poisson", mu=3)}, r"'sd' must be continuous, but Poisson"),
        (DESIGN, GAUSSIAN, {"beta": Prior("Bernoulli", p=0.5)}, "'beta' must be continuous"),
        (DESIGN, GAUSSIAN, {"sd": Prior("SkewNormal", alpha=1)}, "support on the positive numbers"),
        (DESIGN, GAUSSIAN, {"beta": Prior("Moyal", sigma=-1)}, "Moyal.*cannot be computed"),
    ],
)
def test_bad_edits(design, family, priors, message):
    with pytest.raises(BayesmixError, match=message):
        resolve_priors(design, family, priors)


@pytest.mark.parametrize(
    "edits",
    [
        {"beta": Prior("Exponential", scale=1)},
        {"Intercept": Prior("Flat"), "beta": Prior("HalfFlat")},
        {"sd": Prior("Uniform", lower=0, upper=10)},
        {"sd": Prior("Pareto", alpha=2, m=1)},
        {"sd": Prior("TruncatedNormal", mu=1, lower=0)},
        {"sd": Prior("Rice", nu=1, sigma=2), "beta": Prior("SkewNormal", alpha=1)},
        {"sigma": Prior("Wald", mu=1, lam=2)},
    ],
)
def test_legal_restrictions_and_rare_distributions(edits):
    priors = resolve_priors(DESIGN, GAUSSIAN, edits)
    assert priors.edits == edits


def test_the_default_priors_are_accepted_by_their_own_checks():
    priors = resolve_priors(DESIGN, GAUSSIAN)
    again = resolve_priors(DESIGN, GAUSSIAN, {leaf.path: leaf.prior for leaf in priors.leaves})
    assert again == priors


def test_priors_of_a_model_are_those_that_pymc_makes():
    pm = pytest.importorskip("pymc")
    for leaf in resolve_priors(DESIGN, GAUSSIAN).leaves:
        if isinstance(leaf.prior, Prior):
            variable = getattr(pm, leaf.prior.distribution).dist(**leaf.prior.parameters)
            value = 1.3 * S_Y
            expected = pm.logp(variable, value).eval(mode="FAST_COMPILE")
            assert_allclose(leaf.prior.log_density(value), expected)


def test_common_priors_do_not_import_pymc():
    code = (
        "import sys; from bayesmix.priors.prior import Prior;"
        "from bayesmix.priors.support import mass_of;"
        "mass_of(Prior('HalfNormal', sigma=2)); Prior('Gamma', mu=1, sigma=2).log_density(1.0);"
        "assert 'pymc' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_half_student_t_is_the_folded_one():
    x = np.array([0.3, 2.0])
    expected = np.log(2 * stats.t(3, scale=2).pdf(x))
    assert_allclose(Prior("HalfStudentT", nu=3, sigma=2).log_density(x), expected)


@pytest.mark.parametrize(
    ("prior", "bounds"),
    [
        (Prior("Kumaraswamy", a=2.0, b=2.0), (0.0, 1.0)),
        (Prior("Triangular", lower=-1.0, c=0.5, upper=2.0), (-1.0, 2.0)),
        (Prior("Triangular", c=0.5), (0.0, 1.0)),
        (Prior("VonMises", mu=0.0, kappa=2.0), (-np.pi, np.pi)),
        (Prior("Rice", nu=1.0, sigma=1.0), (0.0, np.inf)),
        (Prior("SkewNormal", mu=0.0, sigma=1.0, alpha=3.0), (-np.inf, np.inf)),
        (Prior("Moyal", mu=0.0, sigma=5.0), (-np.inf, np.inf)),
    ],
)
def test_where_distributions_end_that_only_pymc_knows(prior, bounds):
    import pymc as pm

    assert bounds_of(prior) == bounds
    lower, upper = bounds
    law = getattr(pm, prior.distribution).dist(**prior.parameters)

    def density(x):
        return np.exp(pm.logp(law, x).eval(mode="FAST_COMPILE"))

    width = min(1.0, upper - lower)
    inside = [b + s * 0.05 * width for b, s in ((lower, 1), (upper, -1)) if np.isfinite(b)] or [0.5]
    outside = [b - s * 0.05 * width for b, s in ((lower, 1), (upper, -1)) if np.isfinite(b)]
    assert all(density(x) > 0 for x in inside)
    assert not any(density(x) > 0 for x in outside)
