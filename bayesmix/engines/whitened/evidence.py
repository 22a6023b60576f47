"""The evidence of any model: annealing in coordinates that were tuned to its posterior."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.special import gammaln
from threadpoolctl import threadpool_limits

from bayesmix.engines.log_integral import LogIntegral, from_weights
from bayesmix.engines.rescaling import rescaled, units_of
from bayesmix.engines.whitened.annealing import annealed
from bayesmix.engines.whitened.coordinates import Coordinates
from bayesmix.engines.whitened.layout import layout_of
from bayesmix.engines.whitened.team import Map, Sizes, sizes_of, spread_on
from bayesmix.engines.whitened.warmup import Tuned, started, warm_up
from bayesmix.model.spec import ModelSpec

__all__ = ["evidence_by_annealing"]

CHAINS, TUNING_CHAINS = 64, 4
# Temperatures, as many more until the error is what is aimed at; the spread of the weights of the
# last beyond which a few of them decide.
FEWEST, MOST, AIM, LARGEST_SPREAD = 24, 384, 0.05, 1.0


def evidence_by_annealing(
    spec: ModelSpec,
    random_seed: np.random.SeedSequence,
    cores: int | None,
    report: Callable[[str, float], None],
) -> LogIntegral:
    """Tune coordinates, and anneal with more temperatures until the error is small.

    Parameters
    ----------
    spec : ModelSpec
        One that the whitened method can draw from.
    random_seed : SeedSequence
    cores : int or None
        Threads; the numbers do not depend on it.
    report : callable
        Called with what is done and the share that is done.

    Returns
    -------
    LogIntegral
        Of the response, with all constants of likelihood and priors.

    Raises
    ------
    LostError, LinAlgError
        The chains are where nothing can be computed.
    """
    units = units_of(spec)
    layout = layout_of(rescaled(spec, units))
    sizes, wide = sizes_of(layout, TUNING_CHAINS), sizes_of(layout, CHAINS)
    tuning, annealing = random_seed.spawn(2)
    with (
        threadpool_limits(limits=1, user_api="blas"),
        np.errstate(all="ignore"),
        ThreadPoolExecutor(cores) as pool,
    ):
        spread: Map = map if len(wide.batches) == 1 else spread_on(pool)
        own, *generators = map(np.random.default_rng, tuning.spawn(1 + len(sizes.batches)))
        tuned = started(layout, sizes, generators, own, spread)
        warm_up(tuned, sizes, own, lambda share: report("Tuning", share))
        found = _annealed_enough(tuned, wide, annealing, spread, report)
    # Densities of the response in its units are those in the user's numbers times these.
    per_row = -spec.design.n_rows * float(np.log(units.response))
    return found.plus(per_row + log_orders(tuned.density.layout.coordinates, spec))


def _annealed_enough(
    tuned: Tuned,
    sizes: Sizes,
    random_seed: np.random.SeedSequence,
    spread: Map,
    report: Callable[[str, float], None],
) -> LogIntegral:
    """Anneal, with more temperatures until the error is what is aimed at."""
    temperatures = FEWEST
    while True:
        text = f"Annealing over {temperatures} temperatures"

        def anneal(batch: slice, rng: np.random.Generator) -> np.ndarray:
            show = (lambda share: report(text, share)) if not batch.start else _ignore  # noqa: B023
            width = batch.stop - batch.start
            return annealed(tuned.density, rng, width, temperatures, tuned.step, show)  # noqa: B023

        rngs = map(np.random.default_rng, random_seed.spawn(len(sizes.batches)))
        weights = np.concatenate(list(spread(anneal, sizes.batches, list(rngs))))
        how = f"annealed importance sampling with {temperatures} temperatures"
        found = from_weights(weights, how)
        if found.se <= AIM or temperatures >= MOST:
            break
        # The variance of log weights falls with the number of temperatures.
        ratio = min((found.se / AIM) ** 2, MOST / temperatures)
        temperatures = min(MOST, temperatures * 2 ** math.ceil(math.log2(max(ratio, 2.0))))
    if found.doubt or found.spread <= LARGEST_SPREAD:
        return found
    doubt = f"the weights of {temperatures} temperatures differ so much that few of them decide"
    return dataclasses.replace(found, doubt=doubt)


def _ignore(share: float) -> None:
    pass


def log_orders(coordinates: Coordinates, spec: ModelSpec) -> float:
    """Return the logarithm of one over the share of their prior that elements that rise have.

    Their prior is that of independent ones, given that they rise: one of all orders.
    """
    thresholds, total = coordinates.thresholds, 0.0
    for name in coordinates.auxiliary:
        if not spec.family.parameter(name).support.is_ordered:
            continue
        if thresholds is not None and name == thresholds.name:
            n = len(thresholds.free)
        else:
            n = spec.priors.lengths[name] or 1
        total += float(gammaln(n + 1))
    return total
