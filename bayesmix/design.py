"""Formula and data to a `Design`: arrays and names, one `GroupTerm` per grouping factor."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.arguments import names_of, one_of, shape_of, shown
from bayesmix.checks import check_design
from bayesmix.columns import Factor, apply_categories, encode_column, learn_factor
from bayesmix.contrasts import ordered_note
from bayesmix.effects import (
    Effects,
    Side,
    learn_effects,
    read_side,
    resolve_names,
    unknown_column,
)
from bayesmix.errors import BayesmixError, DesignWarning, FormulaError, readable, short, suggest
from bayesmix.formula import Bar, Formula, check_text, parse_formula
from bayesmix.frames import Frame, open_frame, plain_series, row_values
from bayesmix.responsechecks import check_response, check_right_side
from bayesmix.responses import TRIALS_IN_ARRAY, Response, learn_response, read_response
from bayesmix.rewrites import read_sum
from bayesmix.splitting import with_bars
from bayesmix.textnumbers import numbers_as_text
from bayesmix.transforms import extrapolation_note
from bayesmix.values import listed

if TYPE_CHECKING:
    from bayesmix.families import Family

__all__ = ["Design", "Encoder", "GroupTerm", "Grouping", "make_design"]

type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]
type Columns = dict[str, pd.Series[Any]]

# Dims and variables of the posterior and of the joint model that a factor's dim must not take.
_RESERVED = frozenset(
    {"obs", "term", "slope_term", "chain", "draw", "sample", "beta", "slope", "sigma", "X", "y"}
    | {"Intercept_centred", "offset", "weights", "trials", "statistic"}
    | {"nu", "shape", "phi", "zi", "hu", "disc", "tau", "alpha", "cutpoint", "category"}
)
# What the posterior and the joint model call the things of a factor.
_OF_A_FACTOR = ("sd_{}", "centred_sd_{}", "cor_{}", "u_{}", "zeta_{}", "lkj_{}", "Z_{}", "codes_{}")
_OF_A_DIM = ("{}_effect", "{}_effect_bis", "{}_pair")
_WEIGHTS = "weights="


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GroupTerm:
    """Everything that varies by one grouping factor, whatever number of bars it came from.

    Attributes
    ----------
    factor : str
        ``"student"``, or ``"g1:g2"`` for combinations.
    variables : tuple of str
        The columns that make the factor.
    levels : ndarray of str, shape (J,)
        Labels of the levels that occur in the data.
    codes : ndarray of int64, shape (n,)
        Level of each row; -1 for a level that was not in the fit.
    effects : tuple of str, length q
        Labels of the columns of `Z`, ``"Intercept"`` first.
    Z : ndarray of float64, shape (n, q)
        Thin: one column per effect, whatever the number of levels.
    blocks : tuple of tuple of int
        Partition of ``range(q)`` in order; effects of one block are correlated.
    means : ndarray of float64, shape (q,), or None
        Where a correlated block has an intercept, the means over the rows of the fit of the
        columns beside it, 0 elsewhere. None where the effects do not have such a block.
    """

    factor: str
    variables: tuple[str, ...]
    levels: npt.NDArray[np.str_]
    codes: IntArray
    effects: tuple[str, ...]
    Z: FloatArray
    blocks: tuple[tuple[int, ...], ...]
    means: FloatArray | None = None

    @property
    def n_levels(self) -> int:
        """Number of levels J."""
        return len(self.levels)

    @property
    def n_effects(self) -> int:
        """Number of effects q."""
        return len(self.effects)

    @property
    def dim(self) -> str:
        """Name of the dimension of the levels in the posterior."""
        return f"{self.factor}_level" if self.factor in _RESERVED else self.factor

    @property
    def effect_dim(self) -> str:
        """Name of the dimension of the effects."""
        return f"{self.dim}_effect"

    @property
    def effect_dim_bis(self) -> str:
        """Name of the second dimension of a matrix of effects by effects."""
        return f"{self.effect_dim}_bis"

    def dot(self, u: npt.ArrayLike) -> FloatArray:
        """Compute the contribution of the group effects to the linear predictor.

        Parameters
        ----------
        u : array_like, shape (..., J, q)
            Group effects.

        Returns
        -------
        ndarray, shape (..., n)
            ``Z[i] @ u[codes[i]]``; zero for a row of an unseen level.
        """
        effects = np.asarray(u, dtype=np.float64)
        total = np.zeros((*effects.shape[:-2], len(self.codes)))
        for k in range(self.n_effects):
            column = np.where(self.codes < 0, 0.0, self.Z[:, k])
            total += np.take(effects[..., k], self.codes, axis=-1, mode="wrap") * column
        return total

    def split(self) -> GroupTerm:
        """Return the same term with every effect in a block of its own."""
        blocks = tuple((k,) for k in range(self.n_effects))
        return dataclasses.replace(self, blocks=blocks, means=None)

    @property
    def intercept_block(self) -> tuple[int, ...]:
        """Effects that are correlated with an intercept, the intercept first; empty without any."""
        first = self.blocks[0]
        return first if len(first) > 1 and self.effects[first[0]] == "Intercept" else ()

    def take(self, rows: npt.ArrayLike) -> GroupTerm:
        """Return the term for a subset of rows; all levels stay."""
        kept = _positions(rows, len(self.codes))
        return dataclasses.replace(
            self, codes=_read_only(self.codes[kept]), Z=_read_only(self.Z[kept])
        )

    def __repr__(self) -> str:
        """Return the factor with its sizes, not its arrays."""
        blocks = " | ".join(", ".join(self.effects[k] for k in block) for block in self.blocks)
        return f"GroupTerm({self.factor}: {self.n_levels} levels; effects: {blocks})"


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
        NaN in new data without it.
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
        Known part of the linear predictor, weights of the rows, number of binomial trials.
    encoder : Encoder
        Makes a design of new data.
    notes : tuple of str
        Texts of the DesignWarnings.
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

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return len(self.y)

    @property
    def n_terms(self) -> int:
        """Number of population effects p."""
        return len(self.terms)

    @property
    def event(self) -> str:
        """What a success of the response is, ``"use = 'Y'"``; empty if its name says it."""
        return self.encoder.response.event

    @property
    def has_intercept(self) -> bool:
        """Whether the first column of X is the intercept."""
        return self.terms[:1] == ("Intercept",)

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
        kept = _positions(rows, self.n_rows)
        return dataclasses.replace(
            self,
            y=_read_only(self.y[kept]),
            X=_read_only(self.X[kept]),
            groups=tuple(term.take(kept) for term in self.groups),
            rows=_read_only(self.rows[kept]),
            index=self.index[kept],
            offset=_taken(self.offset, kept),
            weights=_taken(self.weights, kept),
            trials=_taken(self.trials, kept),
        )

    def uncorrelated(self) -> Design:
        """Return the same design with every block of effects split into blocks of one.

        Its formula is that of the new model: ``(x || g)`` for ``(x | g)``, and ``diag(f | g)``
        where f is categorical, since ``||`` keeps the columns of a category together.
        """

        def split(bar: Bar) -> Bar:
            spans = self.encoder.bars[bar.effects].spans
            if max(len(span) for span in _spans(bar, self.encoder.bars[bar.effects])) == 1:
                return bar
            diagonal = max(map(len, spans)) > 1
            return dataclasses.replace(bar, correlated=False, diagonal=diagonal)

        formula = with_bars(self.formula, split)
        groupings = tuple(
            dataclasses.replace(grouping, bars=tuple(map(split, grouping.bars)), means=None)
            for grouping in self.encoder.groupings
        )
        return dataclasses.replace(
            self,
            formula=formula,
            groups=tuple(term.split() for term in self.groups),
            encoder=dataclasses.replace(self.encoder, formula=formula, groupings=groupings),
        )

    def __repr__(self) -> str:
        """Return the formula, the sizes and the names, not the arrays."""
        lines = [f"Design: {self.formula.text}", f"{self.n_rows} rows; {', '.join(self.terms)}"]
        return "\n".join([*lines, *map(repr, self.groups)])


@dataclasses.dataclass(frozen=True, eq=False)
class Grouping:
    """A grouping factor with the bars that vary by it, and no rows.

    Attributes
    ----------
    factor : Factor
        The levels.
    bars : tuple of Bar
        Each brings its own effects; the one with the intercept first.
    means : ndarray of float64, shape (q,), or None
        Learnt from the rows of the fit; see `GroupTerm`.
    """

    factor: Factor
    bars: tuple[Bar, ...]
    means: FloatArray | None = None

    def learn_means(self, term: GroupTerm) -> Grouping:
        """Return the same grouping with the means of the columns beside an intercept."""
        beside = list(term.intercept_block[1:])
        if not beside:
            return self
        means = np.zeros(term.n_effects)
        means[beside] = [term.Z[:, k].mean() for k in beside]
        return dataclasses.replace(self, means=_read_only(means))

    def term(
        self, codes: IntArray, effects: Mapping[str, Effects], matrices: Mapping[str, FloatArray]
    ) -> GroupTerm:
        """Put the effects of all bars next to each other, with their blocks."""
        labels: list[str] = []
        blocks: list[tuple[int, ...]] = []
        for bar in self.bars:
            one = effects[bar.effects]
            blocks += [tuple(len(labels) + k for k in span) for span in _spans(bar, one)]
            labels += one.labels
        parts = [matrices[bar.effects] for bar in self.bars]
        return GroupTerm(
            factor=self.factor.name,
            variables=self.factor.variables,
            levels=self.factor.levels,
            codes=_read_only(codes),
            effects=tuple(labels),
            Z=_read_only(parts[0] if len(parts) == 1 else np.hstack(parts)),
            blocks=tuple(blocks),
            means=self.means,
        )


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
    """

    formula: Formula
    response: Response
    common: Effects
    bars: Mapping[str, Effects]
    groupings: tuple[Grouping, ...]
    categories: Mapping[str, pd.Index[Any] | None]
    weights: str | None

    def selected(self, groups: bool | Collection[str]) -> tuple[Grouping, ...]:
        """Find the grouping factors to encode: all, none, or those named, in the formula's order.

        The columns of a combination may be named in any order.
        """
        if isinstance(groups, bool | np.bool_):
            return self.groupings if groups else ()
        known = {grouping.factor.name: grouping.factor for grouping in self.groupings}
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
        return tuple(g for g in self.groupings if g.factor.name in chosen)

    def open(self, newdata: Any) -> Frame:
        """Open new data of any library and read the columns that a design can use."""
        names = self.effect_columns(self.groupings)
        names += tuple(v for grouping in self.groupings for v in grouping.factor.variables)
        names += (*self.response.columns, *self.response.trial_columns)
        return open_frame(newdata, "newdata").read(
            names if self.weights is None else (*names, self.weights)
        )

    def used_columns(self, newdata: Any, *, groups: bool | Collection[str] = True) -> Columns:
        """Find the columns of the effects and of the grouping factors in new data."""
        frame = self.open(newdata)
        groupings = self.selected(groups)
        names = self.effect_columns(groupings)
        for name in names:
            if name not in frame.columns:
                raise unknown_column(name, frame.header, self.formula)
        for grouping in groupings:
            for name in grouping.factor.variables:
                if name not in frame.columns:
                    raise self._unknown_factor(name, grouping, groupings, frame.header)
        variables = (v for grouping in groupings for v in grouping.factor.variables)
        return _columns(frame, _unique([*names, *variables]))

    def effect_columns(self, groupings: Iterable[Grouping]) -> tuple[str, ...]:
        """List the columns of the population effects and of what varies by these factors."""
        bars = self._bars(groupings).values()
        return _unique([*self.common.columns, *(c for one in bars for c in one.columns)])

    def _bars(self, groupings: Iterable[Grouping]) -> dict[str, Effects]:
        return {bar.effects: self.bars[bar.effects] for one in groupings for bar in one.bars}

    def _unknown_factor(
        self, name: str, grouping: Grouping, wanted: Iterable[Grouping], newdata: pd.DataFrame
    ) -> FormulaError:
        """Make the error for an absent column of a grouping factor: it need not be there."""
        error = unknown_column(name, newdata, self.formula)
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
        bars = self._bars(groupings)
        effect_columns = {name: columns[name] for name in self.effect_columns(groupings)}
        checked = effect_columns if missing_levels else columns
        missing = {name: int(c.isna().sum()) for name, c in checked.items()}
        if any(missing.values()):
            raise BayesmixError(
                f"newdata has missing values in {_counts(missing)}. Drop those rows with "
                "newdata.dropna(), or fill them in."
            )
        frame = self._frame(effect_columns, len(newdata))
        matrices = {
            text: _finite(effects.matrix(frame), effects.labels, newdata.index)
            for text, effects in bars.items()
        }
        notes = _outside((self.common, *bars.values()), frame)
        return Design(
            formula=self.formula,
            response=self.response.name,
            y=_read_only(self._partly(newdata, self.response.columns, self.response.values)),
            X=_finite(self.common.matrix(frame), self.common.labels, newdata.index),
            terms=self.common.labels,
            groups=tuple(
                grouping.term(grouping.factor.codes(columns), bars, matrices)
                for grouping in groupings
            ),
            rows=_read_only(np.arange(len(newdata), dtype=np.int64)),
            index=newdata.index,
            offset=_offset(self.common, frame, newdata.index),
            weights=self._weights(newdata),
            trials=self._trials(newdata),
            encoder=self,
            notes=notes,
        )

    def _frame(self, columns: Columns, n_rows: int) -> pd.DataFrame:
        encoded = {
            name: apply_categories(name, column, self.categories[name])
            for name, column in columns.items()
        }
        return pd.DataFrame(encoded, index=pd.RangeIndex(n_rows), copy=False)

    def _partly(self, newdata: Frame, names: Sequence[str], compute: Any) -> FloatArray:
        """Compute what new data may lack: NaN in the rows, or in all, where columns are missing."""
        values = np.full(len(newdata), np.nan)
        if all(name in newdata.columns for name in names):
            columns = _columns(newdata, names)
            complete = np.ones(len(newdata), dtype=np.bool_)
            for column in columns.values():
                complete &= column.notna().to_numpy()
            if complete.any():
                present = {name: column[complete] for name, column in columns.items()}
                values[complete] = compute(self._frame(present, int(complete.sum())))
        return values

    def _trials(self, newdata: Frame) -> FloatArray | None:
        if not self.response.has_trials:
            return None
        trials = self._partly(newdata, self.response.trial_columns, self.response.trials)
        bad = (trials < 0) | (np.isfinite(trials) & (trials != np.floor(trials)))
        if bad.any():
            raise BayesmixError(
                f"The trials of '{self.response.name}' must be whole numbers of 0 or more; newdata "
                f"has {trials[bad][0]:.12g} at index {newdata.index[int(bad.argmax())]}."
            )
        return None if np.isnan(trials).all() else _read_only(trials)

    def _weights(self, newdata: Frame) -> FloatArray | None:
        if self.weights is None or self.weights not in newdata.columns:
            return None
        (column,) = _columns(newdata, (self.weights,)).values()
        _check_weights_numeric(column)
        if (column <= 0).any():
            raise BayesmixError(
                f"weights must be positive; column '{self.weights}' of newdata has "
                f"{column[column <= 0].iloc[0]:g}."
            )
        return _read_only(column.to_numpy(dtype=np.float64, copy=True))


