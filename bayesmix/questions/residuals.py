"""Residuals of single rows: normal quantiles of the response in its predictive distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesmix.base.arguments import one_of, seed
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count, have, their
from bayesmix.criteria.psis import good_k_of, warn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.predictions.generators import generator_of
from bayesmix.questions.heldout_rows import RowsCumulated, conditional_rows, held_out_rows

__all__ = ["PREDICTIVE", "as_normal", "between", "residuals"]

KINDS = ("quantile", "pearson", "response")
PREDICTIVE = ("loo", "conditional")
# Probabilities nearer to 0 or 1 make residuals as large as these: 8.2 sds.
_SMALLEST = 2.0**-53


def residuals(
    fit: Fitted,
    *,
    kind: str = "quantile",
    predictive: str = "loo",
    random_seed: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Compute the residual of each row in its predictive distribution.

    A quantile residual is the normal quantile of the probability that the model gives to responses
    up to the one observed [1]_. Where the model is right it is a standard normal number, whatever
    the family: the residual plots of linear regression serve for counts, categories and shares,
    too. Where a response has a probability of its own, as a count has, a uniform number between the
    probabilities of less than it and of at most it is taken, as R's DHARMa does from simulations;
    here the probabilities are exact, given each draw.

    Parameters
    ----------
    fit : Fitted
    kind : {"quantile", "pearson", "response"}
        ``"response"`` is the response less its expectation, in its own unit and of any variance.
        ``"pearson"`` divides that by the sd of the response. Expectation and sd are those of the
        predictive distribution of the row: one number each, over all draws, and not a ratio in each
        of them. So do brms's, whose sd is one of simulated responses; here the variance given the
        parameters is averaged, and the variance of the expectation added. With
        ``predictive="conditional"`` the numbers are brms's, and near to those of
        ``residuals(fit, "pearson")`` in lme4.
    predictive : {"loo", "conditional"}
        ``"loo"`` leaves the row out of its own prediction: with the effects integrated out for
        Gaussian models, otherwise by importance sampling, where effects that no other row tells of
        are integrated out. ``"conditional"`` takes the draws as they are: the row has helped to
        estimate the effects of its groups, so that its residual is smaller than a standard normal
        number; with an effect for each row it is next to nothing, whatever the model.
    random_seed : int, Generator or None
        For the uniform numbers of discrete responses; by default the seed of the fit, so that a
        call repeats its numbers.

    Returns
    -------
    pandas.DataFrame
        A row for each of the fit, on its index: ``uniform``, the probability (uniform between 0 and
        1 where the model is right), ``residual``, its normal quantile, and ``fitted``, the expected
        response. Of ordered categories that is the expected number of the category. With
        ``predictive="loo"`` also ``pareto_k``, above 0.7 where leaving the row out cannot be
        trusted, and 0 where all draws have nearly the same weight.
        The other kinds are without ``uniform``, and ``"pearson"`` has the ``sd``.

    Raises
    ------
    BayesmixError
        An argument is not one of the allowed, the draws of the effects were too many to be kept,
        there are fewer than 25 draws to leave rows out, differences of categories are asked for, or
        ``"pearson"`` where the variance is infinite, as of Student's t with ``nu`` up to 2.

    Warns
    -----
    ComparisonWarning
        For rows whose Pareto k is too high.

    Notes
    -----
    Residuals of the family ``categorical`` cumulate its categories in the order in which the fit
    has them. Any other order gives other residuals, which are as uniform where the model is right.

    References
    ----------
    .. [1] Dunn, P. K. & Smyth, G. K. (1996). Randomized quantile residuals. Journal of
       Computational and Graphical Statistics 5, 236-244.
       https://doi.org/10.1080/10618600.1996.10474708

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("gpa")
    >>> fit = bm.fit("gpa ~ occasion + (1 | student)", data, random_seed=1, progressbar=False)
    >>> fit.residuals()[["uniform", "residual", "fitted"]].head(3).round(1)
       uniform  residual  fitted
    0      0.7       0.6     2.6
    1      0.8       0.9     2.7
    2      1.0       1.6     2.8
    """
    one_of("kind", kind, KINDS)
    one_of("predictive", predictive, PREDICTIVE)
    own_seed = seed(fit.options.random_seed if random_seed is None else random_seed)
    categories = fit.design.categories
    if kind != "quantile" and categories is not None:
        raise BayesmixError(
            f"kind={kind!r} subtracts an expectation, and family {fit.family.name!r} has "
            "categories. Use kind='quantile'."
        )
    if kind == "pearson" and fit.family.variance is None:
        raise BayesmixError(
            f"kind='pearson' divides by the sd of the response, and family {fit.family.name!r} "
            "does not know its variance. Use kind='quantile', or give the family one, variance=, a "
            "function of values and rows."
        )
    found = held_out_rows(fit) if predictive == "loo" else conditional_rows(fit)
    if found.k is not None:
        _warn_of_high_k(fit, found)
    columns: dict[str, FloatArray] = {}
    if kind == "quantile":
        rng = generator_of(own_seed, "residuals")
        columns["uniform"] = between(found.lower, found.upper, rng)
        columns["residual"] = as_normal(columns["uniform"])
    else:
        columns["residual"] = fit.design.y - found.mean
    columns["fitted"] = found.mean
    if kind == "pearson":
        _check_finite(fit, found)
        columns["residual"] /= found.sd
        columns["sd"] = found.sd
    if found.k is not None:
        columns["pareto_k"] = found.k
    return pd.DataFrame(columns, index=fit.design.index)


def between(lower: FloatArray, upper: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw uniform numbers between probabilities; one for each, whether they differ or not."""
    return np.asarray(lower + rng.random(np.shape(upper)) * (upper - lower))


def as_normal(uniform: FloatArray) -> FloatArray:
    """Return normal quantiles, none of them infinite."""
    return np.asarray(ndtri(np.clip(uniform, _SMALLEST, 1 - _SMALLEST)))


def _check_finite(fit: Fitted, found: RowsCumulated) -> None:
    bad = int((~np.isfinite(found.sd) | (found.sd == 0)).sum())
    if bad:
        raise BayesmixError(
            f"kind='pearson' divides by the sd of the response, which is infinite or 0 in some "
            f"draws for {bad} of {count(len(found.sd), 'row')} (family {fit.family.name!r}). Use "
            "kind='quantile', which needs no variance."
        )


def _warn_of_high_k(fit: Fitted, found: RowsCumulated) -> None:
    assert found.k is not None
    S = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    good_k = good_k_of(S)
    bad = int((found.k > good_k).sum())
    if bad:
        warn_of(
            f"{bad} of {count(len(found.k), 'row')} {have(bad)} a Pareto k above {good_k:.2f}, as "
            "rows have that are far from all others, or nearly alone in their groups: "
            f"{their(bad)} residuals may be nearer to zero than if they were left out in a refit. "
            "The column pareto_k of fit.residuals() names them."
        )
