"""Whether models and results can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.arguments import one_of, shown
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.facts import Facts
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    from arviz_stats import ELPDData

__all__ = ["NAMES", "check_models", "check_same_data", "check_same_units", "is_result"]


NAMES = {
    "loo": "LOOIC",
    "waic": "WAIC",
    "logo": "LOGOIC",
    "kfold": "KFOLDIC",
    "evidence": "log_evidence",
}
KINDS = {"loo": "loo", "waic": "waic", "logo": "logo", "loo_kfold": "kfold"}


def check_models(models: Mapping[str, Any], ic: str | None) -> str:
    """Check what can be said before anything is computed; return the criterion."""
    if ic is not None:
        one_of("ic", ic, NAMES)
    if len(models) < 2:
        raise BayesmixError(
            f"Comparing needs two models or more; got {len(models)}. Give them one after the "
            "other, compare(a, b), or in a mapping with names, compare({'a': a, 'b': b})."
        )
    kinds = {}
    for name, model in models.items():
        if not isinstance(name, str):
            raise BayesmixError(f"Names of models are text; got {shown(name)}.")
        if is_result(model):
            kinds[name] = KINDS.get(model.kind, str(model.kind))
            if hasattr(model, "subsample_size"):
                raise BayesmixError(
                    f"'{name}' is from a subsample of the rows. arviz_stats.compare compares such "
                    "results, and knows the error of the subsample."
                )
            if model.elpd_i is None:
                raise BayesmixError(f"'{name}' has no pointwise values. Compute it with them.")
        elif not isinstance(model, Fitted):
            raise BayesmixError(
                f"'{name}' is a {type(model).__name__}; give a fit, or a result of fit.loo(), "
                "fit.waic(), fit.logo() or fit.kfold()."
            )
    names = list(models)
    for i, name in enumerate(names):
        for other in names[:i]:
            if _same(models[name], models[other]):
                raise BayesmixError(f"'{other}' and '{name}' are the same fit.")
    if len(set(kinds.values())) > 1:
        each = ", ".join(f"'{name}' ({kind})" for name, kind in kinds.items())
        raise BayesmixError(f"The results are of different criteria: {each}. Give one criterion.")
    wanted = next(iter(kinds.values()), "loo")
    if ic is not None and kinds and ic != wanted:
        raise BayesmixError(
            f"ic='{ic}', but {', '.join(map(repr, kinds))}: results of {wanted}. Give "
            f"ic='{wanted}', or the fits."
        )
    criterion = ic or wanted
    one_of("ic", criterion, NAMES)
    return criterion


def is_result(model: object) -> bool:
    """Tell a result of a criterion from a fit."""
    # By name, since ArviZ is imported when a criterion is asked for.
    return any(cls.__name__ == "ELPDData" for cls in type(model).__mro__)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if is_result(a) and is_result(b):
        return np.array_equal(np.asarray(a.elpd_i), np.asarray(b.elpd_i))
    return not is_result(a) and not is_result(b) and a.idata is b.idata


def check_same_data(facts: Mapping[str, Facts | None]) -> None:
    """Raise unless all models are of the same rows, the same response and the same measure."""
    known = {name: own for name, own in facts.items() if own is not None}
    if not known:
        return
    first, *others = known
    one = known[first]
    for name in others:
        other = known[name]
        if one.n_rows != other.n_rows:
            raise BayesmixError(
                f"The models are of different rows: '{first}' has {one.n_rows}, '{name}' has "
                f"{other.n_rows}. Fit both to the same rows, for example after "
                "data.dropna(subset=[...]) with the columns of all formulas."
            )
        if one.values != other.values:
            what = (
                f"'{one.response}' and '{other.response}'"
                if one.response != other.response
                else f"'{one.response}' has other values"
            )
            raise BayesmixError(
                f"The models are of different responses, or of the same rows in another order: "
                f"{what} in '{first}' and '{name}'. Densities of different responses do not "
                "compare."
            )
        if one.measure and other.measure and one.measure != other.measure:
            raise BayesmixError(
                f"'{first}' gives {one.measure} and '{name}' {other.measure}. A density "
                "has a unit, one over that of the response, so that the two do not compare: in "
                "another unit of the response another model would win. Compare models of families "
                "that are all for counts, or all for measurements."
            )
        if one.positions != other.positions and one.labels != other.labels:
            raise BayesmixError(
                f"The models are of different rows: those of '{first}' and '{name}' differ in "
                "their positions and in their labels. Fit both to the same rows."
            )


def check_same_units(results: Mapping[str, ELPDData]) -> None:
    """Check that the pointwise values belong to the same rows or groups, in the same order."""
    (first, one), *others = results.items()
    for name, other in others:
        a, b = one.elpd_i, other.elpd_i
        if getattr(one, "group", "") != getattr(other, "group", ""):
            raise BayesmixError(
                f"'{first}' leaves out {one.group}, and '{name}' {other.group}. Give one group."
            )
        if a.size != b.size:
            raise BayesmixError(
                f"The results are of different rows: '{first}' has {a.size}, '{name}' {b.size}."
            )
        folds = [elpd_i["fold"] for elpd_i in (a, b) if "fold" in elpd_i.coords]
        if len(folds) == 2 and not np.array_equal(*folds):
            raise BayesmixError(
                f"'{first}' and '{name}' held out different folds. Compute both with the same k, "
                "group_by, stratify_by and random_seed."
            )
