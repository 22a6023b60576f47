"""Pareto-smoothed importance sampling, pointwise."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError, ComparisonWarning, warn
from bayesmix.base.words import count
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.pareto import Smoothed, leave_out

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FEWEST_DRAWS", "Pointwise", "enough_draws", "good_k_of", "pareto_smoothed", "warn_of"]

GOOD_K = 0.7
# Rows that one thread smooths at once: their densities stay in its cache.
ROWS_AT_ONCE = 64


# Draws below which no tail can be fitted.
FEWEST_DRAWS = 25


@dataclasses.dataclass(frozen=True, eq=False)
class Pointwise:
    """elpd, effective number of parameters and Pareto k of each row or group.

    Of those that were refitted k is 0; `n_doubtful` of the refits did not converge.
    """

    elpd: FloatArray
    p: FloatArray
    k: FloatArray | None
    n_doubtful: int = 0

    def n_above(self, good_k: float) -> int:
        """Count the Pareto k that are too high."""
        return 0 if self.k is None else int((self.k > good_k).sum())

    def fields(self, dim: str, coords: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
        """Return the fields of an ELPDData."""
        import xarray as xr

        def labelled(values: FloatArray | None) -> xr.DataArray | None:
            return None if values is None else xr.DataArray(values, coords, dims=[dim])

        elpd_i = xr.DataArray(self.elpd, coords, dims=[dim], attrs=facts.attrs)
        n = len(self.elpd)
        return {
            "elpd": float(self.elpd.sum()),
            "se": float(np.sqrt(n * self.elpd.var(ddof=1))) if n > 1 else 0.0,
            "p": float(self.p.sum()),
            "scale": "log",
            "elpd_i": elpd_i,
            "p_loo_i": labelled(self.p),
            "pareto_k": labelled(self.k),
        }


def pareto_smoothed(
    blocks: Iterable[tuple[slice | IntArray, FloatArray]],
    n: int,
    S: int,
    r_eff: float,
    run: Callable[..., Iterable[Smoothed]] = map,
) -> Pointwise:
    """Importance-sample the log densities (S, rows) of each block."""
    enough_draws(S, at_least=FEWEST_DRAWS)
    elpd, k, p = np.empty(n), np.zeros(n), np.zeros(n)
    for rows, log in blocks:
        by_row = np.ascontiguousarray(log.T)
        own = np.arange(n)[rows]
        # A row without information, such as none of no trials, has the same density in all draws.
        same = np.ptp(by_row, axis=1) == 0
        elpd[own[same]] = by_row[same, 0]
        varying, places = by_row[~same], own[~same]
        cuts = range(ROWS_AT_ONCE, len(places), ROWS_AT_ONCE)
        parts = np.split(varying, cuts)
        for place, found in zip(
            np.split(places, cuts), run(leave_out, parts, itertools.repeat(r_eff)), strict=True
        ):
            elpd[place], p[place], k[place] = found.elpd, found.p, found.k
    return Pointwise(elpd, p, np.where(np.isnan(k), np.inf, k))


def good_k_of(S: int) -> float:
    """Compute the Pareto k up to which so many draws can be trusted."""
    return float(min(1 - 1 / np.log10(S), GOOD_K))


def enough_draws(S: int, *, at_least: int) -> None:
    """Raise for fewer draws than a criterion needs."""
    if at_least > S:
        raise BayesmixError(
            f"The fit has {count(S, 'draw')}, and at least {at_least} are needed. "
            "Fit with more draws."
        )


def warn_of(text: str) -> None:
    """Warn of an estimate that is not to be trusted."""
    warn(text, ComparisonWarning)
