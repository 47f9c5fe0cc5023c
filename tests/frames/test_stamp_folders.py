"""Folders of FITS stamps: the real ones, and every bad one."""

import contextlib

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError, InputError, Problems
from ceres_fast.frames.stamp_folders import is_class_folders, labelled_files, read_stamp, stamp_files_table
from ceres_fast.stamps import COLUMNS, STAMP_SIZE

STAMP = np.random.default_rng(0).normal(100, 5, (STAMP_SIZE, STAMP_SIZE)).astype(np.float32)


def with_nan(stamp):
    stamp = stamp.copy()
    stamp[2, 3:8] = np.nan
    return stamp


BAD = {
    "wrong size": (STAMP[:-1], "is 32x31 pixels"),
    "too large": (np.zeros((64, 64), np.float32), "is 64x64 pixels"),
    "cube": (np.zeros((3, 32, 32), np.float32), "is 32x32x3 pixels"),
    "constant": (np.full((32, 32), 7, np.float32), "every pixel is 7"),
    "all missing": (np.full((32, 32), np.nan, np.float32), "missing"),
    "some missing": (with_nan(STAMP), "5 of 1024 pixels are missing"),
    "no image": (None, "has no image"),
}


def write(path, data=STAMP, **header):
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(data, fits.Header(header)).writeto(path)
    return path


@pytest.fixture
def folders(tmp_path):
    """Two asteroids and three others."""
    for number in range(2):
        write(tmp_path / "asteroid" / f"a{number}.fits", STAMP + number, SSNAME="2024 AB", FILTER="r", PIXSCALE=1.01)
    for number in range(3):
        write(tmp_path / "non_asteroid" / f"n{number}.fits", STAMP - number, FILTER="g" if number else "r")
    return tmp_path


def read_all(folder, where=(), on_error="stop", nan="error"):
    return stamp_files_table(folder, labelled_files(folder), where, Problems(on_error), nan)


def test_rows_say_what_the_headers_say(folders):
    table, counts = read_all(folders)
    assert table.colnames == ["stamp", *(column.name for column in COLUMNS)]
    assert table["label"].tolist() == [1, 1, 0, 0, 0]
    assert table["source"].tolist()[:3] == ["asteroid/a0.fits", "asteroid/a1.fits", "non_asteroid/n0.fits"]
    assert table["designation"].tolist() == ["2024 AB"] * 2 + [""] * 3
    assert table["pixel_scale"][0] == 1.01
    assert np.isnan(table["pixel_scale"][2])
    assert table["stamp"].dtype == np.float32
    np.testing.assert_array_equal(table["stamp"][4, ..., 0], STAMP - 2)
    assert +counts == {"files": 5}


def test_where_chooses_by_header(folders):
    rows, counts = read_all(folders, where=[("FILTER", ["g", "z"])])
    assert [row["source"] for row in rows] == ["non_asteroid/n1.fits", "non_asteroid/n2.fits"]
    assert counts["not_selected"] == 3
    with pytest.raises(InputError, match="no keyword MOON"):
        read_all(folders, where=[("MOON", ["full"])])


@pytest.mark.parametrize("kind", BAD)
def test_bad_stamps_stop_or_are_left_out_and_counted(folders, kind, capsys):
    data, problem = BAD[kind]
    path = write(folders / "asteroid" / "bad.fits", data)
    with pytest.raises(InputError, match=rf"bad\.fits: .*{problem}"):
        read_stamp(path)
    with pytest.raises(InputError, match=r"bad\.fits"):
        read_all(folders)
    rows, counts = read_all(folders, on_error="skip")
    assert len(rows) == 5
    assert counts["bad_stamps"] == 1
    assert "bad.fits" in capsys.readouterr().err


@pytest.mark.parametrize("size", [0, 100, 2880, 5000])
def test_cut_off_files_stop_or_are_left_out(folders, size, capsys):
    path = folders / "asteroid" / "a0.fits"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"a0\.fits.*(empty|readable)"):
        read_all(folders)
    rows, counts = read_all(folders, on_error="skip")
    assert (len(rows), counts["bad_stamps"]) == (4, 1)


