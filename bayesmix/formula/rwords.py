"""R's words in a formula, rewritten to what formulae has.

Only what changes a label or the shape of a term is rewritten here: ``factor(g)`` is ``C(g)``.
Elementwise functions keep their names and are found in `bayesmix.formula.rfunctions`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from bayesmix.base.errors import short
from bayesmix.formula.brackets import Nodes, render, split
from bayesmix.formula.tokens import Node, Problem, quote

__all__ = ["CONTRASTS", "rewrite"]

_REDUCTIONS = {
    "mean": "np.mean",
    "median": "np.median",
    "min": "np.min",
    "max": "np.max",
    "sum": "np.sum",
    "sd": "np.std",
    "var": "np.var",
    "quantile": "np.quantile",
}
_CONTRASTS: Mapping[str, str] = {
    "treatment": "Treatment",
    "sum": "Sum",
    "helmert": "Helmert",
    "poly": "Poly",
    "sdif": "Diff",
    "diff": "Diff",
}
CONTRASTS = frozenset(_CONTRASTS.values())
"""Names of contrasts as formulas have them here."""

type _Arguments = tuple[list[Nodes], dict[str, Nodes]]


def rewrite(nodes: Nodes, is_own: Callable[[str], bool]) -> Nodes:
    """Put formulae's words for R's.

    Parameters
    ----------
    nodes : tuple of Node
    is_own : callable
        Whether the user has a function of that name, which then is meant.

    Returns
    -------
    tuple of Node
    """
    return tuple(
        _rewrite(node, is_own) if node.items or node.kind == "call" else node for node in nodes
    )


def _rewrite(node: Node, is_own: Callable[[str], bool]) -> Node:
    node = dataclasses.replace(node, items=rewrite(node.items, is_own))
    if node.kind != "call" or is_own(node.text):
        return node
    if not node.items:
        return node
    node = dataclasses.replace(node, items=_with_constants(node.items))
    rewriter = _REWRITERS.get(node.text)
    return node if rewriter is None else rewriter(node)


def _with_constants(items: Nodes) -> Nodes:
    """Read T and F as R does where they are whole arguments, but not the first."""
    nodes = list(items)
    for i in range(1, len(nodes)):
        is_last = i + 1 == len(nodes) or nodes[i + 1].text == ","
        is_whole = is_last and nodes[i - 1].text in (",", "=")
        if is_whole and nodes[i].kind == "name" and nodes[i].text in ("T", "F"):
            value = "True" if nodes[i].text == "T" else "False"
            nodes[i] = Node("constant", value, nodes[i].start)
    return tuple(nodes)


def _arguments(node: Node) -> _Arguments:
    positional: list[Nodes] = []
    named: dict[str, Nodes] = {}
    for argument in split(node.items, (",",)) if node.items else []:
        if len(argument) > 1 and argument[1].text == "=" and argument[1].kind == "operator":
            named[argument[0].text] = argument[2:]
        else:
            positional.append(argument)
    return positional, named


def _call(name: str, start: int, *arguments: Nodes, **named: Nodes) -> Node:
    items: list[Node] = []
    for argument in arguments:
        items += [*([Node("operator", ",", start)] if items else []), *argument]
    for key, argument in named.items():
        items += [*([Node("operator", ",", start)] if items else [])]
        items += [Node("name", key, start), Node("operator", "=", start), *argument]
    return Node("call", name, start, tuple(items))


def _is(argument: Nodes, kind: str, *texts: str) -> bool:
    return (
        len(argument) == 1 and argument[0].kind == kind and (not texts or argument[0].text in texts)
    )


def _shown(nodes: Nodes) -> str:
    return short(render(nodes))


def _not_read(node: Node, names: list[str], advice: str) -> Problem:
    given = ", ".join(f"{short(name)}=" for name in names) or "so many arguments"
    return Problem(f"{node.text}() is not read with {given}. {advice}", node.start)


def _factor(node: Node) -> Node:
    """factor(g), factor(g, levels=c("b", "a")), ordered(g)."""
    positional, named = _arguments(node)
    positional += [named.pop("x")] if "x" in named else []
    levels = named.pop("levels", positional[1] if len(positional) == 2 else None)
    is_ordered = node.text.endswith("ordered")
    ordered = named.pop("ordered", None)
    if ordered is not None and _is(ordered, "constant", "True"):
        is_ordered = True
    if named or not 1 <= len(positional) <= 2:
        raise _not_read(
            node,
            list(named),
            "Make the categories in the data first: data['g'] = pd.Categorical("
            "data['g'], categories=['a', 'b']).",
        )
    arguments = [positional[0]]
    if is_ordered:
        arguments.append((Node("name", "Poly", node.start),))
    return _call("C", node.start, *arguments, **({} if levels is None else {"levels": levels}))


def _relevel(node: Node) -> Node:
    """relevel(f, ref="b")."""
    positional, named = _arguments(node)
    reference = named.pop("ref", positional[1] if len(positional) == 2 else ())
    if named or not positional or not _is(reference, "string"):
        raise _not_read(
            node,
            list(named) or ["ref"],
            "Name the reference: relevel(f, ref='b'), which is C(f, Treatment('b')).",
        )
    return _call(
        "C", node.start, _plain(positional[0]), (_call("Treatment", node.start, reference),)
    )


def _plain(argument: Nodes) -> Nodes:
    """Take the column out of a C() around it alone."""
    node = argument[0]
    if len(argument) == 1 and node.kind == "call" and node.text == "C":
        positional, named = _arguments(node)
        if len(positional) == 1 and not named:
            return positional[0]
    return argument


def _contrasts(node: Node) -> Node:
    """C(f, contr.sum), C(f, "contr.helmert"), C(f, contr.treatment(base = 2)), C(f, base = 2)."""
    positional, named = _arguments(node)
    for name in ("contr", "contrast", "contrasts"):
        if name in named and len(positional) == 1:
            positional.append(named.pop(name))
    base = named.pop("base", None)
    if len(positional) == 1 and base is None:
        return _call("C", node.start, positional[0], **named)
    if len(positional) == 1:
        positional.append((Node("name", "contr.treatment", node.start),))
    if not positional:
        return node
    contrast = positional[1]
    word = _contrast_word(contrast)
    if word is None:
        return node
    if len(positional) > 2 or "how" in named or "how.many" in named:
        raise _not_read(
            node,
            [],
            f"Write C({_shown(positional[0])}, {_CONTRASTS.get(word, word)}), with all columns.",
        )
    inner = _arguments(contrast[0])[1] if contrast[0].kind == "call" else {}
    if base is None:
        base = inner.pop("base", None)
    numbers = _arguments(contrast[0])[0] if contrast[0].kind == "call" else []
    if word == "treatment" and base is None and len(numbers) == 2:
        base = numbers[1]
    extra = [name for name in inner if name not in ("n", "contrasts")]
    strange = [one for one in (*numbers[:1], *filter(None, [inner.get("n")])) if not _counts(one)]
    if strange:
        raise Problem(
            f"{contrast[0].text}() takes a number of levels. "
            f"Write C({_shown(positional[0])}, {_CONTRASTS.get(word, word)}).",
            contrast[0].start,
        )
    if extra or (base is not None and word != "treatment"):
        raise _not_read(
            node,
            extra or ["base"],
            f"Write C({_shown(positional[0])}, {_CONTRASTS.get(word, word)}).",
        )
    return _call("C", node.start, positional[0], (_contrast(word, base, node.start),), **named)


def _counts(argument: Nodes) -> bool:
    """Whether the first argument of ``contr.sum`` is a number of levels, or the levels."""
    if len(argument) != 1:
        return False
    (node,) = argument
    return node.kind == "number" or (node.kind == "call" and node.text in ("levels", "nlevels"))


def _contrast_word(contrast: Nodes) -> str | None:
    """Tell which of R's contrasts is meant: ``contr.sum``, ``sum``, ``"contr.sum"``."""
    if len(contrast) != 1 or contrast[0].kind not in ("name", "string", "call"):
        return None
    word = contrast[0].text.strip("'\"")
    is_r = word.startswith("contr.")
    word = word.removeprefix("contr.")
    if word in _CONTRASTS and (is_r or contrast[0].kind != "call"):
        return word
    return "SAS" if is_r and word == "SAS" else None


