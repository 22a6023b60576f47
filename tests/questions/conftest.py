"""Fits of simulated data that the questions are asked of."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

import bayesmix as bm
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
