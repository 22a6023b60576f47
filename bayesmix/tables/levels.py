"""Mean, sd and interval of one effect in every level: the one place that reads group effects."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.design.groupterm import GroupTerm
from bayesmix.engines.exact.given_others import GivenOthers
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.kept import given_others, is_kept
from bayesmix.posterior.mixtures import Normals, marginals_of_mixtures
from bayesmix.posterior.parameters import flat, number_of_draws
from bayesmix.posterior.summaries import Interval, Marginals, marginals_of
from bayesmix.posterior.threads import threads

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["LevelMarginals"]


# Draws of group effects copied at a time: 64 MB, whatever the number of levels.
_CHUNK_SIZE = 8_000_000


class LevelMarginals:
    """The levels of a fit, from draws of their effects or from what stands for them."""

    def __init__(self, fit: Fitted) -> None:
        self.fit = fit

    @functools.cached_property
    def posterior(self) -> xr.Dataset:
        """The draws, and summaries where there are no draws."""
        return self.fit.posterior

    def of(
        self, term: GroupTerm, effect: str, interval: Interval, *, add: FloatArray | None
    ) -> Marginals:
        """Summarise one effect in every level, with draws (S,) added to it."""
        if is_kept(self.posterior, term):
            return self._of_draws(term, effect, interval, add)
        if given_others(self.fit.spec, self.posterior) is term:
            return self._of_normals(term, effect, interval, add)
        return self._of_summaries(term, effect, interval, with_population=add is not None)

    def _of_draws(
        self, term: GroupTerm, effect: str, interval: Interval, add: FloatArray | None
    ) -> Marginals:
        u = self.posterior[term.names.u].isel({term.effect_dim: term.effects.index(effect)})
        step = max(1, _CHUNK_SIZE // number_of_draws(self.posterior))
        parts = []
        for start in range(0, len(term.levels), step):
            chunk = u.isel({term.dim: slice(start, start + step)})
            draws = flat(chunk, term.dim)
            if add is not None:
                draws += add
            parts.append(marginals_of(draws, interval))
        return Marginals(*(np.concatenate(values) for values in zip(*parts, strict=True)))

    @functools.cached_property
    def _laws(self) -> GivenOthers:
        term = given_others(self.fit.spec, self.posterior)
        assert term is not None
        return GivenOthers.of(self.fit.spec, self.posterior, term)

    def _of_normals(
        self, term: GroupTerm, effect: str, interval: Interval, add: FloatArray | None
    ) -> Marginals:
        z = (np.arange(term.n_effects) == term.effects.index(effect)).astype(np.float64)

        def given(some: IntArray) -> Normals:
            laws = self._laws[some]

            def normals(levels: IntArray) -> tuple[FloatArray, FloatArray]:
                mean, sd = laws.normals(np.broadcast_to(z, (len(levels), len(z))), levels)
                return (mean if add is None else mean + add[some]), sd

            return normals

        n_draws = number_of_draws(self.posterior)
        with threads(self.fit) as pool:
            return marginals_of_mixtures(given, term.n_levels, n_draws, interval, pool.map)

    def _of_summaries(
        self, term: GroupTerm, effect: str, interval: Interval, *, with_population: bool
    ) -> Marginals:
        name = term.names.coef if with_population else term.names.u
        kept = self.posterior[name].sel({term.effect_dim: effect})
        wanted = [f"{interval.lower:g}", f"{interval.upper:g}"]
        known = [str(label) for label in kept["statistic"].values]
        if any(label not in known for label in wanted):
            quantiles = np.array([float(label) for label in known if label not in ("mean", "sd")])
            levels = ", ".join(f"{1 - 2 * q:g}" for q in quantiles[quantiles < 0.5])
            raise BayesmixError(
                f"ci_level={interval.upper - interval.lower:g} is not among the intervals that "
                f"were kept of '{term.factor}', whose {term.n_levels} levels are too many to keep "
                f"their draws. Available: {levels}."
            )
        columns = (kept.sel(statistic=label).values for label in ("mean", "sd", *wanted))
        return Marginals(*(np.asarray(column, dtype=np.float64) for column in columns))
