"""Terms for formulae, read one factor at a time.

formulae's parser recurses once for each term of a sum, and its comparisons fail on some pairs of
calls (``log(I(x)):log(z)``); here every factor is read alone, and terms are compared by name.
"""

from __future__ import annotations

import copy
from typing import Any

from formulae import model_description
from formulae.terms import Intercept, Model, Term, Variable

from bayesmix.formula.formula import terms_of
from bayesmix.formula.tokens import is_plain

__all__ = ["NamedTerm", "is_equal", "read_model"]


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
        # one name may stand for two: I((a + b) * c) and I(a + b * c)
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
        (calls[factor],) = model_description(f"0 + {factor}").common_terms[0].components
    return copy.deepcopy(calls[factor])


def _among(component: Any, others: list[Any]) -> bool:
    return any(other.name == component.name and is_equal(component, other) for other in others)


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two components are the same column or call."""
    try:
        return bool(one == other)
    except (AttributeError, TypeError):  # calls with different arguments
        return False
