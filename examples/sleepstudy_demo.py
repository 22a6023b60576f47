"""Fit the sleep study: reaction time by days of short sleep, with a line for each subject."""

from pathlib import Path

import matplotlib

import bayesmix as bm

FIGURE = Path(__file__).parent / "output" / "sleepstudy_shrinkage.png"


def main():
    matplotlib.use("Agg")
    data = bm.load_dataset("sleepstudy")
    fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data, random_seed=2026)

    show("The model", fit.summary(cor_re=True))
    show("How subjects differ from the population: fit.ranef()", table(fit.ranef().head(6)))
    show("Each subject's own line: fit.coef()", table(fit.coef().head(6)))
    show("Priors: fit.priors", table(fit.priors))

    comparison = bm.compare({"correlated": fit, "uncorrelated": fit.uncorrelated()})
    show("Are intercepts and slopes correlated? bm.compare(...)", comparison)

    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    fit.plot_shrinkage().figure.savefig(FIGURE, dpi=120)
    show("What partial pooling did: fit.plot_shrinkage()", f"written to {FIGURE}")


def table(frame):
    return frame.round(2).to_string(index=False)


def show(title, body):
    print(f"\n{title}\n{'-' * len(title)}\n{body}")


if __name__ == "__main__":
    main()
