"""What is dropped is kept beside the table, is in one of the two at any moment, and can be looked at before."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack

from ceres_fast.catalogues import FORMATS, find_catalogue, read_catalogue
from ceres_fast.classify import classify
from ceres_fast.classify.account import CLASSIFIED, PASSED_ON
from ceres_fast.classify.outputs import dropped_path, scored_rows, write_divided
from ceres_fast.classify.scores import FLAGS, PROBABILITY, STATIONARY
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.selection.rules import Rules

from ..survey_files import write_field
from ..tiny_models import classifier, peak_model, written


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    point = {"threshold": 0.5, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
    made = classifier(rules=Rules().as_dict(), threshold=0.5, operating_point=point)
    return written(folder, peak_model(classifier_json=made.to_json()))


@pytest.fixture
def stamps(tmp_path: Path) -> Path:
    """Stamps whose peaks give probabilities from about 0 to 1."""
    folder = tmp_path / "stamps"
    folder.mkdir()
    y, x = np.mgrid[-16:16, -16:16]
    for number, peak in enumerate([5, 20, 60, 120, 400]):
        pixels = 1000 + peak * np.exp(-(x**2 + y**2) / 4)
        fits.writeto(folder / f"s{number}.fits", pixels.astype(np.float32))
    return folder


def table_of(path: Path) -> Table:
    return read_catalogue(path).table


def tables(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("a.cat", "a.dropped.cat"),
        ("a.b-1.CSV", "a.b-1.dropped.CSV"),
        ("a.cat.fits", "a.dropped.cat.fits"),
        ("a.txt", "a.dropped.txt"),
        ("a", "a.dropped"),
    ],
)
def test_its_name(name: str, dropped: str) -> None:
    assert dropped_path(Path("x") / name) == Path("x") / dropped


@pytest.mark.parametrize("table_format", FORMATS)
@pytest.mark.parametrize("options", [{"drop": True}, {"keep_above": 0.5}])
def test_what_is_dropped_is_beside_in_the_same_format(
    night: Path, model: Path, out: Path, table_format: str, options: dict
) -> None:
    write_field(night, table_format=table_format)
    classify([night], model, output=out.with_name("whole"))
    for path in classify([night], model, output=out, **options).written:
        beside = dropped_path(path)
        assert read_catalogue(beside).format == table_format
        assert list(table_of(path)["NUMBER"]) == [5]
        assert list(table_of(beside)["NUMBER"]) == [1, 2, 3, 4]
        assert list(table_of(beside)[FLAGS]) == [STATIONARY] * 4
        whole = table_of(out.with_name("whole") / path.relative_to(out))
        together = vstack([table_of(beside), table_of(path)], metadata_conflicts="silent")
        assert together.pformat() == whole.pformat()
        assert find_catalogue(path.with_suffix(".fits")) == path


def test_what_is_dropped_of_stamps(stamps: Path, model: Path, out: Path) -> None:
    classify([stamps], model, output=out, keep_above=0.5)
    kept, dropped = table_of(out / "stamps.csv"), table_of(out / "stamps.dropped.csv")
    assert (kept[PROBABILITY] >= 0.5).all()
    assert (dropped[PROBABILITY] < 0.5).all()
    assert sorted(Path(name).name for name in [*kept["file"], *dropped["file"]]) == [f"s{n}.fits" for n in range(5)]
    assert len(kept) > 0
    assert len(dropped) > 0


def test_discarded_is_discarded(night: Path, stamps: Path, model: Path, out: Path) -> None:
    write_field(night)
    result = classify([night, stamps], model, output=out, keep_above=0.5, discard=True)
    assert sorted(path for path in out.rglob("*") if path.is_file()) == sorted(result.written)
    with pytest.raises(CeresFastError, match="--discard is about rows that are left out"):
        classify([night], model, output=out.with_name("other"), discard=True)


@pytest.mark.parametrize("options", [{}, {"keep_above": 0.5, "discard": True}])
def test_what_an_earlier_run_dropped_does_not_stay_beside_another_table(
    night: Path, model: Path, out: Path, options: dict
) -> None:
    write_field(night)
    classify([night], model, output=out, keep_above=1.0)
    classify([night], model, output=out, overwrite=True, **options)
    assert not list(out.rglob("*dropped*"))
    expected = out.with_name("expected")
    classify([night], model, output=expected, **options)
    assert tables(out) == tables(expected)


def test_dropped_again_by_another_limit(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    classify([night], model, output=out, keep_above=1.0)
    before = tables(out)
    with pytest.raises(CeresFastError, match="exists already"):
        classify([night], model, output=out, keep_above=0.5)
    assert tables(out) == before
    classify([night], model, output=out, keep_above=0.5, overwrite=True)
    classify([night], model, output=out.with_name("expected"), keep_above=0.5)
    assert tables(out) == tables(out.with_name("expected")) != before


def test_a_dropped_file_alone_is_not_overwritten_unasked(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    for path in classify([night], model, output=out, keep_above=0.5).written:
        path.unlink()
    with pytest.raises(CeresFastError, match=r"F0001-1\.dropped\.cat \(and 2 more\): exists already"):
        classify([night], model, output=out)


def test_what_was_dropped_is_never_classified(night: Path, model: Path, out: Path, tmp_path: Path) -> None:
    frames = write_field(night)
    written = classify([night], model, output=out, keep_above=0.5).written
    for path in written:
        for folder in (frames[0].parent, night / "F0001" / "sextractor_cat"):
            shutil.copy(dropped_path(path), folder)
    result = classify([night], model, output=tmp_path / "again")
    assert result.account.counts == {CLASSIFIED: 3}
    assert result.total["rows"] == 15
    with pytest.raises(CeresFastError, match="no frames found"):
        classify([out], model, output=tmp_path / "of its output")
    for frame, path in zip(frames, written, strict=True):
        shutil.copy(frame, path.parent)
    with pytest.raises(InputError, match=r"F0001-1\.cat: has a column CERES_FLAGS already"):
        classify([out], model, output=tmp_path / "of its output")
    result = classify([out], model, output=tmp_path / "of its output", on_error="skip")
    assert result.account.counts == {PASSED_ON: 3}
    assert result.total["rows"] == 3


def test_a_table_with_its_dropped_rows_is_a_table_of_the_catalogue(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    path = classify([night], model, output=out, keep_above=1.0).written[0]
    catalogue = night / "F0001" / "sextractor_cat" / "F0001-1.cat"
    os.utime(path, (1, 1))
    assert scored_rows(path, catalogue) == 5
    dropped_path(path).unlink()
    assert scored_rows(path, catalogue) == 0  # nobody knows of which detections
    os.utime(catalogue, (0, 0))
    assert scored_rows(path, catalogue) == len(table_of(path))


def test_a_dry_run_says_why_and_writes_nothing(
    night: Path, stamps: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night / "a", field="F0001")
    write_field(night / "b", field="F0002")
    result = classify([night, stamps], model, output=out, drop=True, dry_run=True)
    assert result.written == []
    assert not out.exists()
    said = capsys.readouterr().out
    lines = [line.strip("│").split("│") for line in said[said.index("Would be") :].splitlines() if line[0] == "│"]
    rows = {(field.strip(), why.strip()): int(count) for field, why, count in lines}
    for field in ("F0001, 2023-02-24", "F0002, 2023-02-24"):
        there = {why: count for (name, why), count in rows.items() if name == field}
        assert there == {"dropped: stationary": 12, "kept: P ≥ 0.5": 3}
    below, above = rows["stamps", "dropped: P < 0.5"], rows["stamps", "kept: P ≥ 0.5"]
    assert (below > 0, above > 0, below + above) == (True, True, 5)
    everything = {why: count for (name, why), count in rows.items() if name == "all 3"}
    assert everything == {"dropped: stationary": 24, "dropped: P < 0.5": below, "kept: P ≥ 0.5": above + 6}
    assert "nothing is written" in said
    real = classify([night, stamps], model, output=out, drop=True)
    assert real.total["rows"] - real.total["written"] == 24 + below
    before = tables(out)
    classify([night, stamps], model, output=out, drop=True, dry_run=True)  # what is there is no hindrance
    assert tables(out) == before


def test_a_dry_run_of_what_drops_nothing(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night)
    frames[0].write_bytes(b"")
    result = classify([night], model, output=out, dry_run=True, on_error="skip")
    assert "no row would be dropped: without --drop or --keep-above" in capsys.readouterr().out
    assert result.failed == [frames[0]]
    assert not out.exists()


def test_a_dry_run_says_what_stays_because_it_was_not_scored(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    frames[0].write_bytes(b"")
    fields = classify([night], model, output=out, dry_run=True, on_error="skip", keep_above=0.5).fields
    assert fields["F0001-1.fits"]["kept: no P"] == 5
    assert fields["F0001, 2023-02-24"]["dropped: stationary"] == 8


KILLED = """
import os, signal, sys
from pathlib import Path
from ceres_fast import files
from ceres_fast.classify import classify

