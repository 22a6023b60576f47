"""A fit with some of its arguments changed: a new fit."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bayesmix.base.arguments import one_of, shown
from bayesmix.base.callers import namespace_of_caller
from bayesmix.base.errors import BayesmixError, DesignWarning, suggest, warn
from bayesmix.base.progress import late_progress
from bayesmix.design.columns import SE_COLUMN, WEIGHTS_COLUMN
from bayesmix.engines.run import sample
from bayesmix.families.family import Family
from bayesmix.families.registry import get_family, is_known, parameter_names
from bayesmix.formula.formula import Formula, parse_formula
from bayesmix.formula.predictor import parse_predictor
from bayesmix.formula.updating import updated
from bayesmix.frames.values import listed
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.preparation.request import Request
from bayesmix.priors.defaults import resolve_priors
from bayesmix.priors.effects import AnyPrior
from bayesmix.priors.priorset import PriorSet
from bayesmix.streams.anywhere import any_specification
from bayesmix.streams.more_rows import with_more_rows
from bayesmix.streams.parquet import SUFFIXES

if TYPE_CHECKING:
    from types import EllipsisType

    from narwhals.typing import IntoFrame

__all__ = ["possible_priors", "update"]

_OPTIONS = tuple(field.name for field in dataclasses.fields(SampleOptions))
_OF_MODEL = ("family", "priors", "weights", "se", "residual", "missing")


def update[F: Fitted](
    fit: F,
    formula: str | None = None,
    *,
    data: IntoFrame | None = None,
    rows: IntoFrame | EllipsisType = ...,
    **changes: Any,
) -> F:
    """Fit a model again with some of its arguments changed.

    Parameters
    ----------
    fit : Fitted
    formula : str, optional
        The new formula, in which ``.`` stands for the same side of the old one: ``". ~ . + x"``,
        ``". ~ . - (1 | g)"``, ``"log(.) ~ ."``.
    data : DataFrame, optional
        Other rows; by default those of the fit, which has kept the columns that it used.
    rows : DataFrame, optional
        Rows to add to those of the fit, with the columns that it uses: whatever `bayesmix.fit`
        takes, files included. Gaussian models by the exact method need no rows but sums over
        them, so that the old rows are neither read nor kept; new levels of grouping factors are
        added, new categories are refused. Only priors and options of sampling can change with it.
        Default priors are those of all rows added up, as in a fit of all of them; what
        ``scale(x)`` and its kin have learnt stays that of the first fit. The new fit has no rows.
    **changes
        Any other argument of `bayesmix.fit`: ``family``, ``weights``, ``draws``, ``random_seed``,
        ... ``priors`` are added to those of the fit, ``{"sd": None}`` takes one of these back. A
        formula of a further parameter may have a dot, too, ``sigma="~ . + x"``, and ``sigma=None``
        leaves it out. What is not named stays, the seed included.

    Returns
    -------
    MixedFit
        A new fit; the old one stays as it is.

    Raises
    ------
    BayesmixError
        As `bayesmix.fit`; the formula has a column that the fit did not use, so that `data` is
        needed; or weights came as an array and `data` has other rows.

    Warns
    -----
    DesignWarning
        As `bayesmix.fit`, and for priors of parameters that the new model does not have, which are
        left out.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ 1 + (1 | Subject)", data, random_seed=1, progressbar=False)
    >>> more = fit.update(". ~ . + Days", data=data)
    >>> more.design.formula.text
    'Reaction ~ 1 + (1 | Subject) + Days'

    A fit for each day, of all rows so far:

    >>> fit = fit.update(rows=data.assign(Subject="new").head(10))
    >>> fit.design
    Design: Reaction ~ 1 + (1 | Subject)
    190 rows; Intercept
    GroupTerm(Subject: 19 levels; effects: Intercept)
    """
    _check_no_rows(formula)
    namespace = {**namespace_of_caller(), **fit.design.encoder.names}
    spec, own = fit.spec, dict(changes)
    options = _options(fit.options, {name: own.pop(name) for name in _OPTIONS if name in own})
    given = {name: own.pop(name) for name in _OF_MODEL if name in own}
    if rows is not ...:
        if rows is None:
            raise BayesmixError(
                "rows=None: there are no rows to add. Leave rows out, or check what read them."
            )
        _check_alone(formula, data, {**given, **own})
        spec = _added(spec, rows, given.get("missing", "drop"), options)
        return _refitted(fit, spec, given.get("priors"), options)
    is_same_model = formula is None and data is None and not own and given.keys() == {"priors"}
    if spec.design.totals is not None and is_same_model:
        return _refitted(fit, spec, given["priors"], options)
    if formula is None and data is None and not given and not own:
        return dataclasses.replace(fit, idata=sample(spec, options), options=options)
    text = spec.design.formula.text if formula is None else updated(spec.design.formula, formula)
    predictors = _predictors(spec, own)
    priors = _checked_priors(given.pop("priors", None))
    arguments = _arguments(spec, has_data=data is not None) | given
    if data is None:
        read = [parse_formula(text, namespace=namespace)]
        for name, right in predictors.items():
            predictor = parse_predictor(name, right, namespace=namespace)
            read.append(dataclasses.replace(predictor, response="1"))
        data = _rows(spec, read, namespace)
    request = Request(text, namespace=namespace, predictors=predictors, **arguments)
    made = any_specification(request, data, progressbar=options.progressbar)
    prior_set = _with_priors(made, spec, priors)
    new = dataclasses.replace(spec, design=made.design, family=made.family, priors=prior_set)
    return dataclasses.replace(fit, spec=new, idata=sample(new, options), options=options)


def _check_no_rows(formula: object) -> None:
    """Raise for rows in the place of the formula."""
    is_file = isinstance(formula, str) and formula.lower().endswith(SUFFIXES)
    is_rows = isinstance(formula, list | tuple | os.PathLike) or hasattr(formula, "columns")
    if is_file or is_rows or hasattr(formula, "schema"):
        kind = "path" if is_file else type(formula).__name__
        raise BayesmixError(
            f"The first argument of update() is a formula; got a {kind}. Rows to add to those of "
            "the fit are fit.update(rows=...), and other rows for the same model "
            "fit.update(data=...)."
        )


def _check_alone(formula: object, data: object, changes: Mapping[str, Any]) -> None:
    """Raise for what cannot change while rows are added."""
    others = {"formula": formula, "data": data} | dict(changes)
    for name in ("priors", "missing"):
        others.pop(name, None)
    wrong = [name for name, value in others.items() if value is not None]
    if wrong:
        raise BayesmixError(
            f"rows= adds rows to the model of the fit, and {listed(wrong)} would make another one. "
            "Add the rows first, and fit the other model to all rows: fit.update(formula, "
            "data=data)."
        )


def _added(spec: ModelSpec, rows: Any, missing: str, options: SampleOptions) -> ModelSpec:
    one_of("missing", missing, ("drop", "raise"))
    with late_progress(options.progressbar, "Adding rows") as report:
        return with_more_rows(spec, rows, missing, report)


def _refitted[F: Fitted](fit: F, spec: ModelSpec, priors: object, options: SampleOptions) -> F:
    """Sample a specification whose default priors are made again, and those of the user kept."""
    prior_set = _with_priors(spec, fit.spec, _checked_priors(priors))
    spec = dataclasses.replace(spec, priors=prior_set)
    return dataclasses.replace(fit, spec=spec, idata=sample(spec, options), options=options)


def _checked_priors(priors: Any) -> dict[str, AnyPrior | None]:
    if priors is not None and not isinstance(priors, Mapping):
        raise BayesmixError(
            f"priors={shown(priors)} is no mapping of paths to priors. Write "
            "{'sd': bm.Prior('HalfNormal', sigma=1)}."
        )
    return dict(priors or {})


def _options(options: SampleOptions, changes: Mapping[str, Any]) -> SampleOptions:
    """Change options; those of NUTS go where another method is asked for."""
    if changes.get("method") not in (None, "auto", "nuts"):
        changes = {"nuts": None, "nuts_sampler": None, **changes}
    return dataclasses.replace(options, **changes)


def _predictors(spec: ModelSpec, changes: Mapping[str, Any]) -> dict[str, str]:
    """Return the formulas of further parameters, those that are given in place of the old ones."""
    old = {
        name: own.formula
        for name, own in spec.design.predictors.items()
        if name not in spec.family.specific
    }
    if spec.family.categories:  # those with the terms of the formula come with it
        old = {name: own for name, own in old.items() if own.common != spec.design.formula.common}
    found = {name: f"~{own.text.partition('~')[2]}" for name, own in old.items()}
    for name, change in changes.items():
        if change is None:
            found.pop(name, None)
        elif name in old:
            found[name] = f"~ {updated(old[name], change, name).partition('~')[2].strip()}"
        else:
            _check_parameter(spec, name)
            found[name] = change
    return found


def _check_parameter(spec: ModelSpec, name: str) -> None:
    """Raise for an argument that is none, and the name of no parameter of any family."""
    family = spec.family
    parameters = {*parameter_names(), *family.predictors, *(one.name for one in family.parameters)}
    if name not in parameters:
        arguments = ("formula", "data", *_OF_MODEL, *_OPTIONS)
        raise BayesmixError(
            f"{name}= is none of the arguments of update(), and no family has a parameter of that "
            f"name. Arguments: {', '.join(arguments)}; the parameters of this fit are "
            f"{', '.join(one.name for one in family.parameters)}. "
            f"{suggest(name, [*arguments, *parameters])}".rstrip()
        )


def _arguments(spec: ModelSpec, *, has_data: bool) -> dict[str, Any]:
    """Return what the model was made of beside its formula, data and priors."""
    encoder, source = spec.design.encoder, spec.design.source
    found: dict[str, Any] = {
        "family": _given_family(spec.family),
        "weights": encoder.weights or encoder.response.weights,
        "se": encoder.se,
        "residual": spec.family.known_errors and "sigma" in spec.family.others,
    }
    for argument, column in (("weights", WEIGHTS_COLUMN), ("se", SE_COLUMN)):
        if source is not None and column in source:
            if has_data:
                raise BayesmixError(
                    f"{argument} of the fit came as an array, which is not one of the new rows. "
                    f"Give {argument}=, the name of a column of the data."
                )
            found[argument] = source[column].to_numpy()
    return found


def _given_family(family: Family) -> Family:
    """Return the family as it was given, before a model made it know more."""
    if is_known(family):
        return get_family(family.name, family.link, threshold=family.threshold or None)
    parameters = tuple(one for one in family.parameters if one.name not in family.specific)
    return dataclasses.replace(family, parameters=parameters, predicted=())


def _rows(spec: ModelSpec, formulas: Iterable[Formula], namespace: Mapping[str, Any]) -> Any:
    """Return the columns that the fit has kept, if they are all that is needed."""
    source = spec.design.source
    if source is None:
        raise BayesmixError("The fit has no columns of its data. Give the rows: data=data.")
    names = {name: None for formula in formulas for name in formula.variables}
    absent = [name for name in names if name not in source and name not in namespace]
    if absent:
        are = "is" if len(absent) == 1 else "are"
        raise BayesmixError(
            f"The fit has kept the columns that it used: {listed(map(str, source), 8)}; "
            f"{listed(map(repr, absent), 5)} {are} not among them. Give the rows: "
            "fit.update(..., data=data)."
        )
    return source.drop(columns=[WEIGHTS_COLUMN, SE_COLUMN], errors="ignore")


def possible_priors(made: ModelSpec, edits: Mapping[str, AnyPrior]) -> dict[str, AnyPrior]:
    """Choose the priors that a model has a place for; some have it beside others only."""
    kept: dict[str, AnyPrior] = {}
    left = dict(edits)
    while left:
        before = len(kept)
        for path, prior in list(left.items()):
            try:
                resolve_priors(made.design, made.family, {**kept, path: prior})
            except BayesmixError:
                continue
            kept[path] = left.pop(path)
        if len(kept) == before:
            break
    return {path: prior for path, prior in edits.items() if path in kept}


def _with_priors(
    made: ModelSpec, old: ModelSpec, changes: Mapping[str, AnyPrior | None]
) -> PriorSet:
    """Set the priors that the user set before, where the new model has their parameters."""
    edits = {path: prior for path, prior in old.priors.edits.items() if path not in changes}
    given = {path: prior for path, prior in changes.items() if prior is not None}
    kept = possible_priors(made, edits)
    gone = [path for path in edits if path not in kept]
    unknown = [path for path in changes if changes[path] is None and path not in old.priors.edits]
    if unknown:
        raise BayesmixError(
            f"priors: {shown(unknown[0])} is no path that a prior was set for. Set are: "
            f"{listed(old.priors.edits, 8) or 'none'}."
        )
    priors = resolve_priors(made.design, made.family, {**kept, **given})
    if gone:
        warn(
            f"What was set as the prior of {listed(map(repr, gone), 5)} is left out: the new model "
            "has no such parameter.",
            DesignWarning,
        )
    return priors
