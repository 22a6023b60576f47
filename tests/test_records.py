"""Dataclasses from files, each field checked against its annotation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from bayesmix.storage.archive import Damaged
from bayesmix.storage.records import checked, fields_of, record

if TYPE_CHECKING:
    import pandas as pd

type Numbers = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
    names: tuple[str, ...]
    values: Numbers
    frame: pd.DataFrame
    limit: float | None = None
    pair: tuple[int, str] = (1, "a")


STORED = {"names": ("a", "b"), "values": np.zeros(2), "limit": 1.5, "pair": (2, "b")}


def test_fields_come_back_and_arrays_are_read_only():
    point = record(Point, STORED, "a point", frame=None)
    assert fields_of(point, "frame") == STORED
    assert not point.values.flags.writeable


def test_a_field_with_a_default_may_be_absent():
    """As in files from before it was added."""
    stored = {name: STORED[name] for name in ("names", "values")}
    point = record(Point, stored, "a point", frame=None)
    assert (point.limit, point.pair) == (None, (1, "a"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"names": ["a"]}, "a point.names is not what it should be"),
        ({"names": ("a", 1)}, "a point.names is not"),
        ({"values": np.zeros(2, dtype=np.int64)}, "a point.values is not"),
        ({"values": [0.0]}, "a point.values is not"),
        ({"limit": np.inf}, "a point.limit is not"),
        ({"limit": True}, "a point.limit is not"),
        ({"pair": (2, "b", "c")}, "a point.pair is not"),
        ({"colour": "red"}, "a point has an unknown part 'colour'"),
        ({"frame": None}, "a point.frame is there twice"),
    ],
)
def test_fields_of_another_type(change, problem):
    with pytest.raises(Damaged, match=problem):
        record(Point, STORED | change, "a point", frame=None)


def test_a_field_that_is_missing():
    with pytest.raises(Damaged, match=r"a point\.names is missing"):
        record(Point, {"values": np.zeros(2)}, "a point", frame=None)


@pytest.mark.parametrize(
    ("value", "hint", "is_one"),
    [
        (1, int, True),
        (True, int, False),
        (1, float, True),
        (1, bool, False),
        (None, None, True),
        ("a", Literal["a", 1], True),
        (True, Literal["a", 1], False),
        ({"a": 1}, Mapping[str, int], True),
        ({1: 1}, Mapping[str, int], False),
        ({"a": [1]}, dict[str, list[int]], True),
        ({"a": [""]}, dict[str, list[int]], False),
        (np.array(["a"]), npt.NDArray[np.str_], True),
        (np.zeros(1), npt.NDArray[np.str_], False),
        (np.zeros(1), npt.NDArray[Any], True),
        (object(), Any, True),
        (3, np.random.Generator | None, False),
    ],
)
def test_types(value, hint, is_one):
    if is_one:
        assert checked(value, hint, "it") is value
    else:
        with pytest.raises(Damaged, match="it is not what it should be"):
            checked(value, hint, "it")
