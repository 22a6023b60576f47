"""What probably was not meant: the checks of a design, which return messages."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.words import count
from bayesmix.checks.blocks import effects_of_the_same_columns
from bayesmix.checks.candidates import Candidates
from bayesmix.checks.dependence import Gram, dependent_columns
from bayesmix.checks.drafts import (
    Draft,
    first_draft,
    offer,
    written_terms,
)
from bayesmix.checks.fewlevels import few_levels
from bayesmix.checks.fixed import unidentified_scale
from bayesmix.checks.groupchecks import (
    effects_of_the_population,
    effects_of_the_same_groups,
    more_effects_than_rows,
)
from bayesmix.checks.separation import no_zeros
from bayesmix.checks.shifts import Shifts
from bayesmix.checks.slopes import slopes_without_population_effect
from bayesmix.formula.rewrites import LONGEST, remove_terms
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    import pandas as pd

    from bayesmix.design.design import Design
    from bayesmix.encoding.namespace import Namespace
    from bayesmix.families.family import Family
    from bayesmix.formula.formula import Formula

__all__ = [
    "Findings",
    "check_design",
    "check_predictor",
    "redundant_columns",
    "response_among_columns",
]

type Term = tuple[str, ...]
type Checked = tuple[list[str], Draft]

_FEW = 5
# Rows that tell nearly all columns from the response, and how near one is to it.
_MANY_ROWS, _SAME = 1000, 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Findings:
    """What the checks have to say, and what a check that needs the priors goes on with.

    Attributes
    ----------
    messages : tuple of str
        Empty if there is nothing to say.
    draft : Draft
        The formula with the changes of all messages.
    shifts : Shifts
    has_response : bool
        Whether a column is the response.
    """

    messages: tuple[str, ...]
    draft: Draft
    shifts: Shifts
    has_response: bool


def check_design(
    design: Design,
    family: Family,
    columns: Mapping[str, pd.Series[Any]],
    namespace: Namespace,
) -> Findings:
    """Run every check on a design.

    Parameters
    ----------
    design : Design
    family : Family
    columns : mapping of str to Series
        Columns of the rows that are fitted, grouping factors included.
    namespace : Namespace
        Names that are no columns.

    Returns
    -------
    Findings
        Messages have counts and at most one formula to write instead. The formula of each has the
        changes of those before it, too.
    """
    candidates = Candidates(design, columns, namespace)
    shifts = Shifts(candidates)
    redundant, draft = redundant_columns(design, first_draft(design), candidates, shifts)
    itself, draft = response_among_columns(design, draft, candidates)
    explained, draft = effects_of_the_population(design, draft, candidates)
    same, draft = effects_of_the_same_groups(design, draft, candidates)
    alike, draft = effects_of_the_same_columns(design, draft, candidates, shifts)
    many, draft = more_effects_than_rows(design, family, draft, candidates)
    slopes, draft = slopes_without_population_effect(design, draft, candidates, shifts)
    few, draft = few_levels(design, draft, candidates, shifts)
    zeros = no_zeros(design, family)
    messages = (*redundant, *itself, *explained, *same, *alike, *many, *slopes, *few, *zeros)
    return Findings(messages, draft, shifts, bool(itself))


def check_predictor(
    design: Design,
    family: Family,
    columns: Mapping[str, pd.Series[Any]],
    namespace: Namespace,
) -> tuple[str, ...]:
    """Run the checks of columns and groups on the predictor of a further parameter."""
    candidates = Candidates(design, columns, namespace)
    shifts = Shifts(candidates)
    redundant, draft = redundant_columns(design, first_draft(design), candidates, shifts)
    explained, draft = effects_of_the_population(design, draft, candidates)
    same, draft = effects_of_the_same_groups(design, draft, candidates)
    alike, draft = effects_of_the_same_columns(design, draft, candidates, shifts)
    slopes, draft = slopes_without_population_effect(design, draft, candidates, shifts)
    few, _ = few_levels(design, draft, candidates, shifts)
    scale = unidentified_scale(design, family)
    return (*scale, *redundant, *explained, *same, *alike, *slopes, *few)


def redundant_columns(
    design: Design, draft: Draft, candidates: Candidates, shifts: Shifts
) -> tuple[list[str], Draft]:
    """Find columns of X that are constant, or made of others, so that the data cannot tell them."""
    if design.n_terms >= design.n_rows:
        return [_more_columns_than_rows(design)], draft
    facts: dict[str, str] = {}
    constant = set()
    first = int(design.has_intercept)
    for j, label in enumerate(design.terms[first:], first):
        values = design.X[:, j]
        if values.min() < values.max():
            continue
        if values[0] == 0:
            facts[label] = f"Column '{label}' is zero in every row, so only its prior speaks."
            constant.add(j)
        elif design.has_constant:
            facts[label] = (
                f"Column '{label}' is constant ({values[0]:g} in every row), so it cannot be told "
                "from the intercept and only its prior speaks."
            )
            constant.add(j)
    gram, made = _dependent(draft.formula, candidates, shifts)
    dependent = {
        first + j: [first + k for k in others]
        for j, others in made.items()
        if first + j not in constant
    }
    for j, others in dependent.items():
        names = listed((f"'{design.terms[k]}'" for k in others), _FEW)
        relation = "is a multiple of" if len(others) == 1 else "is a linear combination of"
        relation = f"{relation} {names}" if others else "is constant up to rounding, made of zero"
        facts[design.terms[j]] = (
            f"Column '{design.terms[j]}' {relation}"
            f"{' and the intercept' if design.has_constant else ''}, so the data cannot tell "
            "their effects apart and only the priors do."
        )
    if not facts:
        return [], draft
    if len(facts) > _FEW:
        names = listed(map(repr, facts), _FEW)
        fact = (
            f"{len(facts)} of the {design.n_terms} columns of the population effects are constant "
            f"or made of others ({names}), so that the data cannot tell their effects apart and "
            "only the priors do."
        )
    else:
        fact = " ".join(facts.values())
    if len(str(draft.formula)) > LONGEST:
        return [f"{fact} Use fewer terms."], draft
    gone = _superfluous_terms(design, constant, dependent, gram)
    changed = draft.with_formula(remove_terms(draft.formula, gone))
    if not gone or not shifts.tells_apart(changed.formula):
        return [f"{fact} Use fewer terms."], draft
    if len(facts) > 1:
        remedy = f"Leave out {listed((repr(':'.join(term)) for term in gone), _FEW)}"
    else:
        remedy = "Leave it out" if constant else "Leave one of them out"
    return [offer(f"{fact} {remedy}", changed.formula)], changed


def _dependent(
    formula: Formula, candidates: Candidates, shifts: Shifts
) -> tuple[Gram, dict[int, list[int]]]:
    """Find columns made of others, but not those that only a far zero makes look so."""
    found = dependent_columns(candidates.gram)
    moved = shifts.population(formula) if found else None
    near = dependent_columns(moved) if moved else found
    if moved is None or found.keys() <= near.keys():
        return candidates.gram, found
    return moved, {j: others for j, others in near.items() if j in found}


def _superfluous_terms(
    design: Design,
    constant: Container[int],
    dependent: Mapping[int, Sequence[int]],
    gram: Gram,
) -> list[Term]:
    """Find terms without which the population effects stay the same; better those in no bar."""
    terms = {one.term: one.columns for one in written_terms(design.encoder.common) if one.term}
    gone = [term for term, columns in terms.items() if all(j in constant for j in columns)]
    varying = {one.term for bar in design.encoder.bars.values() for one in written_terms(bar)}
    involved = {*dependent, *(k for others in dependent.values() for k in others)}
    asked = [term for term in terms if term not in gone and involved.intersection(terms[term])]
    positions = np.arange(design.has_intercept, design.n_terms)
    left = ~np.isin(positions, [j for term in gone for j in terms[term]])
    rank = int(left.sum()) - len(dependent_columns(gram.take(left)))
    for term in sorted(reversed(asked), key=lambda term: term in varying):
        without = left & ~np.isin(positions, terms[term])
        if left.sum() > rank == without.sum() - len(dependent_columns(gram.take(without))):
            gone.append(term)
            left = without
    return gone


def _more_columns_than_rows(design: Design) -> str:
    effects = design.encoder.common
    name, span = max(zip(effects.names, effects.spans, strict=True), key=lambda pair: len(pair[1]))
    message = (
        f"The population effects have {count(design.n_terms, 'column')} for "
        f"{count(design.n_rows, 'row')}, so that "
        "the data cannot tell them apart and only the priors do. Use fewer terms."
    )
    if 2 * len(span) < design.n_rows:
        return message
    message += f" '{name}' alone makes {count(len(span), 'column')}"
    if design.encoder.categories.get(name) is None:
        return f"{message}."
    return f"{message}: numbers read as text become numbers with pd.to_numeric(data['{name}'])."


def response_among_columns(design: Design, draft: Draft, candidates: Candidates) -> Checked:
    """Find columns of X that are the response itself, but for a factor and a constant."""
    if design.n_rows <= 2 or (design.trials is not None and (design.trials > 1).any()):
        return [], draft
    terms = {k: one.term for one in written_terms(design.encoder.common) for k in one.columns}
    messages = []
    for k, (label, values) in enumerate(zip(design.terms, design.X.T, strict=True)):
        if label != "Intercept" and _same_direction(values, design.y, centre=design.has_constant):
            message = (
                f"Column '{label}' is the response '{design.response}' again, but for a factor and "
                f"a constant, so it leaves nothing to explain. Leave '{label}' out"
            )
            changed = draft.with_formula(remove_terms(draft.formula, [terms[k]]))
            if candidates.matrix(changed.formula) is None:
                messages.append(f"{message}.")
            else:
                draft = changed
                messages.append(offer(message, draft.formula))
    return messages, draft


def _same_direction(values: FloatArray, y: FloatArray, *, centre: bool) -> bool:
    """Whether two columns differ by a factor alone, and a constant if centred.

    Few rows tell of most columns that they do not.
    """
    x = np.zeros(0)
    for step in (max(1, len(y) // _MANY_ROWS), 1):
        x, own = (_direction(column[::step], centre=centre) for column in (values, y))
        if x.any() and np.abs(own - (x @ own) * x).max() >= _SAME:
            return False
    return bool(x.any())


def _direction(values: FloatArray, *, centre: bool) -> FloatArray:
    """Scale to unit length; a constant, if centred, becomes zeros."""
    size = float(np.abs(values).max()) or 1.0
    scaled = values / size
    scaled = scaled - scaled.mean() if centre else scaled
    length = float(np.linalg.norm(scaled))
    return scaled / length if length > 1e-12 * len(values) ** 0.5 else np.zeros(len(values))
