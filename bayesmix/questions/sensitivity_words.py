"""What power-scaling says, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesmix.base.words import count
from bayesmix.questions.log_priors import ALL

__all__ = ["CONFLICT", "NOTHING", "STRONG", "diagnosis", "pulls", "sentence", "trust"]

# priorsense's words.
CONFLICT = "potential prior-data conflict"
STRONG = "potential strong prior / weak likelihood"
UNKNOWN = "depends on the prior"
NOTHING = "-"
# Parameters that are told of one by one.
_MOST = 8


def diagnosis(prior: float, likelihood: float, threshold: float) -> str:
    """Judge the sensitivities of a parameter; that to the likelihood may be unknown."""
    if not prior >= threshold:
        return NOTHING
    if np.isnan(likelihood):
        return UNKNOWN
    return CONFLICT if likelihood >= threshold else STRONG


def sentence(table: pd.DataFrame, threshold: float) -> str:
    """Say first how many parameters depend on the priors."""
    found = table.loc[table["diagnosis"] != NOTHING, "parameter"].drop_duplicates()
    n = table["parameter"].nunique()
    if found.empty:
        who = "The parameter does not depend" if n == 1 else f"None of {n} parameters depends"
        return f"{who} noticeably on the prior (sensitivity below {threshold:g})."
    names = ", ".join(found[:_MOST])
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    verb = "depends" if len(found) == 1 else "depend"
    return (
        f"{len(found)} of {count(n, 'parameter')} {verb} on the prior (sensitivity {threshold:g} "
        f"or more): {names}{more}."
    )


def pulls(table: pd.DataFrame, lower: str, upper: str, power: float) -> list[str]:
    """Say of parameters that depend on the prior to where it pulls them.

    Parameters
    ----------
    table : DataFrame
        The result.
    lower, upper : str
        Columns of the means with the priors counted less, and more.
    power : float
        How often the priors count in the latter.
    """
    rows = table[table["diagnosis"] != NOTHING]
    rows = rows.sort_values("prior", ascending=False)
    found = []
    for _, row in rows.head(_MOST).iterrows():
        less, more, value = row[lower], row[upper], row["value"]
        sds = (more - value) / row["se"] if row["se"] > 0 else 0.0
        how = "up" if sds > 0 else "down"
        what = row.get("priors", ALL)
        of = "the priors" if what == ALL else f"the priors '{what}'"
        found.append(
            f"{row['parameter']}: {row['diagnosis']}. Counting {of} {_times(power)} moves its mean "
            f"from {value:.4g} {how} to {more:.4g}, by {abs(sds):.2g} of its sd; counting them "
            f"{_times(1 / power)}, to {less:.4g}."
        )
    return found


def _times(power: float) -> str:
    return {2.0: "twice", 0.5: "half"}.get(power, f"{power:.4g} times")


def trust(
    k: dict[str, float], good_k: float, *, is_refitted: bool, means: Sequence[str]
) -> tuple[str, ...]:
    """Say which numbers do not rest on weights that can be trusted, and what to do.

    Parameters
    ----------
    k : dict of str to float
        The largest Pareto k by column.
    good_k : float
    is_refitted : bool
        Whether what could be refitted was.
    means : sequence of str
        Columns of the means with other priors.
    """
    found = [
        f"The column '{column}' cannot be trusted: its importance weights have a Pareto k of "
        f"{k[column]:.2f}, above {good_k:.2f}. Fit with more draws."
        for column in ("prior", "likelihood")
        if k[column] > good_k
    ]
    if k["value"] > good_k and not is_refitted:
        found.append(
            f"The columns {' and '.join(repr(name) for name in means)} cannot be trusted: their "
            f"importance weights have a Pareto k of {k['value']:.2f}, above {good_k:.2f}. "
            "fit.sensitivity(refit=True) refits with these priors; a smaller power, such as "
            "power=1.25, asks for less."
        )
    return tuple(found)
