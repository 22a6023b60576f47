from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesmix.base.errors import BayesmixError
from bayesmix.engines.convergence import convergence_messages
from bayesmix.families.registry import get_family
from bayesmix.posterior.diagnostics import parameter_diagnostics, worst_figures
from bayesmix.posterior.drawn import Drawn
from bayesmix.tables.page import Summary
from bayesmix.tables.summary import sampling_line
from bayesmix.tables.summary import summary as summary_of
from posteriors import CASES, Case, counts, pupils, regression, slopes

SAMPLING = {
    "method": "nuts",
    "chains": 4,
    "draws": 1000,
    "r_hat": 1.0031,
    "ess": 1234.4,
    "seconds": 12.34,
    "divergences": 0,
}


def of(case: Case, notes: list[str] | None = None, **options: Any) -> Summary:
    return summary_of(dataclasses.replace(case, notes=tuple(notes or ())), **options)


def section(text: str, title: str) -> str:
    """Return the table that stands under a title."""
    return text.partition(f"{title}:\n\n")[2].partition("\n\n")[0]


def test_whole_text():
    summary = of(slopes(), cor_re=True, cor_fe=True, notes=["2 rows left out."])
    assert repr(summary) == (
        """\
Reaction ~ Days + (1 + Days | Subject)
gaussian family, identity link; 36 rows, 4 levels of Subject

Variance Components:

Group     Effect     Variance     SD  SD_2.5  SD_97.5  Var_prop
Subject   Intercept    729.00  27.00   15.60    38.40      0.50
Subject   Days          42.25   6.50    3.65     9.35      0.03
Residual               676.00  26.00   23.15    28.85      0.47

Correlation of Random Effects:

           Intercept  Days
Intercept       1.00  0.10
Days            0.10  1.00

Fixed Effects:

Term        Value    SE  Lower_2.5  Upper_97.5
Intercept  251.40  8.73     237.15      265.65
Days        10.50  1.75       7.65       13.35

Correlation of Fixed Effects:

           Intercept  Days
Intercept       1.00  0.01
Days            0.01  1.00

NUTS, 2 chains x 100 draws: worst R-hat 1.003, smallest ESS 47, 12.3 s
Warning: 2 rows left out."""
    )
    assert str(summary) == repr(summary)


def test_whole_text_of_several_factors():
    assert repr(of(pupils(), cor_re=True)) == (
        """\
score ~ ses + (ses || school) + (1 | school:term)
gaussian family, identity link; 7 rows, 2 levels of school, 3 levels of
  school:term

Variance Components:

Group        Effect     Variance       SD   SD_2.5  SD_97.5  Var_prop
school       Intercept      0.25  0.50     0.31     0.69         0.26
school       ses[mid]      0.062  0.25     0.06     0.44         0.06
school       age         8.1e-07  0.00090  0.00052  0.00128   8.4e-07
school:term  Intercept     0.090  0.30     0.20     0.40         0.09
Residual                    0.56  0.750    0.703    0.797        0.58

Correlation of Random Effects, school:

           Intercept  ses[mid]   age
Intercept       1.00     -0.60  0.00
ses[mid]       -0.60      1.00  0.00
age             0.00      0.00  1.00

Fixed Effects:

Term       Value    SE  Lower_2.5  Upper_97.5
Intercept   5.75  0.15       5.51        5.99
ses[mid]    0.40  0.12       0.21        0.59

NUTS, 2 chains x 100 draws: worst R-hat 1.003, smallest ESS 47, 12.3 s"""
    )


def test_without_intervals():
    text = repr(of(slopes(), ci=False))
    assert section(text, "Variance Components").splitlines()[0].split() == (
        ["Group", "Effect", "Variance", "SD", "Var_prop"]
    )
    assert section(text, "Fixed Effects").splitlines()[0].split() == ["Term", "Value", "SE"]


def test_titles():
    titles = [title for title, _ in of(slopes()).sections]
    assert titles == ["Variance Components", "Fixed Effects"]
    assert "Correlation" not in repr(of(slopes()))


def test_sections_are_the_raw_tables():
    frames = dict(of(slopes(), digits=0).sections)
    assert frames["Variance Components"]["var_prop"].sum() == pytest.approx(1, abs=1e-12)
    assert frames["Fixed Effects"]["se"][0] == pytest.approx(8.7255049, abs=1e-6)


