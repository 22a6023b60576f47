"""Fits without draws of group effects, as if too many to be kept, and with very many draws."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from scipy import stats

import bayesmix as bm
from bayesmix.engines.exact.engine import Exact
from bayesmix.engines.exact.sampler import Limits
from bayesmix.engines.run import sample


def with_effects_summarised(fit: bm.MixedFit) -> bm.MixedFit:
    """Sample a Gaussian fit again, with room for no draw of its group effects."""
    engine = Exact(Limits(kept_bytes=0))
    return dataclasses.replace(fit, idata=sample(fit.spec, fit.options, engines=(engine,)))


def with_draws(fit: bm.MixedFit, draws: int) -> bm.MixedFit:
    """Sample a fit again: other random numbers, so many draws, and room for all of them."""
    options = dataclasses.replace(fit.options, draws=draws, random_seed=77)
    engine = Exact(Limits(kept_bytes=1 << 40))
    idata = sample(fit.spec, options, engines=(engine,))
    return dataclasses.replace(fit, options=options, idata=idata)


def largest_z(ours: pd.DataFrame, theirs: pd.DataFrame, n_ours: float, n_theirs: float) -> float:
    """Compare summaries by the Monte-Carlo errors of so many draws: below 1 nothing is odd."""
    names = [name for name in ours if name.startswith(("value", "se", "lower", "upper"))]
    z = []
    for name in names:
        if name in ("value", "se"):
            error = theirs["se"] * (1 if name == "value" else np.sqrt(0.5))
        else:
            p = float(name.split("_")[1]) / 100
            error = theirs["se"] * np.sqrt(p * (1 - p)) / stats.norm.pdf(stats.norm.ppf(p))
        difference = ours[name].to_numpy() - theirs[name].to_numpy()
        z.append(difference / error / np.sqrt(1 / n_ours + 1 / n_theirs))
    z = np.concatenate(z)
    return float(np.abs(z).max() / stats.norm.isf(0.0005 / len(z)))
