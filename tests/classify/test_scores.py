"""Rows go by what the classifier promises, and only where it promises something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY
from ceres_fast.artifact.products import describe
from ceres_fast.artifact.scaling import scaled
from ceres_fast.classify import classify
from ceres_fast.classify.scores import FLAGS, NOT_SCORED, PROBABILITY, score
from ceres_fast.engines import load
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.selection.rules import Rules

from ..survey_files import write_field
from ..tiny_models import classifier, peak_model, written

SCALING = {"method": "logistic", "temperature": 8.0, "bias": -1.0}


def model_with(folder: Path, threshold: float, scaling: dict[str, object] | None = None) -> Path:
    point = {"threshold": threshold, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
    made = classifier(rules=Rules().as_dict(), threshold=threshold, operating_point=point, scaling=scaling)
    folder.mkdir(exist_ok=True)
    return written(folder, peak_model(classifier_json=made.to_json()))


@pytest.fixture
def stamps(tmp_path: Path) -> Path:
    """Stamps whose peaks give raw probabilities from about 0 to 1, and one that cannot be scored."""
    folder = tmp_path / "stamps"
    folder.mkdir()
    y, x = np.mgrid[-16:16, -16:16]
    for number, peak in enumerate([5, 20, 40, 50, 60, 80, 120, 400]):
        pixels = 1000 + peak * np.exp(-(x**2 + y**2) / 4)
        fits.writeto(folder / f"s{number}.fits", pixels.astype(np.float32))
    fits.writeto(folder / "z.fits", np.full((32, 32), np.nan, np.float32))
    return folder


def table_of(stamps: Path, model: Path, output: Path, **options: object) -> Table:
    (path,) = classify([stamps], model, output=output, overwrite=True, on_error="skip", **options).written
    return Table.read(path, format="ascii.ecsv")


ISOTONIC = {"method": "isotonic", "x": [0.0, 0.4, 0.41, 1.0], "y": [0.1, 0.3, 0.3, 0.9]}


@pytest.mark.parametrize("scaling", [SCALING, ISOTONIC, None], ids=["logistic", "isotonic", "none"])
def test_predict_and_the_threshold_speak_of_what_is_written(
    stamps: Path, tmp_path: Path, scaling: dict[str, object] | None
) -> None:
    pixels = np.stack([fits.getdata(path).astype(np.float32) for path in sorted(stamps.glob("s*.fits"))])
    everything = table_of(stamps, model_with(tmp_path / "model", 0.5, scaling), tmp_path / "all.ecsv")
    for threshold in [*everything[PROBABILITY][:-1], 0.5, 0.0, 1.0]:
        model = model_with(tmp_path / "model", float(threshold), scaling)
        engine = load(model)
        answers = engine.predict(pixels)
        assert answers.dtype == np.float64
        np.testing.assert_array_equal(answers, everything[PROBABILITY][:-1])
        left = table_of(stamps, model, tmp_path / "left.ecsv", drop=True)
        kept = answers >= engine.classifier.threshold
        assert list(left["file"][:-1]) == list(everything["file"][:-1][kept])  # the last has no probability


def test_a_program_without_this_package_decides_as_classify_does(stamps: Path, tmp_path: Path) -> None:
    """From the ONNX file alone: its output, and its properties."""
    pixels = np.stack([fits.getdata(path).astype(np.float32) for path in sorted(stamps.glob("s*.fits"))])
    everything = table_of(stamps, model_with(tmp_path / "model", 0.5, SCALING), tmp_path / "all.ecsv")
    for threshold in everything[PROBABILITY][:-1]:
        made = classifier(threshold=float(threshold), scaling=SCALING)
        path = written(tmp_path, describe(peak_model(), made))
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        said = session.get_modelmeta().custom_metadata_map
        (output,) = session.run(None, {"stamp": pixels[..., None]})
        kept = output[:, said["classes"].split(",").index("asteroid")] >= float(said["network_threshold"])
        np.testing.assert_array_equal(kept, everything[PROBABILITY][:-1] >= threshold)


def test_what_is_written_is_scaled(stamps: Path, tmp_path: Path) -> None:
    model = model_with(tmp_path / "model", 0.25, SCALING)
    pixels = np.stack([fits.getdata(path).astype(np.float32) for path in sorted(stamps.glob("s*.fits"))])
    engine = load(model)
    raw, none = engine.predict(pixels, raw=True), np.zeros(len(pixels), int)
    found = table_of(stamps, model, tmp_path / "out.ecsv")
    expected = np.round(scaled(SCALING, raw), 6)
    np.testing.assert_array_equal(np.asarray(found[PROBABILITY])[:-1], expected)
    np.testing.assert_array_equal(score(engine, pixels, none, none).probability, expected)
    assert not np.allclose(expected, raw, atol=0.01)


def test_drop_leaves_what_the_operating_point_keeps_and_what_was_not_scored(
    stamps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = table_of(stamps, model_with(tmp_path / "model", 0.5, SCALING), tmp_path / "all.ecsv")
    threshold = float(everything[PROBABILITY][4])
    model = model_with(tmp_path / "model", threshold, SCALING)
    left = table_of(stamps, model, tmp_path / "left.ecsv", drop=True)
    assert list(left["file"]) == list(everything["file"])[4:]  # the one at the threshold stays
    assert left[FLAGS][-1] == NOT_SCORED
    assert np.isnan(left[PROBABILITY][-1])
    said = capsys.readouterr().out
    assert "with a confidence of 0.95, at most 0.02 of the asteroids" in said.replace("\n", " ")
    assert left.pformat() == table_of(stamps, model, tmp_path / "same.ecsv", keep_above=threshold).pformat()


def test_drop_leaves_out_what_is_stationary(tmp_path: Path) -> None:
    write_field(tmp_path / "night")
    model = model_with(tmp_path / "model", 0.0)
    result = classify([tmp_path / "night"], model, output=tmp_path / "out", drop=True)
    assert result.total["rows"] - result.total["written"] == result.total["stationary"] > 0


def test_drop_without_an_operating_point_is_refused(stamps: Path, tmp_path: Path) -> None:
    model = written(
        tmp_path, peak_model(classifier_json=classifier(rules=Rules().as_dict(), scaling=SCALING).to_json())
    )
    with pytest.raises(InputError, match=r"classifier\.onnx: has no operating point.*`ceres-fast calibrate`"):
        classify([stamps], model, output=tmp_path / "out.csv", drop=True)
    assert not (tmp_path / "out.csv").exists()


def test_two_limits_are_refused(stamps: Path, tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match="--drop and --keep-above"):
        classify([stamps], model_with(tmp_path / "model", 0.5), output=tmp_path / "out.csv", drop=True, keep_above=0.5)


@pytest.mark.parametrize(
    "change",
    [
        ('"temperature": 8.0', '"temperature": NaN'),
        ('"temperature": 8.0', '"temperature": 1e400'),
        ('"temperature": 8.0', '"temperature": -8.0'),
        ('"threshold": 0.5,', '"threshold": 0.1,'),
    ],
)
def test_an_onnx_file_with_a_hostile_description_is_refused(
    stamps: Path, tmp_path: Path, change: tuple[str, str]
) -> None:
    point = {"threshold": 0.5, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
    text = classifier(threshold=0.5, operating_point=point, scaling=SCALING).to_json()
    model = written(tmp_path, peak_model(classifier_json=text.replace(*change, 1)))
    assert ONNX_METADATA_KEY.encode() in model.read_bytes()
    with pytest.raises(InputError, match=r"classifier\.onnx"):
        classify([stamps], model, output=tmp_path / "out.csv", drop=True)
