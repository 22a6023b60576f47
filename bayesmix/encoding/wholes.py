"""Calls that look at all rows, such as scale(x): what they learn, summed over parts of the rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from formulae.environment import Environment
from formulae.terms.call_resolver import LazyCall
from formulae.transforms import TRANSFORMS

from bayesmix.base.errors import BayesmixError, short
from bayesmix.encoding.calls import FunctionCall, MethodCall, Remembered, nodes, used_columns
from bayesmix.encoding.evaluation import evaluating
from bayesmix.encoding.namespace import Namespace
from bayesmix.encoding.sides import Side
from bayesmix.encoding.transforms import CATEGORICAL, SPLINES

__all__ = [
    "CallSums",
    "WholeCall",
    "coded_columns",
    "learnt_states",
    "supply",
    "unsupplied",
    "whole_calls",
]

_SCALED = ("center", "scale", "standardize")
_CODED = (*CATEGORICAL, "B", "binary")


@dataclasses.dataclass(frozen=True)
class CallSums:
    """Sums over rows of the argument of a call; two of them add up to that of all rows."""

    n_rows: int
    mean: float
    squares: float
    low: float
    high: float

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> CallSums:
        """Sum over rows."""
        numbers = values.astype(np.float64)
        if not numbers.size:
            return cls(0, 0.0, 0.0, math.inf, -math.inf)
        mean = float(numbers.mean())
        squares = float(((numbers - mean) ** 2).sum())
        return cls(numbers.size, mean, squares, float(numbers.min()), float(numbers.max()))

    def __add__(self, other: CallSums) -> CallSums:
        if not (self.n_rows and other.n_rows):
            return self if self.n_rows else other
        n_rows = self.n_rows + other.n_rows
        step = other.mean - self.mean
        return CallSums(
            n_rows,
            self.mean + step * other.n_rows / n_rows,
            self.squares + other.squares + step**2 * self.n_rows * other.n_rows / n_rows,
            min(self.low, other.low),
            max(self.high, other.high),
        )


type _Statistic = Callable[[CallSums], float]


def _variance(less: int) -> _Statistic:
    def variance(sums: CallSums) -> float:
        return sums.squares / (sums.n_rows - less) if sums.n_rows > less else math.nan

    return variance


_OF_FUNCTIONS: Mapping[Any, _Statistic] = {
    np.mean: lambda sums: sums.mean,
    np.var: _variance(0),
    np.std: lambda sums: math.sqrt(_variance(0)(sums)),
    np.min: lambda sums: sums.low,
    np.max: lambda sums: sums.high,
    np.sum: lambda sums: sums.mean * sums.n_rows,
}
_OF_METHODS: Mapping[str, _Statistic] = {
    "mean": _OF_FUNCTIONS[np.mean],
    "var": _variance(1),
    "std": lambda sums: math.sqrt(_variance(1)(sums)),
    "min": _OF_FUNCTIONS[np.min],
    "max": _OF_FUNCTIONS[np.max],
    "sum": _OF_FUNCTIONS[np.sum],
    "count": lambda sums: float(sums.n_rows),
}


@dataclasses.dataclass(frozen=True, eq=False)
class WholeCall:
    """A call whose value in a row depends on all rows by a few sums.

    Attributes
    ----------
    text : str
        As it stands in the formula.
    depth : int
        How many such calls are within each other in its argument.
    node : Any
        formulae's.
    names : Namespace
        Names of the formula that are no columns.
    """

    text: str
    depth: int
    node: Any
    names: Namespace

    def sums(self, frame: pd.DataFrame) -> CallSums:
        """Sum the argument over encoded rows."""
        with evaluating(self.text):
            values = self.node.args[0].eval(frame, Environment([self.names]))
            return CallSums.of(np.asarray(values))

    def state(self, sums: CallSums) -> tuple[float, ...]:
        """Return what the call has learnt: mean and sd to scale by, or its value."""
        if self.node.callee in _SCALED:
            return sums.mean, math.sqrt(sums.squares / sums.n_rows)
        statistic = _statistic(self.node, self.names)
        assert statistic is not None
        return (statistic(sums),)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names in the argument, columns among them."""
        return tuple(node.name for node in nodes(self.node) if not isinstance(node, LazyCall))


def _statistic(node: Any, names: Namespace) -> _Statistic | None:
    if not isinstance(node, FunctionCall) or len(node.args) != 1 or node.kwargs:
        return None
    if isinstance(node, MethodCall):
        return _OF_METHODS.get(node.method)
    function = node.function(Environment([names]))
    return next((own for known, own in _OF_FUNCTIONS.items() if known is function), None)


