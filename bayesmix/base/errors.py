"""Errors and warnings: one base class, messages that name the thing and the remedy."""

from __future__ import annotations

import difflib
import itertools
import os
import re
import warnings
from collections.abc import Iterable

__all__ = [
    "BayesmixError",
    "ComparisonWarning",
    "ConvergenceWarning",
    "DesignWarning",
    "FormulaError",
    "RowError",
    "closest",
    "readable",
    "short",
    "suggest",
    "warn",
]


# Characters of a formula that an error shows.
_LONGEST = 120
# Characters of a name or label that an error shows.
_LONGEST_LABEL = 60
# Names among which one that a typing error might have meant is looked for.
_MOST_SEARCHED = 5_000


# Characters of one label that a message repeats.
_LONGEST_RUN = 160
# Formulas that warnings offer have at most 500 characters, and must be whole.
_LONGEST_QUOTE = 600
# In quotes, the first of which has no letter before it, or without a space inside.
_LONG_RUN = re.compile(
    rf"(?:(?<=^')|(?<=[\s(\[{{=]'))[^'\n]{{{_LONGEST_QUOTE},}}(?=')|\S{{{_LONGEST_RUN},}}"
)


class BayesmixError(ValueError):
    """Base of every error that bayesmix raises for bad input.

    Parameters
    ----------
    message : str
        What is wrong and what to do; the middle of very long labels is left out.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(readable(message))


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
        self.message = readable(message)
        lines = [self.message]
        if text:
            shown, at = _excerpt(text, position)
            lines.append(f"    {shown}")
            if at is not None:
                lines.append("    " + " " * at + "^")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[FormulaError], tuple[str, str, int | None]]:
        """Pickle by the arguments, so that a worker process can hand the error back."""
        return (type(self), (self.message, self.text, self.position))


class RowError(BayesmixError):
    """Values that cannot be used in some rows, which can be said of the first of them alone.

    Parameters
    ----------
    what, remedy : str
        What is wrong, and what to do.
    rows : str
        Which rows are so; stands between the two.
    label : object
        Label of the first one.
    """

    def __init__(self, what: str, rows: str, remedy: str, label: object) -> None:
        self.what, self.rows, self.remedy, self.label = what, rows, remedy, label
        super().__init__(f"{what} {rows}. {remedy}")

    def at(self, row: int) -> str:
        """Say it of a row by its number, where not all rows were looked at."""
        return f"{self.what} in row {row} (counted from 0). {self.remedy}"

    def __reduce__(self) -> tuple[type[RowError], tuple[str, str, str, object]]:
        """Pickle by the arguments, so that a worker process can hand the error back."""
        return (type(self), (self.what, self.rows, self.remedy, self.label))


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
    matches = closest(name, options)
    return f"Did you mean '{matches[0]}'?" if matches else ""


def closest(name: object, options: Iterable[str]) -> list[str]:
    """Return the option that looks most like a name, in a list; none for very long names."""
    if not isinstance(name, str) or len(name) > _LONGEST_LABEL:
        return []
    known = [str(option) for option in itertools.islice(options, _MOST_SEARCHED)]
    known = [option for option in known if len(option) <= _LONGEST_LABEL]
    return difflib.get_close_matches(name, known, n=1)


def readable(message: str) -> str:
    """Leave the middle of very long labels out of a message.

    Examples
    --------
    >>> len(readable("x" * 3000))
    160
    """
    return _LONG_RUN.sub(lambda match: short(match[0], _LONGEST_RUN), message)


def short(text: object, limit: int = _LONGEST_LABEL) -> str:
    """Cut the middle out of a name or label that is too long for a message.

    Parameters
    ----------
    text : object
        What to show; its text is taken.
    limit : int
        Most characters to show.

    Returns
    -------
    str
        All of it on one line, characters that cannot be printed escaped.

    Examples
    --------
    >>> short("Schoolville, Upper Primary", limit=12)
    'Schoo...mary'
    """
    try:
        shown = str(text)
    except ValueError:  # a whole number of more than 4,300 digits
        shown = f"a {type(text).__name__} too long to write"
    if len(shown) > limit:
        half = (limit - 3) // 2
        shown = f"{shown[: limit - 3 - half]}...{shown[-half:]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


# Ends with a separator: a folder beside it may begin with the same letters.
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def warn(text: str, category: type[Warning]) -> None:
    """Warn at the line of the user's code that called into the package."""
    warnings.warn(text, category, skip_file_prefixes=(_PACKAGE,))
