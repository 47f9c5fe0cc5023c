"""Run the experiments of a plan, one after another: what `ceres-fast experiments` does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..console import say, table, warn
from ..errors import CeresFastError
from ..folders import contents
from ..libraries.tensorflow_quiet import tf
from ..settings.option import as_arguments
from ..training.members import Member, Step, carry_out, evaluation, refuse_failed, training
from ..training.prefix_cache.listing import clear
from ..training.processes import Problem
from ..training.runs import CONFIG, lock_folder
from ..training.series import summary, with_spread
from .machine import is_own_cache, say_disk
from .plan import CACHE, PLAN, Plan
from .report import write_report
from .report.results import EXPERIMENTS_FILE
from .results import Results

AGAIN = "the same command"

_SHOWN = {"roc_auc": "ROC AUC", "average_precision": "av. prec.", "recall": "recall", "precision": "precision"}
"""Scores in the table that is printed at the end, and what they are called there."""


def run_experiments(out: Path, plan: Plan, scheduler: str | None = None) -> Path:
    """Train, evaluate and calibrate all runs of a plan that are not finished, and write one report of them.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the experiments: a directory per run, ``experiments.json`` and ``report/``. Where it is there already,
        what is finished is left alone, what was stopped goes on, and what has failed is tried again.
    plan : Plan
        From `planned`.
    scheduler : str, optional
        Address of a running Dask scheduler, each of whose workers then does one run at a time.

    Returns
    -------
    pathlib.Path
        ``experiments.json``, written after every step; the report is written after every run.

    Raises
    ------
    InputError
        When a file of the folder cannot be read.
    CeresFastError
        When the folder is of something else, of another plan, or in use; at the end, when runs have failed.
    SystemExit
        When Ctrl-C, SIGTERM or SIGHUP came, with the status of a shell: 128 + the signal.
    """
    _refuse_other(out)
    lock_folder(out)
    with suppress(RuntimeError):  # too late, as in tests
        # This process reads a few stamps for the report; TensorFlow would take all GPU memory for that.
        tf.config.set_visible_devices([], "GPU")
    plan.begin(out)
    say_disk(plan, out)
    results = Results(out, plan)
    results.write()

    def note(member: Member, step: Step, problem: Problem | None) -> None:
        if problem and problem.kind in step.answers:
            results.unpromised[member] = str(problem)
            say(f"{member.folder}: goes on without an operating point")
            problem = None
        results.update(member, f"{step.name}: {problem}" if problem else None)
        if problem or results.finished(member):
            _report(out)
            _clear_cache(out, results, member)

    carry_out(results.members, _steps(out, plan, results), note, again=AGAIN, scheduler=scheduler)
    report = _report(out)
    _show(results)
    refuse_failed(out, results.problems(), len(results.members), AGAIN)
    say(f"numbers in {out / EXPERIMENTS_FILE}")
    if report:
        say(f"the report, for a browser: {report}")
    return out / EXPERIMENTS_FILE


def _refuse_other(out: Path) -> None:
    """Refuse a folder that holds something else: what is written into it would be lost among that."""
    if (out / PLAN).exists():
        return
    if others := [path.name for path in contents(out, CONFIG) if path.name[0] != "."]:
        raise CeresFastError(f"{out}: holds {others[0]}, and no experiments. Choose another --out.")


def _steps(out: Path, plan: Plan, results: Results) -> Sequence[Step]:
    calibration = Step(
        "calibration",
        results.calibrated,
        lambda member: [
            *("calibrate", member.folder, "--records", plan.options["records"]),
            *as_arguments(plan.guarantee),
            *("--on-error", plan.options["on_error"]),
        ],
        answers=frozenset({"TooFewAsteroids"}),
    )
    return (
        training(out / CONFIG, plan.options["records"]),
        evaluation("validation", plan.options),
        evaluation("test", plan.options),
        calibration,
    )


def _report(out: Path) -> Path | None:
    """Write the report, and return where it is; where it cannot be written, the runs that are left are worth more."""
    try:
        return write_report(out)
    except CeresFastError as error:
        warn(f"the report cannot be written now: {error}")
        return None


def _clear_cache(out: Path, results: Results, member: Member) -> None:
    """Delete what frozen layers give for the stamps, once the last seed of a backbone and experiment is finished."""
    if not is_own_cache(results.plan, out):
        return
    row = [other for other in results.members if _row(other) == _row(member)]
    if all(map(results.finished, row)):
        clear(out / CACHE)


def _row(member: Member) -> tuple[str, int]:
    return member.backbone, member.experiment


def _show(results: Results) -> None:
    found: dict[str, list[dict[str, float]]] = {}
    for row in results.rows:
        if row["finished"]:
            values = {name: row["scores"][name]["value"] for name in _SHOWN} | {"seconds": row["seconds"]}
            found.setdefault(f"{row['backbone']} {row['experiment']}", []).append(
                {name: value for name, value in values.items() if value is not None}
            )
    rows = [
        [
            name,
            len(found[name]),
            *(with_spread(means[column]) if column in means else "—" for column in _SHOWN),
            with_spread(means["seconds"], decimals=0),
        ]
        for name, means in summary(found).items()
    ]
    if rows:
        table(
            "Test split, threshold 0.5: mean ± standard deviation over the seeds",
            ["run", "runs", *_SHOWN.values(), "seconds"],
            rows,
        )
