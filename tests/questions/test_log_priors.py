"""Log densities of priors against PyMC's, and which priors a name stands for."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.questions.log_priors import log_prior, priors_under, scalable
from bayesmix.questions.scaled_priors import with_powered
from odd_columns import QUIET, rows

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")


def paths(spec: bm.ModelSpec, name: str) -> list[str]:
    return [leaf.path for leaf in priors_under(spec, name)]


def of_pymc(fit: bm.MixedFit, draws: slice) -> np.ndarray:
    """Log density of the free variables that have priors of their own, up to a constant."""
    import pymc as pm
    import pytensor

    posterior = fit.posterior.isel(chain=0, draw=draws)
    total = np.zeros(posterior.sizes["draw"])
    for variable in fit.model.free_RVs:
        if "zeta" in variable.name:
            continue
        values = posterior[variable.name].transpose("draw", ...).to_numpy()
        value = variable.type()
        log = pm.logp(variable, value).sum()
        one = pytensor.function([value], log, mode="FAST_COMPILE")
        total += [float(one(own)) for own in values]
    return total


@pytest.fixture(scope="module")
def slopes() -> bm.MixedFit:
    priors = {
        "cor": bm.LKJ(3),
        "sd:g:x": bm.Prior("HalfNormal", sigma=2),
        "x": bm.Prior("StudentT", nu=3, mu=1, sigma=2),
    }
    return bm.fit("y ~ x + (x | g)", rows(), priors=priors, draws=60, **QUIET)


@pytest.mark.parametrize("name", ["slopes", "rating_fit", "scale_fit"])
def test_log_prior_is_that_of_the_model(name, request):
    fit = request.getfixturevalue(name)
    draws = slice(0, 6)
    some = fit.posterior.isel(chain=[0], draw=draws)
    own = log_prior(fit.spec, some, scalable(fit.spec))
    expected = of_pymc(fit, draws)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(own - own[0], expected - expected[0], atol=1e-8)


def test_correlations_are_scaled_as_a_matrix():
    data = rows().assign(z=lambda own: own["x"] ** 2)
    spec = bm.prepare("y ~ x + z + (x + z | g)", data, priors={"cor": bm.LKJ(2.5)})
    (joint,) = spec.design.joint_effects
    own = spec.joint_correlations(joint)
    free = np.random.default_rng(1).uniform(-0.9, 0.9, (1, 5, len(own)))
    names = joint.names
    posterior = xr.Dataset({names.lkj: (("chain", "draw", names.pair_dim), (1 + free) / 2)})
    factor = own.factor(free[0])
    expected = 1.5 * np.linalg.slogdet(factor @ np.swapaxes(factor, 1, 2))[1]
    found = log_prior(spec, posterior, priors_under(spec, "cor"))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


HYPER = {
    "beta": bm.Prior("Normal", mu=0, sigma=bm.Prior("HalfNormal", sigma=2)),
    "u:g": "student",
}


def test_only_priors_with_numbers_are_scaled():
    spec = bm.prepare("y ~ x + (1 | g)", rows(), priors=HYPER)
    assert paths(spec, "all") == ["Intercept", "beta:sigma", "sd:g:Intercept", "df:g", "sigma"]
    rng = np.random.default_rng(1)
    df, scale = rng.uniform(2, 9, (2, 1, 4))
    one = (("chain", "draw"), df)
    posterior = xr.Dataset({"df_g": one, "hyper_beta:sigma": (("chain", "draw"), scale)})
    found = log_prior(spec, posterior, priors_under(spec, "df"))
    expected = stats.gamma(2, scale=10).logpdf(df[0])
    np.testing.assert_allclose(found - found[0], expected - expected[0])
    found = log_prior(spec, posterior, priors_under(spec, "beta:sigma"))
    np.testing.assert_allclose(found, stats.halfnorm(scale=2).logpdf(scale[0]))
    with pytest.raises(BayesmixError, match=r"nothing there can be scaled.*beta:sigma"):
        priors_under(spec, "beta:x")


def test_a_density_that_is_no_weight():
    priors = {"sigma": bm.Prior("Gamma", alpha=0.5, beta=1)}
    spec = bm.prepare("y ~ x", rows(), priors=priors)
    posterior = xr.Dataset({"sigma": (("chain", "draw"), [[1.0, 0.0]])})
    with pytest.raises(BayesmixError, match=r"prior of sigma.*zero or infinite"):
        log_prior(spec, posterior, priors_under(spec, "sigma"))


def test_names_of_priors(scale_fit, rating_fit):
    spec = scale_fit.spec
    assert paths(spec, "population") == [
        "Intercept",
        "beta:x",
        "sigma:Intercept",
        "sigma:beta:x",
    ]
    assert paths(spec, "sigma:sd") == ["sigma:sd:g:Intercept"]
    assert paths(spec, "beta") == ["beta:x"]
    assert paths(spec, "all") == [leaf.path for leaf in spec.priors.leaves]
    assert paths(rating_fit.spec, "population") == ["cutpoint", "beta:x"]


def test_scaled_priors_of_the_model():
    spec = bm.prepare("y ~ x + (x | g)", rows(), priors={"cor": bm.LKJ(2)})
    other = with_powered(spec, scalable(spec), 2)
    before = {leaf.path: leaf for leaf in spec.priors.leaves}
    after = {leaf.path: leaf for leaf in other.priors.leaves}
    assert after["cor:g"].prior == bm.LKJ(3)
    ratio = after["sigma"].prior.parameters["scale"] / before["sigma"].prior.parameters["scale"]
    assert ratio == 0.5
    ratio = after["beta:x"].prior.parameters["sigma"] / before["beta:x"].prior.parameters["sigma"]
    assert ratio == pytest.approx(2**-0.5)
    # An edit of the same path would put the prior on the effect as written.
    assert before["sd:g:Intercept"].is_centred
    assert after["sd:g:Intercept"].is_centred
    some = with_powered(spec, priors_under(spec, "sd"), 2)
    changed = [
        leaf.path
        for leaf, own in zip(some.priors.leaves, spec.priors.leaves, strict=True)
        if leaf.prior != own.prior
    ]
    assert changed == ["sd:g:Intercept", "sd:g:x"]


def test_degrees_of_freedom_change_with_the_law():
    spec = bm.prepare("y ~ x + (1 | g)", rows(), priors={"u:g": "student"})
    other = with_powered(spec, priors_under(spec, "df"), 2)
    (term,) = other.design.groups
    assert other.student(term) == bm.StudentT(bm.Prior("Gamma", alpha=3, beta=0.2))
    assert next(leaf.prior for leaf in other.priors.leaves if leaf.kind == "df") == bm.Prior(
        "Gamma", alpha=3, beta=0.2
    )


@pytest.mark.parametrize(
    ("priors", "name", "message"),
    [
        (HYPER, "beta:sigma", "cannot scale the prior of beta:sigma"),
        ({"x": bm.Prior("Logistic", mu=0, s=1)}, "beta", "none of the known distributions"),
        ({"sd": bm.Prior("Gamma", alpha=0.3, beta=1)}, "sd", "sd:g:Intercept"),
    ],
)
def test_priors_that_have_no_such_power(priors, name, message):
    spec = bm.prepare("y ~ x + (1 | g)", rows(), priors=priors)
    with pytest.raises(BayesmixError, match=message):
        with_powered(spec, priors_under(spec, name), 2)
