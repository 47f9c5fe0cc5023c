"""An ``experiments.json`` as `ceres-fast experiments` writes it, of runs that never were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

BACKBONES = ("inceptionv3", "xception", "inceptionresnetv2", "resnet152v2")

POINT = {
    "threshold": 0.114204,
    "max_loss": 0.02,
    "confidence": 0.95,
    "needs": 3,
    "asteroids": 312,
    "allowed": 2,
    "lost": 2,
    "left_out": 5,
    "bound": 0.0199,
    "detections": 4000,
    "non_asteroids": 2900,
    "left": 500,
    "left_per_1000": 125.0,
    "fields": 41,
    "manifest_sha256": "ab" * 32,
}
AT_POINT = {
    "asteroids": 290,
    "lost": 3,
    "left_out": 4,
    "share": 3 / 290,
    "low": 0.0021,
    "high": 0.0299,
    "fields": 40,
    "detections": 3900,
    "non_asteroids": 2800,
    "left": 480,
    "left_per_1000": 123.08,
}


def scores(tn: int, fp: int, fn: int, tp: int, *, loss: float = 0.25) -> dict[str, Any]:
    """What `Scores.as_dict` gives for this confusion matrix."""
    per_class = {
        name: {
            "precision": right / max(right + wrong, 1),
            "recall": right / max(right + missed, 1),
            "f1": 2 * right / max(2 * right + wrong + missed, 1),
            "count": right + missed,
        }
        for name, right, wrong, missed in (("non_asteroid", tn, fn, fp), ("asteroid", tp, fp, fn))
    }
    asteroid = per_class["asteroid"]
    return {
        "threshold": 0.5,
        "confusion": [[tn, fp], [fn, tp]],
        "classes": per_class,
        "accuracy": (tn + tp) / (tn + fp + fn + tp),
        "loss": loss,
        "recall": around(asteroid["recall"]),
        "precision": around(asteroid["precision"]),
        "roc_auc": around(0.9512),
        "average_precision": {"value": 0.9013, "low": None, "high": None},
    }


def around(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02}


def row(backbone: str = "xception", experiment: int = 2, seed: int = 0, **changed: Any) -> dict[str, Any]:
    """A finished run; every backbone, experiment and seed with numbers of its own."""
    shift = 10 * BACKBONES.index(backbone) + 3 * experiment + seed if backbone in BACKBONES else 0
    history = [
        {"epoch": epoch, "loss": 0.6 / epoch, "accuracy": 1 - 0.3 / epoch, "recall": 1 - 0.4 / epoch}
        | {"val_loss": 0.7 / epoch, "val_accuracy": 0.95 - 0.3 / epoch, "val_recall": 0.97 - 0.4 / epoch}
        for epoch in range(1, 7)
    ]
    made: dict[str, Any] = {
        "backbone": backbone,
        "experiment": experiment,
        "seed": seed,
        "run": f"{backbone}-experiment{experiment}-seed{seed}",
        "finished": True,
        "problem": None,
        "seconds": 181.3 + shift,
        "prefix_seconds": None if seed else 44.2,
        "epochs": 6,
        "best_epoch": 5,
        "stamps_per_second": 1500.0 + shift,
        "history": history,
        "scores": scores(2700 + shift, 100 - shift, 90 - shift, 1010 + shift),
        "operating_point": POINT,
        "operating_point_problem": None,
        "test_at_point": AT_POINT,
        "reliability": {"before": {"ece": 0.0712, "brier": 0.0891}, "after": {"ece": 0.0134, "brier": 0.0802}},
        "weights": "imagenet",
    }
    return {**made, **changed}


def failed(
    backbone: str = "xception", experiment: int = 2, seed: int = 0, problem: str | None = "exit status 1"
) -> dict[str, Any]:
    """A run that has failed, or, without a problem, has not come to its end."""
    kept = ("backbone", "experiment", "seed", "run", "weights")
    made = row(backbone, experiment, seed)
    return {name: made[name] if name in kept else None for name in made} | {"finished": False, "problem": problem}


def experiments(rows: Sequence[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    """The whole file."""
    made: dict[str, Any] = {
        "ceres_fast": "0.1.0",
        "records": {
            "name": "stamps",
            "manifest_sha256": "ab" * 32,
            "counts": {
                "train": {"non_asteroid": 9000, "asteroid": 4100},
                "validation": {"non_asteroid": 2000, "asteroid": 900},
                "calibration": {"non_asteroid": 2900, "asteroid": 1100},
                "test": {"non_asteroid": 2800, "asteroid": 1100},
            },
        },
        "settings": {"epochs": 30, "batch_size": 128, "class_weights": True, "augment": "none", "average": 0.0},
        "machine": {"processor": "AMD EPYC", "cores": 2, "memory_gib": 7.8, "devices": ["CPU"]},
        "seconds": 8123.0,
        "rows": list(rows),
    }
    return {**made, **changed}


def all_twelve(seeds: int = 1, **changed: Any) -> list[dict[str, Any]]:
    """Rows of all backbones and experiments."""
    return [row(*which, **changed) for which in product(BACKBONES, (1, 2, 3), range(seeds))]


def write(out: Path, rows: Sequence[dict[str, Any]], **changed: Any) -> Path:
    """Write the file into the folder `out`, and the folders of evaluations of the finished runs."""
    value = experiments(rows, **changed)
    out.mkdir(parents=True, exist_ok=True)
    (out / "experiments.json").write_text(json.dumps(value))
    for each in rows:
        if each["finished"]:
            for name in ("evaluation-test", "evaluation-validation", "calibration"):
                (out / each["run"] / name).mkdir(parents=True, exist_ok=True)
    return out
