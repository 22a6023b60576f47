"""Tables to text and HTML: the only place that rounds."""

from __future__ import annotations

import dataclasses
import html
import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bayesmix.base.arguments import true_or_false, whole_number
from bayesmix.base.words import count
from bayesmix.posterior.diagnostics import divergences, parameter_diagnostics
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws
from bayesmix.tables.components import correlation_matrices, family_parameters, varcorr
from bayesmix.tables.population import cor_fe as correlation_of_terms
from bayesmix.tables.population import fixef

if TYPE_CHECKING:
    pass

__all__ = ["Summary", "sampling_line", "summary"]

_WIDTH = 80
_MOST_DECIMALS = 6
_LARGEST_PLAIN = 1e9
_NOTHING = "None estimated."

_STYLE = """
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


class _Table(NamedTuple):
    """A table as strings: the first `n_labels` columns are labels, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_labels: int


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
        Decimals shown. A column in which a number other than zero would show as zero gets as many
        decimals as give its smallest number `digits` significant digits; beyond six decimals that
        number alone is shown in scientific notation.

    alerts : tuple of str
        What to know before reading any number: shown first.

    Raises
    ------
    BayesmixError
        If `digits` is not a whole number from 0 to 15.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesmix.tables.report import Summary
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
        first = [_wrap(f"Warning: {text}") for text in self.alerts]
        blocks = ["\n".join([*first, *(_wrap(line) for line in self.header)])]
        for table in self._tables():
            blocks += [f"{table.title}:", *(_text_table(table) if table.rows else [_NOTHING])]
        last = [_wrap(line) for line in self.footer]
        last += [_wrap(f"Warning: {text}") for text in self.warnings]
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
            ['<div class="bayesmix-summary">', f"<style>\n{_STYLE}\n</style>", *parts, "</div>"]
        )

    def _tables(self) -> Iterator[_Table]:
        """Yield every section as strings, the same ones for text and HTML."""
        for title, frame in self.sections:
            yield _as_strings(title, frame, int(self.digits))


def summary(
    fit: Fitted, *, ci: bool = True, cor_re: bool = False, cor_fe: bool = False, digits: int = 2
) -> Summary:
    """Show variance components, fixed effects and one line on the sampling.

    Parameters
    ----------
    fit : Fitted
    ci : bool
        Show the 95 % intervals.
    cor_re, cor_fe : bool
        Show the correlations of the group effects, of the population effects.
    digits : int
        Decimals shown; the tables themselves are never rounded.

    Returns
    -------
    Summary
        Prints as text and shows as HTML in a notebook. Sections: variance components, correlations
        of random effects if asked for (one for each factor that has any), fixed effects,
        correlations of fixed effects if asked for, parameters of the family beside its mean and
        its residual sd.

    Raises
    ------
    BayesmixError
        If an argument is not one of the allowed.
    """
    for name, value in {"ci": ci, "cor_re": cor_re, "cor_fe": cor_fe}.items():
        true_or_false(name, value)
    components, population, others = varcorr(fit), fixef(fit), family_parameters(fit)
    if not ci:
        components = components[["group", "effect", "variance", "sd", "var_prop"]]
        population = population[["term", "value", "se"]]
        others = others[["parameter", "value", "se"]]
    sections = []
    if len(components):
        sections.append(("Variance Components", components))
    if cor_re:
        sections += _correlation_sections(fit)
    if len(population):
        sections.append(("Fixed Effects", population))
        if cor_fe:
            sections.append(("Correlation of Fixed Effects", correlation_of_terms(fit)))
    if len(others):
        sections.append(("Family Parameters", others))
    return Summary(
        header=(fit.design.formula.text, _facts(fit)),
        sections=tuple(sections),
        footer=(_sampling_line(fit), *_summarised_effects(fit)),
        warnings=fit.notes,
        digits=digits,
    )


def _correlation_sections(fit: Fitted) -> list[tuple[str, pd.DataFrame]]:
    title = "Correlation of Random Effects"
    matrices = correlation_matrices(fit.design, fit.posterior)
    correlated = [
        term.factor for term in fit.design.groups if any(len(block) > 1 for block in term.blocks)
    ]
    if not correlated:
        return [(title, pd.DataFrame())]
    if len(fit.design.groups) == 1:
        return [(title, matrices[correlated[0]])]
    return [(f"{title}, {factor}", matrices[factor]) for factor in correlated]


def _facts(fit: Fitted) -> str:
    design = fit.design
    levels = [count(len(term.levels), "level") + f" of {term.factor}" for term in design.groups]
    rows = count(design.n_rows, "row")
    event = f"probability of {design.event}; " if design.event else ""
    family = f"{fit.family.name} family, {fit.family.link} link"
    return f"{family}; {event}" + ", ".join([rows, *levels])


