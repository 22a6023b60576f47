"""A quantity of rows that are asked about, in all draws: one frame, or several side by side."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import one_of, seed
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError, warn
from bayesmix.frames.frames import open_frame
from bayesmix.posterior.fitted import Fitted
from bayesmix.predictions.averaged import averaged
from bayesmix.predictions.blocks import BLOCK, Predicted, predicted_rows
from bayesmix.predictions.quantities import Quantity, expected, linear
from bayesmix.predictions.rows import GROUPS, factors_of, rows_of, rows_of_new_groups
from bayesmix.questions.grid import checked_grid, combined, datagrid
from bayesmix.questions.variables import columns_of_fit

__all__ = ["AVERAGE", "Asked", "asked_frame"]

AVERAGE = "average"
SCALES = ("response", "link")


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """How rows are to be predicted.

    Attributes
    ----------
    fit : Fitted
    quantity : Quantity
    groups : str or list of str
        As of the verbs: ``"average"`` integrates the effects of new groups out.
    new_levels : str
    seed : int
    """

    fit: Fitted
    quantity: Quantity
    groups: str | Collection[str]
    new_levels: str
    seed: int

    @classmethod
    def of(
        cls,
        fit: Fitted,
        scale: str,
        groups: str | Collection[str],
        new_levels: str,
        parameter: str | None,
        random_seed: int | np.random.Generator | None,
    ) -> Asked:
        """Read the arguments that the verbs have in common."""
        one_of("scale", scale, SCALES)
        if isinstance(groups, str):
            factors = dict.fromkeys(term.factor for term in fit.design.every_group)
            one_of("groups", groups, [*GROUPS, AVERAGE, *factors])
        quantity = (
            linear(fit, parameter) if scale == "link" else expected(fit, parameter, per_trial=True)
        )
        family = fit.family
        if scale == "link" and parameter is None and (family.categories or family.specific):
            what = "category but the first" if family.categories else "threshold"
            raise BayesmixError(
                f"scale='link': each {what} has a linear predictor of its own. Name one: "
                f"parameter= one of {', '.join(family.predictors)}."
            )
        own_seed = seed(fit.options.random_seed if random_seed is None else random_seed)
        return cls(fit, quantity, groups, new_levels, own_seed)

    @property
    def is_average(self) -> bool:
        """Whether effects of new groups are integrated out."""
        return isinstance(self.groups, str) and self.groups == AVERAGE

    @property
    def is_linear(self) -> bool:
        """Whether it is the linear predictor itself, on average over new groups, too."""
        return self.quantity.link == "identity"

    def rows(self, frame: pd.DataFrame | None, like: Predicted | None = None) -> Predicted:
        """Encode rows; those of the fit by default. `like` as of `predicted_rows`."""
        if self.is_average:
            one_of("new_levels", self.new_levels, ("error", "population", "sample"))
            rows = rows_of_new_groups(self.quantity.spec, frame)
            return predicted_rows(
                self.fit, rows, new_levels="population", seed=self.seed, like=like
            )
        trials = self.quantity.needs_trials
        rows = rows_of(self.quantity.spec, frame, self.groups, self.new_levels, trials=trials)
        return predicted_rows(self.fit, rows, new_levels=self.new_levels, seed=self.seed, like=like)

    def settings(self, frames: Sequence[pd.DataFrame]) -> list[Predicted]:
        """Encode the same rows with other values; what is warned of is said once.

        Rows that lack a value in one of them are left out of all.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found: list[Predicted] = []
            for frame in frames:
                found.append(self.rows(frame, found[-1] if found else None))
        said = {(str(one.message), one.category): None for one in caught}
        for message, category in said:
            warn(message, category)
        first, *others = (one.rows.place for one in found)
        common = functools.reduce(np.intersect1d, others, first)
        return [one if len(one.rows.place) == len(common) else one.at(common) for one in found]

    @property
    def idle_labels(self) -> list[str]:
        """Columns of grouping factors without effects here, which are of no other use."""
        encoder = self.fit.design.encoder
        every = encoder.every_grouping
        idle = every
        if not self.is_average:
            chosen = {one.factor.name for one in encoder.selected(self._chosen)}
            idle = tuple(one for one in every if one.factor.name not in chosen)
        used = {v for one in every if one not in idle for v in one.factor.variables}
        used |= set(encoder.effect_columns(every))
        return [
            v
            for v in dict.fromkeys(v for one in idle for v in one.factor.variables)
            if v not in used
        ]

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Columns that predictions depend on."""
        encoder = self.quantity.spec.design.encoder
        every = encoder.every_grouping
        labels = [] if self.is_average else [v for one in every for v in one.factor.variables]
        trials = self.fit.design.encoder.response.trial_columns
        return tuple(dict.fromkeys([*encoder.effect_columns(every), *labels, *trials]))

    @property
    def _chosen(self) -> bool | Collection[str]:
        return factors_of(self.fit.design, self.groups)

    @property
    def n_categories(self) -> int:
        """Number of categories of the response, 1 for a response without."""
        categories = self.fit.design.categories
        return 1 if categories is None else len(categories.values)

    def values(self, settings: Sequence[Predicted]) -> Iterator[tuple[IntArray, list[FloatArray]]]:
        """Yield positions of rows among all, and their values (b, S) or (b, S, K) in each setting.

        Rows with missing values are left out.
        """
        first = settings[0]
        step = max(1, BLOCK // first.n_draws // self.n_categories // len(settings))
        for start in range(0, first.rows.design.n_rows, step):
            with np.errstate(over="ignore", invalid="ignore"):
                values = [self._value(one, start, start + step) for one in settings]
            yield first.rows.place[start : start + step], values

    def _value(self, rows: Predicted, start: int, stop: int) -> FloatArray:
        block = rows.block(start, stop)
        if self.is_average:
            return averaged(self.quantity, block)
        return self.quantity.of(block.design, block.auxiliary, block.eta)


def asked_frame(asked: Asked, newdata: Any, grid: Mapping[str, Any] | None) -> pd.DataFrame:
    """Return the rows that are asked about: of new data, of a grid, of both, or of the fit.

    Parameters
    ----------
    asked : Asked
    newdata : DataFrame or None
        Of any library.
    grid : mapping or None
        Values by column; with `newdata` all its rows at each combination of the values.
    """
    if grid is not None:
        grid = checked_grid(grid)
    if newdata is None and grid is None:
        return columns_of_fit(asked.fit)
    if newdata is None:
        made = datagrid(asked.fit, grid)
        # A label of a group that is held would be taken for what was predicted.
        return made.drop(columns=[name for name in asked.idle_labels if name not in (grid or {})])
    opened = open_frame(newdata, "newdata")
    frame = opened.read(opened.columns).table
    return frame if grid is None else combined(frame, grid)
