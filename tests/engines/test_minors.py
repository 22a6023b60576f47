"""Levels of a few effects by their minors, against factorisations, inverses and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

import bayesmix as bm
from bayesmix.blocks import plan
from bayesmix.blocks.blockmap import BlockMap
from bayesmix.blocks.minors import MOST_EFFECTS, Minors, joined
from bayesmix.blocks.small import draw_given, factorise, lower_pairs, solve
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.space import ThetaSpace
from gaussian import CASES, frame

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
effects = pytest.mark.parametrize("q", range(1, MOST_EFFECTS + 1))
rng = np.random.default_rng(5)
# Some machines have no more digits than doubles have.
TOLERANCE = 1e-14 if np.finfo(np.longdouble).eps < 1e-18 else 1e-6


def levels(q: int) -> np.ndarray:
    """G of five levels, the last two of one row, in which effects are not told apart."""
    rows = [rng.normal(size=(n, q)) for n in (7, 3, 2, 1, 1)]
    return np.stack([Z.T @ Z for Z in rows])


def thetas(q: int) -> tuple[np.ndarray, np.ndarray]:
    scale = np.tril(rng.normal(size=(6, q, q))) * np.exp(rng.normal(0, 2, size=(6, 1, 1)))
    return scale, np.exp(rng.normal(0, 1, size=6))


@effects
def test_determinants_and_inverses_are_those_of_the_matrices(q):
    gram, (scale, sigma) = levels(q), thetas(q)
    minors = Minors.of(gram)
    of_determinant, of_inverse = minors.numbers(scale, sigma**2)
    found = minors.determinant @ of_determinant
    K = minors.elements(slice(None), 1 / found, of_inverse)
    for b, L in enumerate(scale):
        for j, G in enumerate(gram):
            M = L.T @ G @ L + sigma[b] ** 2 * np.eye(q)
            np.testing.assert_allclose(found[j, b], np.linalg.det(M), rtol=1e-9)
            truth = L @ np.linalg.inv(M) @ L.T
            places = tuple(np.array(lower_pairs(q)).T)
            np.testing.assert_allclose(K[j, :, b], truth[places], rtol=1e-8, atol=1e-12)


@effects
def test_maps_of_the_elements_and_of_the_reciprocals_give_the_same(q):
    gram, (scale, sigma) = levels(q), thetas(q)
    minors, k = Minors.of(gram), q * (q + 1) // 2
    of_determinant, of_inverse = minors.numbers(scale, sigma**2)
    reciprocal = 1 / (minors.determinant @ of_determinant)
    K = minors.elements(slice(None), reciprocal, of_inverse).reshape(5 * k, -1)
    # Rows 0 and 2 meet the same classes, rows 1 and 4 other ones, and row 3 none.
    meets = np.array([[1, 1, 0, 0, 1], [0, 0, 1, 1, 0], [1, 1, 0, 0, 1], [0] * 5, [0, 1, 0, 0, 0]])
    coefficients = np.repeat(meets, k, axis=1) * rng.normal(size=(5, 5 * k))
    truth = coefficients @ K
    dense = joined(minors.of_map(coefficients) @ reciprocal, of_inverse)
    np.testing.assert_allclose(dense, truth, rtol=1e-10, atol=1e-12)
    blocks = BlockMap.of(minors, sparse.csr_array(coefficients))
    np.testing.assert_allclose(blocks.apply(reciprocal, of_inverse), truth, rtol=1e-10, atol=1e-12)


@effects
def test_draws_are_those_of_the_cholesky_factors(q):
    gram, (scale, sigma) = levels(q), thetas(q)
    residual, noise = rng.normal(size=(2, 5, q, 6))
    pattern = [(a, b) for a in range(q) for b in range(a + 1)]
    chol, white, _ = factorise(gram[..., None], scale, sigma**2, pattern)
    truth = solve(chol, white, residual, sigma, noise)
    # One row does not tell the effects apart, so that rounding of M is all that is there.
    drawn = draw_given(gram, scale, sigma, residual, noise)
    np.testing.assert_allclose(drawn, truth, rtol=1e-6, atol=1e-8)
    if q <= 2:
        drawn = Minors.of(gram).draw(np.arange(5), (scale, sigma), residual, noise)
        np.testing.assert_allclose(drawn, truth, rtol=1e-6, atol=1e-8)


def determinant(A: list[list[Fraction]]) -> Fraction:
    """Determinant without rounding."""
    if not A:
        return Fraction(1)
    return sum(
        (-1) ** j * A[0][j] * determinant([row[:j] + row[j + 1 :] for row in A[1:]])
        for j in range(len(A))
    )


@pytest.mark.parametrize(
    ("name", "sd", "correlation", "variance"),
    [
        ("curves", [1, 0.3, 0.05, 0.01], 0.0, 1.0),
        ("one sd near zero", [1, 0.3, 1e-8, 0.01], 0.3, 1.0),
        ("all sds large", [30, 9, 1.5, 0.3], 0.3, 1.0),
        ("correlated", [10, 3, 0.5, 0.1], 0.999999, 1.0),
        ("little residual", [1, 0.3, 0.05, 0.01], 0.3, 1e-6),
    ],
)
@pytest.mark.parametrize("q", [3, 4])
def test_ill_conditioned_levels_keep_their_digits(name, sd, correlation, variance, q):
    # Powers of whole numbers, with columns as far from orthogonal as curves over 0 to 10 have them.
    R = np.full((q, q), correlation)
    np.fill_diagonal(R, 1.0)
    scale = np.array(sd[:q])[:, None] * np.linalg.cholesky(R)
    gram = []
    for n in (1, 2, 3, 5, 8):
        Z = rng.choice(11, size=n, replace=False)[:, None] ** np.arange(q)
        gram.append(Z.T @ Z)
    minors = Minors.of(np.array(gram, dtype=float))
    of_determinant, of_inverse = minors.numbers(scale[None], np.array([variance]))
    found = minors.determinant @ of_determinant
    K = minors.elements(slice(None), 1 / found, of_inverse)[..., 0]
    L = [[Fraction(float(x)) for x in row] for row in scale]
    V = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in L] for x in L]
    s = Fraction(variance)
    for j, G in enumerate(gram):
        # |M| = |s I + V G|, and K = (s I + V G)^-1 V by Cramer's rule.
        A = [
            [sum(V[a][c] * int(G[c, b]) for c in range(q)) + (a == b) * s for b in range(q)]
            for a in range(q)
        ]
        whole = determinant(A)
        assert math.isclose(found[j, 0], whole, rel_tol=TOLERANCE)
        for e, (a, b) in enumerate(lower_pairs(q)):
            replaced = [[V[i][b] if k == a else A[i][k] for k in range(q)] for i in range(q)]
            truth = float(determinant(replaced) / whole)
            largest = math.sqrt(float(V[a][a] * V[b][b])) / variance
            assert abs(K[j, e] - truth) < TOLERANCE * largest


@pytest.mark.parametrize("rows", [1, 500])
@effects
def test_maps_are_by_elements_where_that_is_less_work(rows, q):
    minors = Minors.of(levels(q))
    _, k, f = minors.inverse.shape
    assert minors.by_element(rows) == (q > 1 and rows > 1)
    assert f == Minors.n_numbers(q) / k


@pytest.mark.parametrize("name", CASES)
def test_densities_are_those_of_factorisations(name, monkeypatch):
    spec = CASES[name].spec()
    space = ThetaSpace.of(spec)
    theta = space.theta(np.random.default_rng(1).normal(-0.3, 1.0, size=(7, space.size)))
    by_minors = marginal_of(spec).model
    monkeypatch.setattr(plan, "MOST_EFFECTS", 0)
    by_factors = marginal_of(spec).model
    if by_minors.first is not None and by_minors.first.columns is None:
        assert (by_minors.first.minors is None) == (by_minors.first.gram.shape[1] > MOST_EFFECTS)
        assert by_factors.first.minors is None
    found, truth = (model.log_density(theta) for model in (by_minors, by_factors))
    np.testing.assert_allclose(found, truth, rtol=1e-10)


def test_many_population_effects_are_by_elements_and_give_the_same_density(monkeypatch):
    spec = bm.prepare("y ~ x * z * v * w + f + (x + z | g)", frame())
    space = ThetaSpace.of(spec)
    theta = space.theta(np.random.default_rng(1).normal(-0.3, 1.0, size=(7, space.size)))
    by_minors = marginal_of(spec).model
    assert by_minors.first.by_element
    monkeypatch.setattr(plan, "MOST_NUMBERS", 0)
    by_factors = marginal_of(spec).model
    assert by_factors.first.minors is None
    found, truth = (model.log_density(theta) for model in (by_minors, by_factors))
    np.testing.assert_allclose(found, truth, rtol=1e-10)
