"""Log densities summed over rows, with their derivatives, for many chains side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.parameters import Parameter
from bayesmix.families.slopes import Slope, difference
from bayesmix.families.values import Rows, Value, Values, slope_by_value

__all__ = [
    "Density",
    "Scores",
    "add_by_value",
    "chains_first",
    "scores_of_slopes",
    "short_blocks",
    "spread",
    "taken",
]

_ENTRIES = 8192

type Density = Callable[[Any, Values, Rows], Any]


class Scores(NamedTuple):
    """What a gradient needs of the likelihood of M chains.

    Attributes
    ----------
    total : ndarray, shape (M,)
        Log density summed over the rows, up to what depends on the data alone.
    score : ndarray, shape (n, M)
        Its derivative by the linear predictor of each row.
    auxiliary : mapping of str to ndarray, shape (M,) or (K, M)
        Its derivative by each auxiliary parameter, on the scale of the parameter; (n, M), by the
        linear predictor of each row, of those that have one.
    """

    total: FloatArray
    score: FloatArray
    auxiliary: Mapping[str, FloatArray]


def short_blocks(n: int, chains: int) -> list[slice]:
    """Cut n rows into blocks whose temporary arrays (rows, chains) stay in a cache."""
    size = max(1, _ENTRIES // chains)
    return [slice(start, start + size) for start in range(0, n, size)]


def spread(column: FloatArray, chains: int) -> FloatArray:
    """Repeat a column: NumPy is slow where one meets rows that are as short as there are chains."""
    return column.repeat(chains).reshape(-1, chains)


# A parameter with a linear predictor differs between rows, (n, M), and its scores have as many; of
# another one, (M,), those of the rows are summed.


def taken(p: Values, kept: Any) -> dict[str, Value]:
    """Keep some of the rows, chains last, by a mask or a slice."""
    return {
        name: value if value.eta.ndim == 1 else replace(value, eta=value.eta[kept])
        for name, value in p.items()
    }


def add_by_value(scores: FloatArray, kept: Any, value: Value, by_value: FloatArray) -> None:
    """Add to scores the derivatives of some of the rows, which are by the value of a parameter."""
    if scores.ndim == 1:
        scores += by_value.sum(axis=0)
    else:
        scores[kept] += slope_by_value(value, by_value, 0.0).score


def chains_first(auxiliary: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Move the chains of auxiliary parameters to where draws broadcast against rows."""
    return {name: _chains_first(np.asarray(value)) for name, value in auxiliary.items()}


def _chains_first(value: FloatArray) -> FloatArray:
    return value[:, np.newaxis] if value.ndim == 1 else value.T[:, np.newaxis]


def scores_of_slopes(
    density: Density,
    slopes: Mapping[str, Slope],
    parameters: Sequence[Parameter],
    predictors: Sequence[str],
    y: FloatArray,
    p: Values,
    rows: Rows,
) -> Scores:
    """Put scores together from densities and derivatives of single rows.

    Parameters
    ----------
    density : callable
        As that of a family.
    slopes : mapping of str to Slope
        By parameter that is one number, chains first.
    parameters : sequence of Parameter
    predictors : sequence of str
        Names of those that have a linear predictor, the first of `parameters` among them.
    y : ndarray, shape (n,)
    p : mapping of str to Value
        Chains first.
    rows : Rows

    Returns
    -------
    Scores
    """
    total = np.asarray(density(y, p, rows), dtype=np.float64).sum(axis=-1)

    def own(parameter: Parameter) -> FloatArray:
        if parameter.name in predictors:
            score = np.broadcast_to(slopes[parameter.name].score, (len(total), len(y)))
            return np.ascontiguousarray(score.T)
        if parameter.length is None:
            return slopes[parameter.name].score.sum(axis=-1)
        return _of_elements(density, parameter, y, p, rows)

    first, *others = parameters
    return Scores(total, own(first), {other.name: own(other) for other in others})


def _of_elements(
    density: Density, parameter: Parameter, y: FloatArray, p: Values, rows: Rows
) -> FloatArray:
    """Differentiate by one element after the other, (K, M)."""
    name = parameter.name
    whole = p[name].eta
    scales = parameter.support.scale(whole)
    derivatives = []
    for k in range(whole.shape[-1]):

        def log_density(element: FloatArray, k: int = k) -> FloatArray:
            moved = whole.copy()
            moved[..., k] = element
            return np.asarray(density(y, {**p, name: replace(p[name], eta=moved)}, rows))

        derivatives.append(difference(log_density, whole[..., k], scales[..., k]).score)
    return np.stack([derivative.sum(axis=-1) for derivative in derivatives])
