"""`hypothesis`: numbers with answers in closed form, and what is said where they are none."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad

import bayesmix as bm
from bayesmix.questions import prior_densities
from bayesmix.questions.densities import density_at_zero
from bayesmix.questions.prior_densities import prior_density
from bayesmix.questions.reading import read_hypothesis
from bayesmix.questions.spelling import Spelling
from odd_columns import rows
from posteriors import fit_of

QUIET = {"random_seed": 4, "progressbar": False}


@pytest.fixture(scope="module")
def conjugate() -> tuple[bm.MixedFit, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Known sigma and normal priors: fit, prior mean and covariance, posterior mean and covariance.

    The prior of the intercept is that of the intercept at the means of the columns.
    """
    rng = np.random.default_rng(11)
    n = 30
    data = pd.DataFrame({"x": rng.normal(2, 1, n), "z": rng.normal(size=n), "se": np.full(n, 1.5)})
    data["y"] = 3 + 0.4 * data["x"] + rng.normal(0, 1.5, n)
    priors = {
        "Intercept": bm.Prior("Normal", mu=3, sigma=2),
        "x": bm.Prior("Normal", mu=0, sigma=1),
        "z": bm.Prior("Normal", mu=0.2, sigma=0.7),
    }
    fit = bm.fit("y ~ x + z", data, se="se", priors=priors, draws=4000, **QUIET)
    X = np.column_stack([np.ones(n), data["x"], data["z"]])
    back = np.eye(3)
    back[0, 1:] = -X[:, 1:].mean(axis=0)
    m0, V0 = back @ [3, 0, 0.2], back @ np.diag([4.0, 1, 0.49]) @ back.T
    V = np.linalg.inv(np.linalg.inv(V0) + X.T @ X / 1.5**2)
    m = V @ (np.linalg.solve(V0, m0) + X.T @ data["y"].to_numpy() / 1.5**2)
    return fit, m0, V0, m, V


POINTS = {
    "x = 0": ([0, 1, 0], 0),
    "z = 0": ([0, 0, 1], 0),
    "2 * x = z + 1": ([0, 2, -1], -1),
    "Intercept + 2*x = 4": ([1, 2, 0], -4),
    "x / 2 - (z - 1) = 1.1": ([0, 0.5, -1], -0.1),
}


@pytest.mark.parametrize("text", POINTS)
def test_point_hypotheses_are_those_of_the_conjugate_posterior(conjugate, text):
    fit, m0, V0, m, V = conjugate
    weights, constant = POINTS[text]
    a = np.array(weights, dtype=float)
    before = stats.norm(a @ m0 + constant, np.sqrt(a @ V0 @ a)).pdf(0)
    after = stats.norm(a @ m + constant, np.sqrt(a @ V @ a)).pdf(0)
    (row,) = fit.hypothesis(text).to_dict("records")
    assert row["evidence_ratio"] == pytest.approx(after / before, rel=0.1)
    assert row["probability"] == pytest.approx(row["evidence_ratio"] / (1 + row["evidence_ratio"]))
    assert row["value"] == pytest.approx(a @ m + constant, abs=4 * np.sqrt(a @ V @ a / 16_000))
    assert row["se"] == pytest.approx(np.sqrt(a @ V @ a), rel=0.04)
    assert not row["note"]


def test_a_point_hypothesis_is_the_bayes_factor_of_the_models(conjugate):
    fit = conjugate[0]
    y, X = fit.design.y, fit.design.X - [0, *fit.design.X[:, 1:].mean(axis=0)]
    evidence = []
    for kept in ([0, 1, 2], [0, 2]):
        prior = np.diag(np.array([4.0, 1, 0.49])[kept])
        mean = X[:, kept] @ np.array([3, 0, 0.2])[kept]
        cov = X[:, kept] @ prior @ X[:, kept].T + 1.5**2 * np.eye(len(y))
        evidence.append(stats.multivariate_normal(mean, cov).logpdf(y))
    ratio = fit.hypothesis("x = 0")["evidence_ratio"].iloc[0]
    assert ratio == pytest.approx(math.exp(evidence[1] - evidence[0]), rel=0.1)


