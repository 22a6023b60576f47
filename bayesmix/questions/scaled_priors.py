"""The same model with some of its priors to a power, to be fitted again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from bayesmix.base.errors import BayesmixError
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.effects import AnyPrior
from bayesmix.priors.leaves import Leaf
from bayesmix.priors.powers import powered

__all__ = ["with_powered"]


def with_powered(spec: ModelSpec, leaves: Iterable[Leaf], power: float) -> ModelSpec:
    """Return a specification in which the priors of some parameters have a power.

    Where a block of effects is centred, it stays so.

    Raises
    ------
    BayesmixError
        One of them is none of the known distributions then.
    """
    every = tuple(leaves)
    chosen = {leaf.place for leaf in every}
    # The law of the effects holds the prior of their degrees of freedom, too.
    chosen |= {
        dataclasses.replace(leaf, node=("u", *leaf.node[1:])).place
        for leaf in every
        if leaf.kind == "df"
    }
    found = tuple(
        dataclasses.replace(leaf, prior=_of(leaf, power)) if leaf.place in chosen else leaf
        for leaf in spec.priors.leaves
    )
    return dataclasses.replace(spec, priors=dataclasses.replace(spec.priors, leaves=found))


def _of(leaf: Leaf, power: float) -> AnyPrior:
    if leaf.is_hyper:
        raise BayesmixError(
            f"refit=True cannot scale the prior of {leaf.path}, a parameter of another prior. "
            "Refit with the priors that you want to compare: fit.update(priors=...)."
        )
    other = powered(leaf.prior, power)
    if other is None:
        raise BayesmixError(
            f"refit=True needs the prior of {leaf.path}, {leaf.prior!r}, to the power {power:g}, "
            "which is none of the known distributions. Leave this prior out, with "
            "priors= and the paths of others, or refit with priors of your own: "
            "fit.update(priors=...)."
        )
    return other
