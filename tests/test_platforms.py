"""What other systems lack is not needed, or its lack is one line. They are played by taking it away from this one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.files import temporary_folder

from .tiny_models import peak_model, written
from .tiny_records import write_stamps

ROOT = Path(__file__).parents[1]
MACOS = """
import os
import sys
for name in ("sched_getaffinity", "memfd_create", "posix_fallocate", "posix_fadvise", "pidfd_open", "eventfd"):
    if hasattr(os, name):
        delattr(os, name)
"""
COMMANDS = """
import sys
import builtins, io, pathlib
opened = io.open
def without_proc(file, *rest, **more):
    if str(file).startswith("/proc/"):
        raise FileNotFoundError(2, "No such file or directory", str(file))
    return opened(file, *rest, **more)
builtins.open = io.open = without_proc
from ceres_fast.cli import main
for words in open("commands").read().splitlines():
    if words.startswith("train"):
        from ceres_fast.model import load
        from ceres_fast.training import assemble
        from tests.tiny_networks import tiny_network
        assemble.build_model = load.build_model = tiny_network
    sys.argv[1:] = words.split()
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"{words}: status {ended.code}")
"""
WINDOWS = """
import sys
sys.modules["fcntl"] = None
from ceres_fast.cli import main
main()
"""


def run(folder: Path, code: str, *arguments: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_records_are_built_and_a_network_is_trained_and_used_without_what_macos_lacks(tmp_path: Path) -> None:
    """Workers are processes of their own, which lack it too."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(MACOS)
    write_stamps(tmp_path / "stamps")
    written(tmp_path, peak_model())
    commands = [
        "doctor",
        "classify stamps/asteroid --model classifier.onnx --output table.csv --threads 1",
        "build-records stamps --records records --workers 2 --shards 2",
        "train --records records --run run --epochs 1 --backbone xception --weights none --threads 1",
    ]
    (tmp_path / "commands").write_text("\n".join(commands))
    done = run(tmp_path, COMMANDS, path=tmp_path / "site")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "table.csv").exists()
    assert (tmp_path / "run" / "classifier.json").exists()


@pytest.mark.parametrize("command", [["classify", "nowhere"], ["--help"]])
def test_windows_is_refused_in_one_line(tmp_path: Path, command: list[str]) -> None:
    done = run(tmp_path, WINDOWS, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ceres-fast runs on Linux and macOS")
    assert done.stderr.count("\n") == 1


def test_what_needs_a_temporary_folder_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    needs = r"^An export needs a folder .*No usable temporary.*\$TMPDIR\.$"
    with pytest.raises(CeresFastError, match=needs), temporary_folder("An export"):
        pass
    monkeypatch.undo()
    with pytest.raises(CeresFastError, match=r"cannot be written \(No space left"), temporary_folder("An export"):
        raise OSError(errno.ENOSPC, "full")
