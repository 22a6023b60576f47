"""Quantities averaged over new groups: their effects integrated out, given each draw.

Given the parameters, the effects of new groups add to the linear predictor of a row a normal number
of known sd, whatever factors they come from, and to those of several parameters normal numbers that
are correlated where the effects are, ``(1 | p | g)``. So the average is an integral over one
dimension for each predictor with group effects, by Gauss-Hermite quadrature for one and two of
these, by the points of a Sobol sequence for more. The scale of Student-t effects is one dimension
more for each factor.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator

import numpy as np
from scipy import special

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.mixing import mixing_of_normal
from bayesmix.predictions.blocks import Block
from bayesmix.predictions.quantities import Quantity
from bayesmix.predictions.shifted import MEANS_OVER_SHIFTS
from bayesmix.predictions.unseen import Entries, cholesky

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
    if quantity.is_linear or not block.design.every_group:
        return quantity.of(block.design, block.auxiliary, block.eta)
    added = _Added.of(block.design, block.parameters)
    family = quantity.spec.family
    links = {"": family.link, **dict(family.predicted)}
    for predictor, heavy in zip(added.predictors, added.heavy, strict=True):
        if heavy and links[predictor] == "log":
            raise BayesmixError(
                "groups='average': with Student-t group effects and the log link the mean over "
                "new groups is infinite. Ask about a typical group, groups='population', or take "
                "normal effects."
            )
    mean = MEANS_OVER_SHIFTS.get(quantity.link)
    root = None if set(added.predictors) & set(block.auxiliary) else added.shared_root
    if mean is not None and root is not None:
        points, weights = zip(*_points(added), strict=True)
        return mean(block.eta, np.concatenate(points)[:, np.newaxis] * root, np.array(weights))
    total: FloatArray | None = None
    for point, weight in _points(added):
        moved, eta = dict(block.auxiliary), block.eta
        for predictor, own in zip(added.predictors, added.at(point), strict=True):
            if predictor in moved:
                moved[predictor] = moved[predictor] + own
            else:
                eta = eta + own
        values = weight * quantity.of(block.design, moved, eta)
        total = values if total is None else total + values
    assert total is not None
    return total


@dataclasses.dataclass(frozen=True, eq=False)
class _Added:
    """What effects of new groups add to the K linear predictors that have some.

    Attributes
    ----------
    predictors : tuple of str
    covariance : Entries of arrays (b, S)
        Of normal effects.
    heavy : tuple of tuples of (ndarray, ndarray)
        For each predictor, variance (b, S) and degrees of freedom (S,) of each factor whose effects
        are Student-t.
    """

    predictors: tuple[str, ...]
    covariance: Entries
    heavy: tuple[tuple[tuple[FloatArray, FloatArray], ...], ...]

    @classmethod
    def of(cls, design: Design, draws: Draws) -> _Added:
        owned = zip(design.parts, draws.parts, strict=True)
        drawn = {part.predictor: own for part, own in owned if part.groups}
        numbers = {predictor: k for k, predictor in enumerate(drawn)}
        shape = design.n_rows, len(draws)
        normal: Entries = [{k: np.zeros(shape)} for k in numbers.values()]
        heavy: list[list[tuple[FloatArray, FloatArray]]] = [[] for _ in numbers]
        for joint in design.joint_effects:
            for one, other in itertools.combinations_with_replacement(joint.terms, 2):
                j, k = numbers[one.predictor], numbers[other.predictor]
                own, further = drawn[one.predictor], drawn[other.predictor]
                covariance = _covariance(one, own, other, further, shape)
                if one.factor in own.df:
                    heavy[k].append((covariance, own.df[one.factor]))
                else:
                    normal[k][j] = normal[k].get(j, 0.0) + covariance
        return cls(tuple(drawn), normal, tuple(map(tuple, heavy)))

    @property
    def n_points(self) -> int:
        """Number of standard normal numbers that it is made of."""
        return len(self.predictors) + sum(map(len, self.heavy))

    @property
    def largest(self) -> float:
        """Largest sd of normal effects."""
        variances = [row[k] for k, row in enumerate(self.covariance)]
        return float(np.sqrt(max(own.max(initial=0.0) for own in variances)))

    def at(self, point: FloatArray) -> list[FloatArray]:
        """Return what is added to each predictor at a point (n_points,) of standard numbers."""
        numbers, normal, matrix = iter(point), [], []
        for k, (row, heavy) in enumerate(zip(self.covariance, self.heavy, strict=True)):
            normal.append(next(numbers))
            variance = row[k]
            for own, df in heavy:
                variance = variance + own * mixing_of_normal(df, next(numbers))
            matrix.append({**row, k: variance})
        root = cholesky(matrix) if any(self.heavy) else self._root
        return [np.asarray(sum(normal[k] * entry for k, entry in row.items())) for row in root]

    @property
    def shared_root(self) -> FloatArray | None:
        """Sd (S,) of what is added, where it is normal, one, and the same in all rows."""
        if len(self.predictors) > 1 or any(self.heavy):
            return None
        root = self._root[0][0]
        return root[0] if len(root) and (root == root[0]).all() else None

    @functools.cached_property
    def _root(self) -> Entries:
        return cholesky(self.covariance)


def _covariance(
    one: GroupTerm, own: Draws, other: GroupTerm, further: Draws, shape: tuple[int, int]
) -> FloatArray:
    """Compute the covariance (b, S) of what the effects of two predictors add to them."""
    found = np.zeros(shape)
    roots = own.scale[one.factor], further.scale[other.factor]
    for first, second in zip(*(np.moveaxis(root, 2, 0) for root in roots), strict=True):
        found += (one.Z @ first.T) * (other.Z @ second.T)
    return found


def _points(added: _Added) -> Iterator[tuple[FloatArray, float]]:
    """Yield points of standard normal numbers, with weights that sum to one."""
    n = added.n_points
    if n > 2 or any(added.heavy):
        points = _sobol(n)
        yield from ((point, 1 / len(points)) for point in points)
        return
    size = next(size for limit, size in _NODES if added.largest <= limit)
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
