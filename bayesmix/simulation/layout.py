"""Rows, covariates and formula of data that are simulated from parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import as_number, shown
from bayesmix.base.errors import BayesmixError
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.family import Family
from bayesmix.simulation.arguments import INTERCEPT, MOST_ROWS, RESPONSE, TIME, TRIALS, read_counts

__all__ = ["draw_covariates", "formula_of", "group_term", "lay_out"]


def lay_out(
    levels: Mapping[str, list[str]],
    n_per_group: int | Sequence[int],
    dropout: float,
    rng: np.random.Generator,
) -> tuple[dict[str, npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
    """Lay out rows by the first factor: codes of all factors, and the time of each row."""
    share = as_number(dropout)
    if share is None or not 0 <= share < 1:
        raise BayesmixError(f"dropout is {shown(dropout)}. It is a probability: 0 <= dropout < 1.")
    first, *others = levels
    size = read_counts("n_per_group", n_per_group, len(levels[first]))
    if size.sum() > MOST_ROWS:
        raise BayesmixError(
            f"n_per_group makes {size.sum():,} rows. No more than {MOST_ROWS:,} fit into memory."
        )
    if dropout:
        size = np.minimum(size, rng.geometric(dropout, len(size)))
    code = np.repeat(np.arange(len(size)), size)
    time = np.arange(len(code)) - np.repeat(np.cumsum(size) - size, size)
    codes = {first: code}
    for factor in others:
        codes[factor] = rng.permutation(np.arange(len(code)) % len(levels[factor]))
    return codes, time


def draw_covariates(
    beta: Mapping[str, float],
    sds: Mapping[str, Mapping[str, float]],
    time: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[np.float64]]:
    """Draw every covariate that is neither the constant nor time."""
    covariates = {INTERCEPT: np.ones(len(time)), TIME: time.astype(np.float64)}
    for names in (beta, *sds.values()):
        for name in names:
            if name not in covariates:
                covariates[name] = rng.standard_normal(len(time))
    return covariates


def group_term(
    factor: str,
    levels: list[str],
    codes: npt.NDArray[np.int64],
    effects: Mapping[str, float],
    covariates: Mapping[str, npt.NDArray[np.float64]],
) -> GroupTerm:
    """Make the group effects of one factor, all of them in one block."""
    return GroupTerm(
        factor=factor,
        variables=(factor,),
        levels=np.array(levels),
        codes=codes,
        effects=tuple(effects),
        Z=np.column_stack([covariates[effect] for effect in effects]),
        blocks=(tuple(range(len(effects))),),
    )


def formula_of(
    family: Family,
    beta: Mapping[str, float],
    sds: Mapping[str, Mapping[str, float]],
    *,
    correlated: set[str],
) -> str:
    """Write the formula of the true model."""
    response = f"p({RESPONSE}, {TRIALS})" if family.trials else RESPONSE
    bars = [
        f"({_side(effects)} {'|' if factor in correlated or len(effects) == 1 else '||'} {factor})"
        for factor, effects in sds.items()
    ]
    constant = {INTERCEPT: 0.0} if family.thresholds is not None else {}
    return f"{response} ~ {' + '.join([_side({**constant, **beta}), *bars])}"


def _side(names: Mapping[str, float]) -> str:
    return " + ".join(
        ["1" if INTERCEPT in names else "0", *(name for name in names if name != INTERCEPT)]
    )
