"""Published meta-analyses: estimates with their standard errors."""

from __future__ import annotations

import numpy as np
import pandas as pd


def eight_schools() -> pd.DataFrame:
    """Effects of coaching: Rubin (1981); Gelman et al., Bayesian Data Analysis, section 5.5."""
    return pd.DataFrame(
        {
            "school": list("ABCDEFGH"),
            "effect": [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
            "se": [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0],
        }
    )


# District: year, and (difference, its variance) of each school.
_KONSTANTOPOULOS = {
    11: (1976, [(-0.18, 0.118), (-0.22, 0.118), (0.23, 0.144), (-0.3, 0.144)]),
    12: (1989, [(0.13, 0.014), (-0.26, 0.014), (0.19, 0.015), (0.32, 0.024)]),
    18: (1994, [(0.45, 0.023), (0.38, 0.043), (0.29, 0.012)]),
    27: (1976, [(0.16, 0.02), (0.65, 0.004), (0.36, 0.004), (0.6, 0.007)]),
    56: (1997, [(0.08, 0.019), (0.04, 0.007), (0.19, 0.005), (-0.06, 0.004)]),
    58: (
        1976,
        [
            (-0.18, 0.02),
            (0, 0.018),
            (0, 0.019),
            (-0.28, 0.022),
            (-0.04, 0.02),
            (-0.3, 0.021),
            (0.07, 0.006),
            (0, 0.007),
            (0.05, 0.007),
            (-0.08, 0.007),
            (-0.09, 0.007),
        ],
    ),
    71: (1997, [(0.3, 0.015), (0.98, 0.011), (1.19, 0.01)]),
    86: (
        1997,
        [
            (-0.07, 0.001),
            (-0.05, 0.001),
            (-0.01, 0.001),
            (0.02, 0.001),
            (-0.03, 0.001),
            (0, 0.001),
            (0.01, 0.001),
            (-0.1, 0.001),
        ],
    ),
    91: (2000, [(0.5, 0.01), (0.66, 0.011), (0.2, 0.01), (0, 0.009), (0.05, 0.013), (0.07, 0.013)]),
    108: (2000, [(-0.52, 0.031), (0.7, 0.031), (-0.03, 0.03), (0.27, 0.03), (-0.34, 0.03)]),
    644: (1995, [(0.12, 0.087), (0.61, 0.082), (0.04, 0.067), (-0.05, 0.067)]),
}


def school_calendars() -> pd.DataFrame:
    """Modified school calendars: dat.konstantopoulos2011 of the R package metadat.

    Konstantopoulos (2011), Research Synthesis Methods 2, 61-76.
    """
    rows = [
        (district, school, year, effect, np.sqrt(variance))
        for district, (year, schools) in _KONSTANTOPOULOS.items()
        for school, (effect, variance) in enumerate(schools, start=1)
    ]
    return pd.DataFrame(rows, columns=["district", "school", "year", "effect", "se"])
