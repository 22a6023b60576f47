"""Labels: how the value of a level or category is written, and which texts mean the same value."""

from __future__ import annotations

import decimal
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bayesmix.base.errors import BayesmixError, short

__all__ = ["check_labels", "find_label", "label_of", "plain_text"]

_WHOLE = re.compile(r"([+-]?\d+)(\.0*)?")
_FRACTION = re.compile(r"([+-]?\d+\.\d*[1-9])0+")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?"
)
# Floats above this are not written as whole numbers: their last digits are made up.
_LARGEST_WHOLE = 2.0**63
_MOST_CHARACTERS = 1 << 28


def label_of(value: object) -> str:
    """Write a level as text, numbers without needless zeros after the point.

    Examples
    --------
    >>> label_of(10.0), label_of(0.5), label_of(True), label_of("10.0")
    ('10', '0.5', 'True', '10.0')
    """
    if isinstance(value, float | np.floating):
        number = float(value)
        if number.is_integer() and abs(number) < _LARGEST_WHOLE:
            return str(int(number))
    if isinstance(value, decimal.Decimal) and value.is_finite() and abs(value.adjusted()) < 20:
        plain = f"{value:f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return plain_text(value).rstrip("\0")  # NumPy's arrays of text do not keep NULs at the end


def plain_text(value: object) -> str:
    """Write a value as Python does.

    Raises
    ------
    BayesmixError
        A whole number of more digits than Python writes.
    """
    try:
        return str(value)
    except ValueError:
        raise BayesmixError(
            f"A level or category is {short(value)}, more than 4,300 digits. Number the levels: "
            "data['g'] = pd.factorize(data['g'])[0]."
        ) from None


def find_label(label: str, positions: Mapping[str, int]) -> int:
    """Find a label among others, -1 if it is not there or could be several.

    ``10.0`` is found as ``10`` and ``2024-02-01`` as ``2024-02-01 00:00:00``, and the other way
    round: after a trip through a file of text these are the same values.

    Parameters
    ----------
    label : str
        What came.
    positions : mapping of str to int
        What is known.

    Returns
    -------
    int

    Examples
    --------
    >>> find_label("2.0", {"1": 0, "2": 1}), find_label("3", {"1": 0, "2": 1})
    (1, -1)
    """
    if label in positions:
        return positions[label]
    found = {positions[same] for same in _spellings(label) if same in positions}
    return found.pop() if len(found) == 1 else -1


def _spellings(label: str) -> Iterator[str]:
    """Yield other texts of the same number or the same moment."""
    if whole := _WHOLE.fullmatch(label):
        yield whole[1]
        yield f"{whole[1]}.0"
    elif decimals := _FRACTION.fullmatch(label):
        yield decimals[1]
    elif moment := _MOMENT.fullmatch(label):
        day, minutes, seconds, fraction, zone = moment.groups()
        time = f"{minutes or '00:00'}:{seconds or '00'}"
        digits = (fraction or "").rstrip("0")
        zone = "+00:00" if zone == "Z" else zone or ""
        if time == "00:00:00" and not digits and not zone:
            yield day
        fractions = ["", ".000", ".000000", ".000000000"]
        if digits:
            fractions = [f".{digits.ljust(length, '0')}" for length in (3, 6, 9)]
        for separator in " T":
            for part in fractions:
                yield f"{day}{separator}{time}{part}{zone}"
                if zone == "+00:00":
                    yield f"{day}{separator}{time}{part}Z"


def check_labels(what: str, labels: Sequence[str], column: str) -> None:
    """Refuse labels that cannot be written to a file or kept in an array.

    Parameters
    ----------
    what : str
        What they belong to, at the start of the message.
    labels : sequence of str
    column : str
        Name of the column, for the remedy.

    Raises
    ------
    BayesmixError
        A label is no valid Unicode, or the labels are too long together.
    """
    longest = max(map(len, labels), default=0)
    if longest * len(labels) > _MOST_CHARACTERS:
        raise BayesmixError(
            f"{what} has {len(labels)} labels of up to {longest} characters "
            f"('{short(max(labels, key=len))}'), too many to keep. Shorten them: "
            f"data['{column}'].str[:50], or number them with pd.factorize(data['{column}'])[0]."
        )
    try:
        "".join(labels).encode()
    except UnicodeEncodeError:
        broken = next(label for label in labels if not _is_unicode(label))
        raise BayesmixError(
            f"{what} holds text that is no valid Unicode ('{short(broken)}'): half of a pair of "
            f"surrogates. Repair it: data['{column}'].map(lambda text: "
            "text.encode('utf-8', 'replace').decode())."
        ) from None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
