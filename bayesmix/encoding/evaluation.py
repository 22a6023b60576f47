"""Evaluate the terms of a formula with formulae: checks before and after, errors in our words."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import CategoricalBox
from formulae.environment import Environment
from formulae.terms.call_resolver import LazyVariable

from bayesmix.base.errors import BayesmixError, short
from bayesmix.base.words import count
from bayesmix.encoding.calls import Remembered, children, used_columns
from bayesmix.encoding.remembered import learn_calls
from bayesmix.encoding.sizes import check_columns
from bayesmix.encoding.transforms import CATEGORICAL, learn_range
from bayesmix.formula.coding import coded_terms
from bayesmix.frames.textnumbers import conversion

__all__ = ["components", "evaluate", "evaluating", "learn", "not_numeric"]

# Characters of the names of terms in a message.
_LONGEST = 200


def learn(component: Any, frame: pd.DataFrame, environment: Environment) -> None:
    """Let the calls of a component learn from the rows of the fit; see `learn_calls`."""
    is_categorical = hasattr(component, "call") and component.call.callee in CATEGORICAL
    columns = [] if is_categorical else used_columns(component, frame.columns)
    with evaluating(component.name, lambda: not_numeric(frame, columns)):
        learn_calls(component, frame, environment)


def evaluate(model: Any, frame: pd.DataFrame, environment: Environment) -> None:
    """Let formulae make the columns of its terms, once their values and sizes are fit for it."""
    for component in (part for term in model.common_terms for part in components(term)):
        if hasattr(component, "call"):
            with evaluating(component.name):
                _check_varies(component, frame, environment)
    culprit = functools.cache(lambda: _culprit(model, frame, environment))
    with evaluating(
        lambda: " + ".join(str(term.name) for term in culprit())[:_LONGEST],
        lambda: not_numeric(frame, [name for term in culprit() for name in _columns(term, frame)]),
    ):
        _evaluate(model, frame, environment)


def _evaluate(model: Any, frame: pd.DataFrame, environment: Environment) -> None:
    model.set_types(frame, environment)
    for term in model.common_terms:
        for component in components(term):
            if hasattr(component, "call"):
                _check_values(component.name, component._intermediate_data)
    check_columns(model.common_terms, len(frame))
    coded = list(coded_terms(model.common_terms))
    for term, coding in coded:
        term.set_data(coding)
    model.common_terms = [term for term, _ in coded]
    for component in (part for term in model.common_terms for part in components(term)):
        learn_range(component, frame, environment)


def components(term: Any) -> Sequence[Any]:
    """List the variables and calls of a term; none of the intercept."""
    found: Sequence[Any] = getattr(term, "components", ())
    return found


def _check_varies(component: Any, frame: pd.DataFrame, environment: Environment) -> None:
    call = component.call
    if call.callee == "offset" or _varies(call, frame):
        return
    value = call.eval(frame, environment)
    if np.ndim(value):
        return
    columns = used_columns(call, frame.columns)
    remedy = f", for example I({columns[0]} - {component.name})" if columns else ""
    raise BayesmixError(
        f"'{component.name}' is one value for all rows, which is no effect. Use it to compute one "
        f"value for each row{remedy}, or leave it out."
    )


def _varies(node: Any, frame: pd.DataFrame) -> bool:
    """Tell whether a value depends on the columns otherwise than by what is remembered."""
    if isinstance(getattr(node, "stateful_transform", None), Remembered):
        return False
    if isinstance(node, LazyVariable):
        return node.name in frame.columns
    return any(_varies(child, frame) for child in children(node))


def _check_values(name: str, values: Any) -> None:
    """Refuse complex numbers, whose imaginary part would be lost, and what is no category."""
    is_box = isinstance(values, CategoricalBox)
    array = values.data if is_box else values
    dtype = getattr(array, "dtype", None)
    kind = getattr(dtype, "kind", "")
    if is_box or isinstance(dtype, pd.CategoricalDtype):
        _check_complete(name, array)
        return
    if kind not in tuple("cOV"):
        return
    if kind == "O":
        odd = next((one for one in np.ravel(array) if not isinstance(one, str)), None)
        if odd is None:
            return
        what = f"objects of type {type(odd).__name__}"
    else:
        what = "complex numbers" if kind == "c" else "records"
    raise BayesmixError(
        f"'{name}' gives {what}; numbers or text are needed. Make a column of numbers before the "
        "fit, for example with .astype(float), np.real or np.abs, and write its name."
    )


def _check_complete(name: str, values: Any) -> None:
    # formulae would code a row without a category as the last one.
    absent = int(pd.isna(values).sum())
    if absent:
        raise BayesmixError(
            f"'{name}' gives no category for {absent} of {count(len(values), 'row')}. Let its "
            "limits cover all values, or make a column before the fit and drop the rows without a "
            "category."
        )


def _culprit(model: Any, frame: pd.DataFrame, environment: Environment) -> list[Any]:
    """Find the term that cannot be evaluated; all of them if each can be."""
    for term in model.common_terms:
        try:
            term.set_type(frame, environment)
        except Exception:
            return [term]
    return list(model.common_terms)


def _columns(term: Any, frame: pd.DataFrame) -> list[str]:
    calls = [part for part in components(term) if hasattr(part, "call")]
    calls = [part for part in calls if part.call.callee not in CATEGORICAL]
    return [name for call in calls for name in used_columns(call, frame.columns)]


def not_numeric(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Name the columns of a call that hold categories, and say what to do."""
    dtypes = frame[list(dict.fromkeys(columns))].dtypes.items()
    names = [name for name, dtype in dtypes if isinstance(dtype, pd.CategoricalDtype)]
    if not names:
        return ""
    name = str(names[0])
    numbers = (
        conversion(name, frame[name].cat.categories) or f"pd.to_numeric(data['{short(name)}'])"
    )
    return (
        f"Not numeric: {', '.join(map(short, names))}. Functions of numbers need numbers: "
        f"data['{short(name)}'] = {numbers}, or write the name alone for its categories."
    )


@contextlib.contextmanager
def evaluating(
    name: str | Callable[[], str], hint: Callable[[], str] = lambda: ""
) -> Iterator[None]:
    """Turn what formulae raises into an error that names the term; formulae prints, too."""
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            np.errstate(all="ignore"),
            warnings.catch_warnings(),
        ):
            # formulae's word to its own users on bs(x, intercept=True), which R has as well
            warnings.filterwarnings("ignore", "'intercept' is deprecated", FutureWarning)
            yield
    except BayesmixError:
        raise
    except Exception as error:
        term = name if isinstance(name, str) else name()
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        if "unrecognized type" in reason:
            reason = "It gives neither numbers nor text, one for each row"
        remedy = hint() or (
            "Check its arguments, or make a column before the fit, data['new'] = ..., and write "
            "its name."
        )
        raise BayesmixError(f"Cannot evaluate '{term}'. {reason}. {remedy}") from error
