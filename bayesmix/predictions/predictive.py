"""Densities of held-out rows: a question to the specification, whatever drew the posterior."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.model.spec import ModelSpec
from bayesmix.predictions.by_draws import ByDraws
from bayesmix.predictions.closed import Closed
from bayesmix.predictions.splits import Split

__all__ = ["PREDICTIVES", "Predictive", "predictive"]


class Predictive(Protocol):
    """A way to average densities over what the training rows do not tell."""

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Say why it cannot serve a specification; None if it can."""

    def rows(self, split: Split, rng: np.random.Generator) -> Iterator[FloatArray]:
        """Yield log p(y_i | draw) of each row by itself, (B, m), one batch of draws at a time."""

    def together(self, split: Split, rng: np.random.Generator) -> tuple[float, tuple[str, ...]]:
        """Compute the log density of all rows together, and say if it is uncertain."""


# The first without an obstacle serves. The last can serve any specification.
PREDICTIVES: tuple[Predictive, ...] = (Closed(), ByDraws())


def predictive(spec: ModelSpec) -> Predictive:
    """Return what serves a specification."""
    return next(way for way in PREDICTIVES if way.obstacle(spec) is None)
