"""Densities given population effects, against the normal density of the whole response."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import multivariate_normal

import bayesmix as bm
from bayesmix.engines.exact.given_population import densities_given_population
from bayesmix.model.centring import group_draws
from bayesmix.model.spec import ModelSpec


def frame(size: float = 1.0, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "y": size * (300 + rng.normal(size=n)),
            "x": 5 + rng.normal(size=n),
            "o": size * rng.normal(size=n),
            "w": rng.uniform(0.5, 2, n),
            "s": size * rng.uniform(0.5, 2, n),
            "a": rng.integers(0, 7, n).astype(str),
            "b": rng.integers(0, 5, n).astype(str),
        }
    )


def drawn(spec: ModelSpec, size: float, S: int = 3) -> tuple[xr.Dataset, np.ndarray]:
    """Draws of everything but effects, and the log density by the whole covariance."""
    rng = np.random.default_rng(2)
    design = spec.design
    sigma = rng.uniform(0.5, 2, S) * size
    beta = rng.normal(size=(S, design.n_terms)) * size
    if design.has_intercept:
        beta[:, 0] += 300 * size
    cov = np.zeros((S, design.n_rows, design.n_rows))
    weights = np.ones(design.n_rows) if design.weights is None else design.weights
    for i in range(S):
        noise = 1.0 / weights if spec.family.known_errors else sigma[i] ** 2 / weights
        if spec.family.known_errors and spec.family.has_residual_sd:
            noise = noise + sigma[i] ** 2
        cov[i] += np.diag(noise)
    values = {"beta": (("chain", "draw", "term"), beta[None])}
    if not spec.family.known_errors or spec.family.has_residual_sd:
        values["sigma"] = (("chain", "draw"), sigma[None])
    for joint in design.joint_effects:
        (term,) = joint.terms
        sd = rng.uniform(0.5, 2, (S, joint.n_effects)) * size
        own = spec.joint_correlations(joint)
        free = rng.uniform(-0.8, 0.8, (S, len(own)))
        scale = sd[..., None] * own.factor(free)
        named = group_draws(spec, joint, sd, free, scale, None)
        names = term.names
        for name in (names.sd, names.centred_sd):
            if name in named:
                values[name] = (("chain", "draw", term.effect_dim), named[name][None])
        if len(own):
            pairs = (("chain", "draw", names.pair_dim), (1 + free[None]) / 2)
            values[names.lkj] = pairs
        Z = term.Z - spec.centre(term)
        same = term.codes[:, None] == term.codes
        for i in range(S):
            cov[i] += same * (Z @ scale[i] @ scale[i].T @ Z.T)
    mean = beta @ design.X.T + (0 if design.offset is None else design.offset)
    log = [multivariate_normal(mean[i], cov[i]).logpdf(design.y) for i in range(S)]
    return xr.Dataset(values), np.array(log)


@pytest.mark.parametrize("size", [1.0, 1e12])
@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x", {}),
        ("y ~ x + offset(o)", {"weights": "w"}),
        ("y ~ x + (x | a)", {}),
        ("y ~ 0 + x + (1 | a)", {}),
        ("y ~ x + (x | a) + (1 | b)", {"weights": "w"}),
        ("y ~ x + (1 | a) + (1 | a:b)", {}),
        ("y ~ x + (x | a)", {"priors": {"x": bm.Prior("StudentT", nu=3, mu=0, sigma=1)}}),
        ("y ~ x + (1 | a)", {"se": "s"}),
        ("y ~ x + (1 | a)", {"se": "s", "residual": True}),
    ],
)
@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
def test_density_is_that_of_the_whole_response(formula, options, size):
    spec = bm.prepare(formula, frame(size), **options)
    posterior, expected = drawn(spec, size)
    found = densities_given_population(spec, posterior)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-7)
