"""Rows to predict in blocks: the linear predictors of all draws, levels that are new included."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.names import prefix_of
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.kept import check_kept, given_others
from bayesmix.posterior.mixing import draw_mixing
from bayesmix.predictions.generators import generator_of
from bayesmix.predictions.level_draws import LevelDraws
from bayesmix.predictions.levels import NewLevels, new_levels_of, unknown_levels
from bayesmix.predictions.rows import Rows

__all__ = ["BLOCK", "Block", "Predicted", "effects_of_new", "predicted_rows"]

# Numbers in the largest array of one block of rows.
BLOCK = 1 << 21


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Some rows, and what their parameters are in each draw.

    Attributes
    ----------
    rows : slice
        Which they are among the rows without missing values.
    design : Design
    parameters : Draws
    eta : ndarray, shape (b, S)
        Linear predictor of the first parameter.
    auxiliary : mapping of str to ndarray
        Those of all other parameters: draws (S,), or linear predictors (b, S).
    """

    rows: slice
    design: Design
    parameters: Draws
    eta: FloatArray
    auxiliary: Mapping[str, FloatArray]


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted:
    """Rows with the draws that are needed for them.

    Attributes
    ----------
    rows : Rows
    parameters : Draws
    new : mapping of str to NewLevels
        Levels whose effects are drawn.
    seed : int
    undrawn : LevelDraws or None
        Of the factor whose effects are not among the draws.
    """

    rows: Rows
    parameters: Draws
    new: Mapping[str, NewLevels]
    seed: int
    undrawn: LevelDraws | None = None

    @property
    def n_draws(self) -> int:
        """Number of draws S."""
        return len(self.parameters)

    def at(self, place: IntArray) -> Predicted:
        """Take the rows at some of their positions among all that were asked for."""
        own = np.flatnonzero(np.isin(self.rows.place, place))
        rows = dataclasses.replace(
            self.rows, design=self.rows.design.take(own), place=self.rows.place[own]
        )
        new = {factor: levels[own] for factor, levels in self.new.items()}
        return dataclasses.replace(self, rows=rows, new=new)

    def block(self, start: int, stop: int) -> Block:
        """Compute the linear predictors of some rows."""
        rows = slice(start, min(stop, self.rows.design.n_rows))
        design = self.rows.design.take(np.arange(rows.start, rows.stop))
        new = {factor: levels[rows] for factor, levels in self.new.items()}
        auxiliary = self.parameters.auxiliary | {
            part.predictor: _eta_of(
                part, self.parameters.predictors[part.predictor], new, self.seed
            )
            for part in design.parts[1:]
        }
        eta = _eta_of(design, self.parameters, new, self.seed)
        for term in design.groups:
            if self.undrawn is not None and term.factor == self.undrawn.laws.factor:
                eta += self.undrawn.dot(term)
        return Block(rows, design, self.parameters, eta, auxiliary)

    def blocks(self, n_values: int = 1) -> Iterator[Block]:
        """Yield all rows, as many at once as keep arrays of `n_values` numbers a row small."""
        step = max(1, BLOCK // self.n_draws // n_values)
        for start in range(0, self.rows.design.n_rows, step):
            yield self.block(start, start + step)


def predicted_rows(
    fit: Fitted, rows: Rows, *, new_levels: str, seed: int, like: Predicted | None = None
) -> Predicted:
    """Put rows and draws together; those of `like`, the same rows with other values, are shared.

    Raises
    ------
    BayesmixError
        Levels are new and `new_levels` is ``"error"``, or the effects of a factor were not kept.
    """
    new = {} if new_levels == "population" else new_levels_of(rows)
    if new and new_levels == "error":
        raise unknown_levels(rows.design, new)
    posterior = fit.posterior
    if like is None:
        parameters, undrawn = _draws_of(rows.design, Draws.of(fit.spec, posterior)), None
    else:
        parameters, undrawn = like.parameters, like.undrawn
    term = given_others(fit.spec, posterior)
    used = [own for own in rows.design.every_group if (own.codes >= 0).any()]
    if term is not None and any(own.factor == term.factor for own in used):
        undrawn = undrawn or LevelDraws.of(fit, posterior, term)
        return Predicted(rows, parameters, new, seed, undrawn)
    check_kept(
        posterior,
        used,
        "Conditional predictions",
        "Leave them out with groups='population' or a list of other factors, or refit with fewer "
        "draws and chains.",
    )
    return Predicted(rows, parameters, new, seed)


def _draws_of(design: Design, draws: Draws) -> Draws:
    """Take the draws of the predictors that a design has."""
    own = draws.predictors[design.predictor] if design.predictor else draws
    predictors = {name: draws.predictors[name] for name in design.predictors}
    return dataclasses.replace(own, predictors=predictors)


def _eta_of(
    design: Design, parameters: Draws, new: Mapping[str, NewLevels], seed: int
) -> FloatArray:
    """Compute the linear predictor (n, S), with drawn effects of the levels in `new`.

    The effects of a factor that is not among the draws are left out.
    """
    unseen = {
        term.factor: np.array(term.codes < 0) | (term.factor not in parameters.u)
        for term in design.groups
    }
    eta = np.ascontiguousarray(linear_predictor(design, parameters, unseen).T)
    for term in design.groups:
        for label, rows in new[term.factor].rows() if term.factor in new else ():
            eta[rows] += term.Z[rows] @ effects_of_new(term, parameters, label, seed).T
    return eta


def effects_of_new(
    term: GroupTerm, parameters: Draws, label: tuple[str, ...], seed: int
) -> FloatArray:
    """Draw the effects (S, q) of a level that the fit did not have."""
    scale = parameters.scale[term.factor]
    # Effects that are correlated across predictors are made of the same numbers.
    is_linked = scale.shape[-1] > term.n_effects
    kind = "joint_level" if is_linked else f"{prefix_of(term.predictor)}level"
    rng = generator_of(seed, kind, term.factor, *label)
    standard = rng.standard_normal((len(scale), scale.shape[-1]))
    if term.factor in parameters.df:
        standard *= np.sqrt(draw_mixing(rng, parameters.df[term.factor]))[:, None]
    effects: FloatArray = np.einsum("sij,sj->si", scale, standard)
    return effects
