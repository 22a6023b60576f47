"""Predictive densities against dense algebra and quadrature, on draws that are set by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.special import logsumexp

import bayesmix as bm
from bayesmix.design.design import Design
from bayesmix.model.spec import ModelSpec
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive
from gaussian import CASES, theta_variables

DRAWS = 6

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")


def posterior(spec: ModelSpec, n_draws: int = DRAWS, same: bool = False) -> xr.Dataset:
    """Draws of all parameters from near the prior; one draw many times with `same`."""
    rng = np.random.default_rng(5)
    design = spec.design
    values: dict[str, Any] = {}
    if design.n_terms:
        values["beta"] = ("term", rng.standard_normal((n_draws, design.n_terms)))
    for term in design.groups:
        q, pairs = term.n_effects, spec.correlations(term)
        sd = rng.uniform(0.2, 1.5, (n_draws, q))
        partial = rng.uniform(-0.8, 0.8, (n_draws, len(pairs)))
        variables, scale = theta_variables(spec, term, sd, partial)
        u = rng.standard_normal((n_draws, term.n_levels, q)) @ np.swapaxes(scale, 1, 2)
        values |= variables
        values[f"u_{term.factor}"] = ((term.dim, term.effect_dim), u)
    for name in spec.family.auxiliary:
        values[name] = ((), rng.uniform(0.5, 2, n_draws))
    variables = {}
    for name, (dims, array) in values.items():
        own = (dims,) if isinstance(dims, str) else dims
        drawn = np.broadcast_to(array[:1], array.shape) if same else array
        variables[name] = (
            ("chain", "draw", *own),
            drawn.reshape(2, n_draws // 2, *drawn.shape[1:]),
        )
    return xr.Dataset(variables)


def split(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train and to hold out: some of most levels, and all rows of a few."""
    out = np.arange(design.n_rows) % 7 == 0
    for term in design.groups:
        out |= np.isin(term.codes, [1, 4])
    return ~out, out


