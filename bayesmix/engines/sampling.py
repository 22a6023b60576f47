"""Run a specification with a method, return the one schema, check convergence."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import at_most, seed, whole_number
from bayesmix.base.errors import BayesmixError, ConvergenceWarning, suggest, warn
from bayesmix.base.interrupts import import_whole
from bayesmix.base.progress import bars, late_progress, say, signs_of_life
from bayesmix.base.version import __version__
from bayesmix.engines.exact import STATISTICS, ExactDraws, exact_obstacle, sample_exact
from bayesmix.engines.model import (
    build_model,
    coordinates,
    free_variables,
    observed_name,
    variable_dims,
)
from bayesmix.engines.rescaling import rescaled, with_numbers_of
from bayesmix.engines.scaling import ORDINARY_TO_NUTS, Units
from bayesmix.model.options import MOST_DRAWS, SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.diagnostics import divergences, parameter_diagnostics
from bayesmix.priors.prior import Prior

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["convergence_messages", "sample", "sample_prior"]

R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
STAGES = {
    "data": "Passing over the data",
    "mode": "Looking for the mode",
    "theta": "Sampling sds and correlations",
    "effects": "Drawing effects",
}
GROUPS = ("posterior", "sample_stats", "observed_data", "constant_data")

_NO_START = (
    "All initialization points failed",
    "Initial evaluation of model",
    "Bad initial energy",
    "bad initial gradient",
    "Poisoned sampler state",
)
# What samplers raise for options that they do not know.
_OF_OPTIONS = (AttributeError, TypeError, ValueError)
# What is raised to end a program, or by us, and no failure of a sampler.
_NO_FAILURES = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, BayesmixError)
_IMPOSSIBLE = (
    "Sampling found no point to start from: the data are impossible wherever the "
    "priors allow the parameters to be. Compare the priors with the response "
    "(bm.prepare(...).prior_table()), and look for huge or tiny numbers in the data, the offset "
    "and the priors."
)
_NOTHING_DRAWN = "Sampling was interrupted while it still adapted: there are no draws to keep."


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
    start = time.perf_counter()
    obstacle = exact_obstacle(spec)
    if options.method == "marginal" and obstacle is not None:
        raise BayesmixError(
            f"method='marginal' integrates Gaussian effects out, but {obstacle}. Use "
            "method='nuts', or 'auto', which takes NUTS for such a model."
        )
    if options.method == "nuts" or obstacle is not None:
        return _finish(spec, options, _nuts(spec, options), "nuts", start)
    idata = _exact(spec, options)
    if idata is not None:
        return _finish(spec, options, idata, "marginal", start)
    note = "the exact method did not settle, so that NUTS on the joint model was used instead"
    return _finish(spec, options, _nuts(spec, options), "nuts", start, notes=(note,))


def sample_prior(
    spec: ModelSpec, draws: int = 1000, *, random_seed: int | np.random.Generator | None = None
) -> xr.DataTree:
    """Draw parameters and data from the prior, for a prior predictive check.

    Parameters
    ----------
    spec : ModelSpec
    draws : int
        Number of draws.
    random_seed : int, Generator or None
        The same seed gives the same draws.

    Returns
    -------
    DataTree
        Groups ``prior`` (the variables of the posterior schema) and ``prior_predictive``
        (the response), dims ``chain, draw`` first.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> spec = bm.prepare("Reaction ~ Days + (Days | Subject)", data)
    >>> prior = spec.sample_prior(50, random_seed=1)  # doctest: +SKIP
    """
    import_whole("pymc")
    import pymc as pm

    draws = whole_number("draws", draws, at_least=1)
    at_most("draws", draws, MOST_DRAWS)
    improper = [
        leaf.path
        for leaf in spec.priors.leaves
        if isinstance(leaf.prior, Prior) and not leaf.prior.is_proper
    ]
    if improper:
        raise BayesmixError(
            f"The prior of {', '.join(improper)} is improper and cannot be drawn from. Give it a "
            "proper one, such as Prior('Normal', mu=0, sigma=10)."
        )
    with _quiet_libraries():
        tree: xr.DataTree = pm.sample_prior_predictive(
            draws, model=build_model(spec), random_seed=seed(random_seed)
        )
    return tree


def convergence_messages(spec: ModelSpec, idata: xr.DataTree) -> tuple[str, ...]:
    """Say what is wrong with the draws and what to do, one text per problem.

    The limits are those of Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), Bayesian
    Analysis 16, 667-718, https://doi.org/10.1214/20-BA1221: R-hat below 1.01 and an effective
    sample size above 100 per chain.

    Parameters
    ----------
    spec : ModelSpec
    idata : DataTree

    Returns
    -------
    tuple of str
        Empty when the draws can be trusted.
    """
    posterior = idata["posterior"].dataset
    chains = posterior.sizes["chain"]
    table = parameter_diagnostics(spec.design, posterior)
    messages = []
    diverged = divergences(idata)
    if diverged:
        messages.append(
            f"{diverged} of {chains * posterior.sizes['draw']} draws diverged: refit with "
            "nuts={'target_accept': 0.95} or higher, or with narrower priors"
        )
    high = table[table["r_hat"] > R_HAT_LIMIT]
    if len(high):
        worst = high.iloc[int(high["r_hat"].to_numpy().argmax())]
        messages.append(
            f"R-hat is above {R_HAT_LIMIT} for {len(high)} of {len(table)} parameters (worst: "
            f"{worst['parameter']}, {worst['r_hat']:.3f}), so that the chains disagree: refit "
            "with more tune and draws"
        )
    enough = ESS_PER_CHAIN * chains
    sizes = table[["ess_bulk", "ess_tail"]].min(axis=1).to_numpy()
    if (sizes < enough).any():
        lowest = int(np.nanargmin(sizes))
        messages.append(
            f"the effective sample size is below {enough} for {int((sizes < enough).sum())} of "
            f"{len(table)} parameters (lowest: {table['parameter'].iloc[lowest]}, "
            f"{sizes[lowest]:.0f}): refit with more draws"
        )
    return tuple(messages)


def _exact(spec: ModelSpec, options: SampleOptions) -> xr.DataTree | None:
    """Draw by the exact method, in the schema; None where theta could not be sampled."""
    import xarray as xr

    try:
        with late_progress(options.progressbar, f"Sampling {_size(options)}") as show:
            drawn = sample_exact(
                spec,
                draws=options.draws,
                chains=options.chains,
                cores=options.cores,
                random_seed=seed(options.random_seed),
                report=lambda stage, share: show(STAGES[stage], share),
            )
    except FloatingPointError as error:
        raise BayesmixError(_IMPOSSIBLE) from error
    if not drawn.theta.settled:
        return None
    dims, coords = variable_dims(spec), coordinates(spec)
    posterior = {}
    for name, values in (drawn.values | free_variables(spec, drawn.values)).items():
        if not name.startswith("partial_") and (name != "beta" or spec.design.n_terms):
            own = dims.get(name, ())
            posterior[name] = xr.DataArray(
                values, dims=("chain", "draw", *own), coords={dim: coords[dim] for dim in own}
            )
    chain_draw = {
        "chain": np.arange(options.chains),
        "draw": np.arange(options.draws),
    }
    stats = xr.Dataset({"lp": (("chain", "draw"), drawn.theta.log_density)}, coords=chain_draw)
    stats.attrs.update(acceptance=drawn.theta.acceptance, steps=drawn.theta.steps)
    groups = _kept_summaries(spec, drawn)
    labels = xr.indexes.PandasIndex(pd.Index(coords["obs"], copy=False), "obs")
    observed = xr.Dataset(
        {observed_name(spec.design): ("obs", spec.design.y)},
        coords=xr.Coordinates.from_xindex(labels),
    )
    return xr.DataTree.from_dict(
        groups
        | {
            "posterior": xr.Dataset(posterior).assign_coords(chain_draw),
            "sample_stats": stats,
            "observed_data": observed,
            "constant_data": _constant_data(spec, observed["obs"]),
        }
    )


def _kept_summaries(spec: ModelSpec, drawn: ExactDraws) -> dict[str, xr.Dataset]:
    """Make the group of group effects that were summarised instead of kept."""
    import xarray as xr

    coords = coordinates(spec)
    kept = {}
    for term in spec.design.groups:
        for name in (f"u_{term.factor}", f"coef_{term.factor}"):
            if name in drawn.summaries:
                kept[name] = xr.DataArray(
                    drawn.summaries[name],
                    dims=("statistic", term.dim, term.effect_dim),
                    coords={dim: coords[dim] for dim in (term.dim, term.effect_dim)}
                    | {"statistic": np.array(STATISTICS)},
                )
    return {"group_effects": xr.Dataset(kept)} if kept else {}


def _constant_data(spec: ModelSpec, obs: xr.DataArray) -> xr.Dataset:
    """Make the group of the design; it shares the labels of the rows, which may be millions."""
    import xarray as xr

    design = spec.design
    values: dict[str, Any] = {"X": (("obs", "term"), design.X)} if design.n_terms else {}
    for term in design.groups:
        values[f"Z_{term.factor}"] = (("obs", term.effect_dim), term.Z)
        values[f"codes_{term.factor}"] = ("obs", term.codes.astype(np.int32))
    for name, row in (("offset", design.offset), ("weights", design.weights)):
        if row is not None:
            values[name] = ("obs", row)
    coords = coordinates(spec) | {"obs": obs}
    dims = {"obs", "term", *(term.effect_dim for term in design.groups)}
    return xr.Dataset(values, coords={dim: coords[dim] for dim in dims if dim in coords})


def _nuts(spec: ModelSpec, options: SampleOptions) -> xr.DataTree:
    import_whole("pymc")
    import pymc as pm
    import pytensor
    from threadpoolctl import threadpool_limits

    _refuse_unknown_options(options)
    sampler = options.nuts_sampler or _fastest_installed()
    # PyMC would take half of the cores, for fear of hyperthreads.
    cores = min(
        options.chains, options.cores or getattr(os, "process_cpu_count", os.cpu_count)() or 1
    )
    units = Units.of(spec.design, ORDINARY_TO_NUTS, response=spec.family.on_response_scale)
    model = build_model(rescaled(spec, units))
    with (
        contextlib.ExitStack() as stack,
        _quiet_libraries(),
        _options_refused(options),
        _sampler_failures(sampler, options),
        bars(options.progressbar, f"Sampling {_size(options)}") as progressbar,
        threadpool_limits(1, user_api="blas"),
        # With fast-math, code from the disk cache rounds otherwise than code compiled just now,
        # so that a seed would not repeat the numbers of the first fit.
        pytensor.config.change_flags(numba__fastmath=False),
        model,
    ):
        # Not beside chains in processes of their own: a process with threads should not fork.
        alive = options.progressbar and (sampler != "pymc" or cores == 1)
        stack.enter_context(signs_of_life(alive, f"Sampling {_size(options)} by {sampler}"))
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
            callback=_stop_with_chain(options) if sampler == "pymc" and cores == 1 else None,
            compute_convergence_checks=False,
        )
    return with_numbers_of(spec, units, _complete_draws(_one_schema(idata)))


def _fastest_installed() -> str:
    return "nutpie" if importlib.util.find_spec("nutpie") else "pymc"


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


def _one_schema(idata: xr.DataTree) -> xr.DataTree:
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


def _complete_draws(idata: xr.DataTree) -> xr.DataTree:
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
        raise KeyboardInterrupt(_NOTHING_DRAWN)
    draws = int(longest_first[totals.argmax()])
    chains = np.flatnonzero(counts >= draws)
    return idata.map_over_datasets(
        lambda dataset: (
            dataset.isel(chain=chains, draw=slice(draws)) if "draw" in dataset.dims else dataset
        )
    )


@contextlib.contextmanager
def _options_refused(options: SampleOptions) -> Iterator[None]:
    """Name the sampler's options where the sampler fails on them."""
    try:
        yield
    except _OF_OPTIONS as error:
        if not options.nuts or isinstance(error, BayesmixError):
            raise
        raise _refused(options, error) from error


