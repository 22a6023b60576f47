"""The second pass over rows: parts of them encoded as the whole, and summed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.columns import finite
from bayesmix.design.design import Design, Encoder
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.totals import ABSENT, LevelTotals, Reference, Totals
from bayesmix.frames.frames import Frame
from bayesmix.streams.facts import complete_rows
from bayesmix.streams.summing import TotalSums

__all__ = ["EncodedSums", "Encoding", "reference_of", "without_rows"]


# Numbers of the encoded columns that are made at once, and rows if these are many columns.
CELLS, LEAST_ROWS = 1 << 23, 256


@dataclasses.dataclass(frozen=True, eq=False)
class Encoding:
    """How parts of the rows are encoded: a function of a part that can be sent to other processes.

    Attributes
    ----------
    names : tuple of str
        The used columns.
    encoder : Encoder
    reference : Reference
    """

    names: tuple[str, ...]
    encoder: Encoder
    reference: Reference

    def begin(self) -> EncodedSums:
        """Begin to sum over rows."""
        return EncodedSums(self)

    @property
    def step(self) -> int:
        """How many rows are encoded at once."""
        reference = self.reference
        width = len(reference.about) + sum(map(len, reference.about_Z))
        return max(LEAST_ROWS, CELLS // width)

    def design(self, complete: pd.DataFrame) -> Design:
        """Encode rows without missing values."""
        design = self.encoder.encode(Frame(complete, complete, "the data"))
        for term in design.groups:
            new = term.codes < 0
            if new.any():
                labels = [str(complete[name].iloc[new.argmax()]) for name in term.variables]
                raise BayesmixError(
                    f"'{term.factor}' has the level '{':'.join(labels)}', which the first pass "
                    "over the rows did not meet: the data have changed in between. Fit again when "
                    "nobody writes to them."
                )
        finite(design.y, (design.response,), design.index, "Response ")
        return design


class EncodedSums:
    """Totals of rows that are encoded as they come."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._sums = TotalSums(encoding.reference)

    def add(self, frame: pd.DataFrame) -> None:
        """Add the rows without a missing value."""
        complete, _ = complete_rows(frame, self._encoding.names)
        step = self._encoding.step
        for start in range(0, len(complete), step):
            design = self._encoding.design(complete.iloc[start : start + step])
            self._sums.add(design)

    def total(self) -> Totals | None:
        """Return the totals so far."""
        return self._sums.total()


def reference_of(design: Design) -> Reference:
    """Choose points near the means of the columns, from rows of each level.

    They have few digits, so that whole numbers stay such and sums of them exact.
    """
    offset = np.zeros(len(design.y)) if design.offset is None else design.offset
    columns = np.column_stack([design.X, design.y, offset])
    about = _near_means(columns)
    centred = np.zeros(design.n_terms)
    centred[1:] = about[1 : design.n_terms] if design.has_intercept else 0.0
    about_Z, Z = [], []
    for term in design.groups:
        about_Z.append(_near_means(term.Z))
        beside = list(term.intercept_block[1:])
        own = np.zeros(term.n_effects)
        own[beside] = about_Z[-1][beside]
        Z.append(own)
    y = float(about[-2] - about[-1]) if design.has_intercept else 0.0
    return Reference(centred, y, tuple(Z), about, tuple(about_Z))


def _near_means(columns: FloatArray) -> FloatArray:
    means, sds = columns.mean(axis=0), columns.std(axis=0)
    steps = np.ldexp(1.0, np.frexp(np.where(sds > 0, sds, 1.0))[1] - 1)
    near: FloatArray = np.where(sds > 0, np.round(means / steps) * steps, columns[0])
    return near


def without_rows(design: Design, totals: Totals) -> Design:
    """Return a design that has forgotten its rows, and knows the sums over all of them.

    Parameters
    ----------
    design : Design
        Learnt from a row for each level and each category.
    totals : Totals
    """
    encoder = design.encoder
    groups = tuple(
        _without_rows(term, own) for term, own in zip(design.groups, totals.levels, strict=True)
    )
    groupings = tuple(
        dataclasses.replace(one, means=term.means)
        for one, term in zip(encoder.groupings, groups, strict=True)
    )
    return dataclasses.replace(
        design,
        y=ABSENT,
        X=ABSENT,
        rows=ABSENT,
        index=ABSENT,
        offset=None if design.offset is None else ABSENT,
        weights=None if design.weights is None else ABSENT,
        groups=groups,
        encoder=dataclasses.replace(encoder, groupings=groupings, n_rows=totals.n_rows),
        source=None,
        totals=totals,
    )


def _without_rows(term: GroupTerm, totals: LevelTotals) -> GroupTerm:
    means = None
    if term.means is not None:
        means = np.zeros(term.n_effects)
        beside = list(term.intercept_block[1:])
        means[beside] = totals.columns.mean[beside]
        means.setflags(write=False)
    return dataclasses.replace(term, codes=ABSENT, Z=ABSENT, means=means, totals=totals)