def test_missing_pixels_are_filled_with_the_median_and_marked(folders):
    write(folders / "asteroid" / "hole.fits", with_nan(STAMP))
    rows, counts = read_all(folders, nan="fill")
    (row,) = [row for row in rows if row["filled"]]
    assert row["source"] == "asteroid/hole.fits"
    assert row["filled"] == 5
    assert (row["stamp"][2, 3:8] == np.float32(np.nanmedian(with_nan(STAMP)))).all()
    assert counts["filled_stamps"] == 1


def test_what_has_too_few_pixels_is_read_as_nan_and_not_learnt_from(folders):
    path = folders / "asteroid" / "few.fits"
    few = STAMP.copy()
    few[:17] = np.nan
    write(path, few)
    assert np.isnan(read_stamp(path, nan="fill").stamp).all()
    rows, counts = read_all(folders, nan="fill")
    assert (counts["few_pixels"], counts["filled_stamps"]) == (1, 0)
    assert "asteroid/few.fits" not in {row["source"] for row in rows}
    with pytest.raises(InputError, match=r"544 of 1024 pixels are missing"):
        read_all(folders)


@pytest.mark.parametrize("kind", ["all missing", "constant", "wrong size"])
def test_filling_does_not_save_a_stamp_without_a_picture(folders, kind):
    write(folders / "asteroid" / "bad.fits", BAD[kind][0])
    with pytest.raises(InputError, match=r"bad\.fits"):
        read_all(folders, nan="fill")


def test_many_bad_stamps_are_not_all_named(folders, capsys):
    for number in range(30):
        write(folders / "asteroid" / f"bad{number}.fits", BAD["constant"][0])
    _, counts = read_all(folders, on_error="skip")
    assert counts["bad_stamps"] == 30
    assert capsys.readouterr().err.count("left out") == 10


def test_class_folders_are_told_from_frames(folders, tmp_path):
    assert is_class_folders(folders)
    assert not is_class_folders(folders / "asteroid")
    assert not is_class_folders(folders / "nowhere")
    with pytest.raises(InputError, match="has no folder per class"):
        labelled_files(folders / "asteroid")


def test_an_empty_class_is_said(tmp_path):
    (tmp_path / "asteroid").mkdir()
    with pytest.raises(CeresFastError, match="asteroid: no stamps found"):
        labelled_files(tmp_path)


def test_real_stamps(shared_data):
    rows, counts = read_all(shared_data / "ztf_stamps", nan="fill", where=[("LABEL", ["asteroid", "bogus"])])
    labels = np.array([row["label"] for row in rows])
    assert (labels.sum(), (labels == 0).sum(), counts["few_pixels"]) == (285, 194, 1)
    assert counts["filled_stamps"] > 0
    assert all(row["designation"] for row in rows if row["label"])
    assert {float(row["pixel_scale"]) for row in rows} == {1.01}
    assert all(np.isfinite(row["stamp"]).all() for row in rows)


def test_real_stamps_with_missing_pixels_are_refused_unless_asked(shared_data):
    with pytest.raises(InputError, match=r"missing \(NaN\).*--nan fill.*--on-error skip"):
        read_all(shared_data / "ztf_stamps")
    rows, counts = read_all(shared_data / "ztf_stamps", on_error="skip")
    assert (len(rows), counts["bad_stamps"]) == (1430, 78)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_flipped_bytes_give_rows_or_one_clear_error(tmp_path, flips):
    path = tmp_path / "asteroid" / "flipped.fits"
    path.unlink(missing_ok=True)
    write(path, SSNAME="2024 AB", FILTER="r", PIXSCALE=1.01, **{"MJD-OBS": 60000.5})
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[int(place * (len(content) - 1))] = value
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        read_all(tmp_path, nan="fill")


def test_what_is_not_selected_may_be_bad(folders):
    write(folders / "non_asteroid" / "x.fits", BAD["some missing"][0], FILTER="z")
    rows, counts = read_all(folders, where=[("FILTER", ["r"])])
    assert len(rows) == 3
    assert (counts["not_selected"], counts["bad_stamps"]) == (3, 0)
