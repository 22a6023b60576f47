"""Frozen dataclasses to plain values and back, each field checked against its annotation.

A field that is added to a dataclass is written and read without further ado if its type is among
those of `checked`. With a default it may be absent from a file: files of earlier versions lack it.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bayesmix.storage.archive import require
from bayesmix.storage.plain import Plain

__all__ = ["checked", "fields_of", "mapping", "record"]


def fields_of(value: Any, *without: str) -> dict[str, Plain]:
    """Return the fields of a dataclass, in their order."""
    names = (field.name for field in dataclasses.fields(value))
    return {name: getattr(value, name) for name in names if name not in without}


def record[T](cls: Callable[..., T], stored: Plain, place: str, **given: Any) -> T:
    """Make a dataclass of its stored fields.

    Parameters
    ----------
    cls : type
        A dataclass.
    stored : mapping
        What `fields_of` made.
    place : str
        Names it in the error.
    **given
        Fields that were not stored, or were restored already.

    Raises
    ------
    Damaged
        A field is missing, unknown, or not of the type that the dataclass says.
    """
    stored = mapping(stored, place)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    unknown = stored.keys() - fields.keys()
    require(not unknown, f"{place} has an unknown part '{min(unknown, default='')}'")
    values = dict(given)
    for name, field in fields.items():
        if name in given:
            require(name not in stored, f"{place}.{name} is there twice")
        elif name in stored:
            values[name] = checked(stored[name], _hint(cls, name), f"{place}.{name}")
            if isinstance(values[name], np.ndarray):
                values[name].flags.writeable = False
        else:
            has_default = (
                field.default is not dataclasses.MISSING
                or field.default_factory is not dataclasses.MISSING
            )
            require(has_default, f"{place}.{name} is missing")
    return cls(**values)


def mapping(value: Plain, place: str) -> dict[str, Plain]:
    """Return a value that must be a mapping with text for keys."""
    is_one = isinstance(value, dict) and all(isinstance(key, str) for key in value)
    require(is_one, f"{place} is not what it should be")
    return dict(value)


def checked(value: Plain, hint: Any, place: str) -> Any:
    """Return a value if it is of a type, and raise `Damaged` if it is not.

    Parameters
    ----------
    value : plain value
    hint : type
        None, bool, int, float (finite), str, Literal, an NDArray, Any, and tuples, lists, mappings,
        unions and aliases of these.
    place : str
    """
    require(_is(value, hint), f"{place} is not what it should be")
    return value


@functools.cache
def _hint(cls: Any, name: str) -> Any:
    """Evaluate one annotation; those of fields that are not stored may be for type checkers."""
    one = types.SimpleNamespace(__annotations__={name: inspect.get_annotations(cls)[name]})
    return typing.get_type_hints(one, vars(sys.modules[cls.__module__]))[name]


def _is(value: Plain, hint: Any) -> bool:
    if hint is Any:
        return True
    if isinstance(hint, typing.TypeAliasType):
        return _is(value, hint.__value__)
    if hint in (bool, int, str):
        return type(value) is hint
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if hint in (None, type(None)):
        return value is None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(origin, typing.TypeAliasType):
        origin, arguments = np.ndarray, (Any, arguments[0])  # NDArray of later NumPys
    if origin in (typing.Union, types.UnionType):
        return any(_is(value, one) for one in arguments)
    if origin is typing.Literal:
        return any(type(value) is type(one) and value == one for one in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and _are(value, arguments)
    if origin is list:
        return isinstance(value, list) and all(_is(one, arguments[0]) for one in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(
            _is(key, arguments[0]) and _is(one, arguments[1]) for key, one in value.items()
        )
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and _is_dtype(value.dtype, arguments[1])
    return isinstance(value, hint)


def _are(values: tuple[Plain, ...], hints: tuple[Any, ...]) -> bool:
    if len(hints) == 2 and hints[1] is Ellipsis:
        return all(_is(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_is, values, hints))


def _is_dtype(dtype: np.dtype[Any], hint: Any) -> bool:
    (scalar,) = typing.get_args(hint) or (hint,)
    if scalar is Any:
        return True
    return dtype.kind == "U" if scalar is np.str_ else dtype == scalar
