"""Pearson residuals: against sums over draws by hand, and against lme4."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.questions import heldout_rows
from bayesmix.questions.heldout_rows import held_out_rows

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
QUIET = {"random_seed": 1, "progressbar": False}


def draws_of(array):
    return array.transpose("chain", "draw", "obs").to_numpy().reshape(-1, array.sizes["obs"])


def flat(fit, name):
    return fit.posterior[name].transpose("chain", "draw", ...).to_numpy().reshape(-1, 1)


def by_hand(y, mean, variance):
    """Divide by the sd of the mixture over the draws."""
    second = (variance + mean**2).mean(axis=0)
    return (y - mean.mean(axis=0)) / np.sqrt(second - mean.mean(axis=0) ** 2)


@pytest.mark.parametrize("family", ["gaussian", "poisson", "binomial", "bernoulli", "lognormal"])
def test_they_are_sums_over_draws(fits, questioned, family):
    fit = fits[family]
    mean = draws_of(fit.epred(draws=True))
    n = questioned["n"].to_numpy() if family == "binomial" else 1
    column = {"gaussian": "y", "poisson": "count", "binomial": "s", "bernoulli": "yes"}
    variance = {
        "gaussian": lambda: flat(fit, "sigma") ** 2,
        "poisson": lambda: mean,
        "lognormal": lambda: mean**2 * (np.exp(flat(fit, "sigma") ** 2) - 1),
    }.get(family, lambda: mean * (1 - mean / n))()
    y = questioned[column.get(family, "positive")].to_numpy()
    table = fit.residuals(kind="pearson", predictive="conditional")
    assert list(table) == ["residual", "fitted", "sd"]
    assert_allclose(table["residual"], by_hand(y, mean, variance), rtol=1e-8)
    assert_allclose(table["fitted"], mean.mean(axis=0))
    assert_allclose(table["residual"] * table["sd"], y - table["fitted"])


def test_a_further_predictor_and_zeros(fits, questioned):
    fit = fits["hurdle_poisson"]
    hu, eta = (draws_of(fit.epred(draws=True, parameter="hu")), draws_of(fit.linpred(draws=True)))
    law = stats.poisson(np.exp(eta))
    some = 1 - law.pmf(0)
    mean, square = law.mean() / some, (law.var() + law.mean() ** 2) / some
    variance = (1 - hu) * square - ((1 - hu) * mean) ** 2
    expected = by_hand(questioned["count"].to_numpy(), (1 - hu) * mean, variance)
    found = fit.residuals(kind="pearson", predictive="conditional")["residual"]
    assert_allclose(found, expected, rtol=1e-8)


def test_rows_that_are_left_out(monkeypatch):
    """With the effects integrated out, and by weighting draws; a little wider than with the row."""
    fit = bm.fit("Reaction ~ Days + (Days | Subject)", bm.load_dataset("sleepstudy"), **QUIET)
    conditional = fit.residuals(kind="pearson", predictive="conditional")
    table = fit.residuals(kind="pearson")
    assert list(table) == ["residual", "fitted", "sd", "pareto_k"]
    # Not of rows that are far out: sigma is smaller without them.
    inside = conditional["residual"].abs() < 2
    assert (table["sd"] > conditional["sd"])[inside].mean() > 0.9
    assert_allclose(table["residual"].std(), 1, atol=0.1)
    # Of a normal distribution it is the quantile residual.
    quantile = fit.residuals()
    near = quantile["residual"].abs() < 2
    assert_allclose(table["residual"][near], quantile["residual"][near], atol=0.1)
    monkeypatch.setattr(heldout_rows, "closed_obstacle", lambda spec: "asked for")
    weighted = held_out_rows(fit)
    good = weighted.k < 0.6
    assert good.sum() > 150
    assert_allclose(weighted.sd[good], table["sd"][good], rtol=0.06)


def test_effects_of_single_rows():
    """Against 2,000 new effects for each draw, and weights by hand."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"x": rng.normal(size=80), "row": np.arange(80)})
    data["y"] = rng.poisson(np.exp(1 + 0.5 * data["x"] + 0.8 * rng.normal(size=80)))
    fit = bm.fit("y ~ x + (1 | row)", data, family="poisson", **QUIET)
    table = fit.residuals(kind="pearson")
    eta, sd = draws_of(fit.linpred(groups="population", draws=True)), flat(fit, "sd_row")
    for row in (0, 17, 60):
        mean = np.exp(eta[::8, row, None] + sd[::8] * rng.standard_normal((500, 2000)))
        density = stats.poisson.pmf(data["y"][row], mean).mean(axis=1)
        weights = 1 / density / (1 / density).sum()
        own = weights @ mean.mean(axis=1)
        # The expectation of lognormal numbers has a long tail.
        assert table["fitted"][row] == pytest.approx(own, rel=0.08)
        square = weights @ (mean + mean**2).mean(axis=1)
        assert table["sd"][row] == pytest.approx(np.sqrt(square - own**2), rel=0.15)


