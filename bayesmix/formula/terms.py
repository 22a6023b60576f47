"""Terms for formulae, read one factor at a time.

formulae's parser recurses once for each term of a sum, and its comparisons fail on some pairs of
calls (``log(I(x)):log(z)``); here every factor is read alone, and terms are compared by name.
"""

from __future__ import annotations

import copy
from typing import Any

from formulae import model_description
from formulae.terms import Intercept, Model, Term, Variable
from formulae.terms.call_resolver import LazyCall, LazyOperator

from bayesmix.formula.formula import terms_of
from bayesmix.formula.tokens import is_plain

__all__ = ["NamedTerm", "Operation", "is_equal", "keep_parentheses", "read_model"]

_COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)
_BINDING = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER}


class Operation(LazyOperator):  # type: ignore[misc]
    """An operator of formulae that is written with the parentheses that it needs."""

    def __str__(self) -> str:
        """Write it so that Python and R would read the same."""
        own = _binding(self)
        if len(self.args) == 1:
            (operand,) = self.args
            return f"{self.symbol}{_written(operand, _binding(operand) < own)}"
        left, right = self.args
        of_left, of_right = _binding(left), _binding(right)
        if own == _POWER:
            left = _written(left, of_left < _ATOM)
            right = _written(right, of_right < _SIGN)
        else:
            left = _written(left, of_left < own or of_left == own == _COMPARISON)
            right = _written(right, of_right <= own)
        return f"{left} {self.symbol} {right}"


def _binding(node: Any) -> int:
    """Tell how tightly what is written last binds."""
    if not isinstance(node, LazyOperator):
        return _ATOM
    return _SIGN if len(node.args) == 1 else _BINDING.get(node.symbol, _COMPARISON)


def _written(node: Any, in_parentheses: bool) -> str:
    return f"({node})" if in_parentheses else str(node)


def keep_parentheses(component: Any) -> Any:
    """Name a call of formulae with the parentheses that were typed, which formulae drops.

    Parameters
    ----------
    component : Any
        formulae's; changed.

    Returns
    -------
    Any
        The same.
    """
    if hasattr(component, "call"):
        component.call = _rebuilt(component.call)
        component.name = str(component.call)
    return component


def _rebuilt(node: Any) -> Any:
    if isinstance(node, LazyOperator):
        return Operation(node.op, *map(_rebuilt, node.args))
    if isinstance(node, LazyCall):
        node.args = [_rebuilt(argument) for argument in node.args]
        node.kwargs = {name: _rebuilt(argument) for name, argument in node.kwargs.items()}
    return node


class NamedTerm(Term):  # type: ignore[misc]
    """A term that is equal to another of the same name."""

    def __init__(self, *components: Any) -> None:
        super().__init__(components[0])
        self.components = list(components)
        self.name = ":".join(str(component.name) for component in components)

    def __eq__(self, other: object) -> bool:
        """Compare names."""
        return isinstance(other, Term) and self.name == other.name

    def __hash__(self) -> int:
        """Return the hash of the name."""
        return hash(self.name)


def read_model(text: str) -> Any:
    """Let formulae read population effects or the effects of a bar.

    Parameters
    ----------
    text : str
        `Formula.common` or `Bar.effects`.

    Returns
    -------
    Model
        formulae's.
    """
    calls: dict[str, Any] = {}
    read = []
    known: dict[frozenset[str], list[list[Any]]] = {}
    for factors in terms_of(text):
        components = [_component(factor, calls) for factor in factors]
        components = [one for i, one in enumerate(components) if not _among(one, components[:i])]
        # one name may stand for two: the call I(x), and a column of that name
        same = known.setdefault(frozenset(one.name for one in components), [])
        if not any(all(_among(one, other) for one in components) for other in same):
            same.append(components)
            read.append(NamedTerm(*components))
    return Model(*([Intercept()] if text.startswith("1") else []), *read)


def _component(factor: str, calls: dict[str, Any]) -> Any:
    """Read a column or a call; every term gets its own, since it learns from the data."""
    if factor.startswith("`") or is_plain(factor):
        return Variable(factor.strip("`"))
    if factor not in calls:
        (component,) = model_description(f"0 + {factor}").common_terms[0].components
        calls[factor] = keep_parentheses(component)
    return copy.deepcopy(calls[factor])


def _among(component: Any, others: list[Any]) -> bool:
    return any(other.name == component.name and is_equal(component, other) for other in others)


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two components are the same column or call."""
    try:
        return bool(one == other)
    except (AttributeError, TypeError):  # calls with different arguments
        return False
