"""Questions to a fit whose group effects are not drawn: CPU seconds beside draws of all rows.

    python tests/benchmarks/undrawn.py
    python tests/benchmarks/undrawn.py --groups 20000 --rows 8

`y ~ x + z + (1 + x | g)`, simulated. Each answer is made as it is, from normals, and by drawing
what all rows expect, some rows at a time, and summarising the draws. Beside the ratio of CPU
seconds stands the largest difference of any mean or limit, in posterior sds: Monte-Carlo error of
4,000 draws, of which those of all else are the same on both sides.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import bayesmix as bm

SEED = 1
# Rows whose draws are held at once.
BLOCK = 2_000


def simulated(groups: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(SEED)
    g = np.repeat(np.arange(groups), rows)
    x, z = rng.normal(size=len(g)), rng.choice(list("abc"), len(g))
    u = rng.normal(size=(groups, 2)) * [1.0, 0.5]
    y = 1 + 0.5 * x + 0.3 * (z == "b") + u[g, 0] + u[g, 1] * x + rng.normal(size=len(g))
    return pd.DataFrame({"y": y, "x": x, "z": z, "g": g})


def drawn(fit: bm.MixedFit, frames: list[pd.DataFrame], by: str | None) -> pd.DataFrame:
    """Summarise differences of the second rows from the first, or the rows, from draws of each."""
    codes = np.zeros(len(frames[0]), dtype=int)
    if by is not None and by != "all":
        codes = frames[0].groupby(by).ngroup().to_numpy()
    parts, total = [], 0.0
    for start in range(0, len(codes), BLOCK):
        rows = slice(start, start + BLOCK)
        values = [fit.linpred(own.iloc[rows], draws=True).to_numpy() for own in frames]
        value = (values[-1] - values[0] if len(values) > 1 else values[0]).reshape(
            -1, len(codes[rows])
        )
        if by is None:
            parts.append(summary(value))
            continue
        share = np.zeros((value.shape[1], codes.max() + 1))
        share[np.arange(len(share)), codes[rows]] = 1
        total = total + value @ share
    if by is not None:
        parts = [summary(total / np.bincount(codes))]
    return pd.concat(parts, ignore_index=True)


def summary(draws: np.ndarray) -> pd.DataFrame:
    lower, upper = np.quantile(draws, [0.025, 0.975], axis=0)
    columns = {"value": draws.mean(axis=0), "se": draws.std(axis=0)}
    return pd.DataFrame(columns | {"lower_2.5": lower, "upper_97.5": upper})


def timed(answer: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    start = time.process_time()
    found = answer()
    return time.process_time() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=40_000)
    parser.add_argument("--rows", type=int, default=4, help="of each group")
    options = parser.parse_args()
    data = simulated(options.groups, options.rows)
    fit = bm.fit("y ~ x + z + (1 + x | g)", data, random_seed=SEED, progressbar=False)
    moved = [data, data.assign(x=data.x + 1)]
    questions = {
        "predictions()": (lambda: fit.predictions(), [data], None),
        'predictions("z")': (lambda: fit.predictions("z"), [data], "z"),
        "predictions(True)": (lambda: fit.predictions(True), [data], "all"),
        'comparisons("x")': (lambda: fit.comparisons("x"), moved, None),
        'comparisons("x", by=True)': (lambda: fit.comparisons("x", by=True), moved, "all"),
    }
    print(f"{'question':28}{'normals':>9}{'draws':>9}{'ratio':>8}{'difference':>12}")
    for name, (answer, frames, by) in questions.items():
        ours, table = timed(answer)
        theirs, other = timed(lambda frames=frames, by=by: drawn(fit, frames, by))
        columns = ["value", "lower_2.5", "upper_97.5"]
        off = (table[columns].to_numpy() - other[columns].to_numpy()) / other[["se"]].to_numpy()
        ratio = f"{theirs / ours:8.1f}"
        print(f"{name:28}{ours:9.1f}{theirs:9.1f}{ratio}{np.abs(off).max():12.3f}", flush=True)
    for name, answer in {"r2()": fit.r2, "icc()": fit.icc}.items():
        print(f"{name:28}{timed(answer)[0]:9.1f}")


if __name__ == "__main__":
    main()
