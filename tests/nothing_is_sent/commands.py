"""A process that runs the commands once, in the current folder, on next to nothing, with the tiny network.

It prints a line of JSON for each: its name, and which files it has left in the home.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

COMMANDS = (
    "simulate --small --fields 5 --held-out-fields 1",
    "look --png pictures",
    "detect --workers 2",
    "build-records --workers 1",
    "inspect --output inspected --number 1",
    "train --backbone xception --weights none --epochs 1 --run runs/first --tensorboard",
    "evaluate",
    "calibrate --max-loss 0.5 --confidence 0.5",
    "compare runs/first runs/copy --output compared",
    "card",
    "export",
    "export --precision float16 --debug",
    "export --to triton --output triton",
    "inject --out injected --number 2 --model runs/latest/classifier.onnx",
    "classify",
    "night data/held-out --output night",
    "review night",
    "report night --to votable --to ds9",
    "cache ls",
    "doctor runs/latest/classifier.onnx",
)

OF_OTHERS = ("demo", "experiments", "watch")
"""Commands that do what these do, several times or for ever."""


def main() -> int:
    """Run them, and return the status of the first that fails."""
    import pytest
    from typer.testing import CliRunner

    from ceres_fast.cli import app

    home, seen = Path.home(), set[str]()
    for command in COMMANDS:
        if command.startswith("train"):
            from tests.tiny_networks import tiny_network

            for module in ("training.assemble", "training.start", "model.load"):
                pytest.MonkeyPatch().setattr(f"ceres_fast.{module}.build_model", tiny_network)
        if command.startswith("look"):
            in_atomic_time(Path("data"))
        if command.startswith("compare"):
            shutil.copytree("runs/first", "runs/copy")
        done = CliRunner().invoke(app, command.split())
        found = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
        print(json.dumps([command.split()[0], sorted(found - seen)]), flush=True)
        seen = found
        if done.exit_code:
            print(done.output, repr(done.exception), file=sys.stderr)
            return done.exit_code
    return 0


def in_atomic_time(folder: Path) -> None:
    """Let a frame state its time in TAI, for which leap seconds are needed."""
    from astropy.io import fits

    fits.setval(min(folder.rglob("*.fits")), "TIMESYS", value="TAI")


if __name__ == "__main__":
    sys.exit(main())
