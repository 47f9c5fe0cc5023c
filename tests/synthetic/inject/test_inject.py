"""`inject_frames` from frames to completeness, and what it does with what is wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast import console
from ceres_fast.classify.classify import scorer
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.reading import read_frame
from ceres_fast.selection.field import survey_tables
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import PLANES
from ceres_fast.synthetic.inject import fields as inject_fields
from ceres_fast.synthetic.inject import inject_frames
from ceres_fast.synthetic.inject.paint import KEYWORD
from ceres_fast.truth import read_truth

from ...tiny_models import classifier, peak_model, written
from .conftest import GAIN, MIDDLES, PSF, ZERO_POINT, pixels_of, wcs_of

SLOWEST = 0.4
"""arcsec/min: in the 5 min between two exposures it leaves its place."""

FRAMES = [f"F0001/resamp/F0001-{number}.fits" for number in (1, 2, 3)]


@pytest.fixture
def known_psf(monkeypatch):
    """Spare the measuring of stars where it is not what is tested."""
    monkeypatch.setattr("ceres_fast.synthetic.inject.conditions.measure_stars", lambda *_: PSF)


def inject(sources, out, **options):
    return inject_frames(
        [sources], out, **{"number_per_field": 8, "rate": (SLOWEST, 3.0), "slowest": SLOWEST, "seed": 1} | options
    )


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_frames_truth_and_completeness_are_written(night, tmp_path):
    before = content(night)
    completeness = inject(night, tmp_path / "out", magnitude=(16.0, 18.0))
    out = content(tmp_path / "out")
    assert content(night) == before
    assert {Path(name) for name in FRAMES} < set(out)
    assert {"asteroids.csv", "injected.csv", "completeness.csv", "completeness.json", "completeness.png"} < {
        path.name for path in out
    }
    rows = completeness.injected
    assert rows["detected"].mean() > 0.85
    assert rows["moving"].sum() <= rows["detected"].sum()
    for number, name in enumerate(FRAMES):
        old, new = read_frame(night / name), read_frame(tmp_path / "out" / name)
        assert new.header[KEYWORD] == (rows["frame"] == name).sum()
        here = rows[rows["frame"] == name]
        x, y = wcs_of(number).all_world2pix(here["ra"], here["dec"], 1)
        assert np.allclose(here["x"], x, atol=0.01)
        assert np.allclose(here["y"], y, atol=0.01)
        added = (new.data - old.data).sum() * GAIN
        asked = (GAIN * 10 ** (0.4 * (ZERO_POINT - here["magnitude"]))).sum()
        assert added == pytest.approx(asked, rel=0.05)  # some reach over the edge
    good = rows[np.isfinite(rows["measured"]) & (rows["rate"] < 1.5)]
    assert np.median(good["measured"] - good["magnitude"]) == pytest.approx(0.06, abs=0.08)


def test_truth_is_what_records_are_built_from(night, tmp_path):
    out = tmp_path / "out"
    completeness = inject(night, out, magnitude=(16.0, 18.0))
    truth = read_truth(out / "asteroids.csv")
    assert len(truth) == len(completeness.injected)
    assert set(np.round(truth["mjd"], 6)) <= set(np.round(MIDDLES, 6))
    assert truth["validated"].mean() > 0.8
    ((table, counts),) = survey_tables([out], truth, Rules(slowest=SLOWEST))
    assert counts["validated"] == truth["validated"].sum()
    assert counts["stationary"] > 60  # of three times 25 stars
    assert (table["label"] == 1).sum() >= 0.7 * truth["validated"].sum()  # the others pass stars
    assert set(table["designation"][table["label"] == 1]) <= set(truth["designation"])


def test_same_seed_writes_the_same_bytes_wherever_the_frames_are(night, tmp_path):
    shutil.copytree(night, tmp_path / "elsewhere")
    inject(night, tmp_path / "a")
    inject(tmp_path / "elsewhere", tmp_path / "b")
    inject(night, tmp_path / "c", seed=2)
    first, second, other = (content(tmp_path / name) for name in "abc")
    assert first == second
    assert first[Path("asteroids.csv")] != other[Path("asteroids.csv")]


@pytest.mark.usefixtures("known_psf")
def test_fields_have_asteroids_of_their_own(night, tmp_path, write_frame):
    write_frame("night/F0002/resamp/F0002-1.fits", 0, OBJECT="F0002")
    rows = inject(night, tmp_path / "out").injected
    first, second = (rows[rows["field"] == name] for name in ("F0001", "F0002"))
    assert len(second) == 8
    assert not set(first["designation"]) & set(second["designation"])
    assert not set(first["magnitude"]) & set(second["magnitude"])


@pytest.mark.usefixtures("known_psf")
def test_known_asteroids_are_handed_on(night, tmp_path):
    known = tmp_path / "known.csv"
    known.write_text(f"designation,mjd,ra,dec,validated\n2001 AB,{MIDDLES[0]},0.001,12.0,0\n")
    inject(night, tmp_path / "out", truth=known)
    truth = read_truth(tmp_path / "out" / "asteroids.csv")
    row = truth[truth["designation"] == "2001 AB"][0]
    assert (row["ra"], row["dec"], row["validated"]) == (0.001, 12.0, False)
    assert np.isnan(row["magnitude"])
    known.write_text(f"designation,mjd,ra,dec\nINJ00001,{MIDDLES[0]},0.001,12.0\n")
    with pytest.raises(InputError, match="INJ00001, which was injected"):
        inject(night, tmp_path / "again", truth=known)


def test_validated_are_those_that_give_most_of_the_light(night, tmp_path):
    rows = inject(night, tmp_path / "out", number_per_field=15).injected
    good = rows[rows["validated"]]
    assert len(good)
    assert (good["share"] > 0.5).all()
    assert (good["snr"] > 3).all()
    assert not rows["validated"][rows["snr"] < 3].any()
    names, times = np.unique(good["designation"], return_counts=True)
    assert (times >= 3).all()
    assert len(names) < 15


@pytest.mark.usefixtures("known_psf")
@pytest.mark.parametrize(("planes", "limit"), [(1, None), (3, 0.4)])
def test_classifier_says_which_it_calls_asteroids(night, tmp_path, planes, limit):
    made = classifier(rules=Rules(forced_limit=limit).as_dict(), planes=PLANES[:planes])
    model = written(tmp_path, peak_model(classifier_json=made.to_json(), planes=planes))
    completeness = inject(night, tmp_path / "out", magnitude=(17.0, 18.0), scorer=scorer(model, slowest=SLOWEST))
    rows = completeness.injected
    assert (rows["called"] <= rows["moving"]).all()
    assert "called" in json.loads((tmp_path / "out" / "completeness.json").read_text())["limits"]


@pytest.mark.usefixtures("known_psf")
def test_missing_pixels_stay_missing_and_are_not_counted(write_frame, tmp_path):
    image = pixels_of(0).astype(np.float32)
    image[:, 120:180] = np.nan
    path = write_frame("night/a.fits", data=image)
    rows = inject(path, tmp_path / "out", number_per_field=40).injected
    assert np.array_equal(np.isnan(fits.getdata(tmp_path / "out" / "a.fits")), np.isnan(image))
    assert len(rows) < 40
    assert not ((rows["x"] > 121) & (rows["x"] < 180)).any()


@pytest.mark.usefixtures("known_psf")
def test_too_fast_ones_leave_the_frame_and_are_counted_where_they_are(night, tmp_path):
    completeness = inject(night, tmp_path / "out", rate=(100.0, 200.0), magnitude=(18.0, 19.0))
    assert 8 <= len(completeness.injected) < 24
    assert not completeness.injected["validated"].any()
    assert completeness.of_stage("track", "all")["injected"][0] == 0


@pytest.mark.usefixtures("known_psf")
def test_masks_go_along(night, tmp_path):
    mask = np.zeros((300, 300), np.uint8)
    fits.PrimaryHDU(mask).writeto(night / "F0001" / "resamp" / "F0001-1.mask.fits")
    inject(night, tmp_path / "out")
    assert (tmp_path / "out" / "F0001" / "resamp" / "F0001-1.mask.fits").is_file()


@pytest.mark.usefixtures("known_psf")
@pytest.mark.parametrize(
    ("cards", "problem"),
    [
        ({"CTYPE1": "", "CTYPE2": ""}, "no celestial coordinates"),
        ({"MJD-OBS": ""}, "does not say when it was taken"),
        ({"MJD-OBS": "soon"}, r"does not say when it was taken \(MJD-OBS = 'soon'"),
        ({"EXPTIME": ""}, "does not say how long it was exposed"),
        ({"GAIN": -2.0}, r"does not say the gain \(GAIN = -2.0 is not plausible"),
        ({"GAIN": 0.0}, "does not say the gain"),
        ({KEYWORD: 3}, "holds synthetic asteroids already"),
    ],
)
def test_frames_that_cannot_be_used_are_named_or_left_out(night, tmp_path, write_frame, capsys, cards, problem):
    bad = write_frame("night/F0002/resamp/bad.fits", **{"OBJECT": "F0002"} | cards)
    with pytest.raises(InputError, match=problem) as caught:
        inject(night, tmp_path / "out")
    assert str(bad) in str(caught.value)
    assert not (tmp_path / "out").exists()
    inject(night, tmp_path / "out", on_error="skip")
    assert not (tmp_path / "out" / "F0002").exists()
    assert re.search(problem, capsys.readouterr().err)


@pytest.mark.usefixtures("known_psf")
@pytest.mark.parametrize("cards", [{"EXPTIME": 0.0}, {"IMAGETYP": "dark", "GAIN": ""}])
def test_frames_that_show_no_sky_are_left_out(night, tmp_path, write_frame, capsys, cards):
    dark = write_frame("night/F0002/resamp/dark.fits", **{"OBJECT": "F0002"} | cards)
    inject(night, tmp_path / "out")
    assert not (tmp_path / "out" / "F0002").exists()
    shown = capsys.readouterr()
    assert "no exposures of the sky" in shown.out
    assert str(dark) in shown.err
    with pytest.raises(InputError, match="is no exposure of the sky"):
        inject(dark.parent, tmp_path / "none")


def test_nothing_usable_is_an_error(tmp_path, write_frame):
    path = write_frame("night/a.fits", GAIN=0.0)
    with pytest.raises(CeresFastError, match="nothing was injected"):
        inject(path, tmp_path / "out", on_error="skip")
    assert [entry.name for entry in tmp_path.iterdir()] == ["night"]


@pytest.mark.usefixtures("known_psf")
def test_injecting_twice_is_refused(night, tmp_path):
    inject(night, tmp_path / "out")
    with pytest.raises(InputError, match="already"):
        inject(tmp_path / "out", tmp_path / "again")
    with pytest.raises(CeresFastError, match="exists already"):
        inject(night, tmp_path / "out")
    inject(night, tmp_path / "out", overwrite=True)


def test_two_files_of_one_name_are_refused(tmp_path, write_frame):
    paths = [write_frame("one/a.fits", 0), write_frame("two/a.fits", 1)]
    with pytest.raises(InputError, match=r"as .* would"):
        inject_frames(paths, tmp_path / "out")


@pytest.mark.parametrize(
    "options",
    [
        {"number_per_field": 0},
        {"magnitude": (21.0, 20.0)},
        {"magnitude": (20.0, float("nan"))},
        {"rate": (0.0, 1.0)},
        {"rate": (2.0, 1.0)},
        {"position_angle": (90.0, 10.0)},
        {"seed": -1},
    ],
)
def test_numbers_out_of_range_are_refused_before_work(tmp_path, options):
    with pytest.raises(CeresFastError, match="expected"):
        inject(tmp_path, tmp_path / "out", **options)


@pytest.mark.usefixtures("known_psf")
def test_magnitudes_that_nobody_could_see_are_said(night, tmp_path, capsys):
    completeness = inject(night, tmp_path / "out", magnitude=(40.0, 41.0))
    assert not completeness.injected["detected"].any()
    assert "none was detected" in capsys.readouterr().err


@pytest.mark.usefixtures("known_psf")
def test_full_disk_leaves_nothing(night, tmp_path, monkeypatch):
    def full(self, *args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fits.HDUList, "writeto", full)
    with pytest.raises(CeresFastError, match="No space left"):
        inject(night, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["night"]


def test_killed_run_leaves_no_folder_that_looks_finished(night, tmp_path):
    code = (
        "from pathlib import Path; from ceres_fast.synthetic.inject import inject_frames; "
        f"inject_frames([Path({str(night)!r})], Path({str(tmp_path / 'out')!r}), number_per_field=8)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob(".out.partial/new/F0001")):
        time.sleep(0.05)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    inject(night, tmp_path / "out")
    assert (tmp_path / "out" / "completeness.json").is_file()


def test_real_frame(shared_data, tmp_path):
    """YSTAR, elongated stars, a streak: with what its header lacks added, asteroids go in and bright ones are found."""
    path = tmp_path / "ystar.fits"
    with fits.open(shared_data / "frames" / "astride_ystar_streak_512.fits", do_not_scale_image_data=True) as hdus:
        hdus[0].header["MJD-OBS"], hdus[0].header["GAIN"] = 52481.8, 3.0
        hdus.writeto(path)
    completeness = inject(path, tmp_path / "out", number_per_field=20, magnitude=(-11.0, -8.0), rate=(1.0, 5.0))
    assert completeness.injected["detected"].mean() > 0.7
    assert len(Table.read(tmp_path / "out" / "injected.csv")) == len(completeness.injected)
    old, new = fits.open(path), fits.open(tmp_path / "out" / "ystar.fits")
    assert new[0].header["BITPIX"] == old[0].header["BITPIX"] == 16
    old.close()
    new.close()


def test_real_frame_without_coordinates_is_refused(shared_data, tmp_path):
    with pytest.raises(InputError, match="no celestial coordinates"):
        inject(shared_data / "frames" / "sep_eso_ntt_emmi_256.fits", tmp_path / "out")


def test_a_frame_that_cannot_be_copied_is_left_out_and_the_others_are_done(night, tmp_path, known_psf, monkeypatch):
    copy = inject_fields.write_injected

    def fails(source, *rest):
        if source.name == "F0001-2.fits":
            raise InputError(source, "cannot be copied (for a test)")
        copy(source, *rest)

    monkeypatch.setattr(inject_fields, "write_injected", fails)
    with pytest.raises(InputError, match=r"F0001-2\.fits: cannot be copied"):
        inject(night, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    completeness = inject(night, tmp_path / "out", on_error="skip")
    frames = sorted(path.name for path in (tmp_path / "out").rglob("*.fits"))
    assert frames == ["F0001-1.fits", "F0001-3.fits"]
    assert set(completeness.injected["frame"]) == {FRAMES[0], FRAMES[2]}


def test_cards_that_may_not_be_written_are_left_out(night, tmp_path, known_psf, capsys, monkeypatch):
    monkeypatch.setattr(console, "_printed", set())
    for name in FRAMES:
        path = night / name
        content = path.read_bytes()
        place = content.index(b"SATURATE")
        path.write_bytes(content[:place] + b";\xcc.S =  351/ no comment".ljust(80) + content[place + 80 :])
    inject(night, tmp_path / "out")
    assert capsys.readouterr().err.count("may not be written by the FITS standard") == 1
    for name in FRAMES:
        header = (tmp_path / "out" / name).read_bytes()[:8640]
        assert b"\xcc" not in header
        assert b"CFINJECT" in header
