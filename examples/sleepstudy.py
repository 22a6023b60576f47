# %% [markdown]
# # The sleep study
#
# 18 people, three hours of sleep a night, ten days. How much slower does each of them react?

# %%
import matplotlib.pyplot as plt

import bayesmix as bm

sleep = bm.load_dataset("sleepstudy")
fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", sleep, random_seed=1)
fit

# %% [markdown]
# ## Random effects, and fixed plus random
#
# `ranef` is how a person differs from the average, `coef` is the person's own intercept and slope.

# %%
fit.ranef().head(3)

# %%
fixed = fit.fixef().set_index("term")["value"]
wide = {"index": "group", "columns": "effect", "values": "value"}
own = fit.coef().pivot(**wide)
differences = fit.ranef().pivot(**wide)
(own - differences - fixed).abs().max().round(10)

# %%
own.describe().loc[["min", "mean", "max"]].round(1)

# %% [markdown]
# Everybody gets slower, with one possible exception; the slowest start is no sign of the steepest
# decline.

# %%
fit.plot_ranef()
plt.show()

# %%
fit.plot_shrinkage()
plt.show()

# %%
fit.plot_trends()
plt.show()

# %% [markdown]
# ## Are intercepts and slopes correlated?
#
# One call refits without the correlation, compares both ways of prediction (a new day of a known
# person, and a new person), and says how sure the data are of the sign.

# %%
question = fit.compare_correlation()
question

# %%
bm.plot_correlation(question)
plt.show()
