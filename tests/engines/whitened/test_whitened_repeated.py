"""Rows that repeat a pattern, added up: the same density, and the draws of sums made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, ndtr

import bayesmix as bm
from bayesmix.engines.whitened import repeated
from bayesmix.engines.whitened.layout import Layout, layout_of
from bayesmix.engines.whitened.passes import likelihood

pytestmark = [
    pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning"),
    pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning"),  # draws are few
]

N = 2000


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    data = pd.DataFrame(
        {
            "g": rng.integers(0, 25, N),
            "h": rng.integers(0, 3, N),
            "x": rng.integers(0, 2, N) + 3.0,
            "z": rng.choice([-0.5, 0.1, 2.0], N),
            "known": rng.choice([0.0, 0.7], N),
            "exposure": rng.normal(size=N),
            "smooth": rng.normal(size=N),
        }
    )
    eta = -0.4 + 0.2 * data["x"] + rng.normal(0, 0.7, 25)[data["g"]]
    data["yes"] = (rng.uniform(size=N) < expit(eta)).astype(int)
    data["n"] = rng.integers(1, 9, N)
    data["s"] = rng.binomial(data["n"], expit(eta))
    data["count"] = rng.poisson(np.exp(eta + 0.3 * data["exposure"]))
    return data


SPECS = {
    "bernoulli": ("yes ~ x + (x | g)", "bernoulli(logit)"),
    "bernoulli, crossed": ("yes ~ x + (x | g) + (1 | h)", "bernoulli(logit)"),
    "bernoulli, nested": ("yes ~ x + (1 | g/h)", "bernoulli(probit)"),
    "bernoulli, offset": ("yes ~ z + offset(known) + (1 | g)", "bernoulli(cloglog)"),
    "bernoulli, no groups": ("yes ~ x + z", "bernoulli(cauchit)"),
    "binomial": ("p(s, n) ~ x + (z || g)", "binomial(logit)"),
    "binomial, one trial": ("yes ~ x + (1 | g)", "binomial(logit)"),
    "binomial, offset": ("p(s, n) ~ x + offset(known) + (1 | g)", "binomial(probit)"),
    "poisson": ("count ~ x + (x | g)", "poisson"),
    "poisson, crossed": ("count ~ z + (1 | g) + (1 | h)", "poisson"),
    "poisson, exposures": ("count ~ x + offset(exposure) + (x | g)", "poisson"),
}


def spec_of(name: str):
    formula, family = SPECS[name]
    return bm.prepare(formula, frame(), family=family)


def as_they_are(spec, monkeypatch) -> Layout:
    with monkeypatch.context() as patch:
        patch.setattr(repeated, "FEWEST_ROWS", np.inf)
        layout = layout_of(spec)
    assert layout.n_rows == spec.design.n_rows
    return layout


def log_masses(spec, eta: np.ndarray) -> np.ndarray:
    """Of all rows of the design, by SciPy, at linear predictors (n, M)."""
    design, link = spec.design, spec.family.link
    y = np.asarray(design.y, dtype=float)[:, None]
    if link == "log":
        return stats.poisson.logpmf(y, np.exp(eta))
    inverse = {
        "logit": expit,
        "probit": ndtr,
        "cloglog": lambda x: -np.expm1(-np.exp(x)),
        "cauchit": lambda x: 0.5 + np.arctan(x) / np.pi,
    }
    trials = 1 if design.trials is None else np.asarray(design.trials)[:, None]
    return stats.binom.logpmf(y, trials, inverse[link](eta))


@pytest.mark.parametrize("name", SPECS)
def test_the_likelihood_is_that_of_all_rows(name, monkeypatch):
    spec = spec_of(name)
    added, every = layout_of(spec), as_they_are(spec, monkeypatch)
    assert added.n_rows < N / 2
    rng = np.random.default_rng(1)
    beta = 0.3 * rng.standard_normal((added.X.shape[1], 4))
    u = 0.5 * rng.standard_normal((added.n_effects, 4))
    ours, theirs = likelihood(added, beta, u, {}), likelihood(every, beta, u, {})
    eta = every.X @ beta + every.Z @ u + every.offset[:, None]
    order = np.empty(N, dtype=int)
    order[every.observed.order] = np.arange(N)
    expected = log_masses(spec, eta[order]).sum(axis=0)
    np.testing.assert_allclose(ours.total + added.constant, expected, rtol=1e-10)
    for own, other in zip(ours[1:3], theirs[1:3], strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-10 * N)


def test_what_is_added_up():
    layout = layout_of(spec_of("poisson, exposures"))
    data = frame()
    sums = data.groupby(["g", "x"])
    np.testing.assert_array_equal(np.sort(layout.y), np.sort(sums["count"].sum()))
    exposures = np.exp(data["exposure"]).groupby([data["g"], data["x"]]).sum()
    np.testing.assert_allclose(np.sort(np.exp(layout.offset)), np.sort(exposures))
    codes = layout.factors[0].codes
    assert (np.diff(codes) >= 0).all()
    assert layout.n_rows == len(sums)


@pytest.mark.parametrize(
    ("formula", "family", "rows"),
    [
        ("yes ~ smooth + (1 | g)", "bernoulli", N),
        ("yes ~ x + offset(exposure) + (1 | g)", "bernoulli", N),
        ("count ~ x + (1 | g)", "negbinomial", N),
        ("yes ~ x + (1 | g)", "bernoulli", 900),
    ],
)
def test_what_is_not_added_up(formula, family, rows):
    """Few repetitions, few rows, and families whose sums are of another distribution."""
    spec = bm.prepare(formula, frame()[:rows], family=family)
    layout = layout_of(spec)
    assert layout.n_rows == rows
    assert layout.observed.rest == 0
    assert layout.family is spec.family


def test_a_pattern_is_known_by_its_numbers_and_not_by_its_hash(monkeypatch):
    spec = spec_of("bernoulli")
    with monkeypatch.context() as patch:
        patch.setattr(
            pd.util, "hash_pandas_object", lambda rows, index: pd.Series(np.zeros(len(rows)))
        )
        assert layout_of(spec).n_rows == N


def by_hand(data: pd.DataFrame, response: str, by: list[str]) -> pd.DataFrame:
    sums = data.groupby(by, sort=False)[response].agg(["sum", "size"]).reset_index()
    return sums.sort_values("g", kind="stable", ignore_index=True)


def balanced() -> pd.DataFrame:
    """Each pattern 40 times, so that means of columns are those of the patterns."""
    rng = np.random.default_rng(3)
    patterns = pd.DataFrame({"g": np.repeat(np.arange(15), 2), "x": np.tile([0.0, 1.0], 15)})
    data = patterns.loc[np.tile(np.arange(30), 40)].reset_index(drop=True)
    eta = 0.2 + 0.5 * data["x"] + rng.normal(0, 0.8, 15)[data["g"]]
    data["yes"] = (rng.uniform(size=len(data)) < expit(eta)).astype(int)
    data["count"] = rng.poisson(np.exp(eta))
    return data


PRIORS = {
    "Intercept": bm.Prior("Normal", mu=0, sigma=2),
    "beta": bm.Prior("Normal", mu=0, sigma=1),
    "sd": bm.Prior("HalfNormal", sigma=1),
}


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_draws_are_those_of_sums_by_hand(family):
    data = balanced()
    given = {"priors": PRIORS, "draws": 100, "random_seed": 4, "progressbar": False}
    if family == "bernoulli":
        sums = by_hand(data, "yes", ["g", "x"])
        fit = bm.fit("yes ~ x + (x | g)", data, family=family, **given)
        other = bm.fit("p(sum, size) ~ x + (x | g)", sums, family="binomial", **given)
    else:
        sums = by_hand(data, "count", ["g", "x"])
        fit = bm.fit("count ~ x + (x | g)", data, family=family, **given)
        formula = "sum ~ x + offset(log(size)) + (x | g)"
        other = bm.fit(formula, sums, family=family, **given)
    assert fit.idata.attrs["method"] == other.idata.attrs["method"] == "whitened"
    for name in ("beta", "sd_g", "u_g"):
        np.testing.assert_allclose(fit.posterior[name], other.posterior[name], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bernoulli, crossed", "poisson, exposures"])
def test_the_evidence_is_that_of_all_rows(name, monkeypatch):
    formula, family = SPECS[name]
    fit = bm.fit(
        formula, frame(), family=family, priors=PRIORS, draws=200, random_seed=1, progressbar=False
    )
    added = fit.log_evidence(random_seed=2)
    monkeypatch.setattr(repeated, "FEWEST_ROWS", np.inf)
    every = fit.log_evidence(random_seed=3)
    assert abs(added.log_evidence - every.log_evidence) < 4 * np.hypot(added.se, every.se)
