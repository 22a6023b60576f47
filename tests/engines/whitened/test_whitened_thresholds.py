"""Thresholds as an intercept and distances: what the map is, and how chains move in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import bayesmix as bm
from bayesmix.engines.whitened.coordinates import bounds_obstacle
from bayesmix.engines.whitened.layout import layout_of
from bayesmix.engines.whitened.named import as_written
from bayesmix.engines.whitened.thresholds import Gaps, thresholds_of
from bayesmix.families.registry import get_family

FAMILIES = (
    "cumulative",
    "cumulative(probit)",
    "cumulative(cloglog, threshold=equidistant)",
    "sratio",
    "cratio(cauchit)",
    "acat",
    "acat(threshold=equidistant)",
)


def ratings(n_levels: int = 10, n_each: int = 20, n_categories: int = 5, far: float = 0.0):
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(n_levels), n_each)
    x = rng.normal(size=len(g))
    latent = 0.7 * x + rng.normal(size=n_levels)[g] + rng.logistic(size=len(g))
    y = 1 + (latent[:, None] > np.linspace(-1.5, 2.0, n_categories - 1)).sum(axis=1)
    return pd.DataFrame({"y": y, "x": x + far, "g": g})


def spec_of(family: str, **options):
    return bm.prepare("y ~ x + (1 | g)", ratings(**options), family=family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_categories", [2, 3, 6])
def test_the_map_keeps_volumes_and_distances_say_nothing_of_the_level(family, n_categories):
    spec = spec_of(family, n_categories=n_categories)
    found = thresholds_of(spec)
    assert abs(np.linalg.det(found.free)) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(found.every[:, 0], -1.0)
    n_free = 2 if spec.family.threshold == "equidistant" and n_categories > 3 else n_categories - 1
    assert found.every.shape == (n_categories - 1, n_free)
    if n_free < n_categories - 1:
        np.testing.assert_allclose(np.diff(found.every, n=2, axis=0), 0.0, atol=1e-12)
    if found.are_ordered:
        values = Gaps().values(np.random.default_rng(2).normal(size=(n_free, 20)))
        assert (np.diff(found.every @ values, axis=0) > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_intercept_is_apart_from_the_distances(family):
    """The mixed second derivative of the log likelihood, near where it is largest."""
    spec = spec_of(family)
    layout, own = layout_of(spec), thresholds_of(spec)
    made, y = spec.family, spec.design.y
    shares = np.bincount(y.astype(int)) / len(y)
    n = len(shares)

    def total(level, distances):
        """Expected log likelihood of a row without effects."""
        at = own.every @ np.array([level, *distances])
        log = made.log_density(np.arange(float(n)), np.zeros(n), {own.name: at})
        return float(shares @ log)

    free = np.zeros(own.every.shape[1] - 1)
    if own.are_ordered:
        free += 1.0
    best = optimize.minimize(
        lambda v: -total(v[0], v[1:]) if not own.are_ordered or (v[1:] > 0).all() else 1e9,
        [0.0, *free],
        method="Nelder-Mead",
        options={"maxiter": 20_000, "xatol": 1e-9, "fatol": 1e-13},
    ).x
    assert layout.X.shape[1] == 2
    step = 1e-3
    for k in range(len(free)):
        shift = step * np.eye(len(free))[k]

        def mixed(a, b, shift=shift):
            return total(best[0] + a * step, best[1:] + b * shift)

        across = (mixed(1, 1) - mixed(1, -1) - mixed(-1, 1) + mixed(-1, -1)) / 4
        level = mixed(1, 0) - 2 * mixed(0, 0) + mixed(-1, 0)
        own_curvature = mixed(0, 1) - 2 * mixed(0, 0) + mixed(0, -1)
        # Equidistant thresholds do not have the shares that the weights are made at.
        most = 0.15 if made.threshold == "equidistant" else 0.02
        assert abs(across) < most * np.sqrt(level * own_curvature)


@pytest.mark.parametrize("family", ["cumulative", "acat(threshold=equidistant)"])
def test_linear_predictors_less_thresholds_are_the_same_as_written(family):
    spec = spec_of(family, far=50.0)
    layout = layout_of(spec)
    values = layout.coordinates.values(
        np.random.default_rng(0).normal(size=(layout.coordinates.size, 4))
    )
    population = layout.coordinates.population
    eta = layout.X @ values[population]
    inner = layout.auxiliary(values)["cutpoint"][:, None] - eta
    written = as_written(layout, values.T)
    X = spec.design.X[layout.observed.order]
    outer = written["cutpoint"].T[:, None] - X @ written["beta"].T
    np.testing.assert_allclose(inner, outer, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["cumulative", "sratio", "acat"])
@pytest.mark.parametrize("n_levels", [10, 100])
def test_default_fits_mix_well(family, n_levels):
    """Few groups with many rows tie the level of the effects to the thresholds."""
    data = ratings(n_levels, 1500 // n_levels)
    fit = bm.fit("y ~ x + (1 | g)", data, family=family, random_seed=1, progressbar=False)
    attributes = fit.idata["sample_stats"].attrs
    assert fit.idata.attrs["method"] == "whitened"
    assert fit.idata.attrs["ess"] > 1000
    assert fit.idata.attrs["r_hat"] < 1.01
    assert attributes["thin"] == 1
    assert attributes["steps"] < 5


def test_the_zero_of_a_covariate_changes_the_thresholds_and_nothing_else():
    near, far = (
        bm.fit(
            "y ~ x + (1 | g)",
            ratings(far=zero),
            family=get_family("cumulative"),
            random_seed=1,
            progressbar=False,
        )
        for zero in (0.0, 1000.0)
    )
    one, other = (fit.fixef().set_index("term") for fit in (near, far))
    assert other.loc["x", "value"] == pytest.approx(one.loc["x", "value"], rel=1e-5)
    np.testing.assert_allclose(
        near.linpred()["value"] + 1000 * one.loc["x", "value"], far.linpred()["value"], rtol=1e-5
    )
    np.testing.assert_allclose(near.epred()["value"], far.epred()["value"], atol=1e-6)


def test_a_prior_with_bounds_is_left_to_nuts():
    spec = bm.prepare(
        "y ~ x", ratings(), family="acat", priors={"cutpoint": bm.Prior("HalfNormal", sigma=1)}
    )
    assert "the prior of the thresholds cutpoint, has bounds" in bounds_obstacle(spec)


@pytest.mark.slow
def test_the_unit_of_a_covariate_changes_its_effect_and_nothing_else():
    data = ratings(far=3.0)
    one, other = (
        bm.fit(
            "y ~ x + (1 | g)",
            data.assign(x=data["x"] * unit),
            family="cumulative",
            random_seed=1,
            progressbar=False,
        )
        for unit in (1.0, 2.0**40)
    )
    np.testing.assert_allclose(one.epred()["value"], other.epred()["value"], rtol=1e-9)
    np.testing.assert_allclose(
        one.posterior["cutpoint"], other.posterior["cutpoint"], rtol=1e-7, atol=1e-9
    )
