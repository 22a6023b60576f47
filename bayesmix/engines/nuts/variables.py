"""Variables of the joint model from their priors: single ones, and a vector of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesmix.model.schema import part_name
from bayesmix.priors.prior import Prior, vectorise

__all__ = ["variable", "vector"]


def variable(name: str, prior: Prior, **kwargs: Any) -> Any:
    """Make a variable with a prior whose parameters are numbers."""
    import pymc as pm

    return getattr(pm, prior.distribution)(name, **prior.parameters, **kwargs)


def vector(name: str, labels: Sequence[str], priors: Sequence[Prior], dim: str) -> Any:
    """Make a vector: one variable where priors differ in numbers only, else one for each label."""
    import pymc as pm
    import pytensor.tensor as pt

    together = vectorise(priors)
    if together is not None:
        distribution, parameters = together
        return getattr(pm, distribution)(name, **parameters, dims=dim)
    parts = [
        variable(part_name(name, label), prior) for label, prior in zip(labels, priors, strict=True)
    ]
    return pm.Deterministic(name, pt.stack(parts), dims=dim)
