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


def said(formula: str, data: pd.DataFrame, family: str = "bernoulli") -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bm.prepare(formula, data, family=family)
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.DesignWarning)
        bm.prepare("y ~ x + z + (1 | g)", data, family="bernoulli", priors=priors)
    assert said("y ~ z + (1 | g)", data) == []


def test_a_factor_whose_levels_have_one_outcome_each():
    data = frame()
    data["y"] = data.g % 2
    (message,) = said("y ~ z + (1 | g)", data)
    assert message.startswith("No level of 'g' has both successes and failures (12 levels)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.DesignWarning)
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