def _contrast(word: str, base: Nodes | None, start: int) -> Node:
    if word == "SAS":
        return _call("contr.SAS", start)
    if base is not None:
        return _call("contr.treatment", start, base=base)
    return Node("name", _CONTRASTS[word], start)


def _quoted(node: Node) -> Node:
    """Q("body mass"), as in patsy."""
    if not _is(node.items, "string"):
        raise _not_read(node, [], "Write the name of a column in backquotes: `my column`.")
    return Node("quoted", f"`{node.items[0].text[1:-1]}`", node.start)


def _scale(node: Node) -> Node:
    """scale(x, scale=FALSE) is center(x)."""
    positional, named = _arguments(node)
    if len(positional) == 1 and not named:
        return node
    given = dict(zip(("x", "center", "scale"), positional, strict=False)) | named
    values = {
        name: _shown(given.pop(name, (Node("constant", "True", 0),)))
        for name in ("center", "scale")
    }
    x = given.pop("x", ())
    if len(positional) > 3 or given or not x or values["center"] != "True":
        raise _not_read(node, sorted(named), "Write scale(x), center(x) or I((x - 10) / 5).")
    if values["scale"] == "False":
        return _call("center", node.start, x)
    if values["scale"] != "True":
        raise _not_read(node, sorted(named), "Write scale(x), center(x) or I((x - 10) / 5).")
    return _call("scale", node.start, x)


