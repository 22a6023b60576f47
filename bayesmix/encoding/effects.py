"""Effects from formulae: what it reads, what it computes, and the state that it learns.

All knowledge of formulae's terms is here; its versions 0.6 and 0.9 give the same columns. What is
kept for new rows is small: the terms with the state of their transformations, but no data.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import itertools
import operator
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulae.environment import Environment
from formulae.terms.call_resolver import LazyCall
from formulae.transforms import TRANSFORMS

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, FormulaError, closest, short, suggest
from bayesmix.encoding.calls import MethodCall, nodes, rebuild
from bayesmix.encoding.contrasts import CONTRASTS
from bayesmix.encoding.evaluation import components, evaluate, evaluating, learn
from bayesmix.encoding.transforms import SPLINES, forget_data, outside_knots, set_transforms
from bayesmix.formula.advice import ADVICE
from bayesmix.formula.formula import is_function, name_position, quote
from bayesmix.formula.rfunctions import FUNCTIONS
from bayesmix.formula.terms import is_equal, read_model
from bayesmix.frames.columns import listed

if TYPE_CHECKING:
    from bayesmix.formula.formula import Formula

__all__ = [
    "Effects",
    "Namespace",
    "Side",
    "learn_effects",
    "read_side",
    "resolve_names",
    "unknown_column",
]


_ALWAYS_KNOWN: Mapping[str, Any] = {"np": np, "pd": pd, "pi": np.pi}
# NumPy's functions, beside its ufuncs, that can stand in a formula: they give one number, which is
# remembered from the fit, or work on each row alone.
_OF_NUMPY = frozenset(
    {"mean", "median", "std", "var", "min", "max", "sum", "prod", "ptp", "quantile", "percentile"}
    | {"clip", "where", "round", "nan_to_num", "interp", "digitize", "isin"}
)
PROPORTIONS = ("p", "prop", "proportion")


# --- names --------------------------------------------------------------------------------------


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


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """A part of a formula that formulae has read, before it meets data.

    Attributes
    ----------
    text : str
        The part as text.
    components : tuple
        formulae's variables and calls.
    model : Any
        formulae's model, or None for a response.
    """

    text: str
    components: tuple[Any, ...]
    model: Any = None

    @property
    def terms(self) -> tuple[str, ...]:
        """Names that stand alone, so that they must be columns."""
        return _unique(part.name for part in self.components if not hasattr(part, "call"))

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of columns, or inside of calls of other values, in order of appearance."""
        parts = (node for part in self.components for node in nodes(part))
        return _unique(node.name for node in parts if not isinstance(node, LazyCall))

    @property
    def functions(self) -> tuple[str, ...]:
        """Functions called, with their module; methods of columns are none."""
        calls = (node for part in self.components for node in nodes(part))
        calls = (node for node in calls if isinstance(node, LazyCall))
        return _unique(node.callee for node in calls if not isinstance(node, MethodCall))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms, the intercept's and offsets included."""
        return tuple(term.name for term in self.model.common_terms)

    def columns(self, known: Container[Any]) -> tuple[str, ...]:
        """Variables that are columns, given the names of all columns."""
        return tuple(name for name in self.variables if name in known)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def read_side(text: str) -> Side:
    """Let formulae read population effects or the effects of a bar.

    Parameters
    ----------
    text : str
        ``"1 + np.log(x)"``: `Formula.common` or `Bar.effects`.

    Returns
    -------
    Side

    Raises
    ------
    FormulaError
        formulae cannot read it.
    """
    model = read_by(read_model, text, text)
    components: list[Any] = []
    for term in model.common_terms:
        parts = getattr(term, "components", [])
        calls = [part.call.callee for part in parts if hasattr(part, "call")]
        if len(parts) > 1:
            if spline := next((name for name in calls if name in SPLINES), None):
                raise _spline_in_interaction(spline, text)
            if "offset" in calls:
                raise FormulaError("An offset cannot be in an interaction: add it alone.", text)
        if proportion := next((name for name in calls if name in PROPORTIONS), None):
            raise FormulaError(f"{proportion}() is a binomial response, left of '~'.", text)
        components.extend(parts)
    return Side(text, tuple(components), model)


def read_by(reader: Callable[[str], Any], formula: str, text: str) -> Any:
    try:
        return reader(formula)
    except Exception as error:
        raise FormulaError(f"formulae cannot read this: {short(str(error))}", text) from error


def _spline_in_interaction(name: str, text: str) -> FormulaError:
    # formulae 0.9 refuses these and 0.6 does not; wrapped in I() both take them.
    return FormulaError(
        f"{name}() cannot be in an interaction as it is. Put it into I(): I({name}(x, df=4)):z.",
        text,
    )


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


