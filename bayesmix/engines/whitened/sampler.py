"""Hamiltonian Monte Carlo in whitened coordinates: tune, draw, judge, and go on where it must."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from bayesmix.engines.convergence import ESS_PER_CHAIN, R_HAT_LIMIT
from bayesmix.engines.statistics import KEPT_BYTES, bytes_of_effects
from bayesmix.engines.whitened.announced import announced
from bayesmix.engines.whitened.draws import Drawing, Kept
from bayesmix.engines.whitened.layout import Layout, layout_of
from bayesmix.engines.whitened.rotation import trajectory
from bayesmix.engines.whitened.team import Map, sizes_of, spread_on
from bayesmix.engines.whitened.warmup import TARGET, adapt, stage, started, warm_up
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.diagnostics import figures_of

__all__ = ["LIMITS", "Limits", "WhitenedDraws", "sample_whitened"]

# One of so many iterations is kept at last, after as many attempts as it has factors of two.
MOST_THIN = 8
# Iterations in which coordinates are learnt anew, and those that tune the step after them.
RELEARNING, LAST_OF_RELEARNING = 40, 20
# The acceptance that is aimed at once a sub-chain was stuck.
TARGET_OF_STUCK = 0.95
# What is reported are other parameters than those of the chains.
MARGIN = 1.1
# A sub-chain that accepts so much less than the others is stuck in a tail.
STUCK = 0.4
# The acceptance of fewer draws of a sub-chain says nothing.
FEWEST_OF_SUB_CHAIN = 20
# A log density beyond it has no digits left that could tell two points apart.
LARGEST_DENSITY = 1e12
# Share of the draws that are effective which is good enough where they are few: more of them are
# cheaper than better ones.
GOOD_SHARE = 0.2
# R-hat of so few draws a chain is by chance further from one than its limit.
MANY_DRAWS = 250
# R-hat of fewer draws a chain says nothing.
FEWEST_DRAWS = 8


@dataclasses.dataclass(frozen=True)
class Limits:
    """What draws have to pass.

    Attributes
    ----------
    r_hat : float
        Beyond it there is another attempt.
    worst_r_hat : float
        What the last attempt may leave: beyond it another method has to do.
    kept_bytes : int
        Bytes of draws of group effects (u and zeta) beyond which those of the largest factor are
        kept of some draws only.
    """

    r_hat: float = R_HAT_LIMIT
    worst_r_hat: float = 1.03
    kept_bytes: int = KEPT_BYTES


LIMITS = Limits()


@dataclasses.dataclass(frozen=True, eq=False)
class WhitenedDraws:
    """Draws, and how they were made.

    Attributes
    ----------
    layout : Layout
    kept : Kept
    sparse : int
        Every how many draws the effects of the largest factor are kept.
    thin : int
        Every how many iterations a draw is kept.
    step : float
        Angle of a step.
    steps : float
        Of a trajectory, in the mean.
    stages : int
        Of the warm-up.
    settled : bool
    """

    layout: Layout
    kept: Kept
    sparse: int
    thin: int
    step: float
    steps: float
    stages: int
    settled: bool


def sample_whitened(
    spec: ModelSpec,
    *,
    draws: int,
    chains: int,
    cores: int | None,
    random_seed: int,
    limits: Limits = LIMITS,
    report: Callable[[str, float], None] = lambda stage, share: None,
) -> WhitenedDraws:
    """Tune and draw; where the draws do not pass, draw on.

    Parameters
    ----------
    spec : ModelSpec
        In units of ordinary size.
    draws, chains : int
    cores : int or None
        Threads; the numbers do not depend on it.
    random_seed : int
    limits : Limits
    report : callable
        Called with what is done and the share that is done.

    Returns
    -------
    WhitenedDraws
    """
    begun = time.perf_counter()
    layout = layout_of(spec)
    sizes = sizes_of(layout, chains)
    own, *generators = (
        np.random.Generator(np.random.PCG64(seed))
        for seed in np.random.SeedSequence(random_seed).spawn(1 + len(sizes.batches))
    )
    sparse = _sparse(layout, draws * chains, limits.kept_bytes)
    with (
        threadpool_limits(limits=1, user_api="blas"),
        np.errstate(all="ignore"),
        ThreadPoolExecutor(cores) as pool,
    ):
        spread: Map = map if len(sizes.batches) == 1 else spread_on(pool)
        tuned = started(layout, sizes, generators, own, spread)
        text = announced("Tuning", tuned, sizes.each(draws), begun)
        warm_up(tuned, sizes, own, functools.partial(report, text))
        drawing = Drawing(tuned, sizes, draws, sparse)
        alike, apart = (limit + _noise(draws) for limit in (limits.r_hat, limits.worst_r_hat))
        while True:
            what = "Drawing" if drawing.thin == 1 else "Drawing on"
            text = announced(what, tuned, drawing.iterations, begun)
            kept = drawing.go(pool, functools.partial(report, text))
            r_hat, ess = _judged(kept)
            is_stuck, interrupted = _is_stuck(kept), kept.values.shape[1] < draws
            passes = r_hat <= alike and _is_enough(ess, kept) and not is_stuck
            if interrupted or passes or drawing.thin >= MOST_THIN:
                break
            if is_stuck or r_hat > apart:
                target = TARGET_OF_STUCK if is_stuck else TARGET
                stage(tuned, sizes, RELEARNING, own, target)
                adapt(tuned, LAST_OF_RELEARNING, target=target)
                drawing = Drawing(tuned, sizes, draws, sparse, 2 * drawing.thin)
            else:
                drawing.draw_out()
        agree = interrupted or r_hat <= apart
        settled = agree and float(np.abs(kept.log_density).max()) < LARGEST_DENSITY
    return WhitenedDraws(
        layout,
        kept,
        sparse,
        drawing.thin,
        tuned.step,
        trajectory(tuned.step, layout.size),
        tuned.stages,
        settled,
    )


def _sparse(layout: Layout, draws: int, kept_bytes: int) -> int:
    """Return every how many draws the effects of the largest factor are kept."""
    if bytes_of_effects(layout.spec) * draws <= kept_bytes:
        return 1
    largest = 8 * layout.factors[0].size * draws
    return max(2, -(-2 * largest // kept_bytes))


def _judged(kept: Kept) -> tuple[float, float]:
    """Return the largest R-hat, that of the density with it, and the smallest ESS of parameters."""
    if kept.values.shape[1] < FEWEST_DRAWS:
        return 1.0, np.inf
    stacked = np.concatenate([kept.values, kept.log_density[..., None]], axis=-1)
    figures = figures_of(np.moveaxis(stacked, -1, 0))
    sizes = np.stack([figures["ess_bulk"], figures["ess_tail"]])[:, :-1]
    # A parameter without a figure has nothing to judge.
    return (
        float(np.nan_to_num(figures["r_hat"], nan=1.0).max()),
        float(np.nan_to_num(sizes, nan=np.inf).min(initial=np.inf)),
    )


def _is_enough(ess: float, kept: Kept) -> bool:
    """Tell whether draws are as effective as so many can be."""
    chains, draws = kept.values.shape[:2]
    return ess >= min(MARGIN * ESS_PER_CHAIN * chains, GOOD_SHARE * chains * draws)


def _noise(draws: int) -> float:
    return max(0.0, 5.0 / draws - 5.0 / MANY_DRAWS)


def _is_stuck(kept: Kept) -> bool:
    is_stuck = kept.acceptance.min() < STUCK * np.median(kept.acceptance)
    return bool(is_stuck and kept.each >= FEWEST_OF_SUB_CHAIN)
