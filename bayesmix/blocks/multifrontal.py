"""The other factors as a sparse matrix, eliminated front by front."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import linalg

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.dense import Dense
from bayesmix.blocks.pairs import scaled_entries
from bayesmix.blocks.small import cholesky
from bayesmix.blocks.theta import Theta

__all__ = ["Front", "Multifrontal"]


# Numbers from which one theta is worked on after the other.
LARGE = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class Front:
    """Columns that are eliminated together, and all that they are coupled to.

    Its own columns come first, then `rows`, then those of the corner: w in all.
    """

    pivots: slice  # in the order of elimination
    rows: IntArray  # (r,) columns that are eliminated later, ascending
    entries: IntArray  # (n,) which of the entries stand in the panel (w, k) of its own columns
    places: IntArray  # (n,) where, in the lower triangle
    children: tuple[tuple[int, int, IntArray], ...]  # front, its rows among k, all its rows among w

    @property
    def k(self) -> int:
        """Count its own columns."""
        return int(self.pivots.stop - self.pivots.start)


@dataclasses.dataclass(frozen=True, eq=False)
class Multifrontal:
    """Crossed factors of which few levels meet: a sparse matrix per theta, in dense pieces.

    `dense` has the same matrix in full.
    """

    dense: Dense
    fronts: tuple[Front, ...]
    places: tuple[IntArray, ...]  # of each factor, (J, q) in the order of elimination
    size: int  # numbers that one theta needs at once
    cost: float  # floating-point operations for one theta

    @property
    def base(self) -> FloatArray:
        """Entries before anything is eliminated."""
        return self.dense.base

    @property
    def factors(self) -> tuple[int, ...]:
        """Factors whose effects these are."""
        return self.dense.factors

    def eliminate(
        self,
        entries: FloatArray,
        corner: FloatArray,
        theta: Theta,
        variance: FloatArray,
        state: dict[str, Any],
    ) -> tuple[FloatArray, FloatArray]:
        """Eliminate all effects: what is left of the corner, and log determinants."""
        B, border = len(variance), len(corner)
        scaled = scaled_entries(self.dense.pairs, entries, theta)
        log_determinant = np.zeros(B)
        taken = np.zeros((B, border, border))
        left: dict[int, FloatArray] = {}
        state["fronts"] = factors = []
        for number, front in enumerate(self.fronts):
            panel, below = _assembled(front, scaled, variance, border, left)
            lower, half = _factorised(panel, front.k)
            factors.append((lower, half))
            log_determinant += 2 * np.log(np.einsum("bii->bi", lower)).sum(axis=1)
            below -= half @ np.swapaxes(half, 1, 2)
            if len(front.rows):
                left[number] = below
            else:
                taken -= below
        return corner - np.moveaxis(taken, 0, -1), log_determinant

    def substitute(
        self,
        beta: FloatArray,
        theta: Theta,
        state: dict[str, Any],
        zeta: dict[int, FloatArray],
        u: dict[int, FloatArray],
        rng: np.random.Generator,
    ) -> None:
        """Draw the effects given the population effects, from the last front to the first."""
        B, p = beta.shape
        m = self.dense.m
        noise = rng.standard_normal((B, m))
        noise *= theta.sigma[:, None]
        draws = np.empty((B, m))
        for front, (lower, half) in zip(
            reversed(self.fronts), reversed(state["fronts"]), strict=True
        ):
            r = len(front.rows)
            above = np.concatenate([draws[:, front.rows], beta], axis=1)
            right = noise[:, front.pivots] + half[:, r + p]
            right -= (above[:, None] @ half[:, : r + p])[:, 0]
            for b in range(B):
                draws[b, front.pivots] = linalg.blas.dtrsv(lower[b].T, right[b], lower=False)
        for factor, places in zip(self.factors, self.places, strict=True):
            zeta[factor] = draws[:, places]
            u[factor] = zeta[factor] @ np.swapaxes(theta.scale[factor], 1, 2)


def _assembled(
    front: Front,
    entries: FloatArray,
    variance: FloatArray,
    border: int,
    left: dict[int, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Own columns (B, w, k) of a front, and all others (B, w - k, w - k), from its children."""
    B, k, r = len(variance), front.k, len(front.rows)
    panel = np.zeros((B, k + r + border, k))
    own = np.ascontiguousarray(entries[front.entries].T)
    for flat, values in zip(panel.reshape(B, -1), own, strict=True):
        flat[front.places] = values
    np.einsum("bii->bi", panel[:, :k])[...] += variance[:, None]
    below = np.zeros((B, r + border, r + border))
    for child, n_own, places in front.children:
        values = left.pop(child)
        others = places[n_own:] - k
        _add(panel, places, places[:n_own], values[:, :, :n_own])
        _add(below, others, others, values[:, n_own:, n_own:])
    return panel, below


def _add(whole: FloatArray, rows: IntArray, columns: IntArray, values: FloatArray) -> None:
    """Add values (B, rows, columns) where they belong; large ones one by one, which is faster."""
    if len(rows) * len(columns) < LARGE:
        whole[:, rows[:, None], columns] += values
        return
    places = (rows[:, None] * whole.shape[2] + columns).ravel()
    for flat, own in zip(whole.reshape(len(whole), -1), values, strict=True):
        flat[places] += own.ravel()


def _factorised(panel: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    """Cholesky factor (B, k, k) of the own columns, and the rows of the factor below it."""
    lower = cholesky(panel[:, :k])
    half = panel[:, k:]
    half = np.ascontiguousarray(half)
    for b, own in enumerate(lower):
        linalg.blas.dtrsm(1.0, own.T, half[b].T, trans_a=True, lower=False, overwrite_b=True)
    return lower, half
