"""Responses that are positive numbers or shares, and what to write for others."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.responses import REAL_NUMBERS, Labels, ResponseKind, rows_of

__all__ = ["POSITIVE_NUMBERS", "SHARES", "ZERO_OR_POSITIVE"]


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
        f"{whole}For zeros beside positive numbers use family='hurdle_lognormal', or fit two "
        f"models: whether there is any, I({name} > 0) with family='bernoulli', and how much, in "
        "the rows above 0."
    )


def _check_zero_or_positive(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    bad = y < 0
    if bad.any():
        raise BayesmixError(
            f"Response {name!r} must be 0 or above for family {family!r}; {rows_of(bad, labels)}, "
            f"for example {y[bad][0]:.12g}. {_instead_of_positive(name, y)}"
        )
    if not y.any():
        raise BayesmixError(
            f"Response {name!r} is 0 in every row, so that nothing is known of numbers above 0. "
            "Check the column and the rows that are kept."
        )
    some = y[y > 0]
    if (some == some[0]).all():
        raise BayesmixError(
            f"Response {name!r} is {some[0]:.12g} in every row above 0, so that there is nothing "
            f"to explain there. Whether there is any is I({name} > 0) with family='bernoulli'."
        )


def _check_shares(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    bad = (y <= 0) | (y >= 1)
    if bad.any():
        raise BayesmixError(
            f"Response {name!r} must be between 0 and 1 for family {family!r}, both excluded; "
            f"{rows_of(bad, labels)}, for example {y[bad][0]:.12g}. {_instead_of_shares(name, y)}"
        )
    REAL_NUMBERS.check(family, name, y, trials, labels)


def _instead_of_shares(name: str, y: FloatArray) -> str:
    if y.min() < 0 or y.max() > 100:
        return "For other numbers use family='gaussian' or family='student'."
    if y.max() > 1:
        return f"Divide percentages by 100, I({name} / 100)."
    if ((y == 0) | (y == 1)).all():
        return "For outcomes that are 0 or 1 use family='bernoulli'."
    return (
        "For shares of a number of trials use family='binomial' with weights='<column of the "
        "trials>'. Where 0 and 1 are shares that were rounded, squeeze all by the number of rows "
        f"n: I(({name} * (n - 1) + 0.5) / n), as Smithson & Verkuilen (2006) do; otherwise fit "
        f"whether there is any, I({name} > 0), with family='bernoulli', and the rest."
    )


POSITIVE_NUMBERS = ResponseKind(_check_positive, lower=0.0)
ZERO_OR_POSITIVE = ResponseKind(_check_zero_or_positive, lower=0.0)
SHARES = ResponseKind(_check_shares, lower=0.0, upper=1.0)
