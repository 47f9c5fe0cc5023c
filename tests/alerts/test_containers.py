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
    whole = path.read_bytes()
    path.write_bytes(whole[:third])
    assert [len(part) for part in read(path)] == [2, 1]
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(whole[:third]))
    assert [len(part) for part in read(tmp_path / "b.tar.gz")] == [2, 1]


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
