"""Hamiltonian Monte Carlo in whitened coordinates: tune, draw, judge, and go on where it must."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bayesmix.engines.convergence import ESS_PER_CHAIN, R_HAT_LIMIT
from bayesmix.engines.statistics import KEPT_BYTES, bytes_of_effects
from bayesmix.engines.whitened.announced import announced
from bayesmix.engines.whitened.draws import Kept, Plan, run
from bayesmix.engines.whitened.layout import Layout, layout_of
from bayesmix.engines.whitened.rotation import trajectory
from bayesmix.engines.whitened.team import sizes_of
from bayesmix.engines.whitened.warmup import TARGET, adapt, stage, started, warm_up
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.diagnostics import figures_of

__all__ = ["LIMITS", "Limits", "WhitenedDraws", "sample_whitened"]

# Each attempt: every how many iterations a draw is kept, and the acceptance that is aimed at.
ATTEMPTS = ((1, TARGET), (3, 0.92), (9, 0.96))
# A sub-chain that accepts so much less than the others is stuck in a tail.
STUCK = 0.4
# A log density beyond it has no digits left that could tell two points apart.
LARGEST_DENSITY = 1e12
# Share of the draws that are effective which no attempt can be asked for.
LARGEST_SHARE = 0.4
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
    plan : Plan
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
    limits: Limits = LIMITS,
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
    limits : Limits
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
    sparse = _sparse(layout, draws * chains, limits.kept_bytes)
    with (
        threadpool_limits(limits=1, user_api="blas"),
        np.errstate(all="ignore"),
        ThreadPoolExecutor(cores) as pool,
    ):
        spread: Any = map if len(sizes.batches) == 1 else pool.map
        tuned = started(layout, sizes, generators, own, spread)
        text = announced("Tuning", tuned, sizes.each(draws))
        warm_up(tuned, sizes, own, functools.partial(report, text))
        for thin, target in ATTEMPTS:
            if thin > 1:
                stage(tuned, sizes, 40, own, target)
                adapt(tuned, 20, target=target)
            plan = Plan(draws, thin, sparse)
            text = announced("Drawing", tuned, thin * sizes.each(draws))
            kept = run(tuned, sizes, plan, pool, functools.partial(report, text))
            r_hat, ess = _judged(kept)
            interrupted = kept.values.shape[1] < draws
            if interrupted or (r_hat <= limits.r_hat and _is_enough(ess, kept)):
                break
        agree = interrupted or r_hat <= limits.worst_r_hat
        settled = agree and float(np.abs(kept.log_density).max()) < LARGEST_DENSITY
    return WhitenedDraws(
        layout,
        kept,
        plan,
        tuned.step,
        trajectory(tuned.step),
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
    """Return the largest R-hat, and the smallest effective sample size."""
    if kept.values.shape[1] < FEWEST_DRAWS:
        return 1.0, np.inf
    stacked = np.concatenate([kept.values, kept.log_density[..., None]], axis=-1)
    figures = figures_of(np.moveaxis(stacked, -1, 0))
    sizes = np.stack([figures["ess_bulk"], figures["ess_tail"]])
    # A parameter without a figure has nothing to judge.
    return (
        float(np.nan_to_num(figures["r_hat"], nan=1.0).max()),
        float(np.nan_to_num(sizes, nan=np.inf).min()),
    )


def _is_enough(ess: float, kept: Kept) -> bool:
    """Tell whether draws are as effective as so many can be, and no sub-chain is stuck."""
    chains, draws = kept.values.shape[:2]
    enough = min(ESS_PER_CHAIN * chains, LARGEST_SHARE * chains * draws)
    least, usual = kept.acceptance.min(), np.median(kept.acceptance)
    return bool(ess >= enough and least >= STUCK * usual)
