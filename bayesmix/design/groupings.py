"""Grouping factors with the bars that vary by them, without rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray, read_only
from bayesmix.design.groupterm import GroupTerm
from bayesmix.encoding.effects import Effects
from bayesmix.formula.formula import Bar
from bayesmix.frames.columns import Factor

__all__ = ["Grouping", "spans_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Grouping:
    """A grouping factor with the bars that vary by it, and no rows.

    Attributes
    ----------
    factor : Factor
        The levels.
    bars : tuple of Bar
        Each brings its own effects; the one with the intercept first.
    means : ndarray of float64, shape (q,), or None
        Learnt from the rows of the fit; see `GroupTerm`.
    predictor : str
        As that of `GroupTerm`.
    """

    factor: Factor
    bars: tuple[Bar, ...]
    means: FloatArray | None = None
    predictor: str = ""

    def learn_means(self, term: GroupTerm) -> Grouping:
        """Return the same grouping with the means of the columns beside an intercept."""
        beside = list(term.intercept_block[1:])
        if not beside:
            return self
        means = np.zeros(term.n_effects)
        means[beside] = [term.Z[:, k].mean() for k in beside]
        return dataclasses.replace(self, means=read_only(means))

    def term(
        self, codes: IntArray, effects: Mapping[str, Effects], matrices: Mapping[str, FloatArray]
    ) -> GroupTerm:
        """Put the effects of all bars next to each other, with their blocks."""
        labels: list[str] = []
        blocks: list[tuple[int, ...]] = []
        structures: list[str] = []
        ids: list[str] = []
        for bar in self.bars:
            one = effects[bar.effects]
            spans = spans_of(bar, one)
            own = [tuple(len(labels) + k for k in span) for span in spans]
            labels += one.labels
            if bar.id and bar.id in ids:  # bars with the same id stand next to each other
                blocks[-1] += own[0]
                continue
            blocks += own
            structures += [bar.structure] * len(spans)
            ids += [bar.id] * len(spans)
        parts = [matrices[bar.effects] for bar in self.bars]
        return GroupTerm(
            factor=self.factor.name,
            variables=self.factor.variables,
            levels=self.factor.levels,
            codes=read_only(codes),
            effects=tuple(labels),
            Z=read_only(parts[0] if len(parts) == 1 else np.hstack(parts)),
            blocks=tuple(blocks),
            structures=tuple(structures),
            means=self.means,
            predictor=self.predictor,
            ids=tuple(ids) if any(ids) else (),
        )


def spans_of(bar: Bar, effects: Effects) -> tuple[tuple[int, ...], ...]:
    """Tell which columns of a bar are correlated with one another."""
    every = tuple(range(len(effects.labels)))
    if bar.diagonal:
        return tuple((k,) for k in every)
    return (every,) if bar.correlated else tuple(map(tuple, effects.spans))
