# %% [markdown]
# # When does shrinkage matter?
#
# Five settings: the study as it was estimated; more occasions; groups that differ more beside less
# noise; fewer occasions; ten occasions of which students drop out. In each, the slopes and
# intercepts of separate regressions are compared with those of the mixed model.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayesmix as bm

as_estimated = {
    "beta": {"Intercept": 2.6, "time": 0.106},
    "sd": {"Intercept": 0.213, "time": 0.067},
    "cor": -0.1,
    "sigma": 0.206,
}
settings = {
    "as estimated": as_estimated,
    "25 occasions": as_estimated | {"n_per_group": 25},
    "groups differ more": as_estimated
    | {"sd": {"Intercept": 0.426, "time": 0.134}, "sigma": 0.103},
    "4 occasions": as_estimated | {"n_per_group": 4},
    "10 occasions, dropout": as_estimated | {"n_per_group": 10, "dropout": 0.2},
}


# %%
def study(setting):
    usual = {"n_groups": 200, "n_per_group": 6, "random_seed": 7}
    simulation = bm.simulate(**usual | setting)
    return bm.fit(simulation.formula, simulation.data, random_seed=7)


fits = {name: study(setting) for name, setting in settings.items()}

# %% [markdown]
# ## How much is shrunk
#
# The ratio of the spread of the mixed model's estimates to that of the separate regressions: 1 is
# no shrinkage, 0 is one line for all.


# %%
def spread(fit):
    table = fit.shrinkage().dropna()
    sds = table.groupby("effect")[["partial_pooling", "no_pooling"]].std()
    return sds["partial_pooling"] / sds["no_pooling"]


pd.DataFrame({name: spread(fit) for name, fit in fits.items()}).T.round(2)

# %% [markdown]
# With many rows per group, or with groups that differ by more than the noise, separate regressions
# and the mixed model agree. With four occasions they do not. With dropout the groups that leave
# early are shrunk most:

# %%
table = fits["10 occasions, dropout"].shrinkage().dropna()
dropout = table.query("effect == 'time'")
off = (dropout["no_pooling"] - dropout["partial_pooling"]).abs()
off.groupby(dropout["n"]).agg(["size", "median"]).round(3)

# %% [markdown]
# ## The figure

# %%
size = (9, 2.2 * len(fits))
figure, axes = plt.subplots(len(fits), 2, figsize=size, layout="constrained")
for row, name in zip(axes, fits, strict=True):
    fits[name].plot_shrinkage("density", ax=row)
    row[0].set_ylabel(name)
    row[1].set_ylabel("")
    for axis in row:
        axis.set_yticks([])
        if axis.get_legend() and name != "as estimated":
            axis.get_legend().remove()
plt.show()
