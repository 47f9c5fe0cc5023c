"""Files, folders and archives of packets: found, divided, and read without ever being unpacked."""

import gzip
import pickle
import tarfile
from pathlib import Path

import pytest

from ceres_fast.alerts import containers as module
from ceres_fast.alerts.containers import alert_units, contents, is_alerts
from ceres_fast.errors import InputError

from ..alert_files import tar_of, write_folder, write_tar, ztf

COUNT = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "night", [ztf(number) for number in range(COUNT)])


def read(path: Path, chunk: int = 2048) -> tuple[dict[str, bytes], list[InputError]]:
    """Return what is in a source, by name, and what was wrong."""
    found, wrong = {}, []
    for unit in alert_units(path, chunk):
        for content in contents(pickle.loads(pickle.dumps(unit))):
            if isinstance(content.stream, InputError):
                wrong.append(content.stream)
            else:
                name = content.member or content.path.name
                assert name not in found
                found[name] = content.stream.read()
    return found, wrong


@pytest.mark.parametrize("name", ["night.tar", "night.tar.gz", "night.tgz", "NIGHT.TAR.GZ"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_an_archive_gives_what_its_files_give(folder: Path, tmp_path: Path, name: str, chunk: int) -> None:
    if name.isupper():
        tar_of(tmp_path / "small.tar.gz", folder).rename(tmp_path / name)
    else:
        tar_of(tmp_path / name, folder)
    expected = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert read(folder, chunk) == read(tmp_path / name, chunk) == (expected, [])


def test_units(folder: Path, tmp_path: Path) -> None:
    plain, packed = tar_of(tmp_path / "a.tar", folder), tar_of(tmp_path / "a.tar.gz", folder)
    assert [unit.name for unit in alert_units(plain, 3)] == ["a.tar[0]", "a.tar[3]", "a.tar[6]"]
    assert [unit.name for unit in alert_units(packed, 3)] == ["a.tar.gz[0]"]
    assert [len(unit.files) for unit in alert_units(folder, 3)] == [3, 3, 1]
    (one,) = alert_units(next(folder.iterdir()))
    assert len(one.files) == 1


def test_long_names_and_other_members(folder: Path, tmp_path: Path) -> None:
    files = {f"{'deep/' * 40}{file.name}": file.read_bytes() for file in sorted(folder.iterdir())}
    others = {"README.txt": b"words", "._x.avro": b"from a Mac", ".hidden.avro": b""}
    path = write_tar(tmp_path / "a.tar", {**others, **files})
    assert read(path, 2) == (files, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("night", True), ("night.tar", True), ("night.tar.gz", True), ("x.avro", True), ("x.fits", False)],
)
def test_what_alerts_are(folder: Path, tmp_path: Path, name: str, expected: bool) -> None:
    for ending in (".tar", ".tar.gz"):
        tar_of(tmp_path / f"night{ending}", folder)
    for file in ("x.avro", "x.fits"):
        (tmp_path / file).write_bytes(b"")
    assert is_alerts(tmp_path / name) is expected


def test_what_alerts_are_not(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / ".x.avro").write_bytes(b"")
    write_tar(tmp_path / "frames" / "code.tar.gz", {"a.py": b"", "b.py": b""})
    assert not is_alerts(tmp_path / "frames")
    with pytest.raises(InputError, match=r"empty: holds no alert packets; expected files ending in \.avro"):
        alert_units(write_folder(tmp_path / "empty", []))
    (tmp_path / "bad.tar.gz").write_bytes(b"nonsense")
    assert is_alerts(tmp_path / "bad.tar.gz")  # so that reading it says what is wrong


def test_a_folder_of_files_and_archives(folder: Path, tmp_path: Path) -> None:
    tar_of(folder / "more.tar", write_folder(tmp_path / "other", [ztf(100)]))
    assert [unit.name for unit in alert_units(folder)][1] == "more.tar[0]"
    assert len(read(folder)[0]) == COUNT + 1


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.9, 0.99])
def test_a_cut_archive_is_never_silent(folder: Path, tmp_path: Path, name: str, share: float) -> None:
    path = tar_of(tmp_path / name, folder)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    found, wrong = read(path, 2)
    # What is cut off at 0.99 of a plain archive is padding.
    assert [f"{name}: cannot be read to its end" in str(error) for error in wrong] == [True] * (len(found) < COUNT)


