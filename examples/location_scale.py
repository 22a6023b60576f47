# %% [markdown]
# # Residuals that vary by subject
#
# The sleep study once more: reaction times of 18 subjects on ten days of short sleep. The usual
# model gives every subject a line of their own and all of them the same residual sd, sigma. But
# some people are steadier than others. A location-scale model has a formula for sigma, too, and
# subjects differ in it as they do in intercepts and slopes.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesmix as bm

sleep = bm.load_dataset("sleepstudy")
lines = "Reaction ~ Days + (1 + Days | Subject)"
plain = bm.fit(lines, sleep, random_seed=1)
varying = bm.fit(lines, sleep, sigma="~ 1 + (1 | Subject)", random_seed=1)
varying

# %% [markdown]
# The formula of sigma is one of its logarithm. A typical subject has a residual sd of exp(3.04), 21
# milliseconds; the sd of 0.45 between subjects says that it is half as large again for one who is a
# standard deviation above, and two thirds for one below. brms writes `bf(Reaction ~ Days + (1 +
# Days | Subject), sigma ~ 1 + (1 | Subject))`.
#
# Default priors of sigma's formula are those of its scale: the intercept is where sigma would be
# without a formula, give or take a factor of twelve, and the sd of subjects has a mean of 1.

# %%
varying.priors.tail(2)

# %% [markdown]
# They are changed by their paths, as in `priors={"sigma:sd:Subject": bm.Prior("HalfNormal",
# sigma=0.5)}`.
#
# ## Whose residuals are large?
#
# `epred(parameter="sigma")` is sigma itself, for any rows; here a row for each subject. Beside it
# the residual sd around the subject's own regression, which knows of no other subject.

# %%
subjects = pd.DataFrame({"Subject": sleep["Subject"].cat.categories, "Days": 0})
sigma = varying.epred(subjects, parameter="sigma").assign(Subject=subjects["Subject"])
residuals = {
    subject: np.polyfit(rows["Days"], rows["Reaction"], 1, full=True)[1][0] / (len(rows) - 2)
    for subject, rows in sleep.groupby("Subject", observed=True)
}
sigma["alone"] = np.sqrt(sigma["Subject"].map(residuals).astype(float))
sigma = sigma.sort_values("value", ignore_index=True)

_, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.hlines(sigma.index, sigma["lower_2.5"], sigma["upper_97.5"], color="C0")
ax.plot(sigma["value"], sigma.index, "o", label="sigma of the subject, 95 %")
ax.plot(sigma["alone"], sigma.index, "kx", label="own regression")
same = plain.varcorr().set_index("group").loc["Residual", "sd"]
ax.axvline(same, color="0.5", linestyle="--", label="one sigma for all")
ax.set_yticks(sigma.index, sigma["Subject"])
ax.set(xlabel="residual sd (milliseconds)", ylabel="Subject", xlim=(0, 80))
ax.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# Two subjects, 332 and 308, vary about twice as much as the others. One sigma for all is above the
# estimates of sixteen and far below those two. Ten rows say little of an sd, and partial pooling
# draws each towards the typical one, as it does with intercepts and slopes.
#
# ## What changes
#
# The rows of a subject count as much as they are precise: standard errors of the slopes are smaller
# for steady subjects, and larger for 308 and 332, whose slopes are drawn further towards the mean.

# %%
table = pd.concat(
    {
        name: fit.coef().query("effect == 'Days'").set_index("group")[["value", "se"]]
        for name, fit in (("one sigma", plain), ("own sigma", varying))
    },
    axis=1,
)
table["own sigma", "sigma"] = sigma.set_index("Subject")["value"]
table.loc[["332", "308", "331", "349", "335", "309"]].round(1)

# %% [markdown]
# Is it worth it? LOO of a model with a formula of sigma has the effects among its draws, and a row
# that says much of the sigma of its subject, such as day 6 of 332, cannot be left out by weighting
# them (Pareto k). Ten refits, each without a tenth of the rows, need no weights.

# %%
bm.compare({"own sigma": varying, "one sigma": plain}, ic="kfold")

# %% [markdown]
# Ahead by 24 units of elpd, with a standard error of 14, most of which a few rows of 308 and 332
# decide. Where single subjects are predicted, the difference is plain: intervals of one width are
# too wide for 309 and 335 and too narrow for 308.

# %%
_, panels = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
for panel, subject in zip(panels, ("309", "335", "308"), strict=True):
    rows = sleep[sleep["Subject"] == subject]
    for fit, colour, name in ((plain, "0.6", "one sigma"), (varying, "C0", "own sigma")):
        band = fit.predict(rows)
        panel.plot(rows["Days"], band["lower_2.5"], color=colour, label=f"{name}, 95 %")
        panel.plot(rows["Days"], band["upper_97.5"], color=colour)
    panel.plot(rows["Days"], rows["Reaction"], "ko", markersize=4)
    panel.set(title=subject, xlabel="Days")
panels[0].set_ylabel("Reaction")
panels[0].legend(frameon=False, loc="upper left")
plt.show()
