"""A night of mosaics as it comes: from the arrival of an exposure to its table, and what many kills and hours cost.

    python -m benchmarks.watch FRAMES --model MODEL --work WORK

FRAMES is a folder of `ceres-fast simulate`, for the long night and the kills. The mosaics are simulated here: frames of
2048x4100 pixels with so many stars that each has about 3,000 detections, put together four by four. Then `ceres-fast
watch` runs as a user runs it, and exposures are moved into its folder by one rename, the frame before its catalogue:

* *one by one*: the next comes when the table of the one before is there. Nothing waits for anything else. The night is
  replayed into new folders until there are as many arrivals as asked for;
* *every 5 s*, *every 60 s*: by the clock, whatever is done. The backlog, and when the last table came;
* *a long night*: single frames, four to a field, all at once; the memory of all processes over time;
* *kills*: SIGKILL after 0.5 to 4 s, again and again, while exposures come; then the tables are compared with those that
  `ceres-fast night` writes.

An arrival is the moment at which the later of the two files has got its name; the table is there when the line of the
log is read. The steps are those of the process that classifies.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import command_line, write_result
from benchmarks.mosaics import EXPOSURES, catalogue_of, mosaics, simulated
from benchmarks.steps import command
from ceres_fast.console import say, table
from ceres_fast.files import read_json
from ceres_fast.night.record import read_records

SECONDS = 300.0
"""After which a table that has not come does not come."""


PACES = {"every 5 s": 5.0, "every 60 s": 60.0}
"""Seconds between exposures."""

PARTS = ("one by one", *PACES, "long night", "kills")


class Watched:
    """`ceres-fast watch` on a folder, and the lines that it prints."""

    def __init__(self, folder: Path, output: Path, model: Path, *options: str) -> None:
        words = ("watch", folder, "--model", model, "--output", output, "--log", "json", *options)
        self.folder, self.output = folder, output
        folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lines: Queue[tuple[float, dict[str, Any]]] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.memory: list[tuple[float, float]] = []

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put((time.perf_counter(), json.loads(line)))

    def ready(self) -> None:
        """Wait until the classifier is loaded in the process that uses it."""
        while self.lines.get(timeout=SECONDS)[1]["event"] != "start":
            pass
        time.sleep(10)

    def field(self, seconds: float = SECONDS) -> tuple[float, dict[str, Any]]:
        """Return when the next field was written, and what is said of it."""
        until = time.perf_counter() + seconds
        while True:
            when, line = self.lines.get(timeout=max(0.01, until - time.perf_counter()))
            if line["event"] == "field":
                return when, line

    def megabytes(self) -> float:
        """Return the memory of the process and its children (proportional set sizes), MB."""
        process = psutil.Process(self.process.pid)
        total = 0
        for each in [process, *process.children(recursive=True)]:
            try:
                total += each.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 1e6

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it."""
        self.process.send_signal(number)
        self.process.wait(60)


@contextmanager
def watched(folder: Path, output: Path, model: Path, *options: str) -> Iterator[Watched]:
    """Watch a new folder while the block runs."""
    for each in (folder, output):
        shutil.rmtree(each, ignore_errors=True)
    one = Watched(folder, output, model, *options)
    try:
        yield one
    finally:
        one.end()


def arrive(frame: Path, source: Path, folder: Path) -> float:
    """Let an exposure come: a frame and its catalogue get their names; return when."""
    for path in (frame, catalogue_of(frame)):
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden = target.with_name(f".{target.name}.part")
        os.link(path, hidden)  # what copies it, and how fast the disk is, is no part of this
        hidden.rename(target)
        target.touch()
    return time.perf_counter()


