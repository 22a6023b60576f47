"""Functions in a formula that look at all rows: remembered from the fit, or refused.

A row must get the same value whatever rows stand beside it, or predictions would depend on them.
A function that returns one number (or any value without an entry for each row) is called once, on
the rows of the fit, and its value is kept. Any other must give each row what it gives it among
other rows; this is tried on a part of the rows.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from formulae.categorical import CategoricalBox
from formulae.terms.call_resolver import LazyCall, LazyVariable

from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.encoding.calls import FunctionCall, Remembered, children, used_columns
from bayesmix.encoding.limits import check_arguments
from bayesmix.formula.rfunctions import FUNCTIONS

__all__ = ["learn_calls"]


# Rows on which functions are tried, and how many of them stand in a part.
_SAMPLE = 1000
_PART = 200
_MOST_COLUMNS = 4


def learn_calls(component: Any, frame: pd.DataFrame, environment: Any) -> None:
    """Learn what the calls of a component need to give new rows the values of the fit.

    Parameters
    ----------
    component : Any
        A variable or call of formulae, after `rebuild`; its calls are changed.
    frame : DataFrame
        Encoded columns of the rows of the fit.
    environment : Any
        formulae's, with the functions that the formula uses.

    Raises
    ------
    BayesmixError
        A function whose values depend on other rows, or on chance.
    """
    if not hasattr(component, "call"):
        return
    columns = used_columns(component, frame.columns)
    whole = frame[columns]
    rows = np.arange(len(frame))
    if len(frame) > _SAMPLE:
        rows = np.unique(np.linspace(0, len(frame) - 1, _SAMPLE).astype(np.int64))
    problem = _learn(component.call, _Rows(whole, rows, environment), inside=False)
    if problem is not None:
        raise problem


class _Rows:
    """The rows of the fit, and the part of them on which functions are tried."""

    def __init__(self, whole: pd.DataFrame, rows: IntArray, environment: Any) -> None:
        self.whole = whole
        self.environment = environment
        self.sample = whole if len(rows) == len(whole) else _taken(whole, rows)

    def value(self, node: Any, rows: IntArray | None = None) -> Any:
        """Evaluate a node on the sample, or on some rows of it."""
        frame = self.sample if rows is None else _taken(self.sample, rows)
        return node.eval(frame, self.environment)


def _taken(frame: pd.DataFrame, rows: IntArray) -> pd.DataFrame:
    return frame.iloc[rows].reset_index(drop=True)


def _learn(node: Any, rows: _Rows, *, inside: bool) -> BayesmixError | None:
    """Learn a node and what is in it; `inside` a function whose values will be tried."""
    if isinstance(getattr(node, "stateful_transform", None), Remembered):
        return None  # known from another time
    is_function = isinstance(node, FunctionCall) and not _is_elementwise(node, rows.environment)
    # A function may look values up in an array: whether it takes them by row will be tried.
    if isinstance(node, LazyVariable) and not inside and node.name not in rows.whole.columns:
        value = node.eval(rows.whole, rows.environment)
        return _not_of_columns(node) if _is_of_rows(value, rows) else None
    problems = [_learn(child, rows, inside=inside or is_function) for child in children(node)]
    problem = next((one for one in problems if one is not None), None)
    if not isinstance(node, LazyCall):
        return problem
    if is_function:
        return _learn_function(node, rows, problem)
    if problem is None:
        check_arguments(node, rows.whole, rows.environment)
        if inside:  # so that it learns from all rows, and not from those of the sample
            node.eval(rows.whole, rows.environment)
    return problem


def _is_elementwise(node: Any, environment: Any) -> bool:
    function = node.function(environment)
    if getattr(function, "__stateful_transform__", False):
        return True
    if any(function is one for one in FUNCTIONS.values()):
        return True
    return isinstance(function, np.ufunc) and function.signature is None


def _learn_function(node: Any, rows: _Rows, problem: BayesmixError | None) -> BayesmixError | None:
    if not used_columns(node, rows.whole.columns):
        first, second = (node.eval(rows.whole, rows.environment) for _ in range(2))
        if not _same(first, second):
            return _by_chance(node)
        return _not_of_columns(node) if _is_of_rows(first, rows) else problem
    with _quiet():
        try:
            values = rows.value(node)
        except Exception:
            if len(rows.sample) == len(rows.whole):
                raise
            values = None
        again = None if values is None else rows.value(node)
    if not _same(values, again):
        return _by_chance(node)
    n = len(rows.sample)
    if values is not None and (_size(values) != n or _has_fixed_size(node, rows, n)):
        value = node.eval(rows.whole, rows.environment)
        if _is_of_rows(value, rows):
            return _not_of_columns(node)
        node.stateful_transform = Remembered(_plain(value))
        return None
    if problem is not None:
        return problem
    return _other_rows(node, rows, values)


def _is_of_rows(value: Any, rows: _Rows) -> bool:
    """Tell whether a value that no column has made has an entry for each row of the fit."""
    return len(rows.whole) > 1 and _size(value) == len(rows.whole)


def _has_fixed_size(node: Any, rows: _Rows, n: int) -> bool:
    """Tell whether a value that has as many entries as there are rows has them for fewer rows."""
    sizes = set()
    for stop in (n // 2, n // 3):
        with _quiet(), contextlib.suppress(Exception):
            sizes.add(_size(rows.value(node, np.arange(stop))))
    return n > 5 and sizes == {n}


def _other_rows(node: Any, rows: _Rows, values: Any) -> BayesmixError | None:
    """Try whether rows keep their values among other rows."""
    if values is None:
        return _depends(node, "cannot be computed for a part of the rows")
    array = _array(values)
    tolerance = _tolerance(array)
    works = False
    for part in _parts(node, rows):
        with _quiet():
            try:
                alone = rows.value(node, part)
            except Exception:  # too few rows for it: whoever predicts them will be told
                continue
        works = True
        few = _array(alone)
        if few.size == array[part].size and len(part) == 1:  # np.squeeze drops a single row
            few = few.reshape(array[part].shape)
        if not _equal(few, array[part], tolerance):
            return _depends(node, "gives a row another value when other rows stand beside it")
    return None if works else _depends(node, "cannot be computed for a part of the rows")


def _parts(node: Any, rows: _Rows) -> Iterator[IntArray]:
    """Yield rows of the sample: some of them shuffled, all but the extremes, and very few."""
    n = len(rows.sample)
    every, rng = np.arange(n), np.random.default_rng(0)
    yield every[: max(1, n // 2)][:_PART]
    yield every[n // 3 : max(n // 3 + 1, 2 * n // 3)][:_PART]
    yield rng.permutation(every)[: max(1, 2 * n // 3)][:_PART]
    few = [rng.permutation(every)[:size] for size in (2, 3, 4)]
    single = {0, n // 2, n - 1}
    for name in used_columns(node, rows.sample.columns)[:_MOST_COLUMNS]:
        codes = pd.factorize(rows.sample[name], sort=True)[0]
        ends = [int(codes.argmin()), int(codes.argmax())]
        single |= set(ends)
        few.append(np.array([*ends, n // 2]))
        for part in (every[codes < codes.max()], every[codes > codes.min()]):
            if part.size:
                yield part[:: max(1, part.size // _PART)]
    yield from few
    yield from (np.array([row]) for row in sorted(single))


# --- values -------------------------------------------------------------------------------------


def _array(values: Any) -> npt.NDArray[Any]:
    return np.asarray(values.data if isinstance(values, CategoricalBox) else values)


def _size(values: Any) -> int | None:
    """Count the entries along the rows; None for a single value."""
    if isinstance(values, CategoricalBox):
        values = values.data
    is_array = isinstance(values, list | tuple) or hasattr(values, "__array__")
    return len(values) if is_array and np.ndim(values) else None


def _plain(value: Any) -> Any:
    """Take an array out of pandas, whose labels have no meaning for other rows."""
    return value.to_numpy() if isinstance(value, pd.Series | pd.Index) else value


def _tolerance(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Relative and absolute tolerance for rounding, which differs with the length of an array."""
    if values.dtype.kind not in "fc":
        return 0.0, 0.0
    relative = float(np.sqrt(np.finfo(values.dtype).eps))
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    return relative, relative * float(np.median(sizes)) if sizes.size else 0.0


