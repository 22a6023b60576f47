"""The other factors where each is nested in the next."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.small import factorise, solve, whiten
from bayesmix.blocks.theta import Theta

__all__ = ["Nested"]


@dataclasses.dataclass(frozen=True, eq=False)
class Nested:
    """Factors nested in one another, eliminated from the inside out, level by level."""

    factors: tuple[int, ...]
    patterns: tuple[tuple[tuple[int, int], ...], ...]
    base: FloatArray  # (E,) entries before anything is eliminated
    gram: tuple[IntArray, ...]  # (J, q, q) places of the entries
    border: tuple[IntArray, ...]  # (J, q, p + 1)
    coupling: dict[tuple[int, int], IntArray]  # (J, q_t, q_v)
    parent: dict[tuple[int, int], IntArray]  # (J,)

    @property
    def size(self) -> int:
        """Numbers that one theta needs at once."""
        return 4 * len(self.base)

    @property
    def cost(self) -> float:
        """Floating-point operations for one theta."""
        return 20.0 * len(self.base)

    def eliminate(
        self,
        entries: FloatArray,
        corner: FloatArray,
        theta: Theta,
        variance: FloatArray,
        state: dict[str, Any],
    ) -> tuple[FloatArray, FloatArray]:
        """Eliminate from the inside out: what is left of the corner, and log determinants."""
        log_determinant = np.zeros(len(variance))
        gram = [entries[places] for places in self.gram]
        border = [entries[places] for places in self.border]
        coupling = {pair: entries[places] for pair, places in self.coupling.items()}
        state["stages"] = stages = []
        for i, factor in enumerate(self.factors):
            chol, white, log = factorise(gram[i], theta.scale[factor], variance, self.patterns[i])
            log_determinant += log.sum(axis=0)
            stages.append((chol, white, border[i], {v: coupling[i, v] for v in self._after(i)}))
            H = whiten(white, border[i])
            corner = corner - np.einsum("jacb,jadb->cdb", H, H, optimize=True)
            inside = {v: whiten(white, coupling[i, v]) for v in self._after(i)}
            for v in self._after(i):
                up = self._up(i, v)
                gram[v] = gram[v] - up(np.einsum("jacb,jadb->jcdb", inside[v], inside[v]))
                border[v] = border[v] - up(np.einsum("jacb,jadb->jcdb", inside[v], H))
                for w in self._after(v):
                    both = np.einsum("jacb,jadb->jcdb", inside[v], inside[w])
                    coupling[v, w] = coupling[v, w] - up(both)
        return corner, log_determinant

    def substitute(
        self,
        beta: FloatArray,
        theta: Theta,
        state: dict[str, Any],
        zeta: dict[int, FloatArray],
        u: dict[int, FloatArray],
        rng: np.random.Generator,
    ) -> None:
        """Draw the effects given the population effects, from the outside in."""
        p = beta.shape[1]
        for i in reversed(range(len(self.factors))):
            factor = self.factors[i]
            chol, white, border, couplings = state["stages"][i]
            residual = border[:, :, p] - np.einsum("jacb,bc->jab", border[:, :, :p], beta)
            for v, values in couplings.items():
                above = u[self.factors[v]][:, self.parent[i, v]]
                residual = residual - np.einsum("jacb,bjc->jab", values, above)
            noise = rng.standard_normal(residual.shape)
            drawn = solve(chol, white, residual, theta.sigma, noise)
            zeta[factor] = np.moveaxis(drawn, (0, 2), (2, 0))
            u[factor] = zeta[factor] @ np.swapaxes(theta.scale[factor], 1, 2)

    def _after(self, i: int) -> range:
        return range(i + 1, len(self.factors))

    def _up(self, i: int, v: int) -> Any:
        parent = self.parent[i, v]
        gather = sparse.csr_array(
            (np.ones(len(parent)), (parent, np.arange(len(parent)))),
            shape=(len(self.gram[v]), len(parent)),
        )
        return lambda values: (gather @ values.reshape(len(values), -1)).reshape(
            len(self.gram[v]), *values.shape[1:]
        )
