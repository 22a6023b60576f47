"""The joint model against densities and draws that PyMC, SciPy and theory give."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.engines.nuts.joint import build_model
from bayesmix.model.schema import Schema, free_variables
from bayesmix.model.spec import ModelSpec
from cases import CASES, Case


def logp(model, point):
    return float(model.compile_logp(jacobian=False)(point))


def a_point(model):
    rng = np.random.default_rng(3)
    start = model.initial_point()
    return {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in start.items()}


def natural(model, point):
    """Values of the free variables on their own scale."""
    values = [model.rvs_to_values[rv] for rv in model.free_RVs]
    backward = [
        value
        if (transform := model.rvs_to_transforms[rv]) is None
        else transform.backward(value, *rv.owner.inputs)
        for rv, value in zip(model.free_RVs, values, strict=True)
    ]
    computed = model.compile_fn(backward, inputs=values, on_unused_input="ignore")(point)
    return {rv.name: np.asarray(x) for rv, x in zip(model.free_RVs, computed, strict=True)}


@pytest.fixture(scope="module")
def sleepstudy() -> pd.DataFrame:
    return bm.load_dataset("sleepstudy")


@pytest.mark.slow
def test_ways_to_write_uncorrelated_effects_are_one_model(sleepstudy):
    bars = (
        "(Days || Subject)",
        "(1 | Subject) + (0 + Days | Subject)",
        "(0 + Days | Subject) + (1 | Subject)",
        "(Days - 1 | Subject) + (1 | Subject)",
    )
    models = [bm.prepare(f"Reaction ~ Days + {bar}", sleepstudy).build() for bar in bars]
    point = a_point(models[0])
    densities = [logp(model, point) for model in models]
    assert all(set(model.initial_point()) == set(point) for model in models)
    np.testing.assert_array_equal(densities, densities[0])


def test_correlated_effects_differ_by_the_correlation_only(sleepstudy):
    centred = sleepstudy.assign(Days=sleepstudy["Days"] - sleepstudy["Days"].mean())
    together = bm.prepare("Reaction ~ Days + (Days | Subject)", centred).build()
    apart = bm.prepare("Reaction ~ Days + (Days || Subject)", centred).build()
    point = a_point(apart)
    own = dict(point)
    own["centred_sd_Subject_log__"] = own.pop("sd_Subject_log__")
    zero = own | {"lkj_Subject_logodds__": np.zeros(1)}
    # LKJ(1) of two effects is flat: Beta(1, 1), whose log density is zero.
    assert logp(together, zero) == pytest.approx(logp(apart, point), rel=1e-12)
    some = own | {"lkj_Subject_logodds__": np.ones(1)}
    assert logp(together, some) != pytest.approx(logp(apart, point), rel=1e-6)


def test_density_is_that_of_scipy(sleepstudy):
    spec = bm.prepare("Reaction ~ Days + (Days || Subject)", sleepstudy)
    model = spec.build()
    point = a_point(model)
    value = natural(model, point)
    y, x = sleepstudy["Reaction"].to_numpy(), sleepstudy["Days"].to_numpy()
    subject = sleepstudy["Subject"].cat.codes.to_numpy()
    u = value["zeta_Subject"] * value["sd_Subject"]
    mean = (
        value["Intercept_centred"]
        + (x - x.mean()) * value["slope"][0]
        + u[subject, 0]
        + u[subject, 1] * x
    )
    s = y.std(ddof=1)
    expected = (
        stats.norm(y.mean(), 2.5 * s).logpdf(value["Intercept_centred"])
        + stats.norm(0, 2.5 * s / x.std(ddof=1)).logpdf(value["slope"][0])
        + stats.expon(scale=[s, s / x.std(ddof=1)]).logpdf(value["sd_Subject"]).sum()
        + stats.expon(scale=s).logpdf(value["sigma"])
        + stats.norm.logpdf(value["zeta_Subject"]).sum()
        + stats.norm(mean, value["sigma"]).logpdf(y).sum()
    )
    assert logp(model, point) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("eta", [1.0, 2.5])
def test_density_is_that_of_a_model_with_lkjcholeskycov(sleepstudy, eta):
    """The same model written with PyMC's own LKJCholeskyCov, Jacobian of the change by hand."""
    import pymc as pm

    formula = "Reaction ~ Days + (Days | Subject)"
    spec = bm.prepare(formula, sleepstudy, priors={"cor": bm.LKJ(eta)})
    ours = spec.build()
    value = natural(ours, a_point(ours))
    scale = [spec.priors.sd["Subject"][i].parameters["scale"] for i in (0, 1)]
    with pm.Model() as theirs:
        pm.LKJCholeskyCov("L", eta=eta, n=2, sd_dist=pm.Exponential.dist(scale=scale, shape=2))
    sd, r = value["centred_sd_Subject"], 2 * value["lkj_Subject"][0] - 1
    packed = np.array([sd[0], sd[1] * r, sd[1] * np.sqrt(1 - r**2)])
    density = pm.logp(theirs["L"], packed).eval()
    jacobian = np.log(2 * sd[1] / np.sqrt(1 - r**2))
    prior = stats.expon(scale=scale).logpdf(sd).sum() + stats.beta(eta, eta).logpdf(
        value["lkj_Subject"][0]
    )
    assert prior == pytest.approx(density + jacobian, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(("n_effects", "eta"), [(2, 1.0), (3, 1.0), (3, 2.0), (4, 0.7), (5, 3.0)])
def test_partial_correlations_have_the_density_of_pymcs_lkjcorr(n_effects, eta):
    import pymc as pm

    term = _term(n_effects, n_groups=8)
    pairs = dataclasses.replace(term.correlations, eta=eta)
    lower = np.tril_indices(n_effects, -1)

    def cholesky(w):
        return pairs.factor(w)[lower]

    rng = np.random.default_rng(n_effects)
    differences = []
    for _ in range(4):
        w = rng.uniform(-0.8, 0.8, len(pairs))
        step = 1e-6
        jacobian = np.array(
            [
                (cholesky(w + step * unit) - cholesky(w - step * unit)) / (2 * step)
                for unit in np.eye(len(w))
            ]
        )
        # PyMC's LKJCorr is a distribution of the Cholesky factor.
        factor = pairs.factor(w)
        theirs = pm.logp(pm.LKJCorr.dist(n=n_effects, eta=eta), factor).eval()
        ours = stats.beta(*pairs.shapes.T).logpdf((1 + w) / 2).sum()
        differences.append(ours - len(w) * np.log(2) - np.linalg.slogdet(jacobian)[1] - theirs)
    np.testing.assert_allclose(differences, 0, atol=1e-5)


def _term(n_effects: int, n_groups: int):
    return _grouped(n_effects, n_groups).design.groups[0]


def _grouped(n_effects: int, n_groups: int = 12, priors=None) -> ModelSpec:
    rng = np.random.default_rng(0)
    n = n_groups * (n_effects + 3)
    names = [f"x{i}" for i in range(1, n_effects)]
    x = rng.standard_normal((n, n_effects - 1))
    data = pd.DataFrame(x - x.mean(axis=0), columns=names)
    data["g"] = np.arange(n) % n_groups
    data["y"] = rng.standard_normal(n)
    right = " + ".join(["1", *names])
    return bm.prepare(f"y ~ {right} + ({right} | g)", data, priors=priors)


@pytest.mark.slow
@pytest.mark.parametrize(("n_effects", "eta"), [(2, 1.0), (3, 2.0), (4, 1.0)])
def test_prior_correlations_follow_the_lkj_law(n_effects, eta):
    spec = _grouped(n_effects, priors={"cor": bm.LKJ(eta)})
    prior = spec.sample_prior(4000, random_seed=1)["prior"].dataset
    cor = prior["cor_g"].values[0]
    a = eta - 1 + n_effects / 2
    p_values = [
        stats.kstest((1 + cor[:, i, j]) / 2, stats.beta(a, a).cdf).pvalue
        for i, j in itertools.combinations(range(n_effects), 2)
    ]
    assert min(p_values) > 0.01 / len(p_values)
    np.testing.assert_allclose(cor[:, range(n_effects), range(n_effects)], 1, atol=1e-12)

    # u whitened by its implied covariance is standard normal: exactly zeta, and by a test.
    sd, u = prior["sd_g"].values[0], prior["u_g"].values[0]
    covariance = sd[:, :, None] * cor * sd[:, None, :]
    white = np.linalg.solve(np.linalg.cholesky(covariance), np.swapaxes(u, 1, 2))
    np.testing.assert_allclose(np.swapaxes(white, 1, 2), prior["zeta_g"].values[0], atol=1e-6)
    assert stats.kstest(white.ravel(), "norm").pvalue > 0.01


@pytest.mark.slow
def test_each_effect_of_a_block_has_its_own_prior(sleepstudy):
    priors = {
        "sd:Subject:Intercept": bm.Prior("HalfNormal", sigma=30),
        "sd:Subject:Days": bm.Prior("Gamma", alpha=2, beta=0.3),
    }
    spec = bm.prepare("Reaction ~ Days + (Days | Subject)", sleepstudy, priors=priors)
    prior = spec.sample_prior(4000, random_seed=2)["prior"].dataset
    sd = prior["sd_Subject"].sel(chain=0).values
    assert stats.kstest(sd[:, 0], stats.halfnorm(scale=30).cdf).pvalue > 0.01
    assert stats.kstest(sd[:, 1], stats.gamma(2, scale=1 / 0.3).cdf).pvalue > 0.01
    assert {"sd_Subject_Intercept", "sd_Subject_Days"} <= set(prior)


def test_prior_of_the_intercept_is_of_the_centred_model(sleepstudy):
    spec = bm.prepare("Reaction ~ Days + (1 | Subject)", sleepstudy)
    prior = spec.sample_prior(4000, random_seed=3)["prior"].dataset
    beta = prior["beta"].values[0]
    at_mean = beta @ [1, sleepstudy["Days"].mean()]
    intercept = spec.priors.intercept.parameters
    law = stats.norm(intercept["mu"], intercept["sigma"])
    assert stats.kstest(at_mean, law.cdf).pvalue > 0.01


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_schema_and_pymcs_own_functions(case: Case, load: Callable[[str], pd.DataFrame]):
    """PyMC's log likelihood and predictive mean are those of our own linear predictor.

    Draws from the prior serve: the identity holds at any value of the parameters.
    """
    import pymc as pm
    import xarray as xr

    spec = bm.prepare(case.formula, load(case.dataset), family=case.family)
    design, family = spec.design, spec.family
    prior = spec.sample_prior(5, random_seed=4)
    posterior = prior["prior"].dataset
    for name, group in case.groups.items():
        term = next(term for term in design.groups if term.factor == name)
        assert posterior[f"u_{name}"].dims[2:] == (term.dim, term.effect_dim)
        assert posterior[f"u_{name}"].shape[2:] == (group.n_levels, len(group.effects))
        assert posterior[f"sd_{name}"].dims[2:] == (term.effect_dim,)
        assert (f"cor_{name}" in posterior) == any(len(block) > 1 for block in group.blocks)
        assert list(posterior[term.dim].values) == list(term.levels)
    assert list(posterior["term"].values) == list(case.terms)

    eta = posterior["beta"].values @ design.X.T
    for term in design.groups:
        eta = eta + term.dot(posterior[f"u_{term.factor}"].values)
    auxiliary = {name: posterior[name].values[..., None] for name in family.auxiliary}
    expected = family.log_density(
        design.y, eta, auxiliary, weights=design.weights, trials=design.trials
    )
    tree = xr.DataTree.from_dict({"posterior": posterior})
    model = build_model(spec)
    name = Schema.of(spec).observed
    with model:
        tree = pm.compute_log_likelihood(tree, progressbar=False)
        drawn = pm.sample_posterior_predictive(
            tree, random_seed=1, progressbar=False, var_names=[name]
        )
    computed = tree["log_likelihood"].dataset[name]
    assert computed.dims == ("chain", "draw", "obs")
    np.testing.assert_allclose(computed.values, expected, rtol=1e-7, atol=1e-9)
    assert drawn["posterior_predictive"].dataset[name].shape == computed.shape


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_free_variables_come_back_from_the_reported_parameters(case, load):
    spec = bm.prepare(case.formula, load(case.dataset), family=case.family)
    prior = spec.sample_prior(3, random_seed=5)["prior"].dataset
    draws = {name: values.values for name, values in prior.data_vars.items()}
    for term in spec.design.groups:
        if f"lkj_{term.factor}" in draws:
            draws[f"free_{term.factor}"] = 2 * draws[f"lkj_{term.factor}"] - 1
    free = free_variables(spec, draws)
    names = {rv.name for rv in build_model(spec).free_RVs}
    assert set(free) == names
    for name in names:
        np.testing.assert_allclose(free[name], prior[name].values, rtol=1e-9, atol=1e-9)


def test_weights_scale_the_residual_sd(sleepstudy):
    weights = np.linspace(0.5, 4, len(sleepstudy))
    spec = bm.prepare("Reaction ~ Days", sleepstudy)
    priors = {"Intercept": spec.priors.intercept, "sigma": spec.priors.auxiliary["sigma"]}
    plain = spec.build()
    weighted = bm.prepare("Reaction ~ Days", sleepstudy, weights=weights, priors=priors).build()
    point = a_point(plain)
    value = natural(plain, point)
    x, y = sleepstudy["Days"].to_numpy(), sleepstudy["Reaction"].to_numpy()
    mean = value["Intercept_centred"] + (x - x.mean()) * value["slope"][0]
    expected = (
        stats.norm(mean, value["sigma"] / np.sqrt(weights)).logpdf(y).sum()
        - stats.norm(mean, value["sigma"]).logpdf(y).sum()
    )
    assert logp(weighted, point) - logp(plain, point) == pytest.approx(expected, rel=1e-10)


def test_offset_is_added_to_the_linear_predictor(sleepstudy):
    data = sleepstudy.assign(known=np.linspace(0, 50, len(sleepstudy)))
    spec = bm.prepare("Reaction ~ Days + offset(known)", data)
    shifted = bm.prepare(
        "shifted ~ Days",
        data.assign(shifted=data["Reaction"] - data["known"]),
        priors={
            "Intercept": spec.priors.intercept,
            "beta": spec.priors.beta[0],
            "sigma": spec.priors.auxiliary["sigma"],
        },
    )
    point = a_point(spec.build())
    assert logp(spec.build(), point) == pytest.approx(logp(shifted.build(), point), rel=1e-12)


@pytest.mark.parametrize("response", ["sigma", "beta", "X"])
def test_a_response_with_a_parameters_name(sleepstudy, response):
    data = sleepstudy.rename(columns={"Reaction": response})
    model = bm.prepare(f"{response} ~ Days + (1 | Subject)", data).build()
    assert [rv.name for rv in model.observed_RVs] == [f"{response}_observed"]


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["obs", "term", "sigma", "beta", "chain", "draw", "X", "y"])
def test_a_grouping_factor_with_a_reserved_name(sleepstudy, factor):
    data = sleepstudy.rename(columns={"Subject": factor})
    spec = bm.prepare(f"Reaction ~ Days + (Days | {factor})", data)
    prior = spec.sample_prior(2, random_seed=1)["prior"].dataset
    assert prior[f"u_{factor}"].shape == (1, 2, 18, 2)


def test_names_with_a_slash_do_not_break_the_tree(sleepstudy):
    data = sleepstudy.assign(unit=2.0)
    spec = bm.prepare(
        "I(Reaction / unit) ~ I(Days**2 / 2) + Days + (1 | Subject)",
        data,
        priors={"Days": bm.Prior("StudentT", nu=4, mu=0, sigma=5)},
    )
    prior = spec.sample_prior(2, random_seed=1)
    assert prior["prior"].dataset["beta"].shape == (1, 2, 3)
    assert list(prior["prior_predictive"].dataset) == ["I(Reaction \N{DIVISION SLASH} unit)"]
