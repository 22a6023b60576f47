"""One simulated study and its fit: a job of plain data that any executor can run."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, short
from bayesmix.base.progress import late_progress
from bayesmix.criteria.jobs import undisturbed
from bayesmix.engines.run import chosen, sample
from bayesmix.model.options import SampleOptions
from bayesmix.posterior.fitted import Fitted
from bayesmix.preparation.prepare import specification
from bayesmix.preparation.request import Request
from bayesmix.questions.hypothesis import hypothesis
from bayesmix.simulation.studies import Sizes, Study
from bayesmix.simulation.truth import Simulation

__all__ = ["Job", "Result", "run_all"]

# PyMC is not made for several models at once in one process.
_turn = threading.Lock()
type Statement = str | Callable[[Fitted], bool]


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """All that a replication needs.

    Attributes
    ----------
    number : int
    design : int
        Which of the sizes it has.
    study : Study
    sizes : mapping of str to int
    seeds : tuple of int
        Of the data, and of the sampling.
    formula : str or None
        That of the truth by default.
    model : mapping
        Further arguments of a fit: family, priors, formulas of parameters.
    options : SampleOptions
    statements : tuple of str or callable
    """

    number: int
    design: int
    study: Study
    sizes: Sizes
    seeds: tuple[int, int]
    formula: str | None
    model: Mapping[str, Any]
    options: SampleOptions
    statements: tuple[Statement, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a replication leaves behind.

    Attributes
    ----------
    number, design : int
    probabilities : ndarray, shape (statements,)
        Posterior probability of each statement; 1 or 0 of one that is a function.
    has_converged : bool
    """

    number: int
    design: int
    probabilities: FloatArray
    has_converged: bool


def run_one(job: Job) -> Result:
    """Simulate a study, fit it, and ask whether the statements hold."""
    with undisturbed():
        simulated = job.study.simulated(job.sizes, job.seeds[0])
        fit = _fitted(job, simulated)
        found = [_probability(fit, statement) for statement in job.statements]
    messages = json.loads(fit.idata.attrs["messages"])
    return Result(job.number, job.design, np.array(found), not messages)


def _fitted(job: Job, simulated: Simulation | pd.DataFrame) -> Fitted:
    model = dict(job.model)
    predictors = dict(model.pop("predictors", {}))
    if isinstance(simulated, Simulation):
        data, formula = simulated.data, job.formula or simulated.formula
        model.setdefault("family", simulated.family)
        if job.formula is None:
            predictors = {**simulated.formulas, **predictors}
    else:
        data, formula = simulated, job.formula or ""
    spec = specification(Request(formula, predictors=predictors, **model), data)
    options = dataclasses.replace(job.options, random_seed=job.seeds[1])
    alone = not chosen(spec, options)[0].shares_the_process
    if not alone:
        return Fitted(spec, sample(spec, options), options)
    with _turn:
        return Fitted(spec, sample(spec, options), options)


class _NoStatement(BayesmixError):
    """A statement that cannot be read, whatever the data."""


def _probability(fit: Fitted, statement: Statement) -> float:
    if isinstance(statement, str):
        try:
            return float(hypothesis(fit, statement)["probability"].iloc[0])
        except BayesmixError as error:
            raise _NoStatement(str(error)) from error
    return float(bool(statement(fit)))


def run_all(jobs: Sequence[Job], executor: Executor | None, progressbar: bool) -> list[Result]:
    """Run all jobs; the first that fails ends the rest."""
    return sorted(_results(jobs, executor, progressbar), key=lambda result: result.number)


def _results(jobs: Sequence[Job], executor: Executor | None, progressbar: bool) -> Iterator[Result]:
    what = "Simulating and fitting"
    with late_progress(progressbar, what) as report:
        if executor is None:
            for done, job in enumerate(jobs, start=1):
                try:
                    yield run_one(job)
                except Exception as error:
                    raise _failure(job, error) from error
                report(what, done / len(jobs))
            return
        pending: dict[Any, Job] = {}
        try:
            for job in jobs:
                pending[executor.submit(run_one, job)] = job
            for done, future in enumerate(as_completed(list(pending)), start=1):
                try:
                    yield future.result()
                except BrokenExecutor as error:
                    raise BayesmixError(
                        f"A worker died, so that there is no result: {error}. Give the executor "
                        "fewer workers; in a script, processes also need the call to stand under "
                        "if __name__ == '__main__'."
                    ) from error
                except Exception as error:
                    raise _failure(pending[future], error) from error
                report(what, done / len(jobs))
        finally:
            for future in pending:
                future.cancel()


def _failure(job: Job, error: Exception) -> BayesmixError:
    if isinstance(error, _NoStatement):
        return BayesmixError(str(error))
    sizes = ", ".join(f"{name}={n}" for name, n in job.sizes.items())
    text = str(error) if isinstance(error, BayesmixError) else f"{type(error).__name__}: {error}"
    if "pickle" in text.lower():
        return BayesmixError(
            f"A replication cannot be sent to another process: {short(text, 300)}. Statements and "
            "simulations that are functions have to be defined in a module, or take an executor "
            "of threads."
        )
    return BayesmixError(
        f"A replication of the study{f' with {sizes}' if sizes else ''} failed (seed "
        f"{job.seeds[0]}): {text}"
    )
