"""Columns whose names look like arithmetic, a factor, and responses of several kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd

QUIET = {"random_seed": 1, "progressbar": False}


def rows() -> pd.DataFrame:
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
