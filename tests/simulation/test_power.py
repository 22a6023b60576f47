"""Power: shares of simulated studies, the same on any executor, and beside the t test's."""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError

STUDY = {
    "n_groups": 12,
    "n_per_group": 6,
    "beta": {"Intercept": 250, "time": 10},
    "sd": {"Intercept": 25, "time": 6},
    "sigma": 25,
}
FEW = {"replications": 6, "draws": 100, "random_seed": 3, "progressbar": False}
pytestmark = [
    pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning"),
    pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning"),
]


def is_steep(fit) -> bool:
    """Tell whether the mean slope is above 8."""
    return bool(fit.posterior["beta"].sel(term="time").mean() > 8)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ComparisonWarning)
        return bm.power(STUDY, statement=["time > 5", is_steep], n_groups=[6, 12], **FEW)


@pytest.fixture(scope="module")
def fit() -> bm.MixedFit:
    return bm.fit(
        "Reaction ~ Days + (Days | Subject)",
        bm.load_dataset("sleepstudy"),
        random_seed=1,
        progressbar=False,
    )


@pytest.mark.slow
def test_rows_are_sizes_and_statements(table):
    assert table["n_groups"].tolist() == [6, 6, 12, 12]
    assert table["statement"].tolist() == ["time > 5", "is_steep"] * 2
    assert (table["replications"] == 6).all()
    p = table["power"]
    assert np.allclose(table["se"], np.sqrt(p * (1 - p) / 6))
    for row in table.itertuples():
        own = stats.binomtest(round(row.power * 6), 6).proportion_ci(method="wilson")
        assert (row.lower, row.upper) == pytest.approx((own.low, own.high), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_changes_nothing(kind):
    statement = "time > 5"
    alone = bm.power(STUDY, statement=statement, **FEW)
    with kind(2) as executor:
        pd.testing.assert_frame_equal(
            bm.power(STUDY, statement=statement, executor=executor, **FEW), alone
        )


@pytest.mark.slow
def test_the_share_is_that_of_fits_made_by_hand():
    """The same seeds, one after the other."""
    found = bm.power(STUDY, statement="time > 5", **FEW)
    shown = 0
    for own in np.random.SeedSequence(3).spawn(6):
        data_seed, fit_seed = map(int, own.generate_state(2))
        simulation = bm.simulate(**STUDY, random_seed=data_seed)
        fit = bm.fit(
            simulation.formula,
            simulation.data,
            draws=100,
            random_seed=fit_seed,
            progressbar=False,
            cores=1,
        )
        shown += fit.hypothesis("time > 5")["probability"][0] >= 0.975
    assert found["power"][0] == pytest.approx(shown / 6)


def test_a_function_makes_data():
    def study(n_groups, random_seed):
        rng = np.random.default_rng(random_seed)
        g = np.repeat(np.arange(n_groups), 5)
        x = rng.normal(size=len(g))
        return pd.DataFrame({"y": 3 * x + rng.normal(size=len(g)), "x": x, "g": g})

    table = bm.power(study, "y ~ x + (1 | g)", "x > 0", n_groups=5, **FEW)
    assert table["power"].tolist() == [1.0]
    with pytest.raises(BayesmixError, match="Give formula="):
        bm.power(study, statement="x > 0", n_groups=5, **FEW)


def test_groups_of_a_fit_are_taken_anew(fit):
    from bayesmix.simulation.studies import study_of

    study = study_of(fit, None, "mean")
    data = study.simulated({"n_groups": 40}, 1).data
    assert data["Subject"].nunique() == 40
    assert (data.groupby("Subject")["Days"].apply(list).map(tuple) == tuple(range(10))).all()
    sizes = study.simulated({"n_groups": 4, "n_per_group": 25}, 1).data.groupby("Subject").size()
    assert sizes.tolist() == [25] * 4
    assert data["Reaction"].std() > 20
    table = fit.power("Days > 0", n_groups=[10], **FEW)
    assert table["power"].tolist() == [1.0]
    assert fit.power("Days > 30", parameters="draw", **FEW)["power"].tolist() == [0.0]


@pytest.mark.slow
def test_other_families_and_models():
    study = {
        "n_groups": 20,
        "n_per_group": 10,
        "beta": {"Intercept": 0.2, "x": 1.5},
        "sd": {"Intercept": 0.5},
        "family": "poisson",
    }
    table = bm.power(study, statement="x > 0.5", **FEW)
    assert table["power"].tolist() == [1.0]
    table = bm.power(study, "y ~ x + (1 | group)", "x > 0.5", family="negbinomial", **FEW)
    assert table["power"].tolist() == [1.0]


def test_the_curve(table):
    mpl.use("Agg")
    axes = bm.plot_power(table)
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    for line, (_, own) in zip(lines, table.groupby("statement", sort=False), strict=True):
        np.testing.assert_allclose(line.get_ydata(), own["power"])
    assert axes.get_xlabel() == "number of groups"
    mpl.pyplot.close("all")


@pytest.mark.slow
def test_beside_the_t_test_of_slopes():
    """Of balanced data the t test of the groups' own slopes is that of lmer, and exact.

    The posterior has priors of the sds beside it, which moves power by less than the error here.
    """
    study = STUDY | {"n_groups": 18, "n_per_group": 10}
    options = {"replications": 100, "draws": 250, "random_seed": 1, "progressbar": False}
    table = bm.power(study, statement="time > 5", **options)
    variance = 6**2 + 25**2 / (10 * np.var(np.arange(10)))
    shift = 5 / np.sqrt(variance / 18)
    expected = stats.nct.sf(stats.t.isf(0.025, 17), 17, shift)
    error = np.sqrt(expected * (1 - expected) / 100)
    assert abs(table["power"][0] - expected) < 3.5 * error


BAD = {
    "no study": ({"simulation": 3}, "neither a mapping"),
    "a formula in its place": ({"simulation": "y ~ x"}, "neither a mapping"),
    "no statement": ({"statement": ()}, "is not usable"),
    "a number": ({"statement": 3}, "is not usable"),
    "numbers": ({"statement": ["time > 0", 3]}, "is not usable"),
    "no parameter": ({"statement": "tim > 0"}, "tim"),
    "no comparison": ({"statement": "time"}, "time"),
    "one group": ({"n_groups": 1}, "n_groups=1"),
    "half a group": ({"n_groups": [5, 7.5]}, "n_groups=7.5"),
    "twice": ({"n_groups": [5, 5]}, "different numbers"),
    "none": ({"n_groups": []}, "different numbers"),
    "no rows": ({"n_per_group": 0}, "n_per_group=0"),
    "too many sizes": ({"n_groups": range(2, 60), "n_per_group": range(1, 60)}, "3,422 sizes"),
    "probability 0": ({"probability": 0}, "from 0.5 to below 1"),
    "probability 95": ({"probability": 95}, "from 0.5 to below 1"),
    "no replications": ({"replications": 0}, "replications=0"),
    "an executor that is none": ({"executor": 2}, "Executor"),
    "group of a mapping": ({"group": "g"}, "names a factor of a fit"),
    "parameters": ({"parameters": "mode"}, "Unknown parameters"),
    "draws": ({"draws": 0}, "draws=0"),
    "progressbar": ({"progressbar": "yes"}, "give True or False"),
    "a column that is not there": ({"formula": "y ~ q"}, "Unknown column 'q'"),
    "a family that is not": ({"family": "normal"}, "Unknown family"),
    "an argument that is none": ({"sigmaa": "~ x"}, "none of the arguments"),
    "a study that cannot be": ({"simulation": {"beta": {"x": 1}}}, "failed"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_told(name):
    changes, message = BAD[name]
    arguments = {"simulation": STUDY, "statement": "time > 0", **FEW} | changes
    with pytest.raises(BayesmixError, match=message):
        bm.power(**arguments)


def test_bad_fits_are_told(fit):
    with pytest.raises(BayesmixError, match="group='Day'"):
        fit.power("Days > 0", group="Day", **FEW)
    plain = bm.fit("Reaction ~ Days", bm.load_dataset("sleepstudy"), draws=500, progressbar=False)
    with pytest.raises(BayesmixError, match="has none"):
        plain.power("Days > 0", **FEW)
    for bad in (3, pd.DataFrame({"power": [1]})):
        with pytest.raises(BayesmixError, match="takes the table"):
            bm.plot_power(bad)
    with pytest.raises(BayesmixError, match="by a size"):
        bm.plot_power(fit.power("Days > 0", **FEW))
