"""The density that is sampled: of theta, all effects integrated out, or drawn with each theta."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.marginal import Effects
from bayesmix.blocks.theta import Theta
from bayesmix.engines.exact.marginal import Marginal, marginal_of
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.model.spec import ModelSpec

__all__ = ["Target", "WithEffects"]


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """Log posterior density of theta as vectors x (B, size), -inf where it is no number.

    Attributes
    ----------
    marginal : Marginal
    space : ThetaSpace
    log_unit : float
        What the units of the response add to the log density.
    run : callable
        ``map``, or an executor's.
    """

    marginal: Marginal
    space: ThetaSpace
    log_unit: float
    run: Callable[..., Any]

    @classmethod
    def of(cls, spec: ModelSpec, run: Callable[..., Any]) -> Target:
        """Pass over the rows, and lay out theta."""
        marginal = marginal_of(spec)
        log_unit = spec.design.n_rows * np.log(marginal.units.response)
        return cls(marginal, ThetaSpace.of(spec), log_unit, run)

    def theta(self, x: FloatArray) -> Theta:
        """Return theta in the units of the model."""
        return self.marginal.units.theta(self.space.theta(x))

    def __call__(self, x: FloatArray) -> FloatArray:
        """Compute the log density (B,) of x (B, size)."""
        values = np.full(len(x), -np.inf)
        inside = self.space.inside(x)
        if inside.any():
            x = x[inside]
            with np.errstate(all="ignore"):
                log = self.marginal.model.log_density(self.theta(x), self.run)
                log += self.space.log_prior(x) - self.log_unit
            values[inside] = np.where(np.isfinite(log), log, -np.inf)
        return values


@dataclasses.dataclass(frozen=True, eq=False)
class WithEffects:
    """The same density, for proposals of theta and effects together.

    The factorisation that gives the density of a theta also gives its effects, so that both can
    be proposed and accepted together.

    Attributes
    ----------
    target : Target
    rng : Generator
        Of the effects.
    possible : ndarray, shape (size,)
        A theta that takes the place of those that cannot be computed with.
    drawn : list of Effects
        Of all x so far, in order.
    """

    target: Target
    rng: np.random.Generator
    possible: FloatArray
    drawn: list[Effects] = dataclasses.field(default_factory=list)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Draw effects for each x (B, size), keep them, and compute the log density (B,)."""
        target = self.target
        inside = target.space.inside(x)
        x = np.where(inside[:, None], x, self.possible)
        effects = target.marginal.model.draw(target.theta(x), self.rng, target.run)
        self.drawn.append(effects)
        with np.errstate(all="ignore"):
            log = effects.log_density + target.space.log_prior(x) - target.log_unit
        return np.where(inside & np.isfinite(log), log, -np.inf)

    def effects(self, index: npt.NDArray[np.int64]) -> Effects:
        """Take the effects of some x, by their places among all so far."""
        parts = self.drawn
        part_of = np.repeat(np.arange(len(parts)), [len(part.beta) for part in parts])
        start = np.cumsum([0, *(len(part.beta) for part in parts)])
        first = parts[0]
        beta = np.empty((len(index), first.beta.shape[1]))
        zeta = tuple(np.empty((len(index), *z.shape[1:])) for z in first.zeta)
        log_density = np.empty(len(index))
        for i, part in enumerate(parts):
            place = np.flatnonzero(part_of[index] == i)
            own = part[index[place] - start[i]]
            beta[place], log_density[place] = own.beta, own.log_density
            for whole, values in zip(zeta, own.zeta, strict=True):
                whole[place] = values
        return Effects(beta, zeta, log_density)
