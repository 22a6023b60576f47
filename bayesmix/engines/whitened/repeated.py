"""Rows that repeat a pattern within a level, added up: the same likelihood of fewer rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.families.family import Family
from bayesmix.families.links import LINKS
from bayesmix.families.registry import get_family
from bayesmix.families.values import Rows
from bayesmix.model.spec import ModelSpec

__all__ = ["Observed", "n_rows_of", "near", "observed"]

# Of fewer rows nothing is gained; sums that are more than this share of the rows are not worth it.
FEWEST_ROWS, LARGEST_SHARE = 1000, 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Observed:
    """What was observed, row by row or added up, in the order of the first factor.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        The rows of the design; one of each pattern where rows are added up.
    family : Family
        Of the sums.
    y : ndarray, shape (n,)
    rows : Rows
        Weights and trials.
    offset : ndarray, shape (n,), or None
        Of the only predictor, with the logarithms of exposures; None for those of the design.
    rest : float
        What the log likelihood of the rows of the design is more than that of these, everywhere.
    """

    order: IntArray
    family: Family
    y: FloatArray
    rows: Rows
    offset: FloatArray | None = None
    rest: float = 0.0


def observed(spec: ModelSpec, codes: IntArray | None) -> Observed:
    """Sort the rows by the levels of a factor, and add those up that repeat a pattern.

    Parameters
    ----------
    spec : ModelSpec
    codes : ndarray of int64, shape (n,), or None
        Of the factor.
    """
    design = spec.design
    order = np.arange(design.n_rows)
    if codes is not None:
        order = np.argsort(codes, kind="stable")
    y = np.asarray(design.y, dtype=np.float64)
    trials = None if design.trials is None else np.asarray(design.trials, dtype=np.float64)
    added = _added_up(spec, codes, y, trials)
    if added is not None:
        return added
    weights = None if design.weights is None else design.weights[order]
    rows = spec.family.rows(weights, None if trials is None else trials[order])
    return Observed(order, spec.family, y[order], rows)


def n_rows_of(spec: ModelSpec) -> int:
    """Count the rows that a density passes over."""
    patterns = _patterns(spec)
    return spec.design.n_rows if patterns is None else len(patterns[0])


def near(family: Family, y: FloatArray) -> float:
    """Return a linear predictor that is not far from the responses."""
    with np.errstate(all="ignore"):
        placed = family.on_predictor_scale(y)
        place = float(LINKS[family.link].near(y.mean()) if placed is None else np.nanmean(placed))
    return place if np.isfinite(place) else 0.0


def _added_up(
    spec: ModelSpec, codes: IntArray | None, y: FloatArray, trials: FloatArray | None
) -> Observed | None:
    sums, patterns = spec.family.sums, _patterns(spec)
    if sums is None or patterns is None:
        return None
    first, pattern = patterns
    offset = np.zeros(len(y)) if spec.design.offset is None else spec.design.offset
    order = np.arange(len(first))
    if codes is not None:
        order = np.argsort(codes[first], kind="stable")
    first = first[order]

    def added(values: FloatArray) -> FloatArray:
        return np.bincount(pattern, values, minlength=len(order))[order]

    family = get_family(sums.family, link=spec.family.link)
    if sums.has_exposures:
        largest = float(offset.max())
        exposure = np.log(added(np.exp(offset - largest))) + largest
        together = Observed(first, family, added(y), Rows(), exposure)
    else:
        counted = Rows(trials=added(np.ones(len(y)) if trials is None else trials))
        together = Observed(first, family, added(y), counted, offset[first])
    rest = _log_likelihood(spec.family, y, Rows(trials=trials), offset)
    assert together.offset is not None
    rest -= _log_likelihood(family, together.y, together.rows, together.offset)
    return dataclasses.replace(together, rest=rest)


def _log_likelihood(family: Family, y: FloatArray, rows: Rows, offset: FloatArray) -> float:
    """Sum the log densities of rows without effects."""
    return float(np.sum(family.density(y, family.values(offset), rows)))


def _patterns(spec: ModelSpec) -> tuple[IntArray, IntArray] | None:
    """Return the first row of each pattern, and the pattern of each row; None for too many."""
    sums, design = spec.family.sums, spec.design
    if sums is None or design.weights is not None or design.n_rows < FEWEST_ROWS:
        return None
    columns: list[npt.NDArray[Any]] = [*design.X.T]
    for term in design.groups:
        columns += [term.codes, *term.Z.T]
    if design.offset is not None and not sums.has_exposures:
        columns.append(design.offset)
    hashed = pd.util.hash_pandas_object(pd.DataFrame(dict(enumerate(columns))), index=False)
    pattern, kinds = pd.factorize(hashed.to_numpy())
    if len(kinds) > LARGEST_SHARE * len(pattern):
        return None
    first = np.empty(len(kinds), dtype=np.int64)
    first[pattern[::-1]] = np.arange(len(pattern))[::-1]
    # Two patterns with one hash would be added up to another model.
    if not all(np.array_equal(column, column[first][pattern]) for column in columns):
        return None
    return first, pattern
