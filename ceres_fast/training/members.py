"""Several runs, one after another, each in a process of its own.

`train --seeds`, `train --backbone all` and `experiments` have this in common.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..console import say, warn
from ..errors import CeresFastError
from ..files import read_json
from ..machine.scheduler import Lanes
from ..machine.workers import Outcome
from .processes import CHILD, Problem, Processes, run_command, stop_commands
from .runs import CONFIG, METRICS, SCORES, discard_unbegun, evaluation_folder, who_uses

_POLL_SECONDS = 0.2
"""Interval of checking whether another process still uses a run."""


@dataclass(frozen=True)
class Member:
    """One of several runs, with a directory of its own in the common one."""

    folder: Path
    backbone: str
    experiment: int
    seed: int

    @property
    def trained(self) -> bool:
        """Whether its training is finished."""
        return (self.folder / METRICS).is_file()

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``, which its training has written."""
        return read_json(self.folder / METRICS, what="the metrics of a run")

    def evaluated(self, split: str) -> bool:
        """Return whether it has been evaluated on a split."""
        return (evaluation_folder(self.folder, split) / SCORES).is_file()


@dataclass(frozen=True)
class Step:
    """A step that is carried out for each run, as a command of its own.

    Attributes
    ----------
    name : str
        In words: "training".
    done : callable
        Returns whether the step of a member is done.
    arguments : callable
        Returns the arguments of `ceres-fast` that do the step, or continue it.
    answers : frozenset of str
        Names of errors that are a result of the step, not a failure.
    """

    name: str
    done: Callable[[Member], bool]
    arguments: Callable[[Member], Sequence[object]]
    answers: frozenset[str] = field(default=frozenset())


AfterStep = Callable[[Member, Step, Problem | None], None]


def training(config: Path, records: object) -> Step:
    """Return the step that trains with a configuration file, and evaluates on the validation split.

    What was stopped goes on with the records where they are now, `records`.
    """

    def arguments(member: Member) -> list[object]:
        discard_unbegun(member.folder)
        if (member.folder / CONFIG).is_file():
            return ["train", "--resume", member.folder, "--records", records]
        one = ["--backbone", member.backbone, "--experiment", member.experiment, "--seed", member.seed, "--seeds", 1]
        return ["train", "--config", config, *one, "--run", member.folder]

    return Step("training", lambda member: member.trained, arguments)


def evaluation(split: str, options: Mapping[str, Any]) -> Step:
    """Return the step that evaluates on a split of the records of `options`."""
    of = ["--records", options["records"], "--on-error", options["on_error"]]
    return Step(
        f"evaluation on the {split} split",
        lambda member: member.evaluated(split),
        lambda member: ["evaluate", member.folder, "--split", split, *of],
    )


def carry_out(
    members: Sequence[Member],
    steps: Sequence[Step],
    after_step: AfterStep,
    *,
    again: str,
    scheduler: str | None = None,
) -> dict[Member, str]:
    """Carry out the steps of each member that are not done yet, and return which failed.

    Where a step of a member fails, its later steps are left out, and the next member follows.

    Parameters
    ----------
    members : sequence of Member
        The runs, in the order in which they are carried out.
    steps : sequence of Step
        The steps of each run, in their order.
    after_step : callable
        Called after each step that was tried, with the problem of a step that failed.
    again : str
        The command that resumes after a stop.
    scheduler : str, optional
        Address of a running Dask scheduler: each of its workers then carries out the steps of one member at a time.

    Returns
    -------
    dict
        For each member that failed, the step and the reason.

    Raises
    ------
    SystemExit
        When Ctrl-C, SIGTERM or SIGHUP came, with the status of a shell: 128 + the signal.
    """
    if scheduler:
        return _carry_out_there(members, steps, after_step, again, scheduler)
    problems: dict[Member, str] = {}
    with Processes() as processes:
        for number, member in enumerate(members, 1):
            finished = all(step.done(member) for step in steps)
            say(f"run {number} of {len(members)}: {member.folder}{' is finished' if finished else ''}")
            for step in steps:
                if step.done(member):
                    continue
                _wait(member.folder, processes)
                problem = None
                if not processes.stopped_by:
                    problem = processes.run([*CHILD, *map(str, step.arguments(member))])
                    if problem is None or not processes.stopped_by:  # a step that a signal ended has not failed
                        after_step(member, step, problem)
                if processes.stopped_by:
                    warn(f"stopped in run {number} of {len(members)}; go on with: {again}")
                    raise SystemExit(128 + processes.stopped_by)
                if problem and problem.kind not in step.answers:
                    problems[member] = f"{step.name}: {problem}"
                    break
    return problems


def _carry_out_there(
    members: Sequence[Member], steps: Sequence[Step], after_step: AfterStep, again: str, scheduler: str
) -> dict[Member, str]:
    """Do what `carry_out` says on the workers of a cluster."""
    problems: dict[Member, str] = {}
    running: dict[Future[Outcome[Problem | None]], tuple[Member, Step]] = {}
    with Lanes(scheduler=scheduler) as lanes:
        lanes.check({member.folder.parent.absolute(): "" for member in members})
        say(f"{len(members)} runs on {lanes.count} workers of {scheduler}")

        rest = {member: iter(steps) for member in members}

        def begin(member: Member) -> None:
            """Hand out the next step of a member that is not done."""
            for step in rest[member]:  # which goes on where it was
                if not step.done(member):
                    say(f"{member.folder}: {step.name}")
                    command = (str(Path.cwd()), *CHILD, *map(str, step.arguments(member)))
                    running[lanes.start(run_command, command)] = member, step
                    return
            say(f"{member.folder} is finished")

        try:
            for member in members:
                begin(member)
            while running:
                for future in wait(list(running), return_when=FIRST_COMPLETED).done:
                    member, step = running.pop(future)
                    problem = _problem_of(future.result())
                    after_step(member, step, problem)
                    if problem and problem.kind not in step.answers:
                        problems[member] = f"{step.name}: {problem}"
                        warn(f"{member.folder}: {step.name} failed: {problem}")
                        continue
                    begin(member)
        except BaseException:
            lanes.everywhere(stop_commands)
            warn(f"stopped; go on with: {again}")
            raise
    return problems


def _problem_of(outcome: Outcome[Problem | None]) -> Problem | None:
    try:
        return outcome.get()
    except Exception as error:  # a worker that is gone is a step that failed
        return Problem(str(error), type(error).__name__)


def refuse_failed(folder: Path, problems: Mapping[Member, str], count: int, again: str) -> None:
    """Raise an error that lists the members that failed, of `count`, and says how to try them again.

    Raises
    ------
    CeresFastError
        When at least one failed.
    """
    if problems:
        failed = ", ".join(f"{member.folder.name} ({problem})" for member, problem in problems.items())
        raise CeresFastError(
            f"{folder}: {len(problems)} of {count} runs failed: {failed}. What they said is above. "
            f"To try them again: {again}"
        )


def _wait(run: Path, processes: Processes) -> None:
    """Wait until no other process uses a run: a run of a series that was killed may not have ended yet."""
    if user := who_uses(run):
        say(f"{run}: is in use by {user}; waiting until that has ended")
    while user and not processes.stopped_by:
        time.sleep(_POLL_SECONDS)
        user = who_uses(run)
