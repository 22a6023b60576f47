"""Kinds of responses: what each may be, and what to write instead of what it may not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.formula.formula import quote

__all__ = [
    "BINARY",
    "COUNTS",
    "REAL_NUMBERS",
    "TRIALS",
    "Labels",
    "ResponseKind",
    "as_numbers",
    "check_counts",
    "nearest_whole",
    "rows_of",
]

type Labels = Sequence[Any] | npt.NDArray[Any] | pd.Index[Any] | None
type Check = Callable[[str, str, FloatArray, FloatArray | None, Labels], None]


@dataclass(frozen=True)
class ResponseKind:
    """What the numbers of a response are.

    Attributes
    ----------
    check : callable
        Takes the name of the family, that of the response, finite numbers, the trials and the
        labels of the rows; raises where these cannot be a response of this kind, or say nothing of
        its mean.
    is_discrete : bool
        Whether it is a whole number.
    is_binary : bool
        Whether a trial either succeeds or fails, so that a response of two levels has a meaning.
    has_trials : bool
        Whether each row has a number of trials.
    is_ordinal : bool
        Whether it is one of ordered categories, which are counted from 0.
    is_nominal : bool
        Whether it is one of categories without an order, which are counted from 0.
    lower, upper : float
        Where densities of it end.
    """

    check: Check
    is_discrete: bool = False
    is_binary: bool = False
    has_trials: bool = False
    is_ordinal: bool = False
    is_nominal: bool = False
    lower: float = -math.inf
    upper: float = math.inf

    @property
    def has_categories(self) -> bool:
        """Whether it is one of several categories."""
        return self.is_ordinal or self.is_nominal

    def check_numbers(
        self,
        family: str,
        name: str,
        y: npt.ArrayLike,
        trials: npt.ArrayLike | None,
        labels: Labels,
    ) -> None:
        """Raise if values cannot be a response of this kind; see `Family.check_response`."""
        if trials is not None and not self.has_trials:
            raise BayesmixError(
                f"Response {name!r} has a number of trials, but family {family!r} takes none. "
                "Use family='binomial', or a response without trials."
            )
        if trials is None and self.has_trials:
            raise BayesmixError(
                f"Family {family!r} needs the number of trials beside the response {name!r}. "
                "Write p(successes, trials) on the left of the formula, or, for a proportion, pass "
                "weights='<column of the trials>'; for one trial a row use family='bernoulli'."
            )
        response = as_numbers(f"Response {name!r}", y, labels)
        if response.size == 0:
            raise BayesmixError(f"Response {name!r} has no rows.")
        what = f"The trials of response {name!r}"
        numbers = None if trials is None else as_numbers(what, trials, labels)
        if self.is_discrete:
            response = nearest_whole(response)
            numbers = None if numbers is None else nearest_whole(numbers)
        self.check(family, name, response, numbers, labels)


def nearest_whole(values: npt.ArrayLike, within: float | None = None) -> FloatArray:
    """Replace numbers that are whole but for rounding error by the whole number.

    Parameters
    ----------
    values : array_like of float
        Such as ``7 / 22 * 22``, which is 7.000000000000001.
    within : float, optional
        Largest difference; by default that of single precision, 1e-6 times the number, and at
        least 1e-6 and at most 1e-3.

    Returns
    -------
    ndarray of float64
        A copy; numbers further from a whole number, and NaN, as they came.

    Examples
    --------
    >>> nearest_whole([7 / 22 * 22, -1e-17, 2.5]).tolist()
    [7.0, 0.0, 2.5]
    """
    numbers = np.array(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        whole = np.rint(numbers)
        limit = np.clip(1e-6 * np.abs(whole), 1e-6, 1e-3) if within is None else within
        close = np.abs(numbers - whole) <= limit
    numbers[close] = whole[close] + 0.0  # never -0.0
    return numbers


def as_numbers(what: str, values: npt.ArrayLike, labels: Labels = None) -> FloatArray:
    """Float64 of finite numbers; text, categories and infinities are errors."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        try:
            if array.dtype.kind != "O" or any(isinstance(value, str) for value in array.ravel()):
                raise TypeError
            array = array.astype(np.float64, copy=False)
        except (TypeError, ValueError, OverflowError):
            held = ", ".join(map(str, dict.fromkeys(array.ravel()[:100].tolist())))
            held = held if len(held) <= 60 else f"{held[:57]}..."
            remedy = (
                "For one level of a categorical column write column['level'] on the left of the "
                "formula, with family='bernoulli'."
                if what.startswith("Response")
                else "Convert the values to numbers."
            )
            raise BayesmixError(f"{what} is not numeric (it holds {held}). {remedy}") from None
    array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        raise BayesmixError(
            f"{what} must be finite; {rows_of(bad, labels)}. Drop or replace the infinite or "
            "missing values."
        )
    return array


