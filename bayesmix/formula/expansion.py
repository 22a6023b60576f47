"""Sums and products of terms, written out: Wilkinson and Rogers' algebra as R's `terms` has it.

formulae would do most of it too, but its ``a/b`` fails where a is categorical and its sums recurse
once for each term.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from formulae.transforms import TRANSFORMS

from bayesmix.base.errors import short
from bayesmix.formula.brackets import EXAMPLE, Nodes, has_bar, render, split
from bayesmix.formula.margins import Interaction, margins_first
from bayesmix.formula.tokens import Node, Problem, quote

__all__ = ["Expansion", "expand", "is_bar"]

type Terms = dict[frozenset[str], Interaction]  # a:b and b:a are the same, and so are a:a and a

_MAX_TERMS = 5_000
_OF_NUMBERS = ("I", "center", "scale", "standardize")


@dataclasses.dataclass(frozen=True)
class Expansion:
    """A sum that is written out: ``0 + a*b + (1 | g)`` as ``0``, ``a``, ``b``, ``a:b`` and a bar.

    Attributes
    ----------
    intercept : bool
    terms : tuple of str
    bars : tuple of Node
    absent : tuple of tuple of str
        Each term that a minus takes away and that was not there, and the difference that may have
        been meant, ``("z", "I(x - z)")``, or nothing.
    """

    intercept: bool
    terms: tuple[str, ...]
    bars: tuple[Node, ...]
    absent: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return the sum without its bars, for formulae."""
        return " + ".join(["1" if self.intercept else "0", *self.terms])


def expand(nodes: Nodes, columns: Iterable[str] | None = None) -> Expansion:
    """Write out a sum.

    Parameters
    ----------
    nodes : tuple of Node
    columns : iterable of str, optional
        What ``.`` stands for; None where the data are not known.

    Returns
    -------
    Expansion

    Raises
    ------
    Problem
        A term that has no meaning, or that stands for too many.
    """
    expander = _Expander(columns)
    terms = margins_first(expander.sum(nodes).values())
    return Expansion(
        expander.intercept,
        tuple(map(":".join, terms)),
        tuple(expander.bars),
        tuple(dict.fromkeys(expander.absent)),
    )


def is_bar(term: Nodes) -> bool:
    """Tell whether a term is a bar in parentheses, or one with a covariance structure."""
    return len(term) == 1 and (
        term[0].kind == "structure" or (term[0].kind == "group" and has_bar(term[0].items))
    )


class _Expander:
    """Walks through a sum from left to right.

    As in R, a minus removes from what stands before it in its own parentheses, while the intercept
    is one switch for the whole sum, turned by the last 0 or 1 wherever it stands.
    """

    def __init__(self, columns: Iterable[str] | None) -> None:
        self.columns = columns
        self.intercept = True
        self.bars: list[Node] = []
        self.absent: list[tuple[str, str]] = []

    def sum(self, nodes: Nodes, *, adds: bool = True, in_product: bool = False) -> Terms:
        """Expand a sum; `adds` is False in parentheses after a minus."""
        if has_bar(nodes):
            raise Problem(_bar_without_parentheses(nodes), _first_bar(nodes))
        terms: Terms = {}
        added: Nodes = ()
        for sign, term in _summands(nodes):
            plus = sign == "+"
            node = term[0]
            alone = len(term) == 1
            if alone and node.kind == "number" and not in_product and _is_0_or_1(node):
                self.intercept = (Decimal(node.text) == 1) == (plus == adds)
                continue
            if is_bar(term) and not in_product:
                if not plus or not adds:
                    raise Problem(
                        f"A bar cannot be subtracted. Leave {short(render(term))} out of the "
                        "formula.",
                        node.start,
                    )
                self.bars.append(node)
                continue
            if alone and node.kind == "group" and not has_bar(node.items):
                part = self.sum(node.items, adds=adds == plus, in_product=in_product)
            else:
                part = self.product(term)
            if plus:
                added = term
                for key, one in part.items():
                    terms.setdefault(key, one)
            elif terms or (alone and node.kind == "group" and not part):
                if part and not part.keys() & terms.keys():
                    self.absent.append(_absent(added, term))
                for key in part:
                    terms.pop(key, None)
            else:
                raise Problem(
                    f"'- {short(render(term))}' removes a term, but there is none before it. "
                    "Put it after the terms that it removes from, as in a*b - a:b.",
                    node.start,
                )
        return terms

    def product(self, term: Nodes) -> Terms:
        """Expand ``*`` and ``/``, from left to right, then ``:``."""
        operators = [node.text for node in term if _is_operator(node, "*", "/")]
        terms: Terms = {}
        for operator, part in zip(["", *operators], split(term, ("*", "/")), strict=True):
            right: Terms = {frozenset(): ()}
            for factor in split(part, (":", "%in%")):
                right = _cross(right, self.power(factor), term)
            if operator == "/":
                nested = tuple(dict.fromkeys(name for one in terms.values() for name in one))
                terms |= _without(_cross({frozenset(nested): nested}, right, term), terms)
            elif operator == "*":
                _check_size(len(terms) + len(right) + len(terms) * len(right), term)
                crossed = _cross(terms, right, term)
                terms |= _without(right, terms)
                terms |= _without(crossed, terms)
            else:
                terms = right
        return terms

    def power(self, factor: Nodes) -> Terms:
        """Expand ``(a + b)**2``."""
        base = self.atom(factor[0])
        if len(factor) == 1:
            return base
        exponent = render(factor[2:])
        if factor[0].kind not in ("group", "dot") or len(base) < 2:
            written = short(render(factor[:1]))
            raise Problem(
                f"As a term, a power of {written} is {written} itself. Write "
                f"I({written}**{short(exponent)}) for the power of a column.",
                factor[1].start,
            )
        if not re.fullmatch(r"[1-9]\d*", exponent):
            raise Problem("A power of terms is a whole number: (a + b)**2.", factor[2].start)
        times = len(base) if len(exponent) > 9 else min(int(exponent), len(base))
        _check_size(sum(math.comb(len(base), k) for k in range(1, times + 1)), factor)
        terms = dict(base)
        newest = base
        for _ in range(times - 1):
            newest = _without(_cross(newest, base, factor), terms)
            terms |= newest
        return terms

    def atom(self, node: Node) -> Terms:
        """Give a column or a function as a term; raise for what formulae fails on or drops."""
        if node.kind in ("name", "quoted", "call", "brace"):
            written = render([node])
            return {frozenset([written]): (written,)}
        if node.kind == "dot":
            return self.others(node)
        if node.kind == "group" and not has_bar(node.items):
            return self.sum(node.items, in_product=True)
        raise Problem(_not_a_term(node), node.start)

    def others(self, node: Node) -> Terms:
        """Give the columns that a dot stands for."""
        if self.columns is None:
            raise Problem(
                "'.' stands for all other columns of the data, which are not known here. "
                "Name them: y ~ a + b.",
                node.start,
            )
        names = [quote(name) for name in self.columns]
        if not names:
            raise Problem(
                "'.' stands for all other columns, but the data have no other. Write y ~ 1 for an "
                "intercept alone.",
                node.start,
            )
        return {frozenset([name]): (name,) for name in names}


