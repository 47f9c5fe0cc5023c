"""Nobody has to have a home: what is imported then says nothing, raises nothing, and makes nothing there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMPORTS = """
import ceres_fast
import astropy.coordinates
import astropy.table
import astropy.time
import ceres_fast.classify
import ceres_fast.libraries.matplotlib_quiet
import dask.config
import os
from astropy.config import get_config_dir_path
from astropy.time import Time
from ceres_fast.engines.tensorrt_provider import engine_folder
from pathlib import Path
Time("2026-01-01").mjd
engine_folder(b"")
print(Path.home())
"""
SOMEBODY = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]


def imported(
    before: Sequence[str] = (), code: str = IMPORTS, at: Path | None = None, **variables: str | None
) -> tuple[int, str, str]:
    """Return exit status, output and errors of a process that imports what needs a home elsewhere."""
    environment = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR" and name[:4] != "XDG_"}
    environment |= {"PYTHONPATH": str(ROOT)}
    for name, value in variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    command = [*before, sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(command, env=environment, cwd=at, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_homes_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (tmp_path / "nowhere" / "deep", file):
        assert imported(HOME=str(home)) == (0, f"{os.devnull}\n", "")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(not shutil.which("unshare"), reason="there is no program unshare")
def test_a_user_id_without_a_name_and_without_a_home() -> None:
    if why := subprocess.run([*SOMEBODY, "true"], capture_output=True, text=True).stderr:
        pytest.skip(f"no user namespace here: {why.strip()}")
    assert imported(SOMEBODY, HOME=None) == (0, f"{os.devnull}\n", "")


def test_a_home_that_there_is_stays_and_so_does_what_it_holds(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    variables = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(config), "XDG_CACHE_HOME": str(tmp_path)}
    code = (
        "import ceres_fast, os; print(os.environ['HOME'], os.environ['XDG_CONFIG_HOME'], os.environ['XDG_CACHE_HOME'])"
    )
    assert imported(code=code, **variables) == (0, f"{tmp_path} {config} {tmp_path}\n", "")


@pytest.mark.parametrize("what", ["file", "relative"])
def test_a_folder_for_configuration_that_is_none(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").touch()
    place = what if what == "relative" else str(tmp_path / what)
    code = "import ceres_fast, os; import astropy.time, dask.config; print(os.environ.get('XDG_CONFIG_HOME'))"
    assert imported(code=code, at=tmp_path, HOME=str(tmp_path), XDG_CONFIG_HOME=place) == (0, "None\n", "")
    made = {path.name for path in tmp_path.iterdir()} - {".astropy"}  # before astropy 8, as in any home
    assert made == {"file"}
