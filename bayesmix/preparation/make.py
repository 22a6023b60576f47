"""From formula and data to a design."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import one_of, shape_of
from bayesmix.base.arrays import FloatArray, read_only, unique
from bayesmix.base.errors import (
    BayesmixError,
    DesignWarning,
    FormulaError,
    readable,
    short,
    suggest,
    warn,
)
from bayesmix.checks.checks import check_design
from bayesmix.design.design import (
    WEIGHTS_COLUMN,
    Columns,
    Design,
    Encoder,
    Grouping,
    check_weights_numeric,
    columns_of,
    counts_of,
    finite,
    offset_of,
)
from bayesmix.design.groupterm import GroupTerm
from bayesmix.encoding.contrasts import ordered_note
from bayesmix.encoding.effects import (
    Effects,
    Side,
    learn_effects,
    read_side,
    resolve_names,
    unknown_column,
)
from bayesmix.encoding.responsechecks import check_response, check_right_side
from bayesmix.encoding.responses import TRIALS_IN_ARRAY, learn_response, read_response
from bayesmix.formula.formula import Bar, Formula, check_text, parse_formula
from bayesmix.formula.rewrites import read_sum
from bayesmix.frames.columns import encode_column, learn_factor
from bayesmix.frames.frames import Frame, open_frame, plain_series, row_values
from bayesmix.frames.textnumbers import numbers_as_text
from bayesmix.frames.values import listed

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["make_design"]


# What the posterior and the joint model call the things of a factor.
_OF_A_FACTOR = ("sd_{}", "centred_sd_{}", "cor_{}", "u_{}", "zeta_{}", "lkj_{}", "Z_{}", "codes_{}")
_OF_A_DIM = ("{}_effect", "{}_effect_bis", "{}_pair")


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
    >>> from bayesmix.data.datasets import load_dataset
    >>> from bayesmix.families.registry import get_family
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
    if columns.keys() <= {WEIGHTS_COLUMN}:
        raise FormulaError(
            "The formula uses no column of the data. Name the response: y ~ x.", formula.text
        )
    keep, dropped = _complete_rows(columns, len(frame), missing)
    rows = np.flatnonzero(keep).astype(np.int64, copy=False)
    index = frame.index if not dropped else frame.index[keep]
    if dropped:
        columns = {name: column[keep] for name, column in columns.items()}
    weight_column = columns.pop(WEIGHTS_COLUMN, None)

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
        X=finite(X, common.labels, index),
        terms=common.labels,
        groups=tuple(groups),
        rows=read_only(rows),
        index=index,
        offset=offset_of(common, table, index),
        weights=weight_values,
        trials=trials,
        encoder=encoder,
    )
    ordered = _default_contrasts((common, *effects.values()), columns)
    mistaken = _text_notes((common_side, *bar_sides.values()), encoded)
    checked = check_design(design, family, columns, names)
    notes = tuple(map(readable, (*dropped, *repeated, *ordered, *checked, *mistaken)))
    for note in notes:
        warn(note, DesignWarning)
    return dataclasses.replace(design, notes=notes)


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
    used = columns_of(frame, unique(names))
    if weights is not None:
        used[WEIGHTS_COLUMN] = _weight_column(weights, frame)
    return frame, used


def _text_notes(sides: Iterable[Side], encoded: Mapping[str, Any]) -> tuple[str, ...]:
    """Find columns that stand alone, so that they are categories, and look like numbers."""
    names = unique(name for side in sides for name in side.terms)
    notes = (
        numbers_as_text(name, encoded[name].categories)
        for name in names
        if isinstance(encoded[name], pd.Categorical)
    )
    return tuple(note for note in notes if note)


def _weight_column(weights: str | npt.ArrayLike, frame: Frame) -> pd.Series[Any]:
    values: Any = row_values(weights)
    if isinstance(weights, str):
        (column,) = columns_of(frame, (weights,)).values()
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
    check_weights_numeric(column)
    return column


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
            where = "weights" if name == WEIGHTS_COLUMN else f"Column '{name}'"
            raise BayesmixError(
                f"{where} has no values: all {n_rows} are missing. Leave it out, or check how the "
                "data were read or merged."
            )
        keep &= ~absent
    lost = n_rows - int(keep.sum())
    if not lost:
        return keep, ()
    message = f"{lost} of {n_rows} rows have missing values, in {counts_of(counts)}"
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


def _check_names(groups: Sequence[GroupTerm], response: str) -> None:
    """Refuse a grouping factor that is called like something of the posterior."""
    names = {f"{response}_observed": response}
    for term in groups:
        names |= {name.format(term.factor): term.factor for name in _OF_A_FACTOR}
        names |= {name.format(term.dim): term.factor for name in _OF_A_DIM}
    dims = [term.dim for term in groups]
    for term in groups:
        if term.dim in names or dims.count(term.dim) > 1:
            other = f", as something of '{short(names[term.dim])}'" if term.dim in names else ""
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


def _as_array(name: str, values: npt.ArrayLike, n_rows: int) -> npt.NDArray[Any]:
    shape = shape_of(values, n_rows)
    if shape != (n_rows,):
        raise BayesmixError(
            f"The {name} have shape {shape}; one per row of the data is needed: ({n_rows},)."
        )
    return np.asarray(values)
