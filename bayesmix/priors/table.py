"""Priors as a table: the path that edits each, and what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bayesmix.priors.leaves import Leaf

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["prior_table"]

_MOST_NAMES = 3


def prior_table(leaves: Sequence[Leaf]) -> pd.DataFrame:
    """Write priors as a table; see `PriorSet.table`."""
    import pandas as pd

    return pd.DataFrame(
        {
            "parameter": [leaf.path for leaf in leaves],
            "prior": [f"{leaf.prior!r}{_where(leaf, leaves)}" for leaf in leaves],
        }
    )


def _where(leaf: Leaf, leaves: Iterable[Leaf]) -> str:
    """Say where other columns stand, or where a prior is cut off that has mass elsewhere."""
    if leaf.at_means:
        return f", {_at(leaf.at_means, is_centred=True)}"
    if leaf.beside:
        return f", {_at(leaf.beside, leaf.is_centred)}"
    if leaf.kind == "cor":
        return _where_correlated(leaf, leaves)
    return f", {leaf.support.where}" if leaf.kind == "df" else ""


def _where_correlated(cor: Leaf, leaves: Iterable[Leaf]) -> str:
    """Say where the columns stand beside the intercepts of what is correlated."""
    texts = []
    for leaf in leaves:
        if leaf.beside and leaf.node[1] == cor.node[1] and leaf.predictor in cor.linked:
            start = f"{leaf.predictor}_" if leaf.predictor and len(cor.linked) > 1 else ""
            names = tuple(f"{start}{name}" for name in leaf.beside)
            texts.append(f", {_at(names, leaf.is_centred)}")
    return "".join(texts)


def _at(columns: tuple[str, ...], is_centred: bool) -> str:
    """Say where the columns stand that the prior of an intercept depends on."""
    one = len(columns) == 1
    names = columns if len(columns) <= _MOST_NAMES else ("the other columns",)
    written = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    if is_centred:
        return f"{written} at {'its mean' if one else 'their means'}"
    return f"{written} at zero"
