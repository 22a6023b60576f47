"""Rows that are added to a Gaussian model: its sums, those of the new rows, and new levels."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import IntArray, unique
from bayesmix.base.errors import BayesmixError, DesignWarning, short, warn
from bayesmix.base.memory import keep_freed_memory
from bayesmix.blocks.moved import renumbered
from bayesmix.design.columns import SE_COLUMN, WEIGHTS_COLUMN
from bayesmix.design.design import Design
from bayesmix.design.totals import LevelTotals, Totals
from bayesmix.encoding.sides import Side
from bayesmix.encoding.wholes import coded_columns, learnt_states
from bayesmix.frames.frames import open_frame
from bayesmix.frames.values import kind_of, listed
from bayesmix.model.gaussian import effects_obstacle
from bayesmix.model.row_effects import with_row_effects
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.byrow import by_row
from bayesmix.streams.checks import notes_of
from bayesmix.streams.encoding import Encoding, reference_of, without_rows
from bayesmix.streams.facts import FactSums, Plan, scanned
from bayesmix.streams.lookups import with_lookups
from bayesmix.streams.naming import naming_rows, numbered
from bayesmix.streams.rows import FrameRows, open_rows
from bayesmix.streams.summing import totals_of
from bayesmix.streams.teaching import formula_sides, taught_by

__all__ = ["forgetting_rows", "with_more_rows"]

type Report = Callable[[str, float], None]

# Number of the part of the rows that stand for those that the fit has seen.
_OF_THE_FIT = -1


def forgetting_rows(spec: ModelSpec, why: str, instead: str) -> ModelSpec:
    """Return the same model with sums in place of its rows.

    Parameters
    ----------
    spec : ModelSpec
    why, instead : str
        For the messages: what needs the sums, and what to do where there are none.

    Raises
    ------
    BayesmixError
        It is none for the exact method.
    """
    if spec.design.totals is not None:
        return spec
    design = spec.design
    obstacle = effects_obstacle(spec)
    if obstacle is None and with_row_effects(spec) is not spec:
        obstacle = "it has a residual beside known standard errors"
    if obstacle is not None:
        raise BayesmixError(
            f"{why}, and sums say all that the rows do only in Gaussian models with Normal priors "
            f"on the population effects: {obstacle}. {instead}."
        )
    source = design.source
    for label, word in ((WEIGHTS_COLUMN, "weights"), (SE_COLUMN, "standard errors")):
        if source is not None and label in source:
            raise BayesmixError(
                f"{why}, and the fit has {word} that came as an array, which other rows have no "
                f"part in. Fit with the name of a column of the data: {label}'...'."
            )
    if source is None:
        raise BayesmixError(f"{why}, and the fit has no columns of its data. Fit a data frame.")
    states = learnt_states(part for own in design.encoder.encoders for part in own.parts)
    rows = scanned(source.reset_index(drop=True), _plan(design, frozenset())).frame()
    totals = totals_of(design, reference_of(design))
    taught = taught_by(spec, rows, states, design.n_rows)
    return dataclasses.replace(
        spec,
        design=dataclasses.replace(
            without_rows(taught, dataclasses.replace(totals, rows=rows, states=states)),
            notes=design.notes,
        ),
    )


def with_more_rows(spec: ModelSpec, data: Any, missing: str, report: Report) -> ModelSpec:
    """Return the model of the rows that it has seen and of new ones; its priors are the old ones.

    Parameters
    ----------
    spec : ModelSpec
        Rows are forgotten if it has any.
    data : DataFrame or whatever `bayesmix.fit` takes
        The new rows.
    missing : {"drop", "raise"}
    report : callable

    Raises
    ------
    BayesmixError
        The model is none for the exact method, or the rows have new categories.
    """
    keep_freed_memory()
    spec = forgetting_rows(
        spec,
        "rows= adds sums over new rows to those over the old ones",
        "Fit all rows again: fit.update(data=all_rows)",
    )
    old, totals = spec.design, spec.design.totals
    assert totals is not None
    assert totals.rows is not None
    rows = open_rows(data, "rows") or FrameRows(open_frame(data, "rows"))
    plan = _plan(old, rows.texts)
    absent = [name for name in plan.names if name not in rows.columns]
    if absent:
        raise BayesmixError(
            f"The new rows have no column {listed(map(repr, absent), 5)}, which the fit has. Give "
            f"rows with the columns {listed(plan.names)}."
        )
    found = rows.summed(
        plan.names,
        functools.partial(FactSums, plan),
        lambda share: report("Reading new levels", share),
    )
    if found is None:
        raise BayesmixError("rows has no rows. Check how it was read or filtered.")
    for note in found.dropped(missing):
        warn(note, DesignWarning)
    old_rows = totals.rows.set_axis(numbered(len(totals.rows), _OF_THE_FIT))
    known = scanned(old_rows, dataclasses.replace(plan, texts=frozenset()))
    _check_kinds(known.frame(), found.frame())
    every = (known + found).frame()
    with naming_rows(lambda part: "rows of the fit" if part == _OF_THE_FIT else rows.part(part)):
        taught = _taught(spec, every, totals.states, old.n_rows + found.n_kept)
    source = taught.source
    assert source is not None
    encoding = Encoding(plan.names, with_lookups(taught.encoder, source), totals.reference)
    new = rows.summed(plan.names, encoding.begin, lambda share: report("Adding rows", share))
    if new is None or new.n_rows != found.n_kept:
        raise BayesmixError("The new rows have changed while they were read. Add them again.")
    added = _placed(totals, old, taught) + new
    design = without_rows(taught, dataclasses.replace(added, rows=source, states=totals.states))
    return dataclasses.replace(spec, design=dataclasses.replace(design, notes=notes_of(design)))


def _plan(design: Design, texts: frozenset[str]) -> Plan:
    encoder = design.encoder
    sides: Sequence[Side] = formula_sides(design.formula, encoder.names, encoder.categories)
    given = by_row(encoder.weights, encoder.se)
    numbers = () if given is None or given.column is None else (given.column,)
    factors = tuple(dict.fromkeys(one.factor.variables for one in encoder.groupings))
    names = unique([*encoder.categories, *(name for own in factors for name in own), *numbers])
    coded = frozenset(coded_columns(sides, encoder.categories))
    return Plan(names, factors, coded, texts, (), given)


def _taught(
    spec: ModelSpec, rows: pd.DataFrame, states: Mapping[str, tuple[float, ...]], n_rows: int
) -> Design:
    """Learn the design again with the new levels; it must have the same columns."""
    old = spec.design
    taught = taught_by(spec, rows, states, n_rows)
    for name, before in old.encoder.categories.items():
        after = taught.encoder.categories[name]
        new = [] if before is None or after is None else [one for one in after if one not in before]
        if new:
            raise BayesmixError(
                f"The new rows have categories of '{name}' that the fit does not have: "
                f"{listed(map(repr, new), 5)}. They would be new population effects or effects "
                "that vary, of which the sums over the old rows say nothing. Fit all rows again, "
                "or let the column be a grouping factor, (1 | "
                f"{name}), whose new levels can be added."
            )
    one = (old.terms, [term.effects for term in old.groups])
    two = (taught.terms, [term.effects for term in taught.groups])
    if one != two:
        raise BayesmixError(
            f"With the new rows the model has other columns: {listed(two[0])} and not "
            f"{listed(one[0])}. Categories that the fit did not have cannot be added: fit all rows "
            "again."
        )
    return taught


def _placed(totals: Totals, old: Design, new: Design) -> Totals:
    """Return the old sums among the new levels."""
    places: list[IntArray] = []
    for before, after in zip(old.groups, new.groups, strict=True):
        number = {label: k for k, label in enumerate(after.levels.tolist())}
        places.append(np.array([number[label] for label in before.levels.tolist()]))
    sizes = [term.n_levels for term in new.groups]
    levels = []
    for own, place, size in zip(totals.levels, places, sizes, strict=True):
        counts = np.zeros(size, dtype=np.int64)
        counts[place] = own.counts
        levels.append(LevelTotals(counts, own.columns))
    return dataclasses.replace(
        totals, levels=tuple(levels), products=renumbered(totals.products, places, sizes)
    )


def _check_kinds(known: pd.DataFrame, new: pd.DataFrame) -> None:
    """Raise for a column that holds numbers in the one and text in the other, or the like."""
    for name, column in known.items():
        was, came = _kind(column), _kind(new[name])
        if was != came:
            raise BayesmixError(
                f"rows: column '{short(name)}' holds {came}, and {was} in the rows of the fit. "
                "Give the new rows as those were."
            )


def _kind(column: pd.Series[Any]) -> str:
    """Say what a column holds."""
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    values = column.cat.categories.to_series() if categorical else column
    if pd.api.types.is_bool_dtype(values.dtype):
        return "booleans"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "numbers"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "dates"
    found = kind_of(values)
    return {"string": "text", "decimal": "numbers", "boolean": "booleans"}.get(found, found)
