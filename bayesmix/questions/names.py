"""Names of the parameters of a fit, and the draws that a name stands for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arguments import names_of, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, short, suggest
from bayesmix.base.words import count
from bayesmix.design.design import Design
from bayesmix.design.names import path_start
from bayesmix.families.family import Family
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.kept import check_kept, given_others, is_kept
from bayesmix.posterior.parameters import flat, number_of_draws, parameter_draws
from bayesmix.predictions.level_draws import LevelDraws
from bayesmix.questions.spelling import Spelling

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.design.groupterm import GroupTerm

__all__ = ["Levels", "Parameters", "levels_of", "spelling_of", "unknown_parameter"]

# Numbers that the draws of the effects of single levels may take: 2 GB.
_MOST_NUMBERS = 250_000_000
_MOST_SHOWN = 40


@dataclasses.dataclass(frozen=True)
class Levels:
    """The effects of the levels of one grouping factor by name: ``u:Subject:Days:308``."""

    start: str
    term: GroupTerm

    @property
    def path(self) -> str:
        """``u:Subject``, or ``sigma:u:Subject`` of a further predictor."""
        return f"{self.start}u:{self.term.factor}"

    def names(self, path: str) -> dict[str, tuple[int, int]]:
        """Name -> positions of level and effect, of those that a path is the start of."""
        found = {}
        for i, effect in enumerate(self.term.effects):
            own = f"{self.path}:{effect}"
            if _is_start(path, own) or _is_start(own, path):
                for j, level in enumerate(self.term.levels):
                    if _is_start(path, name := f"{own}:{level}"):
                        found[name] = (j, i)
        return found

    def draws(
        self, posterior: xr.Dataset, places: Sequence[tuple[int, int]], fit: Fitted | None
    ) -> FloatArray:
        """Copy the draws (k, S) of effects by position of level and effect.

        Those that a fit has too many of to keep are drawn.
        """
        term = self.term
        if is_kept(posterior, term) or (fit and given_others(fit.spec, posterior) is not term):
            fit = None  # nothing is to be drawn
        if fit is None:
            check_kept(
                posterior,
                [term],
                "Effects of single levels",
                "ranef() and coef() have their means, sds and intervals.",
            )
        if len(places) * number_of_draws(posterior) > _MOST_NUMBERS:
            raise BayesmixError(
                f"The effects of '{term.factor}' are {count(len(places), 'number')} a draw: too "
                f"many for one table. Name some, such as '{self.path}:{term.effects[0]}:"
                f"{short(term.levels[0])}'; ranef() summarises all."
            )
        level, effect = np.array(places, dtype=np.int64).T
        levels, back = np.unique(level, return_inverse=True)
        if fit is not None:
            drawn = LevelDraws.of(fit, posterior, term).draws(levels)
            return np.asarray(drawn[back, :, effect])
        draws = flat(posterior[term.names.u].isel({term.dim: levels}), term.dim, term.effect_dim)
        some: FloatArray = draws[back, effect]
        return some


def levels_of(design: Design) -> list[Levels]:
    """List the grouping factors of all predictors."""
    return [
        Levels(path_start(part.predictor), term) for part in design.parts for term in part.groups
    ]


@dataclasses.dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters of a posterior, found by name.

    Attributes
    ----------
    design : Design
    family : Family
    posterior : Dataset
    fit : Fitted, optional
        Whose posterior it is.
    """

    design: Design
    family: Family
    posterior: xr.Dataset
    fit: Fitted | None = None

    @classmethod
    def of(cls, fit: Fitted) -> Parameters:
        """Take those of a fit."""
        return cls(fit.design, fit.family, fit.posterior, fit)

    @functools.cached_property
    def named(self) -> dict[str, FloatArray]:
        """Draws (S,) of each parameter, those of single levels left out."""
        every = parameter_draws(self.design, self.family, self.posterior)
        return {label: draws.reshape(-1) for label, draws in every.items()}

    @functools.cached_property
    def short_names(self) -> dict[str, str]:
        """Shorter name -> label: ``Days`` of ``beta:Days``, ``sigma:x`` of ``sigma:beta:x``.

        Thresholds are also called as in the table of population effects, ``Intercept[1]``. What
        belongs to the first of several categories may have its name before it; ``x`` alone could be
        of each of them.
        """
        found: dict[str, str] = {}
        for part in self.design.parts[int(bool(self.family.categories)) :]:
            start = path_start(part.predictor)
            found |= {f"{start}{term}": f"{start}beta:{term}" for term in part.terms}
        if (thresholds := self.family.thresholds) is not None:
            start = f"{thresholds.name}:"
            cuts = [label for label in self.named if label.startswith(start)]
            found |= {f"Intercept[{label.removeprefix(start)}]": label for label in cuts}
        if self.family.categories:
            first = self.family.predictors[0]
            starts = tuple(f"{part.predictor}:" for part in self.design.parts[1:])
            own = [label for label in self.named if not label.startswith(starts or ("\0",))]
            found |= {f"{first}:{label}": label for label in own}
            found |= {f"{first}:{term}": f"beta:{term}" for term in self.design.terms}
        return {name: label for name, label in found.items() if name not in self.named}

    def draws(self, labels: Iterable[str]) -> dict[str, FloatArray]:
        """Draws (S,) by label, the effects of single levels included."""
        wanted = list(labels)
        found = {label: self.named[label] for label in wanted if label in self.named}
        for levels in levels_of(self.design):
            places = {
                label: place
                for label in wanted
                if label not in found
                for name, place in levels.names(label).items()
                if name == label
            }
            if places:
                own = levels.draws(self.posterior, list(places.values()), self.fit)
                found |= dict(zip(places, own, strict=True))
        return {label: found[label] for label in wanted}

    def names_of(self, parameters: object) -> tuple[str, ...]:
        """Read ``parameters=``: one name or several, but not none."""
        names = names_of("parameters", parameters)
        if not names:
            raise BayesmixError(
                f"parameters={shown(parameters)} names nothing: give one or more of "
                f"{', '.join(list(self.named)[:5])}, ..., or None for all."
            )
        return tuple(names)

    def select(self, names: Sequence[str]) -> dict[str, FloatArray]:
        """Draws (S,) by label of all that names or starts of names stand for, each once."""
        found: dict[str, FloatArray] = {}
        for name in names:
            found |= self._meant(name)
        return found

    def _meant(self, name: str) -> dict[str, FloatArray]:
        if name in self.named:
            return {name: self.named[name]}
        under = {label: own for label, own in self.named.items() if _is_start(name, label)}
        levels = [
            (own, places)
            for own in levels_of(self.design)
            if _is_start(f"{own.start}u", name) and (places := own.names(name))
        ]
        label = self.short_names.get(name)
        if label is not None and (under or levels):
            others = [*under, *(own.path for own, _ in levels)]
            raise BayesmixError(
                f"parameters={name!r} has two meanings: '{label}', and all of "
                f"'{short(others[0])}' and the like. Write '{label}' for the one."
            )
        if label is not None:
            return {label: self.named[label]}
        for own, places in levels:
            drawn = own.draws(self.posterior, list(places.values()), self.fit)
            under |= dict(zip(places, drawn, strict=True))
        if not under:
            raise BayesmixError(unknown_parameter(name, self))
        return under


