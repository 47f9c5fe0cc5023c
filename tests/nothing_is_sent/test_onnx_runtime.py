"""ONNX Runtime's telemetry is off before ONNX Runtime is imported: no file of it appears in the user's home."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest

from ..tiny_models import peak_model, written

ROOT = Path(__file__).parents[2]
VARIABLE = "ORT_DISABLE_TELEMETRY"
CLASSIFIES = """
import sys
from pathlib import Path
import numpy as np
{first}
from ceres_fast.engines import load
stamps = np.random.default_rng(0).normal(1000, 10, (3, 32, 32)).astype(np.float32)
print(load(Path(sys.argv[1]), provider="cpu").predict(stamps).shape)
"""
DOCTOR = "from ceres_fast.cli import main; main()"


def run_at(home: Path, code: str, *arguments: str | Path, **variables: str) -> str:
    """Return what a process prints that has an empty home and nothing set but `variables`."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE and not name.startswith("XDG_")}
    environment = kept | {"HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": str(ROOT)} | variables
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=True).stdout


def files(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("model"), peak_model())


def test_an_engine_leaves_no_file_at_home(model: Path, tmp_path: Path) -> None:
    assert run_at(tmp_path / "home", CLASSIFIES.format(first=""), model) == "(3,)\n"
    assert files(tmp_path / "home") == []


def test_a_command_leaves_no_file_at_home(model: Path, tmp_path: Path) -> None:
    assert onnxruntime.__version__ in run_at(tmp_path / "home", DOCTOR, "doctor", model)
    assert files(tmp_path / "home") == []


def test_what_the_user_has_chosen_stays(model: Path, tmp_path: Path) -> None:
    """It also shows that files would be found, where this ONNX Runtime is of a build that writes any."""
    run_at(tmp_path / "bare", "import onnxruntime")
    told = "import os\n" + CLASSIFIES.format(first="") + f"print(os.environ[{VARIABLE!r}])"
    assert run_at(tmp_path / "chosen", told, model, **{VARIABLE: "0"}).endswith("\n0\n")
    assert files(tmp_path / "chosen") == files(tmp_path / "bare")


def test_onnx_runtime_imported_before_is_told_to_stop(tmp_path: Path) -> None:
    code = """
import onnxruntime
told = []
onnxruntime.disable_telemetry_events = lambda: told.append(True)
import ceres_fast
print(told)
"""
    assert run_at(tmp_path / "unset", code) == "[True]\n"
    assert run_at(tmp_path / "empty", code, **{VARIABLE: ""}) == "[True]\n"
    assert run_at(tmp_path / "chosen", code, **{VARIABLE: "0"}) == "[]\n"


def test_benchmarks_turn_it_off_before_anything_else(tmp_path: Path) -> None:
    code = f"import os, benchmarks; print(os.environ[{VARIABLE!r}])"
    assert run_at(tmp_path / "home", code) == "1\n"


def imported(file: Path) -> Iterator[str]:
    """Yield the first part of the name of each module that a file imports, in its order."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("folder", ["export", "tools"])
def test_programs_of_no_package_get_it_through_the_package(folder: str) -> None:
    """Before a module of `ceres_fast` or of `benchmarks`, Python runs what turns it off; before these, nothing does."""
    programs = {path: list(imported(path)) for path in (ROOT / folder).rglob("*.py")}
    assert [path.name for path, modules in programs.items() if "onnxruntime" in modules] == []


def test_the_first_thing_that_the_package_does_needs_nothing() -> None:
    """What is imported before it is off could import ONNX Runtime."""
    # importlib is imported when a name of the front door is first used.
    assert set(imported(ROOT / "ceres_fast" / "__init__.py")) == {"os", "sys", "importlib"}
    assert set(imported(ROOT / "benchmarks" / "__init__.py")) == {"ceres_fast"}
