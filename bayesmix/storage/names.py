"""What a formula names and is no column: to plain values, and back by an allow-list.

What a name stands for is decided here and not by the file: formulae's own functions, the
elementwise functions of NumPy and R, what the user has given, and plain values of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from formulae.terms.call_resolver import LazyCall
from formulae.transforms import TRANSFORMS

from bayesmix.base.errors import BayesmixError
from bayesmix.encoding.calls import (
    FunctionCall,
    MethodCall,
    Remembered,
    is_own,
    live_nodes,
    nodes,
    rebuild,
)
from bayesmix.encoding.contrasts import CONTRASTS
from bayesmix.encoding.namespace import Namespace
from bayesmix.encoding.sides import Side
from bayesmix.formula.rfunctions import FUNCTIONS
from bayesmix.storage.archive import require
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import mapping

if TYPE_CHECKING:
    import pandas as pd

    from bayesmix.design.design import Encoder
    from bayesmix.formula.formula import Formula
    from bayesmix.preparation.learn import Resolver

__all__ = ["NotGiven", "plain_names", "plain_remembered", "stored_names"]

# Functions of NumPy that a formula in a file may call besides the universal functions: they
# return numbers computed from their arguments and do nothing else.
_NUMPY_FUNCTIONS = frozenset({"around", "clip", "nan_to_num", "round", "where"})


class NotGiven(BayesmixError):
    """A function or a value of the user that the file cannot hold and that was not passed."""


def plain_names(encoder: Encoder) -> dict[str, Plain]:
    """Tell for each name of the formula that is no column what a file can say of it.

    Of functions and variables that only stand in calls that are remembered nothing is needed.
    """
    plain: dict[str, Plain] = {}
    for node in (node for part in encoder.parts for node in nodes(part)):
        if not isinstance(node, MethodCall):
            plain[_name(node)] = {"is": "remembered"}
    live = [node for part in encoder.parts for node in live_nodes(part)]
    for node in live:
        plain.pop(_name(node), None)
    for node in live:
        root = _root(node) if isinstance(node, LazyCall) else node.name
        is_column = not isinstance(node, LazyCall) and root in encoder.categories
        if not isinstance(node, MethodCall) and not is_column:
            plain[root] = _plain_name(root, encoder.names[root])
    return {name: one for name, one in plain.items() if name not in encoder.categories}


def plain_remembered(encoder: Encoder) -> dict[str, Plain]:
    """List by their text the calls that are remembered, with what they have given."""
    calls = (node for part in encoder.parts for node in nodes(part))
    states = ((str(node), getattr(node, "stateful_transform", None)) for node in calls)
    return {text: state.value for text, state in states if isinstance(state, Remembered)}


def _plain_name(name: str, value: Any) -> dict[str, Plain]:
    if is_own(name):
        return {"is": "formulae"}
    if value is np:
        return {"is": "numpy"}
    own_name = getattr(value, "__name__", None)
    if _is_ufunc(own_name) and getattr(np, str(own_name)) is value:
        return {"is": "ufunc", "value": own_name}
    if FUNCTIONS.get(name) is value:
        return {"is": "R"}
    return {"is": "value", "value": value} if _is_value(value) else {"is": "given"}


def stored_names(names: Plain, remembered: Plain, given: Mapping[str, Any]) -> Resolver:
    """Return what finds the names of a formula that is in a file.

    Parameters
    ----------
    names, remembered : mapping
        From `plain_names` and `plain_remembered`.
    given : mapping
        Functions and values that the user passes.

    Returns
    -------
    Resolver
        Raises `NotGiven` for a function that is neither formulae's, nor NumPy's, nor given.
    """
    plain = {
        name: mapping(one, f"the name {name}") for name, one in mapping(names, "names").items()
    }
    known = mapping(remembered, "what was remembered")
    for name, value in known.items():
        require(_is_value(value) or isinstance(value, list | tuple), f"what {name} has given")

    def resolve(sides: Sequence[Side], header: pd.DataFrame, formula: Formula) -> Namespace:
        roots = {name.partition(".")[0] for name in plain}
        found = Namespace()
        absent = [one for side in sides for one in side.terms if one not in header.columns]
        require(not absent, f"{absent[:1]} is no column")
        for component in (part for side in sides for part in side.components):
            rebuild(component, header.columns, roots)
            for node in nodes(component):
                if isinstance(node, FunctionCall) and str(node) in known:
                    node.stateful_transform = Remembered(known[str(node)])
        for node in _live(sides):
            if isinstance(node, MethodCall):
                continue
            if isinstance(node, LazyCall):
                found[_root(node)] = _function(node.callee, plain, given, formula)
            elif node.name not in header.columns:
                found[node.name] = _value(node.name, plain, given, formula)
        return found

    return resolve


def _live(sides: Sequence[Side]) -> Iterator[Any]:
    return (node for side in sides for part in side.components for node in live_nodes(part))


def _name(node: Any) -> str:
    return str(node.callee if isinstance(node, LazyCall) else node.name)


def _root(node: Any) -> str:
    return str(node.callee).partition(".")[0]


def _function(
    name: str, plain: Mapping[str, Plain], given: Mapping[str, Any], formula: Formula
) -> Any:
    """Find what the first part of the name of a function stands for, or refuse it."""
    root, _, rest = name.partition(".")
    stored = plain.get(root, {})
    if is_own(name):
        return {**TRANSFORMS, **CONTRASTS}[name]
    if stored == {"is": "R"} and _is_of_r(root, rest):
        return FUNCTIONS[root]
    if root in given:
        # What Python keeps inside of a function reaches everything else.
        require("__" not in rest, f"{name}() is no function")
        if not callable(_attribute(given[root], rest)):
            raise NotGiven(f"namespace['{root}'] gives no function for '{name}'.")
        return given[root]
    if stored == {"is": "numpy"} and (rest in _NUMPY_FUNCTIONS or _is_ufunc(rest)):
        return np
    if stored.get("is") == "ufunc" and not rest and _is_ufunc(stored.get("value")):
        return getattr(np, stored["value"])
    require(stored != {"is": "formulae"}, f"formulae has no {name}()")
    raise _needed(f"calls {name}()", root, formula)


def _value(
    name: str, plain: Mapping[str, Plain], given: Mapping[str, Any], formula: Formula
) -> Any:
    stored = plain.get(name, {})
    if name in CONTRASTS:
        return CONTRASTS[name]
    if name in given:
        return given[name]
    if stored.get("is") == "value" and _is_value(stored.get("value")):
        return stored["value"]
    raise _needed(f"uses '{name}'", name, formula)


def _needed(what: str, name: str, formula: Formula) -> NotGiven:
    return NotGiven(
        f"The formula '{formula.text}' {what}, which is not in the file, since a file holds no "
        f"functions. Pass it: bm.load(path, namespace={{'{name}': {name}}})."
    )


def _attribute(root: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        root = getattr(root, part, None)
    return root


def _is_of_r(root: str, rest: str) -> bool:
    """Tell whether a function is R's: ``log``, or ``as.numeric``, but nothing inside of ``log``."""
    function = FUNCTIONS.get(root)
    if callable(function):
        return not rest
    return rest.isidentifier() and rest[0] != "_" and callable(getattr(function, rest, None))


def _is_ufunc(name: object) -> bool:
    return isinstance(name, str) and isinstance(getattr(np, name, None), np.ufunc)


def _is_value(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | np.number | np.bool_ | np.ndarray)
