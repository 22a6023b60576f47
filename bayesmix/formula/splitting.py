"""A formula rewritten as that of another model, near to what the user typed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from bayesmix.base.errors import FormulaError
from bayesmix.formula.formula import Bar, Formula, parse_formula

__all__ = ["with_bars"]

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_RESPONSE = "bayesmix_response"


def with_bars(formula: Formula, change: Callable[[Bar], Bar]) -> Formula:
    """Change the bars of a formula, and write a formula that has these bars.

    Parameters
    ----------
    formula : Formula
    change : callable
        Makes the new bar of an old one, of the same effects and factor.

    Returns
    -------
    Formula
        Its `text` reads as its bars; the same object where no bar changes. Only the signs of the
        bars differ from what the user typed; where that cannot be, all of it is written anew.

    Examples
    --------
    >>> from bayesmix.formula.formula import Bar, parse_formula
    >>> formula = parse_formula("y ~ x*z + (x | a/b) + (1 | c)")
    >>> split = with_bars(formula, lambda bar: Bar(bar.effects, bar.factor, bar.effects == "1"))
    >>> split.text
    'y ~ x*z + (x || a/b) + (1 | c)'
    """
    bars = tuple(map(change, formula.bars))
    if bars == formula.bars:
        return formula
    new = dataclasses.replace(formula, bars=bars)
    text = _retyped(formula.text, change)
    if text is None or _parsed(text) != dataclasses.replace(new, text=text):
        text = str(new)
    return dataclasses.replace(new, text=text)


def _parsed(text: str) -> Formula | None:
    try:
        return parse_formula(text)
    except FormulaError:
        return None


def _retyped(text: str, change: Callable[[Bar], Bar]) -> str | None:
    """Put new signs into the text for those of its bars that change; None if one is not found."""
    # Quoted names may hold any character.
    plain = _QUOTED.sub(lambda match: "_" * len(match[0]), text)
    edits, done = [], 0
    for match in re.finditer(r"\|\|?", plain):
        if match.start() < done:
            continue  # the second of (x | p | g)
        start, stop = _brackets(plain, match.start())
        done = stop
        written = _parsed(f"{_RESPONSE} ~ {text[start:stop]}")
        if written is None or len(written.bars) == 0:
            return None
        old = written.bars[0]
        new = change(old)
        if new != old:
            inside = text[text.index("(", start) + 1 : match.start()]
            after = plain.index("|", match.end()) + 1 if old.id and not new.id else match.end()
            rest = text[after:stop]
            edits.append((start, stop, f"{new.word}({inside}{new.sign}{rest}"))
    for start, stop, piece in reversed(edits):
        text = text[:start] + piece + text[stop:]
    return text


def _brackets(plain: str, at: int) -> tuple[int, int]:
    """Find the brackets round a bar, with the word before them."""
    depth, start = 0, at
    while start > 0 and depth >= 0:
        start -= 1
        depth += (plain[start] == ")") - (plain[start] == "(")
    depth, stop = 0, at
    while stop < len(plain) and depth >= 0:
        depth += (plain[stop] == "(") - (plain[stop] == ")")
        stop += 1
    word = re.search(r"\w*$", plain[:start])
    return start - (len(word[0]) if word else 0), stop
