"""Linked group effects, ``(1 | p | g)``, beside what only the joint model has."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pymc.testing import mock_sample_setup_and_teardown
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.facts import Facts
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive

FORMULA, SIGMA = "y ~ x + z + (1 + x | p | g) + (1 | h)", "~ 1 + (1 | p | g) + (1 | h)"
HALF = bm.Prior("HalfNormal", sigma=0.4)
PRIORS = {
    "u:h": "student",
    "sigma:u:h": bm.StudentT(nu=3),
    "beta": bm.Prior("Normal", mu=0, sigma=bm.Prior("HalfNormal", sigma=0.3)),
    "Intercept": bm.Prior("Normal", mu=4, sigma=0.2),
    "sigma:Intercept": bm.Prior("Normal", mu=0, sigma=0.2),
    "sd:g:x": HALF,
    "sd:h": HALF,
    "sigma:sd": HALF,
}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g, h = np.repeat(np.arange(8), 8), np.tile(np.arange(8), 8)
    x, z = rng.normal(3.0, 1.0, 64), rng.standard_normal(64)
    return pd.DataFrame({"y": 1 + x + rng.standard_normal(64), "x": x, "z": z, "g": g, "h": h})


@pytest.fixture(scope="module")
def fit() -> bm.MixedFit:
    """A whole fit whose draws are those of the prior."""
    mock = mock_sample_setup_and_teardown()
    next(mock)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bm.fit(
                FORMULA,
                frame(),
                sigma=SIGMA,
                priors=PRIORS,
                draws=100,
                chains=2,
                random_seed=1,
                progressbar=False,
            )
    finally:
        next(mock, None)


@pytest.fixture(scope="module")
def draws(fit) -> Draws:
    return Draws.of(fit.spec, fit.posterior)


def joint_root(draws: Draws) -> np.ndarray:
    return np.concatenate([part.scale["g"] for part in draws.parts], axis=1)


@pytest.mark.parametrize("path", ["u:g", "u", "sigma:u:g", "sigma:u"])
@pytest.mark.parametrize("law", ["student", bm.StudentT(nu=4)], ids=repr)
def test_student_effects_of_a_linked_factor_are_refused(path, law):
    with pytest.raises(BayesmixError) as caught:
        bm.prepare(FORMULA, frame(), sigma=SIGMA, priors={path: law})
    message = str(caught.value)
    assert repr(path) in message
    assert "effects of 'g' are Student-t: a name between two bars correlates them" in message
    assert "across the formula and 'sigma'" in message


def test_without_the_name_or_normal_they_are_not():
    named = bm.prepare(FORMULA, frame(), sigma=SIGMA, priors={"u": "normal"})
    assert named.priors.student == {}
    once = bm.prepare(FORMULA, frame(), sigma="~ 1 + (1 | h)", priors={"u:g": "student"})
    assert list(once.priors.student) == ["g"]
    plain = bm.prepare(FORMULA, frame(), sigma=SIGMA).uncorrelated()
    assert plain.priors.replace({"u:g": "student"}).student.keys() == {"g"}
    both = bm.prepare(FORMULA, frame(), sigma=SIGMA, priors={"u:h": "student"})
    assert list(both.priors.student) == ["h"]


@pytest.mark.slow
def test_the_density_is_that_of_effects_given_hyperparameters(fit):
    """A model whose prior has the sd as a number: its density, that of the sd, and a Jacobian."""
    model = fit.spec.build()
    point = model.initial_point()
    rng = np.random.default_rng(2)
    point = {name: value + 0.2 * rng.standard_normal(value.shape) for name, value in point.items()}
    sigma = float(np.exp(point["hyper_beta:sigma_log__"]))
    number = bm.Prior("Normal", mu=0, sigma=sigma)
    plain = bm.prepare(FORMULA, frame(), sigma=SIGMA, priors=PRIORS | {"beta": number}).build()
    own = {name: point[name] for name in plain.initial_point() if name in point}
    own["slope"] = sigma * point["slope_raw"]
    assert own.keys() == plain.initial_point().keys()
    added = stats.halfnorm(scale=0.3).logpdf(sigma) + np.log(sigma) + 2 * np.log(sigma)
    found = float(model.compile_logp(mode="FAST_COMPILE")(point))
    expected = float(plain.compile_logp(mode="FAST_COMPILE")(own)) + added
    assert found == pytest.approx(expected, rel=1e-10)


def test_effects_are_made_of_the_free_variables(fit, draws):
    one = fit.posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    zeta = np.concatenate([one["zeta_g"], one["sigma_zeta_g"]], axis=2)
    u = np.concatenate([part.u["g"] for part in draws.parts], axis=2)
    assert_allclose(zeta @ np.swapaxes(joint_root(draws), 1, 2), u, atol=1e-8)


def test_draws_know_both(draws):
    assert joint_root(draws).shape == (200, 3, 3)
    assert draws.df.keys() == {"h"}
    assert (draws.predictors["sigma"].df["h"] == 3).all()


def test_tables_and_files(fit, tmp_path):
    assert len(fit.diagnostics()) == Facts.of(fit).K
    labels = fit.diagnostics()["parameter"].tolist()
    assert {"df:h", "beta:sigma", "cor:g:Intercept:sigma_Intercept"} <= set(labels)
    assert fit.cor_re()["g"].shape == (3, 3)
    for table in (fit.ranef(), fit.coef(), fit.find_typical(), fit.fixef(), fit.varcorr()):
        assert np.isfinite(table.select_dtypes("number")).to_numpy().all()
    fit.save(tmp_path / "both.fit")
    back = bm.load(tmp_path / "both.fit")
    assert repr(back) == repr(fit)
    pd.testing.assert_frame_equal(back.priors, fit.priors)
    own = fit.priors.set_index("parameter")["prior"]
    assert own["cor:g"] == "LKJ(eta=1), x at its mean"
    assert own["u:h"].startswith("StudentT")


def test_new_levels_are_drawn_each_by_its_own_law(fit, draws):
    n = 100
    rows = pd.DataFrame({"x": 3.0, "z": 0.0, "g": "new", "h": [f"new{k}" for k in range(n)]})

    def added(groups, **parameter):
        options = {"groups": groups, "draws": True, "random_seed": 4, **parameter}
        own = fit.linpred(rows, new_levels="sample", **options)
        return (own - fit.linpred(rows, new_levels="population", **options)).values.reshape(-1, n)

    both = np.stack([added(["g"])[:, 0], added(["g"], parameter="sigma")[:, 0]], axis=1)
    root = np.array([[1, 3, 0], [0, 0, 1]]) @ joint_root(draws)
    white = np.linalg.solve(np.linalg.cholesky(root @ np.swapaxes(root, 1, 2)), both[..., None])
    assert stats.kstest(white.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(white[..., 0].T)[0, 1]) < 4.5 / np.sqrt(200)
    # Others of the same row, by a number of degrees of freedom that is fixed.
    t = added(["h"], parameter="sigma") / draws.predictors["sigma"].scale["h"][:, 0]
    assert stats.kstest(t.ravel(), stats.t(3).cdf).pvalue > 1e-3
    assert_allclose(added(["g", "h"]), added(["g"]) + added(["h"]), atol=1e-9)


def test_unseen_levels_of_both_are_integrated(fit, draws):
    """Against many draws of the effects of both levels."""
    code, rows = 5, np.array([40, 42])
    spec = fit.spec
    g, h = (term.codes for term in spec.design.groups)
    train = spec.design.take(np.flatnonzero((g != code) & (h != 0) & (h != 2)))
    held_out = spec.design.take(rows)
    assert (g[rows] == code).all()
    assert set(h[rows]) == {0, 2}
    spec = dataclasses.replace(spec, design=train)
    found = log_predictive(spec, held_out, fit.posterior, 1)
    together, _ = log_joint_predictive(spec, held_out, fit.posterior, np.random.default_rng(2))
    without = {factor: np.ones(2, dtype=bool) for factor in "gh"}
    rng, many = np.random.default_rng(3), 4000
    u = rng.standard_normal((200, many, 3)) @ np.swapaxes(joint_root(draws), 1, 2)
    etas = []
    for part, own, place in zip(
        held_out.parts, draws.parts, (slice(0, 2), slice(2, 3)), strict=True
    ):
        eta = linear_predictor(part, own, without)[:, None] + u[..., place] @ part.groups[0].Z.T
        t = rng.standard_t(own.df["h"][:, None, None], (200, many, 2))
        etas.append(eta + t * own.scale["h"][:, :, :1])
    log = stats.norm.logpdf(held_out.y, etas[0], np.exp(etas[1]))
    assert_allclose(found, np.log(np.exp(log).mean(axis=(0, 1))), atol=0.04)
    assert_allclose(together, np.log(np.exp(log.sum(axis=-1)).mean()), atol=0.15)


def test_simulated_levels_have_their_own_laws(fit):
    own = frame()
    many = pd.concat([own.assign(g=own["g"] + 8 * k, h=own["h"] + 8 * k) for k in range(60)])
    study = bm.simulate_from(fit, many, random_seed=2)
    assert_allclose(study.df["h"], fit.posterior["df_h"].mean())
    assert study.df.keys() == {"h"}
    assert study.predictors["sigma"].df == {"h": 3.0}
    assert study.cor.keys() == {"g"}
    for predictor in (study, study.predictors["sigma"]):
        standard = predictor.u["h"]["Intercept"] / predictor.sd["h"]["Intercept"]
        assert stats.kstest(standard, stats.t(predictor.df["h"]).cdf).pvalue > 0.01
    u = np.hstack([study.u["g"], study.predictors["sigma"].u["g"]])
    sds = [*study.sd["g"].values(), *study.predictors["sigma"].sd["g"].values()]
    covariance = study.cor["g"].to_numpy() * np.outer(sds, sds)
    white = np.linalg.solve(np.linalg.cholesky(covariance), u.T)
    assert_allclose(np.cov(white), np.eye(3), atol=4.5 * np.sqrt(2 / 480))


def test_an_average_over_new_groups_of_sigma_is_infinite(fit):
    with pytest.raises(BayesmixError, match="log link the mean over new groups is infinite"):
        fit.predictions(groups="average", parameter="sigma")
