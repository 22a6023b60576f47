"""Numbers and their nouns."""

from __future__ import annotations

__all__ = ["count", "have", "percentage", "their"]


def have(number: int) -> str:
    """Choose the verb that goes with a number."""
    return "has" if number == 1 else "have"


def their(number: int) -> str:
    """Choose the pronoun that goes with a number."""
    return "its" if number == 1 else "their"


def count(number: int, noun: str, plural: str = "", *, commas: bool = False) -> str:
    """Write a number with its noun, in the plural where it is not one."""
    shown = f"{number:,}" if commas else f"{number}"
    return f"{shown} {noun if number == 1 else plural or noun + 's'}"


def percentage(part: int, whole: int) -> str:
    """Write a share in percent, without rounding a few to none or to all."""
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "less than 1 %"
    if 99 < percent < 100:
        return "more than 99 %"
    return f"{percent:.0f} %"
