"""Operations that Cholesky factors are made of, for arrays and for tensors alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray

__all__ = ["ARRAYS", "Operations"]


@dataclass(frozen=True)
class Operations:
    """What arrays and tensors have beside their operators.

    `ARRAYS` has those of NumPy; the joint model brings those of its tensors.

    Attributes
    ----------
    sqrt : callable
    cumprod : callable
        Products along the last axis.
    joined : callable
        Several arrays as one, along the last axis.
    placed : callable
        Numbers (..., m), rows, columns, q -> matrices (..., q, q) with the numbers there, zero
        elsewhere.
    """

    sqrt: Callable[[Any], Any]
    cumprod: Callable[[Any], Any]
    joined: Callable[[Sequence[Any]], Any]
    placed: Callable[[Any, IntArray, IntArray, int], Any]


def _cumprod(values: FloatArray) -> FloatArray:
    return np.cumprod(values, axis=-1)


def _joined(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate(parts, axis=-1)


def _placed(values: FloatArray, row: IntArray, column: IntArray, size: int) -> FloatArray:
    matrices = np.zeros((*values.shape[:-1], size, size))
    matrices[..., row, column] = values
    return matrices


ARRAYS = Operations(np.sqrt, _cumprod, _joined, _placed)
