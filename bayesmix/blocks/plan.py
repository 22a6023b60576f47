"""Which factor is eliminated first, and how the others are: once for a design."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.assembly import faster_of
from bayesmix.blocks.blockmap import BlockMap
from bayesmix.blocks.crossproducts import CrossProducts, blocks_between
from bayesmix.blocks.dense import Dense
from bayesmix.blocks.first import First
from bayesmix.blocks.layout import DENSE_GAIN, Columns
from bayesmix.blocks.marginal import MarginalModel
from bayesmix.blocks.minors import MOST_EFFECTS, MOST_NUMBERS, Minors
from bayesmix.blocks.multifrontal import Multifrontal
from bayesmix.blocks.nested import Nested
from bayesmix.blocks.pairs import pairs_of
from bayesmix.blocks.small import lower_pairs

__all__ = ["marginal_model"]


def marginal_model(
    products: CrossProducts,
    precision: FloatArray,
    patterns: tuple[tuple[tuple[int, int], ...], ...],
    *,
    dense_gain: float = DENSE_GAIN,
) -> MarginalModel:
    """Choose the order of elimination and prepare what does not depend on theta.

    A dense operation is taken to be `dense_gain` times as fast as one of a sparse matrix.
    """
    n_factors = len(products.diagonal)
    if n_factors == 0:
        return MarginalModel(products, precision, patterns, None, None)
    chain = _nested_chain(products)
    if chain is not None:
        s, others = chain[0], chain[1:]
    else:
        sizes = [d.shape[0] * d.shape[1] for d in products.diagonal]
        s = int(np.argmax(sizes))
        others = tuple(t for t in range(n_factors) if t != s)
    rest: Nested | Dense | Multifrontal | None = None
    rest_map = full_columns = None
    gram, class_of, counts = _classes(products.diagonal[s])
    couplings = tuple((t, blocks_between(products, s, t)) for t in others)
    if others:
        columns = Columns.of(products, others)
        keys, base = columns.entries(products)
        if chain is None:
            full_columns = columns.all_of(products, s, couplings, len(gram), dense_gain)
        fill = np.empty(0, dtype=np.int64)
        if full_columns is None:
            fill, contributions = columns.contributions(products, s, couplings, class_of, len(gram))
        if chain is None:
            dense = _dense(products, columns, keys, base, fill)
            places = dense.places
            rest = faster_of(dense) if full_columns is None else dense
        else:
            order = np.argsort(keys)
            places, full = keys[order], base[order]
            rest = columns.nested(products, places, full, patterns)
        if full_columns is None:
            rows, cols, values = contributions
            q = products.diagonal[s].shape[1]
            rest_map = sparse.csr_array(
                (values, (np.searchsorted(places, rows), cols)),
                shape=(len(places), len(gram) * q * (q + 1) // 2),
            )
    corner_map = _corner_map(products.border[s], class_of, len(gram))
    minors, by_element = None, True
    of_rest: sparse.csr_array | BlockMap | None = rest_map
    if _has_minors(gram) and full_columns is None:
        minors = Minors.of(gram)
        by_element = minors.by_element(len(corner_map))
        if not by_element:
            corner_map = minors.of_map(corner_map)
        if rest_map is not None and chain is not None:
            of_rest = BlockMap.of(minors, rest_map)
    first = First(
        s,
        gram,
        class_of,
        counts,
        patterns[s],
        minors,
        by_element,
        corner_map,
        of_rest,
        full_columns,
        products.border[s],
        couplings,
    )
    return MarginalModel(products, precision, patterns, first, rest)


def _dense(
    products: CrossProducts, columns: Columns, keys: IntArray, base: FloatArray, fill: IntArray
) -> Dense:
    """Lay out one matrix with the entries that the data give and those that fill in."""
    places = np.union1d(keys, fill)
    full = np.zeros(len(places))
    full[np.searchsorted(places, keys)] = base
    shapes = tuple(products.diagonal[t].shape[:2] for t in columns.factors)
    pairs = pairs_of(places, columns.n_columns, columns.factors, shapes)
    return Dense(columns.factors, shapes, full, places, columns.n_columns, pairs)


def _classes(diagonal: FloatArray) -> tuple[FloatArray, IntArray, FloatArray]:
    J, q, _ = diagonal.shape
    flat = diagonal.reshape(J, q * q)
    order = np.lexsort(flat.T)
    new = np.ones(J, dtype=bool)
    new[1:] = (flat[order][1:] != flat[order][:-1]).any(axis=1)
    class_of = np.empty(J, dtype=np.int64)
    class_of[order] = np.cumsum(new) - 1
    gram = flat[order][new].reshape(-1, q, q)
    return gram, class_of, np.bincount(class_of).astype(np.float64)


def _has_minors(gram: FloatArray) -> bool:
    """Whether levels are eliminated by their minors, of which many effects have very many."""
    C, q, _ = gram.shape
    return bool(q <= MOST_EFFECTS and C * Minors.n_numbers(q) <= MOST_NUMBERS)


def _corner_map(border: FloatArray, class_of: IntArray, n_classes: int) -> FloatArray:
    """Compute what ``sum_j H_j' K_j H_j`` takes from the corner, per element of K."""
    _, q, width = border.shape
    lower_q, lower = lower_pairs(q), lower_pairs(width)
    result = np.empty((len(lower), n_classes, len(lower_q)))
    for i, (c, d) in enumerate(lower):
        for k, (a, b) in enumerate(lower_q):
            value = border[:, a, c] * border[:, b, d]
            if a != b:
                value = value + border[:, b, c] * border[:, a, d]
            result[i, :, k] = np.bincount(class_of, value, minlength=n_classes)
    return result.reshape(len(lower), -1)


def _nested_chain(products: CrossProducts) -> tuple[int, ...] | None:
    """Order the factors from the innermost outwards, or None if two of them cross."""
    order = sorted(range(len(products.diagonal)), key=lambda t: -products.diagonal[t].shape[0])
    for i, s in enumerate(order):
        for t in order[i + 1 :]:
            levels = np.arange(len(products.diagonal[s]))
            if not np.array_equal(blocks_between(products, s, t).row, levels):
                return None
    return tuple(order)
