"""What a user gives to simulate data: sizes, effects and sds, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import as_number, as_whole_number, few, shape_of, shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.families.family import Family

__all__ = [
    "INTERCEPT",
    "MOST_ROWS",
    "RESPONSE",
    "TIME",
    "TRIALS",
    "check_factors",
    "check_intercept",
    "check_names",
    "intercept_first",
    "read_counts",
    "read_dfs",
    "read_levels",
    "read_numbers",
    "read_sds",
]


MOST_ROWS = 10_000_000
INTERCEPT = "Intercept"
TIME = "time"
RESPONSE = "y"
TRIALS = "trials"
_CONSTANTS = ("True", "False", "None")


def read_levels(n_groups: int | Mapping[str, int]) -> dict[str, list[str]]:
    """Label the levels of each grouping factor from 1 on."""
    sizes = dict(n_groups) if isinstance(n_groups, Mapping) else {"group": n_groups}
    if not sizes:
        raise BayesmixError("n_groups names no grouping factor. Give a number or {'group': 50}.")
    levels = {}
    for factor, size in sizes.items():
        count = read_counts(f"the number of levels of '{factor}'", size, 1)[0]
        levels[factor] = [str(level) for level in range(1, count + 1)]
    return levels


def read_sds(
    sd: Mapping[str, float] | Mapping[str, Mapping[str, float]], levels: Mapping[str, list[str]]
) -> dict[str, dict[str, float]]:
    """Read the sds of the group effects, by factor and effect."""
    if not isinstance(sd, Mapping) or not sd:
        raise BayesmixError(
            f"sd must map each group effect to its sd, as in {{'Intercept': 0.5}}; got {shown(sd)}."
        )
    nested = any(isinstance(value, Mapping) for value in sd.values())
    by_factor: Mapping[str, Any] = sd if nested else {next(iter(levels)): sd}
    check_factors("sd", by_factor, levels)
    for factor in levels:
        if factor not in by_factor:
            raise BayesmixError(
                f"Grouping factor '{factor}' has no sd. Give one mapping for each factor: "
                f"sd={{'{factor}': {{'Intercept': 0.5}}, ...}}."
            )
    sds = {factor: read_numbers(f"sd of '{factor}'", by_factor[factor]) for factor in levels}
    for factor, effects in sds.items():
        if not effects:
            raise BayesmixError(
                f"Grouping factor '{factor}' has no effect. Give at least one sd: "
                f"sd={{'{factor}': {{'Intercept': 0.5}}}}."
            )
    for factor, effects in sds.items():
        for effect, value in effects.items():
            if value < 0:
                raise BayesmixError(
                    f"The sd of '{effect}' by '{factor}' is {value}. An sd is 0 or positive."
                )
    return sds


def read_dfs(
    df: float | Mapping[str, float] | None, levels: Mapping[str, list[str]]
) -> dict[str, float]:
    """Read the degrees of freedom of effects that are Student-t, by factor."""
    if df is None:
        return {}
    if not isinstance(df, Mapping):
        if len(levels) > 1:
            raise BayesmixError(
                f"df={shown(df)} with several grouping factors. Say whose effects are Student-t: "
                f"df={{'{next(iter(levels))}': 4}}."
            )
        df = {next(iter(levels)): df}
    check_factors("df", df, levels)
    numbers = read_numbers("df", df)
    for factor, value in numbers.items():
        if value <= 0:
            raise BayesmixError(
                f"df of '{factor}' is {value}. Degrees of freedom are positive: few, such as 4, "
                "for some levels far from all others, and None for normal effects."
            )
    return numbers


def read_numbers(what: str, values: Mapping[str, float]) -> dict[str, float]:
    """Read finite numbers by name."""
    if not isinstance(values, Mapping):
        raise BayesmixError(
            f"{what} must map names to numbers, as in {{'Intercept': 1.0, 'x': 0.5}}; "
            f"got {shown(values)}."
        )
    numbers = {}
    for name, value in values.items():
        number = as_number(value)
        if number is None or not np.isfinite(number):
            raise BayesmixError(
                f"{what} has {shown(value)} for '{name}'. It must be a finite number."
            )
        numbers[name] = number
    return numbers


def read_counts(what: str, value: int | Sequence[int], size: int) -> npt.NDArray[np.int64]:
    """Read positive whole numbers, one for each of `size`, of one number or of as many."""
    # The shape comes first: what has a length may be endless.
    shape = shape_of(value, size)
    fits = shape in {(), (size,)}
    counts = np.asarray(value if fits else 1)
    whole = fits or all(as_whole_number(one) is not None for one in few(what, value))
    if not (whole and np.issubdtype(counts.dtype, np.integer)) or counts.min(initial=1) < 1:
        raise BayesmixError(f"{what} must be made of positive whole numbers; got {shown(value)}.")
    if not fits or not counts.size:
        raise BayesmixError(
            f"{what} has shape {shape}. Give one number, or one for each of {size}."
        )
    if counts.max() > MOST_ROWS:
        raise BayesmixError(
            f"{what} is {shown(value)}. No more than {MOST_ROWS:,} fit into memory."
        )
    return np.broadcast_to(counts, (size,)).astype(np.int64)


def intercept_first[T](values: Mapping[str, T]) -> dict[str, T]:
    """Put the intercept first, and keep the order of all else."""
    return {name: values[name] for name in sorted(values, key=lambda name: name != INTERCEPT)}


def check_factors(what: str, given: Mapping[str, Any], factors: Mapping[str, Any]) -> None:
    """Raise for a grouping factor that there is not."""
    for factor in given:
        if factor not in factors:
            hint = suggest(factor, factors)
            raise BayesmixError(
                f"{what} names the unknown grouping factor {shown(factor)}. "
                f"Factors: {', '.join(factors)}. {hint}".rstrip()
            )


def check_intercept(family: Family, beta: Mapping[str, float]) -> None:
    """Raise for an intercept beside thresholds."""
    if family.thresholds is not None and INTERCEPT in beta:
        raise BayesmixError(
            f"Family {family.name!r} has thresholds in the place of an intercept. Leave "
            f"'{INTERCEPT}' out of beta and give {family.thresholds.name}=[...]."
        )


def check_names(family: Family, levels: Mapping[str, Any], names: set[str]) -> None:
    """Raise for names that cannot be columns, or that two columns would have."""
    reserved = {RESPONSE, TRIALS} if family.trials else {RESPONSE}
    for name in (*levels, *sorted(names, key=str)):
        if not isinstance(name, str) or not name.isidentifier() or name in _CONSTANTS:
            raise BayesmixError(f"{shown(name)} cannot be a column. Use a plain name such as 'x1'.")
        if name in reserved:
            raise BayesmixError(f"'{name}' is taken by the response. Choose another name.")
    for factor in levels:
        if factor in names or factor in {INTERCEPT, TIME}:
            raise BayesmixError(
                f"'{factor}' is both a grouping factor and a covariate. Rename one of them."
            )
