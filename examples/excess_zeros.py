# %% [markdown]
# # Counts with many zeros
#
# Salamanders were counted in 23 streams in Kentucky, 11 of them below surface mines, four times
# each: seven species or stages (Price et al. 2016,
# [doi:10.1111/1365-2664.12585](https://doi.org/10.1111/1365-2664.12585); data
# [doi:10.5061/dryad.5m8f6](https://doi.org/10.5061/dryad.5m8f6), which R's glmmTMB has as
# `Salamanders`). Sixty percent of the counts are zero. Is that too many, and for which
# distribution?

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesmix as bm

table = """
site mined GP PR DM EC-A EC-L DES-L DF
R-1 no 2,1,6,2 4,0,2,1 3,2,3,2 2,0,0,0 1,6,4,13 1,8,7,2 1,0,0,0
R-2 no 2,5,5,0 0,0,0,0 4,6,3,3 0,0,2,0 2,2,3,11 4,2,14,0 1,1,1,2
R-3 no 1,6,4,0 0,0,4,0 1,4,2,0 2,0,0,0 0,0,1,0 10,8,3,7 0,0,2,1
R-4 no 1,0,3,2 0,0,2,1 1,0,0,0 4,1,2,0 8,7,7,36 2,5,7,0 5,7,4,5
R-5 no 2,3,3,2 0,0,0,0 6,4,4,1 3,2,0,0 1,1,2,9 3,11,5,12 0,0,0,0
R-6 no 4,1,2,7 1,2,0,1 5,4,2,2 4,2,0,0 7,4,2,6 7,6,3,8 7,0,1,4
R-7 no 1,0,1,0 0,0,0,0 0,2,4,1 4,2,0,0 3,1,3,11 0,0,0,2 5,2,1,1
R-8 no 0,1,0,2 0,3,0,0 0,2,5,4 4,0,0,1 4,5,2,6 2,3,0,2 5,4,3,5
R-9 no 1,1,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 8,5,9,0 2,5,0,8
R-10 no 0,1,3,10 1,0,0,0 1,2,7,5 5,0,0,0 1,0,0,5 2,2,3,3 0,1,0,2
R-11 no 0,2,4,3 0,0,0,0 0,2,1,0 4,0,0,0 1,1,1,4 1,3,0,4 1,1,0,1
R-12 no 1,2,7,2 0,0,0,0 13,3,2,1 1,0,1,0 0,0,0,9 0,1,0,3 1,0,2,0
VF-1 yes 0,0,0,0 0,0,0,0 0,0,2,1 0,1,0,0 0,0,0,0 0,0,2,0 1,0,0,0
VF-2 yes 0,0,2,0 0,1,0,0 0,1,6,3 2,0,0,0 1,1,0,0 3,2,0,2 2,2,0,1
VF-3 yes 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0
VF-4 yes 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,1,2,2 0,0,0,0 0,0,0,0
VF-5 yes 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,1,0,0 0,0,0,0 0,0,1,0
VF-6 yes 0,0,0,0 0,0,0,0 0,0,0,1 0,0,0,0 0,0,0,0 0,0,0,0 0,0,1,0
VF-7 yes 0,0,0,0 0,0,0,0 0,0,0,1 1,0,0,0 0,0,0,0 6,4,1,0 0,0,0,0
VF-8 yes 0,0,0,0 0,1,3,0 0,0,0,0 0,0,0,0 1,0,0,0 1,1,2,0 0,3,4,1
VF-9 yes 0,0,0,0 0,0,0,0 3,0,0,0 0,0,0,0 0,0,0,0 1,0,0,0 1,0,0,1
VF-10 yes 0,0,0,0 0,0,0,0 0,1,0,0 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0
VF-11 yes 0,0,0,0 0,0,0,0 0,0,0,0 0,0,0,0 1,1,0,0 0,0,0,0 0,0,3,4
"""
head, *lines = (line.split() for line in table.strip().splitlines())
salamanders = pd.DataFrame(
    [
        (site, mined, species, visit, int(count))
        for site, mined, *counts in lines
        for species, four in zip(head[2:], counts, strict=True)
        for visit, count in enumerate(four.split(","), start=1)
    ],
    columns=["site", "mined", "species", "visit", "count"],
)
salamanders.groupby("mined")["count"].agg(
    rows="size", mean="mean", variance="var", zeros=lambda count: (count == 0).mean()
).round(2)

# %% [markdown]
# Below mines there are fewer animals, and more zeros. That alone is no excess: a small mean makes
# zeros. It is one if there are more than the distribution has, given the predictors and the sites.
#
# ## Five models
#
# - **poisson**: one mean for each site and species, and a variance that is equal to it.
# - **negbinomial**: the same mean; counts vary more, and so there are more zeros and more large
#   counts.
# - **zero inflation**, `zi`: some rows are zero for a reason of their own (nobody could have been
#   there), the others are counts, which may be zero, too. `zi="~ mined"` lets the probability of
#   such a row differ between streams.
# - **hurdle**, `hu`: one process says whether there is any, another how many there are if so. All
#   zeros are of one kind, and each process has predictors and site effects of its own.
#
# The formulas of `zi` and `hu` are log odds of such a zero: a positive effect means more zeros.

