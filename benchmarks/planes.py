"""What the planes of frames are worth to a network, and forced fluxes beside them or alone, on a simulated survey.

    python -m benchmarks.planes RECORDS --seeds 3

RECORDS have the planes science, template and difference of frames (`build-records --planes`), and so the columns of
forced fluxes. StampNet is fitted to each choice of planes as `train` fits it, on the training split, the epoch chosen
on the validation split; trees see the side numbers of the science plane, the forced fluxes, or both. All answer the
test split, whose fields no other split has. *Less science*: the difference to StampNet on the science plane, with the
95 % interval of bootstrap samples of the records' groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.folds import MOST_FALSE, fitted, recall
from benchmarks.machine import command_line, write_result
from benchmarks.networks import compared
from ceres_fast.console import say, table
from ceres_fast.evaluation import yardstick
from ceres_fast.evaluation.bootstrap import areas
from ceres_fast.model.side import side_numbers
from ceres_fast.model.views import VIEWS, dihedral
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANES

NETWORKS = {"science": [0], "difference": [2], "science, template, difference": [0, 1, 2]}
"""Planes that StampNet is given."""

FORCED = ("forced_min", "forced_max", "forced_seen", "forced_looked")
SPLITS = ("train", "validation", "test")


def trees(kind: str, stamps: np.ndarray, forced: np.ndarray) -> np.ndarray:
    """Return what trees are given, (n, numbers)."""
    numbers = np.asarray(side_numbers(stamps[..., :1]))
    return {"side numbers": numbers, "forced fluxes": forced, "both": np.concatenate([numbers, forced], axis=1)}[kind]


def answers(seed: int, data: dict[str, dict[str, np.ndarray]], planes: Sequence[int]) -> np.ndarray:
    """Return P(asteroid) of the test split by StampNet on some planes, as it is on the stamps, unturned."""
    both = [data["train"], data["validation"]]
    stamps = np.concatenate([each["stamp"][..., planes] for each in both])
    labels = np.concatenate([each["label"] for each in both])
    looks = [np.stack([np.asarray(dihedral(stamps, np.full(len(stamps), view))) for view in range(VIEWS)])]
    train = np.arange(len(both[0]["label"]))
    stop = np.arange(len(train), len(labels))
    answer = fitted(Settings.of("stampnet"), False, looks, labels, seed, train, stop)
    return answer([data["test"]["stamp"][..., planes]])


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("records", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    manifest = load_manifest(given.records)
    if manifest.planes != PLANES:
        parser.error(f"{given.records}: has the planes {', '.join(manifest.planes)}, not {', '.join(PLANES)}")
    names = ("stamp", "label", "group", *FORCED)
    data = {split: read_columns(manifest, split, names) for split in SPLITS}
    forced = {split: np.stack([each[name] for name in FORCED], axis=1) for split, each in data.items()}
    test = {"labels": data["test"]["label"], "group": data["test"]["group"]}
    found: dict[str, list[np.ndarray]] = {}
    results: dict[str, Any] = {}

    def note(name: str, seed: int, said: np.ndarray) -> None:
        found.setdefault(name, []).append(said)
        mine = np.stack(found[name])
        whole = np.ones((1, len(said)))
        area = [float(areas(test["labels"], each, whole)[0][0]) for each in mine]
        recalls = {
            f"recall at {most:.0%} false": float(np.mean([recall(test["labels"], each, most) for each in mine]))
            for most in MOST_FALSE
        }
        results[name] = {
            "roc_auc": {"mean": float(np.mean(area)), "std": float(np.std(area, ddof=1)) if len(area) > 1 else None},
            **recalls,
            "less_science": compared(test, found[name][0], found["science"][0]),
        }
        say(f"{name}, seed {seed}: {results[name]}")
        counts = {split: np.bincount(each["label"], minlength=2).tolist() for split, each in data.items()}
        write_result(given.output, {"seeds": given.seeds, "counts": counts, "results": results})

    for seed in range(given.seeds):
        for name, planes in NETWORKS.items():
            note(name, seed, answers(seed, data, planes))
        for kind in ("side numbers", "forced fluxes", "both"):
            model = HistGradientBoostingClassifier(**{**yardstick.TREES, "random_state": seed})
            model.fit(trees(kind, data["train"]["stamp"], forced["train"]), data["train"]["label"])
            said = model.predict_proba(trees(kind, data["test"]["stamp"], forced["test"]))[:, 1]
            note(f"trees, {kind}", seed, said)
    rows = []
    for name, each in results.items():
        recalls = [f"{each[f'recall at {most:.0%} false']:.1%}" for most in MOST_FALSE]
        rows.append((name, f"{each['roc_auc']['mean']:.3f}", *recalls))
    table("Planes of simulated frames", ("", "ROC AUC", *(f"at {most:.0%} false" for most in MOST_FALSE)), rows)


if __name__ == "__main__":
    main()
