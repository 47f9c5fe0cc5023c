"""Simulate, detect, build, train, evaluate, export, classify: every command once, on a small survey."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ..artifact.classifier import read_classifier
from ..classify import classify
from ..console import say, table
from ..detect import detect_frames
from ..errors import CeresFastError
from ..evaluation.evaluate import evaluate
from ..export import export
from ..files import write_json
from ..folders import contents, occupied
from ..records.build import build_records
from ..selection.rules import Rules
from ..settings.training import Settings
from ..synthetic.simulate import simulate_survey
from ..training.train import train
from .found import check_night, draw_night

FIELDS, HELD_OUT_FIELDS = 24, 4
EPOCHS = 15
SLOWEST = 0.2
"""arcsec/min; in four exposures within 18.6 min, asteroids of this rate or faster move away from where a
star would stay. There are no slower ones."""
MARK = Path("data/survey.json")


def run_demo(out: Path, *, seed: int = 0, overwrite: bool = False) -> None:
    """Do it all in the folder `out`, without a network; about five minutes on two cores.

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
    data, records, run = out / "data", out / "records", out / "run"
    _step("simulate a survey: frames, and the asteroids that are known to be in them")
    simulate_survey(data, fields=FIELDS, held_out_fields=HELD_OUT_FIELDS, exposures=4, small=True, seed=seed)
    _step("detect everything in the frames")
    detect_frames([data])
    _step("compile labelled stamps into records")
    build_records([data / "training"], records, rules=Rules(slowest=SLOWEST), seed=seed)
    _step("train the bottleneck of Xception from scratch (with ImageNet weights it starts better and is faster)")
    train(records, Settings("xception", weights="none", batch_size=64, epochs=EPOCHS, seed=seed), run)
    _step("evaluate on fields it has never seen")
    evaluate(run, records)
    _step("export to ONNX, and check that it answers as Keras does")
    model = export(run, records=records)
    _step("classify the held-out night, on ONNX Runtime")
    result = classify([data / "held-out"], model, output=out / "classified")
    classifier = read_classifier(run)
    rules = Rules.from_dict(classifier.rules)
    night = check_night(data / "held-out", result.written, rules, classifier.threshold)
    draw_night(night, data / "held-out", out / "pictures")
    rows = night.summary()
    table("The held-out night", ("", "number"), rows)
    write_json(out / "summary.json", {name.strip(): value for name, value in rows})
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
