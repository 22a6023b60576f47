"""What stands in the way of methods: what only the joint model has, and rows that are not there."""

from __future__ import annotations

from bayesmix.design.names import path_start
from bayesmix.model.spec import ModelSpec

__all__ = ["hyper_obstacle", "joint_obstacle", "rows_obstacle", "student_obstacle"]


def rows_obstacle(spec: ModelSpec) -> str | None:
    """Say that the rows are not in memory, so that only sums over them are known."""
    if spec.design.totals is None:
        return None
    return "the rows of the data are not in memory, and sums over them are all there is"


def student_obstacle(spec: ModelSpec) -> str | None:
    """Say which group effects are not normal; None if all are."""
    for part, term in spec.owned_terms:
        if part.student(term) is not None:
            return f"the effects of '{path_start(term.predictor)}{term.factor}' are Student-t"
    return None


def hyper_obstacle(spec: ModelSpec) -> str | None:
    """Say which population effects have a prior with parameters of its own; None without."""
    for leaf in spec.priors.leaves:
        if leaf.is_hyper:
            of = ":".join(leaf.place[:-1])
            return f"the prior of {of} has a parameter with a prior, {leaf.path}"
    return None


def joint_obstacle(spec: ModelSpec) -> str | None:
    """Say what needs the joint model of all parameters; None if nothing does."""
    return student_obstacle(spec) or hyper_obstacle(spec)
