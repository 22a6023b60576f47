"""Whether a fit has the draws of group effects, or what stands for them; what is said if not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.model.gaussian import response_obstacle

if TYPE_CHECKING:
    from bayesmix.design.groupterm import GroupTerm
    from bayesmix.model.spec import ModelSpec
    from bayesmix.posterior.drawn import Posterior

__all__ = ["check_kept", "given_others", "is_kept"]


def is_kept(posterior: Posterior, term: GroupTerm) -> bool:
    """Tell whether the draws of the effects of a factor are there."""
    return term.names.u in posterior and "draw" in posterior[term.names.u].dims


def given_others(spec: ModelSpec, posterior: Posterior) -> GroupTerm | None:
    """Return the factor without draws whose effects are normal given all that was drawn, if any."""
    without = [term for term in spec.design.every_group if not is_kept(posterior, term)]
    return without[0] if len(without) == 1 and response_obstacle(spec) is None else None


def check_kept(posterior: Posterior, terms: Iterable[GroupTerm], asker: str, remedy: str) -> None:
    """Raise if the draws of the effects of a factor were too many to be kept.

    Parameters
    ----------
    posterior : Posterior
    terms : iterable of GroupTerm
    asker : str
        What needs them, in the plural, with a capital.
    remedy : str
        A sentence on what to do instead.
    """
    for term in terms:
        if not is_kept(posterior, term):
            raise BayesmixError(
                f"{asker} need the draws of the effects of '{term.factor}', whose "
                f"{count(term.n_levels, 'level')} were too many for them to be kept. {remedy}"
            )
