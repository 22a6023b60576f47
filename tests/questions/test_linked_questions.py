"""Questions to models whose group effects on several predictors are correlated."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import bayesmix as bm
from bayesmix.posterior.draws import Draws
from bayesmix.predictions.averaged import averaged
from bayesmix.predictions.blocks import predicted_rows
from bayesmix.predictions.quantities import expected
from bayesmix.predictions.rows import rows_of_new_groups
from bayesmix.questions.prior_densities import prior_density
from bayesmix.questions.reading import read_hypothesis
from bayesmix.questions.spelling import Spelling

MODELS = {
    "two predictors": (
        "count ~ x + (1 + x | p | g) + (1 | h)",
        {"family": "zero_inflated_poisson", "zi": "~ 1 + (1 | p | g) + (1 | h)"},
    ),
    "three predictors": ("kind ~ x + (1 | p | g) + (1 | h)", {"family": "categorical"}),
}
every = pytest.mark.parametrize("name", MODELS)
# Of the points of a sequence in three dimensions and more.
SOBOL_ERROR = 0.004


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    g, h = np.repeat(np.arange(30), 12), np.tile(np.repeat(np.arange(6), 2), 30)
    cor = np.array([[1, -0.8, 0.7], [-0.8, 1, -0.5], [0.7, -0.5, 1]])
    u = rng.standard_normal((30, 3)) @ np.linalg.cholesky(cor).T
    x = rng.standard_normal(len(g))
    zero = rng.random(len(g)) < 1 / (1 + np.exp(-1.5 * u[g, 1]))
    count = np.where(zero, 0, rng.poisson(np.exp(0.7 + 0.3 * x + 0.8 * u[g, 0])))
    eta = np.column_stack([np.zeros(len(g)), 0.2 + 0.4 * x + 1.2 * u[g, 0], 1.2 * u[g, 1:]])
    kind = np.array(list("abcd"))[(eta + rng.gumbel(size=eta.shape)).argmax(axis=1)]
    return pd.DataFrame({"g": g, "h": h, "x": x, "count": count, "kind": kind})


@pytest.fixture(scope="module")
def fits() -> dict[str, bm.MixedFit]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: bm.fit(
                formula,
                frame(),
                draws=40,
                tune=300,
                chains=2,
                random_seed=1,
                progressbar=False,
                **others,
            )
            for name, (formula, others) in MODELS.items()
        }


def by_hand(fit, rows, draws: Draws, draw: int, *, linked: bool = True, n: int = 100_000):
    """Mean of the expected response over `n` new groups given one draw, and its error."""
    rng, own = np.random.default_rng(3), draws[draw : draw + 1]
    design = fit.design.at(rows, groups=True)
    etas = [np.repeat((part.X @ one.beta[0])[None], n, 0) for part, one in parts(design, own)]
    shared = rng.standard_normal((n, 9))
    for k, (part, one) in enumerate(parts(design, own)):
        for term in part.groups:
            scale = one.scale[term.factor][0]
            q, Q = scale.shape
            z = shared[:, :Q] if linked and q < Q else rng.standard_normal((n, Q))
            if term.factor in one.df:
                df = one.df[term.factor][0]
                z = z * np.sqrt(df / rng.chisquare(df, n))[:, None]
            etas[k] = etas[k] + z @ scale.T @ term.Z.T
    auxiliary = {name: values[0] for name, values in own.auxiliary.items()}
    auxiliary |= dict(zip(design.predictors, etas[1:], strict=True))
    mean = fit.family.expectation(etas[0], None, auxiliary)
    return mean.mean(axis=0), mean.std(axis=0) / np.sqrt(n)


def parts(design, draws: Draws):
    return zip(design.parts, draws.parts, strict=True)


def tolerance(fit: bm.MixedFit, error: np.ndarray) -> np.ndarray:
    return 4.5 * error + (SOBOL_ERROR if len(fit.design.parts) > 2 else 1e-6)


@pytest.mark.slow
@every
def test_effects_of_new_groups_are_integrated_jointly(fits, name):
    fit, rows = fits[name], frame().iloc[[0, 77, 300]]
    own = fit.predictions(newdata=rows, groups="average", draws=True)
    own = own.transpose("chain", "draw", "obs", ...).values
    own = own.reshape(-1, *own.shape[2:])
    draws = Draws.of(fit.spec, fit.posterior)
    can_fail = False
    for draw in (0, 17, 34, 51):
        mean, error = by_hand(fit, rows, draws, draw)
        assert (np.abs(own[draw] - mean) < tolerance(fit, error)).all()
        apart, _ = by_hand(fit, rows, draws, draw, linked=False)
        can_fail |= bool((np.abs(own[draw] - apart) > 2 * tolerance(fit, error)).any())
    assert can_fail


@every
def test_one_parameter_has_its_own_effects_alone(fits, name):
    """The mean of a parameter does not know of the others: one dimension, without points."""
    fit, rows = fits[name], frame().iloc[[0, 300]]
    parameter = fit.family.predictors[1]
    own = fit.predictions(newdata=rows, groups="average", parameter=parameter, draws=True)
    own = own.transpose("chain", "draw", "obs").values.reshape(-1, 2)
    drawn = Draws.of(fit.spec, fit.posterior).predictors[parameter]
    part = fit.design.at(rows, groups=True).predictors[parameter]
    variance = sum(((term.Z @ drawn.scale[term.factor]) ** 2).sum(-1) for term in part.groups)
    nodes = np.linspace(-9, 9, 1001)
    weights = np.exp(-0.5 * nodes**2)
    eta = (drawn.beta @ part.X.T)[..., None] + np.sqrt(variance)[..., None] * nodes
    value = 1 / (1 + np.exp(-eta))  # both have the logit link
    assert_allclose(own, value @ weights / weights.sum(), rtol=1e-4, atol=1e-9)


def test_student_effects_of_another_factor_keep_the_correlations(fits):
    fit, rows = fits["three predictors"], frame().iloc[[0, 300]]
    quantity = expected(fit, None)
    encoded = rows_of_new_groups(quantity.spec, rows)
    predicted = predicted_rows(fit, encoded, new_levels="population", seed=1)
    heavy = {"h": np.full(predicted.n_draws, 4.0)}
    draws = dataclasses.replace(predicted.parameters, df=heavy)
    others = {name: dataclasses.replace(own, df=heavy) for name, own in draws.predictors.items()}
    draws = dataclasses.replace(draws, predictors=others)
    block = dataclasses.replace(predicted, parameters=draws).block(0, 2)
    own = averaged(quantity, block)
    for draw in (0, 51):
        mean, error = by_hand(fit, rows, draws, draw)
        assert (np.abs(own[:, draw] - mean) < 4.5 * error + 2 * SOBOL_ERROR).all()


def test_correlations_across_predictors_have_names(fits):
    frame = bm.table(fits).frame
    names = [name for section, name in frame.index if "Correlations" in section]
    assert names == [
        "g: Intercept, x",
        "g: Intercept, zi_Intercept",
        "g: x, zi_Intercept",
        "g: Intercept, muc_Intercept",
        "g: Intercept, mud_Intercept",
        "g: muc_Intercept, mud_Intercept",
    ]
    fit = fits["two predictors"]
    name = "cor:g:x:zi_Intercept"
    own = fit.cor_re(long=True).set_index(["effect_1", "effect_2"])["value"]
    assert fit.draws_frame([name])[name].mean() == pytest.approx(own["x", "zi_Intercept"])
    assert fit.hypothesis(f"{name} < 0")["value"].item() == pytest.approx(own["x", "zi_Intercept"])


def test_the_prior_of_a_correlation_is_that_of_all_effects(fits):
    """LKJ(1) of three effects: each is Beta(3/2, 3/2) on (-1, 1)."""
    asked = read_hypothesis("c = 0", Spelling({"c": "cor:g:x:zi_Intercept"})).expression
    found = prior_density(fits["two predictors"], asked)
    assert found.value == pytest.approx(2 / np.pi, rel=0.15)
