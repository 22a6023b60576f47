"""What a formula names and is no column: functions and values, found or refused."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulae.transforms import TRANSFORMS

from bayesmix.base.errors import FormulaError, closest, short, suggest
from bayesmix.encoding.calls import rebuild
from bayesmix.encoding.contrasts import CONTRASTS
from bayesmix.encoding.sides import Side
from bayesmix.encoding.transforms import SPLINES
from bayesmix.formula.advice import ADVICE
from bayesmix.formula.formula import is_function, name_position, quote
from bayesmix.formula.rfunctions import FUNCTIONS
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.formula.formula import Formula

__all__ = ["Namespace", "resolve_names", "unknown_column"]


_ALWAYS_KNOWN: Mapping[str, Any] = {"np": np, "pd": pd, "pi": np.pi}
# NumPy's functions, beside its ufuncs, that can stand in a formula: they give one number, which is
# remembered from the fit, or work on each row alone.
_OF_NUMPY = frozenset(
    {"mean", "median", "std", "var", "min", "max", "sum", "prod", "ptp", "quantile", "percentile"}
    | {"clip", "where", "round", "nan_to_num", "interp", "digitize", "isin"}
)


class Namespace(dict[str, Any]):
    """Names that a formula uses and that are no columns; pickles its modules by their names."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Store a module as its name and anything else as it is."""
        modules = {key: value.__name__ for key, value in self.items() if _is_module(value)}
        others = {key: value for key, value in self.items() if not _is_module(value)}
        return (_restore_namespace, (others, modules))


def _is_module(value: object) -> bool:
    return isinstance(value, ModuleType)


def _restore_namespace(others: dict[str, Any], modules: dict[str, str]) -> Namespace:
    return Namespace(others | {key: importlib.import_module(m) for key, m in modules.items()})


def resolve_names(
    sides: Sequence[Side], data: pd.DataFrame, namespace: Mapping[str, Any], formula: Formula
) -> Namespace:
    """Find everything that a formula names and that is not a column.

    Columns come first, then formulae's own functions, then `namespace`, then R's functions, then
    ``np`` and ``pd``. What formulae's functions would hide of `namespace` is refused.

    Parameters
    ----------
    sides : sequence of Side
        All parts of the formula.
    data : DataFrame
        The user's data, for its column names.
    namespace : mapping
        Functions and values that the formula may use.
    formula : Formula
        For the messages.

    Returns
    -------
    Namespace
        Only the names that are used.

    Raises
    ------
    FormulaError
        An unknown column or function, or one of `namespace` with a name that formulae has.
    """
    prefixes = (name.partition(".")[0] for side in sides for name in side.functions)
    modules = {name for name in prefixes if _is_module({**_ALWAYS_KNOWN, **namespace}.get(name))}
    found = Namespace()
    words = {**TRANSFORMS, **CONTRASTS}
    sources = (words, namespace, FUNCTIONS, _ALWAYS_KNOWN)
    for side in sides:
        for component in side.components:
            rebuild(component, data.columns, modules)
        for name in side.functions:
            if name in words and _is_function_of_user(name, namespace):
                raise _hidden_by_word(name, formula, "a function")
            root = name.partition(".")[0]
            values = [source[root] for source in sources if root in source]
            value = next((one for one in values if is_function(_attribute(one, name))), None)
            if value is None:
                raise _unknown_function(name, values[0] if values else None, formula)
            found[root] = value
        for name in side.variables:
            if name not in data.columns:
                known = () if name in side.terms else sources
                if known and name in TRANSFORMS:
                    _check_value(name, data, namespace, formula)
                source = next((source for source in known if name in source), None)
                if source is None:
                    raise unknown_column(name, data, formula)
                found[name] = source[name]
    return found


def _is_function_of_user(name: str, namespace: Mapping[str, Any]) -> bool:
    """Tell whether the user has a function that a word of formulas hides.

    Classes and values of that name, as a loop's ``p`` or ``C``, are nothing that a formula calls.
    """
    value = namespace.get(name)
    own = (*TRANSFORMS.values(), *CONTRASTS.values())
    return is_function(value) and not isinstance(value, type) and all(value is not o for o in own)


def _check_value(
    name: str, data: pd.DataFrame, namespace: Mapping[str, Any], formula: Formula
) -> None:
    """Refuse a function of formulae as a value: a variable of the user or a column is meant."""
    if name not in namespace:
        raise unknown_column(name, data, formula)
    if namespace[name] is not TRANSFORMS[name]:
        raise _hidden_by_word(name, formula, "a variable")


def _hidden_by_word(name: str, formula: Formula, what: str) -> FormulaError:
    """Make the error for something of the user that is called like a function of formulae."""
    better = f"my_{name}"
    call = "(...)" if what == "a function" else ""
    return FormulaError(
        f"'{name}' is {what} of yours, but a word of formulas with a meaning of its own, which "
        f"comes first. Give yours another name: {better} = {name}, and {better}{call} in the "
        f"formula. For that of formulas: del {name}.",
        formula.text,
        _position(formula, name),
    )


def _attribute(root: Any, name: str) -> Any:
    try:
        return operator.attrgetter(name.partition(".")[2])(root) if "." in name else root
    except AttributeError:
        return None


def unknown_column(name: str, data: pd.DataFrame, formula: Formula) -> FormulaError:
    """Make the error for a name that is no column of the data."""
    columns = [str(column) for column in data.columns]
    same = [column for column in columns if column.lower() == name.lower()]
    if name in data.index.names:
        hint = f"'{name}' is the index: pass data.reset_index()."
    elif name in columns:
        hint = "Its name is not text: set data.columns = data.columns.map(str)."
    else:
        close = same or closest(name, columns)
        hint = f"Did you mean {_as_typed(close[0])}?" if close else ""
    shown = listed([short(column) for column in columns[:21]] + columns[21:], 20)
    message = f"Unknown column '{short(name)}'. Columns: {shown}. {hint}".rstrip()
    return FormulaError(message, formula.text, _position(formula, name))


def _as_typed(column: str) -> str:
    """Write a column as it is typed, in backquotes or else in quotes."""
    return short(column).join("``" if quote(column) != column else "''")


def _unknown_function(name: str, root: Any, formula: Formula) -> FormulaError:
    prefix, _, last = name.rpartition(".")
    if root is not None and prefix:
        hint = suggest(name, (f"{prefix}.{o}" for o in dir(root) if f"{prefix}.{o}" != name))
        if isinstance(getattr(np, last, None), np.ufunc):
            hint = f"Write np.{last}(...)."
    elif name in SPLINES:
        hint = "It needs formulae 0.9 or later; bs() is in every version."
    elif name in ADVICE:
        hint = ADVICE[name]
    elif isinstance(getattr(np, last, None), np.ufunc) or last in _OF_NUMPY:
        hint = f"Write np.{last}(...)."
    elif callable(getattr(np, last, None)):
        hint = f"NumPy's {last} looks at all rows: make the column in the data first and name it."
    else:
        hint = suggest(name, TRANSFORMS) or (
            f"formulae has {', '.join(sorted(TRANSFORMS))}; log, exp, sqrt and so on are R's; "
            "NumPy's are np.log, np.clip; "
            "a function of your own must be defined where the model is fitted."
        )
    message = f"Unknown function '{short(name)}'. {hint}".rstrip()
    return FormulaError(message, formula.text, _position(formula, name))


def _position(formula: Formula, name: str) -> int | None:
    try:
        return name_position(formula.text, name)
    except FormulaError:
        return None
