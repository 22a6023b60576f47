"""`table`: models side by side, as frame, text, HTML and LaTeX."""

from __future__ import annotations

import dataclasses
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from odd_columns import QUIET, rows

PLAIN = ("Population effects", "Standard deviations", "Correlations")
OTHER = "Residual and other parameters"


@pytest.fixture(scope="module")
def won_fit() -> bm.MixedFit:
    return bm.fit("won ~ x + (1 | g)", rows(), family="bernoulli", draws=250, **QUIET)


@pytest.fixture(scope="module")
def lines() -> bm.MixedFit:
    return bm.fit("y ~ x", rows(), draws=250, **QUIET)


@pytest.fixture(scope="module")
def models(lines, odd_fit, scale_fit, won_fit, rating_fit, kind_fit) -> dict[str, bm.MixedFit]:
    return {
        "lines": lines,
        "odd": odd_fit,
        "scale": scale_fit,
        "won": won_fit,
        "rating": rating_fit,
        "kind": kind_fit,
    }


def test_numbers_are_those_of_the_other_tables(models):
    frame = bm.table(models, ci_level=0.9).frame
    assert list(frame.columns.get_level_values("model").unique()) == list(models)
    for name, fit in models.items():
        fixef = fit.fixef(ci_level=0.9)
        own = frame[name].dropna(how="all")
        sections = ["Population effects"] * len(fixef)
        if "parameter" in fixef:
            main = "mub" if name == "kind" else ""
            of = fixef["parameter"].replace("mu", "")
            sections = [f"Population effects of {p}" if p else "Population effects" for p in of]
            assert main in sections[0]
        for section, row in zip(sections, fixef.to_dict("records"), strict=True):
            shown = own.loc[(section, row["term"])]
            for statistic in ("value", "se", "lower_5", "upper_95"):
                assert shown[statistic] == pytest.approx(row[statistic], rel=1e-12)
        cor = fit.cor_re(long=True, ci_level=0.9)
        for row in cor.to_dict("records"):
            label = f"{row['group_var']}: {row['effect_1']}, {row['effect_2']}"
            assert own.loc[("Correlations", label), "upper_95"] == pytest.approx(row["upper_95"])
    sd = models["odd"].varcorr(ci_level=0.9)
    shown = frame["odd"]["value"]
    assert shown.loc[("Standard deviations", "g: x")] == pytest.approx(sd["sd"].iloc[1])
    assert shown.loc[(OTHER, "sigma")] == pytest.approx(sd["sd"].iloc[2])
    assert frame["scale"]["value"].loc[("Standard deviations of sigma", "g: Intercept")] > 0


def test_no_number_is_left_out(models):
    frame = bm.table(models).frame
    for name, fit in models.items():
        own = frame[name]["value"].dropna().drop(index="Sizes", level="section")
        assert len(own) == len(fit.draws_frame().columns)


def test_sections_and_rows_are_in_order(models):
    frame = bm.table(models).frame
    assert list(frame.index.get_level_values("section").unique()) == [
        *PLAIN,
        OTHER,
        "Population effects of sigma",
        "Standard deviations of sigma",
        "Population effects of mub",
        "Population effects of muc",
        "Sizes",
    ]
    rating = frame["rating"]["value"].dropna()
    assert list(rating.loc["Population effects"].index) == ["x", "Intercept[1]", "Intercept[2]"]
    assert rating.loc[("Sizes", "N")] == 96
    assert rating.loc[("Sizes", "Levels of g")] == 12
    assert np.isnan(frame["lines"]["value"].loc[("Sizes", "Levels of g")])
    assert list(bm.table(models["rating"]).frame.index[:3]) == [
        ("Population effects", "Intercept[1]"),
        ("Population effects", "Intercept[2]"),
        ("Population effects", "x"),
    ]


