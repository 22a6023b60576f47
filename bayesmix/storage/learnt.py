"""What formulae has learnt from the rows of a fit, as plain values and back.

A file cannot name a class or a module. The objects are made anew from the formula; what was learnt
is data that is put into them, and is checked first.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from formulae.categorical import ContrastMatrix
from formulae.environment import Environment
from formulae.terms.call_resolver import LazyCall
from formulae.terms.terms import Intercept

from bayesmix.encoding.calls import FunctionCall, Remembered, nodes
from bayesmix.encoding.effects import Effects, Namespace, Side
from bayesmix.encoding.responses import Response
from bayesmix.encoding.transforms import set_transforms
from bayesmix.formula.terms import NamedTerm
from bayesmix.storage.archive import Damaged, require
from bayesmix.storage.labels import plain_index, restore_index
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import checked, fields_of, mapping, record
from bayesmix.storage.states import plain_state, restore_state

__all__ = [
    "attribute",
    "plain_effects",
    "plain_response",
    "restore_effects",
    "restore_response",
]

# Categories that a formula lists need not occur; a contrast of so many has 3 GB.
_MOST_LEVELS = 20_000


def plain_response(response: Response) -> dict[str, Plain]:
    """Take a response apart."""
    return fields_of(response, "_component", "_environment") | {
        "component": _plain_component(response._component)
    }


def restore_response(
    stored: Plain, side: Side, names: Namespace, categories: Mapping[str, Any]
) -> Response:
    """Put the left side of a formula together."""
    stored = mapping(stored, "response")
    (component,) = side.components
    environment = Environment([names])
    _restore_component(component, stored.pop("component", None), environment)
    response = record(Response, stored, "response", _component=component, _environment=environment)
    require(response.name == component.name, "the name of the response")
    columns, weights = side.columns(categories), response.weights
    if weights is not None:
        columns = tuple(dict.fromkeys((*columns, weights)))
        require(response.trial_columns == (weights,), "the columns of the trials")
        require(weights in categories and categories[weights] is None, "the trials")
    require(response.columns == columns, "the columns of the response")
    require(set(response.trial_columns) <= set(response.columns), "the columns of the trials")
    require(len(set(response.levels)) == len(response.levels) in (0, 2), "the levels")
    return response


def plain_effects(effects: Effects) -> dict[str, Plain]:
    """Take one side of a formula apart."""
    return fields_of(effects, "text", "_terms", "_offsets") | {
        "terms": [
            {
                "kind": term.kind,
                "components": [_plain_component(c) for c in getattr(term, "components", ())],
            }
            for term in effects._terms
        ],
        "offsets": [_plain_component(component) for component in effects._offsets],
    }


def restore_effects(
    stored: Plain, side: Side, names: Namespace, categories: Mapping[str, Any]
) -> Effects:
    """Put one side of a formula together."""
    stored = mapping(stored, f"'{side.text}'")
    parsed = {(part.name, hasattr(part, "call")): part for part in side.components}
    environment = Environment([names])

    def restored(plain: Plain) -> Any:
        plain = mapping(plain, "a part of a term")
        part = parsed.get((plain.get("name"), plain.get("is_call")))
        require(part is not None, f"'{plain.get('name')}' is not in the formula")
        # A copy: formulae may have used one part of the text in several terms.
        component = copy.deepcopy(part)
        _restore_component(component, plain, environment)
        return component

    terms: list[Any] = []
    for term in checked(stored.pop("terms", None), list[Any], "terms"):
        match term:
            case {"kind": "intercept", "components": []}:
                terms.append(Intercept())
            case {"kind": "numeric" | "categoric" | "interaction" as kind, "components": [*parts]}:
                require(parts, "a term has no parts")
                terms.append(NamedTerm(*map(restored, parts)))
                terms[-1].kind = kind
            case _:
                raise Damaged("a term of an unknown kind")
    offsets = checked(stored.pop("offsets", None), list[Any], "offsets")
    effects = record(
        Effects,
        stored,
        f"'{side.text}'",
        text=side.text,
        _terms=tuple(terms),
        _offsets=tuple(map(restored, offsets)),
    )
    _check_effects(effects, side, categories)
    return effects


def _check_effects(effects: Effects, side: Side, categories: Mapping[str, Any]) -> None:
    """Compare what the file says of terms and columns with the formula and with each other."""
    spanned = [k for span in effects.spans for k in span]
    require(spanned == list(range(len(effects.labels))), "the columns of the effects")
    require(all(effects.spans), "a term has no columns")
    require(len(effects.spans) == len(effects.names), "the columns of the terms")
    require(tuple(term.name for term in effects._terms) == effects.names, "the names of the terms")
    require(len(set(effects.labels)) == len(effects.labels), "two effects have one name")
    offsets = {component.name for component in effects._offsets}
    written = [name for name in side.names if name not in offsets]
    require(set(written) <= set(effects.names), "the terms are those of another formula")
    require(all(c.kind == "offset" for c in effects._offsets), "the offsets")
    intercepts = [term.kind == "intercept" for term in effects._terms]
    require(not any(intercepts[1:]), "the intercept is not the first term")
    starts = effects.labels[:1] == ("Intercept",)
    require("Intercept" not in effects.labels[1:], "the intercept is not the first effect")
    require(starts == bool(intercepts and intercepts[0]), "the intercept")
    require(effects.columns == side.columns(categories), "the columns of the formula")
    for term, span in zip(effects._terms, effects.spans, strict=True):
        _check_width(term, len(span), categories)


def _check_width(term: Any, width: int, categories: Mapping[str, Any]) -> None:
    """Compare the number of a term's columns with what its categories make of it."""
    known = 1
    for component in getattr(term, "components", ()):
        if component.kind == "categoric":
            known *= component.contrast_matrix.matrix.shape[1]
            if not hasattr(component, "call"):
                column = categories.get(component.name)
                same = column is not None and column.tolist() == component.levels
                require(same, f"the categories of {component.name}")
        else:
            require(component.kind == "numeric", f"the kind of {component.name}")
            is_number = hasattr(component, "call") or categories.get(component.name) is None
            require(is_number, f"the kind of {component.name}")
            for node in _calls(component):
                _check_columns(node.stateful_transform, width)
    calls = any(c.kind == "numeric" and hasattr(c, "call") for c in getattr(term, "components", ()))
    require(width % known == 0 if calls else width == known, f"the columns of {term.name}")


