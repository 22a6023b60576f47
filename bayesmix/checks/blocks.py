"""Effects of a bar whose columns are made of those of others, so that no data tell them apart."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.checks.dependence import Gram, dependent_columns, gram_matrix
from bayesmix.checks.drafts import Draft, EffectTerm, offer
from bayesmix.formula.rewrites import bars_of, read_sum
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.checks.candidates import Candidates
    from bayesmix.checks.shifts import Shifts
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["effects_of_the_same_columns"]

type Checked = tuple[list[str], Draft]

_FEW = 3
# Correlation from which on two columns may be multiples of each other, and are looked at.
_NEAR = 1 - 1e-9


def effects_of_the_same_columns(
    design: Design, draft: Draft, candidates: Candidates, shifts: Shifts
) -> Checked:
    """Find effects of a grouping factor that its other effects leave nothing of their own.

    Of ``(x + z | g)`` with z = 2x the rows know u_x + 2 u_z alone. Effects in blocks of their own
    are told apart by their sds, unless the columns are multiples of each other: the columns of f
    in ``(1 | g) + (0 + f | g)`` sum to one, and both sds are known.
    """
    messages = []
    for i, term in enumerate(design.groups):
        made = _made_of_others(term, {k for one in draft.effects[i] for k in one.columns})
        if not made or _is_far(draft, term, shifts):
            continue
        gone = _superfluous(draft, i, made)
        # Parts of a categorical effect are made of others wherever combinations are missing.
        left_out = {k for one in gone for k in one.columns}
        if not all(left_out & {k, *others} for k, others in made.items()):
            continue
        facts = [_fact(term, k, others) for k, others in made.items()]
        # Whole ones: `listed` would cut them in the middle.
        more = [f"... ({len(facts) - _FEW} more)"] if len(facts) > _FEW else []
        said = ", ".join(facts[:_FEW] + more)
        message = (
            f"Of the effects that vary by '{term.factor}', {said}, so that the data cannot tell "
            f"{'it' if len(facts) == 1 else 'them'} from the other effects and only "
            "the priors do. "
        )
        changed = draft.without(i, term.variables, [one.term for one in gone], candidates)
        if changed is None:
            continue
        draft = changed
        names = listed([f"'{one.name}'" for one in gone], _FEW)
        messages.append(offer(f"{message}Leave {names} out of the bar", draft.formula))
    return messages, draft


def _made_of_others(term: GroupTerm, left: set[int]) -> dict[int, list[int]]:
    """Find, by column, those before it that it is a multiple of, or in its block made of."""
    if not 1 < len(left) < len(term.Z):
        return {}
    gram = gram_matrix([term.Z], has_constant=False)
    made: dict[int, list[int]] = {}
    constant = np.diag(gram.products) == 0
    near = (np.abs(gram.products) > _NEAR) | np.logical_and.outer(constant, constant)
    for j, k in itertools.combinations(sorted(left), 2):
        if near[j, k] and j not in made and k not in made and k in _dependent(gram, (j, k)):
            made[k] = [j]
    for block in term.correlations.blocks:
        if block.structure.any_columns:
            found = _dependent(gram, [k for k in block.effects if k in left - made.keys()])
            made |= {k: others for k, others in found.items() if k not in made}
    return dict(sorted(made.items()))


def _dependent(gram: Gram, columns: Sequence[int]) -> dict[int, list[int]]:
    chosen = np.isin(np.arange(len(gram.products)), columns)
    found = dependent_columns(gram.take(chosen))
    return {columns[j]: [columns[k] for k in others] for j, others in found.items()}


def _is_far(draft: Draft, term: GroupTerm, shifts: Shifts) -> bool:
    """Tell whether the columns only look alike since a zero is far from the data."""
    moved = [shifts.moved(bar.effects) for bar in bars_of(draft.formula, term.variables)]
    known = [gram for gram in moved if gram is not None]
    return bool(known) and not any(dependent_columns(gram) for gram in known)


def _superfluous(draft: Draft, index: int, made: Mapping[int, Sequence[int]]) -> list[EffectTerm]:
    """Find the terms to leave out: of two that are multiples the one without population effect."""
    population = read_sum(draft.formula.common).terms
    owners = {k: one for one in draft.effects[index] for k in one.columns}
    gone = []
    for one in draft.effects[index]:
        if not one.columns or not all(k in made for k in one.columns):
            continue
        twins = {owners[j] for k in one.columns for j in made[k]}
        twin = twins.pop() if len(twins) == 1 else None
        if (
            twin is not None
            and twin.term
            and twin.size == one.size
            and one.term in population
            and twin.term not in population
            and twin not in gone
        ):
            gone.append(twin)
        else:
            gone.append(one)
    return gone


def _fact(term: GroupTerm, k: int, others: Sequence[int]) -> str:
    """Say what a column is made of."""
    label, column = term.effects[k], term.Z[:, k]
    if not column.any():
        return f"'{label}' is zero in every row"
    if (column == column[0]).all():
        return f"'{label}' is constant"
    names = listed([f"'{term.effects[j]}'" for j in others], _FEW)
    if k in _dependent(gram_matrix([term.Z], has_constant=False), sorted([*others, k])):
        relation = "a multiple" if len(others) == 1 else "a linear combination"
        return f"'{label}' is {relation} of {names}"
    return f"'{label}' is a linear combination of {names} and the intercept"
