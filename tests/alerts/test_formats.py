"""What a file is, by how it begins."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.alerts.formats import LOOKED_AT, format_of, format_of_file

from ..alert_files import avro, fits_bytes, image, write_tar, ztf


def npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (avro(ztf()), "", "Avro"),
        (b"PAR1\x15\x04", "", "Parquet"),
        (gzip.compress(b"x", mtime=0), "", "gzip"),
        (fits_bytes(image()), "", "FITS"),
        (b"\x89HDF\r\n\x1a\n\0", "", "HDF5"),
        (npy(), "", "NumPy"),
        (b"PK\x03\x04\x14", "", "a zip archive"),
        (b'{"a": 1}', "x.json", "JSON"),
        (b"ra,dec\n1,2\n", "x.csv", "CSV"),
        ("\ufeffra,dec\r\n1,2\r\n".encode(), "X.CSV", "CSV"),
        (b"ra dec\n1 2\n", "x.cat", "text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "x.avro", "a Git LFS pointer, which `git lfs pull` replaces"),
        (b"", "", "empty"),
        (b"\0\1\2\3", "x.csv", ""),
        (b"\xff\xfe\xfd", "", ""),
        ("é".encode() * LOOKED_AT, "", "text"),
        (b"a" + "é".encode() * LOOKED_AT, "", "text"),
    ],
)
def test_formats(tmp_path: Path, content: bytes, name: str, expected: str) -> None:
    path = tmp_path / (name or "file")
    path.write_bytes(content)
    assert format_of_file(path).startswith(expected)
    assert bool(expected) == bool(format_of_file(path))


def test_archives_and_what_cannot_be_read(tmp_path: Path) -> None:
    assert format_of_file(write_tar(tmp_path / "a.tar", {"x": b"y"})) == "a tar archive"
    assert format_of_file(tmp_path / "none") == format_of_file(tmp_path) == ""


@given(st.binary(max_size=LOOKED_AT), st.text())
def test_any_bytes(start: bytes, name: str) -> None:
    assert isinstance(format_of(start, name), str)
