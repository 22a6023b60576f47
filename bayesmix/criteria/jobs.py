"""Refits without a fold: plain-data jobs that any executor can run.

A job holds the specification of its training rows, the design of its held-out rows and the options
of its sampling; `run_fold` needs nothing else, so that a fold is the same in this process, in a
thread, in another process and on another machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from bayesmix.base.arguments import seed, true_or_false
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.progress import late_progress
from bayesmix.criteria.folds import SPLIT_SEED
from bayesmix.design.design import Design, Encoder
from bayesmix.design.names import path_start
from bayesmix.engines.run import chosen, sample
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.effects import AnyPrior

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FoldJob", "FoldResult", "run_fold"]

# PyMC and PyTensor are not made for several models at once in one process.
_turn = threading.Lock()


@dataclasses.dataclass(frozen=True, eq=False)
class FoldJob:
    """All that a fold needs, as plain data that pickles.

    Attributes
    ----------
    number : int
        From 1.
    spec : ModelSpec
        The training rows, with the priors of the full data.
    held_out : Design
        The held-out rows, with the same columns and levels.
    rows : ndarray of int64, shape (m,)
        Their positions in the design of the fit.
    options : SampleOptions
        With a seed of the fold's own.
    level : str or None
        The level that is left out, whose rows are predicted jointly; None predicts each row.
    """

    number: int
    spec: ModelSpec
    held_out: Design
    rows: IntArray
    options: SampleOptions
    level: str | None = None

    @property
    def name(self) -> str:
        """What errors and warnings call the fold."""
        return f"fold {self.number}" + ("" if self.level is None else f" ('{self.level}' left out)")


@dataclasses.dataclass(frozen=True, eq=False)
class FoldResult:
    """What a fold leaves behind.

    Attributes
    ----------
    number : int
    name : str
        Those of the job.
    rows : ndarray of int64, shape (m,)
        Positions of the held-out rows in the design of the fit.
    elpd_i : ndarray, shape (m,), or (1,) for a group that is predicted jointly
        Log predictive densities.
    messages : tuple of str
        What is wrong with the draws, if anything.
    random_seed : int
    seconds : float
    """

    number: int
    name: str
    rows: IntArray
    elpd_i: FloatArray
    messages: tuple[str, ...]
    random_seed: int
    seconds: float


def run_fold(job: FoldJob) -> FoldResult:
    """Fit the training rows of a job and predict its held-out rows.

    Parameters
    ----------
    job : FoldJob

    Returns
    -------
    FoldResult

    Raises
    ------
    BayesmixError
        The sampling or the prediction is not possible.
    KeyboardInterrupt
        When interrupted, even where the sampler kept some draws.
    """
    start = time.perf_counter()
    options = job.options
    alone = not chosen(job.spec, options)[0].shares_the_process
    with undisturbed():
        with _turn if alone else contextlib.nullcontext():
            idata = sample(job.spec, options)
        posterior = idata["posterior"].dataset
        if (posterior.sizes["chain"], posterior.sizes["draw"]) != (options.chains, options.draws):
            raise KeyboardInterrupt("The cross-validation was interrupted.")
        rng = np.random.default_rng([seed(options.random_seed), 1])
        if job.level is None:
            elpd_i = log_predictive(job.spec, job.held_out, posterior, rng)
            notes: tuple[str, ...] = ()
        else:
            density, notes = log_joint_predictive(job.spec, job.held_out, posterior, rng)
            elpd_i = np.array([density])
    if np.isnan(elpd_i).any():
        raise BayesmixError("the predictive density of the held-out rows is not a number.")
    return FoldResult(
        number=job.number,
        name=job.name,
        rows=job.rows,
        elpd_i=elpd_i,
        messages=(*_messages(idata), *notes),
        random_seed=seed(options.random_seed),
        seconds=time.perf_counter() - start,
    )


def _messages(idata: xr.DataTree) -> tuple[str, ...]:
    return tuple(json.loads(idata.attrs["messages"]))


class _Undisturbed:
    """One BLAS thread and no warnings while any job of this process runs.

    Both are settings of the whole process. If each job set and restored them, a job that ends
    would undo them for those that still run, and the last would restore what it had found: the
    settings of another job.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._restore = contextlib.ExitStack()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._running:
                self._restore.enter_context(threadpool_limits(limits=1, user_api="blas"))
                self._restore.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._restore.close()


undisturbed = _Undisturbed()


def _fold_spec(spec: ModelSpec) -> ModelSpec:
    """Return the same model for subsets of its rows, without what only new data would need.

    The prior of the intercept belongs to the model with centred columns, and a model of fewer rows
    would centre them elsewhere. So the columns are centred here, once and for all, and the
    intercept becomes an ordinary column, with its prior.
    """
    edits = spec.priors.by_path
    main, *others = (_plain(part, edits) for part in spec.design.parts)
    plain = dataclasses.replace(main, predictors={own.predictor: own for own in others})
    priors = resolve_priors(plain, spec.family, edits).centred_as(spec.priors)
    return ModelSpec(plain, spec.family, priors)


