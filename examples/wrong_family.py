# %% [markdown]
# # A family that is wrong
#
# Ticks on the heads of red grouse chicks were counted in Scotland in three years, on 118 broods at
# 63 locations (Elston et al. 2001,
# [doi:10.1017/S0031182001007740](https://doi.org/10.1017/S0031182001007740); R's lme4 has the data
# as `grouseticks`). How does the burden fall with altitude? Counts, so the Poisson distribution;
# chicks of a brood are alike, and broods of a location, so each has an effect. Is that enough?

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayesmix as bm

# Of each brood: the location, its altitude in metres, and the ticks of each chick.
table = """
1995
32:465:0,0 36:472:0 37:475:0,0,3,2 44:488:0,0,2 47:492:0,0,0 45:490:0,0,0 31:464:0,0,0,1,2
28:457:1 28:457:0 28:457:0,5 26:451:8,3,4 17:437:7,0,4 14:430:4,1,0,0,3,1 13:427:6,0,1,0
7:419:2,7,31 4:411:34,17,16 7:419:66,49,82,85,64 11:424:11,14,4,10 13:427:3,15,8 9:422:9,11,7,13
53:503:3 51:496:0,0,1,1 54:507:0,0,0,0 51:496:0,0,0,1,1,0 33:466:2,0,3 44:488:1 19:442:7,2,16,12,0
19:442:1 63:533:0,0,1,0,0,1,0 63:533:0 59:515:0,0,0,0 60:518:5,2 48:493:2,1,1 34:468:0,0,1
38:476:1,1,0,0 22:446:5,3 30:460:2 62:525:2,1
1996
3:410:1,0,2,5,1,2,2 6:417:3,14,11,9,4,10,33,19,16 14:430:16,13,11,7,4,11 27:456:1,1,4
28:457:6,2,7,8,14 14:430:6,13,5,8,13,17,5,1,1,2 10:423:7 8:421:7,11 62:525:1,0 55:509:5,4
52:499:0,0,0 53:503:7,5,3,1,6 47:492:1,2 46:491:14,5,27 37:475:1,2,3,0 40:479:1,0,5,5,8,21
36:472:15,15,6,19,14 42:485:1,1,3,2,3 50:495:2,5 36:472:0,6,3 29:458:1,0,1,6,1
24:449:85,45,68,84,50 19:442:13,1 23:448:19,26,9,2,4,3 23:448:22,32 1:403:5,21,26,13,23
4:411:42,38,61,79,39,41 5:415:15,23,14 13:427:7 11:424:24 62:525:3,1 61:521:2,1,0 60:518:3,8
50:495:1,2,0 50:495:8,3,14,16,18,11,13 30:460:6,7,10 19:442:5,7 20:443:25,11,6,4,7 12:425:4,6,2
18:439:5,3,7 21:444:3
1997
25:450:1,4,4,2,5 22:446:3,0,3,1,2,3 36:472:1,0,4,0,0 36:472:0 30:460:0,0,0 19:442:1,3,4,0,4,2
62:525:0,0,1 63:533:0,1,2,0,0,0 57:513:1,0,0,1,1,0,0 58:514:0,0 56:511:0,0,1,0,0
56:511:0,0,1,0,0,0 51:496:0,0,0,0 49:494:1,0 49:494:0,0,0 4:411:2,4,4,1,2 4:411:2,1,4,1,3,3
10:423:2,0 11:424:3 1:403:2,0,1 2:409:0,3,1 16:434:10,4,1 39:477:2,0,1 36:472:0 34:468:0,0
35:470:0 43:486:0 50:495:0,0,0,0,0 41:483:0,0,2 19:442:2,2 28:457:0 28:457:4,5
28:457:2,3,2,2,1,2,0 31:464:2,0,1 15:433:0,3,1,0 19:442:0,0 15:433:0,1,0 14:430:0,0 25:450:2,0
"""
rows, year = [], ""
for number, entry in enumerate(table.split()):
    if ":" not in entry:
        year = entry
        continue
    location, height, ticks = entry.split(":")
    brood = f"brood {number}"
    chicks = [int(count) for count in ticks.split(",")]
    rows += [(brood, location, year, int(height), len(chicks), count) for count in chicks]
