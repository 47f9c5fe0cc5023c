"""Machines, disks and names of files on which something was lost, or a command ended in a traceback."""

# ruff: noqa: F811 - fixtures that are imported are arguments of tests

import os
import re
import shutil
import signal
import sys
from importlib import import_module
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from ceres_fast import console
from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify import classify
from ceres_fast.classify.scores import PROBABILITY
from ceres_fast.cli import app, main
from ceres_fast.detect import detect_frames
from ceres_fast.errors import InputError
from ceres_fast.file_names import on_disk
from ceres_fast.look import look
from ceres_fast.machine.interrupts import SIGNALS, Stopped, stoppable

from ..classify.conftest import KEEP_ALL, night, out, table_of  # noqa: F401 - fixtures
from ..survey_files import write_field, write_stamp
from ..tiny_models import classifier, peak_model, written

HOSTILE = [
    b"caf\xe9",
    "café".encode(),
    "cafe\u0301".encode(),
    b"a\nb\r",
    b"\x1b[31m\x7f",
    "a\u2028b\u0085".encode(),
    rb"a\xe9",
    b" a ",
    b"#a",
    b"a,b;c",
    b"\"a'",
    b"-rf",
    b"%41%s{0}",
    b"a[1]*?",
    b"~root$HOME",
    b"nan",
    b"L" * 250,
    "é".encode() * 125,
    b"dot.",
]
"""Stems of names that a disk holds."""


@pytest.fixture
def model(tmp_path):
    """A classifier whose rules call nothing stationary: nothing is measured of what that costs, which takes long."""
    (tmp_path / "model").mkdir()
    return written(tmp_path / "model", peak_model(classifier_json=classifier(rules=KEEP_ALL).to_json()))


def rename(path: Path, stem: bytes) -> Path:
    """Give a file another stem."""
    return path.rename(path.with_name(os.fsdecode(stem) + path.suffix))


# Case 10, names that are not UTF-8 (arsenetar/dupeguru 210, pandas 22610), and others that no text holds.


@pytest.mark.parametrize("table_format", ["CSV", "ECSV"])
def test_a_row_for_every_stamp_whatever_it_is_called(tmp_path, model, table_format):
    image = np.random.default_rng(0).normal(100, 10, (32, 32)).astype(np.float32)
    folder = tmp_path / os.fsdecode(b"n\xe9")
    for number, stem in enumerate(HOSTILE):
        rename(write_stamp(folder / f"{number}.fits", image), stem)
    (folder / os.fsdecode(b"broken\xff.fits")).write_bytes(b"")
    target = tmp_path / f"o.{table_format.lower()}"
    result = classify([folder], model, output=target, on_error="skip")
    assert (result.total["rows"], result.total["not_scored"]) == (len(HOSTILE) + 1, 1)
    listed = {on_disk(str(each)) for each in read_catalogue(target).table["file"]}
    assert listed == {file.as_posix() for file in folder.iterdir()}
    assert len(target.read_text(encoding="utf-8").splitlines()) > len(HOSTILE)
    # What an earlier run has scored is known again by these names, and is better than what can be had now.
    for file in folder.iterdir():
        file.write_bytes(b"")
        os.utime(file, ns=(0, 0))
    classify([folder], model, output=target, on_error="skip", overwrite=True)
    assert np.isfinite(read_catalogue(target).table[PROBABILITY]).sum() == len(HOSTILE)


def test_a_stamp_that_cannot_be_read_is_named_in_one_line(tmp_path, model, out):
    bad = tmp_path / os.fsdecode(b"n\nn") / os.fsdecode(b"caf\xe9.fits")
    write_stamp(bad, np.zeros((32, 32), np.float32))
    with pytest.raises(InputError, match=re.escape(r"n\x0an/caf\xe9.fits: every pixel is 0")) as error:
        classify([bad], model, output=out)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("table_format", [None, "CSV", "ECSV"])
