"""Split an lme4 formula into its response, its common part and its bars, without any data.

The bars are split here because formulae has neither ``||`` nor ``(x - 1 | g)``. What is handed on
as text (`Formula.response`, `Formula.common`, `Bar.effects`) is written so that formulae reads all
of it: formulae drops ``== 3`` in ``y ~ x == 3`` and ``z`` in ``y ~ x z`` without a word, so that
everything of that kind is an error here.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from formulae import model_description

from bayesmix.errors import BayesmixError, FormulaError

__all__ = ["Bar", "Formula", "name_position", "names_in", "parse_formula"]

EXAMPLE = "'y ~ x + (1 + x | g)'"


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
        False for ``(x || g)``.
    diagonal : bool
        True for ``diag(x | g)``: no correlations either between the columns of a category, which
        ``||`` keeps together.
    """

    effects: str
    factor: tuple[str, ...]
    correlated: bool = True
    diagonal: bool = False

    def __str__(self) -> str:
        """Return the bar as it is written in a formula."""
        factor = ":".join(_quote(name) for name in self.factor)
        bar = "|" if self.correlated or self.diagonal else "||"
        return f"{'diag' * self.diagonal}({self.effects} {bar} {factor})"


@dataclasses.dataclass(frozen=True)
class Formula:
    """A formula that was read but has met no data yet.

    Attributes
    ----------
    text : str
        What the user wrote, on one line.
    response : str
        Left side for formulae: ``"gpa"``, ``"np.log(y)"``, ``"p(successes, trials)"``.
    common : str
        Population effects for formulae, beginning with ``1`` or ``0`` and with products written
        out: ``"1 + occasion"``, ``"1 + a + b + a:b"``.
    bars : tuple of Bar
        In the order of the text; ``(1 | g1/g2)`` gives the bars of ``g1`` and of ``g1:g2``.
    """

    text: str
    response: str
    common: str
    bars: tuple[Bar, ...] = ()

    def __str__(self) -> str:
        """Return the formula in its canonical form, with explicit intercepts."""
        return f"{self.response} ~ {' + '.join([self.common, *map(str, self.bars)])}"

    @property
    def without_bars(self) -> Formula:
        """The same formula without its bars: the ordinary regression."""
        return Formula(f"{self.response} ~ {self.common}", self.response, self.common)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names that may be columns: of the response, the common part and the bars, each once."""
        texts = [self.response, self.common, *(bar.effects for bar in self.bars)]
        names = [name for text in texts for name in names_in(text)[0]]
        return tuple(dict.fromkeys([*names, *(name for bar in self.bars for name in bar.factor)]))


def parse_formula(text: str) -> Formula:
    """Read an lme4 formula.

    Parameters
    ----------
    text : str
        ``"response ~ effects + (effects | factor)"``. Bars may stand anywhere in the sum.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        If the text is no formula, or one that bayesmix cannot fit; a caret shows the place.
    BayesmixError
        If `text` is not a string.

    Examples
    --------
    >>> formula = parse_formula("gpa ~ occasion + (occasion || student) + (1 | school/class)")
    >>> formula.response, formula.common
    ('gpa', '1 + occasion')
    >>> for bar in formula.bars:
    ...     print(bar)
    (1 + occasion || student)
    (1 | school)
    (1 | school:class)
    """
    if not isinstance(text, str):
        raise BayesmixError(
            f"A formula is a string such as {EXAMPLE}; got {type(text).__name__}. "
            "Put the formula first and the data second."
        )
    text = _one_line(text)
    try:
        return _parse(text)
    except _Problem as problem:
        raise FormulaError(problem.message, text, problem.position) from None


def names_in(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the names that a formula or a part of one uses, in order of appearance.

    Parameters
    ----------
    text : str
        A formula, or `Formula.response`, `Formula.common` or `Bar.effects`.

    Returns
    -------
    variables : tuple of str
        Columns, or values of the namespace (``df=k``), unquoted, each once.
    functions : tuple of str
        Called functions, with their module: ``"np.log"``, ``"scale"``.

    Raises
    ------
    FormulaError
        If the text holds a character that no formula has.

    Examples
    --------
    >>> names_in("1 + np.log(x) + bs(time, df=4):sex")
    (('x', 'time', 'sex'), ('np.log', 'bs'))
    """
    names = list(_names(text))
    return (
        tuple(dict.fromkeys(name for name, called, _ in names if not called)),
        tuple(dict.fromkeys(name for name, called, _ in names if called)),
    )


