"""What of two models must agree before their results are compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import weights_of
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    from arviz_stats import ELPDData

    from bayesmix.families.family import Family

__all__ = ["Facts"]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What must agree between models that are compared, and what the table tells of each.

    They travel with a result among the ``attrs`` of its ``elpd_i``, as text.
    """

    formula: str
    response: str
    n_rows: int
    K: int
    n_random_effects: int
    values: str
    positions: str
    labels: str
    group: str = ""
    measure: str = ""

    @classmethod
    def of(cls, fit: Fitted) -> Facts:
        """Collect the facts of a fit."""
        spec = fit.spec
        design = spec.design
        terms = design.every_group
        y = [design.y] if design.trials is None else [design.y, design.trials]
        return cls(
            formula="; ".join(design.formulas),
            response=design.response,
            n_rows=design.n_rows,
            K=sum(part.n_terms for part in design.parts)
            + sum(joint.n_effects + len(joint.correlations) for joint in design.joint_effects)
            + _further_parameters(spec),
            n_random_effects=sum(term.n_levels * term.n_effects for term in terms),
            values=_hash(np.concatenate(y)),
            positions=_hash(design.rows),
            measure=_measure(spec.family),
            labels=_hash(pd.util.hash_pandas_object(design.index, index=False).to_numpy()),
        )

    @classmethod
    def read(cls, elpd: ELPDData) -> Facts | None:
        """Find the facts that travel with a result; None if it came without."""
        text = elpd.elpd_i.attrs.get("bayesmix")
        return None if text is None else cls(**json.loads(text))

    @property
    def attrs(self) -> dict[str, str]:
        """What `read` reads."""
        return {"bayesmix": json.dumps(dataclasses.asdict(self))}


def _measure(family: Family) -> str:
    """Say what the likelihood of a response is made of."""
    if family.discrete:
        return "probabilities"
    has_zeros = any(parameter.zeros for parameter in family.parameters)
    return "probabilities of zeros and densities of the others" if has_zeros else "densities"


def _further_parameters(spec: ModelSpec) -> int:
    """Count the numbers of the family, degrees of freedom of effects, and hyperparameters.

    Equidistant thresholds are made of two.
    """
    lengths = dict(spec.priors.lengths)
    if (thresholds := spec.family.thresholds) is not None:
        lengths[thresholds.name] = weights_of(spec, thresholds).shape[1]
    own = sum(length or 1 for length in lengths.values())
    return own + sum(leaf.kind == "df" or leaf.is_hyper for leaf in spec.priors.leaves)


def _hash(values: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]
