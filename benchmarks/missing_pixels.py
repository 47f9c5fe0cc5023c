"""How many pixels of a stamp may be missing until it cannot be classified: masks of several shapes and sizes.

    python -m benchmarks.missing_pixels RUN RECORDS

RUN is a run folder with an exported classifier, RECORDS what it was trained on. Whole stamps of the splits that it was
not trained on get missing pixels, which are filled as `classify` fills them, and are scored. Of each mask the result
has the asteroids that are found at the run's threshold, how many fewer than of the same stamps whole (with its 95 %
interval, resampled by asteroids), the non-asteroids that are left, the area under the ROC curve (0.5: chance),
and the median probabilities.

*The rule* was fixed before these figures were made; a first look at other masks had shown that the share of pixels and
the centre both matter. The limits of `frames.cut.MostMissing` are the largest share (in eighths, the centre left whole)
and the largest number of the nine pixels around the detection, up to which the interval of the recall lost reaches down
to `TOLERATED`, the share that `ceres-fast calibrate` allows to lose.

Shapes: *around* takes the pixels farthest from the detection; *half plane* is a gap between CCDs or a trail at any
angle, which reaches the detection at 1/2; *scattered* pixels are anywhere; *edge* and *corner* are what lies outside a
frame that ends so many pixels beyond the detection's (−1: the detection's own is outside); *central* are so many of the
nine; *line* is a column or row at a distance. *Dead* is a half plane of pixels that hold 0, of which no mask tells: to
this package they are not missing, and the result says what that costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import ceres_fast
from benchmarks.machine import command_line, write_result
from ceres_fast.console import say, table
from ceres_fast.frames.cut import MostMissing, fill_missing
from ceres_fast.settings.guarantee import Guarantee
from ceres_fast.stamps import CENTRE, STAMP_SIZE

SPLITS = ("validation", "calibration", "test")
OTHERS = 2
"""Of so many non-asteroids one is taken: they only serve the area under the curve."""
TOLERATED = Guarantee.max_loss
RESAMPLES = 2000
PIXELS = STAMP_SIZE**2
FILL_ALL = MostMissing(1.0, 9)

Y, X = np.mgrid[:STAMP_SIZE, :STAMP_SIZE] - CENTRE
Shape = Callable[[np.random.Generator, float], np.ndarray]


def first(order: np.ndarray, number: int) -> np.ndarray:
    """Return a mask (32, 32) of the `number` pixels with the smallest values of `order` (32, 32)."""
    mask = np.zeros(PIXELS, bool)
    mask[np.argsort(order, axis=None)[:number]] = True
    return mask.reshape(STAMP_SIZE, STAMP_SIZE)


def around(random: np.random.Generator, share: float) -> np.ndarray:
    ties = random.uniform(0, 1e-3, X.shape)
    return first(ties - np.maximum(abs(X), abs(Y)), round(share * PIXELS))


def half_plane(random: np.random.Generator, share: float) -> np.ndarray:
    angle = random.uniform(0, 2 * np.pi)
    return first(X * np.cos(angle) + Y * np.sin(angle) + random.uniform(0, 1e-3, X.shape), round(share * PIXELS))


def scattered(random: np.random.Generator, share: float) -> np.ndarray:
    return first(random.random(X.shape), round(share * PIXELS))


def edge(random: np.random.Generator, distance: float) -> np.ndarray:
    along = X if random.random() < 0.5 else Y
    return (along if random.random() < 0.5 else -along) > distance


def corner(random: np.random.Generator, distance: float) -> np.ndarray:
    return ((X if random.random() < 0.5 else -X) > distance) | ((Y if random.random() < 0.5 else -Y) > distance)


def central(random: np.random.Generator, number: float) -> np.ndarray:
    near = np.maximum(abs(X), abs(Y)) <= 1
    return first(np.where(near, random.random(X.shape), 2), int(number))


def line(random: np.random.Generator, distance: float) -> np.ndarray:
    along = X if random.random() < 0.5 else Y
    return along == (distance if random.random() < 0.5 else -distance)


EIGHTHS = tuple(number / 8 for number in range(2, 8))
MASKS: dict[str, tuple[str, Shape, Sequence[float]]] = {
    "around": ("share", around, (*EIGHTHS, 0.99)),
    "half plane": ("share", half_plane, (0.25, 0.45, 0.5, 0.75, 0.99)),
    "scattered": ("share", scattered, (0.05, 0.1, 0.25, 0.99)),
    "edge": ("pixels to the edge", edge, (4, 2, 1, 0, -1)),
    "corner": ("pixels to the edge", corner, (4, 2, 1, 0, -1)),
    "central": ("of the nine pixels", central, (1, 2, 3, 9)),
    "line": ("pixels away", line, (2, 1, 0)),
    "dead": ("share", half_plane, (0.125, 0.375)),
}
"""By name: what its number is, the mask for a number, and the numbers."""


def read(records: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stamps that lack nothing, (n, 32, 32), their labels, and what is independent of the others, (n,)."""
    tables = [ceres_fast.read_records(records, split, ["stamp", "label", "designation", *LACKING]) for split in SPLITS]
    columns = {name: np.concatenate([np.asarray(table[name]) for table in tables]) for name in tables[0].colnames}
    whole = sum(columns[name] for name in LACKING) == 0
    whole[np.flatnonzero(whole & (columns["label"] == 0))[::OTHERS]] = False
    alone = np.array([f"stamp {number}" for number in range(len(whole))])
    units = np.where(columns["designation"] == "", alone, columns["designation"])
    return columns["stamp"][whole][..., 0], columns["label"][whole], units[whole]


