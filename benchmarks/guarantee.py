"""Whether a threshold loses as few asteroids as is promised of it: many calibrations, each with its true loss.

    python -m benchmarks.guarantee
    python -m benchmarks.guarantee --predictions RUN/evaluation-test/predictions.ecsv

Each draw takes new calibration asteroids from a population of which the loss of any threshold is known
(`benchmarks.calibration_draws`), chooses a threshold by each of four rules, and compares what that loses of *all*
asteroids with the promise. The promise is kept where that is more than `--max-loss` in at most 1 - `--confidence` of
the draws. The rules: *asteroids*, what `ceres-fast calibrate` does; *stamps*, the same bound over stamps, as if they
were independent and each an asteroid; *quantile*, the threshold that loses `--max-loss` of the calibration asteroids;
and 0.5. A population is "needs of exposures"; "fields share" says how correlated asteroids of one field are: the
promise does not hold for such, and the table says by how much. What holds for such is the promise by field, of which
`benchmarks.by_field` has the tables.

With predictions, half of the asteroids of a split that was evaluated choose the threshold and the others are the truth,
drawn asteroid by asteroid and field by field. Takes a few minutes, and no GPU.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, binomtest

from benchmarks import by_field
from benchmarks.calibration_draws import RULES, Population, outcome
from benchmarks.machine import command_line, write_result
from benchmarks.resampled import resample
from ceres_fast.console import say, table
from ceres_fast.evaluation.predictions import read_predictions
from ceres_fast.records.tolerance import allowed, needed

SIZES = (500, 3000)
INDEPENDENT = (
    Population(),
    *(Population(4, 3, correlation) for correlation in (0, 0.5, 0.9)),
    *(Population(3, 3, correlation) for correlation in (0, 0.5, 0.9)),
)
OF_FIELDS = tuple(
    Population(4, 3, 0.5, fields=fields, shared=shared) for shared in (0.05, 0.2) for fields in (5, 20, 100)
)
VALUES = 2_000_000
"""Exposures drawn at a time; bounds the memory (16 MB an array)."""


def measure(
    population: Population,
    asteroids: int,
    max_losses: list[float],
    confidence: float,
    draws: int,
    random: np.random.Generator,
) -> list[dict[str, Any]]:
    """Return a row per promise that so many asteroids are enough for: what each rule truly loses."""
    promises = [max_loss for max_loss in max_losses if allowed(asteroids, max_loss, confidence) is not None]
    chosen: dict[tuple[float, str], list[np.ndarray]] = {(loss, rule): [] for loss in promises for rule in RULES}
    step = max(1, VALUES // (asteroids * population.exposures))
    for start in range(0, draws, step):
        exposures = population.draw(min(step, draws - start), asteroids, random)
        critical, stamps = population.critical(exposures), exposures.reshape(len(exposures), -1)
        for (max_loss, rule), thresholds in chosen.items():
            thresholds.append(RULES[rule](critical, stamps, max_loss, confidence))
    return [
        {
            "population": population.name,
            **asdict(population),
            "asteroids": asteroids,
            "max_loss": max_loss,
            "expected": None if population.fields else _expected(asteroids, max_loss, confidence),
            "rules": {
                rule: outcome(population.loss, np.concatenate(chosen[max_loss, rule]), max_loss) for rule in RULES
            },
        }
        for max_loss in promises
    ]


def _expected(asteroids: int, max_loss: float, confidence: float) -> float:
    return float(binom.cdf(allowed(asteroids, max_loss, confidence), asteroids, max_loss))


def together(rows: list[dict[str, Any]], max_loss: float, draws: int) -> dict[str, Any]:
    """Return how often the rule for asteroids broke this promise in all rows with independent asteroids."""
    independent = [row for row in rows if row["expected"] is not None and row["max_loss"] == max_loss]
    count, exceeds = draws * len(independent), sum(row["rules"]["asteroids"]["exceeds"] for row in independent)
    low, high = binomtest(exceeds, count).proportion_ci(0.95, method="exact")
    expected = float(np.mean([row["expected"] for row in independent]))
    return {
        "max_loss": max_loss,
        "draws": count,
        "exceeds": exceeds,
        "share": exceeds / count,
        "low": float(low),
        "high": float(high),
        "expected": expected,
    }


def show(rows: list[dict[str, Any]], max_loss: float, confidence: float) -> None:
    """Print how often each rule loses more than is promised, and what it loses and leaves on average."""
    here = [row for row in rows if row["max_loss"] == max_loss]
    table(
        f"Share of draws that truly lose more than {max_loss:g} (promised: at most {1 - confidence:.3g})",
        ("needs of exposures", "asteroids", "expected", "asteroids rule", "95 %", *list(RULES)[1:]),
        [
            (
                row["population"],
                f"{row['asteroids']:,}",
                "" if row["expected"] is None else f"{row['expected']:.3f}",
                f"{row['rules']['asteroids']['share']:.3f}",
                f"{row['rules']['asteroids']['low']:.3f} to {row['rules']['asteroids']['high']:.3f}",
                *(f"{row['rules'][rule]['share']:.3f}" for rule in list(RULES)[1:]),
            )
            for row in here
        ],
    )
    table(
        f"Mean share of asteroids truly lost / of non-asteroids left, where at most {max_loss:g} may be lost",
        ("needs of exposures", "asteroids", *RULES),
        [
            (
                row["population"],
                f"{row['asteroids']:,}",
                *(f"{each['mean_loss']:.4f} / {each['non_asteroids_left']:.2f}" for each in row["rules"].values()),
            )
            for row in here
        ],
    )


def of_predictions(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Resample the asteroids of each table of predictions, for each promise."""
    found: list[dict[str, Any]] = []
    for path in given.predictions:
        predictions = read_predictions(path)
        for max_loss in given.max_loss:
            random = np.random.default_rng([given.seed, len(found)])
            outcome = resample(predictions, max_loss, given.confidence, given.needs, given.draws, random)
            about = {**predictions.about, "needs": given.needs, "max_loss": max_loss}
            found.append({**about, **(outcome or {"problem": "half of the asteroids are too few for the promise"})})
    return found


