"""Hamiltonian Monte Carlo in whitened coordinates: tune, draw, judge, and go on where it must."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bayesmix.engines.whitened.announced import announced
from bayesmix.engines.whitened.draws import Kept, Plan, run
from bayesmix.engines.whitened.layout import Layout, layout_of
from bayesmix.engines.whitened.rotation import trajectory
from bayesmix.engines.whitened.team import sizes_of
from bayesmix.engines.whitened.warmup import TARGET, adapt, stage, started, warm_up
from bayesmix.model.spec import ModelSpec

__all__ = ["WhitenedDraws", "sample_whitened"]

# Bytes of draws of group effects (u and zeta) beyond which those of the largest factor are
# summarised.
MOST_BYTES = 1 << 30
# Each attempt: every how many iterations a draw is kept, and the acceptance that is aimed at.
ATTEMPTS = ((1, TARGET), (3, 0.92), (9, 0.96))
R_HAT, ESS_PER_CHAIN = 1.01, 100
# An R-hat that the last attempt may leave: beyond it another method has to do.
WORST_R_HAT = 1.03
# A sub-chain that accepts so much less than the others is stuck in a tail.
STUCK = 0.4
# A log density beyond it has no digits left that could tell two points apart.
LARGEST_DENSITY = 1e12
# Share of the draws that are effective which no attempt can be asked for.
LARGEST_SHARE = 0.4


@dataclasses.dataclass(frozen=True, eq=False)
class WhitenedDraws:
    """Draws, and how they were made.

    Attributes
    ----------
    layout : Layout
    kept : Kept
    plan : Plan
    parts, each : int
        Sub-chains of a reported chain, and draws of each.
    step : float
        Angle of a step.
    steps : int
        Of a usual trajectory.
    stages : int
        Of the warm-up.
    settled : bool
    """

    layout: Layout
    kept: Kept
    plan: Plan
    parts: int
    each: int
    step: float
    steps: int
    stages: int
    settled: bool


def sample_whitened(
    spec: ModelSpec,
    *,
    draws: int,
    chains: int,
    cores: int | None,
    random_seed: int,
    report: Callable[[str, float], None] = lambda stage, share: None,
) -> WhitenedDraws:
    """Tune and draw; where the draws do not pass, learn from them and draw on.

    Parameters
    ----------
    spec : ModelSpec
        In units of ordinary size.
    draws, chains : int
    cores : int or None
        Threads; the numbers do not depend on it.
    random_seed : int
    report : callable
        Called with what is done and the share that is done.

    Returns
    -------
    WhitenedDraws
    """
    layout = layout_of(spec)
    sizes = sizes_of(layout, chains)
    own, *generators = (
        np.random.Generator(np.random.PCG64(seed))
        for seed in np.random.SeedSequence(random_seed).spawn(1 + len(sizes.batches))
    )
    sparse = _sparse(layout, draws, chains)
    with (
        threadpool_limits(limits=1, user_api="blas"),
        np.errstate(all="ignore"),
        ThreadPoolExecutor(cores) as pool,
    ):
        spread: Any = map if len(sizes.batches) == 1 else pool.map
        tuned = started(layout, sizes, generators, own, spread)
        text = announced("Tuning", tuned, sizes, -(-draws // sizes.parts))
        warm_up(tuned, sizes, own, functools.partial(report, text))
        for thin, target in ATTEMPTS:
            if thin > 1:
                stage(tuned, sizes, 40, own, target)
                adapt(tuned, 20, target=target)
            plan = Plan(draws, thin, sparse)
            text = announced("Drawing", tuned, sizes, thin * -(-draws // sizes.parts))
            kept = run(tuned, sizes, plan, pool, functools.partial(report, text))
            worst = _judged(kept)
            if passes(worst, kept) or kept.values.shape[1] < draws:
                break
        agree = worst[0] <= WORST_R_HAT or kept.values.shape[1] < draws
        settled = agree and float(np.abs(kept.log_density).max()) < LARGEST_DENSITY
    return WhitenedDraws(
        layout,
        kept,
        plan,
        sizes.parts,
        kept.each,
        tuned.step,
        trajectory(tuned.step),
        tuned.stages,
        settled,
    )


def _sparse(layout: Layout, draws: int, chains: int) -> int:
    """Return every how many draws the effects of the largest factor are kept."""
    if 16 * layout.n_effects * draws * chains <= MOST_BYTES:
        return 1
    largest = 8 * layout.factors[0].size * draws * chains
    return max(2, -(-2 * largest // MOST_BYTES))


def _judged(kept: Kept) -> tuple[float, float]:
    """Return the largest R-hat, and the smallest effective sample size."""
    stacked = np.concatenate([kept.values, kept.log_density[..., None]], axis=-1)
    stacked = np.moveaxis(stacked, -1, 0)
    varies = np.isfinite(stacked).all(axis=(1, 2)) & (np.ptp(stacked, axis=(1, 2)) > 0)
    if stacked.shape[2] < 8 or not varies.any():
        return 1.0, np.inf
    from arviz_stats.base import array_stats

    stacked = stacked[varies]
    ess = min(
        float(np.min(array_stats.ess(stacked, method="bulk"))),
        float(np.min(array_stats.ess(stacked, method="tail", prob=(0.05, 0.95)))),
    )
    if stacked.shape[1] == 1:
        return 1.0, ess
    return float(np.max(array_stats.rhat(stacked))), ess


def passes(worst: tuple[float, float], kept: Kept) -> bool:
    """Tell whether draws can be trusted, as far as so many can tell."""
    r_hat, ess = worst
    chains, draws = kept.values.shape[:2]
    if kept.acceptance.min() < STUCK * np.median(kept.acceptance):
        return False
    return r_hat <= R_HAT and ess >= min(ESS_PER_CHAIN * chains, LARGEST_SHARE * chains * draws)
