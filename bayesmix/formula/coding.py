"""How the categories of each term are coded: by contrasts, or by an indicator for each.

A term stands for the space of all its combinations. What terms before it already span (its parts,
the intercept among them) is left out by contrasts; formulae's own choice loses columns where three
or more categorical columns meet without their parts, as in ``1 + a:b:c``.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from bayesmix.formula.terms import NamedTerm

__all__ = ["coded_terms"]

type Subset = frozenset[str]


def coded_terms(terms: Sequence[Any]) -> Iterator[tuple[Any, dict[str, bool]]]:
    """Yield the terms with the coding of their categories, and terms that are missing before them.

    Parameters
    ----------
    terms : sequence
        formulae's, with the types of their components.

    Yields
    ------
    term : Any
        One of `terms`, or a part of one that the data need beside it.
    coding : dict of str to bool
        By categorical component, whether every category has a column.
    """
    spanned: dict[Subset, set[Subset]] = {}
    for term in sorted(terms, key=lambda one: one.kind != "intercept"):
        parts = getattr(term, "components", ())
        numbers = frozenset(part.name for part in parts if part.kind != "categoric")
        coded = list(_coded(term, spanned.setdefault(numbers, set())))
        # two different terms of one name: the caller tells of their labels
        yield from coded or [(term, {})]


def _coded(term: Any, spanned: set[Subset]) -> Iterator[tuple[Any, dict[str, bool]]]:
    """Code one term, given the products of categories that are spanned, which grow."""
    categories = [p.name for p in getattr(term, "components", ()) if p.kind == "categoric"]
    left_out = iter(categories)
    while (coding := _coding(categories, spanned)) is None:
        yield from _coded(_without(term, next(left_out)), spanned)
    needed = _subsets(categories) - spanned
    spanned |= needed
    if needed:
        yield term, coding


def _coding(categories: Sequence[str], spanned: set[Subset]) -> dict[str, bool] | None:
    """Code what is not spanned yet as one product; None if it is none."""
    needed = _subsets(categories) - spanned
    reduced = frozenset.intersection(*needed) if needed else frozenset()
    if needed and len(needed) != 2 ** (len(categories) - len(reduced)):
        return None
    return {name: name not in reduced for name in categories}


def _subsets(names: Sequence[str]) -> set[Subset]:
    sizes = range(len(names) + 1)
    return {frozenset(one) for size in sizes for one in itertools.combinations(names, size)}


def _without(term: Any, name: str) -> Any:
    """Return a term without one of its components."""
    part = NamedTerm(*(copy.deepcopy(one) for one in term.components if one.name != name))
    part.kind = "interaction" if len(part.components) > 1 else part.components[0].kind
    return part
