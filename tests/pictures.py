"""What the tests of figures ask of them."""

from __future__ import annotations

from typing import Any


def texts_overlap(figure: Any) -> list[tuple[str, str]]:
    """Pairs of texts of a figure that overlap: ticks, labels, titles, legends, names."""
    shown = _texts(figure)
    return [
        (a, b) for i, (a, one) in enumerate(shown) for b, other in shown[:i] if one.overlaps(other)
    ]


def texts_outside(figure: Any) -> list[str]:
    """Texts of a figure that are cut at its edges, by more than a pixel."""
    frame = figure.bbox.padded(1)
    return [
        text
        for text, box in _texts(figure)
        if not (
            frame.x0 <= box.x0 <= box.x1 <= frame.x1 and frame.y0 <= box.y0 <= box.y1 <= frame.y1
        )
    ]


def widths_of_draws(figure: Any, n: int = 3) -> list[float]:
    """Widths of the first axes after one draw, two, and so on."""
    widths = []
    for _ in range(n):
        figure.canvas.draw()
        widths.append(figure.axes[0].get_position().width)
    return widths


def _texts(figure: Any) -> list[tuple[str, Any]]:
    """Texts that are seen, and where they are."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    shown = [
        *((text.get_text(), text.get_window_extent(renderer)) for text in _of_figure(figure)),
        *(
            (text.get_text(), text.get_window_extent(renderer))
            for axes in figure.axes
            for text in [
                *_tick_labels(axes.xaxis),
                *_tick_labels(axes.yaxis),
                axes.xaxis.label,
                axes.yaxis.label,
                axes.title,
                axes._left_title,
                axes._right_title,
                *axes.texts,
                *(_legend_texts(axes.get_legend()) if axes.get_legend() else []),
            ]
            if text.get_text() and text.get_visible()
        ),
    ]
    return shown


def _of_figure(figure: Any) -> list[Any]:
    """Texts above and beside all axes."""
    texts = [*figure.texts, *(text for legend in figure.legends for text in _legend_texts(legend))]
    return [text for text in texts if text.get_text()]


def _tick_labels(axis: Any) -> list[Any]:
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def _legend_texts(legend: Any) -> list[Any]:
    return [legend.get_title(), *legend.get_texts()]


def labels(axes: Any) -> list[str]:
    """Texts of the legend."""
    return [text.get_text() for text in axes.get_legend().get_texts()]
