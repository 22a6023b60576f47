# %% [markdown]
# # Which criterion answers which question?
#
# Pupils' achievement depends on socio-economic status, and in some primary schools more than in
# others. Clark's *Mixed models with R* (chapter [More random
# effects](https://m-clark.github.io/mixed-models-with-R/random_slopes.html)) writes that in three
# ways and compares them by AIC, where the third is 6.9 behind the others. Here are the same models
# with three Bayesian criteria beside AIC. Each answers a question of its own.
#
# The data are simulated with the chapter's estimates as the truth, see `bm.load_dataset`: effects
# of status across schools have three sds and three correlations, as in Models 1 and 2, and there
# are fewer doubts about Model 3 than on the chapter's own data. What is seen on those comes at the
# end.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesmix as bm

pupils = bm.load_dataset("pupils")
formulas = {
    "Model 1": "achievement ~ ses + (1 + ses | primary_school)",
    "Model 2": "achievement ~ ses + (0 + ses | primary_school)",
    "Model 3": "achievement ~ ses + (1 | primary_school) + (1 | primary_school:ses)",
}
fits = {name: bm.fit(formula, pupils, random_seed=1) for name, formula in formulas.items()}

# %% [markdown]
# Models 1 and 2 are one model in two codings: an intercept and two differences for each school, or
# one effect for each status, with three sds and three correlations either way. They give the rows
# the same densities, and differ here by their priors, which are set on different columns. Model 3
# has two sds, which stand for equal variances and equal correlations of the three statuses.
#
# ## AIC: the best fit, less the number of parameters
#
# From R's lme4, for these data, the log likelihood at its maximum (`lmer(..., REML = FALSE)`; 10
# parameters in Models 1 and 2, 6 in Model 3):

# %%
highest = pd.Series({"Model 1": -1132.41, "Model 2": -1132.41, "Model 3": -1150.13})
parameters = pd.Series({"Model 1": 10, "Model 2": 10, "Model 3": 6})
aic = -2 * highest + 2 * parameters
aic

# %% [markdown]
# Model 3 is 27.4 behind. (The chapter prints AICc of REML fits, by which it is 26.9 here.)
#
# ## LOO: a new pupil of a school that is in the data

# %%
loo = bm.compare(fits)
loo

# %% [markdown]
# ## LOGO: all pupils of a new school

# %%
logo = bm.compare(fits, ic="logo", group="primary_school")
logo

# %%
_, panels = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
bm.plot_compare(loo, ax=panels[0])
bm.plot_compare(logo, ax=panels[1])
plt.show()

# %% [markdown]
# ## Evidence: all rows, before any was seen

# %%
evidence = bm.compare(fits, ic="evidence")
evidence

# %% [markdown]
# ## Side by side
#
# All on the scale of AIC, -2 times a log density, as differences from Model 1; positive is worse.

# %%
table = pd.DataFrame(
    {
        "AIC": aic,
        "LOO": loo["LOOIC"],
        "LOGO": logo["LOGOIC"],
        "evidence": -2 * evidence["log_evidence"],
    }
)
differences = table - table.loc["Model 1"]
differences.round(1)

# %% [markdown]
# All are against Model 3, as they should be, and not equally. Models 1 and 2 are the same to AIC,
# and nearly so to LOO and LOGO; the rows are 6.1 times as probable under one as under the other.
#
# Why? The likelihood that AIC takes has the effects of schools integrated out, as LOGO has: both
# judge a school as a whole (Vaida & Blanchard 2005,
# [doi:10.1093/biomet/92.2.351](https://doi.org/10.1093/biomet/92.2.351)). AIC takes the one best
# set of parameters, ignores priors, and corrects for having seen the rows by one unit of log
# likelihood for each parameter. LOGO averages over the posterior given the other schools, and
# needs no correction. The evidence averages over the *prior*. So see how far each is below the log
# likelihood at its maximum:

# %%
taken_off = pd.DataFrame(
    {
        "AIC": parameters,
        "LOGO": highest - logo["elpd"],
        "evidence": highest - evidence["log_evidence"],
    }
)
taken_off.round(1)

