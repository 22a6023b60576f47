"""Group effects of the joint PyMC model: drawn together where they are correlated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.design.joint_effects import JointEffects
from bayesmix.engines.nuts.heavy_tails import standard_effects
from bayesmix.engines.nuts.tensors import tensor_operations
from bayesmix.engines.nuts.variables import vector
from bayesmix.model.centring import sd_variable
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["GroupEffects"]


class GroupEffects:
    """The group effects of a model as tensors.

    Attributes
    ----------
    spec : ModelSpec
        Of all predictors.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._joint = spec.design.joint_effects
        self._made: dict[tuple[str, str], Any] = {}

    def of(self, term: GroupTerm) -> Any:
        """Return the effects (J, q) of the columns as the priors see them.

        The first time that a factor is asked for, its variables are made, with those of other
        predictors whose effects are correlated with them.
        """
        key = (term.predictor, term.factor)
        if key not in self._made:
            own = (
                joint
                for joint in self._joint
                if joint.factor == term.factor
                and term.predictor in [one.predictor for one in joint.terms]
            )
            self._make(next(own))
        return self._made[key]

    def _make(self, joint: JointEffects) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        spec = self.spec
        sds, zetas = [], []
        for term in joint.terms:
            part = spec.part(term)
            priors = part.priors.sd[term.factor]
            sds.append(vector(sd_variable(part, term), term.effects, priors, term.effect_dim))
            zetas.append(standard_effects(part, term, sds[-1]))
        sd = sds[0] if len(sds) == 1 else pt.concatenate(sds)
        zeta = zetas[0] if len(zetas) == 1 else pt.concatenate(zetas, axis=1)
        root = self._root_of_correlations(joint)
        u = (zeta if root is None else pt.dot(zeta, root.T)) * sd
        for term, place in joint.members:
            own = u[:, place] if joint.is_linked else u
            self._made[term.predictor, term.factor] = own
            back = _back(spec.part(term), term)
            written = own if back is None else pt.dot(own, back.T)
            pm.Deterministic(term.names.u, written, dims=(term.dim, term.effect_dim))
        if root is not None:
            self._report_correlations(joint, sd, root)

    def _root_of_correlations(self, joint: JointEffects) -> Any:
        import pymc as pm

        correlations = self.spec.joint_correlations(joint)
        if not correlations:
            return None
        lkj = pm.Beta(joint.names.lkj, *correlations.shapes.T, dims=joint.names.pair_dim)
        return correlations.factor(2 * lkj - 1, tensor_operations())

    def _report_correlations(self, joint: JointEffects, sd: Any, root: Any) -> None:
        """Report sds and correlations as written (`bayesmix.model.centring`)."""
        import pymc as pm
        import pytensor.tensor as pt

        backs = [_back(self.spec.part(term), term) for term in joint.terms]
        if all(back is None for back in backs):
            pm.Deterministic(joint.names.cor, pt.dot(root, root.T), dims=joint.dims)
            return
        every = np.eye(joint.n_effects)
        for place, back in zip(joint.places, backs, strict=True):
            if back is not None:
                every[place, place] = back
        scale = pt.dot(every, root * sd[:, None])
        written = pt.sqrt((scale**2).sum(axis=1))
        for (term, place), back in zip(joint.members, backs, strict=True):
            if back is not None:
                own = written[place] if joint.is_linked else written
                pm.Deterministic(term.names.sd, own, dims=term.effect_dim)
        cor = pt.clip(pt.dot(scale, scale.T) / pt.outer(written, written), -1.0, 1.0)
        pm.Deterministic(joint.names.cor, cor, dims=joint.dims)


def _back(spec: ModelSpec, term: GroupTerm) -> Any:
    """Return the map (q, q) to effects as written; None where they are the same."""
    if not spec.is_centred(term):
        return None
    back = np.eye(term.n_effects)
    back[0] -= spec.centre(term)
    return back
