"""Every file in a folder is classified, passed on or left out for a reason, and the sum is checked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import FORMATS, SUFFIXES, read_catalogue, write_table
from ceres_fast.classify import classify
from ceres_fast.classify.account import CLASSIFIED, KEPT, NO_CATALOGUE, PASSED_ON, SAME_CATALOGUE, UNREADABLE, Account
from ceres_fast.classify.catalogue_job import CatalogueJob
from ceres_fast.classify.outputs import scored_rows
from ceres_fast.classify.scores import FLAGS, NOT_SCORED, PROBABILITY
from ceres_fast.errors import InputError
from ceres_fast.frames.reading import PASSED_OVER

from ..survey_files import STARS, catalogue, header, pixels, write_field, write_stamp


def lose_image(frame: Path) -> None:
    """Leave the header of a frame's file and nothing else."""
    head = fits.getheader(frame)
    for name in ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"):
        head.pop(name, None)
    fits.PrimaryHDU(None, head).writeto(frame, overwrite=True)


def place(out: Path, number: int) -> Path:
    return out / "F0001" / "sextractor_cat" / f"F0001-{number}.cat"


def test_a_frame_that_lost_its_image_is_passed_on(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night)
    lose_image(frames[1])
    with pytest.raises(InputError, match=r"F0001-2\.fits: has no two-dimensional image"):
        classify([night], model, output=out)
    assert not out.exists()
    result = classify([night], model, output=out, on_error="skip")
    assert result.failed == [frames[1]]
    table = read_catalogue(place(out, 2)).table
    assert len(table) == 5
    assert set(table[FLAGS]) == {NOT_SCORED}
    assert read_catalogue(place(out, 1)).table[PROBABILITY][4] > 0.99
    assert "files found: 3 = 2 classified + 1 passed on unfiltered + 0 left out\n" in capsys.readouterr().out


def test_a_stamp_without_an_image_has_a_row(night: Path, model: Path, out: Path) -> None:
    write_stamp(night / "a.fits", pixels(STARS, 0)[44:76, 44:76])
    lose_image(write_stamp(night / "b.fits", pixels(STARS, 0)[44:76, 44:76]))
    with pytest.raises(InputError, match=r"b\.fits: has no image"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    table = read_catalogue(out / "stamps.csv").table
    assert [Path(name).name for name in table["file"]] == ["a.fits", "b.fits"]
    assert np.isfinite(table[PROBABILITY]).tolist() == [True, False]
    assert result.account.counts == {CLASSIFIED: 1, PASSED_ON: 1}


def test_what_is_left_out_is_counted_by_reason(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night)
    write_stamp(night / "stamp.fits", pixels(STARS, 0)[44:76, 44:76])
    folder = frames[0].parent
    for name in ("F0001-1.weight.fits", "F0001-1_mask.fits", ".F0001-4.fits", "F0009-1.fits"):
        fits.PrimaryHDU(pixels(STARS, 0), header(0)).writeto(folder / name)
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(Table({"RA": [1.0]}))]).writeto(folder / "gaia.fits")
    (folder / "link.fits").symlink_to(frames[0])
    frames[0].with_suffix(".fit").write_bytes(frames[0].read_bytes())
    account = classify([night], model, output=out, on_error="skip").account
    assert account.counts == {
        CLASSIFIED: 4,
        NO_CATALOGUE: 1,
        SAME_CATALOGUE: 1,
        PASSED_OVER["map"]: 2,
        PASSED_OVER["hidden"]: 1,
        PASSED_OVER["table"]: 1,
        PASSED_OVER["again"]: 1,
    }
    said = capsys.readouterr().out
    assert "files found: 11 = 4 classified + 7 left out (1 FITS tables, 1 hidden, 1 other names of" in said


@pytest.mark.parametrize("table_format", FORMATS)
@pytest.mark.parametrize("beside", [False, True])
def test_the_catalogue_of_a_frame_that_is_not_there(
    night: Path, model: Path, out: Path, table_format: str, beside: bool
) -> None:
    frames = write_field(night, table_format=table_format)
    frames[2].unlink()
    orphan = night / "F0001" / "sextractor_cat" / "F0001-3.cat"
    if beside:
        orphan = orphan.rename(frames[0].with_name(f"F0001-3{SUFFIXES[table_format]}"))
    with pytest.raises(
        InputError, match=rf"{orphan.name}: is the catalogue of a frame that is not there.*F0001-3\.fits"
    ):
        classify([night], model, output=out)
    assert not out.exists()
    result = classify([night], model, output=out, on_error="skip")
    assert result.failed == [orphan]
    assert result.account.counts == {CLASSIFIED: 2, PASSED_ON: 1}
    table = read_catalogue(out / orphan.relative_to(night))
    assert table.format == table_format
    assert list(table.table[FLAGS]) == [NOT_SCORED] * 5


