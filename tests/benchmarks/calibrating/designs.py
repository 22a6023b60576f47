"""What is calibrated: formulas, their rows and fixed priors."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

import bayesmix as bm
from bayesmix.model.spec import ModelSpec

__all__ = ["DESIGNS", "EXACT", "FAMILIES", "WHITENED", "CalibrationDesign"]

type FloatArray = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class CalibrationDesign:
    """A formula, its rows and fixed priors, and the method that fits it.

    `limit` takes a way of large models, by setting a limit of the sampler to zero: where the
    proposal is good, one long chain in place of many short ones, thinned (`dear_step`) or after a
    short adaptation (`sparing_step`).
    """

    name: str
    formula: str
    levels: Mapping[str, int]
    rows_per_cell: int
    priors: Mapping[str, bm.Prior | bm.LKJ]
    family: str = "gaussian"
    method: Literal["exact", "whitened"] = "exact"
    weights: str | None = None
    limit: Literal["dear_step", "sparing_step"] | None = None
    predictors: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        """Every combination of the levels, with covariates and a response to be replaced."""
        cells = pd.MultiIndex.from_product([range(n) for n in self.levels.values()])
        data = cells.to_frame(index=False, name=list(self.levels))
        data = data.loc[data.index.repeat(self.rows_per_cell)].reset_index(drop=True)
        rng = np.random.default_rng(7)
        for name in ("x", "z", "y"):
            data[name] = rng.standard_normal(len(data))
        data["w"] = rng.uniform(0.3, 3, len(data))
        data["far"] = data["x"] + 20 * data["x"].std()
        data["trials"] = rng.integers(1, 9, len(data))
        data["y"] = self._response(data["y"].to_numpy())
        return data

    def _response(self, y: FloatArray) -> FloatArray:
        """Turn normal numbers into a response that the family takes."""
        family = bm.get_family(self.family)
        if family.response.has_categories:
            return 1.0 + np.arange(len(y)) % CATEGORIES
        if family.binary:
            return (y > 0).astype(float)
        if family.discrete:
            return np.arange(len(y)) % 3.0
        if family.name == "beta":
            return 1 / (1 + np.exp(-y))
        if family.response.lower == 0:
            return np.exp(y)
        return y

    def spec(self, y: FloatArray | None = None) -> ModelSpec:
        """The model; a response that is given does not move the defaults of its priors."""
        with warnings.catch_warnings():
            # As many effects as rows: calibration does not mind.
            warnings.simplefilter("ignore", bm.DesignWarning)
            spec = bm.prepare(
                self.formula,
                self.frame(),
                family=self.family,
                priors=dict(self.priors),
                weights=self.weights,
                **self.predictors,
            )
        if y is None:
            return spec
        return dataclasses.replace(spec, design=dataclasses.replace(spec.design, y=y))


# The families of the default priors, on a fixed scale.
EXPONENTIAL = {
    "Intercept": bm.Prior("Normal", mu=1, sigma=2.5),
    "beta": bm.Prior("Normal", mu=0, sigma=2.5),
    "sd": bm.Prior("Exponential", lam=1),
    "sigma": bm.Prior("Exponential", lam=1),
}
OTHERS = {
    "Intercept": bm.Prior("Normal", mu=-1, sigma=2),
    "beta": bm.Prior("Normal", mu=0.5, sigma=1),
    "sd": bm.Prior("HalfNormal", sigma=1),
    "sigma": bm.Prior("Gamma", alpha=2, beta=2),
}

EXACT = (
    CalibrationDesign(
        "3 x 3 block",
        "y ~ x + z + (x + z | g)",
        {"g": 6},
        3,
        EXPONENTIAL | {"cor": bm.LKJ(1)},
    ),
    CalibrationDesign(
        "2 x 2 block",
        "y ~ x + (x | g)",
        {"g": 15},
        5,
        EXPONENTIAL | {"cor": bm.LKJ(1)},
    ),
    # The default prior of the intercept's sd, so that the block is centred.
    CalibrationDesign(
        "2 x 2 block, mean(x) = 20 sd(x)",
        "y ~ far + (far | g)",
        {"g": 15},
        5,
        {name: prior for name, prior in EXPONENTIAL.items() if name != "sd"}
        | {"sd:g:far": bm.Prior("Exponential", lam=1), "cor": bm.LKJ(1)},
    ),
    CalibrationDesign("nested", "y ~ x + (1 | a/b)", {"a": 5, "b": 3}, 3, OTHERS),
    CalibrationDesign(
        "crossed, weighted",
        "y ~ x + (x | g) + (1 | h)",
        {"g": 8, "h": 6},
        1,
        OTHERS | {"cor": bm.LKJ(2)},
        weights="w",
    ),
    CalibrationDesign(
        "2 x 2 block, long chains",
        "y ~ x + (x | g)",
        {"g": 15},
        5,
        EXPONENTIAL | {"cor": bm.LKJ(1)},
        limit="sparing_step",
    ),
    CalibrationDesign(
        "2 x 2 block, thinned long chains",
        "y ~ x + (x | g)",
        {"g": 15},
        5,
        EXPONENTIAL | {"cor": bm.LKJ(1)},
        limit="dear_step",
    ),
)


def priors(
    intercept: tuple[float, float], beta: float, sd: bm.Prior, **others: bm.LKJ
) -> dict[str, bm.Prior | bm.LKJ]:
    """Normal priors about zero but for the intercept, and that of the sds."""
    return {
        "Intercept": bm.Prior("Normal", mu=intercept[0], sigma=intercept[1]),
        "beta": bm.Prior("Normal", mu=0, sigma=beta),
        "sd": sd,
        **others,
    }


# Priors under which most responses are neither all alike nor too large.
WHITENED = (
    CalibrationDesign(
        "binary",
        "y ~ x + (1 | g)",
        {"g": 10},
        5,
        priors((0, 1.5), 1, bm.Prior("Exponential", lam=1)),
        family="bernoulli",
        method="whitened",
    ),
    CalibrationDesign(
        "counts, 2 x 2 block",
        "y ~ x + (x | g)",
        {"g": 15},
        4,
        priors((1, 0.7), 0.5, bm.Prior("HalfNormal", sigma=0.5), cor=bm.LKJ(1)),
        family="poisson",
        method="whitened",
    ),
    CalibrationDesign(
        "successes, nested",
        "p(y, trials) ~ x + (1 | a/b)",
        {"a": 6, "b": 3},
        2,
        priors((-0.5, 1), 0.7, bm.Prior("Exponential", lam=1.5)),
        family="binomial",
        method="whitened",
    ),
    CalibrationDesign(
        "binary, crossed",
        "y ~ x + (1 | g) + (1 | h)",
        {"g": 10, "h": 6},
        1,
        priors((0, 1), 1, bm.Prior("Gamma", alpha=2, beta=2)),
        family="bernoulli",
        method="whitened",
    ),
    # The slope is so large that x alone tells the response of many replications.
    CalibrationDesign(
        "binary, separated",
        "y ~ x + (1 | g)",
        {"g": 6},
        2,
        priors((0, 1), 6, bm.Prior("HalfNormal", sigma=1)),
        family="bernoulli",
        method="whitened",
    ),
)


def _of_family(family: str, *, counts: bool = False, **others: bm.Prior) -> CalibrationDesign:
    """One factor of ten levels with six rows each, and the priors of further parameters."""
    own = priors((0, 1), 0.7, bm.Prior("HalfNormal", sigma=0.7))
    if counts:
        own = priors((1, 0.7), 0.5, bm.Prior("HalfNormal", sigma=0.5))
    if bm.get_family(family).thresholds is not None:
        del own["Intercept"]
    response = "p(y, trials)" if bm.get_family(family).trials else "y"
    formula = f"{response} ~ x + (1 | g)"
    return CalibrationDesign(
        family, formula, {"g": 10}, 6, own | others, family=family, method="whitened"
    )


CATEGORIES = 4
SCALE = bm.Prior("Gamma", alpha=4, beta=5)
SHAPE, PRECISION = bm.Prior("Gamma", alpha=3, beta=1), bm.Prior("Gamma", alpha=3, beta=0.3)
SHARE = bm.Prior("Beta", alpha=2, beta=4)
CUTPOINT = bm.Prior("Normal", mu=0, sigma=1.5)

# One for each family that the designs above do not have, and predictors of further parameters.
FAMILIES = (
    _of_family("student", sigma=SCALE, nu=bm.Prior("Gamma", alpha=4, beta=0.5)),
    _of_family("lognormal", sigma=SCALE),
    _of_family("gamma", shape=SHAPE),
    _of_family("weibull", shape=SHAPE),
    # With wider priors shares round to 0 and 1.
    dataclasses.replace(
        _of_family("beta"),
        priors=priors((0, 0.5), 0.4, bm.Prior("HalfNormal", sigma=0.4))
        | {"phi": bm.Prior("Gamma", alpha=8, beta=0.4)},
    ),
    _of_family("exgaussian", sigma=SCALE, tau=SCALE),
    _of_family("skew_normal", sigma=SCALE, alpha=bm.Prior("Normal", mu=0, sigma=3)),
    _of_family("negbinomial", counts=True, shape=SHAPE),
    _of_family("beta_binomial", phi=PRECISION),
    _of_family("zero_inflated_poisson", counts=True, zi=SHARE),
    _of_family("zero_inflated_negbinomial", counts=True, zi=SHARE, shape=SHAPE),
    _of_family("hurdle_poisson", counts=True, hu=SHARE),
    _of_family("hurdle_negbinomial", counts=True, hu=SHARE, shape=SHAPE),
    _of_family("hurdle_lognormal", sigma=SCALE, hu=SHARE),
    _of_family("cumulative", cutpoint=CUTPOINT),
    _of_family("sratio", cutpoint=CUTPOINT),
    _of_family("cratio", cutpoint=CUTPOINT),
    _of_family("acat", cutpoint=CUTPOINT),
    dataclasses.replace(
        _of_family("cumulative", cutpoint=CUTPOINT),
        name="cumulative, disc ~ 0 + x",
        predictors={"disc": "~ 0 + x"},
        priors={
            "cutpoint": CUTPOINT,
            "beta": bm.Prior("Normal", mu=0, sigma=0.7),
            "sd": bm.Prior("HalfNormal", sigma=0.7),
            "disc:beta": bm.Prior("Normal", mu=0, sigma=0.4),
        },
    ),
    dataclasses.replace(
        _of_family("categorical"),
        name="categorical",
        priors={
            f"{start}{path}": prior
            for start in ("", "mu3:", "mu4:")
            for path, prior in priors((0, 1), 0.7, bm.Prior("HalfNormal", sigma=0.7)).items()
        },
    ),
    dataclasses.replace(
        _of_family("gaussian"),
        name="gaussian, sigma ~ x + (1 | g)",
        predictors={"sigma": "~ x + (1 | g)"},
        priors=priors((0, 1), 0.7, bm.Prior("HalfNormal", sigma=0.7))
        | {
            "sigma:Intercept": bm.Prior("Normal", mu=-0.5, sigma=0.5),
            "sigma:beta": bm.Prior("Normal", mu=0, sigma=0.3),
            "sigma:sd": bm.Prior("HalfNormal", sigma=0.4),
        },
    ),
    dataclasses.replace(
        _of_family("zero_inflated_poisson", counts=True),
        name="zero_inflated_poisson, zi ~ x",
        predictors={"zi": "~ x"},
        priors=priors((1, 0.7), 0.5, bm.Prior("HalfNormal", sigma=0.5))
        | {
            "zi:Intercept": bm.Prior("Normal", mu=-1, sigma=1),
            "zi:beta": bm.Prior("Normal", mu=0, sigma=0.7),
        },
    ),
    dataclasses.replace(
        _of_family("gaussian"),
        name="gaussian, (x | p | g), sigma ~ (1 | p | g)",
        formula="y ~ x + (x | p | g)",
        predictors={"sigma": "~ (1 | p | g)"},
        priors=priors((0, 1), 0.7, bm.Prior("HalfNormal", sigma=0.7), cor=bm.LKJ(1))
        | {
            "sigma:Intercept": bm.Prior("Normal", mu=-0.5, sigma=0.5),
            "sigma:sd": bm.Prior("HalfNormal", sigma=0.4),
        },
    ),
)

DESIGNS = {"exact": EXACT, "whitened": WHITENED, "families": FAMILIES}
