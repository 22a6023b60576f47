"""Densities of rows and units given all others, block by block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.engines.quadrature.blocks import Block, blocks_of
from bayesmix.engines.quadrature.layers import Layer, n_points
from bayesmix.engines.quadrature.nested import Integral, Question
from bayesmix.engines.quadrature.problem import Problem, fixed_predictors
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws

__all__ = ["Targets"]

# Rows of a block, and numbers in its largest array; fixed, so that results do not depend on the
# machine, and small enough for its cache.
_ROWS, _NUMBERS = 256, 1 << 18
# Blocks that wait for being used.
_WAITING = 8
# Share of 1 / p at the outermost points beyond which a target gets points of its own, and draws
# that say how large it is.
_TOLERANCE, _FEW = 1e-3, 8


@dataclasses.dataclass(frozen=True, eq=False)
class Targets:
    """What is left out: rows (layer -1), or the units of a layer.

    Attributes
    ----------
    spec : ModelSpec
    layers : tuple of Layer
        Nested in each other, the finest first.
    target : int
    """

    spec: ModelSpec
    layers: tuple[Layer, ...]
    target: int

    def densities(
        self, draws: Draws, chosen: IntArray | None, run: Callable[..., Any]
    ) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield rows, or codes of units, and ``log p(y_t | y_-t, draw)`` (S, targets)."""
        codes = [layer.codes for layer in self.layers]
        blocks = blocks_of(codes, _ROWS, chosen)

        def done(block: Block) -> tuple[IntArray, FloatArray]:
            return self._of_block(block, draws)

        while waiting := list(islice(blocks, _WAITING)):
            yield from run(done, waiting)

    def _of_block(self, block: Block, draws: Draws) -> tuple[IntArray, FloatArray]:
        top = block.depth - 1
        found = np.empty((len(draws), block.n_units(self.target)))
        logs = np.empty((len(draws), block.n_units(top)))
        for place, part in self._batches(block, draws):
            own = self._integral(block, part, self.target)
            assert own.inverse is not None
            found[place], logs[place] = -own.inverse, own.log
        for targets, without in self._weighty(block, draws):
            units = block.places(self.target, top)[targets]
            for place, part in self._batches(without, draws):
                own = self._integral(without, part, None)
                found[place, targets] = logs[place, units] - own.log
        if self.target < 0:
            return block.rows, found
        first = block.rows[block.first_rows[self.target]]
        return self.layers[self.target].codes[first], found

    def _batches(self, block: Block, draws: Draws) -> Iterator[tuple[slice, Draws]]:
        step = max(1, _NUMBERS // (len(block.rows) * n_points(self.layers)))
        for start in range(0, len(draws), step):
            place = slice(start, min(start + step, len(draws)))
            yield place, draws[place]

    def _integral(
        self, block: Block, draws: Draws, target: int | None, *, watched: bool = False
    ) -> Integral:
        problem, etas, effects = self._start(block, draws)
        with np.errstate(all="ignore"):
            return Question(problem, target, watched).integral(etas, effects)

    def _start(self, block: Block, draws: Draws) -> tuple[Problem, list[FloatArray], Any]:
        """Make the problem, its linear predictors without effects, and drawn effects."""
        design = self.spec.design
        without = frozenset[str]().union(*(layer.factors for layer in self.layers))
        places = {part.predictor: k for k, part in enumerate(design.parts)}
        problem = Problem.of(self.spec, self.layers, block, draws)
        effects = [
            list(layer.standardised(draws, places, layer.codes[block.rows[first]]))
            for layer, first in zip(self.layers, block.first_rows, strict=True)
        ]
        return problem, fixed_predictors(design, draws, block.rows, without), effects

    def _weighty(self, block: Block, draws: Draws) -> Iterator[tuple[IntArray, Block]]:
        """Yield targets that tell much of the effects, with blocks of what their units have else.

        Without one of these the effects lie where there are no points, so that it gets its own.
        """
        few = draws[:: max(1, len(draws) // _FEW)]
        top = block.depth - 1
        outside = self._integral(block, few, self.target, watched=True).outside
        assert outside is not None
        weighty = np.flatnonzero(~(outside.mean(axis=0) < _TOLERANCE))
        places = block.places(self.target, top)
        own_target = (
            np.arange(len(block.rows)) if self.target < 0 else block.unit_of_row[self.target]
        )
        ends = np.append(block.first_rows[top], len(block.rows))
        gathered: list[tuple[int, IntArray]] = []
        size = 0
        for one in weighty:
            unit = places[one]
            rows = np.arange(ends[unit], ends[unit + 1])
            rows = rows[own_target[rows] != one]
            if gathered and size + len(rows) > _ROWS:
                yield self._without(block, gathered)
                gathered, size = [], 0
            gathered.append((int(one), rows))
            size += len(rows)
        if gathered:
            yield self._without(block, gathered)

    def _without(
        self, block: Block, gathered: Sequence[tuple[int, IntArray]]
    ) -> tuple[IntArray, Block]:
        """Put the rows that are left beside each other, as units of their own."""
        rows = np.concatenate([rows for _, rows in gathered])
        copy = np.repeat(np.arange(len(gathered)), [len(rows) for _, rows in gathered])
        codes = [own[rows] for own in block.unit_of_row[:-1]]
        return np.array([one for one, _ in gathered]), Block.of(block.rows[rows], [*codes, copy])
