"""Marginal means, contrasts and trends beside emmeans 1.8.4 of R, on public data.

With priors that are hardly there the posterior mean of a linear combination of a Gaussian model is
that of least squares, and the rates of a saturated Poisson model have gamma posteriors whose means
are those of the cells. What is left is the Monte-Carlo error of the draws.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm

MPG = (
    "21 21 22.8 21.4 18.7 18.1 14.3 24.4 22.8 19.2 17.8 16.4 17.3 15.2 10.4 10.4 14.7 32.4 30.4 "
    "33.9 21.5 15.5 15.2 13.3 19.2 27.3 26 30.4 15.8 19.7 15 21.4"
)
HP = (
    "110 110 93 110 175 105 245 62 95 123 123 180 180 180 205 215 230 66 52 65 97 150 150 245 175 "
    "66 91 113 264 175 335 109"
)
CYL = "66468684466888888444488884448684"
BREAKS = (
    "26 30 54 25 70 52 51 26 67 18 21 29 17 12 18 35 30 36 36 21 24 18 10 43 28 15 26 27 14 29 19 "
    "29 31 41 20 44 42 26 19 16 39 28 21 39 29 20 21 24 17 13 15 15 16 28"
)
WIDE = {"Intercept": bm.Prior("Normal", mu=0, sigma=1e4), "beta": bm.Prior("Normal", sigma=1e4)}


def mtcars() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "mpg": np.array(MPG.split(), dtype=float),
            "hp": np.array(HP.split(), dtype=float),
            "cyl": list(CYL),
        }
    )


def warpbreaks() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "breaks": np.array(BREAKS.split(), dtype=int),
            "wool": np.repeat(["A", "B"], 27),
            "tension": pd.Categorical(np.tile(np.repeat(list("LMH"), 9), 2), list("LMH")),
        }
    )


@pytest.fixture(scope="module")
def cars() -> bm.MixedFit:
    return bm.fit("mpg ~ hp * cyl", mtcars(), priors=WIDE, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def looms() -> bm.MixedFit:
    return bm.fit(
        "breaks ~ wool * tension",
        warpbreaks(),
        family="poisson",
        priors={"Intercept": bm.Prior("Normal", mu=0, sigma=100), "beta": WIDE["beta"]},
        random_seed=1,
        progressbar=False,
    )


def close(table: pd.DataFrame, expected: list[float], digits: int) -> None:
    """Within Monte-Carlo error of some thousand draws, and the digits that R prints."""
    error = 4.5 * table["se"].to_numpy() / np.sqrt(2000) + 0.5 * 10.0**-digits
    assert (np.abs(table["value"].to_numpy() - expected) < error).all()


def test_means_of_cells_at_the_mean_of_a_covariate(cars):
    """``emmeans(lm(mpg ~ hp * cyl, mtcars), ~ cyl)``."""
    table = cars.predictions(grid={"cyl": ["4", "6", "8"]})
    close(table, [19.4, 19.6, 16.0], 1)
    assert table["se"].to_numpy() == pytest.approx([3.07, 1.69, 1.31], rel=0.1)


def test_contrasts_of_cells(cars):
    """``pairs(emmeans(...))``, the other way round."""
    rows = bm.datagrid(cars)
    table = cars.comparisons({"cyl": "pairwise"}, newdata=rows)
    assert table["contrast"].tolist() == ["6 - 4", "8 - 4", "8 - 6"]
    close(table, [0.117, -3.450, -3.566], 3)


def test_trends(cars):
    """``emtrends(..., ~ cyl, var = "hp")``."""
    table = cars.slopes("hp", by="cyl")
    close(table, [-0.11278, -0.00761, -0.01424], 5)
    assert table["se"].to_numpy() == pytest.approx([0.0457, 0.0510, 0.0165], rel=0.1)


def test_rates(looms):
    """``emmeans(glm(breaks ~ wool * tension, poisson, warpbreaks), ~ tension | wool)``."""
    grid = {"wool": ["A", "B"], "tension": ["L", "M", "H"]}
    table = looms.predictions(grid=grid)
    close(table, [44.6, 24.0, 24.6, 28.2, 28.8, 18.8], 1)
    assert table["se"].to_numpy() == pytest.approx([2.22, 1.63, 1.65, 1.77, 1.79, 1.44], rel=0.1)


def test_ratios_of_rates(looms):
    """``pairs(emmeans(..., ~ wool | tension))``: the mean of a ratio of gamma variables."""
    table = looms.comparisons({"wool": ["B", "A"]}, by="tension", comparison="ratio")
    n = warpbreaks().groupby(["wool", "tension"], observed=True)["breaks"].sum()
    expected = [n["A", level] / (n["B", level] - 1) for level in "LMH"]
    close(table.set_index("tension").loc[list("LMH")], expected, 3)
    assert expected == pytest.approx([1.579, 0.834, 1.308], rel=0.01)


def test_the_sleep_study(load):
    """``emmeans(lmer(Reaction ~ Days + (Days | Subject), REML = FALSE), ~ Days)``: 251, 346.

    The posterior mean of the sds lies above the maximum, and the standard errors with it.
    """
    fit = bm.fit(
        "Reaction ~ Days + (Days | Subject)",
        bm.load_dataset("sleepstudy"),
        priors=WIDE,
        random_seed=1,
        progressbar=False,
    )
    table = fit.predictions(grid={"Days": [0, 9]}, groups="average")
    close(table, [251.4, 345.6], 1)
    assert (table["se"] > [6.63, 14.22]).all()
    slope = fit.slopes("Days", by=True, groups="average")
    close(slope, [10.467], 3)


def test_risks_of_a_mixed_model(load):
    """``emmeans(glmer(cbind(incidence, size - incidence) ~ period + (1 | herd)), ~ period)``."""
    fit = bm.fit(
        "p(incidence, size) ~ period + (1 | herd)",
        load("cbpp"),
        family="binomial",
        random_seed=1,
        progressbar=False,
    )
    table = fit.predictions(grid={"period": ["1", "2", "3", "4"]}, groups="population")
    error = np.abs(table["value"].to_numpy() - [0.1979, 0.0839, 0.0740, 0.0484])
    assert (error < 0.3 * np.array([0.0371, 0.0239, 0.0227, 0.0198])).all()
    average = fit.predictions(grid={"period": ["1", "2", "3", "4"]}, groups="average")
    assert (average["value"] > table["value"]).all()
