"""Formula and data to a `Design`: arrays and names, one `GroupTerm` per grouping factor."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import names_of, shown
from bayesmix.base.arrays import FloatArray, IntArray, positions, read_only, taken, unique
from bayesmix.base.errors import BayesmixError, DesignWarning, FormulaError, suggest, warn
from bayesmix.base.words import count
from bayesmix.design.columns import (
    Columns,
    columns_of,
    counts_of,
    finite,
    offset_of,
    usable_weights,
)
from bayesmix.design.columnsums import ColumnSums, RowColumns
from bayesmix.design.groupings import Grouping, spans_of
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import JointEffects, joined
from bayesmix.design.known_errors import weights_of_errors
from bayesmix.design.totals import Totals
from bayesmix.encoding.categories import Categories
from bayesmix.encoding.effects import Effects
from bayesmix.encoding.namespace import Namespace, unknown_column
from bayesmix.encoding.responses import Response
from bayesmix.encoding.transforms import extrapolation_note
from bayesmix.formula.formula import Bar, Formula
from bayesmix.formula.splitting import with_bars
from bayesmix.frames.columns import apply_categories
from bayesmix.frames.frames import Frame, open_frame
from bayesmix.frames.values import listed

__all__ = ["Design", "Encoder"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Design:
    """What a formula makes of a data frame: arrays, names, and how to encode further rows.

    Attributes
    ----------
    formula : Formula
        The formula.
    response : str
        Name of the response, as formulae writes it.
    y : ndarray of float64, shape (n,)
        The response; the number of successes where there are `trials`; 0 and 1 for two levels;
        ordered categories counted from 0; NaN in new data without it.
    X : ndarray of float64, shape (n, p)
        Population effects.
    terms : tuple of str, length p
        Labels of the columns of `X`, ``"Intercept"`` first.
    groups : tuple of GroupTerm
        One per grouping factor, in the order of the formula.
    rows : ndarray of int64, shape (n,)
        Positions in the user's data of the rows that are kept.
    index : Index, length n
        Their labels.
    offset, weights, trials : ndarray of float64, shape (n,), or None
        Known part of the linear predictor, weights of the rows (``1 / se^2`` where standard errors
        are known), number of binomial trials.
    encoder : Encoder
        Makes a design of new data.
    notes : tuple of str
        Texts of the DesignWarnings.
    source : DataFrame or None
        The used columns of the rows that are kept, as they came; weights that were given as an
        array are the column ``"weights="``, standard errors ``"se="``. Later changes of the user's
        frame do not reach it. None in designs of new data.
    predictors : mapping of str to Design
        By parameter, those of further predictors, of the same rows: a design whose formula has the
        name of the parameter as its response.
    predictor : str
        That parameter; empty for the predictor of the formula.
    means : ndarray of float64, shape (p,), or None
        Means of the columns of `X` over the rows of the fit, where thresholds take the place of
        the intercept: their priors are those of the model with the columns there.
    totals : Totals or None
        Sums over the rows where these are not in memory. Then `y`, `X`, `rows`, `index` and the
        codes and columns of `groups` are `bayesmix.design.totals.ABSENT`, and raise when used.
    """

    formula: Formula
    response: str
    y: FloatArray
    X: FloatArray
    terms: tuple[str, ...]
    groups: tuple[GroupTerm, ...]
    rows: IntArray
    index: pd.Index[Any]
    offset: FloatArray | None
    weights: FloatArray | None
    trials: FloatArray | None
    encoder: Encoder
    notes: tuple[str, ...] = ()
    source: pd.DataFrame | None = None
    predictors: Mapping[str, Design] = dataclasses.field(default_factory=dict)
    predictor: str = ""
    means: FloatArray | None = None
    totals: Totals | None = None

    @property
    def parts(self) -> tuple[Design, ...]:
        """The designs of all predictors, that of the formula first."""
        return (self, *self.predictors.values())

    @property
    def formulas(self) -> tuple[str, ...]:
        """The formulas as written; effects at single thresholds stand in the first."""
        return tuple(
            part.formula.text for part in self.parts if not part.predictor or part.means is None
        )

    @property
    def every_group(self) -> tuple[GroupTerm, ...]:
        """The grouping factors of all predictors; one that several have is there as often."""
        return tuple(term for part in self.parts for term in part.groups)

    @property
    def joint_effects(self) -> tuple[JointEffects, ...]:
        """The same factors, put together where their effects are correlated across predictors."""
        return joined(self.every_group)

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return len(self.y) if self.totals is None else self.totals.n_rows

    @property
    def columns(self) -> RowColumns | ColumnSums:
        """Means, sds and sizes of the columns of X."""
        return RowColumns(self.X) if self.totals is None else self.totals.X

    @property
    def n_terms(self) -> int:
        """Number of population effects p."""
        return len(self.terms)

    @property
    def event(self) -> str:
        """What a success of the response is, ``"use = 'Y'"``; empty if its name says it."""
        return self.encoder.response.event

    @property
    def categories(self) -> Categories | None:
        """Those of a response that is ordered, in their order."""
        return self.encoder.response.categories

    @property
    def has_intercept(self) -> bool:
        """Whether the first column of X is the intercept."""
        return self.terms[:1] == ("Intercept",)

    @property
    def has_constant(self) -> bool:
        """Whether the level of the linear predictor is free: by an intercept, or by thresholds."""
        return self.has_intercept or self.means is not None

    def at(self, newdata: Any, *, groups: bool | Collection[str] = True) -> Design:
        """Encode new data as the data of the fit were encoded.

        Parameters
        ----------
        newdata : DataFrame
            Of any library that `make_design` takes, with the columns of the formula. Those of the
            response, its trials and the weights may be absent: then `y` is NaN, and `trials` and
            `weights` are None.
        groups : bool or list of str
            Grouping factors to encode: all, none, or those named, such as ``["school"]`` or
            ``["school:class"]``. Columns of the others are not needed.

        Returns
        -------
        Design
            The same terms and levels; an unseen level has code -1.

        Raises
        ------
        BayesmixError
            A column is missing or has missing values, a category was not in the fit, or `groups`
            names what is no grouping factor of the formula.
        """
        return self.encoder.encode(newdata, groups=groups)

    def take(self, rows: npt.ArrayLike) -> Design:
        """Return the design of a subset of rows; all levels of all factors stay.

        Parameters
        ----------
        rows : array_like of int or bool
            Positions in this design, or one bool per row.
        """
        kept = positions(rows, self.n_rows)
        return dataclasses.replace(
            self,
            y=read_only(self.y[kept]),
            X=read_only(self.X[kept]),
            groups=tuple(term.take(kept) for term in self.groups),
            rows=read_only(self.rows[kept]),
            index=self.index[kept],
            offset=taken(self.offset, kept),
            weights=taken(self.weights, kept),
            trials=taken(self.trials, kept),
            source=None if self.source is None else self.source.iloc[kept],
            predictors={name: own.take(kept) for name, own in self.predictors.items()},
        )

    def uncorrelated(self) -> Design:
        """Return the same design with every block of effects split into blocks of one.

        Its formula is that of the new model: ``(x || g)`` for ``(x | g)``, and ``diag(f | g)``
        where f is categorical, since ``||`` keeps the columns of a category together.
        """

        def split(bar: Bar) -> Bar:
            spans = self.encoder.bars[bar.effects].spans
            if max(len(span) for span in spans_of(bar, self.encoder.bars[bar.effects])) == 1:
                return dataclasses.replace(bar, id="")
            return bar.uncorrelated(diagonal=max(map(len, spans)) > 1)

        formula = with_bars(self.formula, split)
        groupings = tuple(
            dataclasses.replace(grouping, bars=tuple(map(split, grouping.bars)), means=None)
            for grouping in self.encoder.groupings
        )
        predictors = {name: own.uncorrelated() for name, own in self.predictors.items()}
        encoder = dataclasses.replace(
            self.encoder,
            formula=formula,
            groupings=groupings,
            predictors={name: own.encoder for name, own in predictors.items()},
        )
        return dataclasses.replace(
            self,
            formula=formula,
            groups=tuple(term.split() for term in self.groups),
            encoder=encoder,
            predictors=predictors,
        )

    def __repr__(self) -> str:
        """Return the formula, the sizes and the names, not the arrays."""
        lines = [f"Design: {self.formula.text}", count(self.n_rows, "row")]
        lines[-1] += f"; {', '.join(self.terms)}"
        lines += map(repr, self.groups)
        for own in self.predictors.values():
            lines += [f"{own.formula.text}: {', '.join(own.terms)}", *map(repr, own.groups)]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, eq=False)
class Encoder:
    """What was learnt from the rows of the fit, without the rows.

    Attributes
    ----------
    formula : Formula
    response : Response
    common : Effects
    bars : mapping of str to Effects
        By `Bar.effects`.
    groupings : tuple of Grouping
        One per grouping factor.
    categories : mapping of str to Index or None
        Columns of the effects and the response; None for numbers.
    weights : str or None
        Column of the weights, if they are not the trials of the response.
    se : str or None
        Column of the standard errors.
    names : Namespace
        Functions and values that the formula uses and that are no columns.
    n_rows : int
        Number of rows that it was learnt from.
    predictors : mapping of str to Encoder
        Of the predictors of further parameters.
    predictor : str
        The parameter; empty for the predictor of the formula.
    """

    formula: Formula
    response: Response
    common: Effects
    bars: Mapping[str, Effects]
    groupings: tuple[Grouping, ...]
    categories: Mapping[str, pd.Index[Any] | None]
    weights: str | None
    names: Namespace
    n_rows: int
    se: str | None = None
    predictors: Mapping[str, Encoder] = dataclasses.field(default_factory=dict)
    predictor: str = ""

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """Those of all predictors, that of the formula first."""
        return (self, *self.predictors.values())

    @property
    def every_grouping(self) -> tuple[Grouping, ...]:
        """The grouping factors of all predictors; one that several have is there as often."""
        return tuple(grouping for own in self.encoders for grouping in own.groupings)

    def selected(self, groups: bool | Collection[str]) -> tuple[Grouping, ...]:
        """Find the grouping factors to encode: all, none, or those named, in the formula's order.

        The columns of a combination may be named in any order. A factor of several predictors is
        there for each of them.
        """
        if isinstance(groups, bool | np.bool_):
            return self.every_grouping if groups else ()
        known = {grouping.factor.name: grouping.factor for grouping in self.every_grouping}
        chosen = set()
        for name in names_of("groups", groups):
            parts = sorted(name.split(":"))
            same = [own for own, factor in known.items() if sorted(factor.variables) == parts]
            if name not in known and not same:
                raise BayesmixError(
                    f"groups: {shown(name)} is no grouping factor of "
                    f"{shown(self.formula.text)}. Grouping factors: "
                    f"{listed(known) or 'none'}. {suggest(name, known)}".rstrip()
                )
            chosen.add(name if name in known else same[0])
        return tuple(g for g in self.every_grouping if g.factor.name in chosen)

    def open(self, newdata: Any) -> Frame:
        """Open new data of any library and read the columns that a design can use."""
        names = self.effect_columns(self.every_grouping)
        names += tuple(v for grouping in self.every_grouping for v in grouping.factor.variables)
        names += (*self.response.columns, *self.response.trial_columns)
        by_row = (name for name in (self.weights, self.se) if name is not None)
        return open_frame(newdata, "newdata").read((*names, *by_row))

    def used_columns(self, newdata: Any, *, groups: bool | Collection[str] = True) -> Columns:
        """Find the columns of the effects and of the grouping factors in new data."""
        frame = self.open(newdata)
        groupings = self.selected(groups)
        names = self.effect_columns(groupings)
        for own in self.encoders:
            for name in own.own_columns(groupings):
                if name not in frame.columns:
                    raise unknown_column(name, frame.header, own.formula)
        for grouping in groupings:
            for name in grouping.factor.variables:
                if name not in frame.columns:
                    raise self._unknown_factor(name, grouping, groupings, frame)
        variables = (v for grouping in groupings for v in grouping.factor.variables)
        return columns_of(frame, unique([*names, *variables]))

    def effect_columns(self, groupings: Iterable[Grouping]) -> tuple[str, ...]:
        """List the columns of the population effects and of what varies by these factors."""
        every = tuple(groupings)
        return unique([column for own in self.encoders for column in own.own_columns(every)])

    def own_columns(self, groupings: Iterable[Grouping]) -> tuple[str, ...]:
        """List those of this predictor alone."""
        sides = (self.common, *self.bars_of(groupings).values())
        return unique([column for one in sides for column in one.columns])

    @property
    def parts(self) -> tuple[Any, ...]:
        """Formulae's variables and calls of the response, the population effects and the bars."""
        sides = (one for own in self.encoders for one in (own.common, *own.bars.values()))
        return (*self.response.parts, *(part for side in sides for part in side.parts))

    def bars_of(self, groupings: Iterable[Grouping]) -> dict[str, Effects]:
        """Return the effects of the bars of those groupings that belong to this predictor."""
        return {
            bar.effects: self.bars[bar.effects]
            for one in groupings
            if one.predictor == self.predictor
            for bar in one.bars
        }

    def _unknown_factor(
        self, name: str, grouping: Grouping, wanted: Iterable[Grouping], newdata: Frame
    ) -> FormulaError:
        """Make the error for an absent column of a grouping factor: it need not be there."""
        error = unknown_column(name, newdata.header, self.formula)
        if newdata.name != "newdata":  # of a study to simulate, whose groups are all new
            remedy = f"Add the column: its labels are the levels of '{grouping.factor.name}'."
            return FormulaError(f"{error.message} {remedy}", error.text, error.position)
        others = [one.factor.name for one in wanted if name not in one.factor.variables]
        remedy = (
            f"Leave the effects of '{grouping.factor.name}' out with groups={others!r}, or add the "
            "column: a label that the fit did not have is a new level (new_levels='population' or "
            "'sample' in predictions)."
        )
        return FormulaError(f"{error.message} {remedy}", error.text, error.position)

    def encode(
        self,
        newdata: Any,
        *,
        groups: bool | Collection[str] = True,
        missing_levels: bool = False,
    ) -> Design:
        """Make the design of new data; see `Design.at`.

        With `missing_levels` a missing label of a grouping factor is a level that was not in the
        fit, as in lme4.
        """
        newdata = self.open(newdata)
        columns = self.used_columns(newdata, groups=groups)
        groupings = self.selected(groups)
        effect_columns = {name: columns[name] for name in self.effect_columns(groupings)}
        checked = effect_columns if missing_levels else columns
        missing = {name: int(c.isna().sum()) for name, c in checked.items()}
        if any(missing.values()):
            raise BayesmixError(
                f"{newdata.name} has missing values in {counts_of(missing)}. Drop those rows with "
                f"{newdata.name}.dropna(), or fill them in."
            )
        frame = self._frame(effect_columns, len(newdata), newdata.name)
        sides = (
            one for own in self.encoders for one in (own.common, *own.bars_of(groupings).values())
        )
        notes = _outside(sides, frame)
        design_of = functools.partial(
            Design,
            response=self.response.name,
            y=read_only(self._partly(newdata, self.response.columns, self.response.values)),
            rows=read_only(np.arange(len(newdata), dtype=np.int64)),
            index=newdata.index,
            weights=self._weights(newdata),
            trials=self._trials(newdata),
        )
        main, *others = (
            own.predictor_design(design_of, newdata.index, frame, columns, groupings)
            for own in self.encoders
        )
        predictors = {own.predictor: own for own in others}
        return dataclasses.replace(main, notes=notes, predictors=predictors)

    def predictor_design(
        self,
        design_of: Callable[..., Design],
        index: pd.Index[Any],
        frame: pd.DataFrame,
        columns: Columns,
        groupings: Iterable[Grouping],
    ) -> Design:
        """Make the design of this predictor alone."""
        bars = self.bars_of(groupings)
        X = finite(self.common.matrix(frame), self.common.labels, index)
        matrices = {
            text: X
            if effects.has_columns_of(self.common)
            else finite(effects.matrix(frame), effects.labels, index)
            for text, effects in bars.items()
        }
        return design_of(
            formula=self.formula,
            X=X,
            terms=self.common.labels,
            groups=tuple(
                grouping.term(grouping.factor.codes(columns), bars, matrices)
                for grouping in groupings
                if grouping.predictor == self.predictor
            ),
            offset=offset_of(self.common, frame, index),
            encoder=self,
            predictor=self.predictor,
        )

    def _frame(self, columns: Columns, n_rows: int, source: str) -> pd.DataFrame:
        encoded = {
            name: apply_categories(name, column, self.categories[name], source)
            for name, column in columns.items()
        }
        return pd.DataFrame(encoded, index=pd.RangeIndex(n_rows), copy=False)

    def _partly(self, newdata: Frame, names: Sequence[str], compute: Any) -> FloatArray:
        """Compute what new data may lack: NaN in the rows, or in all, where columns are missing."""
        values = np.full(len(newdata), np.nan)
        if all(name in newdata.columns for name in names):
            columns = columns_of(newdata, names)
            complete = np.ones(len(newdata), dtype=np.bool_)
            for column in columns.values():
                complete &= column.notna().to_numpy()
            if complete.all():
                return np.array(compute(self._frame(columns, len(newdata), newdata.name)))
            if complete.any():
                present = {name: column[complete] for name, column in columns.items()}
                values[complete] = compute(self._frame(present, int(complete.sum()), newdata.name))
        return values

    def _trials(self, newdata: Frame) -> FloatArray | None:
        if not self.response.has_trials:
            return None
        trials = self._partly(newdata, self.response.trial_columns, self.response.trials)
        bad = (trials < 0) | (np.isfinite(trials) & (trials != np.floor(trials)))
        if bad.any():
            row = newdata.index[int(bad.argmax())]
            raise BayesmixError(
                f"The trials of '{self.response.name}' must be whole numbers of 0 or more; "
                f"{newdata.name} has {trials[bad][0]:.12g} at index {row}."
            )
        return None if np.isnan(trials).all() else read_only(trials)

    def _weights(self, newdata: Frame) -> FloatArray | None:
        if self.se is not None and self.se in newdata.columns:
            (column,) = columns_of(newdata, (self.se,)).values()
            return weights_of_errors(column, f"Column '{self.se}' of {newdata.name} has")
        if self.weights is None or self.weights not in newdata.columns:
            return None
        (column,) = columns_of(newdata, (self.weights,)).values()
        return usable_weights(column, f"column '{self.weights}' of {newdata.name} has")


def _outside(parts: Iterable[Effects], frame: pd.DataFrame) -> tuple[str, ...]:
    """Warn of rows outside the knots of splines."""
    notes = extrapolation_note({k: v for part in parts for k, v in part.outside(frame).items()})
    for note in notes:
        warn(note, DesignWarning)
    return notes
