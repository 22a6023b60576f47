"""Stages in which chains learn their coordinates and their step, from one another."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.density import Density
from bayesmix.engines.whitened.layout import Layout
from bayesmix.engines.whitened.learning import Lesson, LostError, first_density, look_at, taught
from bayesmix.engines.whitened.rotation import rotated, trajectory
from bayesmix.engines.whitened.start import start_of
from bayesmix.engines.whitened.team import Map, Sizes, Team

__all__ = ["Tuned", "adapt", "stage", "started", "warm_up"]

TARGET = 0.88
STAGES = (10, 15, 15)
LONGER = 10
MOST_STAGES = 10
# Iterations after the last stage; a posterior that asks for short steps forgets its start later.
LAST, LAST_OF_SLOW, SLOW_STEP = 10, 40, 0.5
# Iterations of all that, the looks at the rows with them.
WARM_UP = 65
FIRST_STEP = 0.4
# Sds of the first points, in those of the rough fit.
WIDE = 1.5
# Means of the parameters, in sds of the coordinates, and logarithms of their sds, up to which the
# coordinates of a stage fit.
FITS_MEAN, FITS_SD = 0.5, 0.4
LARGEST_STEP = 1.5


@dataclasses.dataclass
class Tuned:
    """Chains that are ready to be drawn from.

    Attributes
    ----------
    density : Density
    team : Team
    step : float
    stages : int
    fits : bool
        Whether the coordinates fitted what the last stage saw.
    """

    density: Density
    team: Team
    step: float
    stages: int = 0
    fits: bool = False


def started(
    layout: Layout,
    sizes: Sizes,
    generators: list[np.random.Generator],
    rng: np.random.Generator,
    spread: Map,
) -> Tuned:
    """Put the sub-chains of each reported chain at a point of its own, about a rough fit."""
    density = first_density(layout, start_of(layout))
    points = rng.standard_normal((layout.size, sizes.chains))
    points[: density.size] *= WIDE
    team = Team([], generators, spread)
    team.place(density, np.repeat(points, sizes.parts, axis=1), sizes)
    return Tuned(density, team, FIRST_STEP)


def warm_up(
    tuned: Tuned, sizes: Sizes, rng: np.random.Generator, report: Callable[[float], None]
) -> None:
    """Tune stage after stage until the coordinates fit."""
    for k in range(MOST_STAGES):
        length = STAGES[min(k, len(STAGES) - 1)] + LONGER * max(0, k - len(STAGES) + 1)
        stage(tuned, sizes, length, rng)
        report((k + 1) / (len(STAGES) + 1))
        if tuned.fits and k + 1 >= len(STAGES):
            break
    adapt(tuned, LAST if tuned.step > SLOW_STEP else LAST_OF_SLOW)


def stage(
    tuned: Tuned,
    sizes: Sizes,
    length: int,
    rng: np.random.Generator,
    target: float = TARGET,
) -> None:
    """Move for a while, and make new coordinates of what was seen."""
    lessons: list[Lesson] = []

    def see(done: int) -> None:
        if done >= length // 3:
            density = tuned.density
            lessons.extend(tuned.team.each(lambda point: look_at(density, point)))

    adapt(tuned, length, see, target)
    seen = np.concatenate([lesson.values for lesson in lessons], axis=1)
    if not all(np.isfinite(lesson.rows).all() for lesson in lessons) or not np.isfinite(seen).all():
        raise LostError
    tuned.fits = _fits(tuned.density.standardised(seen))
    values = np.concatenate(
        tuned.team.each(lambda point: tuned.density.parameters(point.x)), axis=1
    )
    tuned.density = taught(tuned.density, lessons)
    xi = tuned.density.standardised(values)
    zeta = rng.standard_normal((tuned.density.layout.n_effects, sizes.every))
    tuned.team.place(tuned.density, np.concatenate([xi, zeta]), sizes)
    tuned.stages += 1


def _fits(xi: FloatArray) -> bool:
    off = np.abs(xi.mean(axis=1)).max(initial=0.0)
    spread = np.abs(np.log(xi.std(axis=1))).max(initial=0.0)
    return bool(off < FITS_MEAN and spread < FITS_SD)


def adapt(
    tuned: Tuned,
    length: int,
    see: Callable[[int], None] = lambda done: None,
    target: float = TARGET,
) -> None:
    """Move for a while, and adapt the step to the mean acceptance of all chains.

    By dual averaging (Hoffman & Gelman, 2014, Journal of Machine Learning Research 15, 1593-1623).
    """
    density, team = tuned.density, tuned.team
    center, error, average = math.log(1.5 * tuned.step), 0.0, math.log(tuned.step)
    step = tuned.step
    for k in range(length):
        steps = round(trajectory(step, density.layout.size))
        move = functools.partial(rotated, density, step=step, steps=steps)
        acceptance = team.move(move)
        share = 1 / (k + 6.0)
        error = (1 - share) * error + share * (target - float(acceptance.mean()))
        log_step = min(center - error * math.sqrt(k + 1) / 0.1, math.log(LARGEST_STEP))
        weight = (k + 1) ** -0.75
        average = weight * log_step + (1 - weight) * average
        step = math.exp(log_step)
        see(k)
    tuned.step = math.exp(average)
