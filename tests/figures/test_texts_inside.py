"""Texts of figures lie inside them, however long names are and however often one draws."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import bayesmix as bm
from bayesmix.figures.legends import legend_above, wrap_labels
from bayesmix.figures.panels import make_axes
from bayesmix.figures.rows import size_of_rows
from pictures import labels, texts_outside, texts_overlap, widths_of_draws

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
        warnings.simplefilter("ignore", bm.DesignWarning)
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


@pytest.fixture(scope="module")
def species():
    """Counts of eight species at two kinds of places."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"spp": rng.choice(list("abcdefgh"), 320), "mined": ["yes", "no"] * 160})
    data["y"] = rng.normal(size=320) + (data["mined"] == "yes") + 5
    return fitted("y ~ spp + mined", data)


def test_the_figure_of_comparisons_is_as_high_as_its_rows_need(species):
    few = species.plot_comparisons("mined")
    assert few.figure.get_size_inches()[1] == pytest.approx(3.4)
    asked = {"spp": "pairwise", "mined": None}
    axes = species.plot_comparisons(asked, comparison="ratio")
    table = species.comparisons(asked, comparison="ratio", by=True)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == (table["variable"] + ": " + table["contrast"]).tolist()
    assert axes.get_yticks()[0] == 28
    assert len(names) == 29
    assert not texts_overlap(axes.figure)
    assert not texts_outside(axes.figure)


def test_comparisons_without_room_for_names_are_in_order(species):
    _, given = plt.subplots(figsize=(3, 2))
    species.plot_comparisons({"spp": "pairwise"}, comparison="ratio", ax=given)
    assert given.get_ylabel().replace("\n", " ") == "28 rows of the table, in order"
    (dots,) = (line for line in given.lines if len(line.get_xdata()) == 28)
    assert np.all(np.diff(dots.get_xdata()[np.argsort(dots.get_ydata())]) >= 0)


@pytest.mark.parametrize(("n", "high"), [(1, 3.4), (29, 6.13), (80, 9.0), (500, 5.5)])
def test_the_height_of_rows_is_bounded(n, high):
    assert size_of_rows(["a"], n, width=5.2, height=3.4) == (5.2, pytest.approx(high))
    assert size_of_rows(["a" * 400], 90, width=5.2, height=3.4, panels_high=8)[0] < 7
    assert size_of_rows(["a"], 90, width=5.2, height=3.4, panels_high=8)[1] == 3.4


@pytest.mark.parametrize("groups", [3, 30])
def test_effects_of_groups_of_long_names(groups):
    names = [f"region number {k} of the north" for k in range(groups)]
    data = made(names, 300)
    axes = fitted("y ~ x + (x | k)", data).plot_ranef()
    figure = axes[0].figure
    widths = widths_of_draws(figure)
    np.testing.assert_allclose(widths, widths[0], atol=1e-6)
    assert not texts_outside(figure)
    assert not texts_overlap(figure)
    assert {label.get_text() for label in axes[1].get_yticklabels()} == set(data["k"])
    assert axes[0].get_position().width * figure.get_size_inches()[0] > 2.5


def test_labels_wider_than_their_axes_are_wrapped():
    axes = make_axes(None, 2, width=2.5, height=3)
    for axis, name in zip(
        axes, ("short", "a name that is a good deal wider than these axes"), strict=True
    ):
        axis.set_xlabel(f"{name}\nsecond line")
        axis.set_title(f"title of {name}", loc="left")
    axes[0].set_ylabel("a name that is a good deal longer than these axes are high")
    wrap_labels(axes, titles="medium")
    figure = axes[0].figure
    assert not texts_outside(figure)
    assert not texts_overlap(figure)
    assert axes[0].get_xlabel() == "short\nsecond line"
    assert axes[1].get_xlabel().replace("\n", " ").endswith("wider than these axes second line")
