"""Covariance parameters in batches, as the density needs them."""

from __future__ import annotations

import dataclasses

from bayesmix.base.arrays import FloatArray, IntArray

__all__ = ["Theta"]


@dataclasses.dataclass(frozen=True, eq=False)
class Theta:
    """A batch of B values of theta, in the form in which the density needs them.

    Attributes
    ----------
    scale : tuple of ndarray, shape (B, q, q)
        ``diag(sd) chol(R)`` of each factor, lower triangular.
    sigma : ndarray, shape (B,)
        Residual sd.
    """

    scale: tuple[FloatArray, ...]
    sigma: FloatArray

    def __len__(self) -> int:
        return len(self.sigma)

    def __getitem__(self, batch: slice | IntArray) -> Theta:
        return Theta(tuple(scale[batch] for scale in self.scale), self.sigma[batch])
