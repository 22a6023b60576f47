"""Arguments of formulae's transformations that the rows of the fit cannot carry."""

from __future__ import annotations

import inspect
import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from formulae.categorical import CategoricalBox, Encoding
from formulae.terms.call_resolver import LazyVariable
from formulae.transforms import TRANSFORMS

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.encoding.contrasts import CONTRASTS
from bayesmix.encoding.sizes import memory_limit, readable_size
from bayesmix.encoding.transforms import CATEGORICAL, SPLINES, bs_signature
from bayesmix.frames.columns import listed
from bayesmix.frames.textnumbers import conversion

__all__ = ["check_arguments"]

_NUMERIC = (*SPLINES, "poly", "scale", "center", "standardize")
# SciPy evaluates splines on a stack of 20 numbers.
_HIGHEST_DEGREE = 19
_DEFAULT_MAX_KNOTS = 2000
_ONE_COLUMN = "These functions are of one column: poly(x, 2) + poly(z, 2), bs(x, df=4)."


def check_arguments(node: Any, frame: pd.DataFrame, environment: Any) -> None:
    """Refuse a transformation of numbers whose arguments the rows of the fit cannot carry.

    Parameters
    ----------
    node : Any
        A call of the formula.
    frame : DataFrame
        All rows of the fit, encoded.
    environment : Any
        formulae's.

    Raises
    ------
    BayesmixError
        Categories where numbers are needed, more columns than there are distinct values, or a
        contrast or a category that does not exist.
    """
    if node.callee in CATEGORICAL:
        _check_categories(node, frame, environment)
    if node.callee not in _NUMERIC or not node.args:
        return
    values = node.args[0].eval(frame, environment)
    if isinstance(values, CategoricalBox) or _kind(values) not in tuple("biuf"):
        raise _not_numbers(node, values)
    if node.callee in (*SPLINES, "poly"):
        given = _arguments(node, frame, environment)
        _check_size(node, given, np.asarray(values))


def _check_categories(node: Any, frame: pd.DataFrame, environment: Any) -> None:
    given = dict(zip(("data", "contrast", "levels"), node.args, strict=False)) | node.kwargs
    if "data" not in given:
        return
    reference = {"S": "omit", "T": "ref"}.get(node.callee)
    if reference is not None:
        given = {"contrast" if name == reference else name: one for name, one in given.items()}
    if len(given) < 2:
        return
    values = {name: one.eval(frame, environment) for name, one in given.items()}
    data, contrast, levels = (values.get(name) for name in ("data", "contrast", "levels"))
    known = pd.Series(np.asarray(getattr(data, "data", data))).unique().tolist()
    if levels is not None and set(levels) != set(known):
        raise BayesmixError(
            f"'{node}': the levels are {listed(map(repr, levels))}, and the data have "
            f"{listed(sorted(map(repr, known)))}. Give each of these once, in the order you want."
        )
    if reference is None and contrast is not None:
        is_class = isinstance(contrast, type) and issubclass(contrast, Encoding)
        if not (is_class or isinstance(contrast, Encoding)):
            is_label = isinstance(contrast, str | int | float) and contrast in known
            raise BayesmixError(
                f"'{node}': the second argument is a contrast: {', '.join(sorted(CONTRASTS))}; "
                f"got {reprlib.repr(contrast)}. For another reference write "
                f"C({node.args[0]}, Treatment({contrast if is_label else known[0]!r}))."
            )
        contrast = getattr(contrast, "reference", getattr(contrast, "omit", None))
    if contrast is not None and contrast not in known:
        raise BayesmixError(
            f"'{node}': {contrast!r} is no category of '{node.args[0]}'. Write one of "
            f"{listed(sorted(map(repr, known)))}."
        )


def _kind(values: Any) -> str:
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype) or (dtype is None and not np.isscalar(values)):
        return "O"
    return str(getattr(dtype, "kind", np.asarray(values).dtype.kind))


def _not_numbers(node: Any, values: Any) -> BayesmixError:
    data = getattr(values, "data", values) if isinstance(values, CategoricalBox) else values
    categories = list(map(str, pd.unique(pd.Series(np.asarray(data).ravel()))))
    examples = listed(categories, 4)
    name = str(node.args[0])
    is_column = isinstance(node.args[0], LazyVariable)
    numbers = (conversion(name, categories) if is_column else None) or "pd.to_numeric(...)"
    return BayesmixError(
        f"'{node}' needs numbers, and '{name}' holds text or categories ({examples}). Write "
        f"'{name}' alone for the effects of its categories, or make numbers of it before the fit: "
        f"{numbers}."
    )


def _arguments(node: Any, frame: pd.DataFrame, environment: Any) -> dict[str, Any]:
    signature = bs_signature()
    if node.callee != "bs":
        signature = inspect.signature(TRANSFORMS[node.callee].__call__)
    positional = [None, None, *(one.eval(frame, environment) for one in node.args[1:])]
    named = {name: one.eval(frame, environment) for name, one in node.kwargs.items()}
    return dict(signature.bind(*positional, **named).arguments)


def _check_size(node: Any, given: dict[str, Any], values: npt.NDArray[Any]) -> None:
    name = str(node.args[0])
    degree, df = given.get("degree", 1 if node.callee == "poly" else 3), given.get("df")
    for argument, value, least in (("degree", degree, 0), ("df", df, 1)):
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least
        ):
            raise BayesmixError(
                f"'{node}': {argument} must be a whole number of {least} or more; got "
                f"{shown(value) if np.ndim(value) == 0 else 'a column'}. {_ONE_COLUMN}"
            )
    if not isinstance(given.get("raw", False), bool | np.bool_):
        raise BayesmixError(
            f"'{node}': raw must be True or False; got {shown(given['raw'])}. {_ONE_COLUMN}"
        )
    knots = given.get("knots")
    if node.callee == "bs" and df is None and knots is None:
        raise BayesmixError(f"'{node}' needs its number of columns. Write bs({name}, df=4).")
    n_knots = 0 if knots is None else np.size(knots)
    n_columns, what = max(
        (int(degree) + (node.callee == "poly"), f"degree={degree}"),
        (int(df or 0), f"df={df}"),
        (n_knots, count(n_knots, "knot")),
    )
    is_tp = node.callee == "tp"
    distinct = _distinct(values, max(n_columns, _DEFAULT_MAX_KNOTS * is_tp))
    if n_columns > distinct:
        raise BayesmixError(
            f"'{node}' has {what}, but '{name}' has {distinct} distinct values in the rows that "
            f"are used, which cannot carry it. Write a smaller number than {distinct}."
        )
    if node.callee == "bs" and degree > _HIGHEST_DEGREE:
        raise BayesmixError(
            f"'{node}': degree must be at most {_HIGHEST_DEGREE}; got {degree}. Splines of degree "
            "3 are smooth to the eye: write bs(x, df=...) with more columns instead."
        )
    width = max(n_columns, min(distinct, given.get("max_knots", _DEFAULT_MAX_KNOTS)) * is_tp)
    size, limit = 16 * len(values) * width, memory_limit()
    if size > limit:
        raise BayesmixError(
            f"'{node}' takes {readable_size(size)} for {count(len(values), 'row', commas=True)}, "
            f"of {readable_size(limit)} there are. Write a smaller "
            f"{'max_knots' if is_tp else 'number of columns'}."
        )


def _distinct(values: npt.NDArray[Any], enough: int) -> int:
    """Count the distinct values, but no further than needed."""
    flat = values.ravel()
    count = len(pd.unique(flat[: 20 * enough]))
    return count if count > enough else len(pd.unique(flat))
