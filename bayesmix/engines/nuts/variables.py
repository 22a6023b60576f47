"""Random variables of the joint PyMC model from priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesmix.model.schema import part_name
from bayesmix.priors.prior import Prior, vectorise

__all__ = ["variable_of", "vector_of"]


def variable_of(name: str, prior: Prior, **kwargs: Any) -> Any:
    """Make the variable of one prior."""
    import pymc as pm

    return getattr(pm, prior.distribution)(name, **prior.parameters, **kwargs)


def vector_of(name: str, labels: Sequence[str], priors: Sequence[Prior], dim: str) -> Any:
    """Make a vector; where priors differ in distribution, of one variable for each label."""
    import pymc as pm
    import pytensor.tensor as pt

    together = vectorise(priors)
    if together is not None:
        distribution, parameters = together
        return getattr(pm, distribution)(name, **parameters, dims=dim)
    parts = [
        variable_of(part_name(name, label), prior)
        for label, prior in zip(labels, priors, strict=True)
    ]
    return pm.Deterministic(name, pt.stack(parts), dims=dim)
