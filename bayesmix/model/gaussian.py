"""Whether a model is Gaussian, so that effects can be integrated out: the one place that knows."""

from __future__ import annotations

from bayesmix.model.joint_only import hyper_obstacle, student_obstacle
from bayesmix.model.spec import ModelSpec

__all__ = ["effects_obstacle", "response_obstacle"]


def response_obstacle(spec: ModelSpec) -> str | None:
    """Say why response and group effects are not Normal about their means; None if they are.

    Then group effects can be integrated out, given all other parameters.
    """
    family = spec.family
    if (obstacle := student_obstacle(spec)) is not None:
        return obstacle
    if (family.name, family.link) != ("gaussian", "identity"):
        return f"the {family.name} family is not Gaussian"
    if family.predicted:
        return f"{' and '.join(dict(family.predicted))} has a predictor of its own"
    if family.known_errors and family.has_residual_sd:
        return "the residual sds of rows are not in proportion to known ones"
    return None


def effects_obstacle(spec: ModelSpec) -> str | None:
    """Say why the response and all effects are not jointly Normal; None if they are.

    Then all effects can be integrated out, given sds, correlations and sigma.
    """
    obstacle = response_obstacle(spec)
    if obstacle is not None:
        return obstacle
    if (obstacle := hyper_obstacle(spec)) is not None:
        return obstacle
    design = spec.design
    leaves = {"Intercept": spec.priors.intercept} if design.has_intercept else {}
    terms = design.terms[1:] if design.has_intercept else design.terms
    leaves |= {f"beta:{term}": p for term, p in zip(terms, spec.priors.beta, strict=True)}
    for path, prior in leaves.items():
        if prior is not None and prior.distribution != "Normal":
            return f"the prior of {path} is {prior!r}, not a Normal"
    return None
