"""Whatever happens while a file is written, what was there before stays, and nobody sees half of anything."""

import errno
import hashlib
import json
import math
import os
import signal
import stat
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import (
    DEEPEST,
    atomic_file,
    parse_json,
    read_json,
    reserve,
    sha256_of,
    write_json,
    write_text,
)
from ceres_fast.folders import atomic_directory

OLD, NEW = "what was there before\n", "something else\n"


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def run(code: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=Path(__file__).parents[1], **pipes)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "table.tar.gz"
    path.write_text(OLD)
    return path


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    (tmp_path / "records" / "deep").mkdir(parents=True)
    (tmp_path / "records" / "deep" / "shard").write_text(OLD)
    return tmp_path / "records"


def test_a_file_is_replaced_at_the_end_of_the_block(old: Path) -> None:
    with atomic_file(old) as temporary:
        assert temporary.parent == old.parent
        assert temporary.name.endswith(".tar.gz")
        temporary.write_text(NEW)
        assert old.read_text(encoding="utf-8") == OLD
    assert old.read_text(encoding="utf-8") == NEW
    assert names(old.parent) == [old.name]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "µ″\n")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "µ″\n".encode()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, ConnectionError])
def test_an_error_in_the_block_passes_and_costs_nothing(old: Path, error: type[BaseException]) -> None:
    with pytest.raises(error, match="the block's own"), atomic_file(old) as temporary:
        temporary.write_text(NEW)
        raise error("the block's own")
    assert old.read_text(encoding="utf-8") == OLD
    assert names(old.parent) == [old.name]


def test_a_folder_of_that_name_is_named_and_left(old_folder: Path) -> None:
    with pytest.raises(CeresFastError, match=r"records: is a folder"), atomic_file(old_folder):
        raise AssertionError("it must be refused before the work")
    assert (old_folder / "deep" / "shard").read_text() == OLD


def test_a_place_that_cannot_be_is_one_clear_line(old: Path) -> None:
    for path in (old / "inside.txt", Path("/proc/ceres.txt")):
        with pytest.raises(CeresFastError, match="cannot be written") as caught:
            write_text(path, NEW)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "file", NEW)
        with atomic_directory(tmp_path / "folder"):
            pass
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder")]
    assert modes == [0o666 & ~mask, 0o777 & ~mask]


FULL = """
import resource, sys
from pathlib import Path
from ceres_fast.errors import CeresFastError
from ceres_fast.files import write_text
from ceres_fast.folders import atomic_directory

def folder(path):
    with atomic_directory(path, overwrite=True) as temporary:
        (temporary / "small").write_text("fits")
        (temporary / "large").write_text("x" * 100_000)

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
path = Path(sys.argv[1])
try:
    folder(path) if path.is_dir() else write_text(path, "x" * 100_000)
except CeresFastError as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["old", "old_folder"])
def test_a_full_disk_is_one_clear_line_and_costs_nothing(what: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(what)
    with run(FULL, path) as process:
        printed, errors = process.communicate()
    assert errors == ""
    assert printed.startswith(f"{path}: cannot be written (File too large). Make room")
    assert printed.count("\n") == 1
    assert names(path.parent) == [path.name]
    assert (path if what == "old" else path / "deep" / "shard").read_text() == OLD


KILLED = """
import sys, time
from pathlib import Path
from ceres_fast.files import atomic_file
from ceres_fast.folders import atomic_directory