replace, count = Path.replace, 0

def replace_and_die(path, target):
    global count
    count += 1
    replace(path, target)
    if count == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

Path.replace = replace_and_die
files.Path.unlink = lambda path, missing_ok=False: os.kill(os.getpid(), signal.SIGKILL) if "dropped" in path.name and (
    not path.name.startswith(".")) else path.exists() and os.unlink(path)
options = eval(sys.argv[5])
classify([Path(sys.argv[1])], Path(sys.argv[2]), output=Path(sys.argv[3]), overwrite=True, **options)
"""


@pytest.mark.parametrize(
    ("before", "options", "kill"),
    [
        *(({"keep_above": 0.9}, {"keep_above": 0.1}, kill) for kill in (1, 2, 3)),
        *(({"keep_above": 0.1}, {"keep_above": 0.9}, kill) for kill in (1, 2, 3)),
        *((None, {"keep_above": 0.5}, kill) for kill in (1, 2)),
        *(({"keep_above": 0.9}, {}, kill) for kill in (1, 99)),
        *(({}, {"keep_above": 0.9}, kill) for kill in (1, 2)),
    ],
)
def test_killed_at_any_moment_every_row_is_somewhere(
    stamps: Path, model: Path, out: Path, before: dict | None, options: dict, kill: int
) -> None:
    if before is not None:
        classify([stamps], model, output=out, **before)
    command = [sys.executable, "-c", KILLED, stamps, model, out, str(kill), repr(options)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    there = {Path(name).name for path in out.glob("stamps*.csv") for name in table_of(path)["file"]}
    if before is not None or kill > 1:
        assert there == {f"s{number}.fits" for number in range(5)}
    else:  # nothing was there before, and the table is not there yet
        assert [path.name for path in out.glob("stamps*.csv")] == ["stamps.dropped.csv"]
    classify([stamps], model, output=out, overwrite=True, **options)
    classify([stamps], model, output=out.with_name("expected"), **options)
    left = {name: content for name, content in tables(out).items() if not name.startswith(".")}
    assert left == tables(out.with_name("expected"))


def test_an_error_in_the_second_file_loses_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    there: dict[str, list[bool]] = {}

    def write(path: Path, rows: np.ndarray | None) -> None:
        if path == target and there:
            raise OSError(28, "full")
        there[path.name] = [True] * 2 if rows is None else rows.tolist()

    with pytest.raises(OSError, match="full"):
        write_divided(write, target, np.array([True, False]))
    assert there == {"a.dropped.csv": [False, True]}
