"""Addresses of files in an object store or on the web: how to open what paths cannot name."""

from __future__ import annotations

import glob
import os
import re

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError

__all__ = ["check_no_address"]

# One slash is left of two where a path of pathlib was made of it.
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+(?P<rest>.*)", re.DOTALL)
# Those that pyarrow opens by itself.
_NATIVE = ("abfs", "abfss", "file", "gcs", "gs", "hdfs", "s3")
_OTHER_READERS = (".csv", ".tsv", ".txt", ".json", ".xls", ".xlsx", ".feather", ".gz", ".zip")


def check_no_address(text: str, argument: str) -> None:
    """Raise for an address of Parquet files; what reads other files is said elsewhere."""
    found = _ADDRESS.fullmatch(text)
    if found is None or os.path.exists(text) or text.lower().endswith(_OTHER_READERS):
        return
    scheme, rest = found["scheme"].lower(), found["rest"]
    address = f"{scheme}://{rest}" if scheme != "file" else f"file:///{rest}"
    files, filesystem, before = shown(address), "", ""
    if glob.has_magic(rest) or scheme not in _NATIVE:
        filesystem, before = ", filesystem=store", f"store = fsspec.filesystem('{scheme}'); "
        files = f"store.glob({files})" if glob.has_magic(rest) else files
    raise BayesmixError(
        f"{argument}={shown(text)} is an address, and paths are those of files and folders of this "
        f"machine. Open it with pyarrow, and give the dataset: {before}{argument} = "
        f"pyarrow.dataset.dataset({files}, format='parquet'{filesystem}). Keys and regions are "
        "arguments of the filesystem (pyarrow.fs, fsspec)."
    )
