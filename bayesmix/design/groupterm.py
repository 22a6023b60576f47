"""Group effects as arrays: one grouping factor, its codes and its columns."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray, IntArray, positions, read_only
from bayesmix.families.registry import parameter_names

__all__ = ["GroupTerm"]

# Dims and variables of the posterior and of the joint model that a factor's dim must not take,
# beside the parameters of all families. The last line is of families to come, so that files of
# today keep their dims.
_RESERVED = frozenset(
    {"obs", "term", "slope_term", "chain", "draw", "sample", "beta", "slope", "X", "y"}
    | {"Intercept_centred", "offset", "weights", "trials", "statistic"}
    | {"nu", "shape", "phi", "zi", "hu", "disc", "tau", "alpha", "cutpoint", "category"}
)


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
    means : ndarray of float64, shape (q,), or None
        Where a correlated block has an intercept, the means over the rows of the fit of the
        columns beside it, 0 elsewhere. None where the effects do not have such a block.
    """

    factor: str
    variables: tuple[str, ...]
    levels: npt.NDArray[np.str_]
    codes: IntArray
    effects: tuple[str, ...]
    Z: FloatArray
    blocks: tuple[tuple[int, ...], ...]
    means: FloatArray | None = None

    @property
    def n_levels(self) -> int:
        """Number of levels J."""
        return len(self.levels)

    @property
    def n_effects(self) -> int:
        """Number of effects q."""
        return len(self.effects)

    @property
    def dim(self) -> str:
        """Name of the dimension of the levels in the posterior."""
        is_taken = self.factor in _RESERVED or self.factor in parameter_names()
        return f"{self.factor}_level" if is_taken else self.factor

    @property
    def effect_dim(self) -> str:
        """Name of the dimension of the effects."""
        return f"{self.dim}_effect"

    @property
    def effect_dim_bis(self) -> str:
        """Name of the second dimension of a matrix of effects by effects."""
        return f"{self.effect_dim}_bis"

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
        for k in range(self.n_effects):
            column = np.where(self.codes < 0, 0.0, self.Z[:, k])
            total += np.take(effects[..., k], self.codes, axis=-1, mode="wrap") * column
        return total

    def split(self) -> GroupTerm:
        """Return the same term with every effect in a block of its own."""
        blocks = tuple((k,) for k in range(self.n_effects))
        return dataclasses.replace(self, blocks=blocks, means=None)

    @property
    def intercept_block(self) -> tuple[int, ...]:
        """Effects that are correlated with an intercept, the intercept first; empty without any."""
        first = self.blocks[0]
        return first if len(first) > 1 and self.effects[first[0]] == "Intercept" else ()

    def take(self, rows: npt.ArrayLike) -> GroupTerm:
        """Return the term for a subset of rows; all levels stay."""
        kept = positions(rows, len(self.codes))
        return dataclasses.replace(
            self, codes=read_only(self.codes[kept]), Z=read_only(self.Z[kept])
        )

    def __repr__(self) -> str:
        """Return the factor with its sizes, not its arrays."""
        blocks = " | ".join(", ".join(self.effects[k] for k in block) for block in self.blocks)
        return f"GroupTerm({self.factor}: {self.n_levels} levels; effects: {blocks})"
