"""Thresholds, which stand in the place of an intercept: how few numbers make all of them."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray

__all__ = ["EQUIDISTANT", "FLEXIBLE", "LAYOUTS", "specific_names", "threshold_weights"]

FLEXIBLE, EQUIDISTANT = "flexible", "equidistant"
LAYOUTS = (FLEXIBLE, EQUIDISTANT)


def specific_names(length: int) -> tuple[str, ...]:
    """Name the predictors of single thresholds, ``("cs1", "cs2")`` of two."""
    return tuple(f"cs{k}" for k in range(1, length + 1))


def threshold_weights(layout: str, length: int) -> FloatArray:
    """Return what makes thresholds of those that have a prior.

    Parameters
    ----------
    layout : str
        ``"flexible"``: each has a prior. ``"equidistant"``: the first and the last have, and the
        others lie between them at equal distances.
    length : int
        Number of thresholds.

    Returns
    -------
    ndarray, shape (length, F)
        Rows sum to one.

    Examples
    --------
    >>> threshold_weights("equidistant", 3)
    array([[1. , 0. ],
           [0.5, 0.5],
           [0. , 1. ]])
    """
    if layout == FLEXIBLE or length <= 2:
        return np.eye(length)
    share = np.linspace(0.0, 1.0, length)
    return np.column_stack([1 - share, share])
