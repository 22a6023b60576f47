"""Tests of the residuals of a fit: whether the model could have made its data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import seed
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.frames.values import holds_numbers
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.fitted import Fitted
from bayesmix.predictions.generators import generator_of
from bayesmix.predictions.level_draws import draws_with_effects
from bayesmix.questions.discrepancies import Outcome
from bayesmix.questions.residual_columns import (
    by_column,
    numbers_of,
    population_predictor,
)
from bayesmix.questions.residual_sums import (
    OUTSIDE,
    ResidualSums,
    polynomials,
    residual_sums,
    some_draws,
)
from bayesmix.questions.residual_words import advice_of, sentence_of
from bayesmix.tables.page import Summary

__all__ = ["ResidualTests", "residual_tests"]

# Degrees of the curves that trends and spreads are tested by.
_TREND, _SPREAD = 3, 2
_MOST_LEVELS = 30
_FEWEST_DRAWS = 100


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ResidualTests:
    """What residuals say of a model; prints as text and shows as HTML in a notebook.

    Attributes
    ----------
    sentence : str
        Which tests tell that the model is wrong, in words.
    advice : tuple of str
        What to try.
    table : DataFrame
        ``test, by, observed, expected, se, p_value, p_adjusted``, a row for each test: the
        statistic, its mean and its standard error where the model is right, and p-values, the
        latter adjusted for the number of tests (Holm). A p-value of about 1 where the model fits
        the statistic itself, as the variance of gaussian responses, says nothing.
    formula : str
    """

    sentence: str
    advice: tuple[str, ...]
    table: pd.DataFrame
    formula: str

    def _summary(self) -> Summary:
        return Summary(
            header=(self.formula, self.sentence, *self.advice),
            sections=(("Residual tests", self.table),),
        )

    def __repr__(self) -> str:
        """Return the sentence, the advice and the table as text."""
        return repr(self._summary())

    def _repr_html_(self) -> str:
        return self._summary()._repr_html_()


def residual_tests(
    fit: Fitted,
    *,
    by: str | npt.ArrayLike | None = None,
    random_seed: int | np.random.Generator | None = None,
) -> ResidualTests:
    """Test whether the model could have made its data.

    Each test is a sum over the rows of quantile residuals, given each draw, whose law is known
    where the model is right. What the model adapts to is taken off by the variance of the sum in
    the draws, so that p-values are right with many group effects, too.

    Parameters
    ----------
    fit : Fitted
    by : str or array_like, optional
        A column of the rows, or one value for each row of the fit, along which trends are looked
        for besides: numbers, or categories of up to 30 values. It may be none of the formula's.
    random_seed : int, Generator or None
        For the uniform numbers of discrete responses; by default the seed of the fit.

    Returns
    -------
    ResidualTests
        ``uniformity``: polynomials of the probabilities ``uniform`` up to degree 6, as chi-square
        (Neyman's smooth test [2]_, which sees skewness and tails that Kolmogorov and Smirnov's
        does not);
        ``dispersion``: the mean square of the residuals; ``zeros``: the share of zeros among
        counts; ``outliers``: the number of rows outside of the central 99 % of their distribution;
        ``trend``: a cubic of the ranks along the fitted values of the population, along each
        column of numbers of the formula and along `by`, as chi-square; ``spread``: the same with
        squared residuals.

    Raises
    ------
    BayesmixError
        `by` cannot be used, the draws of the effects were too many to be kept, or there are fewer
        than 100 draws.

    Notes
    -----
    Let ``T(y, parameters)`` be such a sum, less its mean. Given the parameters it has the variance
    V, so that its posterior mean varies by ``V - E(Var(T | y))`` (the law of total variance), the
    latter taken from the draws. A p-value from replicated data [1]_ leaves that out, and is too
    large. Numbers of rows and draws that are too many together are thinned: draws, evenly.

    References
    ----------
    .. [1] Gelman, A., Meng, X.-L. & Stern, H. (1996). Posterior predictive assessment of model
       fitness via realized discrepancies. Statistica Sinica 6, 733-760.
    .. [2] Rayner, J. C. W., Thas, O. & Best, D. J. (2009). Smooth tests of goodness of fit, 2nd ed.
       Wiley. https://doi.org/10.1002/9780470824443

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (Days | Subject)", data)  # doctest: +SKIP
    >>> fit.residual_tests()  # doctest: +SKIP
    """
    own_seed = seed(fit.options.random_seed if random_seed is None else random_seed)
    given = None if by is None else by_column(fit, by)
    S = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    if S < _FEWEST_DRAWS:
        raise BayesmixError(
            f"The fit has {count(S, 'draw')}, and residual tests need at least "
            f"{_FEWEST_DRAWS}. Fit with more draws."
        )
    some = some_draws(S, fit.design.n_rows)
    draws = draws_with_effects(fit, some, "Residual tests", "Refit with fewer draws and chains.")
    columns, of_spread = _columns(fit, draws, given)
    zeros = has_zeros(fit)
    rng = generator_of(own_seed, "residual tests")
    sums = residual_sums(fit, draws, columns, of_spread, rng, zeros=zeros)
    table = _table(sums, float((fit.design.y == 0).sum()) if zeros else None)
    return ResidualTests(
        sentence_of(table), advice_of(fit.family, table), table, fit.design.formula.text
    )


def has_zeros(fit: Fitted) -> bool:
    """Tell whether a zero is one value of a response among many."""
    family = fit.family
    is_count = family.discrete and not family.response.has_categories
    return is_count and (family.trials or not family.binary)


def _columns(
    fit: Fitted, draws: Draws, given: tuple[str, pd.Series[Any]] | None
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Make the columns of trends, and those of spreads."""
    values = numbers_of(fit)
    fitted = population_predictor(fit, draws)
    found = {
        name: columns
        for name, own in values.items()
        if (columns := polynomials(own, _TREND)) is not None
    }
    along = None if fitted is None else polynomials(fitted, _TREND)
    spreads = {}
    if along is not None:
        # Of a single predictor the trend along it is that along the fitted values.
        same = [name for name, own in found.items() if abs(own[:, 0] @ along[:, 0]) > 1 - 1e-9]
        if not same:
            found = {"fitted": along} | found
        spreads[same[0] if same else "fitted"] = along[:, :_SPREAD]
    if given is not None:
        name, column = given
        columns = _of_column(name, column)
        if columns is not None:
            found[name] = columns
            spreads[name] = columns[:, :_SPREAD] if holds_numbers(column) else columns
    return found, spreads


