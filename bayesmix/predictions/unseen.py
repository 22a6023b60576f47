"""What unseen levels add to the linear predictors of a row, jointly."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.design.design import Design
from bayesmix.posterior.draws import Draws

__all__ = [
    "Entries",
    "NewLevel",
    "cholesky",
    "factor_of_unseen",
    "new_levels_of",
    "squared_scale_of_unseen",
    "variance_of_unseen",
]

type Entries = list[dict[int, FloatArray]]
"""The lower triangle of matrices, for each row its entries by column, those that are not zero."""


def factor_of_unseen(
    design: Design, draws: Draws, unseen: Mapping[str, npt.NDArray[np.bool_]]
) -> Entries:
    """Factorise the covariance of what unseen levels add to the K linear predictors of each row.

    Effects that are Student-t are left out.

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
    list of dicts of ndarrays, shape (B, m)
    """
    covariance: Entries = [
        {k: np.zeros((len(draws), design.n_rows))} for k, _ in enumerate(design.parts)
    ]
    for joint in design.joint_effects:
        roots = {}
        for term in joint.terms:
            k = _number(design, term.predictor)
            if term.factor not in draws.parts[k].df:
                Z = np.where(unseen[term.factor][:, None], term.Z, 0.0)
                roots[k] = Z @ draws.parts[k].scale[term.factor]
        for k, one in roots.items():
            for other, root in roots.items():
                if other <= k:
                    own = (one * root).sum(axis=-1)
                    covariance[k][other] = covariance[k].get(other, 0.0) + own
    return cholesky(covariance)


def cholesky(matrix: Sequence[Mapping[int, FloatArray]]) -> Entries:
    """Factorise semidefinite matrices."""
    root: Entries = []
    for k, row in enumerate(matrix):
        root.append({})
        for j in range(k + 1):
            own = [root[k][i] * root[j][i] for i in range(j) if i in root[k] and i in root[j]]
            if j not in row and not own:
                continue
            left = row.get(j, 0.0) - sum(own)
            if j == k:
                root[k][k] = np.sqrt(np.maximum(left, 0.0))
            else:
                size = root[j][j]
                root[k][j] = np.where(size > 0, left / np.where(size > 0, size, 1.0), 0.0)
    return root


def squared_scale_of_unseen(
    design: Design, draws: Draws, unseen: Mapping[str, npt.NDArray[np.bool_]], factor: str
) -> FloatArray:
    """Compute the squared scale (B, m) of what unseen levels of one factor add to a predictor."""
    term = next(term for term in design.groups if term.factor == factor)
    Z = np.where(unseen[factor][:, None], term.Z, 0.0)
    return np.asarray(((Z @ draws.scale[factor]) ** 2).sum(axis=-1))


@dataclasses.dataclass(frozen=True, eq=False)
class NewLevel:
    """One level without training rows.

    Attributes
    ----------
    size : int
        How many standard normal numbers make its effects, those of all predictors together.
    is_heavy : bool
        Whether the effects are Student-t.
    members : tuple of (int, str, ndarray of shape (m, q))
        For each predictor with effects of it: its number, the factor, and the columns of the
        effects, zero in the rows of other levels.
    """

    size: int
    is_heavy: bool
    members: tuple[tuple[int, str, FloatArray], ...]


def new_levels_of(
    design: Design, draws: Draws, unseen: Mapping[str, npt.NDArray[np.bool_]]
) -> list[NewLevel]:
    """List the unseen levels; one whose effects are correlated across predictors is there once."""
    found = []
    for joint in design.joint_effects:
        first, rows = joint.terms[0], unseen[joint.factor]
        is_heavy = joint.factor in draws.parts[_number(design, joint.predictor)].df
        for code in np.unique(first.codes[rows]):
            own = np.where(rows & (first.codes == code), 1.0, 0.0)[:, None]
            members = tuple(
                (_number(design, term.predictor), term.factor, term.Z * own) for term in joint.terms
            )
            found.append(NewLevel(joint.n_effects, is_heavy, members))
    return found


def _number(design: Design, predictor: str) -> int:
    return [part.predictor for part in design.parts].index(predictor)


def variance_of_unseen(
    design: Design, draws: Draws, unseen: Mapping[str, npt.NDArray[np.bool_]]
) -> FloatArray:
    """Compute the variance (B, m) of what unseen levels add to one linear predictor.

    All their effects are normal.
    """
    variance = np.zeros((len(draws), design.n_rows))
    for term in design.groups:
        variance += squared_scale_of_unseen(design, draws, unseen, term.factor)
    return variance