def test_an_archive_cut_between_two_packets_is_never_silent(folder: Path, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", folder)
    with tarfile.open(path) as tar:
        third = tar.getmembers()[2].offset
    path.write_bytes(path.read_bytes()[:third])
    assert [len(part) for part in read(path)] == [2, 1]


@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize("chunk", [1, 100])
def test_a_whole_gzip_member_needs_no_end_blocks(folder: Path, tmp_path: Path, blocks: int, chunk: int) -> None:
    path = tar_of(tmp_path / "a.tar", folder)
    with tarfile.open(path) as tar:
        last = tar.getmembers()[-1]
        end = tar.offset
    assert end > last.offset_data + last.size - 1
    packed = gzip.compress(path.read_bytes()[: end + blocks * 512])
    (tmp_path / "b.tar.gz").write_bytes(packed)
    assert [len(part) for part in read(tmp_path / "b.tar.gz", chunk)] == [COUNT, 0]
    for cut in (1, 7, 8, 9, 100):  # of the checksum, the length, and what is before them
        (tmp_path / "b.tar.gz").write_bytes(packed[:-cut])
        assert [len(part) for part in read(tmp_path / "b.tar.gz", chunk)][1] == 1


@pytest.mark.parametrize(
    "content", [b"", bytes(512), bytes(1024), bytes(10240)], ids=["nothing", "a block", "two blocks", "a record"]
)
def test_the_archive_of_a_night_without_alerts(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(content))
    assert is_alerts(tmp_path / "a.tar.gz")
    assert read(tmp_path / "a.tar.gz") == ({}, [])
    assert not is_alerts(tmp_path)  # a folder of frames may hold it
    (tmp_path / "a.tar").write_bytes(content)
    assert is_alerts(tmp_path / "a.tar")
    assert [len(part) for part in read(tmp_path / "a.tar")] == [0, not content]  # an empty file is a cut one
    (tmp_path / "b.tar.gz").write_bytes(b"")
    assert [len(part) for part in read(tmp_path / "b.tar.gz")] == [0, 1]


@pytest.mark.parametrize(("name", "packed"), [("a.tar", True), ("a.tar.gz", False), ("a.tgz", False)])
def test_whether_an_archive_is_gzipped_is_seen_and_not_believed(
    folder: Path, tmp_path: Path, name: str, packed: bool
) -> None:
    tar_of(tmp_path / ("b.tar.gz" if packed else "b.tar"), folder).rename(tmp_path / name)
    assert read(folder) == read(tmp_path / name, 3)


def test_an_archive_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"<!DOCTYPE html><html>404</html>")
    _, (error,) = read(tmp_path / "a.tar.gz")
    assert "a.tar.gz: is no tar archive, but HTML or XML; expected a whole tar archive" in str(error)


def test_gzipped_packets(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    files = {file.name: file.read_bytes() for file in tmp_path.glob("*.gz")}
    assert all(is_alerts(tmp_path / name) for name in files)
    archive = write_tar(tmp_path / "packed.tar.gz", files)
    assert is_alerts(archive)
    assert read(archive) == (files, [])
    archive.unlink()
    for file in folder.iterdir():
        file.unlink()
    assert is_alerts(tmp_path)
    assert read(tmp_path) == (files, [])


def test_schemas_beside_the_packets(folder: Path, tmp_path: Path) -> None:
    (folder / "deep").mkdir()
    schemas = folder / "900.avsc", folder / "deep" / "lsst.v9_0.alert.avsc"
    for file in (*schemas, tmp_path / "1.avsc", folder / ".hidden.avsc"):
        file.write_text("{}")
    assert {unit.schemas for unit in alert_units(folder, 2)} == {schemas}
    assert {unit.schemas for unit in alert_units(next(folder.glob("*.avro")))} == {schemas[:1]}
    assert {
        unit.schemas for unit in alert_units(tar_of(tmp_path / "a.tar", write_folder(tmp_path / "x", [ztf()])))
    } == {(tmp_path / "1.avsc",)}


def test_a_file_of_packets_needs_no_name(folder: Path, tmp_path: Path) -> None:
    path = next(folder.iterdir()).rename(tmp_path / "alert")
    assert is_alerts(path)
    assert len(read(path)[0]) == 1


def parquet(*columns: str) -> bytes:
    """The end of a Parquet file with some columns, which is what tells whether it holds alerts."""
    footer = " ".join(columns).encode()
    return b"PAR1" + bytes(50) + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (parquet("diaSource", "cutoutScience"), True),
        (parquet("cutout_science"), True),
        (parquet("ra", "dec"), False),
        (parquet("cutoutScience")[:-1], False),
        (b"PAR1" + b"\xff\xff\xff\x7fPAR1", False),
    ],
)
def test_a_folder_with_parquet(tmp_path: Path, content: bytes, expected: bool) -> None:
    """Frames may have a table in Parquet beside them: what is of alerts has cut-outs."""
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    assert is_alerts(tmp_path) is expected
    assert is_alerts(path)  # so that reading it says what is wrong
    assert is_alerts(path.rename(tmp_path / "part-0"))


