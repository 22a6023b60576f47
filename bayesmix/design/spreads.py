"""How large the numbers of a column are, whatever they are, and which columns are cells."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray

__all__ = ["cell_columns", "largest", "mean", "sd", "spread"]


def mean(column: FloatArray, weights: FloatArray | None = None) -> float:
    """Mean, of numbers whose sum overflows too."""
    unit = _unit(column)
    if weights is not None:
        weights = weights / _unit(weights)
    return float(np.average(column / unit, weights=weights) * unit)


def sd(column: FloatArray) -> float:
    """Sample sd, of numbers whose squares overflow too; 0 for less than two rows."""
    if column.size < 2:
        return 0.0
    unit = _unit(column)
    return float(np.std(column / unit, ddof=1) * unit)


def spread(column: FloatArray) -> float:
    """Sample sd of a column; the absolute value of a constant one, 1 for a column of zeros."""
    size, deviation = largest(column), sd(column)
    if deviation > 1e-14 * size:
        return deviation
    return size if size > 0 else 1.0


def cell_columns(X: FloatArray) -> list[int]:
    """Find the first run of neighbouring 0/1 columns that sum to one in every row."""
    binary = ((X == 0) | (X == 1)).all(axis=0)
    for start in range(X.shape[1]):
        total = np.zeros(X.shape[0])
        for stop in range(start, X.shape[1]):
            total = total + X[:, stop]
            if not binary[stop] or (total > 1).any():
                break
            if (total == 1).all():
                return list(range(start, stop + 1))
    return []


def largest(column: FloatArray) -> float:
    """Largest absolute value; 0 without rows."""
    return float(np.abs(column).max(initial=0.0))


def _unit(column: FloatArray) -> float:
    """Size of a column as a power of two, so that ordinary numbers keep all their bits."""
    return float(np.ldexp(1.0, np.frexp(largest(column))[1] - 1))