def _plain(design: Design, edits: dict[str, AnyPrior]) -> Design:
    """Centre the columns of a predictor, and move the prior of its intercept to a column."""
    X, terms, start = design.X, design.terms, path_start(design.predictor)
    if design.has_intercept:
        label = "Intercept_centred"
        while label in terms:
            label += "_"
        terms = (label, *terms[1:])
        X = X - np.concatenate([[0.0], X[:, 1:].mean(axis=0)])
        edits[f"{start}beta:{label}"] = edits.pop(f"{start}Intercept")
    return dataclasses.replace(
        design,
        X=X,
        terms=terms,
        index=pd.RangeIndex(design.n_rows),
        # It may hold the user's functions, which need not pickle.
        encoder=cast(Encoder, None),
        notes=(),
        source=None,
    )


def _jobs(
    spec: ModelSpec,
    fold: IntArray,
    options: SampleOptions,
    seeds: np.random.SeedSequence,
    levels: Sequence[str] | None = None,
) -> Iterator[FoldJob]:
    plain = _fold_spec(spec)
    for number, own in enumerate(seeds.spawn(int(fold.max())), start=1):
        rows = np.flatnonzero(fold == number)
        yield FoldJob(
            number=number,
            spec=dataclasses.replace(plain, design=plain.design.take(fold != number)),
            held_out=plain.design.take(rows),
            rows=rows,
            options=dataclasses.replace(
                options, random_seed=int(own.generate_state(1)[0]), progressbar=False
            ),
            level=None if levels is None else str(levels[number - 1]),
        )


def check_run(executor: object, progressbar: object) -> None:
    true_or_false("progressbar", progressbar)
    check_executor(executor)


def check_executor(executor: object) -> None:
    """Raise for what cannot run refits."""
    if executor is not None and not isinstance(executor, Executor):
        hint = "client.get_executor()" if hasattr(executor, "get_executor") else "None"
        raise BayesmixError(
            f"executor is of type {type(executor).__name__}; it should be a "
            f"concurrent.futures.Executor, such as ProcessPoolExecutor(). Give {hint}."
        )


def fold_seeds(
    random_seed: int | np.random.Generator | None, options: SampleOptions
) -> tuple[np.random.Generator, np.random.SeedSequence]:
    """Return the generator of the split and the seeds of the folds."""
    if random_seed is None:
        split = np.random.SeedSequence(SPLIT_SEED)
        sampling = np.random.SeedSequence([seed(options.random_seed), 0])
    else:
        split, sampling = np.random.SeedSequence(seed(random_seed)).spawn(2)
    return np.random.default_rng(split), sampling


def _job_options(options: SampleOptions, executor: Executor | None) -> SampleOptions:
    """Leave the cores to the executor, if there is one; the numbers do not depend on them."""
    return options if executor is None else dataclasses.replace(options, cores=1)


def fold_results(
    fit: Fitted,
    fold: IntArray,
    seeds: np.random.SeedSequence,
    executor: Executor | None,
    progressbar: bool,
    levels: Sequence[str] | None = None,
) -> list[FoldResult]:
    options = _job_options(fit.options, executor)
    jobs = _jobs(fit.spec, fold, options, seeds, levels)
    return _run(jobs, int(fold.max()), executor, progressbar)


def _run(
    jobs: Iterator[FoldJob], n_jobs: int, executor: Executor | None, progressbar: bool
) -> list[FoldResult]:
    """Run all jobs, in the order of their numbers; the first that fails ends the rest."""
    results: list[FoldResult] = []
    what = "Fitting the folds"
    with late_progress(progressbar, what) as report:
        if executor is None:
            for job in jobs:
                try:
                    results.append(run_fold(job))
                except Exception as error:
                    raise _failure(job, n_jobs, error) from error
                report(what, len(results) / n_jobs)
            return results
        pending: dict[Any, FoldJob] = {}
        try:
            for job in jobs:
                try:
                    pending[executor.submit(run_fold, job)] = job
                except BrokenExecutor:
                    raise
                except Exception as error:
                    raise BayesmixError(
                        f"The executor does not take {job.name} of {n_jobs}: {error}. Give one "
                        "that is open."
                    ) from error
            for future in as_completed(list(pending)):
                job = pending[future]
                try:
                    results.append(future.result())
                except BrokenExecutor:
                    raise
                except Exception as error:
                    raise _failure(job, n_jobs, error) from error
                del pending[future]
                report(what, len(results) / n_jobs)
        except BrokenExecutor as error:
            done = {result.number for result in results}
            left = [str(number) for number in range(1, n_jobs + 1) if number not in done]
            raise BayesmixError(
                f"A worker died before the folds {', '.join(left)} of {n_jobs} were done, so that "
                "there is no result. It may have run out of memory: give the executor fewer "
                "workers. In a script, processes also need the call to stand under "
                f"if __name__ == '__main__'. ({error})"
            ) from error
        finally:
            for future in pending:
                future.cancel()
    return sorted(results, key=lambda result: result.number)


def _failure(job: FoldJob, n_jobs: int, error: Exception) -> BayesmixError:
    text = f"{type(error).__name__}: {error}"
    if "pickle" in text.lower():
        return BayesmixError(
            f"F{job.name[1:]} of {n_jobs} cannot be sent to another process: {error}. "
            "Leave out the option of the sampler that does not pickle, or give an executor of "
            "threads."
        )
    return BayesmixError(f"F{job.name[1:]} of {n_jobs} failed: {text}")