def _equal(one: npt.NDArray[Any], two: npt.NDArray[Any], tolerance: tuple[float, float]) -> bool:
    if one.shape != two.shape:
        return False
    if one.dtype.kind in "biufc" and two.dtype.kind in "biufc":
        relative, absolute = tolerance
        return bool(np.allclose(one, two, rtol=relative, atol=absolute, equal_nan=True))
    return bool(np.all((one == two) | (pd.isna(one) & pd.isna(two))))


def _same(one: Any, two: Any) -> bool:
    """Tell whether two calls gave the same; values that cannot be compared count as the same."""
    with contextlib.suppress(Exception):
        if _size(one) is None and not np.isscalar(one):
            return True
        first, second = _array(one), _array(two)
        return _equal(first, second, (0.0, 0.0))
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing of what a function meets on rows that it would never be called with."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _depends(node: Any, what: str) -> BayesmixError:
    names = [part.name for part in children(node) if isinstance(part, LazyVariable)]
    column = "data['new'] = ..."
    if names:
        known = "|".join(map(re.escape, names))
        written = re.sub(rf"(?<![\w.'\"])({known})(?![\w.(='\"])", r"data['\1']", str(node))
        column = f"data['new'] = {written}"
    if "." in node.callee and names and node.callee.startswith(f"{names[0]}."):
        column = f"data['new'] = data['{names[0]}']{node.callee[len(names[0]) :]}()"
    return BayesmixError(
        f"'{node}' {what}, so that new rows would not be coded as the rows of the fit. Write "
        "center(x) or scale(x), or a function that returns one number, such as np.mean(x): these "
        f"are remembered from the fit. Or make a column before: {column}."
    )


def _not_of_columns(node: Any) -> BayesmixError:
    return BayesmixError(
        f"'{node}' has a value for each row but is not made of columns of the data, so that other "
        "rows would have none. Put it into the data before the fit, data['new'] = ..., and write "
        "that name."
    )


def _by_chance(node: Any) -> BayesmixError:
    return BayesmixError(
        f"'{node}' gives another value each time it is called, so that it cannot be repeated for "
        "new rows. Make a column of it before the fit: data['new'] = ..., and write its name."
    )
