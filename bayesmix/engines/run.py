"""Run a specification with a method, return the one schema, check convergence."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.errors import BayesmixError, ConvergenceWarning, warn
from bayesmix.base.version import __version__
from bayesmix.engines.convergence import convergence_messages
from bayesmix.engines.exact.engine import draw_exactly
from bayesmix.engines.exact.sampler import exact_obstacle
from bayesmix.engines.nuts.engine import draw_by_nuts
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["sample"]


def sample(spec: ModelSpec, options: SampleOptions) -> xr.DataTree:
    """Sample a specification.

    Parameters
    ----------
    spec : ModelSpec
    options : SampleOptions

    Returns
    -------
    DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data`` with the
        variables, dims and coords of the posterior schema, whichever method drew it.

    Raises
    ------
    BayesmixError
        For options that the sampler refuses, and for priors and data that contradict each other.
    KeyboardInterrupt
        When interrupted before there are any draws to keep.

    Warns
    -----
    ConvergenceWarning
        Once, when draws diverged, R-hat exceeds 1.01, an effective sample size is small, or the
        sampling was interrupted.

    Notes
    -----
    Ctrl-C keeps the draws made so far with the samplers of nutpie and PyMC. Those of numpyro and
    blackjax give their draws out only at the end: Ctrl-C loses them, and the computation may go
    on in the background for a while.
    """
    # Whatever np.errstate the caller has: underflow is part of every sampler.
    with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        return _sampled(spec, options)


def _sampled(spec: ModelSpec, options: SampleOptions) -> xr.DataTree:
    start = time.perf_counter()
    obstacle = exact_obstacle(spec)
    if options.method == "marginal" and obstacle is not None:
        raise BayesmixError(
            f"method='marginal' integrates Gaussian effects out, but {obstacle}. Use "
            "method='nuts', or 'auto', which takes NUTS for such a model."
        )
    if options.method == "nuts" or obstacle is not None:
        return _finish(spec, options, draw_by_nuts(spec, options), "nuts", start)
    idata = draw_exactly(spec, options)
    if idata is not None:
        return _finish(spec, options, idata, "marginal", start)
    note = "the exact method did not settle, so that NUTS on the joint model was used instead"
    return _finish(spec, options, draw_by_nuts(spec, options), "nuts", start, notes=(note,))


def _finish(
    spec: ModelSpec,
    options: SampleOptions,
    idata: xr.DataTree,
    method: str,
    start: float,
    notes: tuple[str, ...] = (),
) -> xr.DataTree:
    seconds = time.perf_counter() - start
    messages = (*notes, *_interruption(options, idata), *convergence_messages(spec, idata))
    if messages:
        text = "; ".join(messages) + "."
        warn(text, ConvergenceWarning)
    idata.attrs.update(
        bayesmix_version=__version__,
        formula=spec.design.formula.text,
        family=spec.family.name,
        link=spec.family.link,
        method=method,
        random_seed=options.random_seed,
        seconds=seconds,
        messages=json.dumps(messages),
    )
    return idata


def _interruption(options: SampleOptions, idata: xr.DataTree) -> tuple[str, ...]:
    sizes = idata["posterior"].sizes
    if (sizes["chain"], sizes["draw"]) == (options.chains, options.draws):
        return ()
    text = f"sampling was interrupted: {sizes['draw']} of {options.draws} draws per chain were kept"
    if sizes["chain"] < options.chains:
        text += f", in {sizes['chain']} of {options.chains} chains"
    return (text,)
