"""A zip archive of JSON and arrays, read without trust in what it says of itself.

Before anything is unpacked, the sizes that the archive declares are held against the size of the
file: what is written here shrinks by a factor of 230 at most, so that a small file that claims to
hold gigabytes was not. Every member is unpacked whole, up to its declared size, and its check sum
compared before it is looked into. Arrays are read without pickle.
"""

from __future__ import annotations

import collections
import json
import math
import re
import zipfile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.errors import BayesmixError

__all__ = ["Archive", "Damaged", "require", "write_array", "write_json"]

METADATA = "bayesmix.json"

# Bytes that any file may unpack to, and bytes for each byte of the file. Deflate at the level that
# is written makes at most 230 bytes of one.
_ALWAYS, _RATIO = 1 << 27, 256
# Bytes of memory that Python needs for one of JSON, at most: "{}," is a dict in a list.
_JSON_COST = 32
_FREE_READS = 2
_CHUNK = 1 << 20
_LONGEST_HEADER = 4096
_MEMBER = re.compile(r"[0-9]{1,9}\.npy")
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][biufcmMSU][0-9]{1,9}(?:\[[0-9a-zA-Z]{1,20}\])?)', "
    rb"'fortran_order': (True|False), 'shape': \(((?:[0-9]{1,15}, ?)*(?:[0-9]{1,15})?)\), \} *\n?"
)
_LAST_CHARACTER = 0x10FFFF


class Damaged(BayesmixError):
    """Content that is not as it was written; the message is the reason alone."""


def require(condition: object, problem: str) -> None:
    """Raise `Damaged` unless a condition holds."""
    if not condition:
        raise Damaged(problem)


def write_json(archive: zipfile.ZipFile, value: Any) -> None:
    """Write the one JSON member."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, indent=1)
    archive.writestr(METADATA, text)


def write_array(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    """Write an array as a member of the archive."""
    with archive.open(name, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


class Archive:
    """An open archive, with what it may still unpack.

    Parameters
    ----------
    file : binary file
        At its start; stays open as long as the archive is read.
    size : int
        Its bytes.

    Raises
    ------
    Damaged
        The archive or the sizes that it declares cannot be right.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        most = max(_ALWAYS, _RATIO * size)
        try:
            self._zip = zipfile.ZipFile(file)
        except Exception as error:  # zipfile has many ways to fail on damage
            raise Damaged(str(error)) from error
        self._members = {info.filename: info for info in self._zip.infolist()}
        known = [info for name, info in self._members.items() if _MEMBER.fullmatch(name)]
        require(len(self._members) == len(self._zip.infolist()), "a member is there twice")
        declared = sum(info.file_size for info in known)
        require(declared <= most, f"{size} bytes cannot hold the {declared} that they claim")
        # Memory for all but the arrays themselves, each read twice: groups of the draws
        # share their labels.
        self._left = max(_ALWAYS, most - declared)
        self._reads: collections.Counter[str] = collections.Counter()

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def spend(self, n_bytes: int, what: str) -> None:
        """Take memory off what the file may fill; raise `Damaged` if it is more than is left."""
        require(0 <= n_bytes <= self._left, f"{what} would fill {n_bytes} bytes of memory")
        self._left -= n_bytes

    def json(self) -> Any:
        """Return the JSON member as dicts, lists, text and numbers, all of them finite."""
        require(METADATA in self, f"there is no {METADATA}")
        self.spend(_JSON_COST * self._members[METADATA].file_size, METADATA)
        text = self._unpack(METADATA)
        try:
            return json.loads(text.tobytes().decode("utf-8"), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise Damaged(f"{METADATA} cannot be read: {error}") from error

    def shape(self, name: object) -> tuple[int, ...]:
        """Return the shape that an array claims, without unpacking it."""
        name = self._known(name)
        try:
            with self._zip.open(self._members[name]) as member:
                start = np.frombuffer(member.read(_LONGEST_HEADER), dtype=np.uint8)
        except Exception as error:
            raise Damaged(f"{name} cannot be unpacked: {error}") from error
        return _header(start, name)[1]

    def array(self, name: object) -> npt.NDArray[Any]:
        """Return an array, in memory of its own."""
        name = self._known(name)
        self._reads[name] += 1
        if self._reads[name] > _FREE_READS:
            self.spend(self._members[name].file_size, name)
        return _array(self._unpack(name), name)

    def _known(self, name: object) -> str:
        require(isinstance(name, str) and _MEMBER.fullmatch(name), "the name of an array")
        assert isinstance(name, str)
        require(name in self, f"there is no {name}")
        return name

    def _unpack(self, name: str) -> npt.NDArray[np.uint8]:
        """Unpack a member whole; the check sum is compared when its last byte is read."""
        info = self._members[name]
        content = np.empty(info.file_size, dtype=np.uint8)
        filled, view = 0, memoryview(content)
        try:
            with self._zip.open(info) as member:
                while part := member.read(_CHUNK):
                    view[filled : filled + len(part)] = part
                    filled += len(part)
        except Exception as error:
            raise Damaged(f"{name} cannot be unpacked: {error}") from error
        require(filled == len(content), f"{name} is shorter than it claims")
        return content


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _header(
    content: npt.NDArray[np.uint8], name: str
) -> tuple[np.dtype[Any], tuple[int, ...], Any, int]:
    """Read dtype, shape, order and length of the header of a ``.npy`` file."""
    start = content[:12].tobytes()
    require(start[:6] == b"\x93NUMPY" and start[6:8] in (b"\x01\0", b"\x02\0", b"\x03\0"), name)
    first = 10 if start[6] == 1 else 12
    end = first + int.from_bytes(start[8:first], "little")
    require(end <= min(len(content), _LONGEST_HEADER), f"the header of {name}")
    header = _HEADER.fullmatch(content[first:end].tobytes())
    require(header is not None, f"the header of {name}")
    assert header is not None
    try:
        dtype = np.dtype(header[1].decode())
    except (TypeError, ValueError) as error:
        raise Damaged(f"the header of {name}") from error
    shape = tuple(int(n) for n in header[3].decode().split(",") if n.strip())
    require(len(shape) <= 32, f"the header of {name}")
    return dtype, shape, "F" if header[2] == b"True" else "C", end


def _array(content: npt.NDArray[np.uint8], name: str) -> npt.NDArray[Any]:
    """Make an array of the bytes of a ``.npy`` file, without copying them."""
    dtype, shape, order, end = _header(content, name)
    n_bytes = math.prod(shape) * dtype.itemsize
    require(n_bytes <= len(content) - end, f"{name} is shorter than its array")
    require(n_bytes == len(content) - end, f"{name} is longer than its array")
    if not n_bytes:
        require(max(shape, default=0) < 1 << 31, f"the header of {name}")
        return np.zeros(shape, dtype, order=order)
    array = content[end:].view(dtype).reshape(shape, order=order)
    _check_values(array.reshape(-1, order=order), name)
    return array


def _check_values(flat: npt.NDArray[Any], name: str) -> None:
    """Raise for bytes that no value of the type has."""
    if flat.dtype.kind == "b":
        require(flat.view(np.uint8).max() <= 1, f"{name} has values that are neither true or false")
    elif flat.dtype.kind == "U":
        letters = flat.view(flat.dtype.byteorder + "u4") if flat.dtype.itemsize else flat
        require(letters.max() <= _LAST_CHARACTER, f"{name} has characters that do not exist")
