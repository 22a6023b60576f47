"""Training rows with draws given them, and rows that were held out, as the priors see both."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bayesmix.design.design import Design
from bayesmix.model.centring import centred_design
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import BATCH, Draws

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Split"]


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Training rows and held-out rows of one model.

    Columns and effects are those that the priors see: as written, they may cancel.

    Attributes
    ----------
    spec : ModelSpec
        The model with its training rows.
    held_out : Design
        Rows with the same columns and levels.
    draws : Draws
        Given the training rows.
    unseen : dict of str to ndarray of bool, shape (m,)
        By factor, the held-out rows whose level has no training rows.
    """

    spec: ModelSpec
    held_out: Design
    draws: Draws
    unseen: dict[str, npt.NDArray[np.bool_]]

    @classmethod
    def of(
        cls, spec: ModelSpec, held_out: Design, posterior: xr.Dataset, batch: int = BATCH
    ) -> Split:
        """Centre the columns, and read the draws for batches of `batch` numbers."""
        train, rows = centred_design(spec), centred_design(spec, held_out)
        draws = Draws.of(spec, posterior, batch).centred(spec)
        unseen = {
            new.factor: np.bincount(old.codes, minlength=old.n_levels)[new.codes] == 0
            for before, after in zip(train.parts, rows.parts, strict=True)
            for old, new in zip(before.groups, after.groups, strict=True)
        }
        return cls(dataclasses.replace(spec, design=train), rows, draws, unseen)
