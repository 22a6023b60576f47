"""Run a specification with a method, return the one schema, check convergence."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.errors import BayesmixError, ConvergenceWarning, suggest
from bayesmix.model import build_model
from bayesmix.priors import Prior
from bayesmix.spec import ModelSpec
from bayesmix.tables import diagnostics

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SampleOptions", "convergence_messages", "divergences", "sample", "sample_prior"]

METHODS = ("auto", "nuts")
NUTS_SAMPLERS = ("nutpie", "pymc", "numpyro", "blackjax")
R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100


@dataclasses.dataclass(frozen=True)
class SampleOptions:
    """How to sample; checked once, when made.

    Attributes
    ----------
    method : {"auto", "nuts"}
        ``auto`` takes the best method that is exact for the model.
    draws, tune, chains : int
        Draws kept and adaptation steps per chain, number of chains.
    cores : int or None
        Chains run side by side; None for all cores.
    random_seed : int, Generator or None
        Becomes an int when the options are made, so that a refit repeats the numbers.
    progressbar : bool
        Show progress.
    nuts_sampler : {"nutpie", "pymc", "numpyro", "blackjax"} or None
        None for the fastest that is installed.
    nuts : mapping or None
        Further options of NUTS, such as ``{"target_accept": 0.95}``.

    Raises
    ------
    BayesmixError
        For a value that cannot be used.
    """

    method: str = "auto"
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    random_seed: int | np.random.Generator | None = None
    progressbar: bool = True
    nuts_sampler: str | None = None
    nuts: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _one_of("method", self.method, METHODS)
        _whole_number("draws", self.draws, at_least=1)
        _whole_number("tune", self.tune, at_least=0)
        _whole_number("chains", self.chains, at_least=1)
        if self.cores is not None:
            _whole_number("cores", self.cores, at_least=1)
        if self.nuts_sampler is not None:
            _one_of("nuts_sampler", self.nuts_sampler, NUTS_SAMPLERS)
            if self.nuts_sampler != "pymc" and not importlib.util.find_spec(self.nuts_sampler):
                raise BayesmixError(
                    f"nuts_sampler='{self.nuts_sampler}' needs the package {self.nuts_sampler}, "
                    f"which is not installed. Install it (pip install {self.nuts_sampler}), or "
                    "leave nuts_sampler out to take the fastest one that is."
                )
        if self.nuts is not None and not isinstance(self.nuts, Mapping):
            raise BayesmixError(
                f"nuts is a {type(self.nuts).__name__}; it should be a mapping of the sampler's "
                "options, such as {'target_accept': 0.95}."
            )
        object.__setattr__(self, "random_seed", _seed(self.random_seed))


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

    Warns
    -----
    ConvergenceWarning
        Once, when draws diverged, R-hat exceeds 1.01, an effective sample size is small, or the
        sampling was interrupted.
    """
    start = time.perf_counter()
    idata = _nuts(spec, options)
    return _finish(spec, options, idata, "nuts", time.perf_counter() - start)


