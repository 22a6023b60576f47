"""Scores of many chains: against densities, differences, and decimal arithmetic."""

from __future__ import annotations

import pickle
from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_ndtr

from bayesmix.families.family import Family
from bayesmix.families.links import LINKS
from bayesmix.families.parameters import Parameter
from bayesmix.families.registry import FAMILIES, get_family, with_predictors
from bayesmix.families.scores import chains_first
from bayesmix.families.slopes import difference
from bayesmix.families.values import Rows
from toyfamilies import CASES, GRADED, TOYS

N, CHAINS = 40, 5
OURS = [get_family(family, link) for family in FAMILIES.values() for link in family.links]
BINARY = [family for family in OURS if family.binary]
AUXILIARY = {name: value for case in CASES for name, value in case.auxiliary.items()}

every = pytest.mark.parametrize("family", [*OURS, *TOYS], ids=repr)
ours = pytest.mark.parametrize("family", OURS, ids=repr)
binary = pytest.mark.parametrize("family", BINARY, ids=repr)


def auxiliary_of(parameter: Parameter) -> np.ndarray:
    """Numbers of a parameter: those of the cases, or one inside its support."""
    if parameter.name in AUXILIARY:
        return np.asarray(AUXILIARY[parameter.name])
    lower, upper = parameter.support.bounds
    room = upper - lower if np.isfinite(upper - lower) else 2.5
    return np.asarray((lower if np.isfinite(lower) else 0.0) + 0.4 * room)


def some_auxiliary(family: Family, chains: int) -> dict[str, np.ndarray]:
    """The same numbers in each of so many chains."""
    return {
        parameter.name: np.multiply.outer(auxiliary_of(parameter), np.ones(chains))
        for parameter in map(family.parameter, family.others)
    }


def rows_of(family: Family, rng: np.random.Generator) -> Rows:
    weights = rng.uniform(0.3, 3.0, N) if family.weights else None
    return family.rows(weights, rng.integers(1, 9, N) if family.trials else None)


def point(family: Family, seed: int = 1, spread: float = 1.5):
    """Responses, linear predictors and auxiliary parameters that differ by chain."""
    rng = np.random.default_rng(seed)
    rows = rows_of(family, rng)
    eta = rng.normal(0.0, spread, (N, CHAINS))
    factor = rng.uniform(0.9, 1.1, CHAINS)
    auxiliary = {
        parameter.name: np.multiply.outer(auxiliary_of(parameter), factor)
        for parameter in map(family.parameter, family.others)
    }
    first = {name: value[..., 0] for name, value in auxiliary.items()}
    y = family.draw(rng, rng.normal(0.0, spread, N), first, rows.weights, rows.trials)
    return y, eta, auxiliary, rows


def density(family, y, eta, auxiliary, rows):
    """Summed log density (M,), one chain after the other."""
    return np.array(
        [
            family.log_density(
                y,
                eta[:, m],
                {name: value[..., m] for name, value in auxiliary.items()},
                rows.weights,
                rows.trials,
            ).sum()
            for m in range(eta.shape[1])
        ]
    )


def differences(function, step):
    """Derivative of a function of one number, by fourth-order differences."""
    two_below, below, above, two_above = (function(k * step) for k in (-2, -1, 1, 2))
    return (two_below - 8 * below + 8 * above - two_above) / (12 * step)


@every
def test_totals_are_log_densities_but_for_a_constant(family):
    y, eta, auxiliary, rows = point(family)
    expected = density(family, y, eta, auxiliary, rows)
    scores = family.scores(y, eta.copy(), auxiliary, rows)
    assert scores.total.shape == (CHAINS,)
    assert_allclose(np.diff(scores.total), np.diff(expected), rtol=1e-11)
    # The constant is that of the data: it is the same at another point.
    _, other, _, _ = point(family, seed=7)
    again = family.scores(y, other.copy(), auxiliary, rows).total
    elsewhere = density(family, y, other, auxiliary, rows)
    assert_allclose(again - scores.total, elsewhere - expected, rtol=1e-10, atol=1e-10)


