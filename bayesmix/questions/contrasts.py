"""What a column is set to, and which of these settings are compared."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import as_number, few, names_of, shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.frames.spelling import label_of
from bayesmix.frames.values import listed
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.variables import Variable, variable_of, variables_of

__all__ = ["Contrast", "contrasts_of", "read_variables", "slope_of"]

_OF_NUMBERS = ("sd", "2sd", "iqr", "minmax")
_OF_CATEGORIES = ("reference", "pairwise", "sequential")
_MOST_CONTRASTS = 1_000
# Share of the range of a column that a slope is measured over.
_STEP = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Contrast:
    """Two settings of a column.

    Attributes
    ----------
    variable : str
    low, high : Any
        Values, or differences from the values that the rows have.
    is_relative : bool
        Whether they are differences.
    low_label, high_label : str
        What they are called; empty for a difference by itself.
    label : str
        The contrast as a difference; empty where the two labels say it.
    unit : float
        By what the difference is divided.
    bounds : tuple of float
        A difference of rows inside stays inside.
    """

    variable: str
    low: Any
    high: Any
    is_relative: bool = False
    low_label: str = ""
    high_label: str = ""
    label: str = ""
    unit: float = 1.0
    bounds: tuple[float, float] = (-np.inf, np.inf)

    def frames(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows in the two settings."""
        if not self.is_relative:
            return tuple(frame.assign(**{self.variable: value}) for value in (self.low, self.high))  # type: ignore[return-value]
        own = frame[self.variable]
        low, high = (own if step == 0 else own + step for step in (self.low, self.high))
        if np.isfinite(self.bounds).all():
            least, most = self.bounds
            below, above = (own >= least) & (low < least), (own <= most) & (high > most)
            low = low.mask(below, least).mask(above, most - self.unit)
            high = low + self.unit
        return frame.assign(**{self.variable: low}), frame.assign(**{self.variable: high})


def read_variables(fit: Fitted, variables: Any) -> dict[Variable, Any]:
    """Read which columns are asked about, and how: names, or a mapping of names to contrasts."""
    if variables is None:
        effects = fit.design.encoder.effect_columns(())
        if not effects:
            raise BayesmixError(
                f"'{fit.design.formula.text}' has no columns besides those of groups. Name one: "
                "variables='g'."
            )
        return {variable_of(fit, name, "variables", whole=False): None for name in effects}
    if isinstance(variables, Mapping):
        asked = dict(variables)
    else:
        asked = dict.fromkeys(names_of("variables", variables))
    if not asked:
        raise BayesmixError(
            f"variables names no column. Columns: {listed(variables_of(fit.design), 8) or 'none'}."
        )
    return {variable_of(fit, name, "variables", whole=False): how for name, how in asked.items()}


def contrasts_of(variable: Variable, how: Any) -> list[Contrast]:
    """Return the contrasts of a column.

    Parameters
    ----------
    variable : Variable
    how : optional
        Of a number: a step (1 by default), ``"sd"``, ``"2sd"``, ``"iqr"``, ``"minmax"`` or a pair
        of values. Of categories: ``"reference"``, ``"pairwise"``, ``"sequential"``, or a pair.

    Raises
    ------
    BayesmixError
    """
    pair = None if how is None or isinstance(how, str) else few("variables", how)
    if variable.kind == "number":
        return [_of_pair(variable, pair) if pair and len(pair) == 2 else _of_number(variable, how)]
    values = variable.values
    if len(values) < 2:
        raise BayesmixError(
            f"variables: '{variable.name}' has one value in the data, {values[0]!r}, so that there "
            "is nothing to compare it with."
        )
    if pair is not None:
        return [_of_categories(variable, *_known(variable, pair))]
    how = how or "reference"
    if how not in _OF_CATEGORIES:
        raise BayesmixError(
            f"variables: {variable.name!r}: {shown(how)} is no contrast of its {len(values)} "
            f"categories. Write one of {', '.join(_OF_CATEGORIES)}, or a pair of them. "
            f"{suggest(str(how), _OF_CATEGORIES)}".rstrip()
        )
    pairs = {
        "reference": [(values[0], other) for other in values[1:]],
        "sequential": list(itertools.pairwise(values)),
        "pairwise": list(itertools.combinations(values, 2)),
    }[how]
    if len(pairs) > _MOST_CONTRASTS:
        raise BayesmixError(
            f"variables: {variable.name!r} has {len(values)} categories, which are {len(pairs):,} "
            f"pairs, of at most {_MOST_CONTRASTS:,}. Name a pair: "
            f"{{{variable.name!r}: [{values[0]!r}, {values[1]!r}]}}."
        )
    return [_of_categories(variable, low, high) for low, high in pairs]


