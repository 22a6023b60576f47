"""Answers as tables of summaries with labels before them, or as draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.posterior.summaries import interval_of, summarised
from bayesmix.predictions.blocks import Predicted
from bayesmix.predictions.results import as_array, as_frame
from bayesmix.questions.averages import Cells, Means
from bayesmix.questions.evaluation import Asked
from bayesmix.questions.linear_answers import averages, summaries

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Comparison", "answered", "label_name"]

_OWN = ("value", "se", "category", "variable", "contrast")


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """What is made of the values of all settings.

    Attributes
    ----------
    labels : dict of str to str
        By column of the answer.
    of : callable
    weights : tuple of (int, float)
        Settings with their weights where it is a weighted sum of their values; empty where not.
    """

    labels: dict[str, str]
    of: Callable[[list[FloatArray]], FloatArray]
    weights: tuple[tuple[int, float], ...] = ()


def label_name(name: str) -> str:
    """Name a column of the rows in an answer: with a line below it where that has one so called."""
    is_taken = name in _OWN or name.startswith(("lower_", "upper_"))
    return f"{name}_" if is_taken else name


def answered(
    name: str,
    asked: Asked,
    frame: pd.DataFrame,
    frames: Sequence[pd.DataFrame],
    comparisons: Sequence[Comparison],
    cells: Cells | None,
    *,
    ci_level: float,
    draws: bool,
) -> pd.DataFrame | xr.DataArray:
    """Compute comparisons of settings, of rows or of averages, and summarise or keep them.

    Parameters
    ----------
    name : str
    asked : Asked
    frame : DataFrame
        The rows as they are.
    frames : sequence of DataFrame
        The settings: the same rows with other values.
    comparisons : sequence of Comparison
    cells : Cells or None
        None for rows by themselves.
    """
    if cells is not None:
        cells, rows = cells.distinct(frame, asked.used_columns)
        frames = [one.iloc[rows] for one in frames]
    settings = asked.settings(frames)
    labels = frame if cells is None else cells.labels
    kept: list[_Kept] = [_Kept(len(labels), ci_level, draws) for _ in comparisons]
    if asked.is_linear and not draws and all(one.weights for one in comparisons):
        weights = [one.weights for one in comparisons]
        answers = summaries(asked.fit, settings, cells, weights, interval_of(ci_level))
        for (place, marginals), own in zip(answers, kept, strict=True):
            own.fill(place, np.array(marginals))
    else:
        for place, values in _values(asked, settings, cells):
            for one, own in zip(comparisons, kept, strict=True):
                with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                    own.put(place, one.of(values))
    named = [one.labels for one in comparisons]
    return _labelled(name, asked, labels, named, kept, is_rows=cells is None)


def _values(
    asked: Asked, settings: Sequence[Predicted], cells: Cells | None
) -> Iterator[tuple[IntArray, list[FloatArray]]]:
    """Yield positions of rows or averages, and their draws in each setting."""
    if cells is None:
        yield from asked.values(settings)
    elif asked.is_linear:
        yield np.arange(len(cells)), averages(asked.fit, settings, cells)
    else:
        means = Means(cells, len(settings))
        for place, values in asked.values(settings):
            means.add(place, values)
        if means.sums:
            yield np.arange(len(cells)), means.values()


class _Kept:
    """Summaries, or draws, of rows that come block by block."""

    def __init__(self, n_rows: int, ci_level: float, draws: bool) -> None:
        self.n_rows, self.ci_level, self.draws = n_rows, ci_level, draws
        self.columns = list(summarised(np.empty((0, 1)), ci_level))
        self.values: FloatArray | None = None

    def put(self, place: IntArray, values: FloatArray) -> None:
        """Keep values (b, S) or (b, S, K) of some rows."""
        self.fill(place, np.moveaxis(values, 1, 0) if self.draws else self._summaries(values))

    def fill(self, place: IntArray, own: FloatArray) -> None:
        """Keep draws or summaries, which come first, of some rows."""
        if self.values is None:
            self.values = np.full((len(own), self.n_rows, *own.shape[2:]), np.nan)
        self.values[:, place] = own

    def _summaries(self, values: FloatArray) -> FloatArray:
        draws_last = np.moveaxis(values, 1, -1)
        by_row = np.array(draws_last).reshape(-1, draws_last.shape[-1])
        columns = np.array(list(summarised(by_row, self.ci_level).values()))
        return columns.reshape(-1, *draws_last.shape[:-1])

    def filled(self, n_draws: int) -> FloatArray:
        """Return what was kept; NaN where no row is complete."""
        if self.values is not None:
            return self.values
        return np.full((n_draws if self.draws else len(self.columns), self.n_rows), np.nan)


def _labelled(
    name: str,
    asked: Asked,
    labels: pd.DataFrame,
    comparisons: Sequence[dict[str, str]],
    kept: Sequence[_Kept],
    *,
    is_rows: bool,
) -> pd.DataFrame | xr.DataArray:
    """Put labels beside what was kept, comparison after comparison."""
    posterior, categories = asked.fit.posterior, asked.fit.design.categories
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    values = np.concatenate([own.filled(n_draws) for own in kept], axis=1)
    categories = categories if values.ndim > 2 else None
    named = {key: [own[key] for own in comparisons] for key in comparisons[0]}
    columns: dict[str, Any] = {
        key: np.repeat(np.asarray(own, dtype=object), len(labels)) for key, own in named.items()
    }
    repeated = labels.iloc[np.tile(np.arange(len(labels)), len(comparisons))]
    if kept[0].draws:
        return as_array(name, values, posterior, _index(columns, repeated, is_rows), categories)
    index = repeated.index if is_rows else pd.RangeIndex(len(repeated))
    table = as_frame(kept[0].columns, values, index, categories)
    times = len(table) // max(len(repeated), 1)
    before = {key: np.repeat(own, times) for key, own in columns.items()}
    for key in map(str, repeated):
        before[label_name(key)] = repeated[key].array.repeat(times)
    made = pd.concat([pd.DataFrame(before, index=table.index), table], axis=1)
    return made if is_rows else made.reset_index(drop=True)


def _index(columns: dict[str, Any], labels: pd.DataFrame, is_rows: bool) -> pd.Index[Any]:
    """Name each element of an array of draws."""
    parts = dict(columns)
    index: pd.Index[Any] = labels.index
    if is_rows and not parts:
        return index
    if is_rows:
        parts["row"] = labels.index
    else:
        parts |= {str(key): labels[key].array for key in labels}
    if not parts:
        return pd.Index(["all"])
    if len(parts) == 1:
        ((key, own),) = parts.items()
        return pd.Index(own, name=key)  # type: ignore[no-any-return]
    return pd.MultiIndex.from_arrays(list(parts.values()), names=list(parts))
