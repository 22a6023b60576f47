"""Draws by the exact method, in the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesmix.base.arguments import seed
from bayesmix.base.errors import BayesmixError
from bayesmix.base.progress import late_progress
from bayesmix.engines.exact.cost import seconds_of
from bayesmix.engines.exact.learning import NowhereError
from bayesmix.engines.exact.sampler import LIMITS, Limits, sample_exact
from bayesmix.engines.nuts.failures import IMPOSSIBLE
from bayesmix.engines.trees import drawn_tree
from bayesmix.model.gaussian import effects_obstacle
from bayesmix.model.options import SampleOptions, size_of
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
    way = "integrates Gaussian effects out"
    shares_the_process = True
    go_on = "refit with more tune and draws"

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Say why effects are not all Gaussian."""
        return effects_obstacle(spec)

    def seconds(self, spec: ModelSpec, options: SampleOptions) -> float:
        """Guess how long it takes."""
        return seconds_of(spec, options)

    def draw(self, spec: ModelSpec, options: SampleOptions) -> xr.DataTree | None:
        """Draw theta, and all effects given it."""
        return _draw(spec, options, self.limits)


def _draw(spec: ModelSpec, options: SampleOptions, limits: Limits) -> xr.DataTree | None:
    """Draw by the exact method, in the schema; None where theta could not be sampled."""
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
    sampled = drawn.theta
    return drawn_tree(
        spec,
        drawn.values,
        {"lp": sampled.log_density},
        {"acceptance": sampled.acceptance, "steps": sampled.steps},
        drawn.summaries,
    )
