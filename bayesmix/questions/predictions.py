"""Expected responses on rows, on a grid, or averaged by columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import true_or_false
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import interval_of
from bayesmix.questions.averages import cells_of
from bayesmix.questions.evaluation import Asked, asked_frame
from bayesmix.questions.results import Comparison, answered

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["predictions"]


def predictions(
    fit: Fitted,
    by: bool | str | Collection[str] | None = None,
    *,
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
    """Predict expected responses on rows or on a grid, or average them by columns.

    Parameters
    ----------
    fit : Fitted
    by : bool, str or list of str, optional
        Columns by whose values predictions are averaged, draw by draw; True for the average of all
        rows. None for rows by themselves.
    newdata : DataFrame, optional
        Rows to predict, of any library that narwhals reads; those of the fit by default.
    grid : mapping, optional
        Values by column, ``{"Days": [0, 9]}``: all their combinations, the other columns held
        where `datagrid` holds them. With `newdata`, all its rows at each combination: with
        ``by="Days"`` averages over the rows as they would be at each value (g-computation).
    weights : str, optional
        Column of the rows with their weights in averages.
    scale : {"response", "link"}
        The expected response, or the linear predictor. Of a count of successes out of trials the
        expected response is that of one trial, a probability.
    groups : {"conditional", "population", "average"} or list of str
        ``"conditional"`` for the groups of the rows, ``"population"`` for a group whose effects
        are zero, ``"average"`` for the average of new groups, whose effects are integrated out, or
        the factors whose effects are added.
    new_levels : {"error", "population", "sample"}
        What to do with levels that the fit did not have, as in `linpred`.
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    draws : bool
        Return all draws in place of summaries.
    random_seed : int, Generator or None
        For effects of new levels; by default the seed of the fit.
    parameter : str, optional
        A further parameter in place of the response, as in `epred`.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        The columns of the rows (those of `by` for averages) and ``value, se, lower_2.5,
        upper_97.5``; of a response of several categories a row for each, with its ``category``.
        With ``draws=True`` an array with dims ``chain, draw, obs`` (and ``category``), where
        ``obs`` is the index of the rows, or what was averaged by.

    Raises
    ------
    BayesmixError
        As `linpred`, and for a column that is not there.

    Notes
    -----
    With a link other than the identity the average of groups is not the group whose effects are
    zero: the average probability of groups lies nearer to one half than the probability of the
    average group. Effects are integrated out by quadrature, given each draw.

    Where group effects were too many to be drawn and are normal given all other draws, as in
    `ranef`, rows, averages, differences and slopes are summarised as the mixtures of normals that
    they are, without draws.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> fit = bm.fit(formula, data, random_seed=1, progressbar=False)
    >>> fit.predictions(grid={"Days": [0, 9]}, groups="population").round()
       Days  value    se  lower_2.5  upper_97.5
    0     0  251.0   8.0      236.0       266.0
    1     9  345.0  15.0      315.0       375.0
    """
    interval_of(ci_level)
    true_or_false("draws", draws)
    asked = Asked.of(fit, scale, groups, new_levels, parameter, random_seed)
    frame = asked_frame(asked, newdata, grid)
    cells = cells_of(frame, by, weights)
    return answered(
        "predictions",
        asked,
        frame,
        [frame],
        [Comparison({}, lambda values: values[0], ((0, 1.0),))],
        cells,
        ci_level=ci_level,
        draws=draws,
    )
