"""SkyBoT's answers become truth tables; without a network there is a clear error."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, QTable

from ceres_fast.console import warnings_kept
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.reading import read_info
from ceres_fast.truth.skybot import SERVICE, cone, from_skybot, query_skybot, skybot_file, truth_from_skybot

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


def respond(monkeypatch, answers, observer="950"):
    """Let the service answer with tables, for an observatory, and return the parameters of the requests."""
    asked = []
    parameter = f'<PARAM ID="observer" name="Observer" datatype="char" arraysize="*" value="{observer}"/>'

    class Response:
        content = f'<VOTABLE version="1.3"><RESOURCE>{parameter if observer else ""}</RESOURCE></VOTABLE>'.encode()

        def raise_for_status(self):
            pass

    def request(method, url, *, params, **_):
        asked.append(params)
        return Response()

    monkeypatch.setattr(imcce.Skybot, "_request", request)
    monkeypatch.setattr(imcce.Skybot, "_parse_result", lambda _: answers(len(asked)))
    return asked


def test_an_answer_becomes_rows_of_a_truth_table():
    table = from_skybot(answer(), 60310.9, "950")
    assert table["designation"].tolist() == ["433", "2014 AA", "C/2015 A1", "7"]
    assert table["validated"].tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(table["rate"], [0.5, np.hypot(0.5, 0.5), 1.0, 0.1])
    np.testing.assert_allclose(table["position_angle"], [90, 225, 0, 180])
    assert table["magnitude"].tolist() == [18.5, 20, 15, 9]
    assert len(from_skybot(QTable(), 60310.9, "950")) == 0


def test_a_night_is_asked_once_and_kept(field, tmp_path, monkeypatch):
    asked = respond(monkeypatch, lambda number: answer(ra=10 + number / 1000))
    infos = [read_info(path) for path in field.frames]
    table = truth_from_skybot(infos, "950", tmp_path / "known.csv")
    assert len(asked) == 2
    assert [float(each["-ep"]) - 2400000.5 for each in asked] == pytest.approx([infos[0].mjd, infos[-1].mjd])
    assert asked[0]["-ra"] == pytest.approx(359.999, abs=0.01)
    assert 0.5 * np.hypot(160, 200) * 0.4 / 3600 < asked[0]["-rd"] < 0.05
    assert len(table) == 8
    assert set(table["observatory"]) == {"950"}
    again = truth_from_skybot(infos, "950", tmp_path / "known.csv")
    assert (len(asked), len(again)) == (2, 8)


def test_the_service_is_asked_for_an_observatory_as_it_wants_it(monkeypatch):
    asked = respond(monkeypatch, lambda _: answer())
    query_skybot((10.0, 5.0), 0.1, 60310.9, "950")
    assert asked[0]["-observer"] == "950"
    assert "-loc" not in asked[0]


@pytest.mark.parametrize(("observer", "code"), [("500", "950"), ("I11", "950"), ("950", "I11")])
def test_an_answer_for_another_observatory_is_refused(monkeypatch, observer, code):
    respond(monkeypatch, lambda _: answer(), observer)
    with pytest.raises(CeresFastError, match=rf"asked what {code} .* answered for the observatory {observer} \("):
        query_skybot((10.0, 5.0), 0.1, 60310.9, code)


@pytest.mark.parametrize(("observer", "code"), [("950", "950"), (" 950 ", "950"), ("6", "006"), ("006", "006")])
def test_an_answer_for_the_observatory_is_taken(monkeypatch, observer, code):
    respond(monkeypatch, lambda _: answer(), observer)
    assert len(query_skybot((10.0, 5.0), 0.1, 60310.9, code)) == 4


def test_an_answer_that_does_not_say_for_whom_it_is_is_taken_with_a_warning_and_an_empty_one_as_it_is(monkeypatch):
    respond(monkeypatch, lambda _: answer(), "")
    with warnings_kept() as warned:
        assert len(query_skybot((10.0, 5.0), 0.1, 60310.9, "950")) == 4
    assert "does not say for which observatory" in warned[0]
    respond(monkeypatch, lambda _: QTable(), "500")
    with warnings_kept() as warned:
        assert len(query_skybot((10.0, 5.0), 0.1, 60310.9, "950")) == 0
    assert not warned


@pytest.mark.parametrize("error", [OSError("no route to host"), ValueError("not a table"), SyntaxError("E19")])
def test_no_network_is_a_clear_error_and_nothing_is_written(field, tmp_path, monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(imcce.Skybot, "_request", fails)
    with pytest.raises(CeresFastError, match=rf"SkyBoT could not be asked \({error}\).*name a file"):
        query_skybot((10.0, 5.0), 0.1, 60310.9, "950")
    with pytest.raises(CeresFastError, match="SkyBoT"):
        truth_from_skybot([read_info(field.frames[0])], "950", tmp_path / "known.csv")
    assert not (tmp_path / "known.csv").exists()


def test_what_is_sent_is_said_before_and_can_be_forbidden(field, tmp_path, monkeypatch, capsys):
    asked = respond(monkeypatch, lambda _: answer())
    infos = [read_info(path) for path in field.frames]
    monkeypatch.setenv("CERES_FAST_OFFLINE", "1")
    with pytest.raises(CeresFastError, match=r"CERES_FAST_OFFLINE is set.*skybot.*Pass --truth FILE"):
        truth_from_skybot(infos, "950", tmp_path / "known.csv")
    assert asked == list(tmp_path.glob("*.csv")) == []
    monkeypatch.delenv("CERES_FAST_OFFLINE")
    truth_from_skybot(infos, "950", tmp_path / "known.csv")
    said = " ".join(capsys.readouterr().out.split())
    assert f"asking {SERVICE}: which asteroids are known, for 2 exposures (it gets their places, times and" in said
    assert imcce.conf.skybot_server.startswith(SERVICE)


def test_an_empty_sky_and_an_unknown_site_are_said(field, tmp_path, monkeypatch):
    respond(monkeypatch, lambda _: QTable())
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
    respond(monkeypatch, lambda _: answer())
    path = tmp_path / "known.csv"
    assert skybot_file([field.frames[0].parent], "950", path) == path
    before = path.read_bytes()
    monkeypatch.setattr(imcce.Skybot, "_request", None)
    skybot_file([field.frames[0].parent], "950", path)
    assert path.read_bytes() == before
    with pytest.raises(CeresFastError, match="--observatory CODE"):
        skybot_file([tmp_path], None, tmp_path / "other.csv")


def test_what_is_no_exposure_of_the_sky_is_not_asked_for(field, tmp_path, monkeypatch):
    """The last frame is a dark without coordinates: the night ends with the third."""
    asked = respond(monkeypatch, lambda _: answer())
    last = read_info(field.frames[2]).mjd
    with fits.open(field.frames[3], mode="update") as hdus:
        hdus[0].header["IMAGETYP"] = "dark"
        del hdus[0].header["CTYPE*"]
    skybot_file([field.frames[0].parent], "950", tmp_path / "known.csv")
    assert float(asked[-1]["-ep"]) - 2400000.5 == pytest.approx(last)