def name_position(text: str, name: str) -> int | None:
    """Find a variable or function in a formula, for the caret of a `FormulaError`.

    Parameters
    ----------
    text : str
        The formula, as in `Formula.text`.
    name : str
        One of the names that `names_in` lists.

    Returns
    -------
    int or None
        Index of its first appearance; None if it is not there.

    Examples
    --------
    >>> name_position("gpa ~ ocasion + (1 | student)", "ocasion")
    6
    """
    return next((start for found, _, start in _names(text) if found == name), None)


# --- tokens -------------------------------------------------------------------------------------


class _Problem(Exception):
    """What is wrong and where, raised far from the text and turned into a `FormulaError`."""

    def __init__(self, message: str, position: int | None = None) -> None:
        self.message = message
        self.position = position
        super().__init__(message)


@dataclasses.dataclass(frozen=True)
class _Node:
    """A token, or brackets with the nodes inside them.

    `kind` is "name", "quoted", "number", "string", "constant", "operator" or "sign" for a token,
    "call" (`text` is the function), "group" (parentheses), "brace" or "subset" for brackets.
    """

    kind: str
    text: str
    start: int
    items: tuple[_Node, ...] = ()


_Nodes = tuple[_Node, ...]
_Interaction = tuple[str, ...]  # columns and functions as text, joined with ":"
_Summand = tuple[str, _Nodes]  # "+" or "-", and the product that it adds or removes

_NAME = r"[^\W\d][\w.]*"
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")"
    r"|(?P<quoted>`[^`]*`)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3}(?!\w))?)"
    rf"|(?P<name>{_NAME})"
    r"|(?P<operator>\*\*|\|\||==|!=|<=|>=|//|[-+*/:,=~<>()\[\]{}|])"
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_CONSTANTS = ("True", "False", "None")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_BARS = ("|", "||")
_DIAGONAL = "diag"
_MAX_DEPTH = 50


def _one_line(text: str) -> str:
    """Collapse white space outside of quotes, so that a caret fits under one line."""
    quoted = r"('[^']*'|\"[^\"]*\"|`[^`]*`)|\s+"
    return re.sub(quoted, lambda match: match[1] or " ", text).strip()


def _quote(name: str) -> str:
    """Write a column name for formulae, in backquotes unless it begins with a letter."""
    plain = re.fullmatch(_NAME, name) and name[0].isalpha() and name not in _CONSTANTS
    return name if plain else f"`{name}`"


def _tokens(text: str) -> Iterator[_Node]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _Problem(_strange_character(text, position), position)
        kind, token = str(match.lastgroup), match[0]
        if kind == "string" and len(set(token) & {"'", '"'}) > 1:
            raise _Problem(
                f"The text {token} has a quote inside, which formulas cannot have. "
                "Rename that value in the data.",
                position,
            )
        if token == "``":
            raise _Problem("A name in backquotes is empty. Write `name of the column`.", position)
        if kind == "name" and token in _CONSTANTS:
            kind = "constant"
        if kind != "space":
            yield _Node(kind, token, position)
        position = match.end()


