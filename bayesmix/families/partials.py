"""Derivatives of the log probabilities of ordered categories by distances of thresholds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray

__all__ = ["Partials"]


class Partials(NamedTuple):
    """Derivatives by each of K - 1 distances, of the categories by where they lie, (..., K - 1).

    Attributes
    ----------
    below, above : ndarray
        Of the category below the threshold, and of that above it.
    lower, higher : ndarray
        Of the categories farther down, and farther up.
    """

    below: FloatArray
    above: FloatArray
    lower: FloatArray
    higher: FloatArray

    def along(self, direction: FloatArray) -> FloatArray:
        """Differentiate all log probabilities (..., K) along a direction (..., K - 1)."""
        below, above, lower, higher = (np.asarray(own * direction) for own in self)
        found = np.zeros((*below.shape[:-1], below.shape[-1] + 1))
        found[..., :-1] += below
        found[..., 1:] += above
        found[..., 2:] += np.cumsum(higher, axis=-1)[..., :-1]
        found[..., :-2] += np.cumsum(lower[..., ::-1], axis=-1)[..., -2::-1]
        return found

    def by_one(self, k: int) -> FloatArray:
        """Differentiate all log probabilities (..., K) by one distance."""
        found = np.empty((*self.below.shape[:-1], self.below.shape[-1] + 1))
        found[..., :k] = self.lower[..., k : k + 1]
        found[..., k], found[..., k + 1] = self.below[..., k], self.above[..., k]
        found[..., k + 2 :] = self.higher[..., k : k + 1]
        return found
