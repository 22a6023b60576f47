from __future__ import annotations

import dataclasses
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.quiver import Quiver
from scipy.stats import norm

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.engines.exact.implied import implied_priors
from bayesmix.figures.chains import plot_trace
from bayesmix.figures.components import plot_varcorr
from bayesmix.figures.densities import prior_density
from bayesmix.figures.panels import BLUE, ORANGE, density
from bayesmix.figures.replications import plot_ppc
from pictures import labels, texts_overlap
from summarised import with_effects_summarised

pytestmark = pytest.mark.usefixtures("without_a_screen")

SLEEPSTUDY = "Reaction ~ Days + (1 + Days | Subject)"
QUIET = {"random_seed": 1, "progressbar": False}


@pytest.fixture(scope="module")
def simulated():
    """Fit simulated groups of two to eight rows: ``simulated(1000)``."""
    fits = {}

    def fit(groups):
        if groups not in fits:
            rows = np.random.default_rng(groups).integers(2, 9, groups).tolist()
            simulation = bm.simulate(
                groups,
                rows,
                beta={"Intercept": 2.6, "time": 0.1},
                sd={"Intercept": 0.2, "time": 0.07},
                cor=-0.1,
                sigma=0.2,
                random_seed=groups,
            )
            fits[groups] = bm.fit(simulation.formula, simulation.data, draws=300, **QUIET)
        return fits[groups]

    return fit


@pytest.fixture(scope="module")
def summarised():
    """Sleepstudy with summaries instead of draws of the group effects."""
    return with_effects_summarised(bm.fit(SLEEPSTUDY, bm.load_dataset("sleepstudy"), **QUIET))


@pytest.fixture(scope="module")
def with_a_far_group(simulated):
    """Fifty groups, and one with two rows at almost the same place."""
    design = simulated(50).design
    data = pd.DataFrame(
        {
            "group": np.append(design.groups[0].codes.astype(str), ["far", "far"]),
            "time": np.append(design.X[:, 1], [0.0, 0.001]),
            "y": np.append(design.y, [2.5, 3.0]),
        }
    )
    return bm.fit(design.formula.text, data, **QUIET)


def by_hand(family, groups=12, rows=10, seed=1, **options):
    """Make a fit of a generalised model from a posterior around the truth, without sampling."""
    simulation = bm.simulate(
        groups,
        rows,
        beta={"Intercept": 0.8, "x": 0.4},
        sd={"Intercept": 0.5, "x": 0.3},
        cor=0.2,
        family=family,
        random_seed=seed,
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.DesignWarning)
        spec = bm.prepare(simulation.formula, simulation.data, family=family)
    rng = np.random.default_rng(seed)
    (term,) = spec.design.groups
    effects = ["Intercept", "x"]

    def around(truth, *dims):
        return ("chain", "draw", *dims), truth + 0.05 * rng.normal(size=(2, 50, *np.shape(truth)))

    cor = np.full((2, 50, 2, 2), 0.2) + 0.8 * np.eye(2)
    posterior = xr.Dataset(
        {
            "beta": around(np.array([0.8, 0.4]), "term"),
            "sd_group": around(np.array([0.5, 0.3]), "group_effect"),
            "centred_sd_group": around(np.array([0.5, 0.3]), "group_effect"),
            "lkj_group": (("chain", "draw", "group_pair"), np.full((2, 50, 1), 0.6)),
            "cor_group": (("chain", "draw", "group_effect", "group_effect_bis"), cor),
            "u_group": around(simulation.u["group"].to_numpy(), "group", "group_effect"),
        },
        coords={
            "term": effects,
            "group": list(term.levels),
            "group_effect": effects,
            "group_effect_bis": effects,
        },
    )
    return bm.MixedFit(spec, xr.DataTree.from_dict({"posterior": posterior}), SimpleNamespace())


def quiver(axes):
    (found,) = [one for one in axes.collections if isinstance(one, Quiver)]
    return found


def line(axes, label):
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return found


def values(table, effect, column):
    return table.loc[table["effect"] == effect, column].to_numpy()


