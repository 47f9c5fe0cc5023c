"""matplotlib is imported by one file only, which needs no folder for it and says nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DRAWS = """
import sys
import tempfile
if sys.argv[1] == "none":  # as where all of them are read-only
    tempfile._get_default_tempdir = lambda: (_ for _ in ()).throw(FileNotFoundError("no usable temporary directory"))
from ceres_fast.libraries.matplotlib_quiet import Figure
import logging
figure = Figure()
figure.subplots().set_title("a × b")
figure.savefig(sys.argv[2])
logging.getLogger("matplotlib").warning("heard")
"""


def draw(temporary: str, to: Path, **variables: str | None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR" and name[:4] != "XDG_"}
    environment |= {"PYTHONPATH": str(ROOT)}
    for name, value in variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", DRAWS, temporary, str(to)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr


def test_pictures_need_no_folder_and_leave_none(tmp_path: Path) -> None:
    pictures, home, temporary = (tmp_path / name for name in ("pictures", "home", "temporary"))
    for folder in (pictures, home, temporary):
        folder.mkdir()
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    usual = draw("one", pictures / "usual.png", HOME=str(home), TMPDIR=str(temporary), **config)
    (home / "file").touch()
    for name, where, variables in (
        ("no home", "one", {"HOME": str(tmp_path / "nowhere")}),
        ("a file", "one", {"HOME": str(home), "MPLCONFIGDIR": str(home / "file")}),
        ("nothing", "none", {"HOME": str(tmp_path / "nowhere")}),
    ):
        assert draw(where, pictures / f"{name}.png", TMPDIR=str(temporary), **variables) == usual == "heard\n"
        assert (pictures / f"{name}.png").read_bytes() == (pictures / "usual.png").read_bytes()
    assert not list(temporary.iterdir())
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "config").exists()


def test_it_is_imported_by_one_file() -> None:
    imports = re.compile(r"^\s*(from|import) matplotlib\b", re.MULTILINE)
    files = [path for path in (ROOT / "ceres_fast").rglob("*.py") if imports.search(path.read_text(encoding="utf-8"))]
    assert [path.name for path in files] == ["matplotlib_quiet.py"]
