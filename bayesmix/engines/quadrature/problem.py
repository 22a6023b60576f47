"""Rows and their densities in some draws, as functions of the effects to be integrated out."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.design.design import Design
from bayesmix.engines.quadrature.blocks import Block
from bayesmix.engines.quadrature.elements import Entries
from bayesmix.engines.quadrature.layers import Layer
from bayesmix.engines.quadrature.rules import Rule, rules_of
from bayesmix.families.family import Family
from bayesmix.families.values import Rows
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws

__all__ = ["Problem", "fixed_predictors"]

# Part of a linear predictor, or of one, by which it is moved to differentiate a score.
_STEP = 1e-4
# Of what a row says of two of its parameters.
_LARGEST_CORRELATION = 0.95


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """The rows of a block in S draws.

    Attributes
    ----------
    family : Family
    y : ndarray, shape (b,)
    rows : Rows
    auxiliary : mapping of str to ndarray, shape (S, 1) or (S, 1, length)
    names : tuple of str
        Parameters with a linear predictor, the first of the family first.
    block : Block
    sizes : tuple of int
        By layer, number of effects of a unit.
    rules : tuple of Rule
        By layer, where to evaluate.
    loadings : tuple of list of list of ndarray or None
        By layer, predictor and effect, what one standard normal effect adds, (S, b).
    """

    family: Family
    y: FloatArray
    rows: Rows
    auxiliary: Mapping[str, Any]
    names: tuple[str, ...]
    block: Block
    sizes: tuple[int, ...]
    rules: tuple[Rule, ...]
    loadings: tuple[list[list[FloatArray | None]], ...]

    @classmethod
    def of(cls, spec: ModelSpec, layers: Sequence[Layer], block: Block, draws: Draws) -> Problem:
        """Gather what the rows of a block need."""
        design, rows = spec.design, block.rows
        places = {part.predictor: k for k, part in enumerate(design.parts)}
        weights, trials = (
            None if own is None else own[rows] for own in (design.weights, design.trials)
        )
        return cls(
            spec.family,
            design.y[rows],
            spec.family.rows(weights, trials),
            draws.auxiliary_beside(1),
            (spec.family.predictors[0], *design.predictors),
            block,
            tuple(layer.size for layer in layers),
            rules_of([layer.kind for layer in layers]),
            tuple(layer.loadings(len(places), places, draws, rows) for layer in layers),
        )

    def _values(self, etas: Sequence[FloatArray]) -> Any:
        eta, *others = etas
        return self.family.values(
            eta, {**self.auxiliary, **dict(zip(self.names[1:], others, strict=True))}
        )

    def log_density(self, etas: Sequence[FloatArray]) -> FloatArray:
        """Compute the log density of each row, (..., S, b)."""
        return np.asarray(self.family.density(self.y, self._values(etas), self.rows))

    @property
    def varying(self) -> tuple[int, ...]:
        """Predictors that have some of the effects."""
        return tuple(
            k
            for k in range(len(self.names))
            if any(one is not None for layer in self.loadings for one in layer[k])
        )

    def slopes(self, etas: Sequence[FloatArray], *, crossed: bool) -> tuple[Any, Entries]:
        """Differentiate the log densities by the predictors with effects.

        Scores by predictor, and information by pairs of them, between two only if `crossed`.
        """
        varying = self.varying
        if not varying:
            return {}, {}
        names = [self.names[k] for k in varying]
        found = self.family.slopes(self.y, self._values(etas), self.rows, *names)
        scores = {k: found[self.names[k]].score for k in varying}
        information = {(k, k): found[self.names[k]].information for k in varying}
        if len(varying) < 2 or not crossed:
            return scores, information
        slope: Entries = {}
        for k in varying:
            step = _STEP * np.maximum(1.0, np.abs(etas[k]))
            moved = [eta + step if k == j else eta for j, eta in enumerate(etas)]
            other = self.family.slopes(self.y, self._values(moved), self.rows, *names)
            for j in varying:
                slope[j, k] = (scores[j] - other[self.names[j]].score) / step
        for j, k in itertools.permutations(varying, 2):
            # No more than keeps the information of a row positive.
            both = np.sqrt(np.maximum(information[j, j] * information[k, k], 0.0))
            both *= _LARGEST_CORRELATION
            information[j, k] = np.clip((slope[j, k] + slope[k, j]) / 2, -both, both)
        return scores, information

    def moved(
        self, etas: Sequence[FloatArray], by: Sequence[Sequence[FloatArray]]
    ) -> list[FloatArray]:
        """Add effects, by layer and effect (..., S, units), to linear predictors."""
        found = list(etas)
        for layer, own in enumerate(by):
            for d, values in enumerate(own):
                copies = None
                for k in range(len(self.names)):
                    loading = self.loadings[layer][k][d]
                    if loading is not None:
                        if copies is None:
                            copies = self.block.copies(values, layer, -1)
                        found[k] = found[k] + loading * copies
        # Families stack parameters, which must then be of one shape.
        shape = np.broadcast_shapes(*(eta.shape for eta in found))
        return [eta if eta.shape == shape else np.broadcast_to(eta, shape) for eta in found]


def fixed_predictors(
    design: Design, draws: Draws, rows: IntArray, without: frozenset[str]
) -> list[FloatArray]:
    """Compute linear predictors (S, b) of rows, the effects of some factors left out."""
    found = []
    for part, own in zip(design.parts, draws.parts, strict=True):
        eta = own.beta @ part.X[rows].T
        if part.offset is not None:
            eta += part.offset[rows]
        for term in part.groups:
            if term.factor in without:
                continue
            if term.factor not in own.u:
                raise BayesmixError(
                    f"The draws of the {count(term.n_levels, 'level')} of '{term.factor}' were too "
                    "many to be kept, and leaving rows out needs them. Fit with fewer draws."
                )
            eta += term.take(rows).dot(own.u[term.factor])
        found.append(eta)
    return found