class TestDensity:
    def test_is_that_of_the_draws(self):
        x, y = density(np.random.default_rng(1).normal(3, 2, 200_000))
        assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)
        np.testing.assert_allclose(y, norm.pdf(x, 3, 2), atol=0.004)

    def test_does_not_leak_out_of_its_bounds(self):
        drawn = np.random.default_rng(1).exponential(size=200_000)
        x, y = density(drawn, 0.0)
        assert x.min() > 0
        assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)
        assert y[0] == pytest.approx(1, abs=0.1)
        leaking = density(drawn)
        assert leaking[0].min() < 0

    def test_has_nothing_for_values_that_do_not_differ(self):
        for same in (np.empty(0), np.ones(1), np.full(9, 0.1)):
            x, y = density(same)
            assert x.shape == y.shape == (0,)


class TestShrinkagePlane:
    def test_an_arrow_for_each_group(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_shrinkage()
        table = fit.shrinkage()
        arrows = quiver(axes)
        assert arrows.N == 18
        own = [values(table, effect, "no_pooling") for effect in ("Intercept", "Days")]
        partial = [values(table, effect, "partial_pooling") for effect in ("Intercept", "Days")]
        np.testing.assert_allclose(arrows.XY, np.transpose(own))
        np.testing.assert_allclose([arrows.U, arrows.V], np.subtract(partial, own))
        assert (arrows.angles, arrows.scale_units, arrows.scale) == ("xy", "xy", 1)
        fixed = fit.fixef()["value"]
        assert line(axes, "population").get_xydata().ravel() == pytest.approx(fixed)
        assert axes.get_xlabel() == "Intercept (Reaction)"
        assert axes.get_ylabel() == "Days (Reaction per unit)"
        assert axes.get_legend().get_title().get_text() == "18 levels of Subject"
        wanted = ["50 % of groups", "90 % of groups", "own regression", "mixed model"]
        assert labels(axes) == [*wanted, "population"]
        levels = set(fit.design.groups[0].levels)
        names = {text.get_text() for text in axes.texts}
        assert names <= levels
        assert len(names) >= 15
        for limits, estimates in ((axes.get_xlim(), own[0]), (axes.get_ylim(), own[1])):
            assert limits[0] < estimates.min() < estimates.max() < limits[1]
        assert not texts_overlap(axes.figure)

    def test_contours_hold_their_part_of_the_distribution(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_shrinkage("plane")
        sd = fit.varcorr()["sd"].to_numpy()[:2]
        r = fit.cor_re()["Subject"].iloc[0, 1]
        inverse = np.linalg.inv(np.outer(sd, sd) * [[1, r], [r, 1]])
        for part in (0.5, 0.9):
            away = (
                line(axes, f"{100 * part:g} % of groups").get_xydata()
                - fit.fixef()["value"].to_numpy()
            )
            distance = np.einsum("ij,jk,ik->i", away, inverse, away)
            # The chi-squared distribution with two degrees of freedom.
            np.testing.assert_allclose(1 - np.exp(-distance / 2), part)

    @pytest.mark.parametrize("groups", [10, 50, 1000])
    def test_readable_with_few_and_with_many_groups(self, simulated, groups):
        axes = simulated(groups).plot_shrinkage()
        assert (groups if groups <= 300 else 120) == quiver(axes).N
        assert bool(axes.texts) == (groups == 10)
        assert not texts_overlap(axes.figure)

    def test_far_estimates_do_not_press_the_rest_together(self, with_a_far_group):
        axes = with_a_far_group.plot_shrinkage()
        assert with_a_far_group.no_pooling()["value"].max() > 400
        assert axes.get_ylim()[1] < 2
        assert labels(axes)[-1] == "1 arrow starts outside"

    def test_groups_without_their_own_regression_are_crosses(self):
        data = bm.load_dataset("sleepstudy")
        first = data["Subject"] == data["Subject"].iloc[0]
        fit = bm.fit(SLEEPSTUDY, data[~first | (data["Days"] == 0)], **QUIET)
        axes = fit.plot_shrinkage()
        assert quiver(axes).N == 17
        cross = line(axes, "mixed model only (1)")
        assert cross.get_xydata().shape == (1, 2)
        first_of = fit.coef().groupby("effect", sort=False)["value"].first()
        np.testing.assert_allclose(cross.get_xydata()[0], first_of)

    def test_names_without_room_are_left_out(self, fitted):
        from matplotlib import pyplot as plt

        _, axes = plt.subplots(figsize=(1.5, 1.5))
        fitted("sleepstudy-slopes").plot_shrinkage(ax=axes)
        assert 0 < len(axes.texts) < 18
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])

    def test_no_group_has_its_own_regression(self):
        fit = by_hand("bernoulli", groups=30, rows=1)
        axes = fit.plot_shrinkage()
        assert not any(isinstance(one, Quiver) for one in axes.collections)
        assert line(axes, "mixed model only (30)").get_xydata().shape == (30, 2)
        densities = fit.plot_shrinkage("density")
        assert not len(line(densities[0], "own regressions").get_xdata())
        assert fit.plot_trends()[1].texts[0].get_text() == "0 of 0 slopes negative"

    def test_two_effects_by_choice(self, fitted):
        fit = fitted("pupils-slopes")
        axes = fit.plot_shrinkage(effects=["ses[mid]", "ses[high]"])
        assert axes.get_xlabel() == "ses[mid] (achievement)"
        assert axes.get_ylabel() == "ses[high] (achievement)"
        assert fit.plot_shrinkage("plane").get_ylabel() == "ses[mid] (achievement)"

    def test_generalised_models_are_on_the_scale_of_the_link(self):
        axes = by_hand("poisson").plot_shrinkage()
        assert axes.get_xlabel() == "Intercept (log of y)"
        assert not texts_overlap(axes.figure)


