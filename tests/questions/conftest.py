"""Fits of simulated data that the questions are asked of."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

import bayesmix as bm
from odd_columns import QUIET, rows
from question_cases import FORMULAS, frame


@pytest.fixture(scope="session")
def questioned() -> pd.DataFrame:
    """The rows of all fits."""
    return frame()


@pytest.fixture(scope="session")
def fits(questioned) -> dict[str, bm.MixedFit]:
    """By family, with few draws: the answers are held against the same draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        return {
            family: bm.fit(
                formula,
                questioned,
                family=family,
                draws=60,
                chains=2,
                random_seed=1,
                progressbar=False,
                **others,
            )
            for family, (formula, others) in FORMULAS.items()
        }


@pytest.fixture(scope="session")
def odd_fit() -> bm.MixedFit:
    """Terms that look like arithmetic, and two effects of each group."""
    formula = "y ~ x + I(x**2) + np.log(x) + temp + (x | g)"
    return bm.fit(formula, rows(), draws=250, **QUIET)


@pytest.fixture(scope="session")
def scale_fit() -> bm.MixedFit:
    return bm.fit("y ~ x", rows(), sigma="~ x + (1 | g)", draws=250, **QUIET)


@pytest.fixture(scope="session")
def rating_fit() -> bm.MixedFit:
    return bm.fit("rating ~ x + (1 | g)", rows(), family="cumulative", draws=250, **QUIET)


@pytest.fixture(scope="session")
def kind_fit() -> bm.MixedFit:
    return bm.fit("kind ~ x", rows(), family="categorical", draws=250, **QUIET)
