"""Runs on the workers of a cluster: the same steps in the same order, several runs at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.training import members
from ceres_fast.training.members import Member, Step, carry_out
from ceres_fast.training.processes import Problem, run_command

from ..clusters import cluster

CHILD = (sys.executable, "-c")
"""In the place of ceres-fast: a program that is given as its first argument."""

WRITE = "import sys, time; time.sleep(0.5); open(sys.argv[1], 'x').close()"
FAIL = 'import os; os.write(int(os.environ[\'CERES_FAST_PIPE\']), b\'{"kind": "Odd", "text": "it is odd"}\'); exit(1)'


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster"), threads=2) as address:
        yield address


def steps(fails: str = "") -> list[Step]:
    def step(name: str) -> Step:
        def arguments(member: Member) -> list[object]:
            return [FAIL if f"{member.folder.name} {name}" == fails else WRITE, member.folder / name]

        return Step(name, lambda member: (member.folder / name).exists(), arguments)

    return [step("first"), step("second")]


@pytest.mark.slow
@pytest.mark.parametrize("fails", ["", "b first"])
def test_each_member_has_its_steps_in_their_order(
    scheduler: str, tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "CHILD", CHILD)
    runs = [Member(tmp_path / name, "xception", 1, number) for number, name in enumerate("abcd")]
    for run in runs:
        run.folder.mkdir()
    (runs[3].folder / "first").touch()  # was done before
    tried: list[tuple[str, str, Problem | None]] = []

    def after(member: Member, step: Step, problem: Problem | None) -> None:
        tried.append((member.folder.name, step.name, problem))

    problems = carry_out(runs, steps(fails), after, again="again", scheduler=scheduler)
    expected = {(name, step) for name in "abcd" for step in ("first", "second")} - {("d", "first")}
    if fails:
        expected -= {("b", "second")}
    assert {each[:2] for each in tried} == expected
    assert len(tried) == len(expected)
    assert problems == ({runs[1]: "first: it is odd"} if fails else {})
    written = {path.relative_to(tmp_path).parts for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {each for each in expected if each != ("b", "first") or not fails} | {("d", "first")}


def test_a_command_says_why_it_failed(tmp_path: Path) -> None:
    assert run_command((str(tmp_path), *CHILD, WRITE, "here")) is None
    assert (tmp_path / "here").exists()
    assert run_command((str(tmp_path), *CHILD, FAIL)) == Problem("it is odd", "Odd")
    problem = run_command((str(tmp_path), *CHILD, "import os; os.kill(os.getpid(), 9)"))
    assert "signal 9" in str(problem)


def test_no_scheduler_there(tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match="no Dask scheduler answers"):
        carry_out([], [], lambda *_: None, again="", scheduler="tcp://127.0.0.1:9")
