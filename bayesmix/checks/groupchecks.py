"""Checks of group effects: those that only priors tell from something else, and few levels.

Each takes the draft of the formula that the checks before it have left, and returns messages and
the next draft.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.words import count
from bayesmix.checks.dependence import Gram, dependent_columns
from bayesmix.checks.drafts import Draft, EffectTerm, offer, written_terms
from bayesmix.formula.rewrites import quoted
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.checks.candidates import Candidates
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm
    from bayesmix.families.family import Family

__all__ = [
    "effects_of_the_population",
    "effects_of_the_same_groups",
    "explained_effects",
    "idle_effects",
    "more_effects_than_rows",
    "same_groups",
]

type Checked = tuple[list[str], Draft]


def effects_of_the_population(design: Design, draft: Draft, candidates: Candidates) -> Checked:
    """Find group effects that population effects leave nothing to explain."""
    if design.n_terms >= design.n_rows:
        return [], draft
    names = _names_of_columns(design)
    messages = []
    for i, found in _explained(draft, candidates).items():
        factor = design.groups[i].factor
        causes = dict.fromkeys(names[k] for columns in found.values() for k in columns)
        named = listed((f"'{name}'" for name in causes), 4)
        effects = ", ".join(one.name for one in found)
        message = (
            f"The population effects ({named}) are free for each level of '{factor}' already, so "
            f"that nothing is left for its group effects ({effects}) to explain and only the "
            "priors share the differences out. "
        )
        message += f"Leave {named} out of them" if len(causes) == 1 else "Use fewer of them"
        gone = [one.term for one in found]
        changed = draft.without(i, design.groups[i].variables, gone, candidates)
        if changed is None:
            messages.append(f"{message}.")
        else:
            draft = changed
            words = "or leave out these group effects and only use a population effect"
            messages.append(offer(f"{message}, {words}", draft.formula))
    return messages, draft


def _explained(draft: Draft, candidates: Candidates) -> dict[int, dict[EffectTerm, list[int]]]:
    design = candidates.design
    X = design.X[:, design.has_intercept :]
    return explained_effects(X, candidates.gram, design.groups, draft.effects)


def explained_effects(
    X: FloatArray,
    gram: Gram,
    groups: Sequence[GroupTerm],
    effects: Sequence[Sequence[EffectTerm]],
) -> dict[int, dict[EffectTerm, list[int]]]:
    """Find effects of grouping factors that lie in the space of population effects.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Population effects without the intercept.
    gram : Gram
        Of X.
    groups : sequence of GroupTerm
    effects : sequence of sequence of EffectTerm
        Those of each grouping factor that are asked about.

    Returns
    -------
    dict of int to dict of EffectTerm to list of int
        By grouping factor and effect, the columns of X that it is made of.
    """
    # A combination of the levels with random weights is in the space if and only if each level
    # is, but for weights of probability zero.
    rng = np.random.default_rng(1)
    asked: list[tuple[int, EffectTerm]] = []
    combinations: list[FloatArray] = []
    for i, (term, some) in enumerate(zip(groups, effects, strict=True)):
        if term.n_levels <= X.shape[1] + gram.has_constant:
            weights = rng.uniform(1, 2, term.n_levels) * rng.choice([-1, 1], term.n_levels)
            for one in some:
                asked += [(i, one)] * one.size
                combinations += [weights[term.codes] * column for column in one.values(term)]
    if not asked:
        return {}
    columns = X.shape[1]
    extended = gram.extended(X, [column[:, None] for column in combinations])
    made_of = dependent_columns(extended, columns)
    found: dict[int, dict[EffectTerm, list[int]]] = {}
    for (i, one), same in itertools.groupby(range(len(asked)), asked.__getitem__):
        parts = [made_of.get(columns + k) for k in same]
        if all(parts):
            found.setdefault(i, {})[one] = sorted({k for part in parts for k in part or ()})
    return found


def idle_effects(
    X: FloatArray, gram: Gram, draft: Draft, candidates: Candidates
) -> set[tuple[int, EffectTerm]]:
    """Find the effects of a draft that other population effects, on trial, leave nothing for."""
    groups = [candidates.taken(term) for term in candidates.design.groups]
    found = explained_effects(X, gram, groups, draft.effects)
    return {(i, one) for i, some in found.items() for one in some}


def _names_of_columns(design: Design) -> list[str]:
    terms = written_terms(design.encoder.common)
    names = {k: ":".join(one.term).replace("`", "") for one in terms for k in one.columns}
    return [names[k] for k in range(design.has_intercept, design.n_terms)]


def effects_of_the_same_groups(design: Design, draft: Draft, candidates: Candidates) -> Checked:
    """Find grouping factors with other names or levels but the same groups of rows."""
    messages = []
    for i, j in itertools.combinations(range(len(design.groups)), 2):
        first, second = design.groups[i], design.groups[j]
        terms = {one.term for one in draft.effects[j]}
        both = {one.term: one.name for one in draft.effects[i] if one.term in terms}
        if not both or not same_groups(first, second):
            continue
        message = (
            f"Grouping factors '{first.factor}' and '{second.factor}' make the same "
            f"{count(first.n_levels, 'group')} of rows, so that the data cannot tell their effects "
            f"({', '.join(both.values())}) apart and only the priors do. Use one of them"
        )
        changed = draft.without(j, second.variables, both, candidates) or draft.without(
            i, first.variables, both, candidates
        )
        messages.append(offer(message, changed.formula) if changed else f"{message}.")
        draft = changed or draft
    return messages, draft


def same_groups(first: GroupTerm, second: GroupTerm) -> bool:
    """Tell whether two factors divide the rows in the same way."""
    if first.n_levels != second.n_levels:
        return False
    partner = np.zeros(first.n_levels, dtype=np.int64)
    partner[first.codes] = second.codes
    is_function = np.array_equal(partner[first.codes], second.codes)
    return is_function and len(np.unique(partner)) == first.n_levels


def more_effects_than_rows(
    design: Design, family: Family, draft: Draft, candidates: Candidates
) -> Checked:
    """Find factors with as many effects as rows, or with fewer rows than effects in most levels."""
    messages = []
    for i, term in enumerate(design.groups):
        effects = draft.effects[i]
        has_residual = family.has_residual_sd
        if term.n_levels == design.n_rows and (has_residual or _is_one_outcome(design, family)):
            message = _one_row_per_level(term, effects, family)
            draft = draft.keep(i, term.variables, ()) if message else draft
        else:
            message = _many_effects(design, term, effects, has_residual)
            draft = _intercept_alone(draft, i, candidates) if message else draft
            if message and draft.effects[i]:
                message += f", for example (1 | {':'.join(map(quoted, term.variables))})"
        if message:
            messages.append(offer(message, draft.formula))
    return messages, draft


def _intercept_alone(draft: Draft, index: int, candidates: Candidates) -> Draft:
    """Keep the intercept of a factor, unless only its absence told its groups from others."""
    groups = candidates.design.groups
    variables = groups[index].variables
    alone = draft.keep_intercept(index, variables)
    if candidates.design.n_terms >= candidates.design.n_rows:
        return alone
    others = (
        term
        for i, term in enumerate(groups)
        if i != index and any(not one.term for one in draft.effects[i])
    )
    is_superfluous = index in _explained(alone, candidates) or any(
        same_groups(groups[index], other) for other in others
    )
    return draft.keep(index, variables, ()) if is_superfluous else alone


def _is_one_outcome(design: Design, family: Family) -> bool:
    """Tell whether a row either has an outcome or has not."""
    one_trial = design.trials is None or bool(design.trials.max() <= 1)
    return (family.binary and one_trial) or family.response.has_categories


def _one_row_per_level(
    term: GroupTerm, effects: Sequence[EffectTerm], family: Family
) -> str | None:
    """Say that effects vary by row; one such effect is fine where rows vary more than a family."""
    if not effects:
        return None
    n = term.n_levels
    message = (
        f"Every row has its own level of '{term.factor}' ({count(n, 'level')}, {count(n, 'row')}), "
    )
    what = "its intercept" if effects[0].term == () else "its effects"
    if family.has_residual_sd:
        message += f"so that {what} cannot be told from the residual and only the priors do. "
    else:
        outcomes = "rows of 0 and 1 vary no more than their probability says"
        if family.response.has_categories:
            outcomes = "rows of one category each vary no more than the probabilities say"
        message += f"but {outcomes}, so that only the prior knows the sd of {what}. "
    remove = "Remove the intercept of" if len(effects) == 1 else "Remove the effects of"
    return f"{message}{remove} '{term.factor}'"


def _many_effects(
    design: Design, term: GroupTerm, effects: Sequence[EffectTerm], has_residual: bool
) -> str | None:
    columns = [k for one in effects for k in one.columns]
    counts = np.bincount(term.codes, minlength=term.n_levels)
    short = int((counts < len(columns)).sum())
    is_saturated = has_residual and term.n_levels * len(columns) >= design.n_rows
    message = (
        f"Grouping factor '{term.factor}' has {count(len(columns), 'effect')} "
        f"({', '.join(term.effects[k] for k in columns)}), "
    )
    if len(columns) > 1 and 2 * short >= term.n_levels:
        share = f"{short} of {term.n_levels}" if short < term.n_levels else f"all {short}"
        message += (
            f"but {share} levels have fewer rows than that, so the data say little about their sds "
            f"and correlations{', nor about the residual' if is_saturated else ''}."
        )
    elif is_saturated and effects:
        message += (
            f"so that its {term.n_levels} levels have as many effects as there are rows "
            f"({design.n_rows}); they cannot be told from the residual and only the priors do."
        )
    else:
        return None
    return f"{message} Use fewer effects"
