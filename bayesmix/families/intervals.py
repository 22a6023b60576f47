"""The probability between two places of a latent scale, and densities there: all digits, anywhere.

A difference of two values of a distribution function near 1 has no digits left. So the logistic
one is written as a product, ``F(b) - F(a) = F(b) F(-a) (1 - exp(a - b))``, and so is that of
cloglog, ``exp(-exp(a)) (1 - exp(exp(a) - exp(b)))``; the one of Cauchy is an angle between two
directions, and the normal one is taken from the tail that is nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.links import LINKS, Functions
from bayesmix.families.normal import LOG_SQRT_2PI, mills_ratio
from bayesmix.families.sides import SIDES
from bayesmix.families.tails import LARGEST_EXPONENT, log1mexp
from bayesmix.families.values import Value

__all__ = ["INTERVALS", "log_interval"]

type Interval = Callable[
    [FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray, FloatArray]
]

_SMALLEST = np.finfo(float).tiny


def log_interval(lower: Any, upper: Any, link: str, of: Functions) -> Any:
    """Compute ``log(F(upper) - F(lower))``, F being the inverse of a link.

    Parameters
    ----------
    lower, upper : ndarray or tensor
        ``lower < upper``.
    link : str
    of : Functions
        Those that the arrays or tensors need.
    """
    if link == "logit":
        return of.log_expit(upper) + of.log_expit(-lower) + of.log1mexp(upper - lower)
    own, is_above = LINKS[link], lower + upper > 0
    if own.complement is not None and own.complement[0] == link:  # symmetric
        larger = own.log_inverse(of.where(is_above, -lower, upper), of)
        smaller = own.log_inverse(of.where(is_above, -upper, lower), of)
    else:
        a, b = (Value(edge, own, of) for edge in (lower, upper))
        larger = of.where(is_above, a.complement.log, b.log)
        smaller = of.where(is_above, b.complement.log, a.log)
    return larger + of.log1mexp(larger - smaller)


def _logistic(
    lower: FloatArray, upper: FloatArray, width: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    below, above = SIDES["logit"]
    log, by_upper = below(upper)
    log_lower, by_lower = above(lower)
    by_width = 1 / np.expm1(np.minimum(width, LARGEST_EXPONENT))
    log += log_lower
    log += log1mexp(width)
    return log, by_lower - by_width, by_upper + by_width


def _normal(
    lower: FloatArray, upper: FloatArray, width: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    # The interval, or its mirror image, that is nearer to the lower tail.
    far, near = np.minimum(lower, -upper), np.minimum(upper, -lower)
    is_mirrored, is_across = lower + upper > 0, near > 0
    # Over the density at the near end.
    of_far = np.exp(0.5 * width * (far + near))
    beyond = of_far * mills_ratio(-far)
    tail = mills_ratio(np.abs(near))
    log_density = -0.5 * near**2 - LOG_SQRT_2PI
    density = np.exp(log_density)
    outside = density * (beyond + tail)
    inside = np.where(is_across, 1.0, tail - beyond)
    log = np.where(is_across, np.log1p(-outside), log_density) + np.log(inside)
    by_near = np.where(is_across, density / (1 - outside), 1 / inside)
    by_far = of_far * by_near
    return log, -np.where(is_mirrored, by_near, by_far), np.where(is_mirrored, by_far, by_near)


def _gumbel(
    lower: FloatArray, upper: FloatArray, width: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    rate = np.exp(np.minimum(lower, LARGEST_EXPONENT))
    ratio = np.expm1(np.minimum(width, LARGEST_EXPONENT))
    more = np.maximum(rate * ratio, _SMALLEST)
    share = np.expm1(-more) / -more
    rest = more / np.expm1(np.minimum(more, LARGEST_EXPONENT))
    log = lower + np.log(ratio) - rate + np.log(share)
    return log, -1 / (ratio * share), (1 + 1 / ratio) * rest


def _cauchy(
    lower: FloatArray, upper: FloatArray, width: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    angle = np.arctan2(width, 1 + lower * upper)
    log: FloatArray = np.log(angle / np.pi)
    return log, -1 / ((1 + lower**2) * angle), 1 / ((1 + upper**2) * angle)


INTERVALS: Mapping[str, Interval] = MappingProxyType(
    {"logit": _logistic, "probit": _normal, "cloglog": _gumbel, "cauchit": _cauchy}
)
"""Lower and upper ends and how far they are apart, which may be the same in many rows -> what
`log_interval` computes, and its derivatives by both ends."""
