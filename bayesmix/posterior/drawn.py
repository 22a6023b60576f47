"""Draws as a method has left them: the data tree is made when somebody asks for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Drawn", "LazyTree", "Posterior", "Variable", "Variables", "divergences", "drawn_of"]


class Posterior(Protocol):
    """What tables take of draws: an `xarray.Dataset`, or `Variables` before there is one."""

    @property
    def sizes(self) -> Mapping[Any, int]:
        """Lengths by dim."""

    @property
    def data_vars(self) -> Mapping[Any, Any]:
        """Variables by name, with ``dims, coords, values`` and `transpose`."""

    def __getitem__(self, name: Any, /) -> Any:
        """Return one of them."""

    def __contains__(self, name: object, /) -> bool:
        """Tell whether it is there."""


@dataclasses.dataclass(frozen=True, eq=False)
class Variable:
    """Draws of one variable.

    Attributes
    ----------
    dims : tuple of str
    values : ndarray
    coords : mapping of str to ndarray
        Labels of the dims other than ``chain`` and ``draw``.
    """

    dims: tuple[str, ...]
    values: npt.NDArray[Any]
    coords: Mapping[str, npt.NDArray[Any]] = dataclasses.field(default_factory=dict)

    def transpose(self, *dims: str) -> Variable:
        """Return it with the dims in this order."""
        axes = [self.dims.index(dim) for dim in dims]
        return dataclasses.replace(self, dims=dims, values=self.values.transpose(axes))


@dataclasses.dataclass(frozen=True, eq=False)
class Variables:
    """Draws by name, at least of one variable."""

    data_vars: Mapping[str, Variable]

    @property
    def sizes(self) -> Mapping[str, int]:
        """Lengths by dim."""
        return {
            dim: length
            for own in self.data_vars.values()
            for dim, length in zip(own.dims, own.values.shape, strict=True)
        }

    def __getitem__(self, name: str, /) -> Variable:
        return self.data_vars[name]

    def __contains__(self, name: object, /) -> bool:
        return name in self.data_vars


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """What a method has drawn.

    Attributes
    ----------
    posterior : Posterior
        Without summaries that stand for draws.
    make_tree : callable
        Makes all groups of the schema.
    attrs : mapping
        Of the tree as a whole: how it was sampled, and what is to be said of it.
    diverged : int
        Draws that diverged.
    thin : int
        Every how many iterations a draw was kept.
    """

    posterior: Posterior
    make_tree: Callable[[], xr.DataTree]
    attrs: Mapping[Any, Any] = dataclasses.field(default_factory=dict)
    diverged: int = 0
    thin: int = 1

    @classmethod
    def of(cls, tree: xr.DataTree) -> Drawn:
        """Read what a tree holds."""
        stats = tree.children.get("sample_stats")
        return cls(
            tree["posterior"].dataset,
            lambda: tree,
            tree.attrs,
            divergences(tree),
            1 if stats is None else int(stats.attrs.get("thin", 1)),
        )

    def tree(self) -> xr.DataTree:
        """Make the data tree, with its attributes."""
        tree = self.make_tree()
        tree.attrs.update(self.attrs)
        return tree


def divergences(idata: xr.DataTree) -> int:
    """Count the draws that diverged; 0 for a method that cannot diverge."""
    stats = idata.children.get("sample_stats")
    if stats is None or "diverging" not in stats.dataset:
        return 0
    return int(np.sum(stats.dataset["diverging"].values))


_DRAWN, _TREE = "_drawn", "_tree"


class LazyTree:
    """A field that is set to draws or to a data tree, and is always read as the tree."""

    def __get__(self, owner: Any, kind: type | None = None) -> xr.DataTree:
        if owner is None:
            raise AttributeError("a field without a default")
        fields = vars(owner)
        # Threads that come at once make one each, and all of them get the first.
        if _TREE not in fields:
            fields.setdefault(_TREE, fields[_DRAWN].tree())
        tree: xr.DataTree = fields[_TREE]
        return tree

    def __set__(self, owner: Any, value: Drawn | xr.DataTree) -> None:
        vars(owner)[_DRAWN if isinstance(value, Drawn) else _TREE] = value


def drawn_of(owner: Any) -> Drawn:
    """Return the draws that a `LazyTree` was set to, without making the tree."""
    fields = vars(owner)
    drawn: Drawn = Drawn.of(fields[_TREE]) if _TREE in fields else fields[_DRAWN]
    return drawn
