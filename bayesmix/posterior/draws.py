"""Posterior to arrays of draws, and the linear predictor of any rows from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray, IntArray, draws_first
from bayesmix.design.design import Design
from bayesmix.design.names import population_names
from bayesmix.model.centring import (
    centred_effects,
    centred_scale,
    joint_scale_as_written,
    scale_as_written,
)
from bayesmix.model.schema import Schema
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.kept import is_kept
from bayesmix.priors.prior import Prior

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["BATCH", "Draws", "linear_predictor", "mean_predicted"]


# Numbers in the largest array of one batch of draws; fixed, so that results do not depend on the
# machine.
BATCH = 1 << 21


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """Draws of all parameters, chains after one another.

    Attributes
    ----------
    beta : ndarray, shape (S, p)
    auxiliary : dict of str to ndarray, shape (S,) or (S, length)
    scale : dict of str to ndarray, shape (S, q, Q)
        By factor, square roots of Sigma, of the effects as written: of as many standard normal
        numbers as the factor has effects. Where effects are correlated across predictors, these
        are those of all of them, Q > q, and the same numbers make the effects of each.
    u : dict of str to ndarray, shape (S, J, q)
        By factor; lacks a factor whose draws were not kept.
    batch : int
        Numbers in the largest array of one batch of draws.
    predictors : dict of str to Draws
        By parameter, those of the predictors of further ones.
    df : dict of str to ndarray, shape (S,)
        By factor, degrees of freedom of effects that are Student-t; lacks those that are normal.
    """

    beta: FloatArray
    auxiliary: dict[str, FloatArray]
    scale: dict[str, FloatArray]
    u: dict[str, FloatArray]
    batch: int = BATCH
    predictors: dict[str, Draws] = dataclasses.field(default_factory=dict)
    df: dict[str, FloatArray] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, spec: ModelSpec, posterior: xr.Dataset, batch: int = BATCH) -> Draws:
        """Read them from the variables of the posterior schema."""
        schema, scales = Schema.of(spec), _scales(spec, posterior)
        auxiliary = {
            name: draws_first(posterior[name], *schema.dims(name)) for name in spec.family.auxiliary
        }
        predictors = {
            name: cls.of_predictor(spec.predictor(name), posterior, {}, scales[name], batch)
            for name in spec.design.predictors
        }
        main = cls.of_predictor(spec, posterior, auxiliary, scales[""], batch)
        return dataclasses.replace(main, predictors=predictors)

    @classmethod
    def of_predictor(
        cls,
        spec: ModelSpec,
        posterior: xr.Dataset,
        auxiliary: dict[str, FloatArray],
        scale: dict[str, FloatArray],
        batch: int = BATCH,
    ) -> Draws:
        """Read those of one predictor, given the scales of its factors."""
        n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
        names = population_names(spec.design.predictor)
        beta = (
            draws_first(posterior[names.beta], names.dim)
            if spec.design.n_terms
            else np.zeros((n_draws, 0))
        )
        u, df = {}, {}
        for term in spec.design.groups:
            if (law := spec.student(term)) is not None:
                fixed = not isinstance(law.nu, Prior)
                df[term.factor] = (
                    np.full(n_draws, law.nu) if fixed else draws_first(posterior[term.names.df])
                )
            if is_kept(posterior, term):
                u[term.factor] = draws_first(posterior[term.names.u], term.dim, term.effect_dim)
        return cls(beta, auxiliary, scale, u, batch, df=df)

    @property
    def parts(self) -> tuple[Draws, ...]:
        """The draws of all predictors, that of the formula first."""
        return (self, *self.predictors.values())

    def centred(self, spec: ModelSpec) -> Draws:
        """Return the draws of effects of the columns of `centring.centred_design`."""
        centres = {term.factor: spec.centre(term) for term in spec.design.groups}
        return dataclasses.replace(
            self,
            scale={
                factor: scale_as_written(-centres[factor], scale)
                for factor, scale in self.scale.items()
            },
            u={factor: centred_effects(centres[factor], u) for factor, u in self.u.items()},
            predictors={
                name: own.centred(spec.predictor(name)) for name, own in self.predictors.items()
            },
        )

    def auxiliary_beside(self, n_axes: int) -> dict[str, FloatArray]:
        """Return the auxiliary parameters for arrays with `n_axes` axes after that of the draws."""
        return {
            name: values.reshape(len(values), *[1] * n_axes, *values.shape[1:])
            for name, values in self.auxiliary.items()
        }

    def __len__(self) -> int:
        return len(self.beta)

    def averaged(self) -> Draws:
        """Average each number over all draws: one draw."""

        def means(values: dict[str, FloatArray]) -> dict[str, FloatArray]:
            return {name: own.mean(axis=0, keepdims=True) for name, own in values.items()}

        return Draws(
            self.beta.mean(axis=0, keepdims=True),
            means(self.auxiliary),
            means(self.scale),
            means(self.u),
            self.batch,
            {name: own.averaged() for name, own in self.predictors.items()},
            means(self.df),
        )

    def __getitem__(self, some: slice | IntArray) -> Draws:
        return Draws(
            self.beta[some],
            {name: values[some] for name, values in self.auxiliary.items()},
            {name: values[some] for name, values in self.scale.items()},
            {name: values[some] for name, values in self.u.items()},
            self.batch,
            {name: own[some] for name, own in self.predictors.items()},
            {name: values[some] for name, values in self.df.items()},
        )

    def batches(self, size: int) -> Iterator[Draws]:
        """Yield as many draws at once as keep arrays of `size` numbers per draw small."""
        step = max(1, self.batch // max(size, 1))
        for start in range(0, len(self), step):
            yield self[start : start + step]


def _scales(spec: ModelSpec, posterior: xr.Dataset) -> dict[str, dict[str, FloatArray]]:
    """Read the scales of the group effects, by predictor and factor."""
    found: dict[str, dict[str, FloatArray]] = {part.predictor: {} for part in spec.design.parts}
    for joint in spec.design.joint_effects:
        root = joint_scale_as_written(spec, joint, centred_scale(spec, joint, posterior))
        for term, place in joint.members:
            found[term.predictor][term.factor] = root[:, place]
    return found


def mean_predicted(design: Design, draws: Draws) -> dict[str, FloatArray]:
    """Average the linear predictors (n,) of further parameters over the draws."""
    totals = {name: np.zeros(design.n_rows) for name in design.predictors}
    for batch in draws.batches(design.n_rows):
        for name, own in design.predictors.items():
            totals[name] += linear_predictor(own, batch.predictors[name], {}).sum(axis=0)
    return {name: total / len(draws) for name, total in totals.items()}


def linear_predictor(
    design: Design, draws: Draws, without: Mapping[str, npt.NDArray[np.bool_]]
) -> FloatArray:
    """Compute the linear predictor of each row and draw.

    Parameters
    ----------
    design : Design
        Any rows; an unseen level counts 0.
    draws : Draws
    without : mapping of str to ndarray of bool, shape (n,)
        By factor, the rows in which its effects are left out.

    Returns
    -------
    ndarray, shape (S, n)
    """
    eta = draws.beta @ design.X.T
    if design.offset is not None:
        eta += design.offset
    for term in design.groups:
        left_out = without.get(term.factor, np.zeros(design.n_rows, dtype=np.bool_))
        if not left_out.all():
            kept = dataclasses.replace(term, codes=np.where(left_out, -1, term.codes))
            eta += kept.dot(draws.u[term.factor])
    return eta
