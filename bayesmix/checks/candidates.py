"""Effects that another formula would have, made on trial before a warning offers it."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.checks.dependence import Gram, dependent_columns, gram_matrix
from bayesmix.encoding.effects import Effects, learn_effects
from bayesmix.encoding.namespace import Namespace, resolve_names
from bayesmix.encoding.sides import read_side
from bayesmix.formula.formula import Formula
from bayesmix.formula.rewrites import LONGEST, bars_of, is_readable, quoted
from bayesmix.frames.columns import encode_column

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["Candidates"]


_ENOUGH = 50_000
_CONTINUOUS = 5_000


@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """What effects another formula would have.

    Attributes
    ----------
    design : Design
        Of the formula as it is.
    columns : mapping of str to Series
        Columns of the rows that are fitted, grouping factors included.
    namespace : Namespace
        Names that are no columns.
    """

    design: Design
    columns: Mapping[str, pd.Series[Any]]
    namespace: Namespace

    @functools.cached_property
    def gram(self) -> Gram:
        """Cross-products of the population effects without the intercept, over all rows."""
        X = self.design.X[:, self.design.has_intercept :]
        return gram_matrix([X], has_constant=self.design.has_constant)

    @functools.cached_property
    def rows(self) -> IntArray | None:
        """Rows to try: of very many enough, with each level and category; None for all."""
        n_rows = max((len(column) for column in self.columns.values()), default=0)
        if n_rows <= _ENOUGH:
            return None
        chosen = [np.linspace(0, n_rows - 1, _ENOUGH).astype(np.int64)]
        for column in self.columns.values():
            if column.iloc[chosen[0]].nunique() < _CONTINUOUS:
                chosen.append(np.flatnonzero(~column.duplicated().to_numpy()))
        return np.unique(np.concatenate(chosen))

    @functools.cached_property
    def sample(self) -> Mapping[str, pd.Series[Any]]:
        """The columns in these rows."""
        if self.rows is None:
            return self.columns
        return {name: column.iloc[self.rows] for name, column in self.columns.items()}

    def taken(self, term: GroupTerm) -> GroupTerm:
        """Take the rows that are tried."""
        return term if self.rows is None else term.take(self.rows)

    @functools.cached_property
    def X(self) -> FloatArray:
        """Population effects of the design without the intercept, in the rows that are tried."""
        X = self.design.X[:, self.design.has_intercept :]
        return X if self.rows is None else X[self.rows]

    @functools.cached_property
    def X_gram(self) -> Gram:
        """Cross-products of `X`."""
        if self.rows is None:
            return self.gram
        return gram_matrix([self.X], has_constant=self.design.has_constant)

    def category(self, name: str) -> str | None:
        """Write a column so that each of its values has an effect; None if it cannot."""
        try:
            encoded = encode_column(name, self.sample[name].drop_duplicates())
        except BayesmixError:
            return None
        text = quoted(name)
        return text if isinstance(encoded, pd.Categorical) else f"C({text})"

    def matrix(self, formula: Formula) -> tuple[FloatArray, Gram] | None:
        """Make the population effects of a formula if the rows tell all of them apart.

        Returns
        -------
        X : ndarray of float64, shape (n, p)
            Without the intercept.
        gram : Gram
        """
        if len(str(formula)) > LONGEST or not is_readable(formula):
            return None
        learnt = self.learn(formula.common)
        if learnt is None:
            return None
        effects, X = learnt
        if X.shape[1] >= len(X) or not np.isfinite(X).all():
            return None
        has_intercept = effects.labels[:1] == ("Intercept",)
        X = X[:, has_intercept:]
        gram = gram_matrix([X], has_constant=has_intercept)
        return None if dependent_columns(gram) else (X, gram)

    def n_effects(self, formula: Formula, variables: Iterable[str]) -> int | None:
        """Count the columns of all bars of a grouping factor; None if they cannot be made."""
        count = 0
        for bar in bars_of(formula, variables):
            learnt = self.learn(bar.effects)
            if learnt is None:
                return None
            count += len(learnt[0].labels)
        return count

    def learn(
        self, text: str, extra: Mapping[str, FloatArray] | None = None
    ) -> tuple[Effects, FloatArray] | None:
        """Evaluate a side of a formula; None if it cannot be.

        Parameters
        ----------
        text : str
            `Formula.common` or `Bar.effects`.
        extra : mapping of str to ndarray, optional
            Columns, in the rows that are tried, beside those of the data.

        Returns
        -------
        effects : Effects
        matrix : ndarray of float64, shape (n, p)
        """
        extra = extra or {}
        try:
            side = read_side(text)
            names = side.columns(self.sample.keys() | extra.keys())
            frame = pd.DataFrame(
                {
                    name: extra[name] if name in extra else encode_column(name, self.sample[name])
                    for name in names
                },
                index=pd.RangeIndex(len(next(iter(self.sample.values())))),
            )
            known = resolve_names((side,), frame, self.namespace, self.design.formula)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return learn_effects(side, frame, known)
        except BayesmixError:
            return None
