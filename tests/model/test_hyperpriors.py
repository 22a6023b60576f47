"""Priors of the parameters of priors of population effects: the model, its verbs, sampling."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.engines.rescaling import rescaled, units_of
from bayesmix.engines.run import chosen
from bayesmix.model.options import SampleOptions
from bayesmix.priors.prior import Prior

FORMULA, SIGMA = "y ~ x + z + v + (1 | g)", "~ x"
SHARED = Prior("Normal", mu=Prior("Normal", sigma=2), sigma=Prior("HalfNormal", sigma=1))
PRIORS = {
    "beta": SHARED,
    "beta:v": Prior("Laplace", mu=0, b=2),
    "Intercept": Prior("StudentT", nu=4, mu=1, sigma=Prior("Gamma", alpha=2, beta=1)),
    "sigma:beta:x": Prior(
        "Normal", mu=0, sigma=Prior("HalfNormal", sigma=Prior("Exponential", scale=3))
    ),
}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g = np.repeat(list("abcdef"), 8)
    x, z, v = rng.standard_normal((3, len(g)))
    y = 1 + 0.3 * x + rng.standard_normal(len(g))
    return pd.DataFrame({"y": y, "x": x, "z": z, "v": v, "g": g})


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return frame()


@pytest.fixture(scope="module")
def spec(data) -> bm.ModelSpec:
    return bm.prepare(FORMULA, data, sigma=SIGMA, priors=PRIORS)


def evaluated(spec: bm.ModelSpec, names: list[str], seed: int) -> tuple[float, float, dict]:
    """Log densities with and without Jacobians, and named variables, at a random point."""
    model = spec.build()
    outs = [model.logp(jacobian=True), model.logp(jacobian=False)]
    outs += model.replace_rvs_by_values([model[name] for name in names])
    rng = np.random.default_rng(seed)
    point = {
        name: 0.5 * rng.standard_normal(np.shape(value))
        for name, value in model.initial_point().items()
    }
    with_jacobian, without, *values = model.compile_fn(outs, mode="FAST_COMPILE")(point)
    return float(with_jacobian), float(without), dict(zip(names, values, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_density_is_that_of_effects_given_hyperparameters(spec, seed):
    names = ["beta", "slope", "Intercept_centred", "sigma_beta", "sigma_slope", "u_g", "sd_g"]
    names += ["zeta_g", "sigma_Intercept_centred", "hyper_beta:mu", "hyper_beta:sigma"]
    names += ["hyper_Intercept:sigma", "hyper_sigma:beta:x:sigma"]
    names += ["hyper_sigma:beta:x:sigma:sigma"]
    with_jacobian, without, value = evaluated(spec, names, seed)
    design = spec.design
    mu, sigma = value["hyper_beta:mu"], value["hyper_beta:sigma"]
    scale, own = value["hyper_Intercept:sigma"], value["hyper_sigma:beta:x:sigma"]
    outer = value["hyper_sigma:beta:x:sigma:sigma"]

    mean = design.X @ value["beta"] + design.groups[0].dot(value["u_g"])
    log_sigma = design.predictors["sigma"].X @ value["sigma_beta"]
    expected = stats.norm(mean, np.exp(log_sigma)).logpdf(design.y).sum()
    expected += stats.norm.logpdf(value["zeta_g"]).sum()
    expected += float(spec.priors.sd["g"][0].log_density(value["sd_g"][0]))
    of_sigma = spec.priors.of("sigma").intercept
    expected += float(of_sigma.log_density(value["sigma_Intercept_centred"]))
    # Of effects as they are, and of what they are made of by b = mu + sigma raw.
    expected += stats.norm(mu, sigma).logpdf(value["slope"][:2]).sum() + 2 * np.log(sigma)
    expected += stats.laplace(0, 2).logpdf(value["slope"][2])
    expected += stats.t(4, 1, scale).logpdf(value["Intercept_centred"]) + np.log(scale)
    expected += stats.norm(0, own).logpdf(value["sigma_slope"][0]) + np.log(own)
    expected += stats.norm(0, 2).logpdf(mu) + stats.halfnorm.logpdf(sigma)
    expected += stats.gamma(2).logpdf(scale)
    expected += stats.halfnorm(scale=outer).logpdf(own) + np.log(outer)
    expected += stats.expon(scale=3).logpdf(outer)
    assert_allclose(without, expected, rtol=1e-10, atol=1e-8)
    positive = [sigma, scale, own / outer, outer, value["sd_g"][0]]
    assert_allclose(with_jacobian, expected + np.log(positive).sum(), rtol=1e-10, atol=1e-8)


@pytest.mark.parametrize(
    ("prior", "law"),
    [
        (Prior("Cauchy", alpha=0, beta=Prior("HalfNormal")), lambda s: stats.cauchy(0, s)),
        (Prior("Logistic", mu=1, s=Prior("HalfNormal")), lambda s: stats.logistic(1, s)),
        (Prior("Gumbel", mu=1, beta=Prior("HalfNormal")), lambda s: stats.gumbel_r(1, s)),
        (Prior("HalfNormal", sigma=Prior("HalfNormal")), lambda s: stats.halfnorm(0, s)),
        (Prior("Exponential", scale=Prior("HalfNormal")), lambda s: stats.expon(0, s)),
        (Prior("Exponential", lam=Prior("HalfNormal")), lambda s: stats.expon(0, 1 / s)),
        (Prior("Normal", tau=Prior("HalfNormal")), lambda s: stats.norm(0, s**-0.5)),
        (Prior("StudentT", nu=Prior("HalfNormal")), lambda s: stats.t(s)),
        (Prior("LogNormal", sigma=Prior("HalfNormal")), lambda s: stats.lognorm(s)),
        (Prior("Gamma", alpha=2, beta=Prior("HalfNormal")), lambda s: stats.gamma(2, 0, 1 / s)),
    ],
    ids=lambda own: repr(own) if isinstance(own, Prior) else "",
)  # fmt: skip
def test_each_distribution_moved_and_stretched_is_itself(data, prior, law):
    """Whether it samples standard forms, whose Jacobian is that of the scale, or not."""
    spec = bm.prepare("y ~ 0 + x + z", data, priors={"beta": prior})
    (path,) = spec.priors.hyperparameters
    model = spec.build()
    raw = "beta_raw" in model.named_vars
    (_, without, value) = evaluated(spec, ["beta", f"hyper_{path}", "sigma"], 1)
    s, beta = value[f"hyper_{path}"], value["beta"]
    expected = stats.norm(spec.design.X @ beta, value["sigma"]).logpdf(data["y"]).sum()
    expected += law(s).logpdf(beta).sum() + stats.halfnorm.logpdf(s)
    expected += float(spec.priors.auxiliary["sigma"].log_density(value["sigma"]))
    expected += 2 * np.log(s) if raw else 0.0
    assert_allclose(without, expected, rtol=1e-9, atol=1e-8)


def test_all_slopes_share_a_prior_and_others_have_their_own(spec, data):
    assert list(spec.priors.hyperparameters) == [
        "Intercept:sigma",
        "beta:mu",
        "beta:sigma",
        "sigma:beta:x:sigma",
        "sigma:beta:x:sigma:sigma",
    ]
    own = bm.prepare(FORMULA, data, priors={"x": SHARED, "z": SHARED})
    paths = ["beta:x:mu", "beta:x:sigma", "beta:z:mu", "beta:z:sigma"]
    assert list(own.priors.hyperparameters) == paths
    assert spec.priors.intercept == PRIORS["Intercept"]
    assert spec.priors.beta == (SHARED, SHARED, PRIORS["beta:v"])
    table = spec.prior_table().set_index("parameter")["prior"]
    assert table["beta:sigma"] == "HalfNormal(sigma=1)"
    assert table["beta:x"] == "Normal(mu=Normal(mu=0, sigma=2), sigma=HalfNormal(sigma=1))"


def test_the_same_set_is_made_of_its_edits(spec, data):
    again = bm.prepare(FORMULA, data, sigma=SIGMA, priors=spec.priors.by_path)
    assert again.priors == spec.priors
    assert list(again.priors.hyperparameters) == list(spec.priors.hyperparameters)
    assert spec.priors.defaults.hyperparameters == {}


@pytest.mark.parametrize("method", ["exact", "whitened"])
def test_only_nuts_samples_it(spec, data, method):
    with pytest.raises(BayesmixError, match=r"has a parameter with a prior, .*method='nuts'"):
        chosen(bm.prepare(FORMULA, data, priors={"beta": SHARED}), SampleOptions(method=method))
    assert [engine.name for engine in chosen(spec, SampleOptions())] == ["nuts"]


def test_units_that_a_hyperprior_does_not_know_are_refused(data):
    large = bm.prepare(FORMULA, data.assign(y=1e9 * data["y"]), priors={"beta": SHARED})
    with pytest.raises(BayesmixError, match=r"'beta:x' in another unit.*Rescale the response"):
        rescaled(large, units_of(large))
    own = bm.prepare(FORMULA, data.assign(v=1e9 * data["v"]), priors={"x": SHARED})
    other = rescaled(own, units_of(own))
    assert other.priors.hyperparameters == own.priors.hyperparameters
    assert other.priors.beta[2] != own.priors.beta[2]


@pytest.mark.slow
def test_many_small_coefficients_are_shrunk_to_zero():
    """Of 30 coefficients three are large; a shared scale has smaller errors than none at all."""
    rng = np.random.default_rng(3)
    n, p = 80, 30
    truth = np.zeros(p)
    truth[:3] = 1.0, -1.0, 0.8
    X = rng.standard_normal((n, p))
    names = [f"x{k}" for k in range(p)]
    data = pd.DataFrame(X, columns=names).assign(y=X @ truth + rng.standard_normal(n))
    formula = f"y ~ {' + '.join(names)}"
    shared = Prior("Normal", mu=0, sigma=Prior("HalfNormal", sigma=1))
    options = {"random_seed": 1, "progressbar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        fit = bm.fit(formula, data, priors={"beta": shared}, chains=2, **options)
    plain = bm.fit(formula, data, **options)
    sigma = fit.posterior["hyper_beta:sigma"].to_numpy()
    root = np.sqrt(np.mean(truth**2))
    assert np.quantile(sigma, 0.01) < root < np.quantile(sigma, 0.99)
    errors = [((one.fixef()["value"][1:] - truth) ** 2).sum() for one in (fit, plain)]
    assert errors[0] < 0.8 * errors[1]
    assert fit.diagnostics()["r_hat"].max() < 1.03
