"""Sparse elimination of crossed factors beside the same matrix in full."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
import bayesmix.blocks.fronts as blocks_fronts
import bayesmix.blocks.plan as plan
from bayesmix.blocks.assembly import faster_of, multifrontal
from bayesmix.blocks.dense import Dense
from bayesmix.blocks.fronts import tree_of
from bayesmix.blocks.multifrontal import Multifrontal
from bayesmix.blocks.plan import marginal_model
from bayesmix.engines.exact.left_out import row_densities
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.sampler import Limits, sample_exact
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.engines.run import chosen
from bayesmix.model.options import SampleOptions

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

FORMULAS = (
    "y ~ x + (1 | pupil) + (1 | class) + (1 | school)",
    "y ~ x + (x | pupil) + (1 | class) + (1 | school)",
    "y ~ 0 + (1 | pupil) + (x | class) + (x || school)",
    "y ~ x + z + (1 | pupil) + (z + x | class) + (x | school) + (1 | town)",
    "y ~ x + (1 | class) + (x | pupil)",
)


@pytest.fixture
def small_fronts(monkeypatch):
    """Count operations alone, so that even small designs have many fronts."""
    monkeypatch.setattr(blocks_fronts, "FRONT", 0.0)
    monkeypatch.setattr(blocks_fronts, "NUMBER", 0.0)


@pytest.fixture
def always_fronts(monkeypatch, small_fronts):
    """Take fronts for all crossed factors."""
    monkeypatch.setattr(plan, "faster_of", multifrontal)
    monkeypatch.setitem(plan.marginal_model.__kwdefaults__, "dense_gain", 0)


def movers(seed: int, *, pupils: int = 150, moves: float = 0.15) -> pd.DataFrame:
    """Pupils in classes in schools, some of whom change to any other class."""
    rng = np.random.default_rng(seed)
    pupil = np.repeat(np.arange(pupils), rng.integers(1, 5, pupils))
    home = rng.integers(0, 12, pupils)[pupil]
    school = np.where(rng.random(len(pupil)) < moves, rng.integers(0, 12, len(pupil)), home)
    data = pd.DataFrame(
        {
            "pupil": pupil,
            "school": school,
            "class": 10 * school + rng.integers(0, 3, len(pupil)),
            "town": rng.integers(0, 4, len(pupil)),
            "w": rng.uniform(0.2, 3, len(pupil)),
            **{name: rng.standard_normal(len(pupil)) for name in ("x", "z", "y")},
        }
    )
    return data


def both_ways(formula: str, seed: int, **options):
    """A model with its rest in full and in fronts, and some thetas."""
    spec = bm.prepare(formula, movers(seed), **options)
    space = ThetaSpace.of(spec)
    marginal = marginal_of(spec)
    made = marginal.model
    full = marginal_model(made.products, made.precision, made.patterns, dense_gain=0)
    if isinstance(full.rest, Multifrontal):
        full = dataclasses.replace(full, rest=full.rest.dense)
    assert isinstance(full.rest, Dense)
    fronts = dataclasses.replace(full, rest=multifrontal(full.rest))
    x = np.random.default_rng(seed).normal(-0.3, 0.7, size=(5, space.size))
    return full, fronts, marginal.units.theta(space.theta(x))


@pytest.mark.usefixtures("small_fronts")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_the_density_is_that_of_the_matrix_in_full(formula, seed, weights):
    full, fronts, theta = both_ways(formula, seed, weights=weights)
    np.testing.assert_allclose(fronts.log_density(theta), full.log_density(theta), rtol=1e-10)
    beta = np.random.default_rng(seed).standard_normal((len(theta), len(full.precision)))
    np.testing.assert_allclose(
        fronts.log_density_given(theta, beta), full.log_density_given(theta, beta), rtol=1e-10
    )


@pytest.mark.usefixtures("small_fronts")
def test_there_is_more_than_one_front():
    counts = [len(both_ways(formula, 0)[1].rest.fronts) for formula in FORMULAS]
    assert min(counts) >= 6


@dataclasses.dataclass
class Given:
    """In place of a generator: noise that is known."""

    noise: np.ndarray

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        assert self.noise.shape == shape
        return self.noise.copy()


@pytest.mark.usefixtures("small_fronts")
@pytest.mark.parametrize("formula", FORMULAS)
def test_draws_are_linear_in_noise_with_the_moments_of_the_conditional(formula):
    """zeta given beta is mean + T noise: mean and T T' are those of the matrix in full."""
    full, fronts, theta = both_ways(formula, 4)
    m = full.rest.m
    theta = theta[np.zeros(m + 1, dtype=np.int64)]
    beta = np.ones((m + 1, len(full.precision)))
    drawn = {}
    for name, model in (("full", full), ("fronts", fronts)):
        state = model._eliminate_quietly(theta)[1]
        zeta, u = {}, {}
        noise = np.vstack([np.zeros(m), np.eye(m)])
        model.rest.substitute(beta, theta, state, zeta, u, Given(noise))
        for factor, values in u.items():
            scale = theta.scale[factor][0]
            np.testing.assert_allclose(values, zeta[factor] @ scale.T, rtol=1e-12, atol=1e-12)
        drawn[name] = np.hstack([zeta[t].reshape(m + 1, -1) for t in model.rest.factors])
    mean, root = {}, {}
    for name, values in drawn.items():
        mean[name], root[name] = values[0], (values[1:] - values[0]).T
    np.testing.assert_allclose(mean["fronts"], mean["full"], rtol=1e-8, atol=1e-10)
    theirs = root["full"] @ root["full"].T
    np.testing.assert_allclose(root["fronts"] @ root["fronts"].T, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.usefixtures("small_fronts")
def test_the_covariance_of_all_effects():
    full, fronts, theta = both_ways(FORMULAS[3], 5)
    for ours, theirs in zip(
        fronts.covariance_of_dense(theta), full.covariance_of_dense(theta), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("small_fronts")
def test_a_theta_beyond_the_machine_is_nan_and_spoils_no_other():
    _, fronts, theta = both_ways(FORMULAS[1], 6)
    good = fronts.log_density(theta)
    sigma = theta.sigma.copy()
    sigma[2] = np.nan
    values = fronts.log_density(dataclasses.replace(theta, sigma=sigma))
    assert np.isnan(values[2])
    np.testing.assert_allclose(np.delete(values, 2), np.delete(good, 2), rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_fronts_eliminate_each_node_once_and_hold_all_that_fills_in(seed):
    rng = np.random.default_rng(seed)
    n = 60
    first, second = rng.integers(0, n, (2, 90))
    sizes = rng.integers(1, 4, n)
    tree = tree_of(first, second, sizes, 2, np.inf)
    order = np.concatenate(tree.pivots)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    place = np.argsort(order)
    filled = np.eye(n, dtype=bool)
    filled[place[first], place[second]] = filled[place[second], place[first]] = True
    for j in range(n):
        later = j + 1 + np.flatnonzero(filled[j, j + 1 :])
        filled[np.ix_(later, later)] = True
    for number, (pivots, rows) in enumerate(zip(tree.pivots, tree.rows, strict=True)):
        for node in pivots:
            later = order[np.flatnonzero(filled[place[node]])]
            later = later[place[later] > place[node]]
            assert set(later) <= set(pivots) | set(rows)
        parent = tree.parent[number]
        assert parent > number or (parent == -1 and not len(rows))
        if parent >= 0:
            assert set(rows) <= set(tree.pivots[parent]) | set(tree.rows[parent])


def test_it_is_given_up_where_most_fills_in():
    rng = np.random.default_rng(7)
    first, second = rng.integers(0, 200, (2, 4000))
    sizes = np.ones(200, dtype=np.int64)
    assert tree_of(first, second, sizes, 2, 200**3 / 100) is None
    assert tree_of(first, second, sizes, 2, np.inf) is not None


@pytest.mark.parametrize(("far", "kind"), [(3, Multifrontal), (800, Dense)])
def test_levels_that_meet_their_neighbours_are_sparse_and_those_that_meet_all_are_not(far, kind):
    rng = np.random.default_rng(8)
    n, levels = 8000, 800
    home = np.repeat(np.arange(n // 4), 4) % levels
    data = pd.DataFrame(
        {
            "y": rng.standard_normal(n),
            "g": np.repeat(np.arange(n // 4), 4),
            "h": (home + rng.integers(0, far, n)) % levels,
        }
    )
    spec = bm.prepare("y ~ 1 + (1 | g) + (1 | h)", data)
    model = marginal_of(spec).model
    assert isinstance(model.rest, kind)
    assert (model.cost < 5e7) == (kind is Multifrontal)
    # Whitened chains take a second or two.
    assert (chosen(spec, SampleOptions())[0].name == "exact") == (kind is Multifrontal)


def test_small_matrices_stay_in_full():
    full, _, _ = both_ways(FORMULAS[4], 9)
    assert faster_of(full.rest) is full.rest


def test_rows_left_out_of_a_sparse_model(request):
    spec = bm.prepare(FORMULAS[1], movers(10))
    theta = ThetaSpace.of(spec).theta(np.full((2, ThetaSpace.of(spec).size), -0.2))
    expected = np.hstack([densities for _, densities in row_densities(spec, theta)])
    request.getfixturevalue("always_fronts")
    assert isinstance(marginal_of(spec).model.rest, Multifrontal)
    ours = np.hstack([densities for _, densities in row_densities(spec, theta)])
    np.testing.assert_allclose(ours, expected, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.usefixtures("always_fronts")
def test_the_same_draws_on_one_core_and_on_two():
    spec = bm.prepare(FORMULAS[0], movers(11))
    assert isinstance(marginal_of(spec).model.rest, Multifrontal)
    limits = Limits(dear_step=0.0, good_proposal=0.0)
    options = {"draws": 300, "chains": 2, "random_seed": 5, "limits": limits}
    one, two = (sample_exact(spec, cores=cores, **options) for cores in (1, 2))
    for variable, values in one.values.items():
        np.testing.assert_array_equal(values, two.values[variable])
