"""Effects given all other draws, against the same posterior written with dense matrices."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import bayesmix as bm
from bayesmix.design.groupterm import GroupTerm
from bayesmix.engines.exact.given_others import GivenOthers
from bayesmix.model.centring import group_draws, joint_scale_as_written
from bayesmix.model.spec import ModelSpec
from gaussian import CASES, GaussianCase, frame

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

S = 5
GROUPED = [name for name, case in CASES.items() if "|" in case.formula]
SIZES = {"y": 1e100, "x": 1e-30, "year": 1e25, "known": 1e100, "w": 1e-40}


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    posterior: xr.Dataset
    beta: np.ndarray
    sigma: np.ndarray
    root: dict[str, np.ndarray]
    u: dict[str, np.ndarray]


def drawn(spec: ModelSpec, unit: float, left_out: GroupTerm) -> Drawn:
    """Draws of everything but the effects of one factor, from no posterior in particular."""
    rng = np.random.default_rng(2)
    design, known = spec.design, spec.family.known_errors
    sizes = np.abs(design.X).max(axis=0)
    beta = rng.normal(size=(S, design.n_terms)) * unit / sizes
    sigma = np.ones(S) if known else rng.uniform(0.5, 2, S) * unit
    if design.weights is not None and not known:
        sigma *= np.sqrt(design.weights.mean())
    values = {"beta": (("chain", "draw", "term"), beta[None])}
    values |= {} if known else {"sigma": (("chain", "draw"), sigma[None])}
    roots, effects = {}, {}
    for joint in design.joint_effects:
        (term,) = joint.terms
        spread = np.maximum(np.abs(term.Z - spec.centre(term)).max(axis=0), 1e-300)
        sd = rng.uniform(0.5, 2, (S, joint.n_effects)) * unit / spread
        own = spec.joint_correlations(joint)
        free = rng.uniform(-0.8, 0.8, (S, len(own)))
        scale = sd[..., None] * own.factor(free)
        named = group_draws(spec, joint, sd, free, scale, None)
        for name in (term.names.sd, term.names.centred_sd):
            if name in named:
                values[name] = (("chain", "draw", term.effect_dim), named[name][None])
        if len(own):
            pairs = (("chain", "draw", term.names.pair_dim), (1 + free[None]) / 2)
            values[term.names.lkj] = pairs
        root = roots[term.factor] = joint_scale_as_written(spec, joint, scale)
        if term is not left_out:
            zeta = rng.normal(size=(S, term.n_levels, term.n_effects))
            u = effects[term.factor] = zeta @ np.swapaxes(root, 1, 2)
            values[term.names.u] = (("chain", "draw", term.dim, term.effect_dim), u[None])
    return Drawn(xr.Dataset(values), beta, sigma, roots, effects)


def densely(spec: ModelSpec, term: GroupTerm, all_else: Drawn, s: int):
    """Mean (J, q) and covariance (J, q, q) of the effects as written."""
    design = spec.design
    rest = design.y - design.X @ all_else.beta[s]
    rest = rest if design.offset is None else rest - design.offset
    for other in design.groups:
        if other is not term:
            rest = rest - (other.Z * all_else.u[other.factor][s][other.codes]).sum(axis=1)
    weights = np.ones(len(rest)) if design.weights is None else design.weights
    noise = all_else.sigma[s] / np.sqrt(weights)
    root = all_else.root[term.factor][s]
    mean, covariance = [], []
    for j in range(term.n_levels):
        rows = np.flatnonzero(term.codes == j)
        # With V = Z Sigma Z' + noise^2 the posterior is Sigma - Sigma Z' V^-1 Z Sigma.
        half = term.Z[rows] @ root / noise[rows, None]
        V = half @ half.T + np.eye(len(rows))
        mean.append(root @ half.T @ np.linalg.solve(V, rest[rows] / noise[rows]))
        inner = np.eye(len(root)) - half.T @ np.linalg.solve(V, half)
        covariance.append(root @ inner @ root.T)
    return np.array(mean), np.array(covariance)


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("name", GROUPED)
def test_means_and_covariances(name, which):
    check(CASES[name].spec(), which, 1.0)


@pytest.mark.parametrize(
    "name", ["far from zero", "weights, crossed", "known errors, crossed", "offset", "nested"]
)
def test_columns_of_any_size(name):
    case: GaussianCase = CASES[name]
    data = frame()
    data["y"] -= 50
    for column, size in SIZES.items():
        # Standard errors have the unit of the response, and weights one of their own.
        data[column] *= SIZES["y"] if (column, "se" in case.options) == ("w", True) else size
    check(bm.prepare(case.formula, data, **case.options), 0, SIZES["y"])


def check(spec: ModelSpec, which: int, unit: float) -> None:
    term = spec.design.groups[which]
    all_else = drawn(spec, unit, term)
    laws = GivenOthers.of(spec, all_else.posterior, term)
    levels = np.arange(term.n_levels)[::-1]
    eye = np.eye(term.n_effects)
    zero = laws.as_written(laws.draw(levels, np.zeros((term.n_levels, S, term.n_effects))))
    for s in range(S):
        mean, covariance = densely(spec, term, all_else, s)
        mean, covariance = mean[levels], covariance[levels]
        sd = np.sqrt(np.einsum("jaa->ja", covariance))
        for k, z in enumerate(eye):
            own, width = laws[s : s + 1].normals(np.tile(z, (term.n_levels, 1)), levels)
            assert_allclose(own[:, 0], mean[:, k], rtol=1e-6, atol=1e-6 * sd[:, k].min())
            assert_allclose(width[:, 0], sd[:, k], rtol=1e-6)
        assert_allclose(zero[:, s], mean, rtol=1e-6, atol=1e-6 * sd.min())
        # Unit noises give the columns of a square root of the covariance.
        drawn_at = [laws.draw(levels, np.broadcast_to(e, zero.shape)) for e in eye]
        root = np.stack([(laws.as_written(own) - zero)[:, s] for own in drawn_at], axis=2)
        # What is lost where a mean is taken off is of the size of the mean.
        found = root @ np.swapaxes(root, 1, 2) / sd[:, :, None] / sd[:, None]
        expected = covariance / sd[:, :, None] / sd[:, None]
        assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("z", ["alike", "of rows"])
@pytest.mark.parametrize(
    "name",
    ["weights, crossed", "two effects", "known errors, crossed", "three crossed", "five effects"],
)
def test_sums_over_levels(name, z):
    spec = CASES[name].spec()
    term = spec.design.groups[0]
    check_sums(spec, term, z)


def test_sums_over_levels_of_a_balanced_design():
    data = pd.DataFrame({"g": np.repeat(np.arange(30), 3), "h": np.tile(np.arange(9), 10)})
    data["x"] = np.tile([0.0, 1.0, 3.0], 30)
    data["y"] = np.random.default_rng(4).normal(size=90)
    spec = bm.prepare("y ~ x + (x | g) + (1 | h)", data)
    assert check_sums(spec, spec.design.groups[0], "alike") == 2
    assert check_sums(spec, spec.design.groups[0], "of rows") == 60


def check_sums(spec: ModelSpec, term: GroupTerm, kind: str) -> int:
    """Two sums over all levels, of which some have no part in the second; the number of parts."""
    all_else = drawn(spec, 1.0, term)
    laws = GivenOthers.of(spec, all_else.posterior, term)
    J, q = term.n_levels, term.n_effects
    total = np.repeat([0, 1], [J, J])
    levels = np.tile(np.arange(J), 2)
    rng = np.random.default_rng(6)
    z = np.repeat(rng.normal(size=(2, q)), J, axis=0)
    if kind == "of rows":
        z = rng.normal(size=(2 * J, q))
    sums = laws.sums(z, levels, total)[1:4]
    assert sums.n_draws == 3
    mean, variance = sums.moments(np.arange(len(sums)))
    for place, s in enumerate(range(1, 4)):
        means, covariances = densely(spec, term, all_else, s)
        for k in range(2):
            own, part = z[total == k], sums.parts.total == k
            expected = np.einsum("ja,jab,jb->", own, covariances, own)
            assert_allclose(variance[part, place].sum(), expected, rtol=1e-6)
            assert_allclose(mean[part, place].sum(), (own * means).sum(), rtol=1e-6, atol=1e-6)
            if sums.parts.has_minors:
                one, other = sums.together(slice(*np.searchsorted(sums.parts.total, [k, k + 1])))
                assert_allclose(one[place], mean[part, place].sum(), rtol=1e-7, atol=1e-7)
                assert_allclose(other[place], expected, rtol=1e-6)
    return len(sums)