def slope_of(variable: Variable) -> Contrast:
    """Return the two settings that a derivative is measured by."""
    values = _numbers(variable)
    span = float(np.ptp(values))
    step = _STEP * span or 1e-6
    bounds = (float(values.min()), float(values.max()))
    return Contrast(
        variable.name,
        -step / 2,
        step / 2,
        is_relative=True,
        label="dY/dX",
        unit=step,
        bounds=bounds if span > step and variable.is_whole else (-np.inf, np.inf),
    )


def _of_number(variable: Variable, how: Any) -> Contrast:
    name, values = variable.name, _numbers(variable)
    if isinstance(how, str):
        if how not in _OF_NUMBERS:
            raise BayesmixError(
                f"variables: {name!r}: {shown(how)} is no contrast of numbers. Give a step such as "
                f"1, a pair of values, or one of {', '.join(_OF_NUMBERS)}. "
                f"{suggest(how, _OF_NUMBERS)}".rstrip()
            )
        if not variable.is_whole:
            raise BayesmixError(
                f"variables: {name!r}: {shown(how)} is of all rows, and those of the fit are not "
                "in memory. Give a step such as 1, or a pair of values."
            )
        if how in ("sd", "2sd"):
            half = float(values.std(ddof=1)) / (1 if how == "2sd" else 2)
            word = how.replace("2sd", "2 sd")
            return Contrast(name, -half, half, is_relative=True, label=f"+{word}")
        low, high = (
            np.quantile(values, [0.25, 0.75]) if how == "iqr" else (values.min(), values.max())
        )
        labels = ("Q1", "Q3") if how == "iqr" else ("min", "max")
        return Contrast(name, float(low), float(high), False, *labels)
    step = as_number(1 if how is None else how)
    if step is None or not np.isfinite(step) or step == 0:
        raise BayesmixError(
            f"variables: {name!r}: {shown(how)} is no step. Give a number that is not 0, a pair of "
            f"values, or one of {', '.join(_OF_NUMBERS)}."
        )
    return Contrast(name, 0, step, is_relative=True, label=f"{step:+g}")


def _of_pair(variable: Variable, pair: list[Any]) -> Contrast:
    low, high = (as_number(value) for value in pair)
    if low is None or high is None or not np.isfinite([low, high]).all() or low == high:
        raise BayesmixError(
            f"variables: {variable.name!r}: {shown(pair)} are no two different numbers."
        )
    return Contrast(variable.name, low, high, False, f"{low:g}", f"{high:g}")


def _known(variable: Variable, pair: list[Any]) -> tuple[Any, Any]:
    """Find two categories by what they are called."""
    labels = {label_of(value): value for value in variable.values}
    found = [labels.get(label_of(value)) for value in pair]
    if len(pair) != 2 or None in found or found[0] == found[1]:
        raise BayesmixError(
            f"variables: {variable.name!r}: {shown(pair)} are no two different ones of its "
            f"categories: {listed(labels, 8)}."
        )
    return found[0], found[1]


def _of_categories(variable: Variable, low: Any, high: Any) -> Contrast:
    return Contrast(variable.name, low, high, False, label_of(low), label_of(high))


def _numbers(variable: Variable) -> np.ndarray:
    return variable.column.dropna().to_numpy(dtype=np.float64)
