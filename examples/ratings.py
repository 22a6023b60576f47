# %% [markdown]
# # Ratings: categories with an order
#
# Nine judges tasted wine that was made at two temperatures, with or without contact of juice and
# skins, and rated its bitterness from 1 to 5, two bottles of each kind (Randall 1989,
# [doi:10.1002/bimj.4710310703](https://doi.org/10.1002/bimj.4710310703); R's ordinal has the data
# as `wine`). A 4 is more than a 3, but how much more nobody knows: means of such numbers are a
# guess. Models of ordered categories have the probability of each rating instead.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesmix as bm

ratings = "233444551213235423325544323232532343333332322454112223232223333412323244"
wine = pd.DataFrame(
    {
        "rating": [int(one) for one in ratings],
        "temp": np.tile(np.repeat(["cold", "warm"], 4), 9),
        "contact": np.tile(np.repeat(["no", "yes"], 2), 18),
        "judge": np.repeat(np.arange(1, 10), 8),
    }
)
pd.crosstab([wine["temp"], wine["contact"]], wine["rating"])

# %% [markdown]
# ## The proportional odds model
#
# Each judgement is a place on a latent scale, which four thresholds cut into five ratings. Warmth
# and contact move that place, and every judge has a level of their own.

# %%
formula = "rating ~ temp + contact + (1 | judge)"
fit = bm.fit(formula, wine, family="cumulative", random_seed=1)
fit

# %% [markdown]
# The thresholds take the place of the intercept: between a 1 and a 2 at -1.6, and so on, for cold
# wine without contact and a typical judge. Warmth moves a wine by 3.0 on the latent scale: the odds
# of a rating above any threshold are exp(3) or 20 times as large.

# %%
fit.fixef(exponentiate=True).tail(2).round(1)

# %% [markdown]
# (The posterior mean of the ratio is above exp of the mean: its distribution is skewed.)
#
# Does the model make data like these? The bars are the ratings, the intervals those of 50 data
# sets that it makes.

# %%
fit.plot_ppc(random_seed=1)
plt.show()

# %% [markdown]
# ## What it says of a bottle
#
# The latent scale is nobody's question. `epred` has the probability of each rating, a row for each;
# here for a typical judge.

# %%
bottles = pd.DataFrame({"temp": ["cold", "cold", "warm", "warm"], "contact": ["no", "yes"] * 2})


def draw_probabilities(fit, title):
    table = fit.epred(bottles, groups="population")
    _, panels = plt.subplots(1, 4, figsize=(11, 3), sharey=True, layout="constrained")
    for panel, (row, own) in zip(panels, table.groupby(level=0), strict=True):
        panel.bar(own["category"], own["value"], color="#9ecae1")
        panel.vlines(own["category"], own["lower_2.5"], own["upper_97.5"], color="black")
        panel.set_title(f"{bottles.temp[row]}, contact: {bottles.contact[row]}")
        panel.set_xlabel("rating")
    panels[0].set_ylabel("probability")
    panels[0].figure.suptitle(title)
    plt.show()


draw_probabilities(fit, "cumulative: one place on a scale that is cut")

# %% [markdown]
# ## Judges
#
# Some judges call everything bitter. Their levels vary with a standard deviation of 1.2, which is
# two fifths of what warmth does.

# %%
fit.plot_ranef()
plt.show()

# %% [markdown]
# ## Other ways to an ordered rating
#
# - **cumulative**: a place on a scale that is cut. With the link probit the scale is normal.
# - **sratio**: steps, at each of which a rating stops or goes on to the next.
# - **acat**: neighbours compared, the partial credit model of item response theory.
# - `disc="~ 0 + temp"`: are judgements of warm wine closer together than those of cold wine?
# - `cs(temp)`: does warmth do the same at every threshold? Each threshold gets an effect of its
#   own, which `cumulative` could not have.

# %%
models = {
    "cumulative": fit,
    "cumulative, probit": bm.fit(formula, wine, family="cumulative(probit)", random_seed=1),
    "cumulative, disc": bm.fit(
        formula, wine, family="cumulative", disc="~ 0 + temp", random_seed=1
    ),
    "sratio": bm.fit(formula, wine, family="sratio", random_seed=1),
    "acat": bm.fit(formula, wine, family="acat", random_seed=1),
    "acat, cs(temp)": bm.fit(
        "rating ~ cs(temp) + contact + (1 | judge)",
        wine,
        family="acat",
        priors={f"cs{k}:beta": bm.Prior("Normal", sigma=5) for k in (1, 2, 3, 4)},
        random_seed=1,
    ),
}
bm.compare(models, reloo=True)

# %% [markdown]
# They predict alike: 72 ratings do not tell these apart. Effects of warmth that differ between
# thresholds predict no better than one that does not, and look at why: the first and the last,
# where nobody rated cold wine 5 or warm wine 1, are little more than their priors. A warning would
# say so, had the priors not been set.

# %%
specific = models["acat, cs(temp)"]
table = specific.fixef()
table[table["parameter"] != "mu"].round(2)

# %%
draw_probabilities(models["acat"], "acat: neighbours compared")

# %% [markdown]
# The probabilities are those of the first model, for all that is different behind them. Ordered
# categories of any kind are reported by what they say of the categories.
#
# Read on: [ordered categories](../ordinal.md), with all four families and their numbers beside
# R's.
