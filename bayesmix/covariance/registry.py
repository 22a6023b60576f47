"""The covariance structures by name. A further one is a file, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bayesmix.covariance.structure import Structure
from bayesmix.covariance.unstructured import UNSTRUCTURED

__all__ = ["ENTRIES", "STRUCTURES"]

ENTRIES = {structure.name: structure for structure in (UNSTRUCTURED,)}
STRUCTURES: Mapping[str, Structure] = MappingProxyType(ENTRIES)
