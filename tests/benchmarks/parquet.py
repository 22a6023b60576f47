"""Rows of Parquet files: memory and time of a fit, beside reading and grouping the same columns.

    python tests/benchmarks/parquet.py --rows 10_000_000 --groups 100_000 --folder rows

The files are written first, unless they are there. Each side runs in a process of its own, whose
largest memory the system tells: `fit` from the import to the table of variance components,
`prepare` the two passes alone, `pyarrow` the columns read and grouped, `frame` the same fit of the
frame in memory. CPU seconds are those of all threads, the import included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

FORMULA = "y ~ x + (1 + x | g)"
ROWS_OF_A_FILE = 2_000_000


def write(folder: Path, rows: int, groups: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    effects = rng.multivariate_normal([0, 0], [[1.0, 0.2], [0.2, 0.25]], size=groups)
    for number, start in enumerate(range(0, rows, ROWS_OF_A_FILE)):
        n = min(ROWS_OF_A_FILE, rows - start)
        g = rng.integers(0, groups, n)
        x = rng.normal(size=n)
        y = 1 + 0.5 * x + effects[g, 0] + effects[g, 1] * x + 2 * rng.normal(size=n)
        path = folder / f"part-{number:04d}.parquet"
        pq.write_table(pa.table({"g": g, "x": x, "y": y}), path)


def fit(folder: Path) -> dict[str, object]:
    import bayesmix as bm

    fitted = bm.fit(FORMULA, folder, random_seed=1, progressbar=False)
    return {"varcorr": fitted.varcorr()["sd"].round(4).tolist()}


def frame(folder: Path) -> dict[str, object]:
    import pandas as pd

    import bayesmix as bm

    fitted = bm.fit(FORMULA, pd.read_parquet(folder), random_seed=1, progressbar=False)
    return {"varcorr": fitted.varcorr()["sd"].round(4).tolist()}


def prepare(folder: Path) -> dict[str, object]:
    import bayesmix as bm

    return {"n_rows": bm.prepare(FORMULA, folder).design.n_rows}


def pyarrow(folder: Path) -> dict[str, object]:
    import pyarrow.dataset as ds

    table = ds.dataset(folder).to_table(columns=["g", "x", "y"])
    means = table.group_by("g").aggregate([("x", "mean"), ("y", "mean"), ("y", "count")])
    return {"groups": means.num_rows}


SIDES = {one.__name__: one for one in (prepare, fit, pyarrow, frame)}


def measured(side: str, folder: Path) -> dict[str, object]:
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"seconds": round(time.perf_counter() - start, 1), **json.loads(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--groups", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path("rows"))
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    arguments = parser.parse_args()
    if arguments.side:
        found = SIDES[arguments.side](arguments.folder)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        found["cpu"] = round(usage.ru_utime + usage.ru_stime, 1)
        found["GB"] = round(usage.ru_maxrss / 2**20, 2)
        print(json.dumps(found))
        return
    if not list(arguments.folder.glob("*.parquet")):
        write(arguments.folder, arguments.rows, arguments.groups)
    for side in arguments.sides:
        print(side, measured(side, arguments.folder), flush=True)


if __name__ == "__main__":
    main()
