from __future__ import annotations

import pytest

import bayesmix as bm
from odd_columns import QUIET, rows


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
