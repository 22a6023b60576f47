"""Plain values from files, checked against types."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bayesmix.storage.archive import Damaged
from bayesmix.storage.records import checked, fields_of, mapping


@dataclasses.dataclass(frozen=True)
class Point:
    name: str
    pair: tuple[int, str] = (1, "a")


def test_fields_in_their_order():
    assert list(fields_of(Point("p")).items()) == [("name", "p"), ("pair", (1, "a"))]


def test_a_mapping_is_a_copy():
    value = {"a": 1}
    assert mapping(value, "it") == value
    assert mapping(value, "it") is not value


@pytest.mark.parametrize(
    ("value", "hint", "is_one"),
    [
        (1, int, True),
        (True, int, False),
        (1, float, True),
        (np.inf, float, False),
        (True, float, False),
        (1, bool, False),
        (None, str | None, True),
        (None, str, False),
        ({1: 1}, dict[str, int], False),
        ({"a": [1]}, dict[str, list[int]], True),
        ({"a": [""]}, dict[str, list[int]], False),
        (("a", "b"), tuple[str, ...], True),
        (("a", 1), tuple[str, ...], False),
        (["a"], tuple[str, ...], False),
        (np.zeros(1), npt.NDArray[np.float64], True),
        (np.zeros(1, dtype=np.int64), npt.NDArray[np.float64], False),
        ([0.0], npt.NDArray[np.float64], False),
        (object(), Any, True),
    ],
)
def test_types(value, hint, is_one):
    if is_one:
        assert checked(value, hint, "it") is value
    else:
        with pytest.raises(Damaged, match="it is not what it should be"):
            checked(value, hint, "it")
