"""From formula and data to a design, nothing being checked of what was probably not meant."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from bayesmix.encoding.sides import Side
from bayesmix.formula.formula import Bar, Formula
from bayesmix.frames.columns import encode_column, learn_factor
from bayesmix.frames.frames import Frame
from bayesmix.preparation.bars import distinct_bars, merge_bars
from bayesmix.preparation.byrow import ByRow, by_row
from bayesmix.preparation.ids import check_ids, check_labels
from bayesmix.preparation.predictors import Predictors, RightSide
from bayesmix.preparation.rows import KeptRows, kept_rows

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
    n_rows: int | None = None,
) -> Learnt:
    """Make the arrays and names of a model; see `make_design` for the arguments.

    `n_rows` is how many rows there are, where those of the frame stand for more.
    """
    read = Predictors.of(formula, family, predictors)
    left = read_response(formula.response)
    sides = {name: (own.sides if name else (left, *own.sides)) for name, own in read.right.items()}
    names = Namespace()
    for name, some in sides.items():
        names |= resolve(some, opened.header, read.formulas.get(name, read.formula))
    given = by_row(weights, se)
    every_side = [side for own in sides.values() for side in own]
    kept = kept_rows(tuple(read.formulas.values()), every_side, opened, given, missing)
    kept = dataclasses.replace(kept, n_rows=n_rows)
    trials_name = None
    if given is not None and family.trials:
        trials_name = given.column or TRIALS_IN_ARRAY
    columns = unique(column for side in every_side for column in side.columns(opened.columns))
    encoded = _encoded(columns, kept, trials_name)
    table = pd.DataFrame(encoded, index=pd.RangeIndex(len(kept.rows)), copy=False)

    response = learn_response(left, table, names, family, trials_name)
    for name, own in read.formulas.items():
        check_right_side(response, own, read.right[name].sides)
    response, unused = with_categories(response, table, kept.columns, family)
    read = read.with_categories(response.categories, kept.columns.keys())
    check_ids(read.formulas)
    outcome = _outcome(response, read.family, table, kept, given)
    read = read.with_thresholds(int(outcome.y.max(initial=0.0)), kept.columns.keys())
    encoder = functools.partial(
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
    design = functools.partial(
        Design,
        response=response.name,
        y=outcome.y,
        rows=kept.rows,
        index=kept.index,
        weights=outcome.weights,
        trials=outcome.trials,
    )
    main, *others = _designs(read, table, names, kept, encoder, design)
    made = dataclasses.replace(
        main,
        encoder=dataclasses.replace(
            main.encoder, predictors={own.predictor: own.encoder for own in others}
        ),
        source=kept.source(given),
        predictors={own.predictor: own for own in others},
    )
    check_labels(made.every_group)
    repeated = (note for own in read.formulas.values() for note in distinct_bars(own)[1])
    notes = unique((*kept.notes, *repeated, *read.notes, *unused))
    return Learnt(made, read.family, kept.columns, read.every_side, notes)


def _designs(
    read: Predictors,
    table: pd.DataFrame,
    names: Namespace,
    kept: KeptRows,
    encoder_of: Callable[..., Encoder],
    design_of: Callable[..., Design],
) -> Iterator[Design]:
    """Make the design of each predictor, that of the formula first."""
    learnt: dict[int, _LearntEffects] = {}
    for name, own in read.formulas.items():
        place = id(read.right[name])  # categories, and thresholds, have a right side in common
        if place not in learnt:
            learnt[place] = _learn_effects(read.right[name], table, names, kept)
        effects, means = learnt[place], None
        if (read.family.thresholds is not None and not name) or name in read.family.specific:
            effects = effects.without_intercept()
            means = read_only(effects.X.mean(axis=0))
        elif name in read.beside:
            effects = effects.without_intercept()
        bars, _ = distinct_bars(own)
        groups, groupings = _learn_groups(name, merge_bars(bars, effects.bars), effects, kept)
        common = effects.common
        encoder = encoder_of(
            formula=own, common=common, bars=effects.bars, groupings=groupings, predictor=name
        )
        design = design_of(
            formula=own,
            X=finite(effects.X, common.labels, kept.index),
            terms=common.labels,
            groups=groups,
            offset=offset_of(common, table, kept.index),
            encoder=encoder,
            predictor=name,
            means=means,
        )
        _check_names(groups, design.response, read.formulas)
        yield design


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
    sides: RightSide, table: pd.DataFrame, names: Namespace, kept: KeptRows
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
        factor, codes = learn_factor(merged[0].factor, kept.columns, kept.n_rows)
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
