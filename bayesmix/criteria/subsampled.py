"""Leaving one row out, estimated from a sample of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arguments import shown, whole_number
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count, have
from bayesmix.criteria.densities import row_densities
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.psis import good_k_of, pareto_smoothed, warn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.threads import threads

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

    n = fit.spec.design.n_rows
    chosen = _chosen(n, size, reloo)
    with threads(fit) as pool:
        densities = row_densities(fit, integrate, pool.map)
        S = densities.n_draws
        at_mean = densities.at_mean()
        values = pareto_smoothed(
            densities.blocks(chosen), len(chosen), S, densities.r_eff, pool.map
        )
    good_k, coords = good_k_of(S), {"obs": fit.spec.design.rows}
    facts = Facts.of(fit).attrs

    def everywhere(sampled: FloatArray | None) -> xr.DataArray:
        whole = np.full(n, np.nan)
        whole[chosen] = sampled
        return xr.DataArray(whole, coords, dims=["obs"], attrs=facts)

    elpd, subsampling_se, se = xr.DataArray(values.elpd, dims=["obs"]).azstats.diff_srs_estimator(
        lpd_approx_sample=xr.DataArray(at_mean[chosen], dims=["obs"]),
        lpd_approx_all=xr.DataArray(at_mean, dims=["obs"]),
        n_data_points=n,
    )
    p, *_ = xr.DataArray(values.p, dims=["obs"]).azstats.srs_estimator(n_data_points=n)
    bad = values.n_above(good_k)
    if bad:
        warn_of(
            f"{bad} of {count(len(chosen), 'row')} {have(bad)} a Pareto k above "
            f"{good_k:.2f}, so that the estimate is not to be trusted: fit.loo() without "
            "subsample can move draws or refit."
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
        subsample_size=len(chosen),
        subsampling_se=float(subsampling_se),
        loo_subsample_observations=chosen,
        elpd_loo_approx=xr.DataArray(at_mean, coords, dims=["obs"]),
        integrated=integrate,
        note=densities.note,
    )


def _chosen(n: int, size: int, reloo: bool) -> IntArray:
    """Choose rows at random, the same for all models of n rows."""
    size = whole_number("subsample", size, at_least=2)
    if size > n:
        raise BayesmixError(
            f"subsample={shown(size)} is more than the {n} rows. Leave it out: fit.loo()."
        )
    if reloo:
        raise BayesmixError("reloo=True refits without single rows: use it without subsample.")
    return np.sort(np.random.default_rng(SUBSAMPLE_SEED).choice(n, size, replace=False))
