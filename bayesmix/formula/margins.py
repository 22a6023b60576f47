"""The order of terms: those that are parts of others before these, as R has it.

formulae codes the categories of a term by what stands before it, so that it fails on ``a:b + a``,
and it knows the numbers of ``x:z:f`` among the terms only in the order in which they stand there.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections import defaultdict
from collections.abc import Iterable, Mapping

__all__ = ["Interaction", "margins_first"]

type Interaction = tuple[str, ...]  # columns and functions as text, joined with ":"


def margins_first(terms: Iterable[Interaction]) -> list[Interaction]:
    """Move each term before those that it is a part of, and leave the others where they are.

    Parameters
    ----------
    terms : iterable of tuple of str
        Each once.

    Returns
    -------
    list of tuple of str
        The factors of a term are in the order of the first term that it is a part of, or that is
        a part of it.

    Examples
    --------
    >>> margins_first([("a", "b"), ("c",), ("a",), ("c", "b", "a")])
    [('a',), ('a', 'b'), ('c',), ('c', 'a', 'b')]
    """
    ordered: list[Interaction] = []
    products: list[Interaction] = []
    by_factors: dict[frozenset[str], int] = {}
    pairs: set[tuple[str, str]] = set()
    containing: defaultdict[str, int] = defaultdict(int)  # products as bits: many, and fast
    for term in terms:
        common = functools.reduce(operator.and_, (containing[factor] for factor in term))
        wholes = [i for i in range(common.bit_length()) if common >> i & 1]
        if any((b, a) in pairs for a, b in itertools.combinations(term, 2)):
            for i in sorted([*wholes, *_parts(term, by_factors)]):
                term = _in_order(term, products[i])
        if wholes:
            first = {products[i] for i in wholes}
            ordered.insert(next(i for i, one in enumerate(ordered) if one in first), term)
        else:
            ordered.append(term)
        if len(term) > 1:
            by_factors[frozenset(term)] = len(products)
            for factor in term:
                containing[factor] |= 1 << len(products)
            products.append(term)
            pairs.update(itertools.combinations(term, 2))
    return ordered


def _parts(term: Interaction, by_factors: Mapping[frozenset[str], int]) -> list[int]:
    """Find the products so far that are a part of a term."""
    if 2 ** len(term) < len(by_factors):
        sizes = range(2, len(term))
        subsets = (frozenset(one) for k in sizes for one in itertools.combinations(term, k))
        return [by_factors[one] for one in subsets if one in by_factors]
    return [i for factors, i in by_factors.items() if factors.issubset(term)]


def _in_order(term: Interaction, other: Interaction) -> Interaction:
    """Put the factors that both have into the order that they have in the other."""
    common = iter([factor for factor in other if factor in term])
    return tuple(next(common) if factor in other else factor for factor in term)
