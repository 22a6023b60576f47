"""Posterior to predictions for any rows: `linpred`, `epred`, `predict`; draws new levels' effects.

Rows are those of the fit or of new data, which are encoded as the fit's were. Work goes in blocks
of rows, so that a summary of many rows never holds all of their draws.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arguments import seed, true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.design.design import Design
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import interval_of, summarised
from bayesmix.predictions.blocks import predicted_rows
from bayesmix.predictions.combinations import Combinations
from bayesmix.predictions.generators import generator_of
from bayesmix.predictions.normals import marginals_of_combinations
from bayesmix.predictions.quantities import Auxiliary, as_column, expected, linear
from bayesmix.predictions.results import as_array, as_frame
from bayesmix.predictions.rows import Rows, rows_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["epred", "linpred", "predict"]


type Seed = int | np.random.Generator | None


def linpred(
    fit: Fitted,
    newdata: pd.DataFrame | None = None,
    *,
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: Seed = None,
    parameter: str | None = None,
) -> pd.DataFrame | xr.DataArray:
    """Predict the linear predictor: ``x'beta``, plus the offset, plus ``z'u`` of each factor.

    Parameters
    ----------
    fit : Fitted
    newdata : DataFrame, optional
        Rows to predict; those of the fit by default. It needs the columns of the formula, the
        response left out, and is never changed. Categories and transformations are those of the
        fit: ``scale(x)`` takes the mean and the sd of the rows that were fitted. Levels of
        grouping factors are compared as labels, so that ``10``, ``10.0`` and ``"10"`` are the same.
    groups : {"conditional", "population"} or list of str
        Grouping factors whose effects are added: ``"conditional"`` for all, ``"population"`` for
        none, or those named, such as ``["school"]`` or ``["school:class"]``; one name may come as
        text, where it is neither of the two words. Effects of the others are left out (u = 0):
        their columns need not be there, and their labels do not matter. lme4's
        ``re.form = ~ (1 | school)``.
    new_levels : {"error", "population", "sample"}
        What to do with levels that the fit did not have. ``"error"`` names them. ``"population"``
        leaves their effects out (u = 0). ``"sample"`` draws their effects from the group
        distribution, normal or Student-t, given the parameters that it has in each posterior draw:
        one joint draw for each level, the same in all its rows. Each factor counts for itself:
        with ``g1/g2``, a new ``g1:g2`` in a known ``g1`` keeps the effects of that ``g1``. With
        ``"population"`` a missing label is a new level, as in lme4.
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    draws : bool
        Return all draws instead of a summary.
    random_seed : int, Generator or None
        The same seed gives the same numbers. By default the seed of the fit, so that a call
        repeats its numbers, and a new level has the same effects in every call.
    parameter : str, optional
        A further parameter that has a predictor, such as ``"sigma"`` after
        ``bm.fit(..., sigma="~ x")``; by default that of the formula.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        ``value, se, lower_2.5, upper_97.5`` on the index of `newdata`, or of the rows that were
        fitted: mean, sd and equal-tailed interval of the draws of each row. With ``draws=True``
        an array with dims ``chain, draw, obs``; the coordinate ``obs`` is that index. Rows of
        `newdata` with a missing value in a column that is needed are NaN.

    Raises
    ------
    BayesmixError
        A column is missing, a category of a population effect or, with ``new_levels="error"``, a
        level was not in the fit, `groups` names what is no grouping factor, an argument is not one
        of the allowed, or the fit has summaries in place of the draws of a factor.

    Warns
    -----
    DesignWarning
        Rows of `newdata` have missing values in a column that is needed.

    Notes
    -----
    Where group effects were too many to be drawn and are normal given all other draws, as in
    `ranef`, a row is summarised as the mixture of normals that it is, without draws.

    Examples
    --------
    >>> import bayesmix as bm
    >>> import pandas as pd
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (Days | Subject)", data)  # doctest: +SKIP
    >>> fit.linpred()  # doctest: +SKIP
    >>> new = pd.DataFrame({"Subject": ["308", "somebody"], "Days": [10, 10]})
    >>> fit.linpred(new, new_levels="sample")  # doctest: +SKIP
    >>> nested = bm.fit("y ~ x + (1 | school/class)", pupils)  # doctest: +SKIP
    >>> nested.linpred(new_classes, groups=["school"])  # doctest: +SKIP
    """
    quantity = linear(fit, parameter)
    return _predicted(
        "linpred",
        quantity.of,
        rows_of(quantity.spec, newdata, groups, new_levels),
        fit,
        new_levels=new_levels,
        ci_level=ci_level,
        draws=draws,
        seed=_seed(fit, random_seed),
    )


def epred(
    fit: Fitted,
    newdata: pd.DataFrame | None = None,
    *,
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: Seed = None,
    parameter: str | None = None,
) -> pd.DataFrame | xr.DataArray:
    """Predict the expected response: the mean that the family has given its parameters.

    Parameters
    ----------
    fit, newdata, groups, new_levels, ci_level, draws, random_seed
        As in `linpred`. For the binomial family `newdata` needs the number of trials.
    parameter : str, optional
        A further parameter that has a predictor, on its own scale, in place of the response: the
        residual sd of each row after ``bm.fit(..., sigma="~ x")``. Of the family categorical, any
        parameter: the probability of that category, were there only the first beside it.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        As `linpred`, on the scale of the response: a mean, a probability for the Bernoulli
        family, an expected count (trials times probability) for the binomial. Of a response of
        several categories the probability of each: one row for each, in the column ``category``
        its value (a number of the response, or a category of the Categorical), or one element of
        the dim ``category``.

    Raises
    ------
    BayesmixError
        As in `linpred`, and if the number of trials is missing.

    Warns
    -----
    DesignWarning
        As in `linpred`.

    Notes
    -----
    The mean is the inverse link of the linear predictor, or what auxiliary parameters make of it,
    as the share of additional zeros does. The draws are transformed before they are summarised.
    With a link other than the identity, ``groups="population"`` and
    ``new_levels="population"`` give the expectation in a group whose
    effects are zero; the average over groups is another one, which ``new_levels="sample"`` gives.

    Examples
    --------
    >>> fit.epred(groups="population")  # doctest: +SKIP
    """
    quantity = expected(fit, parameter)
    return _predicted(
        "epred",
        quantity.of,
        rows_of(quantity.spec, newdata, groups, new_levels, trials=quantity.needs_trials),
        fit,
        new_levels=new_levels,
        ci_level=ci_level,
        draws=draws,
        seed=_seed(fit, random_seed),
    )


def predict(
    fit: Fitted,
    newdata: pd.DataFrame | None = None,
    *,
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: Seed = None,
) -> pd.DataFrame | xr.DataArray:
    """Predict new responses: one for each posterior draw and row.

    Parameters
    ----------
    fit, newdata, groups, new_levels, ci_level, draws, random_seed
        As in `linpred`. For the binomial family `newdata` needs the number of trials; after a fit
        with weights, the column of the weights.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        As `linpred`, of responses: whole numbers for the discrete families, counts of successes
        for the binomial. The interval holds a new response of that row with probability
        `ci_level`.

        Of a response of several categories one row for each category: ``category``, and in
        ``value`` the share of the draws that are in it, which is the probability of that category;
        the other columns are of being in it or not, 1 or 0. `epred` has the uncertainty of the
        probability itself. With ``draws=True`` the numbers of the response; those of the
        categories of a Categorical are 1, 2, ..., in their order.

    Raises
    ------
    BayesmixError
        As in `linpred`, and if the number of trials or the weights are missing.

    Warns
    -----
    DesignWarning
        As in `linpred`.

    Notes
    -----
    The residual sd of a row with weight w is ``sigma / sqrt(w)``. ``groups="population"`` leaves
    the group effects out and keeps the residual: it is the response in a group whose effects are
    zero, not in a group drawn at random, for which there is ``new_levels="sample"``.

    Examples
    --------
    >>> fit.predict(ci_level=0.9)  # doctest: +SKIP
    """
    own_seed = _seed(fit, random_seed)
    rng = generator_of(own_seed, "response")

    categories = fit.design.categories

    def drawn(rows: Design, auxiliary: Auxiliary, eta: FloatArray) -> FloatArray:
        weights, trials = as_column(rows.weights), as_column(rows.trials)
        y = fit.family.draw(rng, eta, auxiliary, weights, trials)
        if categories is None:
            return y
        if draws:
            return np.asarray(categories.numbers[y.astype(np.int64)], dtype=np.float64)
        return np.equal(y[..., np.newaxis], np.arange(len(categories.values))).astype(np.float64)

    return _predicted(
        "predict",
        drawn,
        rows_of(fit.spec, newdata, groups, new_levels, trials=True, weights=True),
        fit,
        new_levels=new_levels,
        ci_level=ci_level,
        draws=draws,
        seed=own_seed,
    )


def _seed(fit: Fitted, random_seed: Seed) -> int:
    return seed(fit.options.random_seed if random_seed is None else random_seed)


def _predicted(
    name: str,
    quantity: Callable[[Design, Auxiliary, FloatArray], FloatArray],
    rows: Rows,
    fit: Fitted,
    *,
    new_levels: str,
    ci_level: float,
    draws: bool,
    seed: int,
) -> pd.DataFrame | xr.DataArray:
    """Compute a quantity of each row and draw, block by block, and summarise or keep it.

    `quantity` makes an array (b, S), or (b, S, categories), of a block of rows, the draws of all
    parameters of the family but the first, and the linear predictor of that. Rows come first, so
    that random numbers come in the same order whatever the blocks.
    """
    true_or_false("draws", draws)
    columns = list(summarised(np.empty((0, 1)), ci_level))
    categories = fit.design.categories
    own = predicted_rows(fit, rows, new_levels=new_levels, seed=seed)
    if own.undrawn is not None and not draws:
        noise = _noise(rows.design) if name == "predict" else None
        every = Combinations.of(own)
        kept = np.full((len(columns), len(rows.index)), np.nan)
        kept[:, rows.place] = marginals_of_combinations(fit, every, interval_of(ci_level), noise)
        return as_frame(columns, kept, rows.index, None)
    kept = np.full((own.n_draws if draws else len(columns), len(rows.index)), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        for block in own.blocks(1 if categories is None else len(categories.values)):
            values = quantity(block.design, block.auxiliary, block.eta)
            if block.rows.start == 0 and values.ndim > 2:
                kept = np.full((*kept.shape, *values.shape[2:]), np.nan)
            kept[:, rows.place[block.rows]] = (
                np.moveaxis(values, 1, 0) if draws else _summaries(values, ci_level)
            )
    if draws:
        return as_array(name, kept, fit.posterior, rows.index, categories)
    return as_frame(columns, kept, rows.index, categories)


def _noise(rows: Design) -> FloatArray:
    """Return the sds of Gaussian responses, in units of the residual sd."""
    return np.ones(rows.n_rows) if rows.weights is None else 1 / np.sqrt(rows.weights)


def _summaries(values: FloatArray, ci_level: float) -> FloatArray:
    """Summarise over the draws: (b, S, ...) to (columns, b, ...)."""
    draws_last = np.moveaxis(values, 1, -1)
    by_row = draws_last.reshape(-1, draws_last.shape[-1])
    columns = np.array(list(summarised(by_row, ci_level).values()))
    return columns.reshape(-1, *draws_last.shape[:-1])
