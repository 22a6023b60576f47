"""Fits without draws of group effects, as if these had been too many to be kept."""

from __future__ import annotations

import dataclasses

import bayesmix as bm
from bayesmix.engines.exact.engine import Exact
from bayesmix.engines.exact.sampler import Limits
from bayesmix.engines.run import sample


def with_effects_summarised(fit: bm.MixedFit) -> bm.MixedFit:
    """Sample a Gaussian fit again, with room for no draw of its group effects."""
    engine = Exact(Limits(kept_bytes=0))
    return dataclasses.replace(fit, idata=sample(fit.spec, fit.options, engines=(engine,)))
