"""The folder of a build: for one process at a time, kept while it is of use."""

import signal
import subprocess
import sys

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.records.partial import PARTS, RECORDS, partial_folder

HOLDS = """
import sys, time
from pathlib import Path
from ceres_fast.records.partial import partial_folder

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
            pytest.raises(CeresFastError, match=rf"out: is being built by process {process.pid} on"),
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
