"""The types that hold the columns of all files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesmix.base.errors import BayesmixError
from bayesmix.streams.arrow import is_text
from bayesmix.streams.naming import naming

__all__ = ["common_schema", "recast"]


def common_schema(dataset: Any) -> Any:
    """Find types that hold the columns of all files; whole numbers beside others are those."""
    import pyarrow as pa

    found = {name: dataset.schema.field(name) for name in dataset.schema.names}
    files = dict.fromkeys(found, dataset.files[0])
    for fragment in dataset.get_fragments():
        with naming(f"'{fragment.path}'"):
            for field in fragment.physical_schema:
                known = found.setdefault(field.name, field)
                files.setdefault(field.name, fragment.path)
                if pa.types.is_null(known.type):  # of a column without any value
                    found[field.name], files[field.name] = field, fragment.path
                elif not pa.types.is_null(field.type):
                    found[field.name] = _common_field(known, field, files[field.name])
    return pa.schema(list(found.values()))


def _common_field(known: Any, field: Any, first: str) -> Any:
    """Find the field that holds the values of two files."""
    import pyarrow as pa

    if known.type == field.type:
        return known
    if _kind(known.type) != _kind(field.type):
        raise BayesmixError(
            f"column '{field.name}' has the type {field.type}, and {known.type} in '{first}'. "
            "Write one of the files again, with the type of the other: table.cast(schema)."
        )
    if _kind(known.type) != "numbers":
        return known
    both = [pa.schema([known]), pa.schema([field.with_name(known.name)])]
    return pa.unify_schemas(both, promote_options="permissive").field(0)


def _kind(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "numbers"
    return "text" if is_text(kind) else str(kind).partition("<")[0]


def recast(own: Any, common: Any, names: Sequence[str]) -> tuple[str, ...]:
    """Say which columns of a file are read with another type, for the case that they cannot be."""
    found = [
        f"'{name}' is {own.field(name).type} here and read as {common.field(name).type}"
        for name in names
        if name in own.names and own.field(name).type != common.field(name).type
    ]
    if not found:
        return ()
    remedy = "because of the other files: write all with the same types. If the file is damaged"
    return (f"Column {', '.join(found)} {remedy}, write it again, or leave it out.",)
