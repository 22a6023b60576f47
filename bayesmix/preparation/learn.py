"""From formula and data to a design, nothing being checked of what was probably not meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import FloatArray, read_only, unique
from bayesmix.base.errors import BayesmixError, FormulaError, short
from bayesmix.design.design import (
    WEIGHTS_COLUMN,
    Columns,
    Design,
    Encoder,
    Grouping,
    finite,
    offset_of,
)
from bayesmix.design.groupterm import GroupTerm
from bayesmix.encoding.effects import Effects, Namespace, Side, learn_effects, read_side
from bayesmix.encoding.responsechecks import check_response, check_right_side
from bayesmix.encoding.responses import TRIALS_IN_ARRAY, learn_response, read_response
from bayesmix.formula.formula import Formula
from bayesmix.frames.columns import encode_column, learn_factor
from bayesmix.frames.frames import Frame, joined
from bayesmix.preparation.bars import distinct_bars, merge_bars
from bayesmix.preparation.rows import complete_rows, used_columns

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["Learnt", "Resolver", "learn_design"]

type Resolver = Callable[[Sequence[Side], pd.DataFrame, Formula], Namespace]
"""Finds what the sides of a formula name and is none of the columns of a frame."""


@dataclasses.dataclass(frozen=True, eq=False)
class Learnt:
    """A design, and what its checks need beside it.

    Attributes
    ----------
    design : Design
    columns : mapping of str to Series
        The used columns of the rows that are kept, without the weights.
    effects : tuple of Side
        The right side of the formula: the population effects, then those of the bars.
    notes : tuple of str
        Rows that were dropped, and bars that stand twice.
    """

    design: Design
    columns: Columns
    effects: tuple[Side, ...]
    notes: tuple[str, ...]


def learn_design(
    formula: Formula,
    opened: Frame,
    *,
    family: Family,
    weights: str | npt.ArrayLike | None,
    missing: str,
    resolve: Resolver,
) -> Learnt:
    """Make the arrays and names of a model; see `make_design` for the arguments."""
    response_side, common_side = read_response(formula.response), read_side(formula.common)
    bar_sides = {bar.effects: read_side(bar.effects) for bar in formula.bars}
    sides = (response_side, common_side, *bar_sides.values())
    names = resolve(sides, opened.header, formula)
    bars, repeated = distinct_bars(formula)

    frame, columns = used_columns(formula, sides, opened, weights)
    if columns.keys() <= {WEIGHTS_COLUMN}:
        raise FormulaError(
            "The formula uses no column of the data. Name the response: y ~ x.", formula.text
        )
    keep, dropped = complete_rows(columns, len(frame), missing)
    rows = np.flatnonzero(keep).astype(np.int64, copy=False)
    index = frame.index if not dropped else frame.index[keep]
    if dropped:
        columns = {name: column[keep] for name, column in columns.items()}
    weight_column = columns.pop(WEIGHTS_COLUMN, None)
    own_name = weights if isinstance(weights, str) else WEIGHTS_COLUMN
    source = joined(columns if weight_column is None else columns | {own_name: weight_column})

    effect_names = unique(name for side in sides for name in side.columns(opened.columns))
    encoded = {name: encode_column(name, columns[name]) for name in effect_names}
    trials_name = None
    if weight_column is not None and family.trials:
        trials_name = weights if isinstance(weights, str) else TRIALS_IN_ARRAY
        encoded.setdefault(trials_name, weight_column.to_numpy(dtype=np.float64))
    table = pd.DataFrame(encoded, index=pd.RangeIndex(len(rows)), copy=False)

    response = learn_response(response_side, table, names, family, trials_name)
    check_right_side(response, formula, (common_side, *bar_sides.values()))
    y = finite(response.values(table), (response.name,), index, "Response ")
    trials = response.trials(table)
    if trials is not None:
        trials = finite(trials, (response.name,), index, "The trials of ")
    check_response(response, family, y, trials, index)
    weight_values = None
    if weight_column is not None and response.weights is None:
        family.check_weights(weight_column)
        weight_values = read_only(weight_column.to_numpy(dtype=np.float64, copy=True))

    common, X = learn_effects(common_side, table, names)
    effects: dict[str, Effects] = {}
    matrices: dict[str, FloatArray] = {}
    for text, side in bar_sides.items():
        # (1 + x | g) beside 1 + x: with ten million rows a second copy is felt.
        if side.names == common_side.names:
            effects[text], matrix = dataclasses.replace(common, text=text), X
        else:
            effects[text], matrix = learn_effects(side, table, names)
        matrices[text] = finite(matrix, effects[text].labels, index)

    groups, groupings = [], []
    for merged in merge_bars(bars, effects):
        factor, codes = learn_factor(merged[0].factor, columns)
        term = Grouping(factor, merged).term(codes, effects, matrices)
        groupings.append(Grouping(factor, merged).learn_means(term))
        groups.append(dataclasses.replace(term, means=groupings[-1].means))

    _check_names(groups, response.name)

    encoder = Encoder(
        formula=formula,
        response=response,
        common=common,
        bars=effects,
        groupings=tuple(groupings),
        categories={
            name: column.categories if isinstance(column, pd.Categorical) else None
            for name, column in encoded.items()
        },
        weights=weights if isinstance(weights, str) and response.weights is None else None,
        names=names,
        n_rows=len(rows),
    )
    design = Design(
        formula=formula,
        response=response.name,
        y=y,
        X=finite(X, common.labels, index),
        terms=common.labels,
        groups=tuple(groups),
        rows=read_only(rows),
        index=index,
        offset=offset_of(common, table, index),
        weights=weight_values,
        trials=trials,
        encoder=encoder,
        source=source,
    )
    return Learnt(design, columns, (common_side, *bar_sides.values()), (*dropped, *repeated))


def _check_names(groups: Sequence[GroupTerm], response: str) -> None:
    """Refuse a grouping factor that is called like something of the posterior."""
    names = {f"{response}_observed": response}
    for term in groups:
        names |= dict.fromkeys(term.names.besides_the_dim, term.factor)
    dims = [term.dim for term in groups]
    for term in groups:
        if term.dim in names or dims.count(term.dim) > 1:
            other = f", as something of '{short(names[term.dim])}'" if term.dim in names else ""
            raise BayesmixError(
                f"No grouping factor can be called '{short(term.factor)}' here: the posterior has "
                f"another thing of that name{other}. Rename the column."
            )
