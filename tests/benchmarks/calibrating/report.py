"""The tables and the figure of docs/calibration.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.calibrating.fits import Calibration, adjusted, judge
from benchmarks.calibrating.uniformity import BINS, KEPT, envelope

__all__ = ["ALPHA", "report", "smallest_p"]

ALPHA = 0.01


def report(
    calibrations: Sequence[Calibration], broken: Mapping[str, Calibration], path: Path
) -> bool:
    """Print the tables, draw the figure, and say whether all is well.

    `broken` are wrong on purpose, by what is wrong.
    """
    table = adjusted(pd.concat(map(judge, calibrations), ignore_index=True))
    print(design_table(calibrations, table))
    for calibration in calibrations:
        print(f"\n{calibration.design.name}: {_way(calibration)}")
    least = smallest_p(table)
    print(f"\n{2 * len(table)} tests, smallest p after Holm: {least:.3g}.\n")
    print(broken_table(broken))
    print(f"\n{quantity_table(table)}")
    rows = {c.design.name: c for c in calibrations}
    rows |= {f"{c.design.name}, {what}: wrong on purpose": c for what, c in broken.items()}
    draw_figure(rows, path, len(table))
    is_seen = all(smallest_p(adjusted(judge(one))) < ALPHA for one in broken.values())
    return least >= ALPHA and is_seen and not any(c.fell_back for c in calibrations)


def smallest_p(table: pd.DataFrame) -> float:
    """Smallest p value after Holm, of a table with them."""
    return float(table[["chi_square_holm", "ecdf_holm"]].to_numpy().min())


def _way(calibration: Calibration) -> str:
    """How the sampler went."""
    facts, n = calibration.facts, calibration.n_fits
    if "thin" in facts:
        on = int((facts["thin"] > 1).sum())
        return f"{facts['steps'].median():.0f} steps in the median, {on} of {n} fits drew on."
    return f"{int((facts['steps'] < 10).sum())} of {n} fits by long chains."


def broken_table(broken: Mapping[str, Calibration]) -> str:
    lines = [
        "| wrong on purpose | design | replications | fell back to NUTS | fits that warned "
        "| quantities with p < 0.01, Holm | smallest p, Holm |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, calibration in broken.items():
        table = adjusted(judge(calibration))
        seen = (table[["chi_square_holm", "ecdf_holm"]] < ALPHA).any(axis=1)
        names = ", ".join(table["quantity"][seen])
        lines.append(
            f"| {what} | {calibration.design.name} | {calibration.n_fits + calibration.fell_back} "
            f"| {calibration.fell_back} "
            f"| {_warned(calibration)} | {names} | {smallest_p(table):.2g} |"
        )
    return "\n".join(lines)


def _warned(calibration: Calibration) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in calibration.warned.items()) or "0"


def design_table(calibrations: Sequence[Calibration], table: pd.DataFrame) -> str:
    lines = [
        "| design | formula | rows | replications | fell back to NUTS | fits that warned "
        "| quantities | smallest p, chi-square | smallest p, ECDF | smallest p, Holm | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for calibration in calibrations:
        design = calibration.design
        own = table[table["design"] == design.name]
        smallest = [
            f"{own[name].min():.2g} ({own['quantity'].iloc[int(own[name].to_numpy().argmin())]})"
            for name in ("chi_square", "ecdf")
        ]
        least = own[["chi_square_holm", "ecdf_holm"]].to_numpy().min()
        formula = design.formula.replace("|", "\\|")
        lines.append(
            f"| {design.name} | `{formula}` | {len(design.frame())} "
            f"| {calibration.n_fits + calibration.fell_back} | {calibration.fell_back} "
            f"| {_warned(calibration)} | {len(own)} | {smallest[0]} | {smallest[1]} | {least:.2g} "
            f"| {calibration.seconds:.0f} |"
        )
    return "\n".join(lines)


def quantity_table(table: pd.DataFrame) -> str:
    lines = [
        "| design | quantity | mean rank / 99 | p, chi-square | p, ECDF |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row[0]} | {row[1]} | {row[2]:.3f} | {row[3]:.3g} | {row[4]:.3g} |"
        for row in table.itertuples(index=False)
    ]
    return "\n".join(lines)


def draw_figure(rows: Mapping[str, Calibration], path: Path, tests: int) -> None:
    """Draw rank histograms and ECDF differences of all quantities, one row for each design."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.1 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, sharex="col", squeeze=False)
    for (title, calibration), (left, right) in zip(rows.items(), axes, strict=True):
        ranks = calibration.ranks()
        n = calibration.n_fits
        low, high = stats.binom.ppf([0.005, 0.995], n, 1 / BINS)
        left.axhspan(low, high, color="0.88", zorder=0)
        edges = np.linspace(0, KEPT + 1, BINS + 1)
        by_ecdf = envelope(n)
        at = np.concatenate([[0], by_ecdf.at, [1]])
        for color, level in (("0.88", ALPHA), (None, ALPHA / tests)):
            lower, upper = (np.concatenate([[0], bound, [1]]) - at for bound in by_ecdf.band(level))
            if color:
                right.fill_between(at, lower, upper, color=color, zorder=0, linewidth=0)
            else:
                right.plot(at, lower, at, upper, color="0.4", linewidth=0.8, linestyle="--")
        for name, one in ranks.items():
            color, front = _style(name)
            counts = np.bincount(one * BINS // (KEPT + 1), minlength=BINS)
            left.stairs(counts, edges, color=color, linewidth=0.8, alpha=0.75, zorder=front)
            ecdf = np.concatenate([[0], by_ecdf.counts(one) / n, [1]]) - at
            right.plot(at, ecdf, color=color, linewidth=0.8, alpha=0.85, zorder=front)
        left.set_ylim(0, None)
        left.set_ylabel("count")
        left.set_title(title, loc="left", fontsize=10)
        right.set_ylabel("ECDF - uniform")
        for side in (left, right):
            side.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel(f"rank among {KEPT} draws")
    axes[-1, 1].set_xlabel("rank, scaled to 0 .. 1")
    handles = [
        axes[0, 1].plot([], [], color=color, label=label)[0]
        for label, (color, _) in _STYLES.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


_STYLES = {
    "population effects, sigma": ("#0072b2", 2),
    "sds": ("#d55e00", 4),
    "correlations": ("#cc79a7", 3),
    "group effects": ("#56b4e9", 1),
    "log densities": ("#000000", 5),
}


def _style(quantity: str) -> tuple[str, int]:
    kinds = {"sd": "sds", "cor": "correlations", "u": "group effects"}
    kind = "log densities" if quantity.startswith("log ") else kinds.get(quantity.split(":")[0])
    return _STYLES[kind or "population effects, sigma"]
