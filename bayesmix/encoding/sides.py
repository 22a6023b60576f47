"""Sides of a formula that formulae has read, before they meet data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container
from typing import Any

from formulae.terms.call_resolver import LazyCall

from bayesmix.base.arrays import unique
from bayesmix.base.errors import FormulaError, short
from bayesmix.encoding.calls import MethodCall, nodes
from bayesmix.encoding.transforms import SPLINES
from bayesmix.formula.terms import read_model

__all__ = ["PROPORTIONS", "Side", "read_by", "read_side"]


PROPORTIONS = ("p", "prop", "proportion")


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """A part of a formula that formulae has read, before it meets data.

    Attributes
    ----------
    text : str
        The part as text.
    components : tuple
        formulae's variables and calls.
    model : Any
        formulae's model, or None for a response.
    """

    text: str
    components: tuple[Any, ...]
    model: Any = None

    @property
    def terms(self) -> tuple[str, ...]:
        """Names that stand alone, so that they must be columns."""
        return unique(part.name for part in self.components if not hasattr(part, "call"))

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of columns, or inside of calls of other values, in order of appearance."""
        parts = (node for part in self.components for node in nodes(part))
        return unique(node.name for node in parts if not isinstance(node, LazyCall))

    @property
    def functions(self) -> tuple[str, ...]:
        """Functions called, with their module; methods of columns are none."""
        calls = (node for part in self.components for node in nodes(part))
        calls = (node for node in calls if isinstance(node, LazyCall))
        return unique(node.callee for node in calls if not isinstance(node, MethodCall))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms, the intercept's and offsets included."""
        return tuple(term.name for term in self.model.common_terms)

    def columns(self, known: Container[Any]) -> tuple[str, ...]:
        """Variables that are columns, given the names of all columns."""
        return tuple(name for name in self.variables if name in known)


def read_side(text: str) -> Side:
    """Let formulae read population effects or the effects of a bar.

    Parameters
    ----------
    text : str
        ``"1 + np.log(x)"``: `Formula.common` or `Bar.effects`.

    Returns
    -------
    Side

    Raises
    ------
    FormulaError
        formulae cannot read it.
    """
    model = read_by(read_model, text, text)
    components: list[Any] = []
    for term in model.common_terms:
        parts = getattr(term, "components", [])
        calls = [part.call.callee for part in parts if hasattr(part, "call")]
        if len(parts) > 1:
            if spline := next((name for name in calls if name in SPLINES), None):
                raise _spline_in_interaction(spline, text)
            if "offset" in calls:
                raise FormulaError("An offset cannot be in an interaction: add it alone.", text)
        if proportion := next((name for name in calls if name in PROPORTIONS), None):
            raise FormulaError(f"{proportion}() is a binomial response, left of '~'.", text)
        components.extend(parts)
    return Side(text, tuple(components), model)


def read_by(reader: Callable[[str], Any], formula: str, text: str) -> Any:
    """Let formulae read, and say what it cannot read."""
    try:
        return reader(formula)
    except Exception as error:
        raise FormulaError(f"formulae cannot read this: {short(str(error))}", text) from error


def _spline_in_interaction(name: str, text: str) -> FormulaError:
    # formulae 0.9 refuses these and 0.6 does not; wrapped in I() both take them.
    return FormulaError(
        f"{name}() cannot be in an interaction as it is. Put it into I(): I({name}(x, df=4)):z.",
        text,
    )
