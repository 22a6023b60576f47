"""Models side by side as text, HTML and LaTeX: a value, and below it how sure it is."""

from __future__ import annotations

import dataclasses
import html
import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence

from bayesmix.tables.page import STYLE, wrapped

__all__ = ["Cell", "Layout", "Section"]

_WIDTH, _GAP, _WIDEST_NAME = 80, 2, 20
_FIGURE_SPACE = "\u2007"

_OWN_STYLE = """
.bayesmix-summary table.bayesmix-models thead th { white-space: normal; max-width: 14em;
  vertical-align: bottom; }
.bayesmix-summary table.bayesmix-models tbody th, .bayesmix-summary table.bayesmix-models td {
  line-height: 1.25; vertical-align: top; }
.bayesmix-summary table.bayesmix-models th.bayesmix-part { font-weight: 600;
  padding-top: .7em; }
.bayesmix-summary table.bayesmix-models th.bayesmix-inside { padding-left: 1.6em; }
.bayesmix-summary table.bayesmix-models .bayesmix-sure { display: block; opacity: .75;
  font-size: .88em; }
.bayesmix-summary table.bayesmix-models tr.bayesmix-first > * {
  border-top: 1px solid rgba(128, 128, 128, .6); }
@media (max-width: 480px) { .bayesmix-summary table.bayesmix-models th.bayesmix-inside {
  padding-left: .9em; white-space: normal; } }
""".strip()

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number as it is shown, and how sure it is; empty where the model does not have it."""

    value: str = ""
    sure: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """Rows under a title, which may be empty: then a line stands above."""

    title: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """What is shown of several models.

    Attributes
    ----------
    models : tuple of str
    sections : tuple of Section
        A cell for each model in each row.
    notes, warnings : tuple of str
        Below the table.
    """

    models: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def text(self) -> str:
        """Write it as text of 80 columns: as many models beside each other as fit."""
        last = [wrapped(note) for note in self.notes]
        last += [wrapped(f"Warning: {warning}") for warning in self.warnings]
        return "\n\n".join([*map(self._piece, self._pieces()), "\n".join(last)])

    def _labels(self) -> int:
        rows = (len(name) + 2 * bool(s.title) for s in self.sections for name, _ in s.rows)
        return max(rows, default=0)

    def _width(self, k: int) -> int:
        cells = (cells[k] for section in self.sections for _, cells in section.rows)
        shown = (max(len(cell.value), len(cell.sure)) for cell in cells)
        return max([*shown, *map(len, _name_lines(self.models[k]))])

    def _pieces(self) -> Iterator[list[int]]:
        piece: list[int] = []
        room, used = _WIDTH - self._labels(), 0
        for k in range(len(self.models)):
            width = self._width(k) + _GAP
            if piece and used + width > room:
                yield piece
                piece, used = [], 0
            piece.append(k)
            used += width
        yield piece

    def _piece(self, models: Sequence[int]) -> str:
        widths = {k: self._width(k) + _GAP for k in models}
        first = self._labels()

        def line(label: str, cells: Sequence[str]) -> str:
            right = (cell.rjust(widths[k]) for k, cell in zip(models, cells, strict=True))
            return "".join([label.ljust(first), *right]).rstrip()

        rule = "-" * (first + sum(widths.values()))
        names = [_name_lines(self.models[k]) for k in models]
        height = max(map(len, names))
        padded = [[""] * (height - len(own)) + own for own in names]
        lines = [line("", list(row)) for row in zip(*padded, strict=True)] + [rule]
        for section in self.sections:
            # Of models in pieces below each other, only the rows that one of a piece has.
            rows = [(label, [every[k] for k in models]) for label, every in section.rows]
            rows = [(label, cells) for label, cells in rows if any(cell.value for cell in cells)]
            if rows:
                lines.append(section.title or rule)
            for label, cells in rows:
                lines.append(line("  " * bool(section.title) + label, [c.value for c in cells]))
                if any(cell.sure for cell in cells):
                    lines.append(line("", [cell.sure for cell in cells]))
        return "\n".join(lines)

    def html(self) -> str:
        """Write it as HTML, in the style of the summary."""
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in self.models)
        body = "\n".join(itertools.chain.from_iterable(map(self._html_rows, self.sections)))
        notes = [f'<p class="bayesmix-fact">{html.escape(note)}</p>' for note in self.notes]
        notes += [
            f'<p class="bayesmix-warning">{html.escape(f"Warning: {text}")}</p>'
            for text in self.warnings
        ]
        return "\n".join(
            [
                '<div class="bayesmix-summary">',
                f"<style>\n{STYLE}\n{_OWN_STYLE}\n</style>",
                '<div class="bayesmix-scroll" tabindex="0" role="region" aria-label="Models">',
                '<table class="bayesmix-table bayesmix-models">',
                f"<thead><tr><td></td>{head}</tr></thead>",
                f"<tbody>\n{body}\n</tbody>\n</table>\n</div>",
                *notes,
                "</div>",
            ]
        )

    def _html_rows(self, section: Section) -> Iterator[str]:
        if section.title:
            yield (
                f'<tr><th class="bayesmix-label bayesmix-part" scope="rowgroup" '
                f'colspan="{len(self.models) + 1}">{html.escape(section.title)}</th></tr>'
            )
        inside = " bayesmix-inside" * bool(section.title)
        for i, (label, cells) in enumerate(section.rows):
            first = ' class="bayesmix-first"' if i == 0 and not section.title else ""
            yield (
                f'<tr{first}><th class="bayesmix-label{inside}" scope="row">{html.escape(label)}'
                f"</th>{''.join(map(_html_cell, cells))}</tr>"
            )

    def latex(self) -> str:
        """Write it as a tabular of LaTeX, with the rules of booktabs."""
        columns = len(self.models) + 1
        lines = [f"\\begin{{tabular}}{{l{'r' * len(self.models)}}}", r"\toprule"]
        lines += [_latex_row("", map(_escaped, self.models)), r"\midrule"]
        for section in self.sections:
            if section.title:
                title = f"\\multicolumn{{{columns}}}{{l}}{{\\textit{{{_escaped(section.title)}}}}}"
                lines.append(rf"{title} \\")
            else:
                lines.append(r"\midrule")
            indent = r"\quad " if section.title else ""
            for label, cells in section.rows:
                values = (_latex_number(cell.value) for cell in cells)
                lines.append(_latex_row(f"{indent}{_escaped(label)}", values))
                if any(cell.sure for cell in cells):
                    sure = (_latex_number(cell.sure) for cell in cells)
                    lines.append(_latex_row("", sure))
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _name_lines(name: str) -> list[str]:
    return textwrap.wrap(name, _WIDEST_NAME) or [name]


def _html_cell(cell: Cell) -> str:
    value = html.escape(cell.value).replace(" ", _FIGURE_SPACE)
    sure = f'<span class="bayesmix-sure">{html.escape(cell.sure)}</span>' if cell.sure else ""
    return f"<td>{value}{sure}</td>"


def _latex_row(label: str, cells: Iterator[str]) -> str:
    return " & ".join([label, *cells]) + r" \\"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_number(text: str) -> str:
    """Escape, and set minus signs of numbers as such."""
    return re.sub(r"(?<![\w.])-(?=[\d.i])", "$-$", _escaped(text))
