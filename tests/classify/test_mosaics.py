"""Classifying mosaics: one table for all CCDs of a file, and a bad CCD costs nothing but itself."""

from __future__ import annotations

import shutil
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import FORMATS, Names, read_catalogue, write_table, write_tables
from ceres_fast.classify import classify
from ceres_fast.classify.account import CLASSIFIED, KEPT
from ceres_fast.classify.scores import (
    FLAGS,
    NOT_SCORED,
    PADDED,
    PROBABILITY,
    PROBABILITY_OF_TRACKLET,
    REJECTED,
    STATIONARY,
    TRACKLET,
)
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.reading import read_headers
from ceres_fast.selection.rules import Rules

from ..survey_files import ASTEROID, STARS, STEP, catalogue, header, pixels, write_field
from ..tiny_models import classifier, peak_model, written

CCDS = 3
ROWS = len(STARS) + 1
OF_A_CCD = [STATIONARY] * len(STARS) + [0]


def made_by(folder: Path, **rules: object) -> Path:
    folder.mkdir()
    return written(folder, peak_model(classifier_json=classifier(rules=Rules(**rules).as_dict()).to_json()))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return made_by(tmp_path / "model")


def places(exposure: int) -> np.ndarray:
    return np.vstack([STARS, ASTEROID + STEP * exposure])


def ccd(exposure: int, part: int) -> fits.ImageHDU:
    cards = header(exposure)
    for name in ("CCDNAME", "OBJECT", "MJD-OBS"):
        del cards[name]
    cards["CRPIX1"] -= 250 * part
    return fits.ImageHDU(pixels(places(exposure), 10 * exposure + part), cards, name=f"CCD{part + 1}")


def write_mosaics(night: Path, table_format: str = "FITS_LDAC", exposures: int = 3) -> list[Path]:
    """Write exposures of three CCDs, each with an asteroid in its last row, and a catalogue per exposure."""
    night.mkdir()
    frames = []
    for exposure in range(exposures):
        path = night / f"M{exposure + 1}.fits"
        whole = header(exposure)
        primary = fits.PrimaryHDU(header=fits.Header({name: whole[name] for name in ("OBJECT", "MJD-OBS")}))
        fits.HDUList([primary, *(ccd(exposure, part) for part in range(CCDS))]).writeto(path)
        tables = [(catalogue(places(exposure)), head.header) for head in read_headers(path)]
        write_tables(tables, path.with_suffix(".cat"), table_format)
        frames.append(path)
    return frames


def table_of(path: Path) -> Table:
    return read_catalogue(path).table


@pytest.mark.parametrize("table_format", FORMATS)
def test_all_ccds_are_scored_into_one_table(night: Path, model: Path, out: Path, table_format: str) -> None:
    frames = write_mosaics(night, table_format)
    result = classify([night], model, output=out)
    assert sorted(result.written) == [out / f"{frame.stem}.cat" for frame in frames]
    for frame in frames:
        before, after = (read_catalogue(path / f"{frame.stem}.cat") for path in (night, out))
        assert after.format == before.format == table_format
        assert after.table.colnames == [*before.table.colnames, PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET]
        np.testing.assert_array_equal(after.part, np.repeat(range(CCDS), ROWS))
        for name in before.table.colnames:
            np.testing.assert_array_equal(after.table[name], before.table[name])
        assert (after.table[PROBABILITY][ROWS - 1 :: ROWS] > 0.99).all()
        assert [int(flags) for flags in after.table[FLAGS]] == OF_A_CCD * CCDS
    assert (result.total["rows"], result.total["asteroids"]) == (45, 9)
    assert list(result.counts) == [str(frame) for frame in frames]


def test_each_ccd_sees_its_own_pixels(night: Path, model: Path, out: Path) -> None:
    write_mosaics(night)
    with fits.open(night / "M2.fits", mode="update") as hdus:
        hdus[2].data[:] = pixels(places(1)[:-1], 5)  # here the asteroid is no picture of one
    classify([night], model, output=out)
    found = table_of(out / "M2.cat")[PROBABILITY][ROWS - 1 :: ROWS]
    assert [bool(each > 0.5) for each in found] == [True, False, True]


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 1, 2]])
def test_ccds_of_one_name_belong_together(night: Path, model: Path, out: Path, order: list[int]) -> None:
    write_mosaics(night)
    with fits.open(night / "M2.fits") as hdus:
        moved = [hdus[0].copy(), *(hdus[number].copy() for number in order)]
    fits.HDUList(moved).writeto(night / "M2.fits", overwrite=True)
    with fits.open(night / "M2.cat") as hdus:
        pairs = [hdu.copy() for number in order for hdu in hdus[2 * number - 1 : 2 * number + 1]]
        tables = fits.HDUList([hdus[0].copy(), *pairs])
    tables.writeto(night / "M2.cat", overwrite=True)
    assert classify([night], model, output=out).total["asteroids"] == 9


