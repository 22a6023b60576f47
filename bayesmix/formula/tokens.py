"""Text of a formula to tokens, and the names among them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from bayesmix.base.errors import FormulaError

__all__ = [
    "CLOSING",
    "COMPARISONS",
    "CONSTANTS",
    "Node",
    "Problem",
    "is_plain",
    "name_position",
    "names_in",
    "one_line",
    "quote",
    "tokenize",
]

CLOSING = {"(": ")", "[": "]", "{": "}"}
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
CONSTANTS = {"True": "True", "False": "False", "None": "None"}
CONSTANTS |= {"TRUE": "True", "FALSE": "False", "NULL": "None"}  # R's

_NAME = r"\.?[^\W\d][\w.]*"
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")"
    r"|(?P<quoted>`[^`]*`)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3}(?!\w))?L?(?!\w))"
    r"|(?P<package>[^\W\d][\w.]*:::?(?=[^\W\d][\w.]*\s*\(|contr\.))"  # R's package::function
    rf"|(?P<name>{_NAME})"
    r"|(?P<dot>\.(?![\w.]))"
    r"|(?P<operator>\*\*|\^|%in%|\|\||==|!=|<=|>=|//|[-+*/:,=~<>()\[\]{}|])"
)
_HINTS = {
    ".": "Write . for all other columns, or name them: y ~ a + b.",
    "!": "Write I(x == 0) or make the column in the data first.",
    "&": "Write a:b for an interaction, I((x > 1) * (z < 2)) where both must hold.",
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


class Problem(Exception):
    """What is wrong and where, raised far from the text and turned into a `FormulaError`."""

    def __init__(self, message: str, position: int | None = None) -> None:
        self.message = message
        self.position = position
        super().__init__(message)


@dataclasses.dataclass(frozen=True)
class Node:
    """A token, or brackets with the nodes inside them.

    `kind` is "name", "quoted", "number", "string", "constant", "dot", "operator" or "sign" for a
    token, "call" (`text` is the function), "structure" (a call with a bar inside), "group"
    (parentheses), "brace" or "subset" for brackets.
    """

    kind: str
    text: str
    start: int
    items: tuple[Node, ...] = ()


def one_line(text: str) -> str:
    """Collapse white space outside of quotes, so that a caret fits under one line."""
    quoted = r"('[^']*'|\"[^\"]*\"|`[^`]*`)|\s+"
    return re.sub(quoted, lambda match: match[1] or " ", text).strip()


def is_plain(name: str) -> bool:
    """Tell whether a name can be typed without backquotes."""
    return bool(re.fullmatch(_NAME, name)) and name not in CONSTANTS


def quote(name: str) -> str:
    """Write a column name for formulae, in backquotes unless it begins with a letter.

    Examples
    --------
    >>> quote("Sepal.Length"), quote("body mass")
    ('Sepal.Length', '`body mass`')
    """
    return name if is_plain(name) and name[0].isalpha() else f"`{name}`"


def tokenize(text: str) -> Iterator[Node]:
    """Yield the tokens of a formula; R's ``^`` and ``TRUE`` become Python's."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Problem(_strange_character(text, position), position)
        kind, token = str(match.lastgroup), match[0]
        if kind == "string" and len(set(token) & {"'", '"'}) > 1:
            raise Problem(
                f"The text {token} has a quote inside, which formulas cannot have. "
                "Rename that value in the data.",
                position,
            )
        if token == "``":
            raise Problem("A name in backquotes is empty. Write `name of the column`.", position)
        if kind == "name" and token in CONSTANTS:
            kind, token = "constant", CONSTANTS[token]
        if kind not in ("space", "package"):
            yield Node(
                kind, {"^": "**"}.get(token, token.removesuffix("L" * (kind == "number"))), position
            )
        position = match.end()


def _strange_character(text: str, position: int) -> str:
    character = text[position]
    if character == "%":
        operator = re.match(r"%[^%\s]{0,20}%?", text[position:])
        return (
            f"'{operator[0] if operator else '%'}' is not an operator of formulas here; R's %in% "
            "is. Make such a column in the data first."
        )
    if character in "'\"`":
        return f"The quote {character} is never closed. Put another {character} at the end."
    fallback = "Write a column name with such a character in backquotes: `my column`."
    if character.isdigit():
        fallback = "Names begin with a letter; write others in backquotes: `1st`."
    return f"Unexpected character {character!r}. {_HINTS.get(character, fallback)}"


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


def _names(text: str) -> Iterator[tuple[str, bool, int]]:
    """Yield each name, whether it is called, and where it stands."""
    try:
        tokens = list(tokenize(text))
    except Problem as problem:
        raise FormulaError(problem.message, text, problem.position) from None
    following = [token.text for token in tokens[1:]] + [""]
    preceding = ["", *(token.text for token in tokens)]
    for token, after, before in zip(tokens, following, preceding, strict=False):
        if token.kind == "quoted":
            yield token.text[1:-1], False, token.start
        elif token.kind == "name" and after != "=" and before != "[":
            yield token.text, after == "(", token.start
