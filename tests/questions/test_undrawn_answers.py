"""Averages, comparisons and slopes where effects are not drawn, against draws of all of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.predictions import coefficients, combinations, normals
from bayesmix.questions.evaluation import Asked
from gaussian import CASES, frame
from summarised import largest_z, with_draws, with_effects_summarised

OPTIONS = {"draws": 1000, "chains": 4, "random_seed": 9, "progressbar": False}
FORMULA = "y ~ x * f + offset(known) + (1 + x | g) + (1 | h)"
NAMED = [
    "two effects",
    "nested",
    "crossed with slopes",
    "weights, crossed",
    "offset",
    "known errors",
]


def labels(table: pd.DataFrame) -> pd.DataFrame:
    return table[[name for name in table if not name.startswith(("value", "se", "lower", "upper"))]]


def answers(fit: bm.MixedFit, **options) -> dict[str, pd.DataFrame]:
    """What is asked of a model with a covariate and a factor g."""
    x, rows = "x", frame().iloc[:40]
    # Levels that are nested in others are new ones there.
    moved = options | {"new_levels": "population"}
    return {
        "rows": fit.predictions(**options),
        "an average": fit.predictions(True, **options),
        "levels": fit.predictions("g", **options),
        "cells": fit.predictions(["f", "h"], weights="w", newdata=frame(), **options),
        "grid": fit.predictions(x, newdata=rows, grid={x: [-1, 2]}, **options),
        "differences": fit.comparisons(x, **options),
        "between levels": fit.comparisons({"g": ["3", "7"]}, newdata=rows, **moved),
        "average difference": fit.comparisons({x: "sd", "g": ["1", "4"]}, by=True, **moved),
        "slopes": fit.slopes(x, **options),
        "slopes by levels": fit.slopes(x, by="g", **options),
        "new groups": fit.comparisons(x, by="f", newdata=rows, groups="average", **options),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_answers_are_those_of_forty_thousand_draws(name):
    case = CASES[name]
    whole = bm.fit(case.formula, frame(), **case.options, **OPTIONS)
    fit, many = with_effects_summarised(whole), with_draws(whole, 10_000)
    assert len(fit.posterior.data_vars) < len(many.posterior.data_vars)
    theirs = answers(many, ci_level=0.99)
    for said, ours in answers(fit, ci_level=0.99).items():
        pd.testing.assert_frame_equal(labels(ours), labels(theirs[said]))
        assert largest_z(ours, theirs[said], 4000, 40_000) < 1, said


@pytest.fixture(scope="module")
def whole() -> bm.MixedFit:
    return bm.fit(FORMULA, frame(), weights="w", **OPTIONS | {"draws": 500})


@pytest.fixture(scope="module")
def undrawn(whole) -> bm.MixedFit:
    return with_effects_summarised(whole)


def test_answers_are_those_of_a_fit_with_draws(whole, undrawn):
    theirs = answers(whole)
    for said, ours in answers(undrawn).items():
        pd.testing.assert_frame_equal(labels(ours), labels(theirs[said]))
        assert largest_z(ours, theirs[said], 2000, 2000) < 1, said


def test_averages_of_normals_are_those_of_their_draws(undrawn):
    """The same draws of all else: what differs is the error of draws of the effects alone."""
    drawn = undrawn.predictions("f", draws=True).to_numpy().reshape(2000, -1)
    rows = undrawn.linpred(draws=True).to_numpy().reshape(2000, -1)
    for own, f in zip(drawn.T, "abc", strict=True):
        assert_allclose(own, rows[:, frame().f == f].mean(axis=1), rtol=1e-10)
    table = undrawn.predictions("f", ci_level=0.9)
    z = (table["value"] - drawn.mean(axis=0)) / table["se"] * np.sqrt(2000)
    assert np.abs(z).max() < 4
    assert_allclose(table["se"], drawn.std(axis=0), rtol=4 / np.sqrt(4000))
    inside = (table["lower_5"].to_numpy() < drawn) & (drawn < table["upper_95"].to_numpy())
    assert_allclose(inside.mean(axis=0), 0.9, atol=4 * np.sqrt(0.09 / 2000))


@pytest.mark.parametrize("comparison", ["ratio", "lift", "lnratio"])
def test_ratios_of_averages_are_of_the_draws(undrawn, comparison):
    data = frame()
    low, high = (
        undrawn.linpred(data.assign(x=data.x + step), draws=True).to_numpy().reshape(2000, -1)
        for step in (0, 1)
    )
    by_hand = {"ratio": lambda a, b: b / a, "lift": lambda a, b: b / a - 1}
    by_hand["lnratio"] = lambda a, b: np.log(b / a)
    table = undrawn.comparisons("x", by="g", comparison=comparison, newdata=data)
    for row in table.itertuples():
        own = data.g == row.g
        value = by_hand[comparison](low[:, own].mean(axis=1), high[:, own].mean(axis=1))
        assert_allclose(row.value, value.mean(), rtol=1e-9)
        assert_allclose(row.se, value.std(ddof=1), rtol=1e-9)


def test_what_has_no_effects_left_is_of_the_draws(undrawn):
    fit = with_effects_summarised(bm.fit("y ~ x + f + (1 | g)", frame(), **OPTIONS))
    beta = fit.fixef().set_index("term").drop(columns="rhat", errors="ignore")
    for table in (fit.slopes("x"), fit.slopes("x", by="g"), fit.comparisons("x", by=True)):
        for name in ("value", "se", "lower_2.5", "upper_97.5"):
            assert_allclose(table[name], beta.loc["x", name], rtol=1e-6)
    assert len(fit.slopes("x")) == 90
    # A slope that groups have is that of their coefficients.
    slopes = undrawn.slopes("x", by="g", newdata=frame().assign(f="a"))
    coef = undrawn.coef("g").query("effect == 'x'")
    assert_allclose(slopes["value"], coef["value"], atol=0.02 * coef["se"].max())
    assert_allclose(slopes["upper_97.5"], coef["upper_97.5"], atol=0.05 * coef["se"].max())


class TestNewLevels:
    rows = pd.DataFrame(
        {"g": [1, -5, -5, -6], "h": [0, 1, 2, -1], "x": 1.0, "f": "b", "known": 0.5}
    )

    def test_are_an_error_or_have_no_effects(self, undrawn):
        with pytest.raises(bm.BayesmixError, match="levels that the fit did not have"):
            undrawn.predictions(True, newdata=self.rows)
        ours = undrawn.predictions(True, newdata=self.rows[1:3], new_levels="population")
        theirs = undrawn.predictions(True, newdata=self.rows[1:3], groups=["h"])
        assert_allclose(ours.iloc[0], theirs.iloc[0], rtol=1e-9)

    def test_are_drawn(self, undrawn):
        options = {"newdata": self.rows, "new_levels": "sample"}
        drawn = undrawn.linpred(draws=True, **options).to_numpy().reshape(2000, -1)
        average = undrawn.predictions(True, draws=True, **options).to_numpy().ravel()
        assert_allclose(average, drawn.mean(axis=1), rtol=1e-10)
        table = undrawn.predictions(True, **options)
        assert_allclose(table["value"], drawn.mean(), atol=4 * drawn.std() / np.sqrt(2000))
        assert_allclose(table["se"], drawn.mean(axis=1).std(), rtol=0.1)

    def test_between_a_known_and_a_new_one(self, undrawn):
        """A difference of levels, one of which is drawn by its label."""
        options = {"newdata": self.rows[:1], "new_levels": "sample"}
        settings = [self.rows[:1].assign(g=g) for g in (-7, -8)]
        low, high = (
            undrawn.linpred(own, new_levels="sample", draws=True).to_numpy().ravel()
            for own in settings
        )
        asked = Asked.of(undrawn, "link", "conditional", "sample", None, None)
        rows = [combinations.Combinations.of(one) for one in asked.settings(settings)]
        own = combinations.summed([(rows[1], 1.0), (rows[0], -1.0)])
        assert_allclose(own.drawn(np.arange(1))[0], high - low, rtol=1e-9)
        assert len(undrawn.comparisons("x", **options)) == 1


def test_rows_that_lack_a_value_in_one_setting_are_left_out_of_all(whole, undrawn):
    rows = frame().iloc[:6]
    rows.loc[1, "x"], rows.loc[4, "f"] = np.nan, None
    variables = {"x": [0, 1], "f": ["a", "b"]}
    for fit in (whole, undrawn):
        with pytest.warns(bm.DesignWarning, match="missing values"):
            table = fit.comparisons(variables, newdata=rows)
        missing = table["value"].isna().to_numpy().reshape(2, 6)
        assert missing.tolist() == [[False, True, False, False, True, False]] * 2
        alone = fit.comparisons(variables, newdata=rows.iloc[[0, 2, 3, 5]])
        assert_allclose(table["value"].dropna(), alone["value"], rtol=1e-9)


@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
def test_nothing_to_average_is_missing(whole, undrawn):
    rows = frame().iloc[:3].assign(x=np.nan)
    weighted = frame().assign(own=lambda d: np.where(d.f == "a", 0.0, d.w))
    for fit in (whole, undrawn):
        for table in (
            fit.predictions(newdata=rows),
            fit.predictions(True, newdata=rows),
            fit.comparisons("x", newdata=rows),
            fit.slopes("x", by="f", newdata=rows),
        ):
            assert table["value"].isna().all()
        assert fit.predictions("f", newdata=rows, draws=True).isnull().all()
        for table in (
            fit.predictions("f", newdata=weighted, weights="own"),
            fit.comparisons("x", by="f", newdata=weighted, weights="own"),
        ):
            assert table["value"].isna().tolist() == [True, False, False]


def test_limits_are_roots_of_the_mixture(undrawn):
    """Means and variances of an average in each draw, by the laws of single levels."""
    asked = Asked.of(undrawn, "link", "conditional", "error", None, None)
    (own,) = asked.settings([frame()])
    laws, design = own.undrawn.laws, own.rows.design
    (term,) = (one for one in design.groups if one.factor == laws.factor)
    rest = combinations.Combinations.of(own).drawn(np.arange(90)).mean(axis=0)
    mean, variance = rest, 0.0
    for j in range(term.n_levels):
        z = (term.Z * (term.codes == j)[:, None]).sum(axis=0) / 90
        m, sd = laws.normals(z[None], np.array([j]))
        mean, variance = mean + m[0], variance + sd[0] ** 2
    table = undrawn.predictions(True, newdata=frame(), ci_level=0.99).iloc[0]
    assert_allclose(table["value"], mean.mean(), atol=0.05 * table["se"])
    for name, p in (("lower_0.5", 0.005), ("upper_99.5", 0.995)):
        below = stats.norm.cdf(table[name], mean, np.sqrt(variance)).mean()
        assert_allclose(below, p, atol=2 * np.sqrt(p * (1 - p) / 2000))


@pytest.mark.parametrize("many", [0, 1000])
def test_chunks_and_threads_change_nothing(undrawn, monkeypatch, many):
    asked = {"by": ["f", "h"], "newdata": frame()}
    expected = [undrawn.predictions(**asked), undrawn.predictions(draws=True, **asked)]
    for cores in (1, 2):
        fit = dataclasses.replace(
            undrawn, options=dataclasses.replace(undrawn.options, cores=cores)
        )
        pd.testing.assert_frame_equal(fit.predictions(**asked), expected[0], rtol=0, atol=0)
        pd.testing.assert_frame_equal(fit.r2(loo=False), undrawn.r2(loo=False), rtol=0, atol=0)
    monkeypatch.setattr(normals, "_AT_ONCE", 1)
    monkeypatch.setattr(normals, "_MANY", many)
    monkeypatch.setattr(coefficients, "AT_ONCE", 1)
    pd.testing.assert_frame_equal(undrawn.predictions(**asked), expected[0], rtol=1e-9)
    assert_allclose(undrawn.predictions(draws=True, **asked), expected[1], rtol=1e-9)


@pytest.mark.parametrize("name", ["crossed with slopes", "far from zero", "no intercept"])
def test_bayesian_r2_of_all_rows(name):
    options = OPTIONS | {"draws": 250}
    check_r2(with_effects_summarised(bm.fit(CASES[name].formula, frame(), **options)))


def test_bayesian_r2_with_weights_and_an_offset(whole, undrawn):
    for fit in (whole, undrawn):
        check_r2(fit)


def check_r2(fit: bm.MixedFit) -> None:
    """By the expected responses of all rows in the draws of single levels."""
    y = fit.design.y
    expected = fit.epred(draws=True).to_numpy().reshape(-1, len(y))
    of_fit, of_rest = expected.var(axis=1), (y - expected).var(axis=1)
    share = of_fit / (of_fit + of_rest)
    row = fit.r2(loo=False, ci_level=0.99).set_index("r2").loc["bayes"]
    by_hand = [share.mean(), share.std(ddof=1), *np.quantile(share, [0.005, 0.995])]
    assert_allclose(row.to_numpy(dtype=float), by_hand, rtol=1e-7)
