"""What a comparison with the uncorrelated model says, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesmix.criteria.correlations import correlated_effects
from bayesmix.criteria.verdicts import SMALL_DIFFERENCE, caution, remedy
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    from arviz_stats import ELPDData

__all__ = ["cautions_of", "sentence_of", "what_is_compared"]


# A column whose mean is so many sds from zero is not centred.
NOT_CENTRED = 0.1


def sentence_of(table: pd.DataFrame, models: pd.DataFrame, *, trusted: bool = True) -> str:
    """Say in words what the correlations are, and what they do for prediction."""
    return f"{_about_correlations(table)}; {_about_prediction(models, trusted=trusted)}."


# A prior interval beyond this leaves nothing to be found out.
_SETTLED = 0.9


def _about_correlations(table: pd.DataFrame) -> str:
    """Name the one correlation, or how many of several are clearly not zero."""
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    if len(rows) > 1:
        sure = [row for row in rows if row["lower_2.5"] > 0 or row["upper_97.5"] < 0]
        if not sure:
            return f"None of the {len(rows)} correlations has a 95 % interval without zero"
        names = ", ".join(
            f"{row['effect_1']} and {row['effect_2']} by {row['group_var']} ({row['value']:.2f})"
            for row in sure
        )
        have = "have" if len(sure) > 1 else "has"
        return (
            f"{len(sure)} of {len(rows)} correlations {have} a 95 % interval without zero: {names}"
        )
    (row,) = rows
    p = max(row["p_positive"], 1 - row["p_positive"])
    sign = "positive" if row["p_positive"] > 0.5 else "negative"
    how = "clearly" if p > 0.975 else "probably" if p > 0.9 else "perhaps"
    verdict = f"is {how} {sign}" if p > 0.75 else "is of uncertain sign"
    if row["prior_2.5"] > _SETTLED or row["prior_97.5"] < -_SETTLED:
        verdict = (
            f"is {sign} by where {row['effect_2']} is zero, far from the data: its prior says so "
            "too"
        )
    what = f"The correlation of {row['effect_1']} and {row['effect_2']} by {row['group_var']}"
    return (
        f"{what} {verdict} (mean {row['value']:.2f}, 95 % interval {row['lower_2.5']:.2f} "
        f"to {row['upper_97.5']:.2f}, P(r > 0) = {row['p_positive']:.2f})"
    )


def _about_prediction(models: pd.DataFrame, *, trusted: bool = True) -> str:
    if not trusted:
        return "what modelling it does to predictions is not known from these estimates"
    parts = []
    rows: list[dict[str, Any]] = models.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        difference, se = row["difference"], row["se"]
        factor = row["criterion"].removeprefix("LOGO, ")
        whom = "new rows of the same groups" if factor == "LOO" else f"a new {factor}"
        if abs(difference) < SMALL_DIFFERENCE:
            effect = "hardly changes"
        elif abs(difference) < 2 * se:
            effect = f"may {'improve' if difference > 0 else 'worsen'}"
        else:
            effect = "improves" if difference > 0 else "worsens"
        parts.append(
            f"{effect} the prediction of {whom} ({difference:+.1f} units of elpd, standard error "
            f"{se:.1f})"
        )
    return f"modelling it {', and '.join(parts)}"


def cautions_of(
    criteria: Iterable[tuple[str, ELPDData, ELPDData]], others: Iterable[tuple[str, ELPDData]]
) -> tuple[str, ...]:
    """Say which estimates cannot be trusted, a sentence for each criterion."""
    found = []
    for criterion, correlated, uncorrelated in criteria:
        results = {"correlated": correlated, "uncorrelated": uncorrelated}
        kind = "logo" if criterion != "LOO" else "loo"
        way_out = remedy(results.values(), kind, from_fits=False)
        found.append(caution(results, criterion, way_out))
    for criterion, result in others:
        way_out = remedy([result], "loo", from_fits=False)
        found.append(caution({"correlated": result}, criterion, way_out))
    return tuple(filter(None, found))


def what_is_compared(spec: ModelSpec) -> tuple[str, ...]:
    """Say of each factor that a covariate is not centred, and what then differs."""
    notes = []
    for term in (term for joint in correlated_effects(spec) for term in joint.terms):
        part = spec.part(term)
        beside = term.intercept_block[1:]
        off = {
            term.effects[k]: float(term.Z[:, k].mean())
            for k in beside
            if abs(term.Z[:, k].mean()) > NOT_CENTRED * term.Z[:, k].std()
        }
        if not off:
            continue
        names = " and ".join(filter(None, [", ".join([*off][:-1]), [*off][-1]]))
        means = ", ".join(f"{mean:.4g}" for mean in off.values())
        has = f"is zero (its mean is {means})" if len(off) == 1 else f"are zero (means {means})"
        correlated = (
            "the correlated model is the same wherever that is"
            if part.is_centred(term)
            else "so does the correlated one, by the prior that was set for its intercept"
        )
        notes.append(
            f"What is compared: the uncorrelated model depends on where {names} {has}, since it "
            f"takes the intercepts by {term.factor} there as independent of the slopes; "
            f"{correlated}. Centre {names} if that zero has no meaning."
        )
    return tuple(notes)
