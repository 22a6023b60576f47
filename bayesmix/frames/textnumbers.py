"""Text that was meant as numbers: what a stray '.' or a decimal comma makes of a column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bayesmix.base.errors import short

__all__ = ["numbers_as_text"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})*,\d+|[+-]?\d+,\d+|[+-]?\d{1,3}(,\d{3})+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_MISSING = re.compile(
    r"|\.+|[-\u2013\u2014]+|[?*]+|#?n/?a|n\.a\.?|nan|none|#?null!?|nil|missing|unknown|-?inf"
    r"|#value!|#div/0!|\\n",
    re.IGNORECASE,
)
# Text codes are few, measured values are many; whoever means numbers has one or two strays.
_MANY_WHOLE, _MANY_FRACTIONS = 12, 5
_STRAYS = 0.1
_SHOWN = 3


def numbers_as_text(name: str, categories: Iterable[object]) -> str | None:
    """Say so where the categories of a column look like numbers that were read as text.

    Codes such as ``"1", "2", "3"`` or ``"007"`` are left alone.

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
    if not labels:
        return None
    marks = [label for label in labels if _MISSING.fullmatch(label.strip())]
    points = [label for label in labels if _NUMBER.fullmatch(label.strip())]
    commas = [label for label in labels if _COMMA.fullmatch(label.strip())]
    known = {*marks, *points, *commas}
    strays = [label for label in labels if label not in known]
    numbers = [*points, *commas]
    if len(numbers) < 2 or len(strays) > _STRAYS * len(numbers) or _are_codes(points):
        return None
    fractions = [label for label in points if not label.strip().lstrip("+-").isdigit()]
    enough = _MANY_FRACTIONS if fractions else _MANY_WHOLE
    if not (marks or len(commas) > 1 or len(numbers) > enough):
        return None
    others = [*marks, *strays]
    beside = f" and {_quoted(others)}" if others else ""
    missing = f" ({_quoted(others)} become{'s' * (len(others) == 1)} missing)" if others else ""
    text = f"data['{short(name)}']"
    values = f"{text}.astype(str){_without_commas(commas)}" if commas else text
    return (
        f"Column '{short(name)}' holds numbers as text ({_quoted(numbers)}){beside}, so that it "
        f"makes {len(labels)} categories. If numbers are meant: {text} = pd.to_numeric({values}, "
        f"errors='coerce'){missing}; if not, write C({_in_formula(name)}) in the formula."
    )


def _without_commas(numbers: Sequence[str]) -> str:
    """Write what makes numbers with points of numbers with commas."""
    if all(_THOUSANDS.fullmatch(number.strip()) for number in numbers):
        return ".str.replace(',', '')"
    has_points = any("." in number for number in numbers)
    return (".str.replace('.', '')" if has_points else "") + ".str.replace(',', '.')"


def _in_formula(name: str) -> str:
    return short(name) if re.fullmatch(r"[^\W\d][\w.]*", name) else f"`{short(name)}`"


def _are_codes(numbers: Sequence[str]) -> bool:
    """Tell numbers that are names, such as postal codes: some start with a zero."""
    return any(re.match(r"[+-]?0\d", number.strip()) for number in numbers)


def _quoted(values: Sequence[str]) -> str:
    more = ", ..." if len(values) > _SHOWN else ""
    return ", ".join(f"'{short(value, 20)}'" for value in values[:_SHOWN]) + more
