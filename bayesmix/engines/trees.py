"""Draws in one schema, whichever method drew them, and the data tree that is made of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.design.names import population_names
from bayesmix.engines.statistics import STATISTICS
from bayesmix.model.schema import Schema, free_variables
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.drawn import Drawn, Variable, Variables

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "GROUPS",
    "NOTHING_DRAWN",
    "complete_draws",
    "constant_data",
    "in_schema",
    "one_schema",
]


GROUPS = ("posterior", "sample_stats", "observed_data", "constant_data")
NOTHING_DRAWN = "Sampling was interrupted while it still adapted: there are no draws to keep."


def in_schema(
    spec: ModelSpec,
    values: Mapping[str, FloatArray],
    stats: Mapping[str, FloatArray],
    attributes: Mapping[str, Any],
    summaries: Mapping[str, FloatArray],
) -> Drawn:
    """Put draws of the reported parameters into the schema, with the free variables.

    Parameters
    ----------
    spec : ModelSpec
    values : mapping of str to ndarray, shape (chains, draws, ...)
        As `bayesmix.model.schema.free_variables` takes them.
    stats : mapping of str to ndarray, shape (chains, draws)
        Of the sampler.
    attributes : mapping
        Of the group of these.
    summaries : mapping of str to ndarray, shape (len(STATISTICS), J, q)
        Of effects that are not kept.
    """
    schema = Schema.of(spec)
    every = {**values, **free_variables(spec, values)}
    unreported = {term.names.free for term in spec.design.every_group}
    unreported |= {
        population_names(part.predictor).beta for part in spec.design.parts if not part.n_terms
    }
    posterior = {}
    for name, own in every.items():
        if name not in unreported:
            dims = schema.dims(name)
            coords = {dim: schema.coords[dim] for dim in dims}
            posterior[name] = Variable(("chain", "draw", *dims), own, coords)
    variables = Variables(posterior)
    make_tree = functools.partial(_tree, spec, variables, stats, attributes, summaries)
    return Drawn(variables, make_tree, thin=attributes.get("thin", 1))


def _tree(
    spec: ModelSpec,
    variables: Variables,
    stats: Mapping[str, FloatArray],
    attributes: Mapping[str, Any],
    summaries: Mapping[str, FloatArray],
) -> xr.DataTree:
    import xarray as xr

    posterior = {
        name: xr.DataArray(own.values, dims=own.dims, coords=own.coords)
        for name, own in variables.data_vars.items()
    }
    chains, draws = next(iter(stats.values())).shape
    chain_draw = {"chain": np.arange(chains), "draw": np.arange(draws)}
    sampler = xr.Dataset(
        {name: (("chain", "draw"), own) for name, own in stats.items()}, coords=chain_draw
    )
    sampler.attrs.update(attributes)
    return xr.DataTree.from_dict(
        _kept_summaries(spec, summaries)
        | {"posterior": xr.Dataset(posterior).assign_coords(chain_draw), "sample_stats": sampler}
        | _data(spec)
    )


def _data(spec: ModelSpec) -> dict[str, xr.Dataset]:
    """Make the groups of the rows, which are empty where these are not in memory."""
    import xarray as xr

    if spec.design.totals is not None:
        return {"observed_data": xr.Dataset(), "constant_data": xr.Dataset()}
    schema = Schema.of(spec)
    labels = xr.indexes.PandasIndex(pd.Index(schema.coords["obs"], copy=False), "obs")
    observed = xr.Dataset(
        {schema.observed: ("obs", spec.design.y)}, coords=xr.Coordinates.from_xindex(labels)
    )
    return {
        "observed_data": observed,
        "constant_data": constant_data(spec, observed["obs"]),
    }


def _kept_summaries(spec: ModelSpec, summaries: Mapping[str, FloatArray]) -> dict[str, xr.Dataset]:
    """Make the group of group effects that were summarised instead of kept."""
    import xarray as xr

    coords = Schema.of(spec).coords
    kept = {}
    for term in spec.design.every_group:
        for name in (term.names.u, term.names.coef):
            if name in summaries:
                kept[name] = xr.DataArray(
                    summaries[name],
                    dims=("statistic", term.dim, term.effect_dim),
                    coords={dim: coords[dim] for dim in (term.dim, term.effect_dim)}
                    | {"statistic": np.array(STATISTICS)},
                )
    return {"group_effects": xr.Dataset(kept)} if kept else {}


def constant_data(spec: ModelSpec, obs: xr.DataArray) -> xr.Dataset:
    """Make the group of the design; it shares the labels of the rows, which may be millions."""
    import xarray as xr

    values: dict[str, Any] = {}
    for design in spec.design.parts:
        names = population_names(design.predictor)
        if design.n_terms:
            values[names.X] = (("obs", names.dim), design.X)
        for term in design.groups:
            values[term.names.Z] = (("obs", term.effect_dim), term.Z)
            values[term.names.codes] = ("obs", term.codes.astype(np.int32))
        if design.offset is not None:
            values[names.offset] = ("obs", design.offset)
    if spec.design.weights is not None:
        values["weights"] = ("obs", spec.design.weights)
    coords = {**Schema.of(spec).coords, "obs": obs}
    dims = {"obs", *(dim for own, _ in values.values() for dim in np.atleast_1d(own))}
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
