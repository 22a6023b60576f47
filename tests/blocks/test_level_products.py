"""Sums by level of rows that come in parts, beside sums over all rows at once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bayesmix as bm
from bayesmix.blocks import crossblocks
from bayesmix.blocks.crossproducts import cross_products
from bayesmix.blocks.level_products import LevelProducts
from rows_on_disk import assert_same_products, quietly, rows

J, N = 7, 60


def by_hand(codes, left, right, weights):
    sums = np.zeros((J, len(left), len(right)))
    for row, level in enumerate(codes):
        sums[level] += weights[row] * np.outer(left[:, row], right[:, row])
    return sums


@pytest.mark.parametrize("weighted", [False, True])
def test_columns_that_are_the_same_until_a_row_tells_them_apart(weighted):
    rng = np.random.default_rng(1)
    codes = rng.integers(0, J, N)
    one, x, z = np.ones(N), rng.normal(size=N), rng.normal(size=N)
    other = np.where(np.arange(N) < 40, x, z)
    left, right = np.stack([one, x, z]), np.stack([one, other, z, x, one])
    weights = rng.uniform(0.5, 2, N) if weighted else np.ones(N)
    sums = LevelProducts(J, ["1", "x", "z"], ["1", "x", "z", "x", "x"])
    for part in np.array_split(np.arange(N), 4):
        own = weights[part] if weighted else None
        sums.add(codes[part], list(left[:, part]), list(right[:, part]), own)
    expected = by_hand(codes, left, right, weights)
    np.testing.assert_allclose(sums.between(slice(None)), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(sums.between(slice(2, 4)), sums.between(slice(None))[:, :, 2:4])


def test_a_pair_of_columns_is_summed_once():
    sums = LevelProducts(J, ["1", "x"], ["1", "x", "1", "x", "y"])
    assert len(sums._sums) == 5  # 1, x, y, x x and x y


@pytest.mark.parametrize("formula", ["y ~ z + (1 + z | school) + (z | item) + (1 | pupil)"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_pairs_of_levels_are_the_same_with_a_place_for_each(formula, weights, monkeypatch):
    design = quietly(bm.prepare, formula, rows(), weights=weights).design
    center, mean = np.zeros(design.n_terms), np.zeros(design.n_terms)
    shifts = [np.zeros(term.n_effects) for term in design.groups]
    placed = cross_products(design, center, mean, shifts, rows_at_once=100)
    for places, pairs, at_once in ((0, 4, 1), (0, 4, 250), (1 << 23, 0.2, 150)):
        monkeypatch.setattr(crossblocks, "_PLACES", places)
        monkeypatch.setattr(crossblocks, "_PAIRS_OF_A_ROW", pairs)
        monkeypatch.setattr(crossblocks, "_SORTED_AT_ONCE", at_once)
        again = cross_products(design, center, mean, shifts, rows_at_once=100)
        assert_same_products(placed, again)
    first, second = design.groups[:2]
    W = np.ones(design.n_rows) if weights is None else design.weights
    blocks = placed.cross[0, 1]
    met = np.unique(np.stack([first.codes, second.codes]), axis=1)
    np.testing.assert_array_equal(np.stack([blocks.row, blocks.column]), met)
    for row, column, values in zip(blocks.row, blocks.column, blocks.values, strict=True):
        both = (first.codes == row) & (second.codes == column)
        expected = first.Z[both].T @ (second.Z[both] * W[both, None])
        np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


def test_levels_that_never_met_have_no_block():
    data = rows()
    data = data[(data["school"] != "s1") | (data["item"] > 5)]
    design = quietly(bm.prepare, "y ~ z + (1 | school) + (1 | item)", data).design
    none = [np.zeros(1), np.zeros(1)]
    blocks = cross_products(design, np.zeros(2), np.zeros(2), none).cross[0, 1]
    both = set(zip(blocks.row.tolist(), blocks.column.tolist(), strict=True))
    codes = (term.codes.tolist() for term in dataclasses.replace(design).groups)
    assert both == set(zip(*codes, strict=True))
