"""What was scored is not scored again, and gives the same tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from ceres_fast.catalogues.detections import read_detections
from ceres_fast.classify import classify
from ceres_fast.classify.remembered import Remembered
from ceres_fast.engines import load
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.frames.camera import GENERIC
from ceres_fast.frames.reading import read_headers

from ..survey_files import write_field
from ..tiny_models import model as tiny_model
from ..tiny_models import written


class Counted:
    """An engine that counts the stamps it is given."""

    def __init__(self, path: Path) -> None:
        self._engine, self.stamps = load(path), 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def predict(self, stamps: np.ndarray, *more: object, **options: object) -> np.ndarray:
        self.stamps += len(stamps)
        return self._engine.predict(stamps, *more, **options)  # type: ignore[arg-type]


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.cat"))}


def test_an_exposure_is_scored_once(night: Path, model: Path, tmp_path: Path) -> None:
    frames = [path for path in write_field(night) if path.suffix == ".fits"]
    plain, kept, scores = tmp_path / "plain", tmp_path / "kept", tmp_path / "scores"
    classify([night], model, output=plain)
    engine = Counted(model)
    for number in range(1, len(frames) + 1):
        classify(frames[:number], engine, output=kept, scores=scores, overwrite=True, below=night)  # type: ignore[arg-type]
    assert tables(kept) == tables(plain) != {}
    before = engine.stamps
    result = classify([night], engine, output=tmp_path / "again", scores=scores)  # type: ignore[arg-type]
    assert engine.stamps == before > 0
    assert result.steps["cut"] == 0
    assert tables(tmp_path / "again") == tables(plain)
    next(scores.iterdir()).write_bytes(b"damaged")
    classify([night], engine, output=tmp_path / "damaged", scores=scores)  # type: ignore[arg-type]
    assert engine.stamps > before
    assert tables(tmp_path / "damaged") == tables(plain)


def test_a_changed_catalogue_is_scored_again(night: Path, model: Path, tmp_path: Path) -> None:
    write_field(night)
    engine, scores = Counted(model), tmp_path / "scores"
    classify([night], engine, output=tmp_path / "one", scores=scores)  # type: ignore[arg-type]
    before = engine.stamps
    for catalogue in night.rglob("*.cat"):
        catalogue.touch()
    classify([night], engine, output=tmp_path / "two", scores=scores)  # type: ignore[arg-type]
    assert engine.stamps == 2 * before


def test_where_scores_cannot_be_kept_the_tables_are_the_same(
    night: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night)
    scores = tmp_path / "scores"
    scores.write_text("a file")
    classify([night], model, output=tmp_path / "one")
    assert not classify([night], model, output=tmp_path / "two", scores=scores, on_error="skip").failed
    assert tables(tmp_path / "one") == tables(tmp_path / "two") != {}
    assert capsys.readouterr().err.count("Scores are not kept") == 1


def test_a_catalogue_that_is_replaced_while_it_is_read_gives_no_scores_to_the_next(
    night: Path, model: Path, tmp_path: Path
) -> None:
    frame = write_field(night)[0]
    (info,) = [header.info for header in read_headers(frame, GENERIC)]
    catalogue = frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat"
    old = read_detections(info, catalogue)
    new = old._replace(x=old.x + 3)
    remembered = Remembered(tmp_path, load(model))
    assert remembered.read(old).path != remembered.read(new).path


@pytest.mark.parametrize("number", [1, 2, 3, 5, 7, 9, 31])
def test_a_stamp_has_one_answer_in_whatever_company(tmp_path: Path, number: int) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["stamp"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Softplus", ["mean"], ["soft"]),
        helper.make_node("Mul", ["soft", "gain"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    engine = OnnxRuntimeEngine(written(tmp_path, tiny_model(nodes, {"gain": [0.5, -0.5]})), provider="cpu")
    random = np.random.default_rng(0)
    stamps = (random.normal(0, 1, (512, 32, 32, 1)) + random.normal(0, 1, (512, 1, 1, 1))).astype(np.float32)
    whole = engine.predict(stamps, raw=True)
    np.testing.assert_array_equal(engine.predict(stamps[:number], raw=True), whole[:number])
    np.testing.assert_array_equal(engine.predict(stamps, number, raw=True), whole)
