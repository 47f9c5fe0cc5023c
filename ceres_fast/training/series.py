"""A series of runs, of several seeds or of all backbones, and the mean and spread of their results."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ..console import say, table
from ..errors import CeresFastError, InputError
from ..files import write_json
from ..model.backbones import IMAGENET
from ..records.manifest import load_manifest
from ..settings.training import ALL
from .config import PROVENANCE, RunConfig, check_moved, read_written, write_config
from .members import Member, Step, carry_out, evaluation, refuse_failed, training
from .processes import Problem
from .report import require_tensorboard
from .runs import CONFIG, create_run, open_run

SERIES = "series.json"


def is_series(options: Mapping[str, Any]) -> bool:
    """Return whether options of `ceres-fast train` ask for more than one run."""
    return options["backbone"] == ALL or options["seeds"] > 1


def train_series(options: Mapping[str, Any], run: Path | None = None, scheduler: str | None = None) -> Path:
    """Train and evaluate one run per backbone and seed, and leave ``series.json`` with mean and spread.

    Each run is a process of its own. So it has all of the memory, gives the same result as when trained alone, and does
    not end the others when it is killed.

    Parameters
    ----------
    options : mapping
        Options of `ceres-fast train`, all of `OPTIONS`. There are ``seeds`` seeds: ``seed``, ``seed`` + 1 and so on;
        ``backbone`` may be ``all``.
    run : pathlib.Path, optional
        Directory of the series, with one directory per run; without it,
        ``runs/<UTC time>-<backbone>-experiment<n>``.

    Returns
    -------
    pathlib.Path
        The directory of the series.

    Raises
    ------
    CeresFastError
        When options contradict each other, there are no records, the directory exists, or, at the end, when runs have
        failed.
    SystemExit
        When Ctrl-C, SIGTERM or SIGHUP came, with the status of a shell: 128 + the signal.
    """
    _check(options)
    folder = create_run(run, options["backbone"], options["experiment"])
    write_config(folder, options)
    return _train(folder, options, scheduler)


def resume_series(folder: Path, records: Path | None = None, scheduler: str | None = None) -> Path:
    """Resume a series that was stopped: finished runs are left as they are, and failed ones are tried again.

    Parameters
    ----------
    folder : pathlib.Path
        Directory of the series.
    records : pathlib.Path, optional
        Where the records that it began with are now, if they were moved.

    Raises
    ------
    InputError
        When `folder` is not the directory of a series, or `records` are not those that its runs began with.
    CeresFastError
        At the end, when runs have failed.
    SystemExit
        As `train_series`.
    """
    folder = open_run(folder)
    options = read_written(folder)
    if "seeds" not in options:
        raise InputError(folder / CONFIG, "is of one run", expected="that of a series of runs")
    if records is not None:
        for run in (member.folder for member in _members(folder, options)):
            if (run / PROVENANCE).is_file():
                check_moved(run, records)
        options["records"] = records
        write_config(folder, options)
    return _train(folder, options, scheduler)


def _check(options: Mapping[str, Any]) -> None:
    if options["backbone"] == ALL and options["start_from"] is not None:
        raise CeresFastError("--backbone all: the classifier of --from has one backbone. Leave one of the two out.")
    if options["backbone"] == ALL and options["weights"] not in ("imagenet", "none"):
        raise CeresFastError("--backbone all: --weights PATH is of one backbone. Choose imagenet or none.")
    # An error that would make every run fail is reported once, before the first: bad settings, a last seed that is too
    # large, missing records, a missing package.
    config = RunConfig.of({**options, "backbone": _backbones(options)[0]})
    replace(config.settings, seed=config.settings.seed + options["seeds"] - 1)
    load_manifest(config.records)
    if config.settings.tensorboard:
        require_tensorboard()


def _backbones(options: Mapping[str, Any]) -> list[str]:
    return list(IMAGENET) if options["backbone"] == ALL else [options["backbone"]]


def _members(folder: Path, options: Mapping[str, Any]) -> list[Member]:
    seeds = range(options["seed"], options["seed"] + options["seeds"])
    return [
        Member(folder / f"{backbone}-seed{seed}", backbone, options["experiment"], seed)
        for backbone in _backbones(options)
        for seed in seeds
    ]


def _train(folder: Path, options: Mapping[str, Any], scheduler: str | None) -> Path:
    members = _members(folder, options)
    steps = training(folder / CONFIG, options["records"]), evaluation("validation", options)
    again = f"ceres-fast train --resume {shlex.quote(str(folder))}"

    def after_step(member: Member, step: Step, problem: Problem | None) -> None:
        _report(folder, members)

    _report(folder, members)
    problems = carry_out(members, steps, after_step, again=again, scheduler=scheduler)
    _show(members)
    refuse_failed(folder, problems, len(members), again)
    say(f"written to {folder / SERIES}")
    return folder


def summary(best: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return mean and spread of each metric over the seeds of each backbone.

    Parameters
    ----------
    best : mapping
        For each backbone, the metrics of its runs.

    Returns
    -------
    dict
        ``{backbone: {metric: {"mean": …, "std": …}}}``; ``std`` is the sample standard deviation (divided by
        n − 1), None of one run.
    """
    return {
        backbone: {
            name: {"mean": fmean(values), "std": stdev(values) if len(values) > 1 else None}
            for name in runs[0]
            if (values := [run[name] for run in runs])
        }
        for backbone, runs in best.items()
    }


def _finished(member: Member) -> bool:
    return member.trained and member.evaluated("validation")


def _best(member: Member) -> dict[str, float]:
    """Return the validation metrics of the best epoch of a run."""
    return {name: value for name, value in member.metrics["best"].items() if name.startswith("val_")}


def _of_backbones(members: Sequence[Member]) -> dict[str, list[dict[str, float]]]:
    best: dict[str, list[dict[str, float]]] = {}
    for member in members:
        if _finished(member):
            best.setdefault(member.backbone, []).append(_best(member))
    return best


def _report(folder: Path, members: Sequence[Member]) -> None:
    runs = [
        {"run": member.folder.name, "backbone": member.backbone, "seed": member.seed}
        | ({"finished": True, "best": _best(member)} if _finished(member) else {"finished": False})
        for member in members
    ]
    write_json(folder / SERIES, {"runs": runs, "summary": summary(_of_backbones(members))})


def _show(members: Sequence[Member]) -> None:
    best = _of_backbones(members)
    if not best:
        return
    names = list(next(iter(best.values()))[0])
    rows = [
        [backbone, len(best[backbone]), *(with_spread(metrics[name]) for name in names)]
        for backbone, metrics in summary(best).items()
    ]
    columns = ["backbone", "runs", *(name.removeprefix("val_") for name in names)]
    table("Best epochs on the validation split: mean ± standard deviation over the seeds", columns, rows)


def with_spread(found: Mapping[str, float | None], decimals: int = 4) -> str:
    """Return mean and, where there is one, spread: ``1.2500 ± 0.1250``."""
    return " ± ".join(f"{value:.{decimals}f}" for value in (found["mean"], found["std"]) if value is not None)
