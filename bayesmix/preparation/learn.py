"""From formula and data to a design, nothing being checked of what was probably not meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import FloatArray, read_only, unique
from bayesmix.base.errors import BayesmixError, short
from bayesmix.design.columns import Columns, finite, offset_of
from bayesmix.design.design import Design, Encoder
from bayesmix.design.groupings import Grouping
from bayesmix.design.groupterm import GroupTerm
from bayesmix.encoding.effects import Effects, learn_effects
from bayesmix.encoding.namespace import Namespace
from bayesmix.encoding.responsechecks import check_response, check_right_side
from bayesmix.encoding.responses import (
    TRIALS_IN_ARRAY,
    Response,
    learn_response,
    read_response,
    with_categories,
)
from bayesmix.encoding.sides import Side, read_side
from bayesmix.formula.formula import Bar, Formula
from bayesmix.frames.columns import encode_column, learn_factor
from bayesmix.frames.frames import Frame
from bayesmix.preparation.bars import distinct_bars, merge_bars
from bayesmix.preparation.rows import KeptRows, kept_rows
from bayesmix.preparation.thresholds import with_thresholds

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
        Rows that were dropped, bars that stand twice, an intercept that cannot be left out and
        categories of the response that do not occur.
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
    formula, notes = with_thresholds(formula, family)
    sides = _Sides.of(formula)
    names = resolve(sides.every, opened.header, formula)
    bars, repeated = distinct_bars(formula)

    kept = kept_rows(formula, sides.every, opened, weights, missing)
    trials_name = None
    if kept.weights is not None and family.trials:
        trials_name = weights if isinstance(weights, str) else TRIALS_IN_ARRAY
    encoded = _encoded(sides.columns(opened), kept, trials_name)
    table = pd.DataFrame(encoded, index=pd.RangeIndex(len(kept.rows)), copy=False)

    response = learn_response(sides.response, table, names, family, trials_name)
    check_right_side(response, formula, sides.right)
    response, unused = with_categories(response, table, kept.columns, family)
    outcome = _outcome(response, family, table, kept)
    effects = _learn_effects(sides, table, names, kept)
    if family.thresholds is not None:
        effects = effects.without_intercept()
    groups, groupings = _learn_groups(merge_bars(bars, effects.bars), effects, kept)
    _check_names(groups, response.name)

    common = effects.common
    encoder = Encoder(
        formula=formula,
        response=response,
        common=common,
        bars=effects.bars,
        groupings=groupings,
        categories={
            name: column.categories if isinstance(column, pd.Categorical) else None
            for name, column in encoded.items()
        },
        weights=weights if isinstance(weights, str) and response.weights is None else None,
        names=names,
        n_rows=len(kept.rows),
    )
    design = Design(
        formula=formula,
        response=response.name,
        y=outcome.y,
        X=finite(effects.X, common.labels, kept.index),
        terms=common.labels,
        groups=groups,
        rows=kept.rows,
        index=kept.index,
        offset=offset_of(common, table, kept.index),
        weights=outcome.weights,
        trials=outcome.trials,
        encoder=encoder,
        source=kept.source(weights),
        means=None if family.thresholds is None else read_only(effects.X.mean(axis=0)),
    )
    notes = (*kept.notes, *repeated, *notes, *unused)
    return Learnt(design, kept.columns, sides.right, notes)


@dataclasses.dataclass(frozen=True)
class _Sides:
    """What formulae reads of a formula: the response, the population effects, those of the bars."""

    response: Side
    common: Side
    bars: dict[str, Side]

    @classmethod
    def of(cls, formula: Formula) -> _Sides:
        response, common = read_response(formula.response), read_side(formula.common)
        return cls(response, common, {bar.effects: read_side(bar.effects) for bar in formula.bars})

    @property
    def right(self) -> tuple[Side, ...]:
        return (self.common, *self.bars.values())

    @property
    def every(self) -> tuple[Side, ...]:
        return (self.response, *self.right)

    def columns(self, opened: Frame) -> tuple[str, ...]:
        return unique(name for side in self.every for name in side.columns(opened.columns))


def _encoded(names: Iterable[str], kept: KeptRows, trials_name: str | None) -> dict[str, Any]:
    """Encode the columns that formulae computes with: numbers and categories, and the trials."""
    encoded = {name: encode_column(name, kept.columns[name]) for name in names}
    if trials_name is not None and kept.weights is not None:
        encoded.setdefault(trials_name, kept.weights.to_numpy(dtype=np.float64))
    return encoded


@dataclasses.dataclass(frozen=True, eq=False)
class _Outcome:
    """The numbers of the left side, and the weights where they are not its trials."""

    y: FloatArray
    trials: FloatArray | None
    weights: FloatArray | None


def _outcome(response: Response, family: Family, table: pd.DataFrame, kept: KeptRows) -> _Outcome:
    y = finite(response.values(table), (response.name,), kept.index, "Response ")
    trials = response.trials(table)
    if trials is not None:
        trials = finite(trials, (response.name,), kept.index, "The trials of ")
    check_response(response, family, y, trials, kept.index)
    if kept.weights is None or response.weights is not None:
        return _Outcome(y, trials, None)
    family.check_weights(kept.weights)
    return _Outcome(y, trials, read_only(kept.weights.to_numpy(dtype=np.float64, copy=True)))


@dataclasses.dataclass(frozen=True, eq=False)
class _LearntEffects:
    """Population effects with their matrix, and those of the bars by `Bar.effects`."""

    common: Effects
    X: FloatArray
    bars: dict[str, Effects]
    matrices: dict[str, FloatArray]

    def without_intercept(self) -> _LearntEffects:
        """Leave the intercept out of the population effects."""
        common = self.common.without_intercept()
        X = self.X[:, self.X.shape[1] - len(common.labels) :]
        return dataclasses.replace(self, common=common, X=X)


def _learn_effects(
    sides: _Sides, table: pd.DataFrame, names: Namespace, kept: KeptRows
) -> _LearntEffects:
    common, X = learn_effects(sides.common, table, names)
    effects: dict[str, Effects] = {}
    matrices: dict[str, FloatArray] = {}
    for text, side in sides.bars.items():
        # (1 + x | g) beside 1 + x: with ten million rows a second copy is felt.
        if side.names == sides.common.names:
            effects[text], matrix = dataclasses.replace(common, text=text), X
        else:
            effects[text], matrix = learn_effects(side, table, names)
        matrices[text] = finite(matrix, effects[text].labels, kept.index)
    return _LearntEffects(common, X, effects, matrices)


def _learn_groups(
    bars: Iterable[tuple[Bar, ...]], effects: _LearntEffects, kept: KeptRows
) -> tuple[tuple[GroupTerm, ...], tuple[Grouping, ...]]:
    """Learn levels and codes of each grouping factor, and lay out the effects of all its bars."""
    groups, groupings = [], []
    for merged in bars:
        factor, codes = learn_factor(merged[0].factor, kept.columns)
        term = Grouping(factor, merged).term(codes, effects.bars, effects.matrices)
        groupings.append(Grouping(factor, merged).learn_means(term))
        groups.append(dataclasses.replace(term, means=groupings[-1].means))
    return tuple(groups), tuple(groupings)


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
