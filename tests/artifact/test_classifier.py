"""A classifier on disk: what is written is read back, and nothing else is."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.artifact.classifier import CLASSIFIER_FILE, Classifier, read_classifier
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.profiles import camera_of, load_camera

from ..tiny_models import classifier

WEIGHTS = "classifier.weights.h5"
POINT = {"threshold": 0.5, "max_loss": 0.02, "confidence": 0.95, "needs": 3, "asteroids": 312, "left_per_1000": 1.5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    classifier().with_file("weights", tmp_path / WEIGHTS).write(tmp_path)
    return tmp_path


def stored(folder: Path) -> dict:
    return json.loads((folder / CLASSIFIER_FILE).read_text())


def store(folder: Path, values: object) -> None:
    (folder / CLASSIFIER_FILE).write_text(json.dumps(values))


def test_what_is_written_is_read(folder: Path) -> None:
    read = read_classifier(folder)
    assert read == read_classifier(folder / CLASSIFIER_FILE) == classifier().with_file("weights", folder / WEIGHTS)
    assert read.weights_path() == folder / WEIGHTS
    assert str(folder) not in read.to_json()


@given(
    st.floats(0, 1), st.none() | st.floats(0.01, 100), st.text(min_size=1).filter(str.isprintable), st.integers(1, 99)
)
def test_round_trip(threshold: float, scale: float | None, name: str, experiment: int) -> None:
    made = classifier(threshold=threshold, pixel_scale=scale, backbone=name[:99], experiment=experiment)
    assert Classifier.from_json(made.to_json(), Path("x")) == made


def test_the_profile_of_the_camera_is_kept_and_is_not_stored_where_there_is_none() -> None:
    assert "camera" not in json.loads(classifier().to_json())
    camera = load_camera("decam")
    read = Classifier.from_json(classifier(camera=camera.as_dict()).to_json(), Path("x"))
    assert read.camera is not None
    assert camera_of(read.camera) == camera


MEMBER = {"run": "b", "backbone": "xception", "experiment": 1, "normalise": "asinh", "head": {"dense": 8, "dropout": 0}}


def test_an_average_says_of_what_and_a_network_alone_nothing() -> None:
    assert not {"views", "members"} & json.loads(classifier().to_json()).keys()
    made = classifier(views=8, members=[MEMBER])
    stored = json.loads(made.to_json())
    assert (stored["views"], stored["members"]) == (8, [MEMBER])
    assert Classifier.from_json(made.to_json(), Path("x")) == made


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"views": 4}, "views is 4; expected 1 or 8"),
        ({"views": True}, "views is True"),
        ({"members": [{**MEMBER, "threshold": 1}]}, r"members\[0\] has unknown threshold"),
        ({"members": [{"run": "b"}]}, r"members\[0\] lacks backbone"),
        ({"files": {"weights-2": {"file": "model.onnx", "sha256": "0" * 64}}}, r"files\.weights-2\.file"),
    ],
)
def test_what_is_no_average_is_refused_with_its_key(changed: dict, key: str) -> None:
    values = json.loads(classifier().to_json()) | changed
    with pytest.raises(InputError, match=key):
        Classifier.from_json(json.dumps(values), Path("x"))


def test_an_unknown_pixel_scale_is_null() -> None:
    assert json.loads(classifier(pixel_scale=math.nan).to_json())["pixel_scale"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 1.5),
        ("threshold", True),
        ("threshold", "0.5"),
        ("scaling", {"method": "temperature", "temperature": 0}),
        ("scaling", {"method": "isotonic", "x": [0, 0.5, 1], "y": [0, 0.9, 0.8]}),
        ("scaling", {"method": "isotonic", "x": [0] * 100_000, "y": [0] * 100_000}),
        ("scaling", []),
        ("operating_point", {}),
        ("operating_point", {**POINT, "threshold": 0.1234567}),
        ("operating_point", {**POINT, "threshold": math.inf}),
        ("operating_point", {**POINT, "max_loss": "0.02"}),
        ("operating_point", {**POINT, "needs": 0}),
        ("operating_point", {**POINT, "needs": True}),
        ("operating_point", {**POINT, "left_per_1000": math.nan}),
        ("operating_point", {**POINT, "manifest_sha256": "\x1b[31mred"}),
        ("operating_point", {**POINT, "threshold": 0.25}),
        ("pixel_scale", -1),
        ("pixel_scale", math.inf),
        ("stamp_shape", [31, 32, 1]),
        ("stamp_shape", [32, 32, 3]),
        ("planes", ["template"]),
        ("classes", ["asteroid", "non_asteroid"]),
        ("head", {"dense": 0, "dropout": 0.5}),
        ("head", {"dense": 65_537, "dropout": 0.5}),  # a network of 100 GB is refused where it is read
        ("head", {"dense": 10**9, "dropout": 0.5}),
        ("head", {"dense": 10**300, "dropout": 0.5}),
        ("head", {"dense": 256, "dropout": 1.0}),
        ("head", {"dense": 256}),
        ("head", None),
        ("backbone", ""),
        ("backbone", "\x1b[31mred"),
        ("backbone", "\ud800"),
        ("experiment", 0),
        ("experiment", None),
        ("rules", []),
        ("rules", {"radius": math.nan}),
        ("rules", {"radius": 10**400}),
        ("versions", {"keras": 3}),
        ("files", {"weights": WEIGHTS}),
    ],
)
def test_wrong_values_are_refused(folder: Path, name: str, value: object) -> None:
    store(folder, {**stored(folder), name: value})
    with pytest.raises(InputError, match=CLASSIFIER_FILE):
        read_classifier(folder)
    with pytest.raises(ValueError, match=name):
        classifier(**{name: value})


@pytest.mark.parametrize(
    "file",
    [
        "../classifier.weights.h5",
        "/etc/classifier.weights.h5",
        "sub/classifier.weights.h5",
        "..\\classifier.weights.h5",
        "C:classifier.weights.h5",
        ".weights.h5",
        "..",
        "",
        "model.h5",
        "model.keras",
        "model.pkl",
        "model.onnx",
    ],
)
def test_weights_are_bare_weights_in_the_same_folder(folder: Path, file: str) -> None:
    store(folder, {**stored(folder), "files": {"weights": {"file": file, "sha256": "0" * 64}}})
    with pytest.raises(InputError, match="bare file name"):
        read_classifier(folder)


def test_changed_weights_are_refused(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"others")
    with pytest.raises(InputError, match=r"not the weights file .*classifier\.json names"):
        read_classifier(folder).weights_path()


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(InputError, match=f"{WEIGHTS}: cannot be read"):
        read_classifier(folder).weights_path()
    with pytest.raises(InputError, match="names no onnx file"):
        read_classifier(folder).file_path("onnx")


def test_what_was_calibrated_is_kept(folder: Path) -> None:
    scaling = {"method": "isotonic", "x": [0.25, 0.5], "y": [0.0, 0.7]}
    made = classifier(threshold=0.125, scaling=scaling, operating_point={**POINT, "threshold": 0.125})
    made.write(folder)
    assert read_classifier(folder) == made


@pytest.mark.parametrize("number", ["NaN", "1e400", "-1e400", "Infinity"])
def test_numbers_that_are_none_are_refused(folder: Path, number: str) -> None:
    text = json.dumps({**stored(folder), "scaling": {"method": "temperature", "temperature": 12345}})
    (folder / CLASSIFIER_FILE).write_text(text.replace("12345", number))
    with pytest.raises(InputError, match=CLASSIFIER_FILE):
        read_classifier(folder)


@pytest.mark.parametrize("name", ["operating_point", "rules", "scaling"])
def test_what_is_nested_too_deep_is_refused(folder: Path, name: str) -> None:
    text = json.dumps({**stored(folder), name: 12345}).replace("12345", '{"a":' * 800 + "1" + "}" * 800)
    (folder / CLASSIFIER_FILE).write_text(text)
    with pytest.raises(InputError, match=CLASSIFIER_FILE):
        read_classifier(folder)


def test_a_classifier_of_an_older_version_says_what_to_do(folder: Path) -> None:
    old = {name: value for name, value in stored(folder).items() if name not in ("scaling", "operating_point")}
    store(folder, {**old, "format_version": 2})
    with pytest.raises(InputError, match=r"version 2; expected version 3\. Train again \(`ceres-fast train --config"):
        read_classifier(folder)


@pytest.mark.parametrize("version", [1, 2, 4, 0, 1.5, "3", None, True, [], "\x1b]0;x\x07"])
def test_other_versions_are_refused(folder: Path, version: object) -> None:
    store(folder, {**stored(folder), "format_version": version})
    with pytest.raises(InputError, match="format version") as caught:
        read_classifier(folder)
    assert str(caught.value).isprintable()
    assert ("Install a newer ceres-fast" if version == 4 else "Train again") in str(caught.value)


@pytest.mark.parametrize(
    "name", ["threshold", "scaling", "operating_point", "rules", "classes", "files", "pixel_scale"]
)
def test_missing_values_are_named(folder: Path, name: str) -> None:
    values = stored(folder)
    del values[name]
    store(folder, values)
    with pytest.raises(InputError, match=f"lacks {name}"):
        read_classifier(folder)


def test_unknown_values_are_named(folder: Path) -> None:
    store(folder, {**stored(folder), "lambda": "import os"})
    with pytest.raises(InputError, match="unknown lambda"):
        read_classifier(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b" " * 2_000_000,
    ],
    ids=["empty", "cut", "list", "null", "binary", "nan", "deep list", "deep object", "long number", "large"],
)
def test_what_is_not_json_is_refused(folder: Path, content: bytes) -> None:
    (folder / CLASSIFIER_FILE).write_bytes(content)
    with pytest.raises(InputError, match=CLASSIFIER_FILE):
        read_classifier(folder)


@pytest.mark.parametrize("name", ["m.h5", "M.H5", "m.keras", "m.pkl", "m.joblib", "m.pt", "m.pb", "m.npy"])
def test_models_that_can_run_code_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"can run code|Python pickle"):
        read_classifier(tmp_path / name)


def test_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a run folder"):
        read_classifier(tmp_path)
    with pytest.raises(CeresFastError, match="cannot be read"):
        read_classifier(tmp_path / "nowhere")


@given(st.binary(max_size=300))
def test_random_bytes_never_give_a_traceback(content: bytes) -> None:
    with pytest.raises(InputError):
        Classifier.from_json(content.decode("latin-1"), Path("classifier.json"))
