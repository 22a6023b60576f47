"""Effects from formulae: what it computes, and the state that it learns.

All knowledge of formulae's terms is here; its versions 0.6 and 0.9 give the same columns. What is
kept for new rows is small: the terms with the state of their transformations, but no data.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from formulae.environment import Environment

from bayesmix.base.arrays import FloatArray, unique
from bayesmix.base.errors import BayesmixError, short
from bayesmix.base.words import count
from bayesmix.encoding.calls import nodes
from bayesmix.encoding.evaluation import components, evaluate, evaluating, learn
from bayesmix.encoding.namespace import Namespace
from bayesmix.encoding.sides import Side
from bayesmix.encoding.transforms import forget_data, outside_knots, set_transforms
from bayesmix.formula.terms import is_equal
from bayesmix.frames.columns import listed

__all__ = ["Effects", "learn_effects"]


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Columns that formulae makes from one side of a formula, for any rows.

    Attributes
    ----------
    text : str
        The side as text.
    labels : tuple of str
        One per column, as formulae writes them, Intercept first.
    names : tuple of str
        Names of formulae's terms.
    spans : tuple of tuple of int
        The columns of each term.
    columns : tuple of str
        Columns of the data that are needed.
    """

    text: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    spans: tuple[tuple[int, ...], ...]
    columns: tuple[str, ...]
    _terms: tuple[Any, ...]
    _offsets: tuple[Any, ...]

    def matrix(self, frame: pd.DataFrame) -> FloatArray:
        """Compute the columns for encoded rows, shape (n, p)."""
        matrix = np.empty((len(frame), len(self.labels)))
        # Splines and interactions of formulae need a row.
        for term, span in zip(self._terms, self.spans, strict=True) if len(frame) else ():
            with evaluating(term.name, functools.partial(_categories, term)):
                _fill(matrix, span, term.name, term.eval_new_data(frame))
        return matrix

    def has_columns_of(self, other: Effects) -> bool:
        """Tell whether these are the columns of another side, computed in the same way."""
        return self._terms is other._terms

    def without_intercept(self) -> Effects:
        """Leave the column of ones out, whose place thresholds take; all others stay as coded."""
        if self.labels[:1] != ("Intercept",):
            return self
        return dataclasses.replace(
            self,
            labels=self.labels[1:],
            names=self.names[1:],
            spans=tuple(tuple(k - 1 for k in span) for span in self.spans[1:]),
            _terms=self._terms[1:],
        )

    @property
    def contrasted(self) -> tuple[str, ...]:
        """Columns of categories that stand alone in a term and have contrasts to the first."""
        parts = (part for term in self._terms for part in components(term))
        return unique(
            part.name
            for part in parts
            if not hasattr(part, "call") and part.kind == "categoric" and not part.spans_intercept
        )

    @property
    def parts(self) -> tuple[Any, ...]:
        """Formulae's variables and calls in the terms and the offsets."""
        return (*(part for term in self._terms for part in components(term)), *self._offsets)

    def outside(self, frame: pd.DataFrame) -> dict[str, str]:
        """Describe by how much encoded rows lie outside the knots of splines, by their calls."""
        found: dict[str, str] = {}
        for component in self.parts:
            with evaluating(component.name):
                found |= outside_knots(component, frame)
        return found

    @property
    def offset_name(self) -> str:
        """The offsets as they are written."""
        return " + ".join(component.name for component in self._offsets)

    def offset(self, frame: pd.DataFrame) -> FloatArray | None:
        """Compute the sum of the offsets for encoded rows, shape (n,)."""
        total = None
        for component in self._offsets:
            if not len(frame):
                return np.zeros(0)
            with evaluating(component.name):
                value = component.call.eval(frame, component.env)
                value.set_size(len(frame))
                one = np.asarray(value.eval(), dtype=np.float64).reshape(-1)
            total = one.copy() if total is None else total + one
        return total


