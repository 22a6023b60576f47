"""A fit set against lme4's estimates of the same model: one frame for each kind of figure.

`reference` is one fit of lme4.json. Names are matched to ours: lme4 writes ``sesmid`` for
``ses[mid]`` and may turn the parts of a combination around, ``cask:batch`` for ``batch:cask``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from arviz_stats.base import array_stats

import bayesmix as bm


def fixed_effects(fit: bm.MixedFit, reference: Mapping[str, Any]) -> pd.DataFrame:
    """Give ``difference`` and its Monte-Carlo error ``mcse`` in units of lme4's standard error."""
    estimates = {effect["term"]: effect for effect in reference["fixed"]}
    table = fit.fixef()[["term", "value"]]
    lme4 = [estimates[plain(term)] for term in table["term"]]
    table["lme4"] = [effect["estimate"] for effect in lme4]
    table["lme4_se"] = [effect["se"] for effect in lme4]
    table["difference"] = (table["value"] - table["lme4"]) / table["lme4_se"]
    draws = fit.posterior["beta"].transpose("term", "chain", "draw").values
    table["mcse"] = array_stats.mcse(draws, method="mean") / table["lme4_se"]
    return table


def residual_sd(fit: bm.MixedFit, reference: Mapping[str, Any]) -> float:
    """Posterior mean of the residual sd as a multiple of lme4's; NaN for other families."""
    if reference["sigma"] is None:
        return np.nan
    return float(fit.posterior["sigma"].mean()) / reference["sigma"]


def group_sds(fit: bm.MixedFit, reference: Mapping[str, Any]) -> pd.DataFrame:
    """Give each sd with its 80 % interval, and whether lme4's estimate lies ``inside`` it."""
    estimates = {
        (parts(component["group"]), component["effect"]): component["sd"]
        for component in reference["var_components"]
    }
    table = fit.varcorr(ci_level=0.8).query("group != 'Residual'").reset_index(drop=True)
    table = table[["group", "effect", "sd", "sd_10", "sd_90"]]
    levels = {term.factor: term.n_levels for term in fit.design.groups}
    table.insert(2, "levels", table["group"].map(levels))
    table["lme4"] = [
        estimates[parts(group), plain(effect)]
        for group, effect in zip(table["group"], table["effect"], strict=True)
    ]
    table["inside"] = table["lme4"].between(table["sd_10"], table["sd_90"])
    return table


def group_effects(fit: bm.MixedFit, reference: Mapping[str, Any]) -> pd.DataFrame:
    """Correlate posterior means with conditional modes; ``slope`` of the first on the second."""
    modes = {
        (effect["effect"], *level(effect["group_var"], effect["group"])): effect["value"]
        for effect in reference["ranef"]
    }
    rows = []
    for (group, effect), part in fit.ranef().groupby(["group_var", "effect"], sort=False):
        lme4 = np.array([modes[plain(effect), *level(group, label)] for label in part["group"]])
        correlation = np.corrcoef(lme4, part["value"])[0, 1]
        slope = correlation * part["value"].std(ddof=0) / lme4.std()
        rows.append((group, effect, len(part), correlation, slope))
    return pd.DataFrame(rows, columns=["group", "effect", "levels", "correlation", "slope"])


def plain(label: str) -> str:
    return label.replace("[", "").replace("]", "")


def parts(factor: str) -> tuple[str, ...]:
    return tuple(sorted(factor.split(":")))


def level(factor: str, label: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(zip(factor.split(":"), label.split(":"), strict=True)))
