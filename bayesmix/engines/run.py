"""Run a specification with a method, return the one schema, check convergence."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.errors import BayesmixError, ConvergenceWarning, warn
from bayesmix.base.version import __version__
from bayesmix.base.words import count
from bayesmix.engines.convergence import convergence_messages
from bayesmix.engines.engine import Engine
from bayesmix.engines.exact.engine import Exact
from bayesmix.engines.nuts.engine import Nuts
from bayesmix.engines.whitened.engine import Whitened
from bayesmix.model.joint_only import rows_obstacle
from bayesmix.model.options import ENGINE_WORDS, SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.diagnostics import parameter_diagnostics, worst_figures
from bayesmix.posterior.drawn import Drawn, Posterior

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ENGINES", "chosen", "draw", "sample"]

# "auto" takes the quickest that can draw from a specification. The last can draw from all of them,
# and always settles.
ENGINES: tuple[Engine, ...] = (Exact(), Whitened(), Nuts())


def sample(
    spec: ModelSpec, options: SampleOptions, *, engines: Sequence[Engine] = ENGINES
) -> xr.DataTree:
    """Sample a specification, as `draw` does, and make the data tree.

    Returns
    -------
    DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data`` with the
        variables, dims and coords of the posterior schema, whichever method drew it.
    """
    return draw(spec, options, engines=engines).tree()


def draw(spec: ModelSpec, options: SampleOptions, *, engines: Sequence[Engine] = ENGINES) -> Drawn:
    """Sample a specification.

    Parameters
    ----------
    spec : ModelSpec
    options : SampleOptions
    engines : sequence of Engine
        Those to choose from, the first preferred.

    Returns
    -------
    Drawn

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
    Ctrl-C keeps the draws made so far with the whitened method and the samplers of nutpie and PyMC.
    Those of numpyro and blackjax give their draws out only at the end: Ctrl-C loses them, and the
    computation may go on in the background for a while.
    """
    # Whatever np.errstate the caller has: underflow is part of every sampler.
    with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        return _sampled(spec, options, engines)


def _sampled(spec: ModelSpec, options: SampleOptions, engines: Sequence[Engine]) -> Drawn:
    start = time.perf_counter()
    if not spec.priors.leaves:
        raise BayesmixError(
            f"'{spec.design.formula.text}' leaves nothing to estimate: there is no population "
            f"effect, no group, and the {spec.family.name} family has no other parameter. Add the "
            "intercept, '1'."
        )
    tried = chosen(spec, options, engines)
    notes = _last_resort(spec, options, engines) if tried[0] is engines[-1] else ()
    for engine, after in itertools.zip_longest(tried, tried[1:]):
        drawn = engine.draw(spec, options)
        if drawn is not None:
            return _finish(spec, options, drawn, engine, start, notes)
        if after is None:
            raise BayesmixError(
                f"The {engine.name} method did not settle, and no other can draw from this model: "
                f"{rows_obstacle(spec)}. Refit with another random_seed, or with tighter priors of "
                "the sds."
            )
        notes = (
            *notes,
            f"the {engine.name} method did not settle, so that {ENGINE_WORDS[after.name]} was used",
        )
    raise AssertionError("no engine settled, and the last always does")


def chosen(
    spec: ModelSpec, options: SampleOptions, engines: Sequence[Engine] = ENGINES
) -> tuple[Engine, ...]:
    """Return the engines to ask, one after the other until one settles."""
    able = tuple(engine for engine in engines if engine.obstacle(spec) is None)
    if not able or (options.method == "auto" and options.asks_for_nuts and engines[-1] not in able):
        raise BayesmixError(
            f"{_sentence(rows_obstacle(spec))}, from which the exact method draws, "
            + (
                "and NUTS was asked for. Leave nuts and nuts_sampler out."
                if able
                else f"but {engines[0].obstacle(spec)}. Fit rows that are in memory, such as a "
                "sample of the groups, or a Gaussian model with Normal priors on the population "
                "effects."
            )
        )
    if options.method == "auto":
        quickest = sorted(able, key=lambda engine: engine.seconds(spec, options))
        return able[-1:] if options.asks_for_nuts else tuple(quickest)
    (asked,) = (engine for engine in engines if engine.name == options.method)
    obstacle = asked.obstacle(spec)
    if obstacle is not None:
        raise BayesmixError(
            f"method='{asked.name}' {asked.way}, but {obstacle}. Use "
            f"method='{able[0].name}', or 'auto', which takes it for such a model."
        )
    return able[able.index(asked) :]


def _sentence(words: str | None) -> str:
    text = words or ""
    return text[:1].upper() + text[1:]


def _last_resort(
    spec: ModelSpec, options: SampleOptions, engines: Sequence[Engine]
) -> tuple[str, ...]:
    """Say why nobody who did not ask for the slowest method got it."""
    if options.method != "auto" or options.asks_for_nuts or len(engines) == 1:
        return ()
    return (f"{ENGINE_WORDS[engines[-1].name]} was used, since {engines[-2].obstacle(spec)}",)


def _finish(
    spec: ModelSpec,
    options: SampleOptions,
    drawn: Drawn,
    engine: Engine,
    start: float,
    notes: tuple[str, ...] = (),
) -> Drawn:
    seconds = time.perf_counter() - start
    table = parameter_diagnostics(spec.design, spec.family, drawn.posterior)
    problems = (
        *_interruption(options, drawn.posterior),
        *convergence_messages(drawn, table, engine.go_on),
    )
    # What was tried before is no reason to worry where the draws pass; the summary has it.
    messages = (*notes, *problems)
    if problems:
        warn("; ".join(messages) + ".", ConvergenceWarning)
    attrs = {
        "bayesmix_version": __version__,
        "formula": spec.design.formula.text,
        "family": spec.family.name,
        "link": spec.family.link,
        "method": engine.name,
        "random_seed": options.random_seed,
        "seconds": seconds,
        **worst_figures(table),
        "messages": json.dumps(messages),
    }
    return dataclasses.replace(drawn, attrs={**drawn.attrs, **attrs})


def _interruption(options: SampleOptions, posterior: Posterior) -> tuple[str, ...]:
    sizes = posterior.sizes
    if (sizes["chain"], sizes["draw"]) == (options.chains, options.draws):
        return ()
    kept = f"{sizes['draw']} of {count(options.draws, 'draw')} per chain"
    text = f"sampling was interrupted: {kept} were kept"
    if sizes["chain"] < options.chains:
        text += f", in {sizes['chain']} of {options.chains} chains"
    return (text,)
