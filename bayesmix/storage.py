"""A fit to one file and back: arrays and JSON in a zip archive, no pickle.

The file holds what a fit is made of: the draws, the arrays of the design, the priors, the options,
and what the encoder learnt, so that new data are encoded as before. Of the user's data it holds the
arrays of the design and the labels of rows and levels, and no other column.

Loading runs no code from the file. Arrays are read without pickle; the formula is parsed, never
evaluated as Python; it may call formulae's own functions and NumPy's elementwise ones, and for any
other the user brings the function. The state of formulae's transformations is data that is put
into objects made from the formula; a file cannot name a class or a module.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import hashlib
import inspect
import json
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from formulae import __version__ as formulae_version
from formulae.categorical import ContrastMatrix
from formulae.environment import Environment
from formulae.terms.call_resolver import LazyCall
from formulae.terms.terms import Intercept, Term
from formulae.transforms import TRANSFORMS

from bayesmix.calls import FunctionCall, MethodCall, Remembered, is_own, live_nodes, nodes, rebuild
from bayesmix.columns import Factor
from bayesmix.contrasts import CONTRASTS
from bayesmix.design import Design, Encoder, Grouping, GroupTerm
from bayesmix.effects import Effects, Namespace, Response, Side, read_response, read_side
from bayesmix.errors import BayesmixError
from bayesmix.families import get_family
from bayesmix.fitting import MixedFit
from bayesmix.formula import Bar, Formula, parse_formula
from bayesmix.priors import LKJ, Prior, PriorSet, resolve_priors
from bayesmix.spec import ModelSpec
from bayesmix.transforms import set_transforms

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.sampling import SampleOptions

__all__ = ["load", "save"]

_FORMAT = "bayesmix fit"
_FORMAT_VERSION = 1
_METADATA = "bayesmix.json"

# Functions of NumPy that a formula in a file may call besides the universal functions: they
# return numbers computed from their arguments and do nothing else.
_NUMPY_FUNCTIONS = frozenset({"around", "clip", "nan_to_num", "round", "where"})
# Those that are not NumPy's, with text.
_INDEX_DTYPES = re.compile(r"object|str|string|boolean|U?Int(8|16|32|64)|Float(32|64)")

type Plain = Any
"""None, bool, int, float, str, arrays, and lists, tuples and dicts of these."""


# --- save and load ------------------------------------------------------------------------------


def save(fit: MixedFit, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a fit to one file; see `MixedFit.save`."""
    target = Path(path)
    _check_target(target, overwrite)
    content = _plain_fit(fit)
    # Next to the target, so that the last step is one rename: the file is there whole or not at
    # all, and an older one stays until then.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                _write(archive, content)
            file.flush()
            os.fsync(file.fileno())
        _check_target(target, overwrite)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str], *, namespace: Mapping[str, Any] | None = None) -> MixedFit:
    """Read a fit that `MixedFit.save` has written.

    Loading runs no code from the file, so that a file from someone else is safe to open.

    Parameters
    ----------
    path : str or path
        The file.
    namespace : mapping, optional
        Functions and values that the formula uses and that are neither formulae's own nor NumPy's
        elementwise functions: ``{"f": f}``. A file does not hold functions.

    Returns
    -------
    MixedFit
        Its tables, its model and its encoding of new data are those of the fit that was saved.

    Raises
    ------
    BayesmixError
        The file does not exist, is none of bayesmix, is damaged, was written by a later version,
        or its formula uses a function that `namespace` does not have.

    Examples
    --------
    >>> import bayesmix as bm
    >>> fit = bm.load("sleepstudy.fit")  # doctest: +SKIP
    """
    source = Path(path)
    if not source.is_file():
        what = "is a folder" if source.is_dir() else "does not exist"
        raise BayesmixError(f"'{source}' {what}. Give the path of a file that fit.save has made.")
    with _reading(source):
        metadata, content = _read(source)
    with _reading(source, metadata):
        formula = parse_formula(content["formula"])
        response, sides = read_response(formula.response), _sides(formula)
        _set_remembered((response, *sides.values()), content)
        names = _restore_names(
            (response, *sides.values()), content["names"], dict(namespace or {}), formula
        )
        return _restore_fit(content, formula, response, sides, names)


