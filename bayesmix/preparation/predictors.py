"""The formulas of all predictors of a model, before and after its categories are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from bayesmix.encoding.categories import Categories
from bayesmix.encoding.sides import Side, read_side
from bayesmix.formula.formula import Formula
from bayesmix.formula.specific import WORD
from bayesmix.preparation.bycategory import formulas_by_category
from bayesmix.preparation.fixed import is_beside_fixed, with_intercept
from bayesmix.preparation.thresholds import check_specific, specific_formulas, with_thresholds

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["Predictors", "RightSide"]


@dataclasses.dataclass(frozen=True)
class RightSide:
    """What formulae reads of the right of a formula: population effects, and those of the bars."""

    common: Side
    bars: dict[str, Side]

    @classmethod
    def of(cls, formula: Formula) -> RightSide:
        """Read a formula."""
        bars = {bar.effects: read_side(bar.effects) for bar in formula.bars}
        return cls(read_side(formula.common), bars)

    @property
    def sides(self) -> tuple[Side, ...]:
        """All of them, the population effects first."""
        return (self.common, *self.bars.values())


@dataclasses.dataclass(frozen=True, eq=False)
class Predictors:
    """The formula of each predictor, and the right side that it has.

    Attributes
    ----------
    family : Family
    formulas : dict of str to Formula
        By parameter, that of the model by the empty name.
    right : dict of str to RightSide
        By the same names; before the categories are known the effects at single thresholds stand
        under their word.
    given : mapping of str to Formula
        Those of further parameters.
    beside : frozenset of str
        Predictors of parameters that stay a number where their columns are zero.
    notes : tuple of str
        An intercept that cannot be left out.
    """

    family: Family
    formulas: dict[str, Formula]
    right: dict[str, RightSide]
    given: Mapping[str, Formula]
    beside: frozenset[str]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, formula: Formula, family: Family, given: Mapping[str, Formula]) -> Predictors:
        """Read the formulas as the user gave them."""
        formula, notes = with_thresholds(formula, family)
        formulas = {"": formula, **given}
        check_specific(family, formulas)
        beside = frozenset(
            name for name, own in formulas.items() if is_beside_fixed(name, own, family)
        )
        right = {
            name: RightSide.of(with_intercept(own) if name in beside else own)
            for name, own in formulas.items()
        }
        if formula.specific:
            right[WORD] = RightSide(read_side(formula.specific), {})
        return cls(family, formulas, right, given, beside, notes)

    @property
    def formula(self) -> Formula:
        """That of the model."""
        return self.formulas[""]

    @property
    def every_side(self) -> tuple[Side, ...]:
        """All right sides, each once."""
        distinct = {id(own): own for own in self.right.values()}
        return tuple(side for own in distinct.values() for side in own.sides)

    def with_categories(
        self, categories: Categories | None, columns: Collection[str]
    ) -> Predictors:
        """Give each category its predictor, where the family has one for each."""
        if self.family.of_categories is None or categories is None:
            return self
        family = self.family.completed(tuple(categories.labels))
        formulas = formulas_by_category(family, self.formula, self.given, columns)
        first = family.predictors[0]
        right = {name: self.right.get(name or first, self.right[""]) for name in formulas}
        return dataclasses.replace(self, family=family, formulas=formulas, right=right)

    def with_thresholds(self, length: int, columns: Collection[str]) -> Predictors:
        """Give each of so many thresholds its predictor, where the formula has effects of these."""
        if not self.formula.specific:
            return self
        own = specific_formulas(self.formula, length, columns)
        right = {name: side for name, side in self.right.items() if name != WORD}
        return dataclasses.replace(
            self,
            family=self.family.with_specific(length),
            formulas=self.formulas | own,
            right=right | dict.fromkeys(own, self.right[WORD]),
        )
