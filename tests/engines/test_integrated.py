"""Densities of rows and groups left out, against dense algebra without those rows."""

from __future__ import annotations

import dataclasses
import decimal
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.blocks.marginal import MarginalModel
from bayesmix.blocks.theta import Theta
from bayesmix.engines.exact.densities import Budget
from bayesmix.engines.exact.left_out import (
    group_densities,
    row_densities,
    row_scores,
    theta_of,
)
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.model.centring import sd_variable
from bayesmix.model.spec import ModelSpec
from gaussian import CASES, DenseAlgebra, dense, frame

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
CROSSED = ("crossed with slopes", "three crossed", "nested and crossed", "weights, crossed")
STRUCTURES = ("no groups", "three effects", "nested with slopes", *CROSSED)


def points(spec: ModelSpec, n: int = 3) -> Theta:
    space = ThetaSpace.of(spec)
    return space.theta(np.random.default_rng(31).normal(-0.3, 0.5, size=(n, space.size)))


def rows_of(spec: ModelSpec, theta: Theta, **options) -> np.ndarray:
    """Log densities of all rows; the slices must be the rows in order."""
    slices, blocks = zip(*row_densities(spec, theta, **options), strict=True)
    covered = np.concatenate([np.arange(rows.start, rows.stop) for rows in slices])
    np.testing.assert_array_equal(covered, np.arange(spec.design.n_rows))
    for rows, block in zip(slices, blocks, strict=True):
        assert block.shape == (len(theta), rows.stop - rows.start)
    return np.concatenate(blocks, axis=1)


def brute_force(spec: ModelSpec, theta: Theta, codes: np.ndarray) -> np.ndarray:
    """Fit to all rows but those of a group, predict those; (S, J), zero without rows."""
    out = np.zeros((len(theta), codes.max() + 1))
    for b in range(len(theta)):
        algebra = dense(spec, theta, b)
        for group in np.unique(codes[codes >= 0]):
            inside = codes == group
            out[b, group] = predictive(algebra, inside)
    return out


def predictive(algebra: DenseAlgebra, inside: np.ndarray) -> float:
    mean, covariance = algebra.mean, np.diag(1 / algebra.precision)
    if not inside.all():
        others = DenseAlgebra(
            algebra.mean,
            algebra.precision,
            algebra.columns[~inside],
            algebra.noise[~inside],
            algebra.y[~inside],
        )
        mean, covariance = others.posterior()
    columns = algebra.columns[inside]
    variance = columns @ covariance @ columns.T + np.diag(algebra.noise[inside])
    return stats.multivariate_normal(columns @ mean, variance).logpdf(algebra.y[inside])


# --- against brute force ------------------------------------------------------------------------


@cases
def test_a_row_left_out(case):
    spec = case.spec()
    theta = points(spec)
    expected = brute_force(spec, theta, np.arange(spec.design.n_rows))
    np.testing.assert_allclose(rows_of(spec, theta), expected, rtol=1e-8, atol=1e-8)


@cases
def test_scores_of_rows_left_out(case):
    spec = case.spec()
    theta = points(spec, n=2)
    expected = np.empty((2, spec.design.n_rows))
    for b in range(2):
        algebra = dense(spec, theta, b)
        for row in range(spec.design.n_rows):
            inside = np.arange(spec.design.n_rows) == row
            others = (algebra.columns[~inside], algebra.noise[~inside], algebra.y[~inside])
            mean, covariance = DenseAlgebra(algebra.mean, algebra.precision, *others).posterior()
            own = algebra.columns[row]
            variance = own @ covariance @ own + algebra.noise[row]
            expected[b, row] = (algebra.y[row] - own @ mean) / np.sqrt(variance)
    ours = np.concatenate([z for _, z in row_scores(spec, theta)], axis=1)
    np.testing.assert_allclose(ours, expected, rtol=1e-7, atol=1e-8)


@cases
def test_all_rows_of_a_level_left_out(case):
    spec = case.spec()
    theta = points(spec)
    for term in spec.design.groups:
        ours = group_densities(spec, theta, term.factor)
        assert ours.shape == (3, term.n_levels)
        expected = brute_force(spec, theta, term.codes)
        np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-8)