grouse = pd.DataFrame(rows, columns=["brood", "location", "year", "height", "chicks", "ticks"])
grouse["height"] = (grouse["height"] - 450) / 100  # in 100 m, from 450 m

formula = "ticks ~ year + height + (1 | location) + (1 | brood)"
poisson = bm.fit(formula, grouse, family="poisson", random_seed=1)
poisson

# %% [markdown]
# ## Residuals
#
# A quantile residual is a standard normal number where the model is right, of counts, too, so that
# one picture serves for every family. Each row is left out of its own prediction.

# %%
poisson.plot_residuals()
plt.show()

# %% [markdown]
# On the left the residuals leave the band at both ends: counts far above what is expected, and
# counts far below, are too many. On the right, over expected counts, they spread: the more ticks
# are expected, the more wrong the model is about how much chicks differ. The tests say the same in
# numbers:

# %%
poisson.residual_tests()

# %% [markdown]
# The Poisson distribution ties the variance to the mean. Pearson residuals, differences over their
# sd, show by how much it is missed: their mean square is about one where the variance is right.

# %%
(poisson.residuals(kind="pearson")["residual"] ** 2).mean().round(2)

# %% [markdown]
# ## Or is something missing?
#
# A curve, or a column that the formula lacks, makes counts vary as well, and another family would
# hide it. So look along columns first: altitude, and the size of the brood, which is not in the
# formula.

# %%
_, panels = plt.subplots(1, 2, figsize=(10.8, 4.2), layout="constrained")
poisson.plot_residuals(by="height", ax=panels[0])
poisson.plot_residuals(by=grouse["chicks"], ax=panels[1])
plt.show()

# %% [markdown]
# No curve: the medians are inside their ranges but for one cell. Residuals beyond 3, of which there
# should be one among 403, are at any altitude and in broods of any size. So it is not something
# along these columns; it is the variance.
#
# ## Another family
#
# The negative binomial distribution has a parameter for it: the variance is
# `mean + mean^2 / shape`.

# %%
negbinomial = bm.fit(formula, grouse, family="negbinomial", random_seed=1)
negbinomial.plot_residuals()
plt.show()

# %%
negbinomial.residual_tests(by=grouse["chicks"])

# %% [markdown]
# Nothing is left. All residuals are inside the band, and 3 of 36 quartiles outside of their ranges
# for 95 % are no sign. The mean square of Pearson residuals is near one:

# %%
(negbinomial.residuals(kind="pearson")["residual"] ** 2).mean().round(2)

# %% [markdown]
# ## What it changes
#
# Of each chick that is left out, the middle 90 % of its distribution should hold the count nine
# times in ten. The Poisson distribution is too sure:

# %%
fits = {"poisson": poisson, "negbinomial": negbinomial}
pd.Series(
    {
        name: fit.residuals()["uniform"].between(0.05, 0.95).mean().round(2)
        for name, fit in fits.items()
    },
    name="share inside",
)

# %%
bm.compare(fits, reloo=True)

# %% [markdown]
# What is said of altitude hardly changes here. The differences between broods have taken up much of
# what the Poisson distribution cannot have; they are smaller where it is another one.

# %%
pd.concat(
    {name: fit.fixef().set_index("term").loc["height"] for name, fit in fits.items()}, axis=1
).round(2)

# %%
pd.concat(
    {name: fit.varcorr().set_index("group")["sd"] for name, fit in fits.items()}, axis=1
).round(2)

# %% [markdown]
# Without effects of broods, with those of locations alone, the Poisson model would be surer of the
# years than it may be: the standard error of 1996 is 0.09 by it, and 0.17 by the negative binomial;
# of 1997 it is 0.12 and 0.19. [Could the model have made these data?](../residuals.md)