def _of_column(name: str, column: pd.Series[Any]) -> FloatArray | None:
    """Make columns of the values that are given: a curve of numbers, an indicator of categories."""
    if holds_numbers(column):
        return polynomials(column.to_numpy(dtype=np.float64, na_value=np.nan), _TREND)
    codes, levels = pd.factorize(column.astype(str).where(column.notna()), sort=True)
    if len(levels) > _MOST_LEVELS:
        raise BayesmixError(
            f"by={name!r} has {len(levels)} values, and tests are of up to {_MOST_LEVELS} "
            f"categories. Look at fit.plot_residuals(by={name!r}); a factor of many levels is for "
            f"the formula, (1 | {name})."
        )
    return np.asarray((codes[:, None] == np.arange(len(levels))).astype(np.float64))


def _table(sums: ResidualSums, zeros: float | None) -> pd.DataFrame:
    n = float(sums.n)
    tests: dict[tuple[str, str], Outcome] = {
        ("uniformity", ""): sums.of_cells().squares(),
        ("dispersion", ""): sums.of_squares().one(n, n),
    }
    if zeros is not None:
        own = sums.of_zeros(zeros)
        tests["zeros", ""] = own.one(float(sums.zeros.mean()), n)
    tests["outliers", ""] = sums.of_outside().one(n * OUTSIDE, above_only=True)
    tests |= {("trend", name): sums.of_trend(name).squares() for name in sums.columns}
    tests |= {("spread", name): sums.of_spreads(name).squares() for name in sums.of_spread}
    return _as_frame(tests)


def _as_frame(tests: Mapping[tuple[str, str], Outcome]) -> pd.DataFrame:
    table = pd.DataFrame([{"test": test, "by": by} for test, by in tests])
    for field in ("observed", "expected", "se", "p_value"):
        table[field] = [float(getattr(one, field)) for one in tests.values()]
    return table.assign(p_adjusted=_holm(table["p_value"].to_numpy()))


def _holm(p: FloatArray) -> FloatArray:
    """Adjust p-values for their number."""
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0)
