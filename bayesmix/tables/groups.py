"""Effects and coefficients of single groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import as_number, few, shown, true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.groupterm import GroupTerm, named_term
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import beta_draws
from bayesmix.posterior.summaries import Interval, Marginals, interval_of, text_column
from bayesmix.tables.levels import LevelMarginals
from bayesmix.tables.parameters import by_parameter

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = ["coef", "find_typical", "ranef", "selected"]


def ranef(
    fit: Fitted,
    re: str | None = None,
    *,
    ci_level: float = 0.95,
    add_group_N: bool = False,
) -> pd.DataFrame:
    """Summarise the group effects: each level's deviation from the population.

    Parameters
    ----------
    fit : Fitted
    re : str, optional
        One grouping factor; all of them by default.
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    add_group_N : bool
        Add ``n``, the number of rows of the data in each level.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, value, se, lower_2.5, upper_97.5`` and ``n`` if asked for, in
        the order of factor, effect, level. Where further parameters have predictors, the effects
        on each in turn, after a first column ``parameter``.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or `ci_level` not between 0 and 1.

    Notes
    -----
    Of Gaussian models with more effects than can be drawn, the effects of the largest factor are
    normal given all other draws; mean, sd and interval are those of the mixture of these normals
    over the draws (Gelfand & Smith, 1990, https://doi.org/10.1080/01621459.1990.10476213).
    """
    true_or_false("add_group_N", add_group_N)
    return _group_tables(fit, re, ci_level, add_population=False, add_n=add_group_N)


def coef(fit: Fitted, re: str | None = None, *, ci_level: float = 0.95) -> pd.DataFrame:
    """Summarise each level's coefficients: population effect plus the level's deviation.

    Parameters
    ----------
    fit : Fitted
    re : str, optional
        One grouping factor; all of them by default.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, value, se, lower_2.5, upper_97.5``, in the order of factor,
        effect, level. The draws are added before they are summarised, so that ``se`` and the
        interval count how the two depend on each other. Where further parameters have predictors,
        there is a first column ``parameter``, as in `ranef`.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or `ci_level` not between 0 and 1.

    Notes
    -----
    An effect belongs to the population term of the same label; where there is none, the
    population counts 0. With several grouping factors each one is added to the population on its
    own, as in lme4's ``coef``: a row describes a level that is average in all other factors.
    """
    return _group_tables(fit, re, ci_level, add_population=True, add_n=False)


def find_typical(
    fit: Fitted,
    re: str | None = None,
    *,
    probs: npt.ArrayLike | None = None,
    ci_level: float = 0.95,
) -> pd.DataFrame:
    """Find the levels that stand for the average, or for quantiles, of each group effect.

    Parameters
    ----------
    fit : Fitted
    re : str, optional
        One grouping factor; all of them by default.
    probs : float or sequence of float, optional
        Probabilities, 0 to 1. By default the average level is looked for.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        The columns of `ranef`: for each effect the level whose posterior mean is closest to zero,
        which is the population's average. With `probs`, for each effect and probability the level
        closest to that quantile of the levels' posterior means, and a column ``probs`` that names
        it, such as ``25%``. Of several levels equally close, the first.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or `probs` or `ci_level` out of range.
    """
    probabilities = None if probs is None else _probabilities(probs)
    table = ranef(fit, re, ci_level=ci_level)
    rows, labels = [], []
    own = [name for name in ("parameter", "group_var", "effect") if name in table]
    for _, block in table.groupby(own, sort=False):
        values = block["value"].to_numpy()
        targets = [0.0] if probabilities is None else np.quantile(values, probabilities).tolist()
        rows += [block.index[_closest(values, target)] for target in targets]
        if probabilities is not None:
            labels += [f"{100 * p:.10g}%" for p in probabilities]
    typical = table.loc[rows].reset_index(drop=True)
    return typical if probabilities is None else typical.assign(probs=text_column(labels))


def _group_table(
    design: Design,
    levels: LevelMarginals,
    re: str | None,
    interval: Interval,
    *,
    add_population: bool,
    add_n: bool,
) -> pd.DataFrame:
    population = {}
    if add_population:
        population = dict(zip(design.terms, beta_draws(design, levels.posterior), strict=True))
    parts = []
    for term in selected(design, re):
        counts = term.counts
        for effect in term.effects:
            marginals = levels.of(term, effect, interval, add=population.get(effect))
            part = {
                "group_var": text_column([term.factor] * len(term.levels)),
                "effect": text_column([effect] * len(term.levels)),
                "group": text_column(term.levels),
                **marginals.columns(interval),
            }
            parts.append(pd.DataFrame(part | ({"n": counts} if add_n else {})))
    if parts:
        return pd.concat(parts, ignore_index=True)
    nothing = np.empty(0)
    labels = {name: text_column([]) for name in ("group_var", "effect", "group")}
    columns = Marginals(nothing, nothing, nothing, nothing).columns(interval)
    return pd.DataFrame(
        {**labels, **columns, **({"n": np.empty(0, dtype=np.int64)} if add_n else {})}
    )


def _closest(values: FloatArray, target: float) -> int:
    """Position of the first value closest to the target.

    The median of an even number of levels is as far from the one as from the other of the two in
    the middle: the last bits of their means should not decide.
    """
    distance = np.abs(values - target)
    return int(np.argmax(distance <= distance.min() + 1e-9 * np.abs(values).max()))


def selected(design: Design, re: str | None) -> Sequence[GroupTerm]:
    """Return the grouping factor that was asked for, or all of them for None."""
    if re is None:
        return design.groups
    others = [part.predictor for part in design.parts[1:] if re in [t.factor for t in part.groups]]
    remedy = f"It varies in the predictor of {' and '.join(others)} only." if others else ""
    return [named_term("re", re, design.groups, remedy)]


def _group_tables(
    fit: Fitted, re: str | None, ci_level: float, *, add_population: bool, add_n: bool
) -> pd.DataFrame:
    """Make the table of the effects on each parameter that has a predictor."""
    if re is not None:
        named_term("re", re, fit.design.every_group)
    tables, interval, levels = [], interval_of(ci_level), LevelMarginals(fit)
    for part in fit.design.parts:
        factor = re if re in [term.factor for term in part.groups] else None
        own = part if re is None or factor else dataclasses.replace(part, groups=())
        tables.append(
            _group_table(own, levels, factor, interval, add_population=add_population, add_n=add_n)
        )
    of = by_parameter(fit, [len(table) for table in tables])
    if not of:
        return tables[0]
    every = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    every.insert(0, "parameter", of["parameter"])
    return every


def _probabilities(probs: Any) -> list[float]:
    values = few("probs", probs)
    numbers = [as_number(value) for value in values]
    usable = [number for number in numbers if number is not None and 0 <= number <= 1]
    if not values or len(usable) < len(values):
        raise BayesmixError(
            f"probs={shown(probs)} is not usable: give one or more probabilities from 0 to 1, "
            "such as [0.25, 0.5, 0.75]."
        )
    return usable
