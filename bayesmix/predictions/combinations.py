"""Linear combinations of linear predictors: differences between rows, and averages of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray, alike
from bayesmix.design.groupterm import GroupTerm
from bayesmix.posterior.draws import Draws
from bayesmix.predictions.blocks import Predicted, effects_of_new
from bayesmix.predictions.coefficients import LevelCoefficients
from bayesmix.predictions.level_draws import LevelDraws

__all__ = ["Combinations", "drawn_together", "summed"]

# What is left of the digits of a difference between rows that is divided by a small step.
_DIGITS = 2.0**26


@dataclasses.dataclass(frozen=True, eq=False)
class Combinations:
    """Linear combinations of the parameters of a predictor.

    Attributes
    ----------
    X : ndarray, shape (K, p)
        Coefficients of the population effects.
    offset : ndarray, shape (K,)
        What is added to them.
    known, new : mapping of str to LevelCoefficients
        By factor, those of the effects of levels of the fit, and of others.
    labels : mapping of str to list of tuple of str
        By factor, those of the other levels.
    terms : mapping of str to GroupTerm
    parameters : Draws
    undrawn : LevelDraws or None
        Of the factor whose effects are not among the draws.
    seed : int
        For the effects of levels that the fit did not have.
    """

    X: FloatArray
    offset: FloatArray
    known: Mapping[str, LevelCoefficients]
    new: Mapping[str, LevelCoefficients]
    labels: Mapping[str, Sequence[tuple[str, ...]]]
    terms: Mapping[str, GroupTerm]
    parameters: Draws
    undrawn: LevelDraws | None
    seed: int

    @classmethod
    def of(cls, rows: Predicted) -> Combinations:
        """Take the linear predictor of each row."""
        design, new = rows.rows.design, rows.new
        terms = {term.factor: term for term in design.groups}
        offset = np.zeros(design.n_rows) if design.offset is None else design.offset
        return cls(
            design.X,
            offset,
            {factor: LevelCoefficients.of_rows(one.codes, one.Z) for factor, one in terms.items()},
            {
                factor: LevelCoefficients.of_rows(new[factor].codes, one.Z)
                for factor, one in terms.items()
                if factor in new
            },
            {factor: new[factor].labels for factor in terms if factor in new},
            terms,
            rows.parameters,
            rows.undrawn,
            rows.seed,
        )

    def __len__(self) -> int:
        return len(self.X)

    @property
    def n_draws(self) -> int:
        """Number of draws S."""
        return len(self.parameters)

    @property
    def of_undrawn(self) -> LevelCoefficients:
        """Coefficients of the effects that are not among the draws."""
        assert self.undrawn is not None
        return self.known[self.undrawn.laws.factor]

    def __getitem__(self, some: IntArray) -> Combinations:
        return dataclasses.replace(
            self,
            X=self.X[some],
            offset=self.offset[some],
            known={factor: own[some] for factor, own in self.known.items()},
            new={factor: own[some] for factor, own in self.new.items()},
        )

    def averaged(self, codes: IntArray, weights: FloatArray, n: int) -> Combinations:
        """Average them by codes (K,), of which negative ones have no part; NaN without any."""
        own = codes >= 0
        total = np.bincount(codes[own], weights[own], n)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.zeros(len(codes))
            share[own] = weights[own] / total[codes[own]]

            def mean(values: FloatArray) -> FloatArray:
                summed = np.bincount(codes[own], (values * share)[own], n)
                return np.where(total > 0, summed, np.nan)

            columns = [mean(column) for column in self.X.T]
            offset = mean(self.offset)
        return dataclasses.replace(
            self,
            X=np.stack(columns, axis=1) if columns else np.zeros((n, 0)),
            offset=offset,
            known={factor: own.averaged(codes, share) for factor, own in self.known.items()},
            new={factor: own.averaged(codes, share) for factor, own in self.new.items()},
        )

    def distinct(self) -> tuple[Combinations, IntArray]:
        """Take differences that are alike but for rounding once, and tell which one each is."""
        parts = [self.X, self.offset[:, None]]
        parts += [
            one.signature(len(self)) for own in (self.known, self.new) for one in own.values()
        ]
        digits, exponent = np.frexp(np.concatenate(parts, axis=1))
        order, start = alike(np.ldexp(np.rint(digits * _DIGITS), exponent))
        kind = np.empty(len(self), dtype=np.int64)
        kind[order] = np.repeat(np.arange(len(start)), np.diff(np.append(start, len(self))))
        return self[order[start]], kind

    def drawn(self, places: IntArray) -> FloatArray:
        """Compute some of them (k, S), without the effects that are not among the draws."""
        own, parameters = self[places], self.parameters
        n, S = len(own), len(parameters)
        total = own.X @ parameters.beta.T
        total += own.offset[:, None]
        for factor, coefficients in own.known.items():
            if factor in parameters.u:
                u = np.moveaxis(parameters.u[factor], 0, 1)
                total += coefficients.dot(n, S, u.__getitem__)
        for factor, coefficients in own.new.items():
            drawn = functools.partial(self._new_levels, factor)
            total += coefficients.dot(n, S, drawn)
        return total

    def _new_levels(self, factor: str, levels: IntArray) -> FloatArray:
        term, labels = self.terms[factor], self.labels[factor]
        effects = [effects_of_new(term, self.parameters, labels[j], self.seed) for j in levels]
        return np.array(effects)


def drawn_together(
    parts: Sequence[Combinations], run: Callable[..., Any] = map
) -> list[FloatArray]:
    """Compute all of several (K, S) in all draws; effects that are not among these are drawn."""
    n = len(parts[0])
    found = [own.drawn(np.arange(n)) for own in parts]
    undrawn = [
        (own.undrawn, dataclasses.replace(own.of_undrawn, total=own.of_undrawn.total + i * n))
        for i, own in enumerate(parts)
        if own.undrawn is not None
    ]
    if undrawn:
        every = LevelCoefficients.together([own for _, own in undrawn])
        added = every.dot(len(parts) * n, parts[0].n_draws, undrawn[0][0].draws, run)
        found = [own + one for own, one in zip(found, np.split(added, len(parts)), strict=True)]
    return found


def summed(parts: Sequence[tuple[Combinations, float]]) -> Combinations:
    """Add combinations of the same predictor up, one with one, each times a number."""
    first = parts[0][0]
    known = {
        factor: LevelCoefficients.together([own.known[factor].times(by) for own, by in parts])
        for factor in first.known
    }
    labels: dict[str, dict[tuple[str, ...], int]] = {}
    new: dict[str, list[LevelCoefficients]] = {}
    for own, by in parts:
        for factor, coefficients in own.new.items():
            numbers = labels.setdefault(factor, {})
            here = [numbers.setdefault(label, len(numbers)) for label in own.labels[factor]]
            level = np.array(here, dtype=np.int64)[coefficients.level]
            moved = dataclasses.replace(coefficients, level=level)
            new.setdefault(factor, []).append(moved.times(by))
    return dataclasses.replace(
        first,
        X=np.sum([by * own.X for own, by in parts], axis=0),
        offset=np.sum([by * own.offset for own, by in parts], axis=0),
        known=known,
        new={factor: LevelCoefficients.together(own) for factor, own in new.items()},
        labels={factor: list(own) for factor, own in labels.items()},
        undrawn=next((own.undrawn for own, _ in parts if own.undrawn is not None), None),
    )
