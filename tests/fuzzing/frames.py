"""Frames of all dtypes with hostile values, against a small set of formulas.

``python tests/fuzzing/frames.py --seed 1 --count 5000 --fits 500`` prepares 5,000 frames and fits
500 of them, and ends with 1 if there was an exception that is no `BayesmixError`, a warning that is
not bayesmix's, more than two seconds in `prepare`, changed data, or a design that differs from the
one that is computed here from plain lists, by NumPy alone.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import datetime
import decimal
import faulthandler
import fractions
import sys
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

import bayesmix as bm

type Random = np.random.Generator
LONGEST_SECONDS = 2.0
LONGEST_MESSAGE = 1500


# --- columns --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Column:
    """A column, and what must be made of it, told by plain Python values.

    Attributes
    ----------
    kind : str
        How it was made, for the report.
    data : Any
        What goes into the frame.
    role : {"number", "category", "label", "odd"}
        Usable as a covariate by its number or by its category; only as a group; not at all.
    truth : list
        Number or label of each row, None where missing.
    order : list
        Labels in their order, for "category" and "label".
    """

    kind: str
    data: Any
    role: str
    truth: list[Any]
    order: list[str]


def number(kind: str, data: Any, truth: list[Any]) -> Column:
    return Column(kind, data, "number", truth, [])


def category(kind: str, data: Any, truth: list[Any], order: list[str] | None = None) -> Column:
    used = {value for value in truth if value is not None}
    known = sorted(used) if order is None else [label for label in order if label in used]
    return Column(kind, data, "category", truth, known)


def label(kind: str, data: Any, truth: list[Any], order: list[str]) -> Column:
    return dataclasses.replace(category(kind, data, truth, order), role="label")


def odd(kind: str, data: Any) -> Column:
    return Column(kind, data, "odd", [], [])


def objects(values: list[Any]) -> pd.Series:
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        array[i] = value
    return pd.Series(array, dtype=object)


def holes(rng: Random, n: int) -> list[bool]:
    share = rng.choice([0.0, 0.0, 0.1, 0.5])
    return list(rng.random(n) < share)


def with_holes(values: list[Any], absent: list[bool]) -> list[Any]:
    return [None if hole else value for hole, value in zip(absent, values, strict=True)]


def floats(rng: Random, n: int) -> Column:
    scale = rng.choice([1.0, 1.0, 1e-3, 1e6, 1e-100, 1e60])
    values = [float(v) for v in rng.normal(rng.choice([0, 0, 3]), 1, n) * scale]
    absent = holes(rng, n)
    truth = with_holes(values, absent)
    plain = np.array([np.nan if v is None else v for v in truth])
    match rng.integers(7):
        case 0:
            return number("float64", plain, truth)
        case 1:
            small = [v if abs(v) < 1e30 else 1.0 for v in values]
            single = np.array([np.nan if a else v for a, v in zip(absent, small, strict=True)])
            found = [None if np.isnan(v) else float(v) for v in single.astype(np.float32)]
            return number("float32", single.astype(np.float32), found)
        case 2:
            masked = pd.array([pd.NA if v is None else v for v in truth], dtype="Float64")
            return number("Float64", masked, truth)
        case 3:
            return number("sparse", pd.arrays.SparseArray(plain), truth)
        case 4:
            return number("float[pyarrow]", pd.array(truth, dtype="double[pyarrow]"), truth)
        case 5:
            return number("objects", objects(truth), truth)
        case _:
            return number("float16", np.nan_to_num(plain, nan=0, posinf=0).clip(-9, 9).astype("f2"),
                          [float(np.float16(0 if np.isnan(v) else np.clip(v, -9, 9)))
                           for v in plain])  # fmt: skip


def integers(rng: Random, n: int) -> Column:
    high = int(rng.choice([2, 5, 30, 10**6]))
    values = [int(v) for v in rng.integers(0, high, n)]
    absent = holes(rng, n)
    truth = with_holes(values, absent)
    match rng.integers(9):
        case 0:
            return number("int64", np.array(values), list(values))
        case 1:
            return number("uint8", np.array([v % 256 for v in values], dtype=np.uint8),
                          [v % 256 for v in values])  # fmt: skip
        case 2:
            return number("Int64", pd.array(truth, dtype="Int64"), truth)
        case 3:
            large = [v + 2**63 for v in values]
            return number("uint64", np.array(large, dtype=np.uint64), large)
        case 4:
            large = [v * 10**30 for v in values]
            return number("integers of any size", objects(large), large)
        case 5:
            return number("int[pyarrow]", pd.array(truth, dtype="int64[pyarrow]"), truth)
        case 6:
            return number("float integers", np.array([np.nan if v is None else v for v in truth]),
                          truth)  # fmt: skip
        case 7:
            return number("object integers", objects(truth), truth)
        case _:
            return number("sparse integers", pd.arrays.SparseArray(values), list(values))


def other_numbers(rng: Random, n: int) -> Column:
    whole = [int(v) for v in rng.integers(0, 7, n)]
    truth = with_holes(whole, holes(rng, n))
    match rng.integers(8):
        case 0:
            found = [None if v is None else decimal.Decimal(v) / 4 for v in truth]
            return number("decimals", objects(found), found)
        case 1:
            found = [None if v is None else fractions.Fraction(v, 8) for v in truth]
            return number("fractions", objects(found), [f and float(f) for f in found])
        case 2:
            return number("booleans", np.array([bool(v % 2) for v in whole]),
                          [bool(v % 2) for v in whole])  # fmt: skip
        case 3:
            found = [None if v is None else bool(v % 2) for v in truth]
            return number("boolean", pd.array(found, dtype="boolean"), found)
        case 4:
            found = [None if v is None else bool(v % 2) for v in truth]
            return number("object booleans", objects(found), found)
        case 5:
            mixed = [v if v is None or v % 2 else v + 0.5 for v in truth]
            return number("integers and floats", objects(mixed), mixed)
        case 6:
            signals = [decimal.Decimal("sNaN") if v is None else decimal.Decimal(v) for v in truth]
            return number("signalling decimals", objects(signals), truth)
        case _:
            return number("longdouble", np.array(whole, dtype=np.longdouble), list(whole))


LABELS = (
    ["a", "b", "c"],
    ["low", "mid", "high"],
    ["", " ", "x"],
    ["ä", "ß", "\N{SNOWMAN}"],
    ["a[b]", "c:d", "e'f", 'g"h'],
    ["{x}", "%s", "\\n", "a\nb"],
    ["Intercept", "x", "nan"],
    ["True", "False"],
    ["1", "2", "10"],
    ["007", "7"],
    ["L" * 3000, "M" * 3000, "S"],
    ["NA", "None", "<NA>"],
    ["a/b", "a*b", "a|b", "a~b"],
    ["2024-01-01", "2024-01-02"],
    ["only"],
)


def text(rng: Random, n: int) -> Column:
    known = list(LABELS[rng.integers(len(LABELS))])
    if rng.random() < 0.1:
        known = [f"level {k}" for k in range(n)]
    values = [known[k] for k in rng.integers(0, len(known), n)]
    truth = with_holes(values, holes(rng, n))
    match rng.integers(7):
        case 0:
            return category("objects", objects(truth), truth)
        case 1:
            return category("str", pd.Series(truth), truth)
        case 2:
            return category("string", pd.array(truth, dtype="string"), truth)
        case 3:
            return category("string[pyarrow]", pd.array(truth, dtype="string[pyarrow]"), truth)
        case 4:
            order = [*rng.permutation(known), "never"]
            ordered = bool(rng.integers(2))
            return category("Categorical", pd.Categorical(truth, order, ordered), truth, order)
        case 5:
            missing = [np.nan, None, pd.NA, pd.NaT, float("nan")]
            found = [missing[rng.integers(5)] if v is None else v for v in truth]
            return category("text with all kinds of missing", objects(found), truth)
        case _:
            dictionary = pd.Series(truth, dtype="string[pyarrow]").array.__arrow_array__()
            import pyarrow as pa

            encoded = pa.chunked_array([pa.array(dictionary.to_pylist(), pa.string())])
            encoded = encoded.dictionary_encode().unify_dictionaries()
            order = list(dict.fromkeys(v for v in truth if v is not None))
            column = pd.Series(pd.arrays.ArrowExtensionArray(encoded))
            return category("dictionary[pyarrow]", column, truth, order)


def values_of_kind(rng: Random) -> tuple[str, list[Any]]:
    """Choose distinct values that are neither plain numbers nor text, in their order."""
    moments = list(pd.date_range("2024-01-31", periods=4, freq=str(rng.choice(["D", "h", "7min"]))))
    kinds: dict[str, list[Any]] = {
        "timestamps": moments,
        "timestamps with a zone": [t.tz_localize("Europe/Berlin") for t in moments],
        "dates": [datetime.date(2024, 2, 28 + k % 2) for k in range(2)],
        "durations": [pd.Timedelta(k, "h") for k in range(4)],
        "periods": list(pd.period_range("2024", periods=3, freq="M")),
        "intervals": list(pd.interval_range(-1, 2)),
    }
    kind = str(rng.choice(list(kinds)))
    return kind, kinds[kind]


def labels(rng: Random, n: int) -> Column:
    kind, known = values_of_kind(rng)
    values = [known[k] for k in rng.integers(0, len(known), n)]
    found = with_holes(values, holes(rng, n))
    truth = [None if v is None else str(v) for v in found]
    order = [str(value) for value in known]
    match rng.integers(3):
        case 0:
            return label(f"{kind} as objects", objects(found), truth, order)
        case 1:
            column = pd.Series(found)  # intervals beside missing ones become intervals of floats
            turn = {str(v): str(w) for v, w in zip(found, column, strict=True)}
            truth = [v and turn[v] for v in truth]
            return label(kind, column, truth, [turn.get(v, v) for v in order])
        case _:
            turned = known[::-1]
            column = pd.Categorical(found, categories=turned)
            return category(f"Categorical of {kind}", column, truth, order[::-1])


def other_categories(rng: Random, n: int) -> Column:
    kinds: dict[str, list[Any]] = {
        "integers": [3, 1, 2],
        "floats": [0.5, -0.5, 2.25],
        "tuples": [(1, 2), (1, "a"), (0,)],
        "booleans": [True, False],
        "bytes": [b"a", b"b"],
        "text and numbers": ["a", 1, 2.5],
        "decimals": [decimal.Decimal("1.5"), decimal.Decimal("0.25")],
        "complex numbers": [1j, 2 + 1j],
        "huge integers": [10**40, 10**400],
    }
    kind = str(rng.choice(list(kinds)))
    known = kinds[kind]
    found = [known[k] for k in rng.integers(0, len(known), n)]
    index = pd.Index(objects(known), dtype=object, tupleize_cols=False)
    if kind in ("integers", "floats", "booleans"):
        index = pd.Index(known)
    positions = [known.index(value) for value in found]
    column = pd.Categorical.from_codes(positions, index)
    truth = [str(value) for value in found]
    return category(f"Categorical of {kind}", column, truth, [str(value) for value in known])


def hostile(rng: Random, n: int) -> Column:
    class Thing:
        pass

    kinds: dict[str, Callable[[int], Any]] = {
        "lists": lambda k: [k, k],
        "dicts": lambda k: {"a": k},
        "sets": lambda k: {k},
        "arrays": np.arange,
        "things": lambda k: Thing(),
        "types": lambda k: (int, str, float)[k % 3],
        "bytes": lambda k: b"%d" % (k % 3),
        "tuples": lambda k: (k % 3, "a"),
        "complex objects": lambda k: complex(k % 3, 1),
        "surrogates": lambda k: f"a\ud800{k % 3}",
        "numbers and text": lambda k: "a" if k % 2 else k,
        "dates and text": lambda k: "a" if k % 2 else datetime.date(2024, 1, 1),
        "uuids": lambda k: uuid.UUID(int=k % 3),
        "frames": lambda k: pd.DataFrame({"a": [k]}),
        "exceptions": ValueError,
        "frozen sets": lambda k: frozenset({k % 3}),
        "ellipses": lambda k: ... if k % 2 else NotImplemented,
    }
    kind = str(rng.choice([*kinds, "complex", "structs", "pyarrow lists", "binary"]))
    if kind in kinds:
        return odd(kind, objects([kinds[kind](k) for k in range(n)]))
    if kind == "complex":
        return odd(kind, np.arange(n) * (1 + 1j))
    import pyarrow as pa

    types = {
        "structs": pa.array([{"a": k % 3} for k in range(n)]),
        "pyarrow lists": pa.array([[k % 3] for k in range(n)]),
        "binary": pa.array([b"%d" % (k % 3) for k in range(n)]),
    }
    return odd(kind, pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([types[kind]]))))


def extreme(rng: Random, n: int) -> Column:
    """Numbers that must be refused or be right: infinite, huge, empty, constant."""
    match rng.integers(6):
        case 0:
            values = [float(v) for v in rng.normal(size=n)]
            values[rng.integers(n)] = float(rng.choice([np.inf, -np.inf]))
            return number("infinite", np.array(values), values)
        case 1:
            large = [10**400 + k % 4 for k in range(n)]
            return label("beyond floats", objects(large), list(map(str, large)),
                         [str(10**400 + k) for k in range(4)])  # fmt: skip
        case 2:
            return odd("beyond text", objects([10**5000 + k % 3 for k in range(n)]))
        case 3:
            return number("nothing", np.full(n, np.nan), [None] * n)
        case 4:
            return number("constant", np.full(n, 2.5), [2.5] * n)
        case _:
            huge = [decimal.Decimal(10) ** (400 if k % 2 else -400) for k in range(n)]
            return odd("decimals beyond floats", objects(huge))


SANE = (floats, integers, other_numbers, text, labels, other_categories)
ALL = (*SANE, *SANE, hostile, extreme)


def any_column(rng: Random, n: int) -> Column:
    return ALL[rng.integers(len(ALL))](rng, n)


# --- frames and formulas --------------------------------------------------------------------------

# Population effects in the order of the columns that are expected.
FORMULAS = (
    ("y ~ x", ("x",), ()),
    ("y ~ f", ("f",), ()),
    ("y ~ x + f", ("x", "f"), ()),
    ("y ~ x + (1 | g)", ("x",), ("g",)),
    ("y ~ f + (1 | g) + (1 | h)", ("f",), ("g", "h")),
    ("y ~ x + f + (x | g)", ("x", "f"), ("g",)),
    ("y ~ 1 + (1 | g)", (), ("g",)),
    ("y ~ x + (1 | g:h)", ("x",), ("g:h",)),
)


@dataclasses.dataclass(frozen=True)
class Case:
    formula: str
    effects: tuple[str, ...]
    factors: tuple[str, ...]
    columns: dict[str, Column]
    frame: pd.DataFrame
    given: Any
    library: str
    renewed: pd.DataFrame

    @property
    def used(self) -> list[str]:
        return ["y", *self.effects, *dict.fromkeys(v for f in self.factors for v in f.split(":"))]

    @property
    def is_moderate(self) -> bool:
        """Whether all numbers that are used are of a size that people measure."""
        numbers = [v for name in self.used for v in self.columns[name].truth if v is not None]
        sizes = [abs(v) for v in numbers if not isinstance(v, str)]
        return all(1e-9 < size < 1e9 for size in sizes if size)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name}: {self.columns[name].kind}" for name in self.used)
        return f"{self.formula} on {len(self.frame)} rows of {self.library} ({kinds})"


def make_case(rng: Random) -> Case:
    n = int(rng.choice([1, 2, 5, 24, 24, 60, 60, 60, 60, 150, 150]))
    formula, effects, factors = FORMULAS[rng.integers(len(FORMULAS))]
    columns = {name: any_column(rng, n) for name in "xfgh"}
    if rng.random() < 0.8:
        columns["x"] = (floats, integers, other_numbers)[rng.integers(3)](rng, n)
        columns["f"] = (text, text, other_categories)[rng.integers(3)](rng, n)
        columns["g"] = (text, integers, labels)[rng.integers(3)](rng, n)
    columns["y"] = floats(rng, n) if rng.random() < 0.9 else any_column(rng, n)
    frame = pd.DataFrame({name: column.data for name, column in columns.items()})
    frame["junk"] = objects([[k] for k in range(n)])
    frame = frame[list(rng.permutation(list(frame.columns)))]
    renewed = pd.DataFrame({name: any_column(rng, n).data for name in "yxfgh"})
    case = Case(formula, effects, factors, columns, frame, frame, "pandas", renewed)
    given, library = in_library(frame, columns, case.used, rng)
    return dataclasses.replace(case, given=given, library=library)


def in_library(
    frame: pd.DataFrame, columns: dict[str, Column], used: list[str], rng: Random
) -> tuple[Any, str]:
    """Give the frame to another library, where that takes the values as they are."""
    library = str(rng.choice(["pandas", "polars", "lazy", "pyarrow", "odd pandas"]))
    if library == "odd pandas":
        frame.index = [
            pd.Index(["a"] * len(frame)),
            pd.Index(range(len(frame), 0, -1), name="g"),
            pd.MultiIndex.from_arrays([range(len(frame)), ["b"] * len(frame)]),
            pd.date_range("2020", periods=len(frame), name="x"),
        ][rng.integers(4)]
        extra = pd.DataFrame(0, frame.index, [None, 3, ("a", 1), "junk", "junk"])
        return pd.concat([frame, extra], axis=1), library
    if library == "pandas":
        return frame, library
    if any(columns[name].role in ("odd", "label") for name in used):
        return frame, "pandas"
    columns = {name: columns[name] for name in used}
    import polars as pl
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame[list(columns)], preserve_index=False)
        # What has lost its order, its precision or its missing values is not compared.
        for name, column in columns.items():
            plain = table[name].to_pylist()
            if [missing_or(v) for v in plain] != [missing_or(v) for v in column.truth]:
                return frame, "pandas"
        if library == "pyarrow":
            return table, library
        converted = {}
        for name, column in columns.items():
            if column.role == "category" and column.order != sorted(column.order):
                converted[name] = pl.Series(column.truth, dtype=pl.Enum(column.order))
            elif isinstance(frame[name].dtype, pd.CategoricalDtype):
                converted[name] = pl.Series(column.truth, dtype=pl.String)
            else:
                converted[name] = pl.from_arrow(table[name])
        polars = pl.DataFrame(converted)
    except (pa.ArrowException, OverflowError, TypeError, ValueError, pl.exceptions.PolarsError):
        return frame, "pandas"
    return (polars, library) if library == "polars" else (polars.lazy(), library)


def missing_or(value: Any) -> Any:
    is_missing = value is None or (isinstance(value, float) and np.isnan(value))
    return None if is_missing else value


def snapshot(frame: Any) -> Any:
    """Take all that could change: types, labels, and the text of the values."""
    if not isinstance(frame, pd.DataFrame):
        return None
    sys.set_int_max_str_digits(0)
    columns = [frame.iloc[:, k] for k in range(frame.shape[1])]
    texts = [[repr(value) for value in column.array] for column in columns]
    sys.set_int_max_str_digits(4300)
    return list(map(repr, frame.columns)), repr(frame.index), [str(c.dtype) for c in columns], texts


# --- what must come out ---------------------------------------------------------------------------


class Wrong(AssertionError):
    """A design that is not the expected one."""


def expect(condition: Any, what: str) -> None:
    if not condition:
        raise Wrong(what)


def kept_rows(case: Case) -> list[int]:
    truths = [case.columns[name].truth for name in case.used]
    return [i for i in range(len(case.frame)) if all(truth[i] is not None for truth in truths)]


def expected_effects(case: Case, rows: list[int]) -> dict[str, list[float]]:
    """Compute the columns of the population effects from the plain values."""
    columns = {"Intercept": [1.0] * len(rows)}
    for name in case.effects:
        column = case.columns[name]
        values = [column.truth[i] for i in rows]
        if column.role == "number":
            columns[name] = [float(value) for value in values]
            continue
        known = [known for known in column.order if known in set(values)]
        for one in known[1:]:
            columns[f"{name}[{one}]"] = [float(value == one) for value in values]
    return columns


def text_of(value: Any) -> str:
    """Write a level as lme4 writes it: numbers without needless zeros."""
    if isinstance(value, bool | str):
        return str(value)
    whole = int(value)
    is_plain = whole == value and (abs(value) < 2**63 or isinstance(value, int))
    return str(whole) if is_plain else str(float(value))


def check_design(case: Case, design: Any) -> None:
    for name in case.used:
        role = case.columns[name].role
        expect(role != "odd", f"'{name}' was accepted")
        expect(role != "label" or name in "gh", f"'{name}' was accepted as an effect")
    rows = kept_rows(case)
    expect(design.rows.tolist() == rows, "other rows were kept")
    expect(design.y.tolist() == [float(case.columns["y"].truth[i]) for i in rows], "another y")
    expected = expected_effects(case, rows)
    expect(list(design.terms) == list(expected), f"terms {design.terms}"[:300])
    for k, (name, values) in enumerate(expected.items()):
        expect(design.X[:, k].tolist() == values, f"column '{name}'"[:100])
    expect([term.factor for term in design.groups] == list(case.factors), "other factors")
    for term in design.groups:
        names = term.factor.split(":")
        labels = [":".join(text_of(case.columns[name].truth[i]) for name in names) for i in rows]
        expect(term.levels[term.codes].tolist() == labels, f"levels of '{term.factor}'")
        expect(sorted(set(labels)) == sorted(term.levels), f"levels of '{term.factor}'")
        order = case.columns[names[0]].order
        if order and len(names) == 1:
            expect([o for o in order if o in set(labels)] == term.levels.tolist(), "their order")


def check_again(case: Case, design: Any) -> None:
    """Encode the rows that were fitted once more, and their categories and groups as text."""
    rows = kept_rows(case)
    complete = case.frame[case.used].iloc[rows]
    again = design.at(complete)
    expect(np.array_equal(again.X, design.X), "own rows are encoded differently")
    for one, other in zip(again.groups, design.groups, strict=True):
        expect(np.array_equal(one.codes, other.codes), "own levels are encoded differently")
    as_text = {
        name: [str(case.columns[name].truth[i]) for i in rows]
        for name in case.used[1:]
        if case.columns[name].role in ("category", "label")
    }
    given = complete.assign(**as_text)
    again = design.at(given)
    expect(np.array_equal(again.X, design.X), "text is encoded differently")
    for one, other in zip(again.groups, design.groups, strict=True):
        expect(np.array_equal(one.codes, other.codes), "text of levels is encoded differently")


@contextlib.contextmanager
def only_own_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (bm.DesignWarning, bm.ConvergenceWarning):
            warnings.simplefilter("ignore", kind)
        yield


@dataclasses.dataclass
class Tally:
    prepared: int = 0
    refused: int = 0
    fits: int = 0
    unfitted: int = 0
    slowest: float = 0.0
    libraries: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    messages: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    faults: list[str] = dataclasses.field(default_factory=list)


def run_case(case: Case, tally: Tally, *, fit: bool) -> None:
    before = snapshot(case.given)
    start = time.process_time()
    try:
        with only_own_warnings():
            design = bm.prepare(case.formula, case.given).design
    except bm.BayesmixError as error:
        tally.refused += 1
        tally.messages[str(error)[:40]] += 1
        expect(len(str(error)) < LONGEST_MESSAGE, f"a message of {len(str(error))} characters")
        expect(snapshot(case.given) == before, "the data have changed")
        return
    finally:
        tally.slowest = max(tally.slowest, time.process_time() - start)
        expect(time.process_time() - start < LONGEST_SECONDS, "prepare took more than 2 s")
    tally.prepared += 1
    tally.libraries[case.library] += 1
    with only_own_warnings():
        check_design(case, design)
        check_again(case, design)
        with contextlib.suppress(bm.BayesmixError):  # other data: an error or a design
            design.at(case.renewed)
        if fit and case.is_moderate:
            fit_case(case, tally)
    expect(snapshot(case.given) == before, "the data have changed")


def fit_case(case: Case, tally: Tally) -> None:
    try:
        fitted = bm.fit(
            case.formula,
            case.given,
            method="exact",
            draws=50,
            chains=2,
            cores=1,
            random_seed=1,
            progressbar=False,
        )
        repr(fitted.summary())
        old = fitted.epred()
        new = fitted.epred(case.given)
    except bm.BayesmixError as error:
        tally.unfitted += 1
        tally.messages[f"fit: {str(error)[:60]}"] += 1
        return
    tally.fits += 1
    expect(len(new) == len(case.frame), "predictions have other rows than the data")
    same = new["value"].iloc[fitted.design.rows].to_numpy()
    expect(np.allclose(same, old["value"], rtol=1e-9, equal_nan=True), "predictions of own rows")


def run(seed: int, count: int, fits: int) -> Tally:
    """Make `count` frames from a seed, and fit `fits` of those that can be fitted."""
    tally = Tally()
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        case = make_case(rng)
        wanted = tally.fits + tally.unfitted < fits
        try:
            run_case(case, tally, fit=wanted)
        except Exception as error:
            place = "".join(traceback.format_tb(error.__traceback__)[-2:])
            shown = f"{type(error).__name__}: {ascii(str(error))[:300]}"
            tally.faults.append(f"frame {k} of seed {seed}: {case}\n  {shown}\n{place}")
    return tally


def main() -> int:
    """Run from the command line; the exit code is 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--fits", type=int, default=20)
    options = parser.parse_args()
    faulthandler.dump_traceback_later(3600, exit=True)
    tally = run(options.seed, options.count, options.fits)
    for fault in tally.faults[:20]:
        print(fault)
    print(
        f"{tally.prepared} designs right, {tally.refused} frames refused, {tally.fits} fits, "
        f"{tally.unfitted} fits refused, slowest prepare {tally.slowest:.2f} s of processor time; "
        f"libraries {dict(tally.libraries)}; {len(tally.faults)} faults"
    )
    for message, n in tally.messages.most_common(25):
        print(f"{n:6} {message!a}")
    return bool(tally.faults)


if __name__ == "__main__":
    sys.exit(main())
