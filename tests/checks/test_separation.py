"""Outcomes that a column or a factor decides are told; outcomes that overlap are not."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm

RNG = np.random.default_rng(1)
N = 60


def frame(**columns) -> pd.DataFrame:
    x = RNG.normal(size=N)
    plain = {"x": x, "z": RNG.normal(size=N), "g": np.repeat(np.arange(12), 5), "n": 4}
    return pd.DataFrame(plain | {"y": (x + RNG.normal(size=N) > 0).astype(int)} | columns)


def said(formula: str, data: pd.DataFrame, family: str = "bernoulli", **others: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bm.prepare(formula, data, family=family, **others)
    return [str(one.message) for one in caught]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_column_that_separates(sign):
    data = frame()
    data["y"] = (sign * data.x > 0.2).astype(int)
    (message,) = said("y ~ x + z + (1 | g)", data)
    assert message.startswith("Column 'x' separates successes from failures: it is at ")
    first, second = ("least", "most") if sign == 1 else ("most", "least")
    assert f"it is at {first} " in message
    assert f"and at {second} " in message
    priors = {"x": bm.Prior("Normal", sigma=1.0)}
    bm.prepare("y ~ x + z + (1 | g)", data, family="bernoulli", priors=priors)
    assert said("y ~ z + (1 | g)", data) == []


def test_a_factor_whose_levels_have_one_outcome_each():
    data = frame()
    data["y"] = data.g % 2
    (message,) = said("y ~ z + (1 | g)", data)
    assert message.startswith("No level of 'g' has both successes and failures (12 levels)")
    priors = {"sd:g": bm.Prior("HalfNormal", sigma=1.0)}
    bm.prepare("y ~ z + (1 | g)", data, family="bernoulli", priors=priors)


def test_shares():
    data = frame()
    data["y"] = np.where(data.x > 0, data.n, 0)
    (message,) = said("p(y, n) ~ x + (1 | g)", data, "binomial")
    assert "separates" in message
    data.loc[data.x.idxmax(), "y"] = 3  # one trial of the uppermost row fails
    assert said("p(y, n) ~ x + (1 | g)", data, "binomial") == []


def test_outcomes_that_overlap_and_counts_are_not_told():
    data = frame()
    assert said("y ~ x + z + (1 | g)", data) == []
    data["count"] = np.where(data.x > 0, 3, 0)
    assert said("count ~ x + (1 | g)", data, "poisson") == []


def ratings(x: pd.Series) -> np.ndarray:
    return np.searchsorted([-0.5, 0.5], x) + 1


@pytest.mark.parametrize("family", ["cumulative", "acat"])
def test_ordered_categories_are_separated_where_all_thresholds_are(family):
    data = frame()
    data["y"] = ratings(data.x)
    (message,) = said("y ~ x + z", data, family)
    assert message.startswith("Column 'x' separates all categories, so that only its prior")
    (message,) = said("y ~ z + (1 | g)", data.assign(y=data.g % 3 + 1), family)
    assert message.startswith("No level of 'g' has more than one category (12 levels)")
    data.loc[data.x.idxmin(), "y"] = 2  # one threshold still separates
    assert said("y ~ x + z", data, family) == []


def test_an_effect_of_one_threshold_is_separated_there():
    data = frame()
    data["y"] = ratings(data.x)
    data.loc[data.x.idxmin(), "y"] = 2
    (message,) = said("y ~ z + cs(x)", data, "acat")
    assert "separates categories above '2' from other categories" in message
    assert "how large its effect on cs2 is" in message


def test_categories_without_order():
    data = frame()
    data["y"] = np.where(data.x > 0.5, "c", np.where(data.z > 0, "a", "b"))
    messages = said("y ~ x", data, "categorical")
    assert len(messages) == 1
    assert "separates category 'c' from other categories: it is at least" in messages[0]
    assert "on muc" in messages[0]


def test_zeros_of_a_hurdle():
    data = frame()
    data["y"] = np.where(data.x > 0, 2 + data.g % 3, 0)
    (message,) = said("y ~ z", data, "hurdle_poisson", hu="~ x")
    assert "separates zeros from other values" in message
    assert said("y ~ x", data, "hurdle_poisson", hu="~ z") == []
    assert said("y ~ x", data, "zero_inflated_poisson", zi="~ x") == []


@pytest.mark.parametrize(
    ("family", "other"),
    [
        ("hurdle_poisson", "poisson"),
        ("hurdle_negbinomial", "negbinomial"),
        ("hurdle_lognormal", "lognormal"),
        ("zero_inflated_poisson", "poisson"),
        ("zero_inflated_negbinomial", "negbinomial"),
    ],
)
@pytest.mark.parametrize("has_predictor", [False, True])
def test_no_zeros_at_all(family, other, has_predictor):
    name = "hu" if family.startswith("hurdle") else "zi"
    data = frame()
    data["y"] = 1 + data.g % 4
    given = {name: "~ x"} if has_predictor else {}
    (message,) = said("y ~ x", data, family, **given)
    assert f"all that is known of {name}" in message
    assert f"Take family '{other}'" in message
    data.loc[3, "y"] = 0
    assert said("y ~ x", data, family, **given) == []


def test_one_threshold_is_enough_for_a_column_of_two_values():
    data = frame()
    data["b"] = (data.x > 0.3).astype(int)
    data["y"] = np.where(data.b == 1, 4 + data.g % 2, 1 + data.g % 3)
    (message,) = said("y ~ b + z", data, "cumulative")
    assert "Column 'b' separates categories above '3' from other categories" in message


@pytest.mark.parametrize("flipped", [False, True])
def test_a_treatment_under_which_all_had_the_outcome(flipped):
    data = frame()
    data["arm"] = np.tile(["control", "drug", "both"], 20)
    data["y"] = np.where(data.arm == "drug", 1, data.y)
    assert data.y[data.arm != "drug"].nunique() == 2
    name = "failures" if flipped else "successes"
    (message,) = said("y ~ arm + (1 | g)", data.assign(y=1 - data.y) if flipped else data)
    assert message.startswith(f"Column 'arm[drug]' has only {name} where it is 1 (20 rows), so")
    data.loc[1, "y"] = 0
    assert said("y ~ arm + (1 | g)", data) == []


def test_a_reference_without_the_outcome():
    data = frame()
    data["drug"] = np.tile([0, 1], 30)
    data["y"] = np.where(data.drug == 0, 0, data.y)
    (message,) = said("y ~ drug + (1 | g)", data)
    assert message.startswith("Column 'drug' has only failures where it is 0 (30 rows), so that")


def test_outcomes_that_meet_in_one_value():
    data = frame()
    data["dose"] = np.tile([1.0, 2.0, 3.0, 4.0], 15)
    data["y"] = np.where(data.dose == 2, data.y, data.dose > 2)
    (message,) = said("y ~ dose + (1 | g)", data)
    expected = (
        "has only successes where it is above 2 (30 rows) and only failures where it is 1 (15"
    )
    assert expected in message


def test_the_highest_category_alone():
    data = frame()
    data["drug"] = np.tile([0, 1], 30)
    data["y"] = np.where(data.drug == 1, 3, 1 + data.g % 3)
    (message,) = said("y ~ drug + z", data, "cumulative")
    assert message.startswith("Column 'drug' has only one category where it is 1 (30 rows), so")
    # A category that only one of the two values has is no separation of all thresholds.
    data.loc[1, "y"] = 2
    assert said("y ~ drug + z", data, "cumulative") == []


def test_a_column_of_several_thresholds_is_told_once():
    data = frame()
    data["y"] = ratings(data.x)
    (message,) = said("y ~ z + cs(x)", data, "sratio")
    assert "only their priors say how large its effects on cs1, cs2 are" in message
    assert message.endswith("or take it out of cs().")
    assert said("y ~ z + cs(z:x)", data, "sratio") == []