# %% [markdown]
# AIC and LOGO take off nearly the same, although AIC only counts. The evidence takes off three
# times as much: before any row was seen, little of the prior was where the rows then put the
# parameters, and with each further parameter it is less. The four more parameters of Models 1 and
# 2 cost 4 units by AIC, about 3 by LOGO, and 7.7 or 9.5 by the evidence. They are worth it: the log
# likelihood gains 17.7.
#
# LOO is not in that table, since it predicts something else. Of a school that is in the data the
# other 19 pupils tell the effects, whatever the model says of how these vary; of a new school
# nobody does. The two need not agree on what a wrong model of the variation costs.
#
# ## What the Bayes factor depends on
#
# On priors, also where estimates do not:

# %%
fits["Model 1"].sensitivity()

# %% [markdown]
# The default priors hardly move any estimate (of LKJ(1), which is constant, this cannot tell). Now
# take other ones for the sds, half-normal: from a scale of 0.5, which fits a test score between 4
# and 9, to one of 5, by which the means of schools might differ more than pupils do.

# %%
scales = [0.5, 1.5, 5.0]
under = {}
for scale in scales:
    priors = {"sd": bm.Prior("HalfNormal", sigma=scale)}
    others = {name: fit.update(priors=priors) for name, fit in fits.items()}
    elpd = bm.compare(others)["elpd"]
    whole = bm.compare(others, ic="logo", group="primary_school")["elpd"]
    log_evidence = bm.compare(others, ic="evidence")["log_evidence"]
    under[scale] = pd.DataFrame({"LOO": elpd, "LOGO": whole, "evidence": log_evidence})
refits = pd.concat(under, names=["scale", "model"])
refits.unstack("model").T.round(1)

# %% [markdown]
# Ten times the scale changes LOO and LOGO by 0.2 at most, and the evidence by four to six units,
# more in the models with three sds than in that with two. Model 1 against the others:

# %%
log_evidence = refits["evidence"].unstack("model")
bayes_factors = np.exp(log_evidence.rsub(log_evidence["Model 1"], axis=0))
bayes_factors.round().astype(int)

# %%
_, panels = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained", sharey=True)
for other, panel in zip(("Model 2", "Model 3"), panels, strict=True):
    ahead = refits.xs("Model 1", level="model") - refits.xs(other, level="model")
    ahead.plot(ax=panel, logx=True, marker="o", legend=other == "Model 2")
    panel.axhline(0, color="grey", lw=0.8)
    panel.set_title(f"Model 1 ahead of {other}", fontsize="medium", loc="left")
    panel.set_xlabel("Scale of the priors of sds")
    panel.set_xticks(scales, [f"{scale:g}" for scale in scales])
    panel.minorticks_off()
panels[0].set_ylabel("Units of log density")
plt.show()

# %% [markdown]
# The Bayes factor of two codings of one likelihood is 6.1 with the default priors, and 76, 28 or
# 25 with these. Model 3 is behind with all of them, since the rows say so much. Where they say
# less, priors decide.
#
# ## On the chapter's data
#
# The chapter has other pupils, as many and in as many schools, which are not part of this package.
# The same models of them, by lme4 (6.9 by AIC, and by AICc of REML fits) and by the code above, as
# differences from Model 1:
#
# | | AIC | LOO | LOGO | evidence, -2 log |
# |---|---|---|---|---|
# | Model 2 | 0.0 | -1.3 | -0.5 | 5.0 |
# | Model 3 | 6.9 | 6.8 | 5.7 | 1.3 |
#
# - Four more parameters gain 7.4 units of log likelihood. They cost 4 by AIC and 4.6 by LOGO, and
#   by the evidence 6.8 in Model 1 and 9.2 in Model 2. So the rows are 2.0 times as probable under
#   Model 1 as under Model 3, and 6.1 times as probable under Model 3 as under Model 2, AIC's other
#   winner. With a half-normal of scale 0.5 that 2.0 becomes 14.
# - AIC has no standard error. LOO and LOGO have, and 6.8 and 5.7 are about as large as theirs, 6.7
#   and 7.5: which model predicts better is not clear from 50 schools.
# - lme4's maximum of Models 1 and 2 has a singular matrix of correlations. At such a boundary a
#   count of parameters is no longer the right correction (Greven & Kneib 2010,
#   [doi:10.1093/biomet/asq042](https://doi.org/10.1093/biomet/asq042)); the posterior does not sit
#   there.
#
# ## Which one, then?
#
# - How well is a new pupil of these schools predicted? LOO.
# - How well are all pupils of a new school? LOGO. AIC is near it where priors say little and no sd
#   or correlation is at its boundary.
# - By how much do the rows change the odds of the models, priors and all? The evidence, where
#   priors were thought about, and with others beside it.
#
# [More on each of them](../comparing.md)