path = Path(sys.argv[1])
with atomic_directory(path, overwrite=True) if path.is_dir() else atomic_file(path) as temporary:
    (temporary / "new" if path.is_dir() else temporary).write_text("half")
    print("half way", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("what", ["old", "old_folder"])
def test_killed_half_way_the_old_stays_and_the_next_write_works(what: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(what)
    with run(KILLED, path) as process:
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)
    if what == "old":
        assert path.read_text() == OLD
        write_text(path, NEW)
        assert path.read_text() == NEW
    else:
        assert (path / "deep" / "shard").read_text() == OLD
        with atomic_directory(path, overwrite=True) as temporary:
            (temporary / "new").write_text(NEW)
        assert names(path) == ["new"]
    left = [name for name in names(path.parent) if name != path.name]
    assert all(name.startswith(f".{path.name.split('.')[0]}.") for name in left)


WRITER = """
import sys
from pathlib import Path
from ceres_fast.files import write_text

for _ in range(40):
    write_text(Path(sys.argv[1]), sys.argv[2] * 20_000)
"""


def test_readers_beside_several_writers_see_whole_files(old: Path) -> None:
    old.write_text("0" * 20_000, encoding="utf-8")
    writers = [run(WRITER, old, letter) for letter in "123"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(old.read_text(encoding="utf-8"))
    assert [writer.communicate()[1] for writer in writers] == ["", "", ""]
    assert {len(text) for text in seen} == {20_000}
    assert all(len(set(text)) == 1 for text in seen)
    assert names(old.parent) == [old.name]


def test_threads_that_write_one_file_do_not_disturb_each_other(old: Path) -> None:
    threads = [threading.Thread(target=write_text, args=(old, letter * 1000)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(old.read_text(encoding="utf-8"))) == 1
    assert names(old.parent) == [old.name]


def test_reserving_space_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(OLD)
    reserve(tmp_path / "a", 100_000)
    assert (tmp_path / "a").stat().st_size == 100_000
    assert (tmp_path / "a").read_bytes().startswith(OLD.encode())


@pytest.mark.parametrize(("number", "refused"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EOPNOTSUPP, False)])
def test_only_a_full_disk_refuses_to_reserve(
    old: Path, monkeypatch: pytest.MonkeyPatch, number: int, refused: bool
) -> None:
    def fallocate(descriptor: int, offset: int, size: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    with pytest.raises(OSError, match=r"No space|quota") if refused else nullcontext():
        reserve(old, 10)


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"name": "µ", "numbers": [1, 2.5, None], "deep": {"yes": True}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", what="a test") == value == json.loads((tmp_path / "a.json").read_text())


@pytest.mark.parametrize("value", [math.nan, math.inf, {"deep": [-math.inf]}])
def test_json_has_no_nan(old: Path, value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(old, {"loss": value})
    assert old.read_text(encoding="utf-8") == OLD


NO_JSON = {
    "empty": (b"", "is not valid JSON"),
    "cut": (b'{"a": ', "is not valid JSON"),
    "not UTF-8": (b'{"a": "\xff"}', r"is not valid JSON \(.utf-8. codec can.t decode"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not valid JSON"),
    "NaN": (b'{"a": NaN}', r"is not valid JSON \(JSON has no NaN"),
    "Infinity": (b'{"a": [-Infinity]}', "is not valid JSON"),
    "a number above all": (b'{"a": 1e400}', r"is not valid JSON \(1e400 is too large a number"),
    "a number of 10,000 digits": (b'{"a": ' + b"9" * 10_000 + b"}", r"is not valid JSON \(Exceeds the limit"),
    "lists in lists": (b'{"a": ' + b"[" * 100_000, "is nested too deeply"),
    "objects in objects": (b'{"a": ' * 100_000, "is nested too deeply"),
    "deeper than formats are": (b'{"a": ' + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1) + b"}", "is nested too deeply"),
    "a list": (b"[1]", "holds a list, not an object"),
    "null": (b"null", "holds a NoneType, not an object"),
    "too large": (b'{"a": "' + b"x" * 2000 + b'"}', r"is not valid JSON \(more than 1,000 bytes"),
}


@pytest.mark.parametrize(("content", "message"), NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    largest = {"largest": 1000} if len(content) < 5000 and content.endswith(b'x"}') else {}
    with pytest.raises(InputError, match=rf"a\.json: {message}.*; expected a telescope\. Make it anew\.$"):
        read_json(path, what="a telescope", action="make it anew", **largest)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"cannot be read \(.*\); expected a telescope"):
            read_json(path, what="a telescope")


def test_no_more_is_read_than_may_be(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(InputError, match="more than 10 bytes"):
        read_json(path, what="a telescope", largest=10)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_json_is_read_as_python_reads_it(value: object) -> None:
    text = json.dumps({"a": value})
    assert repr(parse_json(text, Path("x"), what="any")) == repr(json.loads(text))


def test_a_file_name_that_is_no_utf_8_comes_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"stamps-\xff")
    write_json(tmp_path / "a.json", {"name": name})
    assert read_json(tmp_path / "a.json", what="a test") == {"name": name}


def test_the_last_of_two_values_counts() -> None:
    assert parse_json('{"a": 1, "a": 2}', Path("x"), what="any") == {"a": 2}


def test_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    (tmp_path / "b").touch()
    assert sha256_of(tmp_path / "b") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
