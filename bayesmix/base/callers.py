"""Names that a formula may use from where a verb was called."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["namespace_of_caller"]


def namespace_of_caller() -> dict[str, Any]:
    """Return the names where the function that asks was called."""
    frame = sys._getframe(2)
    return {**frame.f_globals, **frame.f_locals}
