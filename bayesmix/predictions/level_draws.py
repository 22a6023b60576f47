"""Effects of single levels drawn when they are asked for, where there are too many to keep.

Given all that was drawn, the effects of a level are normal and independent of those of others, so
that each level has random numbers of its own: the same draws in whatever question it has a part.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import seed
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.design.groupterm import GroupTerm
from bayesmix.engines.exact.given_others import GivenOthers
from bayesmix.engines.statistics import KEPT_BYTES
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.kept import check_kept, given_others
from bayesmix.predictions.generators import generator_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["LevelDraws", "draws_with_effects"]

# Numbers of one batch of levels, which stay in the cache.
_AT_ONCE = 1 << 17


@dataclasses.dataclass(frozen=True, eq=False)
class LevelDraws:
    """The levels of a factor whose effects are not among the draws of a fit.

    Attributes
    ----------
    laws : GivenOthers
    labels : ndarray of str, shape (J,)
        Of the levels of the fit.
    seed : int
        That of the fit.
    """

    laws: GivenOthers
    labels: npt.NDArray[np.str_]
    seed: int

    @classmethod
    def of(cls, fit: Fitted, posterior: xr.Dataset, term: GroupTerm) -> LevelDraws:
        """Take those of a factor of the fit (`bayesmix.posterior.kept.given_others`)."""
        laws = GivenOthers.of(fit.spec, posterior, term)
        return cls(laws, term.levels, seed(fit.options.random_seed))

    def draws(self, levels: IntArray) -> FloatArray:
        """Draw the effects of distinct levels (n,), shape (n, S, q), one for each draw."""
        with np.errstate(all="ignore"):
            return self.laws.as_written(self.centred(levels))

    def centred(self, levels: IntArray) -> FloatArray:
        """Draw the same effects of the columns as the model has them."""
        size = (len(self.laws.draws), len(self.laws.unit))
        out = np.empty((len(levels), *size))
        step = max(1, _AT_ONCE // (size[0] * size[1]))
        for start in range(0, len(levels), step):
            some = levels[start : start + step]
            noise = np.empty((len(some), *size))
            for own, label in zip(noise, self.labels[some], strict=True):
                rng = generator_of(self.seed, "effects", self.laws.factor, str(label))
                rng.standard_normal(out=own)
            with np.errstate(all="ignore"):
                out[start : start + step] = self.laws.draw(some, noise)
        return out

    def all_levels(self, some: slice) -> Draws:
        """Take some draws of everything, with effects of all levels drawn for these."""
        laws = self.laws[some]
        size = (len(laws.draws), len(laws.unit))
        u = np.empty((size[0], len(self.labels), size[1]))
        rng = generator_of(self.seed, "effects", laws.factor)
        step = max(1, _AT_ONCE // (size[0] * size[1]))
        for start in range(0, len(self.labels), step):
            levels = np.arange(start, min(start + step, len(self.labels)))
            with np.errstate(all="ignore"):
                drawn = laws.as_written(
                    laws.draw(levels, rng.standard_normal((len(levels), *size)))
                )
            u[:, levels] = np.moveaxis(drawn, 0, 1)
        return dataclasses.replace(laws.draws, u=laws.draws.u | {laws.factor: u})

    def dot(self, term: GroupTerm) -> FloatArray:
        """Compute ``z'u`` (n, S) of rows; zero for a row whose level is unknown."""
        total = np.zeros((len(term.codes), len(self.laws.draws)))
        rows = np.flatnonzero(term.codes >= 0)
        levels, place = np.unique(term.codes[rows], return_inverse=True)
        u = self.draws(levels)
        for k in range(term.n_effects):
            total[rows] += term.Z[rows, k, None] * u[place, :, k]
        return total


def draws_with_effects(fit: Fitted, some: slice, asker: str, remedy: str) -> Draws:
    """Take some draws, the effects of all levels among them.

    Those that a fit has too many of to keep are drawn, if so few draws of them fit into memory;
    `asker` and `remedy` are for the error that is raised otherwise (`check_kept`).
    """
    posterior, term = fit.posterior, given_others(fit.spec, fit.posterior)
    n_draws = len(range(posterior.sizes["chain"] * posterior.sizes["draw"])[some])
    if term is not None and 8 * n_draws * term.n_levels * term.n_effects <= KEPT_BYTES:
        return LevelDraws.of(fit, posterior, term).all_levels(some)
    check_kept(posterior, fit.design.every_group, asker, remedy)
    return Draws.of(fit.spec, posterior)[some]
