"""Priors of all parameters, and their edits by path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import parameter_names
from bayesmix.priors.derived import with_derived, with_laws
from bayesmix.priors.effects import AnyPrior, NormalEffects, StudentT, effects_law
from bayesmix.priors.leaves import Leaf, linked_predictors
from bayesmix.priors.prior import LKJ, Prior
from bayesmix.priors.support import check_leaf

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PriorSet", "without_correlations"]


@dataclass(frozen=True, repr=False)
class PriorSet:
    """The priors of a model, one per parameter, in the order of the design's columns.

    Made by `resolve_priors`. Two sets are equal when every parameter has the same prior, however
    it came to have it.

    Attributes
    ----------
    leaves : tuple
        The parameters with their paths, defaults and priors, those of all predictors.
    predictor : str
        The parameter whose predictor is asked for in what follows; empty for that of the formula.

    Notes
    -----
    The prior of the intercept, one that was set included, is that of the intercept with all other
    population columns at their means over the rows; so is that of thresholds in its place.
    """

    leaves: tuple[Leaf, ...]
    _edits: tuple[tuple[str, AnyPrior], ...] = field(default=(), compare=False)
    predictor: str = ""

    def of(self, predictor: str) -> PriorSet:
        """Return the same priors, to ask for those of the predictor of a parameter."""
        return replace(self, predictor=predictor)

    @property
    def _own(self) -> tuple[Leaf, ...]:
        return tuple(leaf for leaf in self.leaves if leaf.predictor == self.predictor)

    @property
    def intercept(self) -> Prior | None:
        """Prior of the intercept of the centred design; None without an intercept."""
        found = self._priors("Intercept")
        return found[0] if found else None

    @property
    def beta(self) -> tuple[Prior, ...]:
        """Priors of the population effects, one per column of X except the intercept."""
        return self._priors("beta")

    @property
    def sd(self) -> dict[str, tuple[Prior, ...]]:
        """Grouping factor -> priors of its sds, one per effect."""
        factors = dict.fromkeys(leaf.node[1] for leaf in self._own if leaf.kind == "sd")
        return {factor: self._priors("sd", factor) for factor in factors}

    @property
    def cor(self) -> dict[str, LKJ]:
        """Grouping factor -> prior of its correlations, where a block has more than one effect."""
        return {
            leaf.node[1]: leaf.prior
            for leaf in self._own
            if leaf.kind == "cor" and isinstance(leaf.prior, LKJ)
        }

    def is_linked(self, factor: str) -> bool:
        """Whether effects of a factor are correlated with those of another predictor."""
        return bool(linked_predictors(self.leaves, factor, self.predictor))

    @property
    def centred(self) -> frozenset[str]:
        """Grouping factors whose priors are those of the block with its other columns centred.

        It is so for the default prior of the intercept of a correlated block. A prior that was set
        for the sd of that intercept is for the effect as written.
        """
        return frozenset(leaf.node[1] for leaf in self._own if leaf.is_centred)

    @property
    def auxiliary(self) -> dict[str, Prior]:
        """Auxiliary parameter of the family -> prior."""
        return {
            leaf.kind: leaf.prior
            for leaf in self._own
            if _is_auxiliary(leaf) and isinstance(leaf.prior, Prior)
        }

    @property
    def lengths(self) -> dict[str, int | None]:
        """Auxiliary parameter of the family -> number of its elements; None for one number."""
        return {leaf.kind: leaf.length for leaf in self._own if _is_auxiliary(leaf)}

    @property
    def student(self) -> dict[str, StudentT]:
        """Grouping factor -> law of its effects, where these are Student-t."""
        laws = {leaf.node[1]: leaf.prior for leaf in self._own if leaf.kind == "u"}
        return {factor: law for factor, law in laws.items() if isinstance(law, StudentT)}

    @property
    def hyperparameters(self) -> dict[str, Leaf]:
        """Path -> parameter of the prior of population effects, of all predictors."""
        return {leaf.path: leaf for leaf in self.leaves if leaf.is_hyper}

    @property
    def population(self) -> tuple[Leaf, ...]:
        """The population effects with their priors and where these were set, intercept first."""
        every = tuple(leaf for leaf in self._own if not leaf.is_hyper)
        intercept = tuple(leaf for leaf in every if leaf.kind == "Intercept")
        return intercept + tuple(leaf for leaf in every if leaf.kind == "beta")

    @property
    def by_path(self) -> dict[str, AnyPrior]:
        """All priors as edits that make the same set again, shared hyperparameters included."""
        found: dict[str, AnyPrior] = {}
        for leaf in self.leaves:
            if not leaf.is_hyper and leaf.kind != "df":
                found[leaf.origin if leaf.has_hyperpriors else leaf.path] = leaf.prior
        return found

    @property
    def defaults(self) -> PriorSet:
        """The same parameters with their default priors."""
        return edited(self.leaves, {})

    @property
    def edits(self) -> dict[str, AnyPrior]:
        """What the user set, by full path; to resolve again for a changed design."""
        return dict(self._edits)

    def replace(self, priors: Mapping[str, AnyPrior | str]) -> PriorSet:
        """Return a set with further edits.

        Parameters
        ----------
        priors : mapping of str to Prior or LKJ
            Path -> prior, as in `resolve_priors`. An earlier edit of a more specific path stays.

        Returns
        -------
        PriorSet

        Raises
        ------
        BayesmixError
            As in `resolve_priors`.
        """
        return edited(self.leaves, {**self.edits, **read_edits(self.leaves, priors)})

    def centred_as(self, other: PriorSet) -> PriorSet:
        """Return a set in which the blocks of the same factors are centred as in another set."""
        centred = {leaf.path for leaf in other.leaves if leaf.is_centred}
        leaves = (
            replace(leaf, is_centred=bool(leaf.beside) and leaf.path in centred)
            for leaf in self.leaves
        )
        return replace(self, leaves=tuple(leaves))

    def table(self) -> pd.DataFrame:
        """Show the priors as a table.

        Returns
        -------
        DataFrame
            Columns ``parameter`` (the path that edits it) and ``prior`` (text). The priors of an
            intercept, of its sd and of its correlations say where the other columns stand:
            ``Exponential(scale=56.3), Days at its mean``. Of group effects that are Student-t
            there is the row ``u:<factor>`` besides, and ``df:<factor>``; of priors with
            hyperpriors one for each hyperparameter, such as ``beta:sigma``.
        """
        import pandas as pd

        where = {}
        for predictor in dict.fromkeys(leaf.predictor for leaf in self.leaves):
            own, prefix = self.of(predictor)._own, f"{predictor}:" if predictor else ""
            for leaf in own:
                if leaf.beside:
                    where[leaf.path] = f", {_at(leaf.beside, leaf.is_centred)}"
                if leaf.kind == "cor":
                    where[leaf.path] = self._where_correlated(leaf)
            columns = tuple(
                ":".join(leaf.node[1:]) for leaf in own if leaf.kind == "beta" and not leaf.is_hyper
            )
            if columns:
                paths = [f"{prefix}Intercept", *(leaf.path for leaf in own if leaf.at_means)]
                where |= dict.fromkeys(paths, f", {_at(columns, is_centred=True)}")
        return pd.DataFrame(
            {
                "parameter": [leaf.path for leaf in self.leaves],
                "prior": [
                    f"{leaf.prior!r}{where.get(leaf.path, _cut_off(leaf))}" for leaf in self.leaves
                ],
            }
        )

    def _where_correlated(self, cor: Leaf) -> str:
        """Say where the columns stand beside the intercepts of what is correlated."""
        texts = []
        for leaf in self.leaves:
            if leaf.beside and leaf.node[1] == cor.node[1] and leaf.predictor in cor.linked:
                start = f"{leaf.predictor}_" if leaf.predictor and len(cor.linked) > 1 else ""
                names = tuple(f"{start}{name}" for name in leaf.beside)
                texts.append(f", {_at(names, leaf.is_centred)}")
        return "".join(texts)

    def __repr__(self) -> str:
        """Return the table as text."""
        return self.table().to_string(index=False)

    def _priors(self, *node: str) -> tuple[Prior, ...]:
        return tuple(
            leaf.prior
            for leaf in self._own
            if leaf.node[: len(node)] == node
            and isinstance(leaf.prior, Prior)
            and not leaf.is_hyper
        )


_ROOTS = ("Intercept", "beta", "sd", "cor", "u", "df")
_MOST_NAMES = 3
# What hyperparameters are called.
_MOMENTS = ("mu", "sigma", "tau", "nu", "lam", "alpha", "beta", "b", "s", "scale")


def _is_auxiliary(leaf: Leaf) -> bool:
    return leaf.kind not in _ROOTS and not leaf.is_hyper


def _cut_off(leaf: Leaf) -> str:
    """Say where a prior is cut off that has mass outside of what its parameter may be."""
    return f", {leaf.support.where}" if leaf.kind == "df" else ""


def _at(columns: tuple[str, ...], is_centred: bool) -> str:
    """Say where the columns stand that the prior of an intercept depends on."""
    one = len(columns) == 1
    names = columns if len(columns) <= _MOST_NAMES else ("the other columns",)
    written = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    if is_centred:
        return f"{written} at {'its mean' if one else 'their means'}"
    return f"{written} at zero"


def without_correlations(edits: Mapping[str, AnyPrior]) -> dict[str, AnyPrior]:
    """Leave out the edits of correlations, for a design whose blocks have been split.

    Parameters
    ----------
    edits : mapping of str to AnyPrior
        Path -> prior, such as `PriorSet.edits`.

    Returns
    -------
    dict of str to AnyPrior
    """
    return {path: prior for path, prior in edits.items() if not isinstance(prior, LKJ)}


def edited(leaves: Iterable[Leaf], edits: Mapping[str, AnyPrior]) -> PriorSet:
    """Give each leaf the edit of its own path, else of the closest path above, else its default."""
    resolved = []
    for leaf in with_laws(leaves):
        origin = next((path for path in reversed(leaf.paths) if path in edits), "")
        prior = edits[origin] if origin else leaf.default
        is_centred = bool(leaf.beside) and not origin
        resolved.append(replace(leaf, prior=prior, is_centred=is_centred, origin=origin))
    return PriorSet(with_derived(resolved, edits), tuple(edits.items()))


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
        for path in (given,) if given in _ROOTS else (given, f"beta:{given}", short_of):
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
    if root in {leaf.predictor for leaf in leaves}:
        return (
            f"'{root}' has a predictor, whose parameters have paths of their own, such as "
            f"'{root}:Intercept'. "
        )
    if root == "mu":
        return "Paths of the formula's own predictor have no name before them: 'beta:x'. "
    if given in ("Intercept", "beta:Intercept"):
        if "Intercept" in kinds:
            return "The intercept has a path of its own, 'Intercept'. "
        if threshold := next((leaf.path for leaf in leaves if leaf.at_means), None):
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


def _closest(given: object, nodes: Iterable[str]) -> str:
    """Suggest the closest path, a bare name being as good as one with its root."""
    if not isinstance(given, str):
        return ""
    tails = {node.partition(":")[2] or node: node for node in reversed(list(nodes))}
    options = {**{node: node for node in nodes}, **tails}
    matches = difflib.get_close_matches(given, options, n=1)
    return f"Did you mean '{options[matches[0]]}'?" if matches else ""
