"""From formula and data to a design, nothing being checked of what was probably not meant."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
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
from bayesmix.design.names import population_names
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
from bayesmix.formula.specific import WORD
from bayesmix.frames.columns import encode_column, learn_factor
from bayesmix.frames.frames import Frame
from bayesmix.preparation.bars import distinct_bars, merge_bars
from bayesmix.preparation.bycategory import formulas_by_category
from bayesmix.preparation.byrow import ByRow, by_row
from bayesmix.preparation.fixed import is_beside_fixed, with_intercept
from bayesmix.preparation.ids import check_ids, check_labels
from bayesmix.preparation.rows import KeptRows, kept_rows
from bayesmix.preparation.thresholds import (
    check_specific,
    specific_formulas,
    with_thresholds,
)

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
    family : Family
        With the categories of the response, where it has to know them.
    columns : mapping of str to Series
        The used columns of the rows that are kept, without weights and standard errors.
    effects : tuple of Side
        The right side of the formula: the population effects, then those of the bars.
    notes : tuple of str
        Rows that were dropped, bars that stand twice, an intercept that cannot be left out and
        categories of the response that do not occur.
    """

    design: Design
    family: Family
    columns: Columns
    effects: tuple[Side, ...]
    notes: tuple[str, ...]


def learn_design(
    formula: Formula,
    opened: Frame,
    *,
    family: Family,
    weights: str | npt.ArrayLike | None,
    se: str | npt.ArrayLike | None = None,
    missing: str,
    resolve: Resolver,
    predictors: Mapping[str, Formula] = MappingProxyType({}),
) -> Learnt:
    """Make the arrays and names of a model; see `make_design` for the arguments."""
    formula, notes = with_thresholds(formula, family)
    every = {"": formula, **predictors}
    check_specific(family, every)
    beside = {name for name, own in every.items() if is_beside_fixed(name, own, family)}
    right = {
        name: _Right.of(with_intercept(own) if name in beside else own)
        for name, own in every.items()
    }
    if formula.specific:
        right[WORD] = _Right(read_side(formula.specific), {})
    left = read_response(formula.response)
    sides = {name: (own.sides if name else (left, *own.sides)) for name, own in right.items()}
    names = Namespace()
    for name, some in sides.items():
        names |= resolve(some, opened.header, every.get(name, formula))
    given = by_row(weights, se)
    kept = kept_rows(
        tuple(every.values()),
        [side for own in sides.values() for side in own],
        opened,
        given,
        missing,
    )
    trials_name = None
    if given is not None and family.trials:
        trials_name = given.column or TRIALS_IN_ARRAY
    columns = unique(
        column for own in sides.values() for side in own for column in side.columns(opened.columns)
    )
    encoded = _encoded(columns, kept, trials_name)
    table = pd.DataFrame(encoded, index=pd.RangeIndex(len(kept.rows)), copy=False)

    response = learn_response(left, table, names, family, trials_name)
    for name, own in every.items():
        check_right_side(response, own, right[name].sides)
    response, unused = with_categories(response, table, kept.columns, family)
    if family.of_categories is not None and response.categories is not None:
        family = family.completed(tuple(response.categories.labels))
        every = formulas_by_category(family, formula, predictors, kept.columns.keys())
        first = family.predictors[0]
        right = {name: right.get(name or first, right[""]) for name in every}
    check_ids(every)
    outcome = _outcome(response, family, table, kept, given)
    if formula.specific:
        length = int(outcome.y.max())
        family = family.with_specific(length)
        own_formulas = specific_formulas(formula, length, kept.columns.keys())
        every |= own_formulas
        right |= dict.fromkeys(own_formulas, right.pop(WORD))
    encoder_of = functools.partial(
        Encoder,
        response=response,
        categories={
            name: column.categories if isinstance(column, pd.Categorical) else None
            for name, column in encoded.items()
        },
        weights=weights if isinstance(weights, str) and response.weights is None else None,
        se=se if isinstance(se, str) else None,
        names=names,
        n_rows=len(kept.rows),
    )
    design_of = functools.partial(
        Design,
        response=response.name,
        y=outcome.y,
        rows=kept.rows,
        index=kept.index,
        weights=outcome.weights,
        trials=outcome.trials,
    )
    designs = []
    repeated: tuple[str, ...] = ()
    learnt: dict[int, _LearntEffects] = {}
    for name, own in every.items():
        bars, twice = distinct_bars(own)
        repeated += twice
        place = id(right[name])  # categories have the formula in common
        if place not in learnt:
            learnt[place] = _learn_effects(right[name], table, names, kept)
        effects = learnt[place]
        means = None
        if (family.thresholds is not None and not name) or name in family.specific:
            effects = effects.without_intercept()
            means = read_only(effects.X.mean(axis=0))
        elif name in beside:
            effects = effects.without_intercept()
        groups, groupings = _learn_groups(name, merge_bars(bars, effects.bars), effects, kept)
        _check_names(groups, response.name, every)
        common = effects.common
        designs.append(
            design_of(
                formula=own,
                X=finite(effects.X, common.labels, kept.index),
                terms=common.labels,
                groups=groups,
                offset=offset_of(common, table, kept.index),
                encoder=encoder_of(
                    formula=own,
                    common=common,
                    bars=effects.bars,
                    groupings=groupings,
                    predictor=name,
                ),
                predictor=name,
                means=means,
            )
        )
    main, *others = designs
    encoder = dataclasses.replace(
        main.encoder, predictors={own.predictor: own.encoder for own in others}
    )
    design = dataclasses.replace(
        main,
        encoder=encoder,
        source=kept.source(given),
        predictors={own.predictor: own for own in others},
    )
    check_labels(design.every_group)
    distinct = {id(own): own for own in right.values()}
    every_side = tuple(side for own in distinct.values() for side in own.sides)
    return Learnt(
        design, family, kept.columns, every_side, unique((*kept.notes, *repeated, *notes, *unused))
    )


