"""Draws by the exact method, in the schema."""

from __future__ import annotations

import dataclasses
import sys

from bayesmix.base.arguments import seed
from bayesmix.base.errors import BayesmixError
from bayesmix.base.progress import late_progress
from bayesmix.engines.exact.cost import seconds_of
from bayesmix.engines.exact.learning import NowhereError
from bayesmix.engines.exact.sampler import LIMITS, Limits, sample_exact
from bayesmix.engines.nuts.failures import IMPOSSIBLE
from bayesmix.engines.statistics import KEPT_BYTES, bytes_of_effects
from bayesmix.engines.trees import in_schema
from bayesmix.model.gaussian import effects_obstacle
from bayesmix.model.options import SampleOptions, size_of
from bayesmix.model.row_effects import sigma_of_rows, with_row_effects
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.drawn import Drawn

__all__ = ["Exact"]


STAGES = {
    "data": "Passing over the data",
    "mode": "Looking for the mode",
    "theta": "Sampling sds and correlations",
    "effects": "Drawing effects",
}

_TINY_ERRORS = (
    "Sampling found no point to start from: the known standard errors are so small beside what the "
    "responses differ by that rounding leaves nothing of it, or the priors are far from the "
    "responses. Check that se has the unit of the response, or leave it out where the errors are "
    "negligible."
)


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
        with_rows = with_row_effects(spec)
        obstacle = effects_obstacle(with_rows)
        if obstacle is None and with_rows is not spec:
            return _rows_obstacle(with_rows)
        return obstacle

    def seconds(self, spec: ModelSpec, options: SampleOptions) -> float:
        """Guess how long it takes."""
        return seconds_of(with_row_effects(spec), options)

    def draw(self, spec: ModelSpec, options: SampleOptions) -> Drawn | None:
        """Draw theta, and all effects given it."""
        return _draw(spec, options, self.limits)


def _rows_obstacle(spec: ModelSpec) -> str | None:
    """Say why the effects of rows, which nobody asked for, cannot be drawn beside the others."""
    if 4000 * bytes_of_effects(spec) <= KEPT_BYTES:
        return None
    return "a residual beside the known standard errors of so many rows would need too much memory"


def _draw(spec: ModelSpec, options: SampleOptions, limits: Limits) -> Drawn | None:
    """Draw by the exact method, in the schema; None where theta could not be sampled."""
    model = with_row_effects(spec)
    if model is not spec:
        # As it was written, with weights that change with sigma, nothing stands for the draws.
        limits = dataclasses.replace(limits, kept_bytes=sys.maxsize)
    try:
        with late_progress(options.progressbar, f"Sampling {size_of(options)}") as show:
            drawn = sample_exact(
                model,
                draws=options.draws,
                chains=options.chains,
                cores=options.cores,
                random_seed=seed(options.random_seed),
                limits=limits,
                report=lambda stage, share: show(STAGES[stage], share),
            )
    except NowhereError as error:
        raise BayesmixError(_TINY_ERRORS if spec.family.known_errors else IMPOSSIBLE) from error
    if not drawn.theta.settled:
        return None
    sampled = drawn.theta
    return in_schema(
        spec,
        drawn.values if model is spec else sigma_of_rows(spec, drawn.values),
        {"lp": sampled.log_density},
        {"acceptance": sampled.acceptance, "steps": sampled.steps},
        {},
    )
