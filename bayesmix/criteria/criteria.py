"""How well a model predicts: leave one row out, WAIC, leave one group out.

Densities are made when a criterion asks for them, some rows at a time: no array of draws by rows is
ever whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from bayesmix.base.arguments import shape_of, shown, true_or_false, whole_number
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError, ComparisonWarning, suggest, warn
from bayesmix.blocks.theta import Theta
from bayesmix.criteria.crossval import check_executor, fold_results, fold_seeds, logo_by_refit
from bayesmix.criteria.facts import Facts
from bayesmix.design.design import Design
from bayesmix.engines.exact.left_out import group_densities, row_densities, theta_of
from bayesmix.engines.exact.moved import DENSITIES, matched
from bayesmix.engines.exact.sampler import exact_obstacle, marginal_of
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import parameter_draws

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import xarray as xr

    from bayesmix.criteria.elpd import (
        ELPDDataLOGO,
        ELPDDataLOO,
        ELPDDataLOOSubsample,
        ELPDDataWAIC,
    )
__all__ = ["GOOD_P_WAIC", "conditional_densities", "logo", "loo", "waic"]


# Numbers in one block of draws by rows: 64 MB.
BLOCK = 1 << 23
# Floating-point operations of all densities of theta together, beyond which every few draws serve;
# and how many draws do at least.
DEAR, ENOUGH_DRAWS = 3e11, 500
# Parameters whose effective sample sizes are averaged.
MOST_PARAMETERS = 20_000
# Draws below which no tail can be fitted.
FEWEST_DRAWS = 25
GOOD_K, GOOD_P_WAIC = 0.7, 0.4
# One seed for all models, so that they leave out the same rows.
SUBSAMPLE_SEED = 315


# --- densities ----------------------------------------------------------------------------------


def conditional_densities(spec: ModelSpec, posterior: xr.Dataset, rows: slice) -> FloatArray:
    """Compute the log density of some rows given population and group effects.

    Parameters
    ----------
    spec : ModelSpec
    posterior : Dataset
        Draws of ``beta``, ``u_<factor>`` and the auxiliary parameters.
    rows : slice
        Positions in the design.

    Returns
    -------
    ndarray, shape (S, rows)
        ``log p(y_i | beta, u, auxiliaries)`` for each draw, chains after one another.

    Raises
    ------
    BayesmixError
        The draws of a factor were not kept.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import bayesmix as bm
    >>> from bayesmix.criteria.criteria import conditional_densities
    >>> spec = bm.prepare("Reaction ~ Days", bm.load_dataset("sleepstudy"))
    >>> posterior = xr.Dataset(
    ...     {
    ...         "beta": (("chain", "draw", "term"), [[[250.0, 10.0]]]),
    ...         "sigma": (("chain", "draw"), [[50.0]]),
    ...     }
    ... )
    >>> conditional_densities(spec, posterior, slice(0, 3)).round(3)
    array([[-4.831, -4.831, -4.905]])
    """
    design = spec.design
    S = posterior.sizes["chain"] * posterior.sizes["draw"]
    eta = np.zeros((S, len(range(*rows.indices(design.n_rows)))))
    if design.n_terms:
        eta += _flat(posterior["beta"], "term") @ design.X[rows].T
    if design.offset is not None:
        eta += design.offset[rows]
    for term in design.groups:
        name = f"u_{term.factor}"
        if name not in posterior or "draw" not in posterior[name].dims:
            raise BayesmixError(
                f"The draws of the {term.n_levels} levels of '{term.factor}' were too many to be "
                "kept, and conditional criteria need them. Use fit.loo() or fit.logo(), which "
                "integrate them out, or fit with fewer draws."
            )
        u = _flat(posterior[name], term.dim, term.effect_dim)
        for k in range(term.n_effects):
            eta += u[:, term.codes[rows], k] * term.Z[rows, k]
    auxiliary = {name: _flat(posterior[name])[:, None] for name in spec.family.auxiliary}
    weights, trials = (
        None if values is None else values[rows] for values in (design.weights, design.trials)
    )
    return spec.family.log_density(design.y[rows], eta, auxiliary, weights, trials)


def _flat(values: xr.DataArray, *dims: str) -> FloatArray:
    array = values.transpose("chain", "draw", *dims).to_numpy()
    return array.reshape(-1, *array.shape[2:])


def _conditional_blocks(fit: Fitted) -> Iterator[tuple[slice, FloatArray]]:
    """Yield rows and their log densities, some rows at a time."""
    posterior = fit.posterior
    step = max(1, BLOCK // (posterior.sizes["chain"] * posterior.sizes["draw"]))
    for start in range(0, fit.spec.design.n_rows, step):
        rows = slice(start, min(start + step, fit.spec.design.n_rows))
        yield rows, conditional_densities(fit.spec, posterior, rows)


@dataclasses.dataclass(frozen=True, eq=False)
class _Theta:
    """Draws of theta for the integrated criteria.

    Attributes
    ----------
    theta : Theta
    r_eff : float
        Effective over actual number of draws.
    note : str
        Whether all draws are used.
    """

    theta: Theta
    r_eff: float
    note: str

    @classmethod
    def of(cls, fit: Fitted) -> _Theta:
        posterior = fit.idata["posterior"].dataset
        theta = theta_of(fit.spec, posterior)
        draws = parameter_draws(fit.spec.design, posterior)
        r_eff = _relative_ess(values for name, values in draws.items() if name[:5] != "beta:")
        S = len(theta)
        cost = marginal_of(fit.spec).model.cost
        keep = int(np.clip(DEAR // cost, min(ENOUGH_DRAWS, S), S))
        if keep == S:
            return cls(theta, r_eff, "")
        note = (
            f"{keep} of {S} draws were used, evenly spaced, because the densities of this model "
            "are expensive."
        )
        return cls(theta[np.arange(keep) * S // keep], min(1.0, r_eff * S / keep), note)


def _relative_ess(draws: Iterable[FloatArray]) -> float:
    """Average the effective sample sizes of the means, over the number of draws, as ArviZ does."""
    from arviz_stats.base import array_stats

    stacked = np.concatenate([np.asarray(x).reshape(*x.shape[:2], -1) for x in draws], axis=2)
    chains, n_draws, parameters = stacked.shape
    if chains == 1:
        return 1.0
    stacked = stacked[:, :, :: -(-parameters // MOST_PARAMETERS)]
    sizes = array_stats.ess(np.moveaxis(stacked, 2, 0), method="mean")
    return float(np.mean(sizes) / (chains * n_draws))


# --- criteria -----------------------------------------------------------------------------------


def loo(
    fit: Fitted,
    *,
    integrated: bool | None = None,
    reloo: bool = False,
    subsample: int | None = None,
    executor: Executor | None = None,
) -> ELPDDataLOO | ELPDDataLOOSubsample:
    """Estimate how well each row is predicted from all others, by importance sampling.

    The integrated version has the density of a row given all others and theta (sds, correlations,
    sigma) in closed form, with all population and group effects integrated out, so that the
    importance sampling only has to mend what the row says of theta. It estimates the same
    quantity as the conditional version, which weights draws of all effects and fails for rows that
    say much of an effect of their own. Where a row says too much even of theta, such as one far
    from all others, the draws of theta are moved to where the other rows put them (moment
    matching).

    Parameters
    ----------
    fit : Fitted
    integrated : bool, optional
        True for the integrated version, which needs a Gaussian model with Normal priors on the
        population effects; False for the conditional one. By default the first where it is
        possible.
    reloo : bool
        Refit without each of the rows whose Pareto k is too high, and put the exact value in
        place.
    subsample : int, optional
        Leave out so many rows only, for very large data: the same random ones for all models of
        as many rows. All others enter by their density at the posterior mean, whose error is
        estimated from the subsample (the difference estimator of `arviz_stats.loo_subsample`).
    executor : concurrent.futures.Executor, optional
        Runs the refits, as in `MixedFit.kfold`.

    Returns
    -------
    ELPDDataLOO, or ELPDDataLOOSubsample
        ArviZ's ``ELPDDataLOO``, which its functions take: ``elpd``, ``se``, ``p``, and by row
        ``elpd_i``, ``pareto_k`` and ``p_loo_i``, dim ``obs``. Of the integrated version ``p``
        counts what is left to estimate, which is theta. A row that was refitted has a k of 0.

    Raises
    ------
    BayesmixError
        For arguments that cannot be used, a model that is not Gaussian with ``integrated=True``,
        and fewer than 25 draws.

    Warns
    -----
    ComparisonWarning
        For rows with a Pareto k above ``good_k``, which is min(1 - 1 / log10(S), 0.7).

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432,
    https://doi.org/10.1007/s11222-016-9696-4; Vehtari, Simpson, Gelman, Yao & Gabry (2024),
    Journal of Machine Learning Research 25(72), 1-58, https://doi.org/10.48550/arXiv.1507.02646;
    Merkle, Furr & Rabe-Hesketh (2019), Psychometrika 84, 802-829,
    https://doi.org/10.1007/s11336-019-09679-0; Paananen, Piironen, Buerkner & Vehtari (2021),
    Statistics and Computing 31, 16, https://doi.org/10.1007/s11222-020-09982-2; Magnusson, Vehtari,
    Jonasson & Andersen (2020), Proceedings of Machine Learning Research 108, 341-351,
    https://doi.org/10.48550/arXiv.2001.00980 (subsamples)

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.loo()  # doctest: +SKIP
    """
    from bayesmix.criteria.elpd import ELPDDataLOO

    true_or_false("reloo", reloo)
    check_executor(executor)
    integrate = _integrates(fit.spec, integrated)
    n = fit.spec.design.n_rows
    if subsample is not None:
        return _subsampled(fit, subsample, integrate, reloo)
    if integrate:
        draws = _Theta.of(fit)
        S, r_eff = len(draws.theta), draws.r_eff
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(fit.options.cores) as pool:
            step = max(1, BLOCK // S)
            blocks = row_densities(fit.spec, draws.theta, rows_at_once=step, run=pool.map)
            values = _pareto_smoothed(blocks, n, S, r_eff)
            values, note = _matched(fit, values, draws, pool)
    else:
        posterior = fit.idata["posterior"].dataset
        S, note = posterior.sizes["chain"] * posterior.sizes["draw"], ""
        ordered = (x.transpose("chain", "draw", ...) for x in posterior.data_vars.values())
        r_eff = _relative_ess(x.to_numpy() for x in ordered)
        values = _pareto_smoothed(_conditional_blocks(fit), n, S, r_eff)
    good_k = _good_k(S)
    if reloo:
        values, note = _refitted(fit, values, good_k, note, executor)
    bad = values.n_above(good_k)
    if bad:
        remedy = (
            "fit.loo() integrates the group effects out, and fit.loo(reloo=True)"
            if not integrate and exact_obstacle(fit.spec) is None
            else "fit.loo(reloo=True)"
        )
        _warn(
            f"{bad} of {n} rows {_have(bad)} a Pareto k above {good_k:.2f}, so that {_their(bad)} "
            f"elpd_i is not to be trusted: {remedy} refits without "
            f"{'it' if bad == 1 else 'these rows'}."
        )
    coords = {"obs": fit.spec.design.rows}
    return ELPDDataLOO(
        n_samples=S,
        n_data_points=n,
        good_k=good_k,
        warning=bad > 0,
        integrated=integrate,
        note=note,
        **values.fields("obs", coords, Facts.of(fit)),
    )


def _subsampled(fit: Fitted, size: int, integrate: bool, reloo: bool) -> ELPDDataLOOSubsample:
    """Leave out a subsample of the rows, and estimate the sum over all of them."""
    import xarray as xr

    from bayesmix.criteria.elpd import ELPDDataLOOSubsample

    spec, n = fit.spec, fit.spec.design.n_rows
    size = whole_number("subsample", size, at_least=2)
    if size > n:
        raise BayesmixError(
            f"subsample={shown(size)} is more than the {n} rows. Leave it out: fit.loo()."
        )
    if reloo:
        raise BayesmixError("reloo=True refits without single rows: use it without subsample.")
    chosen = np.sort(np.random.default_rng(SUBSAMPLE_SEED).choice(n, size, replace=False))
    # Densities come from the first rows on, so the subsample is put first.
    order = np.concatenate([chosen, np.delete(np.arange(n), chosen)])
    first = dataclasses.replace(spec, design=spec.design.take(order))
    approximation = np.empty(n)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(fit.options.cores) as pool:
        if integrate:
            draws = _Theta.of(fit)
            S, r_eff, note = len(draws.theta), draws.r_eff, draws.note
            space = ThetaSpace.of(spec)
            mean = space.theta(space.vector(draws.theta).mean(axis=0, keepdims=True))
            for rows, log in row_densities(spec, mean, run=pool.map):
                approximation[rows] = log[0]
            step = max(1, BLOCK // S)
            blocks = row_densities(first, draws.theta, rows_at_once=step, stop=size, run=pool.map)
        else:
            posterior = fit.idata["posterior"].dataset
            S, note = posterior.sizes["chain"] * posterior.sizes["draw"], ""
            ordered = (x.transpose("chain", "draw", ...) for x in posterior.data_vars.values())
            r_eff = _relative_ess(x.to_numpy() for x in ordered)
            average = fit.posterior.mean(("chain", "draw")).expand_dims(["chain", "draw"])
            for rows in _slices(n, BLOCK):
                approximation[rows] = conditional_densities(spec, average, rows)[0]
            step = max(1, BLOCK // S)
            blocks = (
                (rows, conditional_densities(first, fit.posterior, rows))
                for rows in _slices(size, step)
            )
        values = _pareto_smoothed(blocks, size, S, r_eff)
    good_k, coords = _good_k(S), {"obs": spec.design.rows}
    facts = Facts.of(fit).attrs

    def everywhere(sampled: FloatArray | None) -> xr.DataArray:
        whole = np.full(n, np.nan)
        whole[chosen] = sampled
        return xr.DataArray(whole, coords, dims=["obs"], attrs=facts)

    elpd, subsampling_se, se = xr.DataArray(values.elpd, dims=["obs"]).azstats.diff_srs_estimator(
        lpd_approx_sample=xr.DataArray(approximation[chosen], dims=["obs"]),
        lpd_approx_all=xr.DataArray(approximation, dims=["obs"]),
        n_data_points=n,
    )
    p, *_ = xr.DataArray(values.p, dims=["obs"]).azstats.srs_estimator(n_data_points=n)
    bad = values.n_above(good_k)
    if bad:
        _warn(
            f"{bad} of {size} rows {_have(bad)} a Pareto k above {good_k:.2f}, so that the "
            "estimate is not to be trusted: fit.loo() without subsample can move draws or refit."
        )
    return ELPDDataLOOSubsample(
        elpd=float(elpd),
        se=float(se),
        p=float(p),
        n_samples=S,
        n_data_points=n,
        scale="log",
        warning=bad > 0,
        good_k=good_k,
        elpd_i=everywhere(values.elpd),
        pareto_k=everywhere(values.k),
        subsample_size=size,
        subsampling_se=float(subsampling_se),
        loo_subsample_observations=chosen,
        elpd_loo_approx=xr.DataArray(approximation, coords, dims=["obs"]),
        integrated=integrate,
        note=note,
    )


def _slices(n: int, step: int) -> Iterator[slice]:
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def waic(fit: Fitted) -> ELPDDataWAIC:
    """Compute the widely applicable information criterion, given the group effects.

    ``elpd_i`` is the log of the mean density of the row less ``p_waic_i``, the variance of its log
    density over the draws (ddof 1). WAIC is ``-2 elpd``.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    ELPDDataWAIC
        An ArviZ ``ELPDData`` of kind waic: ``elpd``, ``se``, ``p``, and by row ``elpd_i`` and
        ``p_waic_i``, dim ``obs``.

    Raises
    ------
    BayesmixError
        The draws of a factor were not kept.

    Warns
    -----
    ComparisonWarning
        For rows with a p_waic above 0.4, whose approximation fails.

    References
    ----------
    Watanabe (2010), Journal of Machine Learning Research 11, 3571-3594,
    https://doi.org/10.48550/arXiv.1004.2316; Vehtari, Gelman & Gabry (2017), Statistics and
    Computing 27, 1413-1432, https://doi.org/10.1007/s11222-016-9696-4

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.waic()  # doctest: +SKIP
    """
    from bayesmix.criteria.elpd import ELPDDataWAIC

    design, sizes = fit.spec.design, fit.idata["posterior"].sizes
    n, S = design.n_rows, sizes["chain"] * sizes["draw"]
    _enough_draws(S, at_least=2)
    values = _Pointwise(np.empty(n), np.empty(n), None)
    for rows, log in _conditional_blocks(fit):
        values.p[rows] = log.var(axis=0, ddof=1)
        values.elpd[rows] = logsumexp(log, axis=0) - np.log(S) - values.p[rows]
    doubtful = int((values.p > GOOD_P_WAIC).sum())
    note = ""
    if doubtful:
        note = (
            f"{doubtful} of {n} rows ({100 * doubtful / n:.0f} %) have a p_waic above "
            f"{GOOD_P_WAIC}, where WAIC is a poor approximation: use fit.loo()."
        )
        _warn(note)
    fields = values.fields("obs", {"obs": design.rows}, Facts.of(fit))
    fields["p_waic_i"] = fields.pop("p_loo_i")
    return ELPDDataWAIC(
        n_samples=S, n_data_points=n, good_k=None, warning=doubtful > 0, note=note, **fields
    )


def logo(
    fit: Fitted,
    group: str | npt.ArrayLike,
    *,
    refit: bool | None = None,
    reloo: bool = False,
    executor: Executor | None = None,
) -> ELPDDataLOGO:
    """Estimate how well all rows of a group are predicted from the other groups.

    The rows of a group are predicted jointly, as those of a new level. For Gaussian models with
    Normal priors on the population effects that density is in closed form given theta (sds,
    correlations, sigma), and importance sampling over theta does the rest, with moved draws as in
    `loo` where a group says much of theta; otherwise the model is refitted without each group.

    Parameters
    ----------
    fit : Fitted
    group : str or array_like, shape (n,)
        A grouping factor of the model; or, where nothing is refitted, one label for each row of
        the fit.
    refit : bool, optional
        True refits without each group; by default only where there is no other way.
    reloo : bool
        Refit without each of the groups whose Pareto k is too high, and put the exact value in
        place.
    executor : concurrent.futures.Executor, optional
        Runs the refits, as in `MixedFit.kfold`.

    Returns
    -------
    ELPDDataLOGO
        An ArviZ ``ELPDData`` of kind logo: ``elpd``, ``se``, ``p``, and by group ``elpd_i``,
        ``p_loo_i`` and, without refits, ``pareto_k``; the dim is the grouping factor's.

    Raises
    ------
    BayesmixError
        For a group that is not there or that has one level only, and as in `loo`.

    Warns
    -----
    ComparisonWarning
        For groups with a Pareto k above ``good_k``.
    ConvergenceWarning
        For refits whose draws should not be trusted yet.

    References
    ----------
    Merkle, Furr & Rabe-Hesketh (2019), Psychometrika 84, 802-829,
    https://doi.org/10.1007/s11336-019-09679-0

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.logo("Subject")  # doctest: +SKIP
    """
    from bayesmix.criteria.elpd import ELPDDataLOGO

    true_or_false("reloo", reloo)
    if refit is not None:
        true_or_false("refit", refit)
    units = _Units.of(fit.spec.design, group)
    obstacle = exact_obstacle(fit.spec)
    if refit is False and obstacle is not None:
        raise BayesmixError(f"logo without refits needs a Gaussian model, but {obstacle}.")
    facts = dataclasses.replace(Facts.of(fit), group=units.name)
    coords = {units.dim: units.levels}
    J = len(units.levels)
    if refit or obstacle is not None:
        if not units.in_model:
            raise BayesmixError(
                "Refits leave out the levels of a grouping factor of the model: give one of "
                f"{_listed(fit.spec.design)}."
            )
        result = logo_by_refit(
            fit, units.name, executor=executor, progressbar=fit.options.progressbar
        )
        exact = _Pointwise(result.elpd_i.values, result.p_kfold_i.values, None)
        return ELPDDataLOGO(
            group=units.name,
            n_samples=result.n_samples,
            n_data_points=J,
            good_k=None,
            warning=result.warning,
            note=f"{J} refits, each without one group.",
            **exact.fields(units.dim, coords, facts),
        )
    draws = _Theta.of(fit)
    S = len(draws.theta)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(fit.options.cores) as pool:
        log = group_densities(fit.spec, draws.theta, units.name, run=pool.map, codes=units.codes)
        values = _pareto_smoothed([(slice(0, J), log)], J, S, draws.r_eff)
        values, note = _matched(fit, values, draws, pool, units)
    good_k = _good_k(S)
    if reloo:
        values, note = _refitted(fit, values, good_k, note, executor, units)
    bad = values.n_above(good_k)
    if bad:
        _warn(
            f"{bad} of {J} groups of {units.name} {_have(bad)} a Pareto k above {good_k:.2f}, so "
            f"that {_their(bad)} elpd_i is not to be trusted: logo(..., reloo=True) refits without "
            f"{'it' if bad == 1 else 'these groups'}."
        )
    return ELPDDataLOGO(
        group=units.name,
        n_samples=S,
        n_data_points=J,
        good_k=good_k,
        warning=bad > 0,
        note=note,
        **values.fields(units.dim, coords, facts),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Units:
    """The groups that are left out one at a time, and the group of each row."""

    name: str
    dim: str
    levels: npt.NDArray[Any]
    codes: IntArray
    in_model: bool

    @classmethod
    def of(cls, design: Design, group: str | npt.ArrayLike) -> _Units:
        terms = {term.factor: term for term in design.groups}
        if isinstance(group, str):
            if group not in terms:
                raise BayesmixError(
                    f"group={shown(group)} is no grouping factor of '{design.formula.text}', which "
                    f"has {_listed(design) or 'none'}. {suggest(group, terms)}".rstrip()
                )
            term = terms[group]
            units = cls(group, term.dim, term.levels, term.codes, True)
        else:
            rows = (design.n_rows,)
            if shape_of(group, design.n_rows) != rows or pd.isna(np.asarray(group)).any():
                raise BayesmixError(
                    "group is not usable: give the name of a grouping factor, or one label for "
                    f"each of the {design.n_rows} rows of the fit."
                )
            if isinstance(group, pd.MultiIndex):
                group = group.to_flat_index()
            labels = pd.Series(cast(Any, group)).astype("category").cat.remove_unused_categories()
            name = str(getattr(group, "name", None) or "group")
            levels = labels.cat.categories.astype(str).to_numpy()
            units = cls(name, name, levels, labels.cat.codes.to_numpy().astype(np.int64), False)
        if len(units.levels) < 2:
            raise BayesmixError(f"{units.name} has one level only, so that none can be left out.")
        return units


def _listed(design: Design) -> str:
    return ", ".join(term.factor for term in design.groups)


@dataclasses.dataclass(frozen=True, eq=False)
class _Pointwise:
    """elpd, effective number of parameters and Pareto k of each row or group."""

    elpd: FloatArray
    p: FloatArray
    k: FloatArray | None

    def n_above(self, good_k: float) -> int:
        """Count the Pareto k that are too high."""
        return 0 if self.k is None else int((self.k > good_k).sum())

    def fields(self, dim: str, coords: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
        """Return the fields of an ELPDData."""
        import xarray as xr

        def labelled(values: FloatArray | None) -> xr.DataArray | None:
            return None if values is None else xr.DataArray(values, coords, dims=[dim])

        elpd_i = xr.DataArray(self.elpd, coords, dims=[dim], attrs=facts.attrs)
        n = len(self.elpd)
        return {
            "elpd": float(self.elpd.sum()),
            "se": float(np.sqrt(n * self.elpd.var(ddof=1))) if n > 1 else 0.0,
            "p": float(self.p.sum()),
            "scale": "log",
            "elpd_i": elpd_i,
            "p_loo_i": labelled(self.p),
            "pareto_k": labelled(self.k),
        }


def _pareto_smoothed(
    blocks: Iterable[tuple[slice, FloatArray]], n: int, S: int, r_eff: float
) -> _Pointwise:
    """Importance-sample the densities (S, rows) of each block by ArviZ's PSIS."""
    from arviz_stats.base import array_stats

    _enough_draws(S, at_least=FEWEST_DRAWS)
    elpd, k, p = np.empty(n), np.zeros(n), np.zeros(n)
    for rows, log in blocks:
        by_row = np.ascontiguousarray(log.T)
        own = np.arange(n)[rows]
        # A row without information, such as none of no trials, has the same density in all draws.
        same = np.ptp(by_row, axis=1) == 0
        elpd[own[same]] = by_row[same, 0]
        if not same.all():
            smoothed = array_stats.loo(by_row[~same], chain_axis=None, r_eff=r_eff)
            elpd[own[~same]], k[own[~same]], p[own[~same]] = smoothed
    return _Pointwise(elpd, p, np.where(np.isnan(k), np.inf, k))


