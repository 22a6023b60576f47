"""How often LOO and LOGO pick the right one of the correlated and the uncorrelated model.

Data with correlations 0, 0.3 and 0.8 between intercept and slope, 50 groups of 10. Prints the
table of docs/comparing.md; about five minutes for 40 data sets each.

    python tests/benchmarks/correlation_choice.py [data sets]
"""

from __future__ import annotations

import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import bayesmix as bm

CORRELATIONS = (0.0, 0.3, 0.8)


def differences(job: tuple[float, int]) -> dict[str, float]:
    correlation, number = job
    data = bm.simulate(
        50,
        10,
        beta={"Intercept": 1.0, "x": 0.5},
        sd={"Intercept": 1.0, "x": 0.5},
        cor=correlation,
        sigma=1.0,
        random_seed=number,
    ).data
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        correlated = bm.fit(
            "y ~ 1 + x + (1 + x | group)", data, random_seed=number, cores=1, progressbar=False
        )
        uncorrelated = correlated.uncorrelated()
        found = {"correlation": correlation}
        for name, one, other in (
            ("LOO", correlated.loo(), uncorrelated.loo()),
            ("LOGO", correlated.logo("group"), uncorrelated.logo("group")),
        ):
            each = np.asarray(one.elpd_i) - np.asarray(other.elpd_i)
            found[name] = float(each.sum())
            found[f"{name} se"] = float(np.sqrt(each.size * each.var()))
        draws = correlated.posterior["cor_group"].values[:, :, 0, 1]
        lower, upper = np.quantile(draws, [0.025, 0.975])
        found["interval"] = float(lower > 0 or upper < 0)
    return found


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    jobs = [(correlation, number) for correlation in CORRELATIONS for number in range(n)]
    with ProcessPoolExecutor(2) as pool:
        found = pd.DataFrame(pool.map(differences, jobs))
    rows = []
    for correlation, part in found.groupby("correlation"):
        row = {"correlation": correlation}
        for name in ("LOO", "LOGO"):
            correlated = part[name] > 0
            right = correlated if correlation else ~correlated
            # Elsewhere a user would take the difference for small or unclear.
            sure = (part[name].abs() >= 4) & (part[name].abs() > 2 * part[f"{name} se"])
            row |= {
                f"{name} right": f"{right.sum()} of {n}",
                f"{name} surely right": f"{(right & sure).sum()}",
                f"{name} surely wrong": f"{(~right & sure).sum()}",
                f"{name} mean difference": f"{part[name].mean():+.1f}",
            }
        row["interval without 0"] = f"{part['interval'].sum():.0f} of {n}"
        rows.append(row)
    table = pd.DataFrame(rows).astype(str).T
    for number, (label, values) in enumerate(table.iterrows()):
        print(f"| {label} | {' | '.join(values)} |")
        if not number:
            print("|---" * (len(values) + 1) + "|")


if __name__ == "__main__":
    main()
