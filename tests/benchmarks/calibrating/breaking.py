"""Methods that are wrong on purpose: the ranks must say so."""

from __future__ import annotations

import contextlib
import unittest.mock
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from bayesmix.engines.whitened import draws, whitening
from bayesmix.engines.whitened.density import Density, Point
from bayesmix.engines.whitened.few import pull, solve
from bayesmix.engines.whitened.levels import Matrix, Pulled, Solved, Vector
from bayesmix.engines.whitened.rotation import Moved, independently

__all__ = ["BROKEN"]


def _solve_without_jacobian(scale: Matrix, gram: Matrix, right: Vector, zeta: Vector) -> Solved:
    solved = solve(scale, gram, right, zeta)
    log_density = -0.5 * sum(np.einsum("mj,mj->m", v, v) for v in solved.v)
    return solved._replace(log_density=log_density)


def _pull_without_jacobian(scale: Matrix, gram: Matrix, solved: Solved, by_u: Vector) -> Pulled:
    """The gradient of the wrong density: with the right one, no step would be accepted."""
    pulled = pull(scale, gram, solved, by_u)
    L, G = _stacked(scale), _stacked(gram)
    half = G @ L
    inner = np.swapaxes(L, -1, -2) @ half + np.eye(len(scale))
    missing = (half @ np.linalg.inv(inner)).sum(axis=1)
    by_scale = [
        [one + missing[:, a, b] for b, one in enumerate(row)] for a, row in enumerate(pulled.scale)
    ]
    return pulled._replace(scale=by_scale)


def _stacked(matrix: Matrix) -> npt.NDArray[np.float64]:
    """Elements (M, 1) or (1, J) -> (M, 1, q, q) or (1, J, q, q)."""
    some = matrix[0][0]
    rows = [np.stack([np.zeros_like(some) if x is None else x for x in row], -1) for row in matrix]
    return np.stack(rows, -2)


@contextlib.contextmanager
def _without_jacobian() -> Iterator[None]:
    with (
        unittest.mock.patch.object(whitening, "solve", _solve_without_jacobian),
        unittest.mock.patch.object(whitening, "pull", _pull_without_jacobian),
    ):
        yield


def _accept_every_proposal(density: Density, point: Point, rng: np.random.Generator) -> Moved:
    nowhere = point._replace(log_density=np.full_like(point.log_density, -1e300))
    return independently(density, nowhere, rng)


BROKEN: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "without the Jacobian of the map": _without_jacobian,
    "every independence move accepted": lambda: unittest.mock.patch.object(
        draws, "independently", _accept_every_proposal
    ),
}