@pytest.mark.parametrize("chunk", [2, 100])
def test_a_broken_header_is_never_silent(folder: Path, tmp_path: Path, chunk: int) -> None:
    path = tar_of(tmp_path / "a.tar", folder)
    with tarfile.open(path) as tar:
        third = tar.getmembers()[2].offset
    content = bytearray(path.read_bytes())
    content[third + 5] ^= 1
    path.write_bytes(content)
    found, wrong = read(path, chunk)
    assert (len(found), len(wrong)) == (2, 1)
    assert "a header is broken" in str(wrong[0])


def test_a_wrong_checksum_at_the_end_is_seen(folder: Path, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar.gz", folder)
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    assert [len(part) for part in read(path)] == [COUNT, 1]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_nothing_is_unpacked_or_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.avro").write_bytes(b"secret")
    files = {
        "../../escaped.avro": b"one",
        "/etc/absolute.avro": b"two",
        "link": member("link.avro", tarfile.SYMTYPE, str(tmp_path / "secret.avro")),
        "hard": member("hard.avro", tarfile.LNKTYPE, str(tmp_path / "secret.avro")),
        "device": member("zero.avro", tarfile.CHRTYPE),
        "folder": member("folder.avro", tarfile.DIRTYPE),
        "bad\x1b[31m.avro": b"three",
    }
    path = write_tar(tmp_path / "a.tar", files)
    before = sorted(tmp_path.parent.rglob("*"))
    found, wrong = read(path)
    assert sorted(found.values()) == [b"one", b"three", b"two"]
    assert all(name.isprintable() for name in found)
    assert len(wrong) == 4
    assert all("is a link or another special file" in str(error) for error in wrong)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_huge_member_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_MEMBER", 1000)
    path = write_tar(tmp_path / "a.tar.gz", {"big.avro": bytes(5000), "small.avro": b"x"})
    found, wrong = read(path)
    assert found == {"small.avro": b"x"}
    assert "a.tar.gz, big.avro: has 5000 bytes; expected at most 1000" in str(wrong[0])


def test_a_huge_header_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST_HEADER", 1000)
    path = write_tar(tmp_path / "a.tar", {"small.avro": b"x", f"{'x' * 5000}.avro": b"y"})
    found, wrong = read(path)
    assert found == {"small.avro": b"x"}
    assert "a header of" in str(wrong[0])


def test_a_file_that_is_gone(folder: Path) -> None:
    units = alert_units(folder)
    gone = sorted(folder.iterdir())[3]
    gone.unlink()
    (error,) = [content.stream for content in contents(units[0]) if isinstance(content.stream, InputError)]
    assert f"{gone}: cannot be read (No such file" in str(error)


def test_it_remembers_no_members(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most = []
    in_memory = module._in_memory

    def watched(tar: tarfile.TarFile, *rest: object) -> object:
        most.append(len(tar.members))
        return in_memory(tar, *rest)

    monkeypatch.setattr(module, "_in_memory", watched)
    read(tar_of(tmp_path / "a.tar.gz", folder))
    assert most == [0] * COUNT