# --- effects ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Columns that formulae makes from one side of a formula, for any rows.

    Attributes
    ----------
    text : str
        The side as text.
    labels : tuple of str
        One per column, as formulae writes them, Intercept first.
    names : tuple of str
        Names of formulae's terms.
    spans : tuple of tuple of int
        The columns of each term.
    columns : tuple of str
        Columns of the data that are needed.
    """

    text: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    spans: tuple[tuple[int, ...], ...]
    columns: tuple[str, ...]
    _terms: tuple[Any, ...]
    _offsets: tuple[Any, ...]

    def matrix(self, frame: pd.DataFrame) -> FloatArray:
        """Compute the columns for encoded rows, shape (n, p)."""
        matrix = np.empty((len(frame), len(self.labels)))
        # Splines and interactions of formulae need a row.
        for term, span in zip(self._terms, self.spans, strict=True) if len(frame) else ():
            with evaluating(term.name, functools.partial(_categories, term)):
                _fill(matrix, span, term.name, term.eval_new_data(frame))
        return matrix

    @property
    def contrasted(self) -> tuple[str, ...]:
        """Columns of categories that stand alone in a term and have contrasts to the first."""
        parts = (part for term in self._terms for part in components(term))
        return _unique(
            part.name
            for part in parts
            if not hasattr(part, "call") and part.kind == "categoric" and not part.spans_intercept
        )

    @property
    def parts(self) -> tuple[Any, ...]:
        """Formulae's variables and calls in the terms and the offsets."""
        return (*(part for term in self._terms for part in components(term)), *self._offsets)

    def outside(self, frame: pd.DataFrame) -> dict[str, str]:
        """Describe by how much encoded rows lie outside the knots of splines, by their calls."""
        found: dict[str, str] = {}
        for component in self.parts:
            with evaluating(component.name):
                found |= outside_knots(component, frame)
        return found

    @property
    def offset_name(self) -> str:
        """The offsets as they are written."""
        return " + ".join(component.name for component in self._offsets)

    def offset(self, frame: pd.DataFrame) -> FloatArray | None:
        """Compute the sum of the offsets for encoded rows, shape (n,)."""
        total = None
        for component in self._offsets:
            if not len(frame):
                return np.zeros(0)
            with evaluating(component.name):
                value = component.call.eval(frame, component.env)
                value.set_size(len(frame))
                one = np.asarray(value.eval(), dtype=np.float64).reshape(-1)
            total = one.copy() if total is None else total + one
        return total


def learn_effects(
    side: Side, frame: pd.DataFrame, namespace: Namespace
) -> tuple[Effects, FloatArray]:
    """Evaluate one side of a formula on the rows that are fitted.

    Parameters
    ----------
    side : Side
        Used up: its model keeps what is learnt.
    frame : DataFrame
        Encoded columns (`encode_column`).
    namespace : Namespace
        Names that are no columns.

    Returns
    -------
    effects : Effects
    matrix : ndarray of float64, shape (n, p)

    Raises
    ------
    BayesmixError
        A term that cannot be evaluated, or a category with nothing to compare it to.
    """
    columns = side.columns(frame.columns)
    environment = Environment([namespace])
    learnt: dict[str, list[Any]] = {}
    for component in side.components:
        known = learnt.setdefault(component.name, [])
        same = next((one for one in known if is_equal(one, component)), None)
        if same is not None and hasattr(component, "call"):
            component.call = same.call  # a*log(x) has the call twice
            continue
        set_transforms(component)
        learn(component, frame, environment)
        known.append(component)
    evaluate(side.model, frame, environment)
    offsets = [term.components[0] for term in side.model.common_terms if term.kind == "offset"]
    terms = [term for term in side.model.common_terms if term.kind != "offset"]
    for term in terms:
        _check_categories(term)
    labels = [term.labels for term in terms]
    _check_labels(labels, has_intercept=bool(terms) and terms[0].kind == "intercept")
    ends = np.cumsum([0, *map(len, labels)]).tolist()
    spans = [tuple(range(a, b)) for a, b in itertools.pairwise(ends)]
    matrix = np.empty((len(frame), ends[-1]))
    for term, span in zip(terms, spans, strict=True):
        _fill(matrix, span, term.name, term.data)
    effects = Effects(
        text=side.text,
        labels=tuple(label for group in labels for label in group),
        names=tuple(term.name for term in terms),
        spans=tuple(spans),
        columns=columns,
        _terms=tuple(_without_data(term, environment) for term in terms),
        _offsets=tuple(_without_data(offset, environment) for offset in offsets),
    )
    return effects, matrix


def _fill(matrix: FloatArray, span: tuple[int, ...], name: str, values: Any) -> None:
    block = np.asarray(values)
    if block.ndim != 2 and block.size == len(matrix) * len(span):
        block = block.reshape(len(matrix), -1)  # a single row may come without its dimension
    block = block.reshape(len(block), -1) if block.ndim else block
    if block.shape != (len(matrix), len(span)):
        raise BayesmixError(
            f"'{name}' gives values of shape {block.shape} where {len(matrix)} rows and "
            f"{len(span)} columns are needed. A function must return one value per row of the "
            "data, and a variable that is not a column must be a single value."
        )
    matrix[:, span[0] : span[-1] + 1] = block


def _check_labels(labels: Sequence[Sequence[str]], *, has_intercept: bool) -> None:
    flat = [label for group in labels for label in group]
    if "Intercept" in flat[int(has_intercept) :]:
        raise BayesmixError("No effect can be called 'Intercept'. Rename that column of the data.")
    if len(set(flat)) < len(flat):
        twice = next(label for label in flat if flat.count(label) > 1)
        raise BayesmixError(
            f"Two effects are called '{twice}'. Rename a column of the data, or make one of an "
            "expression before the fit."
        )


def _check_categories(term: Any) -> None:
    for component in getattr(term, "components", ()):
        if component.kind == "categoric" and len(component.levels) < 2:
            raise BayesmixError(
                f"'{component.name}' has one category ('{short(component.levels[0])}') in the rows "
                "that are used, so there is nothing to compare it to. Leave it out of the formula."
            )


def _without_data(part: Any, environment: Environment) -> Any:
    """Drop the arrays that formulae leaves in its terms; keep what was learnt."""
    part.data = None
    for component in getattr(part, "components", (part,)):
        component.value = None
        component._intermediate_data = None
        component.env = environment
        for node in nodes(component):
            forget_data(getattr(node, "stateful_transform", None))
    return part


def _categories(term: Any) -> str:
    levels = [part.levels for part in getattr(term, "components", ()) if part.kind == "categoric"]
    return f"Categories of the fit: {listed(map(str, levels[0]))}." if levels else ""