def whole_calls(
    sides: Iterable[Side], columns: Container[Any], names: Namespace
) -> tuple[WholeCall, ...]:
    """Find the calls that look at all rows, those in the arguments of others first.

    Parameters
    ----------
    sides : iterable of Side
        With their names found (`resolve_names`).
    columns : container of str
        Names of the columns of the data.
    names : Namespace

    Raises
    ------
    BayesmixError
        A call that needs all rows at once.
    """
    found: dict[str, WholeCall] = {}
    for node in (node for side in sides for part in side.components for node in nodes(part)):
        if not isinstance(node, LazyCall) or not used_columns(node, columns):
            continue
        _check_possible(node)
        if node.callee in _SCALED or _statistic(node, names) is not None:
            found[str(node)] = WholeCall(str(node), _depth(node, columns, names), node, names)
    return tuple(sorted(found.values(), key=lambda call: call.depth))


def _depth(node: Any, columns: Container[Any], names: Namespace) -> int:
    inner = [
        one
        for argument in node.args
        for one in nodes(argument)
        if isinstance(one, LazyCall)
        and used_columns(one, columns)
        and (one.callee in _SCALED or _statistic(one, names) is not None)
    ]
    return 1 + max((_depth(one, columns, names) for one in inner), default=-1)


def _needs_all_rows(node: Any) -> bool:
    """Whether columns are made from all rows at once: splines, and powers that are orthogonal."""
    callee = getattr(node, "callee", "")
    is_raw = callee == "poly" and bool(getattr(node.kwargs.get("raw"), "value", False))
    return callee in SPLINES or (callee == "poly" and not is_raw)


def _check_possible(node: Any) -> None:
    """Refuse what only all rows together can make."""
    if _needs_all_rows(node):
        x = str(node.args[0]) if node.args else "x"
        raise BayesmixError(
            f"'{node}' is made from all rows at once, and the rows are not in memory. Write powers "
            f"of a scaled column, scale({x}) + I(scale({x})**2), with as many as the "
            f"{'polynomial' if node.callee == 'poly' else 'spline'} needs, make its columns in the "
            "files, or fit rows that are in memory."
        )


def coded_columns(sides: Iterable[Side], columns: Container[Any]) -> tuple[str, ...]:
    """Find the columns that calls such as ``C(year)`` make categories of."""
    calls = (node for side in sides for part in side.components for node in nodes(part))
    found = [
        name
        for node in calls
        if isinstance(node, LazyCall) and node.callee in _CODED
        for name in used_columns(node, columns)
    ]
    return tuple(dict.fromkeys(found))


def supply(sides: Sequence[Side], states: Mapping[str, tuple[float, ...]]) -> None:
    """Give calls what they have learnt, before they meet rows.

    Parameters
    ----------
    sides : sequence of Side
        Changed.
    states : mapping of str to tuple of float
        By the text of the call, what `WholeCall.state` returns.
    """
    for node in (node for side in sides for part in side.components for node in nodes(part)):
        state = states.get(str(node)) if isinstance(node, LazyCall) else None
        if state is None:
            continue
        if isinstance(node, FunctionCall):
            node.stateful_transform = Remembered(state[0])
            continue
        transform: Any = TRANSFORMS[node.callee]()
        node.stateful_transform = transform
        transform.mean = state[0]
        if hasattr(transform, "std"):
            transform.std = state[1]
        transform.params_set = True


def learnt_states(parts: Iterable[Any]) -> dict[str, tuple[float, ...]]:
    """Read what calls have learnt from rows that were all in memory, for `supply`."""
    found: dict[str, tuple[float, ...]] = {}
    for node in (node for part in parts for node in nodes(part)):
        transform: Any = getattr(node, "stateful_transform", None)
        if isinstance(transform, Remembered):
            if not np.ndim(transform.value) and isinstance(transform.value, float | np.floating):
                found[str(node)] = (float(transform.value),)
        elif isinstance(node, LazyCall) and node.callee in _SCALED:
            found[str(node)] = (float(transform.mean), float(getattr(transform, "std", 0) or 0.0))
    return found


def unsupplied(parts: Iterable[Any], states: Container[str]) -> None:
    """Refuse functions that have learnt from some rows what only all rows tell."""
    for node in (node for part in parts for node in nodes(part)):
        transform = getattr(node, "stateful_transform", None)
        learns = isinstance(transform, Remembered) or _needs_all_rows(node)
        if learns and str(node) not in states:
            raise BayesmixError(
                f"'{short(str(node))}' looks at all rows at once, and the rows are not in memory. "
                "Compute it before the fit and write the number, or use mean, std, var, min, max "
                "or sum of one column, which are added up over the rows."
            )