def _strange_character(text: str, position: int) -> str:
    character, before = text[position], text[:position].rstrip()
    if character == "^":
        base = re.search(rf"({_NAME}|`[^`]*`)$", before)
        power = re.match(r"\^\s*(\d+)", text[position:])
        name, exponent = base[0] if base else "x", power[1] if power else "2"
        return (
            f"'^' is R's power. Write I({name}**{exponent}) for the power of a column, "
            f"(a + b)**{exponent} for all interactions of up to {exponent} terms."
        )
    if character == "%":
        operator = re.match(r"%\w*%?", text[position:])
        return (
            f"'{operator[0] if operator else '%'}' is not an operator of formulas here. "
            "Write a:b for the combinations of a and b (R's %in%), "
            "and make any other column in the data first."
        )
    if character in "'\"`":
        return f"The quote {character} is never closed. Put another {character} at the end."
    hints = {
        ".": "It does not stand for all other columns here. Name them: y ~ a + b.",
        "!": "Write I(x == 0) or make the column in the data first.",
        "&": "Write a:b for an interaction, or make the column in the data first.",
        "$": "A column is written without its data frame: x, not data$x.",
        "\u2212": "It looks like a minus sign; type -.",
        "\u2013": "It looks like a minus sign; type -.",
        "\u2014": "It looks like a minus sign; type -.",
        "\u223c": "It looks like a tilde; type ~.",
        "\u2223": "It looks like a bar; type |.",
        "\u00a6": "It looks like a bar; type |.",
        "\u2018": "Type straight quotes: '.",
        "\u2019": "Type straight quotes: '.",
        "\u201c": 'Type straight quotes: ".',
        "\u201d": 'Type straight quotes: ".',
    }
    fallback = "Write a column name with such a character in backquotes: `my column`."
    return f"Unexpected character {character!r}. {hints.get(character, fallback)}"


def _names(text: str) -> Iterator[tuple[str, bool, int]]:
    """Yield each name, whether it is called, and where it stands."""
    try:
        tokens = list(_tokens(text))
    except _Problem as problem:
        raise FormulaError(problem.message, text, problem.position) from None
    following = [token.text for token in tokens[1:]] + [""]
    preceding = ["", *(token.text for token in tokens)]
    for token, after, before in zip(tokens, following, preceding, strict=False):
        if token.kind == "quoted":
            yield token.text[1:-1], False, token.start
        elif token.kind == "name" and after != "=" and before != "[":
            yield token.text, after == "(", token.start


# --- from tokens to nested brackets -------------------------------------------------------------


def _check_brackets(tokens: Iterable[_Node]) -> None:
    """See that all brackets close: to be told first, as all else depends on it."""
    opened: list[_Node] = []
    for token in tokens:
        if token.kind != "operator":
            continue
        if token.text in _CLOSING:
            opened.append(token)
            if len(opened) > _MAX_DEPTH:
                raise _Problem("Too many brackets inside one another. Remove some.", token.start)
        elif token.text in _CLOSING.values():
            if not opened:
                raise _Problem(f"'{token.text}' closes nothing. Remove or open it.", token.start)
            expected = _CLOSING[opened[-1].text]
            if token.text != expected:
                raise _Problem(
                    f"'{token.text}' cannot close '{opened[-1].text}'. Write '{expected}'.",
                    token.start,
                )
            opened.pop()
    if opened:
        bracket = opened[-1].text
        raise _Problem(f"'{bracket}' is never closed. Add '{_CLOSING[bracket]}'.", opened[-1].start)


