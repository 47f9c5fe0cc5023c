"""`classify` runs on what it was told to, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import onnxruntime
import pytest
from typer.testing import CliRunner

from ceres_fast.classify import classify
from ceres_fast.cli import app
from ceres_fast.cli.classify import classify as command
from ceres_fast.engines import AUTO
from ceres_fast.engines.providers import PROVIDERS
from ceres_fast.errors import CeresFastError

from ..survey_files import write_field
from ..tiny_models import peak_model, written


def test_the_choices_are_the_table_of_providers() -> None:
    assert set(get_args(get_type_hints(command)["provider"])) == {AUTO, *PROVIDERS}


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA"
)
@pytest.mark.parametrize(
    ("options", "message"),
    [({"provider": "cuda"}, "provider cuda: onnxruntime"), ({"rebuild": True}, "Leave out --rebuild")],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    write_field(tmp_path / "night")
    with pytest.raises(CeresFastError, match=message):
        classify([tmp_path / "night"], written(tmp_path, peak_model()), output=tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_command_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def stop(*arguments: object, **options: object) -> None:
        given.update(options)
        raise SystemExit(5)

    monkeypatch.setattr("ceres_fast.classify.classify", stop)
    done = CliRunner().invoke(app, ["classify", "night", "--provider", "tensorrt", "--rebuild"])
    assert done.exit_code == 5
    assert (given["provider"], given["rebuild"]) == ("tensorrt", True)
    assert CliRunner().invoke(app, ["classify", "--provider", "gpu"]).exit_code == 2


def test_it_says_what_it_ran_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_field(tmp_path / "night")
    classify([tmp_path / "night"], written(tmp_path, peak_model()), output=tmp_path / "out", provider="cpu")
    assert f"of the time in ONNX Runtime {onnxruntime.__version__}, cpu" in " ".join(capsys.readouterr().out.split())
