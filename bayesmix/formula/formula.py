"""Split an lme4 formula into its response, its common part and its bars.

The bars are split here because formulae has neither ``||`` nor ``(x - 1 | g)``. What is handed on
as text (`Formula.response`, `Formula.common`, `Bar.effects`) is written so that formulae reads all
of it: formulae drops ``== 3`` in ``y ~ x == 3`` and ``z`` in ``y ~ x z`` without a word, so that
everything of that kind is an error here. No data are looked at, only the names of their columns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from formulae import model_description
from formulae.categorical import ENCODINGS
from formulae.transforms import TRANSFORMS

from bayesmix.base.errors import BayesmixError, FormulaError, short
from bayesmix.formula.bars import Bar, expand_bar, grouping_names
from bayesmix.formula.brackets import EXAMPLE, Nodes, read_nodes, render, split
from bayesmix.formula.expansion import expand
from bayesmix.formula.leftside import find, response_text
from bayesmix.formula.rfunctions import FUNCTIONS
from bayesmix.formula.rwords import CONTRASTS, rewrite
from bayesmix.formula.specific import WORD, check_bars, take_specific
from bayesmix.formula.tokens import Node, Problem, name_position, names_in, one_line, quote
from bayesmix.formula.unquoted import with_backquotes

__all__ = [
    "Bar",
    "Formula",
    "check_text",
    "is_function",
    "name_position",
    "names_in",
    "parse_formula",
    "quote",
    "response_level",
    "terms_of",
]


@dataclasses.dataclass(frozen=True)
class Formula:
    """A formula that was read but has met no data yet.

    Attributes
    ----------
    text : str
        What the user wrote, on one line, with the columns that ``.`` stands for.
    response : str
        Left side for formulae: ``"gpa"``, ``"np.log(y)"``, ``"p(successes, trials)"``.
    common : str
        Population effects for formulae, beginning with ``1`` or ``0`` and with products written
        out: ``"1 + occasion"``, ``"1 + a + b + a:b"``.
    bars : tuple of Bar
        In the order of the text; ``(1 | g1/g2)`` gives the bars of ``g1`` and of ``g1:g2``.
    specific : str
        Population effects that differ between the thresholds of ordered categories, for formulae,
        with an intercept: ``"1 + x"`` of ``cs(x)``. Empty without.
    absent : tuple of tuple of str
        Terms that are taken away but were not there, each with the difference of columns that may
        have been meant, or nothing: ``y ~ x - z`` gives ``("z", "I(x - z)")``.
    """

    text: str
    response: str
    common: str
    bars: tuple[Bar, ...] = ()
    specific: str = ""
    absent: tuple[tuple[str, str], ...] = dataclasses.field(default=(), compare=False)

    def __str__(self) -> str:
        """Return the formula in its canonical form, with explicit intercepts."""
        return f"{self.response} ~ {' + '.join([self._population, *map(str, self.bars)])}"

    @property
    def without_bars(self) -> Formula:
        """The same formula without its bars: the ordinary regression."""
        text = f"{self.response} ~ {self._population}"
        return dataclasses.replace(self, text=text, bars=(), absent=())

    @property
    def _population(self) -> str:
        inside = self.specific.removeprefix("1 + ")
        return f"{self.common} + {WORD}({inside})" if inside else self.common

    @property
    def variables(self) -> tuple[str, ...]:
        """Names that may be columns: of the response, the common part and the bars, each once."""
        names = [name for text in self._texts for name in names_in(text)[0]]
        return tuple(dict.fromkeys([*names, *(name for bar in self.bars for name in bar.factor)]))

    @property
    def functions(self) -> tuple[str, ...]:
        """Functions that are called, with their module, each once."""
        return tuple(dict.fromkeys(name for text in self._texts for name in names_in(text)[1]))

    @property
    def _texts(self) -> Iterator[str]:
        yield from (self.response, self.common, *(bar.effects for bar in self.bars))
        if self.specific:
            yield self.specific


def parse_formula(
    text: str,
    *,
    columns: Iterable[object] | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> Formula:
    """Read an lme4 formula, in R's spelling or in Python's.

    Parameters
    ----------
    text : str
        ``"response ~ effects + (effects | factor)"``. Bars may stand anywhere in the sum.
    columns : iterable, optional
        Names of the columns of the data: what ``.`` stands for, and which names need backquotes.
    namespace : mapping, optional
        The user's names. A function among them comes before R's word of the same name.

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
    >>> print(parse_formula("cbind(s, f) ~ factor(year) + I(x^2) + diag(x | g)"))
    p(s, s + f) ~ 1 + C(year) + I(x**2) + diag(1 + x | g)
    """
    check_text(text)
    text = one_line(text)
    names = None if columns is None else [name for name in columns if isinstance(name, str)]
    known = namespace or {}
    try:
        formula = _parse(text, names, lambda name: _is_own(name, known))
    except Problem as problem:
        if names is not None:
            _check_backquotes(text, names)
        raise FormulaError(problem.message, text, problem.position) from None
    if names is not None and not _all_known(formula, {*names}, known):
        _check_backquotes(text, names)
    return formula


def check_text(formula: object) -> None:
    """Refuse a formula that is no string, which often is the data put first.

    Raises
    ------
    BayesmixError
    """
    if not isinstance(formula, str):
        raise BayesmixError(
            f"A formula is a string such as {EXAMPLE}; got {type(formula).__name__}. "
            "Put the formula first and the data second."
        )


def terms_of(text: str) -> tuple[tuple[str, ...], ...]:
    """Split `Formula.common` or `Bar.effects` into the factors of its terms, without the intercept.

    Examples
    --------
    >>> terms_of("1 + x + I(a + b):z")
    (('x',), ('I(a + b)', 'z'))
    """
    _, *terms = split(read_nodes(text), ("+",))
    return tuple(tuple(render(factor) for factor in split(term, (":",))) for term in terms)


def response_level(text: str) -> tuple[str, str] | None:
    """Tell the column and the level of a response such as ``y['yes']``, None for another.

    Examples
    --------
    >>> response_level("use['Y']"), response_level("use")
    (('use', 'Y'), None)
    """
    nodes = read_nodes(text)
    if len(nodes) != 1 or nodes[0].kind != "subset":
        return None
    (level,) = nodes[0].items
    return nodes[0].text, level.text.strip("'\"") if level.kind == "string" else level.text


def is_function(value: object) -> bool:
    """Tell whether a formula can call what the user has under a name.

    The functions of `math` take single numbers, and R's of the same names are meant.

    Examples
    --------
    >>> import math
    >>> is_function(abs), is_function(math.log), is_function(3)
    (True, False, False)
    """
    return callable(value) and getattr(value, "__module__", None) not in ("math", "cmath")


# --- names --------------------------------------------------------------------------------------


def _is_own(name: str, namespace: Mapping[str, Any]) -> bool:
    """Tell whether the user has a function of this name that comes before R's word."""
    return name not in TRANSFORMS and is_function(namespace.get(name))


