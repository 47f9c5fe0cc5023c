"""The program finds what was drawn, sees what the header says, and its failures are errors with a name."""

import errno
import gzip
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.catalogues import read_catalogue
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.detect import detect_frame, detect_frames
from ceres_fast.detect import source_extractor as engine
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.reading import read_frame
from ceres_fast.selection.neighbours import pairs_within

from ..tiny_field import ASTEROIDS, SCALE, SEEING, SHAPE, STARS, make_header, make_image, make_wcs, place

FORMATS = ("ASCII_HEAD", "FITS_LDAC", "FITS_1.0")
ALL = len(STARS) + len(ASTEROIDS) + 1


@pytest.fixture
def detect(tmp_path, source_extractor):
    """Detect with the program, and return its table."""

    def run(frame, **options):
        (path,) = detect_frames([frame], engine="source-extractor", output=tmp_path / "found", **options)
        return read_catalogue(path).table

    return run


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put a shell script in the program's place; ``real`` in it is the folder of everything else."""

    def make(script, name="source-extractor"):
        folder = tmp_path / "programs"
        folder.mkdir()
        (folder / name).write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return make


def nearest(table, x, y):
    return table[np.argmin(np.hypot(table["X_IMAGE"] - x, table["Y_IMAGE"] - y))]


def test_sources_are_measured(write_frame, detect):
    table = detect(write_frame())
    assert table.colnames == (Path(engine.__file__).parent / "config" / "default.param").read_text().split()
    assert len(table) == ALL
    for (x, y), flux in [*((star, 4000) for star in STARS), *((place(name, 0), 3000) for name in ASTEROIDS)]:
        row = nearest(table, x, y)
        assert (row["X_IMAGE"], row["Y_IMAGE"]) == pytest.approx((x, y), abs=0.1)
        assert (row["XWIN_IMAGE"], row["YWIN_IMAGE"]) == pytest.approx((x, y), abs=0.1)
        assert row["MAG_AUTO"] == pytest.approx(25 - 2.5 * np.log10(flux), abs=0.12)
        assert row["FWHM_IMAGE"] == pytest.approx(SEEING / SCALE, rel=0.15)
        assert row["FLAGS"] == 0
    for window in ("", "WIN"):
        ra, dec = make_wcs().all_pix2world(table[f"X{window}_IMAGE"], table[f"Y{window}_IMAGE"], 1)
        np.testing.assert_allclose(table[f"ALPHA{window}_J2000"], ra, atol=1e-6)
        np.testing.assert_allclose(table[f"DELTA{window}_J2000"], dec, atol=1e-6)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_holds_the_same(write_frame, detect, format):
    frame = write_frame()
    table, expected = detect(frame, format=format), detect(frame, overwrite=True)
    assert table.colnames == expected.colnames
    for name in ("NUMBER", "FLAGS", "X_IMAGE", "ALPHAWIN_J2000", "MAG_AUTO"):
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("format", FORMATS)
def test_noise_alone_gives_all_columns_and_no_rows(write_frame, detect, format):
    noise = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)
    table = detect(write_frame(data=noise), threshold=20, format=format)
    assert len(table) == 0
    assert "XWIN_IMAGE" in table.colnames


def test_header_keywords_of_any_camera_count(write_frame, detect, tmp_path):
    image = np.minimum(make_image() + 100, 400).astype(np.float32)
    plain = detect(write_frame("plain.fits", data=image, GAIN=1.0, SATURATE=1000.0))
    header = make_header(GAIN=0.0, SATURATE="none", EGAIN=4.0, SATLEVEL=390.0, MAGZPT=30.0)
    fits.PrimaryHDU(image, header).writeto(tmp_path / "other.fits")
    other = detect(tmp_path / "other.fits")
    assert not (plain["FLAGS"] & 4).any()
    assert (other["FLAGS"] & 4).any()
    np.testing.assert_allclose(other["MAG_AUTO"], plain["MAG_AUTO"] + 5, atol=1e-3)
    assert (other["MAGERR_AUTO"] < plain["MAGERR_AUTO"]).all()


