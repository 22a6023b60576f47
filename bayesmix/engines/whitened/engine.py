"""Draws of any model in whitened coordinates, in the schema."""

from __future__ import annotations

import contextlib

import numpy as np

from bayesmix.base.arguments import seed
from bayesmix.base.progress import late_progress
from bayesmix.engines.rescaling import rescaled, units_of
from bayesmix.engines.scaling import Units
from bayesmix.engines.trees import in_schema
from bayesmix.engines.whitened.coordinates import bounds_obstacle
from bayesmix.engines.whitened.cost import seconds_of
from bayesmix.engines.whitened.learning import LostError
from bayesmix.engines.whitened.named import named_draws, summaries_of
from bayesmix.engines.whitened.sampler import LIMITS, Limits, WhitenedDraws, sample_whitened
from bayesmix.model.joint_only import joint_obstacle, rows_obstacle
from bayesmix.model.options import SampleOptions, size_of
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.drawn import Drawn

__all__ = ["Whitened"]


class Whitened:
    """Any model, by Hamiltonian Monte Carlo that compiles nothing."""

    name = "whitened"
    way = "samples in whitened coordinates"
    shares_the_process = True
    go_on = "refit with more draws, or with method='nuts'"

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Say what needs the joint model, or which prior has bounds that cannot be told."""
        return rows_obstacle(spec) or joint_obstacle(spec) or bounds_obstacle(spec)

    def seconds(self, spec: ModelSpec, options: SampleOptions) -> float:
        """Guess how long it takes."""
        return seconds_of(spec, options)

    def draw(self, spec: ModelSpec, options: SampleOptions) -> Drawn | None:
        """Draw all parameters and effects together; None where the chains do not agree."""
        units = units_of(spec)
        with (
            contextlib.suppress(LostError, np.linalg.LinAlgError),
            late_progress(options.progressbar, f"Sampling {size_of(options)}") as report,
        ):
            drawn = sample_whitened(
                rescaled(spec, units),
                draws=options.draws,
                chains=options.chains,
                cores=options.cores,
                random_seed=seed(options.random_seed),
                limits=self.limits,
                report=report,
            )
            return _named(spec, units, drawn) if drawn.settled else None
        return None


def _named(spec: ModelSpec, units: Units, drawn: WhitenedDraws) -> Drawn:
    values = named_draws(spec, units, drawn)
    kept = drawn.kept
    attributes = {
        "acceptance": float(kept.acceptance.mean()),
        "least_acceptance": float(kept.acceptance.min()),
        "independent": float(kept.independent.mean()),
        "step": drawn.step,
        "steps": drawn.steps,
        "stages": drawn.stages,
        "thin": drawn.thin,
    }
    summaries = summaries_of(spec, units, drawn, values)
    return in_schema(spec, values, {"lp": kept.log_density}, attributes, summaries)
