"""A classifier on another camera: as it is, and with 50 or 200 labelled stamps of that camera.

    python -m benchmarks.new_camera STAMPS RECORDS --stamps-run RUN --simulated-run RUN

STAMPS are real ZTF stamps, RECORDS a simulated survey; the runs are StampNets trained on each of them. In each
direction, some stamps of the other camera are drawn, whole groups at a time (no asteroid and no piece of sky on both
sides), half of each class: a fifth of them chooses the epoch, and the rest is trained on, with `--from` the run and
from scratch. Trees on the side numbers are trained on all that were drawn. What was not drawn is answered: of ZTF all
the rest, of the simulated survey its test split.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.folds import MOST_FALSE, fitted, recall, trees
from benchmarks.machine import command_line, write_result
from benchmarks.networks import arrays
from benchmarks.ztf_cross_validation import read
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.console import say, table
from ceres_fast.libraries.tensorflow_quiet import keras
from ceres_fast.model.load import load_model, predict
from ceres_fast.model.side import side_numbers
from ceres_fast.model.views import dihedral
from ceres_fast.records.manifest import load_manifest
from ceres_fast.settings.training import Settings

COUNTS = (50, 200)
VIEWS = 8


class Camera:
    """Stamps that may be drawn, those that are answered where they are others, and a classifier of them."""

    def __init__(self, name: str, pool: dict[str, np.ndarray], run: Path, test: dict[str, np.ndarray] | None) -> None:
        self.name, self.pool, self.run, self.test = name, pool, run, test

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Return the numbers of about `count` stamps of the pool, whole groups, as many of each class as there are."""
        rng, chosen = np.random.default_rng(seed), []
        for label in (0, 1):
            rows = np.flatnonzero(self.pool["labels"] == label)
            groups = rng.permutation(np.unique(self.pool["groups"][rows]))
            mine: list[int] = []
            for group in groups:
                if len(mine) >= count // 2:
                    break
                mine.extend(rows[self.pool["groups"][rows] == group])
            chosen.extend(mine[: count // 2])
        return np.asarray(chosen)

    def answered(self, drawn: np.ndarray) -> dict[str, np.ndarray]:
        """Return stamps and labels that no group of `drawn` is among."""
        if self.test is not None:
            return self.test
        rest = ~np.isin(self.pool["groups"], self.pool["groups"][drawn])
        return {name: values[rest] for name, values in self.pool.items()}


def _scores(test: dict[str, np.ndarray], found: np.ndarray) -> dict[str, float]:
    return {
        "roc_auc": float(roc_auc_score(test["labels"], found)),
        **{f"recall at {most:.0%} false": recall(test["labels"], found, most) for most in MOST_FALSE},
    }


def _numbers(stamps: np.ndarray) -> np.ndarray:
    return np.asarray(side_numbers(stamps))


def untouched(source: Camera, target: Camera) -> dict[str, Any]:
    """Return the scores of what was trained on the source alone, on all of the target."""
    test = target.answered(np.array([], int))
    model = load_model(read_classifier(source.run))
    on_numbers = trees(0).fit(_numbers(source.pool["stamps"]), source.pool["labels"])
    return {
        "network": _scores(test, predict(model, test["stamps"])[:, 1]),
        "trees": _scores(test, on_numbers.predict_proba(_numbers(test["stamps"]))[:, 1]),
    }


def adapted(source: Camera, target: Camera, count: int, seed: int) -> dict[str, Any]:
    """Return the scores of what learnt from one draw of stamps of the target."""
    drawn = target.drawn(count, seed)
    test = target.answered(drawn)
    stamps, labels = target.pool["stamps"][drawn], target.pool["labels"][drawn]
    _, groups = np.unique(target.pool["groups"][drawn], return_inverse=True)
    stop = np.isin(groups, np.random.default_rng(seed).permutation(groups.max() + 1)[: groups.max() // 5 + 1])
    inputs = [np.stack([np.asarray(dihedral(stamps, np.full(len(stamps), view))) for view in range(VIEWS)])]
    found = {}
    for name, first in (("from the other camera", str(source.run)), ("from scratch", None)):
        settings = Settings.of("stampnet", batch_size=32, start_from=first)
        answers = fitted(settings, False, inputs, labels, seed, np.flatnonzero(~stop), np.flatnonzero(stop))
        found[name] = _scores(test, answers([test["stamps"]]))
        keras.utils.clear_session()
    on_numbers = trees(seed).fit(_numbers(stamps), labels)
    found["trees"] = _scores(test, on_numbers.predict_proba(_numbers(test["stamps"]))[:, 1])
    return {"stamps": len(drawn), **found}


def main() -> None:
    given = parser().parse_args()
    real = read(given.stamps)
    manifest = load_manifest(given.records)
    ztf = Camera("ZTF", {"stamps": real.stamps, "labels": real.labels, "groups": real.group}, given.stamps_run, None)
    pool = arrays(manifest, "train")
    names, asteroid = pool["designation"], pool["labels"] == 1
    pool["groups"] = np.where(asteroid, np.unique(names, return_inverse=True)[1], len(names) + np.arange(len(names)))
    simulated = Camera("simulated", pool, given.simulated_run, arrays(manifest, "test"))
    result: dict[str, Any] = {"draws": given.draws, "directions": {}}
    for source, target in ((simulated, ztf), (ztf, simulated)):
        direction: dict[str, Any] = {"untouched": untouched(source, target)}
        result["directions"][f"{source.name} to {target.name}"] = direction
        for count in COUNTS:
            direction[str(count)] = [adapted(source, target, count, seed) for seed in range(given.draws)]
            say(f"{source.name} to {target.name}, {count} stamps: {direction[str(count)]}")
            write_result(given.output, result)
    show(result)


def show(result: dict[str, Any]) -> None:
    rows = []
    for name, direction in result["directions"].items():
        for who, each in direction["untouched"].items():
            rows.append((name, "0", who, f"{each['roc_auc']:.3f}", "", f"{each['recall at 5% false']:.2f}"))
        for count in COUNTS:
            draws = direction[str(count)]
            for who in draws[0]:
                if who == "stamps":
                    continue
                areas = [draw[who]["roc_auc"] for draw in draws]
                recalls = [draw[who]["recall at 5% false"] for draw in draws]
                cells = f"{np.mean(areas):.3f}", f"{np.std(areas, ddof=1):.3f}", f"{np.mean(recalls):.2f}"
                rows.append((name, str(count), who, *cells))
    table("On another camera", ("", "its stamps", "", "ROC AUC", "spread", "recall at 5 % false"), rows)


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("stamps", type=Path, help="folder of labelled ZTF stamps")
    made.add_argument("records", type=Path, help="records of a simulated survey")
    made.add_argument("--stamps-run", type=Path, required=True, help="a StampNet trained on the ZTF stamps")
    made.add_argument("--simulated-run", type=Path, required=True, help="a StampNet trained on the records")
    made.add_argument("--draws", type=int, default=5)
    return made


if __name__ == "__main__":
    main()
