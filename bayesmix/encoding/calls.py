"""Calls in a formula as trees of formulae: their parts, methods of columns, contrasts by name."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Container, Iterator
from typing import Any

import numpy as np
import pandas as pd
from formulae.terms.call_resolver import (
    LazyCall,
    LazyOperator,
    LazyValue,
    LazyVariable,
    get_function_from_module,
)
from formulae.transforms import TRANSFORMS

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.encoding.contrasts import CONTRASTS
from bayesmix.frames.columns import listed

__all__ = [
    "ELEMENTWISE_METHODS",
    "FunctionCall",
    "MethodCall",
    "Remembered",
    "children",
    "is_own",
    "live_columns",
    "live_nodes",
    "nodes",
    "rebuild",
    "used_columns",
]

# Of a column's methods, those that a formula can use: one number for each row, and one for all.
ELEMENTWISE_METHODS = frozenset({"abs", "clip", "round"})
_REDUCTIONS = frozenset(
    {"count", "kurt", "max", "mean", "median", "min", "nunique", "prod", "quantile", "sem"}
    | {"skew", "std", "sum", "var"}
)
_METHODS = ELEMENTWISE_METHODS | _REDUCTIONS
_CODED = ("C",)
# Well below 2^63, which rounding must not reach.
_LARGEST_WHOLE = 2.0**62


class Remembered:
    """What a call has given on the rows of the fit, in the place of the call.

    Attributes
    ----------
    value : Any
        A number, text, or an array that has not one entry for each row.
    """

    def __init__(self, value: Any) -> None:
        self.value = value


class FunctionCall(LazyCall):  # type: ignore[misc]
    """A call of a function that is not formulae's; gives what is remembered, if anything is."""

    def function(self, environment: Any) -> Any:
        """Look the function up."""
        return get_function_from_module(self.callee, environment)

    def eval(self, data_mask: Any, env: Any) -> Any:
        """Evaluate the call on the rows of a frame."""
        if isinstance(self.stateful_transform, Remembered):
            return self.stateful_transform.value
        function = self.function(env)
        if getattr(function, "__stateful_transform__", False):
            return super().eval(data_mask, env)
        args = [argument.eval(data_mask, env) for argument in self.args]
        named = {name: argument.eval(data_mask, env) for name, argument in self.kwargs.items()}
        if inspect.isfunction(function):  # one in Python may change what it gets
            args = [_copied(value) for value in args]
            named = {name: _copied(value) for name, value in named.items()}
        return function(*args, **named)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, pd.Series | np.ndarray) else value


class MethodCall(FunctionCall):
    """A method of a column, such as ``x.mean()``; the column is the first argument."""

    def __init__(self, column: str, method: str, args: Any, kwargs: Any) -> None:
        super().__init__(f"{column}.{method}", [LazyVariable(column), *args], kwargs)
        self.method = method

    def function(self, environment: Any) -> Any:
        """Take the method from its class."""
        return getattr(pd.Series, self.method)

    def __str__(self) -> str:
        """Write it as it stands in the formula."""
        return str(LazyCall(self.callee, self.args[1:], self.kwargs))


def nodes(part: Any) -> Iterator[Any]:
    """Yield the variables and calls of a formulae component, those in arguments included."""
    if hasattr(part, "call"):
        yield from nodes(part.call)
        return
    if isinstance(part, LazyCall | LazyVariable) or hasattr(part, "reference"):
        yield part
    for child in children(part):
        yield from nodes(child)


def live_nodes(part: Any) -> Iterator[Any]:
    """Yield the same without what is remembered and what stands in it."""
    if hasattr(part, "call"):
        yield from live_nodes(part.call)
    elif not isinstance(getattr(part, "stateful_transform", None), Remembered):
        if isinstance(part, LazyCall | LazyVariable) or hasattr(part, "reference"):
            yield part
        for child in children(part):
            yield from live_nodes(child)


def children(node: Any) -> list[Any]:
    """List the arguments of a call or an operator; none for anything else."""
    if isinstance(node, LazyCall):
        return [*node.args, *node.kwargs.values()]
    return list(node.args) if isinstance(node, LazyOperator) else []


def used_columns(node: Any, known: Container[Any]) -> list[str]:
    """List the columns in a part of a formula."""
    names = (part.name for part in nodes(node) if not isinstance(part, LazyCall))
    return list(dict.fromkeys(name for name in names if name in known))


def live_columns(part: Any, known: Container[Any]) -> frozenset[str]:
    """Find the columns whose rows decide the values of a part, not only a number remembered."""
    names = (node.name for node in live_nodes(part) if not isinstance(node, LazyCall))
    return frozenset(name for name in names if name in known)


