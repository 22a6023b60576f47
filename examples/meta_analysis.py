# %% [markdown]
# # Meta-analysis
#
# Estimates of several studies come with their standard errors. These are known residual sds:
# `se="se"` says so, and there is no sigma to estimate.
#
# ## Eight schools
#
# Coaching for a test was tried in eight schools (Rubin 1981; Gelman et al., *Bayesian Data
# Analysis*, section 5.5).

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesmix as bm

schools = pd.DataFrame(
    {
        "school": list("ABCDEFGH"),
        "effect": [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
        "se": [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0],
    }
)
fit = bm.fit("effect ~ 1 + (1 | school)", schools, se="se", random_seed=1)
fit

# %% [markdown]
# The sd of the schools may well be zero: its posterior has no mode away from there. An estimate of
# zero, which maximum likelihood gives, would say that all schools are alike; the interval says how
# far they may differ.

# %%
fit.plot_varcorr()
plt.show()

# %% [markdown]
# `coef` has the effect of each school, and `no_pooling` what the school said by itself: its
# estimate, with its standard error.

# %%
own = fit.no_pooling().set_index("group")[["value", "se"]]
own.join(fit.coef().set_index("group")[["value", "se"]], rsuffix="_pooled").round(1)

# %% [markdown]
# A forest plot is that of the group effects, here as differences from the mean of all schools; next
# to it how far each estimate is drawn to the mean.

# %%
fit.plot_ranef()
plt.show()

# %%
fit.plot_shrinkage()
plt.show()

# %% [markdown]
# A ninth school: its effect is `epred`, and what a study with a standard error of 10 would find
# `predict`.

# %%
ninth = pd.DataFrame({"school": ["I"], "se": [10.0]})
pd.concat(
    {
        "effect": fit.epred(ninth, new_levels="sample"),
        "estimate": fit.predict(ninth, new_levels="sample"),
    }
).round(1)

# %% [markdown]
# ## Three levels
#
# Modified school calendars: 56 differences in achievement, of schools in 11 districts
# (Konstantopoulos 2011; metafor's `dat.konstantopoulos2011`). Schools of a district are alike, and
# `(1 | district/school)` has both levels.

# %%
differences = {
    11: [-0.18, -0.22, 0.23, -0.30],
    12: [0.13, -0.26, 0.19, 0.32],
    18: [0.45, 0.38, 0.29],
    27: [0.16, 0.65, 0.36, 0.60],
    56: [0.08, 0.04, 0.19, -0.06],
    58: [-0.18, 0.00, 0.00, -0.28, -0.04, -0.30, 0.07, 0.00, 0.05, -0.08, -0.09],
    71: [0.30, 0.98, 1.19],
    86: [-0.07, -0.05, -0.01, 0.02, -0.03, 0.00, 0.01, -0.10],
    91: [0.50, 0.66, 0.20, 0.00, 0.05, 0.07],
    108: [-0.52, 0.70, -0.03, 0.27, -0.34],
    644: [0.12, 0.61, 0.04, -0.05],
}
variances = {
    11: [0.118, 0.118, 0.144, 0.144],
    12: [0.014, 0.014, 0.015, 0.024],
    18: [0.023, 0.043, 0.012],
    27: [0.020, 0.004, 0.004, 0.007],
    56: [0.019, 0.007, 0.005, 0.004],
    58: [0.020, 0.018, 0.019, 0.022, 0.020, 0.021, 0.006, 0.007, 0.007, 0.007, 0.007],
    71: [0.015, 0.011, 0.010],
    86: [0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001],
    91: [0.010, 0.011, 0.010, 0.009, 0.013, 0.013],
    108: [0.031, 0.031, 0.030, 0.030, 0.030],
    644: [0.087, 0.082, 0.067, 0.067],
}
calendars = pd.DataFrame(
    [
        (district, school, difference, np.sqrt(variance))
        for district in differences
        for school, (difference, variance) in enumerate(
            zip(differences[district], variances[district], strict=True), start=1
        )
    ],
    columns=["district", "school", "difference", "se"],
)
three = bm.fit("difference ~ 1 + (1 | district/school)", calendars, se="se", random_seed=1)
three

# %% [markdown]
# metafor's `rma.mv(yi, vi, random = ~ 1 | district/school)` finds 0.185 (standard error 0.085), and
# sds of 0.255 and 0.181.

# %%
three.plot_ranef("district")
plt.show()

# %% [markdown]
# Would districts do? A residual beside the known errors, `residual=True`, is the same model here,
# since each school has one row; leaving it out takes all schools of a district for equal. Which one
# predicts a further school better?

# %%
districts = bm.fit("difference ~ 1 + (1 | district)", calendars, se="se", random_seed=1)
bm.compare({"districts and schools": three, "districts": districts}).T
