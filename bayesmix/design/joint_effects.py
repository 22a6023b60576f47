"""Group effects that have one matrix of correlations: of one predictor, or linked by an id."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator

from bayesmix.covariance.correlations import Correlations
from bayesmix.covariance.unstructured import UNSTRUCTURED
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.names import TermNames, prefix_of

__all__ = ["JointEffects", "joined"]


@dataclasses.dataclass(frozen=True, eq=False)
class JointEffects:
    """The effects of one grouping factor that share a matrix of correlations.

    Those of one predictor, as a rule. Where ``(1 | p | g)`` stands in several predictors, all
    effects of g in each of these, side by side; effects of blocks without a common id have zeros.

    Attributes
    ----------
    terms : tuple of GroupTerm
        One for each predictor, in their order; the names of the first are those of the matrix.
    """

    terms: tuple[GroupTerm, ...]

    @property
    def factor(self) -> str:
        """``"student"``, or ``"g1:g2"`` for combinations."""
        return self.terms[0].factor

    @property
    def predictor(self) -> str:
        """The parameter whose predictor the matrix counts to; empty for that of the formula."""
        return self.terms[0].predictor

    @property
    def names(self) -> TermNames:
        """What the variables of the correlations are called."""
        return self.terms[0].names

    @property
    def is_linked(self) -> bool:
        """Whether the effects are of several predictors."""
        return len(self.terms) > 1

    @property
    def n_levels(self) -> int:
        """Number of levels J."""
        return self.terms[0].n_levels

    @functools.cached_property
    def n_effects(self) -> int:
        """Number of effects Q of all predictors."""
        return sum(term.n_effects for term in self.terms)

    @functools.cached_property
    def places(self) -> tuple[slice, ...]:
        """Positions of the effects of each term among all."""
        found, start = [], 0
        for term in self.terms:
            found.append(slice(start, start + term.n_effects))
            start += term.n_effects
        return tuple(found)

    @property
    def members(self) -> Iterator[tuple[GroupTerm, slice]]:
        """The terms with their positions."""
        return zip(self.terms, self.places, strict=True)

    @functools.cached_property
    def effects(self) -> tuple[str, ...]:
        """Labels of all effects, with the parameter before those of further ones: ``sigma_x``."""
        return tuple(
            f"{prefix_of(term.predictor) if self.is_linked else ''}{effect}"
            for term in self.terms
            for effect in term.effects
        )

    @property
    def dims(self) -> tuple[str, str]:
        """Dims of the matrix of correlations."""
        names = self.names
        if self.is_linked:
            return names.joint_effect_dim, names.joint_effect_dim_bis
        return names.effect_dim, names.effect_dim_bis

    @functools.cached_property
    def correlations(self) -> Correlations:
        """How the effects are correlated: blocks with the same id are one."""
        if not self.is_linked:
            return self.terms[0].correlations
        blocks: dict[object, list[int]] = {}
        structures: dict[object, str] = {}
        for term, place in self.members:
            own = term.correlations.structures
            ids = term.ids or ("",) * len(term.blocks)
            for k, (block, structure, name) in enumerate(zip(term.blocks, own, ids, strict=True)):
                key = name or (term.predictor, k)
                blocks.setdefault(key, []).extend(place.start + i for i in block)
                structures[key] = UNSTRUCTURED.name if name else structure
        partition = tuple(map(tuple, blocks.values()))
        return Correlations(self.effects, partition, tuple(structures.values()))


def joined(terms: Iterable[GroupTerm]) -> tuple[JointEffects, ...]:
    """Put the grouping factors of all predictors together that an id links.

    Parameters
    ----------
    terms : iterable of GroupTerm
        Of all predictors, in their order.

    Returns
    -------
    tuple of JointEffects
        In the order of the first term of each.
    """
    every = tuple(terms)
    users: dict[tuple[str, str], int] = {}
    for term in every:
        for name in set(filter(None, term.ids)):
            users[term.factor, name] = users.get((term.factor, name), 0) + 1
    found: dict[tuple[str, ...], list[GroupTerm]] = {}
    for term in every:
        is_linked = any(users[term.factor, name] > 1 for name in filter(None, term.ids))
        key = (term.factor,) if is_linked else (term.factor, term.predictor)
        found.setdefault(key, []).append(term)
    return tuple(JointEffects(tuple(own)) for own in found.values())