class TestShrinkageDensity:
    def test_one_panel_for_each_effect(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_shrinkage("density")
        assert [axis.get_xlabel() for axis in axes] == [
            "Intercept (Reaction)",
            "Days (Reaction per unit)",
        ]
        table = fit.shrinkage()
        for axis, effect in zip(axes, ("Intercept", "Days"), strict=True):
            own, mixed = line(axis, "own regressions"), line(axis, "mixed model")
            for curve, column in ((own, "no_pooling"), (mixed, "partial_pooling")):
                x, y = curve.get_data()
                assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)
                mean = np.trapezoid(x * y, x)
                assert mean == pytest.approx(values(table, effect, column).mean(), rel=0.02)
            assert own.get_ydata().max() < mixed.get_ydata().max()
            population = line(axis, "population").get_xdata()[0]
            assert population == fit.fixef().set_index("term").loc[effect, "value"]
            ticks = [one for one in axis.lines if one.get_marker() == "|"]
            assert [len(one.get_xdata()) for one in ticks] == [18, 18]
        assert axes[0].get_ylabel() == "Density over 18 levels\nof Subject"
        assert labels(axes[0]) == ["own regressions", "mixed model", "population"]
        assert not texts_overlap(axes[0].figure)

    @pytest.mark.parametrize("groups", [10, 50, 1000])
    def test_readable_with_few_and_with_many_groups(self, simulated, groups):
        axes = simulated(groups).plot_shrinkage("density")
        assert any(one.get_marker() == "|" for one in axes[0].lines) == (groups <= 100)
        assert not texts_overlap(axes[0].figure)

    def test_the_default_for_one_effect_and_for_three(self, fitted):
        one = fitted("sleepstudy-intercept").plot_shrinkage()
        assert one.get_xlabel() == "Intercept (Reaction)"
        three = fitted("pupils-slopes").plot_shrinkage()
        assert len(three) == 3
        assert not texts_overlap(three[0].figure)

    def test_the_part_of_the_density_in_view(self, with_a_far_group):
        axes = with_a_far_group.plot_shrinkage("density")
        x, y = line(axes[1], "own regressions").get_data()
        assert np.trapezoid(y, x) == pytest.approx(50 / 51, abs=1e-3)
        assert axes[1].get_xlim()[1] < 2

    def test_draws_where_it_is_told(self, fitted):
        from matplotlib import pyplot as plt

        _, grid = plt.subplots(1, 2)
        fit = fitted("sleepstudy-slopes")
        assert list(fit.plot_shrinkage("density", ax=grid)) == list(grid)
        assert fit.plot_shrinkage("density", effects="Days", ax=grid[0]) is grid[0]
        _, plane = plt.subplots()
        assert fit.plot_shrinkage(ax=plane) is plane


