"""Parameters of the laws of effects: degrees of freedom of group effects, and hyperparameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from bayesmix.design.names import TermNames, hyper_name, path_start
from bayesmix.posterior.drawn import drawn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import draws_of
from bayesmix.posterior.summaries import interval_of
from bayesmix.priors.prior import Prior
from bayesmix.tables.parameters import parameter_table

__all__ = ["degrees_of_freedom", "hyperparameters", "student_lines"]


def degrees_of_freedom(fit: Fitted, *, ci_level: float = 0.95) -> pd.DataFrame:
    """Summarise the degrees of freedom of group effects that are Student-t, where estimated.

    Parameters
    ----------
    fit : Fitted
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        ``parameter, value, se, lower_2.5, upper_97.5``, one row ``df:<factor>`` for each.
    """
    leaves = [leaf for leaf in fit.spec.priors.leaves if leaf.kind == "df"]
    names = [TermNames(leaf.node[1], leaf.predictor).df for leaf in leaves]
    return _summarised(fit, [leaf.path for leaf in leaves], names, ci_level)


def hyperparameters(fit: Fitted, *, ci_level: float = 0.95) -> pd.DataFrame:
    """Summarise the parameters of priors of population effects that have priors themselves.

    Parameters and columns are those of `degrees_of_freedom`; rows such as ``beta:sigma``.
    """
    paths = list(fit.spec.priors.hyperparameters)
    return _summarised(fit, paths, [hyper_name(path) for path in paths], ci_level)


def student_lines(fit: Fitted) -> Iterator[str]:
    """Say which group effects are Student-t, and what their sd is."""
    for part, term in fit.spec.owned_terms:
        law = part.student(term)
        if law is not None:
            fixed = "" if isinstance(law.nu, Prior) else f" with df fixed at {law.nu:g}"
            yield (
                f"Effects of {path_start(term.predictor)}{term.factor} are Student-t{fixed}; sd is "
                "the scale of that distribution"
            )


def _summarised(
    fit: Fitted, paths: Sequence[str], names: Sequence[str], ci_level: float
) -> pd.DataFrame:
    draws = [draws_of(drawn_of(fit).posterior, name) for name in names]
    return parameter_table(fit, dict(zip(paths, draws, strict=True)), interval_of(ci_level))