class _Reader:
    """Nest the tokens by their brackets; see that operands and operators take turns."""

    def __init__(self, text: str) -> None:
        tokens = list(_tokens(text))
        _check_brackets(tokens)
        self.rest = tokens[::-1]
        self.has_tilde = False

    def read(self, opener: _Node | None, in_call: bool) -> _Nodes:
        """Read up to the bracket that closes `opener`; `in_call`: Python arithmetic, not terms."""
        items: list[_Node] = []
        while self.rest:
            token = self.rest.pop()
            expects_operand = not items or items[-1].kind in ("operator", "sign")
            if token.kind != "operator":
                if not expects_operand:
                    raise _Problem(_no_operator(items[-1], token), token.start)
                items.append(token)
            elif token.text in _CLOSING:
                self.open(token, items, expects_operand, in_call)
            elif token.text in _CLOSING.values():
                if expects_operand and (items or opener is None or opener.kind != "call"):
                    raise _Problem(_no_operand(items, token, opener), token.start)
                return _checked_powers(items)
            elif expects_operand and token.text in ("+", "-") and not _is_bar(items[-1:]):
                items.append(dataclasses.replace(token, kind="sign"))
            elif expects_operand and token.text in ("+", "-"):
                raise _Problem(_no_operand(items, token, opener), token.start)
            else:
                self.check_operator(token, items, opener, in_call)
                if expects_operand:
                    raise _Problem(_no_operand(items, token, opener), token.start)
                items.append(token)
        if items and items[-1].kind in ("operator", "sign"):
            raise _Problem(
                f"Nothing follows '{items[-1].text}'. Add a term, as in {EXAMPLE}.", items[-1].start
            )
        return _checked_powers(items)

    def next_is_bar(self) -> bool:
        """Tell whether a bar stands in the brackets that were just opened, in no others."""
        depth = 0
        for token in reversed(self.rest):
            depth += (token.text in _CLOSING) - (token.text in _CLOSING.values())
            if depth < 0:
                return False
            if not depth and token.kind == "operator" and token.text in _BARS:
                return True
        return False

    def open(self, token: _Node, items: list[_Node], expects_operand: bool, in_call: bool) -> None:
        """Read a bracket and what it holds, and append it, or put it on the name before it."""
        last = items[-1] if items else token
        after_name = not expects_operand and last.kind == "name"
        if token.text == "(" and after_name:
            if not last.text[0].isalpha():
                raise _Problem(
                    f"'{last.text}' cannot be called here: formulae reads functions that begin "
                    "with a letter. Rename it.",
                    last.start,
                )
            if last.text == _DIAGONAL and not in_call and self.next_is_bar():
                inside = self.read(token, False)
                items[-1] = _Node("group", _DIAGONAL, last.start, inside)
                return
            call = _Node("call", f"{last.text}(", last.start)
            inside = self.read(call, True)
            items[-1] = _Node("call", last.text, last.start, inside)
        elif token.text == "[":
            if not after_name:
                raise _Problem(
                    "Lists cannot be written in a formula. Put the list into a variable and write "
                    "its name: bs(x, knots=knots).",
                    token.start,
                )
            inside = self.read(token, True)
            if len(inside) != 1 or inside[0].kind not in ("name", "string"):
                raise _Problem(
                    f"Write one level in the brackets, as text: {last.text}['yes'].", token.start
                )
            items[-1] = _Node("subset", last.text, last.start, inside)
        elif not expects_operand:
            raise _Problem(_no_operator(last, token), token.start)
        else:
            inside = self.read(token, in_call or token.text == "{")
            items.append(_Node("group" if token.text == "(" else "brace", "", token.start, inside))

    def check_operator(
        self, token: _Node, items: list[_Node], opener: _Node | None, in_call: bool
    ) -> None:
        """Raise where an operator cannot stand, whatever is on its sides."""
        operator = token.text
        directly_in_call = opener is not None and opener.kind == "call"
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
        elif operator in _COMPARISONS and not in_call:
            message = (
                f"'{operator}' stands only inside a function. "
                f"Write I(x {operator} 3) for a column that compares."
            )
        elif operator in _COMPARISONS and _follows_comparison(items):
            message = "Put parentheses round each comparison: (a < b) * (b < c), f(k=(a == b))."
        elif operator == ":" and in_call:
            message = (
                "':' has no meaning inside a function. Multiply with *, or move the interaction "
                "outside: f(a):b."
            )
        elif operator in _BARS and in_call:
            name = opener.text[:-1] if opener is not None and directly_in_call else ""
            message = (
                f"A bar inside {name + '(...)' if name else 'a function or braces'}. "
                "Group effects are terms of the sum on the right"
                + (f": write {name} + (1 | g) if {name} is a column." if name else ".")
            )
        if message:
            raise _Problem(message, token.start)


def _checked_powers(items: list[_Node]) -> _Nodes:
    """Refuse powers that formulae reads unlike Python: -x**2 as (-x)**2, a**b**c as (a**b)**c."""
    for i, item in enumerate(items):
        if item.text == "**" and item.kind == "operator":
            if i > 1 and items[i - 2].kind == "sign":
                raise _Problem(
                    f"A sign before a power is ambiguous. Write {items[i - 2].text}"
                    f"({_render(items[i - 1 : i + 2])}).",
                    items[i - 2].start,
                )
            if i > 2 and items[i - 2].text == "**":
                raise _Problem("A power of a power needs parentheses: (a**b)**c.", item.start)
    return tuple(items)