@every
def test_scores_are_derivatives_of_the_total(family):
    y, eta, auxiliary, rows = point(family)
    scores = family.scores(y, eta.copy(), auxiliary, rows)
    assert scores.score.shape == (N, CHAINS)
    for i in (0, 3, N - 1):

        def moved(by, i=i):
            at = eta.copy()
            at[i] += by
            return density(family, y, at, auxiliary, rows)

        assert_allclose(scores.score[i], differences(moved, 1e-3), rtol=1e-6, atol=1e-7)
    assert tuple(scores.auxiliary) == family.auxiliary
    for name, value in auxiliary.items():
        assert scores.auxiliary[name].shape == value.shape
        for k in range(len(value) if value.ndim > 1 else 1):

            def moved(by, name=name, value=value, k=k):
                at = np.atleast_2d(value).copy()
                at[k] += by
                return density(family, y, eta, {**auxiliary, name: at.reshape(value.shape)}, rows)

            found = np.atleast_2d(scores.auxiliary[name])[k]
            assert_allclose(found, differences(moved, 1e-4), rtol=1e-6, atol=1e-6)


@ours
def test_scores_are_the_closed_slopes(family):
    y, eta, auxiliary, rows = point(family, spread=3.0)
    p = family.values(eta.T, chains_first(auxiliary))
    expected = family.slopes(y, p, rows, "mu")["mu"].score.T
    score = family.scores(y, eta.copy(), auxiliary, rows).score
    assert_allclose(score, expected, rtol=1e-11, atol=1e-13)


@ours
def test_the_closed_form_is_the_general_one(family):
    y, eta, auxiliary, rows = point(family)
    general = replace(family, closed_scores=None)
    for weights in {None, rows.weights is None}:
        own = Rows(None, rows.trials) if weights is None else rows
        closed = family.scores(y, eta.copy(), auxiliary, own)
        ours = general.scores(y, eta.copy(), auxiliary, own)
        assert closed.score.flags.c_contiguous
        assert ours.score.flags.c_contiguous
        assert_allclose(closed.score, ours.score, rtol=1e-11, atol=1e-13)
        assert_allclose(np.diff(closed.total), np.diff(ours.total), rtol=1e-10)
        assert closed.auxiliary.keys() == ours.auxiliary.keys()
        for name, value in closed.auxiliary.items():
            # Differences of a sum that cancels have the error of its parts.
            assert_allclose(value, ours.auxiliary[name], rtol=1e-8, atol=1e-10)
        without = replace(general, closed_slopes=None).scores(y, eta, auxiliary, own)
        assert_allclose(closed.score, without.score, rtol=1e-7, atol=1e-8)


def test_differences_stay_inside_of_the_support():
    """A small sd, a probability near 1 and cutpoints close together have steps of their size."""
    gaussian = replace(get_family("gaussian"), closed_scores=None)
    y, sigma = np.array([1e-4, -3e-4]), np.array([2e-4, 1e-6])
    scores = gaussian.scores(y, np.zeros((2, 2)), {"sigma": sigma}, Rows())
    expected = (y**2).sum() / sigma**3 - 2 / sigma
    assert_allclose(scores.auxiliary["sigma"], expected, rtol=1e-7)
    inflated = TOYS[1]
    scores = inflated.scores(np.array([2.0]), np.zeros((1, 1)), {"psi": [1 - 1e-6]}, Rows())
    assert_allclose(scores.auxiliary["psi"], -1e6, rtol=1e-6)
    near = np.array([[0.0], [1e-7]])
    scores = GRADED.scores(np.array([1.0]), np.zeros((1, 1)), {"cutpoint": near}, Rows())
    assert_allclose(scores.auxiliary["cutpoint"], [[-1e7], [1e7]], rtol=1e-5)


# --- tails ----------------------------------------------------------------------------------------


def arctangent(x: Decimal) -> Decimal:
    """By its series, of numbers below 0.6."""
    term, total, k = x, x, 1
    while abs(term) > abs(total) * Decimal("1e-45"):
        term, k = -term * x * x, k + 2
        total += term / k
    return total


def tail(link: str, eta: float, success: bool) -> tuple[float, float]:
    """Log probability of one trial and its derivative, more digits than a 1 minus takes away."""
    with localcontext() as context:
        context.prec = 60 if link == "cauchit" else 400
        context.Emin, context.Emax = -(10**9), 10**9
        at = Decimal(eta)
        if link == "logit":
            at = at if success else -at
            p = 1 / (1 + (-at).exp())
            return float(p.ln()), float(1 - p) * (1 if success else -1)
        if link == "cloglog":
            rate = at.exp()
            if not success:
                return float(-rate), float(-rate)
            q = (-rate).exp()
            return float((1 - q).ln()), float(rate * q / (1 - q))
        at = at if success else -at
        pi = 16 * arctangent(1 / Decimal(5)) - 4 * arctangent(1 / Decimal(239))
        p = arctangent(1 / abs(at)) / pi
        p = p if at < 0 else 1 - p
        return float(p.ln()), float(1 / (pi * (1 + at * at) * p)) * (1 if success else -1)


