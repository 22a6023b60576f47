"""Group effects whose priors are those of the block with its other columns centred."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from scipy import stats

import bayesmix as bm
from bayesmix.model.centring import (
    centred_design,
    centred_effects,
    effects_as_written,
    scale_as_written,
    sd_and_cor,
)

SHIFTS = (0.0, 20.0, 300.0, 2000.0, 1.6e9)  # in sds of the covariate
# lme4 1.1-31, REML, of the centred column: sd of intercepts and slopes, correlation, residual sd,
# slope and its standard error.
LME4 = {
    "sleepstudy": (37.5321745719, 5.9220603062, 0.7532215981, 25.5918479272, 10.467286, 1.5457738),
    "gpa": (0.2575586125, 0.06711152318, 0.57033413263, 0.2058826999, 0.1063142857, 0.0058847727),
}


def shifted(data: pd.DataFrame, name: str, sds: float) -> pd.DataFrame:
    x = data[name].to_numpy(dtype=np.float64)
    return data.assign(x=x - x.mean() + sds * x.std())


def simulated(groups: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(groups)
    g = np.repeat(np.arange(groups), rows)
    x = np.tile(np.arange(rows) - (rows - 1) / 2, groups)
    u = rng.standard_normal((groups, 2)) * [2.0, 0.8]
    y = 10 + u[g, 0] + (0.5 + u[g, 1]) * x + rng.standard_normal(len(g))
    return pd.DataFrame({"y": y, "t": x, "z": rng.standard_normal(len(g)), "g": g})


def datasets(load: Callable[[str], pd.DataFrame] | None = None) -> dict[str, tuple[str, ...]]:
    return {
        "sleepstudy": ("Reaction", "Days", "Subject"),
        "gpa": ("gpa", "occasion", "student"),
        "5 groups": ("y", "t", "g"),
        "30 groups": ("y", "t", "g"),
        "150 groups": ("y", "t", "g"),
    }


@pytest.fixture(params=datasets())
def problem(request: pytest.FixtureRequest) -> tuple[str, str, Callable[[float], pd.DataFrame]]:
    """Name, formula, and data whose covariate x has its mean so many sds from zero."""
    y, t, g = datasets()[request.param]
    if request.param == "gpa":
        data = request.getfixturevalue("load")("gpa")
    elif request.param == "sleepstudy":
        data = bm.load_dataset("sleepstudy")
    else:
        data = simulated(int(request.param.split()[0]), 8)
    return request.param, f"{y} ~ x + (x | {g})", lambda sds: shifted(data, t, sds)


def invariant(fit: bm.MixedFit) -> dict[str, np.ndarray]:
    """Draws (chain, draw) of what lme4 gives whatever the zero of x, and their centred twins."""
    (term,) = fit.design.groups
    posterior = fit.idata["posterior"].dataset
    mean = fit.design.X[:, 1].mean()
    sd = posterior[f"sd_{term.factor}"].transpose(..., term.effect_dim).to_numpy()
    beta = posterior["beta"].transpose(..., "term").to_numpy()
    u = posterior[f"u_{term.factor}"].transpose("chain", "draw", ...).to_numpy()
    return {
        "sd of slopes": sd[..., 1],
        "sigma": posterior["sigma"].to_numpy(),
        "slope": beta[..., 1],
        "slope of a group": u[..., 0, 1],
        "centre": beta[..., 0] + mean * beta[..., 1],
        "centre of a group": u[..., 0, 0] + mean * u[..., 0, 1],
    }


def z_of_difference(a: np.ndarray, b: np.ndarray) -> list[float]:
    """Differences of means and of sds, in their Monte-Carlo errors."""
    z = []
    for of in (lambda v: v, lambda v: (v - v.mean()) ** 2):
        x, y = of(a), of(b)
        error = np.hypot(array_stats.mcse(x, method="mean"), array_stats.mcse(y, method="mean"))
        z.append(float((x.mean() - y.mean()) / error))
    return z


def holds_up_to_monte_carlo_error(z: list[float]) -> bool:
    return bool(np.abs(z).max() < stats.norm.isf(0.0005 / len(z)))


def fit_of(formula: str, data: pd.DataFrame, **options) -> bm.MixedFit:
    return bm.fit(formula, data, progressbar=False, **({"random_seed": 1} | options))


@pytest.mark.slow
def test_the_answer_does_not_depend_on_the_zero_of_a_covariate(problem):
    _, formula, data = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fits = [fit_of(formula, data(sds), random_seed=i) for i, sds in enumerate(SHIFTS)]
    first, *others = [invariant(fit) for fit in fits]
    z = [
        value
        for other in others
        for name in first
        for value in z_of_difference(first[name], other[name])
    ]
    assert holds_up_to_monte_carlo_error(z)


@pytest.mark.slow
def test_sd_and_correlation_of_the_intercept_transform_as_the_algebra_says(problem):
    _, formula, data = problem
    for sds in SHIFTS[:-1]:
        fit = fit_of(formula, data(sds), draws=200)
        (term,) = fit.design.groups
        draws = fit.idata["posterior"].dataset
        mean = data(sds)["x"].mean()
        own = draws[f"centred_sd_{term.factor}"].to_numpy()
        r = 2 * draws[f"lkj_{term.factor}"].to_numpy()[..., 0] - 1
        variance = own[..., 0] ** 2 + (mean * own[..., 1]) ** 2
        variance -= 2 * mean * r * own[..., 0] * own[..., 1]
        covariance = r * own[..., 0] * own[..., 1] - mean * own[..., 1] ** 2
        sd = draws[f"sd_{term.factor}"].to_numpy()
        np.testing.assert_allclose(sd[..., 0], np.sqrt(variance), rtol=1e-9)
        np.testing.assert_allclose(sd[..., 1], own[..., 1], rtol=1e-12)
        cor = draws[f"cor_{term.factor}"].to_numpy()[..., 0, 1]
        np.testing.assert_allclose(cor, covariance / sd[..., 0] / sd[..., 1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", LME4)
@pytest.mark.parametrize("sds", [20.0, 2000.0])
def test_agrees_with_lme4_on_the_centred_column(name, sds, request):
    """Estimates by REML lie in the middle of the posterior, at any zero of the covariate."""
    y, t, g = datasets()[name]
    load = (
        (lambda name: request.getfixturevalue("load")(name)) if name == "gpa" else bm.load_dataset
    )
    fit = fit_of(f"{y} ~ x + (x | {g})", shifted(load(name), t, sds))
    intercept, slope, cor, sigma, beta, se = LME4[name]
    draws = invariant(fit) | {
        "sd of intercepts": fit.idata["posterior"][f"centred_sd_{g}"].to_numpy()[..., 0],
        "correlation": 2 * fit.idata["posterior"][f"lkj_{g}"].to_numpy()[..., 0] - 1,
    }
    assert (draws["slope"].mean() - beta) / se == pytest.approx(0, abs=0.1)
    assert draws["slope"].std() / se == pytest.approx(1, abs=0.15)
    for key, estimate in (
        ("sd of intercepts", intercept),
        ("sd of slopes", slope),
        ("correlation", cor),
        ("sigma", sigma),
    ):
        lower, upper = np.quantile(draws[key], [0.2, 0.8])
        assert lower < estimate < upper, key


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
@pytest.mark.parametrize("sds", [20.0, 2000.0])
def test_nuts_does_not_depend_on_the_zero_either(sds):
    data = simulated(30, 8)
    exact = invariant(fit_of("y ~ x + (x | g)", shifted(data, "t", 0)))
    options = {"method": "nuts", "draws": 4000, "cores": 2}
    nuts = fit_of("y ~ x + (x | g)", shifted(data, "t", sds), **options)
    ours = invariant(nuts)
    z = [value for name in exact for value in z_of_difference(exact[name], ours[name])]
    assert holds_up_to_monte_carlo_error(z)


@pytest.mark.slow
def test_criteria_and_predictions_do_not_depend_on_the_zero():
    data = simulated(30, 8)
    near, far = (
        fit_of("y ~ x + (x | g)", shifted(data, "t", sds), draws=500, chains=2)
        for sds in (0.0, 1e6)
    )
    np.testing.assert_allclose(near.loo().elpd_i, far.loo().elpd_i, rtol=1e-4)
    np.testing.assert_allclose(near.logo("g").elpd_i, far.logo("g").elpd_i, rtol=1e-4)
    elpds = [fit.kfold(k=4, random_seed=2).elpd for fit in (near, far)]
    assert elpds[0] == pytest.approx(elpds[1], abs=0.3)
    new = data.head(16).assign(g=[-1] * 8 + [-2] * 8)
    predicted = [
        fit.epred(shifted(new, "t", sds), new_levels="sample", random_seed=3)
        for fit, sds in ((near, 0.0), (far, 1e6))
    ]
    np.testing.assert_allclose(predicted[0]["se"], predicted[1]["se"], rtol=1e-4)
    simulated_y = [
        bm.simulate_from(fit, parameters=parameters, random_seed=4).data["y"].std()
        for parameters in ("mean", "draw")
        for fit in (near, far)
    ]
    np.testing.assert_allclose(simulated_y[::2], simulated_y[1::2], rtol=1e-3)


def test_a_far_fit_is_saved_and_loaded(tmp_path):
    fit = fit_of("y ~ x + (x | g)", shifted(simulated(5, 8), "t", 2000.0))
    fit.save(tmp_path / "fit")
    loaded = bm.load(tmp_path / "fit")
    term, own = loaded.design.groups[0], fit.design.groups[0]
    np.testing.assert_array_equal(term.means, own.means)
    assert loaded.spec.is_centred(term)
    pd.testing.assert_frame_equal(loaded.priors, fit.priors)
    new = fit.design.at(shifted(simulated(5, 8), "t", 0.0))
    np.testing.assert_array_equal(new.groups[0].means, own.means)
    again = loaded.design.at(shifted(simulated(5, 8), "t", 0.0))
    np.testing.assert_array_equal(again.groups[0].means, own.means)


# --- which blocks are centred -------------------------------------------------------------------


HALF_NORMAL = bm.Prior("HalfNormal", sigma=1)


@pytest.mark.parametrize(
    ("formula", "priors", "centred", "said"),
    [
        ("y ~ x + (x | g)", {}, True, "x at its mean"),
        ("y ~ x + z + (x + z | g)", {}, True, "x and z at their means"),
        ("y ~ x + f + (x + f | g)", {}, True, "x, f[b] and f[c] at their means"),
        ("y ~ x + f + z + (x + f + z | g)", {}, True, "the other columns at their means"),
        ("y ~ x + (x | g)", {"sd:g:x": HALF_NORMAL, "cor": bm.LKJ(2)}, True, "x at its mean"),
        ("y ~ x + (x | g)", {"sd:g:Intercept": HALF_NORMAL}, False, "x at zero"),
        ("y ~ x + (x | g)", {"sd:g": HALF_NORMAL}, False, "x at zero"),
        ("y ~ x + (x | g)", {"sd": HALF_NORMAL}, False, "x at zero"),
        ("y ~ x + (x || g)", {}, False, None),
        ("y ~ x + (0 + x | g)", {}, False, None),
        ("y ~ f + (0 + f | g)", {}, False, None),
        ("y ~ x + (1 | g)", {}, False, None),
        ("y ~ x + z + (1 | g) + (0 + x + z | g)", {}, False, None),
    ],
)
def test_what_is_centred_and_what_is_said(formula, priors, centred, said):
    data = simulated(5, 8).assign(f=np.tile(list("abc"), 14)[:40], x=lambda d: d["t"] + 1)
    spec = bm.prepare(formula, data, priors=priors)
    (term,) = spec.design.groups
    assert spec.is_centred(term) == centred
    table = dict(zip(spec.prior_table()["parameter"], spec.prior_table()["prior"], strict=True))
    if said:
        assert table["sd:g:Intercept"].endswith(f", {said}")
        assert table["cor:g"].endswith(f", {said}")
    own = {path: prior for path, prior in table.items() if path != "Intercept"}
    assert all(" at " not in prior for prior in own.values() if not said)
    expected = np.zeros(term.n_effects)
    if centred:
        expected[1:] = term.Z[:, 1:].mean(axis=0)
    np.testing.assert_allclose(spec.centre(term), expected, rtol=1e-12)
    np.testing.assert_allclose(centred_design(spec).groups[0].Z, term.Z - expected, atol=1e-12)


@pytest.mark.parametrize(
    ("formula", "priors", "said"),
    [
        ("y ~ x + (1 | g)", {}, "sigma=2.5), x at its mean"),
        ("y ~ x + z + (1 | g)", {}, "sigma=2.5), x and z at their means"),
        ("y ~ f + (1 | g)", {}, "sigma=2.5), f[b] and f[c] at their means"),
        ("y ~ x + z + f", {}, "sigma=2.5), the other columns at their means"),
        ("y ~ x", {"Intercept": bm.Prior("Normal", sigma=9)}, "sigma=9), x at its mean"),
        ("y ~ 1 + (1 | g)", {}, "sigma=2.5)"),
        ("y ~ 1 + (x | g)", {}, "sigma=2.5)"),
    ],
)
@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
def test_the_prior_of_the_intercept_says_where_the_columns_stand(formula, priors, said):
    data = simulated(5, 8).assign(f=np.tile(list("abc"), 14)[:40], x=lambda d: d["t"] + 1)
    data["y"] = (data["y"] > data["y"].median()).astype(int)
    spec = bm.prepare(formula, data, family="bernoulli", priors=priors)
    table = spec.prior_table().set_index("parameter")["prior"]
    assert table["Intercept"].endswith(said)
    centred = spec.population_centre.any()
    assert centred == ("at" in table["Intercept"].partition(")")[2])


def test_splitting_a_block_leaves_nothing_centred():
    data = simulated(5, 8).assign(x=lambda d: d["t"] + 1)
    split = bm.prepare("y ~ x + (x | g)", data).uncorrelated()
    assert not split.is_centred(split.design.groups[0])
    assert not split.priors.centred


def test_means_are_those_of_the_rows_that_are_kept_and_stay_in_subsets():
    data = simulated(5, 8).assign(x=lambda d: d["t"] + 1)
    data.loc[3, "y"] = np.nan
    with pytest.warns(bm.DesignWarning, match="dropped"):
        spec = bm.prepare("y ~ x + (x | g)", data)
    mean = data["x"].drop(index=3).mean()
    for design in (spec.design, spec.design.take([0, 1, 2]), spec.design.at(data.head(2))):
        np.testing.assert_allclose(design.groups[0].means, [0, mean], rtol=1e-12)


def test_the_algebra():
    rng = np.random.default_rng(1)
    centre = np.array([0.0, 3.0, -2.0])
    u, scale = rng.standard_normal((4, 3)), np.tril(rng.standard_normal((4, 3, 3)))
    Z = np.column_stack([np.ones(6), rng.standard_normal((6, 2))])
    written = effects_as_written(centre, u)
    np.testing.assert_allclose(Z @ written.T, (Z - centre) @ u.T)
    np.testing.assert_allclose(centred_effects(centre, written), u)
    root = scale_as_written(centre, scale)
    np.testing.assert_allclose(root @ np.ones(3), effects_as_written(centre, scale @ np.ones(3)))
    sd, cor = sd_and_cor(root)
    covariance = root @ np.swapaxes(root, 1, 2)
    np.testing.assert_allclose(sd[:, :, None] * sd[:, None] * cor, covariance)
    np.testing.assert_array_equal(np.diagonal(cor, axis1=1, axis2=2), 1.0)


# --- zeros that are far from the data -----------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "options", "rewrite"),
    [
        ("y ~ x + (x || g)", {}, "y ~ 1 + center(x) + (1 + center(x) || g)"),
        (
            "y ~ x + (1 | g) + (0 + x | g)",
            {},
            "y ~ 1 + center(x) + (1 | g) + (0 + center(x) | g)",
        ),
        (
            "y ~ np.log(x) + (np.log(x) || g)",
            {},
            "y ~ 1 + center(np.log(x)) + (1 + center(np.log(x)) || g)",
        ),
        (
            "y ~ x*z + (x + z || g)",
            {},
            "y ~ 1 + center(x) + z + center(x):z + (1 + center(x) + z || g)",
        ),
        (
            "y ~ x + (x | g)",
            {"priors": {"sd:g": HALF_NORMAL}},
            "y ~ 1 + center(x) + (1 + center(x) | g)",
        ),
    ],
)
def test_a_zero_far_from_the_data_is_named_with_a_formula_that_mends_it(formula, options, rewrite):
    data = shifted(simulated(5, 8), "t", 20.0)
    with pytest.warns(bm.DesignWarning) as caught:
        spec = bm.prepare(formula, data, **options)
    (warning,) = caught
    assert str(warning.message) in spec.design.notes
    assert "far from zero" in str(warning.message)
    assert f"Centre: {rewrite}." in str(warning.message)
    mended = bm.prepare(rewrite, data, **options)  # a warning would be an error
    if "log" not in formula:
        near = bm.prepare(formula, data.assign(x=data["x"] - data["x"].mean()), **options)
        np.testing.assert_allclose(mended.design.groups[0].Z, near.design.groups[0].Z, atol=1e-9)


def test_zeros_that_do_not_matter_are_passed_over():
    data = shifted(simulated(5, 8), "t", 20.0).assign(
        f=np.repeat(["a", "b"], [38, 2]), b=lambda d: (d["f"] == "a").astype(int)
    )
    for formula in (
        "y ~ x + (x | g)",
        "y ~ x + f + (f || g)",
        "y ~ b + (b || g)",
        "y ~ t + (t || g)",
    ):
        bm.prepare(formula, data)


def test_priors_as_written_are_those_of_the_joint_model():
    """Sds and correlations as written, drawn here and by PyMC."""
    from bayesmix.engines.exact.implied import implied_priors

    spec = bm.prepare("y ~ x + (x | g)", shifted(simulated(5, 8), "t", 3.0))
    sds, correlations = implied_priors(spec, *spec.design.joint_effects)
    prior = spec.sample_prior(4000, random_seed=1)["prior"].dataset
    pairs = [
        (sds["Intercept"], prior["sd_g"].to_numpy()[0, :, 0]),
        (correlations["Intercept", "x"], prior["cor_g"].to_numpy()[0, :, 0, 1]),
    ]
    for implied, drawn in pairs:
        assert stats.ks_2samp(implied.draws, drawn).pvalue > 1e-3
        lower, upper = implied.quantile([0.05, 0.95])
        grid = np.linspace(lower, upper, 4001)
        share = ((drawn > lower) & (drawn < upper)).mean()
        area = np.trapezoid(implied.density(grid), grid)
        assert area == pytest.approx(share, abs=0.04)


def test_fold_models_are_centred_as_the_whole():
    from bayesmix.criteria.jobs import _fold_spec

    data = simulated(5, 8).assign(x=lambda d: d["t"] + 1)
    for priors in ({}, {"sd:g": HALF_NORMAL}):
        spec = bm.prepare("y ~ x + (x | g)", data, priors=priors)
        fold = _fold_spec(spec)
        assert fold.priors.centred == spec.priors.centred
        subset = dataclasses.replace(fold, design=fold.design.take(np.arange(20)))
        np.testing.assert_array_equal(
            subset.centre(subset.design.groups[0]), spec.centre(spec.design.groups[0])
        )


@pytest.mark.parametrize(
    ("formula", "rewrite"),
    [
        ("y ~ x*f + (x | g)", "y ~ 1 + center(x) + f + center(x):f + (1 + center(x) | g)"),
        ("y ~ 0 + f + f:x + (1 | g)", "y ~ 0 + f + f:center(x) + (1 | g)"),
        (
            "y ~ x + I(x**2) + (x | g)",
            "y ~ 1 + center(x) + I(center(x)**2) + (1 + center(x) | g)",
        ),
        ("y ~ f + x + (0 + f + x | g)", "y ~ 1 + f + center(x) + (0 + f + center(x) | g)"),
        ("y ~ x*z + (1 | g)", "y ~ 1 + center(x) + z + center(x):z + (1 | g)"),
    ],
)
def test_products_and_cells_of_a_far_covariate_are_named(formula, rewrite):
    data = shifted(simulated(30, 8), "t", 300.0).assign(f=np.tile(list("ab"), 120))
    with pytest.warns(bm.DesignWarning, match="far from zero") as caught:
        bm.prepare(formula, data)
    (warning,) = caught
    assert f"Centre: {rewrite}." in str(warning.message)
    mended = bm.prepare(rewrite, data)  # a warning would be an error
    near = bm.prepare(formula, data.assign(x=data["x"] - data["x"].mean()))
    np.testing.assert_allclose(mended.design.X, near.design.X, atol=1e-9)


def test_a_far_effect_without_a_population_effect_gets_it_in_the_rewrite():
    data = shifted(simulated(30, 8), "t", 300.0)
    with pytest.warns(bm.DesignWarning) as caught:
        bm.prepare("y ~ (x || g)", data)
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2
    assert "Centre: y ~ 1 + center(x) + (1 + center(x) || g)." in said[1]
    bm.prepare("y ~ 1 + center(x) + (1 + center(x) || g)", data)


PRODUCTS = {
    "t*z": "center(t) + z + center(t):z",
    "t + z + I(t*z)": "center(t) + z + I(center(t) * z)",
    "t + z + np.multiply(t, z)": "center(t) + z + np.multiply(center(t), z)",
    "t + z + I(z*(t - 1))": "center(t) + z + I(z * (center(t) - 1))",
    "t + b + I(t*b)": "center(t) + b + I(center(t) * b)",
    "t + I(t^2)": "center(t) + I(center(t)**2)",
    "t + I(t*t)": "center(t) + I(center(t) * center(t))",
    "t + np.square(t)": "center(t) + np.square(center(t))",
    "t + np.power(t, 2)": "center(t) + np.power(center(t), 2)",
    "poly(t, 2, raw=TRUE)": "poly(center(t), 2, raw=True)",
}


def at_2000() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    data = pd.DataFrame(rng.standard_normal((400, 3)), columns=["t", "z", "e"])
    data["b"], data["g"] = rng.integers(0, 2, 400), np.repeat(range(40), 10)
    data["f"] = np.tile(list("ab"), 200)
    curve = 0.5 * data["t"] * (data["z"] + data["b"] + data["t"])
    return data.assign(y=data["t"] + data["z"] + curve + data["e"], t=data["t"] + 2000)


@pytest.mark.slow
@pytest.mark.parametrize("written", PRODUCTS)
def test_a_product_of_a_far_covariate_is_named_however_it_is_spelt(written):
    data = at_2000()
    bars = ["", " + (1 | g)"]
    for bar in bars:
        with pytest.warns(bm.DesignWarning, match="moves the default prior") as caught:
            bm.prepare(f"y ~ {written}{bar}", data)
        (warning,) = caught
        rewrite = f"y ~ 1 + {PRODUCTS[written]}{bar}"
        assert f"Centre: {rewrite}." in str(warning.message)
        bm.prepare(rewrite, data)  # a warning would be an error


def test_the_formula_that_is_offered_gives_the_effect_that_the_zero_hides():
    data = at_2000()
    with pytest.warns(bm.DesignWarning, match="far from zero"):
        hidden = bm.fit("y ~ t + z + I(t*z) + (1 | g)", data, random_seed=1).fixef()
    mended = bm.fit("y ~ center(t) + z + I(center(t) * z) + (1 | g)", data, random_seed=1).fixef()
    assert abs(hidden["value"].iloc[3]) < 0.05
    assert mended["value"].iloc[3] == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    ("bars", "cause"),
    [
        ("center(t)*f + (t:f | g)", "the default priors of 'sd:g:t:f[a]', 'sd:g:t:f[b]'"),
        ("t + (0 + t | g)", "the model of the group effects of 'g' depends on its zero"),
        ("t + z + (t | g) + (0 + t | k)", "the model of the group effects of 'k' depends"),
        ("t + I(t*t) + (t + I(t*t) | g)", "the default priors of 'I(t * t)', 'sd:g:I(t * t)'"),
        ("t + (t:f | g)", "the default priors of 'sd:g:t:f[a]', 'sd:g:t:f[b]'"),
        ("t + (t + I(t^2) | g)", "the default prior of 'sd:g:I(t ** 2)'"),
        ("t + (poly(t, 2, raw=TRUE) | g)", "the default prior of 'sd:g:poly(t, 2, raw=True)[1]'"),
        ("t + f + (f/t | g)", "the default priors of 'sd:g:f[a]:t', 'sd:g:f[b]:t'"),
    ],
)
def test_group_effects_of_a_far_covariate_are_named(bars, cause):
    data = at_2000().assign(k=np.arange(400) % 20)
    with pytest.warns(bm.DesignWarning) as caught:
        bm.prepare(f"y ~ {bars}", data)
    said = str(caught[-1].message)
    assert "'t' (mean 2000, sd " in said
    assert cause in said
    (rewrite,) = re.findall(r": (y ~ .*?)\.(?: In one |$)", said)
    bm.prepare(rewrite, data)


def test_a_prior_that_was_set_for_a_product_is_not_called_a_default():
    data, prior = at_2000(), bm.Prior("Normal", mu=0, sigma=1)
    bm.prepare("y ~ t*z", data, priors={"beta:t:z": prior})  # a warning would be an error
    with pytest.warns(bm.DesignWarning, match="moves the default prior of 't:z'"):
        bm.prepare("y ~ t*z", data, priors={"beta:z": prior})


def test_columns_with_a_zero_of_their_own_are_passed_over():
    data = at_2000()
    for formula in (
        "scale(t)*z",
        "center(t)*z + I(center(t)^2)",
        "poly(t, 2)*f",
        "t + I((t - 2000)^2) + z:I(t - 2000)",
        "t + z*I(t > 2000)",
        "t + t:z",  # lines through one point at t = 0, as the formula says
        "t + f + (t + f | g)",
    ):
        bm.prepare(f"y ~ {formula}", data)
