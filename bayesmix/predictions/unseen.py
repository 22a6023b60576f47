"""What unseen levels add to the linear predictors of a row, jointly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.design.design import Design
from bayesmix.posterior.draws import Draws

__all__ = ["NewLevel", "factor_of_unseen", "new_levels_of"]

# One of several effects and what its term adds to which predictor: its number, its factor, and the
# columns of its effects, zero in the rows of other levels.
type NewLevel = list[tuple[int, str, FloatArray]]


def factor_of_unseen(
    design: Design, draws: Draws, unseen: Mapping[str, npt.NDArray[np.bool_]]
) -> list[list[FloatArray]]:
    """Factorise the covariance of what unseen levels add to the K linear predictors of each row.

    Parameters
    ----------
    design : Design
        Rows of all predictors.
    draws : Draws
        B of them.
    unseen : mapping of str to ndarray of bool, shape (m,)
        By factor, the rows of its unseen levels.

    Returns
    -------
    list of lists of ndarrays, shape (B, m)
        Lower triangular: row k has the entries up to the k-th.
    """
    K, shape = len(design.parts), (len(draws), design.n_rows)
    covariance = [[np.zeros(shape) for _ in range(k + 1)] for k in range(K)]
    for joint in design.joint_effects:
        roots = {}
        for term in joint.terms:
            k = _number(design, term.predictor)
            Z = np.where(unseen[term.factor][:, None], term.Z, 0.0)
            roots[k] = Z @ draws.parts[k].scale[term.factor]
        for k, one in roots.items():
            for other, root in roots.items():
                if other <= k:
                    covariance[k][other] += (one * root).sum(axis=-1)
    return _cholesky(covariance)


def _cholesky(matrix: Sequence[Sequence[FloatArray]]) -> list[list[FloatArray]]:
    """Factorise semidefinite matrices, given and returned by their entries."""
    root: list[list[FloatArray]] = []
    for k, row in enumerate(matrix):
        root.append([])
        for j, entry in enumerate(row):
            left = entry - sum(root[k][i] * root[j][i] for i in range(j))
            if j == k:
                root[k].append(np.sqrt(np.maximum(left, 0.0)))
            else:
                size = root[j][j]
                root[k].append(np.where(size > 0, left / np.where(size > 0, size, 1.0), 0.0))
    return root


def new_levels_of(
    design: Design, unseen: Mapping[str, npt.NDArray[np.bool_]]
) -> list[tuple[int, NewLevel]]:
    """List the unseen levels, each with how many standard normal numbers make its effects.

    A level of a factor whose effects are correlated across predictors is there once.
    """
    found = []
    for joint in design.joint_effects:
        first = joint.terms[0]
        rows = unseen[joint.factor]
        for code in np.unique(first.codes[rows]):
            own = np.where(rows & (first.codes == code), 1.0, 0.0)[:, None]
            members = [
                (_number(design, term.predictor), term.factor, term.Z * own) for term in joint.terms
            ]
            found.append((joint.n_effects, members))
    return found


def _number(design: Design, predictor: str) -> int:
    return [part.predictor for part in design.parts].index(predictor)
