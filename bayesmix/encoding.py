"""What encodes new data as those of the fit, as plain values and back.

What a name of the formula stands for is decided here and not by the file: formulae's own functions,
the elementwise functions of NumPy, what the user has given, and plain values of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import ENCODINGS
from formulae.transforms import TRANSFORMS

from bayesmix.archive import require
from bayesmix.columns import Factor
from bayesmix.design import Design, Encoder, Grouping
from bayesmix.effects import Namespace, Side, read_response, read_side
from bayesmix.errors import BayesmixError
from bayesmix.formula import Bar, Formula
from bayesmix.labels import plain_index, restore_index
from bayesmix.learnt import (
    attribute,
    plain_effects,
    plain_response,
    restore_effects,
    restore_response,
)
from bayesmix.plain import Plain
from bayesmix.records import checked, fields_of, mapping, record

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
    namespace = _restore_names(every, mapping(names, "names"), given, formula)
    for side in every:
        unknown = [v for v in side.variables if v not in categories and v not in namespace]
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
    """Tell for each name of the formula that is no column what a file can say of it."""
    formula, encoder = design.formula, design.encoder
    namespace = encoder.response._environment.namespace
    plain: dict[str, Plain] = {}
    for side in (read_response(formula.response), *_sides(formula).values()):
        for name in side.functions:
            root = name.partition(".")[0]
            plain[root] = _plain_name(root, namespace[root])
        for name in side.variables:
            if name not in encoder.categories:
                plain[name] = _plain_name(name, namespace[name])
    return plain


def _plain_name(name: str, value: Any) -> dict[str, Plain]:
    if _is_own(name):
        return {"is": "formulae"}
    if value is np:
        return {"is": "numpy"}
    own_name = getattr(value, "__name__", None)
    if _is_ufunc(own_name) and getattr(np, str(own_name)) is value:
        return {"is": "ufunc", "value": own_name}
    if _is_value(value):
        return {"is": "value", "value": value}
    return {"is": "given"}


def _is_value(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | np.number | np.bool_ | np.ndarray)


def _restore_names(
    sides: Sequence[Side], stored: Mapping[str, Plain], given: Mapping[str, Any], formula: Formula
) -> Namespace:
    """Find everything that the formula names and that is no column, and refuse the rest."""
    plain = {name: mapping(one, f"the name {name}") for name, one in stored.items()}
    names = Namespace()
    for side in sides:
        for name in side.functions:
            root = name.partition(".")[0]
            if _is_own(name):
                names[root] = TRANSFORMS[name]
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
        for name in side.variables:
            if name not in plain:
                continue
            if name in ENCODINGS:
                names[name] = ENCODINGS[name]
            elif name in given:
                names[name] = given[name]
            elif plain[name].get("is") == "value" and _is_value(plain[name].get("value")):
                names[name] = plain[name]["value"]
            else:
                raise _needed(f"uses '{name}'", name, formula)
    return names


def _needed(what: str, name: str, formula: Formula) -> NotGiven:
    return NotGiven(
        f"The formula '{formula.text}' {what}, which is not in the file, since a file holds no "
        f"functions. Pass it: bm.load(path, namespace={{'{name}': {name}}})."
    )


def _is_own(name: str) -> bool:
    return name in TRANSFORMS or name in ENCODINGS


def _is_ufunc(name: object) -> bool:
    return isinstance(name, str) and isinstance(getattr(np, name, None), np.ufunc)


def _is_elementwise(name: str) -> bool:
    return name in _NUMPY_FUNCTIONS or _is_ufunc(name)