def _check_columns(transform: Any, width: int) -> None:
    """Raise where a transformation would make more columns than its term has."""
    if type(transform).__name__ == "Polynomial":
        require(0 < transform.degree <= width, "the degree of a polynomial")


def _plain_component(component: Any) -> dict[str, Plain]:
    """Take what a variable or call of formulae has learnt, without its data."""
    levels, contrast = component.levels, component.contrast_matrix
    return {
        "name": component.name,
        "is_call": hasattr(component, "call"),
        "kind": component.kind,
        "levels": None if levels is None else _plain_levels(levels),
        "contrast": None
        if contrast is None
        else {"matrix": contrast.matrix, "labels": list(contrast.labels)},
        "spans_intercept": component.spans_intercept,
        "transforms": [
            None if node.stateful_transform is None else plain_state(node.stateful_transform)
            for node in _calls(component)
        ],
    }


def _plain_levels(levels: Any) -> dict[str, Plain]:
    import pandas as pd

    return plain_index(pd.Index(levels))


def _restore_component(component: Any, stored: Plain, environment: Environment) -> None:
    """Put what was learnt into a variable or call that was read from the formula."""
    stored = mapping(stored, "a part of a term")
    require(component.name == stored.get("name"), f"the term {component.name}")
    set_transforms(component)
    kinds = (None, "numeric", "categoric", "offset", "proportion")
    require(stored.get("kind") in kinds, f"the kind of {component.name}")
    component.kind = stored.get("kind")
    component.spans_intercept = checked(stored.get("spans_intercept"), bool | None, "a contrast")
    if stored.get("levels") is not None:
        component.levels = restore_index(stored["levels"], _MOST_LEVELS).tolist()
        require(len(set(component.levels)) == len(component.levels), "two categories are the same")
    if stored.get("contrast") is not None:
        component.contrast_matrix = _restore_contrast(component, stored["contrast"])
    require(
        component.kind != "categoric" or component.contrast_matrix is not None,
        f"the contrasts of {component.name}",
    )
    component.env = environment
    states = checked(stored.get("transforms"), list[Any], "transformations")
    calls = _calls(component)
    require(len(states) == len(calls), f"the transformations of {component.name}")
    for node, state in zip(calls, states, strict=True):
        _restore_transform(node, state, environment)


def _restore_contrast(component: Any, stored: Plain) -> ContrastMatrix:
    stored = mapping(stored, "contrasts")
    labels = checked(stored.get("labels"), list[Any], "the labels of contrasts")
    matrix = stored.get("matrix")
    require(isinstance(matrix, np.ndarray) and matrix.dtype.kind in "fiu", "contrasts")
    assert isinstance(matrix, np.ndarray)
    shape = (len(component.levels or ()), len(labels))
    require(matrix.shape == shape and np.isfinite(matrix).all(), f"contrasts of {component.name}")
    return ContrastMatrix(matrix, labels)


def _restore_transform(node: Any, state: Plain, environment: Environment) -> None:
    is_remembered = isinstance(state, Mapping) and state.get("class") == Remembered.__name__
    if is_remembered and isinstance(node, FunctionCall):
        node.stateful_transform = Remembered(None)
    elif isinstance(node.stateful_transform, Remembered):
        raise Damaged(f"what {node.callee} has given is missing")
    elif node.stateful_transform is None:
        root = environment.namespace.get(node.callee.partition(".")[0])
        maker = attribute(root, node.callee)
        learns = getattr(maker, "__stateful_transform__", False)
        require(not learns or state is not None, f"what {node.callee} has learnt is missing")
        if state is None:
            return
        require(learns, f"{node.callee} is no transformation that learns")
        node.stateful_transform = maker()
    restore_state(node.stateful_transform, state)


def attribute(root: Any, name: str) -> Any:
    """Follow the dots of a function's name from what its first part stands for."""
    for part in name.split(".")[1:]:
        root = getattr(root, part, None)
    return root


def _calls(component: Any) -> list[Any]:
    return [node for node in nodes(component) if isinstance(node, LazyCall)]
