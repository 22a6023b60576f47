"""The regularised incomplete beta function where its argument and its complement are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betainc, betaincc

__all__ = ["beta_above", "beta_below"]


def beta_below(first: Any, second: Any, share: Any, complement: Any) -> Any:
    """Probability that a beta variable is below a share, of which the complement is given, too."""
    return np.where(
        np.less(share, 0.5), betainc(first, second, share), betaincc(second, first, complement)
    )


def beta_above(first: Any, second: Any, share: Any, complement: Any) -> Any:
    """Probability that a beta variable is above a share, of which the complement is given, too."""
    return beta_below(second, first, complement, share)
