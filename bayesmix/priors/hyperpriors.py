"""Priors of the parameters of other priors: which there can be, and where they may lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bayesmix.base.errors import BayesmixError
from bayesmix.priors.forms import FORMS, POSITIVE_TWIN, Form, beta_moments

__all__ = ["Hyperprior", "check_hyperpriors"]

# Hyperparameters above one another: a prior of the sigma of a prior of the sigma of a prior.
_DEEPEST = 2
# Parameters that are bounds of a distribution.
_BOUNDS = ("lower", "upper", "m")


class Hyperprior(Protocol):
    """What is asked of a prior that stands in the place of a number."""

    @property
    def distribution(self) -> str:
        """PyMC's name."""

    @property
    def is_proper(self) -> bool:
        """Whether its density has a finite integral."""

    @property
    def depth(self) -> int:
        """How many priors stand below one another in it, 1 where all its parameters are numbers."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Where its mass ends."""


def check_hyperpriors(
    distribution: str, form: Form | None, nested: Mapping[str, Hyperprior]
) -> None:
    """Raise unless priors can stand in the place of parameters of a distribution.

    Parameters
    ----------
    distribution : str
    form : Form or None
        How it is parametrised, where that is known.
    nested : mapping of str to Prior
        Parameter -> its prior.
    """
    if distribution not in FORMS:
        raise BayesmixError(
            f"{distribution} takes numbers: of the distributions whose parameters may have priors "
            f"it is none. These are {', '.join(FORMS)}."
        )
    for name, prior in nested.items():
        _check_kind(f"{distribution}: {name}", prior)
        if form is None or name not in form.arguments:
            continue  # what is wrong with these names is said where numbers are read
        if name in _BOUNDS or form.convert is beta_moments:
            raise BayesmixError(
                f"{distribution}: {name} must be one number, got {prior!r}. Where the prior has "
                "its mass would depend on it. Priors are for parameters such as the mu and sigma "
                "of a Normal."
            )
        if name in form.positive and prior.bounds[0] < 0:
            twin = POSITIVE_TWIN.get(prior.distribution)
            other = f"{twin}, or another" if twin else "a"
            raise BayesmixError(
                f"{distribution}: {name} is positive, and its prior, {prior!r}, has mass below "
                f"zero. Use {other} distribution such as HalfNormal, Exponential or Gamma."
            )


def _check_kind(where: str, prior: Hyperprior) -> None:
    """Raise for what is no prior of a hyperparameter, whichever it is."""
    if not prior.is_proper:
        raise BayesmixError(
            f"{where} has the prior {prior!r}, which is improper: the posterior need not exist. "
            "Use a proper one, such as Prior('HalfNormal', sigma=1)."
        )
    if prior.distribution not in FORMS:
        raise BayesmixError(
            f"{where} has the prior {prior!r}. A prior of a parameter of a prior is one of "
            f"{', '.join(FORMS)}."
        )
    if prior.depth > _DEEPEST:
        raise BayesmixError(
            f"{where} has the prior {prior!r}: that is a prior of a prior of a prior of a prior. "
            f"Nest no more than {_DEEPEST}, and give numbers to the innermost."
        )
