"""Sums over rows of what a linear model expects, and of squares, without a number for each row."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossproducts import within_levels
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.model.centring import centred_effects
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.threads import threads
from bayesmix.predictions.blocks import Predicted

__all__ = ["fitted_sums"]

# Numbers of the effects of levels that are summed at a time.
_AT_ONCE = 1 << 17


def fitted_sums(fit: Fitted, rows: Predicted, y: FloatArray) -> FloatArray:
    """Sum linear predictors and what they leave of the response, and the squares of each.

    Products of columns are added up over the rows once. A draw takes them times its parameters,
    level by level where the effects of a factor are drawn for it.

    Parameters
    ----------
    fit : Fitted
    rows : Predicted
        The rows of the fit.
    y : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (4, S)
        Sums over the rows, the mean of the response taken off.
    """
    design, parameters, undrawn = rows.rows.design, rows.parameters, rows.undrawn
    response, spec = y - y.mean(), fit.spec
    drawn = [one for one in design.groups if not undrawn or one.factor != undrawn.laws.factor]
    columns = _Columns.of(spec, design, drawn, y.mean())
    products = (columns.matrix.T @ columns.matrix).tocsr()
    of_one, of_y = columns.matrix.sum(axis=0), columns.matrix.T @ response
    sums = np.empty((3, rows.n_draws))
    step = max(1, parameters.batch // columns.matrix.shape[1])
    for start in range(0, rows.n_draws, step):
        some = slice(start, start + step)
        v = columns.coefficients(parameters[some])
        sums[:, some] = of_one @ v, of_y @ v, (v * (products @ v)).sum(axis=0)
    if undrawn:
        (term,) = (one for one in design.groups if one not in drawn)
        levels = _Levels.of(spec, term, columns.matrix, response)
        v = columns.coefficients(parameters)
        size = max(1, _AT_ONCE // (rows.n_draws * term.n_effects))
        every = np.arange(term.n_levels)
        parts = np.split(every, range(size, term.n_levels, size))

        def added(some: IntArray) -> FloatArray:
            with np.errstate(all="ignore"):
                return levels.sums(some, undrawn.centred(some), v)

        with threads(fit) as pool:
            for own in pool.map(added, parts):
                sums += own
    total, product, square = sums
    return np.array([total, square, -total, response @ response - 2 * product + square])


def _centred(spec: ModelSpec, term: GroupTerm) -> sparse.csr_array:
    """Spread the centred columns of a factor over its levels, shape (n, J * q)."""
    n, q = term.Z.shape
    column = term.codes[:, None] * q + np.arange(q)
    row = np.repeat(np.arange(n), q)
    Z = term.Z - term.Z[:, :1] * spec.centre(term)
    return sparse.csr_array((Z.ravel(), (row, column.ravel())), shape=(n, term.n_levels * q))


@dataclasses.dataclass(frozen=True, eq=False)
class _Columns:
    """Columns of a design, times whose coefficients the linear predictor is.

    Attributes
    ----------
    matrix : sparse array, shape (n, c)
        Population columns less their means, ones, the offset, and those of the factors.
    means : ndarray, shape (p,)
    shift : float
        What is taken off all linear predictors.
    """

    spec: ModelSpec
    terms: Sequence[GroupTerm]
    matrix: sparse.csr_array
    means: FloatArray
    shift: float

    @classmethod
    def of(
        cls, spec: ModelSpec, design: Design, terms: Sequence[GroupTerm], shift: float
    ) -> _Columns:
        means, ones = design.X.mean(axis=0), np.ones(design.n_rows)
        offset = np.zeros(design.n_rows) if design.offset is None else design.offset
        dense = sparse.csr_array(np.column_stack([design.X - means, ones, offset]))
        matrix = sparse.hstack([dense, *(_centred(spec, term) for term in terms)], format="csr")
        return cls(spec, terms, matrix, means, shift)

    def coefficients(self, draws: Draws) -> FloatArray:
        """Put the coefficients (c, S) of the columns below each other."""
        level = draws.beta @ self.means - self.shift
        parts = [draws.beta.T, level[None], np.ones((1, len(draws)))]
        for term in self.terms:
            u = centred_effects(self.spec.centre(term), draws.u[term.factor])
            parts.append(u.reshape(len(draws), -1).T)
        return np.concatenate(parts)


@dataclasses.dataclass(frozen=True, eq=False)
class _Levels:
    """Products of the columns of one factor, level by level.

    Attributes
    ----------
    of_one, of_y : ndarray, shape (J, q)
        With ones, and with the response.
    gram : ndarray, shape (J, q, q)
    others : sparse array, shape (J * q, c)
        With all other columns.
    """

    of_one: FloatArray
    of_y: FloatArray
    gram: FloatArray
    others: sparse.csr_array

    @classmethod
    def of(
        cls, spec: ModelSpec, term: GroupTerm, others: sparse.csr_array, y: FloatArray
    ) -> _Levels:
        columns, shape = _centred(spec, term), (term.n_levels, term.n_effects)
        Z = term.Z - term.Z[:, :1] * spec.centre(term)
        gram = within_levels(term.codes, term.n_levels, Z, Z)
        return cls(
            columns.sum(axis=0).reshape(shape),
            (columns.T @ y).reshape(shape),
            gram,
            (columns.T @ others).tocsr(),
        )

    def sums(self, levels: IntArray, u: FloatArray, v: FloatArray) -> FloatArray:
        """Add up what effects (L, S, q) of some levels add to the three sums (3, S)."""
        q = u.shape[2]
        of_rest = (self.others[(levels[:, None] * q + np.arange(q)).ravel()] @ v).reshape(
            len(levels), q, -1
        )
        sums = np.zeros((3, u.shape[1]))
        for a in range(q):
            own = u[..., a]
            half = 2 * of_rest[:, a]
            for b in range(q):
                half += self.gram[levels, a, b, None] * u[..., b]
            sums += self.of_one[levels, a] @ own, self.of_y[levels, a] @ own, (own * half).sum(0)
        return sums
