"""Default priors of the effects of one predictor, from where its intercept is and a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.design.magnitudes import spread
from bayesmix.families.supports import POSITIVE, REAL
from bayesmix.priors.leaves import Leaf
from bayesmix.priors.prior import LKJ, Prior

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["predictor_leaves"]

# Of correlations the prior is known by its type.
_SUPPORTS = {"Intercept": REAL, "beta": REAL, "sd": POSITIVE, "cor": REAL}


def predictor_leaves(
    design: Design,
    location: float,
    scale: float,
    *,
    correlated: Mapping[str, tuple[str, ...]],
    has_thresholds: bool = False,
) -> tuple[Leaf, ...]:
    """Give the effects of one predictor their default priors; see `resolve_priors`.

    Parameters
    ----------
    design : Design
        Its columns and groups.
    location : float
        Where the intercept is expected.
    scale : float
        Size of differences on the scale of the predictor.
    correlated : mapping of str to tuple of str
        Grouping factors whose correlations count to this predictor, with the predictors whose
        effects they are of.
    has_thresholds : bool
        Whether thresholds take the place of the intercept.
    """
    defaults: list[tuple[tuple[str, ...], Prior | LKJ]] = []
    beside = {
        f"sd:{group.factor}:Intercept": tuple(group.effects[k] for k in group.intercept_block[1:])
        for group in design.groups
        if group.means is not None
    }
    if design.has_intercept:
        defaults.append((("Intercept",), Prior("Normal", mu=location, sigma=2.5 * scale)))
    first = int(design.has_intercept)
    for term, prior in zip(
        design.terms[first:],
        _population_defaults(
            design.X[:, first:], location, scale, not (design.has_intercept or has_thresholds)
        ),
        strict=True,
    ):
        defaults.append((("beta", term), prior))
    for group in design.groups:
        intercepts = _intercept_like(group)
        for effect, z, is_intercept in zip(group.effects, group.Z.T, intercepts, strict=True):
            size = scale if is_intercept else scale / spread(z)
            defaults.append((("sd", group.factor, effect), Prior("Exponential", scale=size)))
    defaults += [
        (("cor", group.factor), LKJ(1.0)) for group in design.groups if group.factor in correlated
    ]
    return tuple(
        Leaf(
            node,
            p,
            p,
            beside.get(":".join(node), ()),
            support=_SUPPORTS[node[0]],
            at_means=design.terms[first:] if node == ("Intercept",) else (),
            predictor=design.predictor,
            linked=correlated[node[1]] if node[0] == "cor" else (),
        )
        for node, p in defaults
    )


def _population_defaults(X: FloatArray, location: float, scale: float, cells: bool) -> list[Prior]:
    """Priors of the columns except the intercept; `cells` looks for one intercept per cell."""
    spreads = np.array([spread(column) for column in X.T])
    is_cell = np.zeros(X.shape[1], dtype=bool)
    if cells:
        is_cell[_cell_columns(X)] = True
    uncentred = math.sqrt(1 + ((X.mean(axis=0) / spreads)[~is_cell] ** 2).sum())
    return [
        Prior("Normal", mu=location, sigma=2.5 * scale * uncentred)
        if cell
        else Prior("Normal", mu=0.0, sigma=2.5 * scale / size)
        for cell, size in zip(is_cell, spreads, strict=True)
    ]


def _intercept_like(group: GroupTerm) -> list[bool]:
    """Which effects of a grouping factor are intercepts: `Intercept`, or one per cell."""
    found = [effect == "Intercept" for effect in group.effects]
    for block in group.blocks:
        columns = [effect for effect in block if not found[effect]]
        for position in _cell_columns(group.Z[:, columns]):
            found[columns[position]] = True
    return found


def _cell_columns(X: FloatArray) -> list[int]:
    """Find the first run of neighbouring 0/1 columns that sum to one in every row."""
    binary = ((X == 0) | (X == 1)).all(axis=0)
    for start in range(X.shape[1]):
        total = np.zeros(X.shape[0])
        for stop in range(start, X.shape[1]):
            total = total + X[:, stop]
            if not binary[stop] or (total > 1).any():
                break
            if (total == 1).all():
                return list(range(start, stop + 1))
    return []
