"""Draw the pictures of docs/images from the sleep study.

python docs/figures.py [folder]
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

import bayesmix as bm

FORMULA = "Reaction ~ Days + (1 + Days | Subject)"


def main() -> None:
    """Fit, draw, and tell the size of each picture."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    folder.mkdir(exist_ok=True)
    data = bm.load_dataset("sleepstudy")
    fit = bm.fit(FORMULA, data, random_seed=2026, progressbar=False)
    intercepts = bm.fit(
        "Reaction ~ Days + (1 | Subject)", data, random_seed=2026, progressbar=False
    )
    pictures = {
        "shrinkage": fit.plot_shrinkage,
        "shrinkage_density": lambda: fit.plot_shrinkage("density"),
        "ranef": fit.plot_ranef,
        "trends": fit.plot_trends,
        "varcorr": fit.plot_varcorr,
        "ppc": lambda: fit.plot_ppc(random_seed=2026),
        "trace": lambda: fit.plot_trace(["beta:Days", "sd:Subject:Days"]),
        "correlation": lambda: bm.plot_correlation(fit),
        "compare": lambda: bm.plot_compare(bm.compare({"slopes": fit, "intercepts": intercepts})),
    }
    for name, draw in pictures.items():
        figure = np.ravel(draw())[0].figure
        path = folder / f"{name}.png"
        memory = io.BytesIO()
        figure.savefig(memory, dpi=100)
        plt.close(figure)
        # A palette makes a picture of lines three times smaller, and looks the same.
        Image.open(memory).convert("RGB").quantize(128).save(path, optimize=True)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
