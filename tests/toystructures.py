"""A covariance structure that is none of ours, as short as a file of `bayesmix.covariance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.covariance.structure import Structure, lower_triangle

# Compound symmetry: one correlation for every pair of effects, in (-1 / (q - 1), 1).


def _correlation(free: Any, q: int) -> Any:
    lowest = -1 / (q - 1)
    return lowest + (1 - lowest) * (1 + free[..., 0][..., None]) / 2


def _partial(free: Any, q: int) -> Any:
    r = _correlation(free, q)
    return r / (1 + lower_triangle(q)[1] * r)


def _free(partial: FloatArray, q: int) -> FloatArray:
    lowest = -1 / (q - 1)
    return 2 * (partial[..., :1] - lowest) / (1 - lowest) - 1


def _pullback(free: FloatArray, slope: FloatArray, q: int) -> FloatArray:
    by_correlation = slope / (1 + lower_triangle(q)[1] * _correlation(free, q)) ** 2
    total: FloatArray = by_correlation.sum(axis=-1, keepdims=True) * (1 + 1 / (q - 1)) / 2
    return total


def _shapes(q: int, eta: float) -> FloatArray:
    """``det(R) = (1 - r)^(q - 1) (1 + (q - 1) r)``."""
    return np.array([[eta, (q - 1) * (eta - 1) + 1]])


def _labels(effects: Sequence[str]) -> tuple[str, ...]:
    return (", ".join(effects),)


COMPOUND = Structure(
    name="cs",
    size=lambda q: 1,
    partial=_partial,
    free=_free,
    pullback=_pullback,
    shapes=_shapes,
    labels=_labels,
)
