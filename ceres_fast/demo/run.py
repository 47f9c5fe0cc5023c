"""Simulate, detect, build, train, calibrate, evaluate, export, classify: every command once, on a small survey."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ..artifact.classifier import read_classifier
from ..classify import classify
from ..console import say
from ..detect import detect_frames
from ..errors import CeresFastError
from ..evaluation.calibrate import calibrate
from ..evaluation.evaluate import evaluate
from ..export import export
from ..files import write_json
from ..folders import contents, occupied
from ..records.build import build_records
from ..selection.rules import Rules
from ..settings.training import Settings
from ..synthetic.simulate import simulate_survey
from ..training.train import train
from .found import check_night, draw_night, tell_night

FIELDS, HELD_OUT_FIELDS = 30, 4
MAX_LOSS, CALIBRATION_ASTEROIDS = 0.05, 93
"""59 asteroids carry that promise if the threshold loses none of them. Of 93 it may lose one, so that no single odd one
decides it. They take 7 or 8 fields."""

EPOCHS = 30
"""Fewer than StampNet would choose for so few stamps: they take most of the time."""

SLOWEST = 0.2
"""arcsec/min; in four exposures within 18.6 min, asteroids of this rate or faster move away from where a
star would stay. There are no slower ones."""
MARK = Path("data/survey.json")


def run_demo(out: Path, *, seed: int = 0, overwrite: bool = False) -> None:
    """Do it all in the folder `out`, without a network; two to three minutes on two cores.

    Parameters
    ----------
    out : pathlib.Path
        Folder to make: ``data``, ``records``, ``run``, ``classified``, ``pictures`` and ``summary.json``.
    seed : int
        Of everything random.
    overwrite : bool
        Replace an earlier demo; a folder that is none is never touched.

    Raises
    ------
    CeresFastError
        When `out` exists and is not to be replaced, or is no demo.
    """
    started = time.perf_counter()
    _clear(out, overwrite)
    data, records = out / "data", out / "records"
    _step("simulate a survey: frames, and the asteroids that are known to be in them")
    simulate_survey(data, fields=FIELDS, held_out_fields=HELD_OUT_FIELDS, exposures=4, small=True, seed=seed)
    _step("detect everything in the frames")
    detect_frames([data], workers=None)
    _step("compile labelled stamps into records")
    build_records(
        [data / "training"],
        records,
        rules=Rules(slowest=SLOWEST),
        calibration_asteroids=CALIBRATION_ASTEROIDS,
        seed=seed,
        workers=None,
    )
    _step("train a small network on them, from scratch")
    run = train(records, Settings.of("stampnet", epochs=EPOCHS, seed=seed), out / "run")
    _step("choose the threshold, on fields that it was not trained on")
    point = calibrate(run, records, max_loss=MAX_LOSS)
    _step("evaluate on yet other fields")
    evaluate(run, records)
    _step("export to ONNX, and check that it answers as Keras does")
    model = export(run, records=records)
    _step("classify the held-out night on ONNX Runtime, and drop what is no asteroid")
    result = classify([data / "held-out"], model, output=out / "classified", drop=True)
    night = check_night(data / "held-out", result, Rules.from_dict(read_classifier(run).rules), point)
    draw_night(night, data / "held-out", out / "pictures")
    tell_night(night)
    write_json(out / "summary.json", night.summary())
    say(f"pictures in {out / 'pictures'}, catalogues in {out / 'classified'}")
    say(f"{time.perf_counter() - started:.0f} s")


def _step(text: str) -> None:
    say(f"\n» {text}", "bold blue")


def _clear(out: Path, overwrite: bool) -> None:
    if not (problem := occupied(out)):
        return
    if not overwrite:
        raise CeresFastError(f"{out}: {problem}. Choose another folder, or pass --overwrite to replace the demo in it.")
    if not (out / MARK).is_file():
        raise CeresFastError(
            f"{out}: is not the folder of an earlier demo, so it is not replaced. Choose another folder."
        )
    for each in contents(out):  # not the folder itself, which may be the root of a volume
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