def test_digits():
    lines = section(repr(of(slopes(), digits=3)), "Fixed Effects").splitlines()
    assert lines[2].split() == ["Days", "10.500", "1.745", "7.650", "13.350"]
    assert section(repr(of(slopes(), digits=0)), "Fixed Effects").splitlines()[1].split() == (
        ["Intercept", "251", "9", "237", "266"]
    )


@pytest.mark.parametrize("digits", [-1, 16, 2.0, "2", None, True])
def test_bad_digits(digits: Any):
    with pytest.raises(BayesmixError, match="digits="):
        of(slopes(), digits=digits)


def test_no_correlations_to_show():
    text = repr(of(counts(), cor_re=True))
    assert "Correlation of Random Effects:\n\nNone estimated.\n\nFixed Effects:" in text
    assert "none estimated" in of(counts(), cor_re=True)._repr_html_()


def test_without_groups_or_population_effects():
    text = repr(of(regression()))
    assert section(text, "Variance Components").splitlines()[1].split()[0] == "Residual"
    assert text.splitlines()[1] == "gaussian family, identity link; 20 rows"
    case = slopes()
    design = dataclasses.replace(case.design, terms=())
    text = repr(
        of(
            dataclasses.replace(case, design=design, posterior=case.posterior.drop_vars("beta")),
            cor_fe=True,
        )
    )
    assert "Fixed Effects" not in text
    case = dataclasses.replace(regression(), family=get_family("poisson"))
    text = repr(of(dataclasses.replace(case, posterior=case.posterior.drop_vars("sigma"))))
    assert "Variance Components" not in text


def numbers(values: list[float], digits: int = 2) -> list[str]:
    frame = pd.DataFrame({"name": ["r"] * len(values), "value": values})
    text = repr(Summary(("y ~ x",), (("Table", frame),), digits=digits))
    return [line.split()[1] for line in section(text, "Table").splitlines()[1:]]


@pytest.mark.parametrize(
    ("values", "digits", "shown"),
    [
        ([1.0, 0.0, -2.345], 2, ["1.00", "0.00", "-2.35"]),
        ([1.0, 0.0041], 2, ["1.0000", "0.0041"]),
        ([1.0, -0.004], 2, ["1.0000", "-0.0040"]),
        ([1.0, 0.006], 2, ["1.00", "0.01"]),
        ([12.5, 0.0000123], 2, ["12.500000", "0.000012"]),
        ([12.5, 0.00000123], 2, ["12.50", "1.2e-06"]),
        ([0.5, 0.004, 1e-9], 2, ["0.5000", "0.0040", "1.0e-09"]),
        ([12.0, 0.3], 0, ["12.0", "0.3"]),
        ([12.0, 0.3, 1e-8], 0, ["12.0", "0.3", "1e-08"]),
        ([1.0, 1e-8], 8, ["1.00000000", "0.00000001"]),
        ([1.0, np.nan, np.inf], 2, ["1.00", "nan", "inf"]),
        ([1.0, 123456789012.0], 2, ["1.00", "1.2e+11"]),
        ([-1e-320, 1.0], 2, ["-1.0e-320", "1.00"]),
    ],
)
def test_numbers(values: list[float], digits: int, shown: list[str]):
    assert numbers(values, digits) == shown


def estimates(values: list[list[float]], digits: int = 2) -> list[list[str]]:
    names = ["value", "se", "lower_2.5", "upper_97.5"]
    frame = pd.DataFrame(values, columns=names)
    frame.insert(0, "term", "x")
    text = repr(Summary(("y ~ x",), (("Table", frame),), digits=digits))
    return [line.split()[1:] for line in section(text, "Table").splitlines()[1:]]