def test_a_header_that_says_nothing_flags_nothing(tmp_path, detect):
    fits.PrimaryHDU((make_image() * 300).astype(np.float32)).writeto(tmp_path / "frame.fits")
    table = detect(tmp_path / "frame.fits")
    assert len(table) == ALL
    assert not (table["FLAGS"] & 4).any()
    assert not [name for name in table.colnames if "J2000" in name]


def test_missing_pixels_have_no_weight(write_frame, detect):
    image = make_image()
    image[:40] = np.nan
    image[100, 100] = np.inf
    table = detect(write_frame(data=image.astype(np.float32)))
    assert len(table) == ALL - 1
    assert table["Y_IMAGE"].min() > 40
    assert np.isfinite(table["FLUX_AUTO"]).all()


def scaled(path, pixels, header):
    fits.PrimaryHDU(pixels.astype(np.uint16), header).writeto(path)


def packed(path, pixels, header):
    scaled(path.with_suffix(".tmp"), pixels, header)
    path.write_bytes(gzip.compress(path.with_suffix(".tmp").read_bytes()))
    path.with_suffix(".tmp").unlink()


def tiled(path, pixels, header):
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels.astype(np.int16), header)]).writeto(path)


def swapped(path, pixels, header):
    fits.PrimaryHDU(pixels.astype(np.int32), header).writeto(path)


@pytest.mark.parametrize(
    ("name", "write"), [("a.fits", scaled), ("a.fits.gz", packed), ("a.fits.fz", tiled), ("b.fits", swapped)]
)
def test_files_of_every_kind_give_the_same_rows(tmp_path, detect, name, write):
    pixels = make_image().round()
    fits.PrimaryHDU(pixels.astype(np.float32), make_header()).writeto(tmp_path / "plain.fits")
    write(tmp_path / name, pixels, make_header())
    table, expected = detect(tmp_path / name), detect(tmp_path / "plain.fits")
    for column in expected.colnames:
        np.testing.assert_array_equal(table[column], expected[column])


def test_sky_positions_of_a_distortion_it_does_not_know_are_ours(tmp_path, detect):
    header = make_header()
    header.update(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=1e-3, B_0_2=1e-3)
    fits.PrimaryHDU(make_image().astype(np.float32), header).writeto(tmp_path / "sip.fits")
    table = detect(tmp_path / "sip.fits")
    assert not [name for name in table.colnames if "J2000" in name]
    found = read_detections(tmp_path / "sip.fits", tmp_path / "found" / "sip.cat")
    ra, dec = found.wcs.all_pix2world(found.x, found.y, 1)
    np.testing.assert_allclose((found.ra, found.dec), (ra, dec))


def test_polynomials_of_tpv_are_known(tmp_path, detect):
    header = make_header()
    header.update(CTYPE1="RA---TPV", CTYPE2="DEC--TPV", PV1_1=1.0, PV1_4=3.0, PV2_1=1.0, PV2_4=-2.0)
    fits.PrimaryHDU(make_image().astype(np.float32), header).writeto(tmp_path / "tpv.fits")
    table, wcs = detect(tmp_path / "tpv.fits"), read_frame(tmp_path / "tpv.fits").wcs
    ra, dec = wcs.all_pix2world(table["X_IMAGE"], table["Y_IMAGE"], 1)
    np.testing.assert_allclose(table["ALPHA_J2000"], ra, atol=1e-6)
    np.testing.assert_allclose(table["DELTA_J2000"], dec, atol=1e-6)
    plain = make_wcs().all_pix2world(table["X_IMAGE"], table["Y_IMAGE"], 1)
    assert abs(plain[0] - ra).max() > 1e-4


def test_coordinates_that_cannot_be_used_do_not_end_the_program(write_frame, detect):
    table = detect(write_frame(CTYPE1="RA---XYZ", CTYPE2="DEC--XYZ"))
    assert len(table) == ALL


@pytest.mark.parametrize("name", ["astride_ystar_streak_512.fits", "sep_eso_ntt_emmi_256.fits"])
def test_real_frames(shared_data, detect, name):
    assert len(detect(shared_data / "frames" / name)) > 60


