# %% [markdown]
# # Slopes with and without correlation
#
# Simulated data in which intercepts and slopes are correlated by 0.5, fitted with and without that
# correlation, and data without it, fitted in the same two ways.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayesmix as bm


# %%
def study(correlation):
    return bm.simulate(
        n_groups=50,
        n_per_group=10,
        beta={"Intercept": 1.5, "x": 0.5},
        sd={"Intercept": 0.6, "x": 0.4},
        cor=correlation,
        sigma=0.5,
        random_seed=1234,
    )


simulations = {correlation: study(correlation) for correlation in (0.0, 0.5)}
fits = {
    correlation: bm.fit("y ~ x + (1 + x | group)", simulation.data, random_seed=1)
    for correlation, simulation in simulations.items()
}

# %% [markdown]
# ## Is the truth found?


# %%
def with_truth(fit, simulation):
    sds = fit.varcorr().assign(label=lambda d: "sd:" + d["group"] + ":" + d["effect"])
    sds.loc[sds["group"] == "Residual", "label"] = "sigma"
    cors = fit.cor_re(long=True).assign(
        label=lambda d: "cor:" + d["group_var"] + ":" + d["effect_1"] + ":" + d["effect_2"]
    )
    estimates = pd.concat(
        [
            sds.set_index("label")[["sd", "sd_2.5", "sd_97.5"]].set_axis(
                ["value", "lower", "upper"], axis=1
            ),
            cors.set_index("label")[["value", "lower_2.5", "upper_97.5"]].set_axis(
                ["value", "lower", "upper"], axis=1
            ),
        ]
    )
    truth = pd.Series(simulation.parameters, name="truth").reindex(estimates.index)
    return estimates.assign(truth=truth).round(2)


with_truth(fits[0.5], simulations[0.5])

# %%
with_truth(fits[0.0], simulations[0.0])

# %% [markdown]
# ## Does the correlation matter?

# %%
fits[0.5].compare_correlation()

# %%
fits[0.0].compare_correlation()

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for axis, (correlation, fit) in zip(axes, fits.items(), strict=True):
    bm.plot_correlation(fit, ax=axis)
    axis.axvline(correlation, color="black", lw=1, ls=":")
plt.show()