@pytest.mark.parametrize(
    ("text", "weights", "constant"),
    [
        ("x > 0.3", [0, 1, 0], -0.3),
        ("z >= x", [0, -1, 1], 0),
        ("Intercept + x - 4 > 0", [1, 1, 0], -4),
    ],
)
def test_directional_hypotheses_are_shares_of_the_posterior(conjugate, text, weights, constant):
    fit, _, _, m, V = conjugate
    a = np.array(weights, dtype=float)
    p = stats.norm(a @ m + constant, np.sqrt(a @ V @ a)).sf(0)
    opposite = text.replace(">=", "<=").replace(">", "<")
    above, below = fit.hypothesis([text, opposite.replace("<=<", "<=")]).to_dict("records")
    assert above["probability"] == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 16_000))
    # As brms has them: the posterior odds.
    assert above["evidence_ratio"] == pytest.approx(above["probability"] / below["probability"])
    assert above["probability"] + below["probability"] == pytest.approx(1)
    assert above["value"] == below["value"]


def test_the_interval_is_that_of_ci_level(conjugate):
    fit = conjugate[0]
    table = fit.hypothesis("x > 0", ci_level=0.9)
    assert list(table) == [
        *("hypothesis", "value", "se", "lower_5", "upper_95"),
        *("probability", "evidence_ratio", "note"),
    ]
    draws = fit.draws_frame("x")["beta:x"]
    assert table["lower_5"].iloc[0] == pytest.approx(np.quantile(draws, 0.05))


def test_expressions_are_those_of_the_draws(odd_fit):
    draws = odd_fit.draws_frame()
    x, square = draws["beta:x"], draws["beta:I(x ** 2)"]
    sd, sigma = draws["sd:g:x"], draws["sigma"]
    expected = {
        "-x**2 > 1": -(x**2) - 1,
        "2 ** -1 ^ 2 * x > 0": 0.5 * x,
        "2 - 1 - 1 + x > 0": x,
        "8 / 4 / 2 * x < 1e0": x - 1,
        "I(x**2) > 0": square,
        "`I(x ** 2)` + x > .5": square + x - 0.5,
        "beta:x - (`temp[very hot]`) > 0": x - draws["beta:temp[very hot]"],
        "temp[mid-low] < temp[warm]": draws["beta:temp[mid-low]"] - draws["beta:temp[warm]"],
        "np.log(x) > log((sigma))": draws["beta:np.log(x)"] - np.log(sigma),
        "sqrt(abs(x)) + exp(-sd:g:x) > 0": np.sqrt(abs(x)) + np.exp(-sd),
        "sd:g:x ** 2 / (sd:g:x ** 2 + sigma ** 2) > 0.1": sd**2 / (sd**2 + sigma**2) - 0.1,
        "cor:g:Intercept:x < 0": draws["cor:g:Intercept:x"],
    }
    table = odd_fit.hypothesis(list(expected))
    assert list(table["hypothesis"]) == list(expected)
    for value, own in zip(table["value"], expected.values(), strict=True):
        assert value == pytest.approx(own.mean(), rel=1e-12)


def test_effects_of_levels(odd_fit):
    draws = odd_fit.draws_frame("u:g:x")
    row = odd_fit.hypothesis("u:g:x:3 > u:g:x:11").iloc[0]
    difference = draws["u:g:x:3"] - draws["u:g:x:11"]
    assert row["value"] == pytest.approx(difference.mean())
    assert row["probability"] == (difference > 0).mean()


# --- prior densities ----------------------------------------------------------------------------


def density_of(fit: bm.MixedFit, text: str) -> prior_densities.PriorDensity:
    labels = {label: label for label in fit.draws_frame()}
    labels |= {label.removeprefix("beta:"): label for label in labels}
    return prior_density(fit, read_hypothesis(text, Spelling(labels)).expression)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("odd_fit", "x - I(x**2) = 1"),
        ("odd_fit", "Intercept + 2 * x = 3"),
        ("odd_fit", "sd:g:x = 0.8"),
        ("odd_fit", "3 * sigma + 1 = 4"),
        ("scale_fit", "sigma:beta:x = 0.5"),
        ("scale_fit", "sigma:sd:g:Intercept = 1"),
        ("scale_fit", "sigma:beta:Intercept = 0.3"),
        ("rating_fit", "2 - x = 1"),
        ("kind_fit", "muc:beta:x - x = 0.2"),
    ],
)
def test_closed_forms_are_densities_of_prior_draws(request, monkeypatch, name, text):
    fit = request.getfixturevalue(name)
    closed = density_of(fit, text)
    for way in ("_of_one", "_of_normals"):
        monkeypatch.setattr(prior_densities, way, lambda *_: None)
    drawn = density_of(fit, text)
    assert closed.relative_se == 0 < drawn.relative_se < 0.2
    assert math.log(closed.value / drawn.value) == pytest.approx(0, abs=4 * drawn.relative_se)
    assert closed.spread == pytest.approx(drawn.spread, rel=0.1)


