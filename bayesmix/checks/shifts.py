"""Covariates whose zero is far from the data, and the columns whose default priors depend on it.

What decides is what the columns are, however they are spelt. The default prior of an effect goes
by the size of its column. Where the other columns of its side leave a small share of that, as of
``t * z`` beside t and z with t at 2000, and a larger one once t stands at its mean, the prior is
for another effect than the one that the column adds.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.checks.candidates import Candidates
from bayesmix.checks.dependence import Gram, dependent_columns, gram_matrix
from bayesmix.checks.drafts import written_terms
from bayesmix.encoding.effects import Effects
from bayesmix.formula.formula import Bar, Formula
from bayesmix.formula.rewrites import (
    Sum,
    is_readable,
    quoted,
    read_sum,
    replace_factors,
    replace_names,
)
from bayesmix.frames.columns import encode_column

__all__ = ["Cause", "FarZero", "Move", "Reliance", "Shifts", "far_zero"]

type Term = tuple[str, ...]
type Cause = Literal["default prior", "set prior", "model"]

# Sample sds between zero and the mean from which on a zero is far from the data.
FAR = 3.0
# Shares of a column below which it counts as made of others wherever the zero is.
_LEAST_SHARE = 1e-4
# In sds of the covariate; a polynomial of less than the tenth degree has no tenth difference.
_STEPS = range(-5, 6)


@dataclasses.dataclass(frozen=True)
class FarZero:
    """A covariate, or a function of one, whose zero is far from the data."""

    name: str
    mean: float
    sd: float

    def __str__(self) -> str:
        """Return the name with what says that zero is far."""
        return f"'{self.name}' (mean {self.mean:.4g}, sd {self.sd:.3g})"


@dataclasses.dataclass(frozen=True)
class Move:
    """A factor of a product with its covariates at their means.

    Attributes
    ----------
    trial : str
        With names of columns that exist on trial only.
    offered : str
        As a formula writes it, with ``center()``.
    zeros : tuple of FarZero
        What is moved.
    beside : tuple of str
        Other columns of a call, as a formula writes them.
    """

    trial: str
    offered: str
    zeros: tuple[FarZero, ...]
    beside: tuple[str, ...] = ()

    @property
    def inside(self) -> tuple[str, ...]:
        """Covariates at their means inside of a call, as a formula writes them."""
        written = (f"center({quoted(zero.name)})" for zero in self.zeros)
        return tuple(text for text in written if text != self.offered and text in self.offered)


@dataclasses.dataclass(frozen=True)
class Reliance:
    """A column whose effect has another prior, or another meaning, for another zero.

    Attributes
    ----------
    label : str
    factor : str or None
        The grouping factor; None for a population effect.
    zeros : tuple of FarZero
    cause : {"default prior", "set prior", "model"}
        What depends on the zero: the scale of the default prior, the prior that was set for an
        intercept, or the law of the group effects.
    """

    label: str
    factor: str | None
    zeros: tuple[FarZero, ...]
    cause: Cause


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column of one side, as written and with the zeros moved."""

    label: str
    term: Term
    values: FloatArray
    moved: FloatArray


def far_zero(name: str, column: FloatArray) -> FarZero | None:
    """Describe a column if its zero is far; by its rows that are not zero.

    Those of ``f[b]:x`` are the rows of b, where x stands as it is.
    """
    column = column[column != 0]
    if not column.size or (column == 1).all():
        return None
    # A power of two, so that the squares of huge and of tiny numbers stay in range.
    unit = np.ldexp(1.0, np.frexp(np.abs(column).max())[1] - 1)
    mean, sd = float((column / unit).mean()), float((column / unit).std())
    return FarZero(name, mean * unit, sd * unit) if abs(mean) > FAR * sd > 0 else None


