"""The evidence against closed forms and quadrature that share no code with it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import bayesmix as bm
from bayesmix import Prior
from bayesmix.engines.exact.evidence import evidence_of_gaussian
from bayesmix.engines.left_out import left_out
from bayesmix.engines.whitened.annealing import Between, Known
from bayesmix.engines.whitened.evidence import evidence_by_annealing
from bayesmix.engines.whitened.rotation import DEGREES, WIDTH

QUICK = {"random_seed": 1, "draws": 500, "progressbar": False}


def whitened(spec: bm.ModelSpec, seed: int = 0):
    """The evidence of a specification, which needs no draws of it."""
    return evidence_by_annealing(spec, np.random.SeedSequence([seed, 3]), 1, lambda *_: None)


def assert_near(found, truth: float, most: float = 0.1) -> None:
    assert found.se < most
    assert abs(found.value - truth) < 4 * found.se + 1e-9


@pytest.fixture(scope="module")
def meta() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(6), 4)
    x = rng.normal(2, 1, 24)
    y = 1 + 0.5 * x + 0.8 * rng.standard_normal(6)[g] + 0.4 * rng.standard_normal(24)
    return pd.DataFrame({"y": y, "x": x, "g": g, "e": rng.uniform(0.3, 0.6, 24)})


NORMAL = {"Intercept": Prior("Normal", mu=1, sigma=2), "beta": Prior("Normal", mu=0.2, sigma=1.5)}

EXPONENTIAL = Prior("Exponential", scale=0.5)


def log_normal_of(data: pd.DataFrame, covariance: np.ndarray) -> float:
    """Log density of y with the population effects integrated out."""
    x = np.column_stack([np.ones(len(data)), data["x"] - data["x"].mean()])
    whole = covariance + x @ np.diag([4, 2.25]) @ x.T
    return float(stats.multivariate_normal(x @ [1, 0.2], whole).logpdf(data["y"]))


def test_known_errors_and_normal_priors_have_a_closed_form(meta):
    fit = bm.fit("y ~ x", meta, se="e", priors=NORMAL, **QUICK)
    found = fit.log_evidence()
    assert found.se == 0
    assert found.log_evidence == pytest.approx(log_normal_of(meta, np.diag(meta["e"] ** 2)))


def test_an_sd_of_groups_by_quadrature_over_it(meta):
    fit = bm.fit("y ~ x + (1 | g)", meta, se="e", priors=NORMAL | {"sd": EXPONENTIAL}, **QUICK)
    same = np.equal.outer(meta["g"].to_numpy(), meta["g"].to_numpy())
    at = log_normal_of(meta, np.diag(meta["e"] ** 2) + 0.64 * same)

    def density(sd: float) -> float:
        log = log_normal_of(meta, np.diag(meta["e"] ** 2) + sd**2 * same)
        return math.exp(log - at) * stats.expon.pdf(sd, scale=0.5)

    truth = at + math.log(integrate.quad(density, 0, 12, epsabs=0, epsrel=1e-8)[0])
    found = fit.log_evidence()
    assert found.se < 0.02
    assert abs(found.log_evidence - truth) < 4 * found.se
    assert not found.warning


def test_weights_a_residual_and_a_large_unit(meta):
    """In millions of millions the density is smaller by their logarithm for each row."""
    unit = 1e12
    weights = 1 / meta["e"].to_numpy() ** 2

    def density(sigma: float) -> float:
        log = log_normal_of(meta, np.diag(sigma**2 / weights))
        return math.exp(log) * 2 * stats.norm.pdf(sigma, scale=3)

    truth = math.log(integrate.quad(density, 0, 15, points=[1, 2, 4], epsrel=1e-9)[0])
    large = meta.assign(y=meta["y"] * unit)
    priors = {
        "Intercept": Prior("Normal", mu=unit, sigma=2 * unit),
        "beta": Prior("Normal", mu=0.2 * unit, sigma=1.5 * unit),
        "sigma": Prior("HalfNormal", sigma=3 * unit),
    }
    fit = bm.fit("y ~ x", large, weights=weights, priors=priors, **QUICK)
    found = fit.log_evidence()
    log_unit = len(meta) * math.log(unit)
    assert abs(found.log_evidence + log_unit - truth) < 4 * found.se
    assert_near(whitened(fit.spec).plus(log_unit), truth)


@pytest.mark.slow
def test_correlated_slopes_by_importance_sampling_with_scipy():
    data = bm.load_dataset("sleepstudy")
    priors = {"cor": bm.LKJ(2)}
    fit = bm.fit("Reaction ~ Days + (Days | Subject)", data, priors=priors, **QUICK)
    found = fit.log_evidence()
    truth, se = sleepstudy_by_scipy(fit, data, eta=2)
    assert abs(found.log_evidence - truth) < 4 * math.hypot(found.se, se)
    assert found.log_evidence == fit.log_evidence().log_evidence
    assert found.log_evidence != fit.log_evidence(random_seed=2).log_evidence


def sleepstudy_by_scipy(fit: bm.MixedFit, data: pd.DataFrame, eta: float) -> tuple[float, float]:
    """Columns at their means; sds half-normal or half-t as the table of priors has them."""
    spec, rng = fit.spec, np.random.default_rng(5)
    days = data["Days"].to_numpy() - 4.5
    z, subjects = np.column_stack([np.ones(180), days]), pd.factorize(data["Subject"])[0]
    same = np.equal.outer(subjects, subjects)
    beta = spec.population_priors
    mean = z @ [p.parameters["mu"] for p in beta]
    of_beta = z @ np.diag([p.parameters["sigma"] ** 2 for p in beta]) @ z.T
    scales = [*spec.priors.sd["Subject"], spec.priors.auxiliary["sigma"]]
    posterior = fit.posterior
    draws = np.column_stack(
        [
            np.log(posterior["centred_sd_Subject"].to_numpy().reshape(-1, 2)),
            np.arctanh(2 * posterior["lkj_Subject"].to_numpy().reshape(-1, 1) - 1),
            np.log(posterior["sigma"].to_numpy().reshape(-1)),
        ]
    )
    proposal = stats.multivariate_t(draws.mean(axis=0), np.cov(draws.T), df=5, seed=rng)
    x = proposal.rvs(600)
    logs = np.empty(len(x))
    for k, (a, b, w, s) in enumerate(x):
        sd, r, sigma = np.exp([a, b]), math.tanh(w), math.exp(s)
        cor = np.array([[1, r], [r, 1]]) * np.outer(sd, sd)
        covariance = same * (z @ cor @ z.T) + of_beta + sigma**2 * np.eye(180)
        law = stats.multivariate_normal(mean, covariance)
        prior = sum(
            float(p.log_density(v)) + math.log(v) for p, v in zip(scales, [*sd, sigma], strict=True)
        )
        lkj = stats.beta.logpdf((1 + r) / 2, eta, eta) - math.log(2) + math.log1p(-(r**2))
        logs[k] = law.logpdf(data["Reaction"]) + prior + lkj
    logs -= proposal.logpdf(x)
    value = special.logsumexp(logs) - math.log(len(x))
    weights = np.exp(logs - value)
    return float(value), float(weights.std() / math.sqrt(len(x)))


def test_an_intercept_of_binary_rows_by_quadrature():
    data = pd.DataFrame({"y": [1] * 14 + [0] * 6})
    priors = {"Intercept": Prior("StudentT", nu=4, mu=0, sigma=1.5)}
    spec = bm.prepare("y ~ 1", data, family="bernoulli", priors=priors)

    def density(b: float) -> float:
        return special.expit(b) ** 14 * special.expit(-b) ** 6 * stats.t.pdf(b / 1.5, 4) / 1.5

    truth = math.log(integrate.quad(density, -30, 30, epsabs=1e-20)[0])
    assert_near(whitened(spec), truth)
    found = bm.fit("y ~ 1", data, family="bernoulli", priors=priors, **QUICK).log_evidence()
    assert abs(found.log_evidence - truth) < 4 * found.se


@pytest.fixture(scope="module")
def shares() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    eta = -0.5 + 0.9 * rng.standard_normal(12)
    n = rng.integers(3, 12, 12)
    return pd.DataFrame({"y": rng.binomial(n, special.expit(eta)), "n": n, "g": np.arange(12)})


SHARE_PRIORS = {"Intercept": Prior("Normal", mu=0, sigma=2), "sd": Prior("HalfNormal", sigma=1)}


def shares_by_quadrature(data: pd.DataFrame) -> float:
    """Gauss-Hermite within groups, Gauss-Legendre over intercept and sd."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    u, w = np.polynomial.legendre.leggauss(80)
    intercepts, sds = 5 * u - 0.5, 3 * (u + 1)
    eta = intercepts[:, None, None] + sds[:, None] * nodes
    of_rows = [
        stats.binom.pmf(y, n, special.expit(eta)) @ weights
        for y, n in zip(data["y"], data["n"], strict=True)
    ]
    each = np.prod(of_rows, axis=0)
    prior = np.outer(stats.norm.pdf(intercepts, scale=2), 2 * stats.norm.pdf(sds))
    return math.log((each * prior * np.outer(5 * w, 3 * w)).sum())