class TestRefusals:
    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda fit: fit.plot_shrinkage("arrows"), "Unknown kind='arrows'"),
            (lambda fit: fit.plot_shrinkage(re="student"), "re='student' is no grouping factor"),
            (lambda fit: fit.plot_shrinkage(effects="days"), "'days' is not among Intercept, Days"),
            (lambda fit: fit.plot_shrinkage(effects=[]), "effects is empty"),
            (lambda fit: fit.plot_shrinkage(effects=3), "3 is not among"),
            (lambda fit: fit.plot_shrinkage("plane", effects="Days"), "a plane of two effects"),
            (lambda fit: fit.plot_shrinkage(ax="left"), "give one matplotlib Axes"),
            (lambda fit: fit.plot_shrinkage("density", ax=1), "an array of 2 matplotlib Axes"),
            (lambda fit: fit.plot_ranef("student"), "re='student' is no grouping factor"),
            (lambda fit: fit.plot_ranef(effects=["Days", "x"]), "'x' is not among"),
            (lambda fit: fit.plot_ranef(ci_level=95), "Did you mean 0.95"),
            (lambda fit: fit.plot_ranef(ax=[1, 2]), "an array of 2 matplotlib Axes"),
            (lambda fit: fit.plot_trends("Intercept"), "'Intercept' is not among Days"),
            (lambda fit: fit.plot_trends(re="g"), "re='g' is no grouping factor"),
            (lambda fit: fit.plot_trends(ax="left"), "an array of 3 matplotlib Axes"),
            (lambda fit: fit.plot_varcorr(ax="left"), "an array of 4 matplotlib Axes"),
            (lambda fit: fit.plot_ppc(draws=1), "draws=1 is not usable"),
            (lambda fit: fit.plot_ppc(draws=10**6), "from 2 to 4000"),
            (lambda fit: fit.plot_ppc(random_seed="x"), "random_seed='x' is not usable"),
            (lambda fit: fit.plot_ppc(ax="left"), "give one matplotlib Axes"),
            (lambda fit: fit.plot_trace("sd:Subject"), "'sd:Subject' is not among"),
            (lambda fit: fit.plot_trace("sigma", ax="left"), "an array of 2 matplotlib Axes"),
        ],
    )
    def test_names_what_is_wrong(self, fitted, call, message):
        from matplotlib import pyplot as plt

        fit = fitted("sleepstudy-slopes")
        with pytest.raises(BayesmixError, match=message):
            call(fit)
        assert not plt.get_fignums(), "no empty figure is left"

    def test_models_without_groups(self, fitted):
        fit = fitted("sleepstudy-no-groups")
        for draw in (fit.plot_shrinkage, fit.plot_ranef, fit.plot_trends):
            with pytest.raises(BayesmixError, match="has no grouping factor"):
                draw()

    def test_one_effect_has_no_plane(self, fitted):
        with pytest.raises(BayesmixError, match="a plane of two effects; got Intercept"):
            fitted("sleepstudy-intercept").plot_shrinkage("plane")

    def test_lines_need_a_numeric_effect(self, fitted):
        for case in ("sleepstudy-intercept", "pupils-slopes"):
            with pytest.raises(BayesmixError, match="No numeric effect varies by"):
                fitted(case).plot_trends()

    def test_something_else_than_a_fit(self):
        from bayesmix.figures.effects import plot_ranef
        from bayesmix.figures.shrinkage import plot_shrinkage
        from bayesmix.figures.trends import plot_trends

        for draw in (plot_shrinkage, plot_ranef, plot_trends, plot_varcorr, plot_ppc, plot_trace):
            with pytest.raises(BayesmixError, match=f"{draw.__name__} takes a fit of"):
                draw("fit")


