"""How large the numbers of a column are, whatever they are, and which cannot be computed with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = [
    "LARGEST",
    "SMALLEST",
    "check_response_size",
    "check_sizes",
    "mean",
    "root_mean_weight",
    "sd",
    "spread",
]


# Tables and diagnostics square what is reported, and deviations of it that are a part of it.
SMALLEST, LARGEST = 1e-140, 1e140


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
    size, deviation = _size(column), sd(column)
    if deviation > 1e-14 * size:
        return deviation
    return size if size > 0 else 1.0


def root_mean_weight(design: Design) -> float:
    """Root of the mean weight: by so much sigma, the sd of a row of weight one, is larger.

    Weights of another unit change nothing but sigma, and weights with mean one leave its prior as
    it is without them.
    """
    return 1.0 if design.weights is None else math.sqrt(mean(design.weights))


def check_sizes(design: Design, scale: float, location: float) -> None:
    """Raise for a column, a response or weights whose parameters could not be squared.

    Parameters
    ----------
    design : Design
    scale, location : float
        Sd and mean of the response on the scale of the linear predictor.

    Raises
    ------
    BayesmixError
        Names the column, or the response or the weights, and says how to rescale.
    """
    response = f"the response {design.response!r}" if scale != 1 else "the response"
    _check(f"The sd of {response}", scale, "it", scale)
    if abs(location) > LARGEST:
        _check(f"The mean of {response} less the offset", abs(location), "both", abs(location))
    root = root_mean_weight(design)
    _check("The residual sd of a row of weight one", scale * root, "the weights", root**2)
    columns = [*zip(design.terms, design.X.T, strict=True)]
    for group in design.groups:
        columns += zip(group.effects, group.Z.T, strict=True)
    for name, column in columns:
        deviation = spread(column)
        _check(f"The column {name!r}", _size(column), "it", deviation)
        _check(f"A slope over {name!r}", scale / deviation, "the column", deviation)


def check_response_size(design: Design) -> None:
    """Raise for a response whose squares are no numbers, of a family that takes it as it is.

    Raises
    ------
    BayesmixError
        Says how to rescale.
    """
    largest = _size(design.y)
    _check(f"The response {design.response!r}", largest, "it", largest)


def _check(what: str, size: float, rescaled: str, by: float) -> None:
    if size and not SMALLEST <= size <= LARGEST:
        exponent = math.floor(math.log10(by))
        raise BayesmixError(
            f"{what} is of the size 1e{math.floor(math.log10(size))}. Sizes from 1e-140 to 1e140 "
            f"can be computed with. Rescale {rescaled}: divide by 1e{exponent}."
        )


def _size(column: FloatArray) -> float:
    return float(np.abs(column).max(initial=0.0))


def _unit(column: FloatArray) -> float:
    """Size of a column as a power of two, so that ordinary numbers keep all their bits."""
    return float(np.ldexp(1.0, np.frexp(_size(column))[1] - 1))
