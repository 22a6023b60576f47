"""One parameter: its place in the tree of paths, and the prior it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bayesmix.families.supports import REAL, Support
from bayesmix.priors.effects import AnyPrior
from bayesmix.priors.prior import Prior

__all__ = ["ROOTS", "Leaf", "linked_predictors"]

ROOTS = ("Intercept", "beta", "sd", "cor", "u", "df")


@dataclass(frozen=True)
class Leaf:
    """One parameter: its place in the tree of paths, its default and the prior it has."""

    node: tuple[str, ...]
    default: AnyPrior = field(compare=False)
    prior: AnyPrior
    # Of the sd of an intercept: the effects that are correlated with it, and whether the prior is
    # that of the block with their columns at their means, not at zero.
    beside: tuple[str, ...] = field(default=(), compare=False)
    is_centred: bool = False
    # Where the parameter may lie, and how many elements it has; None for one number.
    support: Support = field(default=REAL, compare=False)
    length: int | None = field(default=None, compare=False)
    # Of intercepts and thresholds: the population columns at whose means the prior holds.
    at_means: tuple[str, ...] = field(default=(), compare=False)
    is_threshold: bool = field(default=False, compare=False)
    # The parameter whose predictor it belongs to; empty for that of the formula.
    predictor: str = ""
    # The path by which the prior was set, which those of its hyperparameters begin with.
    origin: str = field(default="", compare=False)
    # Whether it is a parameter of the prior of population effects.
    is_hyper: bool = False
    # Of correlations: the predictors whose effects they are of.
    linked: tuple[str, ...] = field(default=(), compare=False)

    @property
    def has_hyperpriors(self) -> bool:
        """Whether its prior has parameters with priors."""
        return isinstance(self.prior, Prior) and bool(self.prior.hyperpriors)

    @property
    def follows_an_edit(self) -> bool:
        """Whether it is, or has the prior that it has, because of what was set alone."""
        return self.kind in ("u", "df") or self.is_hyper or self.has_hyperpriors

    @property
    def path(self) -> str:
        """The path of its own."""
        return ":".join(self.place)

    @property
    def place(self) -> tuple[str, ...]:
        """The parts of its path, which may have colons of their own."""
        return (self.predictor, *self.node) if self.predictor else self.node

    @property
    def kind(self) -> str:
        """What it is: ``"beta"``, ``"sd"``, ..., or the name of an auxiliary parameter."""
        return self.node[0]

    @property
    def is_auxiliary(self) -> bool:
        """Whether it is a parameter of the family without a predictor."""
        return self.kind not in ROOTS and not self.is_hyper

    @property
    def paths(self) -> list[str]:
        """Paths that it is under, from its root to its own."""
        return [":".join(place) for place in self.places]

    @property
    def places(self) -> list[tuple[str, ...]]:
        """The parts of these paths."""
        first = len(self.place) - len(self.node) + 1
        return [self.place[:depth] for depth in range(first, len(self.place) + 1)]


def linked_predictors(leaves: Iterable[Leaf], factor: str, predictor: str) -> tuple[str, ...]:
    """Find the predictors whose effects of a factor are correlated with those of one of them.

    Empty where these are correlated with no effects of another predictor.
    """
    for leaf in leaves:
        is_own = leaf.node[1:] == (factor,) and predictor in leaf.linked
        if is_own and len(leaf.linked) > 1:
            return leaf.linked
    return ()
