"""K-fold cross-validation by refits: plain-data jobs that any executor can run.

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
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from bayesmix.base.arguments import generator, seed, shape_of, shown, true_or_false, whole_number
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError, ConvergenceWarning, suggest, warn
from bayesmix.base.progress import late_progress
from bayesmix.criteria.facts import Facts
from bayesmix.design.design import Design, Encoder
from bayesmix.design.groupterm import GroupTerm
from bayesmix.engines.exact.sampler import exact_obstacle
from bayesmix.engines.run import sample
from bayesmix.frames.frames import row_values
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive
from bayesmix.priors.defaults import resolve_priors

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

__all__ = ["FoldJob", "FoldResult", "folds", "kfold", "logo_by_refit", "run_fold"]


# The split where no seed is given: the same for all models of the same rows.
SPLIT_SEED = 20_260_806
QUANTILES = 10


# --- folds --------------------------------------------------------------------------------------


def folds(
    n: int,
    k: int,
    group_by: npt.ArrayLike | None = None,
    stratify_by: npt.ArrayLike | None = None,
    random_seed: int | np.random.Generator | None = None,
) -> IntArray:
    """Assign rows to folds at random.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of folds.
    group_by : array_like, shape (n,), optional
        Rows with the same value go into the same fold. The groups are dealt out in random order,
        each to the fold with the fewest rows so far.
    stratify_by : array_like, shape (n,), optional
        Each value is spread over the folds as evenly as it can be. Fractional numbers are cut at
        their deciles first.
    random_seed : int, Generator or None
        The same seed gives the same folds.

    Returns
    -------
    ndarray of int64, shape (n,)
        Fold of each row, 1 to k. Without groups, folds differ by at most one row.

    Raises
    ------
    BayesmixError
        k is below 2 or above the number of rows or groups, a column has another length or missing
        values, or both columns are given.

    Examples
    --------
    >>> folds(6, 3, group_by=list("aabbcc"), random_seed=1)
    array([3, 3, 1, 1, 2, 2])
    >>> fold = folds(9, 3, stratify_by=list("aaabbbccc"), random_seed=1)
    >>> sorted(fold[:3]) == sorted(fold[3:6]) == sorted(fold[6:]) == [1, 2, 3]
    True
    """
    n = whole_number("n", n, at_least=1)
    k = whole_number("k", k, at_least=2)
    if group_by is not None and stratify_by is not None:
        raise BayesmixError(
            "Both group_by and stratify_by came: the first keeps a group in one fold, the second "
            "spreads it over all. Give one of them."
        )
    if k > n:
        raise BayesmixError(f"k={shown(k)} is more than the {n} rows. Give k from 2 to {n}.")
    rng = generator(random_seed)
    if group_by is not None:
        return _grouped(_codes("group_by", group_by, n), k, rng)
    order = rng.permutation(n)
    if stratify_by is not None:
        strata = _codes("stratify_by", stratify_by, n)
        order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.arange(n) % k
    return rng.permutation(k)[fold] + 1


def _grouped(codes: IntArray, k: int, rng: np.random.Generator) -> IntArray:
    sizes = np.bincount(codes)
    if k > len(sizes):
        raise BayesmixError(
            f"k={shown(k)} is more than the {len(sizes)} groups of group_by. Give k from 2 to "
            f"{len(sizes)}."
            if len(sizes) > 1
            else "group_by has one group only, and none would be left to fit. Leave it out."
        )
    rows = np.zeros(k, dtype=np.int64)
    of_group = np.empty(len(sizes), dtype=np.int64)
    for group in rng.permutation(len(sizes)):
        of_group[group] = rows.argmin()
        rows[of_group[group]] += sizes[group]
    return rng.permutation(k)[of_group][codes] + 1


def _codes(name: str, values: npt.ArrayLike, n: int) -> IntArray:
    """Turn the values of a column into numbers, 0 for the first that occurs."""
    shape = shape_of(values, n)
    if shape != (n,):
        raise BayesmixError(f"{name} has shape {shape}; one value per row is needed: ({n},).")
    if isinstance(values, pd.MultiIndex):
        values = values.to_flat_index()
    column = pd.Series(cast(Any, values)).reset_index(drop=True)
    missing = int(column.isna().sum())
    if missing:
        raise BayesmixError(f"{name} has {missing} missing values. Fill them in.")
    if name == "stratify_by" and pd.api.types.is_float_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64)
        if (numbers != np.floor(numbers)).any():
            column = pd.qcut(column, QUANTILES, labels=False, duplicates="drop")
    return pd.factorize(column)[0].astype(np.int64)


# --- jobs ---------------------------------------------------------------------------------------


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
    by_nuts = options.method == "nuts" or exact_obstacle(job.spec) is not None
    with _undisturbed():
        with _nuts_turn if by_nuts else contextlib.nullcontext():
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


_undisturbed = _Undisturbed()

# PyMC and PyTensor are not made for several models at once in one process.
_nuts_turn = threading.Lock()


def _fold_spec(spec: ModelSpec) -> ModelSpec:
    """Return the same model for subsets of its rows, without what only new data would need.

    The prior of the intercept belongs to the model with centred columns, and a model of fewer rows
    would centre them elsewhere. So the columns are centred here, once and for all, and the
    intercept becomes an ordinary column, with its prior.
    """
    design, edits = spec.design, {leaf.path: leaf.prior for leaf in spec.priors.leaves}
    X, terms = design.X, design.terms
    if design.has_intercept:
        label = "Intercept_centred"
        while label in terms:
            label += "_"
        terms = (label, *terms[1:])
        X = X - np.concatenate([[0.0], X[:, 1:].mean(axis=0)])
        edits[f"beta:{label}"] = edits.pop("Intercept")
    plain = dataclasses.replace(
        design,
        X=X,
        terms=terms,
        index=pd.RangeIndex(design.n_rows),
        # It may hold the user's functions, which need not pickle.
        encoder=cast(Encoder, None),
        notes=(),
    )
    priors = resolve_priors(plain, spec.family, edits).centred_as(spec.priors)
    return ModelSpec(plain, spec.family, priors)


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


# --- running ------------------------------------------------------------------------------------


def kfold(
    fit: Fitted,
    k: int = 10,
    *,
    group_by: str | npt.ArrayLike | None = None,
    stratify_by: str | npt.ArrayLike | None = None,
    executor: Executor | None = None,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
) -> ELPDData:
    """Compute the expected log predictive density by k-fold cross-validation.

    Each fold in turn is held out, the model is refitted to the other rows with the priors of the
    fit, and each held-out row is predicted: log p(y_i | training rows), the log of the average
    over posterior draws of the density of y_i given the draw. The rows of a fold are predicted one
    by one, not jointly.

    A row whose level has training rows is predicted for that level, and a row whose level has none
    (as with ``group_by``) for a new one, with the effects u of that level averaged over
    Normal(0, Sigma):

    - Gaussian models integrate in closed form, given theta, beta and the effects of the other
      factors: over u of an unseen level, and over u of the factor with the most effects given its
      training rows. What is left to the draws varies little.
    - For other families the effects of seen levels are those of the draws. What the unseen levels
      add to the linear predictor is Normal(0, z'Sigma z) for each draw, and is integrated over
      randomly shifted quantiles of it, 32 for each draw.

    Parameters
    ----------
    fit : Fitted
        Its method, draws, chains and further options serve the refits.
    k : int
        Number of folds; as many as rows give exact leave-one-out.
    group_by, stratify_by : str or array_like, optional
        A grouping factor of the model by its name, or a column with one value per row: keep its
        levels together, or spread each level over the folds. See `folds`.
    executor : concurrent.futures.Executor, optional
        Runs the folds: threads, processes, Dask's ``client.get_executor()``, MPI's. None runs
        them one by one in this process. The numbers do not depend on it.
    random_seed : int, Generator or None
        Of the split and the sampling. None takes the seed of the fit for the sampling, and for
        the split a fixed one, so that models of the same rows hold out the same rows.
    progressbar : bool
        Show progress where it takes longer than a second.

    Returns
    -------
    ELPDData
        ArviZ's result of k-fold cross-validation: ``elpd``, its standard error ``se``
        (sqrt(n var(elpd_i))), ``p`` (log predictive density of the fit's own rows less ``elpd``),
        and by row ``elpd_i`` and ``p_kfold_i``, dim ``obs`` with the fold of each row as coord
        ``fold``. ``warning`` is True where draws of a fold should not be trusted.

    Raises
    ------
    BayesmixError
        For arguments that cannot be used, for a fold that fails (naming it) and for workers that
        die. There is no result of some of the folds.

    Warns
    -----
    ConvergenceWarning
        Once, with the numbers of the folds whose draws should not be trusted.

    Notes
    -----
    A process executor that spawns its workers imports the main script again; there the call must
    stand under ``if __name__ == "__main__":``. With an executor each fold uses one core. Folds that
    are sampled with NUTS take turns within a process, because PyMC does not fit two models at once
    in threads: give them processes.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432,
    https://doi.org/10.1007/s11222-016-9696-4; Merkle, Furr & Rabe-Hesketh (2019), Psychometrika
    84, 802-829, https://doi.org/10.1007/s11336-019-09679-0

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.kfold(k=6, group_by="Subject")  # doctest: +SKIP
    """
    import xarray as xr

    _check_run(executor, progressbar)
    design = fit.spec.design
    split, sampling = fold_seeds(random_seed, fit.options)
    fold = folds(
        design.n_rows,
        k,
        group_by=_column("group_by", group_by, design),
        stratify_by=_column("stratify_by", stratify_by, design),
        random_seed=split,
    )
    results = fold_results(fit, fold, sampling, executor, progressbar)
    elpd_i = np.full(design.n_rows, np.nan)
    for result in results:
        elpd_i[result.rows] = result.elpd_i
    with _undisturbed():
        rng = np.random.default_rng([seed(fit.options.random_seed), 2])
        own_i = log_predictive(fit.spec, design, fit.posterior, rng)
    coords = {"obs": design.rows, "fold": ("obs", fold)}
    return _elpd_data(xr.DataArray(elpd_i, dims="obs", coords=coords), own_i - elpd_i, fit, results)


def logo_by_refit(
    fit: Fitted,
    group: str,
    *,
    executor: Executor | None = None,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
) -> ELPDData:
    """Leave out one level of a grouping factor at a time, and refit to the others.

    Each level is predicted jointly, as a new one: log p(all y of the level | the other levels),
    with the effects of all levels that only its rows belong to averaged over Normal(0, Sigma).
    Gaussian models do that in closed form given theta and beta; other families by importance
    sampling, 8 draws of the effects for each posterior draw from a Normal law that fits where they
    must be, mixed with the prior.

    Parameters
    ----------
    fit : Fitted
        Any family and method; one refit for each level.
    group : str
        A grouping factor of the model.
    executor, random_seed, progressbar
        As in `kfold`.

    Returns
    -------
    ELPDData
        As from `kfold`; ``elpd_i`` and ``p_kfold_i`` have one value per level, on the factor's dim.

    Raises
    ------
    BayesmixError
        As in `kfold`.

    Warns
    -----
    ConvergenceWarning
        Once, with the levels whose draws should not be trusted or are too few to integrate with.

    Examples
    --------
    >>> from bayesmix.criteria.crossval import logo_by_refit
    >>> logo_by_refit(fit, "Subject")  # doctest: +SKIP
    """
    import xarray as xr

    _check_run(executor, progressbar)
    design = fit.spec.design
    term = _factor("group", group, design)
    if term.n_levels < 2:
        raise BayesmixError(f"'{group}' has one level only, and none would be left to fit.")
    sampling = fold_seeds(random_seed, fit.options)[1]
    results = fold_results(fit, term.codes + 1, sampling, executor, progressbar, list(term.levels))
    elpd_i = np.full(term.n_levels, np.nan)
    own_i = np.full(term.n_levels, np.nan)
    rng = np.random.default_rng([seed(fit.options.random_seed), 2])
    with _undisturbed():
        for result in results:
            level = result.number - 1
            elpd_i[level] = result.elpd_i[0]
            own_i[level] = log_joint_predictive(
                fit.spec, design.take(result.rows), fit.posterior, rng
            )[0]
    values = xr.DataArray(elpd_i, dims=term.dim, coords={term.dim: term.levels})
    return _elpd_data(values, own_i - elpd_i, fit, results)


def _check_run(executor: object, progressbar: object) -> None:
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


def _factor(name: str, value: object, design: Design) -> GroupTerm:
    factors = {term.factor: term for term in design.groups}
    if not isinstance(value, str) or value not in factors:
        known = f"Grouping factors: {', '.join(factors)}." if factors else "It has none."
        or_array = "" if name == "group" else " For another column give its values: data['column']."
        raise BayesmixError(
            f"{name}={shown(value)} is no grouping factor of the model. {known}{or_array} "
            f"{suggest(value, factors)}".rstrip()
        )
    return factors[value]


def _column(name: str, value: str | npt.ArrayLike | None, design: Design) -> npt.ArrayLike | None:
    """Return one value for each row of the design."""
    if value is None:
        return None
    if isinstance(value, str):
        term = _factor(name, value, design)
        return term.levels[term.codes]
    column: Any = row_values(value)
    if not isinstance(value, pd.Series) and shape_of(column, design.n_rows) == (design.n_rows,):
        return cast(npt.ArrayLike, column)  # in the order of the rows, whatever their labels
    value = column
    if isinstance(value, pd.Series) and not value.index.equals(design.index):
        if not value.index.is_unique or not design.index.isin(value.index).all():
            raise BayesmixError(
                f"{name} has another index than the data. Align it, or pass its values for the "
                f"{design.n_rows} rows of the fit."
            )
        value = value.loc[design.index]
    return value


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


def _elpd_data(
    elpd_i: xr.DataArray, p_i: FloatArray, fit: Fitted, results: Sequence[FoldResult]
) -> ELPDData:
    from arviz_stats.utils import ELPDDataLOOKFold

    uncertain = {result.name: result.messages for result in results if result.messages}
    if uncertain:
        each = "; ".join(f"{name}: {', '.join(messages)}" for name, messages in uncertain.items())
        warn(
            f"The draws of {len(uncertain)} of {len(results)} folds should not be trusted yet. "
            f"{each}.",
            ConvergenceWarning,
        )
    if np.isnan(elpd_i.values).any():
        raise AssertionError("a fold left rows out")
    return ELPDDataLOOKFold(
        elpd=float(elpd_i.values.sum()),
        se=float(np.sqrt(elpd_i.size * np.var(elpd_i.values, ddof=1))),
        p=float(p_i.sum()),
        n_samples=fit.options.chains * fit.options.draws,
        n_data_points=elpd_i.size,
        scale="log",
        warning=bool(uncertain),
        good_k=None,
        # What `bayesmix.compare` must know of the model travels with every result.
        elpd_i=elpd_i.assign_attrs(Facts.of(fit).attrs),
        n_folds=len(results),
        p_kfold_i=elpd_i.copy(data=p_i),
    )
