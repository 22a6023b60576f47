"""Data from parameters that are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import generator
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.family import Family
from bayesmix.families.given import given_parameters
from bayesmix.families.registry import get_family
from bayesmix.posterior.mixing import draw_mixing
from bayesmix.simulation.arguments import (
    INTERCEPT,
    RESPONSE,
    TIME,
    TRIALS,
    check_intercept,
    check_names,
    intercept_first,
    read_counts,
    read_dfs,
    read_levels,
    read_numbers,
    read_sds,
)
from bayesmix.simulation.correlations import Correlation, read_correlations
from bayesmix.simulation.layout import draw_covariates, formula_of, group_term, lay_out
from bayesmix.simulation.truth import Simulation

__all__ = ["simulate"]


LARGEST_COUNT = 2.0**62


def simulate(
    n_groups: int | Mapping[str, int] = 50,
    n_per_group: int | Sequence[int] = 10,
    *,
    beta: Mapping[str, float],
    sd: Mapping[str, float] | Mapping[str, Mapping[str, float]],
    cor: Correlation | Mapping[str, Correlation] | None = None,
    sigma: float | None = None,
    family: str | Family = "gaussian",
    trials: int | Sequence[int] = 10,
    df: float | Mapping[str, float] | None = None,
    dropout: float = 0.0,
    random_seed: int | np.random.Generator | None = None,
    **parameters: float | Sequence[float],
) -> Simulation:
    """Simulate grouped data from a mixed model with known parameters.

    The names in `beta` and `sd` make the columns: ``Intercept`` is the constant, ``time`` counts
    the rows of a group from 0, and every other name is a covariate drawn from Normal(0, 1) for
    each row. The group effects of a level are jointly normal with the given sds and correlations,
    or jointly Student-t with these scales where `df` is given.

    Parameters
    ----------
    n_groups : int or mapping of str to int
        Number of levels of the grouping factor, which is then called ``group``, or of several
        factors by name. Rows are laid out by the first factor; each further factor is crossed
        with it: its levels are given to the rows at random, as evenly as possible.
    n_per_group : int or sequence of int
        Rows of each level of the first factor, or one number for each level.
    beta : mapping of str to float
        Population effects. Without ``Intercept`` the model has none.
    sd : mapping
        Sd of each group effect, ``{"Intercept": 0.5, "time": 0.1}``; with several factors, one
        such mapping for each.
    cor : float, array_like, DataFrame or mapping, optional
        Correlations of the group effects: one number for every pair, or a matrix in the order of
        `sd`, or a frame labelled by effect; with several factors, a mapping from factor to these.
        None draws independent effects, and the formula then says ``||``.
    sigma : float, optional
        Residual sd, of the families that have one. Default 1.
    family : str or Family
        Family of the response, with its link.
    trials : int or sequence of int
        Number of trials of each row, for the binomial family.
    df : float or mapping of str to float, optional
        Degrees of freedom, above 0: the group effects of a level are jointly Student-t, and `sd` is
        the scale of that distribution. With several factors, a mapping from those that are
        Student-t. None draws normal effects.
    dropout : float
        Probability that a group, present at one time, is gone at the next and stays away. The
        first row of every group remains.
    random_seed : int, Generator or None
        The same seed gives the same data.
    **parameters : float or sequence of float
        The other parameters of the family by name, such as ``nu``; all that it has. Those with
        thresholds, ``cutpoint=[-1, 0, 1]``, have one category more than these and no intercept;
        categories are whole numbers from 1.

    Returns
    -------
    Simulation
        The data, the formula that fits them, and the truth.

    Raises
    ------
    BayesmixError
        If a size, an sd, a correlation matrix, a name or a parameter cannot be used.

    Examples
    --------
    >>> import bayesmix as bm
    >>> simulation = bm.simulate(
    ...     n_groups=100,
    ...     n_per_group=6,
    ...     beta={"Intercept": 2.6, "time": 0.1},
    ...     sd={"Intercept": 0.2, "time": 0.07},
    ...     cor=-0.1,
    ...     sigma=0.2,
    ...     random_seed=1,
    ... )
    >>> simulation
    Simulation: y ~ 1 + time + (1 + time | group)
    gaussian(identity), 600 rows, groups: group (100)
    beta:Intercept               2.60
    beta:time                    0.10
    sd:group:Intercept           0.20
    sd:group:time                0.07
    cor:group:Intercept:time    -0.10
    sigma                        0.20
    >>> list(simulation.data)
    ['group', 'time', 'y']

    Unbalanced counts with a second, crossed factor:

    >>> crossed = bm.simulate(
    ...     n_groups={"student": 40, "item": 12},
    ...     n_per_group=12,
    ...     beta={"Intercept": 0.5, "x": 0.3},
    ...     sd={"student": {"Intercept": 0.4, "x": 0.2}, "item": {"Intercept": 0.3}},
    ...     family="poisson",
    ...     dropout=0.05,
    ...     random_seed=2,
    ... )
    >>> crossed.formula
    'y ~ 1 + x + (1 + x || student) + (1 | item)'
    """
    rng = generator(random_seed)
    family = get_family(family)
    if family.response.is_nominal:
        raise BayesmixError(
            f"Family {family.name!r} has a linear predictor for each category but the first, and "
            "simulate takes one. Fit a model, maybe to a few rows, and use simulate_from."
        )
    levels = read_levels(n_groups)
    beta = intercept_first(read_numbers("beta", beta))
    check_intercept(family, beta)
    sds = read_sds(sd, levels)
    correlations = read_correlations(cor, sds)
    sds = {factor: intercept_first(effects) for factor, effects in sds.items()}
    check_names(family, levels, {*beta, *(name for effects in sds.values() for name in effects)})

    codes, time = lay_out(levels, n_per_group, dropout, rng)
    covariates = draw_covariates(beta, sds, time, rng)
    terms = [
        group_term(factor, levels[factor], codes[factor], sds[factor], covariates) for factor in sds
    ]
    dfs = read_dfs(df, levels)
    u = {term.factor: _draw_effects(term, sds, correlations, dfs, rng) for term in terms}
    eta = np.zeros(len(time))
    for name, value in beta.items():
        eta += value * covariates[name]
    for term in terms:
        eta += term.dot(u[term.factor].to_numpy())

    auxiliary = given_parameters("simulate", family, {"sigma": sigma, **parameters})
    counts = read_counts("trials", trials, len(time)) if family.trials else None
    response = family.draw(rng, eta, auxiliary, None, counts)
    columns = _factors(levels, codes) | {TIME: time}
    columns |= {name: x for name, x in covariates.items() if name not in {INTERCEPT, TIME}}
    if counts is not None:
        columns[TRIALS] = counts
    columns[RESPONSE] = _whole(response, family) if family.discrete else response
    return Simulation(
        data=pd.DataFrame(columns),
        formula=formula_of(family, beta, sds, correlated=set(correlations)),
        family=family,
        beta=beta,
        sd=sds,
        cor=correlations,
        u=u,
        auxiliary=auxiliary,
        eta=eta,
        df=dfs,
    )


def _factors(levels: Mapping[str, Sequence[str]], codes: Mapping[str, IntArray]) -> dict[str, Any]:
    return {
        factor: pd.Categorical.from_codes(codes[factor], pd.Index(own))
        for factor, own in levels.items()
    }


def _draw_effects(
    term: GroupTerm,
    sds: Mapping[str, Mapping[str, float]],
    correlations: Mapping[str, pd.DataFrame],
    dfs: Mapping[str, float],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw the effects of all levels, level x effect."""
    values = rng.standard_normal((term.n_levels, term.n_effects))
    if term.factor in correlations:
        values = values @ np.linalg.cholesky(correlations[term.factor]).T
    values = values * np.array(list(sds[term.factor].values()))
    if term.factor in dfs:
        values *= np.sqrt(draw_mixing(rng, np.full(term.n_levels, dfs[term.factor])))[:, None]
    return pd.DataFrame(values, pd.Index(term.levels), list(term.effects))


def _whole(counts: FloatArray, family: Family) -> npt.NDArray[np.int64]:
    if not counts.max() <= LARGEST_COUNT:
        raise BayesmixError(
            f"The counts are as large as {counts.max():g}, beyond whole numbers of 64 bits. Give "
            f"smaller values in beta or sd: they are on the scale of the {family.link} link."
        )
    # Of ordered categories the codes are counted from 0, and people count from 1.
    return counts.astype(np.int64) + int(family.response.is_ordinal)