@pytest.mark.parametrize(
    ("row", "digits", "shown"),
    [
        ([-1.0531, 0.00187, -1.0568, -1.0494], 2, "-1.0531 0.0019 -1.0568 -1.0494"),
        (
            [-0.405465, 5.4e-6, -0.405476, -0.405454],
            2,
            "-0.4054650 0.0000054 -0.4054760 -0.4054540",
        ),
        ([251.405, 7.92, 235.7, 267.2], 2, "251.41 7.92 235.70 267.20"),
        ([1.2, 0.0996, 1.0, 1.4], 2, "1.20 0.10 1.00 1.40"),
        ([123456.7, 2345.6, 118000.2, 128000.9], 2, "123457 2346 118000 128001"),
        ([1234.567, 45.6, 1140.1, 1325.9], 2, "1234.6 45.6 1140.1 1325.9"),
        ([5.0002e-6, 1.2e-8, 4.976e-6, 5.023e-6], 2, "5.000e-06 1.2e-08 4.976e-06 5.023e-06"),
        ([-3e-7, 2e-5, -4e-5, 4e-5], 2, "0.000000 0.000020 -0.000040 0.000040"),
        ([3.1234e11, 4.56e9, 3.03e11, 3.21e11], 2, "3.1234e+11 4.56e+09 3.0300e+11 3.2100e+11"),
        ([251.405, 7.92, 235.7, 267.2], 0, "251 8 236 267"),
        ([1.0, 0.0, 1.0, 1.0], 2, "1.00 0.00 1.00 1.00"),
        ([1.0, np.nan, 0.9987, 1.0013], 2, "1.0000 nan 0.9987 1.0013"),
        ([np.inf, np.inf, 0.5, np.inf], 2, "inf inf 0.50 inf"),
        ([0.0, 0.0, 0.0, 0.0], 2, "0.00 0.00 0.00 0.00"),
        ([1.0, 1e-17, 1.0, 1.0], 2, "1.000000000000 1.0e-17 1.000000000000 1.000000000000"),
    ],
)
def test_value_and_limits_have_the_decimals_of_the_se(row: list[float], digits: int, shown: str):
    assert estimates([row], digits) == [shown.split()]


def test_rows_have_decimals_of_their_own_below_one_point():
    frame = pd.DataFrame(
        {
            "term": ["Intercept", "x"],
            "value": [8.028, 0.5002],
            "se": [0.0473, 0.0009],
            "lower_2.5": [7.934, 0.49845],
            "upper_97.5": [8.12, 0.50195],
        }
    )
    summary = Summary(("y ~ x",), (("Table", frame),))
    assert section(repr(summary), "Table") == (
        """\
Term         Value       SE  Lower_2.5  Upper_97.5
Intercept  8.028    0.047      7.934       8.120
x          0.50020  0.00090    0.49845     0.50195"""
    )
    assert "<td>8.028\u2007\u2007</td>" in summary._repr_html_()


def test_no_number_shows_as_zero():
    rng = np.random.default_rng(0)
    for digits in range(6):
        values = rng.normal(size=50) * 10.0 ** rng.integers(-12, 4, size=50)
        assert all(float(text) != 0 for text in numbers(values.tolist(), digits))


def long_labels() -> Case:
    case = pupils()
    rename = {"ses[mid]": "scale(np.log(income))[very long label]", "age": "poly(age, 3)[2]"}
    groups = tuple(
        dataclasses.replace(g, effects=tuple(rename.get(e, e) for e in g.effects))
        for g in case.design.groups
    )
    terms = tuple(rename.get(t, t) for t in case.design.terms)
    text = "score ~ " + " + ".join(f"a_covariate_with_a_name_{i}" for i in range(6))
    design = dataclasses.replace(case.design, text=text, terms=terms, groups=groups)
    return dataclasses.replace(case, design=design)


def test_text_fits_80_columns():
    notes = ["a very long note about the design " * 5]
    for case in [make() for make in CASES.values()] + [long_labels()]:
        text = repr(of(case, cor_re=True, cor_fe=True, notes=notes))
        assert max(map(len, text.splitlines())) <= 80


def test_a_wide_table_is_cut_between_columns():
    text = repr(of(long_labels()))
    pieces = text.partition("Variance Components:\n\n")[2].partition("\n\nFixed")[0].split("\n\n")
    headers = [piece.splitlines()[0].split() for piece in pieces]
    assert len(pieces) == 2
    assert [h[:2] for h in headers] == [["Group", "Effect"]] * 2
    assert headers[0][2:] + headers[1][2:] == ["Variance", "SD", "SD_2.5", "SD_97.5", "Var_prop"]
    assert all(len(piece.splitlines()) == 6 for piece in pieces)


NAN = float("nan")


