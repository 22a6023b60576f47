"""Models compared by how well they predict: the table, and what it prints."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.words import count
from bayesmix.criteria.comparable import NAMES
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.verdicts import caution, doubts, in_words, remedy
from bayesmix.tables.page import Summary

if TYPE_CHECKING:
    from arviz_stats import ELPDData

__all__ = ["elpd_columns", "elpd_summary"]

QUESTIONS = {
    "loo": "prediction of a new row of the groups in the data",
    "waic": "prediction of a new row of the groups in the data, by an approximation to LOO",
    "logo": "prediction of all rows of a new level of {group}",
    "kfold": "prediction of held-out rows",
}
LEAST_WEIGHT = 1e-9
REFERENCE = "Sivula et al. (2025), https://doi.org/10.48550/arXiv.2008.10296"


def elpd_columns(
    results: Mapping[str, ELPDData],
    facts: Mapping[str, Facts | None],
    criterion: str,
    *,
    from_fits: bool,
) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """Return the columns of the table, the models in their order, and its attributes."""
    against = _against_best(results)
    difference, se_difference = against["elpd_diff"], against["dse"]
    order = sorted(results, key=lambda name: -results[name].elpd)
    name = NAMES[criterion]

    def whole(field: str) -> list[Any]:
        values = [getattr(facts[model], field, np.nan) for model in order]
        return values

    columns = {
        "K": whole("K"),
        name: [-2 * results[model].elpd for model in order],
        f"Delta_{name}": [2 * difference[model] for model in order],
        "se_Delta": [2 * se_difference[model] for model in order],
        "elpd": [float(results[model].elpd) for model in order],
        "se": [float(results[model].se) for model in order],
        "p": [float(results[model].p) for model in order],
        "p_worse": [against["p_worse"][model] for model in order],
        "weight": [against["weight"][model] for model in order],
        "N_random_effects": whole("n_random_effects"),
        "warning": pd.Series([doubts(results[model]) for model in order], dtype="str").array,
    }
    group = getattr(results[order[0]], "group", "")
    n = results[order[0]].elpd_i.size
    units = f"{count(n, 'group')} of {group}" if group else count(n, "row")
    attributes = {
        "ic": criterion,
        "group": group,
        "n": n,
        "title": f"{criterion.upper()}: {QUESTIONS[criterion].format(group=group)}; {units}",
        "note": in_words(
            order,
            difference,
            se_difference,
            against["p_worse"],
            n,
            "groups" if group else "rows",
            [model for model in order if doubts(results[model])],
        ),
        "caution": caution(
            {model: results[model] for model in order},
            criterion.upper(),
            remedy(results.values(), criterion, from_fits=from_fits),
        ),
    }
    return columns, order, attributes


def elpd_summary(table: pd.DataFrame) -> Summary:
    """Return what the table prints."""
    notes = tuple(f"{model}: {text}." for model, text in table["warning"].items() if text)
    # What the chapter's table shows comes first, and what it has not stands by itself.
    last = ["elpd", "se", "p"]
    frame = pd.DataFrame(table)
    return Summary(
        header=(table.attrs["title"],),
        sections=(
            ("Model comparison", frame.drop(columns=["warning", "p_worse", *last])),
            ("Expected log predictive density", frame[last]),
        ),
        footer=(f"{table.attrs['note']} See {REFERENCE}.",),
        alerts=((table.attrs["caution"], *notes) if table.attrs["caution"] else notes),
    )


def _against_best(results: Mapping[str, ELPDData]) -> dict[str, dict[str, float]]:
    """Stacking weights, and how much worse than the best each model is, by ArviZ's names."""
    import arviz_stats
    import xarray as xr

    pointwise = np.array([np.asarray(result.elpd_i, np.float64) for result in results.values()])
    # Weights and differences do not change, and no density of a group underflows.
    shifted = pointwise - pointwise.max(axis=0)

    inputs = {
        name: arviz_stats.ELPDData(
            elpd=float(result.elpd),
            se=float(result.se),
            p=float(result.p),
            n_samples=result.n_samples,
            n_data_points=values.size,
            scale="log",
            warning=False,
            good_k=None,
            elpd_i=xr.DataArray(values, dims="unit"),
        )
        for (name, result), values in zip(results.items(), shifted, strict=True)
    }
    with warnings.catch_warnings():
        # Of more than eleven models it tells that the best may be so by chance.
        warnings.simplefilter("ignore")
        frame = arviz_stats.compare(inputs, round_to="none")
    found = frame[["weight", "elpd_diff", "dse", "p_worse"]].astype(float)
    # What the optimiser leaves of zero is zero.
    found["weight"] = found["weight"].where(found["weight"] > LEAST_WEIGHT, 0.0)
    found["elpd_diff"] = found["elpd_diff"].abs()
    # Models whose densities are the same in all rows are as good as each other.
    found["p_worse"] = found["p_worse"].where(found["elpd_diff"] > 0, 0.5)
    found.loc[found.index[0], "p_worse"] = np.nan
    return {name: column.to_dict() for name, column in found.items()}
