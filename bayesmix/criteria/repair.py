"""Rows and groups where importance sampling fails: draws are moved, or the model is refitted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.words import count, have, their
from bayesmix.criteria.jobs import fold_results, fold_seeds
from bayesmix.criteria.psis import Pointwise, warn_of
from bayesmix.criteria.theta import DEAR, ThetaDraws
from bayesmix.criteria.units import Units
from bayesmix.engines.left_out import left_out
from bayesmix.engines.run import chosen
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["values_mended", "values_moved", "values_refitted", "warn_of_doubts"]

# Seconds that refits may take if nobody has asked for them.
UNASKED = 60.0


def values_moved(
    fit: Fitted,
    values: Pointwise,
    draws: ThetaDraws,
    good_k: float,
    pool: ThreadPoolExecutor,
    units: Units | None = None,
) -> tuple[Pointwise, str]:
    """Move the draws of theta for rows or groups with a high k, where that is cheap or possible."""
    assert values.k is not None
    S = len(draws.theta)
    bad = np.flatnonzero(values.k > good_k)
    leaving = left_out(fit.spec)
    if not len(bad) or leaving.densities_of_a_move * len(bad) * S * leaving.cost > DEAR:
        return values, draws.note
    codes = np.arange(fit.spec.design.n_rows) if units is None else units.codes
    found, found_k = leaving.moved(draws.theta, codes, bad, r_eff=draws.r_eff, run=pool.map)
    better = found_k < values.k[bad]
    found, bad = found[better], bad[better]
    if not len(bad):
        return values, draws.note
    elpd, p, k = values.elpd.copy(), values.p.copy(), values.k.copy()
    p[bad] += elpd[bad] - found
    elpd[bad], k[bad] = found, found_k[better]
    what = count(len(bad), "row" if units is None else "group")
    note = f"For {what} with a Pareto k above {good_k:.2f} the draws of theta were moved."
    return Pointwise(elpd, p, k), " ".join(filter(None, [draws.note, note]))


def values_mended(
    fit: Fitted,
    values: Pointwise,
    good_k: float,
    note: str,
    reloo: bool | None,
    executor: Executor | None,
    units: Units | None = None,
) -> tuple[Pointwise, str]:
    """Refit where k is too high: if that is asked for, or takes less than a minute."""
    if reloo is not None:
        if not reloo:
            return values, note
        return values_refitted(fit, values, good_k, note, executor, units)
    bad = values.n_above(good_k)
    if not bad or bad * seconds_of_refit(fit) > UNASKED:
        return values, note
    values, note = values_refitted(fit, values, good_k, note, executor, units)
    return values, f"{note} That is done where it takes less than a minute; reloo=False does not."


def seconds_of_refit(fit: Fitted) -> float:
    """Guess how long a refit takes."""
    return chosen(fit.spec, fit.options)[0].seconds(fit.spec, fit.options)


def values_refitted(
    fit: Fitted,
    values: Pointwise,
    good_k: float,
    note: str,
    executor: Executor | None,
    units: Units | None = None,
) -> tuple[Pointwise, str]:
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
    what = count(len(bad), "row" if units is None else "group")
    was = "was left out in a refit" if len(bad) == 1 else "were left out in refits"
    refits = f"{what} with a Pareto k above {good_k:.2f} {was}"
    if doubtful:
        refits += f", {doubtful} of which did not converge"
    return Pointwise(elpd, p, k, doubtful), " ".join(filter(None, [note, f"{refits}."]))


def warn_of_doubts(values: Pointwise, good_k: float, all_of: str, remedy: str, those: str) -> bool:
    """Warn of the rows or groups that are not to be trusted; return whether there are any.

    `all_of` are they all, as in "180 rows", `remedy` what refits, and `those` what without.
    """
    bad, doubtful = values.n_above(good_k), values.n_doubtful
    if doubtful:
        warn_of(
            f"{count(doubtful, 'refit')} without {those} did not converge, so that "
            f"{their(doubtful)} elpd_i is not to be trusted: fit with more draws and tune."
        )
    if bad:
        warn_of(
            f"{bad} of {all_of} {have(bad)} a Pareto k above {good_k:.2f}, so that {their(bad)} "
            f"elpd_i is not to be trusted: {remedy} refits without {'it' if bad == 1 else those}."
        )
    return bad > 0 or doubtful > 0
