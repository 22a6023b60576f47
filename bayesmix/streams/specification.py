"""A specification of rows that are not in memory, in two passes over them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from bayesmix.base.arguments import one_of
from bayesmix.base.arrays import unique
from bayesmix.base.errors import BayesmixError, DesignWarning, FormulaError, readable, warn
from bayesmix.design.design import Design
from bayesmix.design.magnitudes import check_response_size
from bayesmix.design.totals import Totals
from bayesmix.encoding.namespace import Namespace, resolve_names, unknown_column
from bayesmix.encoding.sides import Side
from bayesmix.encoding.wholes import coded_columns, supply, unsupplied, whole_calls
from bayesmix.formula.formula import Formula, check_text, parse_formula
from bayesmix.frames.frames import Frame
from bayesmix.model.gaussian import effects_obstacle
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.byrow import ByRow, by_row
from bayesmix.preparation.make import text_notes
from bayesmix.preparation.request import Request
from bayesmix.priors.defaults import resolve_priors
from bayesmix.streams.checks import notes_of
from bayesmix.streams.encoding import Encoding, reference_of, without_rows
from bayesmix.streams.facts import Facts, FactSums, Plan
from bayesmix.streams.lookups import with_lookups
from bayesmix.streams.naming import naming_rows
from bayesmix.streams.refusals import by_column, check_gaussian, check_settled
from bayesmix.streams.rows import Rows
from bayesmix.streams.teaching import read_sides, taught

__all__ = ["streamed_specification"]

type Report = Callable[[str, float], None]

_FIRST, _SECOND = "Reading levels and categories", "Summing over the rows"


def streamed_specification(request: Request, rows: Rows, report: Report) -> ModelSpec:
    """Pass over the rows twice: levels and categories first, then sums.

    `report` takes what is done and the share of it that is.
    """
    own, namespace = request.own_family(), request.namespace
    check_gaussian(own, request.predictors, rows.what)
    weights, se = by_column("weights", request.weights), by_column("se", request.se)
    one_of("missing", request.missing, ("drop", "raise"))
    check_text(request.formula)
    header = pd.DataFrame(columns=rows.columns)
    read = parse_formula(request.formula, columns=header.columns, namespace=namespace)
    given = by_row(weights, se)
    sides = read_sides(read, own)
    names = resolve_names(sides, header, namespace, read)
    used = _used_columns(read, sides, header, given)
    facts, states = _first_pass(read, rows, sides, names, used, given, report)
    notes = list(facts.dropped(request.missing))
    with naming_rows(rows.part):
        learnt = taught(*(read, facts.frame(), own, weights, se, states, namespace, facts.n_kept))
    unsupplied([part for one in learnt.encoder.encoders for part in one.parts], states)
    notes += text_notes(sides[1:], learnt.encoder.categories)
    # Squares of huge numbers overflow; these are refused by name afterwards.
    with np.errstate(over="ignore", invalid="ignore"):
        design = _second_pass(learnt, rows, used, facts, states, report)
    check_response_size(design)
    prior_set = resolve_priors(design, own, request.priors)
    design = _with_notes(design, notes)
    spec = ModelSpec(design, own, prior_set)
    check_settled(effects_obstacle(spec), rows.what)
    return spec


def _used_columns(
    formula: Formula, sides: Sequence[Side], header: pd.DataFrame, given: ByRow | None
) -> tuple[str, ...]:
    names = [name for side in sides for name in side.columns(header.columns)]
    for name in (name for bar in formula.bars for name in bar.factor):
        if name not in header.columns:
            raise unknown_column(name, header, formula)
        names.append(name)
    if not names:
        raise FormulaError(
            "The formula uses no column of the data. Name the response: y ~ x.", formula.text
        )
    if given is not None and given.column is not None:
        given.check_name(Frame(header, header, "data"))
        names.append(given.column)
    return unique(names)


def _first_pass(
    formula: Formula,
    rows: Rows,
    sides: Sequence[Side],
    names: Namespace,
    used: tuple[str, ...],
    given: ByRow | None,
    report: Report,
) -> tuple[Facts, dict[str, tuple[float, ...]]]:
    """Find levels and categories, and what calls learn: those within others need a pass more."""
    calls = whole_calls(sides, rows.columns, names)
    plan = Plan(
        used,
        tuple(dict.fromkeys(bar.factor for bar in formula.bars)),
        frozenset(coded_columns(sides, rows.columns)),
        rows.texts,
        tuple(call for call in calls if call.depth == 0),
        given,
    )
    facts = _facts(rows, plan, report)
    states: dict[str, tuple[float, ...]] = {}
    found = facts
    for depth in range(1 + max((call.depth for call in calls), default=-1)):
        own = tuple(call for call in calls if call.depth == depth)
        if depth:
            found = _facts(rows, dataclasses.replace(plan, factors=(), calls=own), report)
        states |= {call.text: call.state(found.calls[call.text]) for call in own}
        supply(sides, states)
    return facts, states


def _facts(rows: Rows, plan: Plan, report: Report) -> Facts:
    facts = rows.summed(
        plan.names,
        functools.partial(FactSums, plan),
        lambda share: report(_FIRST, share),
    )
    if facts is None or not facts.n_rows:
        raise BayesmixError("data has no rows. Check which files were written.")
    return facts


def _second_pass(
    learnt: Design,
    rows: Rows,
    used: tuple[str, ...],
    facts: Facts,
    states: dict[str, tuple[float, ...]],
    report: Report,
) -> Design:
    """Sum over all rows, encoded as those that the design was learnt from."""
    source = learnt.source
    assert source is not None
    encoding = Encoding(used, with_lookups(learnt.encoder, source), reference_of(learnt))
    totals: Totals | None = rows.summed(used, encoding.begin, lambda share: report(_SECOND, share))
    n_rows = 0 if totals is None else totals.n_rows
    if totals is None or n_rows != facts.n_kept:
        raise BayesmixError(
            f"{rows.what[:1].upper()}{rows.what[1:]} had {facts.n_kept} rows without missing "
            f"values in the first pass and {n_rows} in the second: they have changed in between. "
            "Fit again when nobody writes to them."
        )
    return without_rows(learnt, dataclasses.replace(totals, rows=source, states=states))


def _with_notes(design: Design, notes: Sequence[str]) -> Design:
    every = tuple(map(readable, (*notes, *notes_of(design))))
    for note in every:
        warn(note, DesignWarning)
    return dataclasses.replace(design, notes=every)
