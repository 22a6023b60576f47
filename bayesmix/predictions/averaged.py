"""Quantities averaged over new groups: their effects integrated out, given each draw.

Given the parameters, the effects of new groups add to the linear predictor of a row a normal number
of known sd, whatever factors they come from. So the average is an integral over one dimension for
each predictor with group effects, by Gauss-Hermite quadrature for one and two of these, by the
points of a Sobol sequence for more. The scale of Student-t effects is one dimension more for each
factor.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.design import Design
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.mixing import mixing_of_normal
from bayesmix.predictions.blocks import Block
from bayesmix.predictions.quantities import Quantity

__all__ = ["averaged"]

# Nodes in one dimension by the largest sd of the effects, and in each of two.
_NODES = ((0.7, 15), (2.0, 31), (np.inf, 63))
_NODES_OF_TWO = 15
_POINTS = 512


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

    Raises
    ------
    BayesmixError
        The average is infinite: of Student-t effects with a log link.
    """
    parts = [
        _Added.of(part, own)
        for part, own in zip(block.design.parts, block.parameters.parts, strict=True)
        if part.groups
    ]
    if quantity.is_linear or not parts:
        return quantity.of(block.design, block.auxiliary, block.eta)
    family = quantity.spec.family
    links = {"": family.link, **dict(family.predicted)}
    for part in parts:
        if part.heavy and links[part.predictor] == "log":
            raise BayesmixError(
                "groups='average': with Student-t group effects and the log link the mean over "
                "new groups is infinite. Ask about a typical group, groups='population', or take "
                "normal effects."
            )
    total: FloatArray | None = None
    for point, weight in _points(parts):
        moved, eta, place = dict(block.auxiliary), block.eta, 0
        for part in parts:
            own = part.at(point[place : place + part.n_points])
            place += part.n_points
            if part.predictor in moved:
                moved[part.predictor] = moved[part.predictor] + own
            else:
                eta = eta + own
        values = weight * quantity.of(block.design, moved, eta)
        total = values if total is None else total + values
    assert total is not None
    return total


@dataclasses.dataclass(frozen=True, eq=False)
class _Added:
    """What effects of new groups add to one linear predictor.

    Attributes
    ----------
    predictor : str
    variance : ndarray, shape (b, S)
        Of normal effects.
    heavy : tuple of (ndarray, ndarray)
        Variance (b, S) and degrees of freedom (S,) of each factor whose effects are Student-t.
    """

    predictor: str
    variance: FloatArray
    heavy: tuple[tuple[FloatArray, FloatArray], ...]

    @classmethod
    def of(cls, design: Design, draws: Draws) -> _Added:
        normal, heavy = np.zeros((design.n_rows, len(draws))), []
        for term in design.groups:
            variance = np.zeros_like(normal)
            for column in np.moveaxis(draws.scale[term.factor], 2, 0):
                variance += (term.Z @ column.T) ** 2
            if term.factor in draws.df:
                heavy.append((variance, draws.df[term.factor]))
            else:
                normal += variance
        return cls(design.predictor, normal, tuple(heavy))

    @property
    def n_points(self) -> int:
        """Number of standard normal numbers that it is made of."""
        return 1 + len(self.heavy)

    @property
    def largest(self) -> float:
        """Largest sd of normal effects."""
        return float(np.sqrt(self.variance.max(initial=0.0)))

    def at(self, point: FloatArray) -> FloatArray:
        """Return what is added at a point (n_points,) of standard normal numbers."""
        variance = self.variance
        for z, (own, df) in zip(point[1:], self.heavy, strict=True):
            variance = variance + own * mixing_of_normal(df, z)
        return np.asarray(point[0] * np.sqrt(variance))


def _points(parts: Sequence[_Added]) -> Iterator[tuple[FloatArray, float]]:
    """Yield points of standard normal numbers, with weights that sum to one."""
    n = sum(part.n_points for part in parts)
    if n > 2 or any(part.heavy for part in parts):
        points = _sobol(n)
        yield from ((point, 1 / len(points)) for point in points)
        return
    largest = max(part.largest for part in parts)
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