@cases
def test_any_groups_of_rows_left_out(case):
    """Groups that are no factor, one of them empty, and rows that are never left out."""
    spec = case.spec()
    theta = points(spec)
    codes = np.random.default_rng(32).integers(-1, 6, spec.design.n_rows)
    codes[codes == 3] = 6
    ours = group_densities(spec, theta, None, codes=codes)
    assert (ours[:, 3] == 0).all()
    np.testing.assert_allclose(ours, brute_force(spec, theta, codes), rtol=1e-8, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("cost", [0.0, np.inf], ids=["from cross-products", "from covariances"])
@pytest.mark.parametrize("name", CROSSED)
def test_both_ways_to_leave_out_a_group_of_a_crossed_design(monkeypatch, name, cost):
    monkeypatch.setattr(MarginalModel, "cost", cost)
    spec = CASES[name].spec()
    theta = points(spec, 2)
    factors = [(term.factor, term.codes, None) for term in spec.design.groups]
    codes = np.random.default_rng(33).integers(-1, 9, spec.design.n_rows)
    for factor, groups, own in [*factors, (None, codes, codes)]:
        ours = group_densities(spec, theta, factor, codes=own)
        expected = brute_force(spec, theta, groups)
        np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_group_of_one_row_is_a_row_and_the_group_of_all_is_the_density(name):
    spec = CASES[name].spec()
    theta = points(spec)
    n = spec.design.n_rows
    each = group_densities(spec, theta, None, codes=np.arange(n))
    np.testing.assert_allclose(each, rows_of(spec, theta), rtol=1e-8, atol=1e-8)
    everything = group_densities(spec, theta, None, codes=np.zeros(n, dtype=np.int64))
    model = marginal_of(spec).model
    np.testing.assert_allclose(everything[:, 0], model.log_density(theta), rtol=1e-10)


@pytest.mark.parametrize("name", ["three effects", "nested with slopes", "crossed with slopes"])
def test_codes_of_a_factor_are_the_factor(name):
    spec = CASES[name].spec()
    theta = points(spec)
    rng = np.random.default_rng(34)
    for term in spec.design.groups:
        relabelled = rng.permutation(term.n_levels)
        by_name = group_densities(spec, theta, term.factor)
        by_codes = group_densities(spec, theta, None, codes=relabelled[term.codes])
        np.testing.assert_allclose(by_codes[:, relabelled], by_name, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["two effects", "nested with slopes", "crossed with slopes"])
def test_levels_without_rows(name):
    """A design of some rows keeps all levels: those that vanished change nothing."""
    whole = CASES[name].spec()
    kept = ~np.isin(whole.design.groups[0].codes, [0, 3])
    spec = dataclasses.replace(whole, design=whole.design.take(kept))
    theta = points(spec)
    expected = brute_force(spec, theta, np.arange(spec.design.n_rows))
    np.testing.assert_allclose(rows_of(spec, theta), expected, rtol=1e-8, atol=1e-8)
    ours = group_densities(spec, theta, spec.design.groups[0].factor)
    assert (ours[:, [0, 3]] == 0).all()
    expected = brute_force(spec, theta, spec.design.groups[0].codes)
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-8)


def test_an_empty_level_does_not_make_crossed_factors_nested():
    """As many pairs as levels: one level is empty, and another meets two levels."""
    data = frame().assign(a=lambda d: np.arange(len(d)) % 3, b=lambda d: np.arange(len(d)) % 2)
    data.loc[data["a"] == 0, "b"] = 0
    whole = bm.prepare("y ~ x + (1 | a) + (1 | b)", data)
    a, b = whole.design.groups
    kept = (a.codes != 2) & ~((a.codes == 0) & (b.codes == 1))
    spec = dataclasses.replace(whole, design=whole.design.take(kept))
    assert len(np.unique(a.codes[kept] * 2 + b.codes[kept])) == 3
    theta = points(spec)
    codes = np.arange(spec.design.n_rows)
    np.testing.assert_allclose(rows_of(spec, theta), brute_force(spec, theta, codes), rtol=1e-8)
    model = marginal_of(spec).model
    expected = brute_force(spec, theta, 0 * codes)[:, 0]
    np.testing.assert_allclose(model.log_density(theta), expected, rtol=1e-10)


# --- numbers at the edge of the machine ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ratio", "tolerance"),
    [
        ("two effects", 1e4, 1e-7),
        ("nested", 1e4, 1e-7),
        ("crossed with slopes", 25, 1e-8),
        ("crossed with slopes", 1e4, 1e-6),
    ],
)
def test_group_effects_far_larger_than_the_residual(name, ratio, tolerance):
    case = CASES[name]
    spec = bm.prepare(case.formula, frame().head(60), **case.options)
    scale = tuple(
        ratio
        * np.tril(np.full((1, term.n_effects, term.n_effects), 0.4) + 0.6 * np.eye(term.n_effects))
        for term in spec.design.groups
    )
    theta = Theta(scale, np.ones(1))
    np.testing.assert_allclose(
        rows_of(spec, theta)[0], in_decimals(dense(spec, theta, 0)), rtol=tolerance, atol=tolerance
    )


