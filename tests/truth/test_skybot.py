"""SkyBoT's answers become truth tables; without a network there is a clear error."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.reading import read_info
from ceres_fast.truth.skybot import cone, from_skybot, query_skybot, skybot_file, truth_from_skybot

imcce = pytest.importorskip("astroquery.imcce")


def answer(ra=10.0, uncertainty=(0.1, 5.0, 0.1, np.nan)):
    """Return what astroquery documents: numbered, unnumbered, a comet, and one of unknown uncertainty."""
    n = 4
    table = QTable()
    table["Number"] = MaskedColumn([433, 0, 0, 7], mask=[False, True, True, False])
    table["Name"] = ["Eros", "2014 AA", "C/2015 A1", "Iris"]
    table["RA"] = np.full(n, ra) * u.deg
    table["DEC"] = np.full(n, -5.0) * u.deg
    table["Type"] = ["NEA>Amor", "MB>Inner", "Comet", "MB>Inner"]
    table["V"] = [18.5, 20.0, 15.0, 9.0] * u.mag
    table["posunc"] = uncertainty * u.arcsec
    table["RA_rate"] = [30.0, -30.0, 0.0, 0.0] * u.arcsec / u.hour
    table["DEC_rate"] = [0.0, -30.0, 60.0, -6.0] * u.arcsec / u.hour
    return table


def test_an_answer_becomes_rows_of_a_truth_table():
    table = from_skybot(answer(), 60310.9, "950")
    assert table["designation"].tolist() == ["433", "2014 AA", "C/2015 A1", "7"]
    assert table["validated"].tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(table["rate"], [0.5, np.hypot(0.5, 0.5), 1.0, 0.1])
    np.testing.assert_allclose(table["position_angle"], [90, 225, 0, 180])
    assert table["magnitude"].tolist() == [18.5, 20, 15, 9]
    assert len(from_skybot(QTable(), 60310.9, "950")) == 0


def test_a_night_is_asked_once_and_kept(field, tmp_path, monkeypatch):
    asked = []

    def cone_search(coo, rad, epoch, *, location):
        asked.append((coo.ra.deg, rad.to_value("deg"), epoch.utc.mjd, location))
        return answer(ra=10 + len(asked) / 1000)

    monkeypatch.setattr(imcce.Skybot, "cone_search", cone_search)
    infos = [read_info(path) for path in field.frames]
    table = truth_from_skybot(infos, "950", tmp_path / "known.csv")
    assert len(asked) == 2
    assert [mjd for _, _, mjd, _ in asked] == pytest.approx([infos[0].mjd, infos[-1].mjd])
    assert {location for *_, location in asked} == {"950"}
    assert asked[0][0] == pytest.approx(359.999, abs=0.01)
    assert 0.5 * np.hypot(160, 200) * 0.4 / 3600 < asked[0][1] < 0.05
    assert len(table) == 8
    assert set(table["observatory"]) == {"950"}
    again = truth_from_skybot(infos, "950", tmp_path / "known.csv")
    assert (len(asked), len(again)) == (2, 8)


@pytest.mark.parametrize("error", [OSError("no route to host"), ValueError("not a table"), SyntaxError("E19")])
def test_no_network_is_a_clear_error_and_nothing_is_written(field, tmp_path, monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(imcce.Skybot, "cone_search", fails)
    with pytest.raises(CeresFastError, match=rf"SkyBoT could not be asked \({error}\).*--truth FILE"):
        query_skybot((10.0, 5.0), 0.1, 60310.9, "950")
    with pytest.raises(CeresFastError, match="SkyBoT"):
        truth_from_skybot([read_info(field.frames[0])], "950", tmp_path / "known.csv")
    assert not (tmp_path / "known.csv").exists()


def test_an_empty_sky_and_an_unknown_site_are_said(field, tmp_path, monkeypatch):
    monkeypatch.setattr(imcce.Skybot, "cone_search", lambda *_, **__: QTable())
    infos = [read_info(field.frames[0])]
    with pytest.raises(CeresFastError, match="knows no asteroid"):
        truth_from_skybot(infos, "950", tmp_path / "known.csv")
    with pytest.raises(CeresFastError, match="cannot look from !!!"):
        truth_from_skybot(infos, "!!!", tmp_path / "known.csv")


def test_a_frame_without_coordinates_is_named(write_frame):
    bare = write_frame("bare.fits", CTYPE1="", CTYPE2="")
    with pytest.raises(InputError, match=r"bare\.fits: has no coordinates"):
        cone(read_info(bare))


def test_frames_of_a_folder_are_asked_for_and_the_file_is_used_again(field, tmp_path, monkeypatch):
    monkeypatch.setattr(imcce.Skybot, "cone_search", lambda *_, **__: answer())
    path = tmp_path / "known.csv"
    assert skybot_file([field.frames[0].parent], "950", path) == path
    before = path.read_bytes()
    monkeypatch.setattr(imcce.Skybot, "cone_search", None)
    skybot_file([field.frames[0].parent], "950", path)
    assert path.read_bytes() == before
    with pytest.raises(CeresFastError, match="--observatory CODE"):
        skybot_file([tmp_path], None, tmp_path / "other.csv")