@pytest.fixture(scope="module")
def heavy() -> bm.MixedFit:
    """Student-t effects and a shared scale of the slopes; draws of the prior for those of a fit."""
    priors = {
        "u:g": bm.StudentT(nu=bm.Prior("Gamma", alpha=2, beta=0.2)),
        "beta": bm.Prior("Normal", mu=0, sigma=bm.Prior("HalfNormal", sigma=2)),
    }
    spec = bm.prepare("y ~ x + (1 | g)", rows(), priors=priors)
    return fit_of(spec, spec.sample_prior(60, random_seed=1)["prior"].dataset)


@pytest.mark.slow
def test_hyperpriors_and_degrees_of_freedom(heavy):
    law = stats.gamma(2, scale=5)
    assert density_of(heavy, "df:g = 8").value == pytest.approx(law.pdf(8) / law.sf(1), rel=0.1)
    shared = density_of(heavy, "beta:sigma = 1.5")
    assert shared.value == pytest.approx(stats.halfnorm(scale=2).pdf(1.5))
    marginal = quad(lambda s: stats.norm(0, s).pdf(1) * stats.halfnorm(scale=2).pdf(s), 0, np.inf)
    assert density_of(heavy, "x = 1").value == pytest.approx(marginal[0], rel=0.15)
    assert heavy.hypothesis("df:g > 1")["probability"].iloc[0] == 1
    frame = bm.table(heavy).frame["model 1"]["value"]
    other = frame.loc["Residual and other parameters"]
    assert list(other.index) == ["df:g", "sigma", "beta:sigma"]
    assert other["beta:sigma"] == pytest.approx(heavy.draws_frame("beta:sigma").mean().iloc[0])


def test_densities_without_a_closed_form(odd_fit, rating_fit):
    # LKJ(1) of two effects: uniform, for the block with x at its mean, not for effects as written.
    ratio = density_of(odd_fit, "sd:g:x / sd:g:x ** 2 = 1")
    scale = dict(zip(*odd_fit.priors.to_numpy().T, strict=True))["sd:g:x"]
    scale = float(scale.partition("=")[2].rstrip(")"))
    # The density of 1 / s at 1 where s is exponential.
    assert ratio.value == pytest.approx(stats.expon(scale=scale).pdf(1), rel=0.1)
    assert density_of(rating_fit, "cutpoint:1 = -1").value > 0


@pytest.mark.parametrize(
    ("law", "at"),
    [
        (stats.norm(), 0.0),
        (stats.norm(3, 0.1), 3.2),
        (stats.t(4), 1.0),
        (stats.gamma(3), 1.5),
        (stats.lognorm(0.8), 2.0),
        (stats.uniform(-1, 2), 0.5),
        (stats.beta(5, 2), 0.9),
    ],
)
def test_the_log_spline_is_within_a_few_percent(law, at):
    rng = np.random.default_rng(5)
    draws = [law.rvs(4000, random_state=rng) - at for _ in range(12)]
    found = [density_at_zero(own, 4000.0) for own in draws]
    errors = [math.log(own.value / law.pdf(at)) for own in found]
    assert np.sqrt(np.mean(np.square(errors))) < 0.08
    assert max(own.relative_se for own in found) < 0.12


def test_the_error_of_a_normal_density_is_that_of_its_moments():
    rng, at = np.random.default_rng(9), 1.5
    found = [density_at_zero(rng.normal(size=4000) - at, 4000.0) for _ in range(60)]
    errors = [math.log(own.value / stats.norm.pdf(at)) / own.relative_se for own in found]
    assert np.mean(np.square(errors)) == pytest.approx(1, abs=4 * math.sqrt(2 / 60))
    # Half as many draws that count know less.
    draws = rng.normal(size=4000) - at
    half, every = density_at_zero(draws, 2000.0), density_at_zero(draws, 4000.0)
    assert half.relative_se == pytest.approx(math.sqrt(2) * every.relative_se)


