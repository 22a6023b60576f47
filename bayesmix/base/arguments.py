"""Checks of single arguments: one small function each, and the same words everywhere."""

from __future__ import annotations

import itertools
import math
import numbers
import reprlib
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any, cast

import numpy as np

from bayesmix.base.errors import BayesmixError, suggest

__all__ = [
    "MOST_VALUES",
    "as_number",
    "as_whole_number",
    "at_most",
    "few",
    "generator",
    "names_of",
    "one_of",
    "seed",
    "shape_of",
    "shown",
    "true_or_false",
    "whole_number",
]

# Values that a list among the arguments may have, where it is not one value per row.
MOST_VALUES = 10_000
_SHORT = reprlib.Repr(maxstring=120, maxother=80, maxlong=40, maxlist=8, maxtuple=8, maxdict=6)


def shown(value: object) -> str:
    """Write any value on one line of bounded length, for a message."""
    try:
        text = _SHORT.repr(value)
    except Exception:  # whatever the value's own repr raises
        text = f"<{type(value).__name__}>"
    return " ".join(text.split())


def as_number(value: object) -> float | None:
    """Return one real number as a float, and None for anything else; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number or a fraction beyond 1e308
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def as_whole_number(value: object) -> int | None:
    """Return a whole number as an int, and None for anything else; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        return None
    return int(value)


def whole_number(name: str, value: object, *, at_least: int, at_most: int | None = None) -> int:
    """Return a whole number within its limits as a plain int; raise for anything else."""
    whole = as_whole_number(value)
    if whole is None or whole < at_least or (at_most is not None and whole > at_most):
        limits = f">= {at_least}" if at_most is None else f"from {at_least} to {at_most}"
        raise BayesmixError(f"{name}={shown(value)} is not usable: give a whole number {limits}.")
    return whole


def at_most(name: str, value: int, most: int) -> None:
    """Raise if a whole number is more than any memory holds."""
    if value > most:
        raise BayesmixError(f"{name}={shown(value)} is too many. Give no more than {most:,}.")


def one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise unless a value is one of the allowed words."""
    words = list(allowed)
    if not isinstance(value, str) or value not in words:
        raise BayesmixError(
            f"Unknown {name}={shown(value)}. Allowed: {', '.join(words)}. "
            f"{suggest(value if isinstance(value, str) else shown(value), words)}".rstrip()
        )


def shape_of(values: object, n_rows: int) -> tuple[int, ...]:
    """Tell the shape of one value per row; () of what cannot be that.

    A length other than the number of rows is told before any value is read: what has a length may
    be endless.
    """
    shape = getattr(values, "shape", None)
    if getattr(getattr(values, "dtype", None), "names", None) is not None:
        return ()  # a structured array: several values in each row
    if isinstance(shape, tuple):
        return shape
    if isinstance(values, str | bytes | bytearray | Mapping | Set):
        return ()
    try:
        size = len(values)  # type: ignore[arg-type]
        return (size,) if size != n_rows else np.shape(cast("Any", values))
    except Exception:  # lists of different lengths, and whatever the value's own len raises
        return ()


def few(name: str, value: object) -> list[Any]:
    """Read a short list, array or column of values, or a single value as a list of itself.

    What has a length may be endless, so that no more of it is read than an argument ever has.
    """
    if getattr(value, "ndim", 1) == 0:
        return [value.item()] if isinstance(value, np.ndarray) else [value]
    if not isinstance(value, Collection) or isinstance(value, str | bytes | bytearray | Mapping):
        return [value]
    try:
        values = list(itertools.islice(value, MOST_VALUES + 1))
    except Exception:  # whatever the value's own methods raise
        return [value]
    if len(values) > MOST_VALUES:
        raise BayesmixError(f"{name}={shown(value)} has too many values: more than {MOST_VALUES}.")
    return values


def names_of(name: str, value: object) -> tuple[str, ...]:
    """Read one name or a list of names, each once; raise for anything else."""
    names = few(name, value)
    if getattr(value, "ndim", 1) != 1 or not all(isinstance(one, str) for one in names):
        raise BayesmixError(f"{name}={shown(value)} is not usable: give a list of names.")
    return tuple(dict.fromkeys(map(str, names)))


def true_or_false(name: str, value: object) -> None:
    """Raise unless a value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise BayesmixError(f"{name}={shown(value)} is not usable: give True or False.")


def seed(value: object) -> int:
    """Make one whole number of a seed: None draws one, a Generator gives its next."""
    if value is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(value, np.random.Generator):
        return int(value.integers(2**32))
    whole = as_whole_number(value)
    if whole is not None and whole >= 0:
        return whole
    raise BayesmixError(
        f"random_seed={shown(value)} is not usable: give a whole number of zero or more, a "
        "numpy.random.Generator, or None."
    )


def generator(value: object) -> np.random.Generator:
    """Make a generator of a seed; a Generator is used as it is."""
    return value if isinstance(value, np.random.Generator) else np.random.default_rng(seed(value))
