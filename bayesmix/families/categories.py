"""Responses that are one of several categories, counted from 0, and probabilities of each.

The categories are on the last axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.links import Functions
from bayesmix.families.responses import Labels, ResponseKind, check_counts

__all__ = [
    "ORDERED_CATEGORIES",
    "UNORDERED_CATEGORIES",
    "cumulated",
    "drawn_categories",
    "log_softmax",
    "of_categories",
]


def _check_categories(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    check_counts(f"Response {name!r} of family {family!r}", y, labels)
    if np.ptp(y) == 0:
        raise BayesmixError(
            f"Response {name!r} has the same category in every row, so there is nothing to "
            "explain. Check the column and the rows that are kept."
        )


ORDERED_CATEGORIES = ResponseKind(_check_categories, is_discrete=True, lower=0.0, is_ordinal=True)
UNORDERED_CATEGORIES = ResponseKind(_check_categories, is_discrete=True, lower=0.0, is_nominal=True)


def of_categories(y: Any, by_category: Any) -> Any:
    """Take from (..., n, K) what belongs to the category of each row, (..., n)."""
    place = np.broadcast_to(y, by_category.shape[:-1]).astype(np.int64)[..., np.newaxis]
    return np.take_along_axis(by_category, place, axis=-1)[..., 0]


def cumulated(y: Any, probabilities: FloatArray) -> FloatArray:
    """Return the probability of a category of at most y, given the probabilities (..., n, K)."""
    reached = np.cumsum(probabilities, axis=-1)
    last = reached.shape[-1] - 1
    shape = np.broadcast_shapes(np.shape(y), reached.shape[:-1])
    place = np.broadcast_to(np.minimum(y, last), shape).astype(np.int64)[..., np.newaxis]
    reached = np.broadcast_to(reached, (*shape, last + 1))
    below = np.take_along_axis(reached, place, axis=-1)[..., 0]
    return np.where(np.less(y, last), below, 1.0)


def drawn_categories(rng: np.random.Generator, probabilities: FloatArray) -> Any:
    """Draw a category for each row, (..., n), given the probabilities (..., n, K)."""
    reached = np.cumsum(probabilities, axis=-1)[..., :-1]
    return (rng.random((*reached.shape[:-1], 1)) > reached).sum(axis=-1)


def log_softmax(heights: Any, of: Functions) -> Any:
    """Return the logarithms of probabilities that are proportional to the exponentials (..., K)."""
    lower = heights - heights.max(axis=-1)[..., np.newaxis]
    return lower - of.log(of.exp(lower).sum(axis=-1))[..., np.newaxis]
