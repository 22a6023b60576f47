"""Default priors of the effects of one predictor, from where its intercept is and a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.design.columnsums import ColumnSums, RowColumns
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
            design.columns, first, location, scale, not (design.has_intercept or has_thresholds)
        ),
        strict=True,
    ):
        defaults.append((("beta", term), prior))
    for group in design.groups:
        intercepts = _intercept_like(group)
        spreads = group.columns.spread
        for effect, own, is_intercept in zip(group.effects, spreads, intercepts, strict=True):
            size = scale if is_intercept else scale / float(own)
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


def _population_defaults(
    columns: RowColumns | ColumnSums, first: int, location: float, scale: float, cells: bool
) -> list[Prior]:
    """Priors of the columns except the intercept; `cells` looks for one intercept per cell."""
    spreads, means = columns.spread[first:], columns.mean[first:]
    is_cell = np.zeros(len(spreads), dtype=bool)
    if cells:
        is_cell[columns.cells(np.arange(first, first + len(spreads)))] = True
    uncentred = math.sqrt(1 + ((means / spreads)[~is_cell] ** 2).sum())
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
        for position in group.columns.cells(columns):
            found[columns[position]] = True
    return found
