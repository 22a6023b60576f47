"""Summaries of combinations of linear predictors: mixtures, where effects are not drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray, ranges
from bayesmix.engines.exact.given_others import LevelSums
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.mixtures import WORK, Normals, marginals_of_mixtures
from bayesmix.posterior.summaries import Interval, Marginals, marginals_of
from bayesmix.posterior.threads import threads
from bayesmix.predictions.blocks import BLOCK
from bayesmix.predictions.combinations import Combinations

__all__ = ["marginals_of_combinations"]

# Numbers in an array of moments of levels that are added up.
_AT_ONCE = 1 << 17
# Levels of a combination, on average, from which threads share them, and not the combinations.
_MANY = 64

type Run = Callable[..., Any]


def marginals_of_combinations(
    fit: Fitted, every: Combinations, interval: Interval, noise: FloatArray | None = None
) -> Marginals:
    """Summarise linear combinations of the parameters of a predictor.

    Parameters
    ----------
    fit : Fitted
    every : Combinations
    interval : Interval
    noise : ndarray, shape (K,), optional
        How many residual sds a normal number has that is added to each, of a fit whose effects are
        not drawn.
    """
    is_normal = np.full(len(every), noise is not None)
    if every.undrawn is not None:
        is_normal[every.of_undrawn.total] = True
    found = np.empty((4, len(every)))
    drawn = np.flatnonzero(~is_normal)
    step = max(1, BLOCK // every.n_draws)
    for start in range(0, len(drawn), step):
        places = drawn[start : start + step]
        with np.errstate(all="ignore"):
            found[:, places] = marginals_of(every.drawn(places), interval)
    if is_normal.any():
        normal = np.flatnonzero(is_normal)
        own = None if noise is None else noise[normal]
        found[:, normal] = _of_mixtures(fit, every[normal], interval, own)
    return Marginals(*found)


def _of_mixtures(
    fit: Fitted, every: Combinations, interval: Interval, noise: FloatArray | None
) -> Marginals:
    assert every.undrawn is not None
    own = every.of_undrawn
    sums = every.undrawn.laws.sums(own.z, own.level, own.total)
    n, many = len(every), len(sums) > _MANY * len(every)

    with threads(fit) as pool:

        def given(some: IntArray) -> Normals:
            parameters, these = every.parameters[some], sums[some]
            here = dataclasses.replace(every, parameters=parameters)
            sigma = parameters.auxiliary.get("sigma", np.ones(len(some)))

            def normals(places: IntArray) -> tuple[FloatArray, FloatArray]:
                if many and these.parts.has_minors:
                    added, variance = _added_together(these, places, pool.map)
                else:
                    added, variance = _added(these, places, pool.map if many else map)
                if noise is not None:
                    variance += (sigma * noise[places, None]) ** 2
                return here.drawn(places) + added, np.sqrt(variance)

            return normals

        work = max(1, WORK * n // max(n, len(sums)))
        run = map if many else pool.map
        return marginals_of_mixtures(given, n, every.n_draws, interval, run, work=work)


def _added_together(sums: LevelSums, places: IntArray, run: Run) -> tuple[FloatArray, FloatArray]:
    """Add up mean and variance (k, S) of what levels add to sums that have very many."""
    mean, variance = np.zeros((2, len(places), sums.n_draws))
    low, high = (np.searchsorted(sums.parts.total, places, side) for side in ("left", "right"))
    step = max(1, _AT_ONCE // sums.n_draws)
    tasks = [
        (place, slice(start, min(start + step, high[place])))
        for place in range(len(places))
        for start in range(low[place], high[place], step)
    ]
    found = run(sums.together, [some for _, some in tasks])
    for (place, _), (means, variances) in zip(tasks, found, strict=True):
        mean[place] += means
        variance[place] += variances
    return mean, variance


def _added(sums: LevelSums, places: IntArray, run: Run) -> tuple[FloatArray, FloatArray]:
    """Add up mean and variance (k, S) of what levels add to some sums."""
    mean, variance = np.zeros((2, len(places), sums.n_draws))
    low, high = (np.searchsorted(sums.parts.total, places, side) for side in ("left", "right"))
    parts, total = ranges(low, high), np.repeat(np.arange(len(places)), high - low)
    # Those of the same level together, so that its law is computed once.
    order = np.argsort(sums.parts.level[parts], kind="stable")
    step = max(1, _AT_ONCE // sums.n_draws)
    some = [np.sort(order[start : start + step]) for start in range(0, len(parts), step)]

    def added(own: IntArray) -> tuple[FloatArray, FloatArray]:
        moments = sums.moments(parts[own])
        start = np.flatnonzero(np.append(True, np.diff(total[own]) > 0))
        if len(start) == len(own):
            return moments
        means, variances = moments
        return np.add.reduceat(means, start, axis=0), np.add.reduceat(variances, start, axis=0)

    for own, (means, variances) in zip(some, run(added, some), strict=True):
        rows = np.unique(total[own])
        mean[rows] += means
        variance[rows] += variances
    return mean, variance
