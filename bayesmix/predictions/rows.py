"""Rows to predict: those of the fit, or new ones, encoded as the fit's were."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from bayesmix.base.arguments import names_of, one_of
from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError, DesignWarning, warn
from bayesmix.base.words import count, have, their
from bayesmix.design.design import Design
from bayesmix.encoding.responsechecks import missing_trials
from bayesmix.frames.frames import Frame
from bayesmix.model.spec import ModelSpec

__all__ = ["GROUPS", "Rows", "factors_of", "rows_of", "rows_of_new_groups"]


GROUPS = ("conditional", "population")
NEW_LEVELS = ("error", "population", "sample")


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows, and where they stand among those that were asked for.

    Attributes
    ----------
    design : Design
        Rows without missing values.
    place : ndarray of int64
        Their positions in `index`.
    index : Index
        Of all rows.
    columns : mapping of str to Series
        Columns of the grouping factors of `design`; empty for the rows of the fit.
    """

    design: Design
    place: IntArray
    index: pd.Index
    columns: Mapping[str, pd.Series]


def rows_of(
    spec: ModelSpec,
    newdata: pd.DataFrame | None,
    groups: str | Collection[str],
    new_levels: str,
    *,
    trials: bool = False,
    weights: bool = False,
) -> Rows:
    """Encode the rows to predict; `trials` and `weights` say whether these are needed."""
    one_of("new_levels", new_levels, NEW_LEVELS)
    encoder = spec.design.encoder
    groupings = encoder.selected(factors_of(spec.design, groups))
    factors = tuple(grouping.factor.name for grouping in groupings)
    design = _with_groups(spec.design, factors)
    if newdata is None:
        return Rows(design, np.arange(design.n_rows), design.index, {})
    frame = encoder.open(newdata)
    used_columns = encoder.used_columns(frame, groups=factors)
    # As in lme4, a missing label is a new level where those have no effect.
    missing_levels = new_levels == "population"
    needed = list(encoder.effect_columns(groupings) if missing_levels else used_columns)
    if trials and spec.family.trials:
        _check_trials(spec, frame)
        needed += encoder.response.trial_columns
    if weights and spec.design.weights is not None:
        needed.append(_weights_column(spec, frame))
    read = {name: frame.series(name) for name in dict.fromkeys([*needed, *used_columns])}
    used = pd.DataFrame(read, index=frame.index, copy=False)
    complete = _complete(used[list(dict.fromkeys(needed))])
    present = used if complete.all() else used[complete]
    if len(present):
        design = encoder.encode(present, groups=factors, missing_levels=missing_levels)
    else:
        design = design.take([])
    variables = {name for term in design.every_group for name in term.variables}
    columns = {name: present[name] for name in variables}
    return Rows(design, np.flatnonzero(complete), frame.index, columns)


def rows_of_new_groups(spec: ModelSpec, newdata: pd.DataFrame | None) -> Rows:
    """Encode rows whose groups are all new, whatever their labels are: these need not be there."""
    encoder = spec.design.encoder
    if newdata is None:
        return Rows(
            _without_levels(spec.design), np.arange(spec.design.n_rows), spec.design.index, {}
        )
    effects = encoder.effect_columns(encoder.every_grouping)
    labels = (v for grouping in encoder.every_grouping for v in grouping.factor.variables)
    table = newdata.assign(**{name: None for name in labels if name not in effects})
    rows = rows_of(spec, table, "conditional", "population")
    return dataclasses.replace(rows, design=_without_levels(rows.design))


def _without_levels(design: Design) -> Design:
    none = np.full(design.n_rows, -1)
    return dataclasses.replace(
        design,
        groups=tuple(dataclasses.replace(term, codes=none) for term in design.groups),
        predictors={name: _without_levels(own) for name, own in design.predictors.items()},
    )


def factors_of(design: Design, groups: str | Collection[str]) -> bool | tuple[str, ...]:
    """Read `groups`: True for all grouping factors, or the names of some."""
    if not isinstance(groups, str):
        return names_of("groups", groups)
    if groups in GROUPS:
        return groups == "conditional" or ()
    known = dict.fromkeys(term.factor for term in design.every_group)
    one_of("groups", groups, [*GROUPS, *known])
    return (groups,)


def _with_groups(design: Design, factors: Collection[str]) -> Design:
    """Leave out the grouping factors that are not named."""
    chosen = tuple(term for term in design.groups if term.factor in factors)
    predictors = {name: _with_groups(own, factors) for name, own in design.predictors.items()}
    return dataclasses.replace(design, groups=chosen, predictors=predictors)


def _complete(needed: pd.DataFrame) -> pd.Series:
    """Tell the rows without a missing value, and warn of the others."""
    missing = needed.isna()
    incomplete = missing.any(axis=1)
    if incomplete.any():
        lost = int(incomplete.sum())
        counts = ", ".join(f"'{name}' ({n})" for name, n in missing.sum().items() if n)
        note = (
            f"{count(lost, 'row')} of newdata {have(lost)} missing values, in {counts}: "
            f"{their(lost)} predictions are NaN, without a part in averages. Fill them in to "
            "predict these rows; a missing "
            "label of a grouping factor is a new level with new_levels='population', and leaving "
            "the factor out of groups= needs none."
        )
        warn(note, DesignWarning)
    return ~incomplete


def _check_trials(spec: ModelSpec, newdata: Frame) -> None:
    response = spec.design.encoder.response
    absent = [name for name in response.trial_columns if name not in newdata.columns]
    if absent:
        raise BayesmixError(missing_trials(response, absent))


def _weights_column(spec: ModelSpec, newdata: Frame) -> str:
    if spec.family.known_errors:
        return _errors_column(spec, newdata)
    name = spec.design.encoder.weights
    if name is None:
        raise BayesmixError(
            "The weights of the fit came as an array, so that those of newdata are not known, and "
            "with them the residual sd. Refit with weights='<column>', a column of both data "
            "frames; linpred and epred need no weights."
        )
    if name not in newdata.columns:
        raise BayesmixError(
            f"newdata has no column '{name}', the weights that predict needs for the residual sd. "
            f"Add it, for example newdata.assign({name}=1); linpred and epred need no weights."
        )
    return name


def _errors_column(spec: ModelSpec, newdata: Frame) -> str:
    name = spec.design.encoder.se
    if name is None:
        raise BayesmixError(
            "The standard errors of the fit came as an array, so that those of newdata are not "
            "known. Refit with se='<column>', a column of both data frames; linpred and epred need "
            "none."
        )
    if name not in newdata.columns:
        raise BayesmixError(
            f"newdata has no column '{name}', the standard errors that predict needs: they are the "
            f"residual sd of new estimates. Add it, for example newdata.assign({name}=...); "
            "linpred and epred need none."
        )
    return name