@pytest.mark.parametrize(
    ("sampling", "line"),
    [
        ({"divergences": 12, "seconds": 99.94}, "12 divergences, 99.9 s"),
        ({"ess": NAN, "r_hat": NAN}, "NUTS, 4 chains x 1000 draws: 12.3 s"),
        (
            {"method": "exact", "chains": 1, "draws": 1, "r_hat": NAN, "ess": NAN}
            | {"divergences": 1, "seconds": 214.6},
            "Exact, 1 chain x 1 draw: no R-hat of one chain, 1 divergence, 215 s",
        ),
    ],
)
def test_sampling_line(sampling: dict[str, Any], line: str):
    assert sampling_line(**SAMPLING | sampling).endswith(line)


def test_the_smallest_size_is_that_of_the_warning():
    """Tails may be known worse than the bulk, and the warning goes by the smaller of both."""
    case = slopes()
    rng = np.random.default_rng(0)
    sigma = np.exp(np.cumsum(rng.standard_normal((2, 2000)), axis=1) * 0.01)
    posterior = case.posterior.isel(draw=np.zeros(2000, int)).assign_coords(draw=range(2000))
    posterior = posterior.assign(sigma=(("chain", "draw"), sigma))
    table = parameter_diagnostics(case.design, case.family, posterior)
    worst = worst_figures(table)
    assert worst["ess"] == min(table["ess_bulk"].min(), table["ess_tail"].min())
    tree = xr.DataTree.from_dict({"posterior": posterior})
    (said,) = [one for one in convergence_messages(Drawn.of(tree), table) if "effective" in one]
    assert f", {worst['ess']:.0f})" in said


def test_long_warnings_are_wrapped():
    text = repr(of(slopes(), notes=["one " * 30, "two"]))
    last = text.rpartition("\n\n")[2].splitlines()
    assert last[0].startswith("NUTS")
    assert last[1].startswith("Warning: one")
    assert last[2].startswith("  one")
    assert last[-1] == "Warning: two"


class Reader(HTMLParser):
    """Check that tags close in order; collect the tables' cells and the attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("case_id", CASES)
def test_html_has_the_cells_of_the_text(case_id: str):
    summary = of(CASES[case_id](), cor_re=True, cor_fe=True, notes=["Look here."])
    html, text = summary._repr_html_(), repr(summary)
    lines = [line.split() for line in text.splitlines()]
    for row in read(html).rows:
        assert " ".join(row).split() in lines
    for line in (*summary.header, *summary.footer, "Warning: Look here."):
        assert line in read(html).text


def test_html_is_accessible():
    reader = read(of(slopes(), cor_re=True)._repr_html_())
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("caption") == tags.count("table") == 3
    scopes = [attributes.get("scope") for tag, attributes in reader.tags if tag == "th"]
    assert set(scopes) == {"col", "row"}
    regions = [a["aria-label"] for _, a in reader.tags if a.get("role") == "region"]
    assert regions == ["Variance Components", "Correlation of Random Effects", "Fixed Effects"]


def test_html_escapes_names():
    case = slopes()
    nasty = '<b>"Subject" & co</b>'
    term = dataclasses.replace(case.design.groups[0], effects=("Intercept", "<i>Days</i>"))
    design = dataclasses.replace(
        case.design, text=f"y ~ <script>alert(1)</script> | {nasty}", groups=(term,)
    )
    summary = of(dataclasses.replace(case, design=design), cor_re=True, notes=["<img src=x>"])
    html = summary._repr_html_()
    reader = read(html)
    assert not {tag for tag, _ in reader.tags} & {"b", "i", "script", "img"}
    assert "&lt;i&gt;Days&lt;/i&gt;" in html
    assert nasty in reader.text


def test_html_title_is_escaped_in_attributes():
    frame = pd.DataFrame({"name": ["a"], "value": [1.0]})
    html = Summary(("y ~ x",), (('"><script>', frame),))._repr_html_()
    assert "<script" not in html
    assert read(html).tags[-1][0] == "td"


def test_style_is_scoped():
    html = of(slopes())._repr_html_()
    style = re.search(r"<style>(.*)</style>", html, re.DOTALL)
    assert style
    selectors = re.findall(r"([^{}]+)\{[^{}]*\}", re.sub(r"@media[^{]*\{", "", style[1]))
    single = [part.strip() for selector in selectors for part in selector.split(",")]
    assert single
    assert all(part.lstrip("} \n").startswith(".bayesmix-summary") for part in single)
    assert "http" not in html
    assert html.startswith('<div class="bayesmix-summary">')
