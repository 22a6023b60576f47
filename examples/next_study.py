# %% [markdown]
# # The next study: how many subjects?
#
# In the sleep study eighteen people slept three hours a night for ten days, and their reactions
# slowed by ten milliseconds a day (Belenky et al. 2003,
# [doi:10.1046/j.1365-2869.2003.00337.x](https://doi.org/10.1046/j.1365-2869.2003.00337.x)). Suppose
# that another laboratory wants to show that the slowing is more than 5 ms a day. How many people
# does it need, and for how many days?

# %%
import matplotlib.pyplot as plt

import bayesmix as bm

data = bm.load_dataset("sleepstudy")
fit = bm.fit("Reaction ~ Days + (Days | Subject)", data, random_seed=1)
fit.hypothesis("Days > 5")

# %% [markdown]
# In this study the probability that the slope is above 5 is next to one. That is no power: it says
# nothing of how often such a study would show it. For that the study is done again, on paper.
#
# ## Studies like this one
#
# `fit.power` takes the people of the fit anew, with new effects and new reactions, fits the model
# to each data set, and counts how often the statement has a posterior probability of 0.975 or more
# (the bound lies outside the 95 % interval, on the right side).

# %%
sizes = [6, 12, 18]
power = fit.power("Days > 5", n_groups=sizes, replications=40, random_seed=1)
power.round(3)

# %%
bm.plot_power(power)
plt.show()

# %% [markdown]
# The bars are the Monte-Carlo error of forty studies each; a plan deserves hundreds, which take a
# third of a second each. It takes some fifteen people for a power of 0.8.
#
# ## More people, or more days?
#
# Or people who come on fewer days: every person of a study costs, and so does every day.

# %%
design = fit.power(
    "Days > 5", n_groups=[9, 18], n_per_group=[4, 10], replications=25, random_seed=2
)
design.round(3)

# %% [markdown]
# Both count, and people count more: eighteen of them on four days are fewer visits than nine on ten
# days, and show it at least as often. Most of what is not known of the mean slope is that slopes
# differ between people, of which more days of the same people say nothing.
#
# ## What is not known of the effect
#
# All this takes the estimate for the truth. But the slope may be 8 as well as 12, and its spread
# between people larger. With `parameters="draw"` each study has another truth, drawn from the
# posterior: the power that is to be expected, given what the first study says ("assurance").

# %%
assured = fit.power("Days > 5", n_groups=[18], parameters="draw", replications=40, random_seed=3)
assured.round(3)

# %% [markdown]
# Less: where the truth is closer to 5, or the spread larger, no study of this size would show it.
#
# ## Without a first study
#
# The truth may be written down: what effect would matter, how much people might differ.

# %%
study = {
    "n_per_group": 10,
    "beta": {"Intercept": 250, "time": 8},
    "sd": {"Intercept": 25, "time": 5},
    "sigma": 25,
}
planned = bm.power(
    study, statement=["time > 0", "time > 5"], n_groups=[8, 16, 32], replications=25, random_seed=4
)
bm.plot_power(planned)
plt.show()

# %% [markdown]
# That there is any slowing is shown by a dozen people; that it is more than 5, of a true 8, takes
# more than thirty.
#
# The same works for any family: `"family": "bernoulli"` among the arguments of the study, or a fit
# of binary data. With `executor=ProcessPoolExecutor()` the replications run side by side, and give
# the same numbers.