def test_an_sd_of_shares_by_quadrature(shares):
    spec = bm.prepare("p(y, n) ~ 1 + (1 | g)", shares, family="binomial", priors=SHARE_PRIORS)
    assert_near(whitened(spec), shares_by_quadrature(shares))


def test_thresholds_that_rise_have_a_prior_that_is_a_density():
    y = np.repeat([0, 1, 2], [7, 4, 9])
    priors = {"cutpoint": Prior("Normal", mu=0.3, sigma=1.5)}
    data = pd.DataFrame({"y": pd.Categorical(y, ordered=True)})
    spec = bm.prepare("y ~ 1", data, family="cumulative", priors=priors)

    def density(upper: float, lower: float) -> float:
        a, b = special.expit(lower), special.expit(upper)
        likelihood = a**7 * (b - a) ** 4 * (1 - b) ** 9 if b > a else 0.0
        prior = stats.norm.pdf((lower - 0.3) / 1.5) * stats.norm.pdf((upper - 0.3) / 1.5) / 2.25
        return 2 * likelihood * prior

    truth, _ = integrate.dblquad(density, -8, 8, lambda lower: lower, lambda lower: 9.0)
    assert_near(whitened(spec), math.log(truth))


def crossed() -> tuple[str, str, pd.DataFrame]:
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 12, 120), rng.integers(0, 8, 120)
    eta = 0.3 + 0.8 * rng.standard_normal(12)[a] + 0.5 * rng.standard_normal(8)[b]
    y = rng.binomial(4, special.expit(eta))
    data = pd.DataFrame({"y": y, "n": 4, "a": a, "b": b})
    return "p(y, n) ~ 1 + (1 | a) + (1 | b)", "binomial", data


