"""Quantities averaged over new groups: their effects integrated out, given each draw.

Given the parameters, the effects of new groups add to the linear predictor of a row a normal number
of known sd, whatever factors they come from. So the average is an integral over one dimension for
each predictor with group effects, by Gauss-Hermite quadrature for one and two of these, by the
points of a Sobol sequence for more.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np
from scipy import special

from bayesmix.base.arrays import FloatArray
from bayesmix.design.design import Design
from bayesmix.posterior.draws import Draws
from bayesmix.predictions.blocks import Block
from bayesmix.predictions.quantities import Quantity

__all__ = ["averaged"]

# Nodes in one dimension by the largest sd of the effects, and in each of two.
_NODES = ((0.7, 15), (2.0, 31), (np.inf, 63))
_NODES_OF_TWO = 15
_POINTS = 256


def averaged(quantity: Quantity, block: Block) -> FloatArray:
    """Average a quantity over the effects of new groups.

    Parameters
    ----------
    quantity : Quantity
    block : Block
        Rows whose levels are all new.

    Returns
    -------
    ndarray, shape (b, S) or (b, S, categories)
    """
    sds = {
        part.predictor: _sd(part, own)
        for part, own in zip(block.design.parts, block.parameters.parts, strict=True)
        if part.groups
    }
    if quantity.is_linear or not sds:
        return quantity.of(block.design, block.auxiliary, block.eta)
    total: FloatArray | None = None
    largest = max(float(sd.max(initial=0.0)) for sd in sds.values())
    for point, weight in _points(len(sds), largest):
        moved = dict(block.auxiliary)
        eta = block.eta
        for (name, sd), z in zip(sds.items(), point, strict=True):
            if name in moved:
                moved[name] = moved[name] + z * sd
            else:
                eta = eta + z * sd
        values = weight * quantity.of(block.design, moved, eta)
        total = values if total is None else total + values
    assert total is not None
    return total


def _sd(design: Design, draws: Draws) -> FloatArray:
    """Compute the sd of what effects of new groups add to a linear predictor, (b, S)."""
    variance = np.zeros((design.n_rows, len(draws)))
    for term in design.groups:
        for column in np.moveaxis(draws.scale[term.factor], 2, 0):
            variance += (term.Z @ column.T) ** 2
    return np.sqrt(variance)


def _points(n: int, largest: float) -> Iterator[tuple[FloatArray, float]]:
    """Yield points of n normal numbers, with weights that sum to one."""
    if n > 2:
        points = _sobol(n)
        yield from ((point, 1 / len(points)) for point in points)
        return
    size = next(size for limit, size in _NODES if largest <= limit)
    if n == 2:
        size = max(size // 2 + 1, _NODES_OF_TWO)
    nodes, weights = _hermite(size)
    for places in itertools.product(range(size), repeat=n):
        yield nodes[list(places)], float(np.prod(weights[list(places)]))


@functools.cache
def _hermite(size: int) -> tuple[FloatArray, FloatArray]:
    nodes, weights = special.roots_hermitenorm(size)
    return nodes, weights / weights.sum()


@functools.cache
def _sobol(n: int) -> FloatArray:
    from scipy.stats import qmc

    # Moved by half a step, so that no point is at infinity.
    uniform = qmc.Sobol(n, scramble=False).random(_POINTS) + 0.5 / _POINTS
    return np.asarray(special.ndtri(uniform))
