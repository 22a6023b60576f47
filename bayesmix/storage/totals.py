"""Sums over rows that are not in memory, to plain values and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossblocks import CrossBlocks
from bayesmix.blocks.crossproducts import CrossProducts
from bayesmix.design.columnsums import ColumnSums
from bayesmix.design.design import Design
from bayesmix.design.totals import LevelTotals, Reference, Totals
from bayesmix.storage.archive import require
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import checked, fields_of, mapping
from bayesmix.streams.encoding import without_rows

__all__ = ["plain_totals", "restore_states", "restore_totals"]


def plain_totals(totals: Totals) -> dict[str, Plain]:
    """Take sums apart, without the rows that the design is learnt from."""
    products = totals.products
    return {
        "columns": fields_of(totals.columns),
        "levels": [
            {"counts": own.counts, "columns": fields_of(own.columns)} for own in totals.levels
        ],
        "weight": totals.weight,
        "weighted_y": totals.weighted_y,
        "reference": fields_of(totals.reference),
        "products": {
            "n_rows": products.n_rows,
            "log_weights": float(products.log_weights),
            "corner": products.corner,
            "diagonal": products.diagonal,
            "border": products.border,
            "cross": [
                {"factors": pair, **fields_of(blocks)} for pair, blocks in products.cross.items()
            ],
        },
    }


def restore_states(stored: Plain) -> dict[str, tuple[float, ...]]:
    """Put what calls have learnt together."""
    states = {}
    for text, state in mapping(stored, "the states").items():
        require(isinstance(state, tuple) and len(state) in (1, 2), "a state")
        states[text] = tuple(float(checked(one, float, "a state")) for one in state)
    return states


def restore_totals(stored: Plain, taught: Design, states: dict[str, tuple[float, ...]]) -> Design:
    """Put a design together that knows sums in place of its rows.

    Parameters
    ----------
    stored : mapping
        From `plain_totals`.
    taught : Design
        Learnt from a row for each level and each category.
    states : mapping

    Raises
    ------
    Damaged
        A number is missing, or of another model.
    """
    stored = mapping(stored, "the sums")
    p, groups = taught.n_terms, taught.groups
    reference = _reference(stored.get("reference"), taught)
    columns = _columns(stored.get("columns"), p + 2)
    n = columns.n_rows
    levels = []
    parts = checked(stored.get("levels"), list[Any], "the sums")
    require(len(parts) == len(groups), "the sums are of other factors")
    for part, term in zip(parts, groups, strict=True):
        own = mapping(part, "the sums of a factor")
        counts = checked(own.get("counts"), npt.NDArray[np.int64], "the counts")
        require(counts.shape == (term.n_levels,) and counts.min() > 0, "the counts")
        require(int(counts.sum()) == n, "the counts")
        levels.append(LevelTotals(counts, _columns(own.get("columns"), term.n_effects)))
        require(levels[-1].columns.n_rows == n, "the sums are of other rows")
    products = _products(stored.get("products"), taught)
    require(products.n_rows == n, "the sums are of other rows")
    weight = float(checked(stored.get("weight"), float, "the weight"))
    require(weight > 0, "the weight")
    totals = Totals(
        columns,
        tuple(levels),
        weight,
        float(checked(stored.get("weighted_y"), float, "the sums")),
        products,
        reference,
        rows=taught.source,
        states=states,
    )
    return without_rows(taught, totals)


def _numbers(value: Plain, shape: tuple[int, ...]) -> FloatArray:
    array: FloatArray = checked(value, npt.NDArray[np.float64], "the sums")
    require(array.shape == shape and bool(np.isfinite(array).all()), "the sums")
    return array


def _columns(stored: Plain, size: int) -> ColumnSums:
    own = mapping(stored, "the sums of columns")
    n_rows = checked(own.get("n_rows"), int, "the number of rows")
    require(n_rows > 0, "the number of rows")
    binary = checked(own.get("is_binary"), npt.NDArray[np.bool_], "the sums of columns")
    require(binary.shape == (size,), "the sums of columns")
    about, total, low, high = (
        _numbers(own.get(name), (size,)) for name in ("about", "total", "low", "high")
    )
    products = _numbers(own.get("products"), (size, size))
    return ColumnSums(n_rows, about, total, products, low, high, binary)


def _reference(stored: Plain, taught: Design) -> Reference:
    own = mapping(stored, "the reference")
    sizes = [term.n_effects for term in taught.groups]
    Z, about_Z = (
        checked(own.get(name), tuple[Any, ...], "the reference") for name in ("Z", "about_Z")
    )
    require(len(Z) == len(about_Z) == len(sizes), "the reference")
    return Reference(
        _numbers(own.get("X"), (taught.n_terms,)),
        float(checked(own.get("y"), float, "the reference")),
        tuple(_numbers(one, (q,)) for one, q in zip(Z, sizes, strict=True)),
        _numbers(own.get("about"), (taught.n_terms + 2,)),
        tuple(_numbers(one, (q,)) for one, q in zip(about_Z, sizes, strict=True)),
    )


def _products(stored: Plain, taught: Design) -> CrossProducts:
    own = mapping(stored, "the cross-products")
    p, groups = taught.n_terms + 1, taught.groups
    diagonal, border = (
        checked(own.get(name), tuple[Any, ...], "the cross-products")
        for name in ("diagonal", "border")
    )
    require(len(diagonal) == len(border) == len(groups), "the cross-products")
    shapes = [(term.n_levels, term.n_effects) for term in groups]
    pairs = [(s, t) for s in range(len(groups)) for t in range(s + 1, len(groups))]
    cross = {}
    for one in checked(own.get("cross"), list[Any], "the cross-products"):
        blocks = mapping(one, "the cross-products")
        pair = checked(blocks.get("factors"), tuple[int, ...], "the cross-products")
        require(pair in pairs and pair not in cross, "the cross-products")
        s, t = pair
        row, column = _level(blocks.get("row"), shapes[s]), _level(blocks.get("column"), shapes[t])
        require(len(row) == len(column), "the cross-products")
        key = row * shapes[t][0] + column
        require(bool((np.diff(key) > 0).all()), "the cross-products")
        size = (len(row), shapes[s][1], shapes[t][1])
        cross[s, t] = CrossBlocks(row, column, _numbers(blocks.get("values"), size))
    require(len(cross) == len(pairs), "the cross-products")
    n_rows = checked(own.get("n_rows"), int, "the cross-products")
    log_weights = float(checked(own.get("log_weights"), float, "the cross-products"))
    return CrossProducts(
        n_rows,
        log_weights,
        _numbers(own.get("corner"), (p, p)),
        tuple(_numbers(one, (J, q, q)) for one, (J, q) in zip(diagonal, shapes, strict=True)),
        tuple(_numbers(one, (J, q, p)) for one, (J, q) in zip(border, shapes, strict=True)),
        {pair: cross[pair] for pair in pairs},
    )


def _level(value: Plain, shape: tuple[int, int]) -> IntArray:
    levels: IntArray = checked(value, npt.NDArray[np.int64], "the cross-products")
    inside = levels.ndim == 1 and len(levels) and 0 <= levels.min() <= levels.max() < shape[0]
    require(bool(inside), "the cross-products")
    return levels
