"""Which engine opens which file."""

from pathlib import Path

import pytest

from ceres_fast.engines import load
from ceres_fast.errors import InputError

from ..tiny_models import classifier, peak_model, written


def run_folder(folder: Path) -> Path:
    path = written(folder, peak_model())
    classifier().with_file("onnx", path).write(folder)
    return folder


def test_by_file_by_folder_and_by_json(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    for model in (folder, folder / "classifier.json", folder / "classifier.onnx"):
        assert load(model).classifier == classifier()


def test_an_export_that_is_not_the_run_s_is_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    written(folder, peak_model(gain=2.0))
    with pytest.raises(InputError, match="not the onnx file"):
        load(folder)


def test_a_run_without_its_export(tmp_path: Path) -> None:
    classifier().write(tmp_path)
    with pytest.raises(InputError, match="Run `ceres-fast export`"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.pkl", "model.pb"])
def test_files_that_can_run_code_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match="can run code"):
        load(tmp_path / name)


@pytest.mark.parametrize("name", ["model.txt", "model", "classifier.weights.h5"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load(tmp_path / name)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"ending in \.onnx"):
        load(tmp_path / name)