LACKING = ("padded", "filled")


def masked(stamps: np.ndarray, name: str, number: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the stamps with a mask each, filled, and the masks, (n, 32, 32)."""
    masks = np.stack([MASKS[name][1](random, number) for _ in stamps])
    changed = np.where(masks, 0 if name == "dead" else np.nan, stamps).astype(np.float32)
    fill_missing(changed, FILL_ALL)
    return changed, masks


def lost(before: np.ndarray, after: np.ndarray, units: np.ndarray, seed: int) -> dict[str, float]:
    """Return the recall that is lost, and its 95 % interval, by resampling units; bool (n,) of the asteroids alone."""
    _, unit = np.unique(units, return_inverse=True)
    change = np.bincount(unit, before.astype(float) - after)
    size = np.bincount(unit)
    drawn = np.random.default_rng(seed).integers(0, len(size), (RESAMPLES, len(size)))
    shares = change[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return {"value": float(change.sum() / size.sum()), "low": float(low), "high": float(high)}


def measure(engine: ceres_fast.Engine, records: Path, seed: int) -> dict[str, Any]:
    """Return what becomes of asteroids and others under each mask, and the limits that follow by the rule."""
    stamps, labels, units = read(records)
    asteroid = labels == 1
    before = engine.predict(stamps) >= engine.threshold
    rows = []
    for name, (of, _, numbers) in MASKS.items():
        for number in numbers:
            changed, masks = masked(stamps, name, number, np.random.default_rng(seed))
            probability = engine.predict(changed)
            called, scored = probability >= engine.threshold, np.isfinite(probability)
            rows.append(
                {
                    "mask": name,
                    of: number,
                    "missing": float(masks.mean()),
                    "missing of nine": float(masks[:, CENTRE - 1 : CENTRE + 2, CENTRE - 1 : CENTRE + 2].mean() * 9),
                    "recall": float(called[asteroid].mean()),
                    "recall lost": lost(before[asteroid], called[asteroid], units[asteroid], seed),
                    "non-asteroids left": float(called[~asteroid].mean()),
                    "area under ROC": float(roc_auc_score(labels[scored], probability[scored])),
                    "median P of asteroids": float(np.nanmedian(probability[asteroid])),
                    "median P of others": float(np.nanmedian(probability[~asteroid])),
                }
            )
            say(f"{name} {number:g}: recall {rows[-1]['recall']:.3f}, area {rows[-1]['area under ROC']:.3f}")
    return {
        "classifier": f"{engine.classifier.backbone}, experiment {engine.classifier.experiment}",
        "threshold": engine.threshold,
        "splits": SPLITS,
        "asteroids": int(asteroid.sum()),
        "different_asteroids": len(np.unique(units[asteroid])),
        "non_asteroids": int((~asteroid).sum()),
        "seed": seed,
        "tolerated": TOLERATED,
        "whole": {"recall": float(before[asteroid].mean()), "non-asteroids left": float(before[~asteroid].mean())},
        "masks": rows,
        "limits": {"share": limit(rows, "around"), "central": limit(rows, "central")},
    }


def limit(rows: Sequence[dict[str, Any]], name: str) -> float:
    """Return the largest number of a mask up to which no more recall is lost than is tolerated; 0 where none is."""
    found = 0.0
    for row in (row for row in rows if row["mask"] == name):
        if row["recall lost"]["low"] > TOLERATED:
            break
        found = row[MASKS[name][0]]
    return found


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("records", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    result = measure(ceres_fast.load(arguments.run), arguments.records, arguments.seed)
    write_result(arguments.output, result)
    heading = ("mask", "", "missing", "recall", "lost", "area under ROC")
    lines = [
        (
            row["mask"],
            f"{row[MASKS[row['mask']][0]]:g}",
            f"{row['missing']:.1%}",
            f"{row['recall']:.3f}",
            f"{row['recall lost']['value']:.3f} [{row['recall lost']['low']:.3f}, {row['recall lost']['high']:.3f}]",
            f"{row['area under ROC']:.3f}",
        )
        for row in result["masks"]
    ]
    table("Stamps with missing pixels", heading, lines)
    say(f"limits: {result['limits']}")


if __name__ == "__main__":
    main()