def is_own(name: str) -> bool:
    """Tell whether formulae or this package has a function or contrast of that name."""
    return name in TRANSFORMS or name in CONTRASTS


def rebuild(component: Any, columns: Container[Any], names: Container[str]) -> None:
    """Replace calls of a component by those that can remember, and methods of columns by theirs.

    Parameters
    ----------
    component : Any
        formulae's; changed.
    columns : container of str
        Names of the columns of the data.
    names : container of str
        Names of modules and objects that functions are taken from, before columns of that name.

    Raises
    ------
    BayesmixError
        A method that a formula cannot use, or a power of numbers that is too large.
    """
    if hasattr(component, "call"):
        component.call = _rebuilt(component.call, columns, names)


def _rebuilt(node: Any, columns: Container[Any], names: Container[str]) -> Any:
    if isinstance(node, LazyOperator):
        node.args = tuple(_rebuilt(argument, columns, names) for argument in node.args)
        node.op = _ARITHMETIC.get(node.op, node.op)
        return node
    if not isinstance(node, LazyCall) or isinstance(node, FunctionCall):
        return node
    node.args = [_rebuilt(argument, columns, names) for argument in node.args]
    node.kwargs = {name: _rebuilt(one, columns, names) for name, one in node.kwargs.items()}
    if is_own(node.callee):
        return _with_contrast(node) if node.callee in _CODED else node
    column, _, method = node.callee.rpartition(".")
    if not column or column not in columns or column.partition(".")[0] in names:
        return FunctionCall(node.callee, node.args, node.kwargs)
    if method not in _METHODS:
        raise BayesmixError(
            f"'{node.callee}()': a formula can use these methods of a column: "
            f"{listed(sorted(_METHODS), 20)}. {suggest(method, _METHODS)} Make a column of any "
            "other before the fit, and write its name.".replace(".  ", ". ")
        )
    return MethodCall(column, method, node.args, node.kwargs)


def _with_contrast(node: Any) -> Any:
    """Take a contrast from its name, whatever columns there are."""
    if len(node.args) > 1:
        node.args[1] = _contrast(node.args[1])
    if "contrast" in node.kwargs:
        node.kwargs["contrast"] = _contrast(node.kwargs["contrast"])
    return node


def _contrast(node: Any) -> Any:
    if isinstance(node, LazyVariable) and node.name in CONTRASTS:
        return LazyValue(CONTRASTS[node.name], node.name)
    return node


# --- arithmetic ---------------------------------------------------------------------------------


def _power(base: Any, exponent: Any) -> Any:
    return _within_range(operator.pow, base, exponent)


def _product(first: Any, second: Any) -> Any:
    for one in (first, second):  # Python would repeat it, 'a' * 10**10 for half a minute
        if isinstance(one, str | bytes | list | tuple):
            raise BayesmixError(
                f"{shown(one)} cannot be multiplied in a formula: numbers and columns of numbers "
                "can. Make the column in the data first and write its name."
            )
    return _within_range(operator.mul, first, second)


def _sum(first: Any, second: Any) -> Any:
    return _within_range(operator.add, first, second)


def _difference(first: Any, second: Any) -> Any:
    return _within_range(operator.sub, first, second)


def _negative(value: Any) -> Any:
    return operator.neg(_counted(value))


_ARITHMETIC: dict[Any, Any] = {
    operator.pow: _power,
    operator.mul: _product,
    operator.add: _sum,
    operator.sub: _difference,
    operator.neg: _negative,
}


def _within_range(operation: Any, first: Any, second: Any) -> Any:
    """Compute with whole numbers as with others where the result leaves their range."""
    first, second = _counted(first), _counted(second)
    if not (_is_whole(first) and _is_whole(second)):
        return operation(first, second)
    numbers = operation(_floating(first), _floating(second))
    is_inverse = operation is operator.pow and bool(np.any(np.asarray(second) < 0))
    is_inside = bool(np.all(np.abs(numbers) < _LARGEST_WHOLE))
    return operation(first, second) if is_inside and not is_inverse else numbers


def _counted(value: Any) -> Any:
    """Return truth values as 0 and 1, so that two of them add up to 2."""
    is_truth = getattr(getattr(value, "dtype", None), "kind", "") == "b"
    return value.astype(np.int64) if is_truth else value


def _is_whole(value: Any) -> bool:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return is_integer or getattr(getattr(value, "dtype", None), "kind", "") in tuple("iu")


def _floating(value: Any) -> Any:
    return value.astype(np.float64) if hasattr(value, "astype") else np.float64(value)
