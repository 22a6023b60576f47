"""Tokens of a formula to nested brackets, and back to text that formulae reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from decimal import Decimal

from bayesmix.base.errors import short
from bayesmix.covariance.registry import STRUCTURES
from bayesmix.formula.tokens import CLOSING, COMPARISONS, Node, Problem, quote, tokenize

__all__ = ["BARS", "EXAMPLE", "Nodes", "has_bar", "read_nodes", "render", "split"]

type Nodes = tuple[Node, ...]

EXAMPLE = "'y ~ x + (1 + x | g)'"
BARS = ("|", "||")

# Calls with a bar inside, beside our own: MixedModels.jl's and glmmTMB's covariance structures.
_STRUCTURES = frozenset(
    [
        *STRUCTURES,
        "diag",
        "zerocorr",
        "homdiag",
        "cs",
        "homcs",
        "ar1",
        "hetar1",
        "ou",
        "toep",
        "homtoep",
        "exp",
        "gau",
        "mat",
        "rr",
        "fulldummy",
        "propto",
        "equalto",
        "unstr",
        "cosy",
    ]
)
_MAX_DEPTH = 50


def read_nodes(text: str) -> Nodes:
    """Nest the tokens by their brackets; see that operands and operators take turns."""
    return _Reader(text).read(None, in_call=False)


def _check_brackets(tokens: Iterable[Node]) -> None:
    """See that all brackets close: to be told first, as all else depends on it."""
    opened: list[Node] = []
    for token in tokens:
        if token.kind != "operator":
            continue
        if token.text in CLOSING:
            opened.append(token)
            if len(opened) > _MAX_DEPTH:
                raise Problem("Too many brackets inside one another. Remove some.", token.start)
        elif token.text in CLOSING.values():
            if not opened:
                raise Problem(f"'{token.text}' closes nothing. Remove or open it.", token.start)
            expected = CLOSING[opened[-1].text]
            if token.text != expected:
                raise Problem(
                    f"'{token.text}' cannot close '{opened[-1].text}'. Write '{expected}'.",
                    token.start,
                )
            opened.pop()
    if opened:
        bracket = opened[-1].text
        raise Problem(f"'{bracket}' is never closed. Add '{CLOSING[bracket]}'.", opened[-1].start)


class _Reader:
    """Nest the tokens by their brackets; see that operands and operators take turns."""

    def __init__(self, text: str) -> None:
        tokens = list(tokenize(text))
        _check_brackets(tokens)
        self.rest = tokens[::-1]
        self.has_tilde = False

    def read(self, opener: Node | None, in_call: bool) -> Nodes:
        """Read up to the bracket that closes `opener`; `in_call`: Python arithmetic, not terms."""
        items: list[Node] = []
        while self.rest:
            token = self.rest.pop()
            expects_operand = not items or items[-1].kind in ("operator", "sign")
            if token.kind != "operator":
                if not expects_operand:
                    raise Problem(_no_operator(items[-1], token), token.start)
                if token.kind == "dot" and in_call:
                    raise Problem(
                        "'.' stands for all other columns as terms, not inside a function. "
                        "Name the column.",
                        token.start,
                    )
                items.append(token)
            elif token.text in CLOSING:
                self.open(token, items, expects_operand, in_call)
            elif token.text in CLOSING.values():
                if expects_operand and (items or opener is None or opener.kind != "call"):
                    raise Problem(_no_operand(items, token, opener), token.start)
                return _powers(items, in_call)
            elif expects_operand and token.text in ("+", "-") and not has_bar(items[-1:]):
                items.append(dataclasses.replace(token, kind="sign"))
            elif expects_operand and token.text in ("+", "-"):
                raise Problem(_no_operand(items, token, opener), token.start)
            else:
                self.check_operator(token, items, opener, in_call)
                if expects_operand:
                    raise Problem(_no_operand(items, token, opener), token.start)
                items.append(token)
        if items and items[-1].kind in ("operator", "sign"):
            raise Problem(
                f"Nothing follows '{items[-1].text}'. Add a term, as in {EXAMPLE}.", items[-1].start
            )
        return _powers(items, in_call)

    def open(self, token: Node, items: list[Node], expects_operand: bool, in_call: bool) -> None:
        """Read a bracket and what it holds, and append it, or put it on the name before it."""
        last = items[-1] if items else token
        after_name = not expects_operand and last.kind == "name"
        if token.text == "(" and after_name:
            if not last.text[0].isalpha():
                raise Problem(
                    f"'{short(last.text)}' cannot be called here: formulae reads functions that "
                    "begin with a letter. Rename it.",
                    last.start,
                )
            is_structure = last.text in _STRUCTURES and not in_call and self.has_bar_ahead()
            call = Node("call", f"{last.text}(", last.start)
            inside = self.read(call, not is_structure)
            kind = "structure" if is_structure else "call"
            items[-1] = Node(kind, last.text, last.start, inside)
        elif token.text == "[":
            if not after_name and (expects_operand or last.kind != "quoted"):
                raise Problem(
                    "Lists cannot be written in a formula. Write c(1, 2), or put the list into a "
                    "variable and write its name: bs(x, knots=knots).",
                    token.start,
                )
            if in_call:
                raise Problem(
                    "One level in brackets can only be the response, y['yes'] ~ x. Write "
                    f"{short(last.text)} == 'yes' inside a function.",
                    token.start,
                )
            inside = self.read(token, True)
            if len(inside) != 1 or inside[0].kind not in ("name", "string"):
                raise Problem(
                    f"Write one level in the brackets, as text: {short(last.text)}['yes'].",
                    token.start,
                )
            name = last.text.strip("`")
            items[-1] = Node("subset", name, last.start, inside)
        elif not expects_operand:
            raise Problem(_no_operator(last, token), token.start)
        else:
            inside = self.read(token, in_call or token.text == "{")
            items.append(Node("group" if token.text == "(" else "brace", "", token.start, inside))

    def has_bar_ahead(self) -> bool:
        """Tell whether a bar stands in the bracket that was just opened, not deeper."""
        depth = 0
        for token in reversed(self.rest):
            if token.kind != "operator":
                continue
            depth += (token.text in CLOSING) - (token.text in CLOSING.values())
            if depth < 0:
                return False
            if depth == 0 and token.text in BARS:
                return True
        return False

    def check_operator(
        self, token: Node, items: list[Node], opener: Node | None, in_call: bool
    ) -> None:
        """Raise where an operator cannot stand, whatever is on its sides."""
        operator = token.text
        directly_in_call = opener is not None and opener.kind == "call"
        in_terms = opener is None or not in_call
        message = ""
        if operator == "//":
            message = "'//' is not read in formulas. Make the column in the data first."
        elif operator == "~" and (opener or self.has_tilde):
            message = f"A second '~', or one in brackets. A formula has one '~', as in {EXAMPLE}."
        elif operator == "~":
            self.has_tilde = True
        elif operator == "," and not directly_in_call:
            message = "',' stands only between the arguments of a function. Join terms with +."
        elif operator == "=" and not directly_in_call:
            message = (
                "'=' stands only in the arguments of a function, as in bs(x, df=4). "
                f"Write ~ between response and effects, as in {EXAMPLE}, and == to compare."
            )
        elif operator == "=" and not (
            items and items[-1].kind == "name" and (len(items) == 1 or items[-2].text == ",")
        ):
            message = "Only the name of an argument stands before '=', as in bs(x, df=4)."
        elif operator in COMPARISONS and in_terms and self.is_on_the_right(opener):
            message = (
                f"'{operator}' stands only inside a function. "
                f"Write I(x {operator} 3) for a column that compares."
            )
        elif operator in COMPARISONS and _follows_comparison(items):
            message = "Put parentheses round each comparison: (a < b) * (b < c), f(k=(a == b))."
        elif operator == ":" and in_call and not (opener is not None and opener.text == "cs("):
            message = (
                "':' has no meaning inside a function. Multiply with *, or move the interaction "
                "outside: f(a):b."
            )
        elif operator == "%in%" and in_call:
            message = (
                "'%in%' joins terms and is not read inside a function. Write "
                "(x == 'a') + (x == 'b') for the values of a column."
            )
        elif operator in BARS and in_call:
            name = short(opener.text[:-1]) if opener is not None and directly_in_call else ""
            message = (
                f"A bar inside {name + '(...)' if name else 'a function or braces'}. "
                "Group effects are terms of the sum on the right"
                + (f": write {name} + (1 | g) if {name} is a column." if name else ".")
            )
        if message:
            raise Problem(message, token.start)

    def is_on_the_right(self, opener: Node | None) -> bool:
        """Tell whether terms are read here; a response may compare, as in ``y > 3 ~ x``."""
        if opener is not None or self.has_tilde:
            return True
        return not any(token.text == "~" for token in self.rest)


def _powers(items: list[Node], in_call: bool) -> Nodes:
    """Read powers as R and Python do, -x**2 as -(x**2) and a**b**c as a**(b**c).

    formulae does not, so that these get parentheses; as terms they have no meaning.
    """
    i = len(items) - 2
    while i > 0:
        is_power = items[i].kind == "operator" and items[i].text == "**"
        before = items[i - 2] if i > 1 else None
        if is_power and before is not None and (before.kind == "sign" or before.text == "**"):
            if not in_call:
                what = "A sign before a power" if before.kind == "sign" else "A power of a power"
                place = before if before.kind == "sign" else items[i]
                raise Problem(
                    f"{what} has no meaning for terms. Write I(-(x**2)) for a computed column, "
                    "(a + b)**2 for interactions.",
                    place.start,
                )
            stop = i + 2
            while items[stop - 1].kind == "sign":
                stop += 1
            inside = tuple(items[i - 1 : stop])
            items[i - 1 : stop] = [Node("group", "", inside[0].start, inside)]
        i -= 1
    return tuple(items)


def _follows_comparison(items: list[Node]) -> bool:
    """Tell whether ``=`` or a comparison stands before in the same argument."""
    argument = split(tuple(items), (",",))[-1]
    return any(node.kind == "operator" and node.text in ("=", *COMPARISONS) for node in argument)


def has_bar(items: Iterable[Node]) -> bool:
    """Tell whether a bar is among these nodes, not deeper."""
    return any(item.kind == "operator" and item.text in BARS for item in items)


def split(nodes: Nodes, operators: tuple[str, ...]) -> list[Nodes]:
    """Part nodes at some operators."""
    parts: list[list[Node]] = [[]]
    for node in nodes:
        if node.kind == "operator" and node.text in operators:
            parts.append([])
        else:
            parts[-1].append(node)
    return [tuple(part) for part in parts]


_LOGICAL = {
    "and": "Multiply what must both hold: I((x > 0) * (z > 0))",
    "or": "Add where one is enough: I(((x > 0) + (z > 0)) > 0)",
    "not": "Compare with zero: I((x > 0) == 0)",
    "in": "Add the values: I((x == 'a') + (x == 'b'))",
}


def _no_operator(left: Node, right: Node) -> str:
    for node in (right, left):
        if node.kind == "name" and node.text in _LOGICAL:
            return f"'{node.text}' is not read in formulas. {_LOGICAL[node.text]}."
    first = short(render([left]))
    second = right.text if right.text in CLOSING else short(render([right]))
    return f"No operator between {first} and {second}. Join terms with +, as in {EXAMPLE}."


def _no_operand(items: list[Node], token: Node, opener: Node | None) -> str:
    if token.text == "~":
        return (
            f"Nothing before '~'. Name the response: y {token.text} x."
            if not items
            else f"Nothing between '{items[-1].text}' and '~'. Name one response: y ~ x."
        )
    if token.text in BARS and not items:
        return f"No effects before '{token.text}'. Write (1 {token.text} g) for an intercept per g."
    if has_bar(items[-1:]):
        if token.text in BARS:
            return (
                "Two bars in one term. Write (x | g), or (x || g) without a space between; a name "
                "between them, (x | p | g), says which bars have correlated effects."
            )
        return "No grouping factor after the bar. Name a column: (1 | g)."
    if not items and opener is not None and CLOSING.get(opener.text) == token.text:
        return f"Nothing between '{opener.text}' and '{token.text}'. Write a term or remove them."
    place = f"between '{items[-1].text}' and" if items else "before"
    return f"Nothing stands {place} '{token.text}'. Add a term or remove the operator."


def render(items: Iterable[Node]) -> str:
    """Write nodes as canonical text that formulae reads."""
    parts: list[str] = []
    for item in items:
        match item.kind:
            case "name":
                parts.append(quote(item.text))
            case "number":
                parts.append(f"{Decimal(item.text):f}")  # formulae knows no exponents
            case "call" | "structure":
                parts.append(f"{item.text}({render(item.items)})")
            case "subset":
                parts.append(f"{quote(item.text)}[{render(item.items)}]")
            case "group":
                parts.append(f"({render(item.items)})")
            case "brace":
                parts.append(f"{{{render(item.items)}}}")
            case "operator" if item.text == ",":
                parts.append(", ")
            case "operator" if item.text not in (":", "**", "="):
                parts.append(f" {item.text} ")
            case _:
                parts.append(item.text)
    return "".join(parts)