def _follows_comparison(items: list[_Node]) -> bool:
    """Tell whether ``=`` or a comparison stands before in the same argument."""
    argument = _split(tuple(items), (",",))[-1]
    return any(node.kind == "operator" and node.text in ("=", *_COMPARISONS) for node in argument)


def _is_bar(items: Iterable[_Node]) -> bool:
    return any(item.kind == "operator" and item.text in _BARS for item in items)


def _no_operator(left: _Node, right: _Node) -> str:
    first, second = _render([left]), right.text if right.text in _CLOSING else _render([right])
    return f"No operator between {first} and {second}. Join terms with +, as in {EXAMPLE}."


def _no_operand(items: list[_Node], token: _Node, opener: _Node | None) -> str:
    if token.text == "~":
        return (
            f"Nothing before '~'. Name the response: y {token.text} x."
            if not items
            else f"Nothing between '{items[-1].text}' and '~'. Name one response: y ~ x."
        )
    if token.text in _BARS and not items:
        return f"No effects before '{token.text}'. Write (1 {token.text} g) for an intercept per g."
    if _is_bar(items[-1:]):
        if token.text in _BARS:
            return "Two bars in one term. Write (x | g), or (x || g) without a space between."
        return "No grouping factor after the bar. Name a column: (1 | g)."
    if not items and opener is not None and _CLOSING.get(opener.text) == token.text:
        return f"Nothing between '{opener.text}' and '{token.text}'. Write a term or remove them."
    place = f"between '{items[-1].text}' and" if items else "before"
    return f"Nothing stands {place} '{token.text}'. Add a term or remove the operator."


def _render(items: Iterable[_Node]) -> str:
    """Write nodes as canonical text that formulae reads."""
    parts: list[str] = []
    for item in items:
        match item.kind:
            case "name":
                parts.append(_quote(item.text))
            case "number":
                parts.append(f"{Decimal(item.text):f}")  # formulae knows no exponents
            case "call":
                parts.append(f"{item.text}({_render(item.items)})")
            case "subset":
                parts.append(f"{_quote(item.text)}[{_render(item.items)}]")
            case "group":
                parts.append(f"{item.text}({_render(item.items)})")
            case "brace":
                parts.append(f"{{{_render(item.items)}}}")
            case "operator" if item.text == ",":
                parts.append(", ")
            case "operator" if item.text not in (":", "**", "="):
                parts.append(f" {item.text} ")
            case _:
                parts.append(item.text)
    return "".join(parts)


# --- from nested brackets to response, common part and bars -------------------------------------


def _parse(text: str) -> Formula:
    if not text:
        raise _Problem(f"The formula is empty. Write one such as {EXAMPLE}.")
    nodes = _Reader(text).read(None, in_call=False)
    sides = _split(nodes, ("~",))
    if len(sides) == 1:
        raise _Problem(f"No '~' in the formula. Write response ~ effects, as in {EXAMPLE}.", 0)
    response = _response(sides[0])
    common: list[_Summand] = []
    bars: list[Bar] = []
    for sign, term in _summands(sides[1]):
        if not _is_bar_term(term):
            common.append((sign, term))
        elif sign == "-":
            raise _Problem(
                f"A bar cannot be subtracted. Leave {_render(term)} out of the formula.",
                term[0].start,
            )
        else:
            bars.extend(_expand_bar(term[0]))
    if (at := _find(sides[1], response)) is not None:
        raise _Problem(
            f"The response {response} is on the right of '~' too. Leave it out there.", at
        )
    formula = Formula(text, response, _effects(common), tuple(bars))
    for part in (f"{response} ~ {formula.common}", *(bar.effects for bar in bars)):
        _check_readable(part)
    return formula


def _check_readable(part: str) -> None:
    try:
        model_description(part)
    except Exception as error:  # formulae raises whatever its Python stumbled over
        raise _Problem(
            f"formulae cannot read '{part}' ({type(error).__name__}: {str(error).rstrip('.')}). "
            "Make that column in the data first and name it."
        ) from None