def make_design(
    formula: Formula | str,
    data: Any,
    *,
    family: Family,
    weights: str | npt.ArrayLike | None = None,
    missing: str = "drop",
    namespace: Mapping[str, Any] | None = None,
) -> Design:
    """Make the arrays and names of a model from its formula and data.

    Parameters
    ----------
    formula : Formula or str
        An lme4 formula.
    data : DataFrame
        One row per observation; never changed. pandas', or any other that narwhals reads (polars,
        also lazy, pyarrow, Dask, DuckDB, ...): only the columns that are used are read, a lazy
        frame once. Text and categories become indicator columns: a Categorical keeps its order,
        text is sorted, the first category is the reference; True and False count as 1 and 0.
        Categories and levels that do not occur are left out.
    family : Family
        Checks the response.
    weights : str or array_like, optional
        Column name or one positive weight per row; a Series must have the index of `data`. For a
        family with trials the response is a proportion, and these are its trials.
    missing : {"drop", "raise"}
        What to do with rows that have a missing value in a used column.
    namespace : mapping, optional
        Functions and values that the formula may use beside formulae's own, ``np`` and ``pd``;
        only those that it does use are kept.

    Returns
    -------
    Design

    Raises
    ------
    BayesmixError
        For input that cannot be used; the message names it and the remedy.

    Warns
    -----
    DesignWarning
        For a design that can be fitted, but probably is not what was meant; also in
        `Design.notes`.

    Examples
    --------
    >>> from bayesmix.datasets import load_dataset
    >>> from bayesmix.families import get_family
    >>> data = load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (1 + Days | Subject)"
    >>> design = make_design(formula, data, family=get_family("gaussian"))
    >>> design
    Design: Reaction ~ Days + (1 + Days | Subject)
    180 rows; Intercept, Days
    GroupTerm(Subject: 18 levels; effects: Intercept, Days)
    >>> design.at(data.head(3)).groups[0].codes
    array([0, 0, 0])
    """
    if not isinstance(formula, Formula):
        check_text(formula)
    opened = open_frame(data, "data")
    if not isinstance(formula, Formula):
        formula = parse_formula(formula, columns=opened.header.columns, namespace=namespace)
    one_of("missing", missing, ("drop", "raise"))

    response_side, common_side = read_response(formula.response), read_side(formula.common)
    bar_sides = {bar.effects: read_side(bar.effects) for bar in formula.bars}
    sides = (response_side, common_side, *bar_sides.values())
    names = resolve_names(sides, opened.header, namespace or {}, formula)
    bars, repeated = _distinct_bars(formula)

    frame, columns = _used_columns(formula, sides, opened, weights)
    if columns.keys() <= {_WEIGHTS}:
        raise FormulaError(
            "The formula uses no column of the data. Name the response: y ~ x.", formula.text
        )
    keep, dropped = _complete_rows(columns, len(frame), missing)
    rows = np.flatnonzero(keep).astype(np.int64, copy=False)
    index = frame.index if not dropped else frame.index[keep]
    if dropped:
        columns = {name: column[keep] for name, column in columns.items()}
    weight_column = columns.pop(_WEIGHTS, None)

    effect_names = _unique(name for side in sides for name in side.columns(opened.columns))
    encoded = {name: encode_column(name, columns[name]) for name in effect_names}
    trials_name = None
    if weight_column is not None and family.trials:
        trials_name = weights if isinstance(weights, str) else TRIALS_IN_ARRAY
        encoded.setdefault(trials_name, weight_column.to_numpy(dtype=np.float64))
    table = pd.DataFrame(encoded, index=pd.RangeIndex(len(rows)), copy=False)

    response = learn_response(response_side, table, names, family, trials_name)
    check_right_side(response, formula, (common_side, *bar_sides.values()))
    y = _finite(response.values(table), (response.name,), index, "Response ")
    trials = response.trials(table)
    if trials is not None:
        trials = _finite(trials, (response.name,), index, "The trials of ")
    check_response(response, family, y, trials, index)
    weight_values = None
    if weight_column is not None and response.weights is None:
        family.check_weights(weight_column)
        weight_values = _read_only(weight_column.to_numpy(dtype=np.float64, copy=True))

    common, X = learn_effects(common_side, table, names)
    effects: dict[str, Effects] = {}
    matrices: dict[str, FloatArray] = {}
    for text, side in bar_sides.items():
        # (1 + x | g) beside 1 + x: with ten million rows a second copy is felt.
        if side.names == common_side.names:
            effects[text], matrix = dataclasses.replace(common, text=text), X
        else:
            effects[text], matrix = learn_effects(side, table, names)
        matrices[text] = _finite(matrix, effects[text].labels, index)

    groups, groupings = [], []
    for merged in _merge_bars(bars, effects):
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
    )
    design = Design(
        formula=formula,
        response=response.name,
        y=y,
        X=_finite(X, common.labels, index),
        terms=common.labels,
        groups=tuple(groups),
        rows=_read_only(rows),
        index=index,
        offset=_offset(common, table, index),
        weights=weight_values,
        trials=trials,
        encoder=encoder,
    )
    ordered = _default_contrasts((common, *effects.values()), columns)
    mistaken = _text_notes((common_side, *bar_sides.values()), encoded)
    checked = check_design(design, family, columns, names)
    notes = tuple(map(readable, (*dropped, *repeated, *ordered, *checked, *mistaken)))
    for note in notes:
        warnings.warn(note, DesignWarning, skip_file_prefixes=(os.path.dirname(__file__),))
    return dataclasses.replace(design, notes=notes)


