"""Numbers of a design that cannot be computed with: columns and responses that are too large."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bayesmix.base.errors import BayesmixError
from bayesmix.design.spreads import largest, mean, sd

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = [
    "LARGEST",
    "SMALLEST",
    "check_response_size",
    "check_sizes",
    "response_sd",
    "root_mean_weight",
]


# Tables and diagnostics square what is reported, and deviations of it that are a part of it.
SMALLEST, LARGEST = 1e-140, 1e140


def root_mean_weight(design: Design) -> float:
    """Root of the mean weight: by so much sigma, the sd of a row of weight one, is larger.

    Weights of another unit change nothing but sigma, and weights with mean one leave its prior as
    it is without them.
    """
    if design.totals is not None:
        return math.sqrt(design.totals.mean_weight)
    return 1.0 if design.weights is None else math.sqrt(mean(design.weights))


def response_sd(design: Design) -> float:
    """Sample sd of the response."""
    return sd(design.y) if design.totals is None else design.totals.response_sd


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
    columns = [*zip(design.terms, design.columns.size, design.columns.spread, strict=True)]
    for group in design.groups:
        own = group.columns
        columns += zip(group.effects, own.size, own.spread, strict=True)
    for name, size, deviation in columns:
        _check(f"The column {name!r}", size, "it", deviation)
        _check(f"A slope over {name!r}", scale / deviation, "the column", deviation)


def check_response_size(design: Design) -> None:
    """Raise for a response whose squares are no numbers, of a family that takes it as it is.

    Where only sums over the rows are known, an offset is looked at, too.

    Raises
    ------
    BayesmixError
        Says how to rescale.
    """
    columns = None if design.totals is None else design.totals.columns
    size = largest(design.y) if columns is None else float(columns.size[-2])
    _check(f"The response {design.response!r}", size, "it", size)
    if columns is not None:
        offset = float(columns.size[-1])
        _check("The offset", offset, "it", offset)


def _check(what: str, size: float, rescaled: str, by: float) -> None:
    if size and not SMALLEST <= size <= LARGEST:
        exponent = math.floor(math.log10(by))
        raise BayesmixError(
            f"{what} is of the size 1e{math.floor(math.log10(size))}. Sizes from 1e-140 to 1e140 "
            f"can be computed with. Rescale {rescaled}: divide by 1e{exponent}."
        )
