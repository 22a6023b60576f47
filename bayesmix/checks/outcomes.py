"""What a linear predictor tells apart: successes from failures, zeros from others, categories."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayesmix.base.arrays import BoolArray
    from bayesmix.design.design import Design
    from bayesmix.families.family import Family

__all__ = ["Outcome", "outcomes_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """A binary outcome of each row.

    Attributes
    ----------
    happened, failed : ndarray of bool, shape (n,)
        Where there is any of it, and where there is any of the opposite.
    name, opposite : str
        What they are called.
    """

    happened: BoolArray
    failed: BoolArray
    name: str
    opposite: str


def outcomes_of(design: Design, family: Family) -> tuple[Outcome, ...]:
    """List the outcomes that a predictor decides together; empty where it decides no such thing.

    Parameters
    ----------
    design : Design
        Of one predictor.
    family : Family
    """
    name, y = design.predictor, design.y
    if family.categories:
        k = family.predictors.index(name or family.predictors[0]) + 1
        return (_of(y == k, f"category {family.categories[k]!r}", "other categories"),)
    if name in family.specific:
        return (_above(design, family.specific.index(name)),)
    if name:
        if family.parameter(name).zeros != "all":
            return ()
        return (_of(y == 0, "zeros", "other values"),)
    if family.binary:
        trials = np.ones(design.n_rows) if design.trials is None else design.trials
        return (Outcome(y > 0, y < trials, "successes", "failures"),)
    if family.response.is_ordinal:
        return tuple(_above(design, k) for k in range(int(y.max(initial=0.0))))
    return ()


def _above(design: Design, k: int) -> Outcome:
    categories = design.categories
    label = k + 1 if categories is None else categories.labels[k]
    return _of(design.y > k, f"categories above {label!r}", "other categories")


def _of(happened: BoolArray, name: str, opposite: str) -> Outcome:
    return Outcome(happened, ~happened, name, opposite)
