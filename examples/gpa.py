# %% [markdown]
# # Random slopes: grade point averages
#
# 200 students, six occasions each. How much does the grade point average grow, and how much do
# students differ in that? The data that come with the package are simulated from the published
# estimates of the chapter "More random effects" of Michael Clark's *Mixed models with R*, so that
# numbers are near those of the chapter, not equal to them.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayesmix as bm

gpa = bm.load_dataset("gpa")
gpa.head()

# %% [markdown]
# ## The mixed model
#
# Every student has an intercept and a slope, and these may be correlated.

# %%
fit = bm.fit("gpa ~ occasion + (1 + occasion | student)", gpa, random_seed=1)
fit.summary(cor_re=True)

# %% [markdown]
# Intercepts have an sd of about 0.2, slopes one of about 0.07, against an average slope of 0.1:
# most students improve, and a good start says little about the improvement.
#
# What each student differs by, and each student's own line:

# %%
fit.ranef().head()

# %%
fit.coef("student").head()

# %% [markdown]
# ## A regression for every student
#
# The alternative without a mixed model is a regression for each student, of six points. All of them
# at once:

# %%
separate = fit.no_pooling()
separate.head()

# %% [markdown]
# Such slopes scatter too much: six noisy points allow steep lines in both directions. The mixed
# model knows what slopes of students are like, and pulls each towards the average, the more so the
# less its own points say.

# %%
slopes = fit.shrinkage().query("effect == 'occasion'")
negative = (slopes[["no_pooling", "partial_pooling"]] < 0).sum()
negative.rename("negative slopes")

# %%
slopes[["no_pooling", "partial_pooling"]].std().rename("sd of the slopes")

# %% [markdown]
# ## What it looks like

# %%
fit.plot_trends()
plt.show()

# %%
fit.plot_shrinkage("density")
plt.show()

# %%
fit.plot_shrinkage()
plt.show()

# %% [markdown]
# ## Predictions
#
# For a student of the data, for one nobody has seen, and for the population. The interval for a new
# student is wide, since nothing is known of that student's own line.

# %%
last = pd.DataFrame({"student": ["1", "a new one"], "occasion": [5, 5]})
fit.predict(last, new_levels="sample").round(2)

# %%
fit.epred(last, groups="population").round(2)
