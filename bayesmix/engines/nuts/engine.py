"""NUTS on the joint model, by any of its samplers."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bayesmix.base.interrupts import import_whole
from bayesmix.base.progress import bars, say, signs_of_life
from bayesmix.base.quiet import quiet_libraries
from bayesmix.engines.nuts.failures import options_refused, refuse_unknown_options, sampler_failures
from bayesmix.engines.nuts.joint import build_model
from bayesmix.engines.rescaling import rescaled, units_of, with_numbers_of
from bayesmix.engines.trees import complete_draws, one_schema
from bayesmix.model.joint_only import rows_obstacle
from bayesmix.model.options import SampleOptions, size_of
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.drawn import Drawn

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Nuts", "stop_with_chain"]


class Nuts:
    """Any model, by any of PyMC's samplers on its joint model."""

    name = "nuts"
    way = "samples the joint model"
    # PyMC and PyTensor are not made for several models at once in one process.
    shares_the_process = False
    go_on = "refit with more tune and draws"

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Say that there are no rows; nothing else stands in the way."""
        return rows_obstacle(spec)

    def seconds(self, spec: ModelSpec, options: SampleOptions) -> float:
        """Never less than any other method that can draw."""
        return math.inf

    def draw(self, spec: ModelSpec, options: SampleOptions) -> Drawn:
        """Compile and sample."""
        return Drawn.of(_tree(spec, options))


def _tree(spec: ModelSpec, options: SampleOptions) -> xr.DataTree:
    import_whole("pymc")
    import pymc as pm
    import pytensor
    from threadpoolctl import threadpool_limits

    refuse_unknown_options(options)
    sampler = options.nuts_sampler or _fastest_installed()
    # PyMC would take half of the cores, for fear of hyperthreads.
    cores = min(
        options.chains, options.cores or getattr(os, "process_cpu_count", os.cpu_count)() or 1
    )
    units = units_of(spec)
    model = build_model(rescaled(spec, units))
    with (
        contextlib.ExitStack() as stack,
        quiet_libraries(),
        options_refused(options),
        sampler_failures(sampler, options),
        bars(options.progressbar, f"Sampling {size_of(options)}") as progressbar,
        threadpool_limits(1, user_api="blas"),
        # With fast-math, code from the disk cache rounds otherwise than code compiled just now,
        # so that a seed would not repeat the numbers of the first fit.
        pytensor.config.change_flags(numba__fastmath=False),
        model,
    ):
        # Not beside chains in processes of their own: a process with threads should not fork.
        alive = options.progressbar and (sampler != "pymc" or cores == 1)
        stack.enter_context(signs_of_life(alive, f"Sampling {size_of(options)} by {sampler}"))
        if progressbar:
            say("Compiling the model ...")
        # blackjax needs a further package for its bar, and prints to stdout.
        progressbar = progressbar and sampler != "blackjax"
        idata = pm.sample(
            options.draws,
            tune=options.tune,
            chains=options.chains,
            cores=cores,
            random_seed=options.random_seed,
            progressbar=progressbar,
            nuts_sampler=sampler,
            nuts=dict(options.nuts or {}),
            # PyMC would raise our one BLAS thread to as many as there are cores.
            blas_cores="auto" if sampler == "pymc" else None,
            callback=stop_with_chain(options) if sampler == "pymc" and cores == 1 else None,
            compute_convergence_checks=False,
        )
    return with_numbers_of(spec, units, complete_draws(one_schema(idata)))


def _fastest_installed() -> str:
    return "nutpie" if importlib.util.find_spec("nutpie") else "pymc"


def stop_with_chain(options: SampleOptions) -> Callable[..., None]:
    """Make a callback that ends the sampling at an interrupt.

    PyMC's chains that run one after another take Ctrl-C for the end of the current chain only.
    """
    last = {"chain": 0, "draw": -1}

    def stop(trace: object, draw: Any) -> None:
        if draw.chain == last["chain"]:
            last["draw"] = draw.draw_idx
        elif last["draw"] + 1 < options.tune + options.draws:
            raise KeyboardInterrupt
        else:
            last.update(chain=draw.chain, draw=draw.draw_idx)

    return stop
