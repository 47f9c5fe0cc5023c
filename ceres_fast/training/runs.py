"""Run directories: one per training, one process at a time in each."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from ..artifact.latest import LATEST, resolve
from ..console import warn
from ..errors import CeresFastError, InputError
from ..files import disk_errors
from ..folders import occupied
from ..locks import Busy, Lock, lock, lock_where_possible
from ..machine import interrupts

RUNS = Path("runs")
CONFIG, HISTORY, METRICS = "config.toml", "history.csv", "metrics.json"
"""The file that a run has from its beginning on, that with a row per epoch, and that which only a finished run has."""

SCORES = "scores.json"
"""The file that an evaluation writes last into its folder."""

CALIBRATION = Path("calibration", "calibration.json")
"""What was found when a run was calibrated, in its folder."""

LOCK = ".lock"

_held: list[Lock] = []
"""The locks of this process, which are kept until it ends."""


def evaluation_folder(run: Path, split: str) -> Path:
    """Return where the evaluation of a run on a split is, unless another folder was named."""
    return run / f"evaluation-{split}"


def create_run(run: Path | None, backbone: str, experiment: int) -> Path:
    """Create the directory of a new run; without a name, `RUNS`/<UTC time>-<backbone>-experiment<n>.

    Where runs start in the same second, as when a script trains several seeds, the name of the second ends in ``-2``.
    A named one may be there and empty. The directory is locked for this process until it ends.

    Raises
    ------
    CeresFastError
        When something is in it (a run is never overwritten, and two processes never share one), or it cannot be
        created, or has the name of the file that names the newest run.
    """
    if run is not None:
        _take(run)
        return run
    for name in _names(f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{backbone}-experiment{experiment}"):
        try:
            name.mkdir(parents=True)
        except OSError as error:
            # Not by FileExistsError, which is also raised where a parent folder is a file.
            if not os.path.lexists(name):
                raise _impossible(name, error) from error
        else:
            break
    lock_run(name)
    return name


def _take(run: Path) -> None:
    if run.name == LATEST:
        raise CeresFastError(f"{run}: is the name of the file that names the newest run. Choose another --run.")
    # Looked into before it is locked, so that nothing is left in a folder of something else; and after, because
    # another process may have taken it in between.
    _refuse_occupied(run)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _impossible(run, error) from error
    _lock(run)
    _refuse_occupied(run)


def _refuse_occupied(run: Path) -> None:
    if problem := occupied(run, LOCK):
        raise CeresFastError(
            f"{run}: {problem}. A run is never overwritten: choose another --run, or remove it first; a run that was "
            f"stopped goes on with --resume {run}."
        )


def _impossible(run: Path, error: OSError) -> CeresFastError:
    return CeresFastError(f"{run}: cannot be made ({error.strerror}). Choose another --run.")


def open_run(run: Path) -> Path:
    """Lock the directory of a run that was stopped, to resume it in this process.

    Parameters
    ----------
    run : pathlib.Path
        The directory, a link to it, or ``runs/latest``.

    Returns
    -------
    pathlib.Path
        The directory itself: before this run has ended, a link may point at another one.

    Raises
    ------
    InputError
        When it is not a run, or is a finished one.
    CeresFastError
        When another process uses it, or it cannot be written.
    """
    run = resolve(run)
    if not (run / CONFIG).is_file():
        raise InputError(
            run,
            f"holds no {CONFIG}",
            expected="the directory of a run that was stopped",
            action="name another --resume",
        )
    found = run.resolve() if run.is_symlink() else run
    lock_run(found)
    if (found / METRICS).exists():
        raise InputError(
            found,
            f"is a finished run (it has {METRICS})",
            expected="a run that was stopped",
            action=f"train a new run that starts with its classifier with --from {found}, or from the beginning "
            f"with --config {found / CONFIG}",
        )
    return found


def lock_folder(folder: Path) -> None:
    """Create the folder of several runs where it is missing, and lock it for this process until that ends.

    Raises
    ------
    CeresFastError
        When another process uses it, or it cannot be created or written.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock_run(folder)


def who_uses(run: Path) -> str | None:
    """Return in words which process uses a run; None where none does, or locks do not work on this disk."""
    try:
        lock(run / LOCK).release()
    except Busy as busy:
        return str(busy)
    except OSError:
        pass
    return None


def discard_unbegun(run: Path) -> None:
    """Remove the directory of a run that was killed when it held only its options, which loses nothing.

    There is no state yet from which it could be resumed, and `create_run` would refuse an existing directory.
    """
    if not run.is_dir() or run.is_symlink():
        return
    if all(path.name == CONFIG or path.name.startswith(".") for path in run.iterdir()):
        shutil.rmtree(run)


def _names(stem: str) -> Iterator[Path]:
    yield RUNS / stem
    yield from (RUNS / f"{stem}-{number}" for number in count(2))


def lock_run(run: Path) -> None:
    """Lock a run's directory until this process ends; a second call changes nothing.

    Raises
    ------
    CeresFastError
        When another process uses it, or it cannot be written.
    """
    if not any(held.is_of(run / LOCK) for held in _held):
        _lock(run)


def _lock(run: Path) -> None:
    path = run / LOCK
    with disk_errors(path):
        try:
            held = lock_where_possible(path)
        except Busy as busy:
            raise CeresFastError(f"{run}: is in use by {busy}. Wait until that has ended, or stop it.") from None
    if held.problem:
        warn(f"{run}: cannot be locked ({held.problem}); see to it that no other process works in it")
    _held.append(held)


def stoppable(run: Path, where: Callable[[], str]) -> AbstractContextManager[None]:
    """Let a signal end the block, as `interrupts.stoppable` does, and print where that was and how to resume.

    Parameters
    ----------
    run : pathlib.Path
        Directory of the run.
    where : callable
        Returns where the training is: "in epoch 3 of 30".
    """
    return interrupts.stoppable(lambda: f"{where()}; go on with: ceres-fast train --resume {shlex.quote(str(run))}")
