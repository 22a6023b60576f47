"""Covariates whose zero is far from the data, in models that depend on where the zero is.

In ``(x || g)`` the intercepts of the groups stand at x = 0 and are independent of the slopes there:
another model for another zero. It is the same without an intercept, ``(0 + x | g)``, with one for
each category, ``(0 + f + x | g)``, and where a prior was set for the sd of the intercept of
``(x | g)``, which is then for the effect as written. Products and powers of x beside x have their
own default priors, by the size of their columns, which grows with the distance of the zero while
their effects do not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from bayesmix.base.errors import DesignWarning, warn
from bayesmix.checks.checks import Findings
from bayesmix.checks.drafts import written_terms
from bayesmix.checks.recentred import recentred
from bayesmix.checks.shifts import Cause, FarZero, Reliance, far_zero
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.formula.rewrites import is_readable, replace_variables
from bayesmix.frames.columns import listed
from bayesmix.priors.priorset import PriorSet

__all__ = ["warn_of_zeros"]

_REMEDY = "Make a centred column in the data first and use that."


def warn_of_zeros(design: Design, priors: PriorSet, findings: Findings | None = None) -> Design:
    """Warn where a model depends on a zero that is far from the data.

    Parameters
    ----------
    design : Design
    priors : PriorSet
        The priors of its model.
    findings : Findings, optional
        Of the checks of its design; without them only columns of group effects are looked at, and
        the formula to write is not tried.

    Returns
    -------
    Design
        The same, with the text of the warning among its notes.

    Warns
    -----
    DesignWarning
        Once, for all columns whose mean is more than 3 sds from zero, with the formula to write.
    """
    own = [
        term.factor
        for term in design.groups
        if term.means is not None and term.factor not in priors.centred
    ]
    lead = ""
    if findings is None:
        found = [one for term in design.groups for one in _reliances(term, own)]
    else:
        found = _by_default(findings.shifts.reliances(design.formula, own), priors)
    if not found and findings is not None:
        found = _by_default(findings.shifts.reliances(findings.draft.formula, own), priors)
        lead = "In the formula that is offered "
    if not found:
        return design
    remedy = _untried(design, found) if findings is None else _tried(findings, found, own)
    note = f"{lead}{_fact(found)} {remedy}"
    if any(one.cause == "model" for one in found):
        note += " In one correlated block with an intercept, (1 + x | g), the zero does not matter."
    warn(note, DesignWarning)
    return dataclasses.replace(design, notes=(*design.notes, note))


def _by_default(found: list[Reliance], priors: PriorSet) -> list[Reliance]:
    """Leave out effects whose prior was set, so that no default prior is moved."""
    given = {leaf.path for leaf in priors.leaves if leaf.prior != leaf.default}
    return [
        one
        for one in found
        if one.cause != "default prior"
        or (_path(one) if one.factor else f"beta:{one.label}") not in given
    ]


def _reliances(term: GroupTerm, own: Iterable[str]) -> Iterator[Reliance]:
    is_own = term.factor in own
    harmless = () if term.means is None or is_own else term.intercept_block
    for k, label in enumerate(term.effects):
        zero = far_zero(label, term.Z[:, k]) if label != "Intercept" else None
        if zero and k not in harmless:
            cause: Cause = "set prior" if is_own and k in term.intercept_block else "model"
            yield Reliance(label, term.factor, (zero,), cause)


def _fact(found: list[Reliance]) -> str:
    zeros = _zeros(found)
    verb, zero, moves = ("is", "its zero", "moves")
    if len(zeros) > 1:
        verb, zero, moves = ("are", "their zeros", "move")
    own = dict.fromkeys(one.factor for one in found if one.cause == "set prior")
    factors = dict.fromkeys(one.factor for one in found if one.cause == "model")
    paths = dict.fromkeys(_path(one) for one in found if one.cause == "default prior")
    why = []
    if own:
        names = ", ".join(f"'sd:{factor}:Intercept'" for factor in own)
        why.append(f"the prior that was set for {names} is for the intercept there")
    if factors:
        named = ", ".join(f"'{factor}'" for factor in factors)
        why.append(f"the model of the group effects of {named} depends on {zero}")
    if paths:
        priors, does = ("prior", "does") if len(paths) == 1 else ("priors", "do")
        start = f"so {does}" if factors else f"{zero} {moves}"
        why.append(f"{start} the default {priors} of {listed(map(repr, paths), 3)}")
    return f"{listed(map(str, zeros))} {verb} far from zero, and {', and '.join(why)}."


def _path(one: Reliance) -> str:
    return f"sd:{one.factor}:{one.label}" if one.factor else one.label


def _zeros(found: Iterable[Reliance]) -> tuple[FarZero, ...]:
    return tuple(dict.fromkeys(zero for one in found for zero in one.zeros))


def _tried(findings: Findings, found: list[Reliance], own: list[str]) -> str:
    """Offer the formula of the warnings before with centred columns."""
    draft, shifts = findings.draft, findings.shifts
    left = shifts.reliances(draft.formula, own)
    if not left and is_readable(draft.formula):
        return f"It is not so in: {draft.formula}."
    names = {zero.name for zero in _zeros([*found, *left])}
    changed = recentred(draft, names, shifts, own)
    if changed is None:
        return _REMEDY
    added = [f"'{':'.join(term)}'" if term else "the intercept" for term in changed.added]
    words = "Centre"
    if added:
        words += f", which needs {listed(added)} among the population effects"
    return f"{words}: {changed.formula}."


def _untried(design: Design, found: list[Reliance]) -> str:
    columns = {
        effects.labels[k]: one.term
        for effects in design.encoder.bars.values()
        for one in written_terms(effects)
        for k in one.columns
    }
    parts = {part for one in found for part in columns.get(one.label, ())}
    categories = design.encoder.categories
    centres = {
        part.replace("`", ""): f"center({part})"
        for part in parts
        if categories.get(part.strip("`")) is None
    }
    changed = replace_variables(design.formula, centres)
    return f"Centre: {changed}." if str(changed) != str(design.formula) else _REMEDY
