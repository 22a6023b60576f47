"""What trees and crossed factors share: densities, messages between levels, sizes of work."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.small import factorise

__all__ = [
    "LOG_2_PI",
    "ROOM",
    "Budget",
    "OfRows",
    "Pattern",
    "log_normal",
    "message_of",
    "standardised",
    "whitened",
]


type Pattern = tuple[tuple[int, int], ...]
# Residuals, leverages, weights and sigma to what is computed of rows left out (rows, B).
type OfRows = Callable[[FloatArray, FloatArray, FloatArray | None, FloatArray], FloatArray]
LOG_2_PI = float(np.log(2 * np.pi))


@dataclasses.dataclass(frozen=True)
class Budget:
    """How many numbers an array may have, so that memory is bounded and caches are used.

    Attributes
    ----------
    block : int
        In the largest array that is yielded.
    batch : int
        In the arrays of one batch of thetas.
    kept : int
        In what is kept between blocks of rows.
    cache : int
        In an array that is to stay in the cache.
    """

    block: int = 1 << 26
    batch: int = 1 << 21
    kept: int = 1 << 24
    cache: int = 1 << 14

    def thetas(self, size: int) -> int:
        """Thetas of one batch, each of which needs `size` numbers."""
        return int(np.clip(self.batch // size, 1, 256))

    def chunks(self, n: int, size: int) -> list[slice]:
        """Slices of a range whose items have `size` numbers each."""
        step = max(1, self.cache // max(size, 1))
        return [slice(i, min(i + step, n)) for i in range(0, n, step)]


ROOM = Budget()


def log_normal(
    residual: FloatArray, leverage: FloatArray, weights: FloatArray | None, sigma: FloatArray
) -> FloatArray:
    """Log density of rows left out, shape (rows, B); `leverage` is still without the weight."""
    variance: Any = sigma**2
    if weights is not None:
        leverage = leverage * weights[:, None]
        variance = variance / weights[:, None]
    variance = variance * (1 - leverage)
    log: FloatArray = residual * residual
    log /= variance
    variance /= (1 - leverage) ** 2
    log += np.log(variance)
    log += LOG_2_PI
    log *= -0.5
    return log


def standardised(
    residual: FloatArray, leverage: FloatArray, weights: FloatArray | None, sigma: FloatArray
) -> FloatArray:
    """Distance of rows left out from their mean, in sds, (rows, B); arguments of `log_normal`."""
    if weights is None:
        return residual / (sigma * np.sqrt(1 - leverage))
    root = np.sqrt(weights)[:, None]
    return residual * root / (sigma * np.sqrt(1 - leverage * weights[:, None]))


def whitened(white: dict[tuple[int, int], FloatArray], values: FloatArray, B: int) -> FloatArray:
    """``W values`` for values (J, q, c, 1 or B), shape (J, q, c, B)."""
    out = np.zeros((*values.shape[:3], B))
    for (a, b), w in white.items():
        out[:, a] += w[:, None] * values[:, b]
    return out


def message_of(
    potential: FloatArray, scale: FloatArray, pattern: Pattern, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Eliminate the first q of the columns of (J, k, k, 1 or B): what stays, log determinants."""
    q = scale.shape[-1]
    _, white, log = factorise(potential[:, :q, :q], scale, variance, pattern)
    half = whitened(white, potential[:, :q, q:], len(variance))
    return potential[:, q:, q:] - np.einsum("jacb,jadb->jcdb", half, half), log
