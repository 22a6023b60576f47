"""Links of binary families beside logit and probit: tails, the joint model, everything after it."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.engines.nuts.tensors import tensor_functions
from bayesmix.families.links import ARRAYS, LINKS
from bayesmix.families.registry import get_family
from bayesmix.families.sides import SIDES
from bayesmix.families.values import Value

NEW = ("cloglog", "cauchit")
FAMILIES = [f"{name}({link})" for name in ("bernoulli", "binomial") for link in NEW]
ETA = np.array([-700.0, -100.0, -31.0, -3.0, -0.6, -0.4, 0.0, 1e-9, 0.7, 3.0, 6.0, 40.0, 290.0])

links = pytest.mark.parametrize("link", NEW)
families = pytest.mark.parametrize("family", FAMILIES)


def test_logarithms_of_a_success_and_their_slopes_keep_their_digits():
    """Of decimal arithmetic: rate = exp(eta), log(1 - exp(-rate)) and rate / (exp(rate) - 1)."""
    eta = np.array([-1e5, -760.0, -700.0, -37.0, -0.4, -0.3, 0.0, 1.0, 3.0, 5.0])
    with localcontext(prec=400, Emin=-999999):
        rates = [Decimal(one).exp() for one in eta]
        logs = [
            one if one < -1000 else float((1 - (-rate).exp()).ln())
            for one, rate in zip(eta, rates, strict=True)
        ]
        slopes = [
            1.0 if one < -1000 else float(rate / (rate.exp() - 1))
            for one, rate in zip(eta, rates, strict=True)
        ]
    log, slope = SIDES["cloglog"][0](eta)
    assert_allclose(log, logs, rtol=2e-14)
    assert_allclose(slope, slopes, rtol=2e-14)
    assert SIDES["cloglog"][0](np.array([1e5, np.inf])) == pytest.approx((0.0, 0.0))


def test_values_are_those_of_scipy():
    eta = np.array([-50.0, -2.0, 0.0, 0.3, 2.0])
    for link, law in (("cloglog", stats.gumbel_l), ("cauchit", stats.cauchy)):
        value = Value(eta, LINKS[link])
        assert_allclose(value.value, law.cdf(eta), rtol=1e-12)
        assert_allclose(value.log, law.logcdf(eta), rtol=1e-10)
        assert_allclose(value.complement.value, law.sf(eta), rtol=1e-12)
        assert_allclose(value.complement.log, law.logsf(eta), rtol=1e-10)
        assert_allclose(LINKS[link].function(law.cdf(eta)), eta, rtol=1e-12, atol=1e-14)


def test_the_complement_of_cloglog_is_exact():
    value = Value(np.array([-800.0, -3.0, 3.0, 700.0, 800.0]), LINKS["cloglog"])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(value.complement.log, -np.exp(value.eta))
    assert value.complement.value.tolist()[3:] == [0.0, 0.0]
    assert value.value.tolist() == [0.0, *-np.expm1(-np.exp([-3.0, 3.0])), 1.0, 1.0]
    assert value.log[0] == -800.0


def test_cauchit_is_symmetric():
    eta = np.array([1e-300, 0.4, 1.0, 1e8, 1e200])
    value, mirrored = Value(eta, LINKS["cauchit"]), Value(-eta, LINKS["cauchit"])
    np.testing.assert_array_equal(value.complement.value, mirrored.value)
    np.testing.assert_array_equal(value.complement.log, mirrored.log)
    assert_allclose(mirrored.value[-2:], 1 / (np.pi * eta[-2:]), rtol=1e-14)
    assert_allclose(value.log[-1], -1 / (np.pi * eta[-1]), rtol=1e-14)
    p = np.array([1e-12, 1e-3, 0.4])
    assert_allclose(LINKS["cauchit"].function(p), -1 / np.tan(np.pi * p), rtol=1e-14)


@links
def test_tensors_have_the_numbers_of_arrays(link):
    pt = pytest.importorskip("pytensor.tensor")
    import pytensor

    eta = pt.dvector()
    value, arrays = Value(eta, LINKS[link], tensor_functions()), Value(ETA, LINKS[link], ARRAYS)
    wanted = [value.value, value.log, value.complement.log, value.complement.value]
    found = pytensor.function([eta], wanted, mode="FAST_COMPILE")(ETA)
    p, log, log_complement, complement = found
    assert_allclose(log, arrays.log, rtol=1e-13)
    assert_allclose(log_complement, arrays.complement.log, rtol=1e-13)
    # Made of log odds, which have an error of their size.
    assert_allclose(p, arrays.value, rtol=1e-12)
    assert_allclose(complement, arrays.complement.value, rtol=1e-12)


def a_model(family: str) -> bm.ModelSpec:
    """Each linear predictor as success and as failure, and in groups of one effect."""
    is_binomial = family.startswith("binomial")
    data = pd.DataFrame({"x": np.tile(ETA, 3), "g": np.arange(39) % 6, "size": 7})
    data["y"] = np.repeat([0, 7, 3] if is_binomial else [0, 1, 1], len(ETA))
    response = "p(y, size)" if is_binomial else "y"
    return bm.prepare(f"{response} ~ 0 + x + (1 | g)", data, family=family)


@pytest.mark.slow
@families
def test_the_joint_model_has_the_density_and_its_derivative(family):
    """Also where a probability rounds to 0 or 1."""
    pytest.importorskip("pymc")
    spec = a_model(family)
    model, design = spec.build(), spec.design
    point, rows = model.initial_point(), spec.family.rows(trials=design.trials)
    each = model.compile_logp(vars=model.observed_RVs, sum=False)
    slope = model.compile_dlogp()
    place = [variable.name for variable in model.continuous_value_vars].index("beta")
    for beta in (1.0, 0.37, -0.2):
        at = {**point, "beta": np.array([beta])}
        eta = beta * design.X[:, 0]
        expected = spec.family.log_density(design.y, eta, trials=rows.trials)
        assert_allclose(each(at)[0], expected, rtol=1e-10, atol=1e-14)
        score = spec.family.slopes(design.y, spec.family.values(eta), rows)["mu"].score
        prior = -beta / spec.priors.beta[0].parameters["sigma"] ** 2
        assert_allclose(slope(at)[place], score @ design.X[:, 0] + prior, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
@families
def test_a_small_fit_can_be_asked_everything(family, without_a_screen, tmp_path):
    pytest.importorskip("pymc")
    simulation = bm.simulate(
        12,
        15,
        beta={"Intercept": -0.4, "x": 0.6},
        sd={"Intercept": 0.5},
        family=family,
        random_seed=2,
        **({"trials": 6} if family.startswith("binomial") else {}),
    )
    fit = bm.fit(
        simulation.formula,
        simulation.data,
        family=family,
        method="nuts",
        draws=1000,
        tune=500,
        chains=2,
        random_seed=1,
        progressbar=False,
    )
    assert fit.family == get_family(family)
    expected = get_family(family).expectation(fit.linpred(draws=True), fit.design.trials)
    assert_allclose(fit.epred(draws=True), expected, rtol=1e-12)
    assert fit.predict(random_seed=1)["value"].between(0, 6).all()
    assert np.isfinite(fit.loo().elpd)
    assert fit.no_pooling()["value"].notna().sum() > 6
    assert len(fit.plot_ppc(random_seed=1).lines) > 0
    assert family.partition("(")[2][:-1] in str(fit.summary())
    fit.save(tmp_path / "fit")
    pd.testing.assert_frame_equal(bm.load(tmp_path / "fit").epred(), fit.epred())
    again = bm.simulate_from(fit, simulation.data, random_seed=1)
    assert again.data.shape == simulation.data.shape
