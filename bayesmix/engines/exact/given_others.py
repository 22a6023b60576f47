"""The effects of one factor given the draws of everything else: normal, where the response is.

A posterior without draws of the effects of its largest factor has them all the same: given theta,
population effects and the effects of all other factors, those of a level are Normal, independent
of those of other levels (docs/exact-method.md).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.conditional import Conditional, LevelLaws
from bayesmix.blocks.level_sums import Sums
from bayesmix.design.groupterm import GroupTerm
from bayesmix.engines.exact.left_out import theta_of
from bayesmix.engines.exact.marginal import products_of
from bayesmix.engines.scaling import ORDINARY_TO_EXACT, Units
from bayesmix.model.centring import centred_effects, effects_as_written
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["GivenOthers", "LevelSums"]


@dataclasses.dataclass(frozen=True, eq=False)
class GivenOthers:
    """Laws of the effects of one factor in each draw of all else, in the numbers of the user.

    Attributes
    ----------
    factor : str
    draws : Draws
        As written, without the effects of the factor.
    conditional : Conditional
    centre, unit : ndarray, shape (q,)
        What takes its effects to those of the model, which are of centred columns.
    scale, sigma, beta, others
        As `Conditional.laws` takes them.
    """

    factor: str
    draws: Draws
    conditional: Conditional
    centre: FloatArray
    unit: FloatArray
    scale: FloatArray
    sigma: FloatArray
    beta: FloatArray
    others: dict[int, FloatArray]

    @classmethod
    def of(cls, spec: ModelSpec, posterior: xr.Dataset, term: GroupTerm) -> GivenOthers:
        """Pass over the rows once.

        Parameters
        ----------
        spec : ModelSpec
            One whose response is Gaussian (`bayesmix.model.gaussian.response_obstacle`).
        posterior : Dataset
            Draws by whichever method, those of all other factors among them.
        term : GroupTerm
            One of its grouping factors.
        """
        design, draws = spec.design, Draws.of(spec, posterior)
        units = Units.of(design, ORDINARY_TO_EXACT, known_errors=spec.family.known_errors)
        beta, center = draws.beta / units.beta, spec.population_centre / units.X
        if design.has_intercept:
            beta[:, 0] += beta[:, 1:] @ center[1:]
        # With their mean taken off the response, sums of squares lose no digits to it.
        mean = beta.mean(axis=0)
        centres = [spec.centre(own) for own in design.groups]
        shifts = [centre / unit for centre, unit in zip(centres, units.Z, strict=True)]
        products = products_of(design, units, center, mean, shifts)
        t = [own.factor for own in design.groups].index(term.factor)
        theta = units.theta(theta_of(spec, posterior))
        others = {}
        for i, own in enumerate(design.groups):
            if i != t:
                u = centred_effects(centres[i], draws.u[own.factor])
                others[i] = (u * (units.Z[i] / units.response)).reshape(len(u), -1).T
        return cls(
            term.factor,
            draws,
            Conditional.of(products, t, term.correlations.pattern),
            centres[t],
            units.response / units.Z[t],
            theta.scale[t],
            theta.sigma,
            beta - mean,
            others,
        )

    def __getitem__(self, some: slice | IntArray) -> GivenOthers:
        return dataclasses.replace(
            self,
            draws=self.draws[some],
            scale=self.scale[some],
            sigma=self.sigma[some],
            beta=self.beta[some],
            others={t: np.ascontiguousarray(u[:, some]) for t, u in self.others.items()},
        )

    def normals(self, z: FloatArray, codes: IntArray) -> tuple[FloatArray, FloatArray]:
        """Compute mean and sd (k, S) of ``z'u`` of rows z (k, q) of some levels (k,)."""
        levels, place = np.unique(codes, return_inverse=True)
        return self._laws(levels).of(self._of_model(z), place)

    def sums(self, z: FloatArray, codes: IntArray, total: IntArray) -> LevelSums:
        """Add ``z'u`` (n, q) of levels (n,) up to sums, each of which has its own in order."""
        return LevelSums(self, Sums.of(self.conditional, codes, self._of_model(z), total))

    def draw(self, levels: IntArray, noise: FloatArray) -> FloatArray:
        """Make effects (n, S, q) of some levels (n,), of centred columns, of standard normals."""
        drawn = self._laws(levels).draw(noise)
        drawn *= self.unit
        return drawn

    def as_written(self, effects: FloatArray) -> FloatArray:
        """Return effects (..., q) of the columns as written."""
        return effects_as_written(self.centre, effects)

    def _of_model(self, z: FloatArray) -> FloatArray:
        return (z - z[:, :1] * self.centre) * self.unit

    def _laws(self, levels: IntArray) -> LevelLaws:
        return self.conditional.laws(levels, self.scale, self.sigma, self.beta, self.others)


@dataclasses.dataclass(frozen=True, eq=False)
class LevelSums:
    """Sums of ``z'u`` over levels, in parts that are independent given all else.

    Attributes
    ----------
    laws : GivenOthers
    parts : Sums
    """

    laws: GivenOthers
    parts: Sums

    def __getitem__(self, some: slice | IntArray) -> LevelSums:
        return LevelSums(self.laws[some], self.parts)

    def __len__(self) -> int:
        return len(self.parts.total)

    @property
    def n_draws(self) -> int:
        """Number of draws S."""
        return len(self.laws.sigma)

    def moments(self, some: IntArray) -> tuple[FloatArray, FloatArray]:
        """Compute mean and variance (k, S) of some parts."""
        with np.errstate(all="ignore"):
            return self.parts.moments(some, *self._draws)

    def together(self, some: slice) -> tuple[FloatArray, FloatArray]:
        """Compute mean and variance (S,) of some parts of one sum (`Sums.has_minors`)."""
        with np.errstate(all="ignore"):
            return self.parts.together(some, *self._draws)

    @property
    def _draws(self) -> tuple[FloatArray, FloatArray, FloatArray, dict[int, FloatArray]]:
        return self.laws.scale, self.laws.sigma, self.laws.beta, self.laws.others
