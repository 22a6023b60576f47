"""Outcomes that a column or a factor tells apart, so that only default priors say how strongly."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from bayesmix.base.errors import DesignWarning, warn
from bayesmix.checks.separation import separated_outcomes

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.families.family import Family
    from bayesmix.priors.priorset import PriorSet

__all__ = ["warn_of_separation"]


def warn_of_separation(design: Design, family: Family, priors: PriorSet) -> Design:
    """Warn of columns and factors that separate outcomes and have default priors.

    Parameters
    ----------
    design : Design
    family : Family
    priors : PriorSet
        The priors of its model.

    Returns
    -------
    Design
        The same, with the texts of the warnings among its notes.

    Warns
    -----
    DesignWarning
        Once for each column and factor.
    """
    given = frozenset(leaf.path for leaf in priors.leaves if leaf.origin)
    told = tuple(separated_outcomes(design.parts, family, given))
    for note in told:
        warn(note, DesignWarning)
    return dataclasses.replace(design, notes=(*design.notes, *told)) if told else design
