"""Texts that stay inside their figure: legends of as many columns as fit, wrapped labels."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bayesmix.base.errors import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

__all__ = ["legend_above", "legend_of_figure", "legends_above", "wrap_labels", "wrapped"]

_TYPE = "small"
_STYLE: dict[str, Any] = {
    "title_fontsize": _TYPE,
    "alignment": "left",
    "frameon": False,
    "fontsize": _TYPE,
    "borderaxespad": 0.2,
    "columnspacing": 1.2,
    "handletextpad": 0.5,
}
# Of the width there is, and of the height of what is below, at most for a legend. Its tick labels
# may change a little when the legend takes its room.
_WIDTH, _HEIGHT = 0.98, 0.4
# Of the width of a legend a single label, beside its line.
_LABEL = 0.86
# Characters to which labels are cut, one after the other, until the legend is low enough.
_CUTS = (60, 40, 30, 22, 16, 12, 9, 6)


def legend_above(axes: Axes, title: str = "", *, columns: int = 3) -> None:
    """Put the legend above the axes, where it hides nothing, no wider than they are.

    To be called when all else of the figure is there: its room depends on it.
    """
    legends_above([axes], [title], columns=columns)


def legends_above(axes: Sequence[Axes], titles: Sequence[str], *, columns: int = 3) -> None:
    """Put a legend above each of some axes of a figure, as `legend_above` does."""
    figure = _laid_out(axes[0])
    for axis, title in zip(axes, titles, strict=True):
        handles, labels = axis.get_legend_handles_labels()
        make = partial(
            axis.legend, handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), **_STYLE
        )
        frame = axis.get_window_extent()
        if handles:
            _fit(figure, make, labels, title, columns, frame.width, frame.height)


def legend_of_figure(axes: Sequence[Axes], title: str, *, columns: int) -> None:
    """Put one legend for all panels above them, no wider than the figure."""
    figure = _laid_out(axes[0])
    handles, labels = axes[0].get_legend_handles_labels()
    place = "outside upper left" if figure.get_layout_engine() else "upper left"
    made: list[Legend] = []

    def make(labels: Sequence[str], **options: Any) -> Legend:
        for old in made:
            old.remove()
        made[:] = [figure.legend(handles, labels, loc=place, **_STYLE, **options)]
        return made[0]

    _fit(figure, make, labels, title, columns, figure.bbox.width, figure.bbox.height)


def _laid_out(axes: Axes) -> Figure:
    """Return the figure of axes, these where they will be when it is drawn."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return figure


def _fit(
    figure: Figure,
    make: Callable[..., Legend],
    labels: Sequence[str],
    title: str,
    columns: int,
    width: float,
    height: float,
) -> None:
    """Make a legend of as many columns as fit; one that would be too high of shorter labels."""
    named = wrapped(figure, short(title, _CUTS[0]), _LABEL * width, _TYPE)
    for shown, most in _shortened(figure, labels, columns, _LABEL * width):
        for k in range(min(most, len(labels)), 0, -1):
            box = make(labels=shown, ncols=k, title=named or None).get_window_extent()
            if box.width <= _WIDTH * width:
                break
        if box.height <= _HEIGHT * height:
            break


def _shortened(
    figure: Figure, labels: Sequence[str], columns: int, width: float
) -> Iterator[tuple[list[str], int]]:
    """Yield labels and the most columns: whole labels in lines first, then shorter and shorter."""
    yield [wrapped(figure, label, width, _TYPE) for label in labels], columns
    for limit in _CUTS:
        cut = [short(label, limit) for label in labels]
        yield [wrapped(figure, label, width, _TYPE) for label in cut], max(columns, 6)


def wrapped(figure: Figure, text: str, width: float, size: str | float | None = None) -> str:
    """Break the lines of a text that are wider than so many pixels."""
    return "\n".join(
        part for line in text.split("\n") for part in _broken(figure, line, width, size)
    )


def _broken(figure: Figure, line: str, width: float, size: str | float | None) -> list[str]:
    written = figure.text(0, 0, line, fontsize=size)
    needed = written.get_window_extent().width
    written.remove()
    if needed <= width or not line.strip():
        return [line]
    # Letters differ in width, so that a line of the mean number of them may still be too long.
    characters = max(4, int(0.92 * len(line) * width / needed))
    return textwrap.wrap(line, characters)


def wrap_labels(axes: Sequence[Axes], *, titles: str | None = None) -> None:
    """Break the lines of labels, and of titles of a size, that are longer than their axes."""
    figure = _laid_out(axes[0])
    for axis in axes:
        title = axis.get_title(loc="left")
        width, height = axis.get_window_extent().size
        for label, length in ((axis.xaxis.label, width), (axis.yaxis.label, height)):
            label.set_text(wrapped(figure, label.get_text(), length, label.get_fontsize()))
        if titles is not None and title:
            axis.set_title(wrapped(figure, title, width, titles), fontsize=titles, loc="left")
