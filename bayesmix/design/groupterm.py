"""Group effects as arrays: one grouping factor, its codes and its columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import shown
from bayesmix.base.arrays import FloatArray, IntArray, positions, read_only
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.base.words import count
from bayesmix.covariance.correlations import Correlations
from bayesmix.covariance.unstructured import UNSTRUCTURED
from bayesmix.design.columnsums import ColumnSums, RowColumns
from bayesmix.design.names import TermNames
from bayesmix.design.totals import LevelTotals

__all__ = ["GroupTerm", "named_term"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GroupTerm:
    """Everything that varies by one grouping factor, whatever number of bars it came from.

    Attributes
    ----------
    factor : str
        ``"student"``, or ``"g1:g2"`` for combinations.
    variables : tuple of str
        The columns that make the factor.
    levels : ndarray of str, shape (J,)
        Labels of the levels that occur in the data.
    codes : ndarray of int64, shape (n,)
        Level of each row; -1 for a level that was not in the fit.
    effects : tuple of str, length q
        Labels of the columns of `Z`, ``"Intercept"`` first.
    Z : ndarray of float64, shape (n, q)
        Thin: one column per effect, whatever the number of levels.
    blocks : tuple of tuple of int
        Partition of ``range(q)`` in order; effects of one block are correlated.
    structures : tuple of str
        How: the name of a covariance structure for each block; empty where all are unstructured.
    means : ndarray of float64, shape (q,), or None
        Where a correlated block has an intercept, the means over the rows of the fit of the
        columns beside it, 0 elsewhere. None where the effects do not have such a block.
    predictor : str
        The parameter whose predictor has the effects; empty for that of the formula.
    ids : tuple of str
        The id of each block, empty without: blocks of several predictors with the same one are
        correlated with each other (`bayesmix.design.joint_effects`). Empty where none has one.
    totals : LevelTotals or None
        Sums over the rows where `codes` and `Z` are not in memory.
    """

    factor: str
    variables: tuple[str, ...]
    levels: npt.NDArray[np.str_]
    codes: IntArray
    effects: tuple[str, ...]
    Z: FloatArray
    blocks: tuple[tuple[int, ...], ...]
    structures: tuple[str, ...] = ()
    means: FloatArray | None = None
    predictor: str = ""
    ids: tuple[str, ...] = ()
    totals: LevelTotals | None = None

    @property
    def n_levels(self) -> int:
        """Number of levels J."""
        return len(self.levels)

    @property
    def n_effects(self) -> int:
        """Number of effects q."""
        return len(self.effects)

    @property
    def counts(self) -> IntArray:
        """Number of rows of each level, shape (J,)."""
        if self.totals is not None:
            return self.totals.counts
        return np.bincount(self.codes[self.codes >= 0], minlength=self.n_levels)

    @property
    def columns(self) -> RowColumns | ColumnSums:
        """Means, sds and sizes of the columns of Z."""
        return RowColumns(self.Z) if self.totals is None else self.totals.columns

    @property
    def names(self) -> TermNames:
        """What the variables and the dims of the factor are called."""
        return TermNames(self.factor, self.predictor)

    @property
    def dim(self) -> str:
        """Dim of the levels."""
        return self.names.dim

    @property
    def effect_dim(self) -> str:
        """Dim of the effects."""
        return self.names.effect_dim

    @property
    def effect_dim_bis(self) -> str:
        """Dim of the columns of the correlation matrix."""
        return self.names.effect_dim_bis

    @property
    def correlations(self) -> Correlations:
        """How the effects are correlated with each other."""
        structures = self.structures or (UNSTRUCTURED.name,) * len(self.blocks)
        return Correlations(self.effects, self.blocks, structures)

    def dot(self, u: npt.ArrayLike) -> FloatArray:
        """Compute the contribution of the group effects to the linear predictor.

        Parameters
        ----------
        u : array_like, shape (..., J, q)
            Group effects.

        Returns
        -------
        ndarray, shape (..., n)
            ``Z[i] @ u[codes[i]]``; zero for a row of an unseen level.
        """
        effects = np.asarray(u, dtype=np.float64)
        total = np.zeros((*effects.shape[:-2], len(self.codes)))
        # Of all effects at once: those of one are no array of their own, and would be copied whole.
        own = np.take(effects, self.codes, axis=-2, mode="wrap")
        for k in range(self.n_effects):
            total += own[..., k] * np.where(self.codes < 0, 0.0, self.Z[:, k])
        return total

    def split(self) -> GroupTerm:
        """Return the same term with every effect in a block of its own."""
        blocks = tuple((k,) for k in range(self.n_effects))
        structures = (UNSTRUCTURED.name,) * self.n_effects
        return dataclasses.replace(self, blocks=blocks, structures=structures, means=None, ids=())

    @property
    def intercept_block(self) -> tuple[int, ...]:
        """Effects that have any correlations with an intercept, which is first; empty without."""
        for block in self.correlations.blocks[:1]:
            if self.effects[block.effects[0]] == "Intercept" and block.structure.any_columns:
                return block.effects
        return ()

    def take(self, rows: npt.ArrayLike) -> GroupTerm:
        """Return the term for a subset of rows; all levels stay."""
        kept = positions(rows, len(self.codes))
        return dataclasses.replace(
            self, codes=read_only(self.codes[kept]), Z=read_only(self.Z[kept])
        )

    def __repr__(self) -> str:
        """Return the factor with its sizes, not its arrays."""
        blocks = " | ".join(", ".join(self.effects[k] for k in block) for block in self.blocks)
        return f"GroupTerm({self.factor}: {count(self.n_levels, 'level')}; effects: {blocks})"


def named_term(
    argument: str, value: object, groups: Sequence[GroupTerm], remedy: str = ""
) -> GroupTerm:
    """Find the grouping factor that an argument names."""
    terms = {term.factor: term for term in groups}
    if not isinstance(value, str) or value not in terms:
        known = f"Grouping factors: {', '.join(terms)}." if terms else "It has none."
        message = f"{argument}={shown(value)} is no grouping factor of the model. {known}"
        raise BayesmixError(" ".join(filter(None, [message, remedy, suggest(value, terms)])))
    return terms[value]
