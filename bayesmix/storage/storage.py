"""A fit to one file and back: arrays and JSON in a zip archive, no pickle.

The file holds what a fit is made of: the draws, the arrays of the design, the priors, the options,
and what the encoder learnt, so that new data are encoded as before. Of the user's data it holds the
arrays of the design and the labels of rows and levels, and no other column.

Loading runs no code from the file. Arrays are read without pickle; the formula is parsed, never
evaluated as Python; it may call formulae's own functions and NumPy's elementwise ones, and for any
other the user brings the function. The state of formulae's transformations is data that is put
into objects made from the formula; a file cannot name a class or a module. What the file says is
held against what the formula makes of it, so that a file that loads is one that can be used.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from formulae import __version__ as formulae_version

from bayesmix.base.arguments import true_or_false
from bayesmix.base.errors import BayesmixError
from bayesmix.base.version import __version__
from bayesmix.families.registry import FAMILIES, get_family, is_known
from bayesmix.formula.formula import parse_formula
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.storage.archive import METADATA, Archive, require, write_json
from bayesmix.storage.encoding import NotGiven, plain_encoder, plain_names, restore_encoder
from bayesmix.storage.files import as_path, regular_file, replaced_file, system_errors
from bayesmix.storage.plain import Plain, Writer, decode
from bayesmix.storage.records import checked, fields_of, mapping
from bayesmix.storage.specs import (
    check_sizes,
    plain_design,
    plain_priors,
    restore_design,
    restore_options,
    restore_priors,
)
from bayesmix.storage.trees import plain_tree, restore_tree

__all__ = ["read", "save"]

_FORMAT = "bayesmix fit"
# 2: a correlated block may be centred; what format 1 lacks has the default of its field.
_FORMAT_VERSION = 2


def save(fit: Fitted, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write the fit to one file, for `bayesmix.load`.

    The file holds the draws, the arrays of the design, the priors and the options; not the
    data frame, and no pickle.

    Parameters
    ----------
    fit : Fitted
    path : str or path
        The file; any suffix.
    overwrite : bool
        Replace a file that exists. Until the new one is complete, the old one stays; its mode
        passes on. A symbolic link stays one, and the file that it leads to is written.

    Raises
    ------
    BayesmixError
        The path exists, is none or no regular file, the system refuses it, or the fit holds a
        value that a file cannot hold.
    """
    true_or_false("overwrite", overwrite)
    content = _plain_fit(fit)
    with (
        replaced_file(as_path(path), overwrite=bool(overwrite)) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        metadata = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "bayesmix": __version__,
            "formulae": formulae_version,
            "content": Writer(archive).encode(content, ""),
        }
        write_json(archive, metadata)


def read(path: str | os.PathLike[str], *, namespace: Mapping[str, Any] | None = None) -> Fitted:
    """Read a fit that `save` has written; see `bayesmix.load`."""
    source = as_path(path)
    if not isinstance(namespace, Mapping | None):
        raise BayesmixError(
            f"namespace is a {type(namespace).__name__}; give a mapping of names to functions and "
            "values, such as {'f': f}."
        )
    with system_errors("read", source):
        found = regular_file(source)
        if found is None:
            raise BayesmixError(
                f"'{source}' does not exist. Give the path of a file that fit.save has made."
            )
        with open(source, "rb") as file:
            if file.read(2) != b"PK":
                raise _not_ours(source)
            metadata: dict[str, Any] = {}
            with _reading(source, metadata):
                archive = Archive(file, found.st_size)
                if METADATA not in archive:
                    raise _not_ours(source)
                _read_metadata(archive, source, metadata)
                check_sizes(archive, metadata["content"])
                content = decode(archive, metadata["content"])
                return _restore_fit(mapping(content, "the content"), dict(namespace or {}))


class _NotReadable(BayesmixError):
    """A file that is not damaged and still cannot be read."""


def _not_ours(source: Path) -> _NotReadable:
    return _NotReadable(f"'{source}' is not a file that fit.save has made.")


def _read_metadata(archive: Archive, source: Path, metadata: dict[str, Any]) -> None:
    """Read what stands above the content, into `metadata`."""
    read = archive.json()
    if not isinstance(read, dict) or read.get("format") != _FORMAT:
        raise _not_ours(source)
    version = checked(read.get("format_version"), int, "the version of the format")
    if version > _FORMAT_VERSION:
        raise _NotReadable(
            f"'{source}' was saved by bayesmix {read.get('bayesmix')} in format {version}; "
            f"bayesmix {__version__} reads formats up to {_FORMAT_VERSION}. Upgrade bayesmix."
        )
    checked(read.get("formulae"), str, "the version of formulae")
    require("content" in read, "there is no content")
    metadata.update(read)


@contextlib.contextmanager
def _reading(source: Path, metadata: Mapping[str, Any]) -> Iterator[None]:
    """Say of whatever is raised by content that is not as it was written that it is damaged.

    formulae, pandas and xarray are given what the file says; what they raise on content that no
    check has found is theirs, and of any type.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except (_NotReadable, NotGiven, OSError):
        raise
    except Exception as error:
        raise _damaged(source, metadata, error) from error


def _damaged(source: Path, metadata: Mapping[str, Any], error: Exception) -> BayesmixError:
    lines = str(error).strip().splitlines()  # those of a FormulaError show the formula
    reason = (lines[0].rstrip(".") if lines else type(error).__name__)[:300]
    saved = metadata.get("formulae", formulae_version)
    if saved != formulae_version:
        return BayesmixError(
            f"'{source}' was saved with formulae {saved} and cannot be read with formulae "
            f"{formulae_version} ({reason}). Install formulae {saved} to read it."
        )
    return BayesmixError(
        f"'{source}' is damaged or was changed after it was saved ({reason}). Take another copy "
        "of it, or fit the model again."
    )


# --- a fit as plain values ----------------------------------------------------------------------


def _plain_fit(fit: Fitted) -> dict[str, Plain]:
    spec = fit.spec
    if not is_known(spec.family):
        raise BayesmixError(
            f"A file holds the name of a family, and {spec.family.name!r} is none of those that "
            f"have one: {', '.join(FAMILIES)}."
        )
    return {
        "formula": spec.design.formula.text,
        "family": {"name": spec.family.name, "link": spec.family.link},
        "priors": plain_priors(spec.priors),
        "options": fields_of(fit.options),
        "design": plain_design(spec.design),
        "encoder": plain_encoder(spec.design.encoder),
        "names": plain_names(spec.design),
        "idata": plain_tree(fit.idata),
    }


def _restore_fit(content: dict[str, Plain], given: Mapping[str, Any]) -> Fitted:
    text = checked(content.get("formula"), str, "the formula")
    formula = parse_formula(text, namespace=given)
    plain_design = mapping(content.get("design"), "the design")
    n = len(checked(plain_design.get("y"), np.typing.NDArray[np.float64], "the response"))
    encoder = restore_encoder(content.get("encoder"), formula, content.get("names"), given, n)
    names = mapping(content.get("family"), "the family")
    family = get_family(
        checked(names.get("name"), str, "the family"), checked(names.get("link"), str, "the link")
    )
    design = restore_design(plain_design, formula, encoder, family)
    priors = restore_priors(content.get("priors"), design, family)
    spec = ModelSpec(design, family, priors)
    options = restore_options(content.get("options"))
    return Fitted(spec, restore_tree(content.get("idata"), spec), options)
