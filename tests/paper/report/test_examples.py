"""Example stamps: of both classes, from the test split of the right records; without them a warning, no more."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.paper.report import pictures
from ceres_fast.paper.report.pictures import example_stamps
from ceres_fast.paper.report.results import EXPERIMENTS_FILE, Results, read_results
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_columns

from . import made


def of(records: Path, out: Path, config: str = "config.toml", sha256: str | None = None) -> Results:
    """The results of a run that was trained on these records."""
    about = made.experiments([])["records"] | {"manifest_sha256": sha256 or load_manifest(records).sha256}
    made.write(out, [made.row()], records=about)
    path = out / config
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"records = '{records}'\n")
    return read_results(out / EXPERIMENTS_FILE)


@pytest.mark.parametrize("config", ["config.toml", "xception-experiment2-seed0/config.toml"])
def test_both_classes_are_drawn(tiny_records: Path, tmp_path: Path, config: str) -> None:
    found = example_stamps(of(tiny_records, tmp_path, config), tmp_path)
    assert [picture.name for picture in found] == ["examples-asteroid.png", "examples-non-asteroid.png"]
    assert all(picture.png.startswith(b"\x89PNG") for picture in found)
    counts = load_manifest(tiny_records).class_counts("test")
    assert found[0].alt.startswith(f"{min(counts['asteroid'], 24)} stamps of asteroids")


def test_they_are_those_of_the_test_split(tiny_records: Path) -> None:
    manifest = load_manifest(tiny_records)
    chosen = pictures._chosen(tiny_records, manifest.sha256)
    columns = read_columns(manifest, "test", ("stamp", "label"))
    for label, stamps in enumerate(chosen):
        there = columns["stamp"][columns["label"] == label][..., 0]
        assert len(stamps) == min(len(there), pictures.ROWS * pictures.COLUMNS)
        found = {stamp.tobytes() for stamp in stamps}
        assert len(found) == len(stamps)
        assert found <= {stamp.tobytes() for stamp in there}


def test_few_are_chosen_from_batch_to_batch(tiny_records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = load_manifest(tiny_records).sha256
    whole = pictures._chosen(tiny_records, sha256)
    monkeypatch.setattr(pictures, "_READ_AT_ONCE", 3)
    for one, other in zip(whole, pictures._chosen(tiny_records, sha256), strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(pictures, "ROWS", 1)
    monkeypatch.setattr(pictures, "COLUMNS", 2)
    assert [len(stamps) for stamps in pictures._chosen(tiny_records, sha256)] == [2, 2]


def test_without_the_records_it_is_told(tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = Path(shutil.copytree(tiny_records, tmp_path / "records"))
    found = of(records, tmp_path / "out")
    cases = {
        "is not that of the records": lambda: of(records, tmp_path / "out", sha256="0" * 64),
        "does not exist": lambda: shutil.rmtree(records) or found,
        "nothing says where": lambda: (tmp_path / "out" / "config.toml").unlink() or found,
    }
    for message, results in cases.items():
        assert example_stamps(results(), tmp_path / "out") == []
        assert message in capsys.readouterr().err


def test_a_damaged_shard_is_told(tiny_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = Path(shutil.copytree(tiny_records, tmp_path / "records"))
    found = of(records, tmp_path / "out")
    shard = load_manifest(records).shards("test")[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert example_stamps(found, tmp_path / "out") == []
    assert shard.name in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "records = 3\n", "records = [", "\xff"])
def test_a_configuration_that_says_nothing_is_passed_over(tiny_records: Path, tmp_path: Path, text: str) -> None:
    results = of(tiny_records, tmp_path, "xception-experiment2-seed0/config.toml")
    (tmp_path / "config.toml").write_bytes(text.encode("latin-1"))
    assert len(example_stamps(results, tmp_path)) == 2
