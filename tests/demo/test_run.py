"""The demo: every command once, what was found is counted right, and nothing of a user's is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ceres_fast.catalogues import read_catalogue
from ceres_fast.demo import run
from ceres_fast.errors import CeresFastError


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo of fewer fields and epochs."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "FIELDS", 5)
        patch.setattr(run, "HELD_OUT_FIELDS", 1)
        patch.setattr(run, "EPOCHS", 2)
        run.run_demo(out)
    return out


@pytest.mark.slow
def test_the_summary_adds_up(demo: Path) -> None:
    summary = json.loads((demo / "summary.json").read_text())
    parts = ("not detected", "removed as stationary", "without a certain label")
    classified = ("lost by the classifier", "called asteroids")
    assert summary["validated asteroids, once per exposure"] == sum(summary[name] for name in parts + classified)
    assert (
        summary["everything else that moved or was seen once"] == summary["taken for asteroids"] + summary["rejected"]
    )
    assert summary["validated asteroids, once per exposure"] > 20
    assert summary["asteroids to be found in 3 exposures or more"] >= summary["found"]


@pytest.mark.slow
def test_every_picture_is_one_and_every_row_is_kept(demo: Path) -> None:
    pictures = sorted(path.name for path in (demo / "pictures").iterdir())
    assert {"asteroids_found.png", "asteroids_lost.png", "taken_for_asteroids.png"} <= set(pictures)
    for name in pictures:
        with Image.open(demo / "pictures" / name) as picture:
            picture.verify()
    catalogues = sorted((demo / "data" / "held-out").rglob("*.cat"))
    assert len(catalogues) == 4
    for catalogue in catalogues:
        before = read_catalogue(catalogue).table
        after = read_catalogue(demo / "classified" / catalogue.relative_to(demo / "data" / "held-out")).table
        assert len(after) == len(before)
        assert after.colnames == [*before.colnames, "PROB_ASTEROID", "CERES_FLAGS"]


@pytest.mark.slow
def test_an_earlier_demo_is_replaced_on_request_only(demo: Path) -> None:
    with pytest.raises(CeresFastError, match="--overwrite"):
        run.run_demo(demo)


def test_a_folder_that_is_no_demo_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CeresFastError, match="not the folder of an earlier demo"):
        run.run_demo(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
