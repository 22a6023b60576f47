"""Errors and warnings: one base class, messages that name the thing and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BayesmixError",
    "ComparisonWarning",
    "ConvergenceWarning",
    "DesignWarning",
    "FormulaError",
    "suggest",
]


# Characters of a formula that an error shows.
_LONGEST = 120


class BayesmixError(ValueError):
    """Base of every error that bayesmix raises for bad input."""


class FormulaError(BayesmixError):
    """A formula that cannot be read, shown with a caret under the place.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    text : str
        The formula as the user typed it.
    position : int, optional
        Index into `text` that the caret points to.
    """

    def __init__(self, message: str, text: str = "", position: int | None = None) -> None:
        self.text = text
        self.position = position
        self.message = message
        lines = [message]
        if text:
            shown, at = _excerpt(text, position)
            lines.append(f"    {shown}")
            if at is not None:
                lines.append("    " + " " * at + "^")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[FormulaError], tuple[str, str, int | None]]:
        """Pickle by the arguments, so that a worker process can hand the error back."""
        return (type(self), (self.message, self.text, self.position))


def _excerpt(text: str, position: int | None) -> tuple[str, int | None]:
    """Cut a long formula to what is round the position, and say where that is then."""
    if len(text) <= _LONGEST:
        return text, position
    centre = 0 if position is None else position
    start = max(0, min(centre - _LONGEST // 2, len(text) - _LONGEST))
    stop = start + _LONGEST
    before, after = "..." if start else "", "..." if stop < len(text) else ""
    at = None if position is None else position - start + len(before)
    return f"{before}{text[start:stop]}{after}", at


class DesignWarning(UserWarning):
    """The formula and the data can be fitted, but probably not as meant."""


class ConvergenceWarning(UserWarning):
    """The draws should not be trusted yet: divergences, R-hat or effective sample size."""


class ComparisonWarning(UserWarning):
    """A criterion should not be trusted yet: Pareto k or p_waic too high in some rows."""


def suggest(name: object, options: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'?"`` for the closest option, or an empty string.

    Parameters
    ----------
    name : object
        What came; anything that is no text is close to nothing.
    options : iterable of str
        What is allowed.

    Returns
    -------
    str

    Examples
    --------
    >>> suggest("ocasion", ["gpa", "occasion"])
    "Did you mean 'occasion'?"
    """
    known = [str(option) for option in options]
    matches = difflib.get_close_matches(name, known, n=1) if isinstance(name, str) else []
    return f"Did you mean '{matches[0]}'?" if matches else ""