def _split(nodes: _Nodes, operators: tuple[str, ...]) -> list[_Nodes]:
    parts: list[list[_Node]] = [[]]
    for node in nodes:
        if node.kind == "operator" and node.text in operators:
            parts.append([])
        else:
            parts[-1].append(node)
    return [tuple(part) for part in parts]


def _is_bar_term(term: _Nodes) -> bool:
    return len(term) == 1 and term[0].kind == "group" and _is_bar(term[0].items)


def _response(nodes: _Nodes) -> str:
    start = nodes[0].start
    while len(nodes) == 1 and nodes[0].kind == "group":
        nodes = nodes[0].items
    for i, node in enumerate(nodes):
        if node.kind == "operator" and node.text in _BARS:
            y, rest = _render(nodes[:i]), nodes[i + 1]
            if rest.kind == "call" and rest.text == "trials":
                advice = f"Write p({y}, {_render(rest.items)}) for a binomial response."
            else:
                advice = "Weights and other additions to the response are arguments of fit()."
            raise _Problem(f"A bar on the left of '~'. {advice}", node.start)
    written, node = _render(nodes), nodes[0]
    if len(nodes) == 1 and node.kind == "call" and node.text == "cbind":
        raise _Problem(
            f"cbind() is R's way to write a binomial response. Write {_from_cbind(node)}: "
            "p(successes, trials).",
            start,
        )
    if len(nodes) == 1 and node.kind in ("name", "quoted", "call", "brace", "subset"):
        return written
    advice = f"Write I({written}) for its value"
    if len(nodes) == 1:
        advice = "Name a column of the data: y ~ x"
    elif len(nodes) == 3 and nodes[1].text == "/":
        advice += f", or p({_render(nodes[:1])}, {_render(nodes[2:])}) for a binomial response"
    elif any(item.text == ":" for item in nodes if item.kind == "operator"):
        advice = "Make the column in the data first"
    raise _Problem(
        f"The response is {written}, but one column or one function of columns can be it. "
        f"{advice}.",
        start,
    )


def _find(nodes: _Nodes, written: str) -> int | None:
    """Find where a term stands, outside of functions."""
    for node in nodes:
        if node.kind == "group":
            at = _find(node.items, written)
        else:
            at = node.start if _render([node]) == written else None
        if at is not None:
            return at
    return None


def _from_cbind(call: _Node) -> str:
    """Rewrite cbind(successes, failures); cbind(a, n - a) has its trials written out."""
    arguments = _split(call.items, (",",))
    if len(arguments) != 2 or not all(arguments):
        return "p(successes, successes + failures)"
    successes, failures = (_render(argument) for argument in arguments)
    if failures.endswith(f" - {successes}"):
        return f"p({successes}, {failures.removesuffix(f' - {successes}')})"
    return f"p({successes}, {successes} + {failures})"


def _summands(nodes: _Nodes) -> Iterator[_Summand]:
    """Yield the terms of a sum with their signs, through parentheses that change nothing."""
    if _is_bar(nodes):
        raise _Problem(_bar_without_parentheses(nodes), _first_bar(nodes))
    sign, term = "+", list[_Node]()
    for node in (*nodes, _Node("operator", "+", 0)):
        if node.kind == "sign" and not term:
            sign = "+" if sign == node.text else "-"
        elif node.kind != "operator" or node.text not in ("+", "-"):
            term.append(node)
        else:
            if sign == "+" and len(term) == 1 and term[0].kind == "group":
                inside = term[0].items
                yield from [(sign, tuple(term))] if _is_bar(inside) else _summands(inside)
            else:
                yield sign, tuple(term)
            sign, term = node.text, []


def _first_bar(nodes: _Nodes) -> int:
    return next(node.start for node in nodes if _is_bar([node]))


def _bar_without_parentheses(nodes: _Nodes) -> str:
    at = next(i for i, node in enumerate(nodes) if _is_bar([node]))
    factor = _split(nodes[at + 1 :], ("+", "-", "~", *_BARS))[0]
    return (
        "A bar without parentheses. Put them round the group effects: "
        f"({_render(nodes[: at + 1]).rstrip()} {_render(factor)})."
    )


