"""A formula written as a change of another one: ``". ~ . + x"``, as R's `update` reads it."""

from __future__ import annotations

import re

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, FormulaError
from bayesmix.formula.brackets import Nodes, read_nodes, render
from bayesmix.formula.expansion import is_bar
from bayesmix.formula.formula import Formula
from bayesmix.formula.tokens import Problem, one_line

__all__ = ["updated"]

# One that is no part of a name or of a number.
_DOT = re.compile(r"(?<![\w.`\])])\.(?![\w.`])")


def updated(old: Formula, change: object, argument: str = "formula") -> str:
    """Write the formula that a change makes of another.

    Parameters
    ----------
    old : Formula
    change : str
        A formula in which ``.`` stands for the same side of the old one. ``- x`` takes a term away,
        ``- (1 | g)`` a bar. Without a dot it is the new formula itself.
    argument : str
        For the messages.

    Returns
    -------
    str

    Raises
    ------
    BayesmixError
        It is no text, is no formula, or takes a bar away that is not there.

    Examples
    --------
    >>> from bayesmix.formula.formula import parse_formula
    >>> old = parse_formula("y ~ x + (1 + x | g) + (1 | h)")
    >>> updated(old, ". ~ . + z - (1 | h)")
    'y ~ x + (1 + x | g) + z'
    >>> updated(old, "log(.) ~ .")
    'log(y) ~ x + (1 + x | g) + (1 | h)'
    """
    if not isinstance(change, str):
        raise BayesmixError(
            f"{argument}={shown(change)} is no formula. Write the new one, or a change of the old "
            "one such as '. ~ . + x'."
        )
    text = one_line(change)
    left, tilde, right = text.partition("~")
    if not tilde:
        raise BayesmixError(
            f"{argument}={shown(change)} has no '~'. Write the new formula, or a change of the old "
            "one such as '. ~ . + x'."
        )
    try:
        return f"{_left(old, left.strip())} ~ {_right(old, right.strip())}"
    except Problem as problem:
        raise FormulaError(problem.message, text, None) from None


def _left(old: Formula, text: str) -> str:
    """Put the old response for the dot; nothing stands for it, too."""
    own = old.text.partition("~")[0].strip() if "`" not in old.text else old.response
    return _DOT.sub(lambda match: own, text) if text else own


def _right(old: Formula, text: str) -> str:
    nodes = read_nodes(text)
    if not nodes:
        raise Problem("Nothing follows '~'. Write '. ~ .' for the terms of the old formula.")
    own = _right_of(old)
    kept, taken = [], []
    for sign, term in _summands(nodes):
        if sign == "-" and is_bar(term):
            taken.append(render(term))
            continue
        written = _with_dots(render(term), own if _is_dot(term) else f"({own})")
        kept.append((sign, written))
    made = "".join(
        written if place == 0 and sign == "+" else f" {sign} {written}"
        for place, (sign, written) in enumerate(kept)
    ).strip()
    return _without_bars(made or "1", taken)


def _right_of(old: Formula) -> str:
    """Return the right side as the user wrote it."""
    if "`" in old.text.partition("~")[0]:  # a tilde may be part of a name
        return str(old).partition(" ~ ")[2]
    return old.text.partition("~")[2].strip()


def _is_dot(term: Nodes) -> bool:
    return len(term) == 1 and term[0].kind == "dot"


def _summands(nodes: Nodes) -> list[tuple[str, Nodes]]:
    """Part a side at the signs between its terms."""
    found: list[tuple[str, Nodes]] = []
    sign, term = "+", []
    for node in nodes:
        is_sign = node.kind in ("operator", "sign") and node.text in ("+", "-")
        if not is_sign:
            term.append(node)
            continue
        if term:
            found.append((sign, tuple(term)))
        sign, term = node.text, []
    if term:
        found.append((sign, tuple(term)))
    return found


def _with_dots(text: str, own: str) -> str:
    """Write `own` for each dot that stands by itself."""
    parts, position = [], 0
    for place in _dots(read_nodes(text)):
        parts += [text[position:place], own]
        position = place + 1
    return "".join([*parts, text[position:]])


def _dots(nodes: Nodes) -> list[int]:
    found = []
    for node in nodes:
        if node.kind == "dot":
            found.append(node.start)
        found += _dots(node.items)
    return sorted(found)


def _without_bars(text: str, taken: list[str]) -> str:
    """Leave bars out of a sum, each as it is written there."""
    if not taken:
        return text
    kept = _summands(read_nodes(text))
    for bar in taken:
        same = [pair for pair in kept if is_bar(pair[1]) and render(pair[1]) == bar]
        if not same:
            bars = [render(term) for _, term in kept if is_bar(term)]
            raise Problem(
                f"'- {bar}' takes away a bar that is not there. Bars: {', '.join(bars) or 'none'}."
            )
        kept = [pair for pair in kept if pair not in same]
    return (
        "".join(
            render(term) if place == 0 and sign == "+" else f" {sign} {render(term)}"
            for place, (sign, term) in enumerate(kept)
        ).strip()
        or "1"
    )
