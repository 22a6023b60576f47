"""Everything that a model is before any sampling: design, family and priors, as plain data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arguments import one_of, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.covariance.correlations import Correlations
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import JointEffects
from bayesmix.families.family import Family
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.effects import StudentT
from bayesmix.priors.prior import Prior
from bayesmix.priors.priorset import PriorSet, without_correlations

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModelSpec"]


@dataclasses.dataclass(frozen=True, eq=False)
class ModelSpec:
    """A model that is complete but not sampled: design, family and one prior per parameter.

    Attributes
    ----------
    design : Design
        Arrays and names made from the formula and the data.
    family : Family
        Distribution of the response.
    priors : PriorSet
        One prior per parameter, in the order of the columns.
    """

    design: Design
    family: Family
    priors: PriorSet

    @property
    def parts(self) -> tuple[ModelSpec, ...]:
        """The model of each predictor by itself, that of the formula first."""
        return (self, *(self.predictor(name) for name in self.design.predictors))

    @property
    def owned_terms(self) -> tuple[tuple[ModelSpec, GroupTerm], ...]:
        """The grouping factors of all predictors, each with the model of its predictor."""
        return tuple((part, term) for part in self.parts for term in part.design.groups)

    def predictor(self, name: str) -> ModelSpec:
        """Return what is the model of the predictor of a further parameter."""
        known = dict(self.design.predictors)
        if not known:
            raise BayesmixError(
                f"name={shown(name)}: no further parameter has a predictor, as sigma has with "
                "sigma='~ x'."
            )
        one_of("name", name, known)
        return ModelSpec(self.design.predictors[name], self.family, self.priors.of(name))

    @property
    def population_priors(self) -> tuple[Prior, ...]:
        """Priors of the population effects, one per column of X."""
        slopes, intercept = self.priors.beta, self.priors.intercept
        if intercept is None or not self.design.has_intercept:
            return tuple(slopes)
        return (intercept, *slopes)

    @property
    def population_centre(self) -> FloatArray:
        """What these priors take off the columns of X, shape (p,)."""
        centre = np.zeros(self.design.n_terms)
        if self.design.means is not None:
            return self.design.means
        if self.design.has_intercept and self.priors.intercept is not None:
            centre[1:] = self.design.columns.mean[1:]
        return centre

    def part(self, term: GroupTerm) -> ModelSpec:
        """Return the model of the predictor that has a grouping factor."""
        self._check_term(term)
        return self.predictor(term.predictor) if term.predictor else self

    def correlations(self, term: GroupTerm) -> Correlations:
        """Return how the effects of one grouping factor are correlated, with the prior of that."""
        self._check_term(term)
        if self.priors.is_linked(term.factor):
            raise AssertionError(f"effects of {term.factor!r} are correlated across predictors")
        prior = self.priors.cor.get(term.factor)
        own = term.correlations
        return own if prior is None else dataclasses.replace(own, eta=prior.eta)

    def joint_correlations(self, joint: JointEffects) -> Correlations:
        """Return the same of effects that may be those of several predictors."""
        if not isinstance(joint, JointEffects):
            raise BayesmixError(
                f"joint={shown(joint)} is not usable: give one of spec.design.joint_effects."
            )
        prior = self.priors.of(joint.predictor).cor.get(joint.factor)
        own = joint.correlations
        return own if prior is None else dataclasses.replace(own, eta=prior.eta)

    def student(self, term: GroupTerm) -> StudentT | None:
        """Return the law of the effects of one grouping factor where it is Student-t."""
        self._check_term(term)
        return self.priors.student.get(term.factor)

    def is_centred(self, term: GroupTerm) -> bool:
        """Whether the priors of a factor are those of its block with the other columns centred."""
        self._check_term(term)
        return term.means is not None and term.factor in self.priors.centred

    def centre(self, term: GroupTerm) -> FloatArray:
        """Return what the priors take off the columns of a factor, shape (q,)."""
        self._check_term(term)
        if term.means is not None and self.is_centred(term):
            return term.means
        return np.zeros(term.n_effects)

    def _check_term(self, term: object) -> None:
        if not isinstance(term, GroupTerm):
            factors = ", ".join(own.factor for own in self.design.groups) or "none"
            raise BayesmixError(
                f"term={shown(term)} is not usable: give one of spec.design.groups ({factors})."
            )

    def uncorrelated(self) -> ModelSpec:
        """Return the same model with every block of effects split into blocks of one.

        Priors stay as they are; those of correlations have nothing left to stand on. The default
        prior of a correlated block does not depend on where its covariates are zero, and the model
        without correlations does: see `MixedFit.uncorrelated`.
        """
        design = self.design.uncorrelated()
        edits = without_correlations(self.priors.edits)
        priors = resolve_priors(design, self.family, edits)
        return dataclasses.replace(self, design=design, priors=priors)

    def prior_table(self) -> pd.DataFrame:
        """Return ``parameter, prior``, one row per parameter, defaults written out."""
        return self.priors.table()

    def __repr__(self) -> str:
        """Return the formula, the sizes and the priors as text."""
        design = self.design
        sizes = {term.factor: term.n_levels for term in design.every_group}
        groups = ", ".join(f"{factor} ({n})" for factor, n in sizes.items())
        lines = [
            f"ModelSpec: {'; '.join(design.formulas)}",
            f"{self.family.name} ({self.family.link}), "
            + ("known standard errors, " if self.family.known_errors else "")
            + (f"probability of {design.event}, " if design.event else "")
            + count(design.n_rows, "row")
            + (f", groups: {groups}" if groups else ""),
            self.prior_table().to_string(index=False),
        ]
        return "\n".join(lines)
