"""Draws as a data tree in one schema, whichever method drew them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.engines.exact.drawn import STATISTICS, ExactDraws
from bayesmix.model.schema import Schema
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "GROUPS",
    "NOTHING_DRAWN",
    "complete_draws",
    "constant_data",
    "kept_summaries",
    "one_schema",
]


GROUPS = ("posterior", "sample_stats", "observed_data", "constant_data")
NOTHING_DRAWN = "Sampling was interrupted while it still adapted: there are no draws to keep."


def kept_summaries(spec: ModelSpec, drawn: ExactDraws) -> dict[str, xr.Dataset]:
    """Make the group of group effects that were summarised instead of kept."""
    import xarray as xr

    coords = Schema.of(spec).coords
    kept = {}
    for term in spec.design.groups:
        for name in (term.names.u, term.names.coef):
            if name in drawn.summaries:
                kept[name] = xr.DataArray(
                    drawn.summaries[name],
                    dims=("statistic", term.dim, term.effect_dim),
                    coords={dim: coords[dim] for dim in (term.dim, term.effect_dim)}
                    | {"statistic": np.array(STATISTICS)},
                )
    return {"group_effects": xr.Dataset(kept)} if kept else {}


def constant_data(spec: ModelSpec, obs: xr.DataArray) -> xr.Dataset:
    """Make the group of the design; it shares the labels of the rows, which may be millions."""
    import xarray as xr

    design = spec.design
    values: dict[str, Any] = {"X": (("obs", "term"), design.X)} if design.n_terms else {}
    for term in design.groups:
        values[term.names.Z] = (("obs", term.effect_dim), term.Z)
        values[term.names.codes] = ("obs", term.codes.astype(np.int32))
    for name, row in (("offset", design.offset), ("weights", design.weights)):
        if row is not None:
            values[name] = ("obs", row)
    coords = {**Schema.of(spec).coords, "obs": obs}
    dims = {"obs", "term", *(term.effect_dim for term in design.groups)}
    return xr.Dataset(values, coords={dim: coords[dim] for dim in dims if dim in coords})


def one_schema(idata: xr.DataTree) -> xr.DataTree:
    """Make the groups alike that different samplers return: NumPy arrays, labels as text."""
    import xarray as xr

    groups = {name: idata[name].dataset for name in GROUPS if name in idata.children}
    return xr.DataTree.from_dict({name: _plain(dataset) for name, dataset in groups.items()})


def _plain(dataset: xr.Dataset) -> xr.Dataset:
    labels = {
        name: (coord.dims, coord.values.astype(str))
        for name, coord in dataset.coords.items()
        if coord.dtype == object
    }
    # Texts of single draws, such as nutpie's divergence messages, cannot be stored in a file.
    kept = [name for name, values in dataset.data_vars.items() if values.dtype != object]
    return dataset[kept].assign_coords(labels).as_numpy()


def complete_draws(idata: xr.DataTree) -> xr.DataTree:
    """Cut an interrupted run to whole draws: as many as chains and draws allow, as PyMC does."""
    posterior = idata["posterior"].dataset
    drawn = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"]), dtype=bool)
    for values in posterior.data_vars.values():
        others = [dim for dim in values.dims if dim not in ("chain", "draw")]
        drawn |= values.notnull().any(others).values
    if drawn.size and drawn.all():
        return idata
    counts = drawn.sum(axis=1)
    longest_first = np.sort(counts)[::-1]
    totals = longest_first * np.arange(1, len(counts) + 1)
    if not totals.any():
        raise KeyboardInterrupt(NOTHING_DRAWN)
    draws = int(longest_first[totals.argmax()])
    chains = np.flatnonzero(counts >= draws)
    return idata.map_over_datasets(
        lambda dataset: (
            dataset.isel(chain=chains, draw=slice(draws)) if "draw" in dataset.dims else dataset
        )
    )
