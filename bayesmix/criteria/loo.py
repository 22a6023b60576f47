"""Leaving one row out.

Densities are made when a criterion asks for them, some rows at a time: no array of draws by rows is
ever whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesmix.base.arguments import true_or_false
from bayesmix.base.words import count
from bayesmix.criteria.densities import Integrated, row_densities
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.jobs import check_executor
from bayesmix.criteria.psis import good_k_of, pareto_smoothed
from bayesmix.criteria.repair import values_mended, values_moved, warn_of_doubts
from bayesmix.criteria.subsampled import subsampled
from bayesmix.criteria.theta import integrates
from bayesmix.engines.left_out import left_out_obstacle
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.threads import threads

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from bayesmix.criteria.elpd import (
        ELPDDataLOO,
        ELPDDataLOOSubsample,
    )

__all__ = ["loo"]


def loo(
    fit: Fitted,
    *,
    integrated: bool | None = None,
    reloo: bool | None = None,
    subsample: int | None = None,
    executor: Executor | None = None,
) -> ELPDDataLOO | ELPDDataLOOSubsample:
    """Estimate how well each row is predicted from all others, by importance sampling.

    The integrated version has group effects integrated out of the density of a row given all
    others, so that the importance sampling only has to mend what the row says of what is left. For
    Gaussian models that is in closed form, with all population and group effects integrated out,
    and theta is left (sds, correlations, sigma). For all other families the effects of the factor
    whose levels have the fewest rows, and of factors that it is nested in, are integrated out by
    adaptive Gauss-Hermite quadrature, given draws of all other parameters and effects. Both
    estimate the same quantity as the conditional version, which weights draws of all effects and
    fails for rows that say much of an effect of their own. Where a row says too much even of
    theta, such as one far from all others, the draws of theta are moved to where the other rows
    put them (moment matching, Gaussian models only), and the model is refitted without it if that
    takes less than a minute.

    Parameters
    ----------
    fit : Fitted
    integrated : bool, optional
        True for the integrated version, which needs group effects that are normal, at most eight
        for each level, or a Gaussian model with Normal priors on the population effects; False for
        the conditional one. By default the first where it is possible.
    reloo : bool, optional
        Whether to refit without each of the rows whose Pareto k is too high, and to put the exact
        value in place. By default where that takes less than about a minute in all, except with
        ``integrated=False``; ``note`` says so.
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
        counts what is left to estimate, such as theta. A row that was refitted has a k of 0.

    Raises
    ------
    BayesmixError
        For arguments that cannot be used, a model whose group effects cannot be integrated out
        with ``integrated=True``, and fewer than 25 draws.

    Warns
    -----
    ComparisonWarning
        For rows with a Pareto k above ``good_k``, which is min(1 - 1 / log10(S), 0.7), and for
        refits that did not converge.

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

    if reloo is not None:
        true_or_false("reloo", reloo)
    check_executor(executor)
    integrate = integrates(fit.spec, integrated)
    if subsample is not None:
        return subsampled(fit, subsample, integrate, bool(reloo))
    n = fit.spec.design.n_rows
    with threads(fit) as pool:
        densities = row_densities(fit, integrate, pool.map)
        S, note = densities.n_draws, densities.note
        values = pareto_smoothed(densities.blocks(), n, S, densities.r_eff, pool.map)
        good_k = good_k_of(S)
        if isinstance(densities, Integrated):
            values, note = values_moved(fit, values, densities.draws, good_k, pool)
    if reloo is None and integrated is False:
        reloo = False
    values, note = values_mended(fit, values, good_k, note, reloo, executor)
    remedy = "fit.loo(reloo=True)"
    if not integrate:
        remedy = "fit.loo(integrated=False, reloo=True)"
        if left_out_obstacle(fit.spec) is None:
            remedy = f"fit.loo() integrates the group effects out, and {remedy}"
    return ELPDDataLOO(
        n_samples=S,
        n_data_points=n,
        good_k=good_k,
        warning=warn_of_doubts(values, good_k, count(n, "row"), remedy, "these rows"),
        integrated=integrate,
        note=note,
        **values.fields("obs", {"obs": fit.spec.design.rows}, Facts.of(fit)),
    )
