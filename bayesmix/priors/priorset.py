"""Priors of all parameters, and their edits by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bayesmix.priors.derived import with_derived, with_laws
from bayesmix.priors.edits import read_edits
from bayesmix.priors.effects import AnyPrior, StudentT
from bayesmix.priors.leaves import Leaf, linked_predictors
from bayesmix.priors.prior import LKJ, Prior
from bayesmix.priors.table import prior_table

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
            if leaf.is_auxiliary and isinstance(leaf.prior, Prior)
        }

    @property
    def lengths(self) -> dict[str, int | None]:
        """Auxiliary parameter of the family -> number of its elements; None for one number."""
        return {leaf.kind: leaf.length for leaf in self._own if leaf.is_auxiliary}

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
        return prior_table(self.leaves)

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