FAR = {
    "logit": (-700.0, -40.0, -8.0, 3.0, 40.0, 250.0),
    "cloglog": (-700.0, -40.0, -8.0, -0.4, -0.3, 1.0, 3.0, 5.0, 6.0),
    "cauchit": (-1e4, -700.0, -40.0, -2.0, 2.0, 40.0, 1e4),
}


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize("link", FAR)
@pytest.mark.parametrize("name", ["bernoulli", "binomial"])
def test_tails_have_all_digits(name, link, success):
    family, eta = get_family(name, link), np.array([FAR[link]])
    y, rows = np.array([float(success)]), Rows(trials=np.ones(1) if name == "binomial" else None)
    scores = family.scores(y, eta.copy(), {}, rows)
    expected = np.array([tail(link, one, success) for one in FAR[link]])
    assert_allclose(scores.total, expected[:, 0], rtol=1e-12)
    assert_allclose(scores.score[0], expected[:, 1], rtol=1e-12)
    slopes = family.slopes(y, family.values(eta[0]), rows)["mu"]
    assert_allclose(slopes.score, expected[:, 1], rtol=1e-12)
    assert_allclose(family.log_density(y, eta[0], trials=rows.trials), expected[:, 0], rtol=1e-12)


@pytest.mark.parametrize("name", ["bernoulli", "binomial"])
def test_tails_of_probit_have_all_digits(name):
    family, eta = get_family(name, "probit"), np.array([[-1e4, -37.0, -5.0, 0.3, 3.0, 9.0]])
    rows = Rows(trials=np.ones(1) if name == "binomial" else None)
    scores = family.scores(np.ones(1), eta.copy(), {}, rows)
    assert_allclose(scores.total, log_ndtr(eta[0]), rtol=1e-12)
    # Mills' ratio far out: phi(x) / Phi(-x) = x + 1 / x - 2 / x^3 + 10 / x^5 - ...
    x = -eta[0, :2]
    assert_allclose(scores.score[0, :2], x + 1 / x - 2 / x**3 + 10 / x**5 - 74 / x**7, rtol=1e-12)


@binary
def test_everything_is_finite_far_out(family):
    eta = np.array([[-1e4, 1e4, 0.0, -750.0, 750.0]] * 3)
    trials = np.array([7.0, 7.0, 7.0]) if family.trials else None
    y = np.array([0.0, 7.0, 3.0]) if family.trials else np.array([0.0, 1.0, 0.0])
    auxiliary = some_auxiliary(family, 5)
    scores = family.scores(y, eta.copy(), auxiliary, Rows(trials=trials))
    assert np.isfinite(scores.total).all()
    assert np.isfinite(scores.score).all()
    slopes = family.slopes(
        y, family.values(eta.T, chains_first(auxiliary)), Rows(trials=trials), "mu"
    )["mu"]
    if family.link != "probit":
        assert np.isfinite(slopes.score).all()
        assert np.isfinite(slopes.information).all()


@pytest.mark.parametrize("outcome", [0.0, 1.0])
@binary
def test_no_response_is_likelier_further_out(family, outcome):
    """Neither where exponentials are cut off."""
    eta = np.linspace(-1200.0, 1200.0, 401)[np.newaxis]
    rows = Rows(trials=np.full(1, 4.0) if family.trials else None)
    y = np.array([outcome * (4.0 if family.trials else 1.0)])
    total = family.scores(y, eta.copy(), some_auxiliary(family, 401), rows).total
    rounding = 1e-13 * (1 + np.abs(total[1:])) if family.auxiliary else 0.0
    assert (np.diff(total) * (2 * outcome - 1) >= -rounding).all()


def test_logit_is_exact_wherever_it_is():
    eta = np.array([[-1e4, 1e4]] * 3)
    scores = get_family("binomial").scores(
        np.array([0.0, 3.0, 1.0]), eta, {}, Rows(trials=np.array([2.0, 3.0, 4.0]))
    )
    assert_allclose(scores.total, [-3e4 - 1e4, -2e4 - 3e4], rtol=1e-14)
    assert_allclose(scores.score, [[0.0, -2.0], [3.0, 0.0], [1.0, -3.0]], atol=1e-100)