@dataclasses.dataclass(frozen=True, eq=False)
class Shifts:
    """Sides of formulas with their covariates at their means.

    Attributes
    ----------
    candidates : Candidates
        What evaluates them.
    """

    candidates: Candidates
    _known: dict[str, Move | None] = dataclasses.field(default_factory=dict)
    _values: dict[str, FloatArray] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def variables(self) -> dict[str, FarZero]:
        """Covariates of the design whose zero is far."""
        encoder = self.candidates.design.encoder
        found: dict[str, FarZero] = {}
        for name in encoder.effect_columns(encoder.groupings):
            if encoder.categories.get(name) is None:
                column = encode_column(name, self.candidates.columns[name])
                zero = far_zero(name, np.asarray(column, dtype=np.float64))
                found |= {name: zero} if zero else {}
        return found

    def move(self, factor: str) -> Move | None:
        """Move the zeros of a factor of a product; None where they are not far, or its own."""
        if factor not in self._known:
            self._known[factor] = self._moved_factor(factor)
        return self._known[factor]

    def moves(self, effects: Sum) -> dict[str, Move]:
        """Move the zeros of all factors of a side."""
        factors = {factor for term in effects.terms for factor in term}
        made = {factor: self.move(factor) for factor in sorted(factors)}
        return {factor: move for factor, move in made.items() if move}

    def reliances(self, formula: Formula, own: Iterable[str] = ()) -> list[Reliance]:
        """Find the columns that depend on a zero that is far from the data.

        Parameters
        ----------
        formula : Formula
            That of the design, or another.
        own : iterable of str
            Grouping factors with a prior that was set for the sd of the intercept of a block.
        """
        if not self._may_rely(formula):
            return []
        found = [
            self._reliance(column, None, "default prior")
            for column in _squeezed(list(self._columns(formula.common)))
        ]
        bars: dict[frozenset[str], list[Bar]] = {}
        for bar in formula.bars:
            bars.setdefault(frozenset(bar.factor), []).append(bar)
        for same in bars.values():
            found += self._group_reliances(same, own)
        return found

    def _may_rely(self, formula: Formula) -> bool:
        """Look for a far covariate or function of one, without evaluating whole sides."""
        sides = map(read_sum, (formula.common, *(bar.effects for bar in formula.bars)))
        return bool(self.variables) or any(self.moves(side) for side in sides)

    def is_reliant(self, formula: Formula) -> bool:
        """Tell whether a formula with default priors depends on a zero that is far."""
        return bool(self.reliances(formula))

    def population(self, formula: Formula) -> Gram | None:
        """Compute `moved` of the population effects."""
        return self.moved(formula.common)

    def moved(self, side: str) -> Gram | None:
        """Compute cross-products of the columns of a side with their covariates at their means.

        Returns
        -------
        Gram or None
            None if no zero moves.
        """
        columns = list(self._columns(side))
        beside = [column.moved for column in columns if column.label != "Intercept"]
        if all(column.values is column.moved for column in columns):
            return None
        has_constant = len(beside) < len(columns)
        return gram_matrix([np.column_stack(beside)], has_constant=has_constant)

    def tells_apart(self, formula: Formula) -> bool:
        """Tell whether the rows tell population effects apart, wherever their zeros are."""
        if self.candidates.matrix(formula) is not None:
            return True
        moved = self.population(formula) if is_readable(formula) else None
        return moved is not None and not dependent_columns(moved)

    def _group_reliances(self, bars: Iterable[Bar], own: Iterable[str]) -> list[Reliance]:
        found: list[Reliance] = []
        columns: list[_Column] = []
        for bar in bars:
            some = list(self._columns(bar.effects))
            columns += some
            name = ":".join(bar.factor)
            is_block = bar.any_columns and len(some) > 1 and some[0].label == "Intercept"
            if not is_block or name in own:
                cause: Cause = "set prior" if is_block else "model"
                found += [
                    self._reliance(column, name, cause)
                    for column in some
                    if column.label != "Intercept" and far_zero(column.label, column.values)
                ]
        known = {one.label for one in found}
        name = ":".join(next(iter(bars)).factor)
        squeezed = (column for column in _squeezed(columns) if column.label not in known)
        return found + [self._reliance(column, name, "default prior") for column in squeezed]

    def _reliance(self, column: _Column, factor: str | None, cause: Cause) -> Reliance:
        moves = [move for part in column.term if (move := self.move(part))]
        zeros = tuple(zero for move in moves for zero in move.zeros)
        itself = far_zero(column.label, column.values)
        return Reliance(column.label, factor, zeros or ((itself,) if itself else ()), cause)

    def _columns(self, text: str) -> Iterator[_Column]:
        """Evaluate a side as it is and with the zeros moved; as it is where that cannot be."""
        written = self.candidates.learn(text)
        if written is None:
            return
        effects, matrix = written
        side = read_sum(effects.text)
        trials = {factor: move.trial for factor, move in self.moves(side).items()}
        moved = matrix
        if trials:
            other = self.candidates.learn(str(replace_factors(side, trials)), self._values)
            if other is not None and other[1].shape == matrix.shape and _is_finite(other[1]):
                moved = other[1]
        for one in written_terms(effects):
            for k in one.columns:
                values = matrix[:, k]
                column = values if moved is matrix else moved[:, k]
                yield _Column(effects.labels[k], one.term, values, column)

    def _moved_factor(self, factor: str) -> Move | None:
        name = factor.strip("`")
        if name in self.variables:
            return self._at_mean(factor, self.variables[name])
        if factor.startswith("offset(") or ("(" not in factor and "{" not in factor):
            return None
        written = self._evaluated(factor)
        if written is None or not _is_finite(written[1]):
            return None
        inside = self._moved_inside(factor, *written)
        zero = far_zero(factor, written[1][:, 0]) if written[1].shape[1] == 1 else None
        if inside is not None or zero is None or "[" in written[0].labels[0]:
            return inside
        self._values[f"{factor}~"] = written[1][:, 0] - written[1][:, 0].mean()
        return Move(quoted(f"{factor}~".replace("`", "")), f"center({factor})", (zero,))

    def _at_mean(self, factor: str, zero: FarZero) -> Move:
        self._values[f"{zero.name}~"] = self._shifted(zero, 0)
        return Move(quoted(f"{zero.name}~"), f"center({factor})", (zero,))

    def _shifted(self, zero: FarZero, sds: float) -> FloatArray:
        column = np.asarray(self.candidates.sample[zero.name], dtype=np.float64)
        return column - zero.mean + sds * zero.sd

    def _moved_inside(self, factor: str, effects: Effects, written: FloatArray) -> Move | None:
        """Move the zeros of the covariates of a call, if the call is a polynomial in them."""
        trial = replace_names(factor, {name: quoted(f"{name}~") for name in self.variables})
        if trial == factor:
            return None
        zeros = tuple(zero for name, zero in self.variables.items() if quoted(f"{name}~") in trial)
        values = []
        for sds in _STEPS:
            extra = {f"{zero.name}~": self._shifted(zero, sds) for zero in zeros}
            made = self._evaluated(trial, extra)
            if made is None or made[1].shape != written.shape or not _is_finite(made[1]):
                return None
            values.append(made[1])
        at_mean = values[len(values) // 2]
        is_far = any(far_zero("", column) for column in at_mean.T)
        is_constant = (at_mean == at_mean[:1]).all(axis=0).any()
        is_same = np.allclose(at_mean, written, rtol=1e-9, atol=1e-9 * float(written.std()))
        differences = np.diff(values, n=len(values) - 1, axis=0)
        is_polynomial = np.abs(differences).max() <= 1e-9 * np.abs(values).max()
        if is_far or is_constant or is_same or not is_polynomial:
            return None
        self._values.update({f"{zero.name}~": self._shifted(zero, 0) for zero in zeros})
        centres = {zero.name: f"center({quoted(zero.name)})" for zero in zeros}
        beside = tuple(quoted(name) for name in effects.columns if name not in centres)
        return Move(trial, replace_names(factor, centres), zeros, beside)

    def _evaluated(
        self, factor: str, extra: Mapping[str, FloatArray] | None = None
    ) -> tuple[Effects, FloatArray] | None:
        return self.candidates.learn(f"0 + {factor}", extra)


def _squeezed(columns: list[_Column]) -> Iterator[_Column]:
    """Find columns of which the others leave little, and more once the zeros are moved."""
    beside = [column for column in columns if column.label != "Intercept"]
    if not beside or all(column.values is column.moved for column in beside):
        return
    written = _shares([column.values for column in beside])
    moved = _shares([column.moved for column in beside])
    for column, before, after in zip(beside, written, moved, strict=True):
        if FAR * before < after > _LEAST_SHARE and not _is_parallel(column.values, column.moved):
            yield column


def _shares(columns: list[FloatArray]) -> FloatArray:
    """Compute the share of the sd of each column that the others and a constant leave."""
    products = gram_matrix([np.column_stack(columns)], has_constant=True).products
    values, vectors = np.linalg.eigh(products)
    inverse = np.maximum(values, 0.0) + np.finfo(np.float64).eps * len(values)
    shares: FloatArray = 1 / np.sqrt((vectors**2 / inverse).sum(axis=1))
    return shares


def _is_parallel(first: FloatArray, second: FloatArray) -> bool:
    """Tell whether columns differ by a constant and a factor only."""
    products = gram_matrix([np.column_stack([first, second])], has_constant=True).products
    return bool(abs(products[0, 1]) > 1 - 1e-9)


def _is_finite(values: FloatArray) -> bool:
    return bool(np.isfinite(values).all())