def _is_0_or_1(node: Node) -> bool:
    return Decimal(node.text) in (0, 1)


def _is_operator(node: Node, *operators: str) -> bool:
    return node.kind == "operator" and node.text in operators


def _summands(nodes: Nodes) -> Iterator[tuple[str, Nodes]]:
    """Yield "+" or "-" with the product that it adds or removes."""
    sign, term = "+", list[Node]()
    for node in (*nodes, Node("operator", "+", 0)):
        if node.kind == "sign" and not term:
            sign = "+" if sign == node.text else "-"
        elif not _is_operator(node, "+", "-"):
            term.append(node)
        else:
            yield sign, tuple(term)
            sign, term = node.text, []


def _absent(added: Nodes, term: Nodes) -> tuple[str, str]:
    """Describe a term that is taken away but not there, and the difference that may be meant."""
    taken = render(term)
    are_numbers = _may_be_number(added) and _may_be_number(term)
    return taken, f"I({render(added)} - {taken})" if are_numbers else ""


def _may_be_number(term: Nodes) -> bool:
    kind, text = term[0].kind, term[0].text
    is_call = kind == "call" and (text not in TRANSFORMS or text in _OF_NUMBERS)
    return len(term) == 1 and (is_call or kind in ("name", "quoted", "brace"))


def _cross(left: Terms, right: Terms, written: Nodes) -> Terms:
    """Join every term of one side with every term of the other."""
    _check_size(len(left) * len(right), written, 100 * _MAX_TERMS)
    crossed: Terms = {}
    for one_key, one in left.items():
        for other_key, other in right.items():
            key = one_key | other_key
            if key not in crossed:
                crossed[key] = tuple(dict.fromkeys(one + other))
    return crossed


def _without(terms: Terms, removed: Terms) -> Terms:
    return {key: one for key, one in terms.items() if key not in removed}


def _check_size(count: int, written: Nodes, limit: int = _MAX_TERMS) -> None:
    if count > limit:
        raise Problem(
            f"{short(render(written))} stands for up to {count:,} terms; {_MAX_TERMS:,} is the "
            "most. Name the interactions that you mean, or lower the power: (a + b + c)**2.",
            written[0].start,
        )


def _first_bar(nodes: Nodes) -> int:
    return next(node.start for node in nodes if has_bar([node]))


def _bar_without_parentheses(nodes: Nodes) -> str:
    at = next(i for i, node in enumerate(nodes) if has_bar([node]))
    factor = split(nodes[at + 1 :], ("+", "-", "~", "|", "||"))[0]
    return (
        "A bar without parentheses. Put them round the group effects: "
        f"({short(render(nodes[: at + 1]).rstrip())} {short(render(factor))})."
    )


def _not_a_term(node: Node) -> str:
    written = short(render([node]))
    if node.kind in ("group", "structure"):
        return (
            f"A bar inside a product. Bars are added, not multiplied: write x + {written}, "
            "and effects that vary inside: (x | g)."
        )
    if node.kind == "number":
        return (
            f"The number {written} cannot be here. 1 and 0 are terms of the sum, with and without "
            "an intercept; a computed column is I(2 * x)."
        )
    if node.kind == "sign":
        return f"A sign inside a product. Write I({written}x) for a computed column."
    if node.kind == "subset":
        level = short(render(node.items).strip("'\""))
        return (
            "One level in brackets can only be the response. "
            f"Write I({short(quote(node.text))} == '{level}') for an indicator."
        )
    return (
        f"{written} is not a column. Write a column name as it is, or in backquotes: `my column`. "
        f"A formula is such as {EXAMPLE}."
    )
