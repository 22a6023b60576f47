"""Simulated data together with the truth that they were drawn from."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.words import count
from bayesmix.families.family import Family

__all__ = ["Predictor", "Simulation"]


@dataclasses.dataclass(frozen=True, eq=False)
class Predictor:
    """The truth of the predictor of a parameter.

    Attributes
    ----------
    formula : str
        ``"sigma ~ x"``.
    beta, sd, cor, u, eta, df
        As those of `Simulation`.
    """

    formula: str
    beta: dict[str, float]
    sd: dict[str, dict[str, float]]
    cor: dict[str, pd.DataFrame]
    u: dict[str, pd.DataFrame]
    eta: npt.NDArray[np.float64]
    df: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """Simulated data together with the truth that they were drawn from.

    Attributes
    ----------
    data : pandas.DataFrame
        One row for each observation: the grouping factors (categorical), ``time``, the other
        covariates, ``trials`` for the binomial family, and the response ``y``.
    formula : str
        The formula of the true model.
    family : Family
        Family of the response.
    beta : dict of str to float
        Population effects.
    sd : dict of str to dict
        For each grouping factor, the sd of each group effect.
    cor : dict of str to pandas.DataFrame
        For each grouping factor with correlated effects, their correlation matrix,
        effect x effect.
    u : dict of str to pandas.DataFrame
        For each grouping factor, the effects that were drawn, level x effect.
    auxiliary : dict of str to float or ndarray
        The other parameters of the family: ``sigma``, ``nu``, ...
    eta : ndarray, shape (n,)
        Linear predictor of each row of `data`.
    predictors : dict of str to Predictor
        The truth of the predictors of further parameters.
    df : dict of str to float
        For each grouping factor whose effects are Student-t, their degrees of freedom; `sd` is
        the scale of these.
    """

    data: pd.DataFrame
    formula: str
    family: Family
    beta: dict[str, float]
    sd: dict[str, dict[str, float]]
    cor: dict[str, pd.DataFrame]
    u: dict[str, pd.DataFrame]
    auxiliary: dict[str, float | npt.NDArray[np.float64]]
    eta: npt.NDArray[np.float64]
    predictors: dict[str, Predictor] = dataclasses.field(default_factory=dict)
    df: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def formulas(self) -> dict[str, str]:
        """Formulas of further parameters, to fit the data: ``bm.fit(..., **formulas)``."""
        return {
            name: own.formula
            for name, own in self.predictors.items()
            if name not in self.family.specific  # their terms are in the formula
        }

    @property
    def sigma(self) -> float | None:
        """Residual sd; None for a family without one."""
        sigma = self.auxiliary.get("sigma")
        return None if sigma is None else float(sigma)

    @property
    def parameters(self) -> dict[str, float]:
        """True values by the labels of the tables.

        ``"beta:time"``, ``"sd:group:Intercept"``, ``"cor:group:Intercept:time"``, ``"sigma"``.
        """
        values = _of_predictor(self)
        for name, own in self.predictors.items():
            values |= {f"{name}:{label}": x for label, x in _of_predictor(own).items()}
        for name, value in self.auxiliary.items():
            if np.ndim(value):
                values |= {f"{name}:{k}": float(x) for k, x in enumerate(np.ravel(value), start=1)}
            else:
                values[name] = float(value)
        return values

    def __repr__(self) -> str:
        """Return the formula, the sizes and the true values as text."""
        sizes = ", ".join(f"{factor} ({len(u)})" for factor, u in self.u.items())
        truth = pd.Series(self.parameters).to_string()
        return (
            f"Simulation: {self.formula}\n"
            f"{self.family}, {count(len(self.data), 'row')}, groups: {sizes}\n"
            f"{truth}"
        )


def _of_predictor(truth: Simulation | Predictor) -> dict[str, float]:
    values = {f"beta:{name}": value for name, value in truth.beta.items()}
    for factor, sds in truth.sd.items():
        values |= {f"sd:{factor}:{effect}": value for effect, value in sds.items()}
    for factor, matrix in truth.cor.items():
        R = matrix.to_numpy()
        for (i, first), (j, second) in itertools.combinations(enumerate(matrix), 2):
            values[f"cor:{factor}:{first}:{second}"] = float(R[i, j])
    values |= {f"df:{factor}": df for factor, df in truth.df.items()}
    return values
