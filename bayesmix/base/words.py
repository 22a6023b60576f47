"""Numbers and their nouns."""

from __future__ import annotations

__all__ = ["count", "have", "their"]


def have(number: int) -> str:
    """Choose the verb that goes with a number."""
    return "has" if number == 1 else "have"


def their(number: int) -> str:
    """Choose the pronoun that goes with a number."""
    return "its" if number == 1 else "their"


def count(number: int, noun: str) -> str:
    """Write a number with its noun, in the plural where it is not one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
