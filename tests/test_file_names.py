r"""Names of files that no text can hold: as they are written, as they are printed, and back."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.catalogues import read_catalogue
from ceres_fast.file_names import LONGEST, fitting, in_one_line, on_disk, printable, written
from ceres_fast.files import atomic_file, write_text

WRITTEN = {
    b"caf\xe9.fits": r"caf\xe9.fits",
    "café.fits".encode(): "café.fits",
    "cafe\u0301.fits".encode(): "cafe\u0301.fits",
    b"a\nb\r\tc": r"a\x0ab\x0d\x09c",
    b"\x1b[31m\x7f": r"\x1b[31m\x7f",
    "a\u0085b\u2028c\u2029".encode(): r"a\xc2\x85b\xe2\x80\xa8c\xe2\x80\xa9",
    rb"a\b": r"a\b",
    rb"a\xe9b": r"a\x5cxe9b",
    b"\\\xe9": r"\\xe9",
    rb"a\xzz": r"a\xzz",
    b" a b ": r"\x20a b\x20",
    b" ": r"\x20",
    b"#a#": r"\x23a#",
    b"%41 [1]*?\"',;~$=-": "%41 [1]*?\"',;~$=-",
}


@pytest.mark.parametrize(("name", "text"), WRITTEN.items())
def test_a_name_is_written_as_is_documented(name: bytes, text: str) -> None:
    assert written(os.fsdecode(name)) == text
    assert written(Path(os.fsdecode(name))) == text
    assert os.fsencode(on_disk(text)) == name


@given(st.binary(min_size=1) | st.lists(st.sampled_from([b"\\", b"x", b"5", b"c", b"\xe9", b" ", b"#"])).map(b"".join))
def test_every_name_comes_back_from_one_line_of_text(name: bytes) -> None:
    text = written(os.fsdecode(name))
    assert os.fsencode(on_disk(text)) == name
    assert len(text.encode().splitlines()) <= 1
    assert len(text.splitlines()) <= 1
    assert text == text.strip()


def test_the_locale_decides_nothing() -> None:
    code = "import os; from ceres_fast.file_names import written; print([ascii(written(os.fsdecode(x))) for x in {}])"
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code.format(list(WRITTEN))],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([ascii(text) for text in WRITTEN.values()])


@pytest.mark.parametrize("table_format", ["ascii.csv", "ascii.ecsv"])
def test_every_reader_of_tables_gives_names_back(tmp_path: Path, table_format: str) -> None:
    path = tmp_path / f"names{table_format.removeprefix('ascii')}"
    Table({"file": list(WRITTEN.values()), "row": range(len(WRITTEN))}).write(path, format=table_format)
    read = [Table.read(path, format=table_format)["file"], read_catalogue(path).table["file"]]
    if table_format == "ascii.csv":
        read.append([row["file"] for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))])
    for names in read:
        assert [os.fsencode(on_disk(str(each))) for each in names] == list(WRITTEN)


def test_what_is_printed_stays_in_its_line() -> None:
    assert in_one_line("a\nb\x1b\udce9 é≥") == r"a\x0ab\x1b\xe9 é≥"
    assert printable("a\x07\nb\udce9\n") == "a\\x07\nb\\xe9\n"


def test_a_text_with_such_a_name_is_written(tmp_path: Path) -> None:
    write_text(tmp_path / "report.txt", "é of caf\udce9\n")
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == "é of caf\\xe9\n"


@pytest.mark.parametrize("stem", ["a" * 251, "é" * 125, "\U0001f52d" * 62, "a." + "b" * 249, "\udce9" * 251])
def test_a_name_as_long_as_a_name_can_be(tmp_path: Path, stem: str) -> None:
    path = tmp_path / f"{stem}.csv"
    with atomic_file(path) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("a\n")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_what_is_added_to_a_name_that_is_full() -> None:
    assert fitting("a" * 251, ".csv") == "a" * 251 + ".csv"
    long = [fitting(stem, ".dropped.csv") for stem in ("a" * 251, "a" * 250 + "b", "é" * 125)]
    assert len(set(long)) == 3
    for name in long:
        assert LONGEST - 1 <= len(name.encode()) <= LONGEST
        assert name.endswith(".dropped.csv")