def test_poisson_far_out():
    eta = np.array([[1000.0, -1e4]] * 2)
    scores = get_family("poisson").scores(np.array([3.0, 0.0]), eta, {}, Rows())
    assert np.isfinite(scores.total).all()
    assert scores.total[1] == -3e4
    assert (scores.score[:, 0] < -1e100).all()


@pytest.mark.parametrize("link", ["cloglog", "cauchit"])
def test_information_of_rare_successes_has_its_digits(link):
    """Where it is left over of numbers that nearly cancel."""
    family = get_family("bernoulli", link)
    eta = np.array([-40.0, -20.0, -3.0, -0.6931471805599454, -0.6931471805599452, 2.0])
    found = family.slopes(1.0, family.values(eta), Rows())["mu"].information
    if link == "cloglog":
        with localcontext() as context:
            context.prec = 80
            rates = [Decimal(one).exp() for one in eta]
            ups = [rate / (rate.exp() - 1) for rate in rates]
            expected = [float(up * (up + rate - 1)) for up, rate in zip(ups, rates, strict=True)]
    else:
        step = 1e-5 * np.maximum(1, np.abs(eta))
        score = [
            family.slopes(1.0, family.values(eta + k * step), Rows())["mu"].score for k in (-1, 1)
        ]
        expected = -(score[1] - score[0]) / (2 * step)
    assert_allclose(found, expected, rtol=1e-12 if link == "cloglog" else 1e-7)


PREDICTED = [
    with_predictors(family, names)
    for family in FAMILIES.values()
    if (names := [one.name for one in family.parameters[1:] if one.is_predictable])
]
predicted = pytest.mark.parametrize("family", PREDICTED, ids=lambda family: family.name)


def predicted_point(family: Family, spread: float):
    """As `point`, with linear predictors (n, M) of all further parameters, about their values."""
    y, eta, auxiliary, rows = point(family)
    rng = np.random.default_rng(3)
    for name, link in family.predicted:
        center = LINKS[link].function(auxiliary[name][..., 0])
        auxiliary[name] = center + rng.normal(0.0, spread, eta.shape)
    return y, eta, auxiliary, rows


class TestPredictedParameters:
    @predicted
    def test_slopes_are_those_of_differences(self, family):
        y, eta, auxiliary, rows = predicted_point(family, 0.7)
        p = family.chains_first(eta, auxiliary)
        slopes = family.slopes(y, p, rows)
        for name in family.predictors:

            def log_density(at, name=name):
                return family.density(y, {**p, name: replace(p[name], eta=at)}, rows)

            score = difference(log_density, p[name].eta).score
            assert_allclose(slopes[name].score, score, rtol=1e-6, atol=1e-6)
            if name in family.further_slopes:
                assert (slopes[name].information >= 0).all()

    @predicted
    def test_scores_are_sums_over_rows_and_derivatives_of_each(self, family):
        y, eta, auxiliary, rows = predicted_point(family, 0.7)
        p = family.chains_first(eta, auxiliary)
        scores = family.scores(y, eta.copy(), auxiliary, rows)
        # Up to what depends on the data alone.
        constant = scores.total - family.density(y, p, rows).sum(axis=1)
        assert_allclose(constant, constant[0], rtol=1e-12, atol=1e-12 * abs(scores.total).max())
        slopes = family.slopes(y, p, rows)
        assert_allclose(scores.score, slopes[family.predictors[0]].score.T)
        for name, _ in family.predicted:
            assert_allclose(scores.auxiliary[name], slopes[name].score.T)

    @predicted
    def test_far_linear_predictors_have_finite_scores_where_the_density_is(self, family):
        y, eta, auxiliary, rows = point(family)
        for name, _ in family.predicted:
            auxiliary[name] = np.broadcast_to([-40.0, -10.0, 0.0, 5.0, 10.0], eta.shape).copy()
        with np.errstate(all="ignore"):
            p = family.chains_first(eta, auxiliary)
            is_finite = np.isfinite(family.density(y, p, rows))
            for name, slope in family.slopes(y, p, rows).items():
                assert np.isfinite(np.broadcast_to(slope.score, eta.T.shape)[is_finite]).all(), name

    @predicted
    def test_a_family_with_predictors_pickles(self, family):
        assert pickle.loads(pickle.dumps(family)) == family

    def test_a_residual_with_a_predictor_is_no_variance_component(self):
        assert get_family("gaussian").residual == "sigma"
        assert with_predictors(get_family("gaussian"), ["sigma"]).residual is None
