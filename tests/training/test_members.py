"""Several runs: whatever ends one of them, or all, what is left is done, once."""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.training import members as module
from ceres_fast.training.members import Member, Step, carry_out, evaluation, refuse_failed, training
from ceres_fast.training.processes import CHILD, Problem, Processes
from ceres_fast.training.runs import CONFIG, LOCK

OF = {"records": "records", "on_error": "stop"}


@pytest.fixture
def member(tmp_path: Path) -> Member:
    return Member(tmp_path / "xception-seed3", "xception", 2, 3)


class Fake:
    """In the place of processes: a command leaves a file of its first word in the run, unless it is to fail."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.fails: dict[str, Problem] = {}
        self.stops_at: str | None = None

    def run(self, processes: Processes, command: Sequence[str]) -> Problem | None:
        word, folder = command[len(CHILD) :]
        self.commands.append([Path(folder).name, word])
        if f"{Path(folder).name} {word}" == self.stops_at:
            processes.stopped_by = signal.SIGTERM
            return Problem("exit status 143")
        if f"{Path(folder).name} {word}" in self.fails:
            return self.fails[f"{Path(folder).name} {word}"]
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / word).touch()
        return None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(Processes, "run", lambda self, command: made.run(self, command))
    return made


def step(name: str, *answers: str) -> Step:
    return Step(
        name,
        lambda member: (member.folder / name).exists(),
        lambda member: [name, member.folder],
        frozenset(answers),
    )


STEPS = step("first"), step("second")


def two(tmp_path: Path) -> list[Member]:
    return [Member(tmp_path / name, "xception", 2, seed) for seed, name in enumerate("ab")]


def done(fake: Fake, tmp_path: Path, steps: Sequence[Step] = STEPS) -> tuple[dict[str, str], list[str]]:
    """Return what went wrong, and which steps were reported."""
    reported: list[str] = []
    problems = carry_out(
        two(tmp_path),
        steps,
        lambda member, step, problem: reported.append(f"{member.folder.name} {step.name} {problem}"),
        again="it",
    )
    return {member.folder.name: problem for member, problem in problems.items()}, reported


def test_all_steps_of_one_after_all_of_another(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert done(fake, tmp_path) == ({}, ["a first None", "a second None", "b first None", "b second None"])
    (tmp_path / "b" / "second").unlink()
    fake.commands.clear()
    capsys.readouterr()
    assert done(fake, tmp_path) == ({}, ["b second None"])
    assert fake.commands == [["b", "second"]]
    printed = capsys.readouterr().out
    assert f"run 1 of 2: {tmp_path / 'a'} is finished" in printed
    assert f"run 2 of 2: {tmp_path / 'b'}\n" in printed


def test_one_that_fails_holds_up_no_other(fake: Fake, tmp_path: Path) -> None:
    fake.fails = {"a first": Problem("no room.", "CeresFastError")}
    problems, reported = done(fake, tmp_path)
    assert problems == {"a": "first: no room."}
    assert reported == ["a first no room.", "b first None", "b second None"]


def test_an_answer_is_no_failure(fake: Fake, tmp_path: Path) -> None:
    fake.fails = {"a first": Problem("five.", "TooFew"), "b first": Problem("six.", "TooMany")}
    problems, reported = done(fake, tmp_path, [step("first", "TooFew"), step("second")])
    assert problems == {"b": "first: six."}
    assert reported == ["a first five.", "a second None", "b first six."]


def test_what_a_signal_ends_has_not_failed(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake.stops_at = "a second"
    reported: list[str] = []
    with pytest.raises(SystemExit) as ended:
        carry_out(two(tmp_path), STEPS, lambda member, step, problem: reported.append(step.name), again="it")
    assert ended.value.code == 128 + signal.SIGTERM
    assert reported == ["first"]
    assert fake.commands == [["a", "first"], ["a", "second"]]
    assert "stopped in run 1 of 2; go on with: it" in capsys.readouterr().err


@contextmanager
def in_use(run: Path) -> Iterator[None]:
    """What a process that is at work in a run looks like to others."""
    run.mkdir()
    with (run / LOCK).open("w") as stream:
        stream.write("process 77 on elsewhere\n")
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def test_one_that_still_ends_is_waited_for(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, waits, goes_on = [], threading.Event(), threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if "is in use by" in text:
            waits.set()

    def ends() -> None:
        with in_use(tmp_path / "a"):
            goes_on.set()
            assert waits.wait(60)
            assert not fake.commands

    monkeypatch.setattr(module, "say", say)
    thread = threading.Thread(target=ends)
    thread.start()
    assert goes_on.wait(60)
    problems, reported = done(fake, tmp_path)
    thread.join()
    assert (problems, len(reported)) == ({}, 4)
    assert said[1] == f"{tmp_path / 'a'}: is in use by process 77 on elsewhere; waiting until that has ended"


def test_waiting_can_be_stopped(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "say", lambda text: signal.raise_signal(signal.SIGTERM) if "in use" in text else None)
    with in_use(tmp_path / "a"), pytest.raises(SystemExit) as ended:
        done(fake, tmp_path)
    assert ended.value.code == 128 + signal.SIGTERM
    assert not fake.commands


def test_a_run_begins_or_goes_on(member: Member, tmp_path: Path) -> None:
    step = training(tmp_path / CONFIG, "moved")
    new = ["train", "--config", tmp_path / CONFIG, "--backbone", "xception", "--experiment", 2, "--seed", 3]
    new += ["--seeds", 1, "--run", member.folder]
    assert step.arguments(member) == new
    member.folder.mkdir()
    (member.folder / CONFIG).touch()
    (member.folder / "provenance.json").touch()
    assert step.arguments(member) == ["train", "--resume", member.folder, "--records", "moved"]
    assert not step.done(member)
    (member.folder / "metrics.json").write_text('{"epochs": 3}')
    assert step.done(member)
    assert member.metrics == {"epochs": 3}


@pytest.mark.parametrize("names", [[], [LOCK], [LOCK, ".config.x1.toml"], [LOCK, CONFIG, ".provenance.x2.json"]])
def test_what_was_killed_before_it_had_begun_begins_anew(member: Member, tmp_path: Path, names: list[str]) -> None:
    """`train --run` would refuse the directory, and `train --resume` finds nothing in it to go on from."""
    member.folder.mkdir()
    for name in names:
        (member.folder / name).touch()
    assert training(tmp_path / CONFIG, "records").arguments(member)[1] == "--config"
    assert not member.folder.exists()


@pytest.mark.parametrize("name", ["history.csv", "mine.txt", "checkpoint"])
def test_nothing_else_is_ever_removed(member: Member, tmp_path: Path, name: str) -> None:
    member.folder.mkdir()
    (member.folder / name).touch()
    training(tmp_path / CONFIG, "records").arguments(member)
    assert (member.folder / name).exists()


def test_a_link_is_not_followed(member: Member, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    member.folder.symlink_to("empty")
    training(tmp_path / CONFIG, "records").arguments(member)
    assert (tmp_path / "empty").is_dir()


def test_an_evaluation(member: Member) -> None:
    step = evaluation("test", OF)
    arguments = ["evaluate", member.folder, "--split", "test", "--records", "records", "--on-error", "stop"]
    assert step.arguments(member) == arguments
    assert not step.done(member)
    (member.folder / "evaluation-test").mkdir(parents=True)
    (member.folder / "evaluation-test" / "scores.json").touch()
    assert step.done(member)
    assert not member.evaluated("validation")


def test_who_failed_is_named(member: Member, tmp_path: Path) -> None:
    refuse_failed(tmp_path, {}, 2, "it")
    with pytest.raises(CeresFastError, match=r"1 of 2 runs failed: xception-seed3 \(no room\.\)\. .* again: it$"):
        refuse_failed(tmp_path, {member: "no room."}, 2, "it")