# --- rows and columns ---------------------------------------------------------------------------


def _columns(frame: Frame, names: Iterable[str]) -> Columns:
    return {name: frame.series(name) for name in names}


def _used_columns(
    formula: Formula,
    sides: Iterable[Side],
    opened: Frame,
    weights: str | npt.ArrayLike | None,
) -> tuple[Frame, Columns]:
    """Read the columns that the model uses, the weights among them."""
    names = [name for side in sides for name in side.columns(opened.columns)]
    for bar in formula.bars:
        for name in bar.factor:
            if name not in opened.columns:
                raise unknown_column(name, opened.header, formula)
            names.append(name)
    if isinstance(weights, str) and weights not in opened.columns:
        columns = list(map(str, opened.columns))
        raise BayesmixError(
            f"weights='{short(weights)}' is not a column of the data. Columns: {listed(columns)}. "
            f"{suggest(weights, columns)}".rstrip()
        )
    frame = opened.read([*names, weights] if isinstance(weights, str) else names)
    used = _columns(frame, _unique(names))
    if weights is not None:
        used[_WEIGHTS] = _weight_column(weights, frame)
    return frame, used


def _text_notes(sides: Iterable[Side], encoded: Mapping[str, Any]) -> tuple[str, ...]:
    """Find columns that stand alone, so that they are categories, and look like numbers."""
    names = _unique(name for side in sides for name in side.terms)
    notes = (
        numbers_as_text(name, encoded[name].categories)
        for name in names
        if isinstance(encoded[name], pd.Categorical)
    )
    return tuple(note for note in notes if note)


