"""The commands work one after another in an empty folder, without a path."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ceres_fast.catalogues import read_catalogue
from ceres_fast.cli import app

CHAIN = (
    ("simulate", "--small", "--fields", "5", "--held-out-fields", "1"),
    ("detect",),
    ("build-records",),
    ("train", "--backbone", "xception", "--weights", "none", "--epochs", "1"),
    ("evaluate",),
    ("export",),
    ("classify",),
)


@pytest.mark.slow
def test_defaults_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in CHAIN:
        done = CliRunner().invoke(app, list(command), catch_exceptions=False)
        assert done.exit_code == 0, (command, done.output)
    run = Path("runs") / Path("runs/latest").read_text(encoding="utf-8").strip()
    assert (run / "evaluation-test" / "report.txt").is_file()
    assert (run / "classifier.onnx").is_file()
    classified = sorted(Path("classified").rglob("*.cat"))
    assert len(classified) == 4
    assert "PROB_ASTEROID" in read_catalogue(classified[0]).table.colnames
