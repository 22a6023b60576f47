"""Text that was meant as numbers: what a stray '.' or a decimal comma makes of a column."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from bayesmix.base.errors import short
from bayesmix.base.words import count

__all__ = ["conversion", "numbers_as_text"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})*,\d+|[+-]?\d+,\d+|[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_CURRENCY = "[$\u20ac\u00a3\u00a5\u20b9]"
_OTHER_SPACES = "\u00a0\u2009\u202f"  # no-break, thin, and both
_SPACE = f"[ {_OTHER_SPACES}]"
_MINUS = ("\u2212", "\u2013")
_LETTER = r"[^\W\d_]"
# A number with what programs and people put around it: "\u22121.5", "$1,500", "1 234 kg", "5%".
_DRESSED = re.compile(
    rf"(?P<sign>[-+\u2212\u2013]?)(?P<currency>{_CURRENCY}?){_SPACE}?"
    rf"(?P<digits>[-+]?(?:\d{{1,3}}(?:{_SPACE}\d{{3}})+(?!\d)|\d|\.\d)[\d.,]*(?:[eE][+-]?\d+)?)"
    rf"{_SPACE}?(?P<unit>(?:[%\u2030]|{_CURRENCY}|\u00b0?{_LETTER}{{1,8}}(?:/{_LETTER}{{1,4}})?)?)"
)
_MISSING = re.compile(
    r"|\.+|[-\u2013\u2014]+|[?*]+|#?n/?a|n\.a\.?|nan|none|#?null!?|nil|missing|unknown|-?inf"
    r"|#value!|#div/0!|\\n",
    re.IGNORECASE,
)
# Text codes are few, measured values are many; whoever means numbers has one or two strays.
_MANY_WHOLE, _MANY_FRACTIONS = 12, 5
_STRAYS = 0.1
_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class _Number:
    """A label that is a number: its digits, and what must be taken off to read them."""

    label: str
    digits: str
    unit: str
    removed: tuple[str, ...]
    minus: str = ""


def conversion(name: str, categories: Iterable[object]) -> str | None:
    """Write what makes numbers of a column of text; None if most of it are no numbers.

    Parameters
    ----------
    name : str
        The column.
    categories : iterable
        Its distinct values.

    Returns
    -------
    str or None

    Examples
    --------
    >>> conversion("dose", ["1,5", "2,0", "n/a"])
    "pd.to_numeric(data['dose'].astype(str).str.replace(',', '.'), errors='coerce')"
    """
    labels = [value for value in categories if isinstance(value, str)]
    numbers = _numbers(labels)
    return _converted(name, numbers) if numbers and 2 * len(numbers) >= len(labels) else None


def numbers_as_text(name: str, categories: Iterable[object]) -> str | None:
    """Say so where the categories of a column look like numbers that were read as text.

    Codes such as ``"1", "2", "3"``, ``"007"`` or ``"12a"`` are left alone.

    Parameters
    ----------
    name : str
        The column.
    categories : iterable
        Its distinct values.

    Returns
    -------
    str or None
        A message with the values and the remedy.

    Examples
    --------
    >>> numbers_as_text("dose", ["1", "2", "3"])
    >>> numbers_as_text("age", ["34", "51", "."])  # doctest: +ELLIPSIS
    "Column 'age' holds numbers as text ('34', '51') and '.', so that it makes 3 categories. ..."
    """
    labels = [value for value in categories if isinstance(value, str)]
    marks = [label for label in labels if _MISSING.fullmatch(label.strip())]
    numbers = _numbers(labels)
    known = {*marks, *(number.label for number in numbers)}
    strays = [label for label in labels if label not in known]
    points = [number.digits for number in numbers if _NUMBER.fullmatch(number.digits)]
    if len(numbers) < 2 or len(strays) > _STRAYS * len(numbers) or _are_codes(points):
        return None
    fractions = [digits for digits in points if not digits.lstrip("+-").isdigit()]
    enough = _MANY_FRACTIONS if fractions else _MANY_WHOLE
    n_commas = len(numbers) - len(points)
    if not (marks or n_commas > 1 or len(numbers) > enough):
        return None
    others = [*marks, *strays]
    beside = f" and {_quoted(others)}" if others else ""
    missing = f" ({_quoted(others)} become{'s' * (len(others) == 1)} missing)" if others else ""
    shown = _quoted([number.label for number in numbers])
    return (
        f"Column '{short(name)}' holds numbers as text ({shown}){beside}, so that it "
        f"makes {count(len(labels), 'category', 'categories')}. If numbers are meant: "
        f"data['{short(name)}'] = "
        f"{_converted(name, numbers)}{missing}; if not, write C({_in_formula(name)}) in the "
        "formula."
    )


def _numbers(labels: Sequence[str]) -> list[_Number]:
    """Read the labels that are numbers; with units only if these are one, and no codes."""
    found = [number for number in map(_number, labels) if number is not None]
    units = {number.unit for number in found if number.unit}
    if len(units) > 1 or _are_lettered(found):
        return [number for number in found if not number.unit]
    return found


def _number(label: str) -> _Number | None:
    match = _DRESSED.fullmatch(label.strip())
    if match is None:
        return None
    minus = match["sign"] if match["sign"] in _MINUS else ""
    spaces = {*match["digits"]} & {" "} | {*label} & {*_OTHER_SPACES}
    digits = re.sub(_SPACE, "", match["digits"])
    digits = ("-" if minus else match["sign"]) + digits
    if not (_NUMBER.fullmatch(digits) or _COMMA.fullmatch(digits)):
        return None
    removed = (match["currency"], match["unit"], *sorted(spaces))
    return _Number(label, digits, match["unit"], tuple(filter(None, removed)), minus)


def _are_lettered(numbers: Sequence[_Number]) -> bool:
    """Tell codes such as "12a": whole numbers with one letter right behind."""
    lettered = [one for one in numbers if one.unit]
    return all(
        len(one.unit) == 1
        and one.unit.isalpha()
        and one.digits.isdigit()
        and one.label.strip() == one.digits + one.unit
        for one in lettered
    )


def _converted(name: str, numbers: Sequence[_Number]) -> str:
    """Write the call that makes numbers of the column, with all that is to be replaced."""
    removed = dict.fromkeys(text for number in numbers for text in number.removed)
    minus = dict.fromkeys(number.minus for number in numbers if number.minus)
    commas = [number.digits for number in numbers if not _NUMBER.fullmatch(number.digits)]
    steps = [f".str.replace({_literal(text)}, '')" for text in removed]
    steps += [f".str.replace({_literal(text)}, '-')" for text in minus]
    steps += [_without_commas(commas)] if commas else []
    values = f"data['{short(name)}']{'.astype(str)' * bool(steps)}{''.join(steps)}"
    return f"pd.to_numeric({values}, errors='coerce')"


def _literal(text: str) -> str:
    """Write a text for Python, so that one space can be told from another."""
    return ascii(text) if text.isspace() else repr(text)


def _without_commas(numbers: Sequence[str]) -> str:
    """Write what makes numbers with points of numbers with commas."""
    if all(_THOUSANDS.fullmatch(number) for number in numbers):
        return ".str.replace(',', '')"
    has_points = any("." in number for number in numbers)
    return (".str.replace('.', '')" if has_points else "") + ".str.replace(',', '.')"


def _in_formula(name: str) -> str:
    return short(name) if re.fullmatch(r"[^\W\d][\w.]*", name) else f"`{short(name)}`"


def _are_codes(numbers: Sequence[str]) -> bool:
    """Tell numbers that are names, such as postal codes: some start with a zero."""
    return any(re.match(r"[+-]?0\d", number) for number in numbers)


def _quoted(values: Sequence[str]) -> str:
    more = ", ..." if len(values) > _SHOWN else ""
    return ", ".join(f"'{short(value, 20)}'" for value in values[:_SHOWN]) + more
