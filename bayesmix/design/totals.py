"""What is known of rows that are not in memory: sums over them, and an error for all else."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NoReturn, cast

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.columnsums import ColumnSums

__all__ = ["ABSENT", "NO_ROWS", "LevelTotals", "Reference", "Totals"]

NO_ROWS = (
    "The rows of this fit are not in memory: it was made from sums over rows that were read from "
    "files, a cluster or fit.update(rows=...), and has forgotten the rows themselves. What works "
    "without them: summary, fixef, varcorr, cor_re, ranef, coef, find_typical, hypothesis, "
    "draws_frame, log_evidence, predictions of new rows (newdata=), plot_ranef, plot_varcorr, "
    "plot_trace, save, and update(rows=...). For what asks for the rows of the fit (loo, waic, "
    "logo, kfold, residuals, predictions without newdata, plots of the data) fit rows that are in "
    "memory, such as a sample of the groups: bm.fit(formula, pd.read_parquet(...)) or "
    "frame.compute()."
)


class _Absent:
    """Stands where the rows would be; whoever looks at them is told what works without them."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for what need not be there
            raise AttributeError(name)
        raise BayesmixError(NO_ROWS)

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise BayesmixError(NO_ROWS)

    def _refuse(self, *args: object) -> NoReturn:
        raise BayesmixError(NO_ROWS)

    __len__ = __iter__ = __getitem__ = __bool__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __matmul__ = __rmatmul__ = __neg__ = __abs__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __eq__ = __ne__ = _refuse
    __hash__ = object.__hash__

    def __reduce__(self) -> str:
        """Pickle by name: there is one."""
        return "ABSENT"


ABSENT: Any = cast("Any", _Absent())
"""The rows of a fit that has forgotten them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """Points near the means that are taken off the columns before their products are summed.

    Attributes
    ----------
    X : ndarray, shape (p,)
        Zero for the intercept, and for all columns where there is none.
    y : float
        Of the response less the offset; zero where there is no intercept.
    Z : tuple of ndarray, shape (q,)
        By grouping factor; zero where there is no intercept in one block with the others.
    about : ndarray, shape (p + 2,)
        Of the columns of X, the response and the offset, for their means and sds.
    about_Z : tuple of ndarray, shape (q,)
        Of the columns of each grouping factor.
    """

    X: FloatArray
    y: float
    Z: tuple[FloatArray, ...]
    about: FloatArray
    about_Z: tuple[FloatArray, ...]

    @property
    def mean(self) -> FloatArray:
        """Population effects whose prediction is taken off the response, shape (p,)."""
        mean = np.zeros(len(self.X))
        mean[:1] = self.y
        return mean


@dataclasses.dataclass(frozen=True, eq=False)
class LevelTotals:
    """Sums over the rows of one grouping factor.

    Attributes
    ----------
    counts : ndarray of int64, shape (J,)
        Rows of each level.
    columns : ColumnSums
        Of the columns of Z.
    """

    counts: IntArray
    columns: ColumnSums

    def __add__(self, other: LevelTotals) -> LevelTotals:
        return LevelTotals(self.counts + other.counts, self.columns + other.columns)


@dataclasses.dataclass(frozen=True, eq=False)
class Totals:
    """Sums over rows that are all a Gaussian model needs; those of two parts of the rows add up.

    Attributes
    ----------
    columns : ColumnSums
        Of the columns of X, the response and the offset (zero without one), unweighted.
    levels : tuple of LevelTotals
        By grouping factor.
    weight, weighted_y : float
        Sum of the weights; of weight times response less `Reference.about`.
    products : CrossProducts
        About the reference (`bayesmix.blocks.crossproducts`).
    reference : Reference
    rows : DataFrame or None
        Rows that have each level and each category at least once: what new data are encoded by.
        None in the sums of a part.
    states : mapping of str to tuple of float
        What calls such as ``scale(x)`` have learnt from all rows.
    """

    columns: ColumnSums
    levels: tuple[LevelTotals, ...]
    weight: float
    weighted_y: float
    products: Any
    reference: Reference
    rows: pd.DataFrame | None = None
    states: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)

    def __add__(self, other: Totals) -> Totals:
        return dataclasses.replace(
            self,
            columns=self.columns + other.columns,
            levels=tuple(a + b for a, b in zip(self.levels, other.levels, strict=True)),
            weight=self.weight + other.weight,
            weighted_y=self.weighted_y + other.weighted_y,
            products=self.products + other.products,
        )

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return self.columns.n_rows

    @property
    def X(self) -> ColumnSums:
        """Of the columns of X."""
        return self.columns.take(slice(0, len(self.columns.about) - 2))

    @property
    def mean_weight(self) -> float:
        """Mean of the weights."""
        return self.weight / self.n_rows

    @property
    def response_sd(self) -> float:
        """Sd of the response."""
        return float(self.columns.sd[-2])

    @property
    def location(self) -> float:
        """Weighted mean of the response less the mean of the offset."""
        weighted = float(self.columns.about[-2]) + self.weighted_y / self.weight
        return weighted - float(self.columns.mean[-1])

    @property
    def sd_less_offset(self) -> float:
        """Sd of the response less the offset."""
        both = self.columns.covariance[-2:, -2:]
        return math.sqrt(max(both[0, 0] - 2 * both[0, 1] + both[1, 1], 0.0))
