# %% [markdown]
# # A categorical effect that varies by group
#
# Does socio-economic status matter more in some primary schools than in others? There are three
# ways to say so in a formula. The data are simulated from published estimates, see
# `bm.load_dataset`.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayesmix as bm

pupils = bm.load_dataset("pupils")
pupils.head()

# %% [markdown]
# ## Three codings
#
# 1. An intercept and two differences for each school, correlated;
# 2. three status effects for each school, correlated: to lme4 the same model, here nearly, since
#    each sd has a prior of its own;
# 3. one effect for each school, and one for each combination of school and status: three parameters
#    fewer than it looks, all correlations being equal.

# %%
formulas = {
    "intercept and differences": "achievement ~ ses + (1 + ses | primary_school)",
    "one effect per status": "achievement ~ ses + (0 + ses | primary_school)",
    "school, and school by status": (
        "achievement ~ ses + (1 | primary_school) + (1 | primary_school:ses)"
    ),
}
fits = {name: bm.fit(formula, pupils, random_seed=1) for name, formula in formulas.items()}

# %%
fits["intercept and differences"].summary(cor_re=True)

# %%
fits["one effect per status"].summary(cor_re=True)

# %%
fits["school, and school by status"].summary()

# %% [markdown]
# ## One school, three ways
#
# The effects of school 10 look different in each coding,

# %%
for fit in fits.values():
    effects = fit.ranef()
    of_school = effects["group"].str.split(":").str[0] == "10"
    columns = ["group_var", "effect", "group", "value", "se"]
    print(effects.loc[of_school, columns].round(3).to_string(index=False), "\n")

# %% [markdown]
# the predictions hardly do:

# %%
ses = pd.Categorical(["low", "mid", "high"], ["low", "mid", "high"])
school = pd.DataFrame({"primary_school": "10", "ses": ses})
predictions = {
    name: fit.epred(school, new_levels="population")["value"] for name, fit in fits.items()
}
pd.DataFrame(predictions).set_axis(ses).round(3)

# %% [markdown]
# ## Which one predicts best?

# %%
comparison = bm.compare(fits)
comparison

# %%
bm.plot_compare(comparison)
plt.show()
