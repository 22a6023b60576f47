"""Draws by the exact method, in the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arguments import seed
from bayesmix.base.errors import BayesmixError
from bayesmix.base.progress import late_progress
from bayesmix.engines.exact.learning import NowhereError
from bayesmix.engines.exact.sampler import LIMITS, Limits, sample_exact
from bayesmix.engines.nuts.failures import IMPOSSIBLE
from bayesmix.engines.trees import constant_data, kept_summaries
from bayesmix.model.gaussian import effects_obstacle
from bayesmix.model.options import SampleOptions, size_of
from bayesmix.model.schema import Schema, free_variables
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Exact"]


STAGES = {
    "data": "Passing over the data",
    "mode": "Looking for the mode",
    "theta": "Sampling sds and correlations",
    "effects": "Drawing effects",
}


class Exact:
    """Gaussian models with Normal priors on the population effects, integrated out."""

    name = "exact"
    shares_the_process = True

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Say why effects are not all Gaussian."""
        return effects_obstacle(spec)

    def draw(self, spec: ModelSpec, options: SampleOptions) -> xr.DataTree | None:
        """Draw theta, and all effects given it."""
        return _draw(spec, options, self.limits)


def _draw(spec: ModelSpec, options: SampleOptions, limits: Limits) -> xr.DataTree | None:
    """Draw by the exact method, in the schema; None where theta could not be sampled."""
    import xarray as xr

    try:
        with late_progress(options.progressbar, f"Sampling {size_of(options)}") as show:
            drawn = sample_exact(
                spec,
                draws=options.draws,
                chains=options.chains,
                cores=options.cores,
                random_seed=seed(options.random_seed),
                limits=limits,
                report=lambda stage, share: show(STAGES[stage], share),
            )
    except NowhereError as error:
        raise BayesmixError(IMPOSSIBLE) from error
    if not drawn.theta.settled:
        return None
    schema = Schema.of(spec)
    every = drawn.values | free_variables(spec, drawn.values)
    unreported = {term.names.free for term in spec.design.groups}
    if not spec.design.n_terms:
        unreported.add("beta")
    posterior = {}
    for name, values in every.items():
        if name not in unreported:
            own = schema.dims(name)
            posterior[name] = xr.DataArray(
                values,
                dims=("chain", "draw", *own),
                coords={dim: schema.coords[dim] for dim in own},
            )
    chain_draw = {
        "chain": np.arange(options.chains),
        "draw": np.arange(options.draws),
    }
    stats = xr.Dataset({"lp": (("chain", "draw"), drawn.theta.log_density)}, coords=chain_draw)
    stats.attrs.update(acceptance=drawn.theta.acceptance, steps=drawn.theta.steps)
    groups = kept_summaries(spec, drawn)
    labels = xr.indexes.PandasIndex(pd.Index(schema.coords["obs"], copy=False), "obs")
    observed = xr.Dataset(
        {schema.observed: ("obs", spec.design.y)},
        coords=xr.Coordinates.from_xindex(labels),
    )
    return xr.DataTree.from_dict(
        groups
        | {
            "posterior": xr.Dataset(posterior).assign_coords(chain_draw),
            "sample_stats": stats,
            "observed_data": observed,
            "constant_data": constant_data(spec, observed["obs"]),
        }
    )
