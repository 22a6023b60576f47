"""Whether ranks are uniform: counts in bins, and the whole ECDF."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from scipy import stats

type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]

KEPT = 99  # draws of a fit that a rank is taken among: ranks are 0 .. 99
BINS = 20


def chi_square_p(ranks: IntArray) -> float:
    """P value of equal shares of the ranks in equal bins."""
    counts = np.bincount(ranks * BINS // (KEPT + 1), minlength=BINS)
    return float(stats.chisquare(counts).pvalue)


class Envelope:
    """Simultaneous envelope of the ECDF of n uniform ranks, its probability exact.

    The band holds the counts that are not in either tail of their binomial distribution, of
    probability gamma / 2 each, at all possible ranks at once. The counts are a Markov chain with
    binomial steps, so that the probability to stay within a band is a product of matrices.

    References
    ----------
    Saeilynoja, Buerkner & Vehtari (2022), Statistics and Computing 32, 32,
    https://doi.org/10.1007/s11222-022-10090-6
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.at = np.arange(1, KEPT + 1) / (KEPT + 1)
        counts = np.arange(n + 1)
        below = stats.binom.cdf(counts, n, self.at[:, None])
        above = stats.binom.sf(counts - 1, n, self.at[:, None])
        self.tail = 2 * np.minimum(below, above)
        steps = counts - counts[:, None]
        self.transitions = [
            stats.binom.pmf(steps, n - counts[:, None], 1 / (KEPT + 1 - k)) for k in range(KEPT)
        ]

    def counts(self, ranks: IntArray) -> IntArray:
        """How many of the ranks are below 1, .., KEPT."""
        return np.searchsorted(np.sort(ranks), np.arange(1, KEPT + 1))

    def gamma(self, ranks: IntArray) -> float:
        """Smallest tail probability that the ECDF reaches anywhere."""
        return float(self.tail[np.arange(KEPT), self.counts(ranks)].min())

    def leaves(self, gamma: npt.ArrayLike) -> FloatArray:
        """Probability that the ECDF of uniform ranks reaches a tail of probability gamma."""
        gammas = np.atleast_1d(np.asarray(gamma, dtype=np.float64))
        inside = np.zeros((len(gammas), self.n + 1))
        inside[:, 0] = 1
        outside = np.zeros(len(gammas))
        for transition, tail in zip(self.transitions, self.tail, strict=True):
            reached = inside @ transition
            inside = reached * (tail > gammas[:, None])
            outside += (reached - inside).sum(axis=1)
        return outside

    def band(self, alpha: float) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest ECDF at `at` of the envelope that is left with probability alpha."""
        lower, upper = 0.0, alpha
        for _ in range(40):
            middle = (lower + upper) / 2
            lower, upper = (middle, upper) if self.leaves(middle)[0] <= alpha else (lower, middle)
        within = self.tail > lower
        lowest = within.argmax(axis=1)
        highest = self.n - within[:, ::-1].argmax(axis=1)
        return lowest / self.n, highest / self.n


envelope = functools.lru_cache(maxsize=8)(Envelope)


def holm(p: npt.ArrayLike) -> FloatArray:
    """P values adjusted for their number (Holm 1979), shape kept.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70, https://www.jstor.org/stable/4615733
    """
    values = np.asarray(p, dtype=np.float64)
    flat = values.ravel()
    order = np.argsort(flat)
    adjusted = np.empty_like(flat)
    adjusted[order] = np.maximum.accumulate(flat[order] * np.arange(len(flat), 0, -1))
    return np.minimum(adjusted, 1).reshape(values.shape)
