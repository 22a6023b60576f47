"""Grouping factors with few levels, and population effects that could take their place."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.words import count
from bayesmix.checks.dependence import dependent_columns, gram_matrix
from bayesmix.checks.drafts import Draft, EffectTerm, offer, written_terms
from bayesmix.checks.groupchecks import explained_effects
from bayesmix.checks.recentred import settled
from bayesmix.checks.shifts import Shifts
from bayesmix.formula.rewrites import LONGEST, add_terms, remove_terms
from bayesmix.frames.columns import distinct_levels, listed

if TYPE_CHECKING:
    from bayesmix.checks.candidates import Candidates
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm
    from bayesmix.formula.formula import Formula

__all__ = ["few_levels"]

type Term = tuple[str, ...]

_FEW = 5


@dataclasses.dataclass(frozen=True, eq=False)
class _Moved:
    """A grouping factor whose effects could be population effects.

    `categories` are its columns as categories, without those that the others make up.
    """

    index: int
    group: GroupTerm
    categories: Term
    effects: tuple[EffectTerm, ...]

    def chosen(self, slopes: bool) -> tuple[EffectTerm, ...]:
        """Give all effects, or the intercept alone if there is one."""
        intercept = tuple(one for one in self.effects if not one.term)
        return self.effects if slopes or not intercept else intercept

    def terms(self, slopes: bool, crossed: bool) -> Iterator[Term]:
        """Write the effects as population effects, combinations as products or as sums."""
        products = [self.categories] if crossed else [(name,) for name in self.categories]
        for one in self.chosen(slopes):
            yield from ((*product, *one.term) for product in products)


def few_levels(
    design: Design, draft: Draft, candidates: Candidates, shifts: Shifts
) -> tuple[list[str], Draft]:
    """Find factors with so few levels that their sds rest on the prior.

    One message for all of them. Its formula has the levels as population effects: numbers as
    categories, slopes as interactions, and nothing that the rows cannot tell apart.
    """
    few = [i for i, term in enumerate(design.groups) if term.n_levels < _FEW and draft.effects[i]]
    if not few:
        return [], draft
    groups = [design.groups[i] for i in few]
    if len(few) == 1:
        lead = f"Grouping factor '{groups[0].factor}' has "
        lead += f"{count(groups[0].n_levels, 'level')}; "
    else:
        counts = (f"'{term.factor}' has {count(term.n_levels, 'level')}" for term in groups)
        lead = f"Grouping factors: {', '.join(counts)}; "
    if sum(one.size for i in few for one in draft.effects[i]) == 1:
        lead += f"an sd estimated from fewer than {_FEW} leans on its prior. Check that prior"
    else:
        lead += f"sds estimated from fewer than {_FEW} lean on their priors. Check those priors"
    if len(str(draft.formula)) > LONGEST:
        return [f"{lead}."], draft
    moved = [_moved(i, design, draft, candidates) for i in few]
    message, changed = _with_advice(lead, design, draft, shifts, moved)
    return [message], changed


def _with_advice(
    lead: str, design: Design, draft: Draft, shifts: Shifts, moved: Sequence[_Moved | None]
) -> tuple[str, Draft]:
    candidates = shifts.candidates
    known = [one for one in moved if one is not None]
    if len(known) < len(moved):
        return f"{lead}.", draft
    left = draft
    for one in known:
        left = left.keep(one.index, one.group.variables, ())
    levels = _first_that_fits(design, draft, candidates, known, slopes=False)
    slopes = None
    if any(one.chosen(slopes=True) != one.chosen(slopes=False) for one in known):
        slopes = _first_that_fits(design, draft, candidates, known, slopes=True)
        same = "with the same slopes for all levels "
    else:
        same = ""
    changed = draft
    if slopes is not None:
        changed = settled(left.with_formula(slopes[0]), shifts)
        words = f"{lead}, or {slopes[1]}with slopes for each level use population effects"
        lead = offer(words, changed.formula).removesuffix(".")
    if levels is None:
        return f"{lead}.", changed
    alone = settled(left.with_formula(levels[0]), shifts)
    message = offer(f"{lead}, or {levels[1]}{same}use a population effect", alone.formula)
    return message, alone if slopes is None else changed


def _moved(index: int, design: Design, draft: Draft, candidates: Candidates) -> _Moved | None:
    term = design.groups[index]
    variables = term.variables
    for name in term.variables:
        others = tuple(other for other in variables if other != name)
        if others and len(distinct_levels(others, candidates.sample)[1]) == term.n_levels:
            variables = others
    categories = [candidates.category(name) for name in variables]
    known = tuple(name for name in categories if name is not None)
    if len(known) < len(categories):
        return None
    return _Moved(index, term, known, draft.effects[index])


def _first_that_fits(
    design: Design, draft: Draft, candidates: Candidates, moved: Sequence[_Moved], *, slopes: bool
) -> tuple[Formula, str] | None:
    """Find population effects that say the same and that the rows tell apart, and at what cost."""
    left = draft
    for one in moved:
        left = left.keep(one.index, one.group.variables, ())
    finest = [one for one in moved if not any(_is_coarser(one, other) for other in moved)]
    subsets = [moved] if len(finest) == len(moved) else [moved, finest]
    for absorb in (False, True):
        gone = _absorbed(design, candidates, finest, slopes) if absorb else ()
        if absorb and not gone:
            break
        for subset, crossed in itertools.product(subsets, (True, False)):
            terms = [term for one in subset for term in one.terms(slopes, crossed)]
            formula = add_terms(remove_terms(left.formula, gone), terms)
            if _says_the_same(formula, design, left, candidates, moved, slopes):
                names = listed((f"'{':'.join(term)}'" for term in gone), 4)
                return formula, f"without {names}, which the levels take in, " if gone else ""
    return None


def _is_coarser(one: _Moved, other: _Moved) -> bool:
    """Tell whether levels of the one are made of levels of the other; if equal, the later is."""
    if one.group.n_levels > other.group.n_levels:
        return False
    partner = np.zeros(other.group.n_levels, dtype=np.int64)
    partner[other.group.codes] = one.group.codes
    is_made = np.array_equal(partner[other.group.codes], one.group.codes)
    return is_made and (one.group.n_levels, -one.index) < (other.group.n_levels, -other.index)


def _absorbed(
    design: Design, candidates: Candidates, moved: Sequence[_Moved], slopes: bool
) -> tuple[Term, ...]:
    """Find population effects that effects of levels would be instead of."""
    indicators = []
    for one in moved:
        group = candidates.taken(one.group)
        indicators += [
            (group.codes == level) * column
            for effect in one.chosen(slopes)
            for column in effect.values(group)
            for level in range(group.n_levels)
        ]
    gram = gram_matrix([np.column_stack(indicators), candidates.X], has_constant=False)
    first = design.has_intercept - len(indicators)
    dependent = {first + k for k in dependent_columns(gram, len(indicators))}
    return tuple(
        one.term
        for one in written_terms(design.encoder.common)
        if one.term and dependent.issuperset(one.columns)
    )


def _says_the_same(
    formula: Formula,
    design: Design,
    draft: Draft,
    candidates: Candidates,
    moved: Sequence[_Moved],
    slopes: bool,
) -> bool:
    """Try population effects: no column too many, all moved effects there, and no others."""
    made = candidates.matrix(formula)
    if made is None:
        return False
    wanted = list(draft.effects)
    for one in moved:
        wanted[one.index] = one.chosen(slopes)
    groups = [candidates.taken(term) for term in design.groups]
    found = explained_effects(*made, groups, wanted)
    return {i: set(effects) for i, effects in found.items()} == {
        one.index: set(one.chosen(slopes)) for one in moved
    }
