"""What residuals are held against: fitted values, columns of the rows, values that are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import shape_of, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.base.words import count
from bayesmix.design.magnitudes import LARGEST
from bayesmix.frames.values import holds_numbers, listed
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.fitted import Fitted

__all__ = ["by_column", "numbers_of", "population_predictor"]

# Columns of the formula along which a trend is looked for by itself.
MOST_COLUMNS = 8
# Distinct values of a column of numbers from which on a straight line leaves something over.
_DISTINCT = 3


def by_column(fit: Fitted, by: Any) -> tuple[str, pd.Series[Any]]:
    """Read `by`: a column that the fit has, or one value for each of its rows.

    Returns
    -------
    str
        Its name.
    Series, length n
        On the index of the rows.

    Raises
    ------
    BayesmixError
        The fit has no such column or it is the response, there are too few or too many values, or
        all are missing.
    """
    index, n = fit.design.index, fit.design.n_rows
    if isinstance(by, str):
        source = fit.design.source
        known = [] if source is None else list(map(str, source.columns))
        if source is None or by not in known:
            raise BayesmixError(
                f"by={shown(by)} is no column that the fit has. Columns: "
                f"{listed(known, 8) or 'none'}. Of another column give the values, by=data['z']. "
                f"{suggest(by, known)}".rstrip()
            )
        if by in fit.design.encoder.response.own_columns:
            raise BayesmixError(
                f"by={by!r} is the response: residuals rise with it in any model. Hold them "
                "against fitted values (without by) or columns that predict."
            )
        name, column = by, source[by]
    else:
        shape = shape_of(by, n)
        if shape != (n,):
            what = f"{count(shape[0], 'value')}" if len(shape) == 1 else shown(by)
            raise BayesmixError(
                f"by={what} is not usable: give the name of a column, or one value for each of the "
                f"{n} rows of the fit (rows with missing values are none of them)."
            )
        name = str(getattr(by, "name", None) or "by")
        column = pd.Series(by.array if isinstance(by, pd.Series) else np.asarray(by))
    column = column.set_axis(index) if isinstance(column, pd.Series) else column
    if not _is_usable(column):
        raise BayesmixError(
            f"by={name!r} is not usable: residuals are held against numbers, text, booleans or "
            "categories of which not all are missing."
        )
    if holds_numbers(column):
        _check_sizes(name, column)
    return name, column


def _check_sizes(name: str, column: pd.Series[Any]) -> None:
    largest = float(column.abs().max())
    if largest > LARGEST:
        what = "infinite values" if np.isinf(largest) else f"values of up to {largest:.2g}"
        raise BayesmixError(
            f"by={name!r} has {what}. Residuals are held against numbers of up to {LARGEST:g}: "
            "leave infinite ones missing, and rescale the others."
        )


def _is_usable(column: pd.Series[Any]) -> bool:
    if pd.api.types.is_complex_dtype(column.dtype):
        return False
    present = column.dropna()
    if column.dtype == object and not all(
        isinstance(value, str | int | float | np.generic) for value in present
    ):
        return False
    return len(present) > 0


def numbers_of(fit: Fitted) -> dict[str, FloatArray]:
    """Return the columns of numbers that the population effects of all predictors are made of."""
    source = fit.design.source
    if source is None:
        return {}
    found = {}
    for name in fit.design.encoder.effect_columns(()):
        if name in source and holds_numbers(source[name]):
            values = source[name].to_numpy(dtype=np.float64, na_value=np.nan)
            if len(np.unique(values[np.isfinite(values)])) >= _DISTINCT:
                found[name] = values
    return dict(list(found.items())[:MOST_COLUMNS])


def population_predictor(fit: Fitted, draws: Draws) -> FloatArray | None:
    """Average the linear predictor (n,) without group effects; None of unordered categories.

    Group effects have adapted to the residuals of their own rows, so that these rise with them
    even where the model is right.
    """
    if fit.family.response.is_nominal:
        return None
    eta = fit.design.X @ draws.beta.mean(axis=0)
    return np.asarray(eta if fit.design.offset is None else eta + fit.design.offset)
