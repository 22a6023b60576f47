"""Responses that are positive numbers or shares, and what to write for others."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.responses import REAL_NUMBERS, Labels, ResponseKind, rows_of

__all__ = ["POSITIVE_NUMBERS"]


def _check_positive(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    bad = y <= 0
    if bad.any():
        raise BayesmixError(
            f"Response {name!r} must be above 0 for family {family!r}; {rows_of(bad, labels)}, "
            f"for example {y[bad][0]:.12g}. {_instead_of_positive(name, y)}"
        )
    REAL_NUMBERS.check(family, name, y, trials, labels)


def _instead_of_positive(name: str, y: FloatArray) -> str:
    if y.min() < 0:
        return "For numbers on both sides of 0 use family='gaussian' or family='student'."
    whole = "For counts use family='poisson'. " if (y == np.floor(y)).all() else ""
    return (
        f"{whole}For zeros beside positive numbers fit two models: whether there is any, "
        f"I({name} > 0) with family='bernoulli', and how much, in the rows above 0."
    )


POSITIVE_NUMBERS = ResponseKind(_check_positive)
