"""Numbers of several models in one frame, and as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws
from bayesmix.posterior.summaries import Interval, marginals_of
from bayesmix.questions.layout import Cell, Section
from bayesmix.questions.sections import KINDS, rows_of, sizes_of
from bayesmix.tables.strings import as_strings

__all__ = ["joined", "model_frame", "shown_sections"]

_SIZES, _CRITERIA = "Sizes", "Criteria"


def model_frame(
    fit: Fitted, results: Mapping[str, Any], interval: Interval, *, exponentiate: bool
) -> pd.DataFrame:
    """Collect the numbers of one model.

    Parameters
    ----------
    fit : Fitted
    results : mapping of str to ELPDData
        By criterion.
    interval : Interval
    exponentiate : bool
        Whether population effects are shown as ratios.

    Returns
    -------
    DataFrame
        ``value, se, lower_2.5, upper_97.5``, index ``section, row``.
    """
    rows = rows_of(fit)
    draws = np.array([row.draws for row in rows]).reshape(len(rows), number_of_draws(fit.posterior))
    if exponentiate:
        population = np.array([row.is_population for row in rows], dtype=np.bool_)
        with np.errstate(over="ignore"):
            draws[population] = np.exp(draws[population])
    columns = marginals_of(draws, interval).columns(interval)
    parts = [_frame([(row.section, row.name) for row in rows], columns)]
    sizes = sizes_of(fit)
    parts.append(_frame([(_SIZES, name) for name in sizes], {"value": list(sizes.values())}))
    if results:
        elpd = {
            "value": [float(result.elpd) for result in results.values()],
            "se": [float(result.se) for result in results.values()],
        }
        parts.append(_frame([(_CRITERIA, f"elpd_{name}") for name in results], elpd))
    return pd.concat([part.reindex(columns=list(columns)) for part in parts]).astype(np.float64)


def _frame(index: list[tuple[str, str]], columns: Mapping[str, Any]) -> pd.DataFrame:
    rows = pd.MultiIndex.from_tuples(index, names=["section", "row"])
    return pd.DataFrame(dict(columns), index=rows)


def joined(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put frames of models side by side, the rows of all of them section by section."""
    places = dict.fromkeys(place for frame in frames.values() for place in frame.index)
    sections = _in_order(dict.fromkeys(section for section, _ in places))
    order = [place for section in sections for place in places if place[0] == section]
    index = pd.MultiIndex.from_tuples(order, names=["section", "row"])
    wide = {name: frame.reindex(index) for name, frame in frames.items()}
    return pd.concat(wide, axis=1, names=["model", "statistic"])


def _in_order(sections: Iterable[str]) -> list[str]:
    """Sort sections by the predictor that they belong to, and by kind; sizes, criteria last."""
    titles = list(sections)
    kinds, owners = list(KINDS.values()), dict.fromkeys(t.partition(" of ")[2] for t in titles)
    ranks = {owner: rank for rank, owner in enumerate(sorted(owners, key=bool))}

    def key(title: str) -> tuple[int, int]:
        if title in (_SIZES, _CRITERIA):
            return len(ranks), (_SIZES, _CRITERIA).index(title)
        kind, _, owner = title.partition(" of ")
        return ranks[owner], kinds.index(kind)

    return sorted(titles, key=key)


def shown_sections(
    frame: pd.DataFrame, families: tuple[str, tuple[Cell, ...]], *, digits: int, style: str
) -> tuple[Section, ...]:
    """Round a frame of models, section by section; what is counted comes last, without a title."""
    models = list(dict.fromkeys(frame.columns.get_level_values("model")))
    cells = {model: _cells(frame[model], digits, style) for model in models}
    sections: dict[str, list[tuple[str, tuple[Cell, ...]]]] = {}
    for place in frame.index:
        row = tuple(cells[model][place] for model in models)
        sections.setdefault(place[0], []).append((place[1], row))
    last = [*sections.pop(_SIZES), families, *sections.pop(_CRITERIA, [])]
    return (
        *(Section(title, tuple(rows)) for title, rows in sections.items()),
        Section("", tuple(last)),
    )


def _cells(numbers: pd.DataFrame, digits: int, style: str) -> dict[tuple[str, str], Cell]:
    """Round the numbers of one model: those of a row to the same place."""
    strings = as_strings("", numbers.reset_index(drop=True), digits).rows
    found = {}
    for place, (value, se, lower, upper) in zip(numbers.index, strings, strict=True):
        exact = numbers.loc[place, "value"]
        if place[0] == _SIZES:
            found[place] = Cell("" if np.isnan(exact) else f"{exact:.0f}")
        elif np.isnan(exact):
            found[place] = Cell()
        elif style == "value":
            found[place] = Cell(value)
        elif style == "se" or place[0] == _CRITERIA:
            found[place] = Cell(value, f"({se})")
        else:
            found[place] = Cell(value, f"[{lower}, {upper}]")
    return found
