from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm

QUIET = {"random_seed": 1, "progressbar": False}


def rows() -> pd.DataFrame:
    """Columns whose names are odd, a factor, and responses of several kinds."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"g": np.repeat(np.arange(12), 8), "x": rng.uniform(0.5, 3, 96)})
    data["temp"] = np.tile(["cold", "warm", "very hot", "mid-low"], 24)
    data["y"] = 1 + data["x"] + rng.normal(size=12)[data["g"]] + rng.normal(size=96)
    data["rating"] = pd.Categorical(
        np.digitize(data["x"] - 1.75 + rng.logistic(size=96), [-1.0, 1.0]), ordered=True
    )
    data["kind"] = np.array(["a", "b", "c"])[rng.integers(0, 3, 96)]
    data["won"] = (rng.logistic(size=96) < data["x"] - 1.75).astype(int)
    return data


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
