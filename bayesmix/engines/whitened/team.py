"""Chains side by side in batches, each with a generator of its own, on any number of threads."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.density import Density, Point
from bayesmix.engines.whitened.layout import Layout
from bayesmix.engines.whitened.rotation import Moved

__all__ = ["Map", "Sizes", "Team", "chains_side_by_side", "quietly", "sizes_of", "spread_on"]

type Map = Callable[..., Iterator[Any]]

# Chains side by side, and rows and effects up to which there are so many: a call costs as much as
# work on some thousands of numbers.
SIDE_BY_SIDE = ((1000, 64), (4000, 32), (np.inf, 16))
# Rows times chains from which on batches are worth a thread.
WORTH_A_THREAD = 1_000_000
WIDEST = 64


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How many chains there are.

    Attributes
    ----------
    chains : int
        That are reported.
    parts : int
        Sub-chains of each, which start at one point.
    batches : tuple of slice
        Of sub-chains that are computed together. They depend on the model alone and not on the
        number of cores, since the last digit of a product depends on its size.
    """

    chains: int
    parts: int
    batches: tuple[slice, ...]

    @property
    def every(self) -> int:
        """Number of sub-chains."""
        return self.chains * self.parts

    def each(self, draws: int) -> int:
        """Return the number of draws of a sub-chain, for so many of a reported chain."""
        return -(-draws // self.parts)


def chains_side_by_side(size: int, chains: int) -> int:
    """Return the number of sub-chains: a multiple of those that are reported."""
    every = next(number for limit, number in SIDE_BY_SIDE if size <= limit)
    return chains * max(1, round(every / chains))


def sizes_of(layout: Layout, chains: int) -> Sizes:
    """Choose the number of sub-chains, and cut them into batches."""
    every = chains_side_by_side(layout.n_rows + layout.n_effects, chains)
    parts = every // chains
    fewest = 2 if layout.n_rows * every > WORTH_A_THREAD and every > 1 else 1
    cuts = max(fewest, -(-every // WIDEST))
    edges = [every * k // cuts for k in range(cuts + 1)]
    return Sizes(chains, parts, tuple(slice(a, b) for a, b in itertools.pairwise(edges)))


def quietly(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call where overflow is part of the work: a thread does not inherit NumPy's error state."""
    with np.errstate(all="ignore"):
        return call(*arguments)


def spread_on(pool: Executor) -> Map:
    """Return a map on threads."""
    return lambda call, *arguments: pool.map(functools.partial(quietly, call), *arguments)


@dataclasses.dataclass
class Team:
    """All sub-chains at a time.

    Attributes
    ----------
    points : list of Point
        By batch.
    generators : list of Generator
    spread : callable
        A map, on threads or not.
    """

    points: list[Point]
    generators: list[np.random.Generator]
    spread: Map

    def move(self, move: Callable[[Point, np.random.Generator], Moved]) -> FloatArray:
        """Move all chains, and return the acceptance of each."""
        moved = list(self.spread(move, self.points, self.generators))
        self.points = [own.point for own in moved]
        return np.concatenate([own.acceptance for own in moved])

    def each(self, look: Callable[[Point], Any]) -> list[Any]:
        """Look at each batch."""
        return list(self.spread(look, self.points))

    def place(self, density: Density, x: FloatArray, sizes: Sizes) -> None:
        """Put the chains at other points (d + m, M), of a density."""
        parts = [np.ascontiguousarray(x[:, batch]) for batch in sizes.batches]
        self.points = list(self.spread(density.at, parts))
