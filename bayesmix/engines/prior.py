"""Draws from the prior and the prior predictive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arguments import at_most, seed, whole_number
from bayesmix.base.errors import BayesmixError
from bayesmix.base.interrupts import import_whole
from bayesmix.base.quiet import quiet_libraries
from bayesmix.engines.nuts.joint import build_model
from bayesmix.model.options import MOST_DRAWS
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import centred_name
from bayesmix.priors.prior import Prior

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["draw_variables", "sample_prior"]


def sample_prior(
    spec: ModelSpec, draws: int = 1000, *, random_seed: int | np.random.Generator | None = None
) -> xr.DataTree:
    """Draw parameters and data from the prior, for a prior predictive check.

    Parameters
    ----------
    spec : ModelSpec
    draws : int
        Number of draws.
    random_seed : int, Generator or None
        The same seed gives the same draws.

    Returns
    -------
    DataTree
        Groups ``prior`` (the variables of the posterior schema) and ``prior_predictive``
        (the response), dims ``chain, draw`` first.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> spec = bm.prepare("Reaction ~ Days + (Days | Subject)", data)
    >>> prior = spec.sample_prior(50, random_seed=1)  # doctest: +SKIP
    """
    import_whole("pymc")
    import pymc as pm

    draws = whole_number("draws", draws, at_least=1)
    at_most("draws", draws, MOST_DRAWS)
    improper = [
        leaf.path
        for leaf in spec.priors.leaves
        if isinstance(leaf.prior, Prior) and not leaf.prior.is_proper
    ]
    if improper:
        raise BayesmixError(
            f"The prior of {', '.join(improper)} is improper and cannot be drawn from. Give it a "
            "proper one, such as Prior('Normal', mu=0, sigma=10)."
        )
    with quiet_libraries():
        tree: xr.DataTree = pm.sample_prior_predictive(
            draws, model=build_model(spec), random_seed=seed(random_seed)
        )
    return _rising(spec, tree)


def draw_variables(
    spec: ModelSpec, names: Sequence[str], draws: int, random_seed: int
) -> dict[str, np.ndarray]:
    """Draw variables of the posterior schema from the prior, without what does not make them.

    Returns
    -------
    dict of str to ndarray, each of shape (draws, ...)

    Raises
    ------
    NotImplementedError
        A prior that makes one of them is improper.
    """
    import_whole("pymc")
    import pymc as pm

    with quiet_libraries():
        model = build_model(spec)
        drawn = pm.draw(
            [model[name] for name in names],
            draws=draws,
            random_seed=random_seed,
            mode="FAST_COMPILE",
        )
    values = dict(zip(names, map(np.asarray, drawn), strict=True))
    return {
        name: np.sort(own) if name in _ordered_variables(spec) else own
        for name, own in values.items()
    }


def _ordered_variables(spec: ModelSpec) -> list[str]:
    return [
        centred_name(parameter.name) if parameter.is_threshold else parameter.name
        for parameter in map(spec.family.parameter, spec.family.others)
        if parameter.support.is_ordered and parameter.length is not None
    ]


def _rising(spec: ModelSpec, tree: xr.DataTree) -> xr.DataTree:
    """Sort the elements of ordered parameters, as the model does that drew the response."""
    prior = tree["prior"].dataset
    ordered = {
        name: prior[name].copy(data=np.sort(prior[name].to_numpy()))
        for name in _ordered_variables(spec)
    }
    if ordered:
        tree["prior"] = tree["prior"].assign(ordered)
    return tree
