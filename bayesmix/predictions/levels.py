"""Levels that the fit did not have: which, and their error; `predict` draws their effects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.base.words import count
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.frames.columns import distinct_levels, listed
from bayesmix.predictions.rows import Rows

__all__ = ["NewLevels", "new_levels_of", "unknown_levels"]


# Levels among which one that a typing error might have meant is looked for.
_MOST_SEARCHED = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class NewLevels:
    """Levels of one factor that the fit did not have.

    Attributes
    ----------
    codes : ndarray of int64, shape (n,)
        New level of each row; -1 for a row whose level is known.
    labels : list of tuple of str
        One label for each variable of the factor.
    """

    codes: IntArray
    labels: list[tuple[str, ...]]

    def __getitem__(self, rows: slice | IntArray) -> NewLevels:
        return NewLevels(self.codes[rows], self.labels)

    def rows(self) -> Iterator[tuple[tuple[str, ...], IntArray]]:
        """Yield the label and the rows of each new level that has rows."""
        order = np.argsort(self.codes, kind="stable")
        order = order[np.searchsorted(self.codes, 0, sorter=order) :]
        for rows in np.split(order, np.flatnonzero(np.diff(self.codes[order])) + 1):
            if len(rows):
                yield self.labels[self.codes[rows[0]]], rows


def new_levels_of(rows: Rows) -> dict[str, NewLevels]:
    """List the levels that the fit did not have, by factor."""
    found: dict[str, NewLevels] = {}
    for term in rows.design.every_group:
        new = term.codes < 0
        if new.any() and term.factor not in found:
            columns = {name: rows.columns[name][new] for name in term.variables}
            codes = np.full(len(new), -1, dtype=np.int64)
            codes[new], labels = distinct_levels(term.variables, columns)
            found[term.factor] = NewLevels(codes, labels)
    return found


def unknown_levels(design: Design, new: Mapping[str, NewLevels]) -> BayesmixError:
    """Make the error for new levels whose effects were not asked for."""
    terms = {term.factor: term for term in design.every_group}
    parts = []
    for factor, levels in new.items():
        labels = [":".join(label) for label in levels.labels]
        n_rows = int((levels.codes >= 0).sum())
        parts.append(
            f"of '{factor}' {listed(map(repr, labels), 5)} ({count(n_rows, 'row')}; "
            f"levels of the fit: {_known(terms[factor])})"
        )
    factor, levels = next(iter(new.items()))
    known = terms[factor].levels
    hint = suggest(":".join(levels.labels[0]), known) if len(known) <= _MOST_SEARCHED else ""
    return BayesmixError(
        f"newdata has levels that the fit did not have: {'; '.join(parts)}. {hint}".rstrip()
        + " Pass new_levels='sample' to draw the effects of a new level from their distribution, "
        "or new_levels='population' to leave them at zero; groups= names the factors whose effects "
        "are added."
    )


def _known(term: GroupTerm) -> str:
    shown = listed(term.levels[:5], 5)
    return shown if term.n_levels <= 5 else f"{shown}, ... ({term.n_levels - 5} more)"
