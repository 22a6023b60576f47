"""K-fold cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import seed, shape_of
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, ConvergenceWarning, warn
from bayesmix.base.words import count
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.folds import folds
from bayesmix.criteria.jobs import FoldResult, check_run, fold_results, fold_seeds, undisturbed
from bayesmix.criteria.units import OTHER_COLUMN
from bayesmix.design.design import Design
from bayesmix.design.groupterm import named_term
from bayesmix.frames.frames import row_values
from bayesmix.posterior.fitted import Fitted
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

__all__ = ["kfold", "logo_by_refit"]


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
    - For other families, and for effects that are Student-t, the effects of seen levels are those
      of the draws. What the unseen levels add to the linear predictor is Normal(0, z'Sigma z) for
      each draw, or Student-t with its degrees of freedom, and is integrated over randomly shifted
      quantiles of it, 32 for each draw.

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

    check_run(executor, progressbar)
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
    with undisturbed():
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
    >>> from bayesmix.criteria.kfold import logo_by_refit
    >>> logo_by_refit(fit, "Subject")  # doctest: +SKIP
    """
    import xarray as xr

    check_run(executor, progressbar)
    design = fit.spec.design
    term = named_term("group", group, design.every_group)
    if term.n_levels < 2:
        raise BayesmixError(f"'{group}' has one level only, and none would be left to fit.")
    sampling = fold_seeds(random_seed, fit.options)[1]
    results = fold_results(fit, term.codes + 1, sampling, executor, progressbar, list(term.levels))
    elpd_i = np.full(term.n_levels, np.nan)
    own_i = np.full(term.n_levels, np.nan)
    rng = np.random.default_rng([seed(fit.options.random_seed), 2])
    with undisturbed():
        for result in results:
            level = result.number - 1
            elpd_i[level] = result.elpd_i[0]
            own_i[level] = log_joint_predictive(
                fit.spec, design.take(result.rows), fit.posterior, rng
            )[0]
    values = xr.DataArray(elpd_i, dims=term.dim, coords={term.dim: term.levels})
    return _elpd_data(values, own_i - elpd_i, fit, results)


def _column(name: str, value: str | npt.ArrayLike | None, design: Design) -> npt.ArrayLike | None:
    """Return one value for each row of the design."""
    if value is None:
        return None
    if isinstance(value, str):
        term = named_term(name, value, design.every_group, OTHER_COLUMN)
        return term.levels[term.codes]
    column: Any = row_values(value)
    if not isinstance(value, pd.Series) and shape_of(column, design.n_rows) == (design.n_rows,):
        return cast(npt.ArrayLike, column)  # in the order of the rows, whatever their labels
    value = column
    if isinstance(value, pd.Series) and not value.index.equals(design.index):
        if not value.index.is_unique or not design.index.isin(value.index).all():
            raise BayesmixError(
                f"{name} has another index than the data. Align it, or pass its values for the "
                f"{count(design.n_rows, 'row')} of the fit."
            )
        value = value.loc[design.index]
    return value


def _elpd_data(
    elpd_i: xr.DataArray, p_i: FloatArray, fit: Fitted, results: Sequence[FoldResult]
) -> ELPDData:
    from arviz_stats.utils import ELPDDataLOOKFold

    uncertain = {result.name: result.messages for result in results if result.messages}
    if uncertain:
        each = "; ".join(f"{name}: {', '.join(messages)}" for name, messages in uncertain.items())
        warn(
            f"The draws of {len(uncertain)} of {count(len(results), 'fold')} should not be trusted "
            f"yet. {each}.",
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