def learn_effects(
    side: Side, frame: pd.DataFrame, namespace: Namespace
) -> tuple[Effects, FloatArray]:
    """Evaluate one side of a formula on the rows that are fitted.

    Parameters
    ----------
    side : Side
        Used up: its model keeps what is learnt.
    frame : DataFrame
        Encoded columns (`encode_column`).
    namespace : Namespace
        Names that are no columns.

    Returns
    -------
    effects : Effects
    matrix : ndarray of float64, shape (n, p)

    Raises
    ------
    BayesmixError
        A term that cannot be evaluated, or a category with nothing to compare it to.
    """
    columns = side.columns(frame.columns)
    environment = Environment([namespace])
    learnt: dict[str, list[Any]] = {}
    for component in side.components:
        known = learnt.setdefault(component.name, [])
        same = next((one for one in known if is_equal(one, component)), None)
        if same is not None and hasattr(component, "call"):
            component.call = same.call  # a*log(x) has the call twice
            continue
        set_transforms(component)
        learn(component, frame, environment)
        known.append(component)
    evaluate(side.model, frame, environment)
    offsets = [term.components[0] for term in side.model.common_terms if term.kind == "offset"]
    terms = [term for term in side.model.common_terms if term.kind != "offset"]
    for term in terms:
        _check_categories(term)
    labels = [term.labels for term in terms]
    _check_labels(labels, has_intercept=bool(terms) and terms[0].kind == "intercept")
    ends = np.cumsum([0, *map(len, labels)]).tolist()
    spans = [tuple(range(a, b)) for a, b in itertools.pairwise(ends)]
    matrix = np.empty((len(frame), ends[-1]))
    for term, span in zip(terms, spans, strict=True):
        _fill(matrix, span, term.name, term.data)
    effects = Effects(
        text=side.text,
        labels=tuple(label for group in labels for label in group),
        names=tuple(term.name for term in terms),
        spans=tuple(spans),
        columns=columns,
        _terms=tuple(_without_data(term, environment) for term in terms),
        _offsets=tuple(_without_data(offset, environment) for offset in offsets),
    )
    return effects, matrix


def _fill(matrix: FloatArray, span: tuple[int, ...], name: str, values: Any) -> None:
    block = np.asarray(values)
    if block.ndim != 2 and block.size == len(matrix) * len(span):
        block = block.reshape(len(matrix), -1)  # a single row may come without its dimension
    block = block.reshape(len(block), -1) if block.ndim else block
    if block.shape != (len(matrix), len(span)):
        raise BayesmixError(
            f"'{name}' gives values of shape {block.shape} where {count(len(matrix), 'row')} and "
            f"{count(len(span), 'column')} are needed. A function must return one value per row "
            "of the data, and a variable that is not a column must be a single value."
        )
    matrix[:, span[0] : span[-1] + 1] = block


def _check_labels(labels: Sequence[Sequence[str]], *, has_intercept: bool) -> None:
    flat = [label for group in labels for label in group]
    if "Intercept" in flat[int(has_intercept) :]:
        raise BayesmixError("No effect can be called 'Intercept'. Rename that column of the data.")
    if len(set(flat)) < len(flat):
        twice = next(label for label in flat if flat.count(label) > 1)
        raise BayesmixError(
            f"Two effects are called '{twice}'. Rename a column of the data, or make one of an "
            "expression before the fit."
        )


def _check_categories(term: Any) -> None:
    for component in getattr(term, "components", ()):
        if component.kind == "categoric" and len(component.levels) < 2:
            raise BayesmixError(
                f"'{component.name}' has one category ('{short(component.levels[0])}') in the rows "
                "that are used, so there is nothing to compare it to. Leave it out of the formula."
            )


def _without_data(part: Any, environment: Environment) -> Any:
    """Drop the arrays that formulae leaves in its terms; keep what was learnt."""
    part.data = None
    for component in getattr(part, "components", (part,)):
        component.value = None
        component._intermediate_data = None
        component.env = environment
        for node in nodes(component):
            forget_data(getattr(node, "stateful_transform", None))
    return part


def _categories(term: Any) -> str:
    levels = [part.levels for part in getattr(term, "components", ()) if part.kind == "categoric"]
    return f"Categories of the fit: {listed(map(str, levels[0]))}." if levels else ""