@pytest.mark.parametrize(
    ("numerator", "denominator", "at", "density"),
    [
        (stats.expon(), stats.expon(), 1.0, 1 / 4),
        (stats.expon(), stats.expon(), 0.3, 1 / 1.69),
        (stats.norm(), stats.norm(), 0.0, 1 / math.pi),
        (stats.norm(), stats.norm(), 3.0, 1 / (10 * math.pi)),
        (stats.uniform(1, 0), stats.uniform(), 2.0, 1 / 4),
    ],
)
def test_ratios_with_long_tails(numerator, denominator, at, density):
    rng = np.random.default_rng(3)
    errors = []
    for _ in range(10):
        draws = numerator.rvs(4000, random_state=rng) / denominator.rvs(4000, random_state=rng)
        errors.append(math.log(density_at_zero(draws - at, 4000.0).value / density))
    assert np.sqrt(np.mean(np.square(errors))) < 0.1


def test_two_modes():
    rng = np.random.default_rng(6)
    draws = np.concatenate([rng.normal(-3, 1, 3000), rng.normal(3, 1, 3000)])
    found = density_at_zero(draws - 3, 6000.0)
    assert found.value == pytest.approx(0.5 * stats.norm.pdf(0), rel=0.15)


# --- what cannot be trusted ---------------------------------------------------------------------


def answer(fit: bm.MixedFit, text: str) -> dict[str, object]:
    return fit.hypothesis(text).iloc[0].to_dict()


def test_all_draws_or_none(conjugate):
    fit = conjugate[0]
    row = answer(fit, "Intercept > -50")
    assert row["evidence_ratio"] == np.inf
    assert row["probability"] == 1
    assert "all of 16000 draws" in row["note"]
    row = answer(fit, "Intercept < -50")
    assert row["evidence_ratio"] == row["probability"] == 0
    assert "none of 16000 draws" in row["note"]


def test_zero_beyond_the_draws(conjugate):
    row = answer(conjugate[0], "x = 4")
    assert 0 < row["evidence_ratio"] < 1e-6
    assert "no draws beyond it" in row["note"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sd:g:x = 0", "at the edge"),
        ("sd:g:x + 1 = 0", "excludes -1"),
        ("sigma = 0", "at the edge"),
        ("x = x", "does not vary"),
        ("exp(x) = 0", "at the edge of, or beyond"),
    ],
)
def test_no_ratio(odd_fit, text, reason):
    row = answer(odd_fit, text)
    assert math.isnan(row["evidence_ratio"])
    assert math.isnan(row["probability"])
    assert reason in row["note"]


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("exp(1000 * exp(sigma)) > 3", r"'exp' is too large for a number in 1000 draws of", 0),
        ("2 > 1e300 * x * 1e300", r"'\*' is too large for a number in .* and 1e\+300\. Take", 14),
        ("(1e200 + x) ** 2 = 1", r"'\*\*' is too large for a number in 1000 draws", 12),
        ("x > 1 / exp(-exp(10) - sigma)", r"'/' has no value in 1000 draws", 6),
        ("x > log(0 * x)", r"'log' has no value in 1000 draws of 1000, such as of ", 4),
        ("x > (0 * x) ** (-1)", r"'\*\*' has no value in 1000 draws of 1000", 12),
    ],
)
def test_numbers_that_are_too_large(odd_fit, text, said, place):
    """An error with a caret, and no mean that is infinite."""
    with pytest.raises(bm.FormulaError, match=said) as caught:
        odd_fit.hypothesis(text)
    line, caret = str(caught.value).splitlines()[-2:]
    assert line.index(text) + place == caret.index("^")


def test_large_numbers_and_small_ones(odd_fit):
    """Squares of these are none that a computer has; a scale changes nothing else."""
    plain = answer(odd_fit, "x > 0.3")
    for factor in (1e300, 1e-200):
        row = answer(odd_fit, f"x * {factor} > 0.3 * {factor}")
        assert row["probability"] == plain["probability"]
        assert row["note"] == plain["note"]
        for name in ("value", "se", "lower_2.5", "upper_97.5"):
            assert row[name] == pytest.approx(factor * plain[name], rel=1e-9)
    point, other = answer(odd_fit, "x = 0.3"), answer(odd_fit, "x * 1e200 = 0.3e200")
    assert other["evidence_ratio"] == pytest.approx(point["evidence_ratio"], rel=1e-3)


