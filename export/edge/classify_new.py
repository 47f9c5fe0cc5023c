#!/usr/bin/env python3
"""Classify what is new in a folder of exposures, and end; a systemd timer starts it again and again.

    classify_new.py INPUT --model classifier.onnx --output FOLDER --state FILE [-- options of ceres-fast classify]

An exposure is a frame with its catalogue, beside it or in ../sextractor_cat, and is there when neither has changed for
a while. Stationary detections are found by comparing all exposures of a field, CCD and night, so these are classified
together: when there are as many as expected, or none has come for a while. When a later one comes, or a file is
replaced, the field is classified again and its tables are replaced. A field that `ceres-fast classify` fails on, also
on one exposure of it, keeps nobody waiting: the others come first, and after three attempts what is left goes on as it
is, loudly, because an asteroid that is not passed on is lost. A table with probabilities of these very detections is
never replaced by a catalogue without, whatever became of the command that wrote it. Another classifier has three more.

Nothing is written into the input. A lost state file costs time: everything is classified again.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import get_args

from new_exposures import Exposure, Field, State, fields_of, signature

from ceres_fast.classify.outputs import frame_target, scored_rows, write_divided
from ceres_fast.console import guard_output, names_in_utf8, say
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import copy_file, disk_errors
from ceres_fast.locks import Busy, lock
from ceres_fast.settings.classifier import TableFormat

CLASSIFY = [sys.executable, "-m", "ceres_fast", "classify"]
ATTEMPTS = 3
TIMEOUT = 3600
"""Seconds that one field may take."""

CLASSIFIED = "classified"
PASSED_ON = 3
"""Exit status, of `ceres-fast classify --on-error skip` and of this script: a catalogue went on unfiltered."""

PROVISIONAL = 4
"""Exit status of `ceres-fast classify`: all is classified, but in some field nobody knows what is stationary. Another
attempt would end alike; when another exposure comes, the field is classified again."""


@dataclass
class Work:
    """One run: from where, with what, to where."""

    folder: Path
    model: Path
    output: Path
    state_file: Path
    state: State
    more: Sequence[str] = ()

    def do(self, fields: Sequence[Field]) -> None:
        """Classify what is complete and new; what has failed before comes last."""
        self.state.forget(fields)
        model = json.dumps(signature(self.model))
        new = [each for each in fields if each.complete and self.state.done.get(each.key) not in (CLASSIFIED, model)]
        for each in sorted(new, key=lambda each: (self.state.attempts.get(each.key, 0), each.exposures[0].since)):
            attempt = self.state.attempts.get(each.key, 0) + 1
            status = self._status(each, attempt)
            if status in (0, PROVISIONAL):
                self._finish(each, CLASSIFIED)
            elif attempt >= ATTEMPTS:
                if status != PASSED_ON:  # else all tables are there, and only some without probabilities
                    self._pass_on(each)
                self._finish(each, model)
        self._write()

    @property
    def left(self) -> bool:
        """Whether a field that is there could not be classified, in this run or an earlier one."""
        return any(self.state.attempts.values()) or any(how != CLASSIFIED for how in self.state.done.values())

    def _status(self, each: Field, attempt: int) -> int | None:
        """Return how `ceres-fast classify` ended; None when it was not finished in time."""
        frames = [exposure.frame for exposure in each.exposures]
        say(f"attempt {attempt} at {', '.join(frames)}")
        self.state.attempts[each.key] = attempt  # now, as it may take the machine down
        self._write()
        options = ["--model", str(self.model), "--output", str(self._place(each)), "--on-error", "skip", "--overwrite"]
        try:
            status = subprocess.run([*CLASSIFY, *frames, *options, *self.more], timeout=TIMEOUT, check=False).returncode
        except subprocess.TimeoutExpired:
            say(f"not finished after {TIMEOUT} s")
            return None
        except BaseException:  # told to end: the field is not to blame
            self.state.attempts[each.key] = attempt - 1
            self._write()
            raise
        say(f"ended with status {status}")
        return status

    def _place(self, each: Field) -> Path:
        """Return the folder for the tables of a field: that of its catalogues, relative to the input."""
        parents = [Path(exposure.catalogue).resolve().parent for exposure in each.exposures]
        above, folder = Path(commonpath(parents)), self.folder.resolve()
        return self.output / (above.relative_to(folder) if above.is_relative_to(folder) else "")

    def _pass_on(self, each: Field) -> None:
        for exposure in each.exposures:
            place = self._place(each)
            if kept := self._classified(exposure, place):
                say(f"{exposure.frame}: its table is there, and stays: {kept}")
                continue
            target = place / Path(exposure.catalogue).name
            write_divided(lambda path, rows, source=exposure.catalogue: copy_file(Path(source), path), target, None)
            say(f"{exposure.frame}: cannot be classified, its catalogue is passed on UNFILTERED as {target}")

    def _classified(self, exposure: Exposure, place: Path) -> Path | None:
        """Return the table with probabilities of an exposure's detections, in whatever format; None without one."""
        catalogue = Path(exposure.catalogue)
        targets = [
            frame_target(Path(exposure.frame), catalogue, [], place, each) for each in (None, *get_args(TableFormat))
        ]
        return next((target for target in targets if scored_rows(target, catalogue)), None)

    def _finish(self, each: Field, how: str) -> None:
        self.state.done[each.key] = how
        del self.state.attempts[each.key]
        self._write()

    def _write(self) -> None:
        self.state.write(self.state_file)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(description="Classify what is new in a folder of exposures.")
    made.add_argument("input", type=Path, help="folder of frames and catalogues, searched recursively")
    made.add_argument("--model", type=Path, required=True, help="an exported classifier")
    made.add_argument("--output", type=Path, required=True, help="folder for the tables")
    made.add_argument("--state", type=Path, required=True, help="file that remembers what is done")
    made.add_argument("--exposures", type=int, default=4, help="exposures of a field (default: %(default)s)")
    made.add_argument("--wait", type=float, default=30, help="minutes to wait for more (default: %(default)s)")
    made.add_argument("--settle", type=float, default=60, help="seconds without a change (default: %(default)s)")
    return made


def main(arguments: Sequence[str], clock: Callable[[], float] = time.time) -> int:
    """Run once. 0: all is well; 1: nothing can be done; 3: something that is there could not be classified."""
    cut = [*arguments, "--"].index("--")
    given = parser().parse_args(arguments[:cut])
    now = clock()
    try:
        for path in (given.input, given.model):
            if not path.exists():
                raise InputError(path, "does not exist", action="look into the settings of the service")
        with disk_errors(given.state):
            given.state.parent.mkdir(parents=True, exist_ok=True)
            held = lock(given.state.with_suffix(".lock"))
        with held:
            state = State.read(given.state)
            settled = state.look(given.input, given.settle, now)
            work = Work(given.input, given.model, given.output, given.state, state, arguments[cut + 1 :])
            work.do(fields_of(settled, given.exposures, given.wait * 60, now))
    except Busy as busy:
        say(f"{given.state}: {busy} is at work already")
        return 0
    except CeresFastError as error:
        say(f"error: {error}")
        return 1
    return PASSED_ON if work.left else 0


if __name__ == "__main__":
    names_in_utf8()
    guard_output()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
