"""The user's mapping from paths to priors, read and checked: `{"sd:Subject": Prior(...)}`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import parameter_names
from bayesmix.priors.derived import with_laws
from bayesmix.priors.effects import AnyPrior, NormalEffects, StudentT, effects_law
from bayesmix.priors.leaves import ROOTS, Leaf
from bayesmix.priors.support import check_leaf

__all__ = ["read_edits"]

# What hyperparameters are called.
_MOMENTS = ("mu", "sigma", "tau", "nu", "lam", "alpha", "beta", "b", "s", "scale")


def read_edits(leaves: Sequence[Leaf], priors: Mapping[str, AnyPrior | str]) -> dict[str, AnyPrior]:
    """Check the user's mapping and write its paths in full."""
    if not isinstance(priors, Mapping):
        raise BayesmixError(
            "priors must be a mapping from paths to priors, such as "
            f"{{'sd': Prior('HalfNormal', sigma=1)}}; got {type(priors).__name__}."
        )
    leaves = with_laws(leaves)
    nodes = _nodes(leaves)
    edits: dict[str, AnyPrior] = {}
    for given, prior in priors.items():
        path = _full_path(given, leaves, nodes)
        if not isinstance(prior, str | StudentT | NormalEffects):
            path = _of_column(path, nodes)
        if path in edits:
            raise BayesmixError(
                f"The prior of {path!r} is given twice, as {path!r} and as its short form. "
                "Give one of them."
            )
        edits[path] = _checked(path, prior, next(leaf for leaf in leaves if path in leaf.paths))
    return edits


def _of_column(path: str, nodes: Mapping[str, set[tuple[str, ...]]]) -> str:
    """Take a path of laws, 'u' or 'df:g', for the short form of that of a column, if there is."""
    (place,) = nodes[path]
    for k in (0, 1):
        if place[k : k + 1] in (("u",), ("df",)):
            column = ":".join((*place[:k], "beta", *place[k:]))
            return column if column in nodes else path
    return path


def _checked(path: str, prior: AnyPrior | str, leaf: Leaf) -> AnyPrior:
    """Check what is given for a path; those of one path lie in the same numbers."""
    if leaf.kind == "u":
        return effects_law(path, prior)
    check_leaf(path, prior, leaf)
    assert not isinstance(prior, str)
    return prior


def _nodes(leaves: Iterable[Leaf]) -> dict[str, set[tuple[str, ...]]]:
    """Path as text -> the places of the tree that it may mean; factors have colons of their own."""
    nodes: dict[str, set[tuple[str, ...]]] = {}
    for leaf in leaves:
        for place in leaf.places:
            nodes.setdefault(":".join(place), set()).add(place)
    return nodes


def _full_path(
    given: object, leaves: Sequence[Leaf], nodes: Mapping[str, set[tuple[str, ...]]]
) -> str:
    if isinstance(given, str):
        predictor, _, rest = given.partition(":")
        short_of = f"{predictor}:beta:{rest}"
        for path in (given,) if given in ROOTS else (given, f"beta:{given}", short_of):
            if len(nodes.get(path, ())) > 1:
                meanings = " and ".join(map(str, sorted(nodes[path])))
                raise BayesmixError(
                    f"The prior path {path!r} has two meanings, {meanings}. "
                    "Set the paths above or below it."
                )
            if path in nodes:
                return path
    raise BayesmixError(
        f"Unknown prior path {shown(given)}. {_explain(given, leaves)}"
        f"Paths of this model: {', '.join(_shown(nodes))}. {_closest(given, nodes)}".strip()
    )


def _shown(nodes: Iterable[str]) -> list[str]:
    """Leave out degrees of freedom, which only effects that are Student-t have."""
    return [path for path in nodes if "df" not in path.split(":")[:2]]


def _explain(given: object, leaves: Sequence[Leaf]) -> str:
    """Say why a path that other models have is none of this model."""
    if not isinstance(given, str):
        return "A path is text. "
    root = given.partition(":")[0]
    kinds = {leaf.kind for leaf in leaves if not leaf.predictor}
    for leaf in leaves:
        for predictor in leaf.linked[1:]:
            if given in (f"{predictor}:cor", f"{predictor}:cor:{leaf.node[1]}"):
                return (
                    f"Effects of '{leaf.node[1]}' are correlated across parameters, and all of "
                    f"these correlations have one prior, that of '{leaf.path}'. "
                )
    if own := next((leaf.path for leaf in leaves if leaf.predictor == root), None):
        return f"'{root}' has a predictor, whose parameters have paths of their own: '{own}'. "
    if root == "mu":
        return "Paths of the formula's own predictor have no name before them: 'beta:x'. "
    if given in ("Intercept", "beta:Intercept"):
        if "Intercept" in kinds:
            return "The intercept has a path of its own, 'Intercept'. "
        if threshold := next((leaf.path for leaf in leaves if leaf.is_threshold), None):
            return f"The thresholds, {threshold!r}, take the place of the intercept. "
        return "The formula has no intercept. "
    if root == "cor":
        if "cor" in kinds:
            return "Only a factor with two or more effects in one bar has correlations. "
        return "The model has no correlations: no bar has two or more correlated effects. "
    if root in ("sd", "u", "df") and "sd" not in kinds:
        what = "are no sds" if root == "sd" else "is no distribution"
        return f"The formula has no bars, so there {what} of group effects. "
    if root in ("beta", "Intercept") and given.count(":") and given.rpartition(":")[2] in _MOMENTS:
        return (
            "A parameter of a prior has its prior inside of that: "
            "Prior('Normal', mu=0, sigma=Prior('HalfNormal', sigma=1)). "
        )
    if root in parameter_names() and root not in kinds:
        return f"The family has no {root}. "
    if root == "beta" and "beta" not in kinds:
        return "The formula has no population effects besides the intercept. "
    return ""


def _closest(given: object, nodes: Collection[str]) -> str:
    """Suggest the closest path, a bare name being as good as one with its root."""
    if not isinstance(given, str):
        return ""
    tails = {node.partition(":")[2] or node: node for node in reversed(list(nodes))}
    short = {node.replace(":beta:", ":", 1): node for node in nodes}
    options = {**{node: node for node in nodes}, **short, **tails}
    matches = difflib.get_close_matches(given, options, n=1)
    return f"Did you mean '{options[matches[0]]}'?" if matches else ""
