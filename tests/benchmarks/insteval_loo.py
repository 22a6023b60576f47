"""LOO of InstEval: 73,421 ratings, three crossed factors, all effects integrated out.

    python tests/benchmarks/insteval_loo.py FIT                # fit first, and save it as FIT
    python tests/benchmarks/insteval_loo.py FIT                # again: load it
    python tests/benchmarks/insteval_loo.py FIT --group s      # leave the students out instead
    python tests/benchmarks/insteval_loo.py FIT --conditional  # PSIS on draws of all effects

The goal, on two cores: less than 3 minutes and 2 GB. The peak is that of the whole process, so
that only a run that loads the fit tells the memory of the criterion.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from insteval import FORMULA, SHARED_DATA, load
from measuring import cpu_seconds, peak_bytes

import bayesmix as bm


def main(path: Path, group: str | None, conditional: bool) -> None:
    if path.exists():
        fit = bm.load(path)
    else:
        description = json.loads((SHARED_DATA / "lme4.json").read_text())["datasets"]["insteval"]
        fit = bm.fit(FORMULA, load(description), random_seed=1, progressbar=False)
        fit.save(path)
    before = peak_bytes() / 1e9
    start, cpu_before = time.perf_counter(), cpu_seconds()
    result = fit.loo(integrated=not conditional) if group is None else fit.logo(group)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu_before
    k = np.asarray(result.pareto_k)
    print(result, "\n")
    print("| seconds | CPU seconds | peak memory, GB | before, GB | largest k | k above 0.7 |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {seconds:.1f} | {cpu:.1f} | {peak_bytes() / 1e9:.2f} | {before:.2f} | {k.max():.2f} "
        f"| {(k > 0.7).sum()} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("fit", type=Path, help="file of the fit; made if it is not there")
    parser.add_argument("--group", help="leave out the levels of this factor")
    parser.add_argument("--conditional", action="store_true")
    arguments = parser.parse_args()
    main(arguments.fit, arguments.group, arguments.conditional)