class TestRanef:
    def test_in_order_with_intervals(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_ranef()
        table = fit.ranef()
        for axis, effect in zip(axes, ("Intercept", "Days"), strict=True):
            own = table[table["effect"] == effect].sort_values("value")
            assert [tick.get_text() for tick in axis.get_yticklabels()] == list(own["group"])
            segments = np.concatenate([np.array(one.get_segments()) for one in axis.collections])
            segments = segments[np.argsort(segments[:, 0, 1])]
            np.testing.assert_allclose(segments[:, :, 0], own[["lower_2.5", "upper_97.5"]])
            points = np.concatenate(
                [one.get_xydata() for one in axis.lines if one.get_marker() == "o"]
            )
            points = points[np.argsort(points[:, 1])]
            np.testing.assert_allclose(points, np.column_stack([own["value"], np.arange(18)]))
            clear = int(((own["lower_2.5"] > 0) | (own["upper_97.5"] < 0)).sum())
            assert len(axis.collections[0].get_segments()) == clear
            assert axis.get_xlabel() == f"{effect} by Subject\n(difference from the population)"
            assert axis.get_ylabel() == "Subject"
            assert axis.get_legend().get_title().get_text() == "95 % interval"
            assert labels(axis) == ["without 0", "with 0"]
        assert not texts_overlap(axes[0].figure)

    @pytest.mark.parametrize("groups", [10, 50, 1000])
    def test_readable_with_few_and_with_many_groups(self, simulated, groups):
        axes = simulated(groups).plot_ranef()
        named = groups < 1000
        assert len(axes[0].get_yticklabels()) == (groups if named else 0)
        assert axes[0].get_ylabel() == ("group" if named else "1,000 levels of group, in order")
        assert sum(len(one.get_segments()) for one in axes[1].collections) == groups
        assert not texts_overlap(axes[0].figure)

    def test_no_names_in_axes_without_room(self, simulated):
        from matplotlib import pyplot as plt

        _, axes = plt.subplots(figsize=(3, 2))
        assert simulated(50).plot_ranef(effects="time", ax=axes) is axes
        assert axes.get_ylabel().replace("\n", " ") == "50 levels of group, in order"

    def test_factors_effects_and_level_by_choice(self, fitted):
        crossed = fitted("penicillin-crossed")
        axes = crossed.plot_ranef()
        assert [len(axis.get_yticklabels()) for axis in axes] == [24, 6]
        one = crossed.plot_ranef("sample", ci_level=0.5)
        assert one.get_legend().get_title().get_text() == "50 % interval"
        assert not texts_overlap(axes[0].figure)


class TestTrends:
    def test_lines_of_the_tables(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_trends()
        assert axes.shape == (3,)
        assert [axis.get_title(loc="left") for axis in axes] == [
            "Population",
            "Own regressions",
            "Mixed model",
        ]
        fixed = fit.fixef()["value"]
        for axis in axes:
            x, y = line(axis, "population").get_data()
            np.testing.assert_allclose(x, [0, 9])
            np.testing.assert_allclose(y, [fixed[0], fixed[0] + 9 * fixed[1]])
            assert axis.get_xlabel() == "Days"
            np.testing.assert_array_equal(axis.get_xticks(), np.arange(10))
        assert axes[0].get_ylabel() == "Reaction"
        assert len(axes[0].lines[0].get_xdata()) == 180
        assert axes[0].texts[0].get_text() == f"slope {fixed[1]:.3g}"
        for axis, table in ((axes[1], fit.no_pooling()), (axes[2], fit.coef())):
            slopes = values(table, "Days", "value")
            assert axis.texts[0].get_text() == f"{(slopes < 0).sum()} of 18 slopes negative"
            rises, falls = (c for c in axis.collections if isinstance(c, LineCollection))
            assert len(falls.get_segments()) == (slopes < 0).sum()
            drawn = np.array([*rises.get_segments(), *falls.get_segments()])
            ends = drawn[:, :, 1]
            np.testing.assert_allclose(np.sort((ends[:, 1] - ends[:, 0]) / 9), np.sort(slopes))
            np.testing.assert_allclose(
                np.sort(ends[:, 0]), np.sort(values(table, "Intercept", "value"))
            )
        assert labels(axes[0]) == ["data", "population"]
        assert not texts_overlap(axes[0].figure)

    def test_colours_tell_falling_lines(self, simulated):
        from matplotlib.colors import to_hex

        axes = simulated(50).plot_trends()
        rises, falls = (c for c in axes[1].collections if isinstance(c, LineCollection))
        assert to_hex(rises.get_color()[0]).upper() == BLUE
        assert to_hex(falls.get_color()[0]).upper() == ORANGE
        for segment in falls.get_segments():
            assert segment[1, 1] < segment[0, 1]

    @pytest.mark.parametrize("groups", [10, 50, 1000])
    def test_readable_with_few_and_with_many_groups(self, simulated, groups):
        fit = simulated(groups)
        axes = fit.plot_trends()
        low, high = axes[1].get_ylim()
        assert low < fit.design.y.min() < fit.design.y.max() < high
        assert high - low < 2 * np.ptp(fit.design.y)
        assert not texts_overlap(axes[0].figure)

    def test_gpa_counts_the_negative_slopes(self, fitted):
        axes = fitted("gpa-slopes").plot_trends()
        # One slope of 200 is zero; in the table its last digits are negative.
        assert axes[1].texts[0].get_text() == "22 of 200 slopes negative"
        assert axes[2].texts[0].get_text() in {f"{n} of 200 slopes negative" for n in (2, 3, 4)}

    def test_other_effects_are_at_their_mean(self, fitted):
        fit = fitted("gpa-covariates")
        axes = fit.plot_trends()
        x, y = line(axes[0], "population").get_data()
        middle = np.interp(fit.design.X[:, 1].mean(), x, y)
        assert middle == pytest.approx(fit.design.y.mean(), abs=0.02)

    def test_own_regressions_that_cannot_be_made_are_left_out(self):
        data = bm.load_dataset("sleepstudy")
        first = data["Subject"] == data["Subject"].iloc[0]
        fit = bm.fit(SLEEPSTUDY, data[~first | (data["Days"] == 0)], **QUIET)
        axes = fit.plot_trends("Days")
        assert "of 17 slopes" in axes[1].texts[0].get_text()
        assert "of 18 slopes" in axes[2].texts[0].get_text()

    def test_a_slope_without_intercepts_by_group(self):
        fit = bm.fit(
            "Reaction ~ Days + (0 + Days | Subject)", bm.load_dataset("sleepstudy"), **QUIET
        )
        axes = fit.plot_trends()
        _, lines = axes[2].collections[-1], axes[2].collections[0].get_segments()
        starts = {round(float(one[0, 1]), 9) for one in lines}
        assert starts == {round(float(fit.fixef()["value"][0]), 9)}

    def test_generalised_models_are_on_the_scale_of_the_link(self):
        axes = by_hand("poisson").plot_trends()
        assert axes[0].get_ylabel() == "log of y"
        assert labels(axes[0]) == ["population"]
        assert not texts_overlap(axes[0].figure)


class TestVarcorr:
    def test_posteriors_with_their_priors(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_varcorr()
        assert [axis.get_xlabel() for axis in axes] == [
            "Sd of Intercept\nby Subject",
            "Sd of Days\nby Subject",
            "Correlation of Intercept\nand Days by Subject",
            "Residual sd\nof Reaction",
        ]
        # Those of the intercept are of Days at its mean, and have other densities as written.
        sds, correlations = implied_priors(fit.spec, fit.design.joint_effects[0])
        priors = [
            sds["Intercept"].density,
            lambda x: np.exp(fit.spec.priors.sd["Subject"][1].log_density(x)),
            correlations["Intercept", "Days"].density,
            lambda x: np.exp(fit.spec.priors.auxiliary["sigma"].log_density(x)),
        ]
        for axis, prior in zip(axes, priors, strict=True):
            x, y = line(axis, "posterior").get_data()
            assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)
            x, y = line(axis, "prior").get_data()
            inside = np.abs(x) < 0.999 if axis is axes[2] else np.full(len(x), True)
            np.testing.assert_allclose(y[inside], prior(x[inside]), rtol=1e-6)
            assert axis.get_ylabel() == "Density"
        assert axes[0].get_xlim()[0] == 0
        assert axes[2].get_xlim() == (-1, 1)
        table = fit.varcorr()
        bar = axes[1].lines[2].get_xdata()
        np.testing.assert_allclose(bar, table.loc[1, ["sd_2.5", "sd_97.5"]].astype(float))
        shown = [f"{table.loc[1, name]:.3g}" for name in ("sd", "sd_2.5", "sd_97.5")]
        assert axes[1].get_title(loc="right") == f"{shown[0]} [{shown[1]}, {shown[2]}]"
        assert labels(axes[0]) == ["posterior", "prior"]
        assert not texts_overlap(axes[0].figure)

    def test_many_panels(self, fitted):
        axes = fitted("pupils-slopes").plot_varcorr()
        assert len(axes) == 7
        assert not texts_overlap(axes[0].figure)

    def test_a_prior_without_a_formula_here(self):
        prior = bm.Prior("Wald", mu=40, lam=40)
        assert not prior.has_log_density
        x = np.linspace(1, 150, 200)
        expected = np.sqrt(40 / (2 * np.pi * x**3)) * np.exp(-((x - 40) ** 2) / (80 * x))
        np.testing.assert_allclose(prior_density(prior, x), expected, rtol=1e-8)

    def test_nothing_to_draw(self):
        data = pd.DataFrame({"y": [0, 1, 2, 3], "x": [0.0, 1, 2, 4]})
        spec = bm.prepare("y ~ x", data, family="poisson")
        posterior = xr.Dataset({"beta": (("chain", "draw", "term"), np.ones((1, 5, 2)))})
        fit = bm.MixedFit(spec, xr.DataTree.from_dict({"posterior": posterior}), SimpleNamespace())
        with pytest.raises(BayesmixError, match="neither group effects nor a residual sd"):
            fit.plot_varcorr()


class TestPpc:
    def test_densities_of_replications_and_data(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_ppc(draws=30, random_seed=1)
        assert len(axes.lines) == 31
        assert labels(axes) == ["30 replications", "data"]
        np.testing.assert_array_equal(line(axes, "data").get_data(), density(fit.design.y))
        means = [
            np.trapezoid(one.get_xdata() * one.get_ydata(), one.get_xdata()) for one in axes.lines
        ]
        assert np.mean(means[:-1]) == pytest.approx(fit.design.y.mean(), abs=2)
        spread = [
            one.get_xdata()[one.get_ydata().cumsum().searchsorted(0.9 * one.get_ydata().sum())]
            for one in axes.lines
        ]
        assert min(spread[:-1]) < spread[-1] < max(spread[:-1])
        assert axes.get_xlabel() == "Reaction"
        assert axes.get_ylim()[0] == 0
        assert not texts_overlap(axes.figure)

    def test_the_same_seed_gives_the_same_picture(self, fitted):
        fit = fitted("sleepstudy-slopes")
        first, again, other = (fit.plot_ppc(draws=2, random_seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first.lines[0].get_ydata(), again.lines[0].get_ydata())
        assert (first.lines[0].get_ydata() != other.lines[0].get_ydata()).any()

    @pytest.mark.parametrize("family", ["poisson", "bernoulli", "binomial"])
    def test_discrete_responses_are_counted(self, family):
        fit = by_hand(family, **({"trials": 4} if family == "binomial" else {}))
        axes = fit.plot_ppc(draws=100, random_seed=1)
        observed = line(axes, "data").get_ydata()
        np.testing.assert_array_equal(
            observed, np.bincount(fit.design.y.astype(int), minlength=len(observed))
        )
        (bars,) = axes.collections
        segments = np.array(bars.get_segments())
        assert len(segments) == len(observed)
        covered = (segments[:, 0, 1] <= observed) & (observed <= segments[:, 1, 1])
        assert covered.mean() > 0.7
        assert axes.get_ylabel() == "Number of rows"
        assert labels(axes) == ["100 replications, 95 %", "median", "data"]
        assert not texts_overlap(axes.figure)

    def test_the_few_counts_of_a_long_tail_have_one_bar(self):
        fit = by_hand("poisson")
        y = fit.design.y.copy()
        y[:2] = 70, 35
        spec = dataclasses.replace(fit.spec, design=dataclasses.replace(fit.design, y=y))
        axes = dataclasses.replace(fit, spec=spec).plot_ppc(draws=20, random_seed=1)
        observed = line(axes, "data").get_ydata()
        last = len(observed) - 1
        assert 10 <= last < 35
        assert observed.sum() == len(y)
        assert observed[-1] == (y >= last).sum() >= 2
        assert axes.get_xlabel() == f"y (bar at {last}: {last} and above)"

    def test_large_counts_have_a_density(self):
        axes = by_hand("binomial", trials=1000).plot_ppc(draws=20, random_seed=1)
        assert axes.get_ylabel() == "Density"
        assert min(one.get_xdata().min() for one in axes.lines) >= 0


class TestTrace:
    def test_two_panels_for_each_parameter(self, fitted):
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_trace()
        assert axes.shape == (6, 2)
        assert [axis.get_title(loc="left") for axis in axes[:, 0]] == list(
            fit.diagnostics()["parameter"]
        )
        left, right = axes[-1]
        assert len(left.lines) == len(right.lines) == 4
        np.testing.assert_array_equal(right.lines[2].get_ydata(), fit.posterior["sigma"][2])
        assert right.get_title(loc="right").startswith("R-hat 1.00")
        assert (left.get_xlabel(), right.get_xlabel()) == ("Value", "Draw")
        assert min(one.get_xdata().min() for one in axes[2, 0].lines) > 0
        assert not texts_overlap(left.figure)

    def test_parameters_by_choice(self, fitted):
        axes = fitted("sleepstudy-slopes").plot_trace(["sigma", "beta:Days"])
        assert [axis.get_title(loc="left") for axis in axes[:, 0]] == ["sigma", "beta:Days"]

    def test_of_many_parameters_those_that_agree_least(self, fitted, monkeypatch):
        from bayesmix.figures import chains

        monkeypatch.setattr(chains, "MOST_TRACES", 2)
        fit = fitted("sleepstudy-slopes")
        axes = fit.plot_trace()
        worst = fit.diagnostics().set_index("parameter")["r_hat"].nlargest(2).index
        assert {axis.get_title(loc="left") for axis in axes[:, 0]} == set(worst)


class TestSummariesInsteadOfDraws:
    @pytest.mark.slow
    def test_figures_of_tables_are_drawn(self, summarised):
        assert "u_Subject" not in summarised.posterior
        assert quiver(summarised.plot_shrinkage()).N == 18
        assert len(summarised.plot_shrinkage("density")) == 2
        assert len(summarised.plot_ranef()) == 2
        assert len(summarised.plot_trends()) == 3
        assert len(summarised.plot_varcorr()) == 4
        assert len(summarised.plot_trace()) == 6

    def test_replications_draw_the_effects_they_need(self, summarised):
        assert summarised.plot_ppc().lines


@pytest.mark.parametrize("projection", ["polar", "3d"])
def test_axes_of_another_projection(simulated, projection):
    from matplotlib import pyplot as plt

    ax = plt.figure().add_subplot(projection=projection)
    with pytest.raises(BayesmixError, match=f"has the projection '{projection}'"):
        simulated(50).plot_ppc(ax=ax)
    plt.close(ax.figure)
