"""A formula on its way to a better one: the changes of one warning after the other.

Each warning offers the formula with its own change and those of the warnings before it, so that
the last one answers all.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.formula.formula import Bar, Formula
from bayesmix.formula.rewrites import LONGEST, Sum, bars_of, is_readable, read_sum, replace_bars

if TYPE_CHECKING:
    from bayesmix.checks.candidates import Candidates
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm
    from bayesmix.encoding.effects import Effects

__all__ = ["Draft", "EffectTerm", "first_draft", "offer", "written_terms"]

type Term = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class EffectTerm:
    """A term of the effects of a grouping factor.

    Attributes
    ----------
    term : tuple of str
        As the formula writes it; ``()`` is the intercept.
    name : str
        As formulae writes it.
    columns : tuple of int
        Its columns of `GroupTerm.Z`; none for an intercept that a draft has put there.
    """

    term: Term
    name: str
    columns: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.columns) if self.term else 1

    def values(self, group: GroupTerm) -> Iterator[FloatArray]:
        """Yield its columns, shape (n,)."""
        if not self.term:
            yield np.ones(len(group.codes))
        else:
            yield from (group.Z[:, k] for k in self.columns)


@dataclasses.dataclass(frozen=True)
class Draft:
    """A formula and, for each grouping factor of the design, the effects that it has left.

    Attributes
    ----------
    formula : Formula
    effects : tuple of tuple of EffectTerm
        By grouping factor.
    """

    formula: Formula
    effects: tuple[tuple[EffectTerm, ...], ...]

    def keep(self, index: int, variables: Iterable[str], kept: Iterable[EffectTerm]) -> Draft:
        """Leave a grouping factor no other effects than these."""
        left = tuple(kept)
        gone = [one.term for one in self.effects[index] if one not in left]
        bars = {bar: read_sum(bar.effects).minus(gone) for bar in bars_of(self.formula, variables)}
        return self._changed(index, replace_bars(self.formula, bars), left)

    def keep_intercept(self, index: int, variables: Iterable[str]) -> Draft:
        """Write ``(1 | factor)`` for all that varies by a grouping factor."""
        first, *others = bars_of(self.formula, variables)
        intercept = EffectTerm((), "Intercept", ())
        bars = {first: Sum(True, ()), **dict.fromkeys(others)}
        return self._changed(index, replace_bars(self.formula, bars), (intercept,))

    def without(
        self, index: int, variables: Iterable[str], gone: Iterable[Term], candidates: Candidates
    ) -> Draft | None:
        """Leave effects of a grouping factor out, if the others then stay what they are.

        A factor beside an intercept has a column less than it has alone.
        """
        left = [one for one in self.effects[index] if one.term not in set(gone)]
        draft = self.keep(index, variables, left)
        n_effects = candidates.n_effects(draft.formula, variables)
        return draft if n_effects == sum(one.size for one in left) else None

    def with_formula(self, formula: Formula) -> Draft:
        """Take other population effects."""
        return dataclasses.replace(self, formula=formula)

    def _changed(self, index: int, formula: Formula, effects: tuple[EffectTerm, ...]) -> Draft:
        left = (*self.effects[:index], effects, *self.effects[index + 1 :])
        return Draft(formula, left)


def first_draft(design: Design) -> Draft:
    """Begin with the formula of a design, each bar once."""
    bars: dict[Bar, Bar] = {}
    for bar in design.formula.bars:
        own = bar.plain() if bar.effects == "1" else bar
        bars.setdefault(dataclasses.replace(own, factor=tuple(sorted(bar.factor))), bar)
    formula = dataclasses.replace(design.formula, bars=tuple(bars.values()))
    return Draft(
        dataclasses.replace(formula, text=str(formula)),
        tuple(_effect_terms(grouping.bars, design) for grouping in design.encoder.groupings),
    )


def _effect_terms(bars: Iterable[Bar], design: Design) -> tuple[EffectTerm, ...]:
    found: list[EffectTerm] = []
    start = 0
    for bar in bars:
        effects = design.encoder.bars[bar.effects]
        found += [
            dataclasses.replace(one, columns=tuple(start + k for k in one.columns))
            for one in written_terms(effects)
        ]
        start += len(effects.labels)
    return tuple(found)


def written_terms(effects: Effects) -> list[EffectTerm]:
    """Find the columns of each term that a formula writes.

    Of ``a:b`` formulae makes ``b`` and ``a:b``, so that all columns are told apart; both are
    columns of the term that was written. Offsets have none.
    """
    effect_sum = read_sum(effects.text)
    terms: list[Term] = [()] if effect_sum.intercept else []
    terms += [term for term in effect_sum.terms if not term[0].startswith("offset(")]
    rest = list({_key(":".join(term)): term for term in terms}.items())[::-1]
    found: list[EffectTerm] = []
    columns: tuple[int, ...] = ()
    for name, span in zip(effects.names, effects.spans, strict=True):
        columns += span
        key = "" if name == "Intercept" else _key(name)
        if rest and rest[-1][0] == key:
            found.append(EffectTerm(rest.pop()[1], name, columns))
            columns = ()
    if not rest and not columns:
        return found
    pairs = zip(effects.names, effects.spans, strict=True)
    return [EffectTerm((name,) if name != "Intercept" else (), name, span) for name, span in pairs]


def _key(name: str) -> str:
    """Write a term without what formulae changes: it drops backquotes and some parentheses."""
    return re.sub(r"[`()}\s]", "", name.replace("{", "I("))


def offer(words: str, formula: Formula) -> str:
    """End a message with the formula to write, unless it is too long to be read."""
    text = str(formula)
    has_effects = formula.common != "0" or formula.bars
    if len(text) > LONGEST or not has_effects or not is_readable(formula):
        return f"{words}."
    return f"{words}: '{text}'."
