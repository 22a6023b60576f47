"""Models compared by their evidence: Bayes factors, probabilities, and what they mean in words."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.errors import BayesmixError, ComparisonWarning
from bayesmix.base.words import count
from bayesmix.criteria.evidence import Evidence, check_evidence, log_evidence
from bayesmix.criteria.facts import Facts
from bayesmix.posterior.fitted import Fitted
from bayesmix.tables.page import Summary

__all__ = ["evidence_columns", "evidence_summary", "evidences"]

REFERENCE = "Kass & Raftery (1995), https://doi.org/10.1080/01621459.1995.10476572"
TITLE = "Evidence: density of the response under each model and its priors, before it was seen"
DEPENDENCE = (
    "Bayes factors depend on the priors of all that the models do not share, and a very wide prior "
    "counts against its model, also where fit.sensitivity() finds no estimate that depends on it: "
    "fits with other priors tell how much."
)
# By Kass & Raftery: Bayes factors from which on there is evidence so strong.
GRADES = ((150.0, "very strong"), (20.0, "strong"), (3.0, "positive"))
# Bayes factors beyond it are written as powers of ten.
LARGEST_WRITTEN = 1e5


def evidences(models: Mapping[str, Fitted], options: Mapping[str, Any]) -> dict[str, Evidence]:
    """Compute the evidence of each fit; warnings go into the table."""
    for name, fit in models.items():
        try:
            check_evidence(fit.spec)
        except BayesmixError as error:
            raise BayesmixError(f"'{name}': {error}") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ComparisonWarning)
        return {name: log_evidence(fit, **options) for name, fit in models.items()}


def evidence_columns(
    found: Mapping[str, Evidence], facts: Mapping[str, Facts]
) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """Return the columns of the table, the models in their order, and its attributes."""
    order = sorted(found, key=lambda name: -found[name].log_evidence)
    logs = np.array([found[name].log_evidence for name in order])
    se = np.array([found[name].se for name in order])
    behind = logs[0] - logs
    probability = np.exp(-behind) / np.exp(-behind).sum()
    of_difference = np.where(np.arange(len(order)) == 0, 0.0, np.hypot(se, se[0]))
    doubts = [found[name].warning for name in order]
    columns = {
        "K": [facts[name].K for name in order],
        "log_evidence": logs,
        "se": se,
        "Delta_log_evidence": behind,
        "se_Delta": of_difference,
        "Bayes_factor": np.exp(-behind),
        "probability": probability,
        "N_random_effects": [facts[name].n_random_effects for name in order],
        "warning": pd.Series(doubts, dtype="str").array,
    }
    n = facts[order[0]].n_rows
    doubtful = [name for name, doubt in zip(order, doubts, strict=True) if doubt]
    attributes = {
        "ic": "evidence",
        "group": "",
        "n": n,
        "title": f"{TITLE}; {count(n, 'row')}",
        "note": _in_words(order, behind, of_difference, doubtful),
        "caution": _caution(doubtful),
    }
    return columns, order, attributes


def evidence_summary(table: pd.DataFrame) -> Summary:
    """Return what the table of evidences prints."""
    notes = tuple(f"{model}: {text}." for model, text in table["warning"].items() if text)
    first = ["K", "log_evidence", "se", "Delta_log_evidence", "se_Delta", "N_random_effects"]
    caution = table.attrs["caution"]
    return Summary(
        header=(table.attrs["title"],),
        sections=(
            ("Model comparison", pd.DataFrame(table[first])),
            ("Against the best, all models as probable before", pd.DataFrame(table[_OF_RATIOS])),
        ),
        footer=(f"{table.attrs['note']} See {REFERENCE}.", DEPENDENCE),
        alerts=((caution, *notes) if caution else notes),
    )


_OF_RATIOS = ["Bayes_factor", "probability"]


def _caution(doubtful: Sequence[str]) -> str:
    if not doubtful:
        return ""
    names = ", ".join(map(repr, doubtful))
    return (
        f"The evidence of {names} could not be estimated well, and no model is judged by it. "
        "Narrower priors may help; fit.loo() asks another question that needs no evidence."
    )


def _in_words(
    order: Sequence[str],
    behind: np.ndarray,
    se: np.ndarray,
    doubtful: Sequence[str],
) -> str:
    """Say what the ratios of the best model to the others mean."""
    best = order[0]
    sentences = []
    for name, difference, error in zip(order[1:], behind[1:], se[1:], strict=True):
        times = f"{_written(difference)} times as probable under {best} as under {name}"
        if {name, best} & set(doubtful):
            sentences.append(f"The rows come out as {times}, which is not known well.")
        elif difference < 2 * error:
            sentences.append(
                f"The evidence of {best} and {name} differs by no more than the Monte-Carlo error."
            )
        else:
            sentences.append(f"The rows are {times}: {_grade(difference)}.")
    sentences.append(
        "The probability is that of each model given the rows, if one of these made them and all "
        "were as probable before."
    )
    return " ".join(sentences)


def _written(log_ratio: float) -> str:
    ratio = np.exp(min(log_ratio, 700.0))
    if ratio < LARGEST_WRITTEN:
        return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"
    return f"10^{log_ratio / np.log(10):.0f}"


def _grade(log_ratio: float) -> str:
    ratio = np.exp(min(log_ratio, 700.0))
    for least, grade in GRADES:
        if ratio >= least:
            return f"{grade} evidence"
    return "not worth more than a mention"
