"""Fit InstEval, 73,421 ratings by 2,972 students of 1,128 lecturers.

    python tests/benchmarks/insteval.py                              # with `service`
    python tests/benchmarks/insteval.py --lme4 crossed_deptservice   # a model that lme4 has fitted
    python tests/benchmarks/insteval.py --binary                     # ratings above 3

The goal of the exact method, on two cores: less than 4 minutes, less than 2 GB, and a bulk ESS of
1,000 or more of every sd and every fixed effect; of the binary model: less than 5 minutes, less
than
2 GB. Needs the data and lme4's estimates in ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pandas as pd
from measuring import cpu_seconds, peak_bytes

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
FORMULA = "y ~ service + (1 | s) + (1 | d) + (1 | dept:service)"
BINARY = "above ~ 1 + (1 | s) + (1 | d) + (1 | dept:service)"


def main(lme4_fit: str | None, cores: int | None, binary: bool) -> None:
    if not (SHARED_DATA / "insteval.csv.gz").exists():
        sys.exit(f"{SHARED_DATA} has no insteval.csv.gz: this benchmark needs the InstEval data.")
    lme4 = json.loads((SHARED_DATA / "lme4.json").read_text())
    reference = lme4["fits"]["insteval"][lme4_fit] if lme4_fit else None
    data = load(lme4["datasets"]["insteval"])
    model = {"formula": reference["formula"] if reference else FORMULA, "method": "exact"}
    if binary:
        data = data.assign(above=(data["y"] > 3).astype(int))
        model = {"formula": BINARY, "family": "bernoulli"}
    start, cpu_before = time.perf_counter(), cpu_seconds()
    import bayesmix as bm

    fit = bm.fit(
        data=data,
        cores=cores,
        random_seed=1,
        progressbar=False,
        **model,
    )
    summary = str(fit.summary())
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu_before
    table = fit.diagnostics()
    stats = fit.idata["sample_stats"].attrs
    print(summary, "\n")
    print(table.to_string(index=False), "\n")
    print("| seconds | CPU seconds | peak memory, GB | smallest bulk ESS | tail ESS | acceptance |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {seconds:.1f} | {cpu:.1f} | {peak_bytes() / 1e9:.2f} "
        f"| {table['ess_bulk'].min():.0f} | {table['ess_tail'].min():.0f} "
        f"| {stats['acceptance']:.2f} |"
    )
    if reference:
        compare(fit, reference)


def compare(fit: Any, reference: dict[str, Any]) -> None:
    """Set the posterior beside lme4's estimates, which took it ``fit_seconds``."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from lme4_comparison import fixed_effects, group_sds, residual_sd

    print(f"\nlme4 took {reference['fit_seconds']:.0f} s for its estimates.\n")
    print(fixed_effects(fit, reference).to_string(index=False), "\n")
    print(group_sds(fit, reference).to_string(index=False), "\n")
    print(f"residual sd, ours / lme4's: {residual_sd(fit, reference):.5f}")


def load(description: dict[str, Any]) -> pd.DataFrame:
    levels = {
        column: facts["levels"]
        for column, facts in description["columns"].items()
        if facts["type"] == "categorical"
    }
    data = pd.read_csv(SHARED_DATA / description["file"], dtype=dict.fromkeys(levels, str))
    return data.assign(**{name: pd.Categorical(data[name], levels[name]) for name in levels})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lme4", help="name of a fit of lme4.json to repeat and compare with")
    parser.add_argument("--binary", action="store_true", help="ratings above 3, bernoulli")
    parser.add_argument("--cores", type=int)
    arguments = parser.parse_args()
    main(arguments.lme4, arguments.cores, arguments.binary)
