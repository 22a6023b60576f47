"""Whether a fit has the draws of group effects, or summaries: one check, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.design.groupterm import GroupTerm

__all__ = ["check_kept", "is_kept"]


def is_kept(posterior: xr.Dataset, term: GroupTerm) -> bool:
    """Tell whether the draws of the effects of a factor are there."""
    return term.names.u in posterior and "draw" in posterior[term.names.u].dims


def check_kept(posterior: xr.Dataset, terms: Iterable[GroupTerm], asker: str, remedy: str) -> None:
    """Raise if the draws of the effects of a factor were too many to be kept.

    Parameters
    ----------
    posterior : Dataset
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
                f"{count(term.n_levels, 'level')} were too many for them to be kept: the fit has "
                f"summaries only. {remedy}"
            )