def nested() -> tuple[str, str, pd.DataFrame]:
    rng = np.random.default_rng(5)
    a, b = np.repeat(np.arange(8), 15), np.repeat(np.arange(24), 5)
    x = rng.standard_normal(120)
    eta = 1 + 0.3 * x + 0.5 * rng.standard_normal(8)[a] + 0.3 * rng.standard_normal(24)[b]
    data = pd.DataFrame({"y": rng.poisson(np.exp(eta)), "x": x, "a": a, "b": b})
    return "y ~ x + (1 | a / b)", "poisson", data


def slopes() -> tuple[str, str, pd.DataFrame]:
    rng = np.random.default_rng(6)
    g, x = np.repeat(np.arange(15), 12), rng.standard_normal(180)
    u = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 0.6]], 15)
    y = rng.binomial(1, special.expit(0.3 + 0.5 * x + u[g, 0] + u[g, 1] * x))
    return "y ~ x + (x | g)", "bernoulli", pd.DataFrame({"y": y, "x": x, "g": g})


# Bridge sampling through PyMC's joint density, with its error: tests/benchmarks/evidence_bridge.py
@pytest.mark.parametrize(
    ("make", "bridge", "error"),
    [(crossed, -162.168, 0.021), (nested, -236.708, 0.034), (slopes, -115.313, 0.021)],
)
def test_several_factors_and_slopes_beside_bridge_sampling(make, bridge, error):
    formula, family, data = make()
    found = whitened(bm.prepare(formula, data, family=family))
    assert found.se < 0.1
    assert abs(found.value - bridge) < 4 * math.hypot(found.se, error)


@pytest.mark.slow
def test_both_ways_agree_on_a_gaussian_model(meta):
    formula = "y ~ x + (x | g)"
    fit = bm.fit(formula, meta, **QUICK)
    exact, other = fit.log_evidence(), whitened(fit.spec)
    assert other.se < 0.1
    difference = exact.log_evidence - other.value
    assert abs(difference) < 4 * math.hypot(exact.se, other.se)
    # A t with hardly a tail is no Normal to the library, so that only the second way takes it.
    tailed = {"Intercept": Prior("StudentT", nu=1e9, mu=1, sigma=2), "beta": NORMAL["beta"]}
    spec = bm.prepare(formula, meta, priors=tailed)
    normal = bm.fit(formula, meta, priors=NORMAL, **QUICK).log_evidence()
    assert abs(whitened(spec).value - normal.log_evidence) < 0.3