# %%
formula = "count ~ mined + species + (1 | site)"
models = {
    "poisson": {"family": "poisson"},
    "negbinomial": {"family": "negbinomial"},
    "inflated poisson": {"family": "zero_inflated_poisson", "zi": "~ mined"},
    "inflated negbinomial": {"family": "zero_inflated_negbinomial", "zi": "~ mined"},
    "hurdle negbinomial": {
        "family": "hurdle_negbinomial",
        "hu": "~ mined + species + (1 | site)",
    },
}
fits = {
    name: bm.fit(formula, salamanders, **model, random_seed=1) for name, model in models.items()
}
fits["hurdle negbinomial"]

# %% [markdown]
# Tables have the parameter in their first column where more than one has a formula. Below mines the
# odds of finding nobody are exp(2.7), or fifteen, times as large, and where somebody is found, the
# mean of the counts is exp(-1.1), or a third (of the distribution before its zeros are cut off).
# Sites differ in whether animals are found more than in how many. glmmTMB estimates 2.68 and -1.09
# (`family = truncated_nbinom2`, `ziformula = ~ mined + spp + (1 | site)`).
#
# ## Enough zeros?
#
# Data sets like this one from each model, and the share of zeros in them: intervals that hold 95 %
# of 1,000. The lines are the data.


# %%
def shares_of_zeros(fit):
    drawn = fit.predict(draws=True).stack(draws=("chain", "draw"))
    return pd.DataFrame(
        {
            mined: (drawn.values[salamanders["mined"] == mined, ::4] == 0).mean(axis=0)
            for mined in ("no", "yes")
        }
    )


_, panels = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for panel, mined in zip(panels, ("no", "yes"), strict=True):
    for height, fit in enumerate(fits.values()):
        lower, middle, upper = np.quantile(shares_of_zeros(fit)[mined], [0.025, 0.5, 0.975])
        panel.plot([lower, upper], [height, height], color="C0", linewidth=4)
        panel.plot(middle, height, "o", color="white", markeredgecolor="C0")
    observed = (salamanders.query("mined == @mined")["count"] == 0).mean()
    panel.axvline(observed, color="black", linewidth=1)
    panel.set(xlabel="share of zeros", title=f"mined: {mined}")
panels[0].set_yticks(range(len(fits)), fits)
plt.show()

# %% [markdown]
# The Poisson distribution makes too few zeros. All others make enough, the negative binomial
# without any inflation: 60 % of zeros are no reason for inflation by themselves. Zeros are not all,
# though. How often should each count be there?

# %%
names = ("poisson", "inflated poisson", "negbinomial", "hurdle negbinomial")
_, panels = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
for panel, name in zip(panels.flat, names, strict=True):
    fits[name].plot_ppc(random_seed=1, ax=panel)
    panel.set_title(name, pad=36)
plt.show()

# %% [markdown]
# Inflation mends the zeros of the Poisson distribution and not its other counts: it expects more of
# 3 than there are, and fewer of 11 and above. The negative binomial distribution has the large
# ones, and more of 1 than there are. The hurdle, whose zeros are free of its counts, has all of
# them.
#
# ## Which predicts best?
#
# Where a row says so much of its site that it cannot be left out by weighting draws, the model is
# refitted without it (`reloo=True`).

# %%
bm.compare(fits, reloo=True)

# %% [markdown]
# What counts is the negative binomial distribution. Beside its shape, inflation adds nothing: the
# two differ by less than one unit of elpd, and below mines it may be almost anything: 7 to 64 %.

# %%
inflated = fits["inflated negbinomial"]
rows = pd.DataFrame({"mined": ["no", "yes"], "species": "DM"})
inflated.epred(rows, groups="population", parameter="zi").assign(mined=rows["mined"]).round(2)

# %% [markdown]
# The hurdle is ahead of both, by less than two standard errors. It asks more (19 parameters), and
# it answers more: what mines do to whether there are animals, and to how many.
#
# ## What it says
#
# `epred` is the expected count, of all processes together; `epred(parameter="hu")` the probability
# of finding nobody.

# %%
hurdle = fits["hurdle negbinomial"]
species = sorted(salamanders["species"].unique())
_, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for mined, colour, aside in (("no", "C0", -0.1), ("yes", "C1", 0.1)):
    rows = pd.DataFrame({"mined": mined, "species": species})
    expected = hurdle.epred(rows, groups="population")
    nobody = hurdle.epred(rows, groups="population", parameter="hu")
    for panel, table in zip(panels, (expected, 1 - nobody), strict=True):
        low, high = np.sort(table[["lower_2.5", "upper_97.5"]].to_numpy().T, axis=0)
        places = np.arange(len(species)) + aside
        panel.vlines(places, low, high, color=colour)
        panel.plot(places, table["value"], "o", color=colour, label=f"mined: {mined}")
        panel.set_xticks(range(len(species)), species)
        panel.set_ylim(bottom=0)
panels[0].set_title("expected count")
panels[1].set_title("probability of any")
panels[0].legend(frameon=False)
plt.show()

# %% [markdown]
# At a typical site. For sites that vary, draw new ones: `new_levels="sample"` with rows of sites
# that the data do not have.
