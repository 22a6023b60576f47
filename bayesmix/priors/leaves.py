"""One parameter: its place in the tree of paths, and the prior it has."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayesmix.families.supports import REAL, Support
from bayesmix.priors.effects import AnyPrior
from bayesmix.priors.prior import Prior

__all__ = ["Leaf"]


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
    # Whether the prior is that of the model with the population columns at their means.
    at_means: bool = field(default=False, compare=False)
    # The parameter whose predictor it belongs to; empty for that of the formula.
    predictor: str = ""
    # The path by which the prior was set, which those of its hyperparameters begin with.
    origin: str = field(default="", compare=False)
    # Whether it is a parameter of the prior of population effects.
    is_hyper: bool = False

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
    def paths(self) -> list[str]:
        """Paths that it is under, from its root to its own."""
        return [":".join(place) for place in self.places]

    @property
    def places(self) -> list[tuple[str, ...]]:
        """The parts of these paths."""
        first = len(self.place) - len(self.node) + 1
        return [self.place[:depth] for depth in range(first, len(self.place) + 1)]
