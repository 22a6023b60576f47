"""Texts of figures lie inside them, however long names are and however often one draws."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.figures.legends import legend_above
from bayesmix.figures.panels import make_axes
from pictures import labels, texts_outside, widths_of_draws

pytestmark = [pytest.mark.usefixtures("without_a_screen"), pytest.mark.filterwarnings("error")]

CONTINENTS = ["North America", "South America", "Europe", "Asia", "Africa", "Oceania"]
LIKERT = ["strongly disagree", "disagree", "neither agree nor disagree", "agree", "strongly agree"]
LONG = [
    f"a label that is longer than the figure is wide, with words of all kinds in it, {k}"
    for k in "abc"
]
QUIET = {"random_seed": 1, "progressbar": False, "draws": 50, "chains": 2}


def made(names, n=200):
    """Rows of one number and one column of categories."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=n)
    return pd.DataFrame({"x": x, "k": rng.choice(names, n), "y": x + rng.normal(size=n)})


def fitted(formula, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        return bm.fit(formula, data, **QUIET, **options)


def of_labels(names, title, **options):
    (axes,) = make_axes(None, 1, width=5.4, height=3.8)
    for name in names:
        axes.plot([0, 1], [0, 1], label=name)
    axes.set_ylabel("expected y")
    legend_above(axes, title, **options)
    return axes


def check(figure):
    """Check that no text is cut, and that drawing once more changes nothing."""
    widths = widths_of_draws(figure)
    assert min(widths) > 0.8
    np.testing.assert_allclose(widths, widths[0], atol=1e-6)
    assert not texts_outside(figure)


@pytest.mark.parametrize("names", [CONTINENTS, LIKERT, LONG], ids=["short", "likert", "long"])
def test_legends_have_the_columns_that_fit(names):
    axes = of_labels(names, "k", columns=6)
    check(axes.figure)
    assert [label.replace("\n", " ") for label in labels(axes)] == names
    assert axes.get_position().height > 0.4


@pytest.mark.parametrize("n", [6, 24])
def test_many_long_labels_leave_room_for_the_axes(n):
    axes = of_labels([f"{name * 2} {k}" for k, name in enumerate(LONG * 8)][:n], LONG[0] * 2)
    check(axes.figure)
    assert axes.get_position().height > 0.35
    assert all(label.endswith(str(k)) for k, label in enumerate(labels(axes)))


def test_the_legend_of_lines_over_a_column():
    axes = fitted("y ~ x * k", made(CONTINENTS)).plot_predictions("x", by="k")
    check(axes.figure)
    assert labels(axes) == sorted(CONTINENTS)


def test_the_legend_of_several_panels_is_no_wider_than_the_figure():
    data = made(LIKERT).assign(side=np.resize(["left", "right"], 200))
    axes = fitted("y ~ x * k + side", data).plot_predictions("x", by=["k", "side"])
    figure = axes[0].figure
    assert not texts_outside(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == sorted(LIKERT)
    assert axes[0].get_position().width > 0.35


def test_the_legend_of_power():
    statements = ["treatment > 0.1 and age < 2", "treatment - control > 0.25"]
    rows = [(*one, 0.5, 0.4, 0.6) for one in itertools.product(statements, (10, 20), (5, 10))]
    names = ["statement", "n_groups", "n_per_group", "power", "lower", "upper"]
    axes = bm.plot_power(pd.DataFrame(rows, columns=names))
    check(axes.figure)
    assert len(labels(axes)) == 4
