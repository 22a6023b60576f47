"""Derivatives of log densities by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray

__all__ = ["Slope", "difference"]

# Part of a linear predictor, or of one, that it is moved by: between the error of the formula,
# its fourth power, and that of rounding, 1e-16 over its square.
_STEP = 2e-3


class Slope(NamedTuple):
    """First derivative of a log density (score), and minus its second, or the mean of that."""

    score: FloatArray
    information: FloatArray


def difference(
    log_density: Callable[[FloatArray], FloatArray],
    eta: npt.ArrayLike,
    scale: npt.ArrayLike | None = None,
) -> Slope:
    """Differentiate by central differences of fourth order, each element on its own.

    Parameters
    ----------
    log_density : callable
        From an array like `eta` to one of the shape of the rows.
    eta : array_like
    scale : array_like, optional
        How far each element may go, more or less; by default its size, and at least 1.

    Returns
    -------
    Slope
    """
    at = np.asarray(eta, dtype=np.float64)
    step = _STEP * np.asarray(np.maximum(1.0, np.abs(at)) if scale is None else scale)
    two_below, below, middle, above, two_above = (log_density(at + k * step) for k in range(-2, 3))
    first = (two_below - 8 * below + 8 * above - two_above) / (12 * step)
    second = (-two_below + 16 * below - 30 * middle + 16 * above - two_above) / (12 * step**2)
    return Slope(first, -second)