def sample_prior(
    spec: ModelSpec, draws: int, *, random_seed: int | np.random.Generator | None = None
) -> xr.DataTree:
    """Draw from the prior and the prior predictive; see `ModelSpec.sample_prior`."""
    import pymc as pm

    _whole_number("draws", draws, at_least=1)
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
    with _quiet_pymc():
        tree: xr.DataTree = pm.sample_prior_predictive(
            draws, model=build_model(spec), random_seed=_seed(random_seed)
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
    table = diagnostics(spec.design, posterior)
    messages = []
    diverged = divergences(idata)
    if diverged:
        messages.append(
            f"{diverged} of {chains * posterior.sizes['draw']} draws diverged: refit with "
            "nuts={'target_accept': 0.95} or higher, or with narrower priors"
        )
    high = table[table["r_hat"] > R_HAT_LIMIT]
    if len(high):
        worst = high.loc[high["r_hat"].idxmax()]
        messages.append(
            f"R-hat is above {R_HAT_LIMIT} for {len(high)} of {len(table)} parameters (worst: "
            f"{worst['parameter']}, {worst['r_hat']:.3f}), so that the chains disagree: refit "
            "with more tune and draws"
        )
    enough = ESS_PER_CHAIN * chains
    sizes = table[["ess_bulk", "ess_tail"]].min(axis=1)
    if (sizes < enough).any():
        lowest = sizes.idxmin()
        messages.append(
            f"the effective sample size is below {enough} for {int((sizes < enough).sum())} of "
            f"{len(table)} parameters (lowest: {table.loc[lowest, 'parameter']}, "
            f"{sizes[lowest]:.0f}): refit with more draws"
        )
    return tuple(messages)


def _nuts(spec: ModelSpec, options: SampleOptions) -> xr.DataTree:
    import pymc as pm

    model = build_model(spec)
    with _quiet_pymc(), model:
        idata = pm.sample(
            options.draws,
            tune=options.tune,
            chains=options.chains,
            cores=options.cores,
            random_seed=options.random_seed,
            progressbar=options.progressbar,
            nuts_sampler=options.nuts_sampler,
            nuts=dict(options.nuts or {}),
            quiet=True,
            compute_convergence_checks=False,
        )
    return _complete_draws(idata, options)


def _finish(
    spec: ModelSpec, options: SampleOptions, idata: xr.DataTree, method: str, seconds: float
) -> xr.DataTree:
    messages = convergence_messages(spec, idata)
    draws = idata["posterior"].sizes["draw"]
    if draws < options.draws:
        messages = (
            f"sampling was interrupted: {draws} of {options.draws} draws per chain were kept",
            *messages,
        )
    if messages:
        warnings.warn("; ".join(messages) + ".", ConvergenceWarning, stacklevel=4)
    from bayesmix import __version__

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


def _complete_draws(idata: xr.DataTree, options: SampleOptions) -> xr.DataTree:
    """Cut the chains of an interrupted run to the draws that all of them have."""
    posterior = idata["posterior"].dataset
    finished = np.ones((posterior.sizes["chain"], posterior.sizes["draw"]), dtype=bool)
    for values in posterior.data_vars.values():
        others = [dim for dim in values.dims if dim not in ("chain", "draw")]
        finished &= values.notnull().all(others).values
    if finished.all() and posterior.sizes["draw"]:
        return idata
    counts = finished.sum(axis=1)
    chains = np.flatnonzero(counts >= max(1, counts.max() // 2))
    draws = int(counts[chains].min()) if len(chains) else 0
    if draws == 0:
        raise KeyboardInterrupt(
            "Sampling was interrupted while it still adapted: there are no draws to keep."
        )
    return idata.map_over_datasets(
        lambda dataset: (
            dataset.isel(chain=chains, draw=slice(draws)) if "draw" in dataset.dims else dataset
        )
    )


def divergences(idata: xr.DataTree) -> int:
    """Count the draws that diverged; 0 for a method that cannot diverge."""
    stats = idata.get("sample_stats")
    if stats is None or "diverging" not in stats.dataset:
        return 0
    return int(stats.dataset["diverging"].sum())


@contextlib.contextmanager
def _quiet_pymc() -> Iterator[None]:
    """Keep PyMC's own log lines out of the notebook: one warning of ours says what matters."""
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _seed(value: int | np.random.Generator | None) -> int:
    if value is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(value, np.random.Generator):
        return int(value.integers(2**32))
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 0:
        return int(value)
    raise BayesmixError(
        f"random_seed={value!r} is not usable: give a whole number of zero or more, a "
        "numpy.random.Generator, or None."
    )


def _whole_number(name: str, value: object, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise BayesmixError(f"{name}={value!r} is not usable: give a whole number >= {at_least}.")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BayesmixError(
            f"Unknown {name} {value!r}. Allowed: {', '.join(allowed)}. "
            f"{suggest(str(value), allowed)}".rstrip()
        )
