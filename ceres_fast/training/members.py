"""Runs one after another, each in a process of its own: what `train --seeds`, `train --backbone all` and `experiments`
share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..console import say, warn
from ..errors import CeresFastError
from ..files import read_json
from .processes import CHILD, Problem, Processes
from .runs import CONFIG, METRICS, discard_unbegun, who_uses

SCORES = "scores.json"
"""What an evaluation leaves in its folder."""

_LOOK = 0.2
"""Seconds between two looks whether a run is free."""


@dataclass(frozen=True)
class Member:
    """One of several runs: a directory under theirs."""

    folder: Path
    backbone: str
    experiment: int
    seed: int

    @property
    def trained(self) -> bool:
        """Whether its training has come to its end."""
        return (self.folder / METRICS).is_file()

    @property
    def metrics(self) -> dict[str, Any]:
        """What its training has left in ``metrics.json``."""
        return read_json(self.folder / METRICS, what="the metrics of a run")

    def evaluated(self, split: str) -> bool:
        """Return whether it has been evaluated on a split."""
        return (self.folder / f"evaluation-{split}" / SCORES).is_file()


@dataclass(frozen=True)
class Step:
    """What is done with each run, as a command of its own.

    Attributes
    ----------
    name : str
        In words: "training".
    done : callable
        Tells whether a member has it behind it.
    arguments : callable
        Returns those of `ceres-fast` that do it, or go on with it.
    answers : frozenset of str
        Kinds of error that are an answer and no failure.
    """

    name: str
    done: Callable[[Member], bool]
    arguments: Callable[[Member], Sequence[object]]
    answers: frozenset[str] = field(default=frozenset())


Told = Callable[[Member, Step, Problem | None], None]


def training(config: Path) -> Step:
    """Return the step that trains by a configuration file and evaluates on the validation split."""

    def arguments(member: Member) -> list[object]:
        discard_unbegun(member.folder)
        if (member.folder / CONFIG).is_file():
            return ["train", "--resume", member.folder]
        one = ["--backbone", member.backbone, "--experiment", member.experiment, "--seed", member.seed, "--seeds", 1]
        return ["train", "--config", config, *one, "--run", member.folder]

    return Step("training", lambda member: member.trained, arguments)


def evaluation(split: str, options: Mapping[str, Any]) -> Step:
    """Return the step that evaluates on a split of the records of `options`; training has done one of them."""
    of = ["--records", options["records"], "--on-error", options["on_error"]]
    return Step(
        f"evaluation on the {split} split",
        lambda member: member.evaluated(split),
        lambda member: ["evaluate", member.folder, "--split", split, *of],
    )


def carry_out(members: Sequence[Member], steps: Sequence[Step], told: Told, *, again: str) -> dict[Member, str]:
    """Do all steps of each member that are not done, and return what went wrong.

    One that fails holds up no other: what is left of it is not tried.

    Parameters
    ----------
    members : sequence of Member
        In the order in which they are done.
    steps : sequence of Step
        In that order, too.
    told : callable
        Called after each step that was tried.
    again : str
        The command that goes on after a stop.

    Returns
    -------
    dict
        Of the members that failed: at what, and why.

    Raises
    ------
    SystemExit
        When Ctrl-C or SIGTERM came, with the status of a shell: 128 + the signal.
    """
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
                    if problem is None or not processes.stopped_by:  # what a signal ended has not failed
                        told(member, step, problem)
                if processes.stopped_by:
                    warn(f"stopped in run {number} of {len(members)}; go on with: {again}")
                    raise SystemExit(128 + processes.stopped_by)
                if problem and problem.kind not in step.answers:
                    problems[member] = f"{step.name}: {problem}"
                    break
    return problems


def refuse_failed(folder: Path, problems: Mapping[Member, str], count: int, again: str) -> None:
    """Say which of `count` members failed, and how to try them again.

    Raises
    ------
    CeresFastError
        When there are any.
    """
    if problems:
        failed = ", ".join(f"{member.folder.name} ({problem})" for member, problem in problems.items())
        raise CeresFastError(
            f"{folder}: {len(problems)} of {count} runs failed: {failed}. What they said is above. "
            f"To try them again: {again}"
        )


def _wait(run: Path, processes: Processes) -> None:
    """Wait until nobody is at work in a run: one of a series that was killed may still be ending."""
    if user := who_uses(run):
        say(f"{run}: is in use by {user}; waiting until that has ended")
    while user and not processes.stopped_by:
        time.sleep(_LOOK)
        user = who_uses(run)