def _weight_column(weights: str | npt.ArrayLike, frame: Frame) -> pd.Series[Any]:
    values: Any = row_values(weights)
    if isinstance(weights, str):
        (column,) = _columns(frame, (weights,)).values()
    elif isinstance(weights, pd.Series):
        if not weights.index.equals(frame.index):
            raise BayesmixError(
                "The weights have another index than the data. Align them, or pass "
                "weights.to_numpy() to take them in order."
            )
        column = plain_series(weights)
    elif isinstance(values, pd.Series) and len(values) == len(frame):
        column = values.set_axis(frame.index)
    else:
        column = pd.Series(_as_array("weights", values, len(frame)), index=frame.index)
    _check_weights_numeric(column)
    return column


def _as_array(name: str, values: npt.ArrayLike, n_rows: int) -> npt.NDArray[Any]:
    shape = shape_of(values, n_rows)
    if shape != (n_rows,):
        raise BayesmixError(
            f"The {name} have shape {shape}; one per row of the data is needed: ({n_rows},)."
        )
    return np.asarray(values)


def _check_weights_numeric(column: pd.Series[Any]) -> None:
    is_complex = pd.api.types.is_complex_dtype(column.dtype)
    if is_complex or not pd.api.types.is_numeric_dtype(column.dtype):
        raise BayesmixError(f"The weights must be numbers; they are {column.dtype}.")


