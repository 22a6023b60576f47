"""Draws to means, sds and intervals; how the columns of tables are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import as_number, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError

__all__ = ["Interval", "Marginals", "interval_of", "marginals_of", "summarised", "text_column"]


class Interval(NamedTuple):
    """Two tail probabilities and how the columns name them."""

    lower: float
    upper: float

    def names(self, lower: str, upper: str) -> tuple[str, str]:
        """Name the two columns of an interval: ``lower_2.5`` and ``upper_97.5``."""
        return f"{lower}_{100 * self.lower:.10g}", f"{upper}_{100 * self.upper:.10g}"


class Marginals(NamedTuple):
    """Summaries of k quantities, each of shape (k,)."""

    mean: FloatArray
    sd: FloatArray
    lower: FloatArray
    upper: FloatArray

    def columns(self, interval: Interval) -> dict[str, FloatArray]:
        """Name the summaries as the tables do."""
        lower, upper = interval.names("lower", "upper")
        return {"value": self.mean, "se": self.sd, lower: self.lower, upper: self.upper}


def summarised(draws: FloatArray, ci_level: float) -> dict[str, FloatArray]:
    """Summarise draws of any quantities.

    Parameters
    ----------
    draws : ndarray, shape (k, S)
        Draws of each quantity; they are used up: they may be reordered.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    dict of str to ndarray, each of shape (k,)
        ``value, se, lower_2.5, upper_97.5``.

    Raises
    ------
    BayesmixError
        If `ci_level` is not between 0 and 1.
    """
    interval = interval_of(ci_level)
    return marginals_of(draws, interval).columns(interval)


def marginals_of(draws: FloatArray, interval: Interval) -> Marginals:
    """Summarise each row of draws (k, S); the draws are used up: they may be reordered.

    Draws may be infinite, as predictions are that are too large for a number: then so is the sd,
    and so are the limits that fall among them.
    """
    k, n_draws = draws.shape
    probs = [interval.lower, interval.upper]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = draws.mean(axis=1)
        sd = draws.std(axis=1, ddof=1) if n_draws > 1 else np.full(k, np.nan)
        if not k:
            return Marginals(mean, sd, mean, mean)
        limits = np.quantile(draws, probs, axis=1, overwrite_input=True)
        infinite = ~np.isfinite(mean) & ~np.isnan(draws).any(axis=1)
        if infinite.any():  # between an infinite draw and the next one nothing can be interpolated
            between = np.quantile(draws[infinite], probs, axis=1, method="nearest")
            limits[:, infinite] = np.where(
                np.isnan(limits[:, infinite]), between, limits[:, infinite]
            )
            has_infinite = infinite & np.isinf(draws).any(axis=1)
            sd[has_infinite & (n_draws > 1)] = np.inf
    return Marginals(mean, sd, *limits)


def interval_of(ci_level: float) -> Interval:
    """Read the probability inside an interval; raise for what is none."""
    level = as_number(ci_level)
    if level is None or not 0 < level < 1:
        hint = f" Did you mean {level / 100:g}?" if level and 50 <= level < 100 else ""
        raise BayesmixError(
            f"ci_level={shown(ci_level)} is not usable: give the probability inside the interval, "
            f"above 0 and below 1, such as 0.95.{hint}"
        )
    tail = (1 - level) / 2
    return Interval(tail, 1 - tail)


def text_column(values: Sequence[str] | npt.NDArray[Any] | Mapping[str, Any]) -> pd.Series:
    """Labels as pandas' default text column, which an empty list alone would not be."""
    labels = [str(value) for value in values]
    return pd.Series(labels) if labels else pd.Series(["."])[:0]
