"""ICC and R2 against hand-made ones, lme4 and R's performance 0.10.2 (insight 0.18.8)."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.posterior.draws import Draws
from bayesmix.questions.variances import check_variance

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")


def within(table: pd.DataFrame, name: str, expected: dict[str, float]) -> None:
    """Inside the interval, and near: the mean of the posterior of an sd lies above its maximum."""
    own = table.set_index(name)
    for key, value in expected.items():
        assert abs(own.loc[key, "value"] - value) < 0.75 * own.loc[key, "se"]
        assert own.loc[key, "lower_2.5"] < value < own.loc[key, "upper_97.5"]


@pytest.fixture(scope="module")
def sleep() -> bm.MixedFit:
    data = bm.load_dataset("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    return bm.fit(formula, data, random_seed=1, progressbar=False)


def test_gaussian_beside_performance(sleep):
    """``icc(lmer(Reaction ~ Days + (Days | Subject)))``, ``r2()``."""
    within(sleep.icc(), "icc", {"adjusted": 0.722, "unadjusted": 0.521})
    within(sleep.r2(loo=False), "r2", {"marginal": 0.279, "conditional": 0.799})
    assert set(sleep.icc()["own_variance"]) == {"sigma^2"}


def test_gaussian_by_hand(sleep):
    draws, Z = Draws.of(sleep.spec, sleep.posterior), sleep.design.groups[0].Z
    Sigma = draws.scale["Subject"] @ np.swapaxes(draws.scale["Subject"], 1, 2)
    random = np.einsum("ni,sij,nj->s", Z, Sigma, Z) / len(Z)
    fixed = (draws.beta @ sleep.design.X.T).var(axis=1, ddof=1)
    own = draws.auxiliary["sigma"] ** 2
    adjusted, unadjusted = random / (random + own), random / (random + own + fixed)
    assert_allclose(sleep.icc()["value"], [adjusted.mean(), unadjusted.mean()], rtol=1e-10)
    marginal, conditional = (x / (random + own + fixed) for x in (fixed, fixed + random))
    y, fit = sleep.design.y, sleep.epred(draws=True).values.reshape(-1, len(Z))
    bayes = fit.var(axis=1) / (fit.var(axis=1) + (y - fit).var(axis=1))
    table = sleep.r2(loo=False)
    expected = [marginal.mean(), conditional.mean(), bayes.mean()]
    assert_allclose(table["value"], expected, rtol=1e-10)


def test_left_out_rows_are_explained_less(sleep):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ComparisonWarning)
        table = sleep.r2().set_index("r2")["value"]
    assert table["marginal"] < table["loo"] < table["bayes"]


def test_binomial_beside_performance(load):
    """``icc(glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), binomial))``."""
    formula = "p(incidence, size) ~ period + (1 | herd)"
    fit = bm.fit(formula, load("cbpp"), family="binomial", random_seed=1, progressbar=False)
    within(fit.icc(), "icc", {"adjusted": 0.111, "unadjusted": 0.102})
    within(fit.r2(loo=False), "r2", {"marginal": 0.085, "conditional": 0.187})
    by_group = fit.icc(by_group=True)
    assert by_group["icc"].tolist() == ["herd"]
    assert by_group["value"][0] == pytest.approx(fit.icc()["value"][0])


@pytest.mark.parametrize("family", ["poisson", "negbinomial"])
def test_counts_by_the_formulas_of_nakagawa(fits, questioned, family):
    """With the mean that each draw expects of new groups: exp(eta + variance / 2), by hand."""
    formula = "count ~ x + f + (1 | g) + (1 | h)"
    few = {"draws": 60, "chains": 2, "random_seed": 1, "progressbar": False}
    fit = bm.fit(formula, questioned, family=family, **few)
    draws = Draws.of(fit.spec, fit.posterior)
    eta = draws.beta @ fit.design.X.T
    by_group = {g: draws.scale[g][:, 0, 0] ** 2 for g in ("g", "h")}
    random, fixed = by_group["g"] + by_group["h"], eta.var(axis=1, ddof=1)
    mean = np.exp(eta + random[:, None] / 2).mean(axis=1)
    own = np.log1p(1 / mean)
    if family == "negbinomial":
        own = np.log1p(1 / mean + 1 / draws.auxiliary["shape"])
    expected = [(random / (random + own)).mean(), (random / (random + own + fixed)).mean()]
    assert_allclose(fit.icc()["value"], expected, rtol=1e-6)
    shares = fit.icc(by_group=True).set_index("icc")["value"]
    for g, variance in by_group.items():
        assert shares[g] == pytest.approx((variance / (random + own)).mean(), rel=1e-6)


def test_latent_scales(fits):
    fit = fits["cumulative"]
    draws = Draws.of(fit.spec, fit.posterior)
    random = draws.scale["g"][:, 0, 0] ** 2
    expected = (random / (random + np.pi**2 / 3)).mean()
    assert fit.icc()["value"][0] == pytest.approx(expected, rel=1e-10)
    assert fit.icc()["own_variance"][0] == "pi^2 / 3"
    assert fit.r2()["r2"].tolist() == ["marginal", "conditional"]


def test_rows_that_differ_in_their_residual_sd(questioned):
    few = {"draws": 60, "chains": 2, "random_seed": 1, "progressbar": False}
    fit = bm.fit("y ~ x + (1 | g)", questioned, sigma="~ z", **few)
    draws = Draws.of(fit.spec, fit.posterior)
    sigma = fit.epred(parameter="sigma", draws=True).values.reshape(len(draws), -1)
    random, own = draws.scale["g"][:, 0, 0] ** 2, (sigma**2).mean(axis=1)
    assert fit.icc()["value"][0] == pytest.approx((random / (random + own)).mean(), rel=1e-10)
    weighted = bm.fit("y ~ x + (1 | g)", questioned, weights="w", **few)
    draws = Draws.of(weighted.spec, weighted.posterior)
    random = draws.scale["g"][:, 0, 0] ** 2
    own = draws.auxiliary["sigma"] ** 2 * (1 / questioned["w"]).mean()
    assert weighted.icc()["value"][0] == pytest.approx((random / (random + own)).mean(), rel=1e-10)


def test_what_has_no_variance_of_its_own(fits, questioned):
    with pytest.raises(BayesmixError, match=r"of family hurdle_poisson\(log\) itself"):
        fits["hurdle_poisson"].icc()
    assert fits["hurdle_poisson"].r2(loo=False)["r2"].tolist() == ["bayes"]
    with pytest.raises(BayesmixError, match="itself is not known"):
        fits["categorical"].r2()
    few = {"draws": 20, "chains": 2, "progressbar": False}
    cauchit = bm.fit("yes ~ x + (1 | g)", questioned, family="bernoulli(cauchit)", **few)
    with pytest.raises(BayesmixError, match="cauchit"):
        cauchit.icc()
    plain = bm.fit("y ~ x", questioned, **few)
    with pytest.raises(BayesmixError, match="has no grouping factor"):
        plain.icc()
    assert plain.r2(loo=False)["r2"].tolist() == ["marginal", "bayes"]
    for bad in ({"ci_level": 2}, {"by_group": 3}):
        with pytest.raises(BayesmixError):
            fits["gaussian"].icc(**bad)
    with pytest.raises(BayesmixError, match="ci_level"):
        fits["gaussian"].r2(ci_level="x")
    with pytest.raises(BayesmixError, match="loo="):
        fits["gaussian"].r2(loo="no")


def test_student_effects_without_a_variance_are_told():
    df = np.where(np.arange(200) % 4 == 0, 1.5, 6.0)
    with pytest.raises(BayesmixError, match=r"'g' have none with 2 or fewer .* as 25 % of"):
        check_variance("icc", "g", df)
    check_variance("icc", "g", df + 1)
