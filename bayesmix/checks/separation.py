"""Outcomes that a column or a factor tells apart, and parameters of outcomes that are not there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.words import count
from bayesmix.checks.outcomes import Outcome, outcomes_of
from bayesmix.design.names import path_start
from bayesmix.frames.values import listed

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from bayesmix.base.arrays import BoolArray, FloatArray
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm
    from bayesmix.families.family import Family

__all__ = ["no_zeros", "separated_outcomes"]


def separated_outcomes(
    designs: Iterable[Design], family: Family, given: Container[str] = ()
) -> list[str]:
    """Find columns that separate the outcomes, and factors of levels with one outcome.

    A column separates them completely where its values overlap nowhere, and quasi-completely where
    they meet in one value, such as the 0 of a treatment under which all had the outcome.

    Parameters
    ----------
    designs : iterable of Design
        Of one predictor each. A column that separates several thresholds is told once.
    family : Family
    given : container of str
        Paths of the parameters whose priors were set, which are believed.

    References
    ----------
    Albert, A. & Anderson, J. A. (1984). On the existence of maximum likelihood estimates in
    logistic regression models. Biometrika 71, 1-10. https://doi.org/10.1093/biomet/71.1.1
    """
    columns: dict[tuple[str, str], list[_Separated]] = {}
    factors = []
    for design in designs:
        outcomes = outcomes_of(design, family)
        if not outcomes or not all(one.happened.any() and one.failed.any() for one in outcomes):
            continue
        kind = "cs" if design.predictor in family.specific else design.predictor
        for found in _of_columns(design, outcomes):
            if f"{path_start(design.predictor)}beta:{found.column}" not in given:
                columns.setdefault((kind, found.column), []).append(found)
        factors += _of_factors(design, outcomes, given)
    told = [_told(found, is_specific=kind == "cs") for (kind, _), found in columns.items()]
    return [*told, *factors]


@dataclasses.dataclass(frozen=True)
class _Separated:
    """A column, the parameter that it is of, and what it does."""

    column: str
    predictor: str
    what: str


def _told(found: Sequence[_Separated], *, is_specific: bool) -> str:
    """Tell of a column and all parameters where it separates outcomes."""
    first = found[0]
    remedy = "take it out of cs()" if is_specific else "leave the column out"
    if len(found) > 1:
        names = [one.predictor for one in found]
        return (
            f"Column '{first.column}' separates categories at several thresholds, so that only "
            f"their priors say how large its effects on {listed(names, 6)} are. Give them ones "
            f"that you believe in, or {remedy}."
        )
    on = f" on {first.predictor}" if first.predictor else ""
    return (
        f"Column '{first.column}' {first.what}, so that only its prior says how large its "
        f"effect{on} is. Give it one that you believe in, or {remedy}."
    )


def _of_columns(design: Design, outcomes: Sequence[Outcome]) -> Iterator[_Separated]:
    for j in range(int(design.has_intercept), design.n_terms):
        values = design.X[:, j]
        sides = [_side(values, one) for one in outcomes]
        separated = [one for one, side in zip(outcomes, sides, strict=True) if side]
        is_binary = len(np.unique(values)) == 2
        # Of two values, one separated threshold is enough: the others are of one value each.
        if separated and (is_binary or (len(set(sides)) == 1 and 0 not in sides)):
            what = _categories(outcomes) if len(separated) > 1 or len(outcomes) == 1 else ""
            if not what:
                one = separated[0]
                what = f"{one.name} from {one.opposite}: {_bounds(values, one)}"
            yield _Separated(design.terms[j], design.predictor, f"separates {what}")
        elif what := _one_sided(values, outcomes):
            yield _Separated(design.terms[j], design.predictor, what)


def _side(values: FloatArray, one: Outcome) -> int:
    """Tell where a column is larger: 1 where it happened, -1 where not, 0 where they overlap."""
    high, low = values[one.happened], values[one.failed]
    return int(high.min() > low.max()) - int(high.max() < low.min())


def _one_sided(values: FloatArray, outcomes: Sequence[Outcome]) -> str:
    """Say what is alike on a side of the one value where outcomes meet; empty if nothing is."""
    if values.min() == values.max():
        return ""
    for sign in (1, -1):
        ends = [
            ((sign * values[one.happened]).min(), (sign * values[one.failed]).max())
            for one in outcomes
        ]
        meeting = ends[0][0]
        if any(high != meeting or low != meeting for high, low in ends):
            continue
        first = outcomes[0]
        names = ("one category",) * 2 if len(outcomes) > 1 else (first.name, first.opposite)
        beyond = (sign * values > meeting, sign * values < meeting)
        return "has " + " and ".join(
            f"only {name} where it is {_place(values, rows, sign * meeting)}"
            for name, rows in zip(names, beyond, strict=True)
            if rows.any()
        )
    return ""


def _place(values: FloatArray, rows: BoolArray, meeting: float) -> str:
    found = values[rows]
    where = f"{found[0]:g}"
    if found.min() < found.max():
        where = f"{'above' if found[0] > meeting else 'below'} {meeting:g}"
    return f"{where} ({count(len(found), 'row')})"


def _bounds(values: FloatArray, one: Outcome) -> str:
    high, low = values[one.happened], values[one.failed]
    of_high, of_low = (
        (f"at least {high.min():g}", f"at most {low.max():g}")
        if high.min() > low.max()
        else (f"at most {high.max():g}", f"at least {low.min():g}")
    )
    return f"it is {of_high} where there are {one.name} and {of_low} where there are {one.opposite}"


def _of_factors(design: Design, outcomes: Sequence[Outcome], given: Container[str]) -> list[str]:
    messages = []
    for term in design.groups:
        path = f"{path_start(design.predictor)}sd:{term.factor}"
        is_given = all(f"{path}:{effect}" in given for effect in term.effects)
        both_somewhere = any(_have_both(term, one) for one in outcomes)
        if term.n_levels == design.n_rows or is_given or both_somewhere:
            continue
        both = "more than one category"
        if not _categories(outcomes):
            both = f"both {outcomes[0].name} and {outcomes[0].opposite}"
        messages.append(
            f"No level of '{term.factor}' has {both} ({term.n_levels} "
            f"levels), so that only the prior says how large the sd of its effects"
            f"{_of_parameter(design)} is. Give "
            f"'{path}' one that you believe in, or leave '{term.factor}' out."
        )
    return messages


def _have_both(term: GroupTerm, one: Outcome) -> bool:
    """Tell whether any level has both outcomes."""
    some, others = (
        np.bincount(term.codes, rows, minlength=term.n_levels) > 0
        for rows in (one.happened, one.failed)
    )
    return bool((some & others).any())


def _categories(outcomes: Sequence[Outcome]) -> str:
    """Name what several outcomes are of."""
    return "all categories" if len(outcomes) > 1 else ""


def _of_parameter(design: Design) -> str:
    return f" on {design.predictor}" if design.predictor else ""


def no_zeros(design: Design, family: Family) -> list[str]:
    """Say of the probability of a zero that no value is zero, and which family has none."""
    parameter = next((one for one in family.parameters if one.zeros), None)
    if parameter is None or (design.y == 0).any():
        return []
    _, _, counts = family.name.rpartition("_")
    cut = parameter.zeros == "all" and family.discrete
    return [
        f"No value of '{design.response}' is zero, so that all that is known of {parameter.name}, "
        f"the probability of a zero, is that it is small. Take family '{counts}'"
        + (", unless counts are meant that were cut off at zero." if cut else ".")
    ]
