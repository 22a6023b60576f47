"""In which order the levels of crossed factors are eliminated, so that little fills in.

What is left of a sparse matrix when a column is eliminated couples all columns that it met. A good
order keeps that fill small, and columns that meet the same others are eliminated together, as one
dense "front" (Duff & Reid 1983, https://doi.org/10.1145/356044.356047).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spilu

from bayesmix.base.arrays import IntArray

__all__ = ["Tree", "operations", "size_of", "tree_of"]


# Floating-point operations in the time that a front takes whatever its size, and in that of moving
# one of its numbers.
FRONT, NUMBER = 1e5, 100.0


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """Fronts in the order of their elimination, each before its parent.

    Attributes
    ----------
    pivots : list of ndarray of int64
        Nodes that a front eliminates, in order.
    rows : list of ndarray of int64
        Nodes that they are coupled to, and that are eliminated later, in no order.
    parent : list of int
        Front that takes what is left, -1 for none.
    """

    pivots: list[IntArray]
    rows: list[IntArray]
    parent: list[int]


def tree_of(
    first: IntArray, second: IntArray, sizes: IntArray, border: int, most: float
) -> Tree | None:
    """Lay out the elimination of nodes of which some pairs are coupled.

    Parameters
    ----------
    first, second : ndarray of int64
        Pairs of nodes, each pair at least once.
    sizes : ndarray of int64, shape (n,)
        Columns of each node.
    border : int
        Columns that every node is coupled to, and that are not eliminated.
    most : float
        Operations beyond which it is given up.

    Returns
    -------
    Tree or None
    """
    n = len(sizes)
    graph = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(n, n)).tocsr()
    graph = sparse.csr_array(graph + graph.T)
    place = _minimum_degree(graph)
    order = np.argsort(place)
    found = _symbolic(graph, place, sizes[order], most)
    return None if found is None else _together(*found, order, sizes, border)


def _cost(pivots: float, rows: float) -> float:
    """Floating-point operations of a front, and what else takes the time of such."""
    work = pivots**3 / 3 + pivots**2 * rows + pivots * rows**2
    return work + NUMBER * (pivots + rows) ** 2 + FRONT


def _minimum_degree(graph: sparse.csr_array) -> IntArray:
    """Place of each node in an order of minimum degree (Liu 1985), which SuperLU knows."""
    matrix = sparse.csc_matrix(graph)
    matrix.data[:] = -1.0
    matrix.setdiag(matrix.shape[0] + 1.0)
    # An incomplete factorisation that drops everything: only its order is of use.
    found = spilu(
        matrix,
        drop_tol=1.0,
        fill_factor=1.0,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return np.asarray(found.perm_c, dtype=np.int64)


def _symbolic(
    graph: sparse.csr_array, place: IntArray, sizes: IntArray, most: float
) -> tuple[list[IntArray], IntArray] | None:
    """Places that each is coupled to when it is eliminated, and the first of them (-1: none).

    None where that takes more operations than `most`; `sizes` are in the order of the places.
    """
    n = len(place)
    order = np.argsort(place)
    parent = np.full(n, -1, dtype=np.int64)
    found: list[IntArray] = []
    children: list[list[int]] = [[] for _ in range(n)]
    met = np.full(n, -1, dtype=np.int64)
    for j, node in enumerate(order):
        parts = [place[graph.indices[graph.indptr[node] : graph.indptr[node + 1]]]]
        parts += [found[child] for child in children[j]]
        later = np.concatenate(parts)
        later = later[later > j]
        met[later] = j
        own = np.unique(later) if len(later) < n // 8 else j + np.flatnonzero(met[j:] == j)
        found.append(own)
        most -= sizes[j] * sizes[own].sum() ** 2
        if most < 0:
            return None
        if len(own):
            parent[j] = own[0]
            children[own[0]].append(j)
    return found, parent


def _together(
    columns: Sequence[IntArray],
    parent: IntArray,
    order: IntArray,
    sizes: IntArray,
    border: int,
) -> Tree:
    """Eliminate a node together with the one that follows it, wherever that is faster."""
    n = len(columns)
    size = sizes[order].astype(np.float64)
    members: list[list[int]] = [[j] for j in range(n)]
    width = size.copy()
    below = np.array([size[own].sum() for own in columns]) + border
    merged = np.full(n, -1, dtype=np.int64)
    children: list[list[int]] = [[] for _ in range(n)]
    for j in range(n):
        if parent[j] >= 0:
            children[parent[j]].append(j)
    for j in range(n):
        kept: list[int] = []
        # Those that have most in common with their parent first.
        for child in sorted(children[j], key=lambda c: -below[c]):
            apart = _cost(width[child], below[child]) + _cost(width[j], below[j])
            if _cost(width[child] + width[j], below[j]) <= apart:
                members[j] = members[child] + members[j]
                width[j] += width[child]
                kept += children[child]
                merged[child] = j
            else:
                kept.append(child)
        children[j] = kept
    return _postordered(columns, parent, order, members, children, merged)


def _postordered(
    columns: Sequence[IntArray],
    parent: IntArray,
    order: IntArray,
    members: list[list[int]],
    children: list[list[int]],
    merged: IntArray,
) -> Tree:
    """Put every front right after those below it, so that few are kept at a time."""
    roots = [j for j in range(len(columns)) if merged[j] < 0 and parent[j] < 0]
    stack = [(root, False) for root in reversed(roots)]
    number: dict[int, int] = {}
    while stack:
        j, done = stack.pop()
        if done:
            number[j] = len(number)
        else:
            stack.append((j, True))
            stack += [(child, False) for child in reversed(children[j])]
    parents = [-1] * len(number)
    for j in number:
        for child in children[j]:
            parents[number[child]] = number[j]
    return Tree(
        [order[members[j]] for j in number],
        [order[columns[j]] for j in number],
        parents,
    )


def size_of(tree: Tree, sizes: IntArray, border: int) -> int:
    """Numbers of all fronts, and of what is left of some of them where that is most."""
    widths, below = _widths(tree, sizes, border)
    waiting = most = 0
    taken = [0] * len(widths)
    for i, r in enumerate(below):
        most = max(most, waiting + r**2)
        waiting += r**2 - taken[i]
        if tree.parent[i] >= 0:
            taken[tree.parent[i]] += r**2
    return sum(k * (k + r) for k, r in zip(widths, below, strict=True)) + most


def operations(tree: Tree, sizes: IntArray, border: int) -> float:
    """Floating-point operations of all fronts, and what else takes the time of such."""
    return sum(_cost(k, r) for k, r in zip(*_widths(tree, sizes, border), strict=True))


def _widths(tree: Tree, sizes: IntArray, border: int) -> tuple[list[int], list[int]]:
    """Columns of each front, and those that they are coupled to."""
    widths = [int(sizes[own].sum()) for own in tree.pivots]
    return widths, [int(sizes[own].sum()) + border for own in tree.rows]
