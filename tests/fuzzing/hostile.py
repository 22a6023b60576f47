"""Values that no argument expects, each made anew for each call."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import itertools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["VALUES"]


class Raising:
    """Every comparison, conversion and text raises."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("this object refuses")

    __eq__ = __ne__ = __lt__ = __gt__ = __bool__ = __len__ = _refuse  # type: ignore[assignment]
    __iter__ = __getitem__ = __int__ = __float__ = __str__ = __repr__ = _refuse  # type: ignore[assignment]
    __hash__ = object.__hash__


class RaisingEq:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("this object refuses to compare")

    __hash__ = object.__hash__


class Greedy:
    """Has every attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Greedy()

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return Greedy()


class Number(int):
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Text(str):
    __slots__ = ()


class Kind(enum.Enum):
    CONDITIONAL = "conditional"


class ManyNames:
    """A collection that claims to be endless."""

    def __len__(self) -> int:
        return 10**9

    def __iter__(self) -> Any:
        return itertools.repeat("g")

    def __contains__(self, value: object) -> bool:
        return True


def recursive() -> list[Any]:
    values: list[Any] = []
    values.append(values)
    return values


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "0": lambda: 0,
    "1": lambda: 1,
    "2": lambda: 2,
    "-1": lambda: -1,
    "3.5": lambda: 3.5,
    "0.0": lambda: 0.0,
    "1.0": lambda: 1.0,
    "-0.5": lambda: -0.5,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "1e308": lambda: 1e308,
    "5e-324": lambda: 5e-324,
    "10**400": lambda: 10**400,
    "-10**400": lambda: -(10**400),
    "10**5000": lambda: 10**5000,
    "2**63": lambda: 2**63,
    "10**9": lambda: 10**9,
    "complex": lambda: 1 + 2j,
    "Decimal": lambda: decimal.Decimal("0.5"),
    "Decimal sNaN": lambda: decimal.Decimal("sNaN"),
    "Fraction": lambda: fractions.Fraction(1, 2),
    "huge Fraction": lambda: fractions.Fraction(10**400, 3),
    "empty text": lambda: "",
    "blank": lambda: "  \n",
    "NUL": lambda: "a\x00b",
    "surrogate": lambda: "\ud800",
    "emoji": lambda: "🤯",
    "long text": lambda: "a" * 100_000,
    "quotes": lambda: "`'\"",
    "colons": lambda: "g:::h",
    "bars": lambda: "(1 | g)",
    "factor": lambda: "g",
    "number as text": lambda: "1",
    "slash": lambda: "/",
    "missing folder": lambda: "no/such/folder/file",
    "format": lambda: "{0.__class__}%s%n",
    "np.str_": lambda: np.str_("g"),
    "str subclass": lambda: Text("conditional"),
    "bytes": lambda: b"g",
    "bytearray": lambda: bytearray(b"g"),
    "tuple": lambda: (),
    "list": lambda: [],
    "dict": lambda: {},
    "set": lambda: set(),
    "frozenset": lambda: frozenset({"g"}),
    "names": lambda: ["g", "h"],
    "names twice": lambda: ["g", "g"],
    "list of None": lambda: [None],
    "list of mixed": lambda: ["g", 1, None],
    "list of lists": lambda: [["g"], ["h", "k"]],
    "list of numbers": lambda: [0.1, 0.5],
    "list of odd numbers": lambda: [math.nan, -1, math.inf],
    "list of booleans": lambda: [True] * 24,
    "numbers for rows": lambda: list(range(24)),
    "nested list": recursive,
    "dict of text": lambda: {"g": 1},
    "dict of numbers": lambda: {1: 2},
    "dict of None": lambda: {None: None},
    "dict of objects": lambda: {"sd": RaisingEq(), "x": Raising()},
    "dict of dicts": lambda: {"g": {"Intercept": math.nan}},
    "range": lambda: range(3),
    "long range": lambda: range(10**9),
    "generator": lambda: (name for name in ("g", "h")),
    "endless": itertools.count,
    "endless collection": ManyNames,
    "object": object,
    "raising": Raising,
    "raising ==": RaisingEq,
    "every attribute": Greedy,
    "int subclass": lambda: Number(3),
    "enum": lambda: Kind.CONDITIONAL,
    "type": lambda: int,
    "function": lambda: lambda *args, **kwargs: 1,
    "module": lambda: types,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "exception": lambda: ValueError("x"),
    "date": lambda: datetime.date(2026, 1, 1),
    "timedelta": lambda: datetime.timedelta(1),
    "slice": lambda: slice(None),
    "np.int64": lambda: np.int64(3),
    "np.int8": lambda: np.int8(-1),
    "np.uint64": lambda: np.uint64(2**64 - 1),
    "np.float32": lambda: np.float32(0.5),
    "np.float64 nan": lambda: np.float64("nan"),
    "np.bool_": lambda: np.bool_(True),
    "np.datetime64": lambda: np.datetime64("2026-01-01"),
    "np NaT": lambda: np.datetime64("NaT"),
    "zero-dimensional": lambda: np.array(3),
    "text array": lambda: np.array("g"),
    "empty array": lambda: np.array([]),
    "array": lambda: np.array([0.25, 0.75]),
    "array of nan": lambda: np.full(24, np.nan),
    "array of zeros": lambda: np.zeros(24),
    "array of objects": lambda: np.array([object(), None, "g"], dtype=object),
    "array of refusers": lambda: np.array([RaisingEq()] * 24, dtype=object),
    "array of names": lambda: np.array(["g", "h"]),
    "array of booleans": lambda: np.arange(24) % 2 == 0,
    "array of complex": lambda: np.full(24, 1j),
    "matrix": lambda: np.ones((24, 2)),
    "cube": lambda: np.zeros((2, 2, 2)),
    "structured": lambda: np.zeros(24, dtype=[("a", float), ("b", int)]),
    "masked": lambda: np.ma.masked_array(np.ones(24), mask=np.arange(24) % 2),
    "broadcast": lambda: np.broadcast_to(1.0, (10**9,)),
    "Generator": lambda: np.random.default_rng(1),
    "RandomState": lambda: np.random.RandomState(1),
    "SeedSequence": lambda: np.random.SeedSequence(1),
    "pd.NA": lambda: pd.NA,
    "pd.NaT": lambda: pd.NaT,
    "Timestamp": lambda: pd.Timestamp("2026-01-01"),
    "Interval": lambda: pd.Interval(0, 1),
    "empty Series": lambda: pd.Series([], dtype=float),
    "Series": lambda: pd.Series(np.ones(24)),
    "Series of another index": lambda: pd.Series(np.ones(24), index=range(100, 124)),
    "Series of labels": lambda: pd.Series(list("ab") * 12),
    "Series of NA": lambda: pd.Series(pd.array([1, None] * 12, dtype="Int64")),
    "Categorical": lambda: pd.Categorical(list("ab") * 12),
    "Index": lambda: pd.Index(["g"]),
    "MultiIndex": lambda: pd.MultiIndex.from_product([["a"], range(24)]),
    "empty DataFrame": pd.DataFrame,
    "DataFrame without rows": lambda: frame(y=[], x=[], g=[], h=[]),
    "DataFrame of others": lambda: frame(a=[1.0, 2.0]),
    "DataFrame of odd values": lambda: frame(
        y=[1.0, np.inf, np.nan], x=["a", 1, None], g=[[1], {}, 2], h=[1, 2, 3]
    ),
    "DataFrame of objects": lambda: frame(
        y=[1.0, 2.0], x=np.array([RaisingEq(), 1], dtype=object), g=[1, 2], h=[1, 2]
    ),
    "DataFrame of text": lambda: frame(y=["1", "2"], x=["1", "2"], g=["1", "2"], h=["0", "1"]),
    "DataFrame of huge numbers": lambda: frame(
        y=[1e308, -1e308], x=[1e308, 1e-308], g=[1, 2], h=[1, 2]
    ),
    "DataFrame, columns twice": lambda: pd.DataFrame(np.ones((3, 4)), columns=["y", "x", "x", "g"]),
    "DataFrame, columns of numbers": lambda: pd.DataFrame(np.ones((3, 4))),
    "DataFrame, columns of tuples": lambda: pd.DataFrame(
        np.ones((3, 2)), columns=pd.MultiIndex.from_tuples([("y", 1), ("x", 2)])
    ),
}