def rows_of(bad: npt.NDArray[np.bool_], labels: Labels = None) -> str:
    """Name the first offending rows: ``not so in 3 rows (positions 4, 7, 9)``."""
    where = np.flatnonzero(bad)
    first = where[:5] if labels is None else [labels[row] for row in where[:5]]
    shown = ", ".join(map(str, first)) + (", ..." if where.size > 5 else "")
    rows, positions = ("row", "position") if where.size == 1 else ("rows", "positions")
    place = positions if labels is None else "index"
    return f"not so in {where.size} {rows} ({place} {shown})"


def check_counts(what: str, values: FloatArray, labels: Labels, remedy: str = "") -> None:
    """Raise unless all numbers are 0, 1, 2, ...; the message ends with the remedy."""
    if (values < 0).any():
        negative = values < 0
        raise BayesmixError(
            f"{what} must not be negative; {rows_of(negative, labels)}, "
            f"for example {values[negative][0]:.12g}. {remedy}".rstrip()
        )
    fractions = values != np.floor(values)
    if fractions.any():
        raise BayesmixError(
            f"{what} must be whole numbers; {rows_of(fractions, labels)}, "
            f"for example {values[fractions][0]:.12g}. {remedy}".rstrip()
        )


_OF_OTHER_NUMBERS = (
    "Of rates give the counts, with offset(log(exposure)); positive numbers that are no counts are "
    "of family 'gamma' or 'lognormal', others of 'gaussian'."
)


def _check_real(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    if np.ptp(y) == 0:
        raise BayesmixError(
            f"Response {name!r} is constant (every row is {y[0]:g}), so there is nothing to "
            "explain. Check the column and the rows that are kept."
        )


def _check_binary(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    values = np.unique(y)
    other = values[(values != 0) & (values != 1)]
    if other.size:
        shown = ", ".join(f"{value:.8g}" for value in other[:5])
        level = f"{values[-1]:g}" if values.size == 2 else "level"
        column = "column" if "(" in name else name
        quoted = quote(column)
        one = f"{column}['{level}']" if quoted == column else f"I({quoted} == {level})"
        share = values[0] >= 0 and values[-1] <= 1
        more = "proportions of successes" if share else "counts of successes"
        rewrite = "pass weights='<column of the trials>'" if share else "write p(successes, trials)"
        raise BayesmixError(
            f"Response {name!r} must be 0 or 1 for family {family!r}; it holds "
            f"{shown}{', ...' if other.size > 5 else ''} too. For {more} use family='binomial' "
            f"and {rewrite}; for one level of a column against the others write {one}."
        )
    if values.size == 1:
        raise BayesmixError(
            f"Response {name!r} is {values[0]:g} in every row, so the data give its probability "
            "no bound. Check the column, the name of the level and the rows that are kept."
        )


def _check_trials(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    if trials is None:
        raise AssertionError("`Family.check_response` asks for the trials")
    if trials.shape != y.shape:
        raise BayesmixError(
            f"Response {name!r} has {count(y.size, 'row')} but {count(trials.size, 'number')} of "
            "trials."
        )
    check_counts(f"The trials of response {name!r}", trials, labels)
    check_counts(f"The successes of response {name!r}", y, labels)
    if (y > trials).any():
        raise BayesmixError(
            f"Response {name!r} must not have more successes than trials; "
            f"{rows_of(y > trials, labels)}. "
            "The order is p(successes, trials)."
        )
    if (trials == 0).any():
        raise BayesmixError(
            f"The trials of response {name!r} must be at least 1; {rows_of(trials == 0, labels)}. "
            "Leave out rows without trials."
        )
    for what, total in (("successes", y), ("failures", trials - y)):
        if not total.any():
            raise BayesmixError(
                f"Response {name!r} has no {what} in any row, so the data give its probability "
                "no bound. Check the columns and the rows that are kept."
            )


def _check_response_of_counts(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    check_counts(f"Response {name!r} of family {family!r}", y, labels, _OF_OTHER_NUMBERS)
    if not y.any():
        raise BayesmixError(
            f"Response {name!r} is 0 in every row, so the data give its rate no lower bound. "
            "Check the column and the rows that are kept."
        )


REAL_NUMBERS = ResponseKind(_check_real)
COUNTS = ResponseKind(_check_response_of_counts, is_discrete=True, lower=0.0)
BINARY = ResponseKind(_check_binary, is_discrete=True, lower=0.0, is_binary=True)
TRIALS = ResponseKind(_check_trials, is_discrete=True, lower=0.0, is_binary=True, has_trials=True)
