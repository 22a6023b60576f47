"""Levels of one or two effects by their minors, against factorisations and plain inverses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bayesmix.blocks import plan
from bayesmix.blocks.blockmap import BlockMap
from bayesmix.blocks.minors import Minors, joined
from bayesmix.blocks.small import factorise, lower_pairs, solve
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.space import ThetaSpace
from gaussian import CASES

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
rng = np.random.default_rng(5)


def levels(q: int) -> np.ndarray:
    """G of five levels, the last two of one row, in which two effects are not told apart."""
    rows = [rng.normal(size=(n, q)) for n in (7, 3, 2, 1, 1)]
    return np.stack([Z.T @ Z for Z in rows])


def thetas(q: int) -> tuple[np.ndarray, np.ndarray]:
    scale = np.tril(rng.normal(size=(6, q, q))) * np.exp(rng.normal(0, 2, size=(6, 1, 1)))
    return scale, np.exp(rng.normal(0, 1, size=6))


@pytest.mark.parametrize("q", [1, 2])
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


@pytest.mark.parametrize("q", [1, 2])
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


@pytest.mark.parametrize("q", [1, 2])
def test_draws_are_those_of_the_cholesky_factors(q):
    gram, (scale, sigma) = levels(q), thetas(q)
    residual, noise = rng.normal(size=(2, 5, q, 6))
    pattern = [(a, b) for a in range(q) for b in range(a + 1)]
    chol, white, _ = factorise(gram[..., None], scale, sigma**2, pattern)
    drawn = Minors.of(gram).draw(np.arange(5), (scale, sigma), residual, noise)
    truth = solve(chol, white, residual, sigma, noise)
    # One row does not tell the effects apart, so that rounding of M is all that is there.
    np.testing.assert_allclose(drawn, truth, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_densities_are_those_of_factorisations(name, monkeypatch):
    spec = CASES[name].spec()
    space = ThetaSpace.of(spec)
    theta = space.theta(np.random.default_rng(1).normal(-0.3, 1.0, size=(7, space.size)))
    by_minors = marginal_of(spec).model
    monkeypatch.setattr(plan, "MOST_EFFECTS", 0)
    by_factors = marginal_of(spec).model
    if by_minors.first is not None and by_minors.first.columns is None:
        assert (by_minors.first.minors is None) == (by_minors.first.gram.shape[1] > 2)
        assert by_factors.first.minors is None
    found, truth = (model.log_density(theta) for model in (by_minors, by_factors))
    np.testing.assert_allclose(found, truth, rtol=1e-10)
