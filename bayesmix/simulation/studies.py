"""Studies to simulate, of any size: from parameters, from a fit, from a function of the user."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.posterior.fitted import Fitted
from bayesmix.simulation.from_fit import simulate_from
from bayesmix.simulation.from_parameters import simulate
from bayesmix.simulation.truth import Simulation

__all__ = ["Sizes", "Study", "study_of"]

type Sizes = Mapping[str, int]


class Study(Protocol):
    """A source of data sets."""

    @property
    def first(self) -> str:
        """Name of the factor whose levels and rows are varied; empty where it has none."""
        ...

    def simulated(self, sizes: Sizes, seed: int) -> Simulation | pd.DataFrame:
        """Draw a data set of so many groups and rows of each."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class FromParameters:
    """Arguments of `simulate`."""

    arguments: Mapping[str, Any]

    @property
    def first(self) -> str:
        """The first of its factors."""
        groups = self.arguments.get("n_groups")
        return next(iter(groups), "group") if isinstance(groups, Mapping) else "group"

    def simulated(self, sizes: Sizes, seed: int) -> Simulation:
        """Draw a data set."""
        arguments = dict(self.arguments)
        if "n_groups" in sizes:
            groups = arguments.get("n_groups")
            n = sizes["n_groups"]
            arguments["n_groups"] = {**groups, self.first: n} if isinstance(groups, Mapping) else n
        if "n_per_group" in sizes:
            arguments["n_per_group"] = sizes["n_per_group"]
        return simulate(**{**arguments, "random_seed": seed})


@dataclasses.dataclass(frozen=True, eq=False)
class FromFunction:
    """A function of the sizes and a seed."""

    function: Callable[..., Any]

    @property
    def first(self) -> str:
        """Only the function knows."""
        return ""

    def simulated(self, sizes: Sizes, seed: int) -> Any:
        """Draw a data set."""
        return self.function(**sizes, random_seed=seed)


@dataclasses.dataclass(frozen=True, eq=False)
class FromFit:
    """Groups of the rows of a fit, as often as it takes, with new effects and responses.

    Attributes
    ----------
    fit : Fitted
    first : str
        The grouping factor whose levels are taken.
    parameters : {"mean", "draw"}
    """

    fit: Fitted
    first: str
    parameters: str

    def simulated(self, sizes: Sizes, seed: int) -> Simulation:
        """Draw a data set."""
        rng = np.random.default_rng(seed)
        source = self.fit.design.source
        assert source is not None
        term = next(term for term in self.fit.design.groups if term.factor == self.first)
        places = [np.flatnonzero(term.codes == level) for level in range(term.n_levels)]
        n = sizes.get("n_groups", term.n_levels)
        # Each group as often as any other, as near as that can be.
        order = np.concatenate(
            [rng.permutation(term.n_levels) for _ in range(-(-n // len(places)))]
        )
        rows, labels = [], []
        for k, level in enumerate(order[:n], start=1):
            own = places[level]
            if "n_per_group" in sizes:
                own = np.sort(_repeated(rng, own, sizes["n_per_group"]))
            rows.append(own)
            labels.append(np.repeat(k, len(own)))
        taken = source.iloc[np.concatenate(rows)].reset_index(drop=True)
        number = np.concatenate(labels)
        for name in term.variables:
            old = map(str, taken[name])
            taken[name] = [f"{one}.{k}" for one, k in zip(old, number.tolist(), strict=True)]
        response = self.fit.design.encoder.response.columns
        study = taken.drop(columns=[name for name in response if name in taken])
        return simulate_from(self.fit, study, parameters=self.parameters, random_seed=rng)


def _repeated(rng: np.random.Generator, rows: np.ndarray, n: int) -> np.ndarray:
    """Take n of some rows, each as often as any other, as near as that can be."""
    whole, rest = divmod(n, len(rows))
    return np.concatenate([np.tile(rows, whole), rng.choice(rows, rest, replace=False)])


def study_of(simulation: Any, group: str | None, parameters: str) -> Study:
    """Read where the data sets come from.

    Raises
    ------
    BayesmixError
        It is neither arguments of `simulate`, nor a fit, nor a function.
    """
    if isinstance(simulation, Mapping):
        if group is not None:
            raise BayesmixError(
                "group= names a factor of a fit. With arguments of bm.simulate it is the first of "
                "their n_groups that is varied."
            )
        return FromParameters(dict(simulation))
    if isinstance(simulation, Fitted):
        return _from_fit(simulation, group, parameters)
    if callable(simulation):
        return FromFunction(simulation)
    raise BayesmixError(
        f"power: simulation={shown(simulation)} is neither a mapping of the arguments of "
        "bm.simulate, nor a fit, nor a function of n_groups, n_per_group and random_seed that "
        "makes a data frame."
    )


def _from_fit(fit: Fitted, group: str | None, parameters: str) -> FromFit:
    factors = [term.factor for term in fit.design.groups]
    if not factors:
        raise BayesmixError(
            f"power from a fit takes its groups anew, and '{fit.design.formula.text}' has none. "
            "Give the arguments of bm.simulate, or a function."
        )
    if fit.design.source is None:
        raise BayesmixError("The fit has no columns of its data. Refit it from the data.")
    if group is None:
        largest = max(fit.design.groups, key=lambda term: term.n_levels)
        group = largest.factor if len(factors) == 1 else None
    if group not in factors:
        raise BayesmixError(
            f"group={shown(group)}: name the factor whose levels are varied, one of "
            f"{count(len(factors), 'factor')}: {', '.join(factors)}."
        )
    return FromFit(fit, group, parameters)
