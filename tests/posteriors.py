"""Posteriors set by hand: no sampling, and every answer in closed form.

Each parameter's draws are evenly spaced numbers in a scrambled order, so that with S draws in
all, centre c and half width h

    mean = c,  quantile(p) = c + h (2 p - 1),  variance (ddof=1) = (2 h / (S - 1))^2 S (S + 1) / 12

and different parameters are scrambled differently. The designs have the fields of
`bayesmix.design.design.Design` that tables and reports read.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

import bayesmix as bm
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import JointEffects, joined
from bayesmix.model.options import SampleOptions
from bayesmix.posterior.drawn import LazyTree

CHAINS, DRAWS = 2, 100
S = CHAINS * DRAWS

# Coprime to S: k -> (k * step) % S is a permutation.
_STEPS = (7, 11, 13, 17, 19, 21, 23, 27, 29, 31, 33, 37, 39, 41, 43, 47, 49, 51, 53, 57)


def even(centre: float, half_width: float, step: int = 7) -> np.ndarray:
    """Draws (chain, draw) of one parameter."""
    order = (np.arange(S) * step) % S
    return (centre + half_width * (2 * order / (S - 1) - 1)).reshape(CHAINS, DRAWS)


def even_sd(half_width: float) -> float:
    return 2 * half_width / (S - 1) * np.sqrt(S * (S + 1) / 12)


def even_quantile(centre: float, half_width: float, p: float) -> float:
    return centre + half_width * (2 * p - 1)


def term_of(
    factor: str,
    levels: np.ndarray,
    effects: tuple[str, ...],
    blocks: tuple[tuple[int, ...], ...],
    codes: np.ndarray,
) -> GroupTerm:
    """Make a grouping factor whose columns nobody reads."""
    Z = np.zeros((len(codes), len(effects)))
    return GroupTerm(factor, tuple(factor.split(":")), levels, codes, effects, Z, blocks)


@dataclass(frozen=True)
class DesignStandIn:
    """A design with the fields of `Design` that tables and reports read."""

    text: str
    terms: tuple[str, ...]
    groups: tuple[GroupTerm, ...] = ()
    n_rows: int = 0
    event: str = ""
    predictor: str = ""
    categories: Any = None

    @property
    def formula(self) -> Any:
        return SimpleNamespace(text=self.text)

    @property
    def formulas(self) -> tuple[str, ...]:
        return (self.text,)

    @property
    def encoder(self) -> Any:
        return SimpleNamespace(se=None)

    @property
    def parts(self) -> tuple[DesignStandIn, ...]:
        return (self,)

    @property
    def every_group(self) -> tuple[GroupTerm, ...]:
        return self.groups

    @property
    def joint_effects(self) -> tuple[JointEffects, ...]:
        return joined(self.groups)


@dataclass(frozen=True)
class Case:
    """A design, its posterior, and (centre, half width) of every parameter by its label."""

    design: DesignStandIn
    posterior: xr.Dataset
    truth: dict[str, tuple[float, float]] = field(default_factory=dict)
    family: Any = None
    notes: tuple[str, ...] = ()
    method: str = "nuts"
    seconds: float = 12.34

    @property
    def spec(self) -> Any:
        """Normal effects, and priors that are numbers."""
        priors = SimpleNamespace(leaves=(), hyperparameters={})
        return SimpleNamespace(
            priors=priors, owned_terms=(), design=self.design, family=self.family
        )

    idata = LazyTree()

    def __post_init__(self) -> None:
        tree = xr.DataTree.from_dict({"posterior": self.posterior})
        tree.attrs.update(method=self.method, seconds=self.seconds)
        object.__setattr__(self, "idata", tree)


def make_case(design: DesignStandIn, truth: dict[str, tuple[float, float]], family: Any) -> Case:
    """Fill the posterior schema from (centre, half width) by label.

    Labels: ``beta:x``, ``sd:g:x``, ``cor:g:x:z``, ``u:g:x:level``, ``sigma``.
    """
    steps = itertools.cycle(_STEPS)
    draws = {label: even(*spread, step=next(steps)) for label, spread in truth.items()}
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {"chain": np.arange(CHAINS), "draw": np.arange(DRAWS)}
    sample = ("chain", "draw")
    if design.terms:
        coords["term"] = list(design.terms)
        beta = np.stack([draws[f"beta:{term}"] for term in design.terms], axis=-1)
        variables["beta"] = ((*sample, "term"), beta)
    for g in design.groups:
        coords |= {g.dim: list(g.levels), g.effect_dim: list(g.effects)}
        sd = np.stack([draws[f"sd:{g.factor}:{e}"] for e in g.effects], axis=-1)
        variables[f"sd_{g.factor}"] = ((*sample, g.effect_dim), sd)
        u = np.empty((CHAINS, DRAWS, len(g.levels), len(g.effects)))
        for (j, level), (i, effect) in itertools.product(enumerate(g.levels), enumerate(g.effects)):
            u[:, :, j, i] = draws[f"u:{g.factor}:{effect}:{level}"]
        variables[f"u_{g.factor}"] = ((*sample, g.dim, g.effect_dim), u)
        if g.correlations:
            coords[g.effect_dim_bis] = list(g.effects)
            cor = np.broadcast_to(np.eye(len(g.effects)), (CHAINS, DRAWS, *[len(g.effects)] * 2))
            cor = cor.copy()
            for i, j in g.correlations.pairs:
                values = draws[f"cor:{g.factor}:{g.effects[i]}:{g.effects[j]}"]
                cor[:, :, i, j] = cor[:, :, j, i] = values
            variables[f"cor_{g.factor}"] = ((*sample, g.effect_dim, g.effect_dim_bis), cor)
            # Free variables of the joint model stand beside the schema's.
            variables[f"lkj_{g.factor}"] = ((*sample, f"{g.dim}_pair"), np.zeros((2, 100, 1)))
    if "Intercept" in design.terms:
        variables["Intercept_centred"] = (sample, draws["beta:Intercept"] + 1.0)
    if "sigma" in truth:
        variables["sigma"] = (sample, draws["sigma"])
    return Case(design, xr.Dataset(variables, coords), truth, family)


def slopes() -> Case:
    """One factor, intercept and slope correlated: sleepstudy in small."""
    subject = term_of(
        factor="Subject",
        levels=np.array(["308", "309", "310", "330"]),
        effects=("Intercept", "Days"),
        blocks=((0, 1),),
        codes=np.repeat([0, 1, 2, 3], [10, 10, 9, 7]),
    )
    design = DesignStandIn(
        "Reaction ~ Days + (1 + Days | Subject)", ("Intercept", "Days"), (subject,), 36
    )
    truth = {
        "beta:Intercept": (251.4, 15.0),
        "beta:Days": (10.5, 3.0),
        "sd:Subject:Intercept": (27.0, 12.0),
        "sd:Subject:Days": (6.5, 3.0),
        "cor:Subject:Intercept:Days": (0.1, 0.6),
        "u:Subject:Intercept:308": (2.25, 20.0),
        "u:Subject:Intercept:309": (-40.0, 25.0),
        "u:Subject:Intercept:310": (-1.5, 22.0),
        "u:Subject:Intercept:330": (24.0, 21.0),
        "u:Subject:Days:308": (9.0, 4.0),
        "u:Subject:Days:309": (-8.5, 5.0),
        "u:Subject:Days:310": (-5.5, 4.5),
        "u:Subject:Days:330": (-4.5, 3.5),
        "sigma": (26.0, 3.0),
    }
    return make_case(design, truth, bm.get_family("gaussian"))


def pupils() -> Case:
    """Two factors: three effects of which two are correlated, and combinations of levels.

    One effect has no population twin, one level no row, and one factor's name is taken as a dim.
    """
    school = term_of(
        factor="school",
        levels=np.array(["10", "7"]),
        effects=("Intercept", "ses[mid]", "age"),
        blocks=((0, 1), (2,)),
        codes=np.array([0, 0, 0, 0, 1, 1, -1]),
    )
    nested = term_of(
        factor="school:term",
        levels=np.array(["10:low", "10:mid", "7:low"]),
        effects=("Intercept",),
        blocks=((0,),),
        codes=np.array([0, 0, 1, 0, 2, 2, -1]),
    )
    design = DesignStandIn(
        "score ~ ses + (ses || school) + (1 | school:term)",
        ("Intercept", "ses[mid]"),
        (school, nested),
        7,
    )
    truth = {
        "beta:Intercept": (5.75, 0.25),
        "beta:ses[mid]": (0.4, 0.2),
        "sd:school:Intercept": (0.5, 0.2),
        "sd:school:ses[mid]": (0.25, 0.2),
        "sd:school:age": (0.0009, 0.0004),
        "cor:school:Intercept:ses[mid]": (-0.6, 0.3),
        "sd:school:term:Intercept": (0.3, 0.1),
        "sigma": (0.75, 0.05),
    }
    u = {
        "u:school:Intercept": {"10": (0.144, 0.5), "7": (-0.3, 0.4)},
        "u:school:ses[mid]": {"10": (-0.025, 0.1), "7": (0.2, 0.1)},
        "u:school:age": {"10": (0.0005, 0.001), "7": (-0.0002, 0.001)},
        "u:school:term:Intercept": {
            "10:low": (0.015, 0.2),
            "10:mid": (-0.1, 0.2),
            "7:low": (0.05, 0.2),
        },
    }
    truth |= {f"{name}:{level}": spread for name, by in u.items() for level, spread in by.items()}
    return make_case(design, truth, bm.get_family("gaussian"))


def counts() -> Case:
    """No residual sd, one intercept by one factor."""
    herd = term_of(
        factor="herd",
        levels=np.array(["1", "2", "3"]),
        effects=("Intercept",),
        blocks=((0,),),
        codes=np.array([0, 1, 1, 2]),
    )
    design = DesignStandIn("sick ~ period + (1 | herd)", ("Intercept", "period"), (herd,), 4)
    truth = {
        "beta:Intercept": (-1.5, 0.5),
        "beta:period": (-1.0, 0.75),
        "sd:herd:Intercept": (0.7, 0.4),
        "u:herd:Intercept:1": (0.6, 0.8),
        "u:herd:Intercept:2": (-0.3, 0.8),
        "u:herd:Intercept:3": (-0.2, 0.9),
    }
    return make_case(design, truth, bm.get_family("bernoulli"))


def regression() -> Case:
    """No grouping factor."""
    design = DesignStandIn("y ~ x", ("Intercept", "x"), (), 20)
    truth = {"beta:Intercept": (1.0, 0.5), "beta:x": (2.0, 0.25), "sigma": (1.5, 0.5)}
    return make_case(design, truth, bm.get_family("gaussian"))


CASES = {"slopes": slopes, "pupils": pupils, "counts": counts, "regression": regression}


def fit_of(spec: Any, posterior: xr.Dataset, random_seed: int = 1) -> bm.MixedFit:
    """A fit from draws that were set by hand."""
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs.update(messages="[]", method="exact", seconds=0.1)
    return bm.MixedFit(spec, tree, SampleOptions(random_seed=random_seed))