def test_frames_and_catalogues_whatever_they_are_called(tmp_path, model, out, table_format):
    field = tmp_path / os.fsdecode(b"f\xe9 [1]\n")
    for start in range(0, len(HOSTILE), 4):
        for stem, frame in zip(HOSTILE[start : start + 4], write_field(field, 4, field=f"F{start}"), strict=False):
            rename(frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat", stem)
            rename(frame, stem)
    for frame in field.glob("*/resamp/F*"):  # exposures for which no name was left
        (frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat").unlink()
        frame.unlink()
    result = classify([field], model, output=out, format=table_format, keep_above=0.5)
    assert len(result.written) == len(HOSTILE)
    assert result.total["rows"] == 5 * len(HOSTILE)
    left = [read_catalogue(path) for path in out.rglob("*") if path.is_file()]
    assert len(left) == 2 * len(HOSTILE)
    assert sum(len(each.table) for each in left) == 5 * len(HOSTILE)


def test_other_commands_read_and_write_them(tmp_path, monkeypatch):
    field = tmp_path / os.fsdecode(b"f\xe9\n")
    frames = [rename(each, stem) for each, stem in zip(write_field(field, 4), HOSTILE[:1] + HOSTILE[-3:], strict=True)]
    shutil.rmtree(field / "F0001" / "sextractor_cat")
    monkeypatch.setattr(console, "_printed", set())
    assert [each.stem for each in detect_frames([field])] == [each.stem for each in sorted(frames)]
    look([field], png=tmp_path / "pictures")
    assert list((tmp_path / "pictures").rglob("*.png"))


def test_a_name_that_no_disk_holds_is_said_in_one_line(tmp_path, model, capsys, monkeypatch):
    write_stamp(tmp_path / "a.fits", np.eye(32, dtype=np.float32))
    long = f"{tmp_path}/{'é' * 150}\n"
    monkeypatch.setattr(sys, "argv", ["ceres-fast", "classify", str(tmp_path), "--model", str(model), "--output", long])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: .*é\\x0a(/stamps\.csv)?: File name too long\.", said[-1])
    assert "Traceback" not in " ".join(said)


# Case 13, tables and help on narrow screens and in pipes (jainal09/envdrift 439).


@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_summary_has_all_numbers_on_any_screen(night, model, out, width, capsys, monkeypatch):
    frames = write_field(night, field="a_field_with_a_long_name")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(console.console, "_width", None)
    classify([night], model, output=out)
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "…" not in printed
    for frame in frames:
        assert frame.name in printed
    assert printed.count("15") >= 2  # rows and written


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("command", ["build-records", "train", "classify", "export"])
def test_help_is_whole_on_any_screen(command, width):
    printed = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": str(width)}).output
    assert "…" not in printed
    assert not re.search(r"\.\.\.(?!$|\n| |\])", printed)
    if command in ("build-records", "classify"):
        assert "x=XPOS,y=YPOS,ra=RA,dec=DEC,magnitude=MAG,flags=FLAGS,width=FWHM" in printed
    too_long = {line.strip() for line in printed.splitlines() if len(line) > width}
    assert {each for each in too_long if " " in each and not each.startswith(("--", "Usage:"))} == set()


# Case 03, a frame whose file has lost its image (spacetelescope/astrocut 141, lemon 49).


def lose_image(path, how):
    """Leave the header of a file only."""
    header = fits.getheader(path)
    match how:
        case "header":
            for name in ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"):
                header.pop(name, None)
            fits.PrimaryHDU(None, header).writeto(path, overwrite=True)
        case "bare":
            fits.PrimaryHDU().writeto(path, overwrite=True)
        case "table":
            columns = [fits.Column("a", "J", array=np.arange(3))]
            fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path, overwrite=True)
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("how", ["header", "bare", "table", "empty", "cut"])
@pytest.mark.parametrize("named", [False, True])
def test_a_frame_that_has_lost_its_image_loses_no_row(night, model, out, how, named):
    frames = write_field(night)
    lose_image(frames[1], how)
    inputs = frames if named else [night]
    with pytest.raises(InputError, match=r"F0001-2\.(fits|cat): "):
        classify(inputs, model, output=out)
    result = classify(inputs, model, output=out, on_error="skip", overwrite=True)
    assert result.status == 3
    assert [path.stem for path in result.failed] == ["F0001-2"]
    assert [len(table_of(path)) for path in sorted(out.rglob("*.cat"))] == [5, 5, 5]


@pytest.mark.parametrize("how", ["header", "bare", "empty", "cut"])
def test_a_stamp_that_has_lost_its_image_has_a_row(tmp_path, model, how):
    image = np.random.default_rng(0).normal(100, 10, (32, 32)).astype(np.float32)
    stamps = [write_stamp(tmp_path / "stamps" / f"{name}.fits", image) for name in "abc"]
    lose_image(stamps[1], how)
    with pytest.raises(InputError, match=r"b\.fits"):
        classify([tmp_path / "stamps"], model, output=tmp_path / "o.csv")
    classify([tmp_path / "stamps"], model, output=tmp_path / "o.csv", on_error="skip")
    probabilities = read_catalogue(tmp_path / "o.csv").table[PROBABILITY]
    assert np.isnan(probabilities).tolist() == [False, True, False]


# Interrupts at any time: what is written is said, and nothing is half.


@pytest.fixture
def handlers():
    """Signals as a program has them that starts in the foreground."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def stop_at(monkeypatch, place, call, number):
    """Send a signal at the n-th call of a function."""
    module, name = place.rsplit(".", 1)
    of, calls = import_module(module), count(1)
    whole = getattr(of, name)

    def counted(*arguments, **options):
        if next(calls) == call:
            os.kill(os.getpid(), number)
        return whole(*arguments, **options)

    monkeypatch.setattr(of, name, counted)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("number", "on_error"), [(signal.SIGINT, "stop"), (signal.SIGTERM, "skip")])
@pytest.mark.parametrize(
    ("place", "call", "files"),
    [
        ("ceres_fast.classify.inputs.read_headers", 2, 0),
        ("ceres_fast.classify.exposures.cut_stamps", 2, 0),  # what moves is judged when its whole field is scored
        ("ceres_fast.classify.exposures.score", 3, 0),
        ("ceres_fast.files.sync", 1, 0),
        ("ceres_fast.files.sync", 3, 1),
        ("ceres_fast.classify.account.say", 1, 3),
    ],
)
def test_a_stopped_classify_says_what_is_written(
    night,
    model,
    out,
    place,
    call,
    files,
    number,
    on_error,
    monkeypatch,
    capsys,
):
    write_field(night)
    stop_at(monkeypatch, place, call, number)
    with pytest.raises(Stopped) as stopped, stoppable():
        classify([night], model, output=out, on_error=on_error)
    assert stopped.value.code == 128 + number
    there = [path for path in out.rglob("*") if path.is_file()]
    assert len(there) == files
    assert all(len(table_of(path)) == 5 for path in there)
    said = capsys.readouterr().err.splitlines()[-1]
    expected = f"{files} of 3 tables are written in {out}" if files else "none of 3 tables is written"
    if "read_headers" in place:
        expected = "nothing is written"
    assert f"stopped; {expected}" in said
    assert ("not written: " in said) == (0 < files < 3)
    # The same again, with what is there replaced, gives what an undisturbed run gives.
    monkeypatch.undo()
    assert len(classify([night], model, output=out, overwrite=True).written) == 3


@pytest.mark.usefixtures("handlers")
def test_a_stopped_table_of_stamps_is_not_written(tmp_path, model, out, monkeypatch, capsys):
    image = np.random.default_rng(0).normal(100, 10, (32, 32)).astype(np.float32)
    for name in "abc":
        write_stamp(tmp_path / "stamps" / f"{name}.fits", image)
    stop_at(monkeypatch, "ceres_fast.classify.stamp_files.read_stamp", 2, signal.SIGTERM)
    with pytest.raises(Stopped), stoppable():
        classify([tmp_path / "stamps"], model, output=out)
    assert capsys.readouterr().err.endswith("warning: stopped; none of 1 tables is written\n")
    assert not out.exists()


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_stopped_detect_says_what_is_written(tmp_path, workers, monkeypatch, capsys):
    write_field(tmp_path / "night")
    shutil.rmtree(tmp_path / "night" / "F0001" / "sextractor_cat")

    def tracked(targets, _):
        yield targets[0]
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(import_module("ceres_fast.detect.core"), "track", tracked)
    with pytest.raises(Stopped), stoppable():
        detect_frames([tmp_path / "night"], workers=workers)
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"stopped; [123] of 3 catalogues are written in .*: F0001-1\.cat", said)
