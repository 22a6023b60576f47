"""The design document lists the files that there are, with what they say of themselves."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import bayesmix as bm

PACKAGE = Path(bm.__file__).parent
DOCUMENT = Path(__file__).parents[1] / "docs" / "design.md"
HOUSE = DOCUMENT.read_text(encoding="utf-8").partition("## The house")[2].partition("### ")[0]
ROW = re.compile(r"^\| `(?P<file>[\w/]+\.py)` \| (?P<purpose>.*) \|$", re.MULTILINE)
FOLDER = re.compile(r"^\*\*`(?P<name>\w+(?:/|\.py))`\*\*: (?P<purpose>.*)$", re.MULTILINE)


def own_words(path: Path) -> str:
    """The first paragraph of a module's docstring, as the document has it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return written(text.partition("\n\n")[0].replace("\n", " ").removesuffix("."))


def written(purpose: str) -> str:
    """A purpose without what differs between a sentence and a cell."""
    purpose = purpose.replace("\\|", "|").removesuffix(".")
    return purpose[:1].lower() + purpose[1:]


def listed() -> dict[str, str]:
    """Path -> purpose, of the files and folders of the document."""
    found = {}
    for folder in re.split(r"(?=^\*\*`)", HOUSE, flags=re.MULTILINE)[1:]:
        head = FOLDER.match(folder)
        assert head, folder[:80]
        found[head["name"]] = written(head["purpose"])
        for row in ROW.finditer(folder):
            name = head["name"] + row["file"]
            assert name not in found, f"{name} is there twice"
            found[name] = written(row["purpose"])
    return found


def there() -> dict[str, str]:
    """Path -> purpose, of the files and folders of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if path.name != "__init__.py":
            found[name] = own_words(path)
        elif name.count("/") == 1:
            found[name.removesuffix("__init__.py")] = own_words(path)
    return found


LISTED, THERE = listed(), there()


def test_every_file_is_listed_and_no_other():
    assert sorted(LISTED) == sorted(THERE)


@pytest.mark.parametrize("name", THERE)
def test_the_purpose_is_what_the_file_says(name):
    assert LISTED.get(name) == THERE[name]


def test_folders_stand_in_their_order():
    from_face = re.findall(r"^`bayesmix\.(\w+)`", bm.__doc__ or "", flags=re.MULTILINE)
    folders = [
        name.removesuffix("/").removesuffix(".py") for name in LISTED if "/" not in name[:-1]
    ]
    assert folders == from_face
