"""Small Gaussian designs, and their algebra written densely: n x n matrices and no tricks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg

import bayesmix as bm
from bayesmix.blocks.theta import Theta
from bayesmix.design.groupterm import GroupTerm
from bayesmix.model.spec import ModelSpec


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    n = 90
    data = pd.DataFrame(
        {name: rng.standard_normal(n) for name in ("x", "z", "v", "known")}
        | {
            "g": rng.integers(0, 12, n),
            "h": rng.integers(0, 7, n),
            "k": rng.integers(0, 5, n),
            "f": rng.choice(list("abc"), n),
            "w": rng.uniform(0.3, 3, n),
        }
    )
    data.loc[0, "g"] = 99  # a level with one row
    data["flat"] = (data["g"] % 2).astype(float)  # constant within a level: Z of rank one there
    data["year"] = 2000 + 5 * data["z"]
    data["y"] = 50 + 2 * data["x"] + rng.standard_normal(n)
    return data


@dataclasses.dataclass(frozen=True)
class GaussianCase:
    formula: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def spec(self) -> ModelSpec:
        return bm.prepare(self.formula, frame(), **self.options)


CASES = {
    "no groups": GaussianCase("y ~ x + z"),
    "one effect": GaussianCase("y ~ x + (1 | g)"),
    "two effects": GaussianCase("y ~ x + (x | g)"),
    "three effects": GaussianCase("y ~ x + z + (x + z | g)"),
    "five effects": GaussianCase("y ~ x + z + v + f + (x + z + f | g)"),
    "two blocks": GaussianCase("y ~ x + z + (1 | g) + (0 + x + z | g)"),
    "no correlation": GaussianCase("y ~ x + (x || g)"),
    "nested": GaussianCase("y ~ x + (1 | g/h)"),
    "nested with slopes": GaussianCase("y ~ x + (x | g/h)"),
    "nested twice": GaussianCase("y ~ x + (1 | h/k/f) + (0 + x | h)"),
    "crossed": GaussianCase("y ~ x + (1 | g) + (1 | h)"),
    "crossed with slopes": GaussianCase("y ~ x + z + (x | g) + (z | h)"),
    "three crossed": GaussianCase("y ~ x + (x | g) + (x || h) + (1 | k)"),
    "nested and crossed": GaussianCase("y ~ x + (1 | g/h) + (x | k)"),
    "weights": GaussianCase("y ~ x + (x | g)", {"weights": "w"}),
    "weights, crossed": GaussianCase("y ~ x + (1 | g) + (1 | h)", {"weights": "w"}),
    "known errors": GaussianCase("y ~ x + (x | g)", {"se": "w"}),
    "known errors, crossed": GaussianCase("y ~ year + (1 | g) + (year | h)", {"se": "w"}),
    "known errors, nested": GaussianCase("y ~ x + (1 | g/h)", {"se": "w"}),
    "offset": GaussianCase("y ~ x + offset(known) + (x | g)"),
    "no intercept": GaussianCase("y ~ 0 + x + (x | g)"),
    "no population effects": GaussianCase("y ~ 0 + (x | g)"),
    "rank-deficient levels": GaussianCase("y ~ flat + (flat | g)"),
    "far from zero": GaussianCase("y ~ year + (year | g)"),
    "two far from zero": GaussianCase("y ~ year + x + (year + I(x - 9) | g)", {"weights": "w"}),
    "factor and year": GaussianCase("y ~ year + f + (f + year | g)"),
    "factor": GaussianCase("y ~ f + (f | g)"),
    "far, beside another block": GaussianCase("y ~ year + (year | g) + (0 + x | g) + (year | h)"),
    "far, nested": GaussianCase("y ~ year + (year | h/k)"),
    "far, own slope's prior": GaussianCase(
        "y ~ year + (year | g)",
        {"priors": {"sd:g:year": bm.Prior("HalfNormal", sigma=0.4), "cor:g": bm.LKJ(3)}},
    ),
    "far, own intercept's prior": GaussianCase(
        "y ~ x + (I(x - 9) | g) + (year | h)",
        {"priors": {"sd:g": bm.Prior("HalfNormal", sigma=3.0)}},
    ),
    "own priors": GaussianCase(
        "y ~ x + (x | g)",
        {
            "priors": {
                "x": bm.Prior("Normal", mu=1, sigma=0.5),
                "sd:g:Intercept": bm.Prior("Gamma", alpha=2, beta=1.5),
                "sd:g:x": bm.Prior("Rice", nu=1.0, sigma=1.0),
                "cor": bm.LKJ(2.5),
                "sigma": bm.Prior("InverseGamma", alpha=3, beta=2),
            }
        },
    ),
}


def theta_variables(
    spec: ModelSpec, term: GroupTerm, sd: np.ndarray, partial: np.ndarray
) -> tuple[dict[str, tuple[tuple[str, ...], np.ndarray]], np.ndarray]:
    """Variables of the posterior from sds (S, q) that have a prior and partial correlations (S, k).

    The second value is a square root of the covariance as written, (S, q, q).
    """
    pairs, dim = spec.correlations(term), term.effect_dim
    back = np.eye(term.n_effects)
    variables = {}
    if spec.is_centred(term):
        block = list(term.blocks[0][1:])
        back[0, block] = -term.Z[:, block].mean(axis=0)
        variables[f"centred_sd_{term.factor}"] = ((dim,), sd)
    scale = back @ (sd[:, :, None] * pairs.factor(partial))
    sigma = scale @ np.swapaxes(scale, 1, 2)
    written = np.sqrt(np.einsum("sii->si", sigma))
    variables[f"sd_{term.factor}"] = ((dim,), written)
    if len(pairs):
        variables[f"lkj_{term.factor}"] = ((f"{term.dim}_pair",), (1 + partial) / 2)
        size = written[:, :, None] * written[:, None]
        cor = np.divide(sigma, size, out=np.zeros_like(sigma), where=size > 0)
        variables[f"cor_{term.factor}"] = ((dim, term.effect_dim_bis), cor)
    return variables, scale


@dataclasses.dataclass(frozen=True)
class DenseAlgebra:
    """Joint normal of the effects a = (zeta of each factor, beta of the centred columns) and y."""

    mean: np.ndarray  # prior mean of a
    precision: np.ndarray  # prior precision of a, its diagonal
    columns: np.ndarray  # C, so that y = C a + offset + noise
    noise: np.ndarray  # residual variances
    y: np.ndarray  # response less offset

    @property
    def covariance(self) -> np.ndarray:
        """Marginal covariance of y."""
        return (self.columns / self.precision) @ self.columns.T + np.diag(self.noise)

    @property
    def residual(self) -> np.ndarray:
        return self.y - self.columns @ self.mean

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of a given y, by Kalman's formula."""
        gain = linalg.solve(self.covariance, self.columns / self.precision, assume_a="pos").T
        covariance = np.diag(1 / self.precision) - gain @ (self.columns / self.precision)
        return self.mean + gain @ self.residual, covariance


