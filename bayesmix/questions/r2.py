"""Shares of variance that a model explains."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from bayesmix.base.arguments import true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, ComparisonWarning, warn
from bayesmix.criteria.conditional import conditional_blocks
from bayesmix.model.schema import Schema
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import interval_of, marginals_of
from bayesmix.predictions.blocks import Predicted
from bayesmix.questions.evaluation import Asked
from bayesmix.questions.fitted_sums import fitted_sums
from bayesmix.questions.variances import has_own_variance, variances_of

__all__ = ["r2"]

_MOST_NUMBERS, _MOST_ROWS = 1 << 28, 2_000
_ROLES = ("population", "sd", "auxiliary")


def r2(fit: Fitted, *, loo: bool | None = None, ci_level: float = 0.95) -> pd.DataFrame:
    """Compute R2: the share of the variance that a model explains.

    Parameters
    ----------
    fit : Fitted
    loo : bool, optional
        Compute R2 of rows that are left out, too. It takes the log density of all rows and draws, a
        minute for ten thousand rows, and by default is computed up to 2,000 rows.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        ``r2, value, se, lower_2.5, upper_97.5``, a row for each that the family has:

        ``marginal``, ``conditional``
            Shares of the population effects, and of these and the groups, in the variance on the
            scale of the linear predictor [1]_; see `icc`.
        ``bayes``
            ``var(fit) / (var(fit) + var(residual))`` of the expected responses of the rows and
            groups of the data, in each draw [2]_.
        ``loo``
            ``1 - var(y - fit_loo) / var(y)``, where each row is expected by the draws weighted as
            if it had been left out, with the Bayesian bootstrap of rows (`arviz_stats.loo_r2`).

    Warns
    -----
    ComparisonWarning
        Pareto k of rows that are left out are too high for ``loo`` to be trusted.

    Raises
    ------
    BayesmixError
        The response is of categories without numbers, or rows and draws are too many for ``loo``.

    References
    ----------
    .. [1] Nakagawa, S., Johnson, P. C. D. & Schielzeth, H. (2017). Journal of the Royal Society
       Interface 14: 20170213. https://doi.org/10.1098/rsif.2017.0213
    .. [2] Gelman, A., Goodrich, B., Gabry, J. & Vehtari, A. (2019). R-squared for Bayesian
       regression models. The American Statistician 73, 307-309.
       https://doi.org/10.1080/00031305.2018.1549100

    Examples
    --------
    >>> fit.r2()  # doctest: +SKIP
    """
    interval = interval_of(ci_level)
    found: dict[str, FloatArray] = {}
    if loo is None:
        loo = fit.design.n_rows <= _MOST_ROWS
    true_or_false("loo", loo)
    if has_own_variance(fit.family) or fit.family.response.has_categories:
        variances = variances_of(fit, "r2")
        total = variances.fixed + variances.of_groups + variances.own
        found["marginal"] = variances.fixed / total
        if fit.design.groups:
            found["conditional"] = (variances.fixed + variances.of_groups) / total
    if not fit.family.response.has_categories:
        found["bayes"] = _bayes(fit)
        if loo:
            found["loo"] = _left_out(fit)
    rows = [
        marginals_of(values[None].copy(), interval).columns(interval) for values in found.values()
    ]
    tables = [pd.DataFrame({"r2": [name], **row}) for name, row in zip(found, rows, strict=True)]
    return pd.concat(tables, ignore_index=True)


def _shares(fit: Fitted) -> FloatArray:
    trials = fit.design.trials
    return fit.design.y if trials is None else fit.design.y / trials


def _bayes(fit: Fitted) -> FloatArray:
    """Compute var(fit) / (var(fit) + var(residual)) over the rows of each draw."""
    asked = Asked.of(fit, "response", "conditional", "error", None, None)
    rows, y, n = asked.rows(None), _shares(fit), fit.design.n_rows
    sums = fitted_sums(fit, rows, y) if asked.is_linear else _sums(asked, rows, y)
    of_fit, of_rest = (sums[k + 1] / n - (sums[k] / n) ** 2 for k in (0, 2))
    with np.errstate(invalid="ignore"):
        return np.asarray(of_fit / (of_fit + of_rest))


def _sums(asked: Asked, rows: Predicted, y: FloatArray) -> FloatArray:
    """Sum expected responses and residuals, and the squares of each: (4, S)."""
    shift = y.mean()
    sums = np.zeros((4, rows.n_draws))
    for place, (values,) in asked.values([rows]):
        values = values - shift
        rest = (y[place] - shift)[:, None] - values
        sums += [values.sum(0), (values**2).sum(0), rest.sum(0), (rest**2).sum(0)]
    return sums


def _left_out(fit: Fitted) -> FloatArray:
    """Take ArviZ's LOO-R2 of the expected responses."""
    import arviz_stats
    import xarray as xr

    asked = Asked.of(fit, "response", "conditional", "error", None, None)
    settings = [asked.rows(None)]
    n, S = fit.design.n_rows, settings[0].n_draws
    if n * S > _MOST_NUMBERS:
        raise BayesmixError(
            f"R2 of rows that are left out needs the log density of {n:,} rows in {S:,} draws at "
            "once, which no memory holds. Write fit.r2(loo=False)."
        )
    expected, log = np.empty((n, S)), np.empty((n, S))
    for place, (values,) in asked.values(settings):
        expected[place] = values
    for rows, densities in conditional_blocks(fit.spec, fit.posterior):
        log[rows] = densities.T
    sizes = fit.posterior.sizes
    shape = (n, sizes["chain"], sizes["draw"])
    dims = ("obs", "chain", "draw")

    def labelled(values: FloatArray) -> xr.Dataset:
        return xr.Dataset({"y": (dims, values.reshape(shape))})

    # ArviZ takes the effective sample size of the weights from that of these.
    kept = [
        variable.name
        for variable in Schema.of(fit.spec).variables.values()
        if variable.role in _ROLES and variable.name in fit.posterior
    ]
    tree = xr.DataTree.from_dict(
        {
            "observed_data": xr.Dataset({"y": ("obs", _shares(fit))}),
            "posterior": fit.idata["posterior"].dataset[kept],
            "posterior_predictive": labelled(expected),
            "log_likelihood": labelled(log),
        }
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = arviz_stats.loo_r2(tree, var_name="y", summary=False)
    if any("Pareto" in str(one.message) for one in caught):
        warn(
            "R2 of rows that are left out: some rows say so much of the model that they cannot be "
            "left out by weighting draws, so that it is too high. fit.loo(integrated=False) "
            "says how many.",
            ComparisonWarning,
        )
    return np.asarray(found, dtype=np.float64)
