"""Predictions as a table of summaries, or as an array of draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.encoding.categories import Categories

__all__ = ["as_array", "as_frame"]


def as_frame(
    columns: list[str], values: FloatArray, index: pd.Index, categories: Categories | None
) -> pd.DataFrame:
    """Make a table of (columns, n), or of (columns, n, categories) with a row for each category."""
    if values.ndim == 2:
        return pd.DataFrame(dict(zip(columns, values, strict=True)), index=index)
    n_rows, n_categories = values.shape[1:]
    codes = np.tile(np.arange(n_categories, dtype=np.float64), n_rows)
    category = {"category": codes.astype(int) if categories is None else categories.column(codes)}
    numbers = dict(zip(columns, values.reshape(len(columns), -1), strict=True))
    return pd.DataFrame(category | numbers, index=index.repeat(n_categories))


def as_array(
    name: str,
    values: FloatArray,
    posterior: xr.Dataset,
    index: pd.Index,
    categories: Categories | None,
) -> xr.DataArray:
    """Label draws (S, n) or (S, n, categories) by chain, draw and row."""
    import xarray as xr

    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    coords = {"chain": posterior["chain"].values, "draw": posterior["draw"].values}
    dims = ["chain", "draw", "obs"]
    if values.ndim > 2:
        dims.append("category")
        own = np.arange(values.shape[2]) if categories is None else categories.names
        coords["category"] = np.asarray(own)
    array = xr.DataArray(
        values.reshape(chains, draws, *values.shape[1:]), dims=dims, coords=coords, name=name
    )
    if isinstance(index, pd.MultiIndex):
        names = [None if name in array.dims else name for name in index.names]
        index = index.set_names(names)
        return array.assign_coords(xr.Coordinates.from_pandas_multiindex(index, "obs"))
    return array.assign_coords(obs=("obs", index))