def show_predictions(found: list[dict[str, Any]]) -> None:
    """Print a row per way of drawing."""
    table(
        "Real predictions: half of the asteroids choose, the others are the truth",
        ("predictions", "asteroids", "fields", "drawn by", "promise", "draws that lose more", "expected", "mean loss"),
        [
            (
                f"{row['classifier']}, {row['split']} of {row['records']}",
                row["asteroids"],
                row["fields"],
                unit,
                row["max_loss"],
                f"{each['share']:.3f}",
                f"{each['expected']:.3f}",
                f"{each['mean_loss']:.4f}",
            )
            for row in found
            for unit, each in row.get("drawn", {}).items()
        ],
    )
    for row in found:
        if "problem" in row:
            say(f"{row['classifier']}, {row['split']} of {row['records']}, {row['max_loss']:g}: {row['problem']}")


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--max-loss", type=float, nargs="+", default=[0.02, 0.1])
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--predictions", type=Path, nargs="+", default=[], help="predictions.ecsv of large splits")
    parser.add_argument("--needs", type=int, default=3, help="exposures that must survive, in the predictions")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sizes = sorted({*(needed(max_loss, given.confidence) for max_loss in given.max_loss), *SIZES})
    rows: list[dict[str, Any]] = []
    for number, (population, asteroids) in enumerate(product((*INDEPENDENT, *OF_FIELDS), sizes)):
        random = np.random.default_rng([given.seed, number])
        rows += measure(population, asteroids, given.max_loss, given.confidence, given.draws, random)
    fields = by_field.measure_all(given.confidence, given.draws, given.seed)
    found = of_predictions(given)
    whole = [together(rows, max_loss, given.draws) for max_loss in given.max_loss]
    write_result(
        given.output,
        {
            "confidence": given.confidence,
            "draws": given.draws,
            "seed": given.seed,
            "independent_asteroids_together": whole,
            "simulated": rows,
            "by_field": fields,
            "predictions": found,
        },
    )
    for max_loss in given.max_loss:
        show(rows, max_loss, given.confidence)
    by_field.show(fields, given.confidence)
    for row in whole:
        say(
            f"Independent asteroids, all {row['draws']:,} draws: {row['share']:.4f} lose more than {row['max_loss']:g} "
            f"[{row['low']:.4f}, {row['high']:.4f}]; expected {row['expected']:.4f}, promised at most "
            f"{1 - given.confidence:.3g}"
        )
    if found:
        show_predictions(found)


if __name__ == "__main__":
    main()