def _sampling_line(fit: Fitted) -> str:
    table = parameter_diagnostics(fit.design, fit.family, fit.posterior)
    return sampling_line(
        method=fit.idata.attrs["method"],
        chains=fit.posterior.sizes["chain"],
        draws=fit.posterior.sizes["draw"],
        r_hat=float(table["r_hat"].max()),
        ess_bulk=float(table["ess_bulk"].min()),
        divergences=divergences(fit.idata),
        seconds=float(fit.idata.attrs["seconds"]),
    )


def sampling_line(
    *,
    method: str,
    chains: int,
    draws: int,
    r_hat: float,
    ess_bulk: float,
    divergences: int,
    seconds: float,
) -> str:
    """Say in one line how it was sampled, and how well; no word of figures that are NaN."""
    what = {"nuts": "NUTS", "marginal": "Exact"}[method]
    figures = []
    if not math.isnan(r_hat):
        figures.append(f"worst R-hat {r_hat:.3f}")
    elif chains == 1:
        figures.append("no R-hat of one chain")
    if not math.isnan(ess_bulk):
        figures.append(f"smallest bulk ESS {ess_bulk:.0f}")
    if divergences:
        figures.append(count(divergences, "divergence"))
    figures.append(f"{seconds:.{0 if seconds >= 100 else 1}f} s")
    size = f"{count(chains, 'chain')} x {count(draws, 'draw')}"
    return f"{what}, {size}: {', '.join(figures)}"


def _summarised_effects(fit: Fitted) -> Iterator[str]:
    """Say of which factors the draws are not kept, and what they would take."""
    n_draws = number_of_draws(fit.posterior)
    for term in fit.design.groups:
        if f"u_{term.factor}" not in fit.idata["posterior"]:
            size = 8e-9 * 2 * term.n_levels * term.n_effects * n_draws
            yield (
                f"Effects of {term.factor}: kept as mean, sd and quantiles; draws take "
                f"{size:.1f} GB"
            )


def _as_strings(title: str, frame: pd.DataFrame, digits: int) -> _Table:
    labels: list[tuple[str, list[str]]] = []
    numbers: list[tuple[str, list[str]]] = []
    plain = isinstance(frame.index, pd.RangeIndex)
    if not plain:
        labels.append(("", [str(label) for label in frame.index]))
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            header = _heading(str(name)) if plain else str(name)
            counts = pd.api.types.is_integer_dtype(column)
            values = column.to_numpy(dtype=float)
            numbers.append(
                (header, [f"{v:.0f}" for v in values] if counts else _format(values, digits))
            )
        else:
            labels.append((_heading(str(name)), [str(label) for label in column]))
    columns = labels + numbers
    return _Table(
        title,
        tuple(name for name, _ in columns),
        tuple(zip(*(cells for _, cells in columns), strict=True)),
        len(labels),
    )


def _heading(name: str) -> str:
    """Name a column as mixedup prints it: ``Group``, ``SD_2.5``, ``SE``, ``Var_prop``."""
    first, _, rest = name.partition("_")
    first = first.upper() if first in ("sd", "se") else first.capitalize()
    return f"{first}_{rest}" if rest else first


def _format(values: np.ndarray[Any, np.dtype[np.float64]], digits: int) -> list[str]:
    decimals = digits
    for value in values:
        if np.isfinite(value) and _shows_as_zero(value, digits):
            needed = _needed_decimals(value, digits)
            if needed <= max(digits, _MOST_DECIMALS):
                decimals = max(decimals, needed)
    return [_format_number(float(value), decimals, digits) for value in values]


def _format_number(value: float, decimals: int, digits: int) -> str:
    if math.isfinite(value) and (_shows_as_zero(value, decimals) or abs(value) >= _LARGEST_PLAIN):
        return f"{value:.{max(digits - 1, 0)}e}"
    return f"{value:.{decimals}f}"


def _shows_as_zero(value: float, decimals: int) -> bool:
    return value != 0 and float(f"{value:.{decimals}f}") == 0


def _needed_decimals(value: float, digits: int) -> int:
    """Decimals that show `digits` significant digits of a number below one."""
    return -math.floor(math.log10(abs(value))) + max(digits, 1) - 1


def _text_table(table: _Table) -> Iterator[str]:
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


def _pieces(table: _Table, widths: Sequence[int]) -> Iterator[list[int]]:
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


def _wrap(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _paragraph(kind: str, text: str) -> str:
    return f'<p class="{kind}">{html.escape(text)}</p>'


def _html_table(table: _Table) -> str:
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
            else _cell("td", text)
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
