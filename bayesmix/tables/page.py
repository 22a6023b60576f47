"""Tables to text and HTML: the only place that rounds."""

from __future__ import annotations

import dataclasses
import html
import textwrap
from collections.abc import Iterator, Sequence

import pandas as pd

from bayesmix.base.arguments import whole_number
from bayesmix.tables.strings import Table, aligned, as_strings

__all__ = ["STYLE", "Summary", "wrapped"]

_WIDTH = 80
_NOTHING = "None estimated."
_FIGURE_SPACE = "\u2007"  # as wide as a digit, and not collapsed

STYLE = """
.bayesmix-summary { max-width: 100%; color: inherit; font-variant-numeric: tabular-nums; }
.bayesmix-summary p { margin: 0 0 .3em; }
.bayesmix-summary p.bayesmix-formula { font-family: ui-monospace, Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.bayesmix-summary p.bayesmix-fact { opacity: .8; font-size: .92em; }
.bayesmix-summary p.bayesmix-warning { border-left: 3px solid #d97706; padding: .1em 0 .1em .6em; }
.bayesmix-summary div.bayesmix-scroll { overflow-x: auto; max-width: 100%; margin: 1em 0;
  scrollbar-width: thin; scrollbar-color: rgba(128, 128, 128, .6) transparent; }
.bayesmix-summary table.bayesmix-table { border-collapse: collapse; border: 0; margin: 0;
  width: auto; color: inherit; font-size: inherit; }
.bayesmix-summary table.bayesmix-table caption { caption-side: top; text-align: left;
  font-weight: 600; padding: 0 0 .3em; margin: 0; color: inherit; white-space: nowrap; }
.bayesmix-summary table.bayesmix-table th, .bayesmix-summary table.bayesmix-table td {
  border: 0; padding: .25em .7em; text-align: right; vertical-align: baseline;
  white-space: nowrap; font-weight: 400; }
.bayesmix-summary table.bayesmix-table .bayesmix-label { text-align: left; }
.bayesmix-summary table.bayesmix-table thead th { font-weight: 600; }
.bayesmix-summary table.bayesmix-table thead tr > *,
.bayesmix-summary table.bayesmix-table tbody tr:last-child > * {
  border-bottom: 1px solid rgba(128, 128, 128, .6); }
@media (max-width: 480px) {
  .bayesmix-summary table.bayesmix-table th, .bayesmix-summary table.bayesmix-table td {
    padding: .25em .4em; } }
""".strip()


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Summary:
    """A fit in a few tables, which prints as text and shows as HTML in a notebook.

    Attributes
    ----------
    header : tuple of str
        The formula, then the facts of the model.
    sections : tuple of (str, pandas.DataFrame)
        Title and table, not rounded; an index that is not a plain range holds row labels.
    footer : tuple of str
        How the posterior was sampled.
    warnings : tuple of str
        What to know before trusting the numbers.
    digits : int
        Decimals shown. An estimate and its limits get more, the same for all of a row, where their
        SE (or, without one, the width of the interval) needs more to have `digits` significant
        digits; and fewer where the largest of them would have more than `digits` + 3 digits that
        the SE does not need. Of other columns, one in which a number other than zero would show
        as zero gets as many decimals as give its smallest number `digits` significant digits.
        Scientific notation is for numbers, or for rows, of which six decimals show nothing.
    alerts : tuple of str
        What to know before reading any number: shown first.

    Raises
    ------
    BayesmixError
        If `digits` is not a whole number from 0 to 15.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesmix.tables.page import Summary
    >>> frame = pd.DataFrame({"term": ["Intercept", "x"], "value": [251.405, 0.0012]})
    >>> Summary(("y ~ x",), (("Fixed Effects", frame),))
    y ~ x
    <BLANKLINE>
    Fixed Effects:
    <BLANKLINE>
    Term          Value
    Intercept  251.4050
    x            0.0012
    """

    header: tuple[str, ...]
    sections: tuple[tuple[str, pd.DataFrame], ...]
    footer: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    digits: int = 2
    alerts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the digits."""
        whole_number("digits", self.digits, at_least=0, at_most=15)

    def __repr__(self) -> str:
        """Return the summary as text of 80 columns."""
        first = [wrapped(f"Warning: {text}") for text in self.alerts]
        blocks = ["\n".join([*first, *(wrapped(line) for line in self.header)])]
        for table in self._tables():
            blocks += [f"{table.title}:", *(_text_table(table) if table.rows else [_NOTHING])]
        last = [wrapped(line) for line in self.footer]
        last += [wrapped(f"Warning: {text}") for text in self.warnings]
        return "\n\n".join([*blocks, *(["\n".join(last)] if last else [])])

    def _repr_html_(self) -> str:
        first, *facts = self.header
        parts = [_paragraph("bayesmix-warning", f"Warning: {text}") for text in self.alerts]
        parts += [_paragraph("bayesmix-formula", first)]
        parts += [_paragraph("bayesmix-fact", line) for line in facts]
        parts += [_html_table(table) for table in self._tables()]
        parts += [_paragraph("bayesmix-fact", line) for line in self.footer]
        parts += [_paragraph("bayesmix-warning", f"Warning: {text}") for text in self.warnings]
        return "\n".join(
            ['<div class="bayesmix-summary">', f"<style>\n{STYLE}\n</style>", *parts, "</div>"]
        )

    def _tables(self) -> Iterator[Table]:
        """Yield every section as strings, the same ones for text and HTML."""
        for title, frame in self.sections:
            yield aligned(as_strings(title, frame, int(self.digits)))


def _text_table(table: Table) -> Iterator[str]:
    """Yield the table, cut between columns into as many pieces as 80 columns need."""
    cells = [table.columns, *table.rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(table.columns))]
    labels = range(table.n_labels)
    for numbers in _pieces(table, widths):
        lines = []
        for row in cells:
            left = [row[k].ljust(widths[k]) for k in labels]
            right = [row[k].rjust(widths[k]) for k in numbers]
            lines.append("  ".join([*left, *right]).rstrip())
        yield "\n".join(lines)


def _pieces(table: Table, widths: Sequence[int]) -> Iterator[list[int]]:
    room = _WIDTH - sum(widths[: table.n_labels]) - 2 * table.n_labels + 2
    piece: list[int] = []
    used = 0
    for k in range(table.n_labels, len(widths)):
        if piece and used + widths[k] + 2 > room:
            yield piece
            piece, used = [], 0
        piece.append(k)
        used += widths[k] + 2
    yield piece


def wrapped(text: str) -> str:
    """Break a text into lines of 80 columns, those after the first one indented."""
    return textwrap.fill(
        text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _paragraph(kind: str, text: str) -> str:
    return f'<p class="{kind}">{html.escape(text)}</p>'


def _html_table(table: Table) -> str:
    title = html.escape(table.title)
    if not table.rows:
        return f'<p class="bayesmix-fact">{title}: {_NOTHING.lower()}</p>'
    head = "".join(
        _cell("th", name, ' scope="col"', label=k < table.n_labels) if name else "<td></td>"
        for k, name in enumerate(table.columns)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            _cell("th", text, ' scope="row"', label=True)
            if k < table.n_labels
            else _cell("td", text.replace(" ", _FIGURE_SPACE))
            for k, text in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="bayesmix-scroll" tabindex="0" role="region" aria-label="{title}">\n'
        f'<table class="bayesmix-table">\n<caption>{title}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _cell(tag: str, text: str, attributes: str = "", *, label: bool = False) -> str:
    kind = ' class="bayesmix-label"' if label else ""
    return f"<{tag}{attributes}{kind}>{html.escape(text)}</{tag}>"
