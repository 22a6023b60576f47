"""The log likelihood of each draw: with the group effects integrated out, or given them."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arguments import true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.progress import late_progress
from bayesmix.criteria.conditional import conditional_blocks
from bayesmix.engines.exact.given_population import densities_given_population
from bayesmix.model.gaussian import response_obstacle
from bayesmix.model.row_effects import with_row_effects
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws

__all__ = ["integrates_groups", "log_likelihood"]


def integrates_groups(spec: ModelSpec, integrated: bool | None) -> bool:
    """Choose whether group effects are integrated out; raise where they cannot be."""
    if integrated is not None:
        true_or_false("integrated", integrated)
    obstacle = response_obstacle(with_row_effects(spec))
    if integrated and obstacle is not None:
        raise BayesmixError(
            f"integrated=True integrates Gaussian effects out, but {obstacle}. Leave it out: the "
            "likelihood is that given the group effects then."
        )
    return obstacle is None if integrated is None else bool(integrated)


def log_likelihood(fit: Fitted, is_integrated: bool) -> tuple[FloatArray | None, str]:
    """Compute the log likelihood of each draw.

    Parameters
    ----------
    fit : Fitted
    is_integrated : bool
        Whether group effects are integrated out.

    Returns
    -------
    log : ndarray, shape (chain, draw), or None
        None where the draws of group effects were not kept.
    words : str
        Which likelihood it is.
    """
    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    if is_integrated:
        log = densities_given_population(fit.spec, fit.idata["posterior"].dataset)
        words = "with the group effects integrated out."
    elif missing := _not_kept(fit):
        return None, (
            "Likelihood: not known, since the draws of the effects of "
            f"{' and '.join(missing)} were too many to be kept."
        )
    else:
        log = _given_groups(fit)
        words = (
            "given the group effects, whose distribution is not scaled: what the data say of "
            "population effects, sds and correlations by way of these is left out."
        )
    if not fit.design.every_group:
        words = "that of all rows."
    if not np.isfinite(log).all():
        raise BayesmixError(
            "The likelihood is zero or infinite in some draws, so that no power of it is a weight."
        )
    return log.reshape(shape), f"Likelihood: {words}"


def _given_groups(fit: Fitted) -> FloatArray:
    """Add up the densities of the rows in each draw, (S,)."""
    log = np.zeros(number_of_draws(fit.posterior))
    what = "Computing the likelihood of all draws"
    with late_progress(fit.options.progressbar, what) as report:
        for rows, densities in conditional_blocks(fit.spec, fit.posterior):
            log += densities.sum(axis=1)
            report(what, rows.stop / fit.design.n_rows)
    return log


def _not_kept(fit: Fitted) -> list[str]:
    posterior = fit.posterior
    return [
        f"'{term.factor}'"
        for term in fit.design.every_group
        if term.names.u not in posterior or "draw" not in posterior[term.names.u].dims
    ]
