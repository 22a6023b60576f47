"""From formula and data to a design that was checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import as_number, one_of
from bayesmix.base.arrays import unique
from bayesmix.base.errors import DesignWarning, readable, warn
from bayesmix.checks.checks import Findings, check_design, check_predictor
from bayesmix.checks.specific import specific_columns
from bayesmix.design.columns import Columns
from bayesmix.design.design import Design
from bayesmix.encoding.contrasts import ordered_note
from bayesmix.encoding.effects import Effects
from bayesmix.encoding.namespace import Namespace, resolve_names
from bayesmix.encoding.responsechecks import check_cbind, response_among_terms
from bayesmix.encoding.sides import Side
from bayesmix.formula.formula import Formula, check_text, names_in, parse_formula
from bayesmix.formula.predictor import parse_predictor
from bayesmix.frames.frames import open_frame
from bayesmix.frames.textnumbers import numbers_as_text
from bayesmix.frames.values import listed
from bayesmix.preparation.learn import learn_design

if TYPE_CHECKING:
    from bayesmix.families.family import Family

__all__ = ["make_checked", "make_design", "text_notes"]


def make_design(
    formula: Formula | str,
    data: Any,
    *,
    family: Family,
    weights: str | npt.ArrayLike | None = None,
    se: str | npt.ArrayLike | None = None,
    missing: str = "drop",
    namespace: Mapping[str, Any] | None = None,
    predictors: Mapping[str, str] = MappingProxyType({}),
) -> Design:
    """Make the arrays and names of a model from its formula and data.

    Parameters
    ----------
    formula : Formula or str
        An lme4 formula.
    data : DataFrame
        One row per observation; never changed. pandas', or any other that narwhals reads (polars,
        also lazy, pyarrow, Dask, DuckDB, ...): only the columns that are used are read, a lazy
        frame once. Text and categories become indicator columns: a Categorical keeps its order,
        text is sorted, the first category is the reference; True and False count as 1 and 0.
        Categories and levels that do not occur are left out.
    family : Family
        Checks the response.
    weights : str or array_like, optional
        Column name or one positive weight per row; a Series must have the index of `data`. For a
        family with trials the response is a proportion, and these are its trials.
    se : str or array_like, optional
        Likewise the known standard error of each row, for a family that has them.
    missing : {"drop", "raise"}
        What to do with rows that have a missing value in a used column.
    namespace : mapping, optional
        Functions and values that the formula may use beside formulae's own, ``np`` and ``pd``;
        only those that it does use are kept.
    predictors : mapping of str to str
        Right sides of the predictors of further parameters, ``{"sigma": "~ x"}``.

    Returns
    -------
    Design

    Raises
    ------
    BayesmixError
        For input that cannot be used; the message names it and the remedy.

    Warns
    -----
    DesignWarning
        For a design that can be fitted, but probably is not what was meant; also in
        `Design.notes`.

    Examples
    --------
    >>> from bayesmix.data.datasets import load_dataset
    >>> from bayesmix.families.registry import get_family
    >>> data = load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (1 + Days | Subject)"
    >>> design = make_design(formula, data, family=get_family("gaussian"))
    >>> design
    Design: Reaction ~ Days + (1 + Days | Subject)
    180 rows; Intercept, Days
    GroupTerm(Subject: 18 levels; effects: Intercept, Days)
    >>> design.at(data.head(3)).groups[0].codes
    array([0, 0, 0])
    """
    design, _, _ = make_checked(
        formula,
        data,
        family=family,
        weights=weights,
        se=se,
        missing=missing,
        namespace=namespace,
        predictors=predictors,
    )
    return design


def make_checked(
    formula: Formula | str,
    data: Any,
    *,
    family: Family,
    weights: str | npt.ArrayLike | None = None,
    se: str | npt.ArrayLike | None = None,
    missing: str = "drop",
    namespace: Mapping[str, Any] | None = None,
    predictors: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Design, Family, Findings]:
    """Make a design; see `make_design`.

    Returns
    -------
    Design
    Family
        With the categories of the response, where it has to know them.
    Findings
        Of the checks of the design.
    """
    if not isinstance(formula, Formula):
        check_text(formula)
    opened = open_frame(data, "data")
    if not isinstance(formula, Formula):
        formula = parse_formula(formula, columns=opened.header.columns, namespace=namespace)
    one_of("missing", missing, ("drop", "raise"))
    check_cbind(formula, family)

    def resolve(sides: Sequence[Side], header: pd.DataFrame, formula: Formula) -> Namespace:
        return resolve_names(sides, header, namespace or {}, formula)

    others = {
        name: parse_predictor(
            name,
            right,
            response=formula.response,
            columns=opened.header.columns,
            namespace=namespace,
        )
        for name, right in predictors.items()
    }
    learnt = learn_design(
        formula,
        opened,
        family=family,
        weights=weights,
        se=se,
        missing=missing,
        resolve=resolve,
        predictors=others,
    )
    design, family, columns = learnt.design, learnt.family, learnt.columns
    encoder = design.encoder
    every = (one for own in encoder.encoders for one in (own.common, *own.bars.values()))
    ordered = _default_contrasts(tuple(every), columns)
    mistaken = text_notes(learnt.effects, encoder.categories)
    checked = check_design(design, family, columns, encoder.names)
    of_others = [
        message
        for own in _distinct(design)
        for message in (
            check_predictor(own, family, columns, encoder.names)
            if own.predictor not in family.specific
            else specific_columns(design, own)
        )
    ]
    absent = _absent_terms(formula, opened.header, namespace or {})
    itself = response_among_terms(
        encoder.response,
        learnt.effects,
        [one for one in checked.messages if " is the response " in one],
    )
    notes = tuple(
        map(
            readable,
            (*learnt.notes, *absent, *ordered, *itself, *checked.messages, *of_others, *mistaken),
        )
    )
    for note in notes:
        warn(note, DesignWarning)
    return dataclasses.replace(design, notes=notes), family, checked


def _distinct(design: Design) -> Iterator[Design]:
    """Yield the further predictors, one of those with the same formula."""
    seen = [design]
    for own in design.predictors.values():
        if not any(_is_same(own, other) for other in seen):
            seen.append(own)
            yield own


def _is_same(design: Design, other: Design) -> bool:
    one, two = design.formula, other.formula
    is_same = (one.common, one.bars) == (two.common, two.bars)
    return is_same and (design.means is None) == (other.means is None)


def text_notes(
    sides: Iterable[Side], categories: Mapping[str, pd.Index[Any] | None]
) -> tuple[str, ...]:
    """Find columns that stand alone, so that they are categories, and look like numbers."""
    names = unique(name for side in sides for name in side.terms)
    known = ((name, categories[name]) for name in names)
    notes = (numbers_as_text(name, labels) for name, labels in known if labels is not None)
    return tuple(note for note in notes if note)


def _default_contrasts(parts: Iterable[Effects], columns: Columns) -> tuple[str, ...]:
    """Say of the ordered columns that the formula names without C() how they are coded."""
    names = (name for part in parts for name in part.contrasted)
    return ordered_note(name for name in names if getattr(columns[name].dtype, "ordered", False))


def _absent_terms(
    formula: Formula, header: pd.DataFrame, namespace: Mapping[str, Any]
) -> tuple[str, ...]:
    """Say once which terms are taken away without being there."""
    if not formula.absent:
        return ()
    numbers = {name for name, value in namespace.items() if as_number(value) is not None}
    numbers = numbers - {*header.columns} | {*header.select_dtypes("number").columns}
    differences = [one for _, one in formula.absent if one and numbers.issuperset(names_in(one)[0])]
    meant = f"Write {listed(differences, 6)} for a difference of columns" if differences else ""
    terms = listed([f"'- {term}'" for term, _ in formula.absent], 6)
    takes, them = ("takes", "it") if len(formula.absent) == 1 else ("take", "them")
    return (
        f"{terms} in the formula {takes} away what is not there, and nothing changes: + and - join "
        f"terms. {f'{meant}, or leave' if meant else 'Leave'} {them} out.",
    )
