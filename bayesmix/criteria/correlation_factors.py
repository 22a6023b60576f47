"""Bayes factors of a model with correlated group effects, as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.correlations import correlated_effects
from bayesmix.criteria.evidence import Evidence, check_evidence, log_evidence
from bayesmix.criteria.savage_dickey import AtZero, correlations_at_zero
from bayesmix.posterior.fitted import Fitted

__all__ = ["correlation_factors", "evidence_if_known", "what_is_zero"]

COLUMNS = ["eta", "against", "bayes_factor", "log_bayes_factor", "se"]
UNCORRELATED = "uncorrelated"


def evidence_if_known(fit: Fitted) -> Evidence | None:
    """Compute the evidence of a fit; None where it has none, or none that can be trusted."""
    try:
        check_evidence(fit.spec)
        found = log_evidence(fit, progressbar=False)
    except BayesmixError:
        return None
    return None if found.warning else found


def correlation_factors(fit: Fitted, uncorrelated: Evidence | None) -> pd.DataFrame:
    """Return a row against the uncorrelated model, and one for each correlation at zero."""
    etas = {fit.spec.joint_correlations(joint).eta for joint in correlated_effects(fit.spec)}
    eta = etas.pop() if len(etas) == 1 else np.nan
    rows: list[dict[str, Any]] = []
    own = None if uncorrelated is None else evidence_if_known(fit)
    if own is not None and uncorrelated is not None:
        difference = own.log_evidence - uncorrelated.log_evidence
        rows.append(_row(eta, UNCORRELATED, difference, float(np.hypot(own.se, uncorrelated.se))))
    singles = correlations_at_zero(fit)
    for one in singles:
        names = f"{one.factor}: r({one.effect_1}, {one.effect_2})" if len(singles) > 1 else "r"
        what = f"{names} = 0"
        where = "".join(f", {name} at {mean:.4g}" for name, mean in _means(fit, one).items())
        rows.append(_row(eta, what + where, one.log_bayes_factor, one.se))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(eta: float, against: str, log_bayes_factor: float, se: float) -> dict[str, Any]:
    with np.errstate(over="ignore"):
        factor = float(np.exp(log_bayes_factor))
    return dict(zip(COLUMNS, (eta, against, factor, log_bayes_factor, se), strict=True))


def _means(fit: Fitted, one: AtZero) -> dict[str, float]:
    """Return where other columns stand, for the effects of which the correlation is zero."""
    effects = {one.effect_1, one.effect_2}
    return {
        effect: float(mean)
        for joint in correlated_effects(fit.spec)
        for term, place in joint.members
        if joint.factor == one.factor and effects & set(joint.effects[place])
        for effect, mean in zip(joint.effects[place], fit.spec.part(term).centre(term), strict=True)
        if mean
    }


def what_is_zero(table: pd.DataFrame) -> tuple[str, ...]:
    """Say what the Bayes factors compare."""
    if table.empty:
        return ()
    sentences = [
        "Bayes factor: how many times as probable the rows are under the correlated model as under "
        "the other; se is the Monte-Carlo error of its logarithm."
    ]
    if UNCORRELATED in set(table["against"]):
        sentences.append("Against the uncorrelated model, by the evidence of both.")
    singles = table[table["against"] != UNCORRELATED]
    if len(singles):
        sentences.append("Against the same model with r = 0, by Savage & Dickey.")
    if singles["against"].str.contains(" at ").any():
        sentences.append(
            "There r is that of the effects with other columns at their means, where the priors "
            "stand; the uncorrelated model has independent effects where these columns are zero."
        )
    if singles["log_bayes_factor"].isna().any():
        sentences.append(
            "There is no number where draws do not tell the density at 0: it is far from all of "
            "them, or they are few."
        )
    sentences.append(
        "Bayes factors depend on the priors: on those of correlations as the rows of eta show, and "
        "on those of the sds."
    )
    return (" ".join(sentences),)
