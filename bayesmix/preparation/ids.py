"""Ids between two bars, ``(1 | p | g)``: which predictors they link, and what cannot be linked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from bayesmix.base.errors import BayesmixError, short
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import joined
from bayesmix.formula.formula import Bar, Formula

__all__ = ["check_ids", "check_labels"]


def check_ids(formulas: Mapping[str, Formula]) -> None:
    """Refuse an id that stands at different grouping factors.

    Parameters
    ----------
    formulas : mapping of str to Formula
        By predictor.

    Raises
    ------
    BayesmixError
    """
    bars: dict[str, dict[str, list[Bar]]] = {}
    for predictor, formula in formulas.items():
        for bar in formula.bars:
            if bar.id:
                bars.setdefault(bar.id, {}).setdefault(predictor, []).append(bar)
    for name, users in bars.items():
        by_user = [[bar.factor for bar in own] for own in users.values()]
        every = sorted({factor for own in by_user for factor in own}, key=len)
        nested = all(set(a) <= set(b) for a, b in itertools.pairwise(every))
        common = set.intersection(*map(set, by_user))
        if nested and common and len(set(map(frozenset, every))) == len(every):
            continue
        first, second = _differing([bar for own in users.values() for bar in own])
        raise BayesmixError(
            f"The name {name} between two bars stands at different grouping factors, in "
            f"{short(str(first), 160)} and {short(str(second), 160)}, whose effects cannot be "
            "correlated. Give bars of the same grouping factor, with its columns in the same "
            "order, the same name, and others another."
        )


def _differing(bars: Sequence[Bar]) -> tuple[Bar, Bar]:
    first = bars[0]
    return first, next(bar for bar in bars if bar.factor != first.factor)


def check_labels(terms: Sequence[GroupTerm]) -> None:
    """Refuse effects of several predictors that would have the same label.

    Parameters
    ----------
    terms : sequence of GroupTerm
        Of all predictors.

    Raises
    ------
    BayesmixError
    """
    for joint in joined(terms):
        for label in joint.effects:
            if joint.effects.count(label) > 1:
                raise BayesmixError(
                    f"Two of the effects of '{short(joint.factor)}' that are correlated across "
                    f"parameters are called '{short(label)}': labels of further parameters have "
                    "the name of the parameter before them. Rename the column."
                )
