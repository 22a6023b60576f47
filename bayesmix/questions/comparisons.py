"""Differences between predictions where a column is set to other values, and their derivatives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import true_or_false
from bayesmix.base.errors import BayesmixError
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import interval_of
from bayesmix.questions.averages import cells_of
from bayesmix.questions.contrasts import Contrast, contrasts_of, read_variables, slope_of
from bayesmix.questions.evaluation import Asked, asked_frame
from bayesmix.questions.measures import compared, contrast_label, measure_of
from bayesmix.questions.results import Comparison, answered

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["comparisons", "slopes"]


def comparisons(
    fit: Fitted,
    variables: str | Collection[str] | Mapping[str, Any] | None = None,
    *,
    by: bool | str | Collection[str] | None = None,
    comparison: str = "difference",
    newdata: Any = None,
    grid: Mapping[str, Any] | None = None,
    weights: str | None = None,
    scale: str = "response",
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: int | np.random.Generator | None = None,
    parameter: str | None = None,
) -> pd.DataFrame | xr.DataArray:
    """Compare predictions of the same rows where a column is set to other values.

    Parameters
    ----------
    fit : Fitted
    variables : str, list of str or mapping, optional
        Columns to change; by default all of the population effects. A mapping says how: a number
        by a step from where it is, ``{"Days": 1}``, which is the default, by ``"sd"``, ``"2sd"``
        around where it is, from ``"iqr"`` or ``"minmax"`` of the rows of the fit, or between two
        values, ``{"Days": [0, 9]}``; categories, and columns of two values, by ``"reference"``
        (each against the first), ``"sequential"``, ``"pairwise"``, or two of them.
    by : bool, str or list of str, optional
        Columns by whose values predictions are averaged before they are compared; True for all
        rows together. None for a comparison of each row.
    comparison : {"difference", "ratio", "lift", "lnratio", "oddsratio", "lnor"}
        ``high - low``, ``high / low``, ``(high - low) / low``, the logarithm of the ratio, the
        ratio of odds and its logarithm.
    newdata, grid, weights, scale, groups, new_levels, ci_level, draws, random_seed, parameter
        As in `predictions`.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        ``variable, contrast``, the columns of the rows (those of `by` for averages), and ``value,
        se, lower_2.5, upper_97.5``; of a response of several categories a row for each.

    Raises
    ------
    BayesmixError
        As `predictions`, and for a contrast that is none of the column.

    Notes
    -----
    The column of the data is changed and all terms of it are encoded anew: interactions,
    polynomials and splines follow. Other columns stay as they are in each row.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> fit = bm.fit(formula, data, random_seed=1, progressbar=False)
    >>> fit.comparisons({"Days": [0, 9]}, by=True).round()
      variable contrast  value   se  lower_2.5  upper_97.5
    0     Days    9 - 0   94.0  6.0       82.0       106.0
    """
    asked = Asked.of(fit, scale, groups, new_levels, parameter, random_seed)
    measure = measure_of(fit, comparison, scale, parameter)
    found = [
        contrast
        for variable, how in read_variables(fit, variables).items()
        for contrast in contrasts_of(variable, how)
    ]
    labelled = [(one, contrast_label(one, comparison)) for one in found]
    return _answered(
        "comparisons",
        asked,
        labelled,
        asked_frame(asked, newdata, grid),
        measure,
        is_difference=comparison == "difference",
        by=by,
        weights=weights,
        ci_level=ci_level,
        draws=draws,
    )


def slopes(
    fit: Fitted,
    variables: str | Collection[str] | None = None,
    *,
    by: bool | str | Collection[str] | None = None,
    newdata: Any = None,
    grid: Mapping[str, Any] | None = None,
    weights: str | None = None,
    scale: str = "response",
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: int | np.random.Generator | None = None,
    parameter: str | None = None,
) -> pd.DataFrame | xr.DataArray:
    """Differentiate expected responses by columns of numbers.

    Parameters
    ----------
    fit : Fitted
    variables : str or list of str, optional
        Columns; by default all of the population effects. Of categories, which have no
        derivative, the difference from the first is given.
    by, newdata, grid, weights, scale, groups, new_levels, ci_level, draws, random_seed, parameter
        As in `predictions`.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        As `comparisons`; ``contrast`` is ``dY/dX``.

    Raises
    ------
    BayesmixError
        As `comparisons`.

    Notes
    -----
    Differences over a millionth of the range of the column in the rows of the fit, central but at
    its ends, beyond which splines would have to be extrapolated.

    Examples
    --------
    >>> fit.slopes("Days", by=True)  # doctest: +SKIP
    """
    asked = Asked.of(fit, scale, groups, new_levels, parameter, random_seed)
    if isinstance(variables, Mapping):
        raise BayesmixError(
            "slopes takes names of columns: 'x' or ['x', 'z']. Values to compare are for "
            "fit.comparisons({'x': [0, 1]})."
        )
    found: list[Contrast] = []
    for variable in read_variables(fit, variables):
        is_number = variable.kind == "number"
        found += [slope_of(variable)] if is_number else contrasts_of(variable, None)
    labelled = [(one, contrast_label(one, "difference")) for one in found]
    return _answered(
        "slopes",
        asked,
        labelled,
        asked_frame(asked, newdata, grid),
        measure_of(fit, "difference", scale),
        is_difference=True,
        by=by,
        weights=weights,
        ci_level=ci_level,
        draws=draws,
    )


def _answered(
    name: str,
    asked: Asked,
    contrasts: Sequence[tuple[Contrast, str]],
    frame: pd.DataFrame,
    measure: Any,
    *,
    is_difference: bool,
    by: Any,
    weights: Any,
    ci_level: float,
    draws: bool,
) -> pd.DataFrame | xr.DataArray:
    """Compare all contrasts, those of one column side by side, which share their settings."""
    interval_of(ci_level)
    true_or_false("draws", draws)
    for one, _ in contrasts:
        if one.is_relative and one.variable not in frame:
            raise BayesmixError(
                f"newdata has no column '{one.variable}', which is to be changed from where it is. "
                f"Add it, or give two values: {{'{one.variable}': [0, 1]}}."
            )
    cells = cells_of(frame, by, weights)
    frames: list[pd.DataFrame] = []
    places: dict[tuple[str, Any, bool], int] = {}
    pairs = []
    for one, label in contrasts:
        for value, made in zip((one.low, one.high), one.frames(frame), strict=True):
            key = (one.variable, value, one.is_relative)
            if key not in places:
                places[key] = len(frames)
                frames.append(made)
        low, high = (places[one.variable, v, one.is_relative] for v in (one.low, one.high))
        labels = {"variable": one.variable, "contrast": label}
        parts = ((high, 1 / one.unit), (low, -1 / one.unit)) if is_difference else ()
        pairs.append(Comparison(labels, compared(measure, low, high, one.unit), parts))
    return answered(name, asked, frame, frames, pairs, cells, ci_level=ci_level, draws=draws)
