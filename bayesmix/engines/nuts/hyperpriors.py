"""Population effects whose priors have parameters with priors: shared, and not centred.

``b = mu + sigma b_raw`` with a standard ``b_raw`` is the same model as ``b ~ D(mu, sigma)``,
without the funnel that a small sigma makes of many b that the data say little of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from bayesmix.design.names import hyper_name
from bayesmix.engines.nuts.variables import variable, vector
from bayesmix.model.schema import part_name
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.leaves import Leaf
from bayesmix.priors.prior import Prior

__all__ = ["hyperparameters", "population_variable", "population_vector"]

# Location and scale of distributions that are those of a standard variable, moved and stretched,
# with PyMC's names and the location of the standard one; None without a location.
_STANDARD: Mapping[str, tuple[str | None, str]] = MappingProxyType(
    {
        "Normal": ("mu", "sigma"),
        "StudentT": ("mu", "sigma"),
        "Cauchy": ("alpha", "beta"),
        "Laplace": ("mu", "b"),
        "Logistic": ("mu", "s"),
        "Gumbel": ("mu", "beta"),
        "HalfNormal": (None, "sigma"),
        "HalfCauchy": (None, "beta"),
        "HalfStudentT": (None, "sigma"),
        "Exponential": (None, "scale"),
    }
)


def hyperparameters(spec: ModelSpec) -> dict[str, Any]:
    """Make the parameters of priors, by path, the outermost last: each knows those of its own."""
    made: dict[str, Any] = {}
    # The leaves of a prior's parameters come before those of theirs.
    for path, leaf in reversed(spec.priors.hyperparameters.items()):
        assert isinstance(leaf.prior, Prior)
        made[path] = _made(hyper_name(path), leaf.prior, path, made)
    return made


def population_variable(name: str, leaf: Leaf, hyper: Mapping[str, Any]) -> Any:
    """Make one population effect."""
    assert isinstance(leaf.prior, Prior)
    return _made(name, leaf.prior, leaf.origin, hyper)


def population_vector(
    name: str, labels: Sequence[str], leaves: Sequence[Leaf], dim: str, hyper: Mapping[str, Any]
) -> Any:
    """Make population effects, those that share a prior with hyperparameters as one vector.

    Parameters
    ----------
    name : str
    labels : sequence of str
        Of the effects.
    leaves : sequence of Leaf
        Their priors.
    dim : str
    hyper : mapping of str to variable
        From `hyperparameters`.
    """
    import pymc as pm
    import pytensor.tensor as pt

    priors = [leaf.prior for leaf in leaves if isinstance(leaf.prior, Prior)]
    sharing: dict[str, list[int]] = {}
    for k, prior in enumerate(priors):
        if prior.hyperpriors:
            sharing.setdefault(leaves[k].origin, []).append(k)
    if not sharing:
        return vector(name, labels, priors, dim)
    if list(sharing.values()) == [list(range(len(labels)))]:
        return _made(name, priors[0], leaves[0].origin, hyper, dims=dim)
    whole = pt.zeros(len(labels))
    for origin, places in sharing.items():
        # The path of a shared prior is no label of an effect.
        own = part_name(name, labels[places[0]] if len(places) == 1 else f"[{origin}]")
        made = _made(own, priors[places[0]], origin, hyper, shape=len(places))
        whole = pt.set_subtensor(whole[np.array(places)], made)
    for k, prior in enumerate(priors):
        if not prior.hyperpriors:
            whole = pt.set_subtensor(whole[k], variable(part_name(name, labels[k]), prior))
    return pm.Deterministic(name, whole, dims=dim)


def _made(name: str, prior: Prior, path: str, hyper: Mapping[str, Any], **kwargs: Any) -> Any:
    """Make a variable whose prior has the parameters below a path."""
    import pymc as pm

    if not prior.hyperpriors:
        return variable(name, prior, **kwargs)
    arguments: dict[str, Any] = {
        key: hyper[f"{path}:{key}"] if isinstance(value, Prior) else value
        for key, value in prior.arguments.items()
    }
    distribution = getattr(pm, prior.distribution)
    location, scale = _STANDARD.get(prior.distribution, (None, ""))
    if scale not in arguments or not {location, scale} & prior.hyperpriors.keys():
        return distribution(name, **arguments, **kwargs)
    moved = {scale: np.float64(1.0)} | ({location: np.float64(0.0)} if location else {})
    raw = distribution(f"{name}_raw", **(arguments | moved), **kwargs)
    value = arguments[scale] * raw
    value = value if location is None else arguments[location] + value
    return pm.Deterministic(name, value, dims=kwargs.get("dims"))
