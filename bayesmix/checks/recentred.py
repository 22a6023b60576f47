"""The formula to write where a zero is far from the data: with centred columns, and tried."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterator

from bayesmix.base.arrays import FloatArray
from bayesmix.checks.dependence import Gram, dependent_columns, gram_matrix
from bayesmix.checks.drafts import Draft, EffectTerm
from bayesmix.checks.groupchecks import idle_effects
from bayesmix.checks.shifts import Move, Shifts
from bayesmix.formula.formula import Formula
from bayesmix.formula.rewrites import (
    LONGEST,
    Sum,
    read_sum,
    replace_bars,
    replace_factors,
    with_common,
)

__all__ = ["Recentred", "recentred", "settled"]

type Term = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Recentred:
    """A formula with centred columns, and what it has that was not there in any form.

    Attributes
    ----------
    formula : Formula
    added : tuple of tuple of str
        Population effects without which its columns would not be those of before; ``()`` is the
        intercept.
    """

    formula: Formula
    added: tuple[Term, ...]


def recentred(
    draft: Draft, zeros: Collection[str], shifts: Shifts, own: Collection[str] = ()
) -> Recentred | None:
    """Write a formula with centred columns, so that it does not depend on zeros.

    The population effects keep their space, as they are or with what it lacks once the zeros have
    moved; they stay told apart, and each effect that varies keeps its population effect.

    Parameters
    ----------
    draft : Draft
        The formula, with the changes of the warnings before.
    zeros : collection of str
        Names of `FarZero` that matter.
    shifts : Shifts
    own : collection of str
        Grouping factors with a prior that was set for the sd of the intercept of a block.

    Returns
    -------
    Recentred or None
        None if no formula passes.
    """
    if len(str(draft.formula)) > LONGEST:
        return None
    formula = _centred_bars(draft.formula, zeros, shifts)
    for common, added in _populations(read_sum(formula.common), zeros, shifts):
        changed = with_common(formula, common)
        if _passes(changed, draft, shifts, own):
            return Recentred(changed, added)
    return None


def settled(draft: Draft, shifts: Shifts) -> Draft:
    """Centre columns of an offered formula if it depends on a zero and the design does not."""
    if not shifts.variables or shifts.is_reliant(shifts.candidates.design.formula):
        return draft
    found = shifts.reliances(draft.formula)
    zeros = {zero.name for one in found for zero in one.zeros}
    changed = recentred(draft, zeros, shifts) if found else None
    if changed is None:
        return draft
    effects = (tuple(_written_anew(one, zeros, shifts) for one in some) for some in draft.effects)
    return Draft(changed.formula, tuple(effects))


def _written_anew(one: EffectTerm, zeros: Collection[str], shifts: Shifts) -> EffectTerm:
    (term,) = _offered(Sum(False, (one.term,)), zeros, shifts).terms
    return dataclasses.replace(one, term=term)


def _moves(effects: Sum, zeros: Collection[str], shifts: Shifts) -> dict[str, Move]:
    moves = shifts.moves(effects).items()
    return {part: move for part, move in moves if any(zero.name in zeros for zero in move.zeros)}


def _offered(effects: Sum, zeros: Collection[str], shifts: Shifts) -> Sum:
    moves = _moves(effects, zeros, shifts)
    return replace_factors(effects, {part: move.offered for part, move in moves.items()})


def _centred_bars(formula: Formula, zeros: Collection[str], shifts: Shifts) -> Formula:
    bars = {bar: _offered(read_sum(bar.effects), zeros, shifts) for bar in formula.bars}
    return replace_bars(formula, {bar: new for bar, new in bars.items() if str(new) != bar.effects})


def _populations(
    common: Sum, zeros: Collection[str], shifts: Shifts
) -> Iterator[tuple[Sum, tuple[Term, ...]]]:
    """Yield population effects to try, with the terms that are added."""
    moved = _offered(common, zeros, shifts)
    yield moved, ()
    if moved != common:
        yield common, ()
    moves = _moves(common, zeros, shifts)
    for has_beside, has_inside in itertools.product((False, True), repeat=2):
        lower = [
            term
            for one in common.terms
            for term in _lower(one, moves, has_beside=has_beside, has_inside=has_inside)
        ]
        completed = dataclasses.replace(moved.plus(filter(None, lower)), intercept=True)
        added = tuple(term for term in completed.terms if term not in moved.terms)
        yield completed, added if common.intercept else ((), *added)


def _lower(
    term: Term, moves: dict[str, Move], *, has_beside: bool, has_inside: bool
) -> Iterator[Term]:
    """Yield what moving the zeros of a product may add multiples of."""
    parts = tuple(moves[part].offered if part in moves else part for part in term)
    for k, part in enumerate(term):
        if part in moves:
            move = moves[part]
            yield parts[:k] + parts[k + 1 :]
            beside, inside = move.beside if has_beside else (), move.inside if has_inside else ()
            yield from ((*parts[:k], name, *parts[k + 1 :]) for name in (*beside, *inside))


def _passes(changed: Formula, draft: Draft, shifts: Shifts, own: Collection[str]) -> bool:
    candidates = shifts.candidates
    made, before = candidates.matrix(changed), _population(draft.formula, shifts)
    if made is None or before is None or before[1].has_constant > made[1].has_constant:
        return False
    is_same = (
        not _outside(*made, before[0])
        and _without_mean(changed, *made, shifts) <= _without_mean(draft.formula, *before, shifts)
        and idle_effects(*made, draft, candidates) <= idle_effects(*before, draft, candidates)
    )
    return is_same and not shifts.reliances(changed, own)


def _population(formula: Formula, shifts: Shifts) -> tuple[FloatArray, Gram] | None:
    learnt = shifts.candidates.learn(formula.common)
    if learnt is None:
        return None
    has_intercept = learnt[0].labels[:1] == ("Intercept",)
    X = learnt[1][:, has_intercept:]
    return X, gram_matrix([X], has_constant=has_intercept)


def _outside(X: FloatArray, gram: Gram, columns: FloatArray) -> set[int]:
    """Find columns that are not made of those of X."""
    p = X.shape[1]
    made = dependent_columns(gram.extended(X, [columns]), p) if columns.shape[1] else {}
    return {k for k in range(columns.shape[1]) if p + k not in made}


def _without_mean(formula: Formula, X: FloatArray, gram: Gram, shifts: Shifts) -> set[object]:
    """Find effects that vary by a factor and have no population effect."""
    found: set[object] = set()
    for i, bar in enumerate(formula.bars):
        learnt = shifts.candidates.learn(bar.effects)
        if learnt is None:
            return {bar.effects}
        first = int(learnt[0].labels[:1] == ("Intercept",))
        found |= {(i, k) for k in _outside(X, gram, learnt[1][:, first:])}
    return found