@pytest.mark.parametrize(
    ("family", "response", "expected", "sd"),
    [
        ("poisson", "count", [-0.6120, -0.6050, 1.3021, 2.3183, 0.5952, -0.0858], 0.5249),
        ("bernoulli", "fast", [0.3333, 0.4466, -0.2155, -0.5184, -0.0897, -0.2155], 0.9085),
    ],
)
def test_they_are_near_lme4s(family, response, expected, sd):
    """residuals(glmer(count ~ Days + (1 | Subject), data, family = poisson), "pearson")."""
    data = bm.load_dataset("sleepstudy")
    data["count"] = (data["Reaction"] / 10).round().astype(int)
    data["fast"] = (data["Reaction"] < 300).astype(int)
    fit = bm.fit(f"{response} ~ Days + (1 | Subject)", data, family=family, **QUIET)
    found = fit.residuals(kind="pearson", predictive="conditional")["residual"]
    # Averages over draws against estimates of the parameters.
    assert_allclose(found.iloc[[0, 1, 9, 56, 99, 179]], expected, rtol=0.08, atol=0.02)
    assert found.std() == pytest.approx(sd, rel=0.08)


def test_known_errors_and_weights(questioned):
    data = questioned.assign(se=0.4 + 0.1 * questioned["w"])
    fit = bm.fit("y ~ x + (1 | g)", data, se="se", residual=True, **QUIET)
    mean, sigma = draws_of(fit.linpred(draws=True)), flat(fit, "sigma")
    expected = by_hand(data["y"].to_numpy(), mean, sigma**2 + data["se"].to_numpy() ** 2)
    found = fit.residuals(kind="pearson", predictive="conditional")["residual"]
    assert_allclose(found, expected, rtol=1e-8)
    fit = bm.fit("y ~ x + (1 | g)", data, weights="w", **QUIET)
    mean, sigma = draws_of(fit.linpred(draws=True)), flat(fit, "sigma")
    expected = by_hand(data["y"].to_numpy(), mean, sigma**2 / data["w"].to_numpy())
    found = fit.residuals(kind="pearson", predictive="conditional")["residual"]
    assert_allclose(found, expected, rtol=1e-8)


def test_categories_have_none(fits):
    for family in ("cumulative", "categorical"):
        for kind in ("pearson", "response"):
            with pytest.raises(bm.BayesmixError, match=f"'{family}' has categories. Use kind="):
                fits[family].residuals(kind=kind)


def test_heavy_tails_have_none():
    """Of two degrees of freedom the variance is infinite, and no residual is 0 for that."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.normal(size=80)})
    data["y"] = data["x"] + rng.standard_t(1.2, size=80)
    fit = bm.fit("y ~ x", data, family="student", draws=200, **QUIET)
    for predictive in ("loo", "conditional"):
        with pytest.raises(bm.BayesmixError, match="infinite or 0 in some draws for 80 of 80 rows"):
            fit.residuals(kind="pearson", predictive=predictive)
    assert np.isfinite(fit.residuals()["residual"]).all()
