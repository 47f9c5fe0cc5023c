"""Parts: made once, whole or not at all, and made again when anything they depend on has changed."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.catalogues import Names
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import sha256_of
from ceres_fast.machine.scheduler import Workers
from ceres_fast.records import parts
from ceres_fast.records.parts import (
    ABOUT,
    PARTS,
    RECORDS,
    STAMPS,
    TABLE,
    PartMaker,
    clear_others,
    partial_folder,
    read_part,
    read_table,
)
from ceres_fast.records.sources import find_sources
from ceres_fast.records.units import Choice, SourceFile, Unit
from ceres_fast.selection.rules import Rules

HOLDS = """
import sys, time
from pathlib import Path
from ceres_fast.records.parts import partial_folder

with partial_folder(Path(sys.argv[1])) as folder:
    (folder / "parts" / "a").mkdir()
    print("locked", flush=True)
    time.sleep(600)
"""


def test_it_is_there_during_the_build_and_gone_after(tmp_path):
    with partial_folder(tmp_path / "new" / "out") as folder:
        assert folder == tmp_path / "new" / ".out.partial"
        assert {file.name for file in folder.iterdir()} == {"lock", "parts", "plans", "records"}
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("parts", [True, False])
def test_after_an_error_it_stays_where_parts_are_in_it(tmp_path, capsys, parts):
    with pytest.raises(KeyboardInterrupt), partial_folder(tmp_path / "out") as folder:
        (folder / RECORDS / "half").touch()
        if parts:
            (folder / PARTS / "a").mkdir()
        raise KeyboardInterrupt
    assert folder.exists() is parts
    assert ("goes on from it" in capsys.readouterr().err) is parts
    with partial_folder(tmp_path / "out") as folder:
        assert (folder / PARTS / "a").exists() is parts
        assert list((folder / RECORDS).iterdir()) == []


def test_a_second_build_is_refused_until_the_first_is_killed(tmp_path):
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        with (
            pytest.raises(CeresFastError, match=rf"out: is being written by process {process.pid} on"),
            partial_folder(tmp_path / "out"),
        ):
            pass
        process.send_signal(signal.SIGKILL)
    with partial_folder(tmp_path / "out") as folder:
        assert (folder / PARTS / "a").is_dir()


def test_another_place_is_another_build(tmp_path):
    with partial_folder(tmp_path / "one"), partial_folder(tmp_path / "two"):
        assert len(list(tmp_path.iterdir())) == 2


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CeresFastError, match="cannot be written"), partial_folder(tmp_path / "file" / "out"):
        pass


def test_the_lock_is_not_inherited(tmp_path):
    with partial_folder(tmp_path / "out"):
        holding = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with partial_folder(tmp_path / "out"):
            assert [file.name for file in tmp_path.iterdir()] == [".out.partial"]
    finally:
        holding.kill()
        holding.wait()


CHOICE = Choice((), Rules(), "stop", "error")


@pytest.fixture
def sources(class_folders, tmp_path):
    return Path(shutil.copytree(class_folders, tmp_path / "sources"))


@pytest.fixture
def make(tmp_path):
    (tmp_path / "parts").mkdir()
    return PartMaker(tmp_path / "parts", CHOICE)


def unit_of(folder):
    (source,) = find_sources([folder], None)
    (unit,) = source.units(CHOICE, Workers())
    return unit


def made(make, folder):
    unit = unit_of(folder)
    return make((unit, make.key(unit)))


def test_links_keep_their_places_in_the_folder(make, sources, tmp_path):
    """Two links may lead to files of one name, size and time, which would be taken for one."""
    stored = [file.rename(tmp_path / file.name) for file in sorted((sources / "asteroid").iterdir())]
    (sources / "asteroid" / "night").mkdir()
    for number, file in enumerate(stored):
        (sources / "asteroid" / "night" / f"{number:03d}.fits").symlink_to(file)
    names = {file.name for file in unit_of(sources).listed}
    assert {f"sources/asteroid/night/{number:03d}.fits" for number in range(len(stored))} < names
    for digest, name in made(make, sources).listed:
        assert digest == sha256_of(sources.parent / name)


def test_files_are_named_alike_from_everywhere(sources, tmp_path, monkeypatch):
    names = {file.name for file in unit_of(sources).files}
    (tmp_path / "truth.csv").touch()
    monkeypatch.chdir(sources)
    (source,) = find_sources([Path()], Path("../truth.csv"))
    assert {file.name for file in unit_of(Path()).files} == names
    assert [file.name for file in source.named([Path("../truth.csv"), tmp_path / "truth.csv"])] == [
        "sources/truth.csv",
        "sources/truth.csv",
    ]


def test_every_source_has_a_name_of_its_own(class_folders, tmp_path):
    folders = [tmp_path / "a" / "x", tmp_path / "b" / "x-2", tmp_path / "c" / "x", tmp_path / "d" / "x"]
    for folder in folders:
        shutil.copytree(class_folders, folder)
    assert [source.name for source in find_sources(folders, None)] == ["x", "x-2", "x-3", "x-4"]


def test_a_part_holds_the_stamps_and_says_what_was_read(make, sources):
    part = made(make, sources)
    folder = make.folder / part.key
    assert (part.rows, part.counts, part.warnings, part.reused) == (120, {"files": 120}, [], False)
    stamps = np.load(folder / STAMPS, mmap_mode="r")
    assert (stamps.shape[:3], stamps.dtype) == ((120, 32, 32), np.float32)
    table = read_table(folder)
    assert len(table["label"]) == 120
    for digest, name in part.listed:
        assert digest == sha256_of(sources.parent / name)
    assert {file.name for file in make.folder.iterdir()} == {part.key}


def test_a_part_that_is_there_is_not_made_again(make, sources, monkeypatch):
    part = made(make, sources)
    monkeypatch.setattr(parts, "_write", None)
    again = made(make, sources)
    assert again == part
    assert again.reused


@pytest.mark.parametrize("file", [STAMPS, TABLE, ABOUT])
@pytest.mark.parametrize("how", ["cut", "changed", "emptied", "removed"])
def test_a_damaged_part_is_noticed_and_made_again(make, sources, file, how):
    part = made(make, sources)
    path = make.folder / part.key / file
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {"cut": content[:-5], "changed": content[:middle] + b"\x00\x01" + content[middle + 2 :], "emptied": b""}
    path.unlink() if how == "removed" else path.write_bytes(damaged[how])
    assert read_part(make.folder / part.key) is None
    again = made(make, sources)
    assert not again.reused
    assert again == part
    assert path.read_bytes() == content


def test_a_part_that_says_nonsense_is_made_again(make, sources):
    part = made(make, sources)
    for nonsense in ("[]", "{}", '{"rows": 1}', "null", "\x00"):
        (make.folder / part.key / ABOUT).write_text(nonsense)
        assert not made(make, sources).reused


def test_a_changed_file_gives_another_part(make, sources):
    first = made(make, sources)
    file = sources / "asteroid" / "s000.fits"
    state = file.stat()
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert made(make, sources).key != first.key
    file.unlink()
    assert made(make, sources).rows == 119


@pytest.mark.parametrize(
    "change",
    [
        {"where": (("FILTER", ("r",)),)},
        {"rules": Rules(match_radius=3.0)},
        {"on_error": "skip"},
        {"nan": "fill"},
        {"observatory": "950"},
        {"names": Names(x="XPOS", y="YPOS")},
    ],
)
def test_other_options_give_another_part(make, sources, change):
    unit = unit_of(sources)
    assert PartMaker(make.folder, dataclasses.replace(CHOICE, **change)).key(unit) != make.key(unit)


def test_another_version_gives_another_part(make, sources, monkeypatch):
    unit = unit_of(sources)
    before = make.key(unit)
    monkeypatch.setattr(parts, "__version__", "999")
    assert make.key(unit) != before


def test_the_place_of_the_sources_does_not_matter(make, sources, tmp_path):
    before = make.key(unit_of(sources))
    (tmp_path / "elsewhere").mkdir()
    assert make.key(unit_of(sources.rename(tmp_path / "elsewhere" / "sources"))) == before


def test_a_file_that_changes_while_it_is_read(make, sources, monkeypatch):
    def slow(*args):
        os.utime(sources / "asteroid" / "s000.fits", ns=(0, 0))
        return real(*args)

    real = parts._write
    monkeypatch.setattr(parts, "_write", slow)
    with pytest.raises(InputError, match="changes while it is read"):
        made(make, sources)
    assert list(make.folder.iterdir()) == []


def test_a_file_that_is_gone(make, sources):
    unit = unit_of(sources)
    (sources / "asteroid" / "s000.fits").unlink()
    with pytest.raises(InputError, match=r"s000\.fits: cannot be read"):
        make.key(unit)


def test_a_full_disk_leaves_no_part(make, sources, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts, "_write", full)
    with pytest.raises(CeresFastError, match="cannot be written"):
        made(make, sources)
    assert list(make.folder.iterdir()) == []


def test_warnings_are_kept_in_the_part_not_printed(sources, tmp_path, capsys):
    (sources / "asteroid" / "s000.fits").write_bytes(b"none")
    (tmp_path / "parts").mkdir()
    part = made(PartMaker(tmp_path / "parts", dataclasses.replace(CHOICE, on_error="skip")), sources)
    assert capsys.readouterr().err == ""
    assert len(part.warnings) == 1
    assert "s000.fits" in part.warnings[0]
    assert part.counts == {"files": 120, "bad_stamps": 1}


def test_parts_of_another_build_are_deleted(make, sources):
    part = made(make, sources)
    (make.folder / "other").mkdir()
    (make.folder / ".half-written").mkdir()
    clear_others(make.folder, {part.key})
    assert [folder.name for folder in make.folder.iterdir()] == [part.key]


def test_a_part_of_several_tables_is_one_array(tmp_path, some_columns):
    columns = some_columns(7)
    table = Table(columns)

    class Several(Unit):
        def tables(self, choice):
            yield table[:3], Counter(alerts=3)
            yield table[:0], Counter()
            yield table[3:], Counter(alerts=4)

    (tmp_path / "parts").mkdir()
    (tmp_path / "file").touch()
    file = SourceFile(tmp_path / "file", "file")
    make, unit = PartMaker(tmp_path / "parts", CHOICE), Several("a", "night/", (file,), (file,))
    part = make((unit, make.key(unit)))
    assert (part.rows, part.counts) == (7, {"alerts": 7})
    stamps = np.load(make.folder / part.key / STAMPS, mmap_mode="r")
    np.testing.assert_array_equal(stamps, columns["stamp"])
    read = read_table(make.folder / part.key)
    assert set(read["source"]) == {"night/"}
    np.testing.assert_array_equal(read["x"], columns["x"])


def test_a_unit_without_stamps_has_an_empty_part(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "file").write_text("x")
    file = SourceFile(tmp_path / "file", "file")
    make, unit = PartMaker(tmp_path / "parts", CHOICE), Unit("a", "", (file,), (file,))
    part = make((unit, make.key(unit)))
    assert (part.rows, part.counts, len(part.listed)) == (0, {}, 1)
    assert np.load(make.folder / part.key / STAMPS).shape == (0, 32, 32, 1)