def _all_known(formula: Formula, columns: set[str], namespace: Mapping[str, Any]) -> bool:
    known = {*columns, *namespace, *ENCODINGS, *CONTRASTS}
    callable_names = {*namespace, *TRANSFORMS, *ENCODINGS, *FUNCTIONS, "np", "pd"}
    roots = (name.partition(".")[0] for name in formula.functions)
    return known.issuperset(formula.variables) and callable_names.issuperset(roots)


def _check_backquotes(text: str, columns: Iterable[str]) -> None:
    """Raise with the remedy where columns stand in the formula that need backquotes."""
    found = with_backquotes(text, columns)
    if found is None:
        return
    better, name, position = found
    try:
        _parse(better, list(columns), lambda name: False)
    except Problem:
        return  # something else is wrong, and is told
    raise FormulaError(
        f"The column {short(name)!r} needs backquotes in a formula. Write {short(better, 400)}",
        text,
        position,
    )


# --- from text to response, common part and bars ------------------------------------------------


def _parse(text: str, columns: list[str] | None, is_own: Callable[[str], bool]) -> Formula:
    if not text:
        raise Problem(f"The formula is empty. Write one such as {EXAMPLE}.")
    nodes = read_nodes(text)
    if len(split(nodes, ("~",))) == 1:
        raise Problem(f"No '~' in the formula. Write response ~ effects, as in {EXAMPLE}.", 0)
    sides = split(rewrite(nodes, is_own), ("~",))
    response = response_text(sides[0])
    others = _others(columns, response, sides[1])
    expansion = expand(sides[1], others)
    bars = tuple(bar for node in expansion.bars for bar in expand_bar(node, others))
    if (at := find(sides[1], response)) is not None:
        raise Problem(
            f"The response {short(response)} is on the right of '~' too. Leave it out there.", at
        )
    absent = tuple(dict.fromkeys((*expansion.absent, *(one for b in bars for one in b.absent))))
    written = _without_dots(text, nodes, others)
    specific = ""
    if not is_own(WORD):
        expansion, specific = take_specific(expansion)
        check_bars(bars)
    formula = Formula(written, response, str(expansion), bars, specific, absent)
    if response_level(response) is None:
        _check_readable(f"{response} ~ 1")
    texts = (formula.common, *(bar.effects for bar in bars), *filter(None, [specific]))
    factors = (factor for one in dict.fromkeys(texts) for term in terms_of(one) for factor in term)
    for factor in dict.fromkeys(factors):
        if "(" in factor or "{" in factor:
            _check_readable(factor)
    return formula


def _others(columns: list[str] | None, response: str, right: Nodes) -> list[str] | None:
    """List what ``.`` stands for: all columns but those of the response and grouping factors."""
    if columns is None:
        return None
    elsewhere = {*names_in(response)[0], *grouping_names(right)}
    return [name for name in columns if name not in elsewhere and "`" not in name]


def _without_dots(text: str, nodes: Nodes, columns: list[str] | None) -> str:
    """Write the columns into the text for each ``.``, so that it can be read without the data."""
    written = text
    for node in reversed(list(_dots(nodes))):
        sum_of_columns = " + ".join(map(quote, columns or ()))
        written = f"{written[: node.start]}({sum_of_columns}){written[node.start + 1 :]}"
    return written


def _dots(nodes: Nodes) -> Iterator[Node]:
    for node in nodes:
        if node.kind == "dot":
            yield node
        yield from _dots(node.items)


def _check_readable(part: str) -> None:
    try:
        model_description(part)
    except RecursionError:
        raise Problem(
            f"'{short(part)}' is too long. Make that column in the data first and name it."
        ) from None
    except Exception as error:  # formulae raises whatever its Python stumbled over
        raise Problem(
            f"formulae cannot read '{short(part)}' ({type(error).__name__}: "
            f"{short(str(error).rstrip('.'))}). Make that column in the data first and name it."
        ) from None