def prior_columns(spec: ModelSpec, term: GroupTerm) -> np.ndarray:
    """Columns of group effects as their priors see them, from the rule as it is documented."""
    block = term.blocks[0]
    own = {"sd", f"sd:{term.factor}", f"sd:{term.factor}:Intercept"} & set(spec.priors.edits)
    Z = np.array(term.Z)
    if term.effects[block[0]] == "Intercept" and not own:
        beside = list(block[1:])
        means = Z.mean(axis=0) if term.means is None else term.means  # those of all rows
        Z[:, beside] -= means[beside]
    return Z


def dense(spec: ModelSpec, theta: Theta, b: int) -> DenseAlgebra:
    design = spec.design
    center = design.X.mean(axis=0) * design.has_intercept
    priors = list(spec.priors.beta)
    if design.has_intercept:
        center[0] = 0
        priors.insert(0, spec.priors.intercept)
    blocks, mean, precision = [], [], []
    for term, scale in zip(design.groups, theta.scale, strict=True):
        J, q = term.n_levels, term.n_effects
        block = np.zeros((design.n_rows, J, q))
        block[np.arange(design.n_rows), term.codes] = prior_columns(spec, term) @ scale[b]
        blocks.append(block.reshape(design.n_rows, J * q))
        mean.append(np.zeros(J * q))
        precision.append(np.ones(J * q))
    blocks.append(design.X - center)
    mean.append(np.array([prior.parameters["mu"] for prior in priors]))
    precision.append(np.array([prior.parameters["sigma"] ** -2.0 for prior in priors]))
    weights = np.ones(design.n_rows) if design.weights is None else design.weights
    offset = 0 if design.offset is None else design.offset
    return DenseAlgebra(
        np.concatenate(mean),
        np.concatenate(precision),
        np.hstack(blocks),
        theta.sigma[b] ** 2 / weights,
        design.y - offset,
    )
