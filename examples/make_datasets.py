"""Make bayesmix/data/gpa.csv and pupils.csv: simulated, with published estimates as the truth.

    python examples/make_datasets.py

The estimates are those of Clark, Mixed models with R, chapter "More random effects": correlated
slopes of gpa over occasions by student, and effects of socio-economic status by primary school.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import bayesmix as bm

FOLDER = Path(bm.__file__).parent / "data"


def gpa() -> pd.DataFrame:
    simulation = bm.simulate(
        200,
        6,
        beta={"Intercept": 2.599, "time": 0.106},
        sd={"Intercept": 0.213, "time": 0.067},
        cor=-0.098,
        sigma=0.206,
        random_seed=3,  # of a few, the one with estimates nearest to the published ones
    )
    data = simulation.data.rename(columns={"group": "student", "time": "occasion", "y": "gpa"})
    return data.astype({"occasion": int}).round({"gpa": 2})


def pupils() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n, n_primary, n_secondary = 1000, 50, 30
    primary = np.sort(np.arange(n) % n_primary)
    secondary = rng.permutation(np.arange(n) % n_secondary)
    ses = rng.choice(3, size=n, p=[0.30, 0.55, 0.15])
    female = rng.integers(0, 2, n)
    sd = np.array([0.41, 0.39, 0.63])
    cor = np.array([[1, 0.85, 0.70], [0.85, 1, 0.93], [0.70, 0.93, 1]])
    u = rng.standard_normal((n_primary, 3)) @ np.linalg.cholesky(cor).T * sd
    v = 0.26 * rng.standard_normal(n_secondary)
    achievement = (
        np.array([6.02, 6.26, 6.54])[ses]
        + 0.26 * female
        + u[primary, ses]
        + v[secondary]
        + 0.68 * rng.standard_normal(n)
    )
    return pd.DataFrame(
        {
            "achievement": achievement.round(1),
            "ses": np.array(["low", "mid", "high"])[ses],
            "sex": np.array(["male", "female"])[female],
            "primary_school": primary + 1,
            "secondary_school": secondary + 1,
        }
    )


if __name__ == "__main__":
    for name, data in {"gpa": gpa(), "pupils": pupils()}.items():
        data.to_csv(FOLDER / f"{name}.csv", index=False)
        print(f"{name}: {len(data)} rows")
