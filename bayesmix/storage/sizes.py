"""Sizes that the arrays of a file claim, compared with each other before any is unpacked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesmix.storage.archive import Archive, require
from bayesmix.storage.records import checked, mapping

__all__ = ["check_sizes"]


def check_sizes(archive: Archive, content: Any) -> None:
    """Compare the sizes of columns with the number of rows, and those of the draws by their dims.

    Parameters
    ----------
    archive : Archive
    content : JSON
        Not decoded yet.

    Raises
    ------
    Damaged
        Columns have different numbers of rows, or a dim of the draws two sizes.
    """
    content = mapping(content, "the content")
    rows = _shape(archive, content.get("rows"))
    require(rows is not None and len(rows) == 1, "the rows")
    for column in _values(content.get("columns"), "the columns"):
        for part in ("values", "codes"):
            require(_shape(archive, mapping(column, "a column").get(part)) in (None, rows), _ROWS)
    assert rows is not None
    idata = mapping(content.get("idata"), "idata")
    for path, group in mapping(idata.get("groups"), "the groups of idata").items():
        sizes = {"obs": rows[0]}
        for kind in ("coords", "variables"):
            for variable in _values(mapping(group, path).get(kind), path):
                _check_dims(archive, mapping(variable, path), sizes, path)


_ROWS = "the rows differ"


def _shape(archive: Archive, node: Any) -> tuple[int, ...] | None:
    match node:
        case {"$array": name}:
            return archive.shape(name)
    return None


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
    shape = _shape(archive, variable.get("data"))
    if shape is not None:
        require(len(dims) == len(shape), f"the dims of {path}")
        for dim, size in zip(dims, shape, strict=True):
            require(sizes.setdefault(dim, size) == size, f"{dim} has two sizes in {path}")
