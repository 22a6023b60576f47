"""Leaving one row out, estimated from a sample of the rows."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from bayesmix.base.arguments import shown, whole_number
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import have
from bayesmix.criteria.conditional import BLOCK, conditional_densities
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.psis import good_k_of, pareto_smoothed, slices, warn_of
from bayesmix.criteria.theta import ThetaDraws, relative_ess
from bayesmix.engines.left_out import left_out
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.criteria.elpd import ELPDDataLOOSubsample

__all__ = ["subsampled"]


# One seed for all models, so that they leave out the same rows.
SUBSAMPLE_SEED = 315


def subsampled(fit: Fitted, size: int, integrate: bool, reloo: bool) -> ELPDDataLOOSubsample:
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
    approximation = np.empty(n)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(fit.options.cores) as pool:
        if integrate:
            draws = ThetaDraws.of(fit)
            S, r_eff, note = len(draws.theta), draws.r_eff, draws.note
            leaving = left_out(spec)
            for rows, log in leaving.rows(leaving.mean(draws.theta), run=pool.map):
                approximation[rows] = log[0]
            step = max(1, BLOCK // S)
            blocks = leaving.rows(draws.theta, first=chosen, rows_at_once=step, run=pool.map)
        else:
            posterior = fit.idata["posterior"].dataset
            S, note = posterior.sizes["chain"] * posterior.sizes["draw"], ""
            ordered = (x.transpose("chain", "draw", ...) for x in posterior.data_vars.values())
            r_eff = relative_ess(x.to_numpy() for x in ordered)
            average = fit.posterior.mean(("chain", "draw")).expand_dims(["chain", "draw"])
            for rows in slices(n, BLOCK):
                approximation[rows] = conditional_densities(spec, average, rows)[0]
            step = max(1, BLOCK // S)
            first = dataclasses.replace(spec, design=spec.design.take(chosen))
            blocks = (
                (rows, conditional_densities(first, fit.posterior, rows))
                for rows in slices(size, step)
            )
        values = pareto_smoothed(blocks, size, S, r_eff)
    good_k, coords = good_k_of(S), {"obs": spec.design.rows}
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
        warn_of(
            f"{bad} of {size} rows {have(bad)} a Pareto k above {good_k:.2f}, so that the "
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