def test_prior_draws_that_are_too_large(odd_fit):
    """Where the posterior is small, and the prior is wide."""
    fit = with_priors(odd_fit, {"sigma": bm.Prior("HalfNormal", sigma=1000)})
    row = answer(fit, "exp(sigma) * x = 1")
    assert math.isnan(row["evidence_ratio"])
    assert "too large a one, in some prior draws" in row["note"]
    assert np.isfinite(row["value"])


def with_priors(fit: bm.MixedFit, priors: dict[str, bm.Prior]) -> bm.MixedFit:
    spec = dataclasses.replace(fit.spec, priors=fit.spec.priors.replace(priors))
    return fit_of(spec, fit.posterior)


def test_improper_priors(odd_fit):
    fit = with_priors(odd_fit, {"x": bm.Prior("Flat")})
    for text in ("x = 1", "x = I(x**2)", "Intercept = 1", "sigma * x = 1"):
        row = answer(fit, text)
        assert math.isnan(row["evidence_ratio"])
        assert "the prior of beta:x is improper" in row["note"]
    # What these priors do not make has a ratio all the same.
    assert answer(fit, "I(x**2) = 0")["evidence_ratio"] > 0
    assert answer(fit, "cor:g:Intercept:x = 0")["evidence_ratio"] > 0


def test_nearly_flat_priors(odd_fit):
    fit = with_priors(odd_fit, {"temp[warm]": bm.Prior("Normal", mu=0, sigma=1000)})
    row = answer(fit, "temp[warm] = 0")
    assert row["evidence_ratio"] > 100
    assert "times as wide as the posterior" in row["note"]
    assert not answer(odd_fit, "temp[warm] = 0")["note"]


def test_a_prior_that_only_pymc_knows(odd_fit):
    fit = with_priors(odd_fit, {"x": bm.Prior("AsymmetricLaplace", kappa=1, mu=0, b=2)})
    # With kappa of one it is a Laplace distribution of scale 1 / b.
    assert density_of(fit, "x = 1").value == pytest.approx(stats.laplace(scale=0.5).pdf(1))


def test_few_effective_draws_and_chains_that_disagree(odd_fit):
    posterior = odd_fit.posterior.copy(deep=True)
    walk = np.random.default_rng(1).normal(size=(4, 250)).cumsum(axis=1)
    posterior["sigma"].values[:] = 10 + walk
    note = answer(fit_of(odd_fit.spec, posterior), "sigma > 10")["note"]
    assert "R-hat" in note
    assert "effective draws" in note


# --- how it prints ------------------------------------------------------------------------------


def test_it_prints_as_text_and_html(conjugate):
    table = conjugate[0].hypothesis(["x > -50", "z = 0"])
    text, html = repr(table), table._repr_html_()
    for shown in (text, html):
        for word in (
            "x &gt; -50" if shown is html else "x > -50",
            "Evidence_ratio",
            "all of 16000",
        ):
            assert word in shown
    assert max(map(len, text.splitlines())) <= 80
    assert type(table.head(1)) is pd.DataFrame


def test_long_hypotheses_are_cut_when_printed_only(conjugate):
    long = " + ".join(["x"] * 60) + " > 0"
    table = conjugate[0].hypothesis(long)
    assert table["hypothesis"].iloc[0] == long
    assert "..." in repr(table)


@pytest.mark.parametrize("value", [None, 3, [], [None], ["x > 0", 3], {"x > 0": 1}, b"x > 0", ()])
def test_hypotheses_that_are_no_text(conjugate, value):
    with pytest.raises(bm.BayesmixError, match=r"give a text such as 'x > 0'"):
        conjugate[0].hypothesis(value)


@pytest.mark.parametrize("value", [None, 0, 1, 95, "0.9", math.nan, -0.5, True])
def test_bad_ci_level(conjugate, value):
    with pytest.raises(bm.BayesmixError, match="ci_level"):
        conjugate[0].hypothesis("x > 0", ci_level=value)