def _reduction(node: Node) -> Node:
    """mean(x, na.rm=TRUE) is np.mean(x); sd and var divide by n - 1."""
    positional, named = _arguments(node)
    named.pop("na.rm", None)
    is_quantile = node.text == "quantile"
    if is_quantile and "probs" in named:
        positional.append(named.pop("probs"))
    if named or len(positional) != 1 + is_quantile:
        raise _not_read(
            node,
            list(named),
            f"It takes one column: I(x - {node.text}(x)). For the larger or the "
            "smaller of two columns write pmax(x, z), pmin(x, z).",
        )
    one = (Node("number", "1", node.start),)
    ddof = {"ddof": one} if node.text in ("sd", "var") else {}
    return _call(_REDUCTIONS[node.text], node.start, *positional, **ddof)


def _dummy(node: Node) -> Node:
    """dummy(f, "a") of lme4 is the indicator of a category."""
    positional, named = _arguments(node)
    if named or len(positional) != 2 or not _is(positional[1], "string"):
        raise _not_read(node, list(named), "Write dummy(f, 'a') or I(f == 'a').")
    comparison = (*positional[0], Node("operator", "==", node.start), *positional[1])
    return Node("call", "I", node.start, comparison)


def _drop_levels(node: Node) -> Node:
    """Categories that do not occur are left out anyway."""
    (column, *more), named = _arguments(node)
    if more or named or len(column) != 1:
        raise _not_read(node, list(named), f"Write {quote('f')}: only categories that occur count.")
    return column[0]


_REWRITERS: Mapping[str, Callable[[Node], Node]] = {
    "factor": _factor,
    "as.factor": _factor,
    "ordered": _factor,
    "as.ordered": _factor,
    "relevel": _relevel,
    "C": _contrasts,
    "Q": _quoted,
    "scale": _scale,
    "dummy": _dummy,
    "droplevels": _drop_levels,
    **dict.fromkeys(_REDUCTIONS, _reduction),
}