def spelling_of(parameters: Parameters, texts: Sequence[str]) -> Spelling:
    """Collect the names that the texts may have; those of levels where a text has any."""
    labels = {label: label for label in parameters.named} | parameters.short_names
    for levels in levels_of(parameters.design):
        if any(levels.path in text for text in texts):
            labels |= {name: name for name in levels.names(levels.path) if name not in labels}
    return Spelling(labels)


def unknown_parameter(name: str, parameters: Parameters) -> str:
    """Say that a name is none of a model, which there are, and what may be meant."""
    known = list(parameters.named)
    listed = ", ".join(known[:_MOST_SHOWN]) + (", ..." if len(known) > _MOST_SHOWN else "")
    paths = [levels.path for levels in levels_of(parameters.design)]
    effects = f" Effects of single levels: {', '.join(paths)}." if paths else ""
    options = [*known, *parameters.short_names, *dict.fromkeys(_starts(known)), *paths]
    own = next((path for path in paths if name.startswith(f"{path}:")), None)
    if own is not None:
        levels = next(one for one in levels_of(parameters.design) if one.path == own)
        options = list(levels.names(own))
    text = f"Unknown parameter '{short(name)}'. Parameters of this model: {listed}.{effects}"
    return f"{text} {suggest(name, options)}".rstrip()


def _starts(labels: Iterable[str]) -> Iterator[str]:
    for label in labels:
        places = label.split(":")
        yield from (":".join(places[:depth]) for depth in range(1, len(places)))


def _is_start(path: str, name: str) -> bool:
    """Whether a path is a name, or one that names cascade from."""
    return name == path or name.startswith(f"{path}:")