def _effects(summands: Iterable[_Summand]) -> str:
    """Write a sum as interactions after an explicit intercept: 0 + a*b as 0 + a + b + a:b."""
    intercept, terms = True, list[_Summand]()
    for sign, term in summands:
        if len(term) == 1 and term[0].kind == "number" and Decimal(term[0].text) in (0, 1):
            intercept = (Decimal(term[0].text) == 1) == (sign == "+")
        else:
            terms.append((sign, term))
    return " + ".join(["1" if intercept else "0", *map(":".join, _sum(terms))])


def _union(*parts: Iterable[_Interaction]) -> list[_Interaction]:
    """Join lists of interactions; a:b and b:a are the same, and so are a:a and a."""
    first: dict[frozenset[str], _Interaction] = {}
    for term in itertools.chain(*parts):
        first.setdefault(frozenset(term), term)
    return list(first.values())


def _cross(left: Iterable[_Interaction], right: Iterable[_Interaction]) -> list[_Interaction]:
    pairs = itertools.product(left, right)
    return _union(tuple(dict.fromkeys(one + other)) for one, other in pairs)


def _sum(summands: Iterable[_Summand]) -> list[_Interaction]:
    """Expand a sum without its intercept.

    formulae would do it too, but its ``a/b`` fails where a is categorical.
    """
    terms: list[_Interaction] = []
    for sign, term in summands:
        expanded = _product(term)
        if sign == "+":
            terms = _union(terms, expanded)
        elif terms:
            removed = {frozenset(one) for one in expanded}
            terms = [one for one in terms if frozenset(one) not in removed]
        else:
            raise _Problem(
                f"'- {_render(term)}' removes a term, but there is none before it. "
                "Put it after the terms that it removes from, as in a*b - a:b.",
                term[0].start,
            )
    return terms


def _product(term: _Nodes) -> list[_Interaction]:
    """Expand ``*`` and ``/``, from left to right, then ``:``."""
    operators = [node.text for node in term if node.kind == "operator" and node.text in ("*", "/")]
    terms: list[_Interaction] = []
    for operator, part in zip(["", *operators], _split(term, ("*", "/")), strict=True):
        right: list[_Interaction] = [()]
        for factor in _split(part, (":",)):
            right = _cross(right, _power(factor))
        if operator == "/":
            nested = tuple(name for one in terms for name in one)
            terms = _union(terms, _cross([nested], right))
        else:
            terms = _union(terms, right, _cross(terms, right))
    return terms


def _power(factor: _Nodes) -> list[_Interaction]:
    base = _atom(factor[0])
    if len(factor) == 1:
        return base
    exponent = _render(factor[2:])
    if factor[0].kind != "group" or len(base) < 2:
        written = _render(factor[:1])
        raise _Problem(
            f"As a term, a power of {written} is {written} itself. Write I({written}**{exponent}) "
            "for the power of a column.",
            factor[1].start,
        )
    if not re.fullmatch(r"[1-9]\d*", exponent):
        raise _Problem("A power of terms is a whole number: (a + b)**2.", factor[2].start)
    terms = base
    for _ in range(min(int(exponent), len(base)) - 1):
        terms = _union(terms, _cross(terms, base))
    return terms


def _atom(node: _Node) -> list[_Interaction]:
    """Give a column or a function as a term; raise for what formulae fails on or drops."""
    written = _render([node])
    if node.kind in ("name", "quoted", "call", "brace"):
        return [(written,)]
    if node.kind == "group" and not _is_bar(node.items):
        return _sum(_summands(node.items))
    if node.kind == "group":
        message = (
            f"A bar inside a product. Bars are added, not multiplied: write x + {written}, "
            "and effects that vary inside: (x | g)."
        )
    elif node.kind == "number":
        message = (
            f"The number {written} cannot be here. 1 and 0 are terms of the sum, with and without "
            "an intercept; a computed column is I(2 * x)."
        )
    elif node.kind == "sign":
        message = f"A sign inside a product. Write I({written}x) for a computed column."
    elif node.kind == "subset":
        level = _render(node.items).strip("'\"")
        message = (
            "One level in brackets can only be the response. "
            f"Write I({_quote(node.text)} == '{level}') for an indicator."
        )
    else:
        message = (
            f"{written} is not a column. Write a column name as it is, or in backquotes: "
            "`my column`."
        )
    raise _Problem(message, node.start)