def test_other_tables_are_no_catalogues_of_frames(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    places = catalogue(STARS)
    for path in (night / "asteroids.csv", night / "notes" / "F0009-1.cat"):  # not where catalogues are looked for
        path.parent.mkdir(exist_ok=True)
        write_table(places, path, "CSV")
    beside = frames[0].parent
    write_table(Table({"ra": [1.0], "dec": [2.0]}), beside / "gaia.csv", "CSV")
    write_table(places, beside / "F0001-1.csv", "CSV")  # the second catalogue of a frame that is there
    write_table(places, beside / ".F0009-2.csv", "CSV")
    (beside / "notes.xml").write_text("<notes/>")
    (beside / "empty.cat").touch()
    classify([night], model, output=night / "classified")
    for options in ({}, {"keep_above": 0.5}):  # its own tables are none either
        result = classify([night], model, output=night / "classified", overwrite=True, **options)
        assert result.account.counts == {CLASSIFIED: 3}


def test_a_folder_that_cannot_be_read_is_no_success(
    night: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_field(night)
    (night / "closed").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match=r"closed: cannot be read \(Permission denied\)"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    assert result.failed == [night / "closed"]
    assert result.account.counts == {CLASSIFIED: 3, UNREADABLE: 1}


def test_a_link_that_leads_nowhere_is_a_frame_that_cannot_be_read(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    frames[1].unlink()
    frames[1].symlink_to(night / "archive" / "F0001-2.fits")
    with pytest.raises(InputError, match=r"F0001-2\.fits: does not exist"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    assert result.account.counts == {CLASSIFIED: 2, PASSED_ON: 1}


def test_a_link_to_itself_is_a_frame_that_cannot_be_read(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    frames[1].unlink()
    frames[1].symlink_to(frames[1])
    result = classify([night], model, output=out, on_error="skip")
    assert result.account.counts == {CLASSIFIED: 2, PASSED_ON: 1}


@pytest.mark.parametrize("table_format", FORMATS)
def test_a_good_table_of_an_earlier_run_is_kept_in_every_format(
    night: Path, model: Path, out: Path, table_format: str
) -> None:
    frames = write_field(night, table_format=table_format)
    classify([night], model, output=out)
    before = place(out, 1).read_bytes()
    assert scored_rows(place(out, 1), night / "F0001" / "sextractor_cat" / "F0001-1.cat") == 5
    lose_image(frames[0])
    result = classify([night], model, output=out, on_error="skip", overwrite=True)
    assert result.account.counts == {CLASSIFIED: 2, KEPT: 1}
    assert place(out, 1).read_bytes() == before
    unscored = classify([night], model, output=out.with_name("other"), on_error="skip").written[0]
    assert scored_rows(unscored, night / "F0001" / "sextractor_cat" / "F0001-1.cat") == 0


def test_a_good_table_of_an_earlier_run_is_kept(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night)
    classify([night], model, output=out)
    before = {path: path.read_bytes() for path in out.rglob("*.cat")}
    lose_image(frames[0])
    lose_image(frames[1])
    changed = night / "F0001" / "sextractor_cat" / "F0001-2.cat"
    changed.write_text(changed.read_text().replace("60.0", "61.0"))
    result = classify([night], model, output=out, on_error="skip", overwrite=True)
    assert result.failed == frames[:2]
    assert result.account.counts == {CLASSIFIED: 1, KEPT: 1, PASSED_ON: 1}
    assert place(out, 1).read_bytes() == before[place(out, 1)]
    assert np.isnan(read_catalogue(place(out, 2)).table[PROBABILITY]).all()  # that table was of other detections
    assert f"{place(out, 1)}, as an earlier run classified it, is kept" in capsys.readouterr().err


@pytest.mark.parametrize("limit", [{}, {"keep_above": 0.5}])
def test_a_good_table_of_stamps_is_kept(
    night: Path, model: Path, out: Path, limit: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write_stamp(night / f"{n}.fits", pixels(STARS, n)[44:76, 44 + 9 * n : 76 + 9 * n]) for n in range(3)]
    classify([night], model, output=out, **limit)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    times = files[1].stat()
    content = files[1].read_bytes()
    files[1].write_bytes(b"")  # the disk does not give it this time
    os.utime(files[1], ns=(times.st_atime_ns, times.st_mtime_ns))
    result = classify([night], model, output=out, on_error="skip", overwrite=True, **limit)
    assert (result.written, result.failed) == ([], [files[1]])
    assert result.account.counts == {KEPT: 3}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert "as an earlier run classified these stamps, and is kept" in capsys.readouterr().err
    files[1].write_bytes(content[:4000])  # another file from now on
    os.utime(files[1], (4e9, 4e9))
    result = classify([night], model, output=out, on_error="skip", overwrite=True, **limit)
    assert result.account.counts == {CLASSIFIED: 2, PASSED_ON: 1}
    assert {path.name: path.read_bytes() for path in out.iterdir()} != before


def test_a_wrong_sum_is_said_after_all_is_written(
    night: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = write_field(night)
    end = CatalogueJob._finish
    monkeypatch.setattr(CatalogueJob, "_finish", lambda job, *rest: None if job.frame == frames[2] else end(job, *rest))
    with pytest.raises(AssertionError, match=r"fault of ceres-fast.*what became of \['.*F0001-3\.fits'\]"):
        classify([night], model, output=out)
    assert len(list(out.rglob("*.cat"))) == 3


def test_an_account_with_two_fates_of_a_file_is_wrong() -> None:
    account = Account()
    account.found.update([Path("a"), Path("b")])
    account.put(Path("a"), CLASSIFIED)
    account.put(Path("b"), PASSED_ON)
    account.check()
    account.put(Path("b"), CLASSIFIED)
    with pytest.raises(AssertionError, match="'b'"):
        account.check()
