"""The parameters of a fit in the sections of a table of models."""

from __future__ import annotations

import dataclasses
import itertools

from bayesmix.base.arrays import FloatArray
from bayesmix.design.names import path_start
from bayesmix.posterior.fitted import Fitted
from bayesmix.questions.names import Parameters

__all__ = ["KINDS", "Row", "rows_of", "sizes_of"]

# What a path begins with -> title of the section, in their order.
KINDS = {
    "beta": "Population effects",
    "sd": "Standard deviations",
    "cor": "Correlations",
    "": "Residual and other parameters",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A parameter in a table.

    Attributes
    ----------
    section, name : str
        The title that it stands under, and what it is called there.
    draws : ndarray, shape (S,)
    is_population : bool
        Whether it is a population effect, or a threshold.
    """

    section: str
    name: str
    draws: FloatArray
    is_population: bool


def rows_of(fit: Fitted) -> list[Row]:
    """List the parameters of a fit, thresholds first; sections say whose predictor they are of."""
    found = Parameters.of(fit).named
    names, predictors = _names(fit), [part.predictor for part in fit.design.parts[1:]]
    thresholds = fit.family.thresholds
    first = fit.family.predictors[0] if fit.family.categories else ""
    rows: list[tuple[bool, Row]] = []
    taken: set[tuple[str, str]] = set()
    for label, draws in found.items():
        predictor = next((own for own in predictors if label.startswith(f"{own}:")), "")
        path = label.removeprefix(path_start(predictor))
        # Parameters of priors have paths that begin as those of what they are for.
        kind = "" if label in fit.spec.priors.hyperparameters else path.partition(":")[0]
        is_threshold = thresholds is not None and kind == thresholds.name and not predictor
        if is_threshold:
            kind = "beta"
        kind = kind if kind in KINDS else ""
        owner = (predictor or first) if kind else predictor
        section = KINDS[kind] + (f" of {owner}" if owner else "")
        name = names.get(label, path.partition(":")[2] if kind else path)
        if (section, name) in taken:
            name = label
        taken.add((section, name))
        rows.append((not is_threshold, Row(section, name, draws, is_population=kind == "beta")))
    return [row for _, row in sorted(rows, key=lambda one: one[0])]


def _names(fit: Fitted) -> dict[str, str]:
    """Label -> what a reader calls it, where a section says what kind it is."""
    found: dict[str, str] = {}
    for part in fit.design.parts:
        start = path_start(part.predictor)
        for term in part.groups:
            for effect in term.effects:
                found[f"{start}sd:{term.factor}:{effect}"] = f"{term.factor}: {effect}"
    for joint in fit.design.joint_effects:
        start = f"{path_start(joint.predictor)}cor:{joint.factor}"
        for one, other in itertools.combinations(joint.effects, 2):
            found[f"{start}:{one}:{other}"] = f"{joint.factor}: {one}, {other}"
    if (thresholds := fit.family.thresholds) is not None:
        length = fit.spec.priors.lengths[thresholds.name] or 0
        for k in range(1, length + 1):
            found[f"{thresholds.name}:{k}"] = f"Intercept[{k}]"
    return found


def sizes_of(fit: Fitted) -> dict[str, int]:
    """Count the rows, and the levels of each grouping factor."""
    levels = {f"Levels of {term.factor}": term.n_levels for term in fit.design.every_group}
    return {"N": fit.design.n_rows, **levels}