def _expand_bar(term: _Node) -> Iterator[Bar]:
    parts = _split(term.items, _BARS)
    bar = next(node for node in term.items if _is_bar([node]))
    if len(parts) > 2:
        second = [node for node in term.items if _is_bar([node])][1]
        raise _Problem(
            "Two bars in one term. Write (x | g), with one bar or '||'; bars with an identifier "
            "between, as in brms, are not supported.",
            second.start,
        )
    summands = list(_summands(parts[0]))
    for _, product in summands:
        for node in product:
            if node.kind == "group" and _is_bar(node.items):
                raise _Problem(
                    "A bar inside another. Write both as terms of the sum: (1 | g) + (1 | h).",
                    node.start,
                )
            if node.kind == "call" and node.text == "offset":
                raise _Problem(
                    f"An offset has no effect to vary. Write + {_render([node])} outside of the "
                    "parentheses.",
                    node.start,
                )
    effects = _effects(summands)
    if effects == "0":
        raise _Problem(
            f"No effects are left in {_render([term])}. Write (1 | g) for an intercept, "
            "(0 + x | g) for a slope alone.",
            term.start,
        )
    written = f"({_render(parts[0])} {bar.text} "
    for factor in _factors(parts[1], written):
        diagonal = term.text == _DIAGONAL
        yield Bar(effects, factor, bar.text == "|" and not diagonal, diagonal)


def _factors(nodes: _Nodes, bar: str) -> list[tuple[str, ...]]:
    """Expand the right of a bar: a/b gives a and a:b, (a/b):c gives a:c and a:b:c."""
    for node in nodes:
        if node.kind in ("operator", "sign") and node.text not in (":", "/"):
            sides = [_render(part) for part in _split(nodes, (node.text,))]
            if node.text == "+" and node.kind == "operator":
                advice = "Write a bar each: " + " + ".join(f"{bar}{side})" for side in sides)
            elif node.text == "*":
                advice = "Write a bar each: " + " + ".join(
                    f"{bar}{side})" for side in [*sides, ":".join(sides)]
                )
            else:
                advice = f"Write {bar}g), {bar}g1:g2) or {bar}g1/g2)"
            raise _Problem(
                f"'{node.text}' cannot stand in a grouping factor; ':' and '/' can. {advice}.",
                node.start,
            )
    found: list[tuple[str, ...]] = []
    for nested in _split(nodes, ("/",)):
        combined: list[tuple[str, ...]] = [found[-1] if found else ()]
        for (atom,) in _split(nested, (":",)):
            combined = [left + right for left in combined for right in _factor_names(atom, bar)]
        found += combined
    for factor in found:
        if len(set(factor)) < len(factor):
            name = next(name for name in factor if factor.count(name) > 1)
            raise _Problem(
                f"The grouping factor {':'.join(factor)} has '{name}' twice. Name it once.",
                nodes[0].start,
            )
    return found


def _factor_names(atom: _Node, bar: str) -> list[tuple[str, ...]]:
    if atom.kind == "name":
        return [(atom.text,)]
    if atom.kind == "quoted":
        return [(atom.text[1:-1],)]
    if atom.kind == "group":
        return _factors(atom.items, bar)
    written = _render([atom])
    columns = [node for node in atom.items if node.kind in ("name", "quoted")]
    advice = f"Name a column: {bar}g)"
    if atom.kind == "call" and len(columns) == len(atom.items) == 1:
        advice = f"Any column can be one, so write {bar}{_render(columns)}), or make the column"
        advice += " in the data first"
    elif atom.kind in ("call", "brace"):
        advice = "Make the column in the data first and name it"
        if atom.text in ("gr", "mm"):
            advice = f"{atom.text}() is brms's; here columns are named: {bar}g)"
    raise _Problem(
        f"The grouping factor {written} is not the name of a column. {advice}.", atom.start
    )