def _check_target(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise BayesmixError(f"'{target}' is a folder. Give the path of a file.")
    if target.exists() and not overwrite:
        raise BayesmixError(
            f"'{target}' exists. Choose another path, or pass overwrite=True to replace it."
        )
    if not target.parent.is_dir():
        raise BayesmixError(f"The folder '{target.parent}' does not exist. Make it first.")


@contextlib.contextmanager
def _reading(source: Path, metadata: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Say of whatever is raised by content that is not as it was written that it is damaged."""
    try:
        yield
    except (_NotReadable, OSError):
        raise
    except (zipfile.BadZipFile, zlib.error, ArithmeticError, AttributeError, EOFError) as error:
        raise _damaged(source, metadata, error) from error
    except (LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise _damaged(source, metadata, error) from error


class _NotReadable(BayesmixError):
    """A file that is not damaged and still cannot be read."""


def _damaged(source: Path, metadata: Mapping[str, Any] | None, error: Exception) -> BayesmixError:
    reason = str(error).rstrip(".") or type(error).__name__
    saved = formulae_version if metadata is None else metadata.get("formulae")
    if saved != formulae_version:
        return BayesmixError(
            f"'{source}' was saved with formulae {saved} and cannot be read with formulae "
            f"{formulae_version} ({reason}). Install formulae {saved} to read it."
        )
    return BayesmixError(
        f"'{source}' is damaged or was changed after it was saved ({reason}). Take another copy "
        "of it, or fit the model again."
    )


# --- the archive --------------------------------------------------------------------------------


def _write(archive: zipfile.ZipFile, content: Plain) -> None:
    from bayesmix import __version__

    metadata = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "bayesmix": __version__,
        "formulae": formulae_version,
        "content": _Writer(archive).encode(content, ""),
    }
    text = json.dumps(metadata, ensure_ascii=True, allow_nan=False, indent=1)
    archive.writestr(_METADATA, text)


def _read(source: Path) -> tuple[dict[str, Any], Plain]:
    with open(source, "rb") as file:
        start = file.read(2)
    if start != b"PK":
        raise _not_ours(source)
    with zipfile.ZipFile(source) as archive:
        if _METADATA not in archive.namelist():
            raise _not_ours(source)
        metadata = json.loads(archive.read(_METADATA))
        if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
            raise _not_ours(source)
        version = metadata["format_version"]
        if version > _FORMAT_VERSION:
            from bayesmix import __version__

            raise _NotReadable(
                f"'{source}' was saved by bayesmix {metadata.get('bayesmix')} in format {version}; "
                f"bayesmix {__version__} reads formats up to {_FORMAT_VERSION}. Upgrade bayesmix."
            )
        return metadata, _Reader(archive).decode(metadata["content"])


def _not_ours(source: Path) -> _NotReadable:
    return _NotReadable(f"'{source}' is not a file that fit.save has made.")


class _Writer:
    """Turn plain values into JSON, and their arrays into members of the archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[tuple[Any, ...], str] = {}

    def encode(self, value: Plain, place: str) -> Any:
        match value:
            case np.generic() if value.dtype.kind in "biufU" and value.dtype != np.longdouble:
                return self.encode(value.item(), place)
            case np.generic():
                return self.encode(np.asarray(value), place)
            case None | bool() | int():
                return value
            case str():
                return str(value)
            case float():
                finite = np.isfinite(value)
                return float(value) if finite else {"$float": str(float(value))}
            case np.ndarray():
                return self._array(value, place)
            case list():
                return self._items(value, place)
            case tuple():
                return {"$tuple": self._items(value, place)}
            case Mapping():
                return self._mapping(value, place)
        raise BayesmixError(
            f"{place.lstrip('.')} is of type {type(value).__name__}, which cannot be saved: a file "
            "holds numbers, text and arrays. Convert it before fitting, text being a good choice "
            "for categories, or leave it out."
        )

    def _items(self, values: Iterable[Plain], place: str) -> list[Any]:
        return [self.encode(value, f"{place}[{i}]") for i, value in enumerate(values)]

    def _mapping(self, values: Mapping[Any, Plain], place: str) -> dict[str, Any]:
        if all(isinstance(key, str) and not key.startswith("$") for key in values):
            return {key: self.encode(value, f"{place}.{key}") for key, value in values.items()}
        pairs = [
            [self.encode(key, place), self.encode(value, f"{place}[{key!r}]")]
            for key, value in values.items()
        ]
        return {"$map": pairs}

    def _array(self, array: npt.NDArray[Any], place: str) -> dict[str, Any]:
        if array.dtype.kind in "biufcmMSU":
            return {"$array": self._member(array)}
        flat = array.astype(object).ravel().tolist()
        shape = list(array.shape)
        if all(type(value) is str for value in flat):
            parts = [value.encode("utf-8", "surrogatepass") for value in flat]
            ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
            text = np.frombuffer(b"".join(parts), dtype=np.uint8)
            return {"$text": [self._member(text), self._member(ends)], "shape": shape}
        return {"$objects": self._items(flat, place), "shape": shape}

    def _member(self, array: npt.NDArray[Any]) -> str:
        """Write an array, once however often it occurs: X is in the design and in the draws."""
        data = np.ascontiguousarray(array)
        transposed = array.flags.f_contiguous and not array.flags.c_contiguous
        digest = hashlib.blake2b(data.reshape(-1).view(np.uint8) if data.nbytes else b"").digest()
        key = (array.dtype.str, array.shape, transposed, digest)
        if key not in self._members:
            name = f"{len(self._members)}.npy"
            with self._archive.open(name, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
            self._members[key] = name
        return self._members[key]


class _Reader:
    """The way back; every array is read anew, so that no two values share memory."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def decode(self, node: Any) -> Plain:
        match node:
            case {"$float": value}:
                return float(value)
            case {"$tuple": values}:
                return tuple(self.decode(value) for value in values)
            case {"$map": pairs}:
                return {self.decode(key): self.decode(value) for key, value in pairs}
            case {"$array": name}:
                return self._member(name)
            case {"$text": [text, ends], "shape": shape}:
                return self._text(self._member(text), self._member(ends), shape)
            case {"$objects": values, "shape": shape}:
                return _objects([self.decode(value) for value in values], shape)
            case dict():
                return {key: self.decode(value) for key, value in node.items()}
            case list():
                return [self.decode(value) for value in node]
        return node

    def _text(self, text: npt.NDArray[Any], ends: npt.NDArray[Any], shape: list[int]) -> Plain:
        data, stops = text.tobytes(), ends.tolist()
        parts = zip([0, *stops], stops, strict=False)
        return _objects([data[a:b].decode("utf-8", "surrogatepass") for a, b in parts], shape)

    def _member(self, name: str) -> npt.NDArray[Any]:
        with self._archive.open(name) as file:
            array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            # Reading to the end makes zipfile compare the check sum.
            _require(not file.read(1), f"{name} is longer than its array")
        return array


def _objects(values: Sequence[Plain], shape: list[int]) -> npt.NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def _require(condition: object, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


# --- a fit as plain values ----------------------------------------------------------------------


def _plain_fit(fit: MixedFit) -> dict[str, Plain]:
    spec = fit.spec
    return {
        "formula": spec.design.formula.text,
        "family": {"name": spec.family.name, "link": spec.family.link},
        "priors": _plain_priors(spec.priors),
        "options": _fields(fit.options),
        "design": _plain_design(spec.design),
        "encoder": _plain_encoder(spec.design.encoder),
        "names": _plain_names(spec.design),
        "remembered": _remembered_calls(spec.design.encoder),
        "idata": _plain_tree(fit.idata),
    }


def _restore_fit(
    content: Plain, formula: Formula, response: Side, sides: Mapping[str, Side], names: Namespace
) -> MixedFit:
    encoder = _restore_encoder(content["encoder"], formula, response, sides, names)
    design = _restore_design(content["design"], formula, encoder)
    family = get_family(content["family"]["name"], content["family"]["link"])
    priors = _restore_priors(content["priors"], design, family)
    idata = _restore_tree(content["idata"])
    _check_posterior(design, idata)
    return MixedFit(ModelSpec(design, family, priors), idata, _restore_options(content["options"]))


def _fields(value: Any, *without: str) -> dict[str, Plain]:
    """Fields of a dataclass, in their order."""
    names = (field.name for field in dataclasses.fields(value))
    return {name: getattr(value, name) for name in names if name not in without}


def _plain_design(design: Design) -> dict[str, Plain]:
    return _fields(design, "formula", "encoder", "groups", "index") | {
        "groups": [_fields(term) for term in design.groups],
        "index": _plain_labels(design.index),
    }


def _restore_design(plain: Plain, formula: Formula, encoder: Encoder) -> Design:
    groups = tuple(GroupTerm(**_read_only(term)) for term in plain.pop("groups"))
    index = _restore_index(plain.pop("index"))
    design = Design(
        formula=formula, encoder=encoder, groups=groups, index=index, **_read_only(plain)
    )
    n, p = design.n_rows, design.n_terms
    _require(design.y.shape == design.rows.shape == (n,) == (len(index),), "the rows differ")
    _require(design.X.shape == (n, p), "X has another shape than its labels")
    for values in (design.offset, design.weights, design.trials):
        _require(values is None or values.shape == (n,), "the rows differ")
    for term in groups:
        q, codes = term.n_effects, term.codes
        _require(term.Z.shape == (n, q) and codes.shape == (n,), f"'{term.factor}' has other rows")
        _require(codes.min() >= -1 and codes.max() < term.n_levels, f"levels of '{term.factor}'")
        _require([k for block in term.blocks for k in block] == list(range(q)), "the blocks")
    return design


def _read_only(fields: Plain) -> Plain:
    for value in fields.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return fields


def _plain_priors(priors: PriorSet) -> dict[str, Plain]:
    # The priors of all parameters, not only the user's: defaults are computed from the data, and
    # another version of bayesmix or NumPy may compute them otherwise.
    return {
        "edits": {path: _plain_prior(prior) for path, prior in priors.edits.items()},
        "leaves": [
            {
                "node": leaf.node,
                "default": _plain_prior(leaf.default),
                "prior": _plain_prior(leaf.prior),
            }
            for leaf in priors.leaves
        ],
    }


def _restore_priors(plain: Plain, design: Design, family: Any) -> PriorSet:
    edits = {path: _restore_prior(prior) for path, prior in plain["edits"].items()}
    priors = resolve_priors(design, family, edits)
    nodes = [leaf["node"] for leaf in plain["leaves"]]
    _require(nodes == [leaf.node for leaf in priors.leaves], "the priors are of another model")
    leaves = tuple(
        dataclasses.replace(
            leaf, default=_restore_prior(stored["default"]), prior=_restore_prior(stored["prior"])
        )
        for leaf, stored in zip(priors.leaves, plain["leaves"], strict=True)
    )
    return dataclasses.replace(priors, leaves=leaves)


def _plain_prior(prior: Prior | LKJ) -> dict[str, Plain]:
    if isinstance(prior, LKJ):
        return {"distribution": "LKJ", "parameters": {"eta": prior.eta}}
    return {"distribution": prior.distribution, "parameters": prior.parameters}


def _restore_prior(plain: Plain) -> Prior | LKJ:
    if plain["distribution"] == "LKJ":
        return LKJ(**plain["parameters"])
    return Prior(plain["distribution"], **plain["parameters"])


def _restore_options(plain: Plain) -> SampleOptions:
    from bayesmix.sampling import SampleOptions

    try:
        return SampleOptions(**plain)
    except BayesmixError:
        # A sampler that is not installed here: a refit takes the fastest that is.
        return SampleOptions(**plain | {"nuts_sampler": None})


def _plain_tree(tree: xr.DataTree) -> dict[str, Plain]:
    groups = {}
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False)
        groups[node.path] = {
            "attrs": dataset.attrs,
            "coords": {name: _plain_variable(v) for name, v in dataset.coords.items()},
            "variables": {name: _plain_variable(v) for name, v in dataset.data_vars.items()},
        }
    return {"name": tree.name, "groups": groups}


def _plain_variable(variable: xr.DataArray) -> dict[str, Plain]:
    return {"dims": variable.dims, "data": variable.to_numpy(), "attrs": variable.attrs}


def _restore_tree(plain: Plain) -> xr.DataTree:
    import xarray as xr

    datasets = {}
    for path, group in plain["groups"].items():
        variables, coords = (
            {name: (v["dims"], v["data"], v["attrs"]) for name, v in group[kind].items()}
            for kind in ("variables", "coords")
        )
        datasets[path] = xr.Dataset(variables, coords, group["attrs"])
    return xr.DataTree.from_dict(datasets, name=plain["name"])


def _check_posterior(design: Design, idata: xr.DataTree) -> None:
    posterior = idata["posterior"].dataset
    sizes: dict[str, tuple[int, ...]] = {"beta": (design.n_terms,)} if design.n_terms else {}
    for term in design.groups:
        sizes[f"sd_{term.factor}"] = (term.n_effects,)
        if f"u_{term.factor}" in posterior:
            sizes[f"u_{term.factor}"] = (term.n_levels, term.n_effects)
    for name, size in sizes.items():
        _require(posterior[name].shape[2:] == size, f"the draws of {name} are of another model")


# --- labels and categories ----------------------------------------------------------------------


def _plain_labels(index: pd.Index[Any]) -> dict[str, Plain]:
    """Keep labels of rows exactly where they are numbers, text, times or intervals, else as text.

    The labels only name the rows of predictions, so that an odd one is no reason to fail.
    """
    plain = _plain_index(index)
    if plain.get("kind") == "values" and plain["values"].dtype == object:
        simple = str | int | float | bool | None
        if not all(isinstance(value, simple) for value in plain["values"].tolist()):
            return _plain_index(pd.Index([str(value) for value in index], name=index.name))
    return plain


def _plain_index(index: pd.Index[Any]) -> dict[str, Plain]:
    if isinstance(index, pd.MultiIndex):
        return {
            "kind": "levels",
            "levels": [_plain_labels(level) for level in index.levels],
            "codes": [np.asarray(codes) for codes in index.codes],
            "names": list(index.names),
        }
    plain: dict[str, Plain] = {"name": index.name}
    if isinstance(index, pd.RangeIndex):
        return plain | {"kind": "range", "range": [index.start, index.stop, index.step]}
    if isinstance(index, pd.IntervalIndex):
        ends = {side: _plain_index(getattr(index, side)) for side in ("left", "right")}
        return plain | {"kind": "intervals", "closed": index.closed, **ends}
    if isinstance(index, pd.CategoricalIndex):
        return plain | {
            "kind": "categories",
            "categories": _plain_labels(index.categories),
            "codes": np.asarray(index.codes),
            "ordered": index.ordered,
        }
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        moments = index.tz_convert("UTC").tz_localize(None).to_numpy()
        return plain | {"kind": "moments", "values": moments, "tz": str(index.tz)}
    dtype = str(index.dtype)
    known = dtype if _INDEX_DTYPES.fullmatch(dtype) else None
    return plain | {"kind": "values", "values": index.to_numpy(), "dtype": known}


def _restore_index(plain: Plain) -> Any:
    name = plain.get("name")
    match plain["kind"]:
        case "levels":
            levels: Any = [_restore_index(level) for level in plain["levels"]]
            return pd.MultiIndex(levels=levels, codes=plain["codes"], names=plain["names"])
        case "range":
            start, stop, step = plain["range"]
            return pd.RangeIndex(start, stop, step, name=name)
        case "intervals":
            left, right = (_restore_index(plain[side]) for side in ("left", "right"))
            return pd.IntervalIndex.from_arrays(left, right, plain["closed"], name=name)
        case "categories":
            values = pd.Categorical.from_codes(
                plain["codes"],
                categories=_restore_index(plain["categories"]),
                ordered=plain["ordered"],
            )
            return pd.CategoricalIndex(values, name=name)
        case "moments":
            moments: Any = pd.DatetimeIndex(plain["values"], name=name)
            return moments.tz_localize("UTC").tz_convert(plain["tz"])
        case "values":
            dtype = plain["dtype"]
            if dtype is None:
                return pd.Index(plain["values"], name=name)
            _require(_INDEX_DTYPES.fullmatch(dtype), f"the dtype {dtype}")
            return pd.Index(plain["values"], dtype=dtype, name=name)
    raise ValueError(f"an index of kind {plain['kind']}")


# --- the encoder --------------------------------------------------------------------------------


def _plain_encoder(encoder: Encoder) -> dict[str, Plain]:
    return {
        "weights": encoder.weights,
        "categories": {
            name: None if categories is None else _plain_index(categories)
            for name, categories in encoder.categories.items()
        },
        "response": _fields(encoder.response, "_component", "_environment")
        | {"component": _plain_component(encoder.response._component)},
        "common": _plain_effects(encoder.common),
        "bars": {text: _plain_effects(effects) for text, effects in encoder.bars.items()},
        "groupings": [
            {
                "factor": _plain_factor(grouping.factor),
                "bars": [_fields(bar) for bar in grouping.bars],
                "means": grouping.means,
            }
            for grouping in encoder.groupings
        ],
    }


def _restore_encoder(
    plain: Plain, formula: Formula, response: Side, sides: Mapping[str, Side], names: Namespace
) -> Encoder:
    environment = Environment([names])
    bars = {
        text: _restore_effects(effects, sides[text], environment)
        for text, effects in plain["bars"].items()
    }
    groupings = tuple(
        Grouping(
            _restore_factor(one["factor"]),
            tuple(Bar(**bar) for bar in one["bars"]),
            # Absent in files of a version in which no block was centred.
            one.get("means"),
        )
        for one in plain["groupings"]
    )
    _require(
        all(bar.effects in bars for grouping in groupings for bar in grouping.bars)
        and {bar for grouping in groupings for bar in grouping.bars} <= set(formula.bars),
        "the bars are those of another formula",
    )
    return Encoder(
        formula=formula,
        response=_restore_response(plain["response"], response, environment),
        common=_restore_effects(plain["common"], sides[formula.common], environment),
        bars=bars,
        groupings=groupings,
        categories={
            name: None if categories is None else _restore_index(categories)
            for name, categories in plain["categories"].items()
        },
        weights=plain["weights"],
    )


def _plain_factor(factor: Factor) -> dict[str, Plain]:
    return {
        "variables": factor.variables,
        "levels": factor.levels,
        "labels": [np.array(list(labels), dtype=object) for labels in factor._positions],
        "keys": factor._keys,
    }


def _restore_factor(plain: Plain) -> Factor:
    positions = tuple(
        {label: i for i, label in enumerate(labels.tolist())} for labels in plain["labels"]
    )
    return Factor(plain["variables"], plain["levels"], positions, plain["keys"])


def _sides(formula: Formula) -> dict[str, Side]:
    texts = (formula.common, *(bar.effects for bar in formula.bars))
    return {text: read_side(text) for text in dict.fromkeys(texts)}


def _restore_response(plain: Plain, side: Side, environment: Environment) -> Response:
    (component,) = side.components
    stored = plain.pop("component")
    _restore_component(component, stored, environment)
    return Response(_component=component, _environment=environment, **plain)


def _plain_effects(effects: Effects) -> dict[str, Plain]:
    return _fields(effects, "text", "_terms", "_offsets") | {
        "terms": [
            {
                "kind": term.kind,
                "components": [_plain_component(c) for c in getattr(term, "components", ())],
            }
            for term in effects._terms
        ],
        "offsets": [_plain_component(component) for component in effects._offsets],
    }


def _restore_effects(plain: Plain, side: Side, environment: Environment) -> Effects:
    parsed = {(part.name, hasattr(part, "call")): part for part in side.components}

    def restored(stored: Plain) -> Any:
        # A copy: formulae may have used one part of the text in several terms.
        component = copy.deepcopy(parsed[stored["name"], stored["is_call"]])
        _restore_component(component, stored, environment)
        return component

    terms: list[Any] = []
    for stored in plain.pop("terms"):
        if stored["kind"] == "intercept":
            terms.append(Intercept())
        else:
            terms.append(Term(*map(restored, stored["components"])))
            terms[-1].kind = stored["kind"]
    offsets = tuple(map(restored, plain.pop("offsets")))
    effects = Effects(text=side.text, _terms=tuple(terms), _offsets=offsets, **plain)
    spanned = [k for span in effects.spans for k in span]
    _require(spanned == list(range(len(effects.labels))), "the columns of the effects")
    _require(tuple(term.name for term in terms) == effects.names, "the names of the terms")
    return effects


# --- what formulae has learnt -------------------------------------------------------------------


def _plain_component(component: Any) -> dict[str, Plain]:
    """Take what a variable or call of formulae has learnt, without its data."""
    levels, contrast = component.levels, component.contrast_matrix
    return {
        "name": component.name,
        "is_call": hasattr(component, "call"),
        "kind": component.kind,
        "levels": None if levels is None else _plain_index(pd.Index(levels)),
        "contrast": None
        if contrast is None
        else {"matrix": contrast.matrix, "labels": list(contrast.labels)},
        "spans_intercept": component.spans_intercept,
        "transforms": [
            None if node.stateful_transform is None else _plain_state(node.stateful_transform)
            for node in _calls(component)
        ],
    }


def _restore_component(component: Any, plain: Plain, environment: Environment) -> None:
    """Put what was learnt into a variable or call that was read from the formula."""
    _require(component.name == plain["name"], f"the term {component.name}")
    set_transforms(component)
    component.kind = plain["kind"]
    component.spans_intercept = plain["spans_intercept"]
    if plain["levels"] is not None:
        component.levels = _restore_index(plain["levels"]).tolist()
    if plain["contrast"] is not None:
        component.contrast_matrix = ContrastMatrix(**plain["contrast"])
    component.env = environment
    for node, state in zip(_calls(component), plain["transforms"], strict=True):
        if state is None:
            continue
        if isinstance(node, FunctionCall) and state["class"] == Remembered.__name__:
            node.stateful_transform = Remembered(None)
        elif node.stateful_transform is None:
            maker = _attribute(environment.namespace[node.callee.partition(".")[0]], node.callee)
            is_stateful = getattr(maker, "__stateful_transform__", False)
            _require(is_stateful, f"{node.callee} is no transformation that learns")
            node.stateful_transform = maker()
        _restore_state(node.stateful_transform, state)


def _calls(component: Any) -> list[Any]:
    return [node for node in nodes(component) if isinstance(node, LazyCall)]


def _plain_state(transform: Any) -> dict[str, Plain]:
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
            objects[name] = _plain_state(value)
        else:
            values[name] = value
    return plain | {"values": values, "objects": objects, "splines": splines}


def _restore_state(transform: Any, plain: Plain) -> None:
    """Put plain values into a transformation that the formula has made."""
    attributes = vars(transform)
    kept = {name for name, value in attributes.items() if callable(value)}
    stored = {*plain["values"], *plain["objects"], *plain["splines"]}
    _require(
        plain["class"] == type(transform).__name__ and attributes.keys() - kept <= stored,
        f"the state of {plain['class']} is not that of {type(transform).__name__}",
    )
    _require(not kept & (stored - plain["objects"].keys()), f"the state of {plain['class']}")
    attributes.update(plain["values"])
    for name, nested in plain["objects"].items():
        _restore_state(attributes[name], nested)
    for name, spline in plain["splines"].items():
        attributes[name] = _spline(**spline)


def _spline(c: npt.NDArray[Any], x: npt.NDArray[Any], extrapolate: Any, axis: int) -> Any:
    from scipy.interpolate import PPoly

    return PPoly(c, x, extrapolate=extrapolate, axis=axis)


# --- names that a formula uses ------------------------------------------------------------------


def _plain_names(design: Design) -> dict[str, Plain]:
    """Tell for each name of the formula that is no column what a file can say of it."""
    encoder = design.encoder
    namespace = encoder.response._environment.namespace
    plain: dict[str, Plain] = {}
    for component in _all_components(encoder):
        for node in live_nodes(component):
            is_call = isinstance(node, LazyCall)
            name = node.callee.partition(".")[0] if is_call else node.name
            if not isinstance(node, MethodCall) and (is_call or name not in encoder.categories):
                plain[name] = _plain_name(name, namespace[name])
    return plain


def _all_components(encoder: Encoder) -> Iterator[Any]:
    yield encoder.response._component
    for effects in (encoder.common, *encoder.bars.values()):
        for term in effects._terms:
            yield from getattr(term, "components", ())
        yield from effects._offsets


def _remembered_calls(encoder: Encoder) -> list[str]:
    """List the functions and variables of which only values that are remembered are needed."""
    components = list(_all_components(encoder))
    live = {_name(node) for component in components for node in live_nodes(component)}
    every = {_name(node) for component in components for node in nodes(component)}
    return sorted(every - live - set(encoder.categories))


def _name(node: Any) -> str:
    return str(node.callee if isinstance(node, LazyCall) else node.name)


def _set_remembered(sides: Iterable[Side], content: Plain) -> None:
    """Put calls in place that can remember; those whose function is not in the file only do."""
    # Absent in files of a version that remembered nothing.
    remembered = content.get("remembered", [])
    for component in (part for side in sides for part in side.components):
        rebuild(component, content["encoder"]["categories"], content["names"])
        for node in nodes(component):
            if isinstance(node, FunctionCall) and node.callee in remembered:
                node.stateful_transform = Remembered(None)


def _plain_name(name: str, value: Any) -> dict[str, Plain]:
    if is_own(name):
        return {"is": "formulae"}
    if value is np:
        return {"is": "numpy"}
    own_name = getattr(value, "__name__", None)
    if _is_ufunc(own_name) and getattr(np, str(own_name)) is value:
        return {"is": "ufunc", "value": own_name}
    if isinstance(value, bool | int | float | str | np.number | np.bool_ | np.ndarray):
        return {"is": "value", "value": value}
    return {"is": "given"}


def _restore_names(
    sides: Sequence[Side], plain: Plain, given: dict[str, Any], formula: Formula
) -> Namespace:
    """Find everything that the formula names and that is no column, and refuse the rest.

    What a name stands for is decided here and not by the file: formulae's own functions, the
    elementwise functions of NumPy, what the user has given, and plain values of the file.
    """
    names = Namespace()
    for side in sides:
        live = [node for component in side.components for node in live_nodes(component)]
        calls = [node for node in live if isinstance(node, LazyCall)]
        for name in (node.callee for node in calls if not isinstance(node, MethodCall)):
            root = name.partition(".")[0]
            if is_own(name):
                names[root] = {**TRANSFORMS, **CONTRASTS}[name]
            elif root in given:
                names[root] = given[root]
                if not callable(_attribute(given[root], name)):
                    raise _NotReadable(f"namespace['{root}'] gives no function for '{name}'.")
            elif plain.get(root) == {"is": "numpy"} and _is_elementwise(name.partition(".")[2]):
                names[root] = np
            elif (stored := plain.get(root, {})).get("is") == "ufunc" and _is_ufunc(
                stored["value"]
            ):
                names[root] = getattr(np, stored["value"])
            else:
                raise _needed(f"calls {name}()", root, formula)
        for name in (node.name for node in live if not isinstance(node, LazyCall)):
            if name not in plain:
                continue
            if name in CONTRASTS:
                names[name] = CONTRASTS[name]
            elif name in given:
                names[name] = given[name]
            elif plain[name].get("is") == "value":
                names[name] = plain[name]["value"]
            else:
                raise _needed(f"uses '{name}'", name, formula)
    return names


def _needed(what: str, name: str, formula: Formula) -> _NotReadable:
    return _NotReadable(
        f"The formula '{formula.text}' {what}, which is not in the file, since a file holds no "
        f"functions. Pass it: bm.load(path, namespace={{'{name}': {name}}})."
    )


def _is_ufunc(name: object) -> bool:
    return isinstance(name, str) and isinstance(getattr(np, name, None), np.ufunc)


def _is_elementwise(name: str) -> bool:
    return name in _NUMPY_FUNCTIONS or _is_ufunc(name)


def _attribute(root: Any, name: str) -> Any:
    """Follow the dots of a function's name from what its first part stands for."""
    for part in name.split(".")[1:]:
        root = getattr(root, part, None)
    return root
