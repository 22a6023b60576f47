"""What partial pooling did: each group's own regression beside its estimate by the mixed model.

A group's own regression explains its rows by the effects of the bar and by nothing else. What the
model says beside the effects of the bar is taken off first, at its posterior mean: the offset,
and population terms without a twin among the effects. So both estimates of a group, its own and
the mixed model's (`coef`), are of the same quantity. Where every population term
varies by group, as in ``y ~ x + (1 + x | g)``, the regressions depend on the data alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.posterior.fitted import Fitted
from bayesmix.tables.groups import coef, ranef, selected
from bayesmix.tables.newton import Likelihood, maximum_likelihood
from bayesmix.tables.parameters import formula_effects
from bayesmix.tables.population import fixef
from bayesmix.tables.regressions import least_squares, orthogonalise

if TYPE_CHECKING:
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["no_pooling", "shrinkage"]


def no_pooling(fit: Fitted, re: str | None = None) -> pd.DataFrame:
    """Fit a regression to each group alone, all groups at once.

    Parameters
    ----------
    fit : Fitted
        Gaussian: weighted least squares. Other families: maximum likelihood, with auxiliary
        parameters at their posterior means, and so with those that have predictors of their own.
        Draws of ``beta`` are read only where a population term does not vary by the group.
    re : str, optional
        One grouping factor; all of them by default.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, value, se, n``, in the order of factor, effect, level. ``n`` is
        the number of rows of the group.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or the response is one of several categories
        without an order, each of which has a predictor.

    Notes
    -----
    The regression of a group has the columns of its bar, Z, and as its response what is left of
    the linear predictor: y less the offset and less ``x' E(beta)`` over the population terms
    without a twin in the bar (another label; the offset of the likelihood in a generalised
    model). Effects of other grouping factors stay in, as they do in `coef`: with
    crossed factors both describe a level on its own.

    ``value`` is NaN where the rows of the group do not determine the effect: a slope from rows at
    one place, one category of several that does not occur. Effects of the same group that they do
    determine keep their values. ``se`` has the residual variance of the group's own regression,
    and is NaN where as many effects as rows leave nothing to estimate it. Where standard errors
    are known, rows weigh by them (with a residual, by both), and ``se`` is of these alone.

    In generalised models the likelihood of a group may have no maximum: counts that are all zero,
    successes only, or successes and failures that a covariate separates. All effects of such a
    group are NaN, since some or all of them run off to infinity (Albert & Anderson 1984).
    ``se`` comes from the observed information.

    Columns are made orthogonal within each level, by modified Gram-Schmidt with the response as
    the last column, which is as accurate as a QR decomposition (Bjoerck 1967).

    References
    ----------
    Albert & Anderson (1984). On the existence of maximum likelihood estimates in logistic
    regression models. Biometrika 71, 1-10. https://doi.org/10.1093/biomet/71.1.1

    Bjoerck (1967). Solving linear least squares problems by Gram-Schmidt orthogonalization. BIT 7,
    1-21. https://doi.org/10.1007/BF01934122

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> fit = bm.fit(formula, data, random_seed=1, progressbar=False)
    >>> fit.no_pooling().head(3).round(2)
      group_var     effect group   value     se   n
    0   Subject  Intercept   308  244.19  28.08  10
    1   Subject  Intercept   309  205.05   5.22  10
    2   Subject  Intercept   310  203.48   7.24  10
    """
    _check_one_regression(fit)
    parts = []
    for term in selected(fit.design, re):
        value, se, n = _regressions(fit, term, _known(fit, term))
        labels = [str(level) for level in term.levels]
        parts += [
            pd.DataFrame(
                {
                    "group_var": [term.factor] * term.n_levels,
                    "effect": [effect] * term.n_levels,
                    "group": labels,
                    "value": value[:, k],
                    "se": se[:, k],
                    "n": n,
                }
            )
            for k, effect in enumerate(term.effects)
        ]
    if parts:
        return pd.concat(parts, ignore_index=True)
    empty = ranef(fit, add_group_N=True).iloc[:0]
    return empty[["group_var", "effect", "group", "value", "se", "n"]]


def _check_one_regression(fit: Fitted) -> None:
    if fit.family.response.is_nominal:
        raise BayesmixError(
            f"Family {fit.family.name!r} has a linear predictor for each category, so that a group "
            "has no regression of its own that stands for all of them: those of its categories "
            "depend on each other, and few groups have rows of every category. For one category "
            "against another fit family='bernoulli' to the rows of these two."
        )


def shrinkage(fit: Fitted, re: str | None = None) -> pd.DataFrame:
    """Compare each group's own regression with its estimate by the mixed model.

    Parameters
    ----------
    fit : Fitted
    re : str, optional
        One grouping factor; all of them by default.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, n, no_pooling, partial_pooling, population, shrinkage``, in
        the order of factor, effect, level. ``no_pooling`` is the value of `no_pooling`,
        ``partial_pooling`` that of `coef`, and ``population`` the posterior mean
        of the population effect, 0 where the effect has no twin among the population terms.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or the response is one of several categories
        without an order, each of which has a predictor.

    Notes
    -----
    ``shrinkage`` is the share of the way from the group's own estimate to the population that the
    mixed model goes,

        shrinkage = 1 - (partial_pooling - population) / (no_pooling - population),

    0 for no pooling and 1 for complete pooling, from

        partial_pooling = shrinkage * population + (1 - shrinkage) * no_pooling.

    It is the pooling factor of Gelman & Pardoe (2006, section 1.2) for a single estimate, where
    theirs is an average over the groups. Below 0 and above 1 it is right, too: correlated effects
    of a group inform each other, so that an effect may be moved away from the population or past
    it, most of all where the group's own estimate is close to the population and the share a
    ratio of two small numbers. For the average of groups compare the sds of the two columns. NaN
    where there is no estimate without pooling, or where it lies on the population.

    References
    ----------
    Gelman & Pardoe (2006). Bayesian measures of explained variance and pooling in multilevel
    (hierarchical) models. Technometrics 48, 241-251. https://doi.org/10.1198/004017005000000517

    Gelman & Hill (2007). Data analysis using regression and multilevel/hierarchical models,
    chapter 12. Cambridge University Press.

    Examples
    --------
    >>> fit.shrinkage().groupby("effect")["shrinkage"].median()  # doctest: +SKIP
    """
    own = no_pooling(fit, re)
    partial = formula_effects(fit, coef(fit, re))["value"].to_numpy()
    fixed = formula_effects(fit, fixef(fit)).set_index("term")["value"]
    population = own["effect"].map(fixed).fillna(0.0).to_numpy(dtype=np.float64)
    value = own["value"].to_numpy()
    way = value - population
    way[np.abs(way) <= 1e-12 * (np.abs(value) + np.abs(population))] = np.nan
    return pd.DataFrame(
        {
            "group_var": own["group_var"],
            "effect": own["effect"],
            "group": own["group"],
            "n": own["n"],
            "no_pooling": value,
            "partial_pooling": partial,
            "population": population,
            "shrinkage": 1 - (partial - population) / way,
        }
    )


def _known(fit: Fitted, term: GroupTerm) -> FloatArray:
    """Add up the offset and the population terms that do not vary by the factor."""
    design = fit.design
    known = np.zeros(design.n_rows) if design.offset is None else design.offset.copy()
    others = [name not in term.effects for name in design.terms]
    if any(others):
        table = formula_effects(fit, fixef(fit)).set_index("term")["value"]
        population = table.reindex(list(design.terms)).to_numpy()
        known += design.X[:, others] @ population[others]
    return known


def _regressions(
    fit: Fitted, term: GroupTerm, known: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Estimate the effects and their standard errors (J, q), and count the rows (J,)."""
    design, family = fit.design, fit.family
    rows = np.flatnonzero(term.codes >= 0)
    codes = term.codes[rows]
    n = np.bincount(codes, minlength=term.n_levels)
    y, known = design.y[rows], known[rows]
    if family.has_residual_sd and family.on_response_scale and not family.known_errors:
        root = None if design.weights is None else np.sqrt(design.weights[rows])
        Z = term.Z[rows] if root is None else term.Z[rows] * root[:, np.newaxis]
        left = y - known if root is None else (y - known) * root
        basis = orthogonalise(Z, codes, term.n_levels)
        value, se = least_squares(basis, codes, left, n)
    else:
        basis = orthogonalise(term.Z[rows], codes, term.n_levels)
        likelihood = Likelihood.of(fit, rows)
        value, se = maximum_likelihood(basis, codes, known, likelihood, n)
    value[~basis.determined] = np.nan
    se[~basis.determined] = np.nan
    return value, se, n
