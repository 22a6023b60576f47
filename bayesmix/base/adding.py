"""Sums of many parts, made as the parts come."""

from __future__ import annotations

from typing import Any, Protocol, Self

__all__ = ["Adder", "Summed", "Sums"]


class Summed(Protocol):
    """What is known of some rows, and adds up to what is known of all."""

    def __add__(self, other: Any, /) -> Self:
        """Add what is known of other rows."""
        ...


class Sums[S: Summed](Protocol):
    """What is known of the rows so far: it begins without any, and is added to part by part."""

    def add(self, part: Any, /) -> None:
        """Add some rows."""
        ...

    def total(self) -> S | None:
        """Return what is known of all of them; None without any."""
        ...


class Adder[S: Summed]:
    """Parts added in pairs of about the same size; never more than a few are kept.

    Parts of two are added once there are two of them, those of four likewise, and so on: each part
    is added as often as the logarithm of their number says, and not as often as there are parts.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, S]] = []

    def add(self, part: S | None) -> None:
        """Add a part; None is one without rows."""
        if part is None:
            return
        size = 1
        while self._waiting and self._waiting[-1][0] == size:
            part = self._waiting.pop()[1] + part
            size *= 2
        self._waiting.append((size, part))

    def total(self) -> S | None:
        """Return the sum of all parts; None without any."""
        total: S | None = None
        for _, part in reversed(self._waiting):
            total = part if total is None else part + total
        return total
