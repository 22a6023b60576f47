"""Bars: effects that vary by a grouping factor, with lme4's, glmmTMB's and brms's words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from bayesmix.base.errors import short
from bayesmix.covariance.registry import STRUCTURES
from bayesmix.covariance.unstructured import UNSTRUCTURED
from bayesmix.formula.brackets import BARS, Nodes, has_bar, render, split
from bayesmix.formula.expansion import expand
from bayesmix.formula.tokens import Node, Problem, quote

__all__ = ["Bar", "expand_bar", "grouping_names"]

_DIAGONAL = ("diag", "zerocorr")
_SYNONYMS = {"unstr": UNSTRUCTURED.name}
# Covariance structures of glmmTMB and brms that are sums of bars for effects 0 + f.
_SUMS_OF_BARS = {
    "homdiag": "(1 | {g}:{f})",
    "cs": "(1 | {g}) + (1 | {g}:{f}), if the variances are equal",
    "cosy": "(1 | {g}) + (1 | {g}:{f})",
    "homcs": "(1 | {g}) + (1 | {g}:{f})",
}


@dataclasses.dataclass(frozen=True)
class Bar:
    """One term in parentheses with a bar: effects that vary by a grouping factor.

    Attributes
    ----------
    effects : str
        Right side for formulae that begins with ``1`` or ``0``: ``"1 + occasion"``, ``"0 + x"``.
    factor : tuple of str
        Columns whose combinations are the levels, unquoted: ``("student",)``, ``("g1", "g2")``.
    correlated : bool
        False for ``(x || g)`` and ``diag(x | g)``.
    diagonal : bool
        True for ``diag(x | g)``, where the columns of a categorical effect are uncorrelated, too.
    structure : str
        How the effects of a block are correlated: the name of a covariance structure.
    absent : tuple of tuple of str
        Terms that are taken away but were not there; see `Expansion`.
    id : str
        What stands between two bars, ``"p"`` in ``(x | p | g)``: effects of bars with the same
        one are correlated, those of several predictors too. Empty without.
    """

    effects: str
    factor: tuple[str, ...]
    correlated: bool = True
    diagonal: bool = False
    structure: str = UNSTRUCTURED.name
    absent: tuple[tuple[str, str], ...] = dataclasses.field(default=(), compare=False)
    id: str = ""

    def __str__(self) -> str:
        """Return the bar as it is written in a formula."""
        factor = ":".join(quote(name) for name in self.factor)
        between = f"{self.sign} {self.id} " if self.id else ""
        return f"{self.word}({self.effects} {between}{self.sign} {factor})"

    @property
    def word(self) -> str:
        """What stands before the parentheses, if anything."""
        if self.diagonal:
            return "diag"
        return "" if self.structure == UNSTRUCTURED.name else self.structure

    @property
    def sign(self) -> str:
        """What stands between the effects and the factor."""
        return "|" if self.correlated or self.diagonal else "||"

    @property
    def any_columns(self) -> bool:
        """Whether other columns with the same span make the same model."""
        return self.correlated and STRUCTURES[self.structure].any_columns

    def uncorrelated(self, *, diagonal: bool = False) -> Bar:
        """Return the bar with the same effects, not correlated."""
        return dataclasses.replace(
            self, correlated=False, diagonal=diagonal, structure=UNSTRUCTURED.name, id=""
        )

    def plain(self) -> Bar:
        """Return the bar written ``(x | g)``."""
        return dataclasses.replace(
            self, correlated=True, diagonal=False, structure=UNSTRUCTURED.name
        )


def grouping_names(nodes: Nodes) -> Iterator[str]:
    """Yield the names that stand right of bars."""
    for i, node in enumerate(nodes):
        if has_bar([node]):
            yield from _all_names(split(nodes[i + 1 :], BARS)[-1])
            return
        yield from grouping_names(node.items)


def _all_names(nodes: Nodes) -> Iterator[str]:
    for node in nodes:
        if node.kind == "name":
            yield node.text
        elif node.kind == "quoted":
            yield node.text[1:-1]
        yield from _all_names(node.items)


def expand_bar(node: Node, columns: Iterable[str] | None = None) -> Iterator[Bar]:
    """Yield the bars of one term: ``(1 | g1/g2)`` gives those of ``g1`` and of ``g1:g2``."""
    arguments = split(node.items, (",",))
    parts = split(arguments[0], BARS)
    bars = [item for item in arguments[0] if has_bar([item])]
    if len(parts) > 3:
        raise Problem(
            f"More than two bars in one term. Write ({_shown(parts[0])} | {_shown(parts[-1])}), or "
            "with one name between two bars, as brms has it, for effects that are correlated with "
            f"those of other bars: ({_shown(parts[0])} | p | {_shown(parts[-1])}).",
            bars[2].start,
        )
    if len(parts) < 2:
        raise Problem(
            f"The bar of {node.text}() stands behind a comma. It comes first: "
            f"{node.text}(1 + x | g).",
            node.start,
        )
    own_id = _id(node, parts, bars) if len(parts) == 3 else ""
    parts = [parts[0], parts[-1]]
    structure = _structure(node, parts, arguments, bars[0])
    if own_id and structure != UNSTRUCTURED.name:
        raise Problem(
            f"{node.text}() says how the effects of a bar are correlated, and the name {own_id} "
            "between two bars joins them with those of other bars, by any correlations. Write "
            f"({_shown(parts[0])} | {own_id} | {_shown(parts[1])}), or "
            f"{node.text}({_shown(parts[0])} | {_shown(parts[1])}).",
            node.start,
        )
    for item in _deep(parts[0]):
        if item.kind == "call" and item.text == "offset":
            raise Problem(
                f"An offset has no effect to vary. Write + {_shown([item])} outside of the "
                "parentheses.",
                item.start,
            )
    effects = expand(parts[0], columns)
    if effects.bars:
        raise Problem(
            "A bar inside another. Write both as terms of the sum: (1 | g) + (1 | h).",
            effects.bars[0].start,
        )
    if not effects.intercept and not effects.terms:
        raise Problem(
            f"No effects are left in {_shown([node])}. Write (1 | g) for an intercept, "
            "(0 + x | g) for a slope alone.",
            node.start,
        )
    correlated = bars[0].text == "|" and structure is not None
    for factor in _factors(parts[1], f"({_shown(parts[0])} {bars[0].text} "):
        yield Bar(
            str(effects),
            factor,
            correlated,
            diagonal=structure is None,
            structure=structure or UNSTRUCTURED.name,
            absent=effects.absent,
            id=own_id,
        )


def _id(node: Node, parts: list[Nodes], bars: list[Node]) -> str:
    """Read what stands between two bars: a name or a whole number, as in brms."""
    left, between, right = map(_shown, parts)
    if bars[0].text == "||" or bars[1].text == "||":
        raise Problem(
            f"|| asks for no correlations, and the name {between} between two bars for "
            f"correlations with those of other bars. Write ({left} | {between} | {right}) or "
            f"({left} || {right}).",
            bars[0 if bars[0].text == "||" else 1].start,
        )
    (first, *more) = parts[1]
    is_name = first.kind == "name" or (first.kind == "number" and first.text.isdigit())
    if more or not is_name:
        raise Problem(
            f"{between} between two bars is no name. One word there, as in brms, says which bars "
            f"have correlated effects: ({left} | p | {right}); without, write ({left} | {right}).",
            first.start,
        )
    return first.text


def _shown(nodes: Iterable[Node]) -> str:
    return short(render(nodes))


def _deep(nodes: Nodes) -> Iterator[Node]:
    """Yield the nodes of a sum, those in parentheses included."""
    for node in nodes:
        yield node
        if node.kind == "group":
            yield from _deep(node.items)


def _structure(node: Node, parts: list[Nodes], arguments: list[Nodes], bar: Node) -> str | None:
    """Name the covariance structure of a bar; None for one without any correlation."""
    if node.kind != "structure":
        return UNSTRUCTURED.name
    _check_structure(node, parts, arguments)
    if node.text in _DIAGONAL:
        return None
    structure = _SYNONYMS.get(node.text, node.text)
    if bar.text == "||":
        left, right = _shown(parts[0]), _shown(parts[1])
        word = "" if structure == UNSTRUCTURED.name else structure
        raise Problem(
            f"{node.text}() asks for correlations and || for none. Write "
            f"{word}({left} | {right}) or ({left} || {right}).",
            bar.start,
        )
    return structure


def _check_structure(node: Node, parts: list[Nodes], arguments: list[Nodes]) -> None:
    effects, factor = _shown(parts[0]), _shown(parts[1])
    is_known = node.text in (*STRUCTURES, *_SYNONYMS, *_DIAGONAL)
    if is_known and len(arguments) == 1:
        return
    if is_known:
        raise Problem(
            f"{node.text}() takes a bar and nothing else: {node.text}({effects} | {factor}).",
            node.start,
        )
    inside = effects.removeprefix("0 + ").removesuffix(" - 1").removesuffix(" + 0")
    if node.text == "fulldummy":
        advice = f"Write (0 + {effects} | {factor})"
    elif (pattern := _SUMS_OF_BARS.get(node.text)) and inside.isidentifier() and inside != effects:
        advice = f"Write {pattern.format(g=factor, f=inside)}"
    else:
        advice = (
            f"Write ({effects} | {factor}), us() in glmmTMB, for any correlations, or "
            f"diag({effects} | {factor}) for none"
        )
    raise Problem(f"There is no covariance structure {node.text}() here. {advice}.", node.start)


# --- grouping factors ---------------------------------------------------------------------------


def _factors(nodes: Nodes, bar: str) -> list[tuple[str, ...]]:
    """Expand the right of a bar: a/b gives a and a:b, (a/b):c gives a:c and a:b:c."""
    for node in nodes:
        if node.kind in ("operator", "sign") and node.text not in (":", "/"):
            sides = [_shown(part) for part in split(nodes, (node.text,))]
            if node.text == "+" and node.kind == "operator":
                advice = "Write a bar each: " + " + ".join(f"{bar}{side})" for side in sides)
            elif node.text == "*":
                advice = "Write a bar each: " + " + ".join(
                    f"{bar}{side})" for side in [*sides, ":".join(sides)]
                )
            else:
                advice = f"Write {bar}g), {bar}g1:g2) or {bar}g1/g2)"
            raise Problem(
                f"'{node.text}' cannot stand in a grouping factor; ':' and '/' can. {advice}.",
                node.start,
            )
    found: list[tuple[str, ...]] = []
    for nested in split(nodes, ("/",)):
        combined: list[tuple[str, ...]] = [found[-1] if found else ()]
        for (atom,) in split(nested, (":",)):
            combined = [left + right for left in combined for right in _factor_names(atom, bar)]
        found += combined
    for factor in found:
        if len(set(factor)) < len(factor):
            name = next(name for name in factor if factor.count(name) > 1)
            raise Problem(
                f"The grouping factor {short(':'.join(factor))} has '{short(name)}' twice. "
                "Name it once.",
                nodes[0].start,
            )
    return found


def _factor_names(atom: Node, bar: str) -> list[tuple[str, ...]]:
    if atom.kind == "name":
        return [(atom.text,)]
    if atom.kind == "quoted":
        return [(atom.text[1:-1],)]
    if atom.kind == "group":
        return _factors(atom.items, bar)
    arguments = split(atom.items, (",",))
    if atom.kind == "call" and atom.text in ("C", "gr") and len(arguments) == 1:
        return _factors(arguments[0], bar)
    if atom.kind == "call" and atom.text == "interaction" and all(arguments):
        # drop=, sep= and lex.order= change no group that occurs
        sides = [side for side in arguments if not any(node.text == "=" for node in side)]
        combined: list[tuple[str, ...]] = [()]
        for side in sides:
            combined = [left + right for left in combined for right in _factors(side, bar)]
        return combined
    written = _shown([atom])
    columns = [node for node in atom.items if node.kind in ("name", "quoted")]
    advice = f"Name a column: {bar}g)"
    if atom.kind == "call" and len(columns) == len(atom.items) == 1:
        advice = f"Any column can be one, so write {bar}{_shown(columns)}), or make the column"
        advice += " in the data first"
    elif atom.kind == "call" and atom.text in ("paste", "paste0") and columns:
        advice = f"Write {bar}{':'.join(_shown([column]) for column in columns)})"
    elif (
        atom.kind == "call" and atom.text == "gr" and any(node.text == "id" for node in atom.items)
    ):
        advice = f"Write what id= of gr() says between two bars: (1 | p | {_shown(columns[:1])})"
    elif atom.kind == "call" and atom.text == "gr" and columns:
        advice = f"gr() of brms is read without by=, cov= and dist=: {bar}{_shown(columns[:1])})"
    elif atom.kind == "call" and atom.text == "mm":
        advice = f"mm(), groups that share a row, is brms's; here a row has one: {bar}g)"
    elif atom.kind in ("call", "brace"):
        advice = "Make the column in the data first and name it"
    raise Problem(
        f"The grouping factor {written} is not the name of a column. {advice}.", atom.start
    )
