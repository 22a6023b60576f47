"""What the tests of figures ask of them."""

from __future__ import annotations

from typing import Any


def texts_overlap(figure: Any) -> list[tuple[str, str]]:
    """Pairs of texts of a figure that overlap: ticks, labels, titles, legends, names."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    shown = [
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
    ]
    return [
        (a, b) for i, (a, one) in enumerate(shown) for b, other in shown[:i] if one.overlaps(other)
    ]


def _tick_labels(axis: Any) -> list[Any]:
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def _legend_texts(legend: Any) -> list[Any]:
    return [legend.get_title(), *legend.get_texts()]


def labels(axes: Any) -> list[str]:
    """Texts of the legend."""
    return [text.get_text() for text in axes.get_legend().get_texts()]
