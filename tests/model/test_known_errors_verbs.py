"""What a fit with known standard errors answers, and which arguments are refused."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from meta_analyses import eight_schools, school_calendars

OPTIONS = {"random_seed": 1, "progressbar": False, "cores": 1, "draws": 250}
FORMULA = "effect ~ 1 + (1 | school)"


@pytest.fixture(scope="module")
def schools() -> bm.MixedFit:
    return bm.fit(FORMULA, eight_schools(), se="se", **OPTIONS)


@pytest.fixture(scope="module")
def both() -> bm.MixedFit:
    data = school_calendars()
    return bm.fit("effect ~ 1 + (1 | district)", data, se="se", residual=True, **OPTIONS)


def test_the_known_part_is_no_component(schools, both):
    assert list(schools.varcorr()["group"]) == ["school"]
    assert list(schools.varcorr()["var_prop"]) == [1.0]
    assert list(both.varcorr()["group"]) == ["district", "Residual"]
    assert "sigma" not in list(schools.spec.prior_table()["parameter"])
    assert "known standard errors se" in repr(schools)
    assert "gaussian (identity), known standard errors, 8 rows" in repr(schools.spec)


def test_new_estimates_have_their_own_standard_errors(schools, both):
    new = eight_schools().head(4).assign(se=[1e-9, 5.0, 50.0, 500.0])
    expected, drawn = schools.epred(new)["se"], schools.predict(new)["se"]
    np.testing.assert_allclose(drawn, np.sqrt(expected**2 + new["se"] ** 2), rtol=0.15)
    sigma = float((both.posterior["sigma"] ** 2).mean())
    new = school_calendars().head(3).assign(se=[1e-9, 1.0, 10.0])
    expected, drawn = both.epred(new)["se"], both.predict(new)["se"]
    np.testing.assert_allclose(drawn, np.sqrt(expected**2 + sigma + new["se"] ** 2), rtol=0.15)


def test_expected_responses_of_new_rows_need_no_standard_errors(schools):
    new = eight_schools().drop(columns=["se", "effect"])
    assert np.isfinite(schools.epred(new)).all(axis=None)
    assert np.isfinite(schools.linpred(new)).all(axis=None)
    with pytest.raises(bm.BayesmixError, match="newdata has no column 'se', the standard errors"):
        schools.predict(new)
    with pytest.raises(bm.BayesmixError, match="Column 'se' of newdata has -1 at index 2"):
        schools.predict(eight_schools().assign(se=[1, 1, -1, 1, 1, 1, 1, 1.0]))


def test_an_array_is_as_good_as_a_column_but_for_new_rows(schools):
    data = eight_schools()
    fit = bm.fit(FORMULA, data.drop(columns="se"), se=data["se"].to_numpy(), **OPTIONS)
    pd.testing.assert_frame_equal(fit.varcorr(), schools.varcorr())
    assert list(fit.design.source.columns) == ["effect", "school", "se="]
    with pytest.raises(bm.BayesmixError, match="came as an array"):
        fit.predict(data)
    with pytest.raises(bm.BayesmixError, match="another index"):
        bm.prepare(FORMULA, data, se=data["se"].iloc[::-1])


def test_files_keep_them(schools, both, tmp_path):
    array = bm.fit(FORMULA, eight_schools(), se=eight_schools()["se"], **OPTIONS)
    for fit in (schools, both, array):
        fit.save(tmp_path / "one.fit", overwrite=True)
        read = bm.load(tmp_path / "one.fit")
        assert read.family == fit.family
        np.testing.assert_array_equal(read.design.weights, fit.design.weights)
        pd.testing.assert_frame_equal(read.varcorr(), fit.varcorr())
        pd.testing.assert_frame_equal(read.predict(), fit.predict())
    assert pickle.loads(pickle.dumps(both.spec)).family == both.family


def test_groups_of_their_own_weigh_rows_by_their_errors(schools, both):
    data = eight_schools()
    own = schools.no_pooling()
    np.testing.assert_allclose(own["value"], data["effect"])
    np.testing.assert_allclose(own["se"], data["se"])
    shrinkage = schools.shrinkage().set_index("group")["shrinkage"]
    assert shrinkage.drop("B").between(0.5, 1).all()  # B is where all schools are
    sigma = float(both.posterior["sigma"].mean())
    table = both.no_pooling().set_index("group")
    for district, rows in school_calendars().groupby("district"):
        weights = 1 / (rows["se"] ** 2 + sigma**2)
        mean = (weights * rows["effect"]).sum() / weights.sum()
        assert table.loc[str(district), "value"] == pytest.approx(mean, rel=1e-6)
        assert table.loc[str(district), "se"] == pytest.approx(weights.sum() ** -0.5, rel=1e-6)


@pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
@pytest.mark.parametrize("name", ["schools", "both"])
def test_criteria_are_finite_and_near_each_other(name, request):
    fit = request.getfixturevalue(name)
    loo, folds = fit.loo(), fit.kfold(k=5, random_seed=2)
    assert folds.elpd == pytest.approx(loo.elpd, abs=2.5)
    assert np.isfinite(fit.waic().elpd)
    factor = fit.design.groups[0].factor
    groups = fit.logo(factor)
    if name == "schools":  # each school has one row
        assert groups.elpd == pytest.approx(loo.elpd, abs=0.2)
    assert np.isfinite(fit.kfold(k=5, group_by=factor, random_seed=2).elpd)


def test_models_with_and_without_a_residual_are_compared():
    data = school_calendars()
    fits = {
        "with": bm.fit("effect ~ 1 + (1 | district)", data, se="se", residual=True, **OPTIONS),
        "without": bm.fit("effect ~ 1 + (1 | district)", data, se="se", **OPTIONS),
    }
    table = bm.compare(fits)
    assert list(table.index) == ["with", "without"]
    assert list(table["K"]) == [3, 2]


def test_studies_like_it_are_simulated(schools):
    simulation = bm.simulate_from(schools, random_seed=3)
    assert list(simulation.data["se"]) == list(eight_schools()["se"])
    again = bm.fit(simulation.formula, simulation.data, se="se", **OPTIONS | {"random_seed": 2})
    assert again.family == schools.family
    with pytest.raises(bm.BayesmixError, match="column of the standard errors"):
        bm.simulate_from(schools, eight_schools().drop(columns="se"))


def test_correlations_and_refits_keep_them():
    data = school_calendars().assign(x=lambda data: data["school"] - 3.0)
    fit = bm.fit("effect ~ x + (x | district)", data, se="se", **OPTIONS)
    other = fit.uncorrelated()
    assert other.family == fit.family
    np.testing.assert_array_equal(other.design.weights, fit.design.weights)
    assert list(fit.varcorr()["effect"]) == ["Intercept", "x"]


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"se": "sei"}, "se='sei' is not a column of the data.*Did you mean 'se'"),
        ({"se": "school"}, "standard errors must be numbers"),
        ({"se": [1.0] * 7}, r"standard errors have shape \(7,\)"),
        ({"se": 3.0}, "standard errors have shape"),
        ({"se": "se", "weights": "se"}, "weights and se both"),
        ({"se": "se", "family": "poisson"}, "gaussian family"),
        ({"se": "se", "family": "student"}, "gaussian family"),
        ({"se": "se", "family": "binomial"}, "gaussian family"),
        ({"residual": True}, "residual=True adds a residual to known standard errors"),
        ({"se": "se", "residual": "yes"}, "residual"),
        ({"se": "se", "residual": 2}, "residual"),
        ({"se": "se", "priors": {"sigma": bm.Prior("HalfNormal", sigma=1)}}, "no sigma"),
        ({"se": "se", "sigma": "~ 1"}, "no sigma that could have a formula.*residual=True"),
        ({"se": [1, 2, 3, 4, 5, 6, 7, 1j]}, "must be numbers"),
        ({"se": [True] * 8, "weights": [1.0] * 8}, "weights and se both"),
        ({"se": {"a": 1}}, "standard errors have shape"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(options, message):
    with pytest.raises(bm.BayesmixError, match=message):
        bm.prepare(FORMULA, eight_schools(), **options)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf, 1e-150, 1e200])
def test_standard_errors_that_cannot_be_used_are_named(bad):
    data = eight_schools()
    data.loc[[2, 5], "se"] = bad
    with pytest.raises(
        bm.BayesmixError, match=re.escape(f"have {bad:g} at index 2, and 1 other")
    ) as caught:
        bm.prepare(FORMULA, data, se="se")
    assert "sqrt(variance)" in str(caught.value)
    with pytest.raises(bm.BayesmixError, match="at index 2"):
        bm.prepare(FORMULA, data, se=data["se"].to_numpy(), residual=True)


def test_rows_without_a_standard_error_are_dropped():
    data = eight_schools()
    data.loc[3, "se"] = np.nan
    with pytest.warns(bm.DesignWarning, match="1 of 8 rows has missing values, in se"):
        spec = bm.prepare(FORMULA, data, se="se")
    assert spec.design.n_rows == 7
    with pytest.raises(bm.BayesmixError, match="in se \\(1\\)"):
        bm.prepare(FORMULA, data, se=data["se"].to_numpy(), missing="raise")
    with pytest.raises(bm.BayesmixError, match="has no values"):
        bm.prepare(FORMULA, data.assign(se=np.nan), se="se")


def test_what_brms_writes_on_the_left_is_translated():
    with pytest.raises(bm.BayesmixError, match="Pass se='se' to fit"):
        bm.prepare("effect | se(se) ~ 1 + (1 | school)", eight_schools())


@pytest.mark.filterwarnings("ignore:Every row has its own level")
def test_a_factor_may_have_the_name_of_the_effects_of_rows():
    data = school_calendars().rename(columns={"district": "(rows)"})
    fit = bm.fit("effect ~ 1 + (1 | `(rows)`)", data, se="se", residual=True, **OPTIONS)
    assert list(fit.varcorr()["group"]) == ["(rows)", "Residual"]
    assert np.isfinite(fit.loo().elpd)
    alone = bm.fit("effect ~ 1 + (1 | `(rows)`)", data, se="se", **OPTIONS)
    assert np.isfinite(alone.loo().elpd)


def test_errors_that_rounding_leaves_nothing_of_are_named():
    data = eight_schools().assign(se=lambda data: 1e-12 * data["se"])
    with pytest.raises(bm.BayesmixError, match=r"errors are so small.*unit of the response"):
        bm.fit(FORMULA, data, se="se", **OPTIONS)


def test_errors_of_very_different_sizes_are_fine():
    data = eight_schools().assign(se=np.logspace(-6, 6, 8))
    fit = bm.fit(FORMULA, data, se="se", **OPTIONS)
    coef = fit.coef().set_index("group")["value"]
    assert coef["A"] == pytest.approx(28.0, abs=1e-4)


def test_the_residual_beside_known_errors_may_have_a_predictor():
    data = school_calendars().assign(small=lambda data: data["se"] < 0.1)
    options = {**OPTIONS, "draws": 500}
    fit = bm.fit(
        "effect ~ 1 + (1 | district)", data, se="se", residual=True, sigma="~ small", **options
    )
    assert fit.idata.attrs["method"] == "whitened"
    assert list(fit.fixef()["parameter"]) == ["mu", "sigma", "sigma"]
    assert list(fit.varcorr()["group"]) == ["district"]
    assert np.isfinite(fit.predict(data.head(3))["se"]).all()
    with pytest.raises(bm.BayesmixError, match="sigma has a predictor of its own"):
        bm.fit(
            "effect ~ 1 + (1 | district)",
            data,
            se="se",
            residual=True,
            sigma="~ small",
            method="exact",
            **options,
        )
