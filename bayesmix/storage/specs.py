"""A specification and the options of sampling as plain values and back.

What can be derived from the formula is compared with what the file says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.errors import BayesmixError
from bayesmix.design.design import Design, Encoder
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.family import Family
from bayesmix.formula.formula import Formula
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.prior import LKJ, Prior
from bayesmix.priors.priorset import PriorSet
from bayesmix.priors.support import check_prior
from bayesmix.storage.archive import Archive, Damaged, require
from bayesmix.storage.labels import plain_labels, restore_index
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import checked, fields_of, mapping, record

if TYPE_CHECKING:
    from bayesmix.model.options import SampleOptions

__all__ = [
    "check_sizes",
    "plain_design",
    "plain_priors",
    "restore_design",
    "restore_options",
    "restore_priors",
]

# Arrays of the design with one number, or one row, for each row of the data.
_BY_ROW = ("y", "X", "rows", "offset", "weights", "trials", "Z", "codes")


def check_sizes(archive: Archive, content: Any) -> None:
    """Compare the sizes that arrays claim with the number of rows, before any is unpacked.

    Parameters
    ----------
    archive : Archive
    content : JSON
        Not decoded yet.

    Raises
    ------
    Damaged
        Arrays of the design have different numbers of rows, or a dim of the draws two sizes.
    """
    design = mapping(mapping(content, "the content").get("design"), "the design")
    groups = checked(design.get("groups"), list[Any], "the groups")
    n_rows = {
        archive.shape(name)[:1]
        for part in (design, *(mapping(group, "a group") for group in groups))
        for name in _arrays(part, _BY_ROW)
    }
    require(len(n_rows) == 1 and n_rows != {()}, "the rows differ")
    idata = mapping(content.get("idata"), "idata")
    ((n,),) = n_rows
    for path, group in mapping(idata.get("groups"), "the groups of idata").items():
        sizes = {"obs": n}
        for kind in ("coords", "variables"):
            for variable in _values(mapping(group, path).get(kind), path):
                _check_dims(archive, mapping(variable, path), sizes, path)


def _values(node: Any, path: str) -> list[Any]:
    """Return the values of a mapping that is not decoded, whose keys may be odd names."""
    match node:
        case {"$map": [*pairs]} if all(isinstance(p, list) and len(p) == 2 for p in pairs):
            return [value for _, value in pairs]
    return list(mapping(node, path).values())


def _check_dims(
    archive: Archive, variable: Mapping[str, Any], sizes: dict[str, int], path: str
) -> None:
    dims = checked(mapping(variable.get("dims"), path).get("$tuple"), list[str], path)
    for name in _arrays(variable, ("data",)):
        shape = archive.shape(name)
        require(len(dims) == len(shape), f"the dims of {path}")
        for dim, size in zip(dims, shape, strict=True):
            require(sizes.setdefault(dim, size) == size, f"{dim} has two sizes in {path}")


def _arrays(part: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Any]:
    for name in names:
        match part.get(name):
            case {"$array": member}:
                yield member


def plain_design(design: Design) -> dict[str, Plain]:
    """Take a design apart, but for its formula and its encoder."""
    return fields_of(design, "formula", "encoder", "groups", "index") | {
        "groups": [fields_of(term) for term in design.groups],
        "index": plain_labels(design.index),
    }


def restore_design(stored: Plain, formula: Formula, encoder: Encoder, family: Family) -> Design:
    """Put a design together, and compare its arrays and names with each other."""
    stored = mapping(stored, "the design")
    groups = checked(stored.pop("groups", None), list[Any], "the groups")
    index, n = stored.pop("index", None), len(stored["y"])
    design = record(
        Design,
        stored,
        "the design",
        formula=formula,
        encoder=encoder,
        groups=tuple(record(GroupTerm, term, "a group") for term in groups),
        index=restore_index(index, n),
    )
    require(design.y.shape == design.rows.shape == (n,) == (len(design.index),), "the rows differ")
    require(design.rows.min() >= 0, "the positions of the rows")
    require(design.X.shape == (n, design.n_terms), "X has another shape than its labels")
    require(design.terms == encoder.common.labels, "the terms are those of another formula")
    require(design.response == encoder.response.name, "the response is that of another formula")
    require((design.offset is not None) == bool(encoder.common._offsets), "the offset")
    for values in (design.offset, design.weights, design.trials):
        require(values is None or values.shape == (n,), "the rows differ")
        require(values is None or np.isfinite(values).all(), "a number is not finite")
    require(np.isfinite(design.X).all(), "a number is not finite")
    family.check_response(design.response, design.y, design.trials)
    family.check_weights(design.weights)
    _check_groups(design)
    return design


def _check_groups(design: Design) -> None:
    groupings = design.encoder.groupings
    require(len(groupings) == len(design.groups), "the grouping factors")
    bars = design.encoder.bars
    empty = {text: np.empty((0, len(effects.labels))) for text, effects in bars.items()}
    for term, grouping in zip(design.groups, groupings, strict=True):
        made = grouping.term(np.empty(0, dtype=np.int64), bars, empty)
        names = (term.factor, term.variables, term.effects, term.levels.tolist())
        known = (made.factor, made.variables, made.effects, made.levels.tolist())
        require(names == known, f"'{term.factor}' is that of another formula")
        require(term.blocks in (made.blocks, made.split().blocks), f"the blocks of '{term.factor}'")
        require(term.Z.shape == (design.n_rows, term.n_effects), f"'{term.factor}' has other rows")
        require(np.isfinite(term.Z).all(), "a number is not finite")
        codes = term.codes
        require(codes.shape == (design.n_rows,), f"'{term.factor}' has other rows")
        require(codes.min() >= -1 and codes.max() < term.n_levels, f"levels of '{term.factor}'")
        means = term.means
        is_same = means is None or (made.means is not None and (means == made.means).all())
        require(is_same, f"the means of '{term.factor}'")


def plain_priors(priors: PriorSet) -> dict[str, Plain]:
    """Take the priors of a model apart."""
    # The priors of all parameters, not only the user's: defaults are computed from the data, and
    # another version of bayesmix or NumPy may compute them otherwise.
    return {
        "edits": {path: _plain_prior(prior) for path, prior in priors.edits.items()},
        "leaves": [
            {
                "node": leaf.node,
                "default": _plain_prior(leaf.default),
                "prior": _plain_prior(leaf.prior),
                "is_centred": leaf.is_centred,
            }
            for leaf in priors.leaves
        ],
    }


def restore_priors(stored: Plain, design: Design, family: Family) -> PriorSet:
    """Put the priors of a model together."""
    stored = mapping(stored, "the priors")
    edits = {
        path: _restore_prior(prior)
        for path, prior in mapping(stored.get("edits"), "the priors").items()
    }
    priors = resolve_priors(design, family, edits)
    leaves = [
        mapping(leaf, "a prior") for leaf in checked(stored.get("leaves"), list[Any], "the priors")
    ]
    nodes = [leaf.get("node") for leaf in leaves]
    require(nodes == [leaf.node for leaf in priors.leaves], "the priors are of another model")
    restored = []
    for leaf, one in zip(priors.leaves, leaves, strict=True):
        default, prior = _restore_prior(one.get("default")), _restore_prior(one.get("prior"))
        for each in dict.fromkeys((default, prior)):
            check_prior(leaf.path, each, leaf.support)
        # Absent in files of format 1, in which no block was centred.
        is_centred = checked(one.get("is_centred", False), bool, "a prior")
        require(leaf.beside or not is_centred, "a prior is centred where nothing can be")
        restored.append(
            dataclasses.replace(leaf, default=default, prior=prior, is_centred=is_centred)
        )
    return dataclasses.replace(priors, leaves=tuple(restored))


def _plain_prior(prior: Prior | LKJ) -> dict[str, Plain]:
    if isinstance(prior, LKJ):
        return {"distribution": "LKJ", "parameters": {"eta": prior.eta}}
    return {"distribution": prior.distribution, "parameters": prior.parameters}


def _restore_prior(stored: Plain) -> Prior | LKJ:
    stored = mapping(stored, "a prior")
    name = checked(stored.get("distribution"), str, "a prior")
    parameters = checked(stored.get("parameters"), dict[str, float], "the parameters of a prior")
    return LKJ(**parameters) if name == "LKJ" else Prior(name, **parameters)


def restore_options(stored: Plain) -> SampleOptions:
    """Put the options of sampling together."""
    from bayesmix.model.options import SampleOptions

    stored = mapping(stored, "the options")
    checked(stored.get("random_seed"), int, "the seed")
    try:
        return record(SampleOptions, stored, "the options")
    except Damaged:
        raise
    except BayesmixError:
        # A sampler that is not installed here: a refit takes the fastest that is.
        return record(SampleOptions, stored | {"nuts_sampler": None}, "the options")