@dataclasses.dataclass(frozen=True)
class _Right:
    """What formulae reads of the right of a formula: population effects, and those of the bars."""

    common: Side
    bars: dict[str, Side]

    @classmethod
    def of(cls, formula: Formula) -> _Right:
        bars = {bar.effects: read_side(bar.effects) for bar in formula.bars}
        return cls(read_side(formula.common), bars)

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.common, *self.bars.values())


def _encoded(names: Iterable[str], kept: KeptRows, trials_name: str | None) -> dict[str, Any]:
    """Encode the columns that formulae computes with: numbers and categories, and the trials."""
    encoded = {name: encode_column(name, kept.columns[name]) for name in names}
    if trials_name is not None and kept.by_row is not None:
        encoded.setdefault(trials_name, kept.by_row.to_numpy(dtype=np.float64))
    return encoded


@dataclasses.dataclass(frozen=True, eq=False)
class _Outcome:
    """The numbers of the left side, and the weights where they are not its trials."""

    y: FloatArray
    trials: FloatArray | None
    weights: FloatArray | None


def _outcome(
    response: Response, family: Family, table: pd.DataFrame, kept: KeptRows, given: ByRow | None
) -> _Outcome:
    y = finite(response.values(table), (response.name,), kept.index, "Response ")
    trials = response.trials(table)
    if trials is not None:
        trials = finite(trials, (response.name,), kept.index, "The trials of ")
    check_response(response, family, y, trials, kept.index)
    if given is None or kept.by_row is None or response.weights is not None:
        return _Outcome(y, trials, None)
    return _Outcome(y, trials, given.weights(family, kept.by_row))


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
    sides: _Right, table: pd.DataFrame, names: Namespace, kept: KeptRows
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
    predictor: str, bars: Iterable[tuple[Bar, ...]], effects: _LearntEffects, kept: KeptRows
) -> tuple[tuple[GroupTerm, ...], tuple[Grouping, ...]]:
    """Learn levels and codes of each grouping factor, and lay out the effects of all its bars."""
    groups, groupings = [], []
    for merged in bars:
        factor, codes = learn_factor(merged[0].factor, kept.columns)
        grouping = Grouping(factor, merged, predictor=predictor)
        term = grouping.term(codes, effects.bars, effects.matrices)
        groupings.append(grouping.learn_means(term))
        groups.append(dataclasses.replace(term, means=groupings[-1].means))
    return tuple(groups), tuple(groupings)


def _check_names(groups: Sequence[GroupTerm], response: str, predictors: Iterable[str]) -> None:
    """Refuse a grouping factor that is called like something of the posterior."""
    names = {f"{response}_observed": response}
    for predictor in filter(None, predictors):
        names |= dict.fromkeys(dataclasses.astuple(population_names(predictor)), predictor)
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
