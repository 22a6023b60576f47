"""Time and memory of the exact method on simulated correlated slopes of growing size.

    python tests/benchmarks/scale.py                     # 10^5 to 10^7 rows, some minutes
    python tests/benchmarks/scale.py 100000:1000 1000000:1000   # rows:groups

One process for each size. Memory is that of the whole process at its peak, and what `fit` added
to what was there before it (libraries and data frame), as a multiple of the data frame.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from measuring import peak_bytes

FORMULA = "y ~ x + (1 + x | g)"
SIZES = ("100000:1000", "1000000:1000", "1000000:10000", "10000000:100000")
# The stages as `sample_exact` reports them: the pass over the data, the search for the mode with
# the learning of the proposal, the chains, the effects; then convergence check and summary. The
# total ends there; the tables of all levels come after it.
STAGES = ("prepare", "data", "mode", "theta", "effects", "summary", "ranef", "coef")


def simulated(n_rows: int, n_groups: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g = rng.permutation(np.arange(n_rows) % n_groups)
    x = rng.standard_normal(n_rows)
    u = rng.standard_normal((n_groups, 2)) @ np.array([[0.5, 0.1], [0.0, 0.3]])
    y = 1.0 + 0.5 * x + u[g, 0] + u[g, 1] * x + rng.standard_normal(n_rows)
    return pd.DataFrame({"y": y, "x": x, "g": g})


def one_size(n_rows: int, n_groups: int) -> dict[str, float]:
    import bayesmix as bm
    from bayesmix.engines.exact import engine

    # A small fit loads the libraries, so that their time and memory are not counted.
    str(bm.fit(FORMULA, simulated(200, 10), random_seed=1, progressbar=False).summary())
    data = simulated(n_rows, n_groups)
    frame, before = float(data.memory_usage(deep=True).sum()), resident_bytes()
    begun = {"prepare": time.perf_counter()}
    peaks: dict[str, float] = {}

    def begin(stage: str) -> None:
        if stage not in begun:
            begun[stage] = time.perf_counter()
            peaks[stage] = peak_bytes()

    def sample_exact(spec: bm.ModelSpec, **options: Any) -> Any:
        options["report"] = lambda stage, share: begin(stage)
        drawn = original(spec, **options)
        begin("summary")
        return drawn

    original, engine.sample_exact = engine.sample_exact, sample_exact
    fit = bm.fit(FORMULA, data, method="exact", random_seed=1, progressbar=False)
    str(fit.summary())
    begin("ranef")
    fit.ranef()
    begin("coef")
    fit.coef()
    begin("end")
    # Where effects are drawn together with theta they have no stage of their own.
    for stage, following in zip(STAGES[:0:-1], ("end", *STAGES[:1:-1]), strict=True):
        begun.setdefault(stage, begun[following])
        peaks.setdefault(stage, peaks[following])
    starts = [begun[stage] for stage in (*STAGES, "end")]
    seconds = dict(zip(STAGES, np.diff(starts).tolist(), strict=True))
    ends = [peaks[stage] for stage in (*STAGES[1:], "end")]
    return seconds | {
        "total": begun["ranef"] - starts[0],
        "frame": frame,
        "before": before,
        "peak": peak_bytes(),
        "ess": float(fit.diagnostics()["ess_bulk"].min()),
        **{f"peak after {stage}": peak for stage, peak in zip(STAGES, ends, strict=True)},
    }


def main(sizes: Iterable[str]) -> None:
    results = []
    for size in sizes:
        done = subprocess.run(
            [sys.executable, __file__, "--one", size],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        results.append((size.split(":"), json.loads(done.stdout.splitlines()[-1])))
        print(f"{size}: {results[-1][1]['total']:.1f} s", file=sys.stderr, flush=True)
    print(f"`{FORMULA}`, 4 x 1000 draws, {os.cpu_count()} cores. Seconds by stage:\n")
    print_table(
        ["rows", "groups", *STAGES, "total", "smallest bulk ESS"],
        [
            (*size, *(f"{one[stage]:.1f}" for stage in (*STAGES, "total")), f"{one['ess']:.0f}")
            for size, one in results
        ],
    )
    print("\nMemory in MB, and the highest so far after each stage as a multiple of the frame:\n")
    print_table(
        ["rows", "groups", "frame", "peak of the process", "added by fit / frame", *STAGES],
        [
            (
                *size,
                f"{one['frame'] / 1e6:.0f}",
                f"{one['peak'] / 1e6:.0f}",
                f"{(one['peak'] - one['before']) / one['frame']:.1f}",
                *(
                    f"{(one[f'peak after {stage}'] - one['before']) / one['frame']:.1f}"
                    for stage in STAGES
                ),
            )
            for size, one in results
        ],
    )


def print_table(header: list[str], rows: Iterable[tuple[str, ...]]) -> None:
    for line in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(line)} |")


def resident_bytes() -> float:
    """Memory of the process now, where the system tells it; its peak elsewhere."""
    try:
        with open("/proc/self/statm") as file:
            return float(file.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        return peak_bytes()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", nargs="*", default=SIZES, metavar="rows:groups")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one_size(*map(int, arguments.one.split(":")))))
    else:
        main(arguments.sizes)
