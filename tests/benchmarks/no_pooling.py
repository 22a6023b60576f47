"""How long the separate regressions of 100,000 groups take, by family.

python tests/benchmarks/no_pooling.py [groups]
"""

from __future__ import annotations

import sys
import time
import warnings

import xarray as xr

import bayesmix as bm
from bayesmix.tables.pooling import no_pooling


def main() -> None:
    groups = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"{'family':<12}{'groups':>9}{'rows':>9}{'seconds':>9}{'without':>9}")
    for family in ("gaussian", "bernoulli", "binomial", "poisson"):
        simulation = bm.simulate(
            groups,
            6,
            beta={"Intercept": 0.5, "time": 0.1},
            sd={"Intercept": 0.2, "time": 0.07},
            trials=5,
            family=family,
            random_seed=1,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.DesignWarning)
            spec = bm.prepare(simulation.formula, simulation.data, family=family)
        start = time.perf_counter()
        table = no_pooling(spec.design, spec.family, xr.Dataset())
        seconds = time.perf_counter() - start
        without = table["value"].isna().mean()
        print(f"{family:<12}{groups:>9}{spec.design.n_rows:>9}{seconds:>9.2f}{without:>9.1%}")


if __name__ == "__main__":
    main()
