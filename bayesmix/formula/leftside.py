"""The left side of a formula: one column, one function of columns, or successes out of trials."""

from __future__ import annotations

from bayesmix.base.errors import short
from bayesmix.formula.brackets import BARS, Nodes, render, split
from bayesmix.formula.tokens import Node, Problem

__all__ = ["find", "response_text"]

# What brms adds to a response with a bar, and where it goes here.
_ADDITIONS = {
    "weights": "Pass weights={argument!r} to fit()",
    "se": "Pass se={argument!r} to fit()",
    "cens": "Censored responses are not there",
    "trunc": "Truncated responses are not there",
    "mi": "Missing responses are dropped: write {y} alone",
    "thres": "The number of thresholds is that of the categories: write {y} alone",
    "rate": "Write {y} ~ ... + offset(log({argument}))",
    "subset": "Pass the rows that you mean: data[data.{argument}]",
}


def response_text(nodes: Nodes) -> str:
    """Write the left side for formulae: ``"gpa"``, ``"I(a / n)"``, ``"p(successes, trials)"``."""
    start = nodes[0].start
    while len(nodes) == 1 and nodes[0].kind == "group":
        nodes = nodes[0].items
    for i, node in enumerate(nodes):
        if node.kind == "operator" and node.text in BARS:
            return _with_additions(nodes[:i], nodes[i + 1 :], node)
    written, node = render(nodes), nodes[0]
    if len(nodes) == 1 and node.kind == "call" and node.text == "cbind":
        return _from_cbind(node)
    if len(nodes) == 1 and node.kind in ("name", "quoted", "call", "brace", "subset"):
        return written
    for item in nodes:
        if item.kind == "operator" and item.text in (":", "%in%", "~", ",", "="):
            raise Problem(
                f"The response is {short(written)}, but one column or one function of columns "
                "can be it. Make the column in the data first.",
                start,
            )
    if len(nodes) == 1 or not any(_has_column(item) for item in nodes):
        raise Problem(
            f"The response is {short(written)}, but one column or one function of columns can be "
            "it. Name a column of the data: y ~ x.",
            start,
        )
    return f"I({written})"


def _has_column(node: Node) -> bool:
    return node.kind in ("name", "quoted", "subset") or any(map(_has_column, node.items))


def find(nodes: Nodes, written: str) -> int | None:
    """Find where a term stands, outside of functions."""
    for node in nodes:
        if node.kind in ("group", "structure"):
            at = find(node.items, written)
        else:
            at = node.start if render([node]) == written else None
        if at is not None:
            return at
    return None


def _with_additions(response: Nodes, additions: Nodes, bar: Node) -> str:
    """Read ``successes | trials(n)``; name what stands for brms's other additions."""
    y = render(response)
    trials = None
    for part in split(additions, ("+",)):
        node = part[0] if len(part) == 1 else Node("", "", bar.start)
        if node.kind != "call":
            raise Problem(
                f"A bar on the left of '~'. Write p({short(y)}, n) or {short(y)} | trials(n) "
                "for a binomial response; group effects stand on the right: (1 | g).",
                bar.start,
            )
        argument = short(render(node.items))
        if node.text == "trials" and trials is None:
            trials = render(node.items)
            continue
        advice = _ADDITIONS.get(node.text, "Weights and the like are arguments of fit()")
        raise Problem(
            f"{short(node.text)}() on the left of '~' is brms's. "
            f"{advice.format(argument=argument, y=short(y))}.",
            node.start,
        )
    if len(split(response, (",",))) > 1 or trials is None or "," in trials:
        raise Problem(f"Write p({short(y)}, n) for a binomial response.", bar.start)
    return f"p({y}, {trials})"


def _from_cbind(call: Node) -> str:
    """Rewrite cbind(successes, failures); cbind(a, n - a) has its trials written out."""
    arguments = [_value(argument) for argument in split(call.items, (",",))]
    if len(arguments) != 2 or not all(arguments):
        raise Problem(
            "cbind() takes successes and failures here: cbind(successes, failures), or "
            "p(successes, trials). Several responses are several models.",
            call.start,
        )
    successes, failures = map(render, arguments)
    if failures.endswith(f" - {successes}") and len(arguments[1]) == 3:
        return f"p({successes}, {failures.removesuffix(f' - {successes}')})"
    if successes.endswith(f" - {failures}") and len(arguments[0]) == 3:
        return f"p({successes}, {successes.removesuffix(f' - {failures}')})"
    return " ".join([f"p({successes},", _operand(arguments[0]), "+", f"{_operand(arguments[1])})"])


def _value(argument: Nodes) -> Nodes:
    """Leave the name of a column out: cbind(success = s, failure = f)."""
    if len(argument) > 2 and argument[1].kind == "operator" and argument[1].text == "=":
        return argument[2:]
    return argument


def _operand(argument: Nodes) -> str:
    written = render(argument)
    return written if len(argument) == 1 else f"({written})"
