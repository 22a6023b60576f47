"""Shares of variance that are between groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesmix.base.arguments import true_or_false
from bayesmix.base.errors import BayesmixError
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import interval_of, marginals_of
from bayesmix.questions.variances import variances_of

__all__ = ["icc"]


def icc(fit: Fitted, *, by_group: bool = False, ci_level: float = 0.95) -> pd.DataFrame:
    """Compute intraclass correlations: the share of the variance that is between groups.

    Parameters
    ----------
    fit : Fitted
    by_group : bool
        One row for each grouping factor in place of all together.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        ``icc, value, se, lower_2.5, upper_97.5, own_variance``. ``adjusted``: the variance of the
        groups over that and the variance of the distribution itself; ``unadjusted``: with the
        variance of the population effects in the denominator, too. With `by_group` the adjusted
        one of each factor. ``own_variance`` names that of the distribution on the scale of the
        linear predictor.

    Raises
    ------
    BayesmixError
        The model has no groups, or the variance of the distribution itself is not known.

    Notes
    -----
    The variance of effects with slopes is averaged over the rows, ``z' Sigma z`` [2]_. That of the
    distribution is the residual variance; of bernoulli, binomial and cumulative that of the latent
    law of the link; with the log link that of the logarithm of a response at the mean which the
    model expects of new groups, by the lognormal approximation [1]_. Each is computed in every
    draw. R's performance takes the median group in place of the mean in its versions of before
    2024, so that its variance of counts is larger.

    References
    ----------
    .. [1] Nakagawa, S., Johnson, P. C. D. & Schielzeth, H. (2017). Journal of the Royal Society
       Interface 14: 20170213. https://doi.org/10.1098/rsif.2017.0213
    .. [2] Johnson, P. C. D. (2014). Extension of Nakagawa & Schielzeth's R2GLMM to random slopes
       models. Methods in Ecology and Evolution 5, 944-946.
       https://doi.org/10.1111/2041-210X.12225

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> fit = bm.fit(formula, data, random_seed=1, progressbar=False)
    >>> fit.icc().round(2)
              icc  value    se  lower_2.5  upper_97.5 own_variance
    0    adjusted   0.73  0.07       0.59        0.85      sigma^2
    1  unadjusted   0.54  0.09       0.37        0.72      sigma^2
    """
    interval = interval_of(ci_level)
    true_or_false("by_group", by_group)
    if not fit.design.groups:
        raise BayesmixError(
            f"icc is the share of groups in the variance, and '{fit.design.formula.text}' has no "
            "grouping factor."
        )
    variances = variances_of(fit, "icc")
    own = variances.of_groups + variances.own
    if by_group:
        shares = {factor: variance / own for factor, variance in variances.random.items()}
    else:
        shares = {
            "adjusted": variances.of_groups / own,
            "unadjusted": variances.of_groups / (own + variances.fixed),
        }
    table = marginals_of(np.array(list(shares.values())), interval).columns(interval)
    return pd.DataFrame({"icc": list(shares), **table, "own_variance": variances.text})
