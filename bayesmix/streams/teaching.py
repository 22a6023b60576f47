"""A design learnt from a row for each level and each category, and what is known of all rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping, Sequence
from typing import Any

import pandas as pd

from bayesmix.design.design import Design
from bayesmix.encoding.namespace import Namespace, resolve_names
from bayesmix.encoding.responses import read_response
from bayesmix.encoding.sides import Side
from bayesmix.encoding.wholes import supply
from bayesmix.families.family import Family
from bayesmix.families.registry import get_family
from bayesmix.formula.formula import Formula
from bayesmix.frames.frames import open_frame
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.learn import learn_design
from bayesmix.preparation.predictors import Predictors

__all__ = ["formula_sides", "read_sides", "taught", "taught_by"]


def read_sides(formula: Formula, family: Family) -> tuple[Side, ...]:
    """Let formulae read the response and the right sides of a formula, anew at each call."""
    read = Predictors.of(formula, family, {})
    return (read_response(formula.response), *read.every_side)


def formula_sides(
    formula: Formula, names: Mapping[str, Any], columns: Container[Any]
) -> tuple[Side, ...]:
    """Return the same of a Gaussian formula, its names found."""
    sides = read_sides(formula, get_family("gaussian"))
    header = pd.DataFrame(columns=list(columns))  # type: ignore[call-overload]
    resolve_names(sides, header, names, formula)
    return sides


def taught(
    formula: Formula,
    rows: pd.DataFrame,
    family: Family,
    weights: str | None,
    se: str | None,
    states: Mapping[str, tuple[float, ...]],
    namespace: Mapping[str, Any],
    n_rows: int,
) -> Design:
    """Learn a design from some rows, and take what looks at all rows as given.

    Parameters
    ----------
    formula : Formula
    rows : DataFrame
        A row for each level and each category.
    family : Family
    weights, se : str or None
        Names of columns.
    states : mapping of str to tuple of float
        What calls have learnt from all rows.
    namespace : mapping
        Names that the formula may use and that are no columns.
    n_rows : int
        How many rows there are in all.
    """

    def resolve(sides: Sequence[Side], header: pd.DataFrame, own: Formula) -> Namespace:
        found = resolve_names(sides, header, namespace, own)
        supply(sides, states)
        return found

    learnt = learn_design(
        formula,
        open_frame(rows, "data"),
        family=family,
        weights=weights,
        se=se,
        missing="raise",
        resolve=resolve,
        n_rows=n_rows,
    ).design
    assert learnt.source is not None
    return dataclasses.replace(learnt, source=learnt.source.reset_index(drop=True))


def taught_by(
    spec: ModelSpec, rows: pd.DataFrame, states: Mapping[str, tuple[float, ...]], n_rows: int
) -> Design:
    """Learn the design of a model again, from other rows."""
    encoder = spec.design.encoder
    learnt = taught(
        spec.design.formula,
        rows,
        spec.family,
        encoder.weights,
        encoder.se,
        states,
        encoder.names,
        n_rows,
    )
    return dataclasses.replace(learnt, notes=())
