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
from bayesmix.engines.whitened.team import Sizes, quietly
from bayesmix.engines.whitened.warmup import Tuned

__all__ = ["Drawing", "Kept"]

# Steps of a trajectory vary about their mean by this share.
VARIES = 0.5


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


class Drawing:
    """A run of tuned chains, which may be drawn out.

    Attributes
    ----------
    thin : int
        Every how many iterations a draw is kept.
    """

    def __init__(self, tuned: Tuned, sizes: Sizes, draws: int, sparse: int, thin: int = 1) -> None:
        self.tuned, self.sizes = tuned, sizes
        self.draws, self.sparse, self.thin = draws, sparse, thin
        each = sizes.each(draws)
        self.stop = threading.Event()
        self.batches = [
            _Batch(tuned.density, tuned.step, each, sparse, batch.stop - batch.start, self.stop)
            for batch in sizes.batches
        ]

    @property
    def iterations(self) -> int:
        """Number of iterations that are to be made."""
        return self.thin * min(len(batch.values) - batch.done for batch in self.batches)

    def go(self, pool: ThreadPoolExecutor, report: Callable[[float], None]) -> Kept:
        """Draw; an interrupt ends the run early, and what was drawn is kept.

        Raises
        ------
        KeyboardInterrupt
            When interrupted before there is a draw of each sub-chain.
        """
        team, batches = self.tuned.team, self.batches
        each = self.sizes.each(self.draws)
        batches[0].report = report
        try:
            if len(batches) == 1:
                batches[0].go(team.points[0], team.generators[0], self.thin)
            else:
                self._together(pool)
        except KeyboardInterrupt:
            each = min(batch.done for batch in batches)
            if not each:
                raise
        team.points = [batch.point for batch in batches]
        return self._arranged(each)

    def draw_out(self) -> None:
        """Keep half as many iterations, so that there is room for as many again."""
        self.thin *= 2
        for batch in self.batches:
            batch.halve()

    def _together(self, pool: ThreadPoolExecutor) -> None:
        """Run batches on threads; at an interrupt all of them end their iteration."""
        team = self.tuned.team
        running: list[Future[None]] = [
            pool.submit(quietly, batch.go, point, rng, self.thin)
            for batch, point, rng in zip(self.batches, team.points, team.generators, strict=True)
        ]
        try:
            for future in running:
                future.result()
        finally:
            self.stop.set()
            for future in running:
                future.cancel()
            for future in running:
                if not future.cancelled():
                    future.exception()
            self.stop.clear()

    def _arranged(self, each: int) -> Kept:
        batches, sizes = self.batches, self.sizes

        def arranged(arrays: list[FloatArray], sparse: int = 1) -> FloatArray:
            """(each, ..., width) of the batches -> (chains, draws, ...)."""
            length = -(-each // sparse)
            every = np.concatenate([array[:length] for array in arrays], axis=-1)
            inner = every.shape[1:-1]
            moved = np.moveaxis(every, -1, 0).reshape(sizes.chains, sizes.parts * length, *inner)
            return np.ascontiguousarray(moved[:, : self.draws])

        moves = max(1, batches[0].moves)
        shape = (sizes.chains, sizes.parts)
        return Kept(
            arranged([batch.values for batch in batches]),
            tuple(
                arranged([batch.zeta[t] for batch in batches], self.sparse if t == 0 else 1)
                for t in range(len(batches[0].zeta))
            ),
            arranged([batch.log_density for batch in batches]),
            np.concatenate([batch.accepted for batch in batches]).reshape(shape) / moves,
            np.concatenate([batch.independent for batch in batches]).reshape(shape) / moves,
            each,
        )


class _Batch:
    """Chains that are computed together, and the room for their draws."""

    def __init__(
        self,
        density: Density,
        step: float,
        each: int,
        sparse: int,
        width: int,
        stop: threading.Event,
    ) -> None:
        factors = density.layout.factors
        self.density, self.step, self.sparse, self.stop = density, step, sparse, stop
        self.values = np.empty((each, density.size, width))
        rooms = [-(-each // sparse), *(each for _ in factors[1:])]
        self.zeta = [
            np.empty((room, one.n_levels, one.n_effects, width))
            for room, one in zip(rooms, factors, strict=False)
        ]
        self.log_density = np.empty((each, width))
        self.accepted, self.independent = np.zeros(width), np.zeros(width)
        self.done, self.moves = 0, 0
        self.point: Point
        self.report: Callable[[float], None] = lambda share: None

    def go(self, point: Point, rng: np.random.Generator, thin: int) -> None:
        """Draw until there is no more room, or until stopped."""
        usual = trajectory(self.step, self.density.layout.size)
        for k in range(self.done, len(self.values)):
            for _ in range(thin):
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

    def halve(self) -> None:
        """Keep every other draw."""
        for room in (self.values, self.log_density, *self.zeta):
            for k in range(1, -(-len(room) // 2)):
                room[k] = room[2 * k]
        self.done = -(-self.done // 2)

    def _keep(self, k: int, point: Point) -> None:
        self.values[k], effects = self.density.effects(point.x)
        self.log_density[k] = point.log_density
        for t, (room, solved) in enumerate(zip(self.zeta, effects.solved, strict=True)):
            sparse = self.sparse if t == 0 else 1
            if k % sparse == 0:
                for a, own in enumerate(solved.v):
                    room[k // sparse, :, a] = own.T
