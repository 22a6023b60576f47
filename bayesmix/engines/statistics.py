"""Summaries of effects that are too many for all of their draws to be kept."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.model.spec import ModelSpec

__all__ = ["KEPT_BYTES", "PROBABILITIES", "STATISTICS", "bytes_of_effects", "statistics_of"]

# Bytes of draws of group effects (u and zeta) beyond which those of the largest factor are
# summarised.
KEPT_BYTES = 1 << 30

PROBABILITIES = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)
STATISTICS = ("mean", "sd", *(f"{p:g}" for p in PROBABILITIES))


def bytes_of_effects(spec: ModelSpec) -> int:
    """Bytes of one draw of all u and zeta."""
    return 16 * sum(term.n_levels * term.n_effects for term in spec.design.every_group)


def statistics_of(draws: FloatArray) -> FloatArray:
    """Mean, sd and quantiles of (q, levels, B) over draws, shape (len(STATISTICS), levels, q)."""
    moments = [draws.mean(axis=2), draws.std(axis=2, ddof=1)]
    draws.sort(axis=2)
    places = np.array(PROBABILITIES) * (draws.shape[2] - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, draws.shape[2] - 1)
    share = places - below
    quantiles = draws[..., below] * (1 - share) + draws[..., above] * share
    return np.stack([values.T for values in (*moments, *np.moveaxis(quantiles, 2, 0))])
