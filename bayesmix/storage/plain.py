"""Plain values to JSON and arrays in an archive, and back.

Plain are None, True and False, numbers, text, arrays, and lists, tuples and mappings of these. A
file can hold nothing else, so that reading one makes nothing else.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.errors import BayesmixError
from bayesmix.storage.archive import Archive, Damaged, require, write_array

__all__ = ["Plain", "Writer", "decode"]

type Plain = Any
"""None, bool, int, float, str, arrays, and lists, tuples and mappings of these."""

_DEEPEST = 100
# Memory of one object in an array, its text apart.
_OBJECT = 64


class Writer:
    """Turns plain values into JSON, and their arrays into members of the archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[tuple[Any, ...], str] = {}
        self._known: dict[tuple[Any, ...], str] = {}

    def know(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """From now on write these arrays as their names: whoever reads the file will have them."""
        self._known = {_key(array): name for name, array in arrays.items()}

    def encode(self, value: Plain, place: str) -> Any:
        """Return what stands for a value in JSON; `place` names it in the error."""
        match value:
            case np.generic() if value.dtype.kind in "biufU" and value.dtype != np.longdouble:
                return self.encode(value.item(), place)
            case np.generic():
                return self.encode(np.asarray(value), place)
            case None | bool() | int():
                return value
            case str():
                return str(value)
            case float():
                finite = math.isfinite(value)
                return float(value) if finite else {"$float": str(float(value))}
            case np.ndarray():
                return self._array(value, place)
            case list():
                return self._items(value, place)
            case tuple():
                return {"$tuple": self._items(value, place)}
            case Mapping():
                return self._mapping(value, place)
        raise BayesmixError(
            f"{place.lstrip('.')} is of type {type(value).__name__}, which cannot be saved: a file "
            "holds numbers, text and arrays. Convert it before fitting, text being a good choice "
            "for categories, or leave it out."
        )

    def _items(self, values: Iterable[Plain], place: str) -> list[Any]:
        return [self.encode(value, f"{place}[{i}]") for i, value in enumerate(values)]

    def _mapping(self, values: Mapping[Any, Plain], place: str) -> dict[str, Any]:
        if all(isinstance(key, str) and not key.startswith("$") for key in values):
            return {key: self.encode(value, f"{place}.{key}") for key, value in values.items()}
        pairs = [
            [self.encode(key, place), self.encode(value, f"{place}[{key!r}]")]
            for key, value in values.items()
        ]
        return {"$map": pairs}

    def _array(self, array: npt.NDArray[Any], place: str) -> dict[str, Any]:
        if array.dtype.kind in "biufcmMSU":
            known = self._known.get(_key(array)) if self._known else None
            return {"$array": self._member(array)} if known is None else {"$known": known}
        flat = array.astype(object).ravel().tolist()
        shape = list(array.shape)
        if all(type(value) is str for value in flat):
            parts = [value.encode("utf-8", "surrogatepass") for value in flat]
            ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
            text = np.frombuffer(b"".join(parts), dtype=np.uint8)
            return {"$text": [self._member(text), self._member(ends)], "shape": shape}
        return {"$objects": self._items(flat, place), "shape": shape}

    def _member(self, array: npt.NDArray[Any]) -> str:
        """Write an array, once however often it occurs."""
        key = _key(array)
        if key not in self._members:
            name = f"{len(self._members)}.npy"
            write_array(self._archive, name, array)
            self._members[key] = name
        return self._members[key]


def _key(array: npt.NDArray[Any]) -> tuple[Any, ...]:
    data = np.ascontiguousarray(array)
    transposed = array.flags.f_contiguous and not array.flags.c_contiguous
    digest = hashlib.blake2b(data.reshape(-1).view(np.uint8) if data.nbytes else b"").digest()
    return (array.dtype.str, array.shape, transposed, digest)


def decode(
    archive: Archive,
    node: Any,
    known: Mapping[str, npt.NDArray[Any]] | None = None,
    depth: int = 0,
) -> Plain:
    """Return the value that JSON stands for; every array is made anew, so that none share memory.

    `known` are the arrays that the writer knew.

    Raises
    ------
    Damaged
        A node or a member that `Writer` does not write.
    """
    require(depth < _DEEPEST, "values are nested too deeply")

    def inner(value: Any) -> Plain:
        return decode(archive, value, known, depth + 1)

    match node:
        case {"$float": ("nan" | "inf" | "-inf") as text}:
            return float(text)
        case {"$tuple": list(values)}:
            return tuple(map(inner, values))
        case {"$map": list(pairs)}:
            return dict(_pair(inner(pair)) for pair in pairs)
        case {"$array": name}:
            return archive.array(name)
        case {"$known": str(name)} if known and name in known:
            archive.spend(known[name].nbytes, name)
            return known[name].copy()
        case {"$text": [text, ends], "shape": list(shape)}:
            return _text(archive, text, ends, shape)
        case {"$objects": list(values), "shape": list(shape)}:
            return _objects(list(map(inner, values)), shape)
        case dict():
            require(not any(key.startswith("$") for key in node), "a value of an unknown kind")
            return {key: inner(value) for key, value in node.items()}
        case list():
            return list(map(inner, node))
        case float():
            require(math.isfinite(node), "a number is too large")
    return node


def _pair(pair: Plain) -> tuple[Plain, Plain]:
    match pair:
        case [None | bool() | int() | float() | str() | tuple() as key, value]:
            try:
                hash(key)
            except TypeError as error:
                raise Damaged("a key of a mapping") from error
            return key, value
    raise Damaged("a mapping")


def _text(archive: Archive, text: object, ends: object, shape: list[Any]) -> npt.NDArray[Any]:
    data, stops = archive.array(text), archive.array(ends)
    require(data.dtype == np.uint8 and data.ndim == 1, "letters")
    require(stops.dtype == np.int64 and stops.ndim == 1, "ends of texts")
    steps = np.diff(stops, prepend=0)
    require(not (steps < 0).any(), "ends of texts")
    require((stops[-1] if len(stops) else 0) == len(data), "ends of texts")
    archive.spend(_OBJECT * len(stops) + 4 * len(data), "text")
    letters, places = data.tobytes(), [0, *stops.tolist()]
    try:
        parts = [
            letters[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(places)
        ]
    except UnicodeDecodeError as error:
        raise Damaged("letters that are no text") from error
    return _objects(parts, shape)


def _objects(values: Sequence[Plain], shape: list[Any]) -> npt.NDArray[Any]:
    require(all(type(n) is int and 0 <= n < 1 << 40 for n in shape), "the shape of an array")
    require(len(shape) <= 32 and math.prod(shape) == len(values), "the shape of an array")
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        array[i] = value
    return array.reshape(shape)
