"""Frames with the columns of the data sets of Bambi's example notebooks, and numbers made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

__all__ = ["FRAMES"]


def _of(rng: np.random.Generator, values: str, n: int) -> list[str]:
    """Take each of some words about equally often, in any order."""
    return rng.permutation(np.resize(values.split(), n)).tolist()


def _labels(stem: str, n_levels: int, n: int) -> list[str]:
    return [f"{stem}{row % n_levels}" for row in range(n)]


def _strack(rng: np.random.Generator) -> pd.DataFrame:
    uid, study, stimulus = np.indices((60, 5, 4))[0].ravel(), *np.indices((60, 5, 4))[1:]
    n = len(uid)
    return pd.DataFrame(
        {
            "value": rng.normal(5, 2, n),
            "uid": [f"u{one}" for one in uid * 5 + study.ravel()],
            "study": [f"s{one % 17}" for one in uid],
            "stimulus": [f"c{one}" for one in stimulus.ravel()],
            "condition": rng.integers(0, 2, n),
            "age": rng.normal(22, 3, n),
            "gender": rng.integers(0, 2, n),
        }
    )


def _shooter(rng: np.random.Generator) -> pd.DataFrame:
    subject, race, gun, target = (index.ravel() for index in np.indices((20, 2, 2, 5)))
    time = rng.normal(600, 60, len(subject)).round()
    return pd.DataFrame(
        {
            "subject": [f"s{one}" for one in subject],
            "target": [f"t{a}{b}" for a, b in zip(race, target, strict=True)],
            "race": np.where(race == 1, "black", "white"),
            "object": np.where(gun == 1, "gun", "nogun"),
            "rate": 1000 / time,
            "shoot_or_not": _of(rng, "shoot dontshoot", len(subject)),
        }
    )


def _fixed_random(rng: np.random.Generator) -> pd.DataFrame:
    group = np.arange(400) % 30
    data = pd.DataFrame({"group": group, "x": rng.normal(size=400)})
    data["z"] = rng.normal(size=30)[group]
    data["xbar"] = data.groupby("group")["x"].transform("mean")
    data["y"] = rng.integers(0, 2, 400)
    return data


def _mister_p(rng: np.random.Generator) -> pd.DataFrame:
    n = 400
    trials = rng.integers(1, 30, n)
    return pd.DataFrame(
        {
            "state": _labels("state", 46, n),
            "eth": _of(rng, "White Black Hispanic Other", n),
            "edu": _of(rng, "noHS HS college degree post", n),
            "age": _of(rng, "18-29 30-39 40-49 50-59 60-69 70+", n),
            "male": rng.choice([-0.5, 0.5], n),
            "repvote": rng.uniform(0.3, 0.7, 46)[np.arange(n) % 46],
            "n": trials,
            "abortion": rng.binomial(trials, 0.5),
        }
    )


def _radon(rng: np.random.Generator) -> pd.DataFrame:
    n, county = 400, np.arange(400) % 40
    return pd.DataFrame(
        {
            "log_radon": rng.normal(1.2, 0.8, n),
            "floor": _of(rng, "Basement Floor", n),
            "county": [f"county{one}" for one in county],
            "log_u": rng.normal(size=40)[county],
        }
    )


def _sleepstudy(rng: np.random.Generator) -> pd.DataFrame:
    day, subject = np.tile(np.arange(10), 18), np.repeat(np.arange(18), 10)
    return pd.DataFrame({"Reaction": rng.normal(300, 50, 180), "Days": day, "Subject": subject})


def _dietox(rng: np.random.Generator) -> pd.DataFrame:
    pig, week = np.repeat(np.arange(72), 12), np.tile(np.arange(1.0, 13.0), 72)
    return pd.DataFrame({"Weight": rng.normal(60, 20, 864), "Time": week, "Pig": pig + 4601})


def _fibrosis(rng: np.random.Generator) -> pd.DataFrame:
    patient = np.arange(600) % 60
    return pd.DataFrame(
        {
            "fvc": rng.uniform(size=600),
            "weeks": rng.uniform(size=600),
            "patient": patient,
            "smoking_status": np.resize(["never", "ex", "now"], 60)[patient],
        }
    )


def _batting(rng: np.random.Generator) -> pd.DataFrame:
    bats = rng.integers(50, 600, 80)
    hits = rng.binomial(bats, 0.27)
    return pd.DataFrame({"playerID": _labels("player", 80, 80), "AB": bats, "H": hits})


def _averages(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({name: rng.beta(25, 75, 200) for name in ("batting_avg", "shifted", "p")})


def _beta(rng: np.random.Generator) -> pd.DataFrame:
    data = _averages(rng).rename(columns={"shifted": "batting_avg_shift"})
    return data.assign(delta_d=rng.normal(0, 20, 200), probabilities=data["p"])


def _beetles(rng: np.random.Generator) -> pd.DataFrame:
    trials = rng.integers(55, 63, 8)
    return pd.DataFrame(
        {"x": np.linspace(1.69, 1.88, 8), "n": trials, "y": rng.binomial(trials, 0.6)}
    )


def _categorical(rng: np.random.Generator) -> pd.DataFrame:
    n = 150
    species = _of(rng, "setosa versicolor virginica", n)
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width", "length")
    data = pd.DataFrame({name: rng.normal(4, 1, n) for name in names})
    return data.assign(
        species=species, choice=_of(rng, "I F O", n), sex=_of(rng, "Male Female Small", n)
    )


def _inhaler(rng: np.random.Generator) -> pd.DataFrame:
    subject, period = np.repeat(np.arange(100), 2), np.tile([0.5, -0.5], 100)
    return pd.DataFrame(
        {
            "rating": pd.Categorical(rng.integers(1, 5, 200), categories=[1, 2, 3, 4]),
            "subject": subject,
            "period": period,
            "treat": pd.Categorical(rng.choice([-0.5, 0.5], 200)),
        }
    )


def _roaches(rng: np.random.Generator) -> pd.DataFrame:
    n = 250
    return pd.DataFrame(
        {
            "y": rng.negative_binomial(0.4, 0.02, n),
            "roach1": rng.gamma(0.5, 1.0, n),
            "treatment": rng.integers(0, 2, n),
            "senior": rng.integers(0, 2, n),
            "exposure2": rng.uniform(0.3, 4, n),
        }
    )


def _absences(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "daysabs": rng.negative_binomial(1, 0.15, 300),
            "prog": _of(rng, "General Academic Vocational", 300),
            "math": rng.integers(1, 100, 300),
        }
    )


def _gamma(rng: np.random.Generator) -> pd.DataFrame:
    x = rng.uniform(-1.5, 1.5, 200)
    return pd.DataFrame({"x": x, "y": rng.gamma(2.0, np.exp(0.5 + x))})


def _bikes(rng: np.random.Generator) -> pd.DataFrame:
    hour = rng.integers(0, 24, 400)
    return pd.DataFrame({"hour": hour, "count": rng.negative_binomial(2, 0.01, 400)})


def _fish(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "count": rng.poisson(1.5, 250) * rng.integers(0, 2, 250),
            "livebait": pd.Categorical(rng.integers(0, 2, 250)),
            "camper": pd.Categorical(rng.integers(0, 2, 250)),
            "persons": rng.integers(1, 5, 250),
            "child": rng.integers(0, 4, 250),
        }
    )


def _trolley(rng: np.random.Generator) -> pd.DataFrame:
    flags = rng.permutation(np.resize([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], (400, 3)))
    extra = np.resize([[1, 1, 0], [0, 1, 1]], (100, 3))
    columns = np.vstack([flags, extra]).T
    data = {
        name: pd.Categorical(one)
        for name, one in zip(("action", "intention", "contact"), columns, strict=True)
    }
    response = pd.Categorical(rng.integers(1, 8, 500), ordered=True)
    return pd.DataFrame({"response": response, **data})


def _attrition(rng: np.random.Generator) -> pd.DataFrame:
    years = pd.Categorical(rng.integers(0, 12, 400), ordered=True)
    return pd.DataFrame({"YearsAtCompany": years, "TotalWorkingYears": rng.integers(0, 30, 400)})


def _claims(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "claimcst0": rng.gamma(1, 2000, 300),
            "agecat": rng.integers(1, 7, 300),
            "gender": _of(rng, "F M", 300),
            "area": _of(rng, "A B C D E F", 300),
        }
    )


def _hazards(rng: np.random.Generator) -> pd.DataFrame:
    n = 300
    at_risk = rng.integers(20, 200, n)
    return pd.DataFrame(
        {
            "event": rng.integers(0, 2, n),
            "treatment": rng.integers(0, 2, n),
            "age": rng.normal(size=n),
            "time": 1 + np.arange(n) % 10,
            "events": rng.binomial(at_risk, 0.1),
            "at_risk": at_risk,
            "sex": _of(rng, "male female", n),
            "socBranch": _of(rng, "farming worker official", n),
            "period": 1 + np.arange(n) % 10,
            "birth_decade": rng.choice(np.arange(1830, 1900, 10), n),
        }
    )


def _retention(rng: np.random.Generator) -> pd.DataFrame:
    n = 300
    return pd.DataFrame(
        {
            "month": rng.integers(1, 13, n),
            "censoring": _of(rng, "none right", n),
            "gender": _of(rng, "M F", n),
            "level": _of(rng, "Low Medium High", n),
            "field": _labels("field", 6, n),
            "sentiment": rng.normal(size=n),
            "intention": rng.normal(size=n),
        }
    )


def _species(rng: np.random.Generator) -> pd.DataFrame:
    n = 300
    return pd.DataFrame(
        {
            "Count": rng.poisson(3, n),
            "Year": _of(rng, "y2010 y2011", n),
            "X1": rng.normal(size=n),
            "Site": _labels("site", 30, n),
            "Lon": rng.uniform(size=n),
            "Lat": rng.uniform(size=n),
        }
    )


def _outliers(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({"x": np.linspace(0, 1, 100), "y": rng.standard_t(2, 100)})


def _three_categories(rng: np.random.Generator) -> pd.DataFrame:
    cats, subj = np.tile(["a", "b", "c"], 200), np.repeat(np.arange(50), 12)
    return pd.DataFrame({"Y": rng.normal(size=600), "threecats": cats, "subj": subj})


def _direction(rng: np.random.Generator) -> pd.DataFrame:
    direction = rng.uniform(-3, 3, 31)
    return pd.DataFrame({"direction": direction, "distance": rng.integers(1, 130, 31)})


FRAMES: Mapping[str, Callable[[np.random.Generator], pd.DataFrame]] = MappingProxyType(
    {
        "Strack_RRR_re_analysis": _strack,
        "alternative_links_binary": _beetles,
        "beta_regression": _beta,
        "categorical_regression": _categorical,
        "circular_regression": _direction,
        "count_roaches": _roaches,
        "distributional_models": _gamma,
        "distributional_models, bikes": _bikes,
        "fixed_random": _fixed_random,
        "getting_started": _strack,
        "hierarchical_binomial_bambi": _batting,
        "how_bambi_works": _sleepstudy,
        "hsgp_2d": _species,
        "mister_p": _mister_p,
        "multi-level_regression": _dietox,
        "negative_binomial": _absences,
        "ordinal_regression": _trolley,
        "ordinal_regression, attrition": _attrition,
        "per_parameter_noncentered": _sleepstudy,
        "plot_comparisons": _fish,
        "plot_predictions": _absences,
        "plot_predictions, gamma": _gamma,
        "predict_new_groups": _fibrosis,
        "radon_example": _radon,
        "shooter_crossed_random_ANOVA": _shooter,
        "sleepstudy": _sleepstudy,
        "survival_continuous_time_notebook": _retention,
        "survival_discrete_time_notebook": _hazards,
        "t_regression": _outliers,
        "test_sample_new_groups": _sleepstudy,
        "test_sample_new_groups, categories": _three_categories,
        "test_sample_new_groups, inhaler": _inhaler,
        "wald_gamma_glm": _claims,
        "zero_inflated_regression": _fish,
    }
)
