"""Group effects that are Student-t as normal ones with a scale of each level: numbers for these."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainccinv, gammaincinv, ndtr

from bayesmix.base.arrays import FloatArray

__all__ = ["draw_mixing", "mixing_of_normal"]


def draw_mixing(rng: np.random.Generator, df: FloatArray) -> FloatArray:
    """Draw ``w ~ InverseGamma(df / 2, df / 2)``, one for each df."""
    return 0.5 * df / rng.standard_gamma(0.5 * df)


def mixing_of_normal(df: FloatArray, z: FloatArray) -> FloatArray:
    """Turn standard normal numbers into w of that distribution, rising with them.

    Parameters
    ----------
    df, z : ndarray
        Of shapes that can be broadcast.
    """
    half = 0.5 * df
    # Of a gamma distribution the mass below and above, on the side where no digits are lost.
    tail = ndtr(-np.abs(z))
    precision = np.where(z > 0, gammaincinv(half, tail), gammainccinv(half, tail))
    return half / np.maximum(precision, np.finfo(np.float64).tiny)
