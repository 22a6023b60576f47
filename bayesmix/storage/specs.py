"""A specification as plain values and back: what `prepare` was given, and the priors it set."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import read_only
from bayesmix.base.errors import BayesmixError
from bayesmix.design.columns import SE_COLUMN, WEIGHTS_COLUMN
from bayesmix.design.design import Design
from bayesmix.design.totals import Totals
from bayesmix.encoding.wholes import supply
from bayesmix.families.family import Family
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.registry import get_family, with_predictors
from bayesmix.formula.formula import Formula, parse_formula
from bayesmix.frames.frames import open_frame
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.learn import Resolver, learn_design
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.priorset import PriorSet
from bayesmix.priors.support import check_leaf
from bayesmix.storage.archive import require
from bayesmix.storage.columns import plain_columns, restore_columns
from bayesmix.storage.digest import digest_of, is_same
from bayesmix.storage.labels import plain_labels, restore_index
from bayesmix.storage.names import NotGiven, plain_names, plain_remembered, stored_names
from bayesmix.storage.plain import Plain
from bayesmix.storage.priors import plain_prior, restore_prior
from bayesmix.storage.records import checked, mapping
from bayesmix.storage.totals import plain_totals, restore_states, restore_totals
from bayesmix.streams.teaching import taught_by

if TYPE_CHECKING:
    import pandas as pd

    from bayesmix.encoding.namespace import Namespace
    from bayesmix.encoding.sides import Side
    from bayesmix.model.options import SampleOptions

__all__ = ["plain_spec", "restore_options", "restore_spec"]

# Levels of a fit that was made are not doubted, and rows of a file may stand for more.
_ROWS_OF_ANY_FIT = sys.maxsize


def plain_spec(spec: ModelSpec) -> dict[str, Plain]:
    """Take a specification apart.

    Raises
    ------
    BayesmixError
        Its design has no columns, or is a part of another one.
    """
    if spec.design.totals is not None:
        return _plain_totals(spec, spec.design.totals)
    design, encoder = spec.design, spec.design.encoder
    is_whole = design.n_rows == encoder.n_rows and (np.diff(design.rows) > 0).all()
    if design.source is None or not is_whole:
        raise BayesmixError(
            "A fit of a part of the rows of its design cannot be saved, since a file is read by "
            "preparing the model again from its rows. Take the rows from the data and fit those."
        )
    array = WEIGHTS_COLUMN if WEIGHTS_COLUMN in design.source else None
    return {
        "formula": design.formula.text,
        "predictors": {
            name: own.formula.text
            for name, own in design.predictors.items()
            if name not in spec.family.specific  # their terms are in the formula
        },
        "family": _plain_family(spec.family),
        "columns": plain_columns(design),
        "weights": encoder.weights or encoder.response.weights or array,
        "se": encoder.se or (SE_COLUMN if SE_COLUMN in design.source else None),
        "rows": design.rows,
        "index": plain_labels(design.index),
        "names": plain_names(encoder),
        "remembered": plain_remembered(encoder),
        "notes": design.notes,
        "digest": digest_of(design),
        "priors": _plain_priors(spec.priors),
    }


def _plain_totals(spec: ModelSpec, totals: Totals) -> dict[str, Plain]:
    """Take a specification without rows apart: what it was learnt from, and sums over all rows."""
    rows = totals.rows
    assert rows is not None
    taught = taught_by(spec, rows, totals.states, totals.n_rows)
    taught = dataclasses.replace(taught, notes=spec.design.notes)
    return plain_spec(dataclasses.replace(spec, design=taught)) | {
        "states": totals.states,
        "totals": plain_totals(totals),
    }


def restore_spec(stored: dict[str, Plain], given: Mapping[str, Any]) -> ModelSpec:
    """Prepare a specification again.

    Parameters
    ----------
    stored : mapping
        From `plain_spec`.
    given : mapping
        Functions and values that the user passes.

    Raises
    ------
    Damaged
        Something is missing, or the design is another one than was saved.
    NotGiven
        A function of the user that was not passed, or that gives other values.
    """
    predictors = _restore_predictors(stored.get("predictors"), given)
    family = with_predictors(_restore_family(stored.get("family")), predictors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design, family = _restore_design(stored, family, predictors, given)
        return ModelSpec(design, family, _restore_priors(stored.get("priors"), design, family))


def _restore_predictors(stored: Plain, given: Mapping[str, Any]) -> dict[str, Formula]:
    # Files of earlier versions have none.
    texts = checked({} if stored is None else stored, dict[str, str], "the predictors")
    return {name: parse_formula(text, namespace=given) for name, text in texts.items()}


def _restore_design(
    stored: dict[str, Plain],
    family: Family,
    predictors: Mapping[str, Formula],
    given: Mapping[str, Any],
) -> tuple[Design, Family]:
    rows = checked(stored.get("rows"), npt.NDArray[np.int64], "the rows")
    require(rows.ndim == 1 and len(rows) and (np.diff(rows) > 0).all(), "the rows")
    require(rows[0] >= 0, "the rows")
    index = restore_index(stored.get("index"), len(rows))
    require(len(index) == len(rows), "the rows differ")
    data = restore_columns(stored.get("columns"), index)
    weights: Any = checked(stored.get("weights"), str | None, "the weights")
    require(weights is None or weights in data, "the weights")
    if weights == WEIGHTS_COLUMN:
        weights = data.pop(WEIGHTS_COLUMN)
    se: Any = checked(stored.get("se"), str | None, "the standard errors")
    require((se is not None) == family.known_errors, "the standard errors")
    require(se is None or (se in data and weights is None), "the standard errors")
    if se == SE_COLUMN:
        se = data.pop(SE_COLUMN)
    names = stored_names(stored.get("names"), stored.get("remembered"), given)
    # Files of earlier versions, and of fits that have their rows, have neither states nor sums.
    states = restore_states(stored.get("states") or {})
    learnt = learn_design(
        parse_formula(checked(stored.get("formula"), str, "the formula"), namespace=given),
        open_frame(data, "the data"),
        family=family,
        weights=weights,
        se=se,
        missing="raise",
        resolve=_supplied(names, states),
        predictors=predictors,
        n_rows=_ROWS_OF_ANY_FIT,
    )
    design = learnt.design
    if not is_same(design, stored.get("digest")):
        used = [name for name in design.encoder.names if name in given]
        if used:
            raise NotGiven(
                f"The formula '{design.formula.text}' has other values than when the fit was "
                f"saved. Pass the {' and '.join(map(repr, used))} of that time as namespace."
            )
        require(False, "its rows make another design than the one that was fitted")
    notes = checked(stored.get("notes"), tuple[str, ...], "the notes")
    design = dataclasses.replace(design, rows=read_only(rows), notes=notes)
    if stored.get("totals") is not None:
        require(not design.predictors and not learnt.family.predicted, "the sums")
        design = restore_totals(stored["totals"], design, states)
    return design, learnt.family


def _supplied(names: Resolver, states: Mapping[str, tuple[float, ...]]) -> Resolver:
    """Give calls what they have learnt from rows that are not in the file."""

    def resolve(sides: Sequence[Side], header: pd.DataFrame, formula: Formula) -> Namespace:
        found = names(sides, header, formula)
        supply(sides, states)
        return found

    return resolve


def _plain_family(family: Family) -> dict[str, Plain]:
    plain: dict[str, Plain] = {
        "name": family.name,
        "link": family.link,
        "threshold": family.threshold,
    }
    return plain | ({"residual": "sigma" in family.others} if family.known_errors else {})


def _restore_family(stored: Plain) -> Family:
    plain = mapping(stored, "the family")
    threshold = checked(plain.get("threshold", ""), str, "the thresholds")
    family = get_family(
        checked(plain.get("name"), str, "the family"),
        checked(plain.get("link"), str, "the link"),
        threshold=threshold or None,
    )
    if "residual" not in plain:
        return family
    return with_known_errors(family, checked(plain["residual"], bool, "the family"))


def _plain_priors(priors: PriorSet) -> dict[str, Plain]:
    # The priors of all parameters, not only the user's: defaults are computed from the data, and
    # another version of bayesmix or NumPy may compute them otherwise.
    return {
        "edits": {path: plain_prior(prior) for path, prior in priors.edits.items()},
        "leaves": [
            {
                "node": leaf.place,
                "default": plain_prior(leaf.default),
                "prior": plain_prior(leaf.prior),
                "is_centred": leaf.is_centred,
            }
            for leaf in priors.leaves
        ],
    }


def _restore_priors(stored: Plain, design: Design, family: Family) -> PriorSet:
    stored = mapping(stored, "the priors")
    edits = {
        path: restore_prior(prior)
        for path, prior in mapping(stored.get("edits"), "the priors").items()
    }
    priors = resolve_priors(design, family, edits)
    leaves = [
        mapping(leaf, "a prior") for leaf in checked(stored.get("leaves"), list[Any], "the priors")
    ]
    nodes = [leaf.get("node") for leaf in leaves]
    require(nodes == [leaf.place for leaf in priors.leaves], "the priors are of another model")
    restored = []
    for leaf, one in zip(priors.leaves, leaves, strict=True):
        default, prior = restore_prior(one.get("default")), restore_prior(one.get("prior"))
        if leaf.follows_an_edit:
            require(prior == leaf.prior, f"the prior of {leaf.path} is another one than was set")
            restored.append(leaf)
            continue
        for each in dict.fromkeys((default, prior)):
            check_leaf(leaf.path, each, leaf)
        is_centred = checked(one.get("is_centred"), bool, "a prior")
        require(leaf.beside or not is_centred, "a prior is centred where nothing can be")
        restored.append(
            dataclasses.replace(leaf, default=default, prior=prior, is_centred=is_centred)
        )
    return dataclasses.replace(priors, leaves=tuple(restored))


def restore_options(stored: Plain) -> SampleOptions:
    """Put the options of sampling together."""
    from bayesmix.model.options import SampleOptions

    stored = mapping(stored, "the options")
    checked(stored.get("random_seed"), int, "the seed")
    try:
        return SampleOptions(**stored)
    except BayesmixError:
        # A sampler that is not installed here: a refit takes the fastest that is.
        return SampleOptions(**stored | {"nuts_sampler": None})
