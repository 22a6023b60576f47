"""Ratings of the bitterness of wine: nine judges, two temperatures, contact of juice and skins.

Randall, J. H. (1989). The analysis of sensory data by generalized linear model. Biometrical Journal
31, 781-793. https://doi.org/10.1002/bimj.4710310703. As `wine` of R's ordinal has it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["wine"]

_RATINGS = "233444551213235423325544323232532343333332322454112223232223333412323244"


def wine() -> pd.DataFrame:
    """72 rows: rating 1 to 5, temp, contact, judge."""
    return pd.DataFrame(
        {
            "rating": [int(one) for one in _RATINGS],
            "temp": np.tile(np.repeat(["cold", "warm"], 4), 9),
            "contact": np.tile(np.repeat(["no", "yes"], 2), 18),
            "judge": np.repeat(np.arange(1, 10), 8),
        }
    )