def test_a_residual_beside_known_errors(meta):
    fit = bm.fit("y ~ x", meta, se="e", residual=True, priors=NORMAL, **QUICK)
    prior = fit.spec.priors.auxiliary["sigma"]

    def density(sigma: float) -> float:
        log = log_normal_of(meta, np.diag(meta["e"] ** 2 + sigma**2))
        return math.exp(log) * math.exp(float(prior.log_density(sigma)))

    truth = math.log(integrate.quad(density, 0, 20, points=[0.5, 1, 2], epsrel=1e-9)[0])
    found = fit.log_evidence()
    assert abs(found.log_evidence - truth) < 4 * found.se


@pytest.mark.slow
def test_errors_are_what_differs_with_the_seed(shares):
    """95 % intervals of 50 repetitions, against quadrature."""
    spec = bm.prepare("p(y, n) ~ 1 + (1 | g)", shares, family="binomial", priors=SHARE_PRIORS)
    truth = shares_by_quadrature(shares)
    found = [whitened(spec, seed) for seed in range(50)]
    inside = sum(abs(one.value - truth) < 1.96 * one.se for one in found)
    assert inside >= 44
    ratio = np.std([one.value for one in found]) / np.mean([one.se for one in found])
    assert 0.75 < ratio < 1.3


def test_improper_priors_are_refused_by_name(meta):
    fit = bm.fit("y ~ x", meta, priors={"beta": Prior("Flat")}, **QUICK)
    with pytest.raises(bm.BayesmixError, match=r"'beta:x': Flat\(\).*priors=\{'beta:x': Prior"):
        fit.log_evidence()


def test_what_only_the_joint_model_knows_is_refused(meta):
    normal = bm.fit("y ~ x + (1 | g)", meta, **QUICK)
    spec = bm.prepare("y ~ x + (1 | g)", meta, priors={"u:g": "student"})
    with pytest.raises(bm.BayesmixError, match=r"effects of 'g' are Student-t.*fit\.loo"):
        dataclasses.replace(normal, spec=spec).log_evidence()


def test_few_weights_are_told(meta, monkeypatch):
    fit = bm.fit("y ~ x + (1 | g)", meta, **QUICK)
    monkeypatch.setattr("bayesmix.engines.exact.evidence.LARGEST_ERROR", 1e-9)
    with pytest.warns(bm.ComparisonWarning, match="not to be trusted: the proposal"):
        found = fit.log_evidence()
    assert "Not to be trusted" in repr(found)


def test_the_number_of_temperatures_grows_until_the_error_is_small(shares, monkeypatch):
    spec = bm.prepare("p(y, n) ~ 1 + (1 | g)", shares, family="binomial", priors=SHARE_PRIORS)
    monkeypatch.setattr("bayesmix.engines.whitened.evidence.FEWEST", 1)
    temperatures = int(whitened(spec).how.split()[-2])
    assert 2 <= temperatures <= 384
    monkeypatch.setattr("bayesmix.engines.whitened.evidence.MOST", 1)
    monkeypatch.setattr("bayesmix.engines.whitened.evidence.LARGEST_SPREAD", 0.1)
    assert "few of them decide" in whitened(spec).doubt


def test_a_gaussian_density_with_a_hole_is_learnt_again(meta):
    """Draws of one half of the posterior make a poor first proposal."""
    fit = bm.fit("y ~ x + (1 | g)", meta, **QUICK)
    theta = left_out(fit.spec).theta(fit.posterior)
    low = theta[np.flatnonzero(theta.sigma < np.quantile(theta.sigma, 0.1))]
    found = evidence_of_gaussian(fit.spec, low, np.random.default_rng(0))
    whole = fit.log_evidence()
    assert abs(found.value - whole.log_evidence) < 4 * math.hypot(found.se, whole.se)


def test_densities_between_have_their_gradients():
    known, rng = Known(size=3, dimensions=5), np.random.default_rng(1)
    x = known.draw(rng, 4)
    at = known.at(x)
    law = stats.multivariate_t(np.zeros(3), WIDTH**2 * np.eye(3), df=DEGREES)
    truth = law.logpdf(x[:3].T) + stats.norm.logpdf(x[3:]).sum(axis=0)
    assert np.allclose(at.log_density, truth)
    other = Known(size=0, dimensions=5)
    between = Between(known, other, 0.3)
    point = between.at(x)
    assert np.allclose(point.log_density, 0.3 * other.at(x).log_density + 0.7 * truth)
    for k in range(5):
        step = 1e-5 * np.eye(5)[:, [k]]
        ends = [between.at(x + sign * step).log_density for sign in (1, -1)]
        assert np.allclose((ends[0] - ends[1]) / 2e-5, point.gradient[k], atol=1e-7)
    back = between.posterior(point, at)
    assert all(np.allclose(a, b) for a, b in zip(back, other.at(x), strict=True))
