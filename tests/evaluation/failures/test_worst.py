"""Every wrong answer is in the table, the most wrong first; the picture says where each comes from."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from matplotlib import image
from matplotlib.figure import Figure

from ceres_fast.evaluation.failures import draw_worst, write_worst
from ceres_fast.evaluation.failures.worst import worst_rows
from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.pictures import caption
from ceres_fast.stamps import COLUMNS

from .cases import made, survey


def stamps_of(predictions: Predictions) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.normal(500, 20, (len(predictions.labels), 32, 32, 1)).astype(np.float32)


def test_rows() -> None:
    some = made([0.3, 0.9, 0.1, 0.5, 0.8, 0.2, 0.8], label=[1, 0, 1, 1, 0, 0, 0])
    found = worst_rows(some, 0.5)
    assert found["lost"].tolist() == [2, 0]
    assert found["taken"].tolist() == [1, 4, 6]


def test_the_table_holds_every_wrong_answer(tmp_path: Path) -> None:
    predictions = survey()
    write_worst(predictions, 0.5, tmp_path / "worst.ecsv")
    table = Table.read(tmp_path / "worst.ecsv")
    wrong = (predictions.probabilities >= 0.5) != (predictions.labels == 1)
    assert sorted(table["prediction"] - 1) == np.flatnonzero(wrong).tolist()
    assert table.meta["threshold"] == 0.5
    assert table.meta["split"] == "test"
    lost, taken = (table[table["error"] == error] for error in ("lost", "taken"))
    assert (table["error"][: len(lost)] == "lost").all()
    assert (np.diff(lost["probability"]) >= 0).all()
    assert (np.diff(taken["probability"]) <= 0).all()
    assert lost["probability"].max() < 0.5 <= taken["probability"].min()
    assert {column.name for column in COLUMNS} < set(table.colnames)
    first = table[0]
    row = first["prediction"] - 1
    assert first["designation"] == predictions.known["designation"][row]
    assert first["row"] == predictions.known["row"][row]
    assert first["trail"] == pytest.approx(first["rate"] * 2)
    of_it = predictions.known["designation"] == first["designation"]
    assert (first["stamps"], first["kept"]) == (4, (predictions.probabilities[of_it] >= 0.5).sum())
    assert set(taken["kept"]) == set(taken["stamps"]) == {-1}


@pytest.mark.parametrize("label", [0, 1])
def test_nothing_wrong(tmp_path: Path, drawn: list[Figure], label: int) -> None:
    right = made([float(label)] * 2, label=label)
    write_worst(right, 0.5, tmp_path / "worst.ecsv")
    table = Table.read(tmp_path / "worst.ecsv")
    assert len(table) == 0
    assert "designation" in table.colnames
    draw_worst(right, stamps_of(right), 0.5, tmp_path / "worst.png")
    assert titles(drawn[0]) == [
        "asteroids that are lost: none (threshold 0.5)",
        "taken for asteroids: none (threshold 0.5)",
    ]
    assert image.imread(tmp_path / "worst.png").ndim == 3


def titles(figure: Figure) -> list[str]:
    return [part.get_suptitle() for part in figure.subfigs]


def test_the_picture(tmp_path: Path, drawn: list[Figure]) -> None:
    predictions, stamps = survey(), stamps_of(survey())
    draw_worst(predictions, stamps, 0.5, tmp_path / "worst.png")
    found = worst_rows(predictions, 0.5)
    assert titles(drawn[0]) == [
        f"asteroids that are lost: the worst 18 of {len(found['lost']):,} (threshold 0.5)",
        f"taken for asteroids: the worst 18 of {len(found['taken']):,} (threshold 0.5)",
    ]
    for part, rows in zip(drawn[0].subfigs, found.values(), strict=True):
        captions = [caption(predictions.known, row, predictions.probabilities[row], longest=26) for row in rows[:18]]
        assert [axes.get_title() for axes in part.axes] == captions
        for axes, row in zip(part.axes, rows, strict=False):
            np.testing.assert_array_equal(axes.images[0].get_array(), stamps[row, ..., 0])
        assert all(axes.title.get_size() >= 8 for axes in part.axes)


def test_names_in_a_picture_do_not_overlap(tmp_path: Path, drawn: list[Figure]) -> None:
    long = "a" * 40
    predictions = made([0.1] * 20, label=1, designation=long, frame=long, row=123456, magnitude=20.0, mjd=1.0)
    draw_worst(predictions, stamps_of(predictions), 0.5, tmp_path / "worst.png")
    drawn[0].draw_without_rendering()
    part = drawn[0].subfigs[0]
    boxes = [axes.title.get_window_extent() for axes in part.axes]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes[:6]))
    figure = drawn[0].bbox
    assert all(box.x0 >= figure.x0 and box.x1 <= figure.x1 for box in boxes)


def test_a_stamp_without_a_row_names_its_prediction(tmp_path: Path, drawn: list[Figure]) -> None:
    predictions = made([0.9, 0.25], label=1, source=["s000.fits", "stamps/asteroid/s001.fits"])
    draw_worst(predictions, stamps_of(predictions), 0.5, tmp_path / "worst.png")
    assert drawn[0].subfigs[0].axes[0].get_title() == "P 0.250\ns001\nprediction 2"


def test_strange_stamps_are_drawn(tmp_path: Path) -> None:
    predictions = made([0.1, 0.9], label=[1, 0], frame=["$\\frac$", "$"], designation=["$_$", ""])
    draw_worst(predictions, np.zeros((2, 32, 32, 3), np.float32), 0.5, tmp_path / "worst.png")
    assert image.imread(tmp_path / "worst.png").ndim == 3
