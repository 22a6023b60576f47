"""What a covariance structure is: how few or many free numbers make the correlations of a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray

__all__ = ["Structure", "lower_triangle"]


@dataclass(frozen=True)
class Structure:
    """How the correlations of a block of q >= 2 effects are made of k free numbers.

    Each free number lies in (-1, 1). Every correlation matrix has canonical partial correlations
    (`bayesmix.covariance.partial`), so that a structure says what these are: the m = q (q - 1) / 2
    of the lower triangle, row by row (`lower_triangle`).

    Attributes
    ----------
    name : str
        Its word in a formula: ``"us"`` for ``us(x | g)``.
    size : callable
        q -> k.
    partial : callable
        Free numbers (..., k), q -> partial correlations (..., m). With operators and indices only,
        for arrays and tensors.
    free : callable
        Partial correlations (..., m), q -> free numbers (..., k); the inverse.
    pullback : callable
        Free numbers (..., k), derivatives by the partial correlations (..., m), q -> derivatives by
        the free numbers (..., k).
    shapes : callable
        q, eta -> array (k, 2): a free number w has the prior ``(1 + w) / 2 ~ Beta(a, b)`` where the
        correlation matrix R has the prior LKJ(eta), ``det(R)^(eta - 1)``.
    labels : callable
        Labels of the effects -> labels of the free numbers.
    concentration : callable, optional
        q, eta -> the c of the prior ``(1 + r) / 2 ~ Beta(c, c)`` that each single correlation then
        has; by default it is drawn.
    any_columns : bool
        Whether effects of other columns with the same span have the structure, too. Only then can
        priors be of centred columns.
    """

    name: str
    size: Callable[[int], int]
    partial: Callable[[Any, int], Any]
    free: Callable[[FloatArray, int], FloatArray]
    pullback: Callable[[FloatArray, FloatArray, int], FloatArray]
    shapes: Callable[[int, float], FloatArray]
    labels: Callable[[Sequence[str]], tuple[str, ...]]
    concentration: Callable[[int, float], float] | None = None
    any_columns: bool = False


def lower_triangle(size: int) -> tuple[IntArray, IntArray]:
    """Return rows and columns (m,) below the diagonal, row by row."""
    row, column = np.tril_indices(size, -1)
    return row.astype(np.int64), column.astype(np.int64)