def test_exponentiated_for_one_model_or_all(lines, won_fit):
    fits = {"lines": lines, "won": won_fit}
    plain, one = (bm.table(fits, exponentiate=e) for e in (False, ["won"]))
    pd.testing.assert_frame_equal(plain.frame["lines"], one.frame["lines"])
    ratio = one.frame["won"].loc[("Population effects", "x")]
    row = won_fit.fixef(exponentiate=True).iloc[1]
    assert ratio["value"] == pytest.approx(row["value"])
    assert ratio["upper_97.5"] == pytest.approx(row["upper_97.5"])
    sd = ("Standard deviations", "g: Intercept")
    assert one.frame["won"]["value"].loc[sd] == plain.frame["won"]["value"].loc[sd]
    assert "Population effects of won as exp(beta)." in repr(one)
    both = bm.table(fits, exponentiate=True)
    assert both.frame["lines"]["value"].iloc[0] == pytest.approx(
        lines.fixef(exponentiate=True)["value"].iloc[0]
    )
    assert "Population effects as exp(beta)." in repr(both)


def test_criteria(lines, odd_fit):
    with pytest.warns(bm.ComparisonWarning, match="WAIC cannot be trusted here.*'b'"):
        table = bm.table({"a": lines, "b": odd_fit}, criteria=["loo", "waic"])
    assert "Warning: WAIC cannot be trusted" in repr(table)
    for name, fit in (("a", lines), ("b", odd_fit)):
        for criterion in ("loo", "waic"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", bm.ComparisonWarning)
                result = getattr(fit, criterion)()
            own = table.frame[name].loc[("Criteria", f"elpd_{criterion}")]
            assert own["value"] == pytest.approx(float(result.elpd))
            assert own["se"] == pytest.approx(float(result.se))
    assert "(" in repr(table).partition("elpd_loo")[2].splitlines()[1]
    assert "does not compare" not in repr(table)


def test_criteria_of_other_data_are_not_to_be_compared(lines, won_fit):
    with pytest.warns(bm.ComparisonWarning, match="different rows or responses"):
        table = bm.table({"a": lines, "b": won_fit}, criteria="loo")
    assert "different rows or responses" in " ".join(repr(table).split())


def test_notes_of_fits_are_shown_once(lines):
    doubtful = dataclasses.replace(lines, idata=lines.idata.copy())
    doubtful.idata.attrs["messages"] = '["the chains disagree"]'
    table = bm.table({"a": doubtful, "b": doubtful, "c": lines})
    assert "Warning: a, b: the chains disagree" in repr(table)


@pytest.mark.parametrize(
    ("style", "second"),
    [
        ("interval", r"\[-?\d+\.\d+, -?\d+\.\d+\]"),
        ("se", r"\(\d+\.\d+\)"),
        ("value", r"(?! +[\[(])"),
    ],
)
def test_styles(lines, style, second):
    lines_of_text = repr(bm.table(lines, style=style)).splitlines()
    at = next(i for i, line in enumerate(lines_of_text) if line.startswith("  Intercept"))
    assert re.search(r" \d+\.\d\d$", lines_of_text[at])
    assert re.match(rf" *{second}" if style != "value" else second, lines_of_text[at + 1])


def test_text_fits_into_80_columns(models):
    names = [*models, "a model with a very long name that says all of it"]
    text = repr(bm.table(dict(zip(names, [*models.values(), models["odd"]], strict=True))))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("\nN ") >= 2
    for name in models:
        assert name in text


def test_text_of_a_model_without_parameters_of_a_kind(lines):
    text = repr(bm.table(lines))
    assert text.splitlines()[0].split() == ["model", "1"]
    assert "Standard deviations" not in text
    assert "95 % intervals in brackets.\nmodel 1: y ~ x" in text


class Cells(HTMLParser):
    """The number of cells of each row of a page, colspans counted."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += int(dict(attrs).get("colspan") or 1)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html(models):
    page = Cells()
    html = bm.table(models)._repr_html_()
    page.feed(html)
    assert set(page.rows) == {len(models) + 1}
    assert not page.open
    hostile = bm.table({"<script>alert(1)</script> & b": models["lines"]})._repr_html_()
    assert "<script>" not in hostile
    assert "&lt;script&gt;" in hostile


def test_latex(models):
    names = ["a_b", "50 %", "x & y", r"\z{}", "#1 $", "~^"]
    with pytest.warns(bm.ComparisonWarning):
        table = bm.table(dict(zip(names, models.values(), strict=True)), criteria="loo")
    text = table.to_latex()
    lines = text.splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrrrr}"
    assert (lines[1], lines[-2], lines[-1]) == (r"\toprule", r"\bottomrule", r"\end{tabular}")
    for line in lines[2:-2]:
        assert line == r"\midrule" or line.endswith(r" \\")
        cells = len(re.findall(r"(?<!\\)&", line))
        assert cells == (0 if line == r"\midrule" or "multicolumn" in line else 6)
    assert r"a\_b & 50 \% & x \& y & \textbackslash{}z\{\} & \#1 \$ & " in lines[2]
    assert r"elpd\_loo" in text
    assert r"$-$" in text
    assert r"temp[mid-low]" in text


def test_names_of_a_list_and_of_a_series(lines, odd_fit):
    assert list(bm.table([lines, odd_fit]).frame.columns.levels[0]) == ["model 1", "model 2"]
    series = pd.Series([lines, odd_fit], index=["one", "two"])
    assert set(bm.table(series).frame.columns.levels[0]) == {"one", "two"}


BAD_MODELS = {
    "None": lambda fit: None,
    "number": lambda fit: 3,
    "text": lambda fit: "lines",
    "empty mapping": lambda fit: {},
    "empty list": lambda fit: [],
    "empty tuple": lambda fit: (),
    "no fit": lambda fit: {"a": 3},
    "None among fits": lambda fit: [fit, None],
    "frame of a fit": lambda fit: {"a": fit.fixef()},
    "spec": lambda fit: {"a": fit.spec},
    "class": lambda fit: [bm.MixedFit],
    "nested": lambda fit: [[fit]],
    "set": lambda fit: {1, 2},
    "iterator": lambda fit: iter([fit]),
    "number as name": lambda fit: {1: fit},
    "None as name": lambda fit: {None: fit},
    "empty name": lambda fit: {"": fit},
    "blank name": lambda fit: {" \n": fit},
    "long name": lambda fit: {"a" * 500: fit},
    "names alike": lambda fit: {"a b": fit, "a  b": fit},
    "name twice": lambda fit: pd.Series([fit, fit], index=["a", "a"]),
    "data frame": lambda fit: pd.DataFrame({"a": [1]}),
    "array": lambda fit: np.array([fit], dtype=object),
}


@pytest.mark.parametrize("bad", BAD_MODELS)
def test_bad_models(lines, bad):
    message = "table takes a mapping|is no name of a model|is there twice"
    with pytest.raises(bm.BayesmixError, match=message):
        bm.table(BAD_MODELS[bad](lines))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "both"}, "Unknown style='both'. Allowed: interval, se, value"),
        ({"style": None}, "Unknown style"),
        ({"style": "ci"}, "Unknown style"),
        ({"ci_level": 95}, "Did you mean 0.95"),
        ({"ci_level": "0.9"}, "ci_level"),
        ({"criteria": "aic"}, "Unknown criterion='aic'. Allowed: loo, waic"),
        ({"criteria": ["loo", "logo"]}, "Unknown criterion='logo'"),
        ({"criteria": None}, "Unknown criterion=None"),
        ({"criteria": [3]}, "Unknown criterion=3"),
        ({"exponentiate": "linse"}, "Did you mean 'lines'"),
        ({"exponentiate": ["lines", 3]}, "give True, False, or a list of names"),
        ({"exponentiate": None}, "give True, False, or a list of names"),
        ({"exponentiate": 1}, "give True, False, or a list of names"),
        ({"digits": -1}, "digits"),
        ({"digits": 2.5}, "digits"),
        ({"digits": None}, "digits"),
    ],
)
def test_bad_options(lines, options, message):
    with pytest.raises(bm.BayesmixError, match=message):
        bm.table({"lines": lines}, **options)
