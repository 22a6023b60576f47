"""The column that says which parameter rows of a table belong to, where several have predictors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import text_column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_parameter", "formula_effects"]


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