def _complete_rows(
    columns: Columns, n_rows: int, missing: str
) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
    """Find the rows without a missing value; the second value tells of those that have one."""
    keep = np.ones(n_rows, dtype=np.bool_)
    counts = {}
    for name, column in columns.items():
        absent = column.isna().to_numpy()
        counts[name] = int(absent.sum())
        if counts[name] == n_rows:
            where = "weights" if name == _WEIGHTS else f"Column '{name}'"
            raise BayesmixError(
                f"{where} has no values: all {n_rows} are missing. Leave it out, or check how the "
                "data were read or merged."
            )
        keep &= ~absent
    lost = n_rows - int(keep.sum())
    if not lost:
        return keep, ()
    message = f"{lost} of {n_rows} rows have missing values, in {_counts(counts)}"
    if missing == "raise":
        raise BayesmixError(f"{message}. Drop or fill them in, or pass missing='drop'.")
    if lost == n_rows:
        raise BayesmixError(f"{message}: no row is complete. Leave a column out of the formula.")
    return keep, (
        f"{message}, and are dropped. Fill them in to keep these rows; missing='raise' makes this "
        "an error.",
    )


def _default_contrasts(parts: Iterable[Effects], columns: Columns) -> tuple[str, ...]:
    """Say of the ordered columns that the formula names without C() how they are coded."""
    names = (name for part in parts for name in part.contrasted)
    return ordered_note(name for name in names if getattr(columns[name].dtype, "ordered", False))