def spoil_pixels(night: Path) -> str:
    with fits.open(night / "M2.fits", mode="update") as hdus:
        hdus[2].data[:] = 7
    return r"M2\.fits\[2\]: every pixel is 7"


def spoil_positions(night: Path) -> str:
    with fits.open(night / "M2.cat", mode="update") as hdus:
        hdus[4].data["X_IMAGE"] += 1000
    return r"M2\.cat: 5 of its 5 positions are outside the frame .*M2\.fits\[2\]"


def spoil_header(night: Path) -> str:
    with fits.open(night / "M2.fits", mode="update") as hdus:
        hdus[2].name = "CCD9"
    return r"M2\.cat: its table 2 is of CCD2.*expected CCD9.*M2\.fits\[2\]"


@pytest.mark.parametrize("spoil", [spoil_pixels, spoil_positions, spoil_header])
def test_a_bad_ccd(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str], spoil) -> None:
    write_mosaics(night)
    message = spoil(night)
    with pytest.raises(InputError, match=message):
        classify([night], model, output=out)
    assert not (out / "M2.cat").exists()
    result = classify([night], model, output=out, on_error="skip", overwrite=True)
    assert result.failed == [Path(f"{night}/M2.fits[2]")]
    table = table_of(out / "M2.cat")
    assert len(table) == ROWS * CCDS
    bad = table[ROWS : 2 * ROWS]
    assert np.isnan(bad[PROBABILITY]).all()
    assert set(bad[FLAGS]) == {NOT_SCORED}
    assert (table[PROBABILITY][[ROWS - 1, 3 * ROWS - 1]] > 0.99).all()
    assert result.total["asteroids"] == 8
    error = capsys.readouterr().err
    assert "The detections of this CCD are passed on without probabilities" in error
    assert "1 inputs could not be classified" in error


def test_a_dead_ccd_without_detections_is_no_reason_to_stop(night: Path, model: Path, out: Path) -> None:
    for frame in write_mosaics(night):
        with fits.open(frame, mode="update") as hdus:
            hdus[2].data[:] = 0
        tables = [
            (catalogue(places(0)[: 0 if head.info.hdu == 2 else None]), head.header) for head in read_headers(frame)
        ]
        write_tables(tables, frame.with_suffix(".cat"), "FITS_LDAC")
    result = classify([night], model, output=out)
    assert result.failed == []
    assert len(table_of(out / "M1.cat")) == 2 * ROWS


@pytest.mark.parametrize("what", ["frame", "catalogue"])
def test_a_file_that_cannot_be_read_passes_all_ccds_on(night: Path, model: Path, out: Path, what: str) -> None:
    frames = write_mosaics(night)
    bad = frames[1] if what == "frame" else frames[1].with_suffix(".cat")
    bad.write_bytes(bad.read_bytes()[:4000])
    with pytest.raises(InputError, match=bad.name):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip", overwrite=True)
    assert result.failed == [frames[1]]
    assert len(result.written) == 3
    assert result.total["asteroids"] == 6
    if what == "catalogue":
        assert (out / "M2.cat").read_bytes() == bad.read_bytes()
    else:
        assert np.isnan(table_of(out / "M2.cat")[PROBABILITY]).all()


