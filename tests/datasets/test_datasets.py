from __future__ import annotations

import pandas as pd
import pytest

import bayesmix as bm


def test_sleepstudy_is_the_published_table():
    data = bm.load_dataset("sleepstudy")
    assert list(data) == ["Reaction", "Days", "Subject"]
    assert data.shape == (180, 3)
    assert data["Reaction"].dtype == "float64"
    assert data["Days"].tolist() == list(range(10)) * 18
    assert data["Reaction"].mean() == pytest.approx(298.507892, abs=1e-6)
    assert data["Reaction"].std() == pytest.approx(56.328757, abs=1e-6)
    assert not data.isna().any(axis=None)


def test_subjects_are_text_categories_in_order():
    subject = bm.load_dataset("sleepstudy")["Subject"]
    assert isinstance(subject.dtype, pd.CategoricalDtype)
    assert not subject.cat.ordered
    assert list(subject.cat.categories[[0, -1]]) == ["308", "372"]
    assert subject.value_counts().eq(10).all()


def test_each_call_returns_its_own_frame():
    data = bm.load_dataset("sleepstudy")
    data["Reaction"] = 0.0
    assert bm.load_dataset("sleepstudy")["Reaction"].min() > 0


def test_equals_the_shared_copy(shared_data):
    shared = pd.read_csv(shared_data / "sleepstudy.csv", dtype={"Subject": str})
    shared["Subject"] = shared["Subject"].astype("category")
    pd.testing.assert_frame_equal(bm.load_dataset("sleepstudy"), shared)


def test_gpa_is_simulated_from_the_published_estimates():
    data = bm.load_dataset("gpa")
    assert data.shape == (1200, 3)
    assert data["student"].value_counts().eq(6).all()
    assert list(data["student"].cat.categories[[0, -1]]) == ["1", "200"]
    fit = bm.fit("gpa ~ occasion + (occasion | student)", data, random_seed=1, progressbar=False)
    assert fit.fixef()["value"].tolist() == pytest.approx([2.6, 0.106], abs=0.04)
    assert fit.varcorr()["sd"].tolist() == pytest.approx([0.213, 0.067, 0.206], abs=0.015)


def test_pupils_has_its_categories_in_order():
    data = bm.load_dataset("pupils")
    assert data.shape == (1000, 5)
    assert list(data["ses"].cat.categories) == ["low", "mid", "high"]
    assert list(data["sex"].cat.categories) == ["male", "female"]
    assert list(data["primary_school"].cat.categories) == [str(i) for i in range(1, 51)]
    assert data["secondary_school"].nunique() == 30


@pytest.mark.parametrize("name", ["sleep_study", "iris", "", None])
def test_unknown_name_lists_the_data_sets(name):
    with pytest.raises(bm.BayesmixError, match="Data sets: sleepstudy, gpa, pupils"):
        bm.load_dataset(name)


def test_misspelt_name_is_corrected():
    with pytest.raises(bm.BayesmixError, match="Did you mean 'sleepstudy'"):
        bm.load_dataset("sleep_study")
