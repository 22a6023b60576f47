"""Prior draw, data, fit, rank: replications of one design, in processes of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import time
import unittest.mock
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.engines.engine import Engine
from bayesmix.engines.exact.engine import Exact
from bayesmix.engines.exact.sampler import Limits
from bayesmix.engines.nuts.engine import Nuts
from bayesmix.engines.run import sample
from bayesmix.engines.whitened.engine import Whitened
from bayesmix.model.options import SampleOptions
from benchmarks.calibrating.breaking import BROKEN
from benchmarks.calibrating.designs import CalibrationDesign
from benchmarks.calibrating.quantities import ranked_quantities
from benchmarks.calibrating.uniformity import (
    KEPT,
    chi_square_p,
    envelope,
    holm,
)

__all__ = ["SEED", "Calibration", "Replication", "adjusted", "calibrate", "judge", "replicate"]

type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]

SEED = 20261122


@dataclasses.dataclass(frozen=True, eq=False)
class Replication:
    """One fit: what it drew, by quantity, and what it said.

    `draws` is None where the method gave up. `facts` are those of the sampler.
    """

    draws: dict[str, FloatArray] | None
    warned: Counter[str]
    facts: dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """All replications of one design.

    Attributes
    ----------
    truth : dict of ndarray, shape (replications,)
        Each quantity at the parameters and data that were simulated.
    draws : dict of ndarray, shape (replications, KEPT)
        Each quantity at the draws of the fits.
    fell_back : int
        Fits that would have called NUTS; they are not among the replications.
    warned : Counter
        Fits that warned, by the kind of warning.
    facts : DataFrame
        What the sampler said of each fit that did not fall back: its steps, for instance.
    seconds : float
    """

    design: CalibrationDesign
    truth: dict[str, FloatArray]
    draws: dict[str, FloatArray]
    fell_back: int
    warned: Counter[str]
    facts: pd.DataFrame
    seconds: float

    @property
    def n_fits(self) -> int:
        """Number of fits that did not fall back."""
        return len(next(iter(self.truth.values())))

    def ranks(self) -> dict[str, IntArray]:
        """Rank of the truth among the draws, 0 to KEPT, shape (replications,)."""
        return {
            name: (self.draws[name] < truth[:, None]).sum(axis=1)
            for name, truth in self.truth.items()
        }

    def scaled_sds(self, factor: float) -> Calibration:
        """Return what a method would give whose sds are wrong by a factor."""
        draws = {
            name: values * factor if name.startswith("sd:") else values
            for name, values in self.draws.items()
        }
        return dataclasses.replace(self, draws=draws)


class _FellBackError(Exception):
    """The fit would have called NUTS."""


def calibrate(
    design: CalibrationDesign,
    replications: int,
    *,
    draws: int = 1000,
    processes: int = 2,
    random_seed: int = SEED,
    broken: str | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Calibration:
    """Simulate from the prior and fit, again and again.

    `broken` names a wrong version of the method.
    """
    start = time.perf_counter()
    prior_seed, *seeds = np.random.SeedSequence(random_seed).generate_state(replications + 1)
    spec = design.spec()
    prior = spec.sample_prior(replications, random_seed=int(prior_seed))
    (responses,) = prior["prior_predictive"].dataset.data_vars.values()
    y = responses.values[0].astype(np.float64)
    truth = ranked_quantities(spec, prior["prior"].dataset, y)
    fits = []
    # The BLAS of the processes must know before it is loaded.
    with (
        unittest.mock.patch.dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1"),
        ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool,
    ):
        fit = functools.partial(replicate, design, draws, broken=broken)
        for one in pool.map(fit, y, map(int, seeds)):
            fits.append(one)
            report(len(fits))
    settled = [fit for fit in fits if fit.draws is not None]
    kept = np.array([fit.draws is not None for fit in fits])
    return Calibration(
        design,
        {name: values[kept] for name, values in truth.items()},
        {
            name: np.array([fit.draws[name] for fit in settled if fit.draws is not None])
            for name in truth
        },
        int((~kept).sum()),
        sum((fit.warned for fit in fits), start=Counter[str]()),
        pd.DataFrame([fit.facts for fit in settled]),
        time.perf_counter() - start,
    )


def replicate(
    design: CalibrationDesign,
    draws: int,
    y: FloatArray,
    seed: int,
    *,
    broken: str | None = None,
) -> Replication:
    """Fit one simulated response."""
    with (
        unittest.mock.patch.object(Nuts, "draw", side_effect=_FellBackError),
        BROKEN[broken]() if broken else contextlib.nullcontext(),
        _counted() as warned,
    ):
        try:
            options = SampleOptions(
                method=design.method,
                draws=draws,
                chains=4,
                cores=1,
                random_seed=seed,
                progressbar=False,
            )
            spec = design.spec(y)
            idata = sample(spec, options, engines=(_engine(design), Nuts()))
        except _FellBackError:
            return Replication(None, warned, {})
        posterior = idata["posterior"].dataset.stack(sample=("chain", "draw"), create_index=False)
        places = np.linspace(0, posterior.sizes["sample"] - 1, KEPT).round().astype(int)
        thinned = posterior.isel(sample=places).drop_vars(["chain", "draw"])
        thinned = thinned.rename(sample="draw").expand_dims("chain")
        quantities = ranked_quantities(spec, thinned, y)
        facts = idata["sample_stats"].attrs
        return Replication(
            quantities, warned, {name: facts[name] for name in ("steps", "thin") if name in facts}
        )


def _engine(design: CalibrationDesign) -> Engine:
    if design.method == "whitened":
        return Whitened()
    return Exact(Limits(**{design.limit: 0.0})) if design.limit else Exact()


@contextlib.contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Count warnings by kind, instead of showing them."""
    counter: Counter[str] = Counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield counter
        finally:
            counter.update({warning.category.__name__ for warning in caught})


def judge(calibration: Calibration) -> pd.DataFrame:
    """Test each quantity: ``design, quantity, mean rank, chi_square, ecdf``.

    The mean rank is divided by its largest value; the last two columns are p values.
    """
    ranks = calibration.ranks()
    by_ecdf = envelope(calibration.n_fits)
    return pd.DataFrame(
        {
            "design": calibration.design.name,
            "quantity": list(ranks),
            "mean rank": [one.mean() / KEPT for one in ranks.values()],
            "chi_square": [chi_square_p(one) for one in ranks.values()],
            "ecdf": by_ecdf.leaves([by_ecdf.gamma(one) for one in ranks.values()]),
        }
    )


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """Add the columns ``chi_square_holm`` and ``ecdf_holm``, over both tests of all quantities."""
    both = holm(table[["chi_square", "ecdf"]].to_numpy())
    return table.assign(chi_square_holm=both[:, 0], ecdf_holm=both[:, 1])
