"""The effects of one factor given all others: independent normals, one for each level."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossproducts import CrossProducts, blocks_between
from bayesmix.blocks.small import factorise

__all__ = ["Conditional", "LevelLaws"]


@dataclasses.dataclass(frozen=True, eq=False)
class LevelLaws:
    """Laws of the effects of some levels, for a batch of B draws of all else.

    With ``K = L M^-1 L' = W'W`` and what all else leaves of the response, ``r = Z'W(y - rest)``,
    the effects of a level are Normal with mean ``K r`` and covariance ``sigma^2 K``.

    Attributes
    ----------
    white : dict of (int, int) to ndarray, shape (n, B)
        Elements of W; those that are not there are zero.
    half : list of ndarray, shape (n, B)
        ``W r``, one for each effect.
    sigma : ndarray, shape (B,)
    """

    white: dict[tuple[int, int], FloatArray]
    half: list[FloatArray]
    sigma: FloatArray

    def of(self, z: FloatArray, place: IntArray) -> tuple[FloatArray, FloatArray]:
        """Compute mean and sd (m, B) of ``z'u`` for z (m, q) and the place of its level, (m,)."""
        q = z.shape[1]
        mean = np.zeros((len(z), len(self.sigma)))
        square = np.zeros(mean.shape)
        for a in range(q):
            own = np.zeros(mean.shape)
            for b in range(q):
                if (a, b) in self.white and z[:, b].any():
                    own += self.white[a, b][place] * z[:, b, None]
            mean += own * self.half[a][place]
            square += own * own
        return mean, np.sqrt(square, out=square) * self.sigma

    def draw(self, noise: FloatArray) -> FloatArray:
        """Draw the effects (n, B, q) from standard normal numbers (n, B, q)."""
        out = np.zeros(noise.shape)
        for (a, b), white in self.white.items():
            out[..., b] += white * (self.half[a] + self.sigma * noise[..., a])
        return out


@dataclasses.dataclass(frozen=True, eq=False)
class Conditional:
    """Cross-products of the levels of one factor with everything.

    Attributes
    ----------
    gram : ndarray, shape (J, q, q)
    border : ndarray, shape (J, q, p + 1)
        With the population columns and the response.
    couplings : dict of int to sparse array, shape (J * q, J_t * q_t)
        With the effects of each other factor.
    pattern : tuple of (int, int)
        Entries of L that are not zero.
    """

    gram: FloatArray
    border: FloatArray
    couplings: dict[int, sparse.csr_array]
    pattern: tuple[tuple[int, int], ...]

    @classmethod
    def of(
        cls, products: CrossProducts, factor: int, pattern: tuple[tuple[int, int], ...]
    ) -> Conditional:
        """Take what belongs to a factor."""
        J, q, _ = products.diagonal[factor].shape
        couplings = {}
        for t, other in enumerate(products.diagonal):
            if t == factor:
                continue
            blocks, (J_t, q_t) = blocks_between(products, factor, t), other.shape[:2]
            rows = blocks.row[:, None, None] * q + np.arange(q)[:, None]
            columns = blocks.column[:, None, None] * q_t + np.arange(q_t)
            rows, columns = np.broadcast_arrays(rows, columns)
            couplings[t] = sparse.csr_array(
                (blocks.values.ravel(), (rows.ravel(), columns.ravel())), shape=(J * q, J_t * q_t)
            )
        return cls(products.diagonal[factor], products.border[factor], couplings, pattern)

    def laws(
        self,
        levels: IntArray,
        scale: FloatArray,
        sigma: FloatArray,
        beta: FloatArray,
        others: dict[int, FloatArray],
    ) -> LevelLaws:
        """Find the laws of the effects of some levels.

        Parameters
        ----------
        levels : ndarray of int64, shape (n,)
        scale : ndarray, shape (B, q, q)
            L of each draw.
        sigma : ndarray, shape (B,)
        beta : ndarray, shape (B, p)
            Population effects of the columns of the cross-products, less the mean that was taken
            off the response.
        others : dict of int to ndarray, shape (J_t * q_t, B)
            Effects of all other factors, level by level.

        Returns
        -------
        LevelLaws
        """
        q, p = self.gram.shape[1], beta.shape[1]
        border = self.border[levels]
        right = border[..., p, None] - border[..., :p] @ beta.T
        if others:
            right -= self.explained(levels, others)
        _, white, _ = factorise(self.gram[levels, ..., None], scale, sigma**2, self.pattern)
        half = []
        for a in range(q):
            own = np.zeros((len(levels), len(sigma)))
            for b in range(q):
                if (a, b) in white:
                    own += white[a, b] * right[:, b]
            half.append(own)
        return LevelLaws(white, half, sigma)

    def explained(self, levels: IntArray, others: dict[int, FloatArray]) -> FloatArray:
        """Compute what the effects of all other factors have of ``Z'Wy``, (n, q, B)."""
        n, q = len(levels), self.gram.shape[1]
        rows = (levels[:, None] * q + np.arange(q)).ravel()
        parts = [(self.couplings[t][rows] @ u).reshape(n, q, -1) for t, u in others.items()]
        return functools.reduce(np.add, parts)

    def added(self, levels: IntArray, kind: IntArray) -> Conditional:
        """Add up the borders and couplings of levels (n,) of the same kind, which come in order."""
        J, q, _ = self.gram.shape
        n_kinds = int(kind.max(initial=-1)) + 1
        rows = (kind[:, None] * q + np.arange(q)).ravel()
        columns = (levels[:, None] * q + np.arange(q)).ravel()
        ones = np.ones(len(rows))
        added = sparse.csr_array((ones, (rows, columns)), shape=(n_kinds * q, J * q))
        return Conditional(
            self.gram[levels[np.searchsorted(kind, np.arange(n_kinds))]],
            (added @ self.border.reshape(J * q, -1)).reshape(n_kinds, q, -1),
            {t: (added @ own).tocsr() for t, own in self.couplings.items()},
            self.pattern,
        )
