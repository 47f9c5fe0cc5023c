"""The pictures: they are PNG, their alternative texts hold the numbers, and odd runs cost none of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from matplotlib import image

from ceres_fast.paper.report import pictures
from ceres_fast.paper.report.pictures import Picture
from ceres_fast.paper.report.results import EXPERIMENTS_FILE, Results, read_results

from . import made


def results(out: Path, rows: list[dict[str, Any]]) -> Results:
    return read_results(made.write(out, rows) / EXPERIMENTS_FILE)


def drawn(found: Results) -> list[Picture]:
    made_ = [pictures.confusion_matrices(found), pictures.asteroids_found(found), *pictures.learning_curves(found)]
    return [picture for picture in made_ if picture is not None]


def shape(picture: Picture) -> tuple[int, ...]:
    return image.imread(io.BytesIO(picture.png), format="png").shape


@pytest.mark.slow
def test_all_twelve(tmp_path: Path) -> None:
    found = drawn(results(tmp_path, made.all_twelve(seeds=2)))
    names = [picture.name for picture in found]
    assert names == ["confusion.png", "asteroids.png", *(f"learning-{number}.png" for number in (1, 2, 3, 4))]
    assert all(500 < shape(picture)[1] < 1500 for picture in found)
    assert "means over the seeds" in found[0].caption


def test_alternative_texts_hold_the_numbers(tmp_path: Path) -> None:
    rows = [made.row(scores=made.scores(2000, 300, 40, 500)), made.failed(experiment=3)]
    confusion, asteroids, curves = drawn(results(tmp_path, rows))
    assert confusion.alt == "Confusion matrices. Xception, experiment 2: TN 2,000, FP 300, FN 40, TP 500."
    assert "Xception, experiment 2: 500 correct, 40 incorrect" in asteroids.alt
    assert "experiment 2: 6 epochs, validation loss of the last 0.117" in curves.alt
    assert "seeds" not in confusion.caption


def test_counts_are_means_over_the_seeds(tmp_path: Path) -> None:
    rows = [made.row(seed=seed, scores=made.scores(10, 1, fn, 9)) for seed, fn in enumerate((2, 4))]
    confusion, asteroids, _ = drawn(results(tmp_path, rows))
    assert "FN 3 ±" in confusion.alt
    assert "9 correct, 3 incorrect" in asteroids.alt


def test_random_weights_are_told(tmp_path: Path) -> None:
    for picture in drawn(results(tmp_path, [made.row(weights="none")])):
        assert "random weights" in picture.alt


def test_without_a_finished_run_there_is_none(tmp_path: Path) -> None:
    assert drawn(results(tmp_path, [made.failed()])) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"backbone": "$\\frac{a}$ <b> \U0001f680 ț"},
        {"backbone": "x" * 10_000},
        {"experiment": "$\\oops"},
        {"scores": made.scores(0, 0, 0, 1)},
        {"scores": made.scores(0, 1, 1, 0)},
        {"history": []},
        {"history": [{}]},
        {"history": [{"epoch": "one", "loss": None, "val_loss": [1]}]},
        {"history": [{"epoch": 1, "loss": 0.5, "val_loss": 0.5}], "best_epoch": 9},
    ],
    ids=str,
)
def test_an_odd_run_is_drawn(tmp_path: Path, changed: dict[str, Any]) -> None:
    rows = [made.row(), {**made.row("resnet152v2", 1, run="odd"), **changed}]
    for picture in drawn(results(tmp_path, rows)):
        assert len(shape(picture)) == 3


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    found = results(tmp_path, [made.row()])
    assert drawn(found) == drawn(found)