def _matched(
    fit: Fitted,
    values: _Pointwise,
    draws: _Theta,
    pool: ThreadPoolExecutor,
    units: _Units | None = None,
) -> tuple[_Pointwise, str]:
    """Move the draws of theta for rows or groups with a high k, where that is cheap."""
    assert values.k is not None
    S = len(draws.theta)
    good_k = _good_k(S)
    bad = np.flatnonzero(values.k > good_k)
    if not len(bad) or DENSITIES * len(bad) * S * marginal_of(fit.spec).model.cost > DEAR:
        return values, draws.note
    codes = np.arange(fit.spec.design.n_rows) if units is None else units.codes
    found, found_k = matched(fit.spec, draws.theta, codes, bad, r_eff=draws.r_eff, run=pool.map)
    better = found_k < values.k[bad]
    found, bad = found[better], bad[better]
    if not len(bad):
        return values, draws.note
    elpd, p, k = values.elpd.copy(), values.p.copy(), values.k.copy()
    p[bad] += elpd[bad] - found
    elpd[bad], k[bad] = found, found_k[better]
    what = _count(len(bad), "row" if units is None else "group")
    note = f"For {what} with a Pareto k above {good_k:.2f} the draws of theta were moved."
    return _Pointwise(elpd, p, k), " ".join(filter(None, [draws.note, note]))