def _counts(counts: Mapping[str, int]) -> str:
    names = {name: "weights" if name == _WEIGHTS else f"'{name}'" for name in counts}
    return ", ".join(f"{names[name]} ({count})" for name, count in counts.items() if count)


def _outside(parts: Iterable[Effects], frame: pd.DataFrame) -> tuple[str, ...]:
    """Warn of rows outside the knots of splines."""
    notes = extrapolation_note({k: v for part in parts for k, v in part.outside(frame).items()})
    for note in notes:
        warnings.warn(note, DesignWarning, skip_file_prefixes=(os.path.dirname(__file__),))
    return notes


def _offset(effects: Effects, frame: pd.DataFrame, index: pd.Index[Any]) -> FloatArray | None:
    offset = effects.offset(frame)
    return None if offset is None else _finite(offset, ("offset",), index)


def _finite(
    array: FloatArray, labels: Sequence[str], index: pd.Index[Any], what: str = ""
) -> FloatArray:
    """Return a vector or a matrix with labelled columns, read-only, if all of it is finite."""
    for label, column in zip(labels, array.reshape(len(array), -1).T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            count, shown = int(bad.sum()), short(label)
            hint = (
                " A logarithm (np.log and its kin) needs values above 0; np.log1p(x) takes 0."
                if "log" in label
                else ""
            )
            if count == len(bad):
                raise BayesmixError(
                    f"{what}'{shown}' is infinite or not a number in all {count} rows. "
                    f"Check its values, or leave it out.{hint}"
                )
            raise BayesmixError(
                f"{what}'{shown}' is infinite or not a number in {count} of {len(bad)} rows (first "
                f"at index {index[int(bad.argmax())]}). Drop these rows, or replace the values."
                f"{hint}"
            )
    return _read_only(array)


# --- bars ---------------------------------------------------------------------------------------


def _spans(bar: Bar, effects: Effects) -> tuple[tuple[int, ...], ...]:
    """Tell which columns of a bar are correlated with one another."""
    every = tuple(range(len(effects.labels)))
    if bar.diagonal:
        return tuple((k,) for k in every)
    return (every,) if bar.correlated else tuple(map(tuple, effects.spans))


def _check_names(groups: Sequence[GroupTerm], response: str) -> None:
    """Refuse a grouping factor that is called like something of the posterior."""
    taken = {f"{response}_observed": response}
    for term in groups:
        taken |= {name.format(term.factor): term.factor for name in _OF_A_FACTOR}
        taken |= {name.format(term.dim): term.factor for name in _OF_A_DIM}
    dims = [term.dim for term in groups]
    for term in groups:
        if term.dim in taken or dims.count(term.dim) > 1:
            other = f", as something of '{short(taken[term.dim])}'" if term.dim in taken else ""
            raise BayesmixError(
                f"No grouping factor can be called '{short(term.factor)}' here: the posterior has "
                f"another thing of that name{other}. Rename the column."
            )


def _distinct_bars(formula: Formula) -> tuple[tuple[Bar, ...], tuple[str, ...]]:
    """Leave out bars that stand in the formula twice, and say so."""
    bars: dict[Any, Bar] = {}
    notes = {}
    for bar in formula.bars:
        correlated = bar.correlated or bar.effects == "1"
        key = (bar.effects, frozenset(bar.factor), correlated, bar.diagonal and not correlated)
        if key in bars:
            notes[key] = (
                f"{bar} is in the formula twice (a/b stands for a and a:b). It is used once; "
                "remove the other."
            )
        bars.setdefault(key, bar)
    return tuple(bars.values()), tuple(notes.values())


def _merge_bars(bars: Sequence[Bar], effects: Mapping[str, Effects]) -> list[tuple[Bar, ...]]:
    """Collect the bars of each grouping factor, the one with the intercept first."""
    factors: dict[frozenset[str], list[Bar]] = {}
    for bar in bars:
        factors.setdefault(frozenset(bar.factor), []).append(bar)
    merged = []
    for same in factors.values():
        seen: dict[str, Bar] = {}
        for bar in same:
            for label in effects[bar.effects].labels:
                if label in seen:
                    raise _repeated_effect(label, seen[label], bar)
                seen[label] = bar
        same.sort(key=lambda bar: "Intercept" not in effects[bar.effects].labels)
        merged.append(tuple(same))
    return merged


def _repeated_effect(label: str, first: Bar, second: Bar) -> BayesmixError:
    factor = ":".join(first.factor)
    what = "The intercept" if label == "Intercept" else f"The effect '{label}'"
    one, other = read_sum(first.effects), read_sum(second.effects)
    both = dataclasses.replace(one.plus(other.terms), intercept=one.intercept or other.intercept)
    correlated, without = (
        dataclasses.replace(first, effects=str(both), correlated=correlated, diagonal=False)
        for correlated in (True, False)
    )
    rewrite = f"Write {correlated} for correlated effects, {without} without."
    return BayesmixError(
        f"{what} varies by '{factor}' in two bars, {short(str(first), 160)} and "
        f"{short(str(second), 160)}, and the data cannot tell them apart; x in a bar stands for "
        f"1 + x. {rewrite}"
    )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _positions(rows: npt.ArrayLike, n_rows: int) -> IntArray:
    try:
        # The ends of a range say whether it fits, before it is written out.
        kept = np.asarray((rows[0], rows[-1]) if isinstance(rows, range) and rows else rows)
    except Exception:  # lists of different lengths, and whatever the value's own methods raise
        kept = np.asarray(None)
    if kept.dtype == np.bool_:
        if kept.shape != (n_rows,):
            raise BayesmixError(f"rows has {kept.size} bools for {n_rows} rows.")
        return np.flatnonzero(kept)
    is_list = kept.ndim == 1 and (kept.dtype.kind in "iu" or not kept.size)
    if not is_list or (kept.size and not -n_rows <= kept.min() <= kept.max() < n_rows):
        raise BayesmixError(
            f"rows={shown(rows)} is not usable: give a list of positions from 0 to "
            f"{n_rows - 1}, or one bool per row."
        )
    return np.asarray(rows).astype(np.int64)


def _taken(array: FloatArray | None, rows: IntArray) -> FloatArray | None:
    return None if array is None else _read_only(array[rows])


def _read_only[T: np.generic](array: npt.NDArray[T]) -> npt.NDArray[T]:
    array.flags.writeable = False
    return array
