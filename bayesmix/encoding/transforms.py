"""formulae's transformations where they need help: what they forget, and where splines end."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import CategoricalBox
from formulae.terms.call_resolver import LazyCall
from formulae.transforms import TRANSFORMS

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.words import count
from bayesmix.encoding.calls import nodes

__all__ = [
    "CATEGORICAL",
    "SPLINES",
    "bs_signature",
    "forget_data",
    "learn_range",
    "outside_knots",
    "set_transforms",
]


CATEGORICAL = ("C", "S", "T")
SPLINES = ("bs", "cr", "cc", "tp")


class _CentredSpline:
    """`bs` of formulae 0.9 (a basis centred over the fitted rows) for 0.6, which drops a column."""

    def __init__(self) -> None:
        self._basis = TRANSFORMS["bs"]()
        self._centring: FloatArray | None = None

    @property
    def _knots(self) -> Any:
        return self._basis._knots

    def __call__(
        self,
        x: Any,
        df: int | None = None,
        knots: Any = None,
        degree: int = 3,
        intercept: bool | None = None,
        lower_bound: float | None = None,
        upper_bound: float | None = None,
        center: bool = True,
    ) -> FloatArray:
        center = center if intercept is None else not intercept
        df = df if df is None else df + bool(center)
        full: FloatArray = self._basis(x, df, knots, degree, True, lower_bound, upper_bound)
        if not center:
            return full
        if self._centring is None:
            self._centring = _centring(full.mean(axis=0))
        return full @ self._centring


def _centring(means: FloatArray) -> FloatArray:
    """Householder reflection that takes the column means away, without its first column."""
    reflector = means / np.linalg.norm(means)
    reflector[0] += 1 if reflector[0] >= 0 else -1
    reflector /= np.linalg.norm(reflector)
    identity = np.eye(len(means))
    centring: FloatArray = (identity - 2 * np.outer(reflector, reflector))[:, 1:]
    return centring


class _Binary:
    """`binary` that remembers its success, which formulae takes anew from any new data."""

    def __init__(self) -> None:
        self._success: Any = None

    def __call__(self, x: Any, success: Any = None) -> IntArray:
        values = pd.Series(x)
        if self._success is None:
            known = values.unique().tolist()
            self._success = sorted(known)[0] if success is None else success
            if self._success not in known:
                raise ValueError(f"no value is equal to {self._success!r}")
        return np.asarray(values == self._success, dtype=np.int64)


class _Categories:
    """`C`, `S` or `T`, which formulae refuses for new data that lack one of the categories."""

    def __init__(self, encode: Callable[..., Any]) -> None:
        self._encode = encode
        self.learnt = False

    def __call__(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.learnt:
            if isinstance(getattr(data, "dtype", None), pd.CategoricalDtype):
                # formulae refuses categories that do not occur, such as empty classes of pd.cut.
                data = pd.Series(data).cat.remove_unused_categories()
            return self._encode(data, *args, **kwargs)
        return CategoricalBox(np.asarray(getattr(data, "data", data)), None, None)


class _Offset:
    """`offset` that takes any numbers, where formulae wants a column or a plain number."""

    def __call__(self, x: Any) -> Any:
        if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and not x.ndim):
            x = x.item()
        return TRANSFORMS["offset"](pd.Series(x) if isinstance(x, np.ndarray) else x)


def set_transforms(component: Any) -> None:
    """Give the calls of a component the transformations of this module where there is one.

    Parameters
    ----------
    component : Any
        formulae's; changed.
    """
    helpers: dict[str, Callable[[], Any]] = {"B": _Binary, "binary": _Binary, "offset": _Offset}
    helpers |= {name: functools.partial(_Categories, TRANSFORMS[name]) for name in CATEGORICAL}
    if not _bs_is_centred():
        helpers["bs"] = _CentredSpline
    for node in nodes(component):
        if isinstance(node, LazyCall) and node.callee in helpers:
            node.stateful_transform = helpers[node.callee]()


@functools.cache
def _bs_is_centred() -> bool:
    return "center" in inspect.signature(TRANSFORMS["bs"].__call__).parameters


def bs_signature() -> inspect.Signature:
    """Return the arguments that `bs` has here, whatever formulae's version."""
    return inspect.signature(_CentredSpline.__call__)


def forget_data(transform: Any) -> None:
    """Drop the data that a transformation keeps; from now on it only applies what it has learnt.

    Parameters
    ----------
    transform : Any
        `LazyCall.stateful_transform`; changed.
    """
    if isinstance(transform, _Categories):
        transform.learnt = True
    if hasattr(transform, "_random_state"):
        transform._random_state = None


# --- outside the knots --------------------------------------------------------------------------


def learn_range(component: Any, frame: pd.DataFrame, environment: Any) -> None:
    """Keep the range of a thin-plate spline, of which formulae keeps a sample of its sites.

    Parameters
    ----------
    component : Any
        formulae's, evaluated on the rows of the fit; changed.
    frame : DataFrame
        All rows of the fit, encoded.
    environment : Any
        formulae's.
    """
    for node in nodes(component):
        if isinstance(node, LazyCall) and node.callee == "tp":
            values = np.asarray(node.args[0].eval(frame, environment))
            node.stateful_transform.fitted_range = (float(values.min()), float(values.max()))


def outside_knots(component: Any, frame: pd.DataFrame) -> dict[str, str]:
    """Tell of the splines of a component whose knots encoded rows leave.

    Parameters
    ----------
    component : Any
        formulae's, with what it has learnt.
    frame : DataFrame
        Rows to evaluate, encoded.

    Returns
    -------
    dict of str to str
        By the call, how many rows are outside and what the ranges are.
    """
    found = {}
    for node in nodes(component) if hasattr(component, "call") and len(frame) else ():
        knots = _knot_range(getattr(node, "stateful_transform", None))
        if knots is None:
            continue
        values = np.asarray(node.args[0].eval(frame, component.env), dtype=np.float64)
        low, high = knots
        slack = 1e-9 * (high - low)  # for the rounding of a function of the column
        outside = (values < low - slack) | (values > high + slack)
        if outside.any():
            found[str(node)] = (
                f"{int(outside.sum())} of {count(values.size, 'row')} ({node.args[0]} from "
                f"{values.min():g} to {values.max():g}, knots from {low:g} to {high:g})"
            )
    return found


def extrapolation_note(outside: Mapping[str, str]) -> tuple[str, ...]:
    """Say which splines are extrapolated, once for all of them.

    Parameters
    ----------
    outside : mapping of str to str
        From `outside_knots`.

    Returns
    -------
    tuple of str
        One message, or none.
    """
    if not outside:
        return ()
    which = "; ".join(f"{call} for {rows}" for call, rows in list(outside.items())[:4])
    more = f"; {len(outside) - 4} more" if len(outside) > 4 else ""
    return (
        f"Splines are extrapolated beyond their knots: {which}{more}. What they do there is the "
        "continuation of the outermost pieces, not what the data say. Predict rows within the "
        "knots, or fit with data that reach further.",
    )


def _knot_range(transform: Any) -> tuple[float, float] | None:
    """Find the outer knots of a spline that has been learnt; None of anything else, or a cycle."""
    if hasattr(transform, "_period"):
        return None
    if hasattr(transform, "fitted_range"):
        low, high = transform.fitted_range
        return low, high
    knots = getattr(transform, "_knots", None)
    return None if knots is None else (float(np.min(knots)), float(np.max(knots)))
