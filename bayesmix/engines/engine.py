"""What a method that draws must provide."""

from __future__ import annotations

from typing import Protocol

from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.drawn import Drawn

__all__ = ["Engine"]


class Engine(Protocol):
    """A method that draws from the posterior of a specification.

    Attributes
    ----------
    name : str
        As ``method=`` and in the attributes of the draws.
    way : str
        How it draws, as a predicate: ``"integrates Gaussian effects out"``.
    shares_the_process : bool
        Whether several fits may run side by side in one process.
    go_on : str
        What helps where chains disagree: ``"refit with more tune and draws"``.
    """

    name: str
    way: str
    shares_the_process: bool
    go_on: str

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Say why it cannot draw from a specification; None if it can."""

    def seconds(self, spec: ModelSpec, options: SampleOptions) -> float:
        """Guess how long it takes, from figures that are known before the start."""

    def draw(self, spec: ModelSpec, options: SampleOptions) -> Drawn | None:
        """Draw, in the schema of the posterior; None where it did not settle."""
