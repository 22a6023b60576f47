"""A run of tuned chains: what is kept of each draw."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.density import Density, Point
from bayesmix.engines.whitened.rotation import independently, rotated, trajectory
from bayesmix.engines.whitened.team import Sizes
from bayesmix.engines.whitened.warmup import Tuned

__all__ = ["Kept", "Plan", "run"]

# Steps of a trajectory vary about the usual by this share.
VARIES = 0.5


@dataclasses.dataclass(frozen=True)
class Plan:
    """How many draws are made and kept.

    Attributes
    ----------
    draws : int
        Of each reported chain.
    thin : int
        Every how many iterations a draw is kept.
    sparse : int
        Every how many kept draws the effects of the largest factor are kept.
    """

    draws: int
    thin: int = 1
    sparse: int = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """Draws, the sub-chains of a reported chain one after another.

    Attributes
    ----------
    values : ndarray, shape (chains, draws, d)
        Of the parameters beside the effects.
    zeta : tuple of ndarray, shape (chains, draws, J, q)
        Of each factor of the layout: standard normal numbers, ``u = L zeta``. Those of the first
        may be of some draws only.
    log_density : ndarray, shape (chains, draws)
    acceptance, independent : ndarray, shape (chains, parts)
        Share of the accepted moves of each sub-chain: trajectories, and proposals of parameters.
    each : int
        Draws of each sub-chain.
    """

    values: FloatArray
    zeta: tuple[FloatArray, ...]
    log_density: FloatArray
    acceptance: FloatArray
    independent: FloatArray
    each: int


def run(
    tuned: Tuned,
    sizes: Sizes,
    plan: Plan,
    pool: ThreadPoolExecutor,
    report: Callable[[float], None],
) -> Kept:
    """Draw; an interrupt ends the run early, and what was drawn is kept.

    Raises
    ------
    KeyboardInterrupt
        When interrupted before there is a draw of each sub-chain.
    """
    each = sizes.each(plan.draws)
    team = tuned.team
    stop = threading.Event()
    batches = [
        _Batch(tuned.density, tuned.step, plan, each, batch.stop - batch.start, stop)
        for batch in sizes.batches
    ]
    batches[0].report = report
    try:
        if len(batches) == 1:
            batches[0].go(team.points[0], team.generators[0])
        else:
            _together(batches, team.points, team.generators, pool, stop)
    except KeyboardInterrupt:
        each = min(batch.done for batch in batches)
        if not each:
            raise
    team.points = [batch.point for batch in batches]
    return _arranged(batches, sizes, each, plan)


class _Batch:
    """Chains that are computed together, and the room for their draws."""

    def __init__(
        self,
        density: Density,
        step: float,
        plan: Plan,
        each: int,
        width: int,
        stop: threading.Event,
    ) -> None:
        factors = density.layout.factors
        self.density, self.step, self.plan, self.stop = density, step, plan, stop
        self.values = np.empty((each, density.size, width))
        rooms = [-(-each // plan.sparse), *(each for _ in factors[1:])]
        self.zeta = [
            np.empty((room, one.n_levels, one.n_effects, width))
            for room, one in zip(rooms, factors, strict=False)
        ]
        self.log_density = np.empty((each, width))
        self.accepted, self.independent = np.zeros(width), np.zeros(width)
        self.done, self.moves = 0, 0
        self.point: Point
        self.report: Callable[[float], None] = lambda share: None

    def go(self, point: Point, rng: np.random.Generator) -> None:
        """Draw until there is no more room, or until stopped."""
        usual = trajectory(self.step)
        with np.errstate(all="ignore"):
            for k in range(len(self.values)):
                for _ in range(self.plan.thin):
                    if self.stop.is_set():
                        return
                    steps = max(1, round(usual * (1 + VARIES * (2 * rng.random() - 1))))
                    point, share = rotated(self.density, point, rng, self.step, steps)
                    self.accepted += share
                    point, share = independently(self.density, point, rng)
                    self.independent += share
                    self.moves += 1
                self.point = point
                self._keep(k, point)
                self.done = k + 1
                self.report(self.done / len(self.values))

    def _keep(self, k: int, point: Point) -> None:
        self.values[k], effects = self.density.effects(point.x)
        self.log_density[k] = point.log_density
        for t, (room, solved) in enumerate(zip(self.zeta, effects.solved, strict=True)):
            sparse = self.plan.sparse if t == 0 else 1
            if k % sparse == 0:
                for a, own in enumerate(solved.v):
                    room[k // sparse, :, a] = own.T


def _together(
    batches: list[_Batch],
    points: list[Point],
    generators: list[np.random.Generator],
    pool: ThreadPoolExecutor,
    stop: threading.Event,
) -> None:
    """Run batches on threads; at an interrupt all of them end their iteration."""
    running: list[Future[None]] = [
        pool.submit(batch.go, point, rng)
        for batch, point, rng in zip(batches, points, generators, strict=True)
    ]
    try:
        for future in running:
            future.result()
    finally:
        stop.set()
        for future in running:
            future.cancel()
        for future in running:
            if not future.cancelled():
                future.exception()


def _arranged(batches: list[_Batch], sizes: Sizes, each: int, plan: Plan) -> Kept:
    def arranged(arrays: list[FloatArray], sparse: int = 1) -> FloatArray:
        """(each, ..., width) of the batches -> (chains, draws, ...)."""
        length = -(-each // sparse)
        every = np.concatenate([array[:length] for array in arrays], axis=-1)
        inner = every.shape[1:-1]
        moved = np.moveaxis(every, -1, 0).reshape(sizes.chains, sizes.parts * length, *inner)
        return np.ascontiguousarray(moved[:, : plan.draws])

    moves = max(1, batches[0].moves)
    shape = (sizes.chains, sizes.parts)
    return Kept(
        arranged([batch.values for batch in batches]),
        tuple(
            arranged([batch.zeta[t] for batch in batches], plan.sparse if t == 0 else 1)
            for t in range(len(batches[0].zeta))
        ),
        arranged([batch.log_density for batch in batches]),
        np.concatenate([batch.accepted for batch in batches]).reshape(shape) / moves,
        np.concatenate([batch.independent for batch in batches]).reshape(shape) / moves,
        each,
    )
