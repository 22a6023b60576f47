"""Correlations of group effects as a user gives them: one number, a matrix, or a labelled frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import shape_of, shown
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.simulation.arguments import check_factors, intercept_first

__all__ = ["Correlation", "read_correlations"]


type Correlation = float | npt.ArrayLike | pd.DataFrame

_REMEDY = "Give one number, or a symmetric positive definite matrix with ones on its diagonal."


def read_correlations(
    cor: Correlation | Mapping[str, Correlation] | None, sds: Mapping[str, Mapping[str, float]]
) -> dict[str, pd.DataFrame]:
    """Read the correlation matrix of each factor that has several effects, effect x effect."""
    if cor is None:
        return {}
    if isinstance(cor, Mapping):
        check_factors("cor", cor, sds)
        by_factor = cor
    elif len(sds) == 1:
        by_factor = dict.fromkeys(sds, cor)
    else:
        raise BayesmixError(
            "With several grouping factors cor maps each factor to its correlations, as in "
            f"cor={{'{next(iter(sds))}': -0.2}}. Factors: {', '.join(sds)}."
        )
    matrices = {
        factor: _matrix(factor, list(sds[factor]), by_factor[factor]) for factor in by_factor
    }
    return {factor: matrix for factor, matrix in matrices.items() if len(matrix) > 1}


def _matrix(factor: str, effects: list[str], value: Correlation) -> pd.DataFrame:
    q = len(effects)
    if isinstance(value, pd.DataFrame):
        if set(value.index) != set(effects) or set(value.columns) != set(effects):
            raise BayesmixError(
                f"The correlations of '{factor}' are labelled {', '.join(map(str, value.index))}. "
                f"Its effects: {', '.join(effects)}."
            )
        value = value.loc[effects, effects]
    elif (shape := shape_of(value, q)) and shape[0] > q:  # what has a length may be endless
        raise _no_matrix(factor, effects, shape)
    try:
        matrix = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise BayesmixError(
            f"The correlations of '{factor}' must be numbers; got {shown(value)}."
        ) from None
    if matrix.ndim == 0:
        matrix = np.where(np.eye(q, dtype=bool), 1.0, matrix)
    if matrix.shape != (q, q):
        raise _no_matrix(factor, effects, matrix.shape)
    if (
        not np.isfinite(matrix).all()
        or not np.allclose(matrix, matrix.T)
        or not np.allclose(np.diag(matrix), 1.0)
    ):
        raise BayesmixError(f"The correlations of '{factor}' are no correlation matrix. {_REMEDY}")
    if np.linalg.eigvalsh(matrix).min() < 1e-12:
        raise BayesmixError(
            f"The correlation matrix of '{factor}' is not positive definite. {_REMEDY}"
        )
    frame = pd.DataFrame(matrix, effects, effects)
    order = list(intercept_first(dict.fromkeys(effects)))
    return frame.loc[order, order]


def _no_matrix(factor: str, effects: list[str], shape: tuple[int, ...]) -> BayesmixError:
    return BayesmixError(
        f"The correlations of '{factor}' have shape {shape}, but it has "
        f"{count(len(effects), 'effect')} "
        f"({', '.join(effects)}). {_REMEDY}"
    )
