"""What encodes new data as those of the fit, as plain values and back.

What a name of the formula stands for is decided here and not by the file: formulae's own functions,
the elementwise functions of NumPy and R, what the user has given, and plain values of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from formulae.terms.call_resolver import LazyCall
from formulae.transforms import TRANSFORMS

from bayesmix.base.errors import BayesmixError
from bayesmix.design.design import Design, Encoder, Grouping
from bayesmix.encoding.calls import (
    ELEMENTWISE_METHODS,
    FunctionCall,
    MethodCall,
    Remembered,
    is_own,
    live_nodes,
    nodes,
    rebuild,
)
from bayesmix.encoding.contrasts import CONTRASTS
from bayesmix.encoding.effects import Namespace, Side, read_side
from bayesmix.encoding.responses import read_response
from bayesmix.formula.formula import Bar, Formula
from bayesmix.formula.rfunctions import FUNCTIONS
from bayesmix.frames.columns import Factor
from bayesmix.storage.archive import require
from bayesmix.storage.labels import plain_index, restore_index
from bayesmix.storage.learnt import (
    attribute,
    plain_effects,
    plain_response,
    restore_effects,
    restore_response,
)
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import checked, fields_of, mapping, record
from bayesmix.storage.states import is_value

__all__ = ["NotGiven", "plain_encoder", "plain_names", "restore_encoder"]

# Functions of NumPy that a formula in a file may call besides the universal functions: they
# return numbers computed from their arguments and do nothing else.
_NUMPY_FUNCTIONS = frozenset({"around", "clip", "nan_to_num", "round", "where"})


class NotGiven(BayesmixError):
    """A function or a value of the user that the file cannot hold and that was not passed."""


def plain_encoder(encoder: Encoder) -> dict[str, Plain]:
    """Take an encoder apart."""
    return fields_of(
        encoder, "formula", "response", "common", "bars", "groupings", "categories"
    ) | {
        "categories": {
            name: None if categories is None else plain_index(categories)
            for name, categories in encoder.categories.items()
        },
        "response": plain_response(encoder.response),
        "common": plain_effects(encoder.common),
        "bars": {text: plain_effects(effects) for text, effects in encoder.bars.items()},
        "groupings": [
            fields_of(grouping, "factor", "bars")
            | {
                "factor": _plain_factor(grouping.factor),
                "bars": [fields_of(bar) for bar in grouping.bars],
            }
            for grouping in encoder.groupings
        ],
    }


def restore_encoder(
    stored: Plain, formula: Formula, names: Plain, given: Mapping[str, Any], n_rows: int
) -> Encoder:
    """Put an encoder together.

    Parameters
    ----------
    stored : mapping
        From `plain_encoder`.
    formula : Formula
    names : mapping
        From `plain_names`.
    given : mapping
        Functions and values that the user passes.
    n_rows : int
        There are no more categories than rows.

    Raises
    ------
    Damaged
        It is not that of the formula.
    NotGiven
        The formula uses a function that is neither formulae's, nor NumPy's, nor given.
    """
    response, sides = read_response(formula.response), _sides(formula)
    stored = mapping(stored, "the encoder")
    categories = {
        name: _restore_categories(name, index, n_rows)
        for name, index in mapping(stored.pop("categories", None), "categories").items()
    }
    every = (response, *sides.values())
    plain = {
        name: mapping(one, f"the name {name}") for name, one in mapping(names, "names").items()
    }
    _set_remembered(every, categories, plain)
    namespace = _restore_names(every, plain, given, formula)
    for side in every:
        used = [node.name for node in _live(side) if not isinstance(node, LazyCall)]
        unknown = [v for v in used if v not in categories and v not in namespace]
        unknown += [v for v in side.terms if v not in categories]
        require(not unknown, f"{unknown[:1]} is no column")
    bars = mapping(stored.pop("bars", None), "bars")
    require(bars.keys() == {bar.effects for bar in formula.bars}, "the bars")
    groupings = checked(stored.pop("groupings", None), list[Any], "the grouping factors")
    left, common = stored.pop("response", None), stored.pop("common", None)
    own = {text: restore_effects(bars[text], sides[text], namespace, categories) for text in bars}
    encoder = record(
        Encoder,
        stored,
        "the encoder",
        formula=formula,
        response=restore_response(left, response, namespace, categories),
        common=restore_effects(common, sides[formula.common], namespace, categories),
        bars=own,
        groupings=tuple(map(_restore_grouping, groupings)),
        categories=categories,
    )
    _check_bars(encoder)
    return encoder


def _check_bars(encoder: Encoder) -> None:
    """Compare the bars of the grouping factors with those of the formula."""
    used = [bar for grouping in encoder.groupings for bar in grouping.bars]
    keys = {(bar.effects, frozenset(bar.factor)) for bar in used}
    written = {(bar.effects, frozenset(bar.factor)) for bar in encoder.formula.bars}
    require(keys == written, "the bars are those of another formula")
    factors = [frozenset(grouping.factor.variables) for grouping in encoder.groupings]
    require(len(set(factors)) == len(factors), "a grouping factor is there twice")
    for grouping, factor in zip(encoder.groupings, factors, strict=True):
        require(grouping.bars, "a grouping factor has no bars")
        require(all(frozenset(bar.factor) == factor for bar in grouping.bars), "the bars")
        n_effects = sum(len(encoder.bars[bar.effects].labels) for bar in grouping.bars)
        require(grouping.means is None or grouping.means.shape == (n_effects,), "means of effects")


def _restore_grouping(stored: Plain) -> Grouping:
    stored = mapping(stored, "a grouping factor")
    bars = checked(stored.pop("bars", None), list[Any], "bars")
    return record(
        Grouping,
        stored,
        "a grouping factor",
        bars=tuple(record(Bar, bar, "a bar") for bar in bars),
        factor=_restore_factor(stored.pop("factor", None)),
    )


def _plain_factor(factor: Factor) -> dict[str, Plain]:
    return {
        "variables": factor.variables,
        "levels": factor.levels,
        "labels": [np.array(list(labels), dtype=object) for labels in factor._positions],
        "keys": factor._keys,
    }


def _restore_factor(stored: Plain) -> Factor:
    stored = mapping(stored, "a grouping factor")
    require(stored.keys() == {"variables", "levels", "labels", "keys"}, "a grouping factor")
    variables = checked(stored["variables"], tuple[str, ...], "the variables of a factor")
    labels = checked(stored["labels"], list[Any], "the labels of a factor")
    keys = checked(stored["keys"], tuple[Any, ...], "the combinations of a factor")
    require(variables and len(labels) == len(variables) == len(keys) + 1, "a grouping factor")
    require(len(set(variables)) == len(variables), "a column is twice in a grouping factor")
    positions = []
    for one in labels:
        texts = one.tolist() if isinstance(one, np.ndarray) and one.ndim == 1 else []
        require(texts and all(type(text) is str for text in texts), "the labels of a factor")
        positions.append({text: i for i, text in enumerate(texts)})
        require(len(positions[-1]) == len(texts), "two levels of a factor have one label")
    levels = list(positions[0])
    for key, inner in zip(keys, positions[1:], strict=True):
        require(isinstance(key, np.ndarray) and key.dtype == np.int64, "combinations of a factor")
        require(key.ndim == 1 and len(key) and (np.diff(key) > 0).all(), "combinations")
        require(key[0] >= 0 and key[-1] < len(levels) * len(inner), "combinations of a factor")
        names = list(inner)
        outer, within = (part.tolist() for part in np.divmod(key, len(names)))
        levels = [f"{levels[a]}:{names[b]}" for a, b in zip(outer, within, strict=True)]
    same = isinstance(stored["levels"], np.ndarray) and stored["levels"].dtype.kind == "U"
    require(same and stored["levels"].tolist() == levels, "the levels of a factor")
    require(len(set(levels)) == len(levels) > 1, "the levels of a factor")
    return Factor(variables, stored["levels"], tuple(positions), keys)


def _restore_categories(name: str, stored: Plain, n_rows: int) -> pd.Index[Any] | None:
    if stored is None:
        return None
    index: pd.Index[Any] = restore_index(stored, n_rows)
    is_one = index.nlevels == 1 and index.is_unique and not index.hasnans and len(index)
    require(is_one, f"the categories of {name}")
    return index


def _sides(formula: Formula) -> dict[str, Side]:
    texts = (formula.common, *(bar.effects for bar in formula.bars))
    return {text: read_side(text) for text in dict.fromkeys(texts)}


# --- names that a formula uses ------------------------------------------------------------------


def plain_names(design: Design) -> dict[str, Plain]:
    """Tell for each name of the formula that is no column what a file can say of it.

    Of functions and variables that only stand in calls that are remembered nothing is needed.
    """
    encoder = design.encoder
    namespace = encoder.response._environment.namespace
    components = list(_components(encoder))
    every = {
        _name(node)
        for component in components
        for node in nodes(component)
        if not isinstance(node, MethodCall)
    }
    plain: dict[str, Plain] = {name: {"is": "remembered"} for name in sorted(every)}
    for component in components:
        for node in live_nodes(component):
            plain.pop(_name(node), None)
    for component in components:
        for node in live_nodes(component):
            root = _name(node).partition(".")[0] if isinstance(node, LazyCall) else node.name
            is_column = not isinstance(node, LazyCall) and root in encoder.categories
            if not isinstance(node, MethodCall) and not is_column:
                plain[root] = _plain_name(root, namespace[root])
    return {name: one for name, one in plain.items() if name not in encoder.categories}


def _components(encoder: Encoder) -> Iterator[Any]:
    yield encoder.response._component
    for effects in (encoder.common, *encoder.bars.values()):
        for term in effects._terms:
            yield from getattr(term, "components", ())
        yield from effects._offsets


def _live(side: Side) -> list[Any]:
    return [node for component in side.components for node in live_nodes(component)]


def _name(node: Any) -> str:
    return str(node.callee if isinstance(node, LazyCall) else node.name)


def _set_remembered(
    sides: Sequence[Side], columns: Mapping[str, Any], plain: Mapping[str, Plain]
) -> None:
    """Put calls in place that can remember; those whose function is not in the file only do."""
    roots = {name.partition(".")[0] for name in plain}
    for component in (part for side in sides for part in side.components):
        rebuild(component, columns, roots)
        for node in nodes(component):
            if isinstance(node, MethodCall):
                is_remembered = node.method not in ELEMENTWISE_METHODS
            else:
                is_remembered = isinstance(node, FunctionCall) and _is_remembered(
                    plain, node.callee
                )
            if is_remembered:
                node.stateful_transform = Remembered(None)


def _is_remembered(plain: Mapping[str, Plain], name: str) -> bool:
    return bool(plain.get(name, {}).get("is") == "remembered")


def _plain_name(name: str, value: Any) -> dict[str, Plain]:
    if is_own(name):
        return {"is": "formulae"}
    if value is np:
        return {"is": "numpy"}
    own_name = getattr(value, "__name__", None)
    if _is_ufunc(own_name) and getattr(np, str(own_name)) is value:
        return {"is": "ufunc", "value": own_name}
    if FUNCTIONS.get(name) is value:
        return {"is": "R"}
    if is_value(value):
        return {"is": "value", "value": value}
    return {"is": "given"}


def _restore_names(
    sides: Sequence[Side], plain: Mapping[str, Plain], given: Mapping[str, Any], formula: Formula
) -> Namespace:
    """Find everything that the formula names and that is no column, and refuse the rest."""
    names = Namespace()
    for side in sides:
        calls = [node for node in _live(side) if isinstance(node, LazyCall)]
        for name in (node.callee for node in calls if not isinstance(node, MethodCall)):
            root = name.partition(".")[0]
            if is_own(name):
                names[root] = {**TRANSFORMS, **CONTRASTS}[name]
            elif plain.get(root) == {"is": "R"} and root in FUNCTIONS:
                names[root] = FUNCTIONS[root]
            elif root in given:
                names[root] = given[root]
                if not callable(attribute(given[root], name)):
                    raise NotGiven(f"namespace['{root}'] gives no function for '{name}'.")
            elif plain.get(root) == {"is": "numpy"} and _is_elementwise(name.partition(".")[2]):
                names[root] = np
            elif (one := plain.get(root, {})).get("is") == "ufunc" and _is_ufunc(one.get("value")):
                names[root] = getattr(np, one["value"])
            else:
                raise _needed(f"calls {name}()", root, formula)
        for name in (node.name for node in _live(side) if not isinstance(node, LazyCall)):
            if name not in plain:
                continue
            if name in CONTRASTS:
                names[name] = CONTRASTS[name]
            elif name in given:
                names[name] = given[name]
            elif plain[name].get("is") == "value" and is_value(plain[name].get("value")):
                names[name] = plain[name]["value"]
            else:
                raise _needed(f"uses '{name}'", name, formula)
    return names


def _needed(what: str, name: str, formula: Formula) -> NotGiven:
    return NotGiven(
        f"The formula '{formula.text}' {what}, which is not in the file, since a file holds no "
        f"functions. Pass it: bm.load(path, namespace={{'{name}': {name}}})."
    )


def _is_ufunc(name: object) -> bool:
    return isinstance(name, str) and isinstance(getattr(np, name, None), np.ufunc)


def _is_elementwise(name: str) -> bool:
    return name in _NUMPY_FUNCTIONS or _is_ufunc(name)
