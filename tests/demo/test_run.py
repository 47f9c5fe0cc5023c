"""The demo: every command once, what was found is counted right, and nothing of a user's is replaced."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify.outputs import dropped_path
from ceres_fast.demo import run
from ceres_fast.errors import CeresFastError

from ..tiny_networks import tiny_network

WENT_OR_STAYED = ("dropped: ", "left to look at")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo of fewer fields and epochs, and of a tiny network: that a real one is trained, `test_chain` shows."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        for module in ("training.assemble", "model.load"):
            patch.setattr(f"ceres_fast.{module}.build_model", tiny_network)
        few = {"FIELDS": 5, "HELD_OUT_FIELDS": 1, "EPOCHS": 20, "MAX_LOSS": 0.3, "CALIBRATION_ASTEROIDS": 9}
        for name, number in few.items():
            patch.setattr(run, name, number)
        run.run_demo(out)
    return out


@pytest.mark.slow
def test_the_summary_adds_up(demo: Path) -> None:
    summary = json.loads((demo / "summary.json").read_text())
    left, lost, asteroids = summary["left"], summary["lost"], summary["asteroids"]
    assert lost.pop("validated asteroids, once per exposure") == sum(lost.values()) > 20
    assert left.pop("rows of the catalogues") == sum(n for name, n in left.items() if name.startswith(WENT_OR_STAYED))
    assert left["asteroids"] == lost["kept"]
    assert 5 < asteroids["could be kept"] >= asteroids["kept"]
    assert summary["operating_point"]["max_loss"] == 0.3


@pytest.mark.slow
def test_every_picture_is_one_and_every_row_is_somewhere(demo: Path) -> None:
    pictures = {path.name for path in (demo / "pictures").iterdir()}
    assert pictures == {"asteroids_found.png", "asteroids_lost.png", "taken_for_asteroids.png", "frame.png"}
    for name in pictures:
        with Image.open(demo / "pictures" / name) as picture:
            picture.verify()
    catalogues = sorted((demo / "data" / "held-out").rglob("*.cat"))
    assert len(catalogues) == 4
    left = 0
    for catalogue in catalogues:
        before = read_catalogue(catalogue).table
        kept = demo / "classified" / catalogue.relative_to(demo / "data" / "held-out")
        after = [read_catalogue(path).table for path in (kept, dropped_path(kept))]
        assert sum(map(len, after)) == len(before)
        added = ["PROB_ASTEROID", "CERES_FLAGS", "TRACKLET", "PROB_TRACKLET"]
        assert all(each.colnames == [*before.colnames, *added] for each in after)
        left += len(after[0])
    assert left == json.loads((demo / "summary.json").read_text())["left"]["left to look at"]


@pytest.mark.slow
def test_an_earlier_demo_is_replaced_on_request_only(demo: Path) -> None:
    with pytest.raises(CeresFastError, match="--overwrite"):
        run.run_demo(demo)


@pytest.mark.parametrize("put", [None, "lost+found"], ids=str)
def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put: str | None) -> None:
    def begin(folder: Path, **options: object) -> None:
        sys.exit(str(folder))

    if put:
        (tmp_path / put).mkdir()
    monkeypatch.setattr(run, "simulate_survey", begin)
    with pytest.raises(SystemExit, match="data"):
        run.run_demo(tmp_path)


def test_of_an_earlier_demo_everything_is_removed_but_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / run.MARK).parent.mkdir()
    (tmp_path / run.MARK).touch()
    (tmp_path / "latest").symlink_to("run")
    (tmp_path / "lost+found").mkdir()
    inode = tmp_path.stat().st_ino
    left: list[Path] = []
    monkeypatch.setattr(run, "simulate_survey", lambda *_, **__: left.extend(tmp_path.iterdir()))
    monkeypatch.setattr(run, "detect_frames", lambda *_, **__: sys.exit())
    with pytest.raises(SystemExit):
        run.run_demo(tmp_path, overwrite=True)
    assert [path.name for path in left] == ["lost+found"]
    assert tmp_path.stat().st_ino == inode


def test_a_folder_that_is_no_demo_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CeresFastError, match="not the folder of an earlier demo"):
        run.run_demo(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
