"""Single priors and laws of group effects as plain values and back."""

from __future__ import annotations

from typing import Any

from bayesmix.priors.effects import NORMAL_EFFECTS, AnyPrior, NormalEffects, StudentT
from bayesmix.priors.prior import LKJ, Prior
from bayesmix.storage.archive import require
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import checked, mapping

__all__ = ["plain_prior", "restore_prior"]

# Of laws of group effects, beside PyMC's names of distributions.
_NORMAL, _STUDENT = "normal effects", "student effects"
_DEEPEST = 5


def plain_prior(prior: AnyPrior) -> dict[str, Plain]:
    """Take a prior apart, those of its parameters included."""
    if isinstance(prior, LKJ):
        return {"distribution": "LKJ", "parameters": {"eta": prior.eta}}
    if isinstance(prior, NormalEffects):
        return {"distribution": _NORMAL, "parameters": {}}
    given = {"nu": prior.nu} if isinstance(prior, StudentT) else prior.arguments
    return {
        "distribution": _STUDENT if isinstance(prior, StudentT) else prior.distribution,
        "parameters": {
            name: plain_prior(own) if isinstance(own, Prior) else own for name, own in given.items()
        },
    }


def restore_prior(stored: Plain, depth: int = 0) -> AnyPrior:
    """Put a prior together."""
    require(depth < _DEEPEST, "priors are nested too deeply")
    stored = mapping(stored, "a prior")
    name = checked(stored.get("distribution"), str, "a prior")
    parameters: dict[str, Any] = {
        key: restore_prior(own, depth + 1)
        if isinstance(own, dict)
        else checked(own, float, "the parameters of a prior")
        for key, own in mapping(stored.get("parameters"), "the parameters of a prior").items()
    }
    if name == _NORMAL:
        return NORMAL_EFFECTS
    if name == _STUDENT:
        require(parameters.keys() == {"nu"}, "the law of group effects")
        return StudentT(**parameters)
    return LKJ(**parameters) if name == "LKJ" else Prior(name, **parameters)
