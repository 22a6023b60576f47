"""Names of parameters in a text: the longest that stands at a place, spaces aside."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping

from bayesmix.base.errors import FormulaError

__all__ = ["MOST_CHARACTERS", "Match", "Spelling", "number_at", "plain_text"]

MOST_CHARACTERS = 1_000

_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
# What may follow a name that could go on: with one of these behind it, it is another name.
_GOES_ON = re.compile(r"[\w.:\[(@$]")
_PLAIN = re.compile(r"[^\W\d][\w.]*(?::[\w.]+)*")


@dataclasses.dataclass(frozen=True)
class Match:
    """A name in a text.

    Attributes
    ----------
    name, label : str
        As it is spelled among the names, and the parameter that it stands for.
    stop : int
        Where the text goes on.
    """

    name: str
    label: str
    stop: int

    @property
    def is_plain(self) -> bool:
        """Whether it cannot be read as anything else."""
        return _PLAIN.fullmatch(self.name) is not None


@dataclasses.dataclass(frozen=True, eq=False)
class Spelling:
    """The names that a text may have.

    Attributes
    ----------
    labels : mapping of str to str
        Name -> label of the parameter.
    """

    labels: Mapping[str, str]

    @functools.cached_property
    def _by_start(self) -> dict[str, list[str]]:
        """First character -> names, the longest first."""
        found: dict[str, list[str]] = {}
        for name in sorted(self.labels, key=len, reverse=True):
            found.setdefault(name[:1], []).append(name)
        return found

    @functools.cached_property
    def _without_spaces(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.labels:
            found.setdefault("".join(name.split()), []).append(name)
        return found

    def at(self, text: str, start: int) -> Match | None:
        """Find the longest name that begins at a place."""
        best: Match | None = None
        for name in self._by_start.get(text[start : start + 1], ()):
            stop = _end_of(name, text, start)
            if stop is None or _goes_on(text, stop):
                continue
            match = Match(name, self.labels[name], stop)
            # Of names that differ by spaces only, the one that is spelled as the text.
            is_exact = text.startswith(name, start)
            if best is None or stop > best.stop or (stop == best.stop and is_exact):
                best = match
        return best

    def named(self, text: str) -> str | None:
        """Find the label of a whole name, spaces aside where that leaves one only."""
        if text in self.labels:
            return self.labels[text]
        same = {self.labels[name] for name in self._without_spaces.get("".join(text.split()), ())}
        return same.pop() if len(same) == 1 else None

    def without(self, label: str) -> Spelling:
        """Return the names of all other parameters."""
        return Spelling({name: own for name, own in self.labels.items() if own != label})


def number_at(text: str, start: int) -> tuple[float, int] | None:
    """Read the number that begins at a place; return it, and where the text goes on."""
    match = _NUMBER.match(text, start)
    return None if match is None else (float(match[0]), match.end())


def _end_of(name: str, text: str, start: int) -> int | None:
    """Return where a name ends that begins at a place, spaces of either aside."""
    at = start
    for character in name:
        if character.isspace():
            continue
        while at > start and at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text) or text[at] != character:
            return None
        at += 1
    return at


def _goes_on(text: str, stop: int) -> bool:
    return _GOES_ON.match(text, stop) is not None


def plain_text(text: str, what: str, example: str) -> str:
    """Return a text with plain spaces only, or say why it cannot be read."""
    if len(text) > MOST_CHARACTERS:
        article = "An" if what == "expression" else "A"
        raise FormulaError(
            f"{article} {what} has at most {MOST_CHARACTERS} characters, and this one {len(text)}."
        )
    plain = "".join(" " if character.isspace() else character for character in text)
    for at, character in enumerate(plain):
        if not character.isprintable():
            shown = "".join(c if c.isprintable() else "?" for c in plain)
            raise FormulaError("There is a character that cannot be printed.", shown, at)
    if not plain.strip():
        raise FormulaError(f"The {what} is empty. Write one such as '{example}'.")
    return plain
