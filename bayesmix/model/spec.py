"""Everything that a model is before any sampling: design, family and priors, as plain data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.family import Family
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.prior import LKJ
from bayesmix.priors.priorset import PriorSet, without_correlations

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModelSpec", "PartialCorrelations", "partial_correlations"]


@dataclasses.dataclass(frozen=True)
class PartialCorrelations:
    """The free numbers behind the correlations of one grouping factor.

    A correlation matrix with an LKJ prior has independent canonical partial correlations w with
    ``(1 + w) / 2 ~ Beta(b, b)``, and its Cholesky factor is a product of them. Correlations
    between blocks are zero, so that one lower triangle serves all blocks of a factor.

    Attributes
    ----------
    row, column : ndarray of int, shape (k,)
        Place of each partial correlation in the lower triangle of the factor's matrix.
    concentration : ndarray of float, shape (k,)
        The b of its Beta(b, b) prior.
    labels : tuple of str
        ``"occasion, Intercept"``: the two effects that it belongs to.

    References
    ----------
    Lewandowski, Kurowicka & Joe (2009), Journal of Multivariate Analysis 100, 1989-2001,
    https://doi.org/10.1016/j.jmva.2009.04.008
    """

    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    concentration: npt.NDArray[np.float64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.row)

    def cholesky(self, partial: npt.NDArray[np.float64], n_effects: int) -> npt.NDArray[np.float64]:
        """Cholesky factor of the correlation matrix.

        Parameters
        ----------
        partial : ndarray, shape (..., k)
            Partial correlations, in (-1, 1).
        n_effects : int
            Number of effects q of the factor.

        Returns
        -------
        ndarray, shape (..., q, q)
            Lower triangular, rows of unit length.
        """
        w = np.zeros((*partial.shape[:-1], n_effects, n_effects))
        w[..., self.row, self.column] = partial
        # What is left of each row; a product and no sum of logarithms, for correlations of one.
        before = np.ones(w.shape)
        before[..., 1:] = np.cumprod(np.sqrt((1 - w) * (1 + w)), axis=-1)[..., :-1]
        return (w + np.eye(n_effects)) * before


def partial_correlations(term: GroupTerm, prior: LKJ | None) -> PartialCorrelations:
    """Lay out the partial correlations of a grouping factor, block by block.

    Parameters
    ----------
    term : GroupTerm
        The grouping factor.
    prior : LKJ or None
        Its prior; None where no block has more than one effect.

    Returns
    -------
    PartialCorrelations
    """
    row, column, concentration = [], [], []
    eta = 1.0 if prior is None else prior.eta
    for block in term.blocks:
        for i, effect in enumerate(block):
            for j in range(i):
                row.append(effect)
                column.append(block[j])
                concentration.append(eta + (len(block) - 2 - j) / 2)
    return PartialCorrelations(
        np.array(row, dtype=np.int64),
        np.array(column, dtype=np.int64),
        np.array(concentration, dtype=np.float64),
        tuple(f"{term.effects[i]}, {term.effects[j]}" for i, j in zip(row, column, strict=True)),
    )


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

    def partial_correlations(self, term: GroupTerm) -> PartialCorrelations:
        """Return the layout of the partial correlations of one grouping factor."""
        self._check_term(term)
        return partial_correlations(term, self.priors.cor.get(term.factor))

    def is_centred(self, term: GroupTerm) -> bool:
        """Whether the priors of a factor are those of its block with the other columns centred."""
        self._check_term(term)
        return term.means is not None and term.factor in self.priors.centred

    def centre(self, term: GroupTerm) -> npt.NDArray[np.float64]:
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
        groups = ", ".join(f"{term.factor} ({term.n_levels})" for term in design.groups)
        lines = [
            f"ModelSpec: {design.formula.text}",
            f"{self.family.name} ({self.family.link}), "
            + (f"probability of {design.event}, " if design.event else "")
            + f"{design.n_rows} rows"
            + (f", groups: {groups}" if groups else ""),
            self.prior_table().to_string(index=False),
        ]
        return "\n".join(lines)