def _refitted(
    fit: Fitted,
    values: _Pointwise,
    good_k: float,
    note: str,
    executor: Executor | None,
    units: _Units | None = None,
) -> tuple[_Pointwise, str]:
    """Put exact values in place of those with a high k, of rows or of groups."""
    assert values.k is not None
    bad = np.flatnonzero(values.k > good_k)
    if not len(bad):
        return values, note
    codes = np.arange(fit.spec.design.n_rows) if units is None else units.codes
    fold = np.zeros(len(values.k), dtype=np.int64)
    fold[bad] = np.arange(len(bad)) + 1
    results = fold_results(
        fit,
        fold[codes],
        fold_seeds(None, fit.options)[1],
        executor,
        fit.options.progressbar,
        None if units is None else list(units.levels[bad]),
    )
    elpd, p, k = values.elpd.copy(), values.p.copy(), values.k.copy()
    elpd[bad] = np.concatenate([result.elpd_i for result in results])
    p[bad] += values.elpd[bad] - elpd[bad]
    k[bad] = 0.0
    doubtful = sum(bool(result.messages) for result in results)
    what = _count(len(bad), "row" if units is None else "group")
    was = "was left out in a refit" if len(bad) == 1 else "were left out in refits"
    refits = f"{what} with a Pareto k above {good_k:.2f} {was}"
    if doubtful:
        refits += f", {doubtful} of which did not converge"
    return _Pointwise(elpd, p, k), " ".join(filter(None, [note, f"{refits}."]))


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _their(number: int) -> str:
    return "its" if number == 1 else "their"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _integrates(spec: ModelSpec, integrated: bool | None) -> bool:
    if integrated is not None:
        true_or_false("integrated", integrated)
    obstacle = exact_obstacle(spec)
    if integrated and obstacle is not None:
        raise BayesmixError(
            f"integrated=True integrates Gaussian effects out, but {obstacle}. Leave it out; "
            "reloo=True mends rows with a high Pareto k."
        )
    return obstacle is None if integrated is None else integrated


def _good_k(S: int) -> float:
    return float(min(1 - 1 / np.log10(S), GOOD_K))


def _enough_draws(S: int, *, at_least: int) -> None:
    if at_least > S:
        raise BayesmixError(
            f"The fit has {S} draws, and at least {at_least} are needed. Fit with more draws."
        )


def _warn(text: str) -> None:
    warn(text, ComparisonWarning)


# --- facts ----------------------------------------------------------------------------------------
