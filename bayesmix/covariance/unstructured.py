"""Any correlations, ``(x | g)`` or ``us(x | g)``: a free number for each pair of effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.covariance.structure import Structure, lower_triangle

__all__ = ["UNSTRUCTURED"]


def _size(q: int) -> int:
    return q * (q - 1) // 2


def _same(free: Any, q: int) -> Any:
    return free


def _pullback(free: FloatArray, slope: FloatArray, q: int) -> FloatArray:
    return slope


def _shapes(q: int, eta: float) -> FloatArray:
    """Partial correlations are independent under LKJ (Lewandowski, Kurowicka & Joe, 2009)."""
    b = eta + (q - 2 - lower_triangle(q)[1]) / 2
    return np.stack([b, b], axis=-1)


def _labels(effects: Sequence[str]) -> tuple[str, ...]:
    places = zip(*lower_triangle(len(effects)), strict=True)
    return tuple(f"{effects[i]}, {effects[j]}" for i, j in places)


def _concentration(q: int, eta: float) -> float:
    return eta + (q - 2) / 2


UNSTRUCTURED = Structure(
    name="us",
    size=_size,
    partial=_same,
    free=_same,
    pullback=_pullback,
    shapes=_shapes,
    labels=_labels,
    concentration=_concentration,
    any_columns=True,
)
