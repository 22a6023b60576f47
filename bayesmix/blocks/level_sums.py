"""Sums of effects over levels, given all others: their moments, without a law of each level."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray, alike
from bayesmix.blocks.conditional import Conditional
from bayesmix.blocks.minors import MOST_EFFECTS, Minors, joined
from bayesmix.blocks.small import lower_pairs

__all__ = ["Sums"]


@dataclasses.dataclass(frozen=True, eq=False)
class Sums:
    """Sums of ``z'u`` over levels, in n parts that are independent given all others.

    Attributes
    ----------
    conditional : Conditional
        Its levels may be the sums of several that are alike.
    level : ndarray of int64, shape (n,)
    z : ndarray, shape (n, q)
    total : ndarray of int64, shape (n,)
        To which sum a part belongs, in order.
    count : ndarray of int64, shape (n,)
        Of how many levels it is.
    """

    conditional: Conditional
    level: IntArray
    z: FloatArray
    total: IntArray
    count: IntArray

    @classmethod
    def of(cls, conditional: Conditional, levels: IntArray, z: FloatArray, total: IntArray) -> Sums:
        """Prepare sums over levels (n,), each of which has its own z in order.

        Levels with the same cross-products and the same z in the same sum are taken together,
        where there are fewer kinds than levels: what their effects add to it is ``z'K`` times the
        sum of what all else leaves of their responses, and they have the same variance.
        """
        n, q = z.shape
        each = cls(conditional, levels, z, total, np.ones(n, dtype=np.int64))
        if (np.diff(total) > 0).all():
            return each
        gram = conditional.gram[levels]
        order, start = alike(np.column_stack([gram[:, *np.triu_indices(q)], z, total]))
        if 2 * len(start) > len(np.unique(levels)):
            return each
        first, count = order[start], np.diff(np.append(start, n))
        kinds = conditional.added(levels[order], np.repeat(np.arange(len(start)), count))
        return cls(kinds, np.arange(len(start)), z[first], total[first], count)

    @property
    def has_minors(self) -> bool:
        """Whether `together` has a closed form of the elements of K."""
        q: int = self.z.shape[1]
        return q <= MOST_EFFECTS

    def moments(
        self,
        some: IntArray,
        scale: FloatArray,
        sigma: FloatArray,
        beta: FloatArray,
        others: dict[int, FloatArray],
    ) -> tuple[FloatArray, FloatArray]:
        """Compute mean and variance (k, B) of some parts; the draws as `Conditional.laws`."""
        levels, place = np.unique(self.level[some], return_inverse=True)
        laws = self.conditional.laws(levels, scale, sigma, beta, others)
        mean, sd = laws.of(self.z[some], place)
        return mean, sd * sd * self.count[some, None]

    def together(
        self,
        some: slice,
        scale: FloatArray,
        sigma: FloatArray,
        beta: FloatArray,
        others: dict[int, FloatArray],
    ) -> tuple[FloatArray, FloatArray]:
        """Compute mean and variance (B,) of some parts of one sum, of a few effects.

        Both are linear in the elements of K, which are polynomials of the data times ``1 / |M|``.
        """
        level, z, count = self.level[some], self.z[some], self.count[some]
        gram, border = self.conditional.gram[level], self.conditional.border[level]
        m, q = z.shape
        pairs, p = lower_pairs(q), beta.shape[1]
        minors = Minors.of(gram)
        of_determinant, of_inverse = minors.numbers(scale, sigma**2)
        reciprocal = minors.determinant @ of_determinant
        np.reciprocal(reciprocal, out=reciprocal)
        # What each element of K is multiplied by: in z'K [X, y], and in the variance.
        by = np.empty((p + 2, m, len(pairs)))
        for i, (a, b) in enumerate(pairs):
            by[: p + 1, :, i] = (z[:, a, None] * border[:, b]).T
            by[p + 1, :, i] = count * z[:, a] * z[:, b]
            if a != b:
                by[: p + 1, :, i] += (z[:, b, None] * border[:, a]).T
                by[p + 1, :, i] *= 2
        found = joined(minors.of_map(by.reshape(p + 2, -1)) @ reciprocal, of_inverse)
        mean = found[p] - np.einsum("pb,bp->b", found[:p], beta)
        if others:
            K = minors.elements(slice(None), reciprocal, of_inverse)
            rest = self.conditional.explained(level, others)
            for i, (a, b) in enumerate(pairs):
                own = z[:, a, None] * rest[:, b]
                if a != b:
                    own += z[:, b, None] * rest[:, a]
                mean -= np.einsum("mb,mb->b", K[:, i], own)
        return mean, found[p + 1] * sigma**2
