"""Catalogues are written where they are looked for, by any engine, and nothing is lost on the way."""

import errno

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast import console
from ceres_fast.catalogues import find_catalogue, read_catalogue
from ceres_fast.detect import ENGINES, core, detect_frames, sep_engine
from ceres_fast.errors import CeresFastError, InputError

from ..mosaic_files import write_mosaic


@pytest.mark.parametrize("format", ["ASCII_HEAD", "FITS_LDAC"])
def test_catalogues_are_written_where_they_are_found(tmp_path, write_frame, format):
    frames = [write_frame("night/F1/resamp/F1-1.fits"), write_frame("other/F2-1.fits.gz")]
    written = detect_frames([tmp_path], format=format)
    assert written == [tmp_path / "night/F1/sextractor_cat/F1-1.cat", tmp_path / "other/F2-1.cat"]
    assert [find_catalogue(frame) for frame in frames] == written
    catalogue = read_catalogue(written[0])
    assert catalogue.format == format
    assert len(catalogue.table) == 9


@pytest.mark.parametrize("workers", [1, 2])
def test_frames_are_read_with_the_profile_of_the_camera(tmp_path, write_frame, workers, capsys):
    write_frame("F1-1.fits", MAGZPT=25.0, OWN_ZP=26.5)
    profile = tmp_path / "mine.toml"
    profile.write_text('origin = 0\n[keywords]\nzero_point = ["OWN_ZP"]\n')
    (path,) = detect_frames([tmp_path])
    before = read_catalogue(path).table
    detect_frames([tmp_path], camera=profile, overwrite=True, workers=workers)
    after = read_catalogue(path).table
    np.testing.assert_allclose(after["MAG_AUTO"] - before["MAG_AUTO"], 1.5, atol=2e-4)
    np.testing.assert_array_equal(after["X_IMAGE"], before["X_IMAGE"])
    assert "those that are written here count from 1" in capsys.readouterr().err


def test_catalogues_may_go_to_one_folder(tmp_path, write_frame):
    write_frame("a/F1-1.fits")
    assert detect_frames([tmp_path / "a"], output=tmp_path / "out") == [tmp_path / "out" / "F1-1.cat"]
    write_frame("a/b/F1-1.fits")
    with pytest.raises(InputError, match="another frame has the catalogue"):
        detect_frames([tmp_path / "a"], output=tmp_path / "other")


def test_existing_catalogues_are_kept_unless_asked(tmp_path, write_frame):
    frame = write_frame()
    (tmp_path / "frame.cat").write_text("mine")
    with pytest.raises(InputError, match=r"frame\.cat: exists already.*--overwrite"):
        detect_frames([frame])
    assert (tmp_path / "frame.cat").read_text() == "mine"
    detect_frames([frame], overwrite=True)
    assert len(read_catalogue(tmp_path / "frame.cat").table) == 9


def test_bad_frames_stop_or_are_left_out(tmp_path, write_frame, capsys):
    write_frame("b.fits")
    (tmp_path / "a.fits").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.fits: is empty"):
        detect_frames([tmp_path])
    assert detect_frames([tmp_path], on_error="skip") == [tmp_path / "b.cat"]
    assert "frames left out" in capsys.readouterr().out


@pytest.mark.parametrize("engine", ENGINES)
def test_formats_without_a_suffix_of_their_own_are_refused(tmp_path, engine):
    with pytest.raises(CeresFastError, match=f"CSV: not a format of detections with {engine}"):
        detect_frames([tmp_path], engine=engine, format="CSV")


def test_unknown_engines_are_refused(tmp_path):
    with pytest.raises(CeresFastError, match="daofind: no such engine of detection; expected sep or source-extractor"):
        detect_frames([tmp_path], engine="daofind")


@pytest.mark.parametrize("error", [fits.VerifyError("odd"), ValueError("odd"), OSError("odd"), KeyError("odd")])
def test_whatever_a_frame_does_the_next_is_done(tmp_path, write_frame, monkeypatch, capsys, error):
    frames = [write_frame(f"{name}.fits") for name in "abc"]

    def fails_once(frame, target, *rest, **options):
        if frame.name == "a.fits":
            raise error
        return sep_engine.write_catalogue(frame, target, *rest, **options)

    monkeypatch.setitem(core.ENGINES, "sep", core.Engine(fails_once, ("ASCII_HEAD",)))
    assert detect_frames(frames, on_error="skip") == [tmp_path / "b.cat", tmp_path / "c.cat"]
    said = capsys.readouterr()
    assert "a.fits: its sources cannot be detected ('odd')" in said.err.replace("(odd)", "('odd')")
    assert "frames left out" in said.out


def test_a_full_disk_is_no_fault_of_a_frame(tmp_path, write_frame, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(core.ENGINES, "sep", core.Engine(full, ("ASCII_HEAD",)))
    with pytest.raises(CeresFastError, match=r"frame\.cat: cannot be written \(No space left on device\)"):
        detect_frames([write_frame()], on_error="skip")


def test_what_many_frames_have_is_said_once_by_all_workers(tmp_path, write_frame, monkeypatch, capsys):
    monkeypatch.setattr(console, "_printed", set())
    for name in ("a.fits", "b.fits", "c.fits", "d.fits"):
        path = write_frame(f"night/{name}")
        path.write_bytes(path.read_bytes()[:-1000])
    assert len(detect_frames([tmp_path / "night"], workers=2)) == 4
    said = capsys.readouterr().err
    assert said.count("not filled to 2880 bytes") == 1
    assert "a.fits: its last block" in said


@pytest.mark.parametrize("cards", [{"IMAGETYP": "Dark Frame"}, {"OBSTYPE": "FLAT"}, {"EXPTIME": 0.0}])
def test_what_is_no_exposure_of_the_sky_is_left_out_and_counted(tmp_path, write_frame, capsys, cards):
    dark = write_frame("a.fits", **cards)
    with pytest.raises(InputError, match=rf"a\.fits: is no exposure of the sky.*{next(iter(cards))} = "):
        detect_frames([dark])
    write_frame("b.fits")
    assert detect_frames([tmp_path]) == [tmp_path / "b.cat"]
    shown = capsys.readouterr()
    assert "no exposures of the sky" in shown.out
    assert f"1 frame left out, because the header says that it is no exposure of the sky: {dark}" in shown.err


def test_a_mosaic_of_which_one_ccd_is_for_focus_has_the_catalogue_of_all(tmp_path):
    path = write_mosaic(tmp_path / "m.fits")
    fits.setval(path, "IMAGETYP", value="focus", ext=2)
    (catalogue,) = detect_frames([path], format="FITS_LDAC")
    assert len(read_catalogue(catalogue).headers) == 3


def test_doubts_about_headers_are_said_once(tmp_path, write_frame, capsys):
    for name in "abc":
        write_frame(f"{name}.fits", SEEING=-999.0)
    detect_frames([tmp_path], workers=2)
    (message,) = capsys.readouterr().err.splitlines()
    assert "a.fits: SEEING = -999.0 is not plausible" in message
    assert "(and 2 more files with such a card)" in message
