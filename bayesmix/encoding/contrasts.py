"""Contrasts of categories beside formulae's treatment and sum: Helmert, polynomial, differences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from formulae.categorical import ENCODINGS, ContrastMatrix, Encoding

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.frames.columns import listed

__all__ = ["CONTRASTS", "Diff", "Helmert", "Poly", "ordered_note"]


class _Contrast(Encoding):  # type: ignore[misc]
    """A contrast whose coding of full rank is one indicator for each category, as in R."""

    def code_with_intercept(self, levels: Sequence[Any]) -> ContrastMatrix:
        """Return the coding where there is no intercept: the mean of each category."""
        return ContrastMatrix(np.eye(len(levels)), [str(level) for level in levels])

    def code_without_intercept(self, levels: Sequence[Any]) -> ContrastMatrix:
        """Return the contrasts, one column less than there are categories."""
        raise NotImplementedError


class Helmert(_Contrast):
    """Each category against the mean of those before it; R's ``contr.helmert``.

    A coefficient is the difference divided by the place of its category, counted from zero, as in
    R. Columns are labelled by the category that is compared: ``C(f, Helmert)[b]``.

    Examples
    --------
    >>> Helmert().code_without_intercept(["a", "b", "c"]).matrix
    array([[-1., -1.],
           [ 1., -1.],
           [ 0.,  2.]])
    """

    def code_without_intercept(self, levels: Sequence[Any]) -> ContrastMatrix:
        """Return the contrasts; column j is -1 for the j categories before, j for its own."""
        k = len(levels)
        matrix = np.diag(np.arange(k, dtype=np.float64)) - np.triu(np.ones((k, k)), 1)
        return ContrastMatrix(matrix[:, 1:], [str(level) for level in levels[1:]])


class Diff(_Contrast):
    """Each category less the one before it; ``contr.sdif`` of R's MASS.

    The intercept is the mean of the means of the categories. Columns are labelled by the two
    categories: ``C(f, Diff)[b-a]``.

    Examples
    --------
    >>> Diff().code_without_intercept(["a", "b", "c"]).labels
    ['b-a', 'c-b']
    """

    def code_without_intercept(self, levels: Sequence[Any]) -> ContrastMatrix:
        """Return the contrasts, whose pseudo-inverse holds the differences."""
        k = len(levels)
        below = np.arange(k)[:, None] > np.arange(k - 1)
        matrix = np.arange(1, k) / k - np.where(below, 0.0, 1.0)
        labels = [f"{b}-{a}" for a, b in itertools.pairwise(levels)]
        return ContrastMatrix(matrix, labels)


class Poly(_Contrast):
    """Orthonormal polynomials in the order of the categories; R's ``contr.poly``.

    Columns are labelled as in R: ``C(f, Poly)[.L]`` (linear), ``[.Q]``, ``[.C]``, ``[^4]``.

    Parameters
    ----------
    *args : float, or one sequence of floats
        Where each category stands; 1, 2, 3, ... by default: ``Poly(1, 2, 4)``.
    scores : sequence of float, optional
        The same by name: ``Poly(scores=s)`` with a variable ``s``.

    Examples
    --------
    >>> Poly().code_without_intercept(["low", "mid", "high"]).labels
    ['.L', '.Q']
    """

    def __init__(self, *args: Any, scores: Any = None) -> None:
        given = args if scores is None else (scores,)
        if len(given) == 1 and np.ndim(given[0]):
            (given,) = given
        try:
            self.scores = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise _bad_scores(given, "they are not numbers") from None
        if scores is not None and args:
            raise _bad_scores(given, "they are given twice")

    def code_without_intercept(self, levels: Sequence[Any]) -> ContrastMatrix:
        """Return the contrasts, orthonormal and each with a positive leading coefficient."""
        k = len(levels)
        scores = self.scores if self.scores.size else np.arange(k, dtype=np.float64)
        if scores.shape != (k,):
            raise _bad_scores(
                scores,
                f"the column has {count(k, 'category', 'categories')} "
                f"({listed(map(str, levels), 6)})",
            )
        if not np.isfinite(scores).all() or len(np.unique(scores)) < k:
            raise _bad_scores(scores, "they must be finite and differ")
        labels = [".L", ".Q", ".C", *(f"^{power}" for power in range(4, k))][: k - 1]
        return ContrastMatrix(_polynomials(scores), labels)


def _polynomials(scores: FloatArray) -> FloatArray:
    """Orthonormal polynomials of degrees 1 to k - 1 at k points, shape (k, k - 1)."""
    unit = (scores - scores.mean()) / np.ptp(scores) if len(scores) > 1 else scores
    basis = np.full((len(scores), len(scores)), 1 / np.sqrt(len(scores)))
    for j in range(1, len(scores)):
        column = unit * basis[:, j - 1]
        for _ in range(2):  # the second time takes away what rounding has left
            column = column - basis[:, :j] @ (basis[:, :j].T @ column)
        basis[:, j] = column / np.linalg.norm(column)
    return basis[:, 1:]


def _bad_scores(scores: Any, problem: str) -> BayesmixError:
    return BayesmixError(
        f"Poly has the scores {listed(map(str, np.atleast_1d(scores)), 6)}, but {problem}. Give "
        "one number for each category, for example C(f, Poly(1, 2, 4)), or none for 1, 2, 3, ..."
    )


CONTRASTS: Mapping[str, Any] = {**ENCODINGS, "Diff": Diff, "Helmert": Helmert, "Poly": Poly}
"""Every contrast that a formula knows by name."""


def ordered_note(names: Iterable[str]) -> tuple[str, ...]:
    """Say how ordered categories are coded, once for the columns of a formula.

    Parameters
    ----------
    names : iterable of str
        Ordered columns that the formula leaves to the default contrasts.

    Returns
    -------
    tuple of str
        One message, or none.
    """
    known = list(dict.fromkeys(names))
    if not known:
        return ()
    which = f"Column {known[0]!r} has" if len(known) == 1 else f"Columns {_named(known)} have"
    return (
        f"{which} ordered categories, coded by treatment contrasts: each category against the "
        "first. R would take polynomials. Write "
        f"C({known[0]}, Poly) for polynomials, or C({known[0]}, Treatment) for this coding without "
        "a word.",
    )


def _named(names: Sequence[str]) -> str:
    return listed(map(repr, names), 6)
