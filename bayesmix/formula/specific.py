"""Effects that differ between the thresholds of ordered categories: brms's ``cs(x)``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from bayesmix.base.errors import short
from bayesmix.formula.bars import Bar
from bayesmix.formula.brackets import Nodes, read_nodes, render, split
from bayesmix.formula.expansion import Expansion, expand
from bayesmix.formula.tokens import Problem

__all__ = ["WORD", "check_bars", "take_specific"]

WORD = "cs"


def take_specific(expansion: Expansion) -> tuple[Expansion, str]:
    """Take the terms ``cs(...)`` out of a sum.

    Parameters
    ----------
    expansion : Expansion

    Returns
    -------
    Expansion
        Without them.
    str
        What is inside them, a sum for formulae that begins with ``1``; empty if there are none.

    Raises
    ------
    Problem
        They stand in a product, hold no terms, or hold what stands outside, too.
    """
    common, inside = [], list[str]()
    for term in expansion.terms:
        nodes = read_nodes(term)
        if not _has_word(nodes):
            common.append(term)
        elif len(nodes) > 1:
            raise Problem(
                f"{WORD}() in a product, {short(term)}. Write the product inside it: {WORD}(a*b)."
            )
        else:
            inside += _terms_inside(nodes)
    inside = list(dict.fromkeys(inside))
    for term in inside:
        if term in common:
            raise Problem(
                f"{short(term)} stands in the sum and in {WORD}(), so that only the sum of both "
                f"effects is known. Leave one of them out: {WORD}({short(term)}) is all of it."
            )
    left = dataclasses.replace(expansion, terms=tuple(common))
    return left, " + ".join(["1", *inside]) if inside else ""


def check_bars(bars: Iterable[Bar]) -> None:
    """Refuse effects of groups that differ between thresholds."""
    for bar in bars:
        if any(
            _has_word(split(term, (":",))[0]) for term in split(read_nodes(bar.effects), ("+",))
        ):
            raise Problem(
                f"{WORD}() in a bar, {short(str(bar))}. Effects of groups are the same at all "
                "thresholds: write (1 | g) or (1 + x | g)."
            )


def _has_word(nodes: Nodes) -> bool:
    return any(node.kind == "call" and node.text == WORD for node in nodes)


def _terms_inside(nodes: Nodes) -> tuple[str, ...]:
    """Write out the sum inside ``cs(...)``."""
    written = render(nodes)
    arguments = split(nodes[0].items, (",",))
    text = "" if not nodes[0].items else render(arguments[0])
    if len(arguments) > 1 or not text or "=" in {node.text for node in arguments[0]}:
        raise Problem(f"{short(written)} takes a sum of terms. Write {WORD}(x) or {WORD}(a + b).")
    inside = expand(read_nodes(text))
    if not inside.terms or inside.bars or not inside.intercept:
        raise Problem(
            f"{short(written)} takes terms beside the thresholds, which differ anyway. Write "
            f"{WORD}(x) or {WORD}(a + b)."
        )
    for term in inside.terms:
        if _has_word(read_nodes(term)):
            raise Problem(f"{short(written)} is {WORD}() twice. Write it once: {WORD}(x).")
        if any(node.kind == "call" and node.text == "offset" for node in read_nodes(term)):
            raise Problem(
                f"An offset in {short(written)}. It has no effect to differ: write it outside."
            )
    return inside.terms
