"""A specification with its draws: what every verb takes first."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.drawn import LazyTree, drawn_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesmix.design.design import Design
    from bayesmix.families.family import Family

__all__ = ["Fitted"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Fitted:
    """The specification of a model, its draws, and how they were made.

    Attributes
    ----------
    spec : ModelSpec
        Design, family and priors.
    idata : DataTree
        Posterior and data in one schema, whichever method drew it; PyMC's and ArviZ's functions
        take it.
    options : SampleOptions
        How it was sampled.
    """

    spec: ModelSpec
    # Ruff and mypy take the descriptor for a default; to a dataclass it is none.
    idata: LazyTree = LazyTree()  # noqa: RUF009
    options: SampleOptions  # type: ignore[misc]

    @property
    def design(self) -> Design:
        """Arrays and names made from the formula and the data."""
        return self.spec.design

    @property
    def family(self) -> Family:
        """Distribution of the response and its link."""
        return self.spec.family

    @property
    def posterior(self) -> xr.Dataset:
        """The posterior draws, dims ``chain, draw`` first.

        Effects of a factor with too many levels to keep their draws are not among them; where
        they are not normal given all others, they have a dim ``statistic`` (mean, sd, quantiles)
        instead.
        """
        posterior: xr.Dataset = self.idata["posterior"].dataset
        if "group_effects" in self.idata.children:
            return posterior.merge(self.idata["group_effects"].dataset)
        return posterior

    @property
    def priors(self) -> pd.DataFrame:
        """``parameter, prior``: one row per parameter, defaults written out."""
        return self.spec.prior_table()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was to be said of the draws and of the design."""
        return (*json.loads(drawn_of(self).attrs["messages"]), *self.design.notes)
