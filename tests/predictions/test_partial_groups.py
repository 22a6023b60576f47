"""Predictions that condition on some of the grouping factors, against sums made by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm

# Four raters are few, and so are the draws: neither matters to sums of them.
pytestmark = pytest.mark.filterwarnings(
    "ignore::bayesmix.DesignWarning", "ignore::bayesmix.ConvergenceWarning"
)

QUANTITIES = ("linpred", "epred", "predict")


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    data = pd.DataFrame(
        [(s, c, p) for s in range(6) for c in range(3) for p in range(6)],
        columns=["school", "class", "pupil"],
    )
    n = len(data)
    data["rater"] = rng.choice(list("pqrs"), n)
    data["x"], data["z"] = rng.normal(size=(2, n))
    of_school = rng.normal(size=(6, 2)) @ [[1.0, 0.5], [0.0, 0.8]]
    data["y"] = 3 + data["x"] + of_school[data["school"], 0] + of_school[data["school"], 1] * data.x
    data["y"] += rng.normal(size=18)[3 * data["school"] + data["class"]] + rng.normal(size=n)
    return data


@pytest.fixture(scope="module")
def fit() -> bm.MixedFit:
    """Nested, crossed, with slopes of different columns."""
    formula = "y ~ x + z + (x | school) + (1 | school:class) + (z || rater)"
    return bm.fit(formula, frame(), draws=100, chains=2, random_seed=1, progressbar=False)


def by_hand(fit: bm.MixedFit, data: pd.DataFrame, factors: tuple[str, ...]) -> np.ndarray:
    """Linear predictor (S, n) from the labels of the posterior alone."""
    draws = fit.posterior.stack(sample=("chain", "draw"))
    eta = np.zeros((draws.sizes["sample"], len(data)))
    for i, row in enumerate(data.to_dict("records")):
        x = {"Intercept": 1.0, "x": row.get("x"), "z": row.get("z")}
        for term in ("Intercept", "x", "z"):
            eta[:, i] += x[term] * draws["beta"].sel(term=term).values
        for factor in factors:
            level = ":".join(str(row[name]) for name in factor.split(":"))
            u = draws[f"u_{factor}"].sel({factor: level})
            for effect in u[f"{factor}_effect"].values:
                eta[:, i] += x[effect] * u.sel({f"{factor}_effect": effect}).values
    return eta


def rows_of(array) -> np.ndarray:
    return array.values.reshape(-1, array.sizes["obs"])


SELECTIONS = {
    "one": (["school"], ("school",)),
    "one as text": ("school", ("school",)),
    "inner one alone": (["school:class"], ("school:class",)),
    "inner one, other order": (["class:school"], ("school:class",)),
    "nested": (("school:class", "school"), ("school", "school:class")),
    "crossed": (["rater", "school"], ("school", "rater")),
    "crossed one": ("rater", ("rater",)),
    "named twice": (["rater", "rater"], ("rater",)),
    "set": ({"rater"}, ("rater",)),
    "array": (np.array(["rater"]), ("rater",)),
    "index": (pd.Index(["rater"]), ("rater",)),
    "none": ([], ()),
    "all": (["school", "school:class", "rater"], ("school", "school:class", "rater")),
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_effects_of_the_named_factors_are_added(selection, fit):
    groups, factors = SELECTIONS[selection]
    data = frame().iloc[[0, 7, 50, 107]]
    expected = by_hand(fit, data, factors)
    used = {name for factor in factors for name in factor.split(":")}
    others = {"school", "class", "rater"} - used
    for newdata in (data, data.drop(columns=["y", "pupil", *others])):
        ours = fit.linpred(newdata, groups=groups, draws=True)
        np.testing.assert_allclose(rows_of(ours), expected, rtol=1e-10)
    whole = rows_of(fit.linpred(groups=groups, draws=True))
    np.testing.assert_allclose(whole[:, [0, 7, 50, 107]], expected, rtol=1e-10)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_all_and_none_are_the_two_words(quantity, fit):
    data, method = frame().head(5), getattr(fit, quantity)
    for groups, word in (
        ([], "population"),
        (["rater", "school:class", "school"], "conditional"),
    ):
        for rows in (None, data):
            same = method(rows, groups=word)
            pd.testing.assert_frame_equal(method(rows, groups=groups), same)


def test_responses_condition_on_the_same_effects(fit):
    data = pd.concat([frame().iloc[[3]]] * 400, ignore_index=True)[["x", "z", "school"]]
    noise = rows_of(fit.predict(data, groups=["school"], draws=True))
    noise -= by_hand(fit, data.head(1), ("school",))
    sigma = fit.posterior["sigma"].values.ravel()
    z = noise / sigma[:, None]
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * z.size)


@pytest.mark.parametrize("new_levels", ["error", "population", "sample"])
def test_labels_of_other_factors_do_not_matter(new_levels, fit):
    data = frame().iloc[[0, 7]]
    expected = fit.linpred(data, groups=["school"])
    for change in (
        {"rater": "new", "class": "other"},
        {"rater": np.nan, "class": None},
        {"rater": pd.NaT, "class": 1e300},
    ):
        ours = fit.linpred(data.assign(**change), groups=["school"], new_levels=new_levels)
        pd.testing.assert_frame_equal(ours, expected)


def test_columns_of_slopes_of_other_factors_do_not_matter():
    data = frame()
    formula = "y ~ x + (1 | school) + (0 + z | rater)"
    fit = bm.fit(formula, data, draws=50, chains=1, random_seed=1, progressbar=False)
    rows = data[["x", "school"]].head(3)
    expected = fit.linpred(data.head(3), groups=["school"])
    pd.testing.assert_frame_equal(fit.linpred(rows, groups=["school"]), expected)
    missing = data.head(3).assign(z=np.nan)
    pd.testing.assert_frame_equal(fit.linpred(missing, groups="school"), expected)


def test_new_levels_of_the_named_factors(fit):
    data = frame().iloc[[0, 7, 50]].drop(columns="rater")
    new = data.assign(school=[0, 99, 99])
    with pytest.raises(bm.BayesmixError, match=r"of 'school' '99' \(2 rows.*groups="):
        fit.linpred(new, groups=["school"])
    known, *others = fit.linpred(new, groups=["school"], new_levels="population")["value"]
    assert known == pytest.approx(by_hand(fit, data.head(1), ("school",)).mean())
    np.testing.assert_allclose(others, by_hand(fit, new.iloc[1:], ()).mean(axis=0))
    drawn = rows_of(fit.linpred(new, groups=["school"], new_levels="sample", draws=True))
    np.testing.assert_allclose(drawn[:, :1], by_hand(fit, data.head(1), ("school",)))
    # A new school has the effects that it has when all factors count.
    both = fit.linpred(
        new.assign(rater="p", **{"class": 0}),
        groups=["school", "rater"],
        new_levels="sample",
        draws=True,
    )
    rater = by_hand(fit, new.assign(rater="p"), ("rater",)) - by_hand(fit, new, ())
    np.testing.assert_allclose(rows_of(both) - rater, drawn, atol=1e-10)
    effects = drawn[:, 1:] - by_hand(fit, new.iloc[1:], ())
    assert effects.std() > 0.1


def test_a_missing_label_is_a_new_level_without_effects(fit):
    data = frame().iloc[[0, 7, 50]]
    some = data.assign(rater=["p", None, "q"])
    ours = fit.linpred(some, new_levels="population", draws=True)
    factors = ("school", "school:class")
    expected = by_hand(fit, some.iloc[[0, 2]], (*factors, "rater"))
    np.testing.assert_allclose(rows_of(ours)[:, [0, 2]], expected, rtol=1e-10)
    np.testing.assert_allclose(
        rows_of(ours)[:, [1]], by_hand(fit, data.iloc[[1]], factors), rtol=1e-10
    )
    none = fit.linpred(data.assign(rater=np.nan), new_levels="population", draws=True)
    np.testing.assert_allclose(rows_of(none), by_hand(fit, data, factors), rtol=1e-10)
    # A missing part of a combination: the known outer level keeps its effect.
    part = fit.linpred(
        data.assign(**{"class": pd.NA}),
        groups=["school", "school:class"],
        new_levels="population",
        draws=True,
    )
    np.testing.assert_allclose(rows_of(part), by_hand(fit, data, ("school",)), rtol=1e-10)
    for new_levels in ("error", "sample"):
        with pytest.warns(bm.DesignWarning, match=r"1 row of newdata.*'rater' \(1\).*groups="):
            table = fit.linpred(some, new_levels=new_levels)
        assert table["value"].isna().tolist() == [False, True, False]


def test_an_absent_column_of_a_factor_is_an_error_that_says_both_ways(fit):
    rows = frame()[["x", "z", "school", "class"]].head(2)
    with pytest.raises(bm.FormulaError, match="Unknown column 'rater'") as caught:
        fit.epred(rows)
    message = caught.value.message
    assert "groups=['school', 'school:class']" in message
    assert "new_levels='population'" in message
    # Both ways have been tried.
    one = fit.epred(rows, groups=["school", "school:class"])
    other = fit.epred(rows.assign(rater="any label"), new_levels="population")
    pd.testing.assert_frame_equal(one, other)
    with pytest.raises(bm.FormulaError, match=r"'class'.*groups=\['rater'\]"):
        fit.epred(frame()[["x", "z", "school", "rater"]], groups=["rater", "school:class"])
    with pytest.raises(bm.FormulaError, match="Unknown column 'x'") as caught:
        fit.epred(rows.drop(columns="x"), groups=["school"])
    assert "groups=" not in caught.value.message


BAD = {
    "unknown name": (["scool"], "'scool' is no grouping factor.*school, school:class, rater.*Did"),
    "unknown among known": (["school", "x"], "'x' is no grouping factor"),
    "outer and inner": (["school/class"], "'school/class' is no grouping factor"),
    "wrong word": ("conditonal", "Unknown groups='conditonal'.*rater.*Did you mean 'conditional'"),
    "word in a list": (["population"], "'population' is no grouping factor"),
    "numbers": ([1], "groups=.1. is not usable: give a list of names"),
    "None": (None, "groups=None"),
    "boolean": (True, "groups=True"),
    "number": (3, "groups=3"),
    "mapping": ({"school": True}, "groups=.'school': True"),
    "generator": ((name for name in ["school"]), "groups=<generator"),
    "matrix": (np.array([["school"]]), "groups=array"),
    "bytes": (b"school", "groups=b'school'"),
}


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("case", BAD)
def test_bad_names_are_errors_that_list_the_factors(case, quantity, fit):
    groups, match = BAD[case]
    for rows in (None, frame().head(2)):
        with pytest.raises(bm.BayesmixError, match=match):
            getattr(fit, quantity)(rows, groups=groups)


def test_a_factor_that_has_the_name_of_a_word():
    data = frame().rename(columns={"rater": "population"})
    formula = "y ~ x + (1 | population) + (1 | school)"
    fit = bm.fit(formula, data, draws=50, random_seed=1, progressbar=False)
    listed = fit.linpred(groups=["population"])["value"]
    word = fit.linpred(groups="population")["value"]
    beta = fit.posterior["beta"].mean(("chain", "draw")).values
    np.testing.assert_allclose(word, beta[0] + beta[1] * data["x"])
    assert (listed - word).abs().max() > 0.01


def test_a_model_without_factors_has_none_to_name():
    fit = bm.fit("y ~ x", frame(), draws=50, random_seed=1, progressbar=False)
    pd.testing.assert_frame_equal(fit.linpred(groups=[]), fit.linpred())
    with pytest.raises(bm.BayesmixError, match="Grouping factors: none"):
        fit.linpred(groups=["school"])


def test_effects_without_draws_do_not_matter_to_other_factors(fit):
    every, other = fit.linpred(groups=["school", "rater"]), without(fit, "u_rater")
    pd.testing.assert_frame_equal(other.linpred(groups=["school"]), fit.linpred(groups=["school"]))
    # Given all else the effects of the one factor are normal, and those of two are not.
    ours = other.linpred(groups=["school", "rater"])
    assert (np.abs(ours["value"] - every["value"]) < 5 * every["se"] / np.sqrt(200)).all()
    other = without(fit, "u_rater", "u_school:class")
    pd.testing.assert_frame_equal(other.linpred(groups=["school"]), fit.linpred(groups=["school"]))
    with pytest.raises(bm.BayesmixError, match=r"'rater'.*list of other factors"):
        other.linpred(groups=["school", "rater"])


def without(fit: bm.MixedFit, *names: str) -> bm.MixedFit:
    tree = fit.idata.copy()
    tree["posterior"] = fit.posterior.drop_vars(names)
    return dataclasses.replace(fit, idata=tree)


def test_a_design_encodes_the_named_factors(fit):
    rows = frame()[["x", "z", "school"]].iloc[[0, 60]]
    design = fit.design.at(rows, groups=["school"])
    (term,) = design.groups
    assert (term.factor, term.effects) == ("school", ("Intercept", "x"))
    np.testing.assert_array_equal(term.codes, [0, 3])
    assert fit.design.at(rows, groups=[]).groups == ()
    with pytest.raises(bm.BayesmixError, match="'clas' is no grouping factor"):
        fit.design.at(rows, groups=["clas"])
    with pytest.raises(bm.BayesmixError, match="groups=None is not usable"):
        fit.design.at(rows, groups=None)


def test_splines_of_other_factors_need_no_column():
    formula = "y ~ x + (1 | school) + (0 + bs(z, df=4) || rater)"
    fit = bm.fit(formula, frame(), draws=50, chains=1, random_seed=1, progressbar=False)
    rows = frame()[["x", "school"]].head(2)
    pd.testing.assert_frame_equal(
        fit.linpred(rows, groups=["school"]), fit.linpred(frame().head(2), groups=["school"])
    )
