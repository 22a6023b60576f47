"""The column of tables that says which parameter a row is, or belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.posterior.drawn import drawn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws
from bayesmix.posterior.summaries import Interval, marginals_of, text_column

__all__ = ["by_parameter", "formula_effects", "parameter_table"]


def by_parameter(fit: Fitted, rows: Sequence[int]) -> dict[str, pd.Series[str]]:
    """Make the column ``parameter`` for so many rows of each predictor; none of one predictor."""
    if len(rows) == 1:
        return {}
    names = fit.family.predictors
    every = [name for name, n in zip(names, rows, strict=True) for _ in range(n)]
    return {"parameter": text_column(every)}


def formula_effects(fit: Fitted, table: pd.DataFrame) -> pd.DataFrame:
    """Keep what a table of `by_parameter` says of the predictor of the formula."""
    if len(fit.design.parts) == 1:
        return table
    main = fit.family.predictors[0]
    return table[table["parameter"] == main].drop(columns="parameter").reset_index(drop=True)


def parameter_table(
    fit: Fitted, draws: Mapping[str, FloatArray], interval: Interval
) -> pd.DataFrame:
    """Summarise the draws (S,) of each parameter, one row of the table for each."""
    stacked = np.array(list(draws.values())).reshape(
        len(draws), number_of_draws(drawn_of(fit).posterior)
    )
    columns = marginals_of(stacked, interval).columns(interval)
    return pd.DataFrame({"parameter": text_column(list(draws)), **columns})
