"""Densities of the rows that are left out, with all effects integrated out or with their draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.criteria.conditional import BLOCK, conditional_blocks
from bayesmix.criteria.theta import ThetaDraws, relative_ess
from bayesmix.engines.left_out import left_out
from bayesmix.posterior.fitted import Fitted

__all__ = ["Conditional", "Integrated", "RowDensities", "row_densities"]


class RowDensities(Protocol):
    """What leaving one row out by importance sampling needs of a fit."""

    @property
    def n_draws(self) -> int:
        """Number of draws that are weighted."""

    @property
    def r_eff(self) -> float:
        """Effective over actual number of draws."""

    @property
    def note(self) -> str:
        """What was done beyond the standard."""

    def blocks(
        self, chosen: IntArray | None = None
    ) -> Iterator[tuple[slice | IntArray, FloatArray]]:
        """Yield log densities (S, rows) of some rows at a time, of all or of those chosen."""

    def at_mean(self) -> FloatArray:
        """Compute the log density (n,) of all rows at the posterior mean."""


@dataclasses.dataclass(frozen=True, eq=False)
class Integrated:
    """Given all other rows and what is not integrated out: ``log p(y_i | y_-i, theta)``."""

    fit: Fitted
    draws: ThetaDraws
    run: Callable[..., Any]

    @property
    def n_draws(self) -> int:
        """Of theta."""
        return len(self.draws.theta)

    @property
    def r_eff(self) -> float:
        """Of theta."""
        return self.draws.r_eff

    @property
    def note(self) -> str:
        """Whether all draws are used."""
        return self.draws.note

    def blocks(
        self, chosen: IntArray | None = None
    ) -> Iterator[tuple[slice | IntArray, FloatArray]]:
        """Integrate effects out."""
        step = max(1, BLOCK // self.n_draws)
        leaving = left_out(self.fit.spec)
        return leaving.rows(self.draws.theta, first=chosen, rows_at_once=step, run=self.run)

    def at_mean(self) -> FloatArray:
        """Take the mean of the draws."""
        density = np.empty(self.fit.spec.design.n_rows)
        leaving = left_out(self.fit.spec)
        for rows, log in leaving.rows(leaving.mean(self.draws.theta), run=self.run):
            density[rows] = log[0]
        return density


@dataclasses.dataclass(frozen=True, eq=False)
class Conditional:
    """Given the draws of all effects: ``log p(y_i | u, beta, theta)``."""

    fit: Fitted
    note: str = ""

    @property
    def n_draws(self) -> int:
        """Of all chains."""
        sizes = self.fit.idata["posterior"].sizes
        return int(sizes["chain"] * sizes["draw"])

    @property
    def r_eff(self) -> float:
        """Of all parameters."""
        posterior = self.fit.idata["posterior"].dataset
        ordered = (x.transpose("chain", "draw", ...) for x in posterior.data_vars.values())
        return relative_ess(x.to_numpy() for x in ordered)

    def blocks(self, chosen: IntArray | None = None) -> Iterator[tuple[slice, FloatArray]]:
        """Compute them from the linear predictor."""
        spec = self.fit.spec
        if chosen is not None:
            spec = dataclasses.replace(spec, design=spec.design.take(chosen))
        return conditional_blocks(spec, self.fit.posterior)

    def at_mean(self) -> FloatArray:
        """Take the mean of each parameter."""
        mean = self.fit.posterior.mean(("chain", "draw")).expand_dims(["chain", "draw"])
        blocks = conditional_blocks(self.fit.spec, mean)
        return np.concatenate([log[0] for _, log in blocks])


def row_densities(fit: Fitted, integrate: bool, run: Callable[..., Any]) -> RowDensities:
    """Choose the way to leave rows out."""
    return Integrated(fit, ThetaDraws.of(fit), run) if integrate else Conditional(fit)
