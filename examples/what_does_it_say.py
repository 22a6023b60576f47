# %% [markdown]
# # What does the model say?
#
# Coefficients are where questions begin. Two data sets: grades over six occasions, where the answer
# is a slope, and pupils who pass or fail, where the answer depends on whom it is asked of.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayesmix as bm

gpa = bm.load_dataset("gpa")
grades = bm.fit("gpa ~ occasion + (occasion | student)", gpa, random_seed=1)
grades.fixef().round(3)

# %% [markdown]
# ## Grades
#
# What does a student start with, and where do they end? `grid` makes the rows, and
# `groups="average"` asks about students who are not in the data.

# %%
grades.predictions(grid={"occasion": [0, 5]}, groups="average").round(2)

# %%
grades.comparisons({"occasion": [0, 5]}, by=True, groups="average").round(2)

# %% [markdown]
# Half a grade point in five occasions. A picture of it, with the data behind, and of eight
# students:

# %%
grades.plot_predictions("occasion")
plt.show()

# %%
some = gpa[gpa["student"].isin(gpa["student"].unique()[:8])]
own = grades.predictions(newdata=some)
_, panels = plt.subplots(2, 4, figsize=(10, 4.6), sharex=True, sharey=True, layout="constrained")
for panel, (student, rows) in zip(panels.flat, own.groupby("student", observed=True), strict=True):
    panel.fill_between(rows["occasion"], rows["lower_2.5"], rows["upper_97.5"], alpha=0.2)
    panel.plot(rows["occasion"], rows["value"])
    panel.plot("occasion", "gpa", "k.", data=some[some["student"] == student])
    panel.set_title(f"student {student}", fontsize="medium")
plt.show()

# %% [markdown]
# How steep is it for each of them, and how sure is that? `slopes` by student, in order:

# %%
grades.plot_slopes("occasion", by="student")
plt.show()

# %% [markdown]
# And how much of the variance of grades is between students?

# %%
grades.icc().round(2)

# %%
grades.r2(loo=False).round(2)

# %% [markdown]
# ## Passing: two answers to one question
#
# A thousand pupils of fifty primary schools; say that a score of 6 passes. What does the status of
# the parents do to the chance of passing?

# %%
pupils = bm.load_dataset("pupils")
pupils["passed"] = (pupils["achievement"] >= 6).astype(int)
passing = bm.fit(
    "passed ~ ses + sex + (1 | primary_school)", pupils, family="bernoulli", random_seed=1
)
passing

# %% [markdown]
# Coefficients are log odds, and odds are nobody's question. Differences of risk are, and there are
# two of them:

# %%
asked = {
    "in a typical school": "population",
    "on average over schools": "average",
}
answers = pd.concat(
    {
        words: passing.comparisons({"ses": ["low", "high"]}, by=True, groups=groups)
        for words, groups in asked.items()
    },
    names=["asked", None],
).droplevel(1)
answers.round(3)

# %% [markdown]
# In a typical school, whose effect is zero, a pupil of high status passes more often by 9 of a
# hundred. On average over all schools it is 8. Nothing is wrong with either: in schools where
# nearly everybody passes, or nearly nobody, status can do little, and the average has such schools,
# too. So curves of averages are flatter than curves of a typical school.

# %%
schools = passing.predictions(
    newdata=bm.datagrid(passing, ses=["low", "mid", "high"], primary_school=lambda s: s.unique())
)
figure, axes = plt.subplots(figsize=(5.4, 3.8), layout="constrained")
for _, rows in schools.groupby("primary_school", observed=True):
    axes.plot(rows["ses"], rows["value"], color="0.8", linewidth=0.7)
for (words, groups), colour in zip(asked.items(), ("C0", "C1"), strict=True):
    rows = passing.predictions(grid={"ses": ["low", "mid", "high"]}, groups=groups)
    axes.plot(rows["ses"], rows["value"], "o-", color=colour, label=words)
axes.set(xlabel="ses", ylabel="probability of passing", ylim=(0, 1))
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Ratios of odds differ in the same way: that of the table of coefficients, `exp(beta)`, is the one
# within a school.

# %%
passing.comparisons(
    {"ses": ["low", "high"]}, by=True, groups="average", comparison="oddsratio"
).round(2)

# %%
passing.fixef(exponentiate=True).set_index("term").loc[["ses[high]"]].round(2)

# %% [markdown]
# And is there anything? The probability that the effect is above zero, and that it is larger than
# that of the sex of the pupil:

# %%
passing.hypothesis(["ses[high] > 0", "ses[high] > sex[female]"])
