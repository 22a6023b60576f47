"""A fit to one file and back: arrays and JSON in a zip archive, no pickle.

The file holds what the fit was prepared from: formula, family, priors, options and the used columns
of the rows, and the draws. Loading prepares the model again from these, compares a digest of its
design, and attaches the draws.

Loading runs no code from the file. Arrays are read without pickle; the formula is parsed, never
evaluated as Python; it may call formulae's own functions and NumPy's elementwise ones, and for any
other the user brings the function.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from formulae import __version__ as formulae_version

from bayesmix.base.arguments import shown, true_or_false
from bayesmix.base.errors import BayesmixError, DesignWarning, warn
from bayesmix.base.version import __version__
from bayesmix.design.design import Design
from bayesmix.design.names import prefix_of
from bayesmix.families.registry import FAMILIES, is_known
from bayesmix.posterior.fitted import Fitted
from bayesmix.storage.archive import METADATA, Archive, require, write_json
from bayesmix.storage.files import as_path, regular_file, replaced_file, system_errors
from bayesmix.storage.labels import saved_as_text
from bayesmix.storage.names import NotGiven
from bayesmix.storage.plain import Writer, decode
from bayesmix.storage.records import checked, fields_of, mapping
from bayesmix.storage.sizes import check_sizes
from bayesmix.storage.specs import plain_spec, restore_options, restore_spec
from bayesmix.storage.trees import plain_tree, restore_tree
from bayesmix.streams.more_rows import forgetting_rows

__all__ = ["read", "save"]

_FORMAT = "bayesmix fit"
# 1 and 2 held the arrays of the design and the state of formulae's transformations.
_FORMAT_VERSION = 3


def save(
    fit: Fitted,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    cross_products: bool = False,
) -> None:
    """Write the fit to one file, for `bayesmix.load`.

    The file holds the draws, the priors, the options, and of the data **the columns that the model
    uses, as they are**: those of the formula and the weights, for the rows that were fitted, with
    the labels of these rows. With ``I(age > 65)`` it holds the ages. Whoever has the file has these
    columns; no other column of the data frame is in it. There is no pickle in it.

    Parameters
    ----------
    fit : Fitted
    path : str or path
        The file; any suffix.
    overwrite : bool
        Replace a file that exists. Until the new one is complete, the old one stays; its mode
        passes on. A symbolic link stays one, and the file that it leads to is written.
    cross_products : bool
        Write sums over the rows in place of the rows, for a Gaussian model by the exact method: the
        fit that is loaded takes ``update(rows=...)``, and has forgotten its rows but for one of
        each level and category. A fit without rows is saved so in any case.

    Raises
    ------
    BayesmixError
        The path exists, is none or no regular file, the system refuses it, the fit holds a value
        that a file cannot hold, or it is one of a part of the rows of its design.

    Warns
    -----
    DesignWarning
        Labels of the rows are objects that a file has no word for, and come back as text.
    """
    true_or_false("overwrite", overwrite)
    true_or_false("cross_products", cross_products)
    if cross_products:
        fit = _without_rows(fit)
    if not is_known(fit.family):
        raise BayesmixError(
            f"A file holds the name of a family, and {fit.family.name!r} is none of those that "
            f"have one: {', '.join(FAMILIES)}."
        )
    if fit.design.totals is None and (lost := saved_as_text(fit.design.index)):
        warn(
            f"Some labels of the rows are {type(lost[0]).__name__} objects ({shown(lost[0])}), for "
            "which a file has no word: bm.load gives text. Numbers, text, dates and times stay "
            "what they are: fit data with such an index, or with data.reset_index(drop=True).",
            DesignWarning,
        )
    content = plain_spec(fit.spec) | {"options": fields_of(fit.options)}
    with (
        replaced_file(as_path(path), overwrite=bool(overwrite)) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        writer = Writer(archive)
        encoded = writer.encode(content, "")
        if fit.design.totals is None:
            writer.know(_known_arrays(fit.design))
        encoded["idata"] = writer.encode(plain_tree(fit.idata), "idata")
        metadata = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            **_versions(),
            "content": encoded,
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
        metadata: dict[str, Any] = {}
        with open(source, "rb") as file, _reading(source, metadata):
            start = file.read(2)
            if start != b"PK":
                raise _not_ours(source, start)
            archive = Archive(file, found.st_size)
            if METADATA not in archive:
                raise _not_ours(source, start)
            _read_metadata(archive, source, metadata)
            check_sizes(archive, metadata["content"])
            return _restore_fit(archive, metadata["content"], dict(namespace or {}))


class _NotReadable(BayesmixError):
    """A file that is not damaged and still cannot be read."""


def _not_ours(source: Path, start: bytes) -> _NotReadable:
    kinds = {b"": "It is empty. ", b"PK": "It is another zip archive. "}
    pickled = start[:1] == b"\x80"
    kind = "It is a pickle, which pickle.load reads. " if pickled else kinds.get(start, "")
    return _NotReadable(
        f"'{source}' is not a file that fit.save has made. {kind}Save the fit with "
        "fit.save('model.fit') and give that path; bm.load reads no other files."
    )


def _read_metadata(archive: Archive, source: Path, metadata: dict[str, Any]) -> None:
    """Read what stands above the content, into `metadata`."""
    read = archive.json()
    if not isinstance(read, dict) or read.get("format") != _FORMAT:
        raise _not_ours(source, b"PK")
    version = checked(read.get("format_version"), int, "the version of the format")
    if version > _FORMAT_VERSION:
        raise _NotReadable(
            f"'{source}' was saved by bayesmix {read.get('bayesmix')} in format {version}; "
            f"bayesmix {__version__} reads format {_FORMAT_VERSION}. Upgrade bayesmix."
        )
    if version < _FORMAT_VERSION:
        raise _NotReadable(
            f"'{source}' was fitted by an older bayesmix (format {version}; bayesmix {__version__} "
            f"reads {_FORMAT_VERSION}). Fit the model again and save it again."
        )
    for library in _versions():
        checked(read.get(library), str, f"the version of {library}")
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
    except OSError:
        raise
    except (_NotReadable, NotGiven) as error:
        raise BayesmixError(str(error)) from error.__cause__
    except Exception as error:
        raise _damaged(source, metadata, error) from error


def _damaged(source: Path, metadata: Mapping[str, Any], error: Exception) -> BayesmixError:
    lines = str(error).strip().splitlines()  # those of a FormulaError show the formula
    reason = (lines[0].rstrip(".") if lines else type(error).__name__)[:300]
    for library, here in _versions().items():
        saved = metadata.get(library, here)
        if saved != here:
            return BayesmixError(
                f"'{source}' was saved with {library} {saved} and cannot be read with {library} "
                f"{here} ({reason}). Install {library} {saved} to read it."
            )
    return BayesmixError(
        f"'{source}' is damaged or was changed after it was saved ({reason}). Take another copy "
        "of it, or fit the model again."
    )


def _versions() -> dict[str, str]:
    """Versions of what makes a design of a formula."""
    return {"formulae": formulae_version, "bayesmix": __version__}


# --- a fit as plain values ----------------------------------------------------------------------


def _known_arrays(design: Design) -> dict[str, npt.NDArray[Any]]:
    """Arrays that the draws repeat as constant data, and that need not be in the file."""
    one = {"y": design.y, "weights": design.weights}
    for part in design.parts:
        start = prefix_of(part.predictor)
        one |= {f"{start}X": part.X, f"{start}offset": part.offset}
    known: dict[str, npt.NDArray[Any]] = {
        name: values for name, values in one.items() if values is not None
    }
    for i, term in enumerate(design.every_group):
        known |= {f"Z {i}": term.Z, f"levels {i}": term.levels}
        known[f"codes {i}"] = term.codes.astype(np.int32)
    return known


def _without_rows(fit: Fitted) -> Fitted:
    """Return a fit that knows sums in place of its rows."""
    import xarray as xr

    groups = {
        name: xr.Dataset() if name in ("observed_data", "constant_data") else node.dataset
        for name, node in fit.idata.children.items()
    }
    tree = xr.DataTree.from_dict(groups)
    tree.attrs.update(fit.idata.attrs)
    spec = forgetting_rows(
        fit.spec,
        "cross_products=True writes sums in place of the rows",
        "Leave cross_products out: then the file holds the rows",
    )
    return dataclasses.replace(fit, spec=spec, idata=tree)


def _restore_fit(archive: Archive, content: Any, given: Mapping[str, Any]) -> Fitted:
    content = mapping(content, "the content")
    idata = content.pop("idata", None)
    stored = mapping(decode(archive, content), "the content")
    options = restore_options(stored.get("options"))
    spec = restore_spec(stored, given)
    known = _known_arrays(spec.design) if spec.design.totals is None else {}
    draws = decode(archive, idata, known)
    return Fitted(spec, restore_tree(draws, spec), options)
