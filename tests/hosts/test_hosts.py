"""On every host, a command writes the same files and ends with the same status as on an ordinary one."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from .hosts import HOSTS, ROOT, WORST, Host, Outcome, locales, missing, run
from .work import write_inputs

WORK = "-m", "tests.hosts.work"
ORDINARY = Host()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hosts")
    write_inputs(folder / "inputs")
    locales(folder / "locales")
    return folder / "inputs"


@pytest.fixture(scope="session")
def core(inputs: Path) -> Outcome:
    """What the commands of the core do on an ordinary host."""
    return run(ORDINARY, [*WORK, "core"], inputs, inputs.parent / "core")


def on(host: Host, command: list[str], inputs: Path, name: str) -> Outcome:
    """Run a command on a host, or skip the test with the reason why it cannot be had here."""
    folder = inputs.parent / name.replace("/", "")
    if reason := missing(host, folder):
        pytest.skip(reason)
    return run(host, command, inputs, folder)


RUNS_WITHOUT_PROC = (1, 32)
"""The oldest ONNX Runtime that was seen to: 1.21 to 1.24 end the process."""


def onnx_runtime() -> tuple[int, ...]:
    return tuple(map(int, version("onnxruntime").split(".")[:2]))


def assert_same(outcome: Outcome, ordinary: Outcome) -> None:
    assert outcome.statuses == ordinary.statuses, outcome.said
    assert outcome.files.keys() == ordinary.files.keys()
    assert [name for name, content in outcome.files.items() if content != ordinary.files[name]] == []
    for unwanted in ("Traceback", "Exception ignored", "Logging error"):
        assert unwanted not in outcome.said


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, hosts in HOSTS.items() for name in hosts])
def test_files_and_status_are_the_same(kind: str, name: str, inputs: Path, core: Outcome) -> None:
    if name == "no /proc" and onnx_runtime() < RUNS_WITHOUT_PROC:
        pytest.skip("this ONNX Runtime ends the process where there is no /proc")
    assert_same(on(HOSTS[kind][name], [*WORK, "core"], inputs, name), core)


def test_the_work_is_done(core: Outcome) -> None:
    assert core.statuses == "00012 3"
    assert list(core.files) == ["classified é/F0001/sextractor_cat/F0001-1.cat"]


@pytest.mark.slow
def test_every_command_does_the_same_where_all_is_unusual(inputs: Path) -> None:
    ordinary = run(Host(variables={"PYTHONWARNDEFAULTENCODING": "1"}), [*WORK, "all"], inputs, inputs.parent / "all")
    assert ordinary.statuses.endswith(f"{'0' * 16}21 3"), ordinary.said
    # Texts are UTF-8 wherever they are read and written, and not what the locale says.
    assumed = [line for line in ordinary.said.splitlines() if "EncodingWarning" in line and str(ROOT) in line]
    assert [line for line in assumed if ".venv" not in line] == []
    assert_same(on(WORST, [*WORK, "all"], inputs, "worst"), ordinary)


CHILD = """
import sys
from ceres_fast.training.processes import CHILD, Processes
with Processes() as processes:
    problems = [processes.run([*CHILD, *words]) for words in (["look", sys.argv[1]], ["look", "nowhere"])]
open("problems", "w", encoding="utf-8").write(repr(problems))
"""
"""What `experiments` and a series of runs do: `ceres-fast` in a process that prints where this one does."""


@pytest.mark.parametrize("name", ["nothing is open", "output on a full one", "en_US.ISO-8859-1"])
def test_so_do_processes_that_a_command_starts(name: str, inputs: Path) -> None:
    host = next(hosts[name] for hosts in HOSTS.values() if name in hosts)
    outcome = on(host, ["-c", CHILD, "nuit ★ é"], inputs, f"child, {name}")
    found = outcome.files["problems"].decode()
    assert found.startswith("[None, Problem(text='nowhere: does not exist"), found


def test_the_page_shows_every_host() -> None:
    page = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.split("|")[1:4]] for line in page.splitlines() if line.startswith("| ")]
    rows = [
        (kind, name) for kind, name, *came_out in cells if kind in HOSTS and came_out == ["the same file and status"]
    ]
    assert rows == [(kind, name) for kind, hosts in HOSTS.items() for name in hosts]
