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

__all__ = ["DESIGNS", "EXACT", "WHITENED", "CalibrationDesign"]

type FloatArray = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class CalibrationDesign:
    """A formula, its rows and fixed priors, and the method that fits it.

    `dear` takes the way of large models: a short adaptation and, where the proposal is good,
    one long chain in place of many short ones.
    """

    name: str
    formula: str
    levels: Mapping[str, int]
    rows_per_cell: int
    priors: Mapping[str, bm.Prior | bm.LKJ]
    family: str = "gaussian"
    method: Literal["exact", "whitened"] = "exact"
    weights: str | None = None
    dear: bool = False

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
        if self.family != "gaussian":
            data["y"] = (data["y"] > 0).astype(float)
        return data

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
        dear=True,
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

DESIGNS = {"exact": EXACT, "whitened": WHITENED}