def in_decimals(algebra: DenseAlgebra) -> np.ndarray:
    """Leave-one-out log densities from the inverse covariance, with 60 digits."""
    exact = np.vectorize(Decimal, otypes=[object])
    with decimal.localcontext(prec=60):
        columns = exact(algebra.columns)
        covariance = (columns / exact(algebra.precision)) @ columns.T
        n = len(covariance)
        covariance[np.diag_indices(n)] += exact(algebra.noise)
        residual = exact(algebra.y) - columns @ exact(algebra.mean)
        M = np.column_stack([covariance, exact(np.eye(n)), residual])
        for k in range(n):
            M[k] /= M[k, k]
            for i in range(n):
                if i != k:
                    M[i] -= M[i, k] * M[k]
        precision, scaled = np.diag(M[:, n : 2 * n]), M[:, -1]
        two_pi = Decimal(2 * np.pi)
        return np.array(
            [
                float((v.ln() - two_pi.ln() - g * g / v) / 2)
                for v, g in zip(precision, scaled, strict=True)
            ]
        )


@pytest.mark.parametrize("name", ["two effects", "nested with slopes", "crossed with slopes"])
def test_a_theta_beyond_the_machine_is_nan_and_spoils_no_other(name):
    spec = CASES[name].spec()
    theta = points(spec)
    broken = Theta(theta.scale, theta.sigma.copy())
    broken.sigma[1] = np.nan
    factor = spec.design.groups[0].factor
    for densities in (rows_of, lambda spec, theta: group_densities(spec, theta, factor)):
        values = densities(spec, broken)
        assert np.isnan(values[1]).all()
        np.testing.assert_allclose(values[[0, 2]], densities(spec, theta)[[0, 2]], rtol=1e-10)


# --- batches ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_blocks_and_threads_do_not_change_the_numbers(name):
    spec = CASES[name].spec()
    theta = points(spec, 6)
    factors = [term.factor for term in spec.design.groups]
    codes = np.arange(spec.design.n_rows) % 4
    whole, groups = rows_of(spec, theta), group_densities(spec, theta, None, codes=codes)
    together = [group_densities(spec, theta, factor) for factor in factors]
    np.testing.assert_array_equal(rows_of(spec, theta, rows_at_once=17), whole)
    few = Budget(block=6 * 25, kept=0)
    np.testing.assert_allclose(rows_of(spec, theta, rows_at_once=10, budget=few), whole, rtol=1e-10)
    one = dataclasses.replace(few, batch=1, cache=1)
    one_by_one = rows_of(spec, theta, budget=one)
    np.testing.assert_allclose(one_by_one, whole, rtol=1e-10)
    each = group_densities(spec, theta, None, codes=codes, budget=one)
    np.testing.assert_allclose(each, groups, rtol=1e-9)
    for factor, expected in zip(factors, together, strict=True):
        ours = group_densities(spec, theta, factor, budget=one)
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(rows_of(spec, theta, run=pool.map, budget=one), one_by_one)
        threaded = group_densities(spec, theta, None, pool.map, codes=codes, budget=one)
        np.testing.assert_array_equal(threaded, each)


def test_no_draws_and_no_such_factor():
    spec = CASES["two effects"].spec()
    theta = points(spec)
    with pytest.raises(ValueError, match="no draws"):
        next(row_densities(spec, theta[:0]))
    for factor in ("h", None):
        with pytest.raises(KeyError):
            group_densities(spec, theta, factor)


# --- theta of a fit -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["no groups", "three effects", "two blocks", "nested and crossed"])
def test_theta_of_draws_with_partial_correlations_or_correlations(name):
    """Scales have the covariances of the draws, chain after chain, whatever the order of dims."""
    import xarray as xr

    spec = CASES[name].spec()
    space = ThetaSpace.of(spec)
    x = np.random.default_rng(35).normal(0, 0.5, size=(2, 4, space.size))
    sds, partials, sigma = space.split(x)
    theta = space.theta(x.reshape(8, -1))
    draws = {"sigma": (("chain", "draw"), sigma)}
    for term, sd, partial, pairs in zip(
        spec.design.groups, sds, partials, space.correlations, strict=True
    ):
        draws[sd_variable(spec, term)] = (("chain", "draw", term.effect_dim), sd)
        if len(pairs):
            draws[f"lkj_{term.factor}"] = (("chain", "draw", "pair"), (1 + partial) / 2)
    ours = theta_of(spec, xr.Dataset(draws).transpose(..., "draw", "chain"))
    np.testing.assert_array_equal(ours.sigma, sigma.ravel())
    for own, expected in zip(ours.scale, theta.scale, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-10, atol=1e-12)


def test_theta_of_a_fit():
    fit = bm.fit("y ~ x + (x | g)", frame(), draws=500, chains=2, random_seed=1, progressbar=False)
    posterior = fit.idata["posterior"].dataset
    theta = theta_of(fit.spec, posterior)
    assert len(theta) == 1000
    scale = theta.scale[0]
    back = np.eye(2)
    back[0, 1] = -fit.design.X[:, 1].mean()
    covariance = (back @ scale @ np.swapaxes(back @ scale, 1, 2)).reshape(2, 500, 2, 2)
    sd, cor = posterior["sd_g"].to_numpy(), posterior["cor_g"].to_numpy()
    np.testing.assert_allclose(covariance, cor * sd[..., None] * sd[..., None, :], rtol=1e-8)
