"""Plain values from files, checked against types."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import Any

import numpy as np

from bayesmix.storage.archive import require
from bayesmix.storage.plain import Plain

__all__ = ["checked", "fields_of", "mapping"]


def fields_of(value: Any) -> dict[str, Plain]:
    """Return the fields of a dataclass, in their order."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def mapping(value: Plain, place: str) -> dict[str, Plain]:
    """Return a value that must be a mapping with text for keys."""
    return dict(checked(value, dict[str, Any], place))


def checked(value: Plain, hint: Any, place: str) -> Any:
    """Return a value if it is of a type, and raise `Damaged` if it is not.

    Parameters
    ----------
    value : plain value
    hint : type
        None, bool, int, float (finite), str, Any, an NDArray, ``list[...]``, ``tuple[..., ...]``,
        ``dict[..., ...]`` and unions of these.
    place : str
        Names it in the error.
    """
    require(_is(value, hint), f"{place} is not what it should be")
    return value


def _is(value: Plain, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(origin, typing.TypeAliasType):
        origin, arguments = np.ndarray, (Any, arguments[0])  # NDArray of later NumPys
    if hint is Any:
        return True
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if origin in (typing.Union, types.UnionType):
        return any(_is(value, one) for one in arguments)
    if origin is dict:
        return isinstance(value, dict) and all(
            _is(key, arguments[0]) and _is(one, arguments[1]) for key, one in value.items()
        )
    if origin in (list, tuple):
        return isinstance(value, origin) and all(_is(one, arguments[0]) for one in value)
    if origin is np.ndarray:
        (scalar,) = typing.get_args(arguments[1]) or (arguments[1],)
        return isinstance(value, np.ndarray) and value.dtype == scalar
    return type(value) is hint