def _stop_with_chain(options: SampleOptions) -> Callable[..., None]:
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


@contextlib.contextmanager
def _sampler_failures(sampler: str, options: SampleOptions | None = None) -> Iterator[None]:
    """Put the samplers' own words for what a user can mend into ours."""
    try:
        yield
    # A panic of nutpie's Rust code is no Exception.
    except BaseException as error:
        if isinstance(error, _NO_FAILURES):
            raise
        text = str(error)
        if "Not enough samples to build a trace" in text:
            raise KeyboardInterrupt(_NOTHING_DRAWN) from None
        if any(words in text for words in _NO_START):
            raise BayesmixError(_IMPOSSIBLE) from error
        if sampler == "blackjax" and "unexpected keyword argument 'progress_bar'" in text:
            raise BayesmixError(
                "PyMC cannot use this version of blackjax "
                "(https://github.com/pymc-devs/pymc/issues/8367). Install an older one "
                "(pip install 'blackjax<1.6'), or take another nuts_sampler."
            ) from error
        if options and options.nuts and isinstance(error, _OF_OPTIONS):
            raise
        other = "pymc" if sampler != "pymc" else "nutpie"
        line = (text.strip().splitlines() or ["no message"])[0][:300]
        raise BayesmixError(
            f"{sampler} failed with {type(error).__name__}: {line}. Look for huge or tiny numbers "
            "in the data and the priors (bm.prepare(...).prior_table()), or take another sampler: "
            f"nuts_sampler='{other}'."
        ) from error


def _size(options: SampleOptions) -> str:
    return f"{options.chains} chains x {options.draws} draws"


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep the libraries' log lines and warnings away: one warning of ours says what matters."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _refuse_unknown_options(options: SampleOptions) -> None:
    """Raise for options that PyMC's own sampler would take and ignore."""
    if options.nuts_sampler != "pymc" or not options.nuts:
        return
    import pymc as pm

    makers = [maker.__init__ for maker in pm.NUTS.__mro__ if "__init__" in vars(maker)]
    known = {name for maker in makers for name in inspect.signature(maker).parameters}
    for name in options.nuts:
        if name not in known:
            raise _refused(options, f"unknown option '{name}'")


def _refused(options: SampleOptions, reason: object) -> BayesmixError:
    sampler = options.nuts_sampler or "the sampler"
    hints = (suggest(name, ("target_accept", "max_treedepth")) for name in options.nuts or {})
    hint = next((hint for hint in hints if hint), "")
    return BayesmixError(
        f"nuts={dict(options.nuts or {})} was refused by {sampler}: {reason}. {hint}".rstrip()
    )
