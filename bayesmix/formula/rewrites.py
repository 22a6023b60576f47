"""A formula with changes: what warnings offer as the formula to write instead.

Each function takes a finished `Formula` and returns another; its text is ``str(formula)``, in
which every other term stands as it was.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping

from bayesmix.base.errors import FormulaError
from bayesmix.formula.formula import Bar, Formula, parse_formula

__all__ = [
    "LONGEST",
    "Sum",
    "add_terms",
    "bars_of",
    "is_readable",
    "quoted",
    "read_sum",
    "remove_terms",
    "replace_bars",
    "replace_factors",
    "replace_names",
    "replace_variables",
    "with_common",
]

type Term = tuple[str, ...]

# Formulas that are longer are neither tried nor repeated in messages.
LONGEST = 500

_PIECE = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|[^'\"`]", re.DOTALL)
_NAME = r"[^\W\d_][\w.]*|`[^`]+`"
# A name in a call, not that of a function or an argument, nor in quotes.
_VARIABLE = re.compile(
    rf"'[^']*'|\"[^\"]*\"|(?<![\w.])(?P<name>{_NAME})(?![\w.])(?!\s*(?:\(|=(?!=)))"
)
_POWER = re.compile(rf"({_NAME})(?:\*\*([1-9]\d*))?")
_NUMBER = r"\d+\.?\d*|\.\d+"
_ARITHMETIC = re.compile(r"(?:I\((?P<call>.*)\)|\{(?P<brace>.*)\})", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Sum:
    """The right side of a formula, or the left of a bar, taken apart.

    Attributes
    ----------
    intercept : bool
    terms : tuple of tuple of str
        Each the columns and functions of one product: ``(("a",), ("a", "b"))`` for ``a + a:b``.
    """

    intercept: bool
    terms: tuple[Term, ...]

    def __str__(self) -> str:
        """Return the text that `read_sum` reads."""
        return " + ".join(["1" if self.intercept else "0", *map(":".join, self.terms)])

    def __bool__(self) -> bool:
        """Tell whether anything is left."""
        return self.intercept or bool(self.terms)

    def plus(self, terms: Iterable[Term]) -> Sum:
        """Add terms that are not there yet, each before the products that it is part of."""
        found = list(self.terms)
        keys = [_key(term) for term in found]
        for term in terms:
            key = _key(term)
            if key not in keys:
                at = next((i for i, other in enumerate(keys) if key < other), len(keys))
                found.insert(at, term)
                keys.insert(at, key)
        return Sum(self.intercept, tuple(found))

    def minus(self, terms: Iterable[Term]) -> Sum:
        """Leave terms out; ``()`` is the intercept."""
        gone = {_key(term) for term in terms}
        left = tuple(term for term in self.terms if _key(term) not in gone)
        return Sum(self.intercept and frozenset() not in gone, left)


def read_sum(text: str) -> Sum:
    """Take apart `Formula.common` or `Bar.effects`.

    Parameters
    ----------
    text : str
        A sum that begins with ``1`` or ``0``.

    Returns
    -------
    Sum

    Examples
    --------
    >>> read_sum("1 + I(x + 1) + a:`b:c`").terms
    (('I(x + 1)',), ('a', '`b:c`'))
    """
    intercept, *terms = _split(text, "+")
    return Sum(intercept == "1", tuple(tuple(_split(term, ":")) for term in terms))


def quoted(name: str) -> str:
    """Write the name of a column, in backquotes where a formula needs them."""
    is_plain = re.fullmatch(_NAME, name) and name not in ("True", "False", "None")
    return name if is_plain else f"`{name}`"


def add_terms(formula: Formula, terms: Iterable[Term]) -> Formula:
    """Add population effects, those that are there already left as they are.

    Examples
    --------
    >>> from bayesmix.formula.formula import parse_formula
    >>> print(add_terms(parse_formula("y ~ x + (1 | g)"), [("x",), ("C(year)", "x")]))
    y ~ 1 + x + C(year):x + (1 | g)
    """
    return _made(formula, read_sum(formula.common).plus(terms), formula.bars)


def remove_terms(formula: Formula, terms: Iterable[Term]) -> Formula:
    """Leave population effects out; ``()`` is the intercept.

    Examples
    --------
    >>> from bayesmix.formula.formula import parse_formula
    >>> print(remove_terms(parse_formula("y ~ a*b + (1 | g)"), [("b", "a")]))
    y ~ 1 + a + b + (1 | g)
    """
    return _made(formula, read_sum(formula.common).minus(terms), formula.bars)


def bars_of(formula: Formula, variables: Iterable[str]) -> list[Bar]:
    """Find the bars of a grouping factor, whatever the order of its columns."""
    return [bar for bar in formula.bars if set(bar.factor) == set(variables)]


def replace_bars(formula: Formula, bars: Mapping[Bar, Sum | None]) -> Formula:
    """Give bars other effects; None or an empty sum leaves the bar out.

    Examples
    --------
    >>> from bayesmix.formula.formula import parse_formula
    >>> formula = parse_formula("y ~ x + (x | g) + (x || h) + (1 | k)")
    >>> first, second, third = formula.bars
    >>> print(replace_bars(formula, {first: Sum(True, ()), third: None}))
    y ~ 1 + x + (1 | g) + (1 + x || h)
    """
    kept: list[Bar] = []
    for bar in formula.bars:
        effects = bars.get(bar, read_sum(bar.effects))
        if bar not in bars or not effects:
            kept += [bar] if effects else []
            continue
        changed = dataclasses.replace(bar, effects=str(effects))
        is_one = len(effects.terms) == 1 and not effects.intercept
        if not effects.terms or (is_one and not bar.correlated and not bar.diagonal):
            changed = changed.plain()  # nothing to keep apart
        kept.append(changed)
    return _made(formula, read_sum(formula.common), dict.fromkeys(kept))


def replace_variables(formula: Formula, replacements: Mapping[str, str]) -> Formula:
    """Write something else for a column or a function of columns, such as ``center(x)`` for ``x``.

    A replacement moves the zero of a column and nothing else. It is made

    - where the column is a term or a factor of a product, in bars too;
    - inside of ``I()`` and braces that hold nothing but a product of powers: ``I(x**2)`` becomes
      ``I(center(x)**2)``, while ``I(x - 10)``, ``I(x > 3)`` and ``np.log(x)`` depend on the zero of
      the column, and ``scale(x)``, ``poly(x, 2)`` have their own, so that all of them stay;
    - among the population effects only if these remain the same effects: ``x*z`` needs ``z``
      beside it, and ``I(x**2)`` needs ``x`` and an intercept. If one lacks them, all stay.

    The response and grouping factors stay.

    Parameters
    ----------
    formula : Formula
    replacements : mapping of str to str
        By column, ``"my x"`` without backquotes, or by function as the formula writes it,
        ``"np.log(x)"``.

    Returns
    -------
    Formula

    Examples
    --------
    >>> from bayesmix.formula.formula import parse_formula
    >>> formula = parse_formula("y ~ x*z + I(x**2) + np.log(x) + (x || g)")
    >>> print(replace_variables(formula, {"x": "center(x)"}))
    y ~ 1 + center(x) + z + center(x):z + I(center(x)**2) + np.log(x) + (1 + center(x) || g)
    """
    known = {_unquoted(name): text for name, text in replacements.items()}
    for inside in (True, False):
        common = read_sum(formula.common)
        if _closed_under_shifts(common, known):
            common = _replaced(common, known, inside)
        bars = (
            dataclasses.replace(bar, effects=str(_replaced(read_sum(bar.effects), known, inside)))
            for bar in formula.bars
        )
        made = _made(formula, common, bars)
        if is_readable(made):
            return made
    return formula


def with_common(formula: Formula, common: Sum) -> Formula:
    """Give a formula other population effects."""
    return _made(formula, common, formula.bars)


def replace_factors(effects: Sum, replacements: Mapping[str, str]) -> Sum:
    """Write other factors of products for those that are named as the sum writes them.

    Examples
    --------
    >>> print(replace_factors(read_sum("1 + x + x:z"), {"x": "center(x)"}))
    1 + center(x) + center(x):z
    """
    terms = [tuple(replacements.get(part, part) for part in term) for term in effects.terms]
    first = {_key(term): term for term in reversed(terms)}
    return Sum(effects.intercept, tuple(reversed(first.values())))


def replace_names(call: str, replacements: Mapping[str, str]) -> str:
    """Write something else for columns in a call, ``"my x"`` without backquotes.

    Examples
    --------
    >>> replace_names("f(x, 'x', x=`my x`)", {"x": "center(x)", "my x": "z"})
    "f(center(x), 'x', x=z)"
    """

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        return replacements.get(_unquoted(name), name) if name else match[0]

    return _VARIABLE.sub(replaced, call)


def is_readable(formula: Formula) -> bool:
    """Tell whether the text of a formula is read as that formula."""
    try:
        read = parse_formula(str(formula))
    except FormulaError:
        return False
    return str(read) == str(formula)


def _made(formula: Formula, common: Sum, bars: Iterable[Bar]) -> Formula:
    made = Formula("", formula.response, str(common), tuple(bars), formula.specific)
    return dataclasses.replace(made, text=str(made))


def _replaced(effects: Sum, known: Mapping[str, str], inside: bool) -> Sum:
    terms = (
        tuple(_replaced_factor(factor, known, inside) for factor in term) for term in effects.terms
    )
    first = {_key(term): term for term in reversed([*terms])}
    return Sum(effects.intercept, tuple(reversed(first.values())))


def _replaced_factor(factor: str, known: Mapping[str, str], inside: bool) -> str:
    if _unquoted(factor) in known:
        return known[_unquoted(factor)]
    if not inside or not _powers(factor):
        return factor
    return "".join(
        known.get(_unquoted(piece), piece) for piece in re.split(rf"({_NAME})", factor[1:])
    ).join((factor[0], ""))


def _powers(factor: str) -> dict[str, int]:
    """Read a product of powers in ``I()`` or braces: {"x": 2} for ``I(3 * x**2)``, else nothing."""
    match = _ARITHMETIC.fullmatch(factor)
    if match is None:
        return {}
    powers: dict[str, int] = {}
    for part in _split(match["call"] or match["brace"] or "", " * "):
        product = re.sub(rf"(?: / (?:{_NUMBER}))+$", "", part)
        if re.fullmatch(_NUMBER, product):
            continue
        power = _POWER.fullmatch(product)
        if power is None:
            return {}
        name = _unquoted(power[1])
        powers[name] = powers.get(name, 0) + int(power[2] or 1)
    return powers


def _closed_under_shifts(effects: Sum, known: Mapping[str, str]) -> bool:
    """Tell whether moving the zeros of columns leaves the space of the effects as it is."""
    products = set(_products(effects))
    for product in products:
        for name, power in product:
            if name in known:
                lower = {(name, power - 1)} if power > 1 else set()
                if frozenset((product - {(name, power)}) | lower) not in products:
                    return False
    return True


def _products(effects: Sum) -> Iterator[frozenset[tuple[str, int]]]:
    """Yield each term as powers of columns and of other functions, the intercept as no power."""
    for term in (*([()] if effects.intercept else []), *effects.terms):
        powers: dict[str, int] = {}
        for factor in term:
            for name, power in (_powers(factor) or {_unquoted(factor): 1}).items():
                powers[name] = powers.get(name, 0) + power
        yield frozenset(powers.items())


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside of brackets and quotes."""
    depth, start, parts = 0, 0, []
    for match in _PIECE.finditer(text):
        piece = match[0]
        depth += (piece in "([{") - (piece in ")]}")
        if not depth and match.start() >= start and text.startswith(separator, match.start()):
            parts.append(text[start : match.start()])
            start = match.start() + len(separator)
    return [part.strip() for part in (*parts, text[start:])]


def _key(term: Term) -> frozenset[str]:
    return frozenset(_unquoted(factor) for factor in term)


def _unquoted(factor: str) -> str:
    return factor.replace("`", "")
