"""Figures of predictions, comparisons and slopes: the numbers drawn are those of the tables."""

from __future__ import annotations

import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose

import bayesmix as bm
from pictures import labels
from question_cases import FORMULAS, frame

mpl.use("Agg")
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fits():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        return {
            family: bm.fit(
                FORMULAS[family][0],
                frame(),
                family=family,
                draws=60,
                chains=2,
                random_seed=1,
                progressbar=False,
            )
            for family in ("gaussian", "bernoulli", "cumulative")
        }


def lines(axis):
    return [line for line in axis.lines if len(line.get_xdata()) == 60]


def test_a_line_is_that_of_predictions(fits):
    fit = fits["bernoulli"]
    axis = fit.plot_predictions("x")
    (line,) = lines(axis)
    grid = {"x": line.get_xdata()}
    table = fit.predictions(grid=grid, groups="population")
    assert_allclose(line.get_ydata(), table["value"])
    assert axis.get_ylabel() == "probability of yes"


def test_values_of_a_grid_are_those_that_have_a_line(fits):
    fit = fits["gaussian"]
    own = fit.spec.design.groups[0].levels[2:5]
    axis = fit.plot_predictions("x", by="g", grid={"g": list(own)})
    assert axis.get_legend_handles_labels()[1] == [str(one) for one in own]


def test_colours_panels_and_bundles(fits):
    axis = fits["gaussian"].plot_predictions("x", by="f")
    assert [line.get_label() for line in lines(axis)] == ["a", "b", "c"]
    panels = fits["gaussian"].plot_predictions("x", by="g")
    assert len(panels) == 20
    table = fits["gaussian"].predictions(grid={"g": ["g07"], "x": lines(panels[7])[0].get_xdata()})
    assert_allclose(lines(panels[7])[0].get_ydata(), table["value"])
    panels = fits["bernoulli"].plot_predictions("x", by=["f", "z"])
    assert len(panels) == 3
    assert len(lines(panels[0])) == 3


def test_categories_of_the_response_have_a_colour_each(fits):
    axis = fits["cumulative"].plot_predictions("x")
    assert [line.get_label() for line in lines(axis)] == list("pqrs")
    assert_allclose(sum(line.get_ydata() for line in lines(axis)), 1.0)
    assert len(fits["cumulative"].plot_predictions("x", by="f")) == 3


def test_categories_along_the_axis_are_dots(fits):
    axis = fits["gaussian"].plot_predictions("f", data=False)
    (dots,) = axis.lines
    table = fits["gaussian"].predictions(grid={"f": ["a", "b", "c"]}, groups="population")
    assert_allclose(dots.get_ydata(), table["value"])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "c"]


def test_rows_are_drawn_behind(fits):
    axis = fits["gaussian"].plot_predictions("x")
    (dots,) = (line for line in axis.lines if len(line.get_xdata()) == 300)
    assert_allclose(np.sort(dots.get_ydata()), np.sort(fits["gaussian"].design.y))
    assert len(fits["gaussian"].plot_predictions("x", data=False).lines) == 1
    assert len(fits["gaussian"].plot_predictions("x", scale="link").lines) == 1


def test_comparisons_are_those_of_the_table(fits):
    fit = fits["bernoulli"]
    axis = fit.plot_comparisons(["x", "f"])
    (dots,) = (line for line in axis.lines if len(line.get_xdata()) == 3)
    assert_allclose(dots.get_xdata(), fit.comparisons(["x", "f"], by=True)["value"])
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == ["x: +1", "f: b - a", "f: c - a"]
    panels = fit.plot_comparisons("f", by="x")
    assert [panel.get_title(loc="left") for panel in panels] == ["f: b - a", "f: c - a"]


def test_slopes_over_a_column_and_by_group(fits):
    fit = fits["bernoulli"]
    (line,) = lines(fit.plot_slopes("x", by="x"))
    rows = bm.datagrid(fit, x=line.get_xdata())
    assert_allclose(line.get_ydata(), fit.slopes("x", newdata=rows, groups="population")["value"])
    axis = fit.plot_slopes("x", by="g")
    (dots,) = (line for line in axis.lines if len(line.get_xdata()) == 20)
    assert_allclose(dots.get_xdata(), fit.slopes("x", by="g")["value"])


def test_one_axes_may_be_given(fits):
    _, given = plt.subplots()
    assert fits["gaussian"].plot_predictions("x", ax=given) is given
    assert fits["gaussian"].plot_slopes("x", ax=given) is given


def test_values_of_a_column_of_numbers_are_written_to_the_digits_of_its_sd():
    rng = np.random.default_rng(1)
    wanted = {
        "centred": (0.0, 1.0, ["-1", "0", "1"]),
        "year": (2010.5, 0.3, ["2010.2", "2010.5", "2010.8"]),
        "mass": (1e6, 2e4, ["980000", "1000000", "1020000"]),
    }
    data = pd.DataFrame({"x": rng.normal(size=120), "y": rng.normal(size=120)})
    for name, (mean, sd, _) in wanted.items():
        z = rng.normal(size=120)
        data[name] = mean + sd * (z - z.mean()) / z.std(ddof=1)
    data["centred"] += 5.43e-11
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"draws": 50, "chains": 2, "random_seed": 1, "progressbar": False}
        fit = bm.fit("y ~ x + centred + year + mass", data, **options)
    for name, (*_, names) in wanted.items():
        axis = fit.plot_predictions("x", by=name)
        assert [float(text) for text in labels(axis)] == [float(text) for text in names]
        assert labels(axis)[0] == names[0]
    assert bm.datagrid(fit, x=[0.0])["centred"].tolist() == [0.0]
    assert bm.datagrid(fit, x=[0.0])["year"].tolist() == [pytest.approx(2010.5)]
