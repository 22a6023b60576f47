"""A digest of a design: whether one that was made again is the one that was saved.

Names and codes are compared to the bit. Of each column of numbers two are kept, its largest size
and a weighted sum, and compared but for rounding: the logarithm of another machine may differ in
its last digit, and is the same to the reader.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesmix.storage.plain import Plain
from bayesmix.storage.records import checked, mapping

if TYPE_CHECKING:
    from bayesmix.base.arrays import FloatArray
    from bayesmix.design.design import Design

__all__ = ["digest_of", "is_same"]

_GOLDEN = 0.6180339887498949
_TOLERANCE = 1e-9


def digest_of(design: Design) -> dict[str, Plain]:
    """Return the digest of a design."""
    names: list[Any] = [design.response, design.event]
    whole = hashlib.blake2b(digest_size=32)
    columns: list[tuple[str, FloatArray | None]] = [("y", design.y)]
    for part in design.parts:
        names.append(part.terms)
        columns += [("X", part.X), ("offset", part.offset)]
        if not part.predictor:
            columns += [("weights", design.weights), ("trials", design.trials)]
        for term in part.groups:
            names += [term.factor, term.variables, term.levels.tolist(), term.effects, term.blocks]
            names += [term.ids] if term.ids else []
            whole.update(np.ascontiguousarray(term.codes).data)
            columns.append((term.factor, term.Z))
    given = [(name, values) for name, values in columns if values is not None]
    names += [(name, values.shape) for name, values in given]
    whole.update(json.dumps(names).encode())
    weights = np.modf(np.arange(1, design.n_rows + 1) * _GOLDEN)[0] - 0.5
    sums = [
        _sums(column, weights)
        for _, values in given
        for column in values.reshape(design.n_rows, -1).T
    ]
    return {"names": whole.hexdigest(), "numbers": np.array(sums).reshape(-1, 2)}


def _sums(column: npt.NDArray[np.float64], weights: FloatArray) -> tuple[float, float]:
    """Return the largest size of a column, and its weighted sum in that unit."""
    size = float(np.abs(column).max())
    return size, float((column / size) @ weights) if size else 0.0


def is_same(design: Design, stored: Plain) -> bool:
    """Tell whether a design has the digest that was stored."""
    stored = mapping(stored, "the digest")
    known = checked(stored.get("numbers"), npt.NDArray[np.float64], "the digest")
    own = digest_of(design)
    if own["names"] != stored.get("names") or own["numbers"].shape != known.shape:
        return False
    size, total = np.abs(own["numbers"] - known).T
    scale = np.sqrt(design.n_rows)
    return bool(
        (size <= _TOLERANCE * own["numbers"][:, 0]).all() and (total <= _TOLERANCE * scale).all()
    )
