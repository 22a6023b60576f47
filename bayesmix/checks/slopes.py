"""Effects that vary by grouping factors round a mean that the formula fixes at zero."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bayesmix.checks.dependence import dependent_columns
from bayesmix.checks.drafts import Draft, EffectTerm, first_draft, offer, written_terms
from bayesmix.checks.groupchecks import idle_effects
from bayesmix.checks.recentred import settled
from bayesmix.checks.shifts import Shifts
from bayesmix.formula.rewrites import LONGEST, add_terms, read_sum, remove_terms
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.checks.candidates import Candidates
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["slopes_without_population_effect"]

type Term = tuple[str, ...]

_FEW = 5


def slopes_without_population_effect(
    design: Design, draft: Draft, candidates: Candidates, shifts: Shifts
) -> tuple[list[str], Draft]:
    """Find effects that vary by factors round means that the formula fixes at zero."""
    missing: dict[EffectTerm, list[str]] = {}
    bars: dict[str, None] = {}
    for term, effects, grouping in zip(
        design.groups, first_draft(design).effects, design.encoder.groupings, strict=True
    ):
        unexplained = _without_population_effect(term, candidates)
        for one in effects:
            if unexplained.intersection(one.columns):
                key = dataclasses.replace(one, columns=())
                missing.setdefault(key, []).append(f"'{term.factor}'")
                bars |= {
                    str(bar): None
                    for bar in grouping.bars
                    if any(
                        one.term == other.term
                        for other in written_terms(design.encoder.bars[bar.effects])
                    )
                }
    if not missing:
        return [], draft
    factors = {tuple(names) for names in missing.values()}
    where = f" by {', '.join(*factors)}" if len(factors) == 1 else ""
    names = listed(
        (
            f"'{one.name}'" + ("" if where else f" (by {', '.join(names)})")
            for one, names in missing.items()
        ),
        _FEW,
    )
    lead = f"{listed(bars, _FEW)}: the "
    if len(missing) == 1:
        lead += (
            f"effect of {names} varies{where} but has no population effect, so that its mean is "
            "fixed at zero. "
        )
    else:
        lead += (
            f"effects of {names} vary{where} but have no population effects, so that their means "
            "are fixed at zero. "
        )
    terms = {one.term: one.name for one in missing}
    remedy, changed = _with_terms(terms, design, draft, candidates)
    if changed is None:
        return [f"{lead}{remedy}."], draft
    changed = settled(changed, shifts)
    return [offer(f"{lead}{remedy}", changed.formula)], changed


def _with_terms(
    missing: Mapping[Term, str], design: Design, draft: Draft, candidates: Candidates
) -> tuple[str, Draft | None]:
    """Add population effects, in place of one that they take in if need be, or do without."""
    every = "it" if len(missing) == 1 else "them"
    if len(str(draft.formula)) > LONGEST:
        return f"Add {every}", draft.with_formula(add_terms(draft.formula, missing))
    for gone in ((), *read_sum(draft.formula.common).terms[:_FEW]):
        common = remove_terms(draft.formula, [gone]) if gone else draft.formula
        changed = draft.with_formula(add_terms(common, missing))
        if _is_better(changed, candidates):
            place = f" in place of '{':'.join(gone)}'" if gone else ""
            return f"Add {every}{place}", changed
    added: list[Term] = []
    for term in missing:
        one = draft.with_formula(add_terms(draft.formula, [*added, term]))
        if _is_better(one, candidates):
            added.append(term)
    left = draft.with_formula(add_terms(draft.formula, added))
    dropped: Draft | None = left
    names = listed((f"'{name}'" for term, name in missing.items() if term not in added), _FEW)
    for index, group in enumerate(design.groups):
        gone_terms = {one.term for one in left.effects[index]} & ({*missing} - {*added})
        if gone_terms and dropped is not None:
            dropped = dropped.without(index, group.variables, gone_terms, candidates)
    some = f"leave {every if not added else names} out of the bars"
    return (f"Add the others, and {some}" if added else some.capitalize()), dropped


def _is_better(draft: Draft, candidates: Candidates) -> bool:
    """Try population effects: told apart by the rows, none lost, and no group effects made idle."""
    made = candidates.matrix(draft.formula)
    if made is None:
        return False
    X, gram = made
    dependent = dependent_columns(gram.extended(X, [candidates.X]), X.shape[1])
    if any(X.shape[1] + k not in dependent for k in range(candidates.X.shape[1])):
        return False
    already = idle_effects(candidates.X, candidates.X_gram, draft, candidates)
    return idle_effects(X, gram, draft, candidates) <= already


def _without_population_effect(term: GroupTerm, candidates: Candidates) -> set[int]:
    """Find columns of Z that are no column of X and not made of those."""
    design = candidates.design
    # Effects at single thresholds are population effects, too.
    single = (own.terms for own in design.predictors.values() if own.means is not None)
    known = {"Intercept", *design.terms, *(name for terms in single for name in terms)}
    new = [k for k, name in enumerate(term.effects) if name not in known]
    if not new:
        return set()
    X = design.X[:, design.has_intercept :]
    made = dependent_columns(candidates.gram.extended(X, [term.Z[:, new]]), X.shape[1])
    return {k for i, k in enumerate(new) if X.shape[1] + i not in made}