def one_by_one(night: list[Path], source: Path, work: Path, model: Path, arrivals: int) -> dict[str, Any]:
    """Return how long each exposure took, alone and with its field, and what took it."""
    seconds: dict[str, list[float]] = {"alone": [], "with its field": []}
    steps: dict[str, list[dict[str, float]]] = {name: [] for name in seconds}
    detections: list[int] = []
    while sum(map(len, seconds.values())) < arrivals:
        with watched(work / "incoming", work / "out", model) as one:
            one.ready()
            for frame in night[: arrivals - sum(map(len, seconds.values()))]:
                came = arrive(frame, source, one.folder)
                while True:
                    when, line = one.field()
                    if line["exposure"] == frame.name:
                        break
                which = "alone" if line["exposures"] == 1 else "with its field"
                seconds[which].append(when - came)
                steps[which].append(line["seconds"])
                detections.append(line["detections"] // line["exposures"])
    return {
        "arrivals": sum(map(len, seconds.values())),
        "detections of an exposure": int(np.median(detections)),
        **{
            which: {
                "arrivals": len(values),
                "p50": round(float(np.quantile(values, 0.5)), 2),
                "p99": round(float(np.quantile(values, 0.99)), 2),
                "most": round(max(values), 2),
                "steps": {
                    name: round(float(np.median([each[name] for each in steps[which]])), 2)
                    for name in ("read", "cut", "infer", "write")
                },
            }
            for which, values in seconds.items()
            if values
        },
    }


def every(pace: float, night: list[Path], source: Path, work: Path, model: Path) -> dict[str, Any]:
    """Return how far it falls behind when exposures come at a pace, whatever is done."""
    behind: list[int] = []
    memory: list[float] = []
    last: dict[str, float] = {}
    with watched(work / "incoming", work / "out", model) as one:
        one.ready()
        started = time.perf_counter()
        came: dict[str, float] = {}
        for number, frame in enumerate(night):
            _read_until(started + number * pace, one, last)
            came[frame.name] = arrive(frame, source, one.folder)
            behind.append(len(came) - len(last))
            memory.append(one.megabytes())
        while len(last) < len(came):
            when, line = one.field()
            _enter(last, when, line, one)
        ended = max(last.values())
    delays = [last[name] - came[name] for name in came]
    return {
        "seconds between exposures": pace,
        "exposures": len(night),
        "most waiting": max(behind),
        "p50": round(float(np.quantile(delays, 0.5)), 2),
        "p99": round(float(np.quantile(delays, 0.99)), 2),
        "seconds after the last exposure": round(ended - max(came.values()), 1),
        "megabytes": [round(value) for value in memory],
    }


def _read_until(until: float, one: Watched, last: dict[str, float]) -> None:
    """Note what is written until then, each line as it comes: later the record has more than the line says."""
    while (seconds := until - time.perf_counter()) > 0:
        try:
            when, line = one.field(seconds)
        except Empty:
            return
        _enter(last, when, line, one)


def _enter(last: dict[str, float], when: float, line: dict[str, Any], one: Watched) -> None:
    """Note when the exposures of a field had their first table."""
    for record in read_records(one.output):
        if record.name == line["field"]:
            for exposure in record.exposures:
                last.setdefault(Path(exposure.frame).name, when)


def long_night(frames: Path, work: Path, model: Path) -> dict[str, Any]:
    """Return the memory of a night of single frames that are all there."""
    source = frames / "training"
    fields = sorted({path.parents[1] for path in source.rglob("resamp/*.fits")})
    memory: list[tuple[float, float]] = []
    done = 0
    with watched(work / "incoming", work / "out", model) as one:
        one.ready()
        started = time.perf_counter()
        for field in fields:
            shutil.copytree(field, one.folder / field.name, copy_function=os.link)
        while done < len(fields):
            _, line = one.field()
            done += line["exposures"] == EXPOSURES
            memory.append((round(time.perf_counter() - started, 1), round(one.megabytes())))
    return {
        "exposures": len(fields) * EXPOSURES,
        "seconds": memory[-1][0],
        "exposures_per_second": round(len(fields) * EXPOSURES / memory[-1][0], 2),
        "megabytes": memory[:: max(1, len(memory) // 40)],
        "most": max(value for _, value in memory),
    }


def kills(frames: Path, work: Path, model: Path, number: int, seed: int) -> dict[str, Any]:
    """Return what is left of a night after some kills."""
    source, given = frames / "training", random.Random(seed)
    fields = sorted({path.parents[1] for path in source.rglob("resamp/*.fits")})[:number]
    incoming, out = work / "incoming", work / "out"
    for each in (incoming, out, work / "night", work / "given"):
        shutil.rmtree(each, ignore_errors=True)
    again = 0
    for field in fields:
        shutil.copytree(field, incoming / field.name, copy_function=os.link)
        before = {each.name: each.version for each in read_records(out)}
        one = Watched(incoming, out, model, "--settle", "0")
        time.sleep(given.uniform(0.5, 6.0))
        one.end(signal.SIGKILL)
        after = {each.name: each.version for each in read_records(out)}
        again += sum(after[name] > version for name, version in before.items())
    one = Watched(incoming, out, model, "--settle", "0")
    while len(read_records(out)) < len(fields):
        time.sleep(0.5)
    one.end()
    subprocess.run(
        command("night", incoming, "--model", model, "--output", work / "night"), check=True, stdout=subprocess.DEVNULL
    )
    tables = [path.relative_to(work / "night") for path in sorted((work / "night").rglob("*.cat"))]
    same = sum((work / "night" / path).read_bytes() == (out / path).read_bytes() for path in tables)
    fates = [exposure.fate for record in read_records(out) for exposure in record.exposures]
    return {
        "kills": number,
        "exposures": len(fields) * EXPOSURES,
        "classified": fates.count("classified"),
        "tables that are the bytes of night's": same,
        "finished fields that were classified again": again,
        "half files": sum("partial" in path.name for path in out.rglob("*") if path.is_file()),
    }


def main() -> None:
    """Run the command line."""
    parser = command_line(__file__, __doc__)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--model", type=Path, nargs="+", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fields", type=int, default=5)
    parser.add_argument("--arrivals", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    source = given.work / "mosaics"
    night = mosaics(simulated(given.work / "dense", given.fields), source, given.fields)
    result: dict[str, Any] = read_json(given.output, what="a result") if given.output.exists() else {}
    result.pop("machine", None)
    for model in given.model:
        own = result.setdefault(model.stem.partition("-")[2] or "float32", {})
        if "one by one" in given.parts:
            own["one by one"] = one_by_one(night, source, given.work, model, given.arrivals)
        for name, pace in PACES.items():
            if name in given.parts:
                own[name] = every(pace, night, source, given.work, model)
        say(f"{model.name}: {json.dumps(own)}")
        write_result(given.output, result)
    if "long night" in given.parts:
        result["long night"] = long_night(given.frames, given.work, given.model[0])
        write_result(given.output, result)
    if "kills" in given.parts:
        result["kills"] = kills(given.frames, given.work, given.model[0], given.kills, given.seed)
    write_result(given.output, result)
    rows = [
        (name, which, each["arrivals"], each["p50"], each["p99"], *each["steps"].values())
        for name, own in result.items()
        for which, each in own.get("one by one", {}).items()
        if isinstance(each, dict)
    ]
    headings = ["classifier", "exposure", "arrivals", "p50, s", "p99, s", "read", "cut", "infer", "write"]
    table("From arrival to table", headings, rows, texts=["exposure"])


if __name__ == "__main__":
    main()
