"""Leaving one group out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from bayesmix.base.arguments import true_or_false
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.kfold import logo_by_refit
from bayesmix.criteria.psis import Pointwise, good_k_of, pareto_smoothed
from bayesmix.criteria.repair import values_mended, values_moved, warn_of_doubts
from bayesmix.criteria.theta import ThetaDraws
from bayesmix.criteria.units import Units, factors_of
from bayesmix.engines.left_out import groups_left_out_obstacle, left_out
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.threads import threads

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from bayesmix.criteria.elpd import ELPDDataLOGO

__all__ = ["logo"]


def logo(
    fit: Fitted,
    group: str | npt.ArrayLike,
    *,
    refit: bool | None = None,
    reloo: bool | None = None,
    executor: Executor | None = None,
) -> ELPDDataLOGO:
    """Estimate how well all rows of a group are predicted from the other groups.

    The rows of a group are predicted jointly, as those of a new level. Given the other parameters
    that density is in closed form for Gaussian models with Normal priors on the population effects,
    and by quadrature for all others, nested where factors are nested in the group; effects of
    factors that cross it are given by their draws. Importance sampling over these draws does the
    rest, with moved draws or a refit as in `loo` where a group says much of them. Where effects
    cannot be integrated out, such as Student-t ones, the model is refitted without each group.

    Parameters
    ----------
    fit : Fitted
    group : str or array_like, shape (n,)
        A grouping factor of the model; or, where nothing is refitted, one label for each row of
        the fit.
    refit : bool, optional
        True refits without each group; by default only where there is no other way.
    reloo : bool, optional
        Whether to refit without each of the groups whose Pareto k is too high, and to put the exact
        value in place; by default where that takes less than about a minute in all.
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
        For groups with a Pareto k above ``good_k``, and for refits without one of these that did
        not converge.
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
    if reloo is not None:
        true_or_false("reloo", reloo)
    if refit is not None:
        true_or_false("refit", refit)
    units = Units.of(fit.spec.design, group)
    obstacle = groups_left_out_obstacle(fit.spec, units.codes)
    if obstacle is not None and (refit is False or (reloo is False and not refit)):
        raise BayesmixError(
            f"logo without refits integrates group effects out, but {obstacle}. Leave "
            f"{'refit' if refit is False else 'reloo'} out."
        )
    if refit or obstacle is not None:
        return _by_refits(fit, units, executor)
    return _by_weights(fit, units, reloo, executor)


def _by_refits(fit: Fitted, units: Units, executor: Executor | None) -> ELPDDataLOGO:
    if not units.in_model:
        raise BayesmixError(
            "Refits leave out the levels of a grouping factor of the model: give one of "
            f"{factors_of(fit.spec.design)}."
        )
    result = logo_by_refit(fit, units.name, executor=executor, progressbar=fit.options.progressbar)
    return _result(
        fit,
        units,
        Pointwise(result.elpd_i.values, result.p_kfold_i.values, None),
        n_samples=result.n_samples,
        good_k=None,
        warning=result.warning,
        note=f"{count(len(units.levels), 'refit')}, each without one group.",
    )


def _by_weights(
    fit: Fitted, units: Units, reloo: bool | None, executor: Executor | None
) -> ELPDDataLOGO:
    draws = ThetaDraws.of(fit, units.codes)
    S, J = len(draws.theta), len(units.levels)
    with threads(fit) as pool:
        log = left_out(fit.spec).groups(draws.theta, units.codes, run=pool.map)
        values = pareto_smoothed([(slice(0, J), log)], J, S, draws.r_eff, pool.map)
        good_k = good_k_of(S)
        values, note = values_moved(fit, values, draws, good_k, pool, units)
    values, note = values_mended(fit, values, good_k, note, reloo, executor, units)
    warning = warn_of_doubts(
        values,
        good_k,
        f"{count(J, 'group')} of {units.name}",
        "logo(..., reloo=True)",
        "these groups",
    )
    return _result(fit, units, values, n_samples=S, good_k=good_k, warning=warning, note=note)


def _result(fit: Fitted, units: Units, values: Pointwise, **fields: Any) -> ELPDDataLOGO:
    from bayesmix.criteria.elpd import ELPDDataLOGO

    facts = dataclasses.replace(Facts.of(fit), group=units.name)
    return ELPDDataLOGO(
        group=units.name,
        n_data_points=len(units.levels),
        **fields,
        **values.fields(units.dim, {units.dim: units.levels}, facts),
    )
