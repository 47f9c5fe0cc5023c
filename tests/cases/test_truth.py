"""Reports of known asteroids as observers, surveys and services write them."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table, vstack

from ceres_fast.console import warnings_kept
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.selection.field import survey_tables
from ceres_fast.selection.rules import Rules
from ceres_fast.truth import read_truth
from ceres_fast.truth.skybot import query_skybot

DATA = Path(__file__).parent / "data" / "truth"


def rows(name: str, **options: str) -> Table:
    """Return the observations of a file."""
    return read_truth(DATA / name, **options)


class Answer:
    """SkyBoT's answer to any question: places of 2025-01-02 seen from the centre of the Earth."""

    content = (DATA / "skybot_geocentre.vot").read_bytes()

    def raise_for_status(self) -> None:
        pass


@pytest.mark.parametrize(("code", "right"), [("500", True), ("950", False), ("I11", False)])
def test_skybot_answers_for_the_observatory_that_was_asked_for_or_is_refused(monkeypatch, code, right):
    imcce = pytest.importorskip("astroquery.imcce")
    asked = []

    def request(*_, params, **__):
        asked.append(params)
        return Answer()

    monkeypatch.setattr(imcce.Skybot, "_request", request)
    if right:
        table = query_skybot((81.2833, 4.49278), 0.2, 60677.0, code)
        assert table["designation"].tolist() == ["229762", "523748", "2019 RB21", "2007 TE366"]
    else:
        with pytest.raises(CeresFastError, match=rf"asked what {code} .* for the observatory 500 \(Geocentric\)"):
            query_skybot((81.2833, 4.49278), 0.2, 60677.0, code)
    assert (asked[0]["-observer"], "-loc" in asked[0]) == (code, False)


def test_comets_are_known_and_not_validated():
    table = rows("comets.psv")
    assert set(table["designation"]) == {"1P", "2123P", "532D", "1532P", "73P-C", "73P-AC"}
    assert not table["validated"].any()
    assert table.meta["counts"] == {"truth_no_asteroids": 6}


@pytest.mark.parametrize("name", ["29P", "C/2019 A1", "P/2010 H2", "Jupiter 13", "2I"])
def test_a_comet_in_frames_is_in_neither_class(field, tmp_path, name):
    truth = Table.read(field.truth)
    whole, _ = zip(*survey_tables([field.frames[0].parent], read_truth(field.truth), Rules()), strict=True)
    truth["designation"] = np.where(truth["designation"] == "A2", name, truth["designation"])
    truth.write(tmp_path / "truth.csv", format="ascii.csv")
    less, _ = zip(*survey_tables([field.frames[0].parent], read_truth(tmp_path / "truth.csv"), Rules()), strict=True)
    before, after = vstack(whole), vstack(less)
    assert set(after["designation"][after["label"] == 1]) == {"A1"}
    places = {(row["source"], row["x"], row["y"]) for row in before[before["designation"] == "A2"]}
    assert len(places) == 4
    assert not places & {(row["source"], row["x"], row["y"]) for row in after}
    assert (after["label"] == 0).sum() == (before["label"] == 0).sum()


def test_times_of_whole_seconds_are_read():
    table = rows("whole_seconds.obs")
    assert table["designation"].tolist() == ["2016 SK99"] * 3
    np.testing.assert_allclose(table["mjd"], [59938.021875, 59938.395273, 59938.400402], rtol=0, atol=2e-11)


def test_numbers_may_begin_with_blanks():
    table = rows("blanks_in_numbers.obs")
    assert set(table["designation"]) == {"S70510B", "2007 JH43"}
    seconds = [7.97, 4.26, 4.01]
    ra = table["ra"][table["designation"] == "2007 JH43"]
    np.testing.assert_allclose(ra, [(15 + 29 / 60 + each / 3600) * 15 for each in seconds], rtol=0, atol=1e-12)
    assert table["validated"].all()


def test_two_lines_of_80_columns_may_be_one_of_160():
    table = rows("columns_160.obs")
    assert set(table["observatory"]) == {"C51"}
    assert (table["mjd"][0], table["validated"].tolist()) == (pytest.approx(55281.79569), [True, True, False])
    assert table["ra"][0] == pytest.approx(103.604125, abs=1e-12)
    assert table["dec"][0] == pytest.approx(42.98941666666667, abs=1e-12)


def test_ades_without_what_is_not_needed_is_read_and_said():
    with warnings_kept() as warned:
        table = rows("without_mode.psv")
    assert len(warned) == 1
    assert "without_mode.psv, line 1: lacks what ADES demands (mode, astCat)" in warned[0]
    first = tuple(table[0][["designation", "ra", "dec", "magnitude", "observatory"]])
    assert first == ("2016 SK99", 128.151179, 17.176650, 21.98, "G96")
    assert table["mjd"][0] == pytest.approx(59938.3849651, abs=5e-8)


def test_lines_that_cannot_matter_are_counted():
    table = rows("foreign_old.obs")
    assert (len(table), table.meta["counts"]) == (3, {"truth_before_ccds": 1})
    with pytest.raises(InputError, match=r"line 1: has the observatory code 1AA, .* list of 20.* --observatory"):
        rows("foreign_code.obs")
    with warnings_kept() as warned:
        table = rows("foreign_code.obs", observatory="G96")
    assert (len(table), table.meta["counts"]) == (3, {"truth_elsewhere": 1})
    assert "(1AA: 1)" in warned[0]


def test_columns_that_are_one_off_are_said_as_such():
    with pytest.raises(InputError, match=r"line 1: is no observation in 80 columns \(it is 1 column off, to the right"):
        rows("one_column_off.obs")
