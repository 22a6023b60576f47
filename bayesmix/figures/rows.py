"""Rows of intervals one below the other: the size of their figure, and their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import short
from bayesmix.figures.panels import TICKED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["has_room", "name_rows", "size_of_rows"]

# Points of type below which a name cannot be read, and above which it need not be.
_SMALLEST_TYPE, _LARGEST_TYPE = 5.0, 9.0
# Characters of a name, inches of each of them, and of those that need no room of their own.
_MOST_CHARACTERS, _CHARACTER, _FREE = 40, 0.07, 16
# Inches: of a row, at most of a panel, of one whose rows have no names, of all panels together.
_ROW, _HIGHEST, _UNNAMED, _ALL = 0.17, 9.0, 5.5, 24.0


def size_of_rows(
    names: Sequence[str], n_rows: int, *, width: float, height: float, panels_high: int = 1
) -> tuple[float, float]:
    """Return inches of a panel: wider for long names, higher for many rows, within bounds.

    Parameters
    ----------
    names : sequence of str
        Of all rows of all panels.
    n_rows : int
        Of the panel that has the most.
    width, height : float
        The least.
    panels_high : int
        Panels one below the other.
    """
    longest = min(max(map(len, names), default=0), _MOST_CHARACTERS)
    if n_rows > TICKED:
        return width, max(height, min(_UNNAMED, _ALL / panels_high))
    most = max(height, min(_HIGHEST, _ALL / panels_high))
    return (
        width + _CHARACTER * max(0, longest - _FREE),
        float(np.clip(1.2 + _ROW * n_rows, height, most)),
    )


def has_room(axis: Axes, n_rows: int) -> bool:
    """Whether names of so many rows are legible beside an axis."""
    return _type_size(axis, n_rows) >= _SMALLEST_TYPE


def name_rows(axis: Axes, places: FloatArray, names: Sequence[str], what: str, of_all: str) -> None:
    """Name each row at the side where type of a legible size fits.

    Parameters
    ----------
    axis : Axes
    places : ndarray
        Of the rows, along the axis.
    names : sequence of str
    what : str
        What the names are of, for the label of the axis.
    of_all : str
        The label where there are no names.
    """
    size = _type_size(axis, len(names))
    if size >= _SMALLEST_TYPE:
        shown = [short(name, _MOST_CHARACTERS) for name in names]
        axis.set_yticks(places, shown, fontsize=size)
        axis.set_ylabel(what)
    else:
        axis.set_yticks([])
        axis.set_ylabel(of_all)


def _type_size(axis: Axes, n_rows: int) -> float:
    inches = axis.get_window_extent().height / axis.figure.dpi
    return float(min(_LARGEST_TYPE, 0.8 * 72 * inches / n_rows))
