"""Variance components and correlations of group effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arguments import one_of, true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.design.names import path_start
from bayesmix.posterior.drawn import Posterior, drawn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import (
    auxiliary_draws,
    correlation_draws,
    draws_of,
    number_of_draws,
)
from bayesmix.posterior.summaries import interval_of, marginals_of, text_column
from bayesmix.tables.parameters import by_parameter, parameter_table

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = ["cor_re", "correlation_matrices", "family_parameters", "varcorr"]


def varcorr(
    fit: Fitted,
    *,
    ci_level: float = 0.95,
    ci_scale: str = "sd",
    estimator: str = "mean",
) -> pd.DataFrame:
    """Summarise the variance components.

    Parameters
    ----------
    fit : Fitted
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    ci_scale : {"sd", "var"}
        Interval of the sd, or of the variance (its squares).
    estimator : {"mean", "posterior"}
        ``"mean"``, as ``mixedup::extract_vc`` for brms fits: ``variance`` is the square of the
        posterior mean of the sd, and ``var_prop`` that variance over the sum of all of them.
        ``"posterior"``: ``variance`` and ``var_prop`` are the posterior means of the variance and
        of its share, and ``var_prop`` has an interval.

    Returns
    -------
    pandas.DataFrame
        ``group, effect, variance, sd, sd_2.5, sd_97.5, var_prop``, with ``var_2.5, var_97.5``
        for ``ci_scale="var"``, and ``var_prop_2.5, var_prop_97.5`` besides for
        ``estimator="posterior"``. One row for each group effect, in the order of factor and
        effect; last a row ``Residual`` with an empty effect, where the family has a residual sd.
        ``sd`` is the posterior mean of the sd. Where further parameters have predictors, the group
        effects of each in turn, after a first column ``parameter``, on the scale of its link.

    Raises
    ------
    BayesmixError
        If an argument is not one of the allowed.

    Notes
    -----
    ``var_prop`` adds up the variances of all effects, whatever the scale of their covariates, and
    leaves covariances out; it depends on where a covariate has its zero. The effects of each
    parameter are added up for themselves. Without a residual sd
    the shares are those of the group effects alone. With weights, the residual variance is that
    of a row with weight 1.

    Of group effects that are Student-t `sd` is the scale of their distribution, as in brms, and
    ``variance`` its square: the variance of the effects is ``df / (df - 2)`` times that, where df
    is above 2.
    """
    interval = interval_of(ci_level)
    one_of("ci_scale", ci_scale, ("sd", "var"))
    one_of("estimator", estimator, ("mean", "posterior"))
    posterior, residual = drawn_of(fit).posterior, fit.family.residual
    groups: list[str] = []
    effects: list[str] = []
    draws, rows = [], []
    for part in fit.design.parts:
        start = len(groups)
        for term in part.groups:
            groups += [term.factor] * len(term.effects)
            effects += list(term.effects)
            draws.append(draws_of(posterior, term.names.sd, term.effect_dim))
        if residual is not None and not part.predictor:
            groups.append("Residual")
            effects.append("")
            draws.append(draws_of(posterior, residual)[np.newaxis])
        rows.append(len(groups) - start)
    sd = np.concatenate(draws) if draws else np.empty((0, number_of_draws(posterior)))
    variances = sd**2
    marginals = marginals_of(sd, interval)
    share = None
    if estimator == "posterior":
        share = marginals_of(_proportions(variances, rows), interval)
        variance, var_prop = variances.mean(axis=1), share.mean
    else:
        variance = marginals.mean**2
        var_prop = _proportions(variance, rows)
    power = 2 if ci_scale == "var" else 1
    lower, upper = interval.names(ci_scale, ci_scale)
    table = {
        **by_parameter(fit, rows),
        "group": text_column(groups),
        "effect": text_column(effects),
        "variance": variance,
        "sd": marginals.mean,
        lower: marginals.lower**power,
        upper: marginals.upper**power,
        "var_prop": var_prop,
    }
    if share is not None:
        lower, upper = interval.names("var_prop", "var_prop")
        table |= {lower: share.lower, upper: share.upper}
    return pd.DataFrame(table)


def cor_re(
    fit: Fitted, *, long: bool = False, ci_level: float = 0.95
) -> dict[str, pd.DataFrame] | pd.DataFrame:
    """Summarise the correlations of the group effects.

    Parameters
    ----------
    fit : Fitted
    long : bool
        One row for each correlation, with its interval, instead of matrices.
    ci_level : float
        Probability inside the interval, above 0 and below 1; for the long form.

    Returns
    -------
    dict of str to pandas.DataFrame, or pandas.DataFrame
        Grouping factor -> effect x effect matrix of posterior means, for every grouping factor;
        effects of different blocks are independent in the model and have a zero. Long:
        ``group_var, effect_1, effect_2, value, se, lower_2.5, upper_97.5``, one row for each
        correlation that the model estimates, none for the zeros between blocks. Where further
        parameters have predictors, there is a first column ``parameter``, and the matrix of the
        effects on one of them is that of ``"sigma:Subject"``. Of effects that ``(1 | p | Subject)``
        correlates across parameters there is one matrix, that of the first of them,
        ``"Subject"``; labels of further parameters have their name before them,
        ``"sigma_Intercept"``.

    Raises
    ------
    BayesmixError
        If `ci_level` is not between 0 and 1.
    """
    interval = interval_of(ci_level)
    true_or_false("long", long)
    design, posterior = fit.design, drawn_of(fit).posterior
    if not long:
        return correlation_matrices(design, posterior)
    factors: list[str] = []
    first, second, draws, rows = [], [], [], []
    for part in design.parts:
        start = len(factors)
        for joint in design.joint_effects:
            own = correlation_draws(joint, posterior) if joint.predictor == part.predictor else ()
            for i, j, values in own:
                factors.append(joint.factor)
                first.append(joint.effects[i])
                second.append(joint.effects[j])
                draws.append(values)
        rows.append(len(factors) - start)
    stacked = np.array(draws) if draws else np.empty((0, number_of_draws(posterior)))
    return pd.DataFrame(
        {
            **by_parameter(fit, rows),
            "group_var": text_column(factors),
            "effect_1": text_column(first),
            "effect_2": text_column(second),
            **marginals_of(stacked, interval).columns(interval),
        }
    )


def family_parameters(fit: Fitted, *, ci_level: float = 0.95) -> pd.DataFrame:
    """Summarise what the family has beside its mean, its residual sd and its thresholds.

    Parameters
    ----------
    fit : Fitted
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        ``parameter, value, se, lower_2.5, upper_97.5``, one row for each number; none for a family
        that has no further parameter.
    """
    interval = interval_of(ci_level)
    thresholds = fit.family.thresholds
    shown = {fit.family.residual, thresholds.name if thresholds else None}
    draws = auxiliary_draws(fit.family, drawn_of(fit).posterior)
    draws = {label: own for label, own in draws.items() if label.partition(":")[0] not in shown}
    return parameter_table(fit, draws, interval)


def correlation_matrices(design: Design, posterior: Posterior) -> dict[str, pd.DataFrame]:
    """Average the correlation matrices of the group effects over the draws.

    Parameters
    ----------
    design : Design
    posterior : Posterior

    Returns
    -------
    dict of str to pandas.DataFrame
        Grouping factor -> effect x effect, for every grouping factor.
    """
    matrices = {}
    for joint in design.joint_effects:
        matrix = np.eye(joint.n_effects)
        for i, j, values in correlation_draws(joint, posterior):
            matrix[i, j] = matrix[j, i] = values.mean()
        effects = list(joint.effects)
        matrices[f"{path_start(joint.predictor)}{joint.factor}"] = pd.DataFrame(
            matrix, index=effects, columns=effects
        )
    return matrices


def _proportions(variances: FloatArray, rows: Sequence[int]) -> FloatArray:
    """Divide the variances of each predictor by their sum."""
    parts = np.split(variances, np.cumsum(rows)[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.concatenate([part / part.sum(axis=0) for part in parts])
