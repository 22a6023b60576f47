"""Time models whose rows repeat patterns, with the rows added up and one by one.

    python tests/benchmarks/repeated.py
    python tests/benchmarks/repeated.py --rows 1000000 --groups 10000

Simulated rows with two binary covariates in groups; each run is a process of its own. The part of
the layout is that of looking for patterns and adding up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings

from measuring import Clock, Figures, peak_bytes

FORMULAS = {
    "bernoulli": "yes ~ a * b + (1 | g)",
    "bernoulli, slopes": "yes ~ a * b + (1 + a | g)",
    "poisson, exposures": "count ~ a * b + offset(exposure) + (1 | g)",
}


def measured(model: str, rows: int, groups: int, added_up: bool, draws: int) -> Figures:
    import numpy as np
    import pandas as pd

    import bayesmix as bm
    from bayesmix.engines.whitened import layout, repeated

    rng = np.random.default_rng(1)
    data = pd.DataFrame({name: rng.integers(0, 2, rows) for name in "ab"})
    data["g"] = rng.integers(0, groups, rows)
    data["exposure"] = rng.normal(size=rows)
    eta = -0.5 + 0.4 * data["a"] - 0.3 * data["b"] + rng.normal(0, 0.6, groups)[data["g"]]
    data["yes"] = (rng.uniform(size=rows) < 1 / (1 + np.exp(-eta))).astype(int)
    data["count"] = rng.poisson(np.exp(eta + data["exposure"]))
    if not added_up:
        repeated.FEWEST_ROWS = rows + 1
    family = model.partition(",")[0]
    spec = bm.prepare(FORMULAS[model], data, family=family)
    laying = Clock()
    n = layout.layout_of(spec).n_rows
    figures = {"rows of the density": float(n), "layout": laying.figures()["cpu"]}
    clock = Clock()
    fit = bm.fit(
        FORMULAS[model], data, family=family, draws=draws, random_seed=1, progressbar=False
    )
    figures |= clock.figures()
    posterior = fit.posterior
    figures["ess"] = float(fit.diagnostics()[["ess_bulk", "ess_tail"]].to_numpy().min())
    figures |= {
        f"sd {k}": float(s) for k, s in enumerate(posterior["sd_g"].mean(("chain", "draw")))
    }
    return figures | {"MB": peak_bytes() / 1e6}


def main(models: list[str], rows: int, groups: int, draws: int, sides: list[str]) -> None:
    print(f"{rows:,} rows, {groups:,} groups, 4 x {draws:,} draws.\n")
    print("| model | rows | rows of the density | s of layout | seconds | CPU seconds | ESS | MB |")
    print("|---|---|---|---|---|---|---|---|")
    for model in models:
        for side in sides:
            f = in_own_process(model, rows, groups, side, draws)
            print(
                f"| {model} | {side} | {f['rows of the density']:,.0f} | {f['layout']:.2f} "
                f"| {f['wall']:.1f} | {f['cpu']:.1f} | {f['ess']:,.0f} | {f['MB']:,.0f} |",
                flush=True,
            )
            sds = [f"{value:.4f}" for name, value in f.items() if name.startswith("sd")]
            print("sds:", *sds, file=sys.stderr)


def in_own_process(model: str, rows: int, groups: int, side: str, draws: int) -> Figures:
    own = ["--run", model, "--rows", str(rows), "--groups", str(groups), "--sides", side]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, *own, "--draws", str(draws)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--models", nargs="*", default=list(FORMULAS), choices=list(FORMULAS))
    sides = ("added up", "one by one")
    parser.add_argument("--sides", nargs="*", default=list(sides), choices=sides)
    parser.add_argument("--run", choices=list(FORMULAS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        warnings.simplefilter("ignore")
        added_up = given.sides == ["added up"]
        print(json.dumps(measured(given.run, given.rows, given.groups, added_up, given.draws)))
    else:
        main(given.models, given.rows, given.groups, given.draws, given.sides)
