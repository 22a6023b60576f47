"""Bayes factors of correlations at zero: against quadrature, and against the evidence."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import bayesmix as bm
from bayesmix import Prior
from bayesmix.criteria.correlation_factors import (
    correlation_factors,
    evidence_if_known,
    what_is_zero,
)
from bayesmix.criteria.savage_dickey import correlations_at_zero, log_ratio_at_zero

QUICK = {"random_seed": 1, "draws": 500, "progressbar": False}


@pytest.fixture(scope="module")
def sleepstudy() -> bm.MixedFit:
    data = bm.load_dataset("sleepstudy")
    data = data.assign(c=data["Days"] - data["Days"].mean())
    return bm.fit("Reaction ~ c + (1 + c | Subject)", data, **QUICK)


@pytest.mark.parametrize("eta", [1.0, 3.0])
def test_a_density_at_zero_by_quadrature(eta):
    """Of effects with unit sds: the prior of the correlation times their normal densities."""
    rng = np.random.default_rng(2)
    v = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], (1, 3, 7))

    def joint(r: float, one: np.ndarray) -> float:
        law = stats.multivariate_normal([0, 0], [[1, r], [r, 1]])
        return math.exp(law.logpdf(one).sum() + 12) * stats.beta.pdf((1 + r) / 2, eta, eta) / 2

    totals = [integrate.quad(joint, -1, 1, args=(one,), epsrel=1e-10)[0] for one in v[0]]
    posterior = np.mean([joint(0.0, one) / total for one, total in zip(v[0], totals, strict=True)])
    truth = math.log(stats.beta.pdf(0.5, eta, eta) / 2 / posterior)
    assert log_ratio_at_zero(v, eta)[0] == pytest.approx(truth, abs=1e-6)


def test_many_levels_and_correlations_near_one():
    v = np.random.default_rng(2).standard_normal((2, 40, 5000, 2))
    assert np.isfinite(log_ratio_at_zero(v, 1.0)).all()
    v[..., 1] = v[..., 0] + 0.01 * v[..., 1]
    value, _ = log_ratio_at_zero(v[:, :, :6], 1.0)
    assert value > 5


def test_equals_the_ratio_of_evidences_where_columns_are_centred(sleepstudy):
    assert_equals_ratio(sleepstudy)


def assert_equals_ratio(fit: bm.MixedFit) -> None:
    split = fit.uncorrelated()
    one, other = fit.log_evidence(), split.log_evidence()
    ((_, first, second, value, se),) = correlations_at_zero(fit)
    assert (first, second) == ("Intercept", "c")
    difference = one.log_evidence - other.log_evidence
    assert abs(value - difference) < 4 * math.hypot(se, one.se, other.se)


def test_the_answer_to_the_question_has_it(sleepstudy):
    result = sleepstudy.compare_correlation(eta=[1, 4], logo=False)
    table = result.bayes_factors
    assert table["eta"].tolist() == [1, 1, 4, 4]
    assert table["against"].tolist() == ["uncorrelated", "r = 0"] * 2
    by_evidence, at_zero = table["log_bayes_factor"].to_numpy().reshape(2, 2).T
    assert np.abs(by_evidence - at_zero).max() < 0.25
    assert np.allclose(np.exp(table["log_bayes_factor"]), table["bayes_factor"])
    assert "Savage & Dickey" in repr(result)


def test_says_where_other_columns_are_and_leaves_out_what_draws_do_not_tell():
    data = bm.load_dataset("gpa")
    fit = bm.fit("gpa ~ occasion + (1 + occasion | student)", data, **QUICK)
    table = correlation_factors(fit, None)
    assert table["against"].tolist() == ["r = 0, occasion at 2.5"]
    assert table["log_bayes_factor"].isna().all()
    assert "draws do not tell the density" in what_is_zero(table)[0]


def test_blocks_of_three_and_improper_priors_have_none():
    rng = np.random.default_rng(3)
    data = pd.DataFrame(rng.standard_normal((24, 3)), columns=["y", "x", "z"])
    data["g"] = np.repeat(np.arange(6), 4)
    fit = bm.fit("y ~ x + z + (x + z | g)", data, priors={"beta": Prior("Flat")}, **QUICK)
    assert evidence_if_known(fit) is None
    assert correlation_factors(fit, None).empty
    assert what_is_zero(correlation_factors(fit, None)) == ()


@pytest.mark.slow
def test_equals_the_ratio_of_evidences_of_growth_of_grades():
    """With a correlation of 0.5 where occasion is at its mean; LKJ(50) keeps draws near zero."""
    data = bm.load_dataset("gpa")
    data = data.assign(c=data["occasion"] - data["occasion"].mean())
    priors = {"cor": bm.LKJ(50)}
    formula = "gpa ~ c + (1 + c | student)"
    assert_equals_ratio(bm.fit(formula, data, priors=priors, random_seed=1, progressbar=False))


@pytest.mark.slow
def test_equals_the_ratio_of_evidences_of_shares():
    rng = np.random.default_rng(0)
    g, c = np.repeat(np.arange(30), 8), rng.standard_normal(240)
    c -= c.mean()
    u = rng.multivariate_normal([0, 0], [[1, 0.3], [0.3, 0.6]], 30)
    y = rng.binomial(5, special.expit(0.3 + 0.5 * c + u[g, 0] + u[g, 1] * c))
    data = pd.DataFrame({"y": y, "n": 5, "c": c, "g": g})
    formula = "p(y, n) ~ c + (1 + c | g)"
    assert_equals_ratio(bm.fit(formula, data, family="binomial", random_seed=1, progressbar=False))
