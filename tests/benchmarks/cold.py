"""Time a cold ``python -c`` to the printed summary of sleepstudy, against Bambi with nutpie.

    python tests/benchmarks/cold.py --bambi-python ~/bambi/bin/python
    python tests/benchmarks/cold.py --libraries   # what of it are imports

The sides take turns, each run a process of its own; a first round fills the caches of both and is
left out. Seconds go from the start of the process until the summary has come through the pipe, CPU
seconds are those that the process has used by then.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
END = "cpu:"
SLEEPSTUDY = ROOT / "bayesmix" / "data" / "sleepstudy.csv"

OURS = """
import bayesmix as bm
fit = bm.fit("Reaction ~ Days + ({bars}Subject)", bm.load_dataset("sleepstudy"),
             random_seed=1, progressbar=False)
print(fit.summary())
"""
# Its group effects have no correlations.
BAMBI = f"""
import arviz_stats, bambi, pandas
data = pandas.read_csv({str(SLEEPSTUDY)!r})
model = bambi.Model("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", data)
idata = model.fit(inference_method="nutpie", draws=1000, tune=1000, chains=4, random_seed=1,
                  progressbar=False)
names = [name for name, values in idata["posterior"].items() if len(values.dims) == 2]
print(arviz_stats.summary(idata, var_names=names))
"""
TELL = f"""
import time
print("{END}", time.process_time(), flush=True)
"""
CORRELATED = OURS.format(bars="Days | ")
CODE = {
    "correlated": CORRELATED,
    "uncorrelated": OURS.format(bars="Days || "),
    "Bambi, nutpie": BAMBI,
}


def seconds_until_printed(python: str, code: str) -> tuple[float, float]:
    start = time.perf_counter()
    with subprocess.Popen(
        [python, "-c", code + TELL],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(END):
                return time.perf_counter() - start, float(line.removeprefix(END))
    sys.exit(f"{python} has printed no summary.")


def environment() -> dict[str, str]:
    """Give one BLAS thread, and compiled modules that are kept, as Python does by default."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def compare(runs: int, bambi_python: str | None) -> None:
    pythons = {side: sys.executable for side in CODE} | {"Bambi, nutpie": bambi_python}
    measured: dict[str, list[tuple[float, float]]] = {side: [] for side in CODE}
    for run in range(runs + 1):
        for side, python in pythons.items():
            if python is not None:
                figures = seconds_until_printed(python, CODE[side])
                measured[side] += [figures] * (run > 0)
    print(f"Medians of {runs}, from the start of the process to the printed summary.\n")
    print("| side | seconds | range | Bambi / this | CPU seconds | Bambi / this |")
    print("|---|---|---|---|---|---|")
    bambi = measured["Bambi, nutpie"]
    for side, figures in measured.items():
        if figures:
            wall, cpu = median(figures, 0), median(figures, 1)
            seconds = [one for one, _ in figures]
            ratios = [f"{median(bambi, 0) / wall:.1f}", f"{median(bambi, 1) / cpu:.1f}"]
            first, second = ratios if bambi else ("", "")
            print(
                f"| {side} | {wall:.2f} | {min(seconds):.2f} to {max(seconds):.2f} | {first} "
                f"| {cpu:.2f} | {second} |"
            )


def median(figures: list[tuple[float, float]], place: int) -> float:
    return statistics.median(one[place] for one in figures)


def libraries() -> None:
    """Print the milliseconds that importing the modules of each library has taken."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", CORRELATED],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    took: Counter[str] = Counter()
    for own, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", done.stderr):
        top, *rest = module.split(".")
        took[f"{top}.{rest[0]}" if top == "scipy" and rest else top] += int(own)
    for library, microseconds in took.most_common(20):
        print(f"{microseconds / 1000:8.1f} ms  {library}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each side (default: 5)")
    parser.add_argument("--bambi-python", help="Python of an environment with Bambi and nutpie")
    parser.add_argument("--libraries", action="store_true", help="imports by library instead")
    arguments = parser.parse_args()
    if arguments.libraries:
        libraries()
    else:
        compare(arguments.runs, arguments.bambi_python)