def test_sep_finds_the_same(simulated_frame, detect):
    """At least 99 % within a pixel, most of them to a thousandth; on whole simulated frames 99.3 to 100 %."""
    table, ours = detect(simulated_frame), detect_frame(read_frame(simulated_frame))
    places = [np.stack([one["X_IMAGE"], one["Y_IMAGE"]], axis=1).astype(float) for one in (table, ours)]
    i, _, distance = pairs_within(*places, 1.0)
    assert len(table) > 80
    assert len(np.unique(i)) >= 0.99 * len(table)
    assert np.median(distance) < 0.01


# What follows needs no program: a script stands in for it.

SAYS = 'echo "      Objects: detected 9        / sextracted 2" >&2'
ROWS = r"printf '# 1 X_IMAGE\n# 2 Y_IMAGE\n1 2\n3 4\n' > catalogue"


@pytest.mark.parametrize("name", engine.PROGRAMS)
def test_every_name_of_the_program_is_looked_for(write_frame, fake, name):
    fake(f"{ROWS}; {SAYS}", name)
    (written,) = detect_frames([write_frame()], engine="source-extractor")
    assert len(read_catalogue(written).table) == 2


def test_its_warnings_are_shown(write_frame, fake, capsys):
    fake(f'{ROWS}; printf "\\033[1A> WARNING: Pixel stack overflow at position 3,4\\n" >&2; {SAYS}')
    detect_frames([write_frame()], engine="source-extractor")
    assert "frame.fits: " in (shown := capsys.readouterr().err)
    assert "warns: Pixel stack overflow at position 3,4" in shown


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ('echo "> *Error*: out of memory" >&2; exit 3', r"ended with 3: \*Error\*: out of memory"),
        ("exit 1", "ended with 1: it said nothing"),
        (f"{ROWS}; kill -9 $$", "was killed by signal 9"),
        (SAYS, "wrote no whole catalogue.*cannot be read"),
        (f": > catalogue; {SAYS}", "wrote no whole catalogue.*is empty"),
        (f"{ROWS}; printf '5' >> catalogue; {SAYS}", "wrote no whole catalogue.*row 3: has 1 values"),
        (f"{ROWS}; printf '5 6\n' >> catalogue; {SAYS}", "wrote 3 detections where it says it found 2"),
        (ROWS, "wrote 2 detections where it says it found none"),
        ("sleep 20", "took longer than 0.5 s"),
    ],
)
def test_failures_name_the_frame_and_leave_nothing(tmp_path, write_frame, fake, monkeypatch, script, problem):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(engine, "TIMEOUT", 0.5 if "sleep" in script else 60)
    fake(script)
    frame = write_frame("night/frame.fits")
    frame.with_suffix(".cat").write_text("before")
    with pytest.raises(InputError, match=rf"frame\.fits: .*{problem}"):
        detect_frames([frame], engine="source-extractor", overwrite=True)
    assert frame.with_suffix(".cat").read_text() == "before"
    assert sorted(path.name for path in frame.parent.iterdir()) == ["frame.cat", "frame.fits"]
    assert not list((tmp_path / "temporary").iterdir())
    assert detect_frames([frame], engine="source-extractor", overwrite=True, on_error="skip") == []


def test_without_the_program_nothing_is_skipped_silently(tmp_path, write_frame, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CeresFastError, match=r"is not installed.*Debian's package source-extractor.*--engine sep"):
        detect_frames([write_frame()], engine="source-extractor", on_error="skip")


def test_a_program_that_cannot_be_run_is_named(write_frame, tmp_path, monkeypatch):
    program = tmp_path / "sex"
    program.write_bytes(b"\x7fELF no program")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CeresFastError, match=r"sex: cannot be run \(Exec format error\)"):
        detect_frames([write_frame()], engine="source-extractor")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, write_frame, fake, monkeypatch):
    fake(f"{ROWS}; {SAYS}")
    frame = write_frame("night/frame.fits")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CeresFastError, match=r"cannot be written.*No space left"):
        detect_frames([frame], engine="source-extractor")
    assert [path.name for path in frame.parent.iterdir()] == ["frame.fits"]


def test_names_with_blanks_and_commas_reach_the_program(write_frame, detect):
    assert len(detect(write_frame("a night, a field/it's #1 (r).fits"))) == ALL
