"""What a file is by its first bytes: the formats that alerts come in, and those they are mistaken for."""

from __future__ import annotations

from pathlib import Path

AVRO = b"Obj\x01"
"""First bytes of an Avro object container file (Apache Avro 1.11 specification)."""

PARQUET = b"PAR1"
"""First and last bytes of a Parquet file (github.com/apache/parquet-format)."""

GZIP = b"\x1f\x8b"
"""First bytes of a gzip member (RFC 1952)."""

_TAR, _TAR_PLACE = b"ustar", 257
STARTS = (
    (AVRO, "Avro"),
    (PARQUET, "Parquet"),
    (b"\xc3\x01", "Avro's single-object encoding, which does not hold its schema"),
    (b"version https://git-lfs", "a Git LFS pointer, which `git lfs pull` replaces by the file"),
    (b"SIMPLE  =", "FITS"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"ARROW1", "Arrow (Feather)"),
    (b"ORC", "ORC"),
    (b"\x93NUMPY", "NumPy"),
    (b"SQLite format 3", "SQLite"),
    (GZIP, "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"<", "HTML or XML"),
)
"""How files of a format begin, and its name."""

TEXTS = {".csv": "CSV", ".tsv": "a table of text", ".psv": "a table of text", ".ecsv": "ECSV"}
"""What text is, by the end of the file's name."""

LOOKED_AT = 512
"""Bytes that are enough to tell a format."""


class UnreadableError(ValueError):
    """A file that cannot be read for another reason than damage; `action` is what the user can do about it."""

    def __init__(self, problem: str, action: str) -> None:
        super().__init__(problem)
        self.action = action


def format_of(start: bytes, name: str = "") -> str:
    """Return what a file is, "" where that is not known.

    Parameters
    ----------
    start : bytes
        Its first `LOOKED_AT` bytes.
    name : str
        Its name, which tells one kind of text from another.
    """
    if start[_TAR_PLACE:].startswith(_TAR):
        return "a tar archive"
    if not start:
        return "empty"
    known = next((what for begin, what in STARTS if start.startswith(begin)), "")
    return known or (TEXTS.get(Path(name).suffix.lower(), "text") if _is_text(start) else "")


def format_of_file(path: Path) -> str:
    """Return what a file is, "" where that is not known or it cannot be read."""
    try:
        with path.open("rb") as stream:
            return format_of(stream.read(LOOKED_AT), path.name)
    except OSError:
        return ""


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if len(start) < LOOKED_AT or error.start < LOOKED_AT - 3:  # else a letter is cut at the end
            return False
        text = start[: error.start].decode()
    return all(letter.isprintable() or letter.isspace() or letter == "\ufeff" for letter in text)
