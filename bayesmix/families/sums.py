"""How rows with the same linear predictor add up to one row that says as much of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RowSums"]


@dataclass(frozen=True)
class RowSums:
    """What the sum of the responses of such rows is.

    Attributes
    ----------
    family : str
        Its distribution: a family with the same links.
    has_exposures : bool
        Whether means add up, so that rows may differ in their offsets, whose exponentials add up
        with them; otherwise trials do.
    """

    family: str
    has_exposures: bool = False
