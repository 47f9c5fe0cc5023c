"""What a network sees, and whether it beats numbers that anybody can measure: grouped 5-fold on real ZTF stamps.

    python -m benchmarks.stems STAMPS --seeds 3
    python -m benchmarks.stems STAMPS --against stationary --rows "stampnet, noise, pooled" "trees, side numbers"

Rows are stem x network x head, gradient-boosted trees and logistic regression on the side numbers of the stem, and the
paper's experiments as they are. Of the five parts one is tested; of a network, the next one chooses the epoch and three
are trained on; trees and regression, which choose nothing, are trained on four (trees once more on three, as networks).
No asteroid and no piece of sky is in two parts. Each row is tested once as it is and once as the mean over the eight
views of each stamp.

Every row is compared with the trees: the difference of ROC AUC, mean over seeds, with the 95 % interval of bootstrap
samples of groups. Within thirds of the stamps by S/N (inner flux), areas show whether more than brightness was learnt.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.folds import Learner, compared, network, on_numbers, out_of_fold, rows_there, scores, trees
from benchmarks.machine import command_line, write_result
from benchmarks.ztf_cross_validation import FOLDS, read
from ceres_fast.console import say, table
from ceres_fast.libraries.tensorflow_quiet import keras
from ceres_fast.model.backbones import BACKBONES, LayerSpec, Nth
from ceres_fast.model.side import SIDE_NUMBERS, side_numbers
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings

BATCH = 32
TREES = "trees, side numbers"

BLOCKS = (2, 5)
"""Of Xception, on which the head is put too: the paper's bottleneck is the end of the third."""


def cut_at(stamps: np.ndarray, labels: np.ndarray, settings: Settings, bottleneck: LayerSpec) -> Learner:
    """As `network`, with the head on another layer of the backbone."""
    there = replace(BACKBONES[settings.backbone], bottleneck=bottleneck)
    with patch.dict(BACKBONES, {settings.backbone: there}):
        learner = network(stamps, labels, settings)

    def fit(*rows: Any) -> Callable[[list[np.ndarray]], np.ndarray]:
        with patch.dict(BACKBONES, {settings.backbone: there}):
            return learner.fit(*rows)

    return Learner(learner.inputs, fit)


def regression(seed: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression())


def _settings(backbone: Any, weights: str, **given: Any) -> Settings:
    first = {} if backbone.startswith("stampnet") else {"weights": weights}
    return Settings.of(backbone, **{"batch_size": BATCH, **first, **given})


def rows(weights: str) -> dict[str, Callable[[np.ndarray, np.ndarray], Learner]]:
    """Return what is compared, by name."""
    networks = {
        "stampnet, noise, pooled": _settings("stampnet", weights),
        "stampnet, minmax, pooled": _settings("stampnet", weights, normalise="minmax"),
        "stampnet, asinh, pooled": _settings("stampnet", weights, normalise="asinh"),
        "stampnet, noise, paper's head": _settings("stampnet", weights, head="paper"),
        "stampnet, minmax, paper's head": _settings("stampnet", weights, head="paper", normalise="minmax"),
        "stampnet-m, noise, pooled": _settings("stampnet-m", weights),
        "xception 2, noise, pooled": _settings("xception", weights),
        "xception 2, minmax, pooled": _settings("xception", weights, normalise="minmax"),
        **{
            f"xception {number}, minmax, paper's head": _settings("xception", weights, experiment=number, **PAPER)
            for number in (1, 2, 3)
        },
    }
    return {
        TREES: lambda stamps, labels: on_numbers(stamps, labels, trees),
        "trees, side numbers, of three parts": lambda stamps, labels: on_numbers(
            stamps, labels, trees, as_networks=True
        ),
        "logistic regression, side numbers": lambda stamps, labels: on_numbers(stamps, labels, regression),
        **{name: partial(network, settings=settings) for name, settings in networks.items()},
        **{
            f"xception 2 to block {block}, {stem}, pooled": partial(
                cut_at,
                settings=_settings("xception", weights, normalise=stem),
                bottleneck=Nth(keras.layers.Add, block - 2),  # blocks 2 to 12 end in one each
            )
            for block in BLOCKS
            for stem in ("noise", "minmax")
        },
    }


def main() -> None:
    given = parser().parse_args()
    data = read(given.stamps, given.against)
    counts = np.bincount(data.labels, minlength=2)
    signal = np.asarray(side_numbers(data.stamps))[:, list(SIDE_NUMBERS).index("inner_flux")]
    about = {
        "task": f"asteroid against {given.against}, ZTF stamps, grouped 5-fold out of fold",
        "stamps": {"asteroid": int(counts[1]), given.against: int(counts[0]), "groups": len(np.unique(data.group))},
        "seeds": given.seeds,
        "weights": given.weights if given.weights in ("imagenet", "none") else Path(given.weights).name,
    }
    chosen = {name: make for name, make in rows(given.weights).items() if name in (TREES, *given.rows)}
    answers: dict[str, np.ndarray] = {}
    results = rows_there(given.output, about)
    for name, make in chosen.items():
        began = time.process_time()
        learner = make(data.stamps, data.labels)
        found = np.stack([out_of_fold(learner, data, seed) for seed in range(given.seeds)], axis=1)
        answers[name] = found
        results[name] = {
            "cpu_seconds_per_fit": round((time.process_time() - began) / (given.seeds * FOLDS), 1),
            **scores(data, found[0], signal),
            "less_trees": compared(data, found[0], answers[TREES][0]),
        }
        if len(learner.inputs[0]) > 1:
            results[name]["views"] = {
                **scores(data, found[1], signal),
                "less_trees": compared(data, found[1], answers[TREES][0]),
            }
        say(f"{name}: {results[name]}")
        write_result(given.output, {**about, "results": results})
    show(results)


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("stamps", type=Path)
    made.add_argument("--against", choices=["bogus", "stationary"], default="bogus")
    made.add_argument("--seeds", type=int, default=3, help="repeats with other folds and first weights (default 3)")
    made.add_argument("--weights", default="imagenet", help="first weights of Xception (default imagenet)")
    made.add_argument("--rows", nargs="*", default=list(rows("none")), help="all, where none are named")
    return made


def show(results: dict[str, Any]) -> None:
    table(
        "Out of fold on real ZTF stamps, ROC AUC: as it is, over eight views, less the trees'",
        ("", "one view", "eight views", "less trees", "to"),
        [
            (
                name,
                f"{each['roc_auc']['mean']:.3f}",
                f"{each['views']['roc_auc']['mean']:.3f}" if "views" in each else "",
                f"{each['less_trees']['low']:+.3f}",
                f"{each['less_trees']['high']:+.3f}",
            )
            for name, each in results.items()
        ],
    )


if __name__ == "__main__":
    main()