def by_dense_algebra(
    spec: ModelSpec, out: np.ndarray, draws: xr.Dataset, integrated: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and covariance of the held-out rows for each draw: n x n matrices and no tricks."""
    design = spec.design
    flat = draws.stack(sample=("chain", "draw")).transpose("sample", ...)
    weights = np.ones(design.n_rows) if design.weights is None else design.weights
    laws = []
    for s in range(flat.sizes["sample"]):
        one = flat.isel(sample=s)
        mean = design.X @ one["beta"].values if design.n_terms else np.zeros(design.n_rows)
        mean += 0 if design.offset is None else design.offset
        covariance = np.diag((one["sigma"].item() if "sigma" in one else 1.0) ** 2 / weights)
        for term in design.groups:
            sd = one[f"sd_{term.factor}"].values
            R = one.get(f"cor_{term.factor}")
            sigma = np.outer(sd, sd) * (np.eye(len(sd)) if R is None else R.values)
            own = (term.Z @ sigma @ term.Z.T) * (term.codes[:, None] == term.codes)
            unseen = np.isin(term.codes, np.setdiff1d(term.codes, term.codes[~out]))
            random = np.ones_like(unseen) if term.factor == integrated else unseen
            u = one[f"u_{term.factor}"].values
            mean += np.where(random, 0, (term.Z * u[term.codes]).sum(axis=1))
            covariance += own * np.outer(random, random)
        gain = np.linalg.solve(covariance[~out][:, ~out], covariance[~out][:, out]).T
        laws.append(
            (
                mean[out] + gain @ (design.y - mean)[~out],
                covariance[out][:, out] - gain @ covariance[~out][:, out],
            )
        )
    return laws


@pytest.mark.parametrize("without_draws", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_gaussian_rows_equal_dense_algebra(case, without_draws):
    spec = CASES[case].spec()
    draws = posterior(spec)
    kept, out = split(spec.design)
    sizes = {term.factor: term.n_levels * term.n_effects for term in spec.design.groups}
    integrated = max(sizes, key=sizes.get, default="")
    if without_draws and sizes:
        integrated = min(sizes, key=sizes.get)
        statistics = {f"u_{integrated}": draws[f"u_{integrated}"].mean(["chain", "draw"])}
        draws = draws.drop_vars(list(statistics)).assign(statistics)
        known = posterior(spec)
    else:
        known = draws
    train = dataclasses.replace(spec, design=spec.design.take(kept))
    held_out = spec.design.take(out)
    laws = by_dense_algebra(spec, out, known, integrated)
    rows = [stats.norm(m, np.sqrt(np.diag(V))).logpdf(held_out.y) for m, V in laws]
    expected = logsumexp(rows, axis=0) - np.log(DRAWS)
    np.testing.assert_allclose(log_predictive(train, held_out, draws), expected, rtol=1e-8)
    few = held_out.take(np.arange(5))
    joint = [stats.multivariate_normal(m[:5], V[:5, :5]).logpdf(few.y) for m, V in laws]
    density, notes = log_joint_predictive(train, few, draws, np.random.default_rng(1))
    assert density == pytest.approx(logsumexp(joint) - np.log(DRAWS), rel=1e-8)
    assert not notes


def test_gaussian_densities_do_not_depend_on_the_batch():
    spec = CASES["three crossed"].spec()
    kept, out = split(spec.design)
    train = dataclasses.replace(spec, design=spec.design.take(kept))
    whole = log_predictive(train, spec.design.take(out), posterior(spec))
    one_by_one = log_predictive(train, spec.design.take(out), posterior(spec), batch=1)
    np.testing.assert_allclose(one_by_one, whole, rtol=1e-12)


def test_sds_of_zero_and_correlations_of_one_have_a_density():
    spec = CASES["two effects"].spec()
    kept, out = split(spec.design)
    draws = posterior(spec)
    draws["centred_sd_g"][..., 0] = 0.0
    draws["lkj_g"][:] = 1.0
    train = dataclasses.replace(spec, design=spec.design.take(kept))
    assert np.isfinite(log_predictive(train, spec.design.take(out), draws)).all()


# --- other families -----------------------------------------------------------------------------


def counts(formula: str, family: str) -> ModelSpec:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"g": np.repeat(np.arange(8), 5), "h": np.tile(np.arange(5), 8)})
    data["x"] = rng.standard_normal(40)
    data["size"] = rng.integers(1, 9, 40)
    data["y"] = rng.binomial(1 if family == "bernoulli" else data["size"].to_numpy(), 0.5, 40)
    return bm.prepare(formula, data, family=family)


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("y ~ x + (x | g)", "poisson"),
        ("y ~ x + (1 | g) + (1 | h)", "bernoulli"),
        ("p(y, size) ~ x + (x || g)", "binomial"),
    ],
)
def test_other_families_equal_quadrature(formula, family):
    spec = counts(formula, family)
    out = np.isin(spec.design.groups[0].codes, [2, 5]) | (np.arange(40) % 9 == 0)
    train = dataclasses.replace(spec, design=spec.design.take(~out))
    held_out = spec.design.take(out)
    draws = posterior(spec, n_draws=1000, same=True)
    ours = log_predictive(train, held_out, draws, 1)
    one = draws.isel(chain=0, draw=0)
    for i in range(held_out.n_rows):
        row = held_out.take([i])
        eta, variance = row.X[0] @ one["beta"].values, 0.0
        for term, old in zip(row.groups, train.design.groups, strict=True):
            if term.codes[0] in old.codes:
                eta += term.Z[0] @ one[f"u_{term.factor}"].values[term.codes[0]]
                continue
            sd = one[f"sd_{term.factor}"].values
            R = one[f"cor_{term.factor}"].values if f"cor_{term.factor}" in one else np.eye(len(sd))
            variance += term.Z[0] @ (np.outer(sd, sd) * R) @ term.Z[0]

        def density(t: float, row=row, eta=eta, variance=variance) -> float:
            point = np.array([eta + np.sqrt(variance) * t])
            log = spec.family.log_density(row.y, point, {}, None, row.trials)
            return float(np.exp(log[0]) * stats.norm.pdf(t))

        expected = integrate.quad(density, -8, 8, limit=200)[0]
        assert ours[i] == pytest.approx(np.log(expected), abs=2e-4)


@pytest.mark.parametrize("q", [1, 2])
def test_groups_of_other_families_equal_quadrature(q):
    spec = counts("y ~ x + (1 | g)" if q == 1 else "y ~ x + (x | g)", "poisson")
    out = spec.design.groups[0].codes == 3
    train = dataclasses.replace(spec, design=spec.design.take(~out))
    held_out = spec.design.take(out)
    draws = posterior(spec, n_draws=4000, same=True)
    ours, notes = log_joint_predictive(train, held_out, draws, np.random.default_rng(1))
    assert not notes
    one = draws.isel(chain=0, draw=0)
    sd = one["sd_g"].values
    sigma = np.outer(sd, sd) * (one["cor_g"].values if q > 1 else 1)
    grid = np.linspace(-6, 6, 241)
    t = np.stack(np.meshgrid(*[grid] * q, indexing="ij"), axis=-1).reshape(-1, q)
    eta = held_out.X @ one["beta"].values + t @ np.linalg.cholesky(sigma).T @ held_out.groups[0].Z.T
    log = spec.family.log_density(held_out.y, eta).sum(axis=1) + stats.norm.logpdf(t).sum(axis=1)
    expected = logsumexp(log) + q * np.log(grid[1] - grid[0])
    assert ours == pytest.approx(expected, abs=0.01)


def test_groups_whose_levels_are_known_need_no_integral():
    spec = counts("y ~ x + (1 | g)", "poisson")
    draws = posterior(spec)
    rows = spec.design.take(np.arange(4))
    ours, _ = log_joint_predictive(spec, rows, draws, np.random.default_rng(1))
    flat = draws.stack(sample=("chain", "draw")).transpose("sample", ...)
    eta = flat["beta"].values @ rows.X.T + flat["u_g"].values[:, rows.groups[0].codes, 0]
    log = spec.family.log_density(rows.y, eta).sum(axis=1)
    assert ours == pytest.approx(logsumexp(log) - np.log(DRAWS))


def test_an_integral_that_rests_on_few_draws_says_so():
    spec = counts("y ~ x + (1 | g)", "poisson")
    out = spec.design.groups[0].codes == 3
    train = dataclasses.replace(spec, design=spec.design.take(~out))
    draws = posterior(spec, n_draws=10)
    _, notes = log_joint_predictive(train, spec.design.take(out), draws, np.random.default_rng(1))
    assert len(notes) == 1
    assert "draws only" in notes[0]
