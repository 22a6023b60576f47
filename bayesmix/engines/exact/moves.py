"""Short chains side by side: where they are, and the moves that they make."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy import special

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.exact.learning import LogDensity
from bayesmix.engines.exact.mixture import Mixture, fit_mixture

__all__ = ["ShortChains", "moves_to_fill"]


# Share of the draws whose region must have had time to fill.
COVERED = 0.998


@dataclasses.dataclass(eq=False)
class ShortChains:
    """The state of n chains, which their moves change.

    Attributes
    ----------
    density : callable
    rng : Generator
    archive : ndarray, shape (m, d)
        Points close to draws from the density; differences of two are local moves.
    proposal : Mixture
        Of the independence moves.
    x : ndarray, shape (n, d)
    log_p, log_q : ndarray, shape (n,)
        Log density and log density of the proposal at x.
    renewed : ndarray of bool, shape (n,)
        Which have accepted an independence move.
    accepted, log_ratios : list of float
        For each independence move the share that was accepted, and the log of the mean ratio of
        density and proposal.
    """

    density: LogDensity
    rng: np.random.Generator
    archive: FloatArray
    proposal: Mixture
    x: FloatArray
    log_p: FloatArray
    log_q: FloatArray
    renewed: npt.NDArray[np.bool_]
    accepted: list[float] = dataclasses.field(default_factory=list)
    log_ratios: list[float] = dataclasses.field(default_factory=list)

    def move_independently(self) -> None:
        """Propose new points, wherever the chains are."""
        y = self.proposal.draw(self.rng, len(self.x))
        log_p, log_q = self.density(y), self.proposal.log_density(y)
        take = np.log(self.rng.random(len(y))) < log_p - log_q - self.log_p + self.log_q
        self.x = np.where(take[:, None], y, self.x)
        self.log_p = np.where(take, log_p, self.log_p)
        self.log_q = np.where(take, log_q, self.log_q)
        self.renewed |= take
        self.accepted.append(take.mean())
        self.log_ratios.append(special.logsumexp(log_p - log_q) - np.log(len(y)))

    def move_locally(self) -> None:
        """Propose points that are a difference of two of the archive away (ter Braak & Vrugt)."""
        rng, (n, d) = self.rng, self.x.shape
        pair = rng.integers(len(self.archive), size=(2, n))
        usual = 2.38 / np.sqrt(2 * d) * np.exp(0.7 * rng.standard_normal(n) - 0.5)
        length = np.where(rng.random(n) < 0.1, 1.0, usual)
        jitter = 1e-6 * rng.standard_normal((n, d))
        y = self.x + length[:, None] * (self.archive[pair[0]] - self.archive[pair[1]]) + jitter
        log_p = self.density(y)
        take = np.log(rng.random(n)) < log_p - self.log_p
        self.x = np.where(take[:, None], y, self.x)
        self.log_p = np.where(take, log_p, self.log_p)
        self.log_q = np.where(take, self.proposal.log_density(self.x), self.log_q)

    @property
    def needed(self) -> float:
        """Independence moves that the region takes which the proposal covers worst."""
        total = float(special.logsumexp(self.log_ratios))
        return moves_to_fill(self.log_p - self.log_q, total, len(self.log_ratios))

    def learn_proposal(self) -> None:
        """Fit the proposal to where the chains are, and count its moves anew."""
        n = len(self.x)
        self.proposal = fit_mixture(self.x, np.full(n, 1 / n), self.rng)
        self.log_q = self.proposal.log_density(self.x)
        self.renewed[:] = False
        self.accepted, self.log_ratios = [], []


def moves_to_fill(log_ratio: FloatArray, log_total: float, n: int) -> float:
    """Independence moves that the region takes which the proposal covers worst.

    A region where the density is w times the proposal's fills in about w moves, and sooner with the
    help of local moves. `log_ratio` is that of density and proposal at draws of the density, and
    the total is that of n ratios, or means of them, at draws of the proposal.
    """
    log_w = np.quantile(log_ratio, COVERED) - (log_total - np.log(n))
    return float(np.exp(min(50.0, log_w)))
