"""The state of formulae's transformations as plain values and back.

Only what formulae has made from the formula is filled, and with numbers that have been checked:
SciPy trusts the sizes that it is given.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.storage.archive import Damaged, require
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import mapping

__all__ = ["is_value", "plain_state", "restore_state"]

# FITPACK has room for splines of this degree, and writes beyond it for higher ones.
_HIGHEST_DEGREE = 19
_MOST_COLUMNS = 1000


def plain_state(transform: Any) -> dict[str, Plain]:
    """Take the attributes of a transformation: plain values, and what is made of such."""
    from scipy.interpolate import PPoly

    plain: dict[str, Plain] = {"class": type(transform).__name__}
    values, objects, splines = {}, {}, {}
    for name, value in vars(transform).items():
        if inspect.isroutine(value) or isinstance(value, type | functools.partial):
            continue
        if isinstance(value, PPoly):
            splines[name] = {key: getattr(value, key) for key in ("c", "x", "extrapolate", "axis")}
        elif getattr(value, "__stateful_transform__", False):
            objects[name] = plain_state(value)
        else:
            values[name] = value
    return plain | {"values": values, "objects": objects, "splines": splines}


def restore_state(transform: Any, stored: Plain) -> None:
    """Put plain values into a transformation that the formula has made."""
    stored = mapping(stored, "the state of a transformation")
    values, objects, splines = (
        mapping(stored.get(part), "the state of a transformation")
        for part in ("values", "objects", "splines")
    )
    attributes = vars(transform)
    kept = {name for name, value in attributes.items() if callable(value)}
    names = {*values, *objects, *splines}
    require(
        stored.get("class") == type(transform).__name__ and attributes.keys() - kept <= names,
        f"the state of {stored.get('class')} is not that of {type(transform).__name__}",
    )
    require(not kept & (names - objects.keys()), f"the state of {stored['class']}")
    for name, nested in objects.items():
        require(name in kept, f"the state of {stored['class']}")
        restore_state(attributes[name], nested)
    attributes.update(values)
    attributes.update({name: _spline(spline) for name, spline in splines.items()})
    check = _STATES.get(type(transform).__name__)
    try:
        require(check is None or check(attributes), f"the state of {stored['class']}")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise Damaged(f"the state of {stored['class']}") from error


def _spline(stored: Plain) -> Any:
    from scipy.interpolate import PPoly

    stored = mapping(stored, "a spline")
    require(stored.keys() == {"c", "x", "extrapolate", "axis"}, "a spline")
    c: npt.NDArray[Any] = stored["c"]
    x: npt.NDArray[Any] = stored["x"]
    require(_is_numbers(c) and c.ndim >= 2 and len(c) <= 10, "the coefficients of a spline")
    require(_is_numbers(x) and x.ndim == 1 and len(x) == c.shape[1] + 1, "the knots of a spline")
    require(stored["extrapolate"] in (True, False, None, "periodic"), "a spline")
    require(stored["axis"] == 0 and (np.diff(x) > 0).all(), "a spline")
    return PPoly(c, x, extrapolate=stored["extrapolate"], axis=stored["axis"])


def _is_numbers(value: Any, kinds: str = "f") -> bool:
    is_one = isinstance(value, np.ndarray) and value.dtype.kind in kinds
    return is_one and bool(np.isfinite(value).all())


def is_value(value: Any) -> bool:
    """Tell whether a value is one that a file can hold and that a formula can use."""
    return isinstance(value, bool | int | float | str | np.number | np.bool_ | np.ndarray)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))


def _is_basis(state: Mapping[str, Any]) -> bool:
    """Check a B-spline: SciPy's FITPACK trusts the sizes that it is given."""
    knots, degree = state["_knots"], state["_degree"]
    if not (type(degree) is int and 0 <= degree <= _HIGHEST_DEGREE):
        return False
    if not (_is_numbers(knots, "fiu") and knots.ndim == 1 and (np.diff(knots) >= 0).all()):
        return False
    n = len(knots) - degree - 1
    centring = state.get("_centering_matrix")
    return n > degree and (
        centring is None or (_is_numbers(centring) and centring.shape == (n, n - 1))
    )


def _is_polynomial(state: Mapping[str, Any]) -> bool:
    degree, norms = state["degree"], state["norms2"]
    if type(degree) is not int or not 0 < degree <= _MOST_COLUMNS or type(state["raw"]) is not bool:
        return False
    means = state["alpha"]
    return state["raw"] or (
        means.keys() == set(range(degree))
        and norms.keys() == set(range(degree + 1))
        and all(map(_is_number, means.values()))
        and all(_is_number(norm) and norm > 0 for norm in norms.values())
    )


_STATES: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "Center": lambda state: state["params_set"] is True and _is_number(state["mean"]),
    "Scale": lambda state: (
        state["params_set"] is True and _is_number(state["mean"]) and _is_number(state["std"])
    ),
    "BSpline": _is_basis,
    "Polynomial": _is_polynomial,
    "Remembered": lambda state: is_value(state["value"]),
    "_Categories": lambda state: type(state["learnt"]) is bool,
}
