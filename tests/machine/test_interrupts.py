"""What is said, and what is left, when a command is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceres_fast.machine import interrupts
from ceres_fast.machine.interrupts import NOTHING_HALF, SIGNALS, Signalled, Stopped, Written, noting, stoppable


@pytest.fixture(autouse=True)
def _default_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started to ignore it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as under nohup
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_note_of_the_outermost_block_is_said(number: int, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped) as stopped, stoppable(), noting(lambda: "outer"), noting(lambda: "inner"):
        os.kill(os.getpid(), number)
        pytest.fail("nothing was raised")
    assert stopped.value.code == status
    assert capsys.readouterr().err == "warning: stopped; outer\n"


def test_without_a_note_what_holds_for_every_command_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped), stoppable():
        raise Signalled(signal.SIGTERM)
    assert capsys.readouterr().err == f"warning: stopped; {NOTHING_HALF}\n"


def test_in_a_notebook_the_note_is_part_of_the_traceback() -> None:
    with pytest.raises(KeyboardInterrupt) as stopped, noting(lambda: "2 of 4"):
        raise KeyboardInterrupt
    assert stopped.value.__notes__ == ["2 of 4"]
    with pytest.raises(ValueError, match="x") as failed, noting(lambda: "not asked"):
        raise ValueError("x")
    assert not hasattr(failed.value, "__notes__")


def test_the_disk_says_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "out\n"
    old, new, never, *more = files = [folder / "a" / name for name in ("old", "new\udce9", "never", "x", "y", "z")]
    old.parent.mkdir(parents=True)
    for each in (old, never):
        each.write_text("1")
    watched = Written(files)
    assert watched.told("tables") == "none of 6 tables is written"
    for each in (old, new):
        (folder / "temporary").write_text("1")
        (folder / "temporary").replace(each)
    where = str(tmp_path / "out") + r"\x0a/a"
    assert watched.told("tables") == (
        rf"2 of 6 tables are written in {where}: old, new\xe9; not written: never, x, y and 1 more"
    )
    for each in (never, *more):
        each.write_text("22")
    assert watched.told("tables") == rf"6 of 6 tables are written in {where}: old, new\xe9, never and 3 more"
    assert Written([]).told("tables") == "nothing is written"


def test_files_may_be_given_from_the_root_and_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    watched = Written([tmp_path / "a", Path("b")])
    (tmp_path / "b").write_text("1")
    assert Path("b") in watched
    assert watched.told("tables") == f"1 of 2 tables are written in {tmp_path}: b; not written: a"


PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Stopping:
    def find_spec(self, name, *_):
        if name == "ceres_fast.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stopping())
from ceres_fast.__main__ import main
main()
"""


def test_a_command_can_be_stopped_while_it_is_still_imported() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(interrupts.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, f"warning: stopped; {NOTHING_HALF}\n")