def test_a_catalogue_without_numbers_says_what_to_do(night: Path, model: Path, out: Path) -> None:
    frames = write_mosaics(night, "ASCII_HEAD")
    for frame in frames:
        table = table_of(frame.with_suffix(".cat"))
        table.remove_column("EXT_NUMBER")
        write_table(table, frame.with_suffix(".cat"), "ASCII_HEAD")
    with pytest.raises(InputError, match=r"M1\.cat: does not say.*Add EXT_NUMBER to"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    assert len(result.failed) == 9
    assert all(len(table_of(path)) == 15 for path in result.written)


def test_the_same_mosaic_twice(night: Path, model: Path, out: Path) -> None:
    frames = write_mosaics(night)
    for suffix in (".fits", ".cat"):
        shutil.copy(frames[0].with_suffix(suffix), night / f"copy{suffix}")
    with pytest.raises(InputError, match=r"\[1\]: has the field, CCD and time of"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    assert len(result.written) == 4
    assert len(result.failed) == CCDS
    assert result.total["asteroids"] == 9


def test_a_mosaic_without_a_catalogue(night: Path, model: Path, out: Path) -> None:
    write_mosaics(night)[0].with_suffix(".cat").unlink()
    with pytest.raises(InputError, match=r"M1\.fits: holds 3 CCDs and has no catalogue; expected .*M1\.cat"):
        classify([night], model, output=out)


def test_catalogues_in_a_folder_of_their_own_are_found_by_name(
    night: Path, model: Path, out: Path, tmp_path: Path
) -> None:
    frames = write_mosaics(night)
    beside = classify([night], model, output=out)
    found = tmp_path / "found"
    found.mkdir()
    for frame in frames:
        shutil.move(frame.with_suffix(".cat"), found)
    with pytest.raises(InputError, match=r"M1\.fits: holds 3 CCDs and has no catalogue; expected .* beside it"):
        classify([night], model, output=tmp_path / "other")
    result = classify([night], model, catalogues=found, output=tmp_path / "other")
    assert [path.name for path in result.written] == [path.name for path in beside.written]
    for one, other in zip(result.written, beside.written, strict=True):
        assert one.read_bytes() == other.read_bytes()

    # What is missing there, or there twice, is said, and costs only its own frame; of two catalogues both go on.
    (found / "M1.cat").unlink()
    shutil.copy(found / "M2.cat", found / "M2.ldac")
    with pytest.raises(InputError, match=rf"M1\.fits: holds 3 CCDs and has no catalogue; expected .* in {found}"):
        classify([night], model, catalogues=found, output=tmp_path / "third")
    result = classify([night], model, catalogues=found, output=tmp_path / "third", on_error="skip")
    assert [path.name for path in result.written] == ["M2.cat", "M2.ldac", "M3.cat"]
    assert result.failed == [frames[0], found / "M2.cat", found / "M2.ldac"]
    for wrong, message in (({"catalogue": found / "M3.cat"}, "give one of them"), ({}, "none: does not exist")):
        with pytest.raises(CeresFastError, match=message):
            classify([night], model, catalogues=found / "none", output=out, **wrong)


def test_rows_go_from_all_ccds(night: Path, model: Path, out: Path) -> None:
    write_mosaics(night)
    for path in classify([night], model, output=out, keep_above=0.5).written:
        read = read_catalogue(path)
        assert read.part.tolist() == [0, 1, 2]
        assert read.table["NUMBER"].tolist() == [ROWS] * CCDS


def test_other_formats_tell_the_ccds_apart(night: Path, model: Path, out: Path) -> None:
    write_mosaics(night)
    for path in classify([night], model, output=out, format="CSV").written:
        assert table_of(path)["EXT_NUMBER"].tolist() == np.repeat([1, 2, 3], ROWS).tolist()


def test_one_ccd_at_a_time_is_in_memory(night: Path, model: Path, out: Path) -> None:
    night.mkdir()
    side, ccds = 1200, 8
    for exposure in range(2):
        primary = fits.PrimaryHDU(header=fits.Header({"OBJECT": "F", "MJD-OBS": 60000.1 + exposure / 100}))
        noise = np.random.default_rng(exposure).normal(500, 3, (side, side)).astype(np.float32)
        images = [fits.ImageHDU(noise, name=f"C{part}") for part in range(ccds)]
        fits.HDUList([primary, *images]).writeto(night / f"M{exposure}.fits")
        table = catalogue(np.array([[100.0 + 100 * exposure, 60.0]]))
        write_tables([(table, fits.Header())] * ccds, night / f"M{exposure}.cat", "FITS_LDAC")
    classify([night], model, output=out)
    tracemalloc.start()
    classify([night], model, output=out, overwrite=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * noise.nbytes


def test_flags_that_the_classifier_rejects(
    night: Path, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = made_by(tmp_path / "strict", reject_flags=4 | 2)
    frames = write_field(night)
    for frame in frames:
        path = frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat"
        table = table_of(path)
        table["FLAGS"] = [4, 1, 0, 8, 16 + 2]
        write_table(table, path, "ASCII_HEAD")
    result = classify([night], model, output=out, keep_above=0.5)
    for path in result.written:
        table = table_of(path)
        assert table["NUMBER"].tolist() == [1, 5]
        assert np.isnan(table[PROBABILITY]).all()
        assert set(table[FLAGS]) == {REJECTED | NOT_SCORED}
    assert (result.total["rejected"], result.total["stationary"], result.total["asteroids"]) == (6, 9, 0)
    shown = capsys.readouterr()
    assert "flags" in shown.out
    assert "no picture" not in shown.err
    assert "reject_flags" in shown.err


def test_flags_are_asked_for_where_they_reject(night: Path, tmp_path: Path, out: Path) -> None:
    model = made_by(tmp_path / "strict", reject_flags=4)
    for frame in write_field(night):
        path = frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat"
        table = table_of(path)
        table.remove_column("FLAGS")
        write_table(table, path, "ASCII_HEAD")
    with pytest.raises(InputError, match=r"F0001-1\.cat: has no column FLAGS"):
        classify([night], model, output=out)


def test_columns_of_other_names(night: Path, model: Path, out: Path) -> None:
    for frame in write_field(night, table_format="CSV"):
        path = frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat"
        table = table_of(path)
        table.rename_columns(["X_IMAGE", "Y_IMAGE"], ["col", "row"])
        write_table(table, path, "CSV")
    with pytest.raises(InputError, match="has no positions"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, names=Names.parse("x=col,y=row"))
    assert result.total["asteroids"] == 3


def test_edges_are_those_of_the_ccd(night: Path, model: Path, out: Path) -> None:
    write_mosaics(night, exposures=1)
    (path,) = classify([night], model, output=out).written
    assert (table_of(path)[FLAGS].reshape(CCDS, ROWS)[:, 3] & PADDED).all()


def test_catalogues_of_the_real_program(night: Path, model: Path, out: Path, tmp_path: Path) -> None:
    """SExtractor's own files of a mosaic, in every format, and SExtractor's readers on what is written."""
    program = shutil.which("source-extractor")
    if program is None:
        pytest.skip("source-extractor (Debian's package) is not installed")
    (tmp_path / "p.param").write_text("NUMBER\nX_IMAGE\nY_IMAGE\nMAG_AUTO\nFLAGS\nEXT_NUMBER\nFLUX_APER(2)\n")
    frames = write_mosaics(night)
    found = set()
    for kind in ("FITS_LDAC", "FITS_1.0", "ASCII_HEAD", "ASCII_VOTABLE"):
        for frame in frames:
            options = f"-CATALOG_TYPE {kind} -CATALOG_NAME {frame.with_suffix('.cat')} -PARAMETERS_NAME p.param"
            more = "-FILTER N -VERBOSE_TYPE QUIET -PHOT_APERTURES 5,8 -DETECT_THRESH 10"
            command = [program, str(frame), "-c", "/dev/null", *options.split(), *more.split()]
            subprocess.run(command, check=True, cwd=tmp_path)
        result = classify([night], model, output=out / kind)
        assert result.total["asteroids"] == 9
        assert result.total["rows"] == 45
        found.add(tuple(result.total.items()))
        read = read_catalogue(result.written[0])
        assert read.part.tolist() == [int(number) - 1 for number in read.table["EXT_NUMBER"]]
    assert len(found) == 1
    assert PROBABILITY in Table.read(out / "ASCII_HEAD/M1.cat", format="ascii.sextractor").colnames
    assert PROBABILITY in Table.read(out / "FITS_LDAC/M1.cat", hdu=6).colnames


def test_a_table_with_more_probabilities_is_kept(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_mosaics(night)
    classify([night], model, output=out)
    before = (out / "M2.cat").read_bytes()
    with fits.open(frames[1], mode="update") as hdus:
        hdus[2].data[:] = 7  # a CCD that says nothing any more
    result = classify([night], model, output=out, on_error="skip", overwrite=True)
    assert (out / "M2.cat").read_bytes() == before
    assert out / "M2.cat" not in result.written
    assert f"{out / 'M2.cat'}: has more probabilities" in capsys.readouterr().err
    assert result.account.counts == {CLASSIFIED: 2, KEPT: 1}
    assert NOT_SCORED in table_of(classify([night], model, output=out / "new", on_error="skip").written[1])[FLAGS]


@pytest.mark.parametrize("table_format", FORMATS)
def test_what_is_dropped_is_beside_for_all_ccds(night: Path, model: Path, out: Path, table_format: str) -> None:
    write_mosaics(night, table_format)
    result = classify([night], model, output=out, keep_above=0.5)
    for name in ("M1", "M2", "M3"):
        before, kept, left_out = (
            read_catalogue(path) for path in (night / f"{name}.cat", out / f"{name}.cat", out / f"{name}.dropped.cat")
        )
        assert left_out.format == before.format
        np.testing.assert_array_equal(kept.part, range(CCDS))
        np.testing.assert_array_equal(left_out.part, np.repeat(range(CCDS), ROWS - 1))
        assert len(kept.headers) == len(left_out.headers) == len(before.headers)
    assert list(result.fields) == ["F0001, 2023-02-24"]
    assert result.fields["F0001, 2023-02-24"]["dropped: stationary"] == 36


def test_a_ccd_for_focus_is_not_scored(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for frame in write_mosaics(night):
        fits.setval(frame, "IMAGETYP", value="focus", ext=2)
    result = classify([night], model, output=out)
    assert result.status == 0
    assert result.account.counts == {CLASSIFIED: 3}
    for path in result.written:
        assert list(table_of(path)[FLAGS]) == OF_A_CCD + [NOT_SCORED] * ROWS + OF_A_CCD
    said = capsys.readouterr().err
    assert "3 frames not classified, and passed on with their catalogues unfiltered" in said
    assert "M1.fits[2] (IMAGETYP = 'focus')" in said
