"""The models of Bambi's example notebooks, as docs/bambi-gallery.md writes them.

The page is what is tested: each call of its tables runs, with `prepare` in the place of `fit`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from gallery_frames import FRAMES

PAGE = Path(__file__).parents[1] / "docs" / "bambi-gallery.md"


def tables() -> dict[str, list[list[str]]]:
    """Read the rows of each section of the page, cell by cell."""
    found: dict[str, list[list[str]]] = {}
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(section, []).append([cell.replace(r"\|", "|") for cell in cells])
    return {name: rows[2:] for name, rows in found.items() if name}


TABLES = tables()


def prepared(notebook: str, cell: str) -> bm.ModelSpec:
    """Run the call of a cell, with `prepare` and made-up data."""
    code = cell.strip("`")
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "bm.fit"
    data = FRAMES[notebook](np.random.default_rng(1))
    names = {"bm": bm, ast.unparse(call.args[1]): data}
    return eval(code.replace("bm.fit(", "bm.prepare(", 1), names)


def ids(section: str) -> list[str]:
    return [f"{row[0]}-{number}" for number, row in enumerate(TABLES[section])]


BAR = re.compile(r"\((?:[^()|]|\([^()]*\))*\|[^()]*\)")


def bars(cell: str) -> list[str]:
    """List what varies by group in the formulas of a call."""
    return sorted(re.sub(r"\s", "", bar) for bar in BAR.findall(cell))


@pytest.mark.filterwarnings("ignore:Grouping factor '(stimulus|eth)' has 4 levels")
@pytest.mark.parametrize("row", TABLES["Accepted"], ids=ids("Accepted"))
def test_models_are_accepted(row):
    notebook, theirs, ours = row
    spec = prepared(notebook, ours)
    assert spec.design.n_rows > 0
    # The column of Bambi's calls has the same group effects.
    assert theirs.startswith("`bmb.Model(")
    assert bars(theirs) == bars(ours)
    factors = {bar.rstrip(")").partition("|")[2] for bar in bars(ours)}
    assert {term.factor for part in spec.design.parts for term in part.groups} == factors


@pytest.mark.parametrize("row", TABLES["Not there"], ids=ids("Not there"))
def test_what_is_not_there_is_refused(row):
    notebook, _, call, message = row
    with pytest.raises(bm.BayesmixError, match=re.escape(message.strip("`"))):
        prepared(notebook, call)


def test_all_frames_are_of_the_page():
    named = {row[0] for section in ("Accepted", "Not there") for row in TABLES[section]}
    assert named == set(FRAMES)


WORDS = {
    "a link": ({"link": "cloglog"}, "bernoulli(probit)"),
    "psi": ({"family": "zero_inflated_poisson", "psi": "~ x"}, "psi is 1 - zi"),
    "alpha": ({"family": "negbinomial", "alpha": "~ x"}, "is shape here"),
    "categorical": ({"categorical": "x"}, "Write C(x)"),
    "a family": ({"family": "negativebinomial"}, "Did you mean 'negbinomial'"),
    "t": ({"family": "t"}, "Did you mean 'student'"),
}


@pytest.mark.parametrize("word", WORDS)
def test_words_of_bambi_are_answered_with_ours(word):
    arguments, message = WORDS[word]
    data = FRAMES["count_roaches"](np.random.default_rng(1))
    with pytest.raises(bm.BayesmixError, match=re.escape(message)):
        bm.prepare("y ~ roach1", data, **arguments)


def test_a_prior_within_a_prior_is_answered_with_a_path():
    data = pd.DataFrame({"y": np.arange(12.0) ** 2, "g": np.arange(12) % 6})
    effects = bm.Prior("Normal", mu=0, sigma=bm.Prior("HalfNormal", sigma=1))
    with pytest.raises(bm.BayesmixError, match=re.escape("{'sd': HalfNormal(sigma=1)}")):
        bm.prepare("y ~ 1 + (1 | g)", data, priors={"sd": effects})


def test_the_order_of_numbered_categories_is_offered_as_it_can_be_run():
    data = FRAMES["test_sample_new_groups, inhaler"](np.random.default_rng(1))
    with pytest.raises(bm.BayesmixError) as caught:
        bm.prepare("rating ~ treat", data, family="cumulative")
    offered = re.search(r"pd\.Categorical\(.*?ordered=True\)", str(caught.value))
    names = {"pd": pd, "data": data}
    ordered = data.assign(rating=eval(offered[0], names))
    assert bm.prepare("rating ~ treat", ordered, family="cumulative").design.n_rows == 200
