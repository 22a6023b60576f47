"""The exact method for Gaussian models: theta sampled, all effects drawn given it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bayesmix.base.errors import BayesmixError
from bayesmix.base.memory import keep_freed_memory
from bayesmix.blocks.marginal import Effects
from bayesmix.design.design import Design
from bayesmix.design.magnitudes import root_mean_weight
from bayesmix.design.spreads import sd
from bayesmix.engines.exact.chains import (
    BURN_IN,
    FEWEST_DRAWS,
    Sampled,
    covers,
    has_stuck,
    learn_from,
    long_chains,
    short_chains,
)
from bayesmix.engines.exact.drawn import ExactDraws, values_by_name
from bayesmix.engines.exact.learning import Learnt, learn
from bayesmix.engines.exact.target import Target, WithEffects
from bayesmix.engines.statistics import KEPT_BYTES, bytes_of_effects
from bayesmix.model.spec import ModelSpec

__all__ = ["LIMITS", "Limits", "sample_exact"]


# Residual sds, as a share of the sd of the response, that rounding alone can make.
SMALLEST_RESIDUAL = 1e-5
# Long chains that a poor proposal is only learnt from, and draws for which later ones may stay
# where it covers worst.
LEARNING_TRIES, LONGEST_STAY_OF_POOR = 3, 2.0


@dataclasses.dataclass(frozen=True)
class Limits:
    """Where other ways to sample take over.

    Attributes
    ----------
    dear_step, sparing_step, dearest_step : float
        Floating-point operations of one step of all short chains: above the first, long chains are
        preferred where the proposal is good; above the second each density counts, so that fewer
        are spent on the proposal and one on a draw; above the third there is no other way.
    good_proposal : float
        Efficiency from which a proposal is good.
    thin, most_thin : int
        Fewest and most steps of long chains for a draw, where not each density counts.
    patience : int
        How often long chains of a poor proposal may report draws, before the short ones do.
    continuations : int
        How often long chains that stuck go on, each time with a better proposal.
    kept_bytes : int
        Bytes of draws of group effects (u and zeta) beyond which those of the largest factor are
        not made: given all others its effects are normal (`given_others`).
    """

    dear_step: float = 5e7
    sparing_step: float = 2e9
    dearest_step: float = 3e10
    good_proposal: float = 0.5
    thin: int = 4
    most_thin: int = 64
    patience: int = 3
    continuations: int = 4
    kept_bytes: int = KEPT_BYTES


LIMITS = Limits()


def sample_exact(
    spec: ModelSpec,
    *,
    draws: int,
    chains: int,
    cores: int | None,
    random_seed: int,
    limits: Limits = LIMITS,
    report: Callable[[str, float], None] = lambda stage, share: None,
) -> ExactDraws:
    """Sample theta, then draw all effects given it.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle (`bayesmix.model.gaussian`).
    draws, chains : int
    cores : int or None
        Threads; the numbers do not depend on it.
    random_seed : int
    limits : Limits
    report : callable
        Called with the name of the stage and the share that is done.

    Returns
    -------
    ExactDraws
    """
    keep_freed_memory()
    learning, sampling, effects = (
        np.random.Generator(np.random.PCG64(seed))
        for seed in np.random.SeedSequence(random_seed).spawn(3)
    )
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        report("data", 0.0)
        target = Target.of(spec, pool.map)
        step = target.marginal.model.cost * draws * chains
        sparing = step > limits.sparing_step
        kept = bytes_of_effects(spec) * draws * chains <= limits.kept_bytes

        report("mode", 0.0)
        options: dict[str, Any] = {
            "chains": chains,
            "draws": draws,
            "rng": sampling,
            "report": lambda share: report("theta", share),
        }
        drawn = None
        learnt = _learn(target, learning, sparing) if target.space.size else None
        if sparing and learnt is not None and _is_worth_learning(learnt, step, limits):
            learnt = _learn(target, learning, sparing=False)
        if learnt is None:
            sampled = _nothing_to_sample(target, chains, draws)
        else:
            if target.space.sigma_prior is not None:
                _check_residual(spec, float(np.median(target.space.split(learnt.archive)[2])))
            of_effects = effects if kept else None
            sampled, drawn = _sample(target, learnt, step, limits, of_effects, options)
        x = sampled.x.reshape(chains * draws, target.space.size)

        if drawn is None:
            drawn = target.marginal.model.draw(
                target.theta(x),
                effects,
                pool.map,
                lambda share: report("effects", share),
                with_first=kept,
            )
        values = values_by_name(spec, target, x, drawn, with_first=kept)
    return ExactDraws(
        {name: value.reshape(chains, draws, *value.shape[1:]) for name, value in values.items()},
        sampled,
    )


def _sample(
    target: Target,
    learnt: Learnt,
    step: float,
    limits: Limits,
    effects: np.random.Generator | None,
    options: dict[str, Any],
) -> tuple[Sampled, Effects | None]:
    """Run the chains that suit what a step of all short chains takes."""
    is_good = learnt.efficiency >= limits.good_proposal
    if step > limits.dearest_step or (is_good and step > limits.sparing_step):
        return _sparing_chains(target, learnt, limits.continuations, effects, options)
    if step > limits.dear_step and options["draws"] >= FEWEST_DRAWS:
        run = _thinned_chains if is_good else _patient_chains
        sampled, learnt = run(target, learnt, limits, options)
        if sampled is not None:
            return sampled, None
    return short_chains(target, learnt, **options), None


def _thinned_chains(
    target: Target, learnt: Learnt, limits: Limits, options: dict[str, Any]
) -> tuple[Sampled | None, Learnt]:
    """Run long chains of a good proposal; once more where they do not cover, or None."""
    for _ in range(2):
        sampled = _long_chains(target, learnt, limits.thin, options)
        if covers(sampled):
            return sampled, learnt
        if sampled.settled:
            learnt = learn_from(sampled, learnt, options["rng"])
    return None, learnt


def _patient_chains(
    target: Target, learnt: Learnt, limits: Limits, options: dict[str, Any]
) -> tuple[Sampled | None, Learnt]:
    """Run long chains of more and more steps for a draw until they cover, or None if none does.

    Each is learnt from: where one stuck is where the proposal was poor. The first, of few steps,
    serve for nothing else: one of them that did not stick may have missed a region.
    """
    thin, needed = 2 * limits.thin, 0
    for attempt in range(LEARNING_TRIES + limits.patience):
        if attempt >= LEARNING_TRIES:
            thin = min(max(2 * thin, needed), limits.most_thin)
        sampled = _long_chains(target, learnt, thin, options)
        if attempt >= LEARNING_TRIES and covers(sampled, LONGEST_STAY_OF_POOR):
            return sampled, learnt
        if sampled.settled:
            learnt = learn_from(sampled, learnt, options["rng"])
        needed = int(np.ceil(thin * min(sampled.stay, limits.most_thin)))
    return None, learnt


def _long_chains(target: Target, learnt: Learnt, thin: int, options: dict[str, Any]) -> Sampled:
    burn_in, at_once = max(BURN_IN, 10 * thin), 4 * target.marginal.model.batch
    return long_chains(target, learnt, thin=thin, burn_in=burn_in, at_once=at_once, **options)


def _is_worth_learning(learnt: Learnt, step: float, limits: Limits) -> bool:
    """Whether more points to learn from cost less than the chains that a poor proposal takes."""
    return learnt.efficiency < limits.good_proposal and step <= limits.dearest_step


def _learn(target: Target, rng: np.random.Generator, sparing: bool) -> Learnt:
    """Learn a proposal from the best of many points on; with fewer where each density counts."""
    candidates = target.space.candidates(rng, 50 if sparing else 500)
    return learn(
        target,
        candidates[int(np.argmax(target(candidates)))],
        rng,
        points=max(250, 50 * target.space.size) if sparing else 1000,
        rounds=4 if sparing else 8,
        good_enough=0.6 if sparing else 0.7,
    )


def _nothing_to_sample(target: Target, chains: int, draws: int) -> Sampled:
    """Return draws of a theta without dimensions: known standard errors, and no groups."""
    x = np.empty((chains, draws, 0))
    log_density = np.full((chains, draws), target(np.empty((1, 0))))
    return Sampled(x, log_density, acceptance=1.0, steps=0, settled=True)


def _check_residual(spec: ModelSpec, sigma: float) -> None:
    """Raise where the model explains the response exactly, so that sigma is what rounding left."""
    residual = sigma / root_mean_weight(spec.design)
    deviation = _deviation(spec.design)
    if residual < SMALLEST_RESIDUAL * deviation:
        raise BayesmixError(
            f"The model explains the response '{spec.design.response}' exactly: its sd is "
            f"{deviation:.3g}, and the residual sd would be {residual:.1g}, which is zero up to "
            "rounding. There is nothing to estimate it from. Look for columns or levels that make "
            "up the response, and leave them out."
        )


def _deviation(design: Design) -> float:
    """Sd of the response less the offset."""
    if design.totals is not None:
        return design.totals.sd_less_offset
    return sd(design.y if design.offset is None else design.y - design.offset)


def _sparing_chains(
    target: Target,
    learnt: Learnt,
    continuations: int,
    effects: np.random.Generator | None,
    options: dict[str, Any],
) -> tuple[Sampled, Effects | None]:
    """Run long chains until none is stuck; the first with effects, if there is an rng for them."""
    together = None if effects is None else WithEffects(target, effects, learnt.archive[0])
    first = sampled = long_chains(target, learnt, evaluate=together, **options)
    for _ in range(continuations):
        if not sampled.settled or not has_stuck(sampled):
            break
        learnt = learn_from(sampled, learnt, options["rng"])
        sampled = long_chains(target, learnt, thin=2, **options)
    if together is None or sampled is not first or sampled.index is None:
        return sampled, None
    return sampled, together.effects(sampled.index.ravel())
