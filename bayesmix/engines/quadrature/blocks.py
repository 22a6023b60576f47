"""Some rows in the order of nested units, and sums and copies along these."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray

__all__ = ["Block", "blocks_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Whole units of the coarsest layer; layers are counted from the finest, rows are -1.

    Attributes
    ----------
    rows : ndarray of int64, shape (b,)
        Positions among the rows of the fit, units side by side.
    unit_of_row : tuple of ndarray of int64, shape (b,)
        By layer, from 0 on.
    starts : tuple of ndarray of int64, shape (J,)
        By layer, where its units begin among those of the layer before.
    first_rows : tuple of ndarray of int64, shape (J,)
        By layer, where they begin among the rows.
    """

    rows: IntArray
    unit_of_row: tuple[IntArray, ...]
    starts: tuple[IntArray, ...]
    first_rows: tuple[IntArray, ...]

    @classmethod
    def of(cls, rows: IntArray, codes: Sequence[IntArray]) -> Block:
        """Order rows by their codes, (b,) for each layer, the finest first."""
        order = np.lexsort((rows, *codes))
        units: list[IntArray] = []
        starts: list[IntArray] = []
        firsts: list[IntArray] = []
        begins = np.arange(len(rows))
        for own in codes:
            new = np.concatenate([[True], np.diff(own[order]) != 0])
            # Units of a finer layer may have one code in several units of a coarser one.
            for coarser in codes[len(units) :]:
                new[1:] |= np.diff(coarser[order]) != 0
            units.append(np.cumsum(new) - 1)
            first = np.flatnonzero(new)
            starts.append(np.searchsorted(begins, first))
            firsts.append(first)
            begins = first
        return cls(rows[order], tuple(units), tuple(starts), tuple(firsts))

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.starts)

    def n_units(self, layer: int) -> int:
        """Count the units of a layer."""
        return len(self.rows) if layer < 0 else len(self.starts[layer])

    def sums(self, values: FloatArray, layer: int) -> FloatArray:
        """Add what belongs to the units of a layer, (..., units of the layer before)."""
        if np.ndim(values) == 0 or self.n_units(layer) == self.n_units(layer - 1):
            return values
        return np.asarray(np.add.reduceat(values, self.starts[layer], axis=-1))

    def places(self, of: int, layer: int) -> IntArray:
        """Return the unit of a layer that each unit of a finer one, `of`, belongs to."""
        own = self.unit_of_row[layer]
        return own if of < 0 else own[self.first_rows[of]]

    def copies(self, values: FloatArray, layer: int, to: int) -> FloatArray:
        """Give each unit of a finer layer, `to`, what the unit of a layer has, (..., units)."""
        if np.ndim(values) == 0 or self.n_units(layer) == self.n_units(to):
            return values
        return np.asarray(np.take(values, self.places(to, layer), axis=-1))

    def alone(self, target: int, layer: int) -> np.ndarray:
        """Tell of the units of a finer layer, `target`, whether their unit has no other."""
        places = self.places(target, layer)
        return np.asarray(np.bincount(places, minlength=self.n_units(layer))[places] == 1)


def blocks_of(
    codes: Sequence[IntArray], size: int, chosen: IntArray | None = None
) -> Iterator[Block]:
    """Yield blocks of about so many rows, which have whole units; those with chosen rows only."""
    top = codes[-1]
    rows = np.arange(len(top))
    if chosen is not None:
        wanted = np.zeros(int(top.max()) + 1, dtype=np.bool_)
        wanted[top[chosen]] = True
        rows = rows[wanted[top]]
    rows = rows[np.argsort(top[rows], kind="stable")]
    _, counts = np.unique(top[rows], return_counts=True)
    number = np.zeros(len(counts), dtype=np.int64)
    held = block = 0
    for unit, count in enumerate(counts):
        if held and held + count > size:
            block, held = block + 1, 0
        number[unit], held = block, held + count
    ends = np.cumsum(np.bincount(number, weights=counts).astype(np.int64))
    for own in np.split(rows, ends[:-1]):
        yield Block.of(own, [one[own] for one in codes])
