"""Cross-products of columns moved and scaled after the rows are gone, or of more levels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossblocks import CrossBlocks
from bayesmix.blocks.crossproducts import CrossProducts

__all__ = ["moved", "renumbered", "shift_of_columns"]


def shift_of_columns(before: FloatArray, unit: FloatArray, after: FloatArray) -> FloatArray:
    """Return the matrix that takes ``C - before`` to ``C / unit - after``, shape (k, k).

    The first of the columns C is one in every row where anything but zero is taken off.
    """
    matrix = np.diag(1 / unit)
    if before.any() or after.any():
        matrix[0] += before / unit - after
    return matrix


def moved(
    products: CrossProducts,
    columns: FloatArray,
    effects: Sequence[FloatArray],
    root_weight: float,
) -> CrossProducts:
    """Return the cross-products of linear combinations of the columns.

    Parameters
    ----------
    products : CrossProducts
    columns : ndarray, shape (p + 1, p + 1)
        Takes ``[X, y]`` to the new columns, from the right.
    effects : sequence of ndarray, shape (q, q)
        Takes the columns of Z of each grouping factor to the new ones.
    root_weight : float
        Root of what the weights are divided by.
    """
    scale = root_weight**-2.0
    between = {
        (s, t): dataclasses.replace(
            blocks, values=scale * _between(effects[s], blocks.values, effects[t])
        )
        for (s, t), blocks in products.cross.items()
    }
    return CrossProducts(
        products.n_rows,
        products.log_weights - 2 * products.n_rows * np.log(root_weight),
        scale * (columns.T @ products.corner @ columns),
        tuple(
            scale * _between(own, values, own)
            for own, values in zip(effects, products.diagonal, strict=True)
        ),
        tuple(
            scale * _between(own, values, columns)
            for own, values in zip(effects, products.border, strict=True)
        ),
        between,
    )


def _between(left: FloatArray, values: FloatArray, right: FloatArray) -> FloatArray:
    """Compute ``left' V right`` of each level; whole numbers stay what they are."""
    if np.array_equal(left, np.eye(len(left))) and np.array_equal(right, np.eye(len(right))):
        return values
    result: FloatArray = np.einsum("ba,jbc,cd->jad", left, values, right, optimize=True)
    return result


def renumbered(
    products: CrossProducts, places: Sequence[IntArray], sizes: Sequence[int]
) -> CrossProducts:
    """Return the same cross-products among more levels.

    Parameters
    ----------
    products : CrossProducts
    places : sequence of ndarray of int64, shape (J,)
        By grouping factor, the new number of each level.
    sizes : sequence of int
        Numbers of levels that there are then.
    """
    diagonal, border = (
        tuple(
            _placed(values, place, size)
            for values, place, size in zip(parts, places, sizes, strict=True)
        )
        for parts in (products.diagonal, products.border)
    )
    cross = {}
    for (s, t), blocks in products.cross.items():
        row, column = places[s][blocks.row], places[t][blocks.column]
        order = np.lexsort((column, row))
        cross[s, t] = CrossBlocks(row[order], column[order], blocks.values[order])
    return dataclasses.replace(products, diagonal=diagonal, border=border, cross=cross)


def _placed(values: FloatArray, place: IntArray, size: int) -> FloatArray:
    placed = np.zeros((size, *values.shape[1:]))
    placed[place] = values
    return placed
