"""Draws of a density of few dimensions that is cheap in batches and expensive one by one.

The density is learnt by adaptive importance sampling with a mixture of t distributions. Many
short chains, or a few long ones where a density is expensive, then make it exact by
Metropolis-Hastings steps. See docs/exact-method.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.exact.learning import Learnt, LogDensity, NowhereError
from bayesmix.engines.exact.mixture import Mixture, fit_mixture
from bayesmix.engines.exact.moves import ShortChains, moves_to_fill
from bayesmix.posterior.convergence import bulk_ess, r_hat, tail_ess

__all__ = [
    "BURN_IN",
    "FEWEST_DRAWS",
    "Sampled",
    "covers",
    "has_stuck",
    "learn_from",
    "long_chains",
    "short_chains",
]


# Efficiency and acceptance from which independence moves may do, and how many are made alone.
GOOD_PROPOSAL, GOOD_ACCEPTANCE, MOST_ALONE = 0.5, 0.4, 12
# Effective draws of one long chain below which it goes on; fewer draws than the second say nothing.
ENOUGH_FOR_A_CHAIN, FEWEST_DRAWS = 250, 100
# Draws for which a long chain may stay in the region that its proposal covers worst.
LONGEST_STAY = 5.0
# Steps of a long chain that are left out.
BURN_IN = 50


@dataclasses.dataclass(frozen=True, eq=False)
class Sampled:
    """Draws and how they came about.

    Attributes
    ----------
    x : ndarray, shape (chains, draws, d)
    log_density : ndarray, shape (chains, draws)
    acceptance : float
        Share of accepted independence moves.
    steps : int
        Metropolis-Hastings steps behind each draw.
    settled : bool
        Whether the chains have forgotten where they started.
    index : ndarray of int64, shape (chains, draws), or None
        Of long chains: which proposal each draw is, in the order of their evaluation.
    stay : float
        Of long chains: for how many draws they stay where the proposal covers the density worst.
    """

    x: FloatArray
    log_density: FloatArray
    acceptance: float
    steps: int
    settled: bool
    index: npt.NDArray[np.int64] | None = None
    stay: float = 0.0


def short_chains(
    density: LogDensity,
    learnt: Learnt,
    *,
    chains: int,
    draws: int,
    rng: np.random.Generator,
    most_steps: int = 400,
    report: Callable[[float], None] = lambda share: None,
) -> Sampled:
    """Run one short chain for each draw, all of them side by side.

    The short chains of one reported chain start at one common point. They move by independence
    and local moves in turn, until the reported chains cannot be told apart, and then as many
    steps again: R-hat says that the start is forgotten, as it does for long chains, and the draws
    of a chain are independent of each other.

    Parameters
    ----------
    density, learnt
        The log density and what `learn` made of it.
    chains, draws : int
    rng : Generator
    most_steps : int
        After so many steps it gives up, with ``settled`` false.
    report : callable
        Called with the share of steps done.

    Returns
    -------
    Sampled

    References
    ----------
    Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari & Gelman (2024), Bayesian Analysis,
    https://doi.org/10.1214/24-BA1453 (R-hat for many short chains);
    ter Braak & Vrugt (2008), Statistics and Computing 18, 435-446,
    https://doi.org/10.1007/s11222-008-9104-9 (local moves from an archive)
    """
    start = _starts(density, learnt.proposal, chains, rng)
    state = ShortChains(
        density=density,
        rng=rng,
        archive=learnt.archive,
        proposal=learnt.proposal,
        x=np.repeat(start, draws, axis=0),
        log_p=np.repeat(density(start), draws),
        log_q=np.repeat(learnt.proposal.log_density(start), draws),
        renewed=np.zeros(chains * draws, dtype=bool),
    )
    n, d = state.x.shape
    settled = False
    step, last, refits = 0, most_steps, 0
    # Where the proposal is good, independence moves alone may do; local ones come if they do not.
    alone = learnt.efficiency >= GOOD_PROPOSAL
    while step < last:
        for _ in range(4 if alone or settled else 5):
            state.move_independently()
            if not alone:
                state.move_locally()
            step += 1 if alone else 2
            report(step / 20)
        moves = len(state.accepted)
        if settled or step > most_steps // 2:
            continue
        needed = state.needed
        early = step < most_steps // 4 and moves >= 10 * (refits + 1)
        if early and needed > 2 * moves and n >= 100 * d:
            state.learn_proposal()
            refits, alone = refits + 1, False
            continue
        renewed = state.renewed.mean()
        alone = alone and state.accepted[-1] >= GOOD_ACCEPTANCE
        filled = renewed > 1 - 1 / draws and moves >= 0.75 * needed
        settled = bool(
            (alone or step > moves)
            and (filled or (renewed > 0.99 and step > most_steps // 2 - 10))
            and _worst_r_hat(state.x.reshape(chains, draws, d)) < 1 + 5 / draws
        )
        alone = alone and not settled and moves < MOST_ALONE
        last = step + 2 * moves if settled else last
    return Sampled(
        state.x.reshape(chains, draws, d),
        state.log_p.reshape(chains, draws),
        float(np.mean(state.accepted)),
        step,
        settled,
    )


def long_chains(
    density: LogDensity,
    learnt: Learnt,
    *,
    chains: int,
    draws: int,
    rng: np.random.Generator,
    burn_in: int = BURN_IN,
    thin: int = 1,
    evaluate: LogDensity | None = None,
    at_once: int = 1,
    report: Callable[[float], None] = lambda share: None,
) -> Sampled:
    """Run independence Metropolis-Hastings chains: one density for each draw.

    Parameters
    ----------
    density, learnt, chains, draws, rng, report
        As in `short_chains`.
    burn_in : int
        First steps of each chain, left out.
    thin : int
        Steps for each draw that is kept.
    evaluate : callable, optional
        Takes the place of `density` for the proposals, each exactly once and in order, so that
        it can keep what else comes with them.
    at_once : int
        Densities that are asked for together, at least.

    Returns
    -------
    Sampled

    References
    ----------
    Tierney (1994), Annals of Statistics 22, 1701-1728, https://doi.org/10.1214/aos/1176325750
    """
    proposal = learnt.proposal
    start = _starts(density, proposal, chains, rng)
    length = burn_in + draws * thin
    y = proposal.draw(rng, chains * length)
    log_p = np.empty(len(y))
    at_once = max(at_once, len(y) // 50)
    for first in range(0, len(y), at_once):
        part = slice(first, first + at_once)
        log_p[part] = (evaluate or density)(y[part])
        report(min(1.0, (first + at_once) / len(y)))
    log_ratio = (log_p - proposal.log_density(y)).reshape(chains, length)
    log_uniform = np.log(rng.random((chains, length)))
    current = np.full(chains, -1)
    ratio = density(start) - proposal.log_density(start)
    index = np.empty((chains, length), dtype=np.int64)
    for i in range(length):
        take = log_uniform[:, i] < log_ratio[:, i] - ratio
        ratio = np.where(take, log_ratio[:, i], ratio)
        current = np.where(take, i, current)
        index[:, i] = current
    accepted = float((np.diff(index, axis=1) != 0).mean())
    kept = index[:, burn_in + thin - 1 :: thin]
    settled = bool((kept >= 0).all())
    kept = np.maximum(kept, 0)
    row = np.arange(chains)[:, None]
    stay = moves_to_fill(log_ratio[row, kept], float(special.logsumexp(log_ratio)), log_ratio.size)
    x = y.reshape(chains, length, -1)[row, kept]
    log_p = log_p.reshape(chains, length)[row, kept]
    return Sampled(x, log_p, accepted, thin, settled, row * length + kept, stay / thin)


def has_stuck(sampled: Sampled) -> bool:
    """Whether long chains have too few effective draws.

    The proposal may be good on the whole and miss a long arm, such as an sd that goes to zero.
    Chains that got there stay for long.
    """
    chains, draws, _ = sampled.x.shape
    if draws < FEWEST_DRAWS:
        return False
    values = np.moveaxis(sampled.x, -1, 0)
    smallest = float(np.nanmin([bulk_ess(values), tail_ess(values)]))
    return bool(smallest < chains * min(ENOUGH_FOR_A_CHAIN, draws / 4))


def covers(sampled: Sampled, longest_stay: float = LONGEST_STAY) -> bool:
    """Whether long chains have stayed nowhere for long, so that no region was missed by chance."""
    return sampled.settled and sampled.stay <= longest_stay and not has_stuck(sampled)


def learn_from(sampled: Sampled, learnt: Learnt, rng: np.random.Generator) -> Learnt:
    """Learn the proposal again from draws: those that stuck show what it misses."""
    x = sampled.x.reshape(-1, sampled.x.shape[-1])
    proposal = fit_mixture(x, np.full(len(x), 1 / len(x)), rng)
    return dataclasses.replace(learnt, proposal=proposal)


def _starts(
    density: LogDensity, proposal: Mixture, chains: int, rng: np.random.Generator
) -> FloatArray:
    """Points further apart than draws: the proposal has heavier tails than the density."""
    for _ in range(50):
        x = proposal.draw(rng, 10 * chains)
        x = x[np.isfinite(density(x))]
        if len(x) >= chains:
            return x[:chains]
    raise NowhereError("the density is zero wherever it was tried")


def _worst_r_hat(x: FloatArray) -> float:
    """Largest rank-normalised R-hat; 1 where there is nothing to compare."""
    if x.shape[0] < 2 or x.shape[1] < 4:
        return 1.0
    return float(np.max(r_hat(np.moveaxis(x, -1, 0))))
