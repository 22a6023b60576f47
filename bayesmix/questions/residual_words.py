"""What residual tests say, in words, and what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bayesmix.base.words import count

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["LEVEL", "advice_of", "sentence_of"]

# Adjusted p-value below which a test is told.
LEVEL = 0.05

# What varies more than a family does, and has a wider one.
_WIDER = {
    "poisson": "family='negbinomial'",
    "zero_inflated_poisson": "family='zero_inflated_negbinomial'",
    "hurdle_poisson": "family='hurdle_negbinomial'",
    "binomial": "family='beta_binomial'",
    "gaussian": "family='student'",
}
_WITH_ZEROS = {
    "poisson": "family='zero_inflated_poisson' or 'hurdle_poisson'",
    "negbinomial": "family='zero_inflated_negbinomial' or 'hurdle_negbinomial'",
}
_OTHERS = {
    "gaussian": "'student' for long tails, 'lognormal' or 'gamma' for positive responses, "
    "'skew_normal' for others that lean to one side",
    "lognormal": "'gamma' or 'weibull'",
    "gamma": "'lognormal' or 'weibull'",
    "weibull": "'gamma' or 'lognormal'",
}
_OF_SPREAD = {
    "gaussian": "sigma",
    "student": "sigma",
    "skew_normal": "sigma",
    "exgaussian": "sigma",
    "lognormal": "sigma",
    "hurdle_lognormal": "sigma",
    "gamma": "shape",
    "weibull": "shape",
    "negbinomial": "shape",
    "hurdle_negbinomial": "shape",
    "zero_inflated_negbinomial": "shape",
    "beta": "phi",
    "beta_binomial": "phi",
    "cumulative": "disc",
}


def sentence_of(table: pd.DataFrame) -> str:
    """Say which tests tell that the model is wrong."""
    told = table[table["p_adjusted"] < LEVEL]
    if told.empty:
        return (
            f"No sign that the model is wrong: {count(len(table), 'test')}, none with an adjusted "
            f"p-value below {LEVEL}."
        )
    text = f"{'; '.join(_words(row) for _, row in told.iterrows())}."
    return text[:1].upper() + text[1:]


def _words(row: pd.Series[float]) -> str:
    more = row["observed"] > row["expected"]
    test, by = str(row["test"]), str(row["by"])
    numbers = f"({row['observed']:.3g}, expected {row['expected']:.3g})"
    match test:
        case "dispersion":
            return f"responses vary {'more' if more else 'less'} than the model says {numbers}"
        case "zeros":
            return f"there are {'more' if more else 'fewer'} zeros than the model says {numbers}"
        case "outliers":
            return f"there are more extreme responses than the model says {numbers}"
        case "trend":
            return f"residuals have a trend along {by}"
        case "spread":
            return f"the spread of the residuals changes along {by}"
    return "the distribution of the residuals is not that of the model"


def advice_of(family: Family, table: pd.DataFrame) -> tuple[str, ...]:
    """Say what to try for the tests that tell something, each once."""
    told = table[table["p_adjusted"] < LEVEL]
    found = dict.fromkeys(text for _, row in told.iterrows() if (text := _advice(family, row)))
    # Where nothing better is known of the distribution, the others say more.
    if len(found) > 1 and family.name not in _OTHERS:
        found.pop(_of_uniformity(family), None)
    return tuple(found)


def _advice(family: Family, row: pd.Series[float]) -> str:
    more, by = bool(row["observed"] > row["expected"]), str(row["by"])
    match str(row["test"]):
        case "dispersion" if more:
            return _of_dispersion(family)
        case "dispersion":
            return (
                "Less variance than the family has: leave out effects of single rows, look for "
                "rows that are there twice, or use another family."
            )
        case "zeros":
            return _of_zeros(family, more=more)
        case "outliers":
            wider = _WIDER.get(family.name)
            return f"Look at the extreme rows{f'; then try {wider}' if wider else ''}."
        case "trend" if by == "fitted":
            return (
                "A predictor that is missing or curved, or another link: look at "
                "fit.plot_residuals(by=...) for each column, and at columns that the formula lacks."
            )
        case "trend":
            return (
                f"{by} may have a curved effect, or one that is missing: try poly({by}, 2) or "
                f"bs({by}, df=4), or interactions with it."
            )
        case "spread":
            name = _OF_SPREAD.get(family.name)
            where = "~ x" if by == "fitted" else f"~ {by}"
            if name is None:
                return "The variance is not that of the family everywhere: try another family."
            return f"Give the spread a predictor: {name}='{where}'."
    return _of_uniformity(family)


def _of_dispersion(family: Family) -> str:
    wider = _WIDER.get(family.name)
    if wider is None:
        return (
            "More variance than the family has: look for a predictor or a factor that is missing."
        )
    return (
        f"Overdispersion: try {wider}, after trends, zeros and factors that the formula lacks, "
        "which look the same."
    )


def _of_zeros(family: Family, *, more: bool) -> str:
    others = _WITH_ZEROS.get(family.name)
    if others is not None and more:
        wider = _WIDER.get(family.name)
        first = f" (overdispersion makes zeros, too: compare with {wider})" if wider else ""
        return f"Zeros: try {others}{first}."
    if others is not None:
        return (
            f"Fewer zeros: try {others.rpartition(' or ')[0].replace('zero_inflated', 'hurdle')}."
        )
    return (
        "Zeros: give their probability a predictor (zi= or hu=), or look for one that is missing."
    )


def _of_uniformity(family: Family) -> str:
    others = _OTHERS.get(family.name)
    text = "Look at fit.plot_residuals()"
    return f"{text}; other families: {others}." if others else f"{text}, and try another family."
