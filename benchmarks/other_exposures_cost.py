"""What looking at the other exposures costs: seconds and memory per exposure, beside those of the network.

python -m benchmarks.other_exposures_cost CLASSIFIER --work WORK --repeats 3

Four fields of four exposures with 2048x4100 pixels and 3,000 detections each are simulated, as four CCDs would give
them, and kept in WORK. Each stage runs in a process of its own, which has the memory of the largest: the network scores
what is not stationary; forced fluxes are measured of that, and of all detections; planes are made of that. Then
`ceres-fast classify` runs without and with what it asks of the other exposures. In each repeat all stages take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import numpy as np

from benchmarks.builds import SLOWEST
from benchmarks.slow_movers import Condition
from benchmarks.slow_movers import simulate as write_survey
from benchmarks.steps import command
from ceres_fast.catalogues.detections import Detections, read_detections
from ceres_fast.catalogues.fields import survey_fields
from ceres_fast.console import say, table
from ceres_fast.detect.core import detect_frames
from ceres_fast.engines import load
from ceres_fast.frames.cut import cut_stamps
from ceres_fast.frames.info import FrameInfo
from ceres_fast.frames.reading import read_frame
from ceres_fast.selection.others.exposures import OtherExposures
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary
from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.survey import Plan

FIELDS, EXPOSURES = 4, 4
CROWDED = 6.0
"""Times as many stars as usual, for 3,000 detections of a frame."""

SEED = 5

COMMANDS = {
    "classify": (),
    "classify --forced": ("--forced",),
    "classify --forced-limit 0.4": ("--forced-limit", "0.4"),
}


def simulate(work: Path) -> Path:
    """Write the frames and their catalogues, where they are not there yet."""
    night = work / "crowded"
    if not night.exists():
        stars = replace(CONSTANTS.stars, density=CROWDED * CONSTANTS.stars.density)
        detector = CONSTANTS.detector
        shape = detector.height, detector.width
        plan = Plan(FIELDS, EXPOSURES, 0, SEED, shape, replace(CONSTANTS, stars=stars))
        write_survey(Condition(), plan, night)
        detect_frames([night])
    return night


def stage(name: str, night: Path, model: Path) -> dict[str, float]:
    """Run a stage on all fields; return the seconds, detections looked at, and exposures."""
    rules = Rules(slowest=SLOWEST)
    engine = load(model) if name == "network" else None

    def network(info: FrameInfo, exposure: Detections, rows: np.ndarray) -> object:
        assert engine is not None
        stamps, _, _ = cut_stamps(read_frame(info.path, info.hdu).data, exposure.x[rows], exposure.y[rows])
        return engine.predict(stamps)

    ways: dict[str, Callable[[OtherExposures, Detections, int, np.ndarray], object]] = {
        "catalogues": lambda others, exposure, e, rows: None,
        "network": lambda others, exposure, e, rows: network(exposure.info, exposure, rows),
        "forced fluxes": lambda others, exposure, e, rows: others.forced(e, rows),
        "forced fluxes of all": lambda others, exposure, e, rows: others.forced(e, np.arange(len(exposure.x))),
        "planes": lambda others, exposure, e, rows: others.planes(e, rows),
        "forced fluxes and planes": lambda others, exposure, e, rows: (others.forced(e, rows), others.planes(e, rows)),
    }
    fields, _ = survey_fields([night])
    seconds, counts = np.zeros(2), np.zeros(3, int)
    for infos in fields:
        exposures = [read_detections(info) for info in infos]
        found, _ = find_stationary(exposures, rules)
        began = np.array([time.perf_counter(), time.process_time()])
        others = OtherExposures(exposures, rules)
        for e, stays in enumerate(found.stays):
            rows = np.flatnonzero(~stays)
            ways[name](others, exposures[e], e, rows)
            counts += (1, len(stays), len(rows))
        seconds += np.array([time.perf_counter(), time.process_time()]) - began
    names = ("seconds", "cpu_seconds", "exposures", "detections", "moving")
    return dict(zip(names, [*seconds.tolist(), *counts.tolist()], strict=True))


STAGES = ("catalogues", "network", "forced fluxes", "forced fluxes of all", "planes", "forced fluxes and planes")


def run(words: list[str]) -> dict[str, float]:
    """Run a command; return the seconds, those of all its cores, and its largest memory in MB."""
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = Popen(words, env=environment, stdout=DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words}: ended with {process.returncode}")
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "memory_mb": round(used.ru_maxrss / 1024),
    }


def measure(
    night: Path, model: Path, repeats: int, folder: Path
) -> tuple[dict[str, dict[str, list[float]]], dict[str, int]]:
    """Return seconds per exposure and MB of every stage and command, by repeat; and what an exposure has."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    number, counts = FIELDS * EXPOSURES, {}

    def note(name: str, used: dict[str, float]) -> None:
        for quantity, value in used.items():
            each = value / number if quantity.endswith("seconds") else value
            found[name][quantity].append(round(each, 3))

    for repeat in range(repeats):
        for name in STAGES:
            said = folder / "said.json"
            arguments = [str(model), "--stage", name, "--night", str(night), "--output", str(said)]
            used = run([sys.executable, "-m", "benchmarks.other_exposures_cost", *arguments])
            result = json.loads(said.read_text(encoding="utf-8"))
            note(name, used | {each: result[each] for each in ("seconds", "cpu_seconds")})
            counts = {each: round(result[each] / number) for each in ("detections", "moving")}
        for name, options in COMMANDS.items():
            output = folder / f"{name}-{repeat}"
            note(name, run(command("classify", night, "--model", model, "--output", output, *options)))
        seconds_of = {name: each["seconds"][-1] for name, each in found.items()}
        say(f"repeat {repeat + 1} of {repeats}, seconds per exposure: {seconds_of}")
    return {name: dict(each) for name, each in found.items()}, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classifier", type=Path, help="an exported classifier of one plane")
    parser.add_argument("--work", type=Path, help="folder for the simulated frames")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "other_exposures_cost.json")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--night", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        given.output.write_text(json.dumps(stage(given.stage, given.night, given.classifier)), encoding="utf-8")
        return
    night = simulate(given.work)
    with tempfile.TemporaryDirectory() as folder:
        found, counts = measure(night, given.classifier, given.repeats, Path(folder))
    median: dict[str, dict[str, Any]] = {
        name: {quantity: float(np.median(values)) for quantity, values in each.items()} for name, each in found.items()
    }
    result = {
        "unit": "seconds per exposure, of one core (cpu) and by the clock; MB of the process; median of the repeats",
        "seed": SEED,
        "fields": FIELDS,
        "exposures": EXPOSURES,
        "per_exposure": counts,
        "classifier": json.loads(given.classifier.with_name("classifier.json").read_text(encoding="utf-8"))["backbone"],
        "median": median,
        "all": found,
    }
    from benchmarks.machine import write_result  # loads TensorFlow, whose memory would be counted in what is run

    write_result(given.output, result)
    rows = [(name, *(f"{each[which]:,.2f}" for which in each)) for name, each in median.items()]
    table("Per exposure", ("", *median["network"]), rows)


if __name__ == "__main__":
    main()
