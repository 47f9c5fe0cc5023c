"""The order of the folders, and no circle between files: what docs/design.md draws."""

from __future__ import annotations

import graphlib
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("ceres_fast", exclude_type_checking_imports=True, cache_dir=None)


def test_no_two_files_import_each_other_however_indirectly(imports: grimp.ImportGraph) -> None:
    below = {module: imports.find_modules_directly_imported_by(module) for module in imports.modules}
    # The package's own name gives the version, and the front door, which imports nothing until it is used.
    below = {module: names - {"ceres_fast"} for module, names in below.items() if module != "ceres_fast"}
    try:
        graphlib.TopologicalSorter(below).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_folders_import_only_from_folders_below_them() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("needs import-linter, which is among what `make lint` takes")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_folder_has_its_place_in_the_order() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    placed = {name.strip("()") for name in contracts[0]["layers"]}
    there = {
        path.stem for path in (ROOT / "ceres_fast").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - placed <= {"__init__", "__main__"}
