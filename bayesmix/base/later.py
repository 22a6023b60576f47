"""Methods whose modules are imported when they are first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Later"]


class Later:
    """A function of a module that becomes a method of the class once it is asked for."""

    def __init__(self, module: str, function: str) -> None:
        self.module = module
        self.function = function

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner = owner
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        """Import the function, put it in the place of this, and return it as Python would."""
        function = getattr(import_module(self.module), self.function)
        setattr(self.owner, self.name, function)
        return getattr(owner if instance is None else instance, self.name)
