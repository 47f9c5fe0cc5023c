"""Stamps are shown as they are, with what is needed to find them again; equal pictures are equal bytes."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ceres_fast import pictures
from ceres_fast.pictures import SERIES, caption, draw_stamps
from ceres_fast.stamps import stamp_table


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved."""
    kept: list[Figure] = []
    save = pictures.save

    def keep(figure: Figure, path: Path, **options: int) -> None:
        kept.append(figure)
        save(figure, path, **options)

    monkeypatch.setattr(pictures, "save", keep)
    return kept


@pytest.mark.parametrize(
    ("count", "total", "title"),
    [(0, 0, "lost: none"), (1, 1, "lost: 1 of 1"), (8, 8, "lost: 8 of 8"), (9, 1053, "lost: 9 of 1,053")],
)
@pytest.mark.parametrize("planes", [(), (1,), (3,)])
def test_stamps(
    tmp_path: Path, drawn: list[Figure], count: int, total: int, title: str, planes: tuple[int, ...]
) -> None:
    stamps = np.random.default_rng(3).normal(500, 20, (count, 32, 32, *planes)).astype(np.float32)
    words = [f"P 0.{number}\nframe_$_{number}" for number in range(count)]
    draw_stamps(stamps, words, "lost", tmp_path / "a.png", total=total)
    assert image.imread(tmp_path / "a.png").ndim == 3
    assert drawn[0].get_suptitle() == title
    shown = [axes for axes in drawn[0].axes if axes.images]
    assert [axes.get_title() for axes in shown] == words
    for axes, stamp in zip(shown, stamps, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), stamp.reshape(32, 32, -1)[..., 0])
        assert axes.images[0].origin == "lower"


def test_frames_have_the_colours_of_the_legend(tmp_path: Path, drawn: list[Figure]) -> None:
    legend = {"train": SERIES[0], "test": SERIES[1]}
    draw_stamps(np.ones((2, 32, 32)), ["", ""], "a", tmp_path / "a.png", total=2, frames=SERIES[:2], legend=legend)
    shown = [axes for axes in drawn[0].axes if axes.images]
    assert [to_rgb(axes.spines["left"].get_edgecolor()) for axes in shown] == [to_rgb(colour) for colour in SERIES[:2]]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == list(legend)


def test_long_captions_neither_overlap_nor_leave_the_picture(tmp_path: Path, drawn: list[Figure]) -> None:
    long = "a" * 40
    known = stamp_table(np.zeros((8, 32, 32)), designation=long, frame=long, row=123456, magnitude=20.0)
    words = [caption(known, row, 0.125) for row in range(8)]
    draw_stamps(np.asarray(known["stamp"]), words, "lost", tmp_path / "a.png", total=8)
    drawn[0].draw_without_rendering()
    boxes = [axes.title.get_window_extent() for axes in drawn[0].axes]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(box.x0 >= drawn[0].bbox.x0 and box.x1 <= drawn[0].bbox.x1 for box in boxes)


@pytest.mark.parametrize("level", [0, -100, 65535, 3e38, np.nan, np.inf])
def test_constant_and_strange_stamps(tmp_path: Path, level: float) -> None:
    stamps = np.full((2, 32, 32, 1), level, np.float32)
    stamps[1, 16, 16] = 65535
    draw_stamps(stamps, ["", ""], "odd", tmp_path / "a.png", total=2)
    assert image.imread(tmp_path / "a.png").ndim == 3


def test_equal_pictures_are_equal_bytes_without_a_version(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_stamps(np.ones((1, 32, 32)), ["one"], "a", tmp_path / name, total=1)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (
            {"designation": "2019 SC1", "frame": "F0001-3", "row": 812, "magnitude": 21.43},
            "P 0.250   21.4 mag\n2019 SC1\nF0001-3\nrow 812",
        ),
        ({"frame": "F0001-3", "row": 812, "magnitude": 99.0}, "P 0.250\nF0001-3\nrow 812"),
        ({"source": "stamps/asteroid/s001.fits"}, "P 0.250\ns001\nprediction 1"),
        ({}, "P 0.250\nprediction 1"),
        (
            {"frame": "r1583472_field_E12_2019-10-26_ccd4", "row": 1},
            "P 0.250\nr1583472_fiel…19-10-26_ccd4\nrow 1",
        ),
    ],
)
def test_captions(known: dict[str, object], expected: str) -> None:
    table = stamp_table(np.zeros((1, 32, 32), np.float32), label=1, **known)
    assert caption(table, 0, 0.25, longest=26, without_row="prediction 1") == expected


def test_without_a_probability_the_magnitude_comes_first() -> None:
    table = stamp_table(np.zeros((1, 32, 32)), magnitude=18.25, frame="F0001-3", row=4)
    assert caption(table, 0) == "18.2 mag\nF0001-3\nrow 4"


# What people without cones for long (protan), middle (deutan) and short (tritan) waves see of linear RGB: Viénot,
# Brettel and Mollon 1999 (Color Research and Application 24, 243) for the first two, Machado et al. 2009 for the third.
SEEN = {
    "usual": np.eye(3),
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("eyes", SEEN)
def test_colours_of_a_series_differ_for_everybody(eyes: str) -> None:
    seen = np.array([to_rgb(colour) for colour in SERIES]) ** 2.2 @ np.array(SEEN[eyes]).T
    seen = np.clip(seen, 0, 1) ** (1 / 2.2)
    nearest = min(np.linalg.norm(one - other) for one, other in combinations(seen, 2))
    assert nearest > 0.1  # of matplotlib's own, C0 and C4 are 0.05 apart for protan eyes
