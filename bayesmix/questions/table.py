"""Several models side by side."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import few, one_of, shown, whole_number
from bayesmix.base.errors import BayesmixError, ComparisonWarning, short, suggest, warn
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.loo import loo
from bayesmix.criteria.verdicts import caution, remedy
from bayesmix.criteria.waic import waic
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import interval_of
from bayesmix.questions.layout import Cell, Layout
from bayesmix.questions.side_by_side import joined, model_frame, shown_sections
from bayesmix.tables.prior_parameters import student_lines

__all__ = ["ModelTable", "table"]

_STYLES = ("interval", "se", "value")
_CRITERIA = {"loo": loo, "waic": waic}
_LONGEST_NAME = 120


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ModelTable:
    """Models side by side: prints as text, shows as HTML in a notebook, writes LaTeX.

    Attributes
    ----------
    frame : pandas.DataFrame
        Not rounded. Index ``section, row``; columns ``model, statistic``, the statistics of each
        model being ``value, se, lower_2.5, upper_97.5``. NaN where a model does not have a row;
        sizes have a value only, criteria a value and its standard error.
    """

    frame: pd.DataFrame
    _layout: Layout

    def __repr__(self) -> str:
        """Return the table as text of 80 columns."""
        return self._layout.text()

    def _repr_html_(self) -> str:
        return self._layout.html()

    def to_latex(self) -> str:
        r"""Write the table as a ``tabular`` of LaTeX.

        Returns
        -------
        str
            With the rules of booktabs: ``\usepackage{booktabs}``. The notes are not part of it.
        """
        return self._layout.latex()


def table(
    models: Mapping[str, Fitted] | Sequence[Fitted] | Fitted,
    *,
    ci_level: float = 0.95,
    style: str = "interval",
    exponentiate: bool | Sequence[str] = False,
    criteria: str | Sequence[str] = (),
    digits: int = 2,
) -> ModelTable:
    """Put models side by side.

    Parameters
    ----------
    models : mapping of str to MixedFit, or a list of fits
        By name, in the order of the columns; a list is named by numbers. Families, formulas and
        data may differ.
    ci_level : float
        Probability inside the intervals, above 0 and below 1.
    style : {"interval", "se", "value"}
        What stands below a value: its interval in brackets, its posterior sd in parentheses, or
        nothing.
    exponentiate : bool or list of str
        Show ``exp(beta)`` for population effects, of all models or of those named: odds ratios with
        a logit link, rate ratios with a log link. Draws are transformed before they are
        summarised, as in `fixef`.
    criteria : {"loo", "waic"} or a list of these
        Add the expected log predictive density by these, with its standard error.
    digits : int
        Decimals, and significant digits of the posterior sd, as in `summary`.

    Returns
    -------
    ModelTable
        Rows: population effects (thresholds first), standard deviations and correlations of group
        effects, the residual and other parameters of the family; the same of the predictors of
        further parameters; then rows of data, levels of each grouping factor, family, and criteria.
        A row is empty for a model that does not have it. Notes have the formulas, and what is to be
        said before numbers are trusted.

    Raises
    ------
    BayesmixError
        No model, something that is no fit, a name twice, or an argument that is not one of the
        allowed.

    Warns
    -----
    ComparisonWarning
        A criterion cannot be trusted, or is of different data; the table says so, too.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> quiet = {"random_seed": 1, "progressbar": False}
    >>> slopes = bm.fit("Reaction ~ Days + (Days | Subject)", data, **quiet)
    >>> lines = bm.fit("Reaction ~ Days", data, **quiet)
    >>> both = bm.table({"lines": lines, "slopes": slopes})
    >>> both.frame.loc[("Population effects", "Days"), "slopes"].round()
    statistic
    value         10.0
    se             2.0
    lower_2.5      7.0
    upper_97.5    14.0
    Name: (Population effects, Days), dtype: float64
    """
    fits = _named(models)
    interval = interval_of(ci_level)
    one_of("style", style, _STYLES)
    digits = whole_number("digits", digits, at_least=0, at_most=15)
    ratios = _exponentiated(exponentiate, fits)
    asked = _asked(criteria)
    results = _results(fits, asked)
    doubtful = (*_cautions(results), *_other_data(fits, asked))
    frame = joined(
        {
            name: model_frame(fit, results[name], interval, exponentiate=name in ratios)
            for name, fit in fits.items()
        }
    )
    inside = f"{100 * (interval.upper - interval.lower):.10g} % intervals in brackets."
    notes = {"interval": inside, "se": "Posterior sds in parentheses.", "value": ""}
    families = tuple(Cell(fit.family.name, f"({fit.family.link})") for fit in fits.values())
    layout = Layout(
        models=tuple(fits),
        sections=shown_sections(frame, ("Family", families), digits=digits, style=style),
        notes=(
            *filter(None, [notes[style], _ratio_note(ratios, fits)]),
            *(f"{name}: {'; '.join(fit.design.formulas)}" for name, fit in fits.items()),
            *(f"{name}: {line}" for name, fit in fits.items() for line in student_lines(fit)),
        ),
        warnings=(*doubtful, *_notes(fits)),
    )
    for text in doubtful:
        warn(text, ComparisonWarning)
    return ModelTable(frame, layout)


def _named(models: object) -> dict[str, Fitted]:
    """Read models and their names."""
    takes = "table takes a mapping of names to fits, such as {'a': fit_a, 'b': fit_b}, or a list"
    if isinstance(models, Fitted):
        models = [models]
    if isinstance(models, pd.Series):
        names, values = list(models.index), list(models)
    elif isinstance(models, Mapping):
        names, values = list(models), list(models.values())
    elif isinstance(models, Sequence) and not isinstance(models, str | bytes):
        values = list(models)
        names = [f"model {i}" for i in range(1, len(values) + 1)]
    else:
        raise BayesmixError(f"{takes}; got {shown(models)}.")
    if not values:
        raise BayesmixError(f"{takes}; got none.")
    fits: dict[str, Fitted] = {}
    for name, fit in zip(names, values, strict=True):
        if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
            raise BayesmixError(
                f"{shown(name)} is no name of a model: give a text of up to {_LONGEST_NAME} "
                "characters."
            )
        if not isinstance(fit, Fitted):
            raise BayesmixError(f"{takes}; '{short(name)}' is {shown(fit)}, which is no fit.")
        shown_name = " ".join(short(name, _LONGEST_NAME).split())
        if shown_name in fits:
            raise BayesmixError(f"The name {shown_name!r} is there twice. Give each model its own.")
        fits[shown_name] = fit
    return fits


def _exponentiated(exponentiate: object, fits: Mapping[str, Fitted]) -> set[str]:
    """Name the models whose population effects are shown as ratios."""
    if isinstance(exponentiate, bool | np.bool_):
        return set(fits) if exponentiate else set()
    names = few("exponentiate", exponentiate)
    if not all(isinstance(name, str) for name in names):
        raise BayesmixError(
            f"exponentiate={shown(exponentiate)} is not usable: give True, False, or a list of "
            "names of models."
        )
    for name in names:
        if name not in fits:
            raise BayesmixError(
                f"exponentiate names '{short(name)}', which is no model of the table. Models: "
                f"{', '.join(fits)}. {suggest(name, fits)}".rstrip()
            )
    return set(names)


def _asked(criteria: object) -> list[str]:
    names = few("criteria", criteria)
    for name in names:
        one_of("criterion", name, _CRITERIA)
    return list(dict.fromkeys(names))


def _ratio_note(ratios: set[str], fits: Mapping[str, Fitted]) -> str:
    if not ratios:
        return ""
    of = "" if len(ratios) == len(fits) else f" of {', '.join(n for n in fits if n in ratios)}"
    return f"Population effects{of} as exp(beta)."


def _results(fits: Mapping[str, Fitted], asked: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Compute the criteria; what is doubtful is told with the names of the models."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ComparisonWarning)
        return {name: {ic: _CRITERIA[ic](fit) for ic in asked} for name, fit in fits.items()}


def _cautions(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say which criteria cannot be trusted."""
    criteria = dict.fromkeys(ic for own in results.values() for ic in own)
    for criterion in criteria:
        found = {name: own[criterion] for name, own in results.items()}
        way_out = remedy(found.values(), criterion, from_fits=True)
        if text := caution(found, criterion.upper(), way_out):
            yield text


def _other_data(fits: Mapping[str, Fitted], asked: Sequence[str]) -> Iterator[str]:
    """Say that criteria are of different data, which nothing compares."""
    facts = [Facts.of(fit) for fit in fits.values()] if asked else []
    if len({(own.values, own.positions, own.labels) for own in facts}) > 1:
        yield "The models have different rows or responses, so that elpd does not compare them."


def _notes(fits: Mapping[str, Fitted]) -> Iterator[str]:
    """Yield what is to be said of each fit, the same note of several once."""
    texts: dict[str, list[str]] = {}
    for name, fit in fits.items():
        for note in fit.notes:
            texts.setdefault(note, []).append(name)
    for note, names in texts.items():
        yield f"{', '.join(names)}: {note}"
