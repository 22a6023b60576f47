"""Where the entries of a matrix of crossed factors stand in fronts, if that is the faster way."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import IntArray
from bayesmix.blocks.dense import Dense
from bayesmix.blocks.fronts import Tree, operations, size_of, tree_of
from bayesmix.blocks.multifrontal import Front, Multifrontal

__all__ = ["faster_of", "multifrontal"]


# Operations of the dense matrix from which it is worth while to look for an order, the share of
# its entries beyond which there is none, and the share of the operations that fronts may have.
DEAR, FULL, SHARE = 1e6, 0.3, 0.5


def faster_of(dense: Dense) -> Dense | Multifrontal:
    """Choose between one dense matrix and fronts."""
    if dense.cost < DEAR or len(dense.places) > FULL * dense.n_columns**2 / 2:
        return dense
    fronts = multifrontal(dense, SHARE * dense.cost)
    return dense if fronts is None or fronts.cost > SHARE * dense.cost else fronts


def multifrontal(dense: Dense, most: float = np.inf) -> Multifrontal | None:
    """Lay out the same matrix in fronts; None if they take more operations than `most`."""
    m = dense.m
    border = dense.n_columns - m
    sizes = np.concatenate([np.full(J, q) for J, q in dense.shapes])
    node = np.repeat(np.arange(len(sizes)), sizes)
    row, column = dense.places // dense.n_columns, dense.places % dense.n_columns
    coupled = row < m
    tree = tree_of(node[row[coupled]], node[column[coupled]], sizes, border, most)
    if tree is None:
        return None
    order = np.concatenate(tree.pivots)
    start = np.empty(len(sizes), dtype=np.int64)
    start[order] = np.cumsum(sizes[order]) - sizes[order]
    # Places in the order of elimination; the corner stays behind.
    place = np.append(
        start[node] + np.arange(m) - (np.cumsum(sizes) - sizes)[node],
        np.arange(m, dense.n_columns),
    )
    effects, end = [], 0
    for J, q in dense.shapes:
        effects.append(place[end : end + J * q].reshape(J, q))
        end += J * q
    return Multifrontal(
        dense,
        _fronts(tree, sizes, start, np.arange(m, dense.n_columns), place[row], place[column]),
        tuple(effects),
        size_of(tree, sizes, border) + len(dense.base),
        operations(tree, sizes, border),
    )


def _fronts(
    tree: Tree,
    sizes: IntArray,
    start: IntArray,
    corner: IntArray,
    row: IntArray,
    column: IntArray,
) -> tuple[Front, ...]:
    """Find the places of all entries, and of what fronts leave to others."""
    earlier, later = np.minimum(row, column), np.maximum(row, column)
    by_front = np.argsort(earlier, kind="stable")
    stops = np.cumsum([sizes[own].sum() for own in tree.pivots])
    ends = np.searchsorted(earlier[by_front], stops)
    children: list[list[int]] = [[] for _ in stops]
    for i, parent in enumerate(tree.parent):
        if parent >= 0:
            children[parent].append(i)
    fronts: list[Front] = []
    for i, (stop, rows) in enumerate(zip(stops, tree.rows, strict=True)):
        pivots = slice(int(stops[i - 1]) if i else 0, int(stop))
        below = _columns_of(np.sort(start[rows]), sizes[rows[np.argsort(start[rows])]])
        columns = np.concatenate([np.arange(pivots.start, pivots.stop), below, corner])
        k = pivots.stop - pivots.start
        entries = by_front[ends[i - 1] if i else 0 : ends[i]]
        across, down = earlier[entries] - pivots.start, np.searchsorted(columns, later[entries])
        left = []
        for child in children[i]:
            theirs = np.append(fronts[child].rows, corner)
            n_own = int(np.searchsorted(theirs, stop))
            left.append((child, n_own, np.searchsorted(columns, theirs)))
        fronts.append(
            Front(
                pivots,
                below,
                entries,
                down * k + across,
                tuple(left),
            )
        )
    return tuple(fronts)


def _columns_of(start: IntArray, sizes: IntArray) -> IntArray:
    """Columns of nodes that start at some and have so many, one after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(start - ends + sizes, sizes) + np.arange(total)
