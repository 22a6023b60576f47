"""Distributions that only PyMC knows."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.base.interrupts import import_whole
from bayesmix.priors.forms import FORMS, IMPROPER

__all__ = ["pymc_variable", "refuse_unknown"]


def refuse_unknown(distribution: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise for a parameter that the distribution does not have."""
    known = list(known)
    for name in given:
        if name not in known:
            takes = f"It takes {', '.join(known)}." if known else "It takes no parameters."
            raise BayesmixError(
                f"{distribution} has no parameter {shown(name)}. {takes} "
                f"{suggest(name, known)}".strip()
            )


@lru_cache(maxsize=256)
def pymc_variable(distribution: str, items: tuple[tuple[str, float], ...]) -> Any:
    """Let PyMC make a distribution that is none of the common ones, or say why it cannot."""
    import_whole("pymc")
    import pymc as pm

    names = {
        name
        for name, value in vars(pm).items()
        if isinstance(value, type) and issubclass(value, pm.Distribution)
    }
    if distribution not in names:
        known = names | FORMS.keys() | IMPROPER.keys()
        same = [name for name in sorted(known) if name.lower() == distribution.lower()]
        hint = f"Did you mean '{same[0]}'?" if same else suggest(distribution, sorted(known))
        raise BayesmixError(
            f"Unknown distribution {shown(distribution)}. Any univariate distribution of PyMC can "
            f"be a prior, among them {', '.join(FORMS)}. {hint}".strip()
        )
    rv_type = getattr(getattr(pm, distribution), "rv_type", None)
    if not (getattr(rv_type, "signature", None) or "->()").endswith("->()"):
        raise _is_multivariate(distribution)
    maker = getattr(pm, distribution).dist
    known_arguments = [
        name
        for name, argument in inspect.signature(maker).parameters.items()
        if argument.kind not in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL)
    ]
    refuse_unknown(distribution, dict(items), known_arguments)
    try:
        variable = maker(**dict(items))
    except Exception as error:
        raise BayesmixError(
            f"{distribution} cannot be made: {str(error).rstrip('.')}. "
            f"It takes {', '.join(known_arguments)}."
        ) from error
    if variable.ndim != 0:
        raise _is_multivariate(distribution)
    return variable


def _is_multivariate(distribution: str) -> BayesmixError:
    return BayesmixError(
        f"{distribution} is the distribution of an array. A prior here stands on one number; "
        f"use one of {', '.join(FORMS)}."
    )
