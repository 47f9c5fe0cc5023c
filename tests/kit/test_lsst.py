"""The task for LSST's `pipetask` gives what `classify_table` gives, with a small Butler repository."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.catalogues import find_catalogue, read_catalogue
from ceres_fast.classify import classify_table
from ceres_fast.classify.scores import FLAGS, STATIONARY
from ceres_fast.selection.rules import Rules

from ..survey_files import write_field
from ..tiny_models import classifier, peak_model, written
from .command_lines import ROOT, program

LSST = ROOT / "export" / "lsst"
DAY, DETECTOR, INSTRUMENT = 20261129, 7, "Small"


def test_the_pipeline_and_the_repository_name_what_the_file_has() -> None:
    tree = ast.parse((LSST / "ceres_asteroids.py").read_text(encoding="utf-8"))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for page, name in (("asteroids.yaml", "AsteroidsTask"), ("butler.yaml", "FitsFrameFormatter")):
        assert f": ceres_asteroids.{name}\n" in (LSST / page).read_text(encoding="utf-8")
        assert name in classes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A classifier to which bright sources are asteroids, trained by this version's rules."""
    return written(tmp_path, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    return write_field(tmp_path / "night")


@pytest.fixture
def tables(frames: list[Path]) -> list[Table]:
    found = [find_catalogue(frame) for frame in frames]
    return [read_catalogue(path).table for path in found if path is not None]


@pytest.fixture
def repository(tmp_path: Path, frames: list[Path], tables: list[Table], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Butler repository (SQLite) with a field of one night, frames ingested where they are."""
    reason = "lsst-pipe-base, lsst-daf-butler and lsst-ctrl-mpexec are not installed (docs/deploy/lsst.md)"
    pytest.importorskip("lsst.ctrl.mpexec", reason=reason)
    from lsst.daf.butler import Butler, Config, DatasetRef, DatasetType, FileDataset

    monkeypatch.syspath_prepend(LSST)
    root = tmp_path / "repository"
    Butler.makeRepo(root, Config(LSST / "butler.yaml"))
    butler = Butler.from_config(root, writeable=True, run="night")
    of = {"instrument": INSTRUMENT}
    insert = butler.registry.insertDimensionData
    insert("instrument", {"name": INSTRUMENT, "detector_max": 10, "exposure_max": 10, "visit_max": 10})
    insert("physical_filter", {**of, "name": "r", "band": "r"})
    insert("detector", {**of, "id": DETECTOR, "full_name": "A1"})
    insert("day_obs", {**of, "id": DAY})
    insert("group", {**of, "name": "F0001"})
    rows = range(len(frames))
    about = {**of, "physical_filter": "r", "group": "F0001", "day_obs": DAY, "target_name": "F0001"}
    insert("exposure", *({**about, "id": row, "obs_id": frames[row].stem} for row in rows))
    dimensions = ("instrument", "exposure", "detector")
    kinds = [
        DatasetType(name, dimensions, storage_class, universe=butler.dimensions)
        for name, storage_class in (("frame", "FitsFrame"), ("detections", "ArrowAstropy"))
    ]
    for kind in kinds:
        butler.registry.registerDatasetType(kind)
    for row, frame, table in zip(rows, frames, tables, strict=True):
        place = butler.registry.expandDataId(_place(row))
        butler.ingest(FileDataset(frame, DatasetRef(kinds[0], place, run="night")), transfer="direct")
        butler.put(table, "detections", place)
    return root


def _place(exposure: int) -> dict[str, Any]:
    return {"instrument": INSTRUMENT, "exposure": exposure, "detector": DETECTOR}


def pipetask(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the pipeline of the kit as its page says."""
    found = program("pipetask")
    assert found
    words = [found, "run", "-b", repository, "-p", LSST / "asteroids.yaml", "-i", "night", "-o", "scored"]
    paths = os.pathsep.join([str(LSST), str(ROOT)])
    return subprocess.run(
        [sys.executable, *words, "--register-dataset-types", *options],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def scored(repository: Path, exposure: int) -> Table:
    from lsst.daf.butler import Butler

    return Butler.from_config(repository, collections="scored").get("scored_detections", _place(exposure))


def assert_same(found: Table, expected: Table) -> None:
    assert found.colnames == expected.colnames
    for name in expected.colnames:
        assert found[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(found[name], expected[name])


def test_it_scores_a_night_as_classify_table_does(
    repository: Path, frames: list[Path], tables: list[Table], model: Path
) -> None:
    done = pipetask(repository, "-c", f"asteroids:classifier={model}")
    assert done.returncode == 0, done.stderr
    for row, expected in enumerate(classify_table(frames, tables, model)):
        found = scored(repository, row)
        assert_same(found, expected)
        assert list(found[FLAGS]) == [STATIONARY] * 4 + [0]


def test_what_cannot_be_classified_ends_the_task_and_says_why(
    repository: Path, frames: list[Path], model: Path
) -> None:
    frames[1].write_bytes(bytes(frames[1].stat().st_size))
    done = pipetask(repository, "-c", f"asteroids:classifier={model}")
    assert done.returncode != 0
    assert f"exposure-1-detector-{DETECTOR}.fits: is not a readable FITS file" in done.stderr
