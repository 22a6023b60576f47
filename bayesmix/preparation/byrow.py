"""Numbers that come by row beside the formula: weights, or standard errors that are known."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import shape_of
from bayesmix.base.arrays import FloatArray, read_only
from bayesmix.base.errors import BayesmixError, short, suggest
from bayesmix.design.columns import check_numeric, columns_of
from bayesmix.design.known_errors import weights_of_errors
from bayesmix.families.family import Family
from bayesmix.frames.frames import Frame, plain_series, row_values
from bayesmix.frames.values import listed

__all__ = ["ByRow", "by_row"]


@dataclasses.dataclass(frozen=True, eq=False)
class ByRow:
    """What a user gave by row, as a column or as an array.

    Attributes
    ----------
    argument : {"weights", "se"}
    values : str or array_like
    """

    argument: str
    values: str | npt.ArrayLike

    @property
    def column(self) -> str | None:
        """The column of the data; None for an array."""
        return self.values if isinstance(self.values, str) else None

    @property
    def label(self) -> str:
        """What the column is called among those that the model was made of."""
        return self.column or f"{self.argument}="

    def check_name(self, frame: Frame) -> None:
        """Raise for the name of a column that the data do not have."""
        if self.column is not None and self.column not in frame.columns:
            columns = list(map(str, frame.columns))
            raise BayesmixError(
                f"{self.argument}='{short(self.column)}' is not a column of the data. Columns: "
                f"{listed(columns)}. {suggest(self.column, columns)}".rstrip()
            )

    def read(self, frame: Frame) -> pd.Series[Any]:
        """Read the numbers, one for each row of the frame."""
        given, word = self.values, "standard errors" if self.argument == "se" else "weights"
        values: Any = row_values(given)
        if isinstance(given, str):
            (column,) = columns_of(frame, (given,)).values()
        elif isinstance(given, pd.Series):
            if not given.index.equals(frame.index):
                raise BayesmixError(
                    f"The {word} have another index than the data. Align them, or pass "
                    f"{self.argument}.to_numpy() to take them in order."
                )
            column = plain_series(given)
        elif isinstance(values, pd.Series) and len(values) == len(frame):
            column = values.set_axis(frame.index)
        else:
            column = pd.Series(_as_array(word, values, len(frame)), index=frame.index)
        check_numeric(word, column)
        return column

    def weights(self, family: Family, column: pd.Series[Any]) -> FloatArray:
        """Return the weights of the rows that are kept, checked."""
        if self.argument == "se":
            return weights_of_errors(column, "The standard errors have")
        family.check_weights(column)
        return read_only(column.to_numpy(dtype=np.float64, copy=True))


def by_row(weights: str | npt.ArrayLike | None, se: str | npt.ArrayLike | None) -> ByRow | None:
    """Take the one that was given."""
    if weights is not None and se is not None:
        raise BayesmixError(
            "weights and se both say how much a row weighs: the residual sd of a row is "
            "sigma / sqrt(weight), or its known standard error. Give one of them; weights of "
            "estimates with known standard errors belong into se, as se / sqrt(weight)."
        )
    if se is not None:
        return ByRow("se", se)
    return None if weights is None else ByRow("weights", weights)


def _as_array(name: str, values: npt.ArrayLike, n_rows: int) -> npt.NDArray[Any]:
    shape = shape_of(values, n_rows)
    if shape != (n_rows,):
        raise BayesmixError(
            f"The {name} have shape {shape}; one per row of the data is needed: ({n_rows},), "
            "or the name of a column."
        )
    return np.asarray(values)
