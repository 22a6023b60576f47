"""Population effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arguments import true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.design.names import path_start
from bayesmix.posterior.drawn import drawn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws, population_draws
from bayesmix.posterior.summaries import interval_of, marginals_of, text_column
from bayesmix.tables.parameters import by_parameter

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = ["cor_fe", "fixef"]


def fixef(fit: Fitted, *, ci_level: float = 0.95, exponentiate: bool = False) -> pd.DataFrame:
    """Summarise the population effects.

    Parameters
    ----------
    fit : Fitted
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    exponentiate : bool
        Summarise ``exp(beta)``: odds ratios with a logit link, rate ratios with a log link.
        The draws are transformed before they are summarised, so that ``value`` is the posterior
        mean of the ratio, which is larger than the exponential of the mean.

    Returns
    -------
    pandas.DataFrame
        ``term, value, se, lower_2.5, upper_97.5``, one row for each column of X, in that order.
        Families of ordered categories have their thresholds first, ``Intercept[1]``,
        ``Intercept[2]``, ..., with all columns at zero. Where further parameters have predictors,
        those of each in turn, after a first column ``parameter``.

    Raises
    ------
    BayesmixError
        If `ci_level` is not between 0 and 1.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> fit = bm.fit(formula, data, random_seed=1, progressbar=False)
    >>> fit.fixef(ci_level=0.9).round()
            term  value   se  lower_5  upper_95
    0  Intercept  251.0  8.0    238.0     264.0
    1       Days   10.0  2.0      8.0      13.0
    """
    interval = interval_of(ci_level)
    true_or_false("exponentiate", exponentiate)
    populations = [_population(fit, part) for part in fit.design.parts]
    beta = np.concatenate([draws for _, draws in populations])
    with np.errstate(over="ignore", invalid="ignore"):
        marginals = marginals_of(np.exp(beta) if exponentiate else beta, interval)
    terms = [term for own, _ in populations for term in own]
    of = by_parameter(fit, [len(own) for own, _ in populations])
    return pd.DataFrame({**of, "term": text_column(terms), **marginals.columns(interval)})


def _population(fit: Fitted, design: Design) -> tuple[list[str], FloatArray]:
    """Return labels and draws (k, S) of the population effects, thresholds first."""
    draws = population_draws(design, fit.family, drawn_of(fit).posterior)
    stacked = np.array(list(draws.values()))
    return list(draws), stacked.reshape(len(draws), number_of_draws(drawn_of(fit).posterior))


def cor_fe(fit: Fitted) -> pd.DataFrame:
    """Correlate the draws of the population effects.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    pandas.DataFrame
        Term x term: correlations of the draws of ``beta``, and of thresholds, NaN with a term that
        does not vary. Terms of the predictors of further parameters come after those of the
        formula, as ``sigma:Days``.
    """
    parts = fit.design.parts
    populations = [_population(fit, part) for part in parts]
    beta = np.concatenate([draws for _, draws in populations])
    centred = beta - beta.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1))
    length[np.ptp(beta, axis=1) == 0] = np.nan
    matrix = centred @ centred.T / np.outer(length, length)
    np.fill_diagonal(matrix, 1.0)
    terms = [
        f"{path_start(part.predictor)}{term}"
        for part, (own, _) in zip(parts, populations, strict=True)
        for term in own
    ]
    return pd.DataFrame(matrix, index=terms, columns=terms)
