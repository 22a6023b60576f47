"""Columns whose names need backquotes, typed without."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bayesmix.formula.tokens import is_plain, quote

__all__ = ["with_backquotes"]

_QUOTED = re.compile(r"('[^']*'|\"[^\"]*\"|`[^`]*`)")


def with_backquotes(text: str, columns: Iterable[str]) -> tuple[str, str, int] | None:
    """Put backquotes round the columns that need them and stand in a formula without.

    Parameters
    ----------
    text : str
        The formula, on one line.
    columns : iterable of str
        Names of the columns of the data.

    Returns
    -------
    tuple of str, str and int, or None
        The formula with backquotes, the first such column, and where it stands in `text`; None
        where there is none.

    Examples
    --------
    >>> with_backquotes("y ~ body mass + x", ["y", "body mass", "x"])
    ('y ~ `body mass` + x', 'body mass', 4)
    """
    odd = sorted((name for name in columns if _is_odd(name)), key=len, reverse=True)
    odd = [name for name in odd if _spaced(name) in text]
    if not odd:
        return None
    pattern = re.compile("|".join(map(_pattern, odd)))
    by_text = {_spaced(name): name for name in odd}
    parts, first = [], None
    position = 0
    for piece in _QUOTED.split(text):
        if first is None and not _QUOTED.fullmatch(piece) and (match := pattern.search(piece)):
            first = (by_text[match[0]], position + match.start())
        position += len(piece)
        is_quoted = _QUOTED.fullmatch(piece)
        parts.append(
            piece if is_quoted else pattern.sub(lambda match: quote(by_text[match[0]]), piece)
        )
    return None if first is None else ("".join(parts), *first)


def _is_odd(name: str) -> bool:
    return bool(name.strip()) and "`" not in name and not is_plain(name)


def _spaced(name: str) -> str:
    """Collapse white space as it is collapsed in the formula."""
    return re.sub(r"\s+", " ", name).strip()


def _pattern(name: str) -> str:
    """Match the name where no letter goes on before or after it."""
    name = _spaced(name)
    before = r"(?<![\w.])" if re.match(r"[\w.]", name) else ""
    after = r"(?![\w.])" if re.search(r"[\w.]$", name) else ""
    return before + re.escape(name) + after
