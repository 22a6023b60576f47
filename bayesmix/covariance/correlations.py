"""Correlations of the effects of one grouping factor: its blocks, each with a structure."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
from scipy.special import betaln, expit, log_expit, xlogy

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.covariance.operations import ARRAYS, Operations
from bayesmix.covariance.partial import factor_of, partial_of, pulled_back
from bayesmix.covariance.registry import STRUCTURES
from bayesmix.covariance.structure import Structure, lower_triangle

__all__ = ["Block", "Correlations"]


@dataclasses.dataclass(frozen=True)
class Block:
    """Effects of one grouping factor that are correlated.

    Attributes
    ----------
    effects : tuple of int
        Positions among the effects of the factor, ascending; two or more.
    structure : Structure
    free, partial : slice
        Its free numbers and its partial correlations among those of the factor.
    """

    effects: tuple[int, ...]
    structure: Structure
    free: slice
    partial: slice

    def __len__(self) -> int:
        return len(self.effects)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Positions of each two effects, the earlier one first."""
        return tuple((i, j) for i in self.effects for j in self.effects if i < j)


@dataclasses.dataclass(frozen=True)
class Correlations:
    """How the effects of one grouping factor are correlated, and the prior of that.

    Correlations between blocks are zero, so that one lower triangle serves all of them.

    Attributes
    ----------
    effects : tuple of str, length q
    partition : tuple of tuple of int
        Positions of the effects; those of one part are correlated.
    structures : tuple of str
        Name of the structure of each part.
    eta : float
        Of the prior LKJ(eta).
    """

    effects: tuple[str, ...]
    partition: tuple[tuple[int, ...], ...]
    structures: tuple[str, ...]
    eta: float = 1.0

    @functools.cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The parts with more than one effect."""
        found, free, partial = [], 0, 0
        for effects, name in zip(self.partition, self.structures, strict=True):
            if (q := len(effects)) > 1:
                structure = STRUCTURES[name]
                k, m = structure.size(q), q * (q - 1) // 2
                numbers = slice(free, free + k), slice(partial, partial + m)
                found.append(Block(effects, structure, *numbers))
                free, partial = free + k, partial + m
        return tuple(found)

    def __len__(self) -> int:
        """Count the free numbers."""
        return self.blocks[-1].free.stop if self.blocks else 0

    def __bool__(self) -> bool:
        """Tell whether any effects are correlated."""
        return bool(self.blocks)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Positions of each two effects that are correlated, the earlier one first."""
        return tuple(pair for block in self.blocks for pair in block.pairs)

    @property
    def pattern(self) -> tuple[tuple[int, int], ...]:
        """Places of the Cholesky factor that are not zero."""
        return tuple((i, j) for part in self.partition for i in part for j in part if j <= i)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the free numbers: ``"occasion, Intercept"``."""
        return tuple(
            label
            for block in self.blocks
            for label in block.structure.labels([self.effects[k] for k in block.effects])
        )

    @functools.cached_property
    def shapes(self) -> FloatArray:
        """Prior of the free numbers, (k, 2): ``(1 + w) / 2 ~ Beta(a, b)``."""
        own = [block.structure.shapes(len(block), self.eta) for block in self.blocks]
        return np.concatenate([np.empty((0, 2)), *own])

    @functools.cached_property
    def _places(self) -> tuple[IntArray, IntArray]:
        """Rows and columns (m,) of the partial correlations in the lower triangle."""
        rows, columns = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for block in self.blocks:
            row, column = lower_triangle(len(block))
            rows.append(np.array(block.effects, np.int64)[row])
            columns.append(np.array(block.effects, np.int64)[column])
        return np.concatenate(rows), np.concatenate(columns)

    def _partial(self, free: Any, of: Operations = ARRAYS) -> Any:
        parts = [
            block.structure.partial(free[..., block.free], len(block)) for block in self.blocks
        ]
        return parts[0] if len(parts) == 1 else of.joined(parts)

    def factor(self, free: Any, of: Operations = ARRAYS) -> Any:
        """Compute the Cholesky factor of the correlation matrix.

        Parameters
        ----------
        free : ndarray or tensor, shape (..., k)
            Free numbers, in (-1, 1).
        of : Operations
            Those that `free` needs.

        Returns
        -------
        ndarray or tensor, shape (..., q, q)
            Lower triangular, rows of unit length.
        """
        if not self.blocks:
            return np.eye(len(self.effects))
        return factor_of(self._partial(free, of), *self._places, len(self.effects), of)

    def free(self, factor: FloatArray) -> FloatArray:
        """Return the free numbers (..., k); the inverse of `factor`."""
        partial = partial_of(factor, *self._places)
        parts = [
            block.structure.free(partial[..., block.partial], len(block)) for block in self.blocks
        ]
        return np.concatenate([partial[..., :0], *parts], axis=-1)

    def pullback(self, free: FloatArray, slope: FloatArray) -> FloatArray:
        """Return derivatives by the free numbers, given those by the factor.

        Parameters
        ----------
        free : ndarray, shape (..., k)
        slope : ndarray, shape (..., q, q)
            Derivatives of a function of ``factor(free)`` by its entries.

        Returns
        -------
        ndarray, shape (..., k)
            By ``y = atanh(free)`` they are ``1 - free**2`` times as large, and finite for
            correlations of one.
        """
        if not self.blocks:
            return np.zeros(free.shape)
        by_partial = pulled_back(self._partial(free), slope, *self._places)
        parts = [
            block.structure.pullback(
                free[..., block.free], by_partial[..., block.partial], len(block)
            )
            for block in self.blocks
        ]
        return np.concatenate(parts, axis=-1)

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw free numbers (n, k) from their prior."""
        a, b = self.shapes.T
        return 2 * rng.beta(a, b, size=(n, len(self))) - 1

    def log_prior(self, free: FloatArray) -> FloatArray:
        """Log prior density (...) of ``atanh(free)``, which any real numbers may be."""
        # (1 + w) / 2 = expit(2 y) is Beta(a, b), and its derivative 2 expit expit'.
        y = np.arctanh(free)
        a, b = self.shapes.T
        both = log_expit(2 * y) + log_expit(-2 * y)
        each = b * both - betaln(a, b) + np.log(2) + xlogy(a - b, expit(2 * y))
        total: FloatArray = each.sum(axis=-1)
        return total
