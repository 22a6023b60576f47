"""Where a parameter of a distribution may lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray

__all__ = ["ORDERED", "POSITIVE", "REAL", "UNIT", "Support", "above"]


@dataclass(frozen=True)
class Support:
    """An interval of numbers, or rising sequences of them.

    Attributes
    ----------
    lower, upper : float
        The bounds, which belong to it only where they are limits of what is inside.
    where : str
        The interval in words: ``"on the positive numbers"``.
    example : str
        A prior that fits, as a user writes it.
    is_ordered : bool
        Whether the elements of a parameter with a length rise.
    """

    lower: float
    upper: float
    where: str
    example: str
    is_ordered: bool = False

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound."""
        return self.lower, self.upper

    @property
    def has_bounds(self) -> bool:
        """Whether some numbers lie outside."""
        return math.isfinite(self.lower) or math.isfinite(self.upper)

    def holds(self, values: npt.ArrayLike) -> bool:
        """Tell whether numbers lie inside, and rise along the last axis where they must."""
        numbers = np.asarray(values, dtype=np.float64)
        inside = np.isfinite(numbers) & (self.lower < numbers) & (numbers < self.upper)
        rises = not self.is_ordered or (np.diff(numbers, axis=-1) > 0).all()
        return bool(inside.all() and rises)

    def scale(self, values: npt.ArrayLike) -> FloatArray:
        """Measure what a change of numbers inside is small against: their size, and their room."""
        numbers = np.asarray(values, dtype=np.float64)
        room = np.minimum(numbers - self.lower, self.upper - numbers)
        if self.is_ordered:
            gaps = np.diff(numbers, axis=-1)
            none = np.full((*numbers.shape[:-1], 1), np.inf)
            after, before = np.append(gaps, none, axis=-1), np.append(none, gaps, axis=-1)
            room = np.minimum(room, np.minimum(before, after))
        return np.minimum(np.maximum(1.0, np.abs(numbers)), room)

    def may_hold(self, values: npt.ArrayLike) -> bool:
        """Tell whether numbers that are rounded may come from inside: the bounds count."""
        numbers = np.asarray(values, dtype=np.float64)
        inside = (self.lower <= numbers) & (numbers <= self.upper)
        rises = not self.is_ordered or (np.diff(numbers, axis=-1) >= 0).all()
        return bool(inside.all() and rises)


_NORMAL = "Prior('Normal', mu=0, sigma=1)"
REAL = Support(-math.inf, math.inf, "on the real numbers", _NORMAL)
POSITIVE = Support(0.0, math.inf, "on the positive numbers", "Prior('HalfNormal', sigma=1)")
UNIT = Support(0.0, 1.0, "between 0 and 1", "Prior('Beta', alpha=2, beta=2)")
ORDERED = Support(-math.inf, math.inf, "on the real numbers", _NORMAL, is_ordered=True)


def above(lower: float) -> Support:
    """Return the numbers above a bound."""
    example = f"Prior('TruncatedNormal', mu={lower:g}, sigma=1, lower={lower:g})"
    return Support(lower, math.inf, f"above {lower:g}", example)
